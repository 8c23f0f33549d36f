/** What the controllers make of kinds that come and go while they run. */
import { afterEach, expect, it } from 'vitest';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import type { Cluster } from '../../src/cluster/create-cluster.ts';
import { quietCluster, until } from './lab.ts';

let cluster: Cluster;
afterEach(() => cluster.stop());

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'hives.garden.example' },
  spec: {
    group: 'garden.example',
    scope: 'Namespaced',
    names: { plural: 'hives', singular: 'hive', kind: 'Hive', listKind: 'HiveList' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
} as unknown as KubeObject;
const hives = { group: 'garden.example', version: 'v1', kind: 'Hive', plural: 'hives', namespaced: true };

it('the garbage collector knows owners of a new kind as soon as the kind is served', async () => {
  cluster = await quietCluster({ nodes: 0 });
  await cluster.clock.advance(45_000);
  await cluster.client.resource('customresourcedefinitions').create(definition);
  const served = () =>
    (
      cluster.server.reader.get('customresourcedefinitions.apiextensions.k8s.io', '', 'hives.garden.example') as any
    )?.status?.conditions?.some((c: any) => c.type === 'Established' && c.status === 'True') === true;
  await until(cluster, 'the definition is established', served);
  const client = cluster.client.resource(hives).namespace('default');
  const hive = await client.create({ apiVersion: 'garden.example/v1', kind: 'Hive', metadata: { name: 'one' } });
  const { name, uid } = hive.metadata;
  await cluster.client
    .resource('configmaps')
    .namespace('default')
    .create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'honey',
        ownerReferences: [{ apiVersion: 'garden.example/v1', kind: 'Hive', name: name!, uid: uid! }],
      },
    } as KubeObject);
  await cluster.clock.advance(1_500);
  await client.delete('one');
  // Well before the next turn of discovery.
  await cluster.clock.advance(2_000);
  expect(cluster.server.reader.get('configmaps', 'default', 'honey')).toBeUndefined();
});

it('who makes an object that nothing acts on is told so, and who makes another is not', async () => {
  cluster = await quietCluster({ nodes: 0 });
  const create = async (path: string, body: object) =>
    (await cluster.transport.request({ method: 'POST', path, body: body as KubeObject })).warnings.filter((text) =>
      text.startsWith('klab:'),
    );
  const driver = { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: { name: 'disk.example' }, spec: {} };
  expect(await create('/apis/storage.k8s.io/v1/csidrivers', driver)).toEqual([
    'klab: nothing acts on CSIDriver yet, it is only stored: simulated nodes run no CSI drivers',
  ]);
  const policy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'none' },
    spec: { podSelector: {} },
  };
  expect((await create('/apis/networking.k8s.io/v1/namespaces/default/networkpolicies', policy)) ?? []).toEqual([]);
});
