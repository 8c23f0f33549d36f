/** What each mode makes of one setting, written from upstream's formulas. */
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import { ruleText } from '../../src/net/index.ts';
import {
  ipsetRestoreInput,
  iptablesRules,
  ipvsadmRestoreInput,
  ipvsRules,
  nftablesRules,
  nftCommands,
  type ProxyConfig,
  proxyScript,
  resolveConfig,
  servicePorts,
} from '../../src/proxy/index.ts';
import { config, everything, service, slice } from './objects.ts';

interface Input {
  readonly services: readonly KubeObject[];
  readonly endpointSlices: readonly KubeObject[];
}

function made(input: Input, overrides: Partial<ProxyConfig> = {}) {
  const resolved = resolveConfig({ ...config, ...overrides });
  const ports = servicePorts(input.services, input.endpointSlices, resolved.family, resolved.node);
  const iptables = iptablesRules(ports, resolved);
  const ipvs = ipvsRules(ports, resolved);
  return {
    iptables: [...iptables.filter.rules, ...iptables.nat.rules].map(ruleText),
    ipvs: [...ipvs.filter.rules, ...ipvs.nat.rules].map(ruleText),
    nftables: nftCommands(nftablesRules(ports, resolved)),
    sets: ipsetRestoreInput(ipvs, resolved).split('\n'),
    servers: ipvsadmRestoreInput(ipvs).split('\n'),
    ports,
  };
}

const web = (spec: Record<string, unknown>, status?: unknown): Input => ({
  services: [service('a', 'web', { clusterIP: '172.30.0.1', ports: [{ name: 'p', port: 80 }], ...spec }, status)],
  endpointSlices: [slice('a', 'web', [['p', 8080]], [{ ip: '10.180.0.1', node: 'other' }])],
});

const balanced = (ranges: string[], more: Record<string, unknown> = {}): Input =>
  web(
    {
      type: 'LoadBalancer',
      ports: [{ name: 'p', port: 80, nodePort: 30080 }],
      loadBalancerSourceRanges: ranges,
      ...more,
    },
    { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } },
  );

const containing = (lines: readonly string[], ...words: string[]) =>
  lines.filter((line) => words.every((word) => line.includes(word)));

describe('local traffic', () => {
  const local = balanced([], { externalTrafficPolicy: 'Local' });

  it.each([
    [{ by: 'cidr', cidr: '10.1.0.0/24' }, '-s 10.1.0.0/24', 'ip saddr', '10.1.0.0/24'],
    [{ by: 'interface', name: 'cbr0' }, '-i cbr0', 'iifname', 'cbr0'],
    [{ by: 'interface-prefix', prefix: 'veth' }, '-i veth+', 'iifname', 'veth*'],
  ] as const)('is told by %o', (localDetector, iptables, selector, value) => {
    const rules = made(local, { localDetector });
    expect(containing(rules.iptables, 'cluster IP', `! ${iptables} -j KUBE-MARK-MASQ`)).toHaveLength(1);
    expect(containing(rules.iptables, 'pod traffic for a/web:p', `${iptables} -j KUBE-SVC-`)).toHaveLength(1);
    expect(containing(rules.nftables, `ip daddr @cluster-ips ${selector} != ${value} mark set`)).toHaveLength(1);
    expect(containing(rules.nftables, `${selector} ${value} goto service-`, 'short-circuit pod')).toHaveLength(1);
    expect(containing(rules.ipvs, `KUBE-CLUSTER-IP dst,dst ! ${iptables} -j KUBE-MARK-MASQ`)).toHaveLength(1);
  });

  it('unknown: nothing is masqueraded for its source, and IPVS masquerades what the node sends from a cluster IP', () => {
    const { clusterCIDR: _, ...without } = config;
    const rules = made(local, { ...without, clusterCIDR: undefined } as Partial<ProxyConfig>);
    expect(containing(rules.iptables, 'cluster IP', 'KUBE-MARK-MASQ')).toEqual([]);
    expect(containing(rules.iptables, 'pod traffic')).toEqual([]);
    expect(containing(rules.nftables, '@cluster-ips', 'mark set')).toEqual([]);
    expect(containing(rules.ipvs, 'KUBE-CLUSTER-IP src,dst -j KUBE-MARK-MASQ')).toHaveLength(1);
  });

  it('does not matter when all is masqueraded', () => {
    const rules = made(local, { masqueradeAll: true });
    expect(containing(rules.iptables, 'cluster IP', '--dport 80 -j KUBE-MARK-MASQ')).toHaveLength(1);
    expect(containing(rules.nftables, 'ip daddr @cluster-ips mark set mark or 0x004000')).toHaveLength(1);
    expect(containing(rules.ipvs, 'KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ')).toHaveLength(1);
  });
});

describe('node port addresses', () => {
  const nodePort = balanced([]);
  const node = { name: 'test-node', labels: {}, ips: ['192.168.0.2', '10.9.0.1', '2001:db8::1'] };

  it('those that the ranges hold serve, one rule each', () => {
    const rules = made(nodePort, { node, nodePortAddresses: ['192.168.0.0/24', '10.9.0.0/16', '2001:db8::/64'] });
    expect(containing(rules.iptables, 'kubernetes service nodeports').map((line) => line.split(' -d ')[1])).toEqual([
      '10.9.0.1 -j KUBE-NODEPORTS',
      '192.168.0.2 -j KUBE-NODEPORTS',
    ]);
    expect(containing(rules.nftables, 'add element ip kube-proxy nodeport-ips')).toEqual([
      'add element ip kube-proxy nodeport-ips { 10.9.0.1 }',
      'add element ip kube-proxy nodeport-ips { 192.168.0.2 }',
    ]);
    expect(containing(rules.servers, '-A -t', ':30080')).toEqual([
      '-A -t 10.9.0.1:30080 -s rr',
      '-A -t 192.168.0.2:30080 -s rr',
    ]);
  });

  it('a range of everything, or only ranges of the other family, is every address', () => {
    for (const nodePortAddresses of [['0.0.0.0/0', '10.0.0.0/8'], ['2001:db8::/64']]) {
      const rules = made(nodePort, { node, nodePortAddresses });
      expect(containing(rules.iptables, 'nodeports', '--dst-type LOCAL -j KUBE-NODEPORTS')).toHaveLength(1);
      expect(containing(rules.nftables, 'nodeport-ips')).toEqual([]);
      expect(containing(rules.nftables, 'fib daddr type local ip daddr != 127.0.0.0/8')).toHaveLength(1);
    }
  });

  it('loopback serves when a range reaches it, in iptables mode only', () => {
    const reaching = made(nodePort, { node, nodePortAddresses: ['127.0.0.0/8'] });
    expect(containing(reaching.iptables, '-d 127.0.0.1 -j KUBE-NODEPORTS')).toHaveLength(1);
    expect(containing(reaching.iptables, '-A KUBE-FIREWALL')).toHaveLength(1);
    expect(containing(reaching.nftables, 'add element ip kube-proxy nodeport-ips')).toEqual([]);
    const not = made(nodePort, { node, nodePortAddresses: ['192.168.0.0/24'] });
    expect(containing(not.iptables, '-A KUBE-FIREWALL')).toEqual([]);
    const off = made(nodePort, { node, localhostNodePorts: false });
    expect(containing(off.iptables, '--dst-type LOCAL ! -d 127.0.0.0/8 -j KUBE-NODEPORTS')).toHaveLength(1);
  });

  it('nftables serves the primary address unless told otherwise', () => {
    expect(proxyScript('nftables', nodePort, { ...config, node })).toContain('nodeport-ips { 192.168.0.2 }');
    const all = proxyScript('nftables', nodePort, { ...config, node, nodePortAddresses: ['0.0.0.0/0'] });
    expect(all).not.toContain('nodeport-ips');
  });
});

describe('source ranges', () => {
  it('are networks: host bits are cleared, other families and texts that are none go', () => {
    const rules = made(balanced(['203.0.113.77/25', '2001:db8::/32', 'everywhere']));
    expect(containing(rules.iptables, '-A KUBE-FW-', '-s ')).toEqual([
      expect.stringContaining('-s 203.0.113.0/25 -j KUBE-EXT-'),
    ]);
    expect(containing(rules.nftables, 'ip saddr != { 203.0.113.0/25 } drop')).toHaveLength(1);
    expect(containing(rules.sets, 'add KUBE-LOAD-BALANCER-SOURCE-CIDR')).toEqual([
      'add KUBE-LOAD-BALANCER-SOURCE-CIDR 1.2.3.4,tcp:80,203.0.113.0/25 -exist',
    ]);
  });

  it('one that holds everything is no restriction', () => {
    const rules = made(balanced(['203.0.113.0/25', '9.9.9.9/0']));
    expect(containing(rules.iptables, 'KUBE-FW-')).toEqual([]);
    expect(containing(rules.nftables, 'firewall-ips {')).toHaveLength(1);
    expect(containing(rules.nftables, 'add element ip kube-proxy firewall-ips')).toEqual([]);
    expect(containing(rules.sets, 'add KUBE-LOAD-BALANCER-FW')).toEqual([]);
  });

  it('ask for the primary address of the node, not for its others', () => {
    const node = { ...config.node, ips: ['192.168.0.2', '203.0.113.5'] };
    const rules = made(balanced(['203.0.113.0/25']), { node });
    expect(containing(rules.iptables, '-A KUBE-FW-', '-s 1.2.3.4')).toEqual([]);
    expect(containing(rules.ipvs, '-A KUBE-IPVS-OUT-FILTER -s 1.2.3.4 -m ipvs')).toHaveLength(1);
  });
});

describe('ipvs mode', () => {
  it('keeps all endpoints for a Local service that has none here', () => {
    const rules = made(balanced([], { externalTrafficPolicy: 'Local' }));
    expect(containing(rules.servers, '-a -t 192.168.0.2:30080 -r 10.180.0.1:8080 -m -w 1')).toHaveLength(1);
  });

  it('hashes ports too with scheduler mh', () => {
    expect(made(web({}), { ipvsScheduler: 'mh' }).servers).toContain('-A -t 172.30.0.1:80 -s mh -b mh-port');
  });

  it('cuts the names of IPv6 sets at the 31 characters that the kernel takes', () => {
    const node = { ...config.node, ips: ['fd00::2'] };
    const rules = made(web({}), { family: 'IPv6', node, clusterCIDR: 'fd00::/64' });
    const names = containing(rules.sets, 'create ').map((line) => line.split(' ')[1]!);
    expect(names).toContain('KUBE-6-LOAD-BALANCER-SOURCE-CID');
    expect(names).toContain('KUBE-6-NODE-PORT-LOCAL-SCTP-HAS');
    expect(Math.max(...names.map((name) => name.length))).toBe(31);
    expect(new Set(names).size).toBe(names.length);
  });

  it('has one virtual server for a node port given twice', () => {
    const twice = (name: string, ip: string) =>
      service('a', name, { type: 'NodePort', clusterIP: ip, ports: [{ port: 80, nodePort: 30080 }] });
    const input = { services: [twice('x', '172.30.0.1'), twice('y', '172.30.0.2')], endpointSlices: [] };
    expect(containing(made(input).servers, '-A -t 192.168.0.2:30080')).toHaveLength(1);
  });
});

describe('nfacct', () => {
  it('counts dropped and loopback packets, and the script makes the objects first', () => {
    const rules = made(balanced([]), { nfacct: true });
    expect(containing(rules.iptables, '-A KUBE-NODEPORTS', '--nfacct-name localhost_nps_accepted_pkts')).toEqual([
      expect.stringMatching(
        /^-A KUBE-NODEPORTS -m comment --comment a\/web:p -m tcp -p tcp -d 127\.0\.0\.0\/8 --dport 30080 -m nfacct --nfacct-name localhost_nps_accepted_pkts -j KUBE-EXT-/,
      ),
    ]);
    expect(rules.iptables).toContain(
      '-A KUBE-FORWARD -m conntrack --ctstate INVALID -m nfacct --nfacct-name ct_state_invalid_dropped_pkts -j DROP',
    );
    const script = proxyScript('iptables', balanced([]), { ...config, nfacct: true });
    expect(script.indexOf('nfacct add localhost_nps_accepted_pkts')).toBeGreaterThan(0);
    expect(script.indexOf('nfacct add')).toBeLessThan(script.indexOf('iptables-restore'));
    expect(proxyScript('iptables', balanced([]), config)).not.toContain('nfacct');
  });
});

describe('large clusters', () => {
  it('over 1000 endpoints the rules of endpoints lose their comments, the others keep them', () => {
    const many = (n: number): Input => ({
      ...web({}),
      endpointSlices: [
        slice(
          'a',
          'web',
          [['p', 8080]],
          Array.from({ length: n }, (_, i) => ({ ip: `10.180.${i >> 8}.${i & 255}` })),
        ),
      ],
    });
    expect(containing(made(many(1000)).iptables, 'a/web:p -> ')).toHaveLength(1000);
    const large = made(many(1001)).iptables;
    expect(containing(large, 'a/web:p -> ')).toEqual([]);
    expect(containing(large, 'a/web:p cluster IP')).toHaveLength(2);
  });
});

describe('which objects count', () => {
  it('Services of another proxy, headless and ExternalName ones have no rules', () => {
    const one = web({}).services[0]!;
    const labelled = (key: string) => ({ ...one, metadata: { ...one.metadata, labels: { [key]: '' } } });
    for (const other of [
      labelled('service.kubernetes.io/service-proxy-name'),
      labelled('service.kubernetes.io/headless'),
      web({ clusterIP: 'None' }).services[0]!,
      web({ type: 'ExternalName' }).services[0]!,
      web({ clusterIP: '' }).services[0]!,
    ]) {
      expect(made({ services: [other], endpointSlices: [] }).ports).toEqual([]);
    }
  });

  it('a leaving pod does not hide the new one that has its address, whatever the order of slices', () => {
    const leaving = { ready: false, serving: true, terminating: true };
    const first = slice('a', 'web', [['p', 80]], [{ ip: '10.180.0.1', ...leaving }]);
    const second = slice('a', 'web', [['p', 80]], [{ ip: '10.180.0.1' }]);
    const named = (object: KubeObject, name: string) => ({ ...object, metadata: { ...object.metadata, name } });
    for (const [x, y] of [
      ['s1', 's2'],
      ['s2', 's1'],
    ] as const) {
      const input = { ...web({}), endpointSlices: [named(first, x), named(second, y)] };
      expect(made(input).ports[0]!.endpoints).toMatchObject([{ ready: true, terminating: false }]);
    }
  });

  it('an endpoint that does not say whether it serves does', () => {
    const quiet = slice('a', 'web', [['p', 80]], [{ ip: '10.180.0.1' }]);
    const endpoints = [{ addresses: ['10.180.0.1'], conditions: { ready: false, terminating: true } }];
    const ports = made({ ...web({}), endpointSlices: [{ ...quiet, endpoints }] }).ports;
    expect(ports[0]!.endpoints).toMatchObject([{ ready: false, serving: true, terminating: true }]);
  });

  it('a policy for external traffic means nothing to a Service without external addresses', () => {
    const rules = made(web({ externalTrafficPolicy: 'Local' }));
    expect(rules.ports[0]).toMatchObject({ externalLocal: false });
  });
});

describe('the same objects in another order', () => {
  it.each(['iptables', 'ipvs', 'nftables'] as const)('give the same %s text', (mode) => {
    const reversed = {
      services: [...everything.services].reverse(),
      endpointSlices: [...everything.endpointSlices]
        .reverse()
        .map((one) => ({ ...one, endpoints: [...one['endpoints']].reverse() })),
    };
    expect(proxyScript(mode, reversed, config)).toBe(proxyScript(mode, everything, config));
  });
});
