import { describe, expect, it } from 'vitest';
import { ruleText } from '../../src/net/index.ts';
import {
  clusterPolicyChain,
  endpointChain,
  iptablesRules,
  proxyScript,
  resolveConfig,
  servicePorts,
} from '../../src/proxy/index.ts';
import { config, everything, service, slice } from './objects.ts';

function rulesOf(input: typeof everything, overrides = {}) {
  const resolved = resolveConfig({ ...config, ...overrides });
  const rules = iptablesRules(servicePorts(input.services, input.endpointSlices, 'IPv4', config.node), resolved);
  return {
    nat: rules.nat.rules.map(ruleText),
    filter: rules.filter.rules.map(ruleText),
    chains: rules.nat.chains,
  };
}

const of = (lines: string[], chain: string) =>
  lines.filter((line) => line.startsWith(`-A ${chain} `)).map((line) => line.slice(chain.length + 4));

describe('iptables mode', () => {
  it('chain names are upstream’s hashes', () => {
    expect(clusterPolicyChain('ns1/svc1:p80', 'TCP')).toBe('KUBE-SVC-XPGD46QRK7WJZT7O');
    expect(endpointChain('ns1/svc1:p80', 'tcp', '10.180.0.1:80')).toBe('KUBE-SEP-SXIVWICOYRO3J4NJ');
  });

  it('a cluster IP leads through its policy chain to its endpoint', () => {
    const { nat } = rulesOf(everything);
    expect(nat).toContain(
      '-A KUBE-SERVICES -m comment --comment "ns1/svc1:p80 cluster IP" -m tcp -p tcp -d 172.30.0.41 --dport 80 -j KUBE-SVC-XPGD46QRK7WJZT7O',
    );
    expect(of(nat, 'KUBE-SVC-XPGD46QRK7WJZT7O')).toEqual([
      '-m comment --comment "ns1/svc1:p80 cluster IP" -m tcp -p tcp -d 172.30.0.41 --dport 80 ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ',
      '-m comment --comment "ns1/svc1:p80 -> 10.180.0.1:80" -j KUBE-SEP-SXIVWICOYRO3J4NJ',
    ]);
    expect(of(nat, 'KUBE-SEP-SXIVWICOYRO3J4NJ')).toEqual([
      '-m comment --comment ns1/svc1:p80 -s 10.180.0.1 -j KUBE-MARK-MASQ',
      '-m comment --comment ns1/svc1:p80 -m tcp -p tcp -j DNAT --to-destination 10.180.0.1:80',
    ]);
  });

  it('three endpoints are chosen with 1/3, 1/2 and the rest, after the affinity rules', () => {
    const { nat } = rulesOf(everything);
    const chain = clusterPolicyChain('ns3/svc3:p80', 'tcp');
    const lines = of(nat, chain);
    expect(lines).toHaveLength(7);
    expect(lines[1]).toContain('-m recent --name KUBE-SEP-');
    expect(lines[1]).toContain('--rcheck --seconds 3600 --reap');
    expect(lines[4]).toContain('--probability 0.3333333333');
    expect(lines[5]).toContain('--probability 0.5000000000');
    expect(lines[6]).not.toContain('statistic');
  });

  it('a load balancer with source ranges and Local policy has its firewall and short circuits', () => {
    const { nat, filter, chains } = rulesOf(everything);
    const firewall = chains.find((chain) => chain.startsWith('KUBE-FW-'))!;
    const external = firewall.replace('KUBE-FW-', 'KUBE-EXT-');
    const cluster = firewall.replace('KUBE-FW-', 'KUBE-SVC-');
    expect(of(nat, firewall)).toEqual([
      `-m comment --comment "ns2/svc2:p80 loadbalancer IP" -s 192.168.0.0/24 -j ${external}`,
      `-m comment --comment "ns2/svc2:p80 loadbalancer IP" -s 203.0.113.0/25 -j ${external}`,
      `-m comment --comment "ns2/svc2:p80 loadbalancer IP" -s 1.2.3.4 -j ${external}`,
      '-m comment --comment "other traffic to ns2/svc2:p80 will be dropped by KUBE-PROXY-FIREWALL"',
    ]);
    // No local endpoint: pods and the node are short-circuited, nobody else gets through.
    expect(of(nat, external)).toEqual([
      `-m comment --comment "pod traffic for ns2/svc2:p80 external destinations" -s 10.0.0.0/8 -j ${cluster}`,
      '-m comment --comment "masquerade LOCAL traffic for ns2/svc2:p80 external destinations" -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ',
      `-m comment --comment "route LOCAL traffic for ns2/svc2:p80 external destinations" -m addrtype --src-type LOCAL -j ${cluster}`,
    ]);
    expect(of(filter, 'KUBE-EXTERNAL-SERVICES')).toContain(
      '-m comment --comment "ns2/svc2:p80 has no local endpoints" -m tcp -p tcp -d 1.2.3.4 --dport 80 -j DROP',
    );
    expect(filter.join('\n')).not.toContain('9.9.9.9');
    expect(of(filter, 'KUBE-NODEPORTS')).toEqual([
      '-m comment --comment "ns2/svc2:p80 health check node port" -m tcp -p tcp --dport 30000 -j ACCEPT',
    ]);
  });

  it('no endpoints at all are rejected, none here are dropped', () => {
    const { filter } = rulesOf(everything);
    expect(of(filter, 'KUBE-SERVICES')).toEqual([
      '-m comment --comment "ns4/gone has no endpoints" -m udp -p udp -d 172.30.0.44 --dport 53 -j REJECT',
      '-m comment --comment "ns7/local has no local endpoints" -m tcp -p tcp -d 172.30.0.47 --dport 80 -j DROP',
    ]);
    expect(of(filter, 'KUBE-EXTERNAL-SERVICES')).toContain(
      '-m comment --comment "ns4/gone has no endpoints" -m udp -p udp -d 192.168.99.33 --dport 53 -j REJECT',
    );
  });

  it('the node port rule is the last of KUBE-SERVICES', () => {
    const { nat } = rulesOf(everything);
    expect(of(nat, 'KUBE-SERVICES').at(-1)).toBe(
      '-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
    );
  });

  it('terminating endpoints serve only when nothing is ready, and zone hints are followed when all have them', () => {
    const one = service('a', 'b', { clusterIP: '172.30.0.1', ports: [{ port: 80, protocol: 'TCP' }] });
    const lines = (endpoints: Parameters<typeof slice>[3]) =>
      rulesOf({ services: [one], endpointSlices: [slice('a', 'b', [['', 80]], endpoints)] })
        .nat.filter((line) => line.includes('DNAT'))
        .map((line) => line.split('--to-destination ')[1]);
    const leaving = { ready: false, serving: true, terminating: true };
    expect(lines([{ ip: '10.0.0.1', ...leaving }, { ip: '10.0.0.2' }])).toEqual(['10.0.0.2:80']);
    expect(
      lines([
        { ip: '10.0.0.1', ...leaving },
        { ip: '10.0.0.3', ready: false },
      ]),
    ).toEqual(['10.0.0.1:80']);
    expect(
      lines([
        { ip: '10.0.0.1', zones: ['zone-a'] },
        { ip: '10.0.0.2', zones: ['zone-b'] },
      ]),
    ).toEqual(['10.0.0.1:80']);
    expect(lines([{ ip: '10.0.0.1', zones: ['zone-a'] }, { ip: '10.0.0.2' }])).toEqual(['10.0.0.1:80', '10.0.0.2:80']);
  });

  it('the script is a shell script that restores without flushing', () => {
    const script = proxyScript('iptables', everything, config);
    expect(script.startsWith('#!/bin/sh\n')).toBe(true);
    expect(script).toContain("iptables-restore -w 5 --noflush --counters <<'RULES'\n*filter\n:KUBE-SERVICES - [0:0]");
  });
});
