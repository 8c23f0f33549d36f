import { describe, expect, it } from 'vitest';
import { annotatedScript, explainScript, type ProxyMode, proxyScript, servicePorts } from '../../src/proxy/index.ts';
import { config, everything } from './objects.ts';

const ports = servicePorts(everything.services, everything.endpointSlices, 'IPv4', config.node);
const explained = (mode: ProxyMode) => explainScript(proxyScript(mode, everything, config), ports);

function explanationOf(mode: ProxyMode, ...words: readonly string[]): string | undefined {
  const found = explained(mode).filter(({ line }) => words.every((word) => line.includes(word)));
  expect(found.length, words.join(' ')).toBeGreaterThan(0);
  return found[0]!.explanation;
}

describe.each(['iptables', 'ipvs', 'nftables'] as const)('explained rules in mode %s', (mode) => {
  it('stand in the script as comments, and nothing else changes', () => {
    const script = proxyScript(mode, everything, config);
    const comments = explained(mode).filter(({ explanation }) => explanation !== undefined).length;
    const text = annotatedScript(explained(mode));
    expect(text.split('\n').length).toBe(script.split('\n').length + comments);
    expect(text.split('\n')[0]).toBe(script.split('\n')[0]);
    const bare = (of: string) => of.split('\n').filter((line) => !line.startsWith('# '));
    expect(bare(text)).toEqual(bare(script));
  });

  it('leave no rule without a sentence', () => {
    const rule = /^(-A|-a|add rule|add element|add chain|add set|add map|create|:KUBE|ensure )/;
    const mute = explained(mode).filter(({ line, explanation }) => rule.test(line) && explanation === undefined);
    expect(mute.map(({ line }) => line)).toEqual([]);
  });
});

describe("the reader's guide", () => {
  it.each(['iptables', 'ipvs', 'nftables', 'userspace'] as const)(
    'of mode %s stands below the title, as comments',
    (mode) => {
      const lines = explainScript(proxyScript(mode, everything, config), ports);
      const plain = annotatedScript(lines).split('\n');
      const guided = annotatedScript(lines, mode).split('\n');
      expect(guided.slice(0, 2)).toEqual(plain.slice(0, 2));
      const added = guided.length - plain.length;
      expect(guided.slice(2 + added)).toEqual(plain.slice(2));
      const guide = guided.slice(2, 2 + added);
      for (const line of guide) expect(line).toMatch(/^#( |$)/);
      for (const hook of ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'])
        expect(guide.join(' ')).toContain(hook);
      // Whatever it tells one to look for is there to be found.
      const script = plain.join('\n');
      const named = guide.join(' ').match(/KUBE-[A-Z]+|kube-ipvs0|service-ips|nat-prerouting|nat-output/g) ?? [];
      for (const name of named) expect(script).toContain(name);
    },
  );
});

describe('a sentence', () => {
  it('tells a set of ports from one of addresses', () => {
    expect(explanationOf('ipvs', '-A KUBE-SERVICES', 'KUBE-CLUSTER-IP', '! -s')).toContain(
      'Packets whose destination address and port are in set KUBE-CLUSTER-IP',
    );
    expect(explanationOf('ipvs', '-A KUBE-NODE-PORT', 'KUBE-NODE-PORT-TCP')).toContain(
      'whose destination port is in set KUBE-NODE-PORT-TCP',
    );
    expect(explanationOf('ipvs', 'KUBE-IPVS-IPS dst')).toContain('whose destination address is in set KUBE-IPVS-IPS');
    expect(explanationOf('ipvs', '-A -t 192.168.0.2:')).toContain('of the node port of ns');
    expect(explanationOf('ipvs', 'ip addr replace 172.30.0.41/32')).toContain('172.30.0.41 is an address of this host');
  });

  it('names the service and the endpoint behind hashed names', () => {
    expect(explanationOf('iptables', '-A KUBE-SERVICES', 'ns1/svc1:p80 cluster IP')).toBe(
      'TCP packets to 172.30.0.41, port 80 go to KUBE-SVC-XPGD46QRK7WJZT7O (picks one of all endpoints of ns1/svc1:p80/TCP). ' +
        'No interface has a cluster IP: this is where it turns into an endpoint.',
    );
    expect(explanationOf('iptables', ':KUBE-SEP-SXIVWICOYRO3J4NJ')).toBe('Endpoint 10.180.0.1:80 of ns1/svc1:p80/TCP.');
  });

  it('tells the odds, affinity, hairpins and why there is a refusal', () => {
    expect(explanationOf('iptables', '--probability 0.3333333333')).toContain('one in 3 of those that get this far');
    expect(explanationOf('iptables', '--rcheck')).toContain('within the last 3600 s');
    expect(explanationOf('iptables', '--rcheck')).toContain('Session affinity');
    expect(explanationOf('iptables', '-A KUBE-SEP', '-s 10.180.0.3')).toContain('hairpin');
    expect(explanationOf('iptables', 'has no endpoints')).toContain('No endpoint is ready anywhere');
    expect(explanationOf('iptables', '-A KUBE-SEP', '--set')).toMatch(/as their destination; the client is remembered/);
  });

  it('says how nftables and IPVS find a service in one lookup', () => {
    expect(explanationOf('nftables', 'vmap @service-ips')).toBe(
      'One lookup finds the chain of the service, among however many services.',
    );
    expect(explanationOf('nftables', 'no-endpoint-services { 172.30.0.44')).toContain(
      'refused, for no endpoint is ready',
    );
    expect(explanationOf('ipvs', '-A -t 172.30.0.43:80')).toBe(
      'Virtual server TCP 172.30.0.43:80 of ns3/svc3:p80: IPVS takes its real servers in turn, found by one hash lookup. ' +
        'A client stays with its choice for 3600 s.',
    );
  });
});
