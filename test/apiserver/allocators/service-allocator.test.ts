import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/apimachinery/index.ts';
import { NumberRange, staticBand } from '../../../src/apiserver/allocators/number-range.ts';
import { ServiceAllocator } from '../../../src/apiserver/allocators/service-allocator.ts';
import { Prng } from '../../../src/base/index.ts';
import { FakeReader } from '../fake-reader.ts';

const write = { dryRun: false };

function allocator(options = {}, reader = new FakeReader()) {
  const services = new ServiceAllocator({ reader, prng: new Prng('services') }, options);
  services.rebuild();
  return services;
}

function service(spec: object, name = 's'): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'a' },
    spec: { type: 'ClusterIP', ports: [], ...spec },
  };
}

/** Creates and commits; returns the service. */
async function create(services: ServiceAllocator, spec: object, name = 's') {
  const object = service(spec, name);
  await services.beginCreate(object, write)?.(true);
  return object;
}

async function update(services: ServiceAllocator, old: KubeObject, spec: object) {
  const object = { ...structuredClone(old), spec: { ...structuredClone(old.spec), ...spec } };
  await services.beginUpdate(object, old, write)?.(true);
  return object;
}

describe('cluster IPs', () => {
  it('are handed out above the band that people choose from', async () => {
    const { spec } = await create(allocator(), {});
    expect(spec).toMatchObject({ ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'], clusterIPs: [spec.clusterIP] });
    const [a, b, c, d] = spec.clusterIP.split('.').map(Number);
    expect([a, b]).toEqual([10, 96]);
    expect(c * 256 + d).toBeGreaterThan(256);
  });

  it('can be chosen once', async () => {
    const services = allocator();
    const first = await create(services, { clusterIP: '10.96.0.10' });
    expect(first.spec.clusterIPs).toEqual(['10.96.0.10']);
    expect(() => services.beginCreate(service({ clusterIP: '10.96.0.10' }), write)).toThrow(
      'Service "s" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
    );
    services.afterDelete(first);
    await create(services, { clusterIP: '10.96.0.10' });
  });

  it.each(['10.97.0.1', '10.96.0.0', '10.96.255.255'])('refuses %s, which is not to be had', (clusterIP) => {
    expect(() => allocator().beginCreate(service({ clusterIP }), write)).toThrow(
      `failed to allocate IP ${clusterIP}: the provided network does not match the current range`,
    );
  });

  it('refuses what is no address', () => {
    expect(() => allocator().beginCreate(service({ clusterIP: 'x' }), write)).toThrow(
      'spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address',
    );
  });

  it('are given back when the write fails or was a dry run', async () => {
    const services = allocator();
    await services.beginCreate(service({ clusterIP: '10.96.0.10' }), write)?.(false);
    await services.beginCreate(service({ clusterIP: '10.96.0.10' }), { dryRun: true })?.(true);
    await create(services, { clusterIP: '10.96.0.10' });
  });

  it('are not needed by headless and external services', async () => {
    const services = allocator();
    const headless = await create(services, { clusterIP: 'None', selector: { a: 'b' } });
    expect(headless.spec).toMatchObject({ clusterIPs: ['None'], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' });
    const selectorless = await create(services, { clusterIP: 'None' });
    expect(selectorless.spec).toMatchObject({ ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' });
    const external = await create(services, { type: 'ExternalName', externalName: 'x.y' });
    expect(external.spec.clusterIP).toBeUndefined();
  });

  it('run out', async () => {
    const services = allocator({ serviceCidr: '10.0.0.0/29' });
    for (let i = 0; i < 6; i++) await create(services, {});
    expect(() => services.beginCreate(service({}), write)).toThrow(
      'Internal error occurred: failed to allocate a serviceIP for Service "s": range is full',
    );
  });

  it('are kept by an update that does not name them, and released by a change to ExternalName', async () => {
    const services = allocator();
    const old = await create(services, { clusterIP: '10.96.0.10' });
    const silent = await update(services, old, { clusterIP: undefined, clusterIPs: undefined });
    expect(silent.spec.clusterIP).toBe('10.96.0.10');
    const external = await update(services, silent, {
      type: 'ExternalName',
      clusterIP: undefined,
      clusterIPs: undefined,
    });
    await create(services, { clusterIP: '10.96.0.10' });
    const back = await update(services, external, { type: 'ClusterIP' });
    expect(back.spec.clusterIP).toMatch(/^10\.96\./);
    expect(back.spec.clusterIP).not.toBe('10.96.0.10');
  });

  it('refuses IPv6 and dual stack, which this cluster has not', () => {
    expect(() => allocator().beginCreate(service({ ipFamilies: ['IPv6'] }), write)).toThrow(
      'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
    );
    expect(() => allocator().beginCreate(service({ ipFamilyPolicy: 'RequireDualStack' }), write)).toThrow(
      'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
    );
  });
});

describe('node ports', () => {
  const port = (port: number, extra: object = {}) => ({ name: `p${port}`, port, protocol: 'TCP', ...extra });

  it('are handed out per port, one for the same port over two protocols', async () => {
    const { spec } = await create(allocator(), {
      type: 'NodePort',
      ports: [port(53), port(53, { name: 'udp', protocol: 'UDP' }), port(80)],
    });
    const [tcp, udp, web] = spec.ports.map((each: any) => each.nodePort);
    expect(tcp).toBe(udp);
    expect(web).not.toBe(tcp);
    for (const each of [tcp, web]) expect(each >= 30_086 && each <= 32_767).toBe(true);
  });

  it('can be chosen once and in range only', async () => {
    const services = allocator();
    await create(services, { type: 'NodePort', ports: [port(80, { nodePort: 30_080 })] });
    const again = (nodePort: number) => () =>
      services.beginCreate(service({ type: 'NodePort', ports: [port(80, { nodePort })] }), write);
    expect(again(30_080)).toThrow('spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated');
    expect(again(80)).toThrow(
      'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
    );
  });

  it('leave nothing behind when one of several is refused', async () => {
    const services = allocator();
    await create(services, { type: 'NodePort', ports: [port(80, { nodePort: 30_080 })] });
    const ports = [port(1, { nodePort: 30_001 }), port(2, { nodePort: 30_080 })];
    expect(() => services.beginCreate(service({ type: 'NodePort', clusterIP: '10.96.0.9', ports }), write)).toThrow();
    await create(services, { type: 'NodePort', clusterIP: '10.96.0.9', ports: [port(1, { nodePort: 30_001 })] });
  });

  it('survive updates by name and are released with the type', async () => {
    const services = allocator();
    const old = await create(services, { type: 'NodePort', ports: [port(80, { nodePort: 30_080 })] });
    const silent = await update(services, old, { ports: [port(80), port(81)] });
    expect(silent.spec.ports[0].nodePort).toBe(30_080);
    expect(silent.spec.ports[1].nodePort).toBeGreaterThan(30_000);
    await update(services, silent, { type: 'ClusterIP', ports: [port(80)] });
    await create(services, { type: 'NodePort', ports: [port(80, { nodePort: 30_080 })] });
  });

  it('serve health checks of local load balancers', async () => {
    const services = allocator();
    const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', allocateLoadBalancerNodePorts: false };
    const balancer = await create(services, { ...spec, ports: [port(80)] });
    expect(balancer.spec.healthCheckNodePort).toBeGreaterThan(30_000);
    expect(balancer.spec.ports[0].nodePort).toBeUndefined();
  });
});

it('takes what the stored services have at start', () => {
  const reader = new FakeReader().set(
    'services',
    service({
      type: 'NodePort',
      clusterIP: '10.96.0.10',
      clusterIPs: ['10.96.0.10'],
      ports: [{ port: 80, nodePort: 30_080 }],
    }),
  );
  const services = allocator({}, reader);
  expect(services.firstIp).toBe('10.96.0.1');
  expect(() => services.beginCreate(service({ clusterIP: '10.96.0.10' }), write)).toThrow('already allocated');
});

describe('number range', () => {
  it('hands out every number exactly once', () => {
    const range = new NumberRange(100, 16, new Prng('n'));
    const got = Array.from({ length: 100 }, () => range.allocateNext()!);
    expect(new Set(got).size).toBe(100);
    expect(Math.min(...got.slice(0, 84))).toBe(16);
    expect(range.allocateNext()).toBeUndefined();
    range.release(5);
    expect(range.allocateNext()).toBe(5);
  });

  it('keeps a static band as KEP-3070 says', () => {
    const ip = { min: 16, max: 256, step: 16 };
    expect([8, 32, 4096, 65_536].map((size) => staticBand(size, ip))).toEqual([0, 16, 256, 256]);
    expect(staticBand(2768, { min: 16, max: 128, step: 32 })).toBe(86);
  });
});
