/**
 * A store of a million revisions: the size of its file, how long a process needs to open it and what memory that takes, and
 * what puts feel of its compaction.
 *
 *   node test/bench/large-store.ts
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Prng, wallClock } from '../../src/base/index.ts';
import { EtcdCluster } from '../../src/etcd/index.ts';
import { openStorage } from '../../src/sqlite/index.ts';
import { markdown, type Row, row } from './row.ts';

const revisions = 1_000_000;
/** Written by the process that compacts. */
const grown = 100_000;
const value = new Uint8Array(256).fill(120);
const keyOf = (i: number) => Buffer.from(`/registry/pods/namespace-${i % 100}/web-${String(i).padStart(6, '0')}`);

/** Past the store's door, in large transactions: what is measured is what comes after. */
async function fill(path: string, keys: number): Promise<void> {
  const storage = openStorage({ path });
  const names = Array.from({ length: keys }, (_, i) => keyOf(i));
  for (let i = 0; i < revisions; i++) {
    storage.backend.append({
      key: names[i % keys]!,
      value,
      main: i + 2,
      sub: 0,
      createRevision: (i % keys) + 2,
      version: Math.floor(i / keys) + 1,
      lease: 0,
      tombstone: false,
      time: i,
      provenance: undefined,
    });
    if (i % 2000 === 1999) storage.commit();
  }
  storage.commit();
  await storage.close();
}

interface Opened {
  /** Wall time from nothing to a cluster that leads, ms. */
  readonly ms: number;
  readonly rssMiB: number;
  /** Puts one after the other, ms. */
  readonly before: number;
  readonly during: number;
  readonly compactionMs: number;
  readonly loopDelay: number;
}

async function measure(path: string): Promise<Opened> {
  const start = wallClock.monotonic();
  const storage = openStorage({ path });
  const cluster = await EtcdCluster.open({ storage, clock: wallClock, prng: new Prng('bench') });
  const ms = wallClock.monotonic() - start;
  const rssMiB = process.memoryUsage().rss / 2 ** 20;
  const member = cluster.member();
  const puts = async (until: (i: number) => boolean) => {
    const took: number[] = [];
    for (let i = 0; !until(i); i++) {
      const at = wallClock.monotonic();
      await member.put({ key: keyOf(i % 1000), value });
      took.push(wallClock.monotonic() - at);
    }
    return took.sort((a, b) => a - b)[Math.floor(took.length * 0.99)]!;
  };
  // A start reads only what is newest: revisions that a compaction takes from memory come with these.
  let next = 0;
  const lane = async () => {
    while (next < grown) await member.put({ key: keyOf(next++ % 1000), value });
  };
  await Promise.all(Array.from({ length: 256 }, lane));
  const before = await puts((i) => i === 2000);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  let compactionMs: number | undefined;
  const begun = wallClock.monotonic();
  const compacted = member.compact(revisions + grown, { physical: true }).then(() => {
    compactionMs = wallClock.monotonic() - begun;
  });
  // For a moment longer than the compaction, so that there are enough puts for a quantile.
  const during = await puts((i) => compactionMs !== undefined && i >= 200);
  await compacted;
  const loopDelay = delay.percentile(99) / 1e6;
  await cluster.close();
  return { ms, rssMiB, before, during, compactionMs: compactionMs!, loopDelay };
}

export async function bench(): Promise<Row[]> {
  const dir = mkdtempSync(join(tmpdir(), 'klab-bench-'));
  const rows: Row[] = [];
  try {
    for (const keys of [10_000, 100_000]) {
      const path = join(dir, `${keys}.db`);
      await fill(path, keys);
      const name = (what: string) => `1,000,000 revisions of ${keys.toLocaleString('en')} keys: ${what}`;
      const size = statSync(path).size / 2 ** 20;
      const found = JSON.parse(
        execFileSync(process.execPath, [import.meta.filename, 'open', path], { encoding: 'utf8' }),
      );
      const opened = found as Opened;
      rows.push(
        row(name('the file'), 'MiB', size, false),
        row(name('a start'), 'ms', opened.ms, false),
        row(name('memory of the process then'), 'MiB', opened.rssMiB, false),
        row(name('a serial put, p99'), 'ms', opened.before, false),
        row(name('a serial put while all but 2,000 are compacted, p99'), 'ms', opened.during, false),
        row(name('that compaction'), 'ms', opened.compactionMs, false),
        row(name("event loop's delay then, p99"), 'ms', opened.loopDelay, false),
      );
      rmSync(path);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return rows;
}

if (import.meta.main) {
  if (process.argv[2] === 'open') console.log(JSON.stringify(await measure(process.argv[3]!)));
  else process.stdout.write(`${markdown(await bench())}\n`);
}
