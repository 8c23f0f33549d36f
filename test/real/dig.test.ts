/** Cluster DNS asked by dig: what a real resolver library makes of the answers. */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import { Prng, silentLogger } from '../../src/base/index.ts';
import { NameServer, readCorefile } from '../../src/dns/index.ts';
import { type DnsServer, serveDns } from '../../src/dns/server.ts';
import { missing } from '../helpers/real.ts';

const run = promisify(execFile);
const able = missing('dig').length === 0;

const object = (kind: string, name: string, more: object): KubeObject =>
  ({ apiVersion: 'v1', kind, metadata: { namespace: 'shop', name }, ...more }) as KubeObject;
const services = [
  object('Service', 'web', {
    spec: { clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7', 'fd00::7'], ports: [{ name: 'http', port: 80 }] },
  }),
  object('Service', 'db', { spec: { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] } }),
  object('Service', 'many', { spec: { clusterIP: 'None', ports: [] } }),
  object('Service', 'six', {
    spec: { clusterIP: 'None', ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }], ipFamilies: ['IPv6'] },
  }),
  object('Service', 'alias', { spec: { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local.' } }),
  object('Service', 'chain', { spec: { type: 'ExternalName', externalName: 'alias.shop.svc.cluster.local' } }),
  object('Service', 'docs', { spec: { type: 'ExternalName', externalName: 'docs.example.com' } }),
];
const endpoints = (addresses: readonly string[], hostname?: (i: number) => string) =>
  addresses.map((ip, i) => ({ addresses: [ip], ...(hostname && { hostname: hostname(i) }) }));
const slices: Record<string, KubeObject[]> = {
  db: [
    object('EndpointSlice', 'db-1', {
      ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }],
      endpoints: endpoints(['10.244.0.5', '10.244.1.6'], (i) => `db-${i}`),
    }),
  ],
  six: [
    object('EndpointSlice', 'six-1', {
      addressType: 'IPv6',
      ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }],
      endpoints: endpoints(['fd00:10::5']),
    }),
  ],
  many: [
    object('EndpointSlice', 'many-1', {
      ports: [],
      endpoints: endpoints(Array.from({ length: 200 }, (_, i) => `10.244.2.${i + 1}`)),
    }),
  ],
};

const corefile = `.:53 {
    any
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    hosts {
       192.0.2.10 printer.office.example
       fallthrough
    }
    rewrite name exact old.shop.example web.shop.svc.cluster.local
    forward . /etc/resolv.conf
    cache 30
}
`;

describe.skipIf(!able)('dig', () => {
  let server: DnsServer;
  let upstream: ReturnType<typeof createSocket>;

  beforeAll(async () => {
    upstream = createSocket('udp4');
    // A name server for the rest of the world: it has heard of docs.example.com, which has an IPv4 address, and of nothing else.
    upstream.on('message', (query, from) => {
      const end = query.indexOf(0, 12) + 5;
      const known = query.toString('latin1', 12, end).toLowerCase().startsWith('\x04docs\x07example\x03com\0');
      const hasOne = known && query.readUInt16BE(end - 4) === 1;
      const address = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 80]);
      const answer = Buffer.concat([query.subarray(0, end), hasOne ? address : Buffer.alloc(0)]);
      answer[2]! |= 0x80;
      answer[3] = (answer[3]! & 0xf0) | (known ? 0 : 3);
      answer.writeUInt16BE(hasOne ? 1 : 0, 6);
      answer.writeUInt32BE(0, 8);
      upstream.send(answer, from.port, from.address);
    });
    await new Promise<void>((resolve) => upstream.bind(0, '127.0.0.1', resolve));
    const source = {
      service: (namespace: string, name: string) =>
        namespace === 'shop' ? services.find(({ metadata }) => metadata.name === name) : undefined,
      services: () => services,
      slices: (_namespace: string, service: string) => slices[service] ?? [],
      namespaceExists: (name: string) => name === 'shop',
    };
    const resolvers = [{ address: '127.0.0.1', port: upstream.address().port }];
    const names = new NameServer({ source, prng: new Prng('dig') }, readCorefile(corefile, { resolvers }));
    server = await serveDns({
      respond: (bytes, transport, client) => names.respond(bytes, transport, client),
      log: silentLogger,
    });
  });
  afterAll(async () => {
    await server?.close();
    upstream?.close();
  });

  const dig = async (...words: string[]): Promise<string> =>
    (await run('dig', ['@127.0.0.1', '-p', String(server.port), '+tries=1', '+time=5', ...words])).stdout;
  const short = async (...words: string[]) => (await dig('+short', ...words)).trim().split('\n').sort();
  const status = async (...words: string[]) => /status: (\w+)/.exec(await dig(...words))![1];

  it.each([
    [['web.shop.svc.cluster.local', 'A'], ['10.96.0.7']],
    [['web.shop.svc.cluster.local', 'AAAA'], ['fd00::7']],
    [['WEB.shop.SVC.cluster.local', 'A'], ['10.96.0.7']],
    [['_http._tcp.web.shop.svc.cluster.local', 'SRV'], ['0 50 80 web.shop.svc.cluster.local.']],
    [
      ['_sql._tcp.db.shop.svc.cluster.local', 'SRV'],
      ['0 50 5432 db-0.db.shop.svc.cluster.local.', '0 50 5432 db-1.db.shop.svc.cluster.local.'],
    ],
    [
      ['db.shop.svc.cluster.local', 'A'],
      ['10.244.0.5', '10.244.1.6'],
    ],
    [['db-1.db.shop.svc.cluster.local', 'A'], ['10.244.1.6']],
    [['-x', '10.96.0.7'], ['web.shop.svc.cluster.local.']],
    [['-x', 'fd00::7'], ['web.shop.svc.cluster.local.']],
    [['10-244-0-9.shop.pod.cluster.local', 'A'], ['10.244.0.9']],
    [['docs.shop.svc.cluster.local', 'CNAME'], ['docs.example.com.']],
    [
      ['docs.shop.svc.cluster.local', 'A'],
      ['192.0.2.80', 'docs.example.com.'],
    ],
    [['docs.shop.svc.cluster.local', 'AAAA'], ['docs.example.com.']],
    [
      ['alias.shop.svc.cluster.local', 'A'],
      ['10.96.0.7', 'web.shop.svc.cluster.local.'],
    ],
    [
      ['chain.shop.svc.cluster.local', 'AAAA'],
      ['alias.shop.svc.cluster.local.', 'fd00::7', 'web.shop.svc.cluster.local.'],
    ],
    [['chain.shop.svc.cluster.local', 'CNAME'], ['alias.shop.svc.cluster.local.']],
    [['six.shop.svc.cluster.local', 'AAAA'], ['fd00:10::5']],
    [['fd00-10--5.six.shop.svc.cluster.local', 'AAAA'], ['fd00:10::5']],
    [['_sql._tcp.six.shop.svc.cluster.local', 'SRV'], ['0 100 5432 fd00-10--5.six.shop.svc.cluster.local.']],
    [['-x', 'fd00:10::5'], ['fd00-10--5.six.shop.svc.cluster.local.']],
    [['-x', '10.244.1.6'], ['db-1.db.shop.svc.cluster.local.']],
    [['fd00-10--9.shop.pod.cluster.local', 'AAAA'], ['fd00:10::9']],
    [['dns-version.cluster.local', 'TXT'], ['"1.1.0"']],
    [['cluster.local', 'SOA'], ['ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30']],
    [['cluster.local', 'NS'], ['ns.dns.cluster.local.']],
    [['printer.office.example', 'A'], ['192.0.2.10']],
    [['-x', '192.0.2.10'], ['printer.office.example.']],
    [['old.shop.example', 'A'], ['10.96.0.7']],
    [['web.shop.svc.cluster.local', 'ANY'], ['"ANY obsoleted" "See RFC 8482"']],
  ])('%j', async (words, expected) => {
    expect(await short(...words)).toEqual(expected);
    expect(await short('+tcp', ...words)).toEqual(expected);
  });

  it('is told which names do not exist, which have no such record, and who says so', async () => {
    expect(await status('nobody.shop.svc.cluster.local')).toBe('NXDOMAIN');
    const none = await dig('web.shop.svc.cluster.local', 'SRV', '+noall', '+comments', '+authority');
    const noData = await dig('db.shop.svc.cluster.local', 'AAAA');
    expect(none).toContain('NOERROR');
    expect(noData).toContain('status: NOERROR');
    expect(noData).toMatch(/ANSWER: 0, AUTHORITY: 1/);
    expect(noData).toMatch(/cluster\.local\.\s+\d+\s+IN\s+SOA\s/);
    expect(noData).toMatch(/flags: qr aa rd/);
  });

  it.each([
    // Empty parts of the tree exist.
    [['cluster.local', 'A'], 'NOERROR'],
    [['svc.cluster.local', 'A'], 'NOERROR'],
    [['shop.svc.cluster.local', 'A'], 'NOERROR'],
    [['shop.pod.cluster.local', 'A'], 'NOERROR'],
    [['nowhere.svc.cluster.local', 'A'], 'NXDOMAIN'],
    [['six.shop.svc.cluster.local', 'A'], 'NOERROR'],
    [['web.shop.svc.cluster.local', 'MX'], 'NOERROR'],
    [['10-244-0-9.shop.pod.cluster.local', 'AAAA'], 'NOERROR'],
    [['web.nowhere.svc.cluster.local', 'A'], 'NXDOMAIN'],
    [['10-244-0.shop.pod.cluster.local', 'A'], 'NXDOMAIN'],
    [['_http._udp.web.shop.svc.cluster.local', 'SRV'], 'NXDOMAIN'],
    [['_https._tcp.web.shop.svc.cluster.local', 'SRV'], 'NXDOMAIN'],
    [['db-7.db.shop.svc.cluster.local', 'A'], 'NXDOMAIN'],
    // Wildcards went with CoreDNS 1.9.
    [['*.shop.svc.cluster.local', 'A'], 'NXDOMAIN'],
    [['any.shop.svc.cluster.local', 'A'], 'NXDOMAIN'],
    [['*.db.shop.svc.cluster.local', 'A'], 'NXDOMAIN'],
  ])('%j is %s, with the zone’s SOA and no answer', async (words, expected) => {
    const text = await dig(...words);
    expect(text).toMatch(new RegExp(`status: ${expected},[\\s\\S]*flags: qr aa rd; QUERY: 1, ANSWER: 0, AUTHORITY: 1`));
    expect(text).toMatch(
      /^cluster\.local\.\s+\d+\s+IN\s+SOA\s+ns\.dns\.cluster\.local\. hostmaster\.cluster\.local\. \d+ 7200 1800 86400 30$/m,
    );
  });

  it('reads what clients put into EDNS, and asks nothing of it', async () => {
    for (const words of [
      ['+cookie'],
      ['+nsid'],
      ['+subnet=192.0.2.0/24'],
      ['+ednsopt=65001:00ff'],
      ['+padding=64'],
      ['+adflag'],
    ]) {
      const text = await dig('web.shop.svc.cluster.local', ...words);
      expect(text, words.join(' ')).toMatch(/status: NOERROR[\s\S]*ANSWER: 1/);
      expect(text, words.join(' ')).not.toMatch(/malformed|extra bytes|mismatch/i);
    }
    expect(await dig('web.shop.svc.cluster.local', '+dnssec')).toMatch(/EDNS: version: 0, flags: do; udp: \d+/);
    expect(await dig('web.shop.svc.cluster.local', '+noedns')).not.toContain('EDNS');
    // Less than 512 bytes is as good as 512.
    expect(await dig('db.shop.svc.cluster.local', '+bufsize=100', '+ignore')).toMatch(/flags: qr aa rd;.* ANSWER: 2/);
    expect(await dig('web.shop.svc.cluster.local', '+norecurse')).toMatch(/flags: qr aa; QUERY/);
  });

  it('asks many questions on one connection', async () => {
    const names = Array.from({ length: 20 }, () => ['web.shop.svc.cluster.local', 'A']).flat();
    expect(await short('+tcp', '+keepopen', ...names)).toEqual(Array(20).fill('10.96.0.7'));
  });

  it('is refused the whole zone, and an EDNS version that nobody has', async () => {
    expect(await dig('cluster.local', 'AXFR')).toMatch(/Transfer failed/);
    expect(await status('web.shop.svc.cluster.local', '+edns=3', '+noednsneg')).toBe('BADVERS');
    expect(await status('web.shop.svc.cluster.local', '+opcode=update')).toBe('NOTIMP');
    expect(await status('-c', 'CH', 'web.shop.svc.cluster.local')).toBe('REFUSED');
  });

  it('gets as much as its buffer takes, and its own letters back', async () => {
    const cut = await dig('many.shop.svc.cluster.local', '+ignore', '+bufsize=600');
    expect(cut).toMatch(/flags: qr aa tc rd/);
    expect(Number(/MSG SIZE\s+rcvd: (\d+)/.exec(cut)![1])).toBeLessThanOrEqual(600);
    expect(await dig('wEb.ShOp.svc.cluster.local', '+noall', '+answer')).toMatch(/^wEb\.ShOp\.svc\.cluster\.local\.\s/);
  });

  it('asks again over TCP when an answer does not fit', async () => {
    const cut = await dig('many.shop.svc.cluster.local', '+ignore', '+noedns');
    expect(cut).toMatch(/flags: qr aa tc/);
    const whole = await dig('many.shop.svc.cluster.local');
    expect(whole).toContain('ANSWER: 200');
    expect(whole).toMatch(/\(TCP\)|Truncated, retrying in TCP mode/);
  });

  it('gets names of others from their name servers', async () => {
    expect(await status('example.com')).toBe('NXDOMAIN');
    const whole = await dig('docs.shop.svc.cluster.local', 'A', '+noall', '+answer');
    expect(whole).toMatch(
      /^docs\.shop\.svc\.cluster\.local\.\s+\d+\s+IN\s+CNAME\s+docs\.example\.com\.\ndocs\.example\.com\.\s+\d+\s+IN\s+A\s+192\.0\.2\.80\n$/,
    );
  });

  it('speaks EDNS', async () => {
    expect(await dig('web.shop.svc.cluster.local', '+bufsize=4096')).toMatch(/EDNS: version: 0, flags:; udp: \d+/);
  });
});
