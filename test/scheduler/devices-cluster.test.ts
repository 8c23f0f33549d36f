/** Claims, slices and pods in a whole cluster: allocated by the scheduler, freed when the pod is gone. */
import { afterEach, expect, it } from 'vitest';
import { type Cluster, createCluster } from '../../src/cluster/create-cluster.ts';

let cluster: Cluster | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

const driver = 'gpu.example.com';

async function boot() {
  cluster = await createCluster({
    nodes: 2,
    seed: 'devices',
    clock: 'virtual',
    api: false,
    etcd: false,
    instantContainers: true,
  });
  const { client, clock, server } = cluster;
  const get = (plural: string, name: string): any => server.reader.get(plural, 'default', name);
  const slice = (node: string, count: number, fields: object = {}) =>
    client.resource('resourceslices').create({
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceSlice',
      metadata: { name: `${node}-gpus` },
      spec: {
        driver,
        nodeName: node,
        pool: { name: node, generation: 1, resourceSliceCount: 1 },
        devices: Array.from({ length: count }, (_, i) => ({ name: `gpu-${i}`, ...fields })),
      },
    } as never);
  await client.resource('deviceclasses').create({
    apiVersion: 'resource.k8s.io/v1',
    kind: 'DeviceClass',
    metadata: { name: 'gpu' },
    spec: { selectors: [{ cel: { expression: `device.driver == "${driver}"` } }] },
  } as never);
  await client
    .resource('resourceclaimtemplates')
    .namespace('default')
    .create({
      apiVersion: 'resource.k8s.io/v1',
      kind: 'ResourceClaimTemplate',
      metadata: { name: 'gpu', namespace: 'default' },
      spec: { spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu' } }] } } },
    } as never);
  const pods = client.resource('pods').namespace('default');
  const pod = (name: string, more: object = {}) =>
    pods.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: {
        containers: [{ name: 'c', image: 'app:1', resources: { claims: [{ name: 'card' }] } }],
        resourceClaims: [{ name: 'card', resourceClaimTemplateName: 'gpu' }],
        terminationGracePeriodSeconds: 0,
        ...more,
      },
    } as never);
  const until = async (what: string, check: () => boolean, ms = 60_000) =>
    expect(await clock.advanceUntil(check, ms), what).toBe(true);
  const claims = (): readonly any[] => server.reader.list('resourceclaims.resource.k8s.io', 'default');
  const condition = (name: string) =>
    get('pods', name)?.status.conditions?.find(({ type }: any) => type === 'PodScheduled');
  return { client, clock, get, slice, pod, pods, until, claims, condition };
}

it('a pod waits for a device, gets it, and leaves it to the next', async () => {
  const { slice, pod, pods, get, until, claims, condition } = await boot();
  await pod('first');
  await until('first waits', () => condition('first')?.reason === 'Unschedulable');
  expect(condition('first').message).toBe(
    '0/2 nodes are available: 2 cannot allocate all claims. still not schedulable, ' +
      'preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  );
  await slice('node-1', 1);
  await until('first is bound', () => get('pods', 'first').spec.nodeName === 'node-1');
  const [claim] = claims();
  expect(claim.metadata.finalizers).toEqual(['resource.kubernetes.io/delete-protection']);
  expect(claim.status.reservedFor).toEqual([
    { resource: 'pods', name: 'first', uid: get('pods', 'first').metadata.uid },
  ]);
  expect(claim.status.allocation.devices.results).toEqual([{ request: 'r', driver, pool: 'node-1', device: 'gpu-0' }]);
  await pod('second');
  await until('second waits', () => condition('second')?.reason === 'Unschedulable');
  await pods.delete('first');
  await until('second is bound', () => get('pods', 'second').spec.nodeName === 'node-1');
  await until('the claim of the first is gone', () => claims().length === 1);
});

it('pods that come at once never share a device', async () => {
  const { slice, pod, get, until, claims, clock } = await boot();
  await slice('node-2', 2);
  await slice('node-1', 3);
  await Promise.all(Array.from({ length: 8 }, (_, i) => pod(`p${i}`)));
  const bound = () => Array.from({ length: 8 }, (_, i) => get('pods', `p${i}`)).filter(({ spec }) => spec.nodeName);
  await until('five are bound', () => bound().length === 5);
  await clock.advance(30_000);
  const devices = claims().flatMap(({ status }) => status?.allocation?.devices.results ?? []);
  expect(bound()).toHaveLength(5);
  expect(new Set(devices.map(({ pool, device }) => `${pool}/${device}`)).size).toBe(5);
  expect(devices).toHaveLength(5);
});

it('a device that must be made ready is waited for; when it fails, the claim is freed', async () => {
  const { client, slice, pod, get, until, claims, clock } = await boot();
  const conditions = { bindingConditions: ['Attached'], bindingFailureConditions: ['Broken'] };
  await slice('node-2', 1, conditions);
  await pod('p');
  const allocated = () => claims()[0]?.status?.allocation !== undefined;
  await until('allocated', allocated);
  await clock.advance(20_000);
  expect(get('pods', 'p').spec.nodeName).toBeUndefined();
  const say = (type: string) => {
    const [claim] = claims();
    const now = claim.status.allocation.allocationTimestamp;
    const device = {
      driver,
      pool: 'node-2',
      device: 'gpu-0',
      conditions: [{ type, status: 'True', reason: 'Told', message: 'so', lastTransitionTime: now }],
    };
    return client
      .resource('resourceclaims')
      .namespace('default')
      .updateStatus({ ...claim, status: { ...claim.status, devices: [device] } } as never);
  };
  const first = claims()[0].status.allocation.allocationTimestamp;
  await say('Broken');
  await until(
    'allocated anew',
    () => allocated() && claims()[0].status.allocation.allocationTimestamp !== first,
    120_000,
  );
  await say('Attached');
  await until('bound', () => get('pods', 'p').spec.nodeName === 'node-2');
});
