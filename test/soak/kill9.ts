/**
 * kill -9 of a process that writes to the store, at random moments; then the store is opened again and must hold all
 * that was acknowledged, once. The same database goes through all rounds.
 *
 *   node test/soak/kill9.ts [rounds=20] [members=1] [seed]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Prng, realClock } from '../../src/base/index.ts';
import { EtcdCluster } from '../../src/etcd/index.ts';
import { openStorage } from '../../src/sqlite/index.ts';

const self = fileURLToPath(import.meta.url);
const inFlight = 16;

function open(path: string, members: number): Promise<EtcdCluster> {
  const options = { clock: realClock, prng: new Prng('kill9'), members, catchUpEntries: 500 };
  return EtcdCluster.open({ storage: openStorage({ path }), ...options });
}

/** The victim: writes numbered values, and says on stdout which were acknowledged, at once and unbuffered. */
async function writer(path: string, members: number, first: number): Promise<void> {
  const cluster = await open(path, members);
  // Once it serves: several members have to elect a leader first, and would be killed before that every time.
  await cluster.member().range({ key: Buffer.from('k0') });
  writeSync(1, 'serves\n');
  let next = first;
  const work = async (lane: number) => {
    const member = cluster.member(lane % members);
    for (;;) {
      const n = next++;
      const put = { key: Buffer.from(`k${n % 97}`), value: Buffer.from(`${n}/${'x'.repeat(n % 4000)}`) };
      const { header } = await member.txn({ compare: [], success: [{ op: 'put', put }], failure: [] });
      writeSync(1, `${n} ${header.revision}\n`);
      if (n % 1000 === 999) await member.compact(header.revision - 50).catch(() => {});
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, lane) => work(lane)));
}

interface Round {
  /** Number → revision, of what was acknowledged. */
  readonly acknowledged: Map<number, number>;
}

/** Runs a writer and kills it `afterMs` after it serves (or while it opens the store or elects, when negative). */
function round(path: string, members: number, first: number, afterMs: number): Promise<Round> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [self, 'writer', path, String(members), String(first)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let errors = '';
    let killed = false;
    const kill = () => {
      killed = true;
      child.kill('SIGKILL');
    };
    if (afterMs < 0) setTimeout(kill, 150 - afterMs);
    child.stdout.on('data', (data: Buffer) => {
      if (out === '' && afterMs >= 0) setTimeout(kill, afterMs);
      out += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      errors += data.toString();
    });
    child.on('close', () => {
      if (!killed) return reject(new Error(`the writer ended by itself: ${errors}`));
      const acknowledged = new Map<number, number>();
      // A line cut off by the kill was not acknowledged to anybody.
      for (const line of out.slice(0, out.lastIndexOf('\n') + 1).split('\n')) {
        const [n, revision] = line.split(' ').map(Number);
        if (revision !== undefined) acknowledged.set(n!, revision);
      }
      resolve({ acknowledged });
    });
  });
}

/** Opens the store after a kill and checks it. Returns the first number never used and the newest revision. */
async function verify(path: string, members: number, acknowledged: Map<number, number>, since: number) {
  const storage = openStorage({ path });
  const broken = storage.check();
  if (broken.length > 0) throw new Error(`the database is damaged: ${broken.join('; ')}`);
  const cluster = await EtcdCluster.open({ storage, clock: realClock, prng: new Prng('kill9'), members });
  try {
    const { revision } = cluster.member().header();
    const numbers = new Map<number, number>();
    let expected = since;
    let last = -1;
    for (const change of cluster.member().changes({ from: since, to: revision })) {
      if (change.revision !== ++expected)
        throw new Error(`revision ${expected} is missing: next is ${change.revision}`);
      const n = Number(String(change.value).split('/')[0]);
      if (numbers.has(n)) throw new Error(`write ${n} is there twice: ${numbers.get(n)} and ${change.revision}`);
      numbers.set(n, change.revision);
      last = Math.max(last, n);
    }
    for (const [n, at] of acknowledged) {
      if (numbers.get(n) !== at) throw new Error(`write ${n}, acknowledged at revision ${at}, is at ${numbers.get(n)}`);
    }
    const hashes = await Promise.all(Array.from({ length: members }, (_, i) => cluster.member(i).hashKV(0)));
    if (new Set(hashes.map((h) => h.hash)).size !== 1) throw new Error('members differ');
    return { revision, last };
  } finally {
    await cluster.close();
  }
}

/** Throws when anything was lost or doubled. Returns how many writes were acknowledged. */
export async function kill9(options: { rounds: number; members?: number; seed?: string }): Promise<number> {
  const { rounds, members = 1, seed = 'kill9' } = options;
  const prng = new Prng(seed);
  const dir = mkdtempSync(join(tmpdir(), 'klab-kill9-'));
  const path = join(dir, 'cluster.db');
  let first = 0;
  let since = 1;
  let total = 0;
  try {
    for (let i = 1; i <= rounds; i++) {
      // Mostly while writing; sometimes at once, sometimes while the store is being opened.
      const afterMs = prng.int(10) === 0 ? -prng.int(150) : prng.int(400);
      const { acknowledged } = await round(path, members, first, afterMs);
      const { revision, last } = await verify(path, members, acknowledged, since);
      total += acknowledged.size;
      const kept = revision - since;
      process.stderr.write(`round ${i}: ${acknowledged.size} acknowledged, ${kept} kept, revision ${revision}\n`);
      since = revision;
      first = Math.max(first, last + 1, ...acknowledged.keys()) + inFlight;
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return total;
}

if (process.argv[1] === self) {
  const [command = '20', ...args] = process.argv.slice(2);
  if (command === 'writer') {
    await writer(args[0]!, Number(args[1]), Number(args[2]));
  } else {
    const rounds = Number(command);
    const [members = '1', seed] = args;
    const total = await kill9({ rounds, members: Number(members), seed });
    if (total === 0) throw new Error('nothing was ever acknowledged: the test tests nothing');
    process.stdout.write(`${rounds} kills, ${total} acknowledged writes: none lost, none doubled\n`);
  }
}
