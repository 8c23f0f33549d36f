import { describe, expect, it } from 'vitest';
import { type KubeObject, newAlreadyExists } from '../../../src/apimachinery/index.ts';
import type { IpAddressWriter } from '../../../src/apiserver/allocators/ip-address-objects.ts';
import { NumberRange, staticBand } from '../../../src/apiserver/allocators/number-range.ts';
import { ServiceAllocator } from '../../../src/apiserver/allocators/service-allocator.ts';
import { Prng, silentLogger } from '../../../src/base/index.ts';
import { FakeReader } from '../fake-reader.ts';

const write = { dryRun: false };

const dual = { serviceCidrs: ['10.96.0.0/16', 'fd00:10:96::/112'] };
const addresses = 'ipaddresses.networking.k8s.io';

/** IPAddress objects go straight into the reader. */
function writerOf(reader: FakeReader): IpAddressWriter {
  return {
    async create(object) {
      const name = object.metadata.name!;
      if (reader.get(addresses, '', name)) throw newAlreadyExists({ group: 'networking.k8s.io', resource: 'x' }, name);
      reader.set(addresses, object);
    },
    async delete(name) {
      reader.remove(addresses, '', name);
    },
  };
}

function allocator(options = {}, reader = new FakeReader()) {
  const prng = new Prng('services');
  const services = new ServiceAllocator({ reader, writer: writerOf(reader), prng, log: silentLogger }, options);
  services.rebuild();
  services.booted();
  return services;
}

const addressNames = (reader: FakeReader) =>
  reader
    .list(addresses)
    .map(({ metadata }) => metadata.name)
    .sort();

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
  await (await services.beginCreate(object, write))?.(true);
  return object;
}

async function update(services: ServiceAllocator, old: KubeObject, spec: object) {
  const object = { ...structuredClone(old), spec: { ...structuredClone(old.spec), ...spec } };
  await (await services.beginUpdate(object, old, write))?.(true);
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
    await expect(services.beginCreate(service({ clusterIP: '10.96.0.10' }), write)).rejects.toThrow(
      'Service "s" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
    );
    await services.afterDelete(first);
    await create(services, { clusterIP: '10.96.0.10' });
  });

  it.each(['10.97.0.1', '10.96.0.0', '10.96.255.255'])('refuses %s, which is not to be had', async (clusterIP) => {
    await expect(allocator().beginCreate(service({ clusterIP }), write)).rejects.toThrow(
      `failed to allocate IP ${clusterIP}: the provided network does not match the current range`,
    );
  });

  it('refuses what is no address', async () => {
    await expect(allocator().beginCreate(service({ clusterIP: 'x' }), write)).rejects.toThrow(
      'spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address',
    );
  });

  it('are given back when the write fails or was a dry run', async () => {
    const services = allocator();
    await (await services.beginCreate(service({ clusterIP: '10.96.0.10' }), write))?.(false);
    await (await services.beginCreate(service({ clusterIP: '10.96.0.10' }), { dryRun: true }))?.(true);
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
    const services = allocator({ serviceCidrs: ['10.0.0.0/29'] });
    for (let i = 0; i < 6; i++) await create(services, {});
    await expect(services.beginCreate(service({}), write)).rejects.toThrow(
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

  it('refuses IPv6 and dual stack, which this cluster has not', async () => {
    await expect(allocator().beginCreate(service({ ipFamilies: ['IPv6'] }), write)).rejects.toThrow(
      'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
    );
    await expect(allocator().beginCreate(service({ ipFamilyPolicy: 'RequireDualStack' }), write)).rejects.toThrow(
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
    const again = (nodePort: number) =>
      services.beginCreate(service({ type: 'NodePort', ports: [port(80, { nodePort })] }), write);
    await expect(again(30_080)).rejects.toThrow(
      'spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
    );
    await expect(again(80)).rejects.toThrow(
      'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
    );
  });

  it('leave nothing behind when one of several is refused', async () => {
    const services = allocator();
    await create(services, { type: 'NodePort', ports: [port(80, { nodePort: 30_080 })] });
    const ports = [port(1, { nodePort: 30_001 }), port(2, { nodePort: 30_080 })];
    await expect(
      services.beginCreate(service({ type: 'NodePort', clusterIP: '10.96.0.9', ports }), write),
    ).rejects.toThrow('already allocated');
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

it('takes the ports that the stored services have at start', async () => {
  const reader = new FakeReader().set(
    'services',
    service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] }),
  );
  const services = allocator({}, reader);
  expect(services.firstIp).toBe('10.96.0.1');
  const ports = [{ port: 80, nodePort: 30_080 }];
  await expect(services.beginCreate(service({ type: 'NodePort', ports }), write)).rejects.toThrow('already allocated');
});

describe('IPAddress objects', () => {
  it('say what is taken, for whom, and go with the service', async () => {
    const reader = new FakeReader();
    const services = allocator(dual, reader);
    const made = await create(services, { ipFamilyPolicy: 'PreferDualStack', clusterIP: '10.96.0.10' });
    expect(reader.get(addresses, '', '10.96.0.10')).toEqual({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IPAddress',
      metadata: {
        name: '10.96.0.10',
        labels: {
          'ipaddress.kubernetes.io/ip-family': 'IPv4',
          'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
        },
      },
      spec: { parentRef: { resource: 'services', namespace: 'a', name: 's' } },
    });
    expect(addressNames(reader)).toEqual([...made.spec.clusterIPs].sort());
    await services.afterDelete(made);
    expect(addressNames(reader)).toEqual([]);
  });

  it('are named canonically, whatever a client writes', async () => {
    const reader = new FakeReader();
    const { spec } = await create(allocator(dual, reader), { clusterIP: 'fd00:10:96:0:0:0:0:A' });
    expect(spec.clusterIPs).toEqual(['fd00:10:96:0:0:0:0:A']);
    expect(addressNames(reader)).toEqual(['fd00:10:96::a']);
  });

  it('are taken back when the second family is full or the service is refused later', async () => {
    const reader = new FakeReader();
    const services = allocator({ serviceCidrs: ['10.96.0.0/16', 'fd00::/127'] }, reader);
    await create(services, { ipFamilies: ['IPv6'] });
    const policy = { ipFamilyPolicy: 'RequireDualStack' };
    await expect(services.beginCreate(service(policy, 'b'), write)).rejects.toThrow('range is full');
    expect(addressNames(reader)).toEqual(['fd00::1']);
    await (await services.beginCreate(service({}, 'c'), write))?.(false);
    expect(addressNames(reader)).toEqual(['fd00::1']);
  });

  it('pass over an address that the cache does not show yet', async () => {
    const reader = new FakeReader();
    const writer = writerOf(reader);
    const tried: string[] = [];
    const racing: IpAddressWriter = {
      ...writer,
      async create(object) {
        tried.push(object.metadata.name!);
        if (tried.length === 1) throw newAlreadyExists({ group: 'networking.k8s.io', resource: 'x' }, tried[0]!);
        await writer.create(object);
      },
    };
    const services = new ServiceAllocator({ reader, writer: racing, prng: new Prng('r'), log: silentLogger });
    const { spec } = await create(services, {});
    expect(tried).toHaveLength(2);
    expect(spec.clusterIP).toBe(tried[1]);
  });

  it('are not written by a dry run, which answers with the network itself', async () => {
    const reader = new FakeReader();
    const services = allocator(dual, reader);
    const object = service({ ipFamilyPolicy: 'RequireDualStack' });
    await (await services.beginCreate(object, { dryRun: true }))?.(true);
    expect(object.spec.clusterIPs).toEqual(['10.96.0.0', 'fd00:10:96::']);
    expect(addressNames(reader)).toEqual([]);
    await expect(services.beginCreate(service({ clusterIP: '10.0.0.1' }), { dryRun: true })).rejects.toThrow(
      'failed to allocate IP 10.0.0.1: the provided IP (10.0.0.1) is not in the valid range. The range of valid IPs is 10.96.0.0/16',
    );
  });
});

describe('ServiceCIDRs', () => {
  const cidr = (name: string, cidrs: string[], status = 'True'): KubeObject => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name },
    spec: { cidrs },
    status: { conditions: [{ type: 'Ready', status }] },
  });
  const resource = 'servicecidrs.networking.k8s.io';

  it('beyond the first serve when that is full', async () => {
    const reader = new FakeReader().set(resource, cidr('kubernetes', ['10.0.0.0/29']));
    const services = allocator({ serviceCidrs: ['10.0.0.0/29'] }, reader);
    for (let i = 0; i < 6; i++) await create(services, {}, `s${i}`);
    await expect(services.beginCreate(service({}), write)).rejects.toThrow('range is full');
    reader.set(resource, cidr('more', ['10.1.0.0/24']));
    const { spec } = await create(services, {});
    expect(spec.clusterIP).toMatch(/^10\.1\.0\./);
    await create(services, { clusterIP: '10.1.0.7' }, 'chosen');
  });

  it('serve only while they are ready', async () => {
    const reader = new FakeReader().set(resource, cidr('kubernetes', ['10.0.0.0/29'], 'False'));
    const services = allocator({ serviceCidrs: ['10.0.0.0/29'] }, reader);
    await expect(services.beginCreate(service({}), write)).rejects.toThrow('range is full');
    await expect(services.beginCreate(service({ clusterIP: '10.0.0.2' }), write)).rejects.toThrow(
      'the provided network does not match the current range',
    );
    reader.set(resource, cidr('twin', ['10.0.0.0/29']));
    await create(services, { clusterIP: '10.0.0.2' });
  });
});

describe('dual stack', () => {
  it('gives to each what it asks for', async () => {
    const services = allocator(dual);
    const families = async (spec: object) => (await create(services, spec)).spec;
    expect(await families({})).toMatchObject({ ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' });
    expect(await families({ ipFamilies: ['IPv6'] })).toMatchObject({ ipFamilies: ['IPv6'] });
    const prefer = await families({ ipFamilyPolicy: 'PreferDualStack' });
    expect(prefer.ipFamilies).toEqual(['IPv4', 'IPv6']);
    expect(prefer.clusterIPs[1]).toMatch(/^fd00:10:96::/);
    const six = await families({ ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6'] });
    expect(six).toMatchObject({ ipFamilies: ['IPv6', 'IPv4'], clusterIP: six.clusterIPs[0] });
    expect(six.clusterIP).toMatch(/^fd00/);
    const chosen = await families({ ipFamilyPolicy: 'PreferDualStack', clusterIP: 'fd00:10:96::77' });
    expect(chosen).toMatchObject({ ipFamilies: ['IPv6', 'IPv4'], clusterIP: 'fd00:10:96::77' });
    const headless = await families({ ipFamilyPolicy: 'PreferDualStack', clusterIP: 'None', selector: { a: 'b' } });
    expect(headless).toMatchObject({ ipFamilies: ['IPv4', 'IPv6'], clusterIPs: ['None'] });
  });

  it('has the family of the first range as its default', async () => {
    const services = allocator({ serviceCidrs: ['fd00:10:96::/112', '10.96.0.0/16'] });
    expect(services.firstIp).toBe('fd00:10:96::1');
    expect((await create(services, {})).spec.ipFamilies).toEqual(['IPv6']);
  });

  it('is gained and given up by an update', async () => {
    const reader = new FakeReader();
    const services = allocator(dual, reader);
    const single = await create(services, {});
    const both = await update(services, single, { ipFamilyPolicy: 'PreferDualStack' });
    expect(both.spec.clusterIPs[0]).toBe(single.spec.clusterIP);
    expect(addressNames(reader)).toEqual([...both.spec.clusterIPs].sort());
    const again = await update(services, both, { ipFamilyPolicy: 'SingleStack' });
    expect(again.spec).toMatchObject({ ipFamilies: ['IPv4'], clusterIPs: [single.spec.clusterIP] });
    expect(addressNames(reader)).toEqual([single.spec.clusterIP]);
  });

  it('is not lost by leaving out the second family, nor had under SingleStack', async () => {
    const services = allocator(dual);
    const both = await create(services, { ipFamilyPolicy: 'PreferDualStack' });
    await expect(update(services, both, { ipFamilies: ['IPv4'] })).rejects.toThrow(
      `spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be 'SingleStack' to release the secondary IP family`,
    );
    await expect(create(services, { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4', 'IPv6'] })).rejects.toThrow(
      "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
    );
  });

  it('does not come by itself to a service that prefers it, when the cluster gets a second range', async () => {
    const reader = new FakeReader();
    const old = await create(allocator({}, reader), { ipFamilyPolicy: 'PreferDualStack' });
    expect(old.spec.clusterIPs).toHaveLength(1);
    const services = allocator(dual, reader);
    expect((await update(services, old, { selector: { a: 'b' } })).spec.clusterIPs).toHaveLength(1);
    expect((await update(services, old, { ipFamilyPolicy: 'RequireDualStack' })).spec.clusterIPs).toHaveLength(2);
  });
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
