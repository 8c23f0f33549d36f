/** `klab network explain` and `check`, and `klab proxy trace --backend`: from objects to the pages that are read. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { networkCheck, networkCheckText } from '../../../src/cli/network/check.ts';
import { explainWorld } from '../../../src/cli/network/explain.ts';
import { podNetWorld } from '../../../src/cli/network/world.ts';
import { carriedBy } from '../../../src/cli/proxy/trace-carry.ts';
import { Session } from '../../../src/cli/session.ts';
import type { NetworkCheckResult } from '../../../src/cluster/index.ts';
import { cliSession } from '../../helpers/cli-session.ts';

const node = (name: string, ip: string, podCIDR: string, more: any = {}) =>
  ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, annotations: more.annotations },
    spec: { podCIDR, podCIDRs: [podCIDR] },
    status: { addresses: [{ type: 'InternalIP', address: ip }], conditions: more.conditions },
  }) as any;
const pod = (name: string, nodeName: string, ip: string, spec: object = {}) =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName, ...spec },
    status: { phase: 'Running', podIPs: [{ ip }] },
  }) as any;

const nodes = [node('node-1', '192.168.0.12', '10.244.0.0/24'), node('node-2', '192.168.0.13', '10.244.1.0/24')];
const pods = [
  pod('a', 'node-1', '10.244.0.5'),
  pod('b', 'node-2', '10.244.1.7'),
  pod('proxy', 'node-1', '192.168.0.12', { hostNetwork: true }),
];
const objects = { nodes, pods, klab: true };

describe('what the models are made from', () => {
  test('nodes with IPv4 ranges and pods of those ranges; the network is what the ranges have in common', () => {
    const six = node('six', 'fd00::1', 'fd00:10:244::/64');
    const world = podNetWorld({ ...objects, nodes: [...nodes, six] }, {});
    expect(world.nodes.map(({ name }) => name)).toEqual(['node-1', 'node-2']);
    expect(world.pods.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(world.settings).toEqual({ network: '10.244.0.0/16', nodeSubnets: ['192.168.0.0/16'] });
    expect(world.imagined).toEqual([]);
    const apart = [node('x', '10.0.0.1', '10.7.0.0/24'), node('y', '10.0.0.2', '10.4.1.0/24')];
    expect(podNetWorld({ nodes: apart, pods: [], klab: false }, {}).settings.network).toBe('10.4.0.0/14');
  });

  test('flannel’s annotations name the backend, the VTEP and the address that nodes use', () => {
    const prefix = 'flannel.alpha.coreos.com';
    const annotations = {
      [`${prefix}/backend-type`]: 'vxlan',
      [`${prefix}/backend-data`]: '{"VNI":1,"VtepMAC":"be:ef:00:00:00:01"}',
      [`${prefix}/public-ip`]: '203.0.113.9',
    };
    const world = podNetWorld({ ...objects, nodes: [node('n', '10.0.0.1', '10.244.0.0/24', { annotations })] }, {});
    expect(world.found).toBe('vxlan');
    expect(world.nodes[0]).toMatchObject({ ip: '203.0.113.9', vtepMac: 'be:ef:00:00:00:01' });
    expect(world.imagined).toEqual([
      'node another-node',
      'pod example-on-n on n',
      'pod example-on-another-node on another-node',
    ]);
  });

  test('a cloud’s routes are seen in the nodes’ condition', () => {
    const conditions = [{ type: 'NetworkUnavailable', status: 'False', reason: 'RouteCreated' }];
    const routed = nodes.map(({ metadata, status, spec }) =>
      node(metadata.name, status.addresses[0].address, spec.podCIDR, { conditions }),
    );
    const text = explainWorld(podNetWorld({ ...objects, nodes: routed }, {}), { backend: 'bridge' });
    expect(text).toContain('the router knows that 10.244.1.0/24 is at node-2');
    expect(text).toContain('It arrives');
  });

  test('without what the models need it says so', () => {
    expect(() => podNetWorld({ nodes: [], pods: [], klab: true }, {})).toThrow('the cluster has no nodes');
    const six = node('six', 'fd00::1', 'fd00:10:244::/64');
    expect(() => podNetWorld({ nodes: [six], pods: [], klab: true }, {})).toThrow('the models are of IPv4');
  });
});

describe('klab network explain', () => {
  const world = podNetWorld(objects, {});
  const explain = (request: object) => explainWorld(world, request);

  test.each([
    ['compare', {}],
    ['vxlan', { backend: 'vxlan', protocol: 'udp', size: 100 }],
    ['udp', { backend: 'udp' }],
    ['ptp', { backend: 'ptp', from: 'pod/b', to: 'node/node-1' }],
  ])('the page of %s', async (name, request) => {
    await expect(`${explain(request)}\n`).toMatchFileSnapshot(`golden/explain-${name}.txt`);
  });

  test('data for scripts has every header with its offset and bytes', () => {
    const data = JSON.parse(explain({ backend: 'vxlan', output: 'json', protocol: 'udp', size: 100 }));
    const { frame } = data.hops.find((hop: any) => hop.frame);
    expect(frame.map(({ name, offset, size }: any) => [name, offset, size])).toEqual([
      ['Ethernet', 0, 14],
      ['outer IP', 14, 20],
      ['outer UDP', 34, 8],
      ['VXLAN', 42, 8],
      ['inner Ethernet', 50, 14],
      ['inner IP', 64, 20],
      ['inner UDP', 84, 8],
      ['data', 92, 72],
    ]);
    expect(frame[3].fields[2]).toEqual({ name: 'VNI', offset: 46, size: 3, bytes: '000001', value: '1' });
    expect(data).toMatchObject({ arrived: true, overhead: 50, copies: 2, mtu: 1450 });
    const all = JSON.parse(explain({ output: 'json' }));
    expect(all.backends.map(({ backend }: any) => backend)).toEqual(['bridge', 'ptp', 'udp', 'vxlan', 'host-gw']);
  });

  test('a node’s commands, or those of all nodes', () => {
    expect(explain({ backend: 'host-gw', output: 'script', node: 'node-2' })).toMatch(/^#!\/bin\/sh -e\n/);
    expect(explain({ backend: 'host-gw', output: 'script' }).match(/^#!\/bin\/sh -e$/gm)).toHaveLength(2);
    expect(explain({ backend: 'vxlan', node: 'node-1' })).toContain('$ bridge fdb\n');
  });

  test('what arrives and cannot be answered is told as such', () => {
    const request = { backend: 'ptp', from: 'pod/b', to: 'node/node-1' };
    expect(explain(request)).toContain('The answer does not come back: node-1 has no route to 10.244.1.0/24');
    expect(explain({ ...request, backend: 'vxlan' })).not.toContain('The answer');
  });

  test.each([
    [{ from: 'svc/web' }, '--from is pod/NAME or node/NAME, not "svc/web"'],
    [{ from: 'pod/proxy' }, "it does not run, or is on the host's network"],
    [{ to: 'node/gone' }, 'nodes "gone" not found'],
    [{ backend: 'vxlan', node: 'gone' }, 'nodes "gone" not found'],
    [{ output: 'script' }, 'say whose: --backend NAME'],
  ])('%j is refused', (request, message) => {
    expect(() => explain(request)).toThrow(message);
  });
});

describe('flannel’s configuration from a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'klab-net-conf-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (text: string) => {
    const path = join(folder, 'conf');
    writeFileSync(path, text);
    return path;
  };
  const conf = '{"Network":"10.244.0.0/15","Backend":{"Type":"vxlan","VNI":7,"Port":4789}}';

  test('as it is, or in the manifest of its ConfigMap; flags go before it', () => {
    const manifest = `apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-flannel}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: kube-flannel-cfg}\ndata:\n  net-conf.json: |\n    ${conf}\n`;
    for (const text of [conf, manifest]) {
      const world = podNetWorld(objects, { netConf: file(text), port: 8472 });
      expect(world.settings).toMatchObject({ network: '10.244.0.0/15', vni: 7, port: 8472 });
      expect(world.found).toBe('vxlan');
    }
  });

  it('what is wrong with it is said with the file’s name', () => {
    expect(() => podNetWorld(objects, { netConf: file('{"Network":1}') })).toThrow(
      /conf: please define a correct Network/,
    );
    expect(() => podNetWorld(objects, { netConf: file('kind: Pod') })).toThrow(/neither net-conf.json nor a manifest/);
    expect(() => podNetWorld(objects, { netConf: join(folder, 'none') })).toThrow(/cannot read/);
  });
});

describe('klab network check', () => {
  const result: NetworkCheckResult = {
    port: 33_434,
    seed: '1',
    pods: [
      { name: 'pod/default/a', node: 'node-1', ips: ['10.244.0.5'] },
      { name: 'pod/default/b', node: 'node-2', ips: ['10.244.1.7'] },
    ],
    podsTotal: 9,
    nodes: ['node-1'],
    connections: 6,
    failures: [
      {
        from: 'pod/default/a',
        to: 'pod/default/b',
        address: '10.244.1.7',
        rule: 'reach',
        reason: 'denied: x',
        policies: ['x'],
      },
      {
        from: 'node/node-1',
        to: 'pod/default/b',
        address: '10.244.1.7',
        rule: 'address',
        reason: 'is seen as 1.2.3.4',
      },
    ],
  };

  test('the matrix, the rules, and the reasons', async () => {
    await expect(`${networkCheckText(result)}\n`).toMatchFileSnapshot('golden/check.txt');
    expect(networkCheckText({ ...result, failures: [] })).not.toContain('✗');
  });

  it('is for klab’s network only, and says what works elsewhere', async () => {
    const foreign = new Session(cliSession().client);
    await expect(networkCheck(foreign, {})).rejects.toThrow(
      'klab network explain and klab proxy trace work on any cluster',
    );
  });
});

describe('klab proxy trace --backend', () => {
  const trace = (end: object, tried: object) =>
    ({
      node: 'node-1',
      chosen: 0,
      connection: { protocol: 'tcp' },
      outcomes: [{ end, tried, destination: '10.244.1.7:80' }],
    }) as any;
  const toB = { kind: 'pod', namespace: 'default', name: 'b', node: 'node-2' };

  test('tells what happens between the nodes', () => {
    const carried = carriedBy('vxlan', objects, pods[0], trace(toB, { 'node-1': 3, 'node-2': 4 }))!;
    expect(carried).toMatchObject({ from: 'node-1', to: 'node-2', mtu: 1450, overhead: 50, arrived: true });
    expect(carried.hops[0]!.route).toMatchObject({ dst: '10.244.1.0/24', dev: 'flannel.1' });
    expect(carriedBy('bridge', objects, pods[0], trace(toB, { 'node-1': 3, 'node-2': 4 }))).toMatchObject({
      arrived: false,
      reason: expect.stringContaining('no route to 10.244.1.0/24'),
    });
  });

  test('says nothing of what stays on a node or leaves the cluster', () => {
    const same = { ...toB, node: 'node-1', name: 'a' };
    expect(carriedBy('vxlan', objects, pods[0], trace(same, { 'node-1': 3 }))).toBeUndefined();
    expect(carriedBy('vxlan', objects, pods[0], trace({ kind: 'outside' }, { 'node-1': 3 }))).toBeUndefined();
  });

  test('a node that sends does so from the interface towards the pods', () => {
    const carried = carriedBy('vxlan', objects, undefined, trace(toB, { 'node-1': 3, 'node-2': 4 }))!;
    expect(carried.hops.at(-1)!.what).toContain('from 10.244.0.0');
  });
});
