import { describe, expect, it } from 'vitest';
import {
  compareRuleSets,
  type DumpKind,
  dumpFamilies,
  dumpKind,
  expectedRules,
  mentions,
  proxyScript,
  readDump,
  servicePorts,
} from '../../src/proxy/index.ts';
import { config, everything } from './objects.ts';

/** The table part of a script, which iptables-restore reads and iptables-save prints nearly so. */
function tables(): string {
  const script = proxyScript('iptables', everything, config);
  return script.slice(script.indexOf('*filter'), script.lastIndexOf('RULES'));
}

/** A dump as a node would give it: our tables, and the jumps that the script makes by itself. */
function saved(edit: (text: string) => string = (text) => text): string {
  const jumps = { filter: [] as string[], nat: [] as string[] };
  for (const line of proxyScript('iptables', everything, config).split('\n')) {
    const found = /^ensure (filter|nat) (.*)$/.exec(line);
    if (found) jumps[found[1] as 'nat'].unshift(`-A ${found[2]}`);
  }
  return edit(
    tables()
      .replace('*filter\n', `*filter\n:INPUT ACCEPT [0:0]\n${jumps.filter.join('\n')}\n`)
      .replace('*nat\n', `*nat\n:POSTROUTING ACCEPT [0:0]\n${jumps.nat.join('\n')}\n`),
  );
}

const against = (dump: string, kind: DumpKind = 'iptables-save') =>
  compareRuleSets(
    expectedRules(
      kind === 'iptables-save' ? 'iptables' : kind === 'ipvsadm-save' ? 'ipvs' : 'nftables',
      everything,
      config,
      kind,
    ),
    readDump(dump, kind, 'IPv4'),
  );

const cluster = 'KUBE-SVC-XPGD46QRK7WJZT7O';

describe('a dump of iptables-save', () => {
  it('of the same rules has no differences, however the tool spells them', () => {
    expect(against(saved())).toEqual([]);
    const spelled = saved((text) =>
      text
        .replaceAll('--or-mark 0x004000', '--set-xmark 0x4000/0x4000')
        .replaceAll('--xor-mark 0x004000', '--set-xmark 0x4000/0x0')
        .replaceAll('0x004000/0x004000', '0x4000/0x4000')
        .replaceAll('0.3333333333', '0.33333333349')
        .replaceAll(/(-m comment --comment (?:"[^"]*"|\S+)) -m tcp -p tcp -d (\S+)/g, '-d $2/32 -p tcp $1 -m tcp')
        .replaceAll('-j REJECT', '-j REJECT --reject-with icmp-port-unreachable')
        .replaceAll(/^-A/gm, '[3:180] -A'),
    );
    expect(spelled).toContain('-d 172.30.0.41/32 -p tcp -m comment');
    expect(against(spelled)).toEqual([]);
  });

  it('tells what is missing, what is too much, and what stands in another order', () => {
    const lost = saved((text) => text.replace(/^-A KUBE-SERVICES .*ns1\/svc1:p80 cluster IP.*\n/m, ''));
    expect(against(lost)).toMatchObject([
      { kind: 'missing', place: 'nat KUBE-SERVICES', items: [{ key: expect.stringContaining('172.30.0.41/32') }] },
    ]);

    const more = saved((text) => text.replace(`*nat\n`, `*nat\n-A ${cluster} -s 1.1.1.1/32 -j RETURN\n`));
    expect(against(more)).toMatchObject([
      {
        kind: 'extra',
        place: `nat ${cluster}`,
        items: [{ text: `-A ${cluster} -s 1.1.1.1/32 -j RETURN`, line: expect.any(Number) }],
      },
    ]);

    const swapped = saved((text) => {
      const lines = text.split('\n');
      const at = lines.findIndex((line) => line.startsWith('-A KUBE-POSTROUTING'));
      [lines[at], lines[at + 1]] = [lines[at + 1]!, lines[at]!];
      return lines.join('\n');
    });
    expect(against(swapped)).toMatchObject([{ kind: 'order', place: 'nat KUBE-POSTROUTING' }]);
  });

  it('calls chains of services that are gone stale, and leaves those of others alone', () => {
    const stale = saved((text) =>
      text.replace(
        '*nat\n',
        '*nat\n:KUBE-SEP-AAAAAAAAAAAAAAAA - [0:0]\n:CNI-HOSTPORT-DNAT - [0:0]\n:KUBE-PROXY-CANARY - [0:0]\n' +
          '-A KUBE-SEP-AAAAAAAAAAAAAAAA -p tcp -j DNAT --to-destination 10.9.9.9:80\n-A CNI-HOSTPORT-DNAT -j RETURN\n-A POSTROUTING -j CNI-X\n',
      ),
    );
    expect(against(stale)).toMatchObject([
      { kind: 'stale', place: 'nat KUBE-SEP-AAAAAAAAAAAAAAAA', items: [{ text: expect.stringContaining('10.9.9.9') }] },
    ]);
  });

  it('can be asked about one Service', () => {
    const ports = servicePorts(everything.services, everything.endpointSlices, 'IPv4', config.node);
    const differences = against('*filter\nCOMMIT\n*nat\nCOMMIT\n');
    const own = differences.flatMap(
      mentions(
        ['ns1/svc1'],
        ports.filter(({ service }) => service === 'svc1'),
      ),
    );
    expect(own.map(({ place }) => place)).toEqual([
      'nat KUBE-SERVICES',
      `nat ${cluster}`,
      'nat KUBE-SEP-SXIVWICOYRO3J4NJ',
    ]);
    expect(own[0]!.items).toHaveLength(1);
  });
});

describe('a list of nft', () => {
  const dump = [
    'table inet filter {',
    '\tset blocked {',
    '\t\ttype ipv4_addr',
    '\t\telements = { 1.1.1.1,',
    '\t\t\t     2.2.2.2 }',
    '\t}',
    '}',
    'table ip kube-proxy {',
    '\tcomment "rules for kube-proxy"',
    '\tset cluster-ips {',
    '\t\ttype ipv4_addr',
    '\t\telements = { 172.30.0.41, 172.30.0.42,',
    '\t\t\t     172.30.0.99 }',
    '\t}',
    '',
    '\tchain masquerading { # handle 7',
    '\t\tmeta mark & 0x00004000 != 0x00000000 meta mark set meta mark ^ 0x00004000 masquerade fully-random # handle 12',
    '\t}',
    '}',
  ];

  it('is read whatever else the ruleset holds, and in the spelling of nft', () => {
    const differences = against(dump.join('\n').replace(' # handle 7', ''), 'nft list ruleset');
    const of = (place: string) => differences.filter((one) => one.place === place);
    expect(of('set cluster-ips').map(({ kind, items }) => [kind, items.map(({ text }) => text)])).toEqual([
      ['missing', ['172.30.0.43', '172.30.0.44', '172.30.0.47']],
      ['extra', ['172.30.0.99']],
    ]);
    expect(of('chain masquerading')).toMatchObject([
      { kind: 'missing', items: [{ text: expect.stringContaining('hairpin') }] },
    ]);
    expect(of('chain masquerading')[0]!.items).toHaveLength(1);
  });

  it('reads the comments of nft -a behind opening braces too', () => {
    expect(against(dump.join('\n'), 'nft list ruleset').length).toBeGreaterThan(0);
  });
});

describe('ipvsadm-save -n', () => {
  it('is compared server by server, with scheduler, affinity and real servers', () => {
    const script = proxyScript('ipvs', everything, config);
    const dump = script.slice(script.indexOf('-A -t'), script.indexOf('\nSERVERS', script.indexOf('-A -t')));
    expect(against(dump, 'ipvsadm-save')).toEqual([]);
    const other = dump.replace('-A -t 172.30.0.43:80 -s rr -p 3600', '-A -t 172.30.0.43:80 -s lc -p 3600');
    expect(
      against(`${other}\n-A -t 172.30.9.9:80 -s rr\n-a -t 172.30.9.9:80 -r 10.9.9.9:80 -m -w 1`, 'ipvsadm-save'),
    ).toMatchObject([
      { kind: 'missing', place: 'ipvs -t 172.30.0.43:80' },
      { kind: 'extra', place: 'ipvs -t 172.30.0.43:80' },
      { kind: 'stale', place: 'ipvs -t 172.30.9.9:80', items: [{}, {}] },
    ]);
  });
});

describe('ipset save', () => {
  const script = proxyScript('ipvs', everything, config);
  const sets = script.slice(script.indexOf('create KUBE'), script.indexOf('\nSETS'));
  /** As the tool prints it: no flush, options of its own, protocols and sets of others. */
  const saved = `create other hash:ip family inet hashsize 64 maxelem 10\nadd other 1.2.3.4\n${sets
    .split('\n')
    .filter((line) => !line.startsWith('flush'))
    .map((line) => line.replace(' -exist', line.startsWith('create') ? ' bucketsize 12 initval 0x3c1a' : ''))
    .join('\n')}\n`;
  const against = (text: string) =>
    compareRuleSets(expectedRules('ipvs', everything, config, 'ipset save'), readDump(text, dumpKind(text), 'IPv4'));

  it('is compared entry by entry', () => {
    expect(dumpKind(saved)).toBe('ipset save');
    expect(dumpFamilies(saved, 'ipset save')).toEqual(['IPv4']);
    expect(against(saved)).toEqual([]);
    const gone = 'add KUBE-CLUSTER-IP 172.30.0.41,tcp:80\n';
    expect(saved).toContain(gone);
    const other = `${saved.replace(gone, '')}add KUBE-CLUSTER-IP 172.30.9.9,tcp:80\ncreate KUBE-OLD hash:ip family inet\nadd KUBE-OLD 1.1.1.1\n`;
    expect(against(other)).toMatchObject([
      { kind: 'missing', place: 'ipset KUBE-CLUSTER-IP', items: [{ text: gone.trim() }] },
      { kind: 'extra', place: 'ipset KUBE-CLUSTER-IP', items: [{ text: 'add KUBE-CLUSTER-IP 172.30.9.9,tcp:80' }] },
      { kind: 'stale', place: 'ipset KUBE-OLD' },
    ]);
  });

  it('holds both families, each by itself', () => {
    const both = `${saved}create KUBE-6-CLUSTER-IP hash:ip,port family inet6\nadd KUBE-6-CLUSTER-IP fd00::1,tcp:80\n`;
    expect(dumpFamilies(both, 'ipset save')).toEqual(['IPv4', 'IPv6']);
    expect(against(both)).toEqual([]);
    expect([...readDump(both, 'ipset save', 'IPv6').keys()]).toEqual(['ipset KUBE-6-CLUSTER-IP']);
  });
});

describe('what is no such dump is refused with its line', () => {
  it.each([
    ['', 1, 'the dump is empty'],
    ['# hello\nkube-proxy is fine', 2, 'begins no output of'],
    ['-A KUBE-SERVICES -j ACCEPT', 1, 'stands outside any table'],
    ['{"nftables": []}', 1, 'list without -j'],
    ['*nat\n:KUBE-SERVICES - [0:0]\n-A KUBE-SERVICES -j ACCEPT', 3, 'has no COMMIT: the dump ends too soon'],
    ['*nat\nKUBE-SERVICES  all  --  0.0.0.0/0\nCOMMIT', 2, 'is no line of iptables-save'],
    ['*nat\n*filter\nCOMMIT', 2, 'table nat has no COMMIT before the next one'],
    ['*nat\nCOMMIT\n-A KUBE-SERVICES -j ACCEPT', 3, 'stands outside any table'],
    ['table ip kube-proxy {\n\tchain services {\n\t\tjump x\n', 4, 'is not closed'],
    ['table ip kube-proxy {\n\trubbish\n}', 2, 'is no chain, set or map'],
    ['table ip filter {\n}', 1, 'there is no "table ip kube-proxy"'],
    ['-A -t localhost:http -s rr', 1, 'use ipvsadm-save -n'],
    ['Name: KUBE-CLUSTER-IP\nType: hash:ip,port', 1, 'it is ipset list; paste what ipset save prints'],
    ['Chain INPUT (policy ACCEPT)', 1, 'it is iptables -L; paste what iptables-save prints'],
    ['IP Virtual Server version 1.2.1', 1, 'it is ipvsadm -L; paste what ipvsadm-save -n prints'],
    ['create KUBE-A hash:ip family inet\nMembers:', 2, 'is no line of ipset save'],
    ['create KUBE-A hash:ip family inet\nadd KUBE-B 1.1.1.1', 2, 'adds to a set that no line before creates'],
    ['-A -t 10.0.0.1:80 -s rr\nTCP  10.0.0.1:80 rr', 2, 'is no line of ipvsadm-save'],
  ])('%j', (text, line, message) => {
    const read = () => readDump(text, dumpKind(text), 'IPv4');
    expect(read).toThrow(message);
    expect(read).toThrow(expect.objectContaining({ name: 'DumpError', line }));
  });
});
