import { describe, expect, it } from 'vitest';
import type { EndpointSlice, Endpoints, Pod, Service } from '../../src/api/index.ts';
import { EndpointSliceController, EndpointsController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

async function lab(settings: { maxEndpointsPerSlice?: number } = {}): Promise<Lab> {
  const l = new Lab(settings);
  l.start(new EndpointsController(l.context), new EndpointSliceController(l.context));
  await l.create('nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-1', labels: { 'topology.kubernetes.io/zone': 'zone-a' } },
  });
  return l;
}

function makeService(spec: Record<string, unknown> = {}, labels: Record<string, string> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default', labels },
    spec: {
      clusterIP: '10.96.0.10',
      ipFamilies: ['IPv4'],
      selector: { app: 'web' },
      ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }],
      ...spec,
    },
  } as Service;
}

async function runPod(l: Lab, name: string, ready = true, containerPort = 8080): Promise<Readonly<Pod>> {
  const pod = await l.create('pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: 'web' } },
    spec: { containers: [{ name: 'c', image: 'i', ports: [{ name: 'http', containerPort, protocol: 'TCP' }] }] },
  } as Pod);
  await l.run(pod, ready);
  return (await l.get<Pod>('pods', 'default', name))!;
}

const endpoints = (l: Lab) => l.get<Endpoints>('endpoints', 'default', 'web');
const slices = (l: Lab) => l.list<EndpointSlice>('endpointslices', 'default');
const addresses = async (l: Lab) =>
  (await slices(l))
    .flatMap((slice) => slice.endpoints ?? [])
    .flatMap((endpoint) => endpoint.addresses)
    .sort();

describe('endpoints of a service', () => {
  it('are the ready pods it selects, and show the others as not ready', async () => {
    await using l = await lab();
    await l.create('services', makeService({}, { team: 'shop' }));
    const a = await runPod(l, 'a');
    const b = await runPod(l, 'b', false);
    await l.until(
      'both',
      async () =>
        (await endpoints(l))?.subsets?.[0]?.notReadyAddresses?.length === 1 && (await addresses(l)).length === 2,
    );

    const object = (await endpoints(l))!;
    const target = (pod: Readonly<Pod>) => ({
      ip: pod.status!.podIP,
      nodeName: 'node-1',
      targetRef: { kind: 'Pod', namespace: 'default', name: pod.metadata.name, uid: pod.metadata.uid },
    });
    expect(object.subsets).toEqual([
      {
        addresses: [target(a)],
        notReadyAddresses: [target(b)],
        ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      },
    ]);
    expect(object.metadata.labels).toEqual({
      team: 'shop',
      'endpoints.kubernetes.io/managed-by': 'endpoint-controller',
    });
    expect(object.metadata.annotations?.['endpoints.kubernetes.io/last-change-trigger-time']).toBe(
      '2026-01-01T00:00:00Z',
    );

    const [slice, ...others] = await slices(l);
    expect(others).toEqual([]);
    expect(slice!.metadata.labels).toEqual({
      team: 'shop',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    });
    expect(slice!.metadata.ownerReferences).toEqual([
      expect.objectContaining({ kind: 'Service', name: 'web', controller: true }),
    ]);
    expect(slice!.ports).toEqual([{ name: 'http', port: 8080, protocol: 'TCP' }]);
    expect(slice!.endpoints!.map(({ conditions, zone }) => ({ ...conditions, zone }))).toEqual([
      { ready: true, serving: true, terminating: false, zone: 'zone-a' },
      { ready: false, serving: false, terminating: false, zone: 'zone-a' },
    ]);
  });

  it('leave out terminating pods, while slices keep them as terminating', async () => {
    await using l = await lab();
    await l.create('services', makeService());
    await runPod(l, 'a');
    await l.until('there', async () => (await addresses(l)).length === 1);
    await l.client.resource('pods').namespace('default').delete('a');
    await l.until('terminating', async () => (await slices(l))[0]?.endpoints?.[0]?.conditions?.terminating === true);
    await l.until('out of endpoints', async () => (await endpoints(l))?.subsets === undefined);
    expect((await slices(l))[0]!.endpoints![0]!.conditions).toEqual({ ready: false, serving: true, terminating: true });
    await l.finish((await l.get<Pod>('pods', 'default', 'a'))!);
    await l.until('gone', async () => (await addresses(l)).length === 0);
    // The empty slice stays, to say that there are none.
    expect(await slices(l)).toHaveLength(1);
  });

  it('go with their service', async () => {
    await using l = await lab();
    await l.create('services', makeService());
    await l.until('there', async () => (await endpoints(l)) !== undefined);
    await l.client.resource('services').namespace('default').delete('web');
    await l.until('gone', async () => (await endpoints(l)) === undefined);
  });

  it('are left to the user when the service has no selector', async () => {
    await using l = await lab();
    await l.create('services', makeService({ selector: undefined }));
    await runPod(l, 'a');
    await l.clock.advance(10_000);
    expect(await endpoints(l)).toBeUndefined();
    expect(await slices(l)).toEqual([]);
  });

  it('carry the headless label and host names for a headless service', async () => {
    await using l = await lab();
    await l.create('services', makeService({ clusterIP: 'None', ports: [] }));
    const pod = await l.create('pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web-0', namespace: 'default', labels: { app: 'web' } },
      spec: { hostname: 'web-0', subdomain: 'web', containers: [{ name: 'c', image: 'i' }] },
    } as Pod);
    await l.run(pod);
    await l.until('there', async () => (await addresses(l)).length === 1);
    const [slice] = await slices(l);
    expect(slice!.metadata.labels).toHaveProperty(['service.kubernetes.io/headless'], '');
    expect(slice!.endpoints![0]!.hostname).toBe('web-0');
    await l.until('endpoints', async () => (await endpoints(l))?.subsets?.[0]?.addresses?.[0]?.hostname === 'web-0');
  });
});

describe('endpoint slices', () => {
  it('hold at most so many endpoints, and stay as they are when one goes', async () => {
    await using l = await lab({ maxEndpointsPerSlice: 3 });
    for (let i = 0; i < 7; i++) await runPod(l, `p${i}`);
    await l.create('services', makeService());
    await l.until('7 addresses', async () => (await addresses(l)).length === 7);
    const sizes = async () => (await slices(l)).map((slice) => slice.endpoints!.length).sort();
    expect(await sizes()).toEqual([1, 3, 3]);
    const before = new Map((await slices(l)).map((slice) => [slice.metadata.name, slice.metadata.resourceVersion]));
    const full = (await slices(l)).find((slice) => slice.endpoints!.length === 3)!;
    await l.finish((await l.get<Pod>('pods', 'default', full.endpoints![0]!.targetRef!.name!))!);
    await l.until('6 addresses', async () => (await addresses(l)).length === 6);
    const changed = (await slices(l)).filter(
      (slice) => before.get(slice.metadata.name) !== slice.metadata.resourceVersion,
    );
    expect(changed.map((slice) => slice.metadata.name)).toEqual([full.metadata.name]);
  });

  it('are separate for pods whose named port is another number', async () => {
    await using l = await lab();
    await runPod(l, 'a', true, 8080);
    await runPod(l, 'b', true, 9090);
    await l.create('services', makeService());
    await l.until('two', async () => (await addresses(l)).length === 2);
    expect((await slices(l)).map((slice) => slice.ports![0]!.port).sort()).toEqual([8080, 9090]);
  });

  it('come back when somebody deletes or changes them', async () => {
    await using l = await lab();
    await l.create('services', makeService());
    await runPod(l, 'a');
    await l.until('there', async () => (await addresses(l)).length === 1);
    const [slice] = await slices(l);
    await l.client
      .resource('endpointslices')
      .namespace('default')
      .patch(slice!.metadata.name!, 'merge', { endpoints: [] });
    await l.until('restored', async () => (await addresses(l)).length === 1);
    await l.client
      .resource('endpointslices')
      .namespace('default')
      .delete((await slices(l))[0]!.metadata.name!);
    await l.until('made anew', async () => (await addresses(l)).length === 1);
  });
});
