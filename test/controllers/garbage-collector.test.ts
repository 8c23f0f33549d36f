import { describe, expect, it } from 'vitest';
import type { ConfigMap } from '../../src/api/index.ts';
import type { OwnerReference } from '../../src/apimachinery/index.ts';
import { GarbageCollector } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

function lab(): Lab {
  const l = new Lab();
  return l.start(new GarbageCollector(l.context));
}

function configMap(
  name: string,
  owners: readonly Readonly<ConfigMap>[] = [],
  change: Partial<OwnerReference> = {},
  namespace = 'default',
): ConfigMap {
  const ownerReferences = owners.map((owner) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: owner.metadata.name!,
    uid: owner.metadata.uid!,
    ...change,
  }));
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, ...(owners.length > 0 ? { ownerReferences } : {}) },
  };
}

const names = async (l: Lab) => (await l.list('configmaps')).map((object) => object.metadata.name).sort();
const create = (l: Lab, object: ConfigMap) => l.create('configmaps', object);
const remove = (l: Lab, name: string, propagationPolicy?: 'Orphan' | 'Background' | 'Foreground') =>
  l.client.resource('configmaps').namespace('default').delete(name, { propagationPolicy });

describe('the garbage collector', () => {
  it('in the background deletes what an owner leaves, down to the last generation', async () => {
    await using l = lab();
    const a = await create(l, configMap('a'));
    const b = await create(l, configMap('b', [a]));
    await create(l, configMap('c', [b]));
    await create(l, configMap('free'));
    await remove(l, 'a');
    await l.until('b and c collected', async () => (await names(l)).join() === 'free');
  });

  it('in the foreground keeps the owner until blocking dependents are gone', async () => {
    await using l = lab();
    const a = await create(l, configMap('a'));
    const dependent = configMap('b', [a], { blockOwnerDeletion: true });
    dependent.metadata.finalizers = ['example.com/hold'];
    await create(l, dependent);
    await remove(l, 'a', 'Foreground');
    await l.until(
      'b deleted',
      async () => (await l.get('configmaps', 'default', 'b'))?.metadata.deletionTimestamp !== undefined,
    );
    await l.clock.advance(10_000);
    expect(await names(l)).toEqual(['a', 'b']);
    await l.client
      .resource('configmaps')
      .namespace('default')
      .patch('b', 'merge', { metadata: { finalizers: null } });
    await l.until('both gone', async () => (await names(l)).length === 0);
  });

  it('orphans dependents when asked to, and leaves them alone afterwards', async () => {
    await using l = lab();
    const a = await create(l, configMap('a'));
    await create(l, configMap('b', [a]));
    await remove(l, 'a', 'Orphan');
    await l.until('a gone', async () => (await names(l)).join() === 'b');
    expect((await l.get('configmaps', 'default', 'b'))!.metadata.ownerReferences ?? []).toEqual([]);
    await l.clock.advance(60_000);
    expect(await names(l)).toEqual(['b']);
  });

  it('keeps what still has one living owner, and takes the dead reference off', async () => {
    await using l = lab();
    const a = await create(l, configMap('a'));
    const b = await create(l, configMap('b'));
    await create(l, configMap('c', [a, b]));
    await remove(l, 'a');
    await l.until(
      'reference removed',
      async () => (await l.get('configmaps', 'default', 'c'))?.metadata.ownerReferences?.length === 1,
    );
    expect((await l.get('configmaps', 'default', 'c'))!.metadata.ownerReferences![0]!.uid).toBe(b.metadata.uid);
  });

  it('deletes an object whose owner never was', async () => {
    await using l = lab();
    await create(l, configMap('c', [{ ...configMap('ghost'), metadata: { name: 'ghost', uid: 'no-such-uid' } }]));
    await l.until('collected', async () => (await names(l)).length === 0);
  });

  it('does not take a new object of the same name for the owner', async () => {
    await using l = lab();
    await create(l, configMap('a'));
    await create(l, configMap('c', [{ ...configMap('a'), metadata: { name: 'a', uid: 'the-old-one' } }]));
    await l.until('collected', async () => (await names(l)).join() === 'a');
  });

  it('says so when an owner is in another namespace, and collects the dependent', async () => {
    await using l = lab();
    const a = await create(l, configMap('a'));
    await l.until('a known', () => true);
    await create(l, configMap('b', [a], {}, 'elsewhere'));
    await l.until('event', async () => (await l.events('OwnerRefInvalidNamespace')).length > 0);
    expect((await l.events('OwnerRefInvalidNamespace'))[0]).toMatch(
      /^Warning OwnerRefInvalidNamespace ownerRef \[v1\/ConfigMap, namespace: elsewhere, name: a, uid: .*\] does not exist in namespace "elsewhere"$/,
    );
    await l.until('collected', async () => (await names(l)).join() === 'a');
  });

  it('breaks a circle of objects that wait for each other', async () => {
    await using l = lab();
    const a = await create(l, configMap('a'));
    const b = await create(l, configMap('b', [a], { blockOwnerDeletion: true }));
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'b', uid: b.metadata.uid, blockOwnerDeletion: true };
    await l.client
      .resource('configmaps')
      .namespace('default')
      .patch('a', 'merge', { metadata: { ownerReferences: [reference] } });
    await remove(l, 'a', 'Foreground');
    await l.until('both gone', async () => (await names(l)).length === 0);
  });
});
