import { describe, expect, it } from 'vitest';
import {
  IptablesWalk,
  NftWalk,
  parseIptablesSave,
  parseNftRuleset,
  startBranch,
  type TracedPacket,
  unknownInterface,
} from '../../../src/net/index.ts';

const packet: TracedPacket = {
  protocol: 'tcp',
  source: '10.0.0.5',
  sourcePort: 40_000,
  destination: '10.96.0.1',
  destinationPort: 443,
  mark: 0,
  state: 'NEW',
  translated: false,
  inInterface: unknownInterface,
  outInterface: unknownInterface,
};
const world = {
  isLocal: () => false,
  recent: (list: string) => list === 'KUBE-SEP-1',
  remembers: () => false,
  masqueradeAddress: () => '192.168.0.1',
};

function iptables(table: string, sent: Partial<TracedPacket> = {}) {
  const walk = new IptablesWalk(parseIptablesSave(`*filter\n${table}\nCOMMIT\n`), [], world);
  return walk.run([startBranch({ ...packet, ...sent })], 'filter', 'FORWARD')[0]!.verdict;
}

describe('a pasted iptables-save', () => {
  it('ends with the policy of the chain', () => {
    expect(iptables(':FORWARD DROP [0:0]')).toBe('drop');
    expect(iptables(':FORWARD ACCEPT [0:0]')).toBeUndefined();
    expect(iptables(':FORWARD DROP [0:0]\n-A FORWARD -p tcp -j ACCEPT')).toBeUndefined();
  });

  it('follows gotos, which do not come back', () => {
    const chains = ':FORWARD ACCEPT [0:0]\n:INNER - [0:0]\n-A INNER -p udp -j DROP\n';
    expect(iptables(`${chains}-A FORWARD -g INNER\n-A FORWARD -j REJECT`)).toBeUndefined();
    expect(iptables(`${chains}-A FORWARD -j INNER\n-A FORWARD -j REJECT`)).toBe('reject');
  });

  it('reads `recent` as saved, with the name behind the question', () => {
    const rule = (name: string) =>
      `:FORWARD ACCEPT [0:0]\n-A FORWARD -m recent --rcheck --seconds 9 --reap --name ${name} --mask 255.255.255.255 --rsource -j DROP`;
    expect(iptables(rule('KUBE-SEP-1'))).toBe('drop');
    expect(iptables(rule('KUBE-SEP-2'))).toBeUndefined();
  });

  it('passes by what only logs', () => {
    expect(iptables(':FORWARD ACCEPT [0:0]\n-A FORWARD -j LOG --log-prefix "x "\n-A FORWARD -j DROP')).toBe('drop');
  });

  it.each([
    [
      '-A FORWARD -m time --timestart 10:00 -j DROP',
      /^line 3: the rule uses --timestart, which the walk does not know/,
    ],
    ['-A FORWARD -i cni0 -j DROP', /^line 3: the rule asks for interface cni0/],
    ['-A FORWARD -j TPROXY --on-port 1', /^line 3: target -j TPROXY --on-port 1 is one the walk does not know/],
  ])('refuses %s with its line', (rule, message) => {
    expect(() => iptables(`:FORWARD ACCEPT [0:0]\n${rule}`)).toThrow(message);
    // Where the packet never comes to it, it does not matter.
    expect(iptables(`:FORWARD ACCEPT [0:0]\n-A FORWARD -j DROP\n${rule}`)).toBe('drop');
  });

  it('knows that what comes by a link does not come by lo', () => {
    expect(iptables(':FORWARD ACCEPT [0:0]\n-A FORWARD -i lo -j DROP')).toBeUndefined();
  });
});

/** One base chain of a table; further tables behind it. */
function nft(
  rule: string,
  sent: Partial<TracedPacket> = {},
  { family = 'ip', policy = 'accept', more = '', sets = '' } = {},
) {
  const text = `table ${family} a {\n${sets}chain c {\ntype filter hook forward priority filter; policy ${policy};\n${rule}\n}\n}\n${more}`;
  return new NftWalk(parseNftRuleset(text), world).run([startBranch({ ...packet, ...sent })], 'forward')[0]!;
}

describe('a pasted nft list ruleset', () => {
  it('ends with the policy of the chain', () => {
    expect(nft('ip daddr 1.1.1.1 accept', {}, { policy: 'drop' }).verdict).toBe('drop');
    expect(nft('ip daddr 10.96.0.1 accept', {}, { policy: 'drop' }).verdict).toBeUndefined();
  });

  it('walks the tables of a packet’s family, by priority, whatever table they stand in', () => {
    const six = { source: 'fd00::5', destination: 'fd00:96::1' };
    expect(nft('drop', six).verdict).toBeUndefined();
    expect(nft('drop', six, { family: 'inet' }).verdict).toBe('drop');
    expect(nft('ip saddr != 10.0.0.0/8 drop', six, { family: 'inet' }).verdict).toBeUndefined();
    const earlier =
      'table inet b {\nchain c {\ntype filter hook forward priority filter - 1; policy accept;\nreject\n}\n}\n';
    expect(nft('drop', {}, { more: earlier }).verdict).toBe('reject');
  });

  it.each([
    ['tcp dport 443 counter packets 3 bytes 180 drop', true],
    ['udp dport 443 drop', false],
    ['meta mark & 0x00004000 != 0x00000000 drop', false],
    ['meta mark set meta mark | 0x00004000 meta mark & 0x00004000 == 0x00004000 drop', true],
    ['iifname "lo" drop', false],
    ['log prefix "gone: " level warn drop', true],
    ['ip saddr 10.0.0.1-10.0.0.9 drop', true],
    ['ip protocol tcp drop', true],
    ['meta nfproto ipv6 drop', false],
  ])('%s: %s', (rule, drops) => {
    expect(nft(rule).verdict).toBe(drops ? 'drop' : undefined);
  });

  it('finds addresses in sets of ranges and networks', () => {
    const sets =
      'set s {\ntype ipv4_addr . inet_service\nflags interval\nelements = { 10.96.0.0/16 . 400-500, 10.97.0.1-10.97.0.9 . 80 }\n}\n';
    const rule = 'ip daddr . th dport @s drop';
    expect(nft(rule, {}, { sets }).verdict).toBe('drop');
    expect(nft(rule, { destinationPort: 80 }, { sets }).verdict).toBeUndefined();
    expect(nft(rule, { destination: '10.97.0.5', destinationPort: 80 }, { sets }).verdict).toBe('drop');
  });

  it('takes a destination as listed, with the dice', () => {
    const text =
      'table ip a {\nchain c {\ntype nat hook prerouting priority dstnat; policy accept;\ndnat ip to numgen random mod 2 map { 0 : 10.0.0.1 . 80, 1 : 10.0.0.2 . 81 }\n}\n}\n';
    const ends = new NftWalk(parseNftRuleset(text), world).run([startBranch(packet)], 'prerouting');
    expect(
      ends.map(({ packet: { destination, destinationPort }, odds }) => [destination, destinationPort, odds]),
    ).toEqual([
      ['10.0.0.1', 80, 0.5],
      ['10.0.0.2', 81, 0.5],
    ]);
  });

  it.each([
    [
      'limit rate 5/second accept',
      /^line 4: rule "limit rate 5\/second accept" uses "limit", which the walk does not know/,
    ],
    ['iifname "cni0" drop', /^line 4: the rule asks for interface cni0/],
    ['dnat to ip saddr map { 10.0.0.5 : 1.1.1.1 }', /^line 4: .* uses "ip"/],
  ])('refuses %s with its line', (rule, message) => {
    expect(() => nft(rule)).toThrow(message);
  });
});
