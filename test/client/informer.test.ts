import { describe, expect, it } from 'vitest';
import type { ConfigMap } from '../../src/api/index.ts';
import { newInternalError } from '../../src/apimachinery/index.ts';
import { Prng, silentLogger, TaskGroup, VirtualClock } from '../../src/base/index.ts';
import {
  byOwnerUID,
  ConnectionError,
  type InformerOptions,
  SharedInformer,
  SharedInformerFactory,
} from '../../src/client/index.ts';
import { FakeApi } from '../helpers/fake-api.ts';

function setUp(options: InformerOptions<ConfigMap> = {}) {
  const clock = new VirtualClock({ startMs: Date.UTC(2026, 0, 1) });
  const api = new FakeApi(clock);
  const deps = { clock, prng: new Prng('informer'), log: silentLogger };
  const client = api.client();
  const configMaps = client.resource<ConfigMap>('configmaps').namespace('n');
  const informer = new SharedInformer<ConfigMap>(client.resource<ConfigMap>('configmaps'), deps, options);
  const log: string[] = [];
  informer.addHandler({
    onAdd: (object, initial) => log.push(`add ${object.metadata.name}${initial ? ' initially' : ''}`),
    onUpdate: (old, object) =>
      log.push(
        `update ${object.metadata.name} ${old === object ? 'resync' : `${old.data?.['v']}→${object.data?.['v']}`}`,
      ),
    onDelete: (object, unknown) => log.push(`delete ${object.metadata.name}${unknown ? ' found missing' : ''}`),
  });
  const create = (name: string, v = '1') =>
    configMaps.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { v } });
  const change = (name: string, v: string) => configMaps.patch(name, 'merge', { data: { v } });
  const group = new TaskGroup();
  return { clock, api, deps, client, configMaps, informer, log, create, change, group, run: () => group.add(informer) };
}

describe('an informer', () => {
  it('lists, then follows every change, and keeps indexes', async () => {
    const s = setUp({ indexers: { v: (object) => [object.data?.['v'] ?? ''] } });
    await s.create('a');
    s.run();
    expect(s.informer.hasSynced).toBe(false);
    await s.clock.advanceUntil(() => s.informer.hasSynced, 1_000);
    await s.create('b');
    await s.change('a', '2');
    await s.configMaps.delete('b');
    await s.clock.advanceUntil(() => s.log.length === 4, 1_000);
    expect(s.log).toEqual(['add a initially', 'add b', 'update a 1→2', 'delete b']);
    expect(s.informer.lister.get('n', 'a')!.data).toEqual({ v: '2' });
    expect(s.informer.lister.byIndex('v', '1')).toEqual([]);
    expect(s.informer.lister.byIndex('v', '2').map((object) => object.metadata.name)).toEqual(['a']);
    expect(s.informer.lister.list('elsewhere')).toEqual([]);
    expect(() => s.informer.lister.mustGet('n', 'zzz')).toThrow('configmaps "zzz" not found');
    await s.group.stop();
    expect(s.api.watchers).toBe(0);
  });

  it('watches on from where it was when a watch ends, without listing', async () => {
    const s = setUp();
    s.run();
    await s.clock.advanceUntil(() => s.informer.hasSynced, 1_000);
    s.api.dropWatches();
    await s.create('a');
    await s.clock.advanceUntil(() => s.log.length === 1, 60_000);
    expect(s.log).toEqual(['add a']);
    expect(s.api.requests.filter((r) => r.method === 'GET' && r.path.endsWith('/configmaps'))).toHaveLength(1);
    await s.group.stop();
  });

  it('lists anew when its revision is too old, and tells of deletions it missed', async () => {
    const s = setUp();
    await s.create('a');
    await s.create('b');
    s.run();
    await s.clock.advanceUntil(() => s.informer.hasSynced, 1_000);
    const restore = s.api.intercept((_, { verb }) => {
      if (verb === 'watch') throw new ConnectionError('cut');
    });
    s.api.dropWatches(new ConnectionError('cut'));
    await s.configMaps.delete('a');
    await s.change('b', '2');
    await s.create('c');
    s.api.compact();
    restore();
    await s.clock.advanceUntil(() => s.log.length === 5, 120_000);
    expect(s.log.slice(2)).toEqual(['delete a found missing', 'update b 1→2', 'add c']);
    await s.group.stop();
  });

  it('backs off from a server in trouble, ever longer', async () => {
    const s = setUp();
    const times: number[] = [];
    let failures = 5;
    s.api.intercept((_, { verb }) => {
      if (verb !== 'list') return;
      times.push(s.clock.monotonic());
      if (failures-- > 0) throw newInternalError('not now');
    });
    s.run();
    await s.clock.advanceUntil(() => s.informer.hasSynced, 600_000);
    const waits = times.slice(1).map((time, i) => time - times[i]!);
    expect(waits).toHaveLength(5);
    waits.forEach((wait, i) => {
      expect(wait).toBeGreaterThanOrEqual(800 * 2 ** i);
      expect(wait).toBeLessThanOrEqual(1600 * 2 ** i);
    });
    await s.group.stop();
  });

  it('tells a late handler of what is there, and stops telling one that left', async () => {
    const s = setUp();
    await s.create('a');
    s.run();
    await s.clock.advanceUntil(() => s.informer.hasSynced, 1_000);
    const late: string[] = [];
    const registration = s.informer.addHandler({
      onAdd: (object, initial) => late.push(`${object.metadata.name} ${initial}`),
    });
    expect(late).toEqual(['a true']);
    registration.remove();
    await s.create('b');
    await s.clock.advanceUntil(() => s.log.length === 2, 1_000);
    expect(late).toEqual(['a true']);
    await s.group.stop();
  });

  it('resyncs when asked to', async () => {
    const s = setUp({ resyncMs: 60_000 });
    await s.create('a');
    s.run();
    await s.clock.advance(150_000);
    expect(s.log).toEqual(['add a initially', 'update a resync', 'update a resync']);
    await s.group.stop();
  });

  it('shows only what its selector selects; leaving the selection is a deletion', async () => {
    const s = setUp({ labelSelector: 'team=shop' });
    const label = (name: string, team: string) => s.configMaps.patch(name, 'merge', { metadata: { labels: { team } } });
    await s.create('a');
    s.run();
    await s.clock.advanceUntil(() => s.informer.hasSynced, 1_000);
    await label('a', 'shop');
    await label('a', 'other');
    await s.clock.advanceUntil(() => s.log.length === 2, 1_000);
    expect(s.log).toEqual(['add a', 'delete a']);
    await s.group.stop();
  });

  it('shares frozen objects: changing one is an error under verification', async () => {
    const s = setUp();
    await s.create('a');
    s.run();
    await s.clock.advanceUntil(() => s.informer.hasSynced, 1_000);
    const object = s.informer.lister.get('n', 'a') as ConfigMap;
    expect(() => {
      object.data!['v'] = 'changed';
    }).toThrow(TypeError);
    await s.group.stop();
  });

  it('ends its run when a handler is broken', async () => {
    const s = setUp();
    s.informer.addHandler({
      onAdd: () => {
        throw new TypeError('a mistake of ours');
      },
    });
    await s.create('a');
    s.run();
    await s.clock.advance(1_000);
    await expect(s.group.wait()).rejects.toThrow('a mistake of ours');
  });
});

describe('an informer factory', () => {
  it('has one informer and one watch a resource, for all who ask, whenever they ask', async () => {
    const s = setUp();
    const factory = new SharedInformerFactory({ ...s.deps, client: s.client });
    const first = factory.informer<ConfigMap>('configmaps');
    s.group.add(factory);
    expect(factory.informer('cm')).toBe(first);
    expect(factory.informer('cm', { fieldSelector: 'metadata.name=a' })).not.toBe(first);
    await s.clock.advanceUntil(() => first.hasSynced, 1_000);
    const late = factory.informer('secrets', { indexers: { owner: byOwnerUID } });
    await s.clock.advanceUntil(() => late.hasSynced, 1_000);
    await factory.waitForSync();
    expect(s.api.watchers).toBe(3);
    await s.group.stop();
    expect(s.api.watchers).toBe(0);
  });
});
