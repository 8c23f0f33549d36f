import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import dnsPacket, { type Packet } from 'dns-packet';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Prng } from '../../src/base/index.ts';
import { type DnsSource, NameServer, readCorefile } from '../../src/dns/index.ts';

const object = (name: string, spec: object): any => ({ metadata: { name, namespace: 'shop' }, spec });
const services: any[] = [
  object('web', { clusterIP: '10.96.0.20', clusterIPs: ['10.96.0.20'], ports: [{ name: 'http', port: 80 }] }),
  object('bare', { clusterIP: '10.96.0.21', clusterIPs: ['10.96.0.21'], ports: [{ port: 81 }] }),
  object('db', { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] }),
  object('many', { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] }),
  object('empty', { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] }),
  object('outside', { type: 'ExternalName', externalName: 'db.example.com' }),
  object('circle', { type: 'ExternalName', externalName: 'circle.shop.svc.cluster.local' }),
];
const sql = [{ name: 'sql', port: 5432, protocol: 'TCP' }];
const slices: Record<string, any[]> = {
  db: [
    {
      ports: sql,
      endpoints: [
        { addresses: ['10.244.0.5'], hostname: 'db-0' },
        { addresses: ['10.244.1.6'], hostname: 'db-1', conditions: { ready: true } },
        { addresses: ['10.244.1.7'], hostname: 'db-2', conditions: { ready: false } },
      ],
    },
  ],
  many: [
    { ports: sql, endpoints: Array.from({ length: 500 }, (_, i) => ({ addresses: [`10.245.${i >> 8}.${i & 255}`] })) },
  ],
  web: [{ ports: [{ name: 'http', port: 8080 }], endpoints: [{ addresses: ['10.244.0.9'] }] }],
};
const source: DnsSource = {
  service: (namespace, name) =>
    namespace === 'shop' ? services.find((each) => each.metadata.name === name) : undefined,
  services: () => services,
  slices: (_, name) => slices[name] ?? [],
  namespaceExists: (name) => name === 'shop',
  podHasAddress: (namespace, ip) => namespace === 'shop' && ip === '10.244.0.5',
};

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

interface Asked {
  readonly names: string[];
  readonly port: number;
  answer: (name: string) => Packet;
}
const records = (...answers: any[]): Packet => ({ answers });

/** A name server elsewhere that counts what it is asked, over both protocols. */
async function upstream(answer: Asked['answer'], { silent = false } = {}): Promise<Asked> {
  const seen: Asked = { names: [], port: 0, answer };
  const reply = (bytes: Buffer, protocol: string) => {
    const query = dnsPacket.decode(bytes);
    const { name } = query.questions![0]!;
    seen.names.push(`${name}/${protocol}`);
    return dnsPacket.encode({
      type: 'response',
      id: query.id,
      flags: 0x180,
      questions: query.questions,
      ...seen.answer(name),
    });
  };
  const tcp: Server = createServer((socket) =>
    socket.on('data', (bytes) => {
      const answered = reply(bytes.subarray(2), 'tcp');
      socket.end(Buffer.concat([Buffer.from([answered.length >> 8, answered.length & 255]), answered]));
    }),
  );
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  const { port } = tcp.address() as { port: number };
  const udp: Socket = createSocket('udp4');
  udp.on('message', (bytes, from) => {
    if (silent) seen.names.push('silent');
    else udp.send(reply(bytes, 'udp'), from.port, from.address);
  });
  await new Promise<void>((resolve) => udp.bind(port, '127.0.0.1', resolve));
  closing.push(
    () => new Promise((resolve) => tcp.close(resolve)),
    () => new Promise<void>((resolve) => udp.close(() => resolve())),
  );
  return Object.assign(seen, { port });
}

function server(
  corefile: string,
  more: { now?: () => number; write?: (line: string) => void; onLoop?: (problem: string) => void } = {},
): NameServer {
  const made = new NameServer({ source, prng: new Prng('names'), ...more }, readCorefile(corefile));
  closing.push(() => made.close());
  return made;
}

const query = (name: string, type = 'A', more: Packet = {}) =>
  dnsPacket.encode({ type: 'query', id: 7, flags: 0x100, questions: [{ name, type: type as 'A' }], ...more });
const edns = (udpPayloadSize = 1232): any => [{ type: 'OPT', name: '.', udpPayloadSize, flags: 0, options: [] }];

type Got = Omit<Packet, 'answers' | 'authorities' | 'additionals'> & {
  rcode: string;
  answers: any[];
  authorities: any[];
  additionals: any[];
  flag_tc: boolean;
};
async function ask(
  names: NameServer,
  name: string,
  type = 'A',
  more: Packet & { transport?: 'tcp' } = {},
): Promise<Got> {
  const { transport = 'udp', ...rest } = more;
  return dnsPacket.decode((await names.respond(query(name, type, rest), transport))!) as unknown as Got;
}
const data = (got: Got) => got.answers.map((record) => record.data);

const cluster = `.:53 {
  any
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    pods verified
    fallthrough in-addr.arpa ip6.arpa
    ttl 30
  }
}
`;

describe('records of the cluster', () => {
  const names = () => server(cluster);
  it.each([
    ['web.shop.svc.cluster.local', 'A', ['10.96.0.20']],
    ['10-244-0-9.web.shop.svc.cluster.local', 'A', ['10.244.0.9']],
    ['_http._tcp.web.shop.svc.cluster.local', 'A', ['10.96.0.20']],
    ['10-244-0-5.shop.pod.cluster.local', 'A', ['10.244.0.5']],
    ['dns-version.cluster.local', 'TXT', [[Buffer.from('1.1.0')]]],
    ['cluster.local', 'NS', ['ns.dns.cluster.local']],
    ['web.shop.svc.cluster.local', 'ANY', [{ cpu: 'ANY obsoleted', os: 'See RFC 8482' }]],
    [
      'bare.shop.svc.cluster.local',
      'SRV',
      [{ port: 81, weight: 100, priority: 0, target: 'bare.shop.svc.cluster.local' }],
    ],
  ])('%s %s', async (name, type, expected) => expect(data(await ask(names(), name, type))).toEqual(expected));

  it.each([
    ['nobody.shop.svc.cluster.local', 'NXDOMAIN'],
    ['web.nowhere.svc.cluster.local', 'NXDOMAIN'],
    ['empty.shop.svc.cluster.local', 'NXDOMAIN'],
    ['*.shop.svc.cluster.local', 'NXDOMAIN'],
    ['10-244-9-9.shop.pod.cluster.local', 'NXDOMAIN'],
    ['shop.svc.cluster.local', 'NOERROR'],
    ['svc.cluster.local', 'NOERROR'],
    ['cluster.local', 'NOERROR'],
  ])('%s is %s with a SOA', async (name, code) => {
    const got = await ask(names(), name);
    expect(got).toMatchObject({ rcode: code, answers: [] });
    expect(got.authorities).toMatchObject([{ type: 'SOA', name: 'cluster.local', data: { minimum: 30 } }]);
  });

  it('shares the weight of 100 among the endpoints of an SRV', async () => {
    const got = await ask(names(), '_sql._tcp.db.shop.svc.cluster.local', 'SRV', { additionals: edns() });
    expect(data(got)).toMatchObject([{ weight: 50, target: 'db-0.db.shop.svc.cluster.local' }, { weight: 50 }]);
    expect(got.additionals.filter(({ type }) => type === 'A').map((record) => record.data)).toEqual([
      '10.244.0.5',
      '10.244.1.6',
    ]);
  });

  it('has 500 endpoints whole over TCP, and as many as fit over UDP', async () => {
    const over = async (transport: 'tcp' | undefined, type: string, more: Packet = {}) =>
      ask(names(), 'many.shop.svc.cluster.local', type, { ...more, ...(transport && { transport }) });
    expect((await over('tcp', 'A')).answers).toHaveLength(500);
    expect((await over('tcp', 'SRV')).answers).toHaveLength(500);
    const cut = await over(undefined, 'A');
    expect(cut).toMatchObject({ flag_tc: true });
    expect(cut.answers.length).toBe(29);
    const wide = await over(undefined, 'A', { additionals: edns(4096) });
    expect(wide.answers.length).toBeGreaterThan(70);
    expect(names().respond(query('many.shop.svc.cluster.local', 'A', { additionals: edns(4096) }), 'udp')).toSatisfy(
      (bytes: Buffer) => bytes.length <= 1232,
    );
  });

  it('refuses zone transfers, other classes, and names of nobody', async () => {
    expect((await ask(names(), 'cluster.local', 'AXFR', { transport: 'tcp' })).rcode).toBe('REFUSED');
    expect((await ask(server('cluster.local {\n kubernetes\n}'), 'example.com')).rcode).toBe('REFUSED');
    const chaos = query('version.bind', 'TXT');
    chaos[chaos.length - 1] = 3;
    expect(dnsPacket.decode((await names().respond(chaos, 'udp'))!)).toMatchObject({ rcode: 'REFUSED' });
  });

  it('ends a circle of aliases', async () => {
    expect(data(await ask(names(), 'circle.shop.svc.cluster.local'))).toHaveLength(8);
  });

  it('answers a version of EDNS that it does not know with BADVERS', async () => {
    const later = edns();
    later[0].ednsVersion = 1;
    const bytes = (await names().respond(query('web.shop.svc.cluster.local', 'A', { additionals: later }), 'udp'))!;
    expect(dnsPacket.decode(bytes).additionals).toMatchObject([{ type: 'OPT', extendedRcode: 1 }]);
  });

  it('is not brought down by any bytes', () => {
    const names = server(cluster);
    const whole = [query('web.shop.svc.cluster.local', 'SRV', { additionals: edns() }), query('a.b', 'ANY')];
    const changed = fc
      .tuple(fc.constantFrom(...whole), fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 6 }), fc.nat(80))
      .map(([bytes, edits, length]) => {
        const copy = Buffer.from(bytes);
        for (const [at, byte] of edits) copy[at % copy.length] = byte;
        return copy.subarray(0, Math.max(length, 8));
      });
    fc.assert(
      fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 600 }).map(Buffer.from)), (bytes) => {
        const answer = names.respond(bytes, 'udp');
        if (answer === undefined) return;
        expect(Buffer.isBuffer(answer)).toBe(true);
        expect((answer as Buffer).length).toBeLessThanOrEqual(1232);
        expect((answer as Buffer).subarray(0, 2)).toEqual(bytes.subarray(0, 2));
      }),
      { numRuns: 2000, seed: 8 },
    );
  });
});

describe('a Corefile at work', () => {
  it('sends each zone to its own servers, and the rest to the others', async () => {
    const office = await upstream((name) => records({ type: 'A', name, ttl: 60, data: '192.0.2.1' }));
    const world = await upstream((name) => records({ type: 'A', name, ttl: 60, data: '192.0.2.2' }));
    const names = server(
      `office.example {\n forward . 127.0.0.1:${office.port}\n}\n. {\n kubernetes cluster.local\n forward . 127.0.0.1:${world.port} {\n except secret.example\n }\n}`,
    );
    expect(data(await ask(names, 'printer.office.example'))).toEqual(['192.0.2.1']);
    expect(data(await ask(names, 'example.com'))).toEqual(['192.0.2.2']);
    expect(data(await ask(names, 'outside.shop.svc.cluster.local'))).toEqual(['db.example.com', '192.0.2.2']);
    expect((await ask(names, 'a.secret.example')).rcode).toBe('SERVFAIL');
    expect([office.names, world.names]).toEqual([
      ['printer.office.example/udp'],
      ['example.com/udp', 'db.example.com/udp'],
    ]);
  });

  it('asks over TCP when told to, over UDP when that is preferred, and again over TCP for what was cut', async () => {
    const far = await upstream((name) => records({ type: 'A', name, ttl: 60, data: '192.0.2.1' }));
    await ask(server(`. {\n forward . 127.0.0.1:${far.port} {\n force_tcp\n }\n}`), 'a.example');
    await ask(server(`. {\n forward . 127.0.0.1:${far.port} {\n prefer_udp\n }\n}`), 'b.example', 'A', {
      transport: 'tcp',
    });
    far.answer = () => ({ flags: 0x380 });
    await ask(server(`. {\n forward . 127.0.0.1:${far.port} {\n prefer_udp\n }\n}`), 'c.example', 'A', {
      transport: 'tcp',
    });
    expect(far.names).toEqual(['a.example/tcp', 'b.example/udp', 'c.example/udp', 'c.example/tcp']);
  });

  it('goes to the next server when one is gone, and says so when all are', async () => {
    const gone = await upstream(() => ({}));
    const { port } = gone;
    for (const close of closing.splice(0)) await close();
    const alive = await upstream((name) => records({ type: 'A', name, ttl: 60, data: '192.0.2.2' }));
    const lines: string[] = [];
    const both = server(`. {\n forward . 127.0.0.1:${port} 127.0.0.1:${alive.port} {\n policy sequential\n }\n}`);
    expect(data(await ask(both, 'example.com'))).toEqual(['192.0.2.2']);
    const none = server(`. {\n errors\n forward . 127.0.0.1:${port}\n}`, { write: (line) => lines.push(line) });
    expect((await ask(none, 'example.com')).rcode).toBe('SERVFAIL');
    expect(lines).toEqual([`[ERROR] plugin/errors: 2 example.com. A: read udp 127.0.0.1:${port}: connection refused`]);
  });

  it('ends a loop through another server, says so, and tries again when that may be mended', async () => {
    let now = 0;
    let mended = false;
    const lines: string[] = [];
    const told: string[] = [];
    let relayed = 0;
    // A server that asks klab whatever klab asks it.
    const relay = createSocket('udp4');
    await new Promise<void>((resolve) => relay.bind(0, '127.0.0.1', resolve));
    closing.push(() => new Promise<void>((resolve) => relay.close(() => resolve())));
    const names = server(`.:53 {\n log\n loop\n forward . 127.0.0.1:${relay.address().port}\n}`, {
      now: () => now,
      write: (line) => lines.push(line),
      onLoop: (problem) => told.push(problem),
    });
    relay.on('message', async (bytes, from) => {
      relayed++;
      const answered = mended
        ? dnsPacket.encode({ ...(dnsPacket.decode(bytes) as Packet), type: 'response', flags: 0x183 })
        : await names.respond(bytes, 'udp', { address: '127.0.0.1', port: 5353 });
      relay.send(answered!, from.port, from.address);
    });
    expect((await ask(names, 'example.com')).rcode).toBe('SERVFAIL');
    const says =
      /^plugin\/loop: Loop \(127\.0\.0\.1:5353 -> :53\) detected for zone "\.", see https:\/\/coredns\.io\/plugins\/loop#troubleshooting\. Query: "HINFO \d+\.\d+\."$/;
    expect(told).toEqual([expect.stringMatching(says)]);
    expect(lines).toContain(`[FATAL] ${told[0]}`);
    const before = relayed;
    expect((await ask(names, 'other.example')).rcode).toBe('SERVFAIL');
    expect(relayed).toBe(before);
    mended = true;
    now = 29_999;
    expect((await ask(names, 'example.com')).rcode).toBe('SERVFAIL');
    now = 30_000;
    expect((await ask(names, 'example.com')).rcode).toBe('NXDOMAIN');
    expect(told).toHaveLength(1);
  });

  it('asks once whether there is a loop, and only when somebody else is asked at all', async () => {
    const far = await upstream((name) => records({ type: 'A', name, ttl: 60, data: '192.0.2.2' }));
    const names = server(
      `.:53 {\n loop\n kubernetes cluster.local\n forward . 127.0.0.1:${far.port}\n}\ncorp:53 {\n loop\n forward . 127.0.0.1:${far.port}\n}`,
    );
    expect(data(await ask(names, 'web.shop.svc.cluster.local'))).toEqual(['10.96.0.20']);
    expect(far.names).toEqual([]);
    for (const name of ['a.example', 'b.example', 'a.corp'])
      expect(data(await ask(names, name))).toEqual(['192.0.2.2']);
    const probes = () => far.names.filter((name) => /^\d+\.\d+(\.corp)?\/udp$/.test(name));
    await vi.waitFor(() => expect(probes()).toHaveLength(2));
    expect(probes().filter((name) => name.includes('.corp'))).toHaveLength(1);
    expect(far.names).toHaveLength(5);
  });

  it('keeps answers for their time, counts it down, and keeps the letters of each question', async () => {
    let now = 0;
    const far = await upstream((name) => records({ type: 'A', name, ttl: 300, data: '192.0.2.2' }));
    const names = server(`. {\n forward . 127.0.0.1:${far.port}\n cache 30\n}`, { now: () => now });
    const ttl = async (name: string) => (await ask(names, name)).answers[0];
    expect(await ttl('example.com')).toMatchObject({ ttl: 30 });
    now = 12_000;
    expect(await ttl('EXAMPLE.com')).toMatchObject({ ttl: 18, data: '192.0.2.2' });
    expect((await ask(names, 'EXAMPLE.com')).questions).toMatchObject([{ name: 'EXAMPLE.com' }]);
    expect(far.names).toHaveLength(1);
    now = 30_000;
    expect(await ttl('example.com')).toMatchObject({ ttl: 30 });
    expect(far.names).toHaveLength(2);
  });

  it('keeps denials by their SOA and failures for five seconds; not what it is told to leave', async () => {
    let now = 0;
    const soa = (minimum: number): any => ({
      type: 'SOA',
      name: 'example.com',
      ttl: 3600,
      data: { mname: 'ns.example.com', rname: 'a.example.com', serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
    });
    const far = await upstream((name) =>
      name.startsWith('fail') ? { flags: 0x182 } : { flags: 0x183, authorities: [soa(20)] },
    );
    const names = server(`. {\n forward . 127.0.0.1:${far.port}\n cache {\n disable denial never.example\n }\n}`, {
      now: () => now,
    });
    const twice = async (name: string, later: number) => {
      far.names.length = 0;
      const first = await ask(names, name);
      now += later - 1;
      await ask(names, name);
      const before = far.names.length;
      now += 1;
      await ask(names, name);
      return [first.rcode, before, far.names.length];
    };
    expect(await twice('no.example', 20_000)).toEqual(['NXDOMAIN', 1, 2]);
    expect(await twice('fail.example', 5_000)).toEqual(['SERVFAIL', 1, 2]);
    expect(await twice('a.never.example', 5_000)).toEqual(['NXDOMAIN', 2, 3]);
  });

  it('gives a stale answer while it asks again, if it may', async () => {
    let now = 0;
    const far = await upstream((name) => records({ type: 'A', name, ttl: 10, data: '192.0.2.2' }));
    const names = server(`. {\n forward . 127.0.0.1:${far.port}\n cache {\n serve_stale 1m verify\n }\n}`, {
      now: () => now,
    });
    await ask(names, 'example.com');
    now = 20_000;
    far.answer = () => ({ flags: 0x182 });
    expect((await ask(names, 'example.com')).answers).toMatchObject([{ ttl: 0, data: '192.0.2.2' }]);
    now = 80_000;
    expect((await ask(names, 'example.com')).rcode).toBe('SERVFAIL');
  });

  it('rewrites names there and back', async () => {
    const far = await upstream((name) => records({ type: 'A', name, ttl: 60, data: '192.0.2.2' }));
    const names = server(`. {
      rewrite name exact old.shop.example web.shop.svc.cluster.local
      rewrite name suffix .svc.corp.test .svc.cluster.local answer auto
      rewrite name regex (.*)\\.eu\\.example {1}.example.com answer name (.*)\\.example\\.com {1}.eu.example
      rewrite continue ttl exact slow.example 7
      rewrite type ANY A
      kubernetes cluster.local
      forward . 127.0.0.1:${far.port}
    }`);
    expect((await ask(names, 'old.shop.example')).answers).toMatchObject([
      { name: 'old.shop.example', data: '10.96.0.20' },
    ]);
    const suffix = await ask(names, 'WEB.shop.svc.corp.test');
    expect(suffix.answers).toMatchObject([{ name: 'WEB.shop.svc.corp.test', data: '10.96.0.20' }]);
    expect(suffix.questions).toMatchObject([{ name: 'WEB.shop.svc.corp.test' }]);
    expect((await ask(names, 'a.eu.example')).answers).toMatchObject([{ name: 'a.eu.example', data: '192.0.2.2' }]);
    expect((await ask(names, 'slow.example')).answers).toMatchObject([{ ttl: 7 }]);
    expect((await ask(names, 'any.example', 'ANY')).answers).toMatchObject([{ type: 'A' }]);
    expect(far.names).toEqual(['a.example.com/udp', 'slow.example/udp', 'any.example/udp']);
    expect(names.addresses('old.shop.example')).toEqual(['10.96.0.20']);
  });

  it('has names of its own from hosts, lets others through, or fails', async () => {
    const inline =
      'hosts {\n 192.0.2.10 printer.office.example scanner.office.example\n 2001:db8::10 printer.office.example\n';
    const names = server(
      `office.example {\n ${inline} }\n}\n. {\n hosts {\n 192.0.2.11 web.shop.svc.cluster.local\n fallthrough\n }\n kubernetes cluster.local\n}`,
    );
    expect(await ask(names, 'printer.office.example')).toMatchObject({ answers: [{ ttl: 3600, data: '192.0.2.10' }] });
    expect(data(await ask(names, 'printer.office.example', 'AAAA'))).toEqual(['2001:db8::10']);
    expect(await ask(names, 'scanner.office.example', 'AAAA')).toMatchObject({ rcode: 'NOERROR', answers: [] });
    expect((await ask(names, 'nobody.office.example')).rcode).toBe('SERVFAIL');
    expect(data(await ask(names, 'web.shop.svc.cluster.local'))).toEqual(['192.0.2.11']);
    expect(data(await ask(names, 'bare.shop.svc.cluster.local'))).toEqual(['10.96.0.21']);
  });

  it('makes up answers by templates, in their order, and lets others through', async () => {
    const names = server(String.raw`. {
  rewrite name old.example ip-10-9-9-9.example
  template IN A example {
    match ^ip-(?P<a>\d+)-(?P<b>\d+)-(\d+)-(\d+)[.]example[.]$ "^v6[.]"
    answer "{{ .Name }} 60 IN A {{ .Group.a }}.{{ .Group.b }}.{{ index .Match 3 }}.{{ .Group.4 }}"
    fallthrough
  }
  template IN AAAA example {
    answer "{{ .Name }} IN AAAA fd00::7"
    additional "{{ .Zone }} 60 IN TXT \"made up\" for-{{ .Type }}"
  }
  template IN MX example {
    answer "{{ .Name }} 60 IN MX 10 mail.{{ .Zone }}" "{{ .Name }} 60 IN MX 20 {{ index .Match 0 }}"
  }
  template ANY ANY blocked.example {
    rcode NXDOMAIN
    authority "blocked.example. 60 IN SOA ns.blocked.example. admin.blocked.example. 1 2 3 4 5"
  }
  template IN A alias.example {
    answer "{{ .Name }} 5 IN CNAME web.shop.svc.cluster.local."
  }
  template IN A strict.example {
    match ^only[.]
    answer "{{ .Name }} 5 IN A 192.0.2.1"
  }
  kubernetes cluster.local
  hosts {
    192.0.2.99 plain.example
    fallthrough
  }
}`);
    expect((await ask(names, 'IP-10-0-0-1.example')).answers).toEqual([
      expect.objectContaining({ name: 'IP-10-0-0-1.example', ttl: 60, type: 'A', data: '10.0.0.1' }),
    ]);
    // No address comes of it.
    expect((await ask(names, 'ip-10-0-0-999.example')).rcode).toBe('SERVFAIL');
    expect((await ask(names, 'v6.example')).rcode).toBe('SERVFAIL');
    const six = await ask(names, 'any.example', 'AAAA');
    expect(six.answers).toMatchObject([{ ttl: 3600, data: 'fd00::7' }]);
    expect(six.additionals).toMatchObject([
      { name: 'example', type: 'TXT', data: ['made up', 'for-AAAA'].map(Buffer.from) },
    ]);
    expect(data(await ask(names, 'example', 'MX'))).toEqual([
      { preference: 10, exchange: 'mail.example' },
      { preference: 20, exchange: 'example' },
    ]);
    const blocked = await ask(names, 'x.blocked.example', 'TXT');
    expect(blocked).toMatchObject({ rcode: 'NXDOMAIN', flag_aa: true });
    expect(blocked.authorities).toMatchObject([{ type: 'SOA', data: { mname: 'ns.blocked.example', minimum: 5 } }]);
    expect(data(await ask(names, 'x.alias.example'))).toEqual(['web.shop.svc.cluster.local', '10.96.0.20']);
    expect(data(await ask(names, 'only.strict.example'))).toEqual(['192.0.2.1']);
    expect(await ask(names, 'other.strict.example')).toMatchObject({ rcode: 'NXDOMAIN', answers: [] });
    expect(data(await ask(names, 'plain.example'))).toEqual(['192.0.2.99']);
    expect(data(await ask(names, 'web.shop.svc.cluster.local'))).toEqual(['10.96.0.20']);
    expect((await ask(names, 'old.example')).answers).toMatchObject([{ name: 'old.example', data: '10.9.9.9' }]);
    expect(names.lookup('ip-10-0-0-1.example', 'A')).toEqual({
      code: 'NOERROR',
      records: [{ type: 'A', name: 'ip-10-0-0-1.example', ttl: 60, address: '10.0.0.1' }],
    });
    expect(names.addresses('other.strict.example')).toBeUndefined();
    expect(names.addresses('ip-10-0-0-1.example')).toEqual(['10.0.0.1', 'fd00::7']);
  });

  it('leaves out a template that says more than fields and groups, and warns', () => {
    const { blocks, warnings } = readCorefile('. {\n template IN A {\n  answer "{{ if .Name }}x{{ end }}"\n }\n}');
    expect(blocks[0]!.templates).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(/^Corefile:3:10 - template "\{\{ if .* is not served by klab/)]);
  });

  it('logs what it is told to log, as CoreDNS does', async () => {
    const lines: string[] = [];
    const names = server(
      '. {\n log . {\n class denial\n }\n log shop.svc.cluster.local "{name} {rcode}"\n kubernetes cluster.local\n}',
      {
        write: (line) => lines.push(line),
      },
    );
    const client = { address: '127.0.0.1', port: 40_000 };
    await names.respond(query('web.shop.svc.cluster.local'), 'udp', client);
    await names.respond(query('nobody.default.svc.cluster.local', 'A', { additionals: edns() }), 'udp', client);
    expect(lines).toEqual([
      '[INFO] web.shop.svc.cluster.local. NOERROR',
      expect.stringMatching(
        /^\[INFO\] 127\.0\.0\.1:40000 - 7 "A IN nobody\.default\.svc\.cluster\.local\. udp 61 false 1232" NXDOMAIN qr,aa,rd \d+ 0\.\d{9}s$/,
      ),
    ]);
  });
});
