import { describe, expect, it } from 'vitest';
import {
  type Branch,
  IptablesWalk,
  NftWalk,
  startBranch,
  stepsOf,
  type TracedPacket,
  TraceError,
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
};
const world = {
  isLocal: (ip: string) => ip === '192.168.0.1',
  recent: (list: string, source: string) => list === 'known' && source === '10.0.0.5',
  remembers: (set: string, source: string) => set === 'known' && source === '10.0.0.5',
  masqueradeAddress: () => '192.168.0.1',
};

/** Rules as one would type them, `-A CHAIN …`; quotes are not needed here. */
function iptables(lines: readonly string[], sent: Partial<TracedPacket> = {}): Branch[] {
  const rules = lines.map((line) => {
    const words = line.split(' ');
    const at = words.indexOf('-j');
    return { chain: words[1]!, match: words.slice(2, at < 0 ? undefined : at), target: at < 0 ? [] : words.slice(at) };
  });
  const chains = [...new Set(rules.map(({ chain }) => chain))];
  const walk = new IptablesWalk([{ name: 'nat', chains, rules }], [], world);
  return walk.run([startBranch({ ...packet, ...sent })], 'nat', 'PREROUTING');
}

const verdictOf = (branches: readonly Branch[]): string | undefined => branches[0]!.verdict;

describe('iptables', () => {
  const matches: readonly [match: string, holds: boolean, sent?: Partial<TracedPacket>][] = [
    ['-p tcp', true],
    ['-p udp', false],
    ['! -p udp', true],
    ['-s 10.0.0.0/24', true],
    ['! -s 10.0.0.0/24', false],
    ['-d 10.96.0.1', true],
    ['-d 10.96.0.1/32', true],
    ['-d 10.96.0.2', false],
    ['-d fd00::1', true, { destination: 'fd00:0::1' }],
    ['-p tcp -m tcp --dport 443', true],
    ['-p tcp -m tcp --dport 400:500', true],
    ['-p tcp -m multiport --dports 80,443', true],
    ['-p tcp -m tcp ! --dport 443', false],
    ['--sport 1:1024', false],
    ['-m addrtype --dst-type LOCAL', false],
    ['-m addrtype --dst-type LOCAL', true, { destination: '192.168.0.1' }],
    ['-m addrtype ! --src-type LOCAL', true],
    ['-m conntrack --ctstate NEW,RELATED', true],
    ['-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT', false, { translated: true }],
    ['-m mark --mark 0x4000/0x4000', false],
    ['-m mark --mark 0x4000/0x4000', true, { mark: 0xffff }],
    ['-m mark ! --mark 0x4000/0x4000', true],
    ['-i cali+', true, { inInterface: 'cali12' }],
    ['! -i cbr0', true],
    ['-o eth0', true, { outInterface: 'eth0' }],
    ['-m physdev --physdev-is-in', true, { bridged: true }],
    ['-m physdev ! --physdev-is-in', true],
    ['-m recent --name known --rcheck --seconds 10 --reap', true],
    ['-m recent --name other --rcheck --seconds 10 --reap', false],
    ['-m ipvs --vaddr 10.96.0.1 --vproto tcp --vport 443', true],
  ];
  it.each(matches)('%s: %s', (match, holds, sent) => {
    expect(verdictOf(iptables([`-A PREROUTING ${match} -j DROP`], sent ?? {}))).toBe(holds ? 'drop' : undefined);
  });

  it('returns to the chain it came from, and goes on after the jump', () => {
    const [end] = iptables([
      '-A PREROUTING -j INNER',
      '-A PREROUTING -j REJECT',
      '-A INNER -p udp -j DROP',
      '-A INNER -p tcp -j RETURN',
      '-A INNER -j DROP',
    ]);
    expect(end!.verdict).toBe('reject');
    expect(end!.tried).toBe(4);
  });

  it('keeps marks, translates once, and ends the table there', () => {
    const [end] = iptables([
      '-A PREROUTING -j MARK --or-mark 0x4000',
      '-A PREROUTING -m mark --mark 0x4000/0x4000 -j DNAT --to-destination 10.0.0.9:6443',
      '-A PREROUTING -j DROP',
    ]);
    expect(end!.verdict).toBeUndefined();
    expect(end!.packet).toMatchObject({
      mark: 0x4000,
      destination: '10.0.0.9',
      destinationPort: 6443,
      translated: true,
    });
  });

  it.each([
    ['--or-mark 0x1', 0x3],
    ['--xor-mark 0x2', 0x0],
    ['--and-mark 0x1', 0x0],
    ['--set-xmark 0x4/0x4', 0x6],
    ['--set-xmark 0x0/0xffffffff', 0x0],
    ['--set-mark 0x8', 0x8],
  ])('MARK %s on 2 gives %i', (options, mark) => {
    expect(iptables([`-A PREROUTING -j MARK ${options}`], { mark: 2 })[0]!.packet.mark).toBe(mark);
  });

  it('follows both ways where dice are thrown', () => {
    const ends = iptables([
      '-A PREROUTING -m statistic --mode random --probability 0.25 -j DNAT --to-destination 10.0.0.1:1',
      '-A PREROUTING -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.0.0.2:1',
      '-A PREROUTING -j DNAT --to-destination 10.0.0.3:1',
    ]);
    expect(Object.fromEntries(ends.map((end) => [end.packet.destination, end.odds]))).toEqual({
      '10.0.0.1': 0.25,
      '10.0.0.2': 0.375,
      '10.0.0.3': 0.375,
    });
  });

  it('does not ask nat about a connection it knows', () => {
    expect(verdictOf(iptables(['-A PREROUTING -j DROP'], { state: 'ESTABLISHED' }))).toBeUndefined();
  });

  it.each([
    ['-A PREROUTING -j NOWHERE', /chain NOWHERE, which table nat does not have/],
    ['-A PREROUTING -m time --timestart 10:00 -j DROP', /--timestart, which the walk does not know/],
    ['-A PREROUTING -j PREROUTING', /comes back to itself/],
    ['-A PREROUTING -m set --match-set X dst -j DROP', /there are no sets/],
  ])('refuses %s', (line, message) => {
    expect(() => iptables([line])).toThrow(message);
    expect(() => iptables([line])).toThrow(TraceError);
  });
});

function nft(
  rules: readonly string[],
  sent: Partial<TracedPacket> = {},
  elements: readonly [string, string, string?][] = [],
) {
  const read = rules.map((text) => {
    const [chain = '', ...words] = text.split(': ');
    return { chain, rule: words.join(': ') };
  });
  const names = [...new Set(read.map(({ chain }) => chain))].filter((name) => name !== 'base');
  const walk = new NftWalk(
    {
      family: 'ip',
      chains: [{ name: 'base', base: 'type nat hook prerouting priority -100' }, ...names.map((name) => ({ name }))],
      rules: read,
      elements: elements.map(([set, key, value]) => ({
        set,
        key: key.split(' . '),
        ...(value === undefined ? {} : { value }),
      })),
    },
    world,
  );
  return walk.run([startBranch({ ...packet, ...sent })], 'prerouting');
}

describe('nftables', () => {
  const matches: readonly [match: string, holds: boolean, sent?: Partial<TracedPacket>][] = [
    ['meta l4proto tcp', true],
    ['ip saddr 10.0.0.0/24', true],
    ['ip saddr != 10.0.0.0/24', false],
    ['ip saddr { 10.1.0.0/16, 10.0.0.5 }', true],
    ['ip saddr != { 10.1.0.0/16, 10.0.0.5 }', false],
    ['ip daddr 10.96.0.1 tcp dport 443', true],
    ['th dport { 80, 400-500 }', true],
    ['ct state new', true],
    ['ct state established,related', false],
    ['ct status dnat', true, { translated: true }],
    ['fib daddr type local', false],
    ['fib saddr type local', true, { source: '192.168.0.1' }],
    ['mark and 0x4000 != 0', true, { mark: 0x4001 }],
    ['mark and 0x4000 != 0', false, { mark: 1 }],
    ['iifname "eth0"', false],
    ['ip daddr @chosen', true],
    ['ip daddr . meta l4proto . th dport @triples', true],
    ['ip saddr @known', true],
  ];
  it.each(matches)('%s: %s', (match, holds, sent) => {
    const ends = nft([`base: ${match} drop`], sent ?? {}, [
      ['chosen', '10.96.0.1'],
      ['triples', '10.96.0.1 . tcp . 443'],
    ]);
    expect(verdictOf(ends)).toBe(holds ? 'drop' : undefined);
  });

  it('jumps come back, gotos do not', () => {
    expect(verdictOf(nft(['base: jump inner', 'base: drop', 'inner: return']))).toBe('drop');
    expect(verdictOf(nft(['base: goto inner', 'base: drop', 'inner: return']))).toBeUndefined();
    expect(
      verdictOf(
        nft(['base: jump outer', 'base: drop', 'outer: goto inner', 'outer: reject', 'inner: ct state new counter']),
      ),
    ).toBe('drop');
  });

  it('looks verdicts up in maps, by name and in place', () => {
    const map: [string, string, string] = ['by-address', '10.96.0.1 . tcp . 443', 'goto inner'];
    const rules = ['base: ip daddr . meta l4proto . th dport vmap @by-address', 'inner: reject'];
    expect(verdictOf(nft(rules, {}, [map]))).toBe('reject');
    expect(verdictOf(nft(rules, { destinationPort: 80 }, [map]))).toBeUndefined();
    expect(verdictOf(nft(['base: meta l4proto vmap { tcp : drop, udp : accept }']))).toBe('drop');
  });

  it('throws even dice over maps of verdicts and of addresses', () => {
    const chains = nft(['base: numgen random mod 2 vmap { 0 : goto a , 1 : goto b }', 'a: drop', 'b: reject']);
    expect(chains.map(({ verdict, odds }) => [verdict, odds])).toEqual([
      ['drop', 0.5],
      ['reject', 0.5],
    ]);
    const ends = nft([
      'base: dnat ip addr . port to numgen random mod 2 map { 0 : 10.0.0.1 . 80 , 1 : 10.0.0.2 . 81 }',
    ]);
    expect(
      ends.map(({ packet: { destination, destinationPort }, odds }) => [destination, destinationPort, odds]),
    ).toEqual([
      ['10.0.0.1', 80, 0.5],
      ['10.0.0.2', 81, 0.5],
    ]);
  });

  it('marks, takes the mark away, masquerades', () => {
    const [end] = nft([
      'base: mark set mark or 0x4000',
      'base: mark and 0x4000 != 0 mark set mark xor 0x4000 masquerade fully-random',
    ]);
    expect(end!.packet).toMatchObject({ mark: 0, source: '192.168.0.1' });
    expect(stepsOf(end!).at(-1)!.translation).toEqual({ kind: 'SNAT', from: '10.0.0.5', to: '192.168.0.1' });
  });

  it.each([
    ['base: goto nowhere', /nowhere, which is not there/],
    ['base: meta hour 10 drop', /"meta", which the walk does not know/],
    ['base: ip daddr', /ends too soon/],
    ['base: numgen random mod 2 vmap { 0 : fly , 1 : drop }', /"fly".* is no verdict/],
  ])('refuses %s', (rule, message) => {
    expect(() => nft([rule])).toThrow(message);
  });
});
