/** Claims, slices and pods in a whole cluster: allocated by the scheduler, freed when the pod is gone. */
import { afterEach, expect, it } from 'vitest';
import { type Cluster, createCluster } from '../../src/cluster/create-cluster.ts';

let cluster: Cluster | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

const driver = 'gpu.example.com';

async function boot(options: object = {}) {
  cluster = await createCluster({
    ...options,
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
  /** The driver says this of the device of the only claim. */
  const say = (type: string) => {
    const [claim] = claims();
    const now = claim.status.allocation.allocationTimestamp;
    const device = {
      driver,
      pool: claim.status.allocation.devices.results[0].pool,
      device: 'gpu-0',
      conditions: [{ type, status: 'True', reason: 'Told', message: 'so', lastTransitionTime: now }],
    };
    return client
      .resource('resourceclaims')
      .namespace('default')
      .updateStatus({ ...claim, status: { ...claim.status, devices: [device] } } as never);
  };
  return { client, say, clock, get, slice, pod, pods, until, claims, condition };
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
  const { say, slice, pod, get, until, claims, clock } = await boot();
  const conditions = { bindingConditions: ['Attached'], bindingFailureConditions: ['Broken'] };
  await slice('node-2', 1, conditions);
  await pod('p');
  const allocated = () => claims()[0]?.status?.allocation !== undefined;
  await until('allocated', allocated);
  await clock.advance(20_000);
  expect(get('pods', 'p').spec.nodeName).toBeUndefined();
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

const gpu = 'example.com/gpu';
const extendedClass = (name: string, spec: object = {}) =>
  ({
    apiVersion: 'resource.k8s.io/v1',
    kind: 'DeviceClass',
    metadata: { name },
    spec: { selectors: [{ cel: { expression: `device.driver == "${driver}"` } }], ...spec },
  }) as never;
const asking = (name: string) => ({
  containers: [{ name: 'c', image: 'app:1', resources: { requests: { [name]: '1' }, limits: { [name]: '1' } } }],
  resourceClaims: [],
});

it('an extended resource comes from the class that names it: the claim is made, told to the pod, and goes with it', async () => {
  const { client, slice, pod, pods, get, until, claims, condition } = await boot();
  await pod('first', asking(gpu));
  await until('first waits', () => condition('first')?.reason === 'Unschedulable');
  expect(condition('first').message).toBe(
    '0/2 nodes are available: 2 Insufficient example.com/gpu. no new claims to deallocate, ' +
      'preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  );
  await client.resource('deviceclasses').create(extendedClass('cards', { extendedResourceName: gpu }));
  await until('now devices are missing', () => condition('first').message.includes('cannot allocate all claims'));
  await slice('node-1', 1);
  await until('first runs', () => get('pods', 'first').status.phase === 'Running');
  const [claim] = claims();
  const { uid, name } = claim.metadata;
  expect(name).toMatch(/^first-extended-resources-.{5}$/);
  expect(claim.metadata.annotations).toEqual({ 'resource.kubernetes.io/extended-resource-claim': 'true' });
  expect(claim.metadata.ownerReferences).toEqual([
    { apiVersion: 'v1', kind: 'Pod', name: 'first', uid: get('pods', 'first').metadata.uid, controller: true },
  ]);
  const request = 'container-0-request-0';
  expect(claim.spec.devices.requests).toEqual([
    { name: request, exactly: { deviceClassName: 'cards', allocationMode: 'ExactCount', count: 1 } },
  ]);
  expect(claim.status.allocation.devices.results).toEqual([{ request, driver, pool: 'node-1', device: 'gpu-0' }]);
  expect(claim.status.reservedFor.map(({ name: user }: any) => user)).toEqual(['first']);
  expect(get('pods', 'first').status.extendedResourceClaimStatus).toEqual({
    requestMappings: [{ containerName: 'c', resourceName: gpu, requestName: request }],
    resourceClaimName: name,
  });
  await pod('second', asking('deviceclass.resource.kubernetes.io/gpu'));
  await until('second waits', () => condition('second')?.reason === 'Unschedulable');
  expect(condition('second').message).toBe(
    '0/2 nodes are available: 2 cannot allocate all claims. still not schedulable, ' +
      'preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  );
  await pods.delete('first');
  await until('second is bound', () => get('pods', 'second').spec.nodeName === 'node-1');
  await until('only its claim is left', () => claims().length === 1 && claims()[0].metadata.uid !== uid);
  expect(claims()[0].status.allocation.devices.results[0].device).toBe('gpu-0');
});

it('pods that come at once never share what they get by an extended resource', async () => {
  const { client, slice, pod, get, until, claims, clock } = await boot();
  await client.resource('deviceclasses').create(extendedClass('cards', { extendedResourceName: gpu }));
  await slice('node-2', 2);
  await slice('node-1', 3);
  const names = Array.from({ length: 8 }, (_, i) => `p${i}`);
  await Promise.all(names.map((name) => pod(name, asking(gpu))));
  const bound = () => names.filter((name) => get('pods', name).spec.nodeName);
  await until('five are bound', () => bound().length === 5);
  await clock.advance(30_000);
  const devices = claims().flatMap(({ status }) => status?.allocation?.devices.results ?? []);
  expect(bound()).toHaveLength(5);
  expect(new Set(devices.map(({ pool, device }) => `${pool}/${device}`)).size).toBe(5);
  expect(claims()).toHaveLength(5);
});

it('a claim that may not be made is tried again', async () => {
  const { client, slice, pod, get, until, claims } = await boot();
  await client.resource('deviceclasses').create(extendedClass('cards', { extendedResourceName: gpu }));
  await client
    .resource('resourcequotas')
    .namespace('default')
    .create({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'claims', namespace: 'default' },
      spec: { hard: { 'count/resourceclaims.resource.k8s.io': '0' } },
    } as never);
  await slice('node-1', 1);
  await pod('p', asking(gpu));
  const failed = () =>
    cluster!.server.reader
      .list('events', 'default')
      .some(({ message }: any) => /create claim for extended resources.*exceeded quota: claims/.test(message));
  await until('the claim is refused', failed, 120_000);
  expect(claims()).toHaveLength(0);
  await client.resource('resourcequotas').namespace('default').delete('claims');
  await until('bound', () => get('pods', 'p').spec.nodeName === 'node-1', 600_000);
  expect(claims()).toHaveLength(1);
});

it('a claim whose pod could not be bound is deleted, and the pod gets another', async () => {
  const { client, say, slice, pod, get, until, claims } = await boot();
  await client.resource('deviceclasses').create(extendedClass('cards', { extendedResourceName: gpu }));
  await slice('node-1', 1, { bindingConditions: ['Attached'], bindingFailureConditions: ['Broken'] });
  await pod('p', asking(gpu));
  const reserved = () => claims()[0]?.status?.reservedFor?.length === 1;
  await until('reserved', reserved);
  const { uid } = claims()[0].metadata;
  await say('Broken');
  await until('the claim is another', () => claims().length === 1 && claims()[0].metadata.uid !== uid, 600_000);
  await until('reserved anew', reserved);
  await say('Attached');
  await until('bound', () => get('pods', 'p').spec.nodeName === 'node-1');
  expect(get('pods', 'p').status.extendedResourceClaimStatus.resourceClaimName).toBe(claims()[0].metadata.name);
});

it('without the gate DRAExtendedResource only the node itself has extended resources', async () => {
  const { client, slice, pod, until, clock, condition, claims } = await boot({
    flags: { 'feature-gates': 'DRAExtendedResource=false' },
  });
  await client.resource('deviceclasses').create(extendedClass('cards', { extendedResourceName: gpu }));
  await slice('node-1', 1);
  await pod('p', asking('deviceclass.resource.kubernetes.io/gpu'));
  await until('p waits', () => condition('p')?.reason === 'Unschedulable');
  await clock.advance(30_000);
  expect(condition('p').message).toMatch(
    /^0\/2 nodes are available: 2 Insufficient deviceclass.resource.kubernetes.io\/gpu\./,
  );
  expect(claims()).toHaveLength(0);
});

it('a quota of an extended resource counts each device once, with the pod or with a claim', async () => {
  const { client, clock, slice, pod, get, until, claims } = await boot();
  await client.resource('deviceclasses').create(extendedClass('cards', { extendedResourceName: gpu }));
  const name = `requests.${gpu}`;
  const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q', namespace: 'default' } };
  await client
    .resource('resourcequotas')
    .namespace('default')
    .create({ ...quota, spec: { hard: { [name]: '2' } } } as never);
  const used = () => get('resourcequotas', 'q').status?.used?.[name];
  await until('counted', () => used() === '0');
  await slice('node-1', 3);
  await pod('p', asking(gpu));
  await until('p runs', () => get('pods', 'p').status.phase === 'Running');
  // The controller has counted again by then.
  await clock.advance(10_000);
  expect([used(), claims().length]).toEqual(['1', 1]);
  const own = (count: number) =>
    client
      .resource('resourceclaims')
      .namespace('default')
      .create({
        apiVersion: 'resource.k8s.io/v1',
        kind: 'ResourceClaim',
        metadata: { name: 'own', namespace: 'default' },
        spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'cards', count } }] } },
      } as never);
  await expect(own(2)).rejects.toThrow(`exceeded quota: q, requested: ${name}=2, used: ${name}=1, limited: ${name}=2`);
  await own(1);
  await until('both are counted', () => used() === '2');
  await expect(pod('late', asking(gpu))).rejects.toThrow(/exceeded quota: q/);
});
