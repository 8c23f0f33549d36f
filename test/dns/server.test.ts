import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import dnsPacket, { type Packet } from 'dns-packet';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Prng, silentLogger } from '../../src/base/index.ts';
import { type DnsSource, NameServer, type Respond, readCorefile } from '../../src/dns/index.ts';
import { type DnsServer, type DnsServerOptions, serveDns } from '../../src/dns/server.ts';

const manyEndpoints = Array.from({ length: 200 }, (_, i) => ({
  addresses: [`10.244.${1 + (i >> 8)}.${i & 255}`],
  conditions: { ready: true },
}));
const services: any[] = [
  {
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      clusterIP: '10.96.0.20',
      clusterIPs: ['10.96.0.20', 'fd00::20'],
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    },
  },
  { metadata: { name: 'many', namespace: 'shop' }, spec: { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] } },
  {
    metadata: { name: 'inside', namespace: 'shop' },
    spec: { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local' },
  },
  { metadata: { name: 'outside', namespace: 'shop' }, spec: { type: 'ExternalName', externalName: 'db.example.com' } },
];
const source: DnsSource = {
  service: (ns, name) => services.find((s) => s.metadata.namespace === ns && s.metadata.name === name),
  services: () => services,
  namespaceExists: (name) => name === 'shop',
  slices: (_ns, name): any[] =>
    name === 'many' ? [{ ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }], endpoints: manyEndpoints }] : [],
};

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

type Options = DnsServerOptions & { upstreams?: readonly { address: string; port: number }[] };

async function serve({ upstreams = [], ...options }: Options = {}): Promise<DnsServer> {
  const corefile = readCorefile(
    '.:53 { \n kubernetes cluster.local in-addr.arpa ip6.arpa {\n pods insecure\n ttl 30\n fallthrough in-addr.arpa ip6.arpa\n}\n forward . /etc/resolv.conf\n}',
    { resolvers: upstreams },
  );
  const names = new NameServer({ source, prng: new Prng('dns') }, corefile);
  const respond: Respond = (bytes, transport, client) => names.respond(bytes, transport, client);
  const server = await serveDns({ respond, log: silentLogger }, options);
  closing.push(async () => names.close());
  closing.push(() => server.close());
  return server;
}

async function resolver(options: Options = {}): Promise<Resolver> {
  const { port } = await serve(options);
  const made = new Resolver({ timeout: 3000, tries: 1 });
  made.setServers([`127.0.0.1:${port}`]);
  return made;
}

/** A name server elsewhere, which knows db.example.com. */
async function upstream(): Promise<{ address: string; port: number }> {
  const socket = createSocket('udp4');
  socket.on('message', (bytes, from) => {
    const query = dnsPacket.decode(bytes);
    const name = query.questions![0]!.name;
    const answers = name === 'db.example.com' ? [{ type: 'A' as const, name, ttl: 60, data: '192.0.2.7' }] : [];
    socket.send(
      dnsPacket.encode({
        type: 'response',
        id: query.id,
        flags: answers.length ? 0 : 3,
        questions: query.questions,
        answers,
      }),
      from.port,
      from.address,
    );
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  closing.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
  return { address: '127.0.0.1', port: socket.address().port };
}

function udp(port: number, bytes: Buffer): Promise<Packet> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.once('message', (answer) => {
      socket.close();
      resolve(dnsPacket.decode(answer));
    });
    socket.send(bytes, port, '127.0.0.1');
  });
}

const query = (name: string, type: string, more: Packet = {}) =>
  dnsPacket.encode({
    type: 'query',
    id: 7,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ name, type: type as 'A' }],
    ...more,
  });
const rcode = (packet: Packet) => (packet as { rcode?: string }).rcode;

describe('the DNS server', () => {
  it('answers what a resolver library asks', async () => {
    const asked = await resolver();
    expect(await asked.resolve4('web.shop.svc.cluster.local')).toEqual(['10.96.0.20']);
    expect(await asked.resolve6('web.shop.svc.cluster.local')).toEqual(['fd00::20']);
    expect(await asked.resolveSrv('_http._tcp.web.shop.svc.cluster.local')).toMatchObject([
      { name: 'web.shop.svc.cluster.local', port: 80, priority: 0, weight: 50 },
    ]);
    expect(await asked.reverse('10.96.0.20')).toEqual(['web.shop.svc.cluster.local']);
    expect(await asked.resolve4('10-244-0-5.shop.pod.cluster.local')).toEqual(['10.244.0.5']);
    expect(await asked.resolve4('inside.shop.svc.cluster.local')).toEqual(['10.96.0.20']);
  });

  it('says that a name does not exist, or that it has no such record', async () => {
    const asked = await resolver();
    await expect(asked.resolve4('nobody.shop.svc.cluster.local')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(asked.resolveTxt('web.shop.svc.cluster.local')).rejects.toMatchObject({ code: 'ENODATA' });
    const { port } = await serve();
    const none = await udp(port, query('nobody.shop.svc.cluster.local', 'A'));
    expect(rcode(none)).toBe('NXDOMAIN');
    expect(none.authorities).toMatchObject([{ type: 'SOA', name: 'cluster.local', ttl: 30 }]);
  });

  it('keeps the letters of the question, and says that the answer is its own', async () => {
    const { port } = await serve();
    const found = await udp(port, query('WEB.shop.SVC.cluster.local', 'A'));
    expect(found.answers).toMatchObject([{ name: 'WEB.shop.SVC.cluster.local', data: '10.96.0.20', ttl: 30 }]);
    expect(found).toMatchObject({ flag_aa: true, flag_rd: true });
  });

  it('cuts an answer that the client cannot take over UDP, and gives it whole over TCP', async () => {
    const { port } = await serve();
    const small = await udp(port, query('many.shop.svc.cluster.local', 'A'));
    expect(small).toMatchObject({ flag_tc: true });
    expect(small.answers).toHaveLength(29);
    const asked = new Resolver({ timeout: 3000, tries: 1 });
    asked.setServers([`127.0.0.1:${port}`]);
    // c-ares asks again over TCP by itself.
    expect(await asked.resolve4('many.shop.svc.cluster.local')).toHaveLength(200);
  });

  it('answers EDNS in EDNS, up to the size asked for', async () => {
    const { port } = await serve();
    const edns = { additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] } as any] };
    const found = await udp(port, query('web.shop.svc.cluster.local', 'A', edns));
    expect(found.additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232 }]);
  });

  it('takes several queries on one connection, in pieces', async () => {
    const { port } = await serve();
    const framed = (bytes: Buffer) => Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
    const both = Buffer.concat([
      framed(query('web.shop.svc.cluster.local', 'A')),
      framed(query('web.shop.svc.cluster.local', 'AAAA')),
    ]);
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    const ended = new Promise((resolve) => socket.once('close', resolve));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.write(both.subarray(0, 5));
    socket.write(both.subarray(5, 60));
    socket.end(both.subarray(60));
    await ended;
    const all = Buffer.concat(chunks);
    const first = dnsPacket.decode(all.subarray(2, 2 + all.readUInt16BE(0)));
    const second = dnsPacket.decode(all.subarray(2 + all.readUInt16BE(0) + 2));
    expect([first.answers, second.answers]).toMatchObject([[{ data: '10.96.0.20' }], [{ data: 'fd00::20' }]]);
  });

  it('answers a client that does not read no further than its buffers go, and all when it does', async () => {
    const asked = 3000;
    const answer = Buffer.alloc(60_000);
    let answered = 0;
    const server = await serveDns({
      respond: () => {
        answered++;
        return answer;
      },
      log: silentLogger,
    });
    closing.push(() => server.close());
    const socket = connect(server.port, '127.0.0.1').pause();
    const question = Buffer.concat([Buffer.from([0, 12]), Buffer.alloc(12)]);
    socket.write(Buffer.concat(Array<Buffer>(asked).fill(question)));
    let before = -1;
    // Until nothing more is answered.
    await vi.waitFor(
      () => {
        const since = before;
        before = answered;
        expect([answered > 0, answered - since]).toEqual([true, 0]);
      },
      { timeout: 8000, interval: 100 },
    );
    expect(answered).toBeLessThan(asked);
    let got = 0;
    socket.on('data', (chunk) => {
      got += chunk.length;
      if (got === asked * (2 + answer.length)) socket.end();
    });
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    expect([answered, got]).toEqual([asked, asked * (2 + answer.length)]);
  });

  it('sends on what is not the cluster’s, and follows an alias out of it', async () => {
    const asked = await resolver({ upstreams: [await upstream()] });
    expect(await asked.resolve4('db.example.com')).toEqual(['192.0.2.7']);
    expect(await asked.resolve4('outside.shop.svc.cluster.local')).toEqual(['192.0.2.7']);
    await expect(asked.resolve4('nobody.example.com')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  it('refuses what is not the cluster’s when it knows nobody to ask', async () => {
    const asked = await resolver();
    await expect(asked.resolve4('example.com')).rejects.toMatchObject({ code: 'EREFUSED' });
    expect(await asked.resolveCname('outside.shop.svc.cluster.local')).toEqual(['db.example.com']);
  });

  it('says so when those it asks are gone', async () => {
    const gone = await serve();
    await gone.close();
    const { port } = await serve({ upstreams: [{ address: '127.0.0.1', port: gone.port }] });
    expect(rcode(await udp(port, query('example.com', 'A')))).toBe('SERVFAIL');
  });

  it('survives packets that are none', async () => {
    const { port } = await serve();
    const socket = createSocket('udp4');
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.alloc(5),
      Buffer.alloc(600, 255),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    ]) {
      socket.send(bytes, port, '127.0.0.1');
    }
    const half = query('web.shop.svc.cluster.local', 'A').subarray(0, 20);
    expect(rcode(await udp(port, half))).toBe('FORMERR');
    socket.close();
    expect(rcode(await udp(port, query('web.shop.svc.cluster.local', 'A')))).toBe('NOERROR');
  });

  it('names a port that is taken', async () => {
    const { port } = await serve();
    await expect(serve({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
