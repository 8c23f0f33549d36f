import { describe, expect, it } from 'vitest';
import {
  compareRuleSets,
  expectedRules,
  explainScript,
  proxyModes,
  proxyScript,
  readDump,
  servicePorts,
} from '../../src/proxy/index.ts';
import { config, everything, service, slice } from './objects.ts';

const script = proxyScript('userspace', everything, config);
const lines = script.split('\n');
const rulesOf = (chain: string, name: string) =>
  lines.filter((line) => line.startsWith(`-A ${chain} `) && line.includes(name));

describe('userspace mode', () => {
  it('is history: no cluster of today runs it', () => {
    expect(proxyModes).not.toContain('userspace');
  });

  it('turns a cluster IP to the port of the proxying process, by another road for the node itself', () => {
    expect(rulesOf('KUBE-PORTALS-CONTAINER', 'ns1/svc1:p80')).toEqual([
      '-A KUBE-PORTALS-CONTAINER -m comment --comment ns1/svc1:p80 -p tcp -m tcp --dport 80 -d 172.30.0.41/32 -j REDIRECT --to-ports 40000',
    ]);
    expect(rulesOf('KUBE-PORTALS-HOST', 'ns1/svc1:p80')).toEqual([
      '-A KUBE-PORTALS-HOST -m comment --comment ns1/svc1:p80 -p tcp -m tcp --dport 80 -d 172.30.0.41/32 -j DNAT --to-destination 192.168.0.2:40000',
    ]);
  });

  it('takes external IPs from outside and when they are local, load balancers as cluster IPs', () => {
    const container = rulesOf('KUBE-PORTALS-CONTAINER', 'ns2/svc2:p80').map((line) => line.split(' -d ')[1]);
    expect(container).toEqual([
      '172.30.0.42/32 -j REDIRECT --to-ports 40001',
      '192.168.99.22/32 -m physdev ! --physdev-is-in -j REDIRECT --to-ports 40001',
      '192.168.99.22/32 -m addrtype --dst-type LOCAL -j REDIRECT --to-ports 40001',
      '1.2.3.4/32 -j REDIRECT --to-ports 40001',
    ]);
  });

  it('opens node ports in chains asked last, and lets their traffic in', () => {
    expect(rulesOf('KUBE-NODEPORT-CONTAINER', 'ns3/svc3:p80')).toEqual([
      '-A KUBE-NODEPORT-CONTAINER -m comment --comment ns3/svc3:p80 -p tcp -m tcp --dport 3003 -j REDIRECT --to-ports 40002',
    ]);
    expect(rulesOf('KUBE-NODEPORT-NON-LOCAL', 'ns3/svc3:p80')).toEqual([
      '-A KUBE-NODEPORT-NON-LOCAL -m comment --comment ns3/svc3:p80 -p tcp -m tcp --dport 40002 -m state --state NEW -j ACCEPT',
    ]);
    expect(lines.filter((line) => line.startsWith('ensure_last nat '))).toHaveLength(2);
  });

  it('says what the process does behind each port', () => {
    expect(script).toContain(
      '#   40002/tcp  ns3/svc3:p80 -> 10.180.0.3:80, 10.180.0.4:80, 10.180.0.5:80 in turn; a client stays with its endpoint until it was away for 3600 s',
    );
    expect(script).toContain('#   40003/udp  ns4/gone -> nobody: connections are accepted and closed');
  });

  it('has no rules for SCTP, and says so', () => {
    const input = {
      services: [service('a', 'b', { clusterIP: '172.30.0.1', ports: [{ port: 80, protocol: 'SCTP' }] })],
      endpointSlices: [slice('a', 'b', [['', 80, 'SCTP']], [{ ip: '10.180.0.1' }])],
    };
    const text = proxyScript('userspace', input, config);
    expect(text).toContain('none: a/b is SCTP');
    expect(text).not.toContain('172.30.0.1');
  });

  it('explains every rule', () => {
    const ports = servicePorts(everything.services, everything.endpointSlices, 'IPv4', config.node);
    const explained = explainScript(script, ports);
    const rule = /^(-A|:KUBE|ensure |ensure_last )/;
    expect(explained.filter(({ line, explanation }) => rule.test(line) && explanation === undefined)).toEqual([]);
    const portal = explained.find(({ line }) => line.startsWith('-A KUBE-PORTALS-CONTAINER'))!;
    expect(portal.explanation).toBe(
      'TCP packets, port 80 to 172.30.0.41/32 are turned to port 40000 of this node. kube-proxy listens there, and passes on what it reads to an endpoint: every byte goes up to a process and down again.',
    );
  });

  it('compares with what a node had', () => {
    const dump = `${script.slice(script.indexOf('*filter'), script.lastIndexOf('RULES'))}`;
    const expected = expectedRules('userspace', everything, config, 'iptables-save');
    const differences = compareRuleSets(expected, readDump(dump, 'iptables-save', 'IPv4'));
    expect(differences.map(({ kind, place }) => `${kind} ${place}`)).toEqual([
      'missing filter INPUT',
      'missing nat OUTPUT',
      'missing nat PREROUTING',
    ]);
  });
});
