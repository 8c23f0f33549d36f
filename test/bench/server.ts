/** The server as its user meets it: cold boot, warm boot, what it takes while nothing happens. */
import { execFileSync } from 'node:child_process';
import { eventually, Lab } from '../helpers/lab.ts';
import { medianAndBest, type Row, row } from './row.ts';

const runs = 5;
const idleAfterMs = 10_000;
const idleForMs = 10_000;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** `klab up`, then kubectl until it shows every node Ready: what a person waits for. */
async function upUntilReady(lab: Lab, flags: readonly string[], nodes: number): Promise<void> {
  await lab.klab('up', ...flags);
  const ready = (text: string) => text.split('\n').filter((line) => / Ready /.test(line)).length;
  await eventually(
    () => lab.kubectl('get', 'nodes', '--no-headers'),
    (text) => ready(text) === nodes,
  );
}

export async function boot(): Promise<Row[]> {
  const lab = new Lab();
  try {
    const cold: number[] = [];
    const warm: number[] = [];
    // Once for what the machine caches: files, Node's compile cache, kubectl's discovery.
    await upUntilReady(lab, [], 3);
    for (let i = 0; i < runs; i++) {
      await lab.klab('down', '--purge');
      cold.push(await timed(() => upUntilReady(lab, [], 3)));
    }
    await lab.kubectl('create', 'deployment', 'web', '--image=nginx', '--replicas=20');
    for (let i = 0; i < runs; i++) {
      await lab.klab('down');
      warm.push(await timed(() => upUntilReady(lab, [], 3)));
    }
    return [
      ...medianAndBest('cold boot: klab up to kubectl get nodes all Ready', 'ms', cold),
      ...medianAndBest('warm boot: the same with state, 20 pods', 'ms', warm),
    ];
  } finally {
    await lab.dispose();
  }
}

interface Usage {
  readonly rssMiB: number;
  readonly cpuSeconds: number;
}

function usage(pid: number): Usage {
  const [rss = '0', time = ''] = execFileSync('ps', ['-o', 'rss=,cputimes=', '-p', String(pid)], { encoding: 'utf8' })
    .trim()
    .split(/\s+/);
  return { rssMiB: Number(rss) / 1024, cpuSeconds: Number(time) };
}

/** Seconds of CPU, finer than `ps` has them where /proc is there. */
export function cpuSeconds(pid: number): number {
  try {
    const stat = execFileSync('cat', [`/proc/${pid}/stat`], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return usage(pid).cpuSeconds;
  }
}

export async function idle(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const nodes of [3, 100]) {
    const lab = new Lab();
    try {
      await lab.klab('up', '--nodes', String(nodes));
      const { pid } = JSON.parse(await lab.klab('status', '-o', 'json'));
      await sleep(idleAfterMs);
      const { rssMiB } = usage(pid);
      const before = cpuSeconds(pid);
      await sleep(idleForMs);
      const share = ((cpuSeconds(pid) - before) / idleForMs) * 1000 * 100;
      rows.push(row(`idle server, ${nodes} nodes: resident memory`, 'MiB', rssMiB, false));
      rows.push(row(`idle server, ${nodes} nodes: one core`, '%', share, false));
    } finally {
      await lab.dispose();
    }
  }
  return rows;
}
