/** A cluster made by the real `klab up` in a folder of its own, and real programs pointed at it. */
import { type ExecFileException, execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { wallClock } from '../../src/base/index.ts';
import { helmPath, kubectlPath } from './clients.ts';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const bin = join(root, 'bin', 'klab.js');
export const corpus = join(root, '..', 'shared', 'corpus');

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Record<string, string>;
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly cwd?: string;
}

export function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      file,
      args,
      {
        env: { ...process.env, ...options.env },
        cwd: options.cwd ?? root,
        timeout: options.timeoutMs ?? 60_000,
        maxBuffer: 64 << 20,
        encoding: 'utf8',
      },
      (error: ExecFileException | null, stdout, stderr) => {
        const code = error ? (typeof error.code === 'number' ? error.code : 255) : 0;
        resolve({ code, stdout, stderr });
      },
    );
    // A program may end without having read its input.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}

/** Fails with everything the program said unless it exits 0. */
function checked(what: string, result: Ran): string {
  if (result.code !== 0) throw new Error(`${what} exited ${result.code}\n${result.stderr}\n${result.stdout}`);
  return result.stdout;
}

export class Lab {
  readonly home: string;
  readonly env: Record<string, string>;

  constructor() {
    this.home = mkdtempSync(join(tmpdir(), 'klab-e2e-'));
    this.env = {
      KLAB_HOME: join(this.home, 'state'),
      KUBECONFIG: join(this.home, 'kubeconfig'),
      // Helm's caches and kubectl's discovery stay in the folder too.
      HOME: this.home,
      NO_COLOR: '1',
      KLAB_NAME: 'default',
      // Two files run at a time.
      KLAB_PORTS: 'free',
      CI: 'false',
    };
  }

  /** Runs klab, whatever its exit code. */
  try(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return run(process.execPath, [bin, ...args], { ...options, env: { ...this.env, ...options.env } });
  }

  async klab(...args: string[]): Promise<string> {
    return checked(`klab ${args.join(' ')}`, await this.try(args));
  }

  tryKubectl(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return run(kubectlPath(), args, { ...options, env: { ...this.env, ...options.env } });
  }

  async kubectl(...args: string[]): Promise<string> {
    return checked(`kubectl ${args.join(' ')}`, await this.tryKubectl(args));
  }

  async helm(...args: string[]): Promise<string> {
    return checked(`helm ${args.join(' ')}`, await run(helmPath(), args, { env: this.env }));
  }

  async json(...args: string[]): Promise<any> {
    return JSON.parse(await this.kubectl(...args, '-o', 'json'));
  }

  /** Stops the server and removes every trace. */
  async dispose(): Promise<void> {
    const names = (await this.try(['ls', '-o', 'name'])).stdout.split('\n').filter(Boolean);
    for (const name of names) await this.try(['down', '--purge', '--name', name]);
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** Asks again until the answer will do; in between whoever is asked, and other tests, can get on. */
export async function eventually<T>(
  ask: () => Promise<T>,
  enough: (answer: T) => boolean,
  timeoutMs = 30_000,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (enough(answer)) return answer;
    if (performance.now() > end) throw new Error(`not in time; last answer: ${JSON.stringify(answer)?.slice(0, 2000)}`);
    await wallClock.sleep(50);
  }
}
