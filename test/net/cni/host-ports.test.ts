import { describe, expect, it } from 'vitest';
import { hostPortChain, hostPortRules } from '../../../src/net/cni/host-ports.ts';
import { ruleText } from '../../../src/net/index.ts';

const web = {
  id: 'web-1',
  address: '10.88.0.2/24',
  ports: [{ hostPort: 8081, containerPort: 8080, protocol: 'tcp' as const }],
};

/** Lines as iptables-save has them, built-in chains first. */
function lines(pods: Parameters<typeof hostPortRules>[1]): string[] {
  const rules = hostPortRules('lab', pods)!;
  return rules.nat.rules.map(ruleText);
}

describe('host ports by portmap', () => {
  it('a chain is named after network and container, in 28 characters', () => {
    expect(hostPortChain('lab', 'klab-25b431cbfdfc7afb6e41')).toBe('CNI-DN-266ffe46a9a3fa3426a87');
  });

  it('a port is two marks, for the pod’s own range and the node itself, and a translation', () => {
    const chain = hostPortChain('lab', 'web-1');
    expect(lines([web])).toEqual([
      '-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
      '-A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
      `-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"lab\\" id: \\"web-1\\"" -m multiport --dports 8081 -j ${chain}`,
      `-A ${chain} -s 10.88.0.0/24 -p tcp -m tcp --dport 8081 -j CNI-HOSTPORT-SETMARK`,
      `-A ${chain} -s 127.0.0.1/32 -p tcp -m tcp --dport 8081 -j CNI-HOSTPORT-SETMARK`,
      `-A ${chain} -p tcp -m tcp --dport 8081 -j DNAT --to-destination 10.88.0.2:8080`,
      '-A CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark 0x2000/0x2000',
      '-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE',
    ]);
  });

  it('IPv6 knows no masquerading of the loopback address', () => {
    const six = lines([{ ...web, address: 'fd00:88::2/64' }]).filter((line) => line.includes('--dport '));
    expect(six.map((line) => line.replace(/^-A \S+ /, ''))).toEqual([
      '-s fd00:88::/64 -p tcp -m tcp --dport 8081 -j CNI-HOSTPORT-SETMARK',
      '-p tcp -m tcp --dport 8081 -j DNAT --to-destination [fd00:88::2]:8080',
    ]);
  });

  it('a host IP narrows the port to it; one of the other family passes the port over', () => {
    const at = (hostIP: string) =>
      lines([{ ...web, ports: [{ ...web.ports[0]!, hostIP }] }]).filter((line) => line.includes('DNAT --to'));
    expect(at('192.168.0.1')[0]).toContain('-d 192.168.0.1/32 -p tcp -m tcp --dport 8081 -j DNAT');
    expect(at('0.0.0.0')[0]).not.toContain('-d ');
    expect(at('::')).toEqual([]);
    expect(at('fd00::1')).toEqual([]);
  });

  it('protocols have rules of their own, of at most fifteen ports each', () => {
    const many = Array.from({ length: 17 }, (_, i) => ({
      hostPort: 9000 + i,
      containerPort: 80,
      protocol: 'udp' as const,
    }));
    const entries = lines([{ ...web, ports: [...many, ...web.ports] }]).filter((line) => line.includes('--dports'));
    expect(entries.map((line) => /-p (\S+) .*--dports (\S+)/.exec(line)!.slice(1))).toEqual([
      ['tcp', '8081'],
      [
        'udp',
        many
          .slice(0, 15)
          .map(({ hostPort }) => hostPort)
          .join(','),
      ],
      ['udp', '9015,9016'],
    ]);
  });

  it('without host ports there are no rules', () => {
    expect(hostPortRules('lab', [])).toBeUndefined();
    expect(hostPortRules('lab', [{ ...web, ports: [] }])).toBeUndefined();
  });
});
