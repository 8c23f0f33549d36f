/**
 * A watch is gapless, ordered and without repeats: under load, across restarts of the server and of its store, and for
 * clients that break off and come back with the last resourceVersion they saw.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Prng, realClock, yieldToEventLoop } from '../../../src/base/index.ts';
import { EtcdCluster, type EtcdServerApi, memoryStorage } from '../../../src/etcd/index.ts';
import { openStorage } from '../../../src/sqlite/index.ts';
import { configMap, configMaps, type Harness, startHarness, startOn } from '../harness.ts';
import { MemoryKV } from '../memory-kv.ts';

type State = { readonly revision: number; readonly labels: Record<string, string> } | undefined;

/** What was acknowledged, by revision: the oracle. */
class Ledger {
  readonly #writes: { revision: number; name: string; state: State }[] = [];

  record(name: string, state: State, revision: number): void {
    this.#writes.push({ revision, name, state });
  }

  has(name: string): boolean {
    return this.#writes.findLast((write) => write.name === name)?.state !== undefined;
  }

  get newest(): number {
    return Math.max(...this.#writes.map(({ revision }) => revision));
  }

  /** Every event that somebody who selects `team=x` (or everything) must see, once, in this order. */
  expected(after: number, team?: string): string[] {
    const states = new Map<string, State>();
    const out: string[] = [];
    const selected = (state: State) => state !== undefined && (team === undefined || state.labels['team'] === team);
    for (const { name, state, revision } of this.#writes.toSorted((a, b) => a.revision - b.revision)) {
      const before = selected(states.get(name));
      const now = selected(state);
      states.set(name, state);
      if (revision <= after || (!before && !now)) continue;
      out.push(`${now ? (before ? 'MODIFIED' : 'ADDED') : 'DELETED'} ${name}@${revision}`);
    }
    return out;
  }
}

/** A client that reads a few events, breaks off, and resumes; it never lists again. */
class Client {
  readonly seen: string[] = [];
  readonly start: number;
  readonly team: string | undefined;
  last: number;

  constructor(start: number, team?: string) {
    this.start = start;
    this.last = start;
    this.team = team;
  }

  async read(h: Pick<Harness, 'client'>, most: number, until = Number.POSITIVE_INFINITY): Promise<void> {
    const abort = new AbortController();
    const query = {
      resourceVersion: String(this.last),
      allowWatchBookmarks: 'true',
      ...(this.team === undefined ? {} : { labelSelector: `team=${this.team}` }),
    };
    const events = await h.client.watch({ method: 'GET', path: configMaps, query, signal: abort.signal });
    for await (const { type, object } of events) {
      const { name, resourceVersion } = object.metadata as { name: string; resourceVersion: string };
      if (type === 'ERROR') throw new Error(JSON.stringify(object));
      this.last = Number(resourceVersion);
      if (type !== 'BOOKMARK') this.seen.push(`${type} ${name}@${resourceVersion}`);
      if (--most <= 0 || this.last >= until) break;
    }
    abort.abort();
  }
}

async function writeSome(h: Pick<Harness, 'post' | 'put' | 'delete'>, ledger: Ledger, prng: Prng, count: number) {
  for (let i = 0; i < count; i++) {
    const name = prng.pick(['a', 'b', 'c', 'd', 'e', 'f']);
    const labels = { team: prng.pick(['x', 'y']) };
    if (ledger.has(name) && prng.int(4) === 0) {
      const answer = await h.delete(`${configMaps}/${name}`);
      // A deletion has no answer with its revision but the store's own; the object's uid says it was this one.
      expect(answer.status).toBe('Success');
      ledger.record(name, undefined, await revisionOf(h));
    } else {
      const body = configMap(name, { n: String(i), salt: String(prng.int(1e9)) }, { labels });
      const put = ledger.has(name) ? h.put(`${configMaps}/${name}`, body) : h.post(configMaps, body);
      const revision = Number((await put).metadata.resourceVersion);
      ledger.record(name, { revision, labels }, revision);
    }
  }
}

const revisionOf = async (h: object) =>
  Number((await (h as Harness).get(configMaps, { limit: '1' })).metadata.resourceVersion);

let cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const each of cleanUp.reverse()) await each();
  cleanUp = [];
});

describe.each(['memory', 'sqlite'] as const)('on etcd (%s)', (store) => {
  it('clients resume across restarts of everything', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'klab-watch-'));
    cleanUp.push(async () => rmSync(dir, { recursive: true, force: true }));
    const memory = memoryStorage();
    let etcd: EtcdCluster | undefined;
    let h: Harness<EtcdServerApi> | undefined;
    const stop = async () => {
      await h?.close();
      if (store === 'sqlite') await etcd?.close();
    };
    const open = async () => {
      await stop();
      if (store === 'sqlite' || !etcd) {
        const storage = store === 'sqlite' ? openStorage({ path: join(dir, 'cluster.db') }) : memory;
        etcd = await EtcdCluster.open({ storage, clock: realClock, prng: new Prng('test') });
      }
      h = await startOn(etcd.member(0));
      return h;
    };
    cleanUp.push(stop);

    const prng = new Prng(`watch-${store}`);
    const ledger = new Ledger();
    let server = await open();
    const first = await revisionOf(server);
    const clients = [undefined, 'x', 'y', undefined, 'x'].map((team) => new Client(first, team));
    // One that was away all the time.
    const sleeper = new Client(first);
    for (let round = 0; round < 5; round++) {
      const reading = clients.map((client) => client.read(server, 1 + prng.int(25)));
      await writeSome(server, ledger, prng, 60);
      server = await open();
      await Promise.all(reading);
      await writeSome(server, ledger, prng, 10);
    }
    // The last write is one that everybody sees, so that everybody knows the end.
    const marks: number[] = [];
    for (const team of ['x', 'y']) {
      const { metadata } = await server.post(configMaps, configMap(`mark-${team}`, {}, { labels: { team } }));
      ledger.record(`mark-${team}`, { revision: 0, labels: { team } }, Number(metadata.resourceVersion));
      marks.push(Number(metadata.resourceVersion));
    }
    const end = (team?: string) => (team === 'x' ? marks[0]! : marks[1]!);
    for (const client of [...clients, sleeper]) {
      await client.read(server, Number.POSITIVE_INFINITY, end(client.team));
      expect(client.seen).toEqual(ledger.expected(client.start, client.team));
    }
    expect(sleeper.seen.length).toBeGreaterThan(250);
  });
});

describe('changes from before the server started', () => {
  const seen = async (h: Harness, query: Record<string, string>, count: number) => {
    const out: string[] = [];
    const events = await h.client.watch({ method: 'GET', path: configMaps, query });
    for await (const { type, object } of events) {
      const { metadata, code, message } = object as any;
      out.push(type === 'ERROR' ? `${code} ${message}` : `${type} ${metadata.name}@${metadata.resourceVersion}`);
      if (out.length === count) break;
    }
    return out;
  };

  /** a at 2, b at 3, a changed at 4, b gone at 5, elsewhere at 6; then the server starts anew. */
  async function restarted(): Promise<Harness> {
    const before = await startHarness();
    await before.post(configMaps, configMap('a', {}, { labels: { team: 'x' } }));
    await before.post(configMaps, configMap('b', {}, { labels: { team: 'y' } }));
    await before.put(`${configMaps}/a`, configMap('a', {}, { labels: { team: 'y' } }));
    await before.delete(`${configMaps}/b`);
    await before.kv.put({ key: Buffer.from('/x'), value: Buffer.from('y') });
    await before.close();
    const h = await startHarness({ kv: before.kv });
    cleanUp.push(() => h.close());
    return h;
  }

  it.each([
    [{ resourceVersion: '1' }, ['ADDED a@2', 'ADDED b@3', 'MODIFIED a@4', 'DELETED b@5', 'ADDED c@7']],
    [{ resourceVersion: '3' }, ['MODIFIED a@4', 'DELETED b@5', 'ADDED c@7']],
    [{ resourceVersion: '5' }, ['ADDED c@7']],
    [{ resourceVersion: '2', labelSelector: 'team=x' }, ['DELETED a@4']],
    [{ resourceVersion: '2', labelSelector: 'team=y' }, ['ADDED b@3', 'ADDED a@4', 'DELETED b@5']],
    [{ resourceVersion: '2', fieldSelector: 'metadata.name=b' }, ['ADDED b@3', 'DELETED b@5']],
  ])('%j', async (query, expected) => {
    const h = await restarted();
    const watching = seen(h, query as unknown as Record<string, string>, expected.length);
    await h.post(configMaps, configMap('c'));
    expect(await watching).toEqual(expected);
  });

  it('are read from the store once for all who ask', async () => {
    const h = await restarted();
    const watches = h.kv.calls['watch']!;
    await Promise.all(['1', '1', '3', '2'].map((resourceVersion) => seen(h, { resourceVersion }, 1)));
    expect(h.kv.calls['watch']! - watches).toBe(1);
    await seen(h, { resourceVersion: '1' }, 1);
    expect(h.kv.calls['watch']! - watches).toBe(1);
  });

  it('are gone when they are compacted, also when only the state before one is', async () => {
    const h = await restarted();
    await h.kv.compact(4);
    expect(await seen(h, { resourceVersion: '2' }, 1)).toEqual(['410 too old resource version: 2 (6)']);
    // The change of revision 4 is there, but not what it changed.
    expect(await seen(h, { resourceVersion: '3' }, 1)).toEqual(['410 too old resource version: 3 (6)']);
    expect(await seen(h, { resourceVersion: '4' }, 1)).toEqual(['DELETED b@5']);
  });

  it('are joined with what happens while they are read', async () => {
    const kv = new SlowHistory();
    const before = await startHarness({ kv });
    for (const name of ['a', 'b']) await before.post(configMaps, configMap(name));
    await before.close();
    const h = await startHarness({ kv });
    cleanUp.push(() => h.close());
    kv.hold();
    const watching = seen(h, { resourceVersion: '1' }, 4);
    await yieldToEventLoop();
    for (const name of ['c', 'd']) await h.post(configMaps, configMap(name));
    kv.release();
    expect(await watching).toEqual(['ADDED a@2', 'ADDED b@3', 'ADDED c@4', 'ADDED d@5']);
  });

  it('a client that goes away while they are read leaves nothing behind', async () => {
    const kv = new SlowHistory();
    const before = await startHarness({ kv });
    await before.post(configMaps, configMap('a'));
    await before.close();
    const h = await startHarness({ kv });
    kv.hold();
    const abort = new AbortController();
    const opening = h.client.watch({
      method: 'GET',
      path: configMaps,
      query: { resourceVersion: '1' },
      signal: abort.signal,
    });
    await yieldToEventLoop();
    abort.abort();
    kv.release();
    const got: string[] = [];
    for await (const { type } of await opening) got.push(type);
    expect(got).toEqual(['ADDED']);
    await h.close();
  });
});

/** A store whose watches deliver nothing until released. */
class SlowHistory extends MemoryKV {
  #gate: { promise: Promise<void>; open(): void } | undefined;

  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = { promise, open: resolve };
  }

  release(): void {
    this.#gate?.open();
    this.#gate = undefined;
  }

  override watch(request: Parameters<MemoryKV['watch']>[0]) {
    const stream = super.watch(request);
    const gate = this.#gate?.promise;
    if (!gate) return stream;
    return {
      requestProgress: () => stream.requestProgress(),
      cancel: () => stream.cancel(),
      async *[Symbol.asyncIterator]() {
        await gate;
        yield* stream;
      },
    };
  }
}
