/** Real kubectl and a cluster of two address families: services, nodes, pods, names, rules, further ranges. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, Lab } from '../helpers/lab.ts';

const lab = new Lab();
beforeAll(async () => {
  await lab.klab('up', '--nodes', '3', '--', '--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112');
  await lab.kubectl('create', 'deployment', 'web', '--image=nginx:1.27', '--replicas=3', '--port=80');
  await lab.kubectl('run', 'client', '--image=busybox', '--restart=Never', '--', 'sleep', '3600');
  await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  await lab.kubectl('wait', 'pod/client', '--for=condition=Ready', '--timeout=60s');
});
afterAll(() => lab.dispose());

const isIpv6 = (ip: string) => ip.includes(':');
const service = (name: string, spec: object) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: 'web' }, ports: [{ port: 80 }], ...spec },
  });

async function apply(text: string): Promise<void> {
  const { code, stderr } = await lab.tryKubectl(['apply', '-f', '-'], { input: text });
  expect(stderr).toBe('');
  expect(code).toBe(0);
}

const inClient = (...command: string[]) => lab.kubectl('exec', 'client', '--', ...command);

describe('machines and pods', () => {
  it('nodes have a range and an address of each family, pods an address of each', async () => {
    const nodes = (await lab.json('get', 'nodes')).items;
    for (const { spec, status } of nodes) {
      expect(spec.podCIDRs.map(isIpv6)).toEqual([false, true]);
      const internal = status.addresses.filter(({ type }: any) => type === 'InternalIP');
      expect(internal.map(({ address }: any) => isIpv6(address))).toEqual([false, true]);
    }
    const pods = (await lab.json('get', 'pods')).items;
    expect(pods).toHaveLength(4);
    for (const { status } of pods) {
      expect(status.podIPs.map(({ ip }: any) => isIpv6(ip))).toEqual([false, true]);
      expect(status.hostIPs.map(({ ip }: any) => isIpv6(ip))).toEqual([false, true]);
      expect(status.podIP).toBe(status.podIPs[0].ip);
    }
  });
});

describe('a service of both families', () => {
  let ips: string[];
  beforeAll(async () => {
    await apply(service('web', { ipFamilyPolicy: 'RequireDualStack', type: 'NodePort' }));
    ips = (await lab.json('get', 'service', 'web')).spec.clusterIPs;
  });

  it('has an address and a slice of each, and an IPAddress for each address', async () => {
    expect(ips.map(isIpv6)).toEqual([false, true]);
    const slices = await eventually(
      async () => (await lab.json('get', 'endpointslices', '-l', 'kubernetes.io/service-name=web')).items,
      (items) => items.length === 2 && items.every((slice: any) => slice.endpoints.length === 3),
    );
    expect(slices.map(({ addressType }: any) => addressType).sort()).toEqual(['IPv4', 'IPv6']);
    for (const ip of ips) {
      expect(await lab.kubectl('get', 'ipaddress', ip, '--no-headers')).toMatch(/services\/default\/web/);
    }
  });

  it('is reached over both, by address, by name and by the port of every node', async () => {
    for (const host of [ips[0]!, `[${ips[1]}]`, 'web']) {
      expect(await inClient('wget', '-qO-', `http://${host}/`)).toContain('Welcome to nginx!');
    }
    const lookup = await inClient('nslookup', 'web');
    for (const ip of ips) expect(lookup).toContain(ip);
    const { nodePort } = (await lab.json('get', 'service', 'web')).spec.ports[0];
    for (const { address, type } of (await lab.json('get', 'node', 'node-2')).status.addresses) {
      if (type !== 'InternalIP') continue;
      const host = isIpv6(address) ? `[${address}]` : address;
      expect(await inClient('wget', '-qO-', `http://${host}:${nodePort}/`)).toContain('Welcome to nginx!');
    }
  });

  it('has rules of both in what the proxy would load', async () => {
    const both = await lab.klab('proxy', 'rules', '--service', 'default/web');
    for (const ip of ips) expect(both).toContain(`-d ${ip} --dport 80`);
    expect(await lab.klab('proxy', 'rules', '--service', 'default/web', '--family', 'ipv6')).not.toContain(ips[0]);
  });

  it('gives its second family up and gets another address when it asks again', async () => {
    const patch = (spec: object) => lab.kubectl('patch', 'service', 'web', '-p', JSON.stringify({ spec }));
    await patch({ ipFamilyPolicy: 'SingleStack' });
    expect((await lab.json('get', 'service', 'web')).spec).toMatchObject({
      clusterIPs: [ips[0]],
      ipFamilies: ['IPv4'],
    });
    await eventually(
      async () => (await lab.tryKubectl(['get', 'ipaddress', ips[1]!])).code,
      (code) => code === 1,
    );
    await patch({ ipFamilyPolicy: 'PreferDualStack' });
    expect((await lab.json('get', 'service', 'web')).spec.ipFamilies).toEqual(['IPv4', 'IPv6']);
  });
});

describe('ranges of service addresses', () => {
  it('can be added, chosen from, and deleted only when nobody has an address of them', async () => {
    const more = { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name: 'more' } };
    await apply(JSON.stringify({ ...more, spec: { cidrs: ['10.200.0.0/24'] } }));
    await lab.kubectl('wait', 'servicecidr/more', '--for=condition=Ready', '--timeout=20s');
    await apply(service('chosen', { clusterIP: '10.200.0.9' }));
    const taken = await lab.tryKubectl(['apply', '-f', '-'], {
      input: service('late', { clusterIP: '10.200.0.9' }),
    });
    expect(taken.stderr).toContain('failed to allocate IP 10.200.0.9: provided IP is already allocated');
    await lab.kubectl('delete', 'servicecidr', 'more', '--wait=false');
    await lab.kubectl('wait', 'servicecidr/more', '--for=condition=Ready=False', '--timeout=20s');
    await lab.kubectl('delete', 'service', 'chosen');
    await lab.kubectl('wait', 'servicecidr/more', '--for=delete', '--timeout=30s');
  });
});
