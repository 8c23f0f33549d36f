import { describe, expect, it } from 'vitest';
import {
  ipsetRestoreInput,
  ipvsadmRestoreInput,
  ipvsRules,
  nftablesRules,
  nftCommands,
  proxyScript,
  resolveConfig,
  servicePorts,
} from '../../src/proxy/index.ts';
import { config, everything } from './objects.ts';

const ports = servicePorts(everything.services, everything.endpointSlices, 'IPv4', config.node);

describe('nftables mode', () => {
  const lines = nftCommands(nftablesRules(ports, resolveConfig({ ...config, nodePortAddresses: ['192.168.0.0/24'] })));

  it('names carry upstream’s hash', () => {
    expect(lines).toContain('add chain ip kube-proxy service-ULMVA6XW-ns1/svc1/tcp/p80');
  });

  it('a cluster IP is a map element, its endpoints one dnat map', () => {
    expect(lines).toContain(
      'add element ip kube-proxy service-ips { 172.30.0.41 . tcp . 80 : goto service-ULMVA6XW-ns1/svc1/tcp/p80 }',
    );
    expect(lines).toContain(
      'add rule ip kube-proxy service-ULMVA6XW-ns1/svc1/tcp/p80 meta l4proto tcp dnat ip addr . port to numgen random mod 1 map { 0 : 10.180.0.1 . 80 }',
    );
  });

  it('services without endpoints reject, without local ones drop', () => {
    expect(lines).toContain(
      'add element ip kube-proxy no-endpoint-services { 172.30.0.44 . udp . 53 comment "ns4/gone" : goto reject-chain }',
    );
    expect(lines).toContain(
      'add element ip kube-proxy no-endpoint-services { 172.30.0.47 . tcp . 80 comment "ns7/local" : drop }',
    );
  });

  it('affinity has a set and a chain an endpoint', () => {
    expect(lines.filter((line) => line.startsWith('add set ip kube-proxy affinity-'))).toHaveLength(3);
    expect(lines.some((line) => /update @affinity-\S+ \{ ip saddr \}/.test(line))).toBe(true);
  });

  it('comes chains first, then sets, rules, elements', () => {
    const kinds = lines.map((line) => line.split(' ')[1]!.replace('map', 'set'));
    expect([...new Set(kinds)]).toEqual(['table', 'chain', 'set', 'rule', 'element']);
    expect(kinds).toEqual(
      [...kinds].sort(
        (a, b) =>
          ['table', 'chain', 'set', 'rule', 'element'].indexOf(a) -
          ['table', 'chain', 'set', 'rule', 'element'].indexOf(b),
      ),
    );
  });
});

describe('ipvs mode', () => {
  const rules = ipvsRules(ports, resolveConfig(config));

  it('virtual servers carry scheduler, affinity and real servers', () => {
    const text = ipvsadmRestoreInput(rules);
    expect(text).toContain('-A -t 172.30.0.41:80 -s rr\n-a -t 172.30.0.41:80 -r 10.180.0.1:80 -m -w 1\n');
    expect(text).toContain('-A -t 172.30.0.43:80 -s rr -p 3600\n');
    expect(text).toContain('-A -t 192.168.0.2:3003 -s rr -p 3600\n');
    expect(text).toContain('-A -u 172.30.0.44:53 -s rr\n');
  });

  it('the sets hold upstream’s entries', () => {
    const text = ipsetRestoreInput(rules, resolveConfig(config));
    expect(text).toContain('add KUBE-CLUSTER-IP 172.30.0.41,tcp:80 -exist');
    expect(text).toContain('add KUBE-LOOP-BACK 10.180.0.3,tcp:80,10.180.0.3 -exist');
    expect(text).toContain('add KUBE-LOAD-BALANCER-SOURCE-CIDR 1.2.3.4,tcp:80,203.0.113.0/25 -exist');
    expect(text).toContain('add KUBE-NODE-PORT-LOCAL-TCP 3001 -exist');
    expect(rules.addresses).toContain('172.30.0.41');
    expect(rules.addresses).not.toContain('192.168.0.2');
  });

  it('the number of iptables rules does not grow with services', () => {
    const double = servicePorts(
      [
        ...everything.services,
        ...everything.services.map((s) => ({
          ...s,
          metadata: { ...s.metadata, namespace: `${s.metadata.namespace}x` },
        })),
      ],
      everything.endpointSlices,
      'IPv4',
      config.node,
    );
    const more = ipvsRules(double, resolveConfig(config));
    expect(double.length).toBe(ports.length * 2);
    expect(more.nat.rules.length).toBe(rules.nat.rules.length);
  });

  it('every mode prints a whole script', () => {
    for (const mode of ['iptables', 'ipvs', 'nftables'] as const) {
      expect(proxyScript(mode, everything, config)).toMatch(/^#!\/(bin\/sh|usr\/sbin\/nft -f)\n/);
    }
  });
});
