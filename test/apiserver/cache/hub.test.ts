import { afterEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/apimachinery/index.ts';
import { CacheHub } from '../../../src/apiserver/cache/hub.ts';
import { type ResourceCache, TooOldError } from '../../../src/apiserver/cache/resource-cache.ts';
import { type CacheWatcher, type Selection, watcherBound } from '../../../src/apiserver/cache/watcher.ts';
import type { View } from '../../../src/apiserver/storage/entry.ts';
import { ObjectStore } from '../../../src/apiserver/storage/store.ts';
import type { EncodedWatchEvent } from '../../../src/apiserver/types.ts';
import { Prng, silentLogger, VirtualClock, yieldToEventLoop } from '../../../src/base/index.ts';
import { MemoryKV } from '../memory-kv.ts';

const provenance = { actor: 'test' };
const view: View = { apiVersion: 'v1', kind: 'Pod' };
const all: Selection = { prefix: '/registry/pods/', view };

function pod(name: string, more: Partial<KubeObject> = {}, labels: Record<string, string> = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', labels }, ...more };
}

interface Setup {
  kv: MemoryKV;
  clock: VirtualClock;
  store: ObjectStore;
  hub: CacheHub;
  pods: ResourceCache;
}

const running: { abort: AbortController; done: Promise<void> }[] = [];

async function start(kv = new MemoryKV()): Promise<Setup> {
  const clock = new VirtualClock({ startMs: 0 });
  const store = new ObjectStore({ kv });
  const hub = new CacheHub({ store, clock, log: silentLogger });
  const pods = hub.cache('pods', {
    index: { field: 'spec.nodeName', valueOf: (object) => object['spec']?.nodeName ?? '' },
  });
  const abort = new AbortController();
  running.push({ abort, done: hub.run(abort.signal) });
  await hub.synced;
  return { kv, clock, store, hub, pods };
}

afterEach(async () => {
  for (const { abort, done } of running.splice(0)) {
    abort.abort();
    await done;
  }
});

/** What a watcher has got so far, as `ADDED web@5`. */
class Collector {
  readonly seen: string[] = [];
  readonly events: EncodedWatchEvent[] = [];
  readonly done: Promise<void>;
  constructor(watcher: CacheWatcher) {
    this.done = this.#read(watcher);
  }
  async #read(watcher: CacheWatcher): Promise<void> {
    for await (const event of watcher) {
      const { type, object } = event.event;
      const { name, resourceVersion } = object.metadata as KubeObject['metadata'];
      this.events.push(event);
      this.seen.push(`${type} ${name ?? ''}@${resourceVersion}`);
    }
  }
}

const key = (name: string) => `/registry/pods/default/${name}`;
const put = (setup: Setup, object: KubeObject) =>
  setup.store.guaranteedUpdate(key(object.metadata.name!), () => object, { provenance });

describe('watch cache', () => {
  it('shows what was stored before it started and what is written after, without parsing own writes again', async () => {
    const kv = new MemoryKV();
    await new ObjectStore({ kv }).create(key('old'), pod('old'), { provenance });
    const setup = await start(kv);
    expect(setup.pods.get(key('old'))?.object.metadata.resourceVersion).toBe('2');
    const entry = await setup.store.create(key('new'), pod('new'), { provenance });
    await setup.hub.freshRevision();
    expect(setup.pods.get(key('new'))).toBe(entry);
    expect(setup.pods.list(all).entries.map((each) => each.object.metadata.name)).toEqual(['new', 'old']);
  });

  it('sends every watcher the same event object and the same bytes', async () => {
    const setup = await start();
    const watchers = [1, 2].map(() =>
      setup.pods.watch(all, { kind: 'state', end: false }, { bookmarks: false, revision: setup.hub.revision }),
    );
    const collectors = watchers.map((watcher) => new Collector(watcher));
    await put(setup, pod('a'));
    await setup.hub.freshRevision();
    await yieldToEventLoop();
    const [first, second] = collectors.map((collector) => collector.events[0]!);
    expect(first).toBe(second);
    expect(first!.encoded()).toBe(second!.encoded());
    expect(JSON.parse(Buffer.from(first!.encoded()).toString())).toEqual({
      type: 'ADDED',
      object: { ...pod('a'), metadata: { ...pod('a').metadata, resourceVersion: '2' } },
    });
  });

  it('turns selector changes into ADDED and DELETED, the latter with the state before', async () => {
    const setup = await start();
    const selection: Selection = { ...all, matches: (object) => object.metadata.labels?.['app'] === 'web' };
    const watcher = setup.pods.watch(selection, { kind: 'state', end: false }, { bookmarks: false, revision: 1 });
    const collector = new Collector(watcher);
    await put(setup, pod('a', {}, { app: 'other' }));
    await put(setup, pod('a', {}, { app: 'web' }));
    await put(setup, pod('a', { spec: { x: 1 } }, { app: 'web' }));
    await put(setup, pod('a', {}, { app: 'other' }));
    await setup.hub.freshRevision();
    await yieldToEventLoop();
    expect(collector.seen).toEqual(['ADDED a@3', 'MODIFIED a@4', 'DELETED a@5']);
    expect((collector.events[2]!.event.object as KubeObject).metadata.labels).toEqual({ app: 'web' });
  });

  it('ends initial events with a bookmark that says so and sends bookmarks every minute, also of foreign progress', async () => {
    const setup = await start();
    await put(setup, pod('a'));
    await setup.hub.freshRevision();
    const watcher = setup.pods.watch(
      all,
      { kind: 'state', end: true },
      { bookmarks: true, revision: setup.hub.revision },
    );
    const collector = new Collector(watcher);
    await yieldToEventLoop();
    expect(collector.seen).toEqual(['ADDED a@2', 'BOOKMARK @2']);
    expect(JSON.parse(Buffer.from(collector.events[1]!.encoded()).toString()).object).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        resourceVersion: '2',
        creationTimestamp: null,
        annotations: { 'k8s.io/initial-events-end': 'true' },
      },
    });
    await setup.kv.put({ key: Buffer.from('/elsewhere'), value: Buffer.from('x') });
    await setup.clock.advance(60_000);
    await yieldToEventLoop();
    expect(collector.seen.at(-1)).toBe('BOOKMARK @3');
  });

  it('refuses to start a watch at a revision whose changes the window has lost', async () => {
    const setup = await start();
    for (let i = 0; i < 150; i++) await put(setup, pod('a', { spec: { i } }));
    await setup.hub.freshRevision();
    // All are fresh: kept beyond the hundred that are always kept.
    expect(setup.pods.watch(all, { kind: 'after', revision: 1 }, { bookmarks: false, revision: 151 })).toBeDefined();
    await setup.clock.advance(80_000);
    await put(setup, pod('a', { spec: { i: -1 } }));
    await setup.hub.freshRevision();
    const refused = () =>
      setup.pods.watch(all, { kind: 'after', revision: 1 }, { bookmarks: false, revision: setup.hub.revision });
    expect(refused).toThrow(TooOldError);
    expect(refused).toThrow('too old resource version: 1 (52)');
    expect(setup.pods.watch(all, { kind: 'after', revision: 52 }, { bookmarks: false, revision: 152 })).toBeDefined();
  });

  it('closes a watcher that lags too far, after handing out what it had queued', async () => {
    const setup = await start();
    const watcher = setup.pods.watch(all, { kind: 'state', end: false }, { bookmarks: false, revision: 1 });
    for (let i = 0; i <= watcherBound; i++) await put(setup, pod('a', { spec: { i } }));
    await setup.hub.freshRevision();
    expect(watcher.closed).toBe(true);
    expect(setup.pods.watcherCount).toBe(0);
    const collector = new Collector(watcher);
    await collector.done;
    expect(collector.seen.length).toBe(watcherBound);
    expect(collector.seen.at(-1)).toBe(`MODIFIED a@${watcherBound + 1}`);
  });

  it('finds objects and routes events by the indexed field', async () => {
    const setup = await start();
    const onA: Selection = { ...all, indexed: 'a', matches: (object) => object['spec']?.nodeName === 'a' };
    const watcher = setup.pods.watch(onA, { kind: 'state', end: false }, { bookmarks: false, revision: 1 });
    const collector = new Collector(watcher);
    await put(setup, pod('p', { spec: { nodeName: 'a' } }));
    await put(setup, pod('q', { spec: { nodeName: 'b' } }));
    await setup.hub.freshRevision();
    expect(setup.pods.list(onA).entries.map((entry) => entry.key)).toEqual([key('p')]);
    await put(setup, pod('p', { spec: { nodeName: 'b' } }));
    await put(setup, pod('q', { spec: { nodeName: 'a' } }));
    await setup.hub.freshRevision();
    await yieldToEventLoop();
    expect(setup.pods.list(onA).entries.map((entry) => entry.key)).toEqual([key('q')]);
    expect(collector.seen).toEqual(['ADDED p@2', 'DELETED p@4', 'ADDED q@5']);
  });

  it('starts over when the store ends the watch: watchers end, the state is right again', async () => {
    const setup = await start();
    await put(setup, pod('a'));
    await setup.hub.freshRevision();
    const watcher = setup.pods.watch(all, { kind: 'state', end: false }, { bookmarks: false, revision: 2 });
    const collector = new Collector(watcher);
    await setup.kv.deleteRange({ key: Buffer.from(key('a')) });
    setup.kv.breakWatches();
    await put(setup, pod('b'));
    await collector.done;
    await setup.hub.freshRevision();
    expect(setup.pods.list(all).entries.map((entry) => entry.key)).toEqual([key('b')]);
  });

  it('loads the cache of a resource that is added while it runs', async () => {
    const setup = await start();
    const widgetKey = '/registry/example.com/widgets/default/w';
    await setup.store.create(widgetKey, pod('w'), { provenance });
    const widgets = setup.hub.cache('example.com/widgets');
    await Promise.all([
      setup.hub.load('example.com/widgets'),
      setup.store.create('/registry/example.com/widgets/default/x', pod('x'), { provenance }),
    ]);
    await setup.hub.freshRevision();
    expect(widgets.objects('').map((object) => object.metadata.name)).toEqual(['w', 'x']);
  });

  it('gives every watcher each change once, in order and without gaps, wherever it starts', async () => {
    const setup = await start();
    const prng = new Prng('watch-invariant');
    const names = ['a', 'b', 'c', 'd', 'e'];
    const states = new Map<number, Map<string, number>>([[1, new Map()]]);
    const current = new Map<string, number>();
    const open: { from: number; collector: Collector; watcher: CacheWatcher }[] = [];
    for (let i = 0; i < 400; i++) {
      const name = prng.pick(names);
      if (current.has(name) && prng.int(4) === 0) {
        await setup.store.delete(key(name), { provenance });
        current.delete(name);
      } else {
        await put(setup, pod(name, { spec: { i } }));
        current.set(name, setup.kv.revision);
      }
      states.set(setup.kv.revision, new Map(current));
      if (prng.int(10) === 0) {
        const fromState = prng.int(2) === 0;
        const { revision } = setup.hub;
        const from = fromState ? revision : Math.max(1, revision - prng.int(50));
        const watcher = setup.pods.watch(
          all,
          fromState ? { kind: 'state', end: false } : { kind: 'after', revision: from },
          { bookmarks: false, revision },
        );
        open.push({ from: fromState ? 0 : from, watcher, collector: new Collector(watcher) });
      }
    }
    await setup.hub.freshRevision();
    await yieldToEventLoop();
    expect(open.length).toBeGreaterThan(20);
    for (const { from, watcher, collector } of open) {
      watcher.stop();
      await collector.done;
      // Replaying the events over the state at the start must give the state at the end, and revisions must rise.
      const replayed = new Map(states.get(from) ?? []);
      let last = from;
      let initial = from === 0;
      for (const text of collector.seen) {
        const [, type, name, version] = /^(\w+) (\w+)@(\d+)$/.exec(text)!;
        const revision = Number(version);
        if (type !== 'ADDED' || revision > last) initial &&= type === 'ADDED';
        if (!initial) expect(revision).toBeGreaterThan(last);
        last = Math.max(last, revision);
        if (type === 'ADDED') expect(replayed.has(name!)).toBe(false);
        else expect(replayed.has(name!)).toBe(true);
        if (type === 'DELETED') replayed.delete(name!);
        else replayed.set(name!, revision);
      }
      expect(Object.fromEntries(replayed)).toEqual(Object.fromEntries(current));
    }
  });
});
