import { afterEach, describe, expect, it } from 'vitest';
import type { EtcdServerApi } from '../../src/etcd/index.ts';
import { type TestCluster, testEtcd } from '../helpers/etcd.ts';
import { configMap, configMaps, type Harness, startOn } from './harness.ts';

let etcd: TestCluster;
let h: Harness<EtcdServerApi>;
afterEach(async () => {
  await h.close();
  await etcd.close();
});

describe.each([
  ['memory', 1],
  ['memory', 3],
  ['sqlite', 1],
] as const)('on the embedded etcd (%s, %i members)', (store, members) => {
  it('reads own writes at once, watches without gaps, and keeps who wrote and why', async () => {
    etcd = await testEtcd(store, { members, heartbeatMs: 10, electionMs: 100 });
    h = await startOn(etcd.cluster.member(0));
    const seen: string[] = [];
    const abort = new AbortController();
    const events = await h.client.watch({ method: 'GET', path: configMaps, signal: abort.signal });
    const watching = (async () => {
      for await (const { type, object } of events) seen.push(`${type} ${(object.metadata as any).name}`);
    })();
    await Promise.all(
      ['a', 'b', 'c'].map((name) =>
        h.client.request({
          method: 'POST',
          path: configMaps,
          body: configMap(name),
          cause: { object: 'pods/default/web', revision: 7 },
        }),
      ),
    );
    expect((await h.get(configMaps)).items.map((item: any) => item.metadata.name)).toEqual(['a', 'b', 'c']);
    const updated = await h.put(`${configMaps}/b`, configMap('b', { changed: 'yes' }));
    expect((await h.get(`${configMaps}/b`)).metadata.resourceVersion).toBe(updated.metadata.resourceVersion);
    await h.delete(`${configMaps}/c`);
    expect((await h.get(configMaps)).items.map((item: any) => item.metadata.name)).toEqual(['a', 'b']);
    abort.abort();
    await watching;
    expect(seen.slice(0, 3).sort()).toEqual(['ADDED a', 'ADDED b', 'ADDED c']);
    expect(seen.slice(3)).toEqual(['MODIFIED b', 'DELETED c']);
    const [latest, first] = etcd.cluster.member(0).history(Buffer.from('/registry/configmaps/default/b'));
    expect(latest!.provenance).toMatchObject({ actor: 'user:tester', agent: 'tests/1.0' });
    expect(first!.provenance!.cause).toEqual({ object: 'pods/default/web', revision: 7 });
  });
});
