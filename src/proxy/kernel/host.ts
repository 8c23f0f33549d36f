/** The kernel that rules are loaded into: programs run on this machine, in its own network namespace or a named one. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { LoadProgram, LoadStep, RuleTransaction } from '../sync/transaction.ts';
import { ProxyError } from './proxy-error.ts';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface KernelHost {
  /** Runs to the end and reports; never throws over an exit code. @throws ProxyError when the program is not installed. */
  run(program: string, args: readonly string[], input?: string): Promise<Ran>;
  /** What goes before a program's name to run it where the rules are. */
  readonly prefix: readonly string[];
}

/** Root's programs are often not on a user's PATH. */
const searchPath = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];

const packages: Readonly<Record<string, string>> = {
  'iptables-restore': 'iptables',
  nft: 'nftables',
  nsenter: 'util-linux',
  ip: 'iproute2',
};

export function findProgram(program: string): string {
  const found = searchPath.map((folder) => join(folder, program)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  const name = program.replace(/^ip6?tables(-nft|-legacy)?/, 'iptables');
  throw new ProxyError('ProgramMissing', `${program} is not installed: the package ${packages[name] ?? name} has it`);
}

/**
 * `netns`: a name as `ip netns add` makes them, or a path.
 * @throws ProxyError when this user may not load rules, or there is no such namespace.
 */
export function kernelHost(options: { readonly netns?: string } = {}): KernelHost {
  if (process.platform !== 'linux') {
    throw new ProxyError('NotSupported', `rules are loaded into a Linux kernel; this is ${process.platform}`);
  }
  if (process.geteuid?.() !== 0) {
    throw new ProxyError(
      'NotPermitted',
      'loading rules into the kernel needs root: run it with sudo, or try --dry-run',
    );
  }
  const { netns } = options;
  const path = netns === undefined || netns.includes('/') ? netns : `/run/netns/${netns}`;
  if (path !== undefined && !existsSync(path)) {
    throw new ProxyError('NoNamespace', `no network namespace "${netns}": make it with ip netns add`);
  }
  const prefix = path === undefined ? [] : [findProgram('nsenter'), `--net=${path}`];
  return { prefix, run: (program, args, input) => run([...prefix, findProgram(program), ...args], input) };
}

function run([program = '', ...args]: readonly string[], input = ''): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'pipe', env: { ...process.env, LC_ALL: 'C' } });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk) => out.push(chunk));
    child.stderr.on('data', (chunk) => err.push(chunk));
    child.once('error', reject);
    child.once('close', (code) =>
      resolve({ code: code ?? 1, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    );
    // A loader that gives up early closes its end: its exit code says so.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** What a command said, for an error message. */
export const said = (ran: Ran): string => ran.stderr.trim() || ran.stdout.trim() || `exit code ${ran.code}`;

/** @throws ProxyError LoadFailed with what the program said. */
export async function must(
  host: KernelHost,
  program: string,
  args: readonly string[],
  input?: string,
): Promise<string> {
  const ran = await host.run(program, args, input);
  if (ran.code !== 0)
    throw new ProxyError('LoadFailed', `${[program, ...args].join(' ')}: ${explained(said(ran), input)}`);
  return ran.stdout;
}

/** Names the line of the input that a loader complains of. */
function explained(text: string, input: string | undefined): string {
  const line = input?.split('\n')[Number(/line:? (\d+)|^\S+:(\d+):\d+/m.exec(text)?.slice(1).find(Boolean)) - 1];
  return line === undefined || text.includes(line) ? text : `${text}\n  ${line}`;
}

/** The programs of one family; `backend` chooses between iptables-nft and iptables-legacy. */
export function programsOf(family: 'IPv4' | 'IPv6', backend?: 'nft' | 'legacy') {
  const iptables = `${family === 'IPv4' ? 'iptables' : 'ip6tables'}${backend === undefined ? '' : `-${backend}`}`;
  return { iptables, restore: `${iptables}-restore`, save: `${iptables}-save` };
}

/** Whether a program of that name speaks to nftables beneath: `iptables v1.8.9 (nf_tables)`. */
export async function isNftBackend(host: KernelHost, programs: Programs): Promise<boolean> {
  return (await host.run(programs.iptables, ['-V'])).stdout.includes('nf_tables');
}

export type Programs = ReturnType<typeof programsOf>;

/** Name and arguments with which a loader reads its input. */
export function loaderOf(program: LoadProgram, programs: Programs): readonly [string, readonly string[]] {
  switch (program) {
    case 'iptables-restore':
      return [programs.restore, ['-w', '5', '--noflush', '--counters']];
    case 'nft':
      return ['nft', ['-f', '-']];
    case 'ipset':
      return ['ipset', ['restore']];
    case 'ipvsadm':
      return ['ipvsadm', ['-R']];
    case 'ip':
      return ['ip', [...(programs.iptables.startsWith('ip6') ? ['-6'] : []), '-batch', '-']];
  }
}

/**
 * Loads all of a transaction or nothing: what was loaded before a step failed is taken back.
 * @throws ProxyError LoadFailed with the loader's words.
 */
export async function load(host: KernelHost, programs: Programs, transaction: RuleTransaction): Promise<void> {
  const feed = (step: LoadStep) => {
    const [program, args] = loaderOf(step.program, programs);
    return must(host, program, args, step.input);
  };
  try {
    for (const step of transaction.steps) await feed(step);
  } catch (error) {
    const failures: string[] = [];
    for (const step of transaction.undo) await feed(step).catch((other: Error) => failures.push(other.message));
    if (failures.length === 0 || !(error instanceof ProxyError)) throw error;
    throw new ProxyError('LoadFailed', `${error.message}\nand taking it back failed too: ${failures.join('; ')}`);
  }
}
