/** Services, IPAddress objects and the repair loops on a whole API server. */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/apimachinery/index.ts';
import { newServerParts } from '../../../src/apiserver/index.ts';
import { VirtualClock } from '../../../src/base/index.ts';
import { type Harness, startHarness } from '../harness.ts';
import { MemoryKV } from '../memory-kv.ts';

const services = '/api/v1/namespaces/default/services';
const ipAddresses = '/apis/networking.k8s.io/v1/ipaddresses';
const cidrs = '/apis/networking.k8s.io/v1/servicecidrs';
const dual = ['10.96.0.0/16', 'fd00:10:96::/112'];

const running = new Set<Harness>();
afterEach(async () => {
  for (const server of running) await server.close();
  running.clear();
});

async function boot(serviceCidrs: string[], kv = new MemoryKV(), clock?: VirtualClock): Promise<Harness> {
  const time = clock ?? new VirtualClock({ startMs: Date.UTC(2026, 0, 1) });
  const server = await startHarness({
    kv,
    deps: {
      clock: time,
      parts: (core) =>
        newServerParts(core, {
          version: '0.0.0',
          wallClock: time,
          serviceCidrs,
          advertise: () => ({ address: '192.168.0.10', port: 6443 }),
        }),
    },
  });
  running.add(server);
  return { ...server, clock: time };
}

async function stop(server: Harness): Promise<void> {
  running.delete(server);
  await server.close();
}

const itemsAt = async (server: Harness, path: string): Promise<KubeObject[]> => (await server.get(path)).items;

/** Addresses by the IPAddress objects, and by the services: `<address> <namespace>/<name>`. */
async function both(server: Harness): Promise<{ objects: string[]; inServices: string[] }> {
  const objects = (await itemsAt(server, ipAddresses)).map(({ metadata, spec }) => {
    return `${metadata.name} ${spec.parentRef.namespace}/${spec.parentRef.name}`;
  });
  const inServices = (await itemsAt(server, '/api/v1/services')).flatMap(({ metadata, spec }) =>
    ((spec.clusterIPs ?? []) as string[])
      .filter((ip) => ip !== 'None')
      .map((ip) => `${ip} ${metadata.namespace}/${metadata.name}`),
  );
  return { objects: objects.sort(), inServices: inServices.sort() };
}

async function expectEqual(server: Harness): Promise<void> {
  const { objects, inServices } = await both(server);
  expect(objects).toEqual(inServices);
}

async function eventually(server: Harness, done: () => Promise<boolean>, limitMs = 400_000): Promise<void> {
  expect(await server.clock.advanceUntil(done, limitMs)).toBe(true);
}

const healed = (server: Harness) => async () => {
  const { objects, inServices } = await both(server);
  return objects.join() === inServices.join();
};

const service = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { ports: [{ port: 80 }], selector: { app: name }, ...structuredClone(spec) },
});

describe('at boot', () => {
  it('the kubernetes service and the default ServiceCIDR are there, with the address', async () => {
    const server = await boot(dual);
    expect((await server.get(`${services}/kubernetes`)).spec).toMatchObject({
      clusterIPs: ['10.96.0.1'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
    });
    await expectEqual(server);
    await eventually(server, async () => (await server.get(`${cidrs}/kubernetes`)).status?.conditions?.length === 1);
    expect((await server.get(`${cidrs}/kubernetes`)).spec.cidrs).toEqual(dual);
    expect((await server.get(`${cidrs}/kubernetes`)).status.conditions).toEqual([
      expect.objectContaining({ type: 'Ready', status: 'True', message: 'Kubernetes default Service CIDR is ready' }),
    ]);
  });

  it('a cluster of one family becomes dual-stack when it gets a second range', async () => {
    const kv = new MemoryKV();
    await stop(await boot(['10.96.0.0/16'], kv));
    const server = await boot(dual, kv);
    await eventually(server, async () => (await server.get(`${cidrs}/kubernetes`)).spec.cidrs.length === 2);
    const made = await server.post(services, service('two', { ipFamilyPolicy: 'RequireDualStack' }));
    expect(made.spec.ipFamilies).toEqual(['IPv4', 'IPv6']);
    await expectEqual(server);
  });

  it('services of a store without IPAddress objects get them', async () => {
    const kv = new MemoryKV();
    const first = await boot(dual, kv);
    await first.post(services, service('old'));
    for (const { metadata } of await itemsAt(first, ipAddresses)) await first.delete(`${ipAddresses}/${metadata.name}`);
    await stop(first);
    const server = await boot(dual, kv);
    await eventually(server, healed(server), 1000);
    expect((await both(server)).objects).toHaveLength(2);
  });
});

describe('the default ServiceCIDR', () => {
  it('comes back when it is deleted, and services do not wait for it', async () => {
    const server = await boot(dual);
    await eventually(server, async () => (await server.get(`${cidrs}/kubernetes`)).status?.conditions?.length === 1);
    await server.delete(`${cidrs}/kubernetes`);
    await server.post(services, service('meanwhile'));
    await eventually(server, async () => (await itemsAt(server, cidrs)).length === 1, 20_000);
    await expectEqual(server);
  });
});

describe('repair', () => {
  const warnings = async (server: Harness) =>
    (await itemsAt(server, '/apis/events.k8s.io/v1/events')).map(({ reason, note, regarding }) => [
      reason,
      regarding.name,
      note,
    ]);

  it('gives a service the address that somebody deleted, and says so', async () => {
    const server = await boot(dual);
    await server.post(services, service('a', { clusterIP: '10.96.0.50' }));
    await server.delete(`${ipAddresses}/10.96.0.50`);
    await eventually(server, healed(server));
    expect(await warnings(server)).toContainEqual([
      'ClusterIPNotAllocated',
      'a',
      'Cluster IP [IPv4]: 10.96.0.50 is not allocated; repairing',
    ]);
  });

  it('removes an address whose service is gone, not before a minute', async () => {
    const server = await boot(dual);
    const leaked = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IPAddress',
      metadata: {
        name: 'fd00:10:96::99',
        labels: {
          'ipaddress.kubernetes.io/ip-family': 'IPv6',
          'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
        },
      },
      spec: { parentRef: { resource: 'services', namespace: 'default', name: 'gone' } },
    };
    const foreign = { ...leaked, metadata: { name: '10.96.7.7' } };
    await server.post(ipAddresses, leaked);
    await server.post(ipAddresses, foreign);
    await server.clock.advance(59_000);
    expect(await itemsAt(server, ipAddresses)).toHaveLength(3);
    const names = async () => (await itemsAt(server, ipAddresses)).map(({ metadata }) => metadata.name);
    await eventually(server, async () => !(await names()).includes('fd00:10:96::99'));
    // What somebody else manages is left alone.
    expect(await names()).toContain('10.96.7.7');
    expect(await warnings(server)).toContainEqual([
      'IPAddressNotAllocated',
      'fd00:10:96::99',
      'IPAddress: fd00:10:96::99 for Service default/gone appears to have leaked: cleaning up',
    ]);
  });

  it('points a wrong reference at the service that has the address', async () => {
    const server = await boot(dual);
    await server.post(services, service('a', { clusterIP: '10.96.0.50' }));
    const wrong = await server.get(`${ipAddresses}/10.96.0.50`);
    await server.delete(`${ipAddresses}/10.96.0.50`);
    const { name, labels } = wrong.metadata;
    const parentRef = { resource: 'services', namespace: 'default', name: 'other' };
    await server.post(ipAddresses, { ...wrong, metadata: { name, labels }, spec: { parentRef } });
    await eventually(server, healed(server));
    expect((await server.get(`${ipAddresses}/10.96.0.50`)).spec.parentRef.name).toBe('a');
  });

  it('tells of addresses and ports that no range has any more', async () => {
    const kv = new MemoryKV();
    const first = await boot(['10.90.0.0/16'], kv);
    await first.post(services, service('a', { clusterIP: '10.90.0.9', type: 'NodePort' }));
    await first.delete(`${cidrs}/kubernetes`);
    await stop(first);
    const server = await boot(['10.96.0.0/16'], kv);
    await eventually(server, async () => (await warnings(server)).some(([reason]) => reason === 'ClusterIPOutOfRange'));
    expect(await warnings(server)).toContainEqual([
      'ClusterIPOutOfRange',
      'a',
      'Cluster IP [IPv4]: 10.90.0.9 is not within any configured Service CIDR; please recreate service',
    ]);
  });
});

describe('whatever is done to services', () => {
  const names = ['a', 'b', 'c'] as const;
  const policy = fc.constantFrom('SingleStack', 'PreferDualStack', 'RequireDualStack');
  const specs = fc.oneof(
    policy.map((ipFamilyPolicy) => ({ ipFamilyPolicy })),
    policy.map((ipFamilyPolicy) => ({ ipFamilyPolicy, ipFamilies: ['IPv6'] })),
    fc.constant({ clusterIP: '10.96.0.77' }),
    fc.constant({ clusterIP: 'None' }),
    fc.constant({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] }),
    fc.constant({ type: 'ExternalName', externalName: 'example.com', ports: [], clusterIP: undefined }),
    // Refused after its addresses were taken.
    fc.constant({ ports: [{ port: 80, protocol: 'NONE' }], ipFamilyPolicy: 'RequireDualStack' }),
  );
  const name = fc.constantFrom(...names);
  const steps = fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ act: fc.constant('create' as const), name, spec: specs }) },
      { weight: 3, arbitrary: fc.record({ act: fc.constant('update' as const), name, spec: specs }) },
      { weight: 2, arbitrary: fc.record({ act: fc.constant('delete' as const), name }) },
      { weight: 1, arbitrary: fc.record({ act: fc.constant('restart' as const) }) },
      { weight: 1, arbitrary: fc.record({ act: fc.constant('plant' as const), name }) },
    ),
    { minLength: 4, maxLength: 14 },
  );

  it('their addresses and the IPAddress objects are the same', async () => {
    let succeeded = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const kv = new MemoryKV();
        const clock = new VirtualClock({ startMs: Date.UTC(2026, 0, 1) });
        let server = await boot(dual, kv, clock);
        const attempt = (work: Promise<unknown>) =>
          work.then(
            () => void succeeded++,
            (error) => expect(error.status.code, String(error)).toBeLessThan(500),
          );
        for (const step of sequence) {
          if (step.act === 'create') await attempt(server.post(services, service(step.name, step.spec)));
          else if (step.act === 'update') {
            await attempt(server.patch(`${services}/${step.name}`, { spec: structuredClone(step.spec) }));
          } else if (step.act === 'delete') await attempt(server.delete(`${services}/${step.name}`));
          else if (step.act === 'plant') {
            const [first] = await itemsAt(server, ipAddresses);
            if (first) await server.delete(`${ipAddresses}/${first.metadata.name}`);
            await eventually(server, healed(server));
          } else {
            await stop(server);
            server = await boot(dual, kv, clock);
          }
          await expectEqual(server);
        }
        await stop(server);
      }),
      { numRuns: 12, seed: 36 },
    );
    expect(succeeded).toBeGreaterThan(20);
  });
});
