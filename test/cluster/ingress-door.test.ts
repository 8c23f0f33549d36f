/** The Ingress listeners and their faults: certificates, sizes, slow and vanishing clients and backends, many rules. */
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { KubeObject } from '../../src/apimachinery/index.ts';
import { Prng, silentLogger, VirtualClock, wallClock } from '../../src/base/index.ts';
import { IngressDoor, type IngressDoorDeps } from '../../src/cluster/ingress-door.ts';
import { type HttpResponse, type Listener, MemoryFabric } from '../../src/kubelet/index.ts';
import { CertificateAuthority, type KeyPair } from '../../src/pki/index.ts';

const podIp = '10.244.0.5';
const serviceIp = '10.96.0.7';
let authority: CertificateAuthority;
let fallback: KeyPair;
const pairOf = (host: string) =>
  authority.issue({ subject: { commonName: host }, dnsNames: [host], usages: ['serverAuth'], now: wallClock.now() });

beforeAll(() => {
  vi.stubEnv('KLAB_PORTS', 'free');
  authority = CertificateAuthority.create({ commonName: 'test', now: wallClock.now() });
  fallback = pairOf('default.test');
});

interface Handler {
  onAdd?(object: KubeObject): void;
  onUpdate?(before: KubeObject, now: KubeObject): void;
}

/** Informers as far as the door follows them. */
class Objects {
  readonly #items = new Map<string, KubeObject>();
  readonly #handlers: Handler[] = [];

  readonly informer = {
    addHandler: (handler: Handler) => this.#handlers.push(handler),
    lister: {
      list: () => [...this.#items.values()],
      get: (namespace: string, name: string) => this.#items.get(`${namespace}/${name}`),
    },
  };

  set(object: KubeObject): void {
    const key = `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
    const before = this.#items.get(key);
    this.#items.set(key, object);
    for (const handler of this.#handlers) {
      if (before) handler.onUpdate?.(before, object);
      else handler.onAdd?.(object);
    }
  }
}

const ingress = (name: string, host: string, more: { annotations?: Record<string, string>; tls?: object[] } = {}) =>
  ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: {
      namespace: 'shop',
      name,
      uid: name,
      annotations: Object.fromEntries(
        Object.entries(more.annotations ?? {}).map(([key, value]) => [`nginx.ingress.kubernetes.io/${key}`, value]),
      ),
    },
    spec: {
      ingressClassName: 'klab',
      ...(more.tls && { tls: more.tls }),
      rules: [
        {
          host,
          http: {
            paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }],
          },
        },
      ],
    },
  }) as KubeObject;

const echo: Listener = {
  http: async ({ method, path, headers, body = '' }): Promise<HttpResponse> => ({
    status: 200,
    headers: { 'content-type': 'text/plain' },
    body: `${method} ${path} ${headers['host']} ${headers['x-big']?.length ?? 0} ${body.length}`,
  }),
};

class World implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly fabric = new MemoryFabric({ clock: this.clock });
  readonly ingresses = new Objects();
  readonly secrets = new Map<string, KubeObject>();
  readonly events: string[] = [];
  readonly warnings: string[] = [];
  door!: IngressDoor;
  ports!: { readonly http: number; readonly https: number };
  #pod: { close(): void } | undefined;
  #version = 0;

  async open(remembered?: IngressDoorDeps['remembered']): Promise<this> {
    const classes = new Objects();
    classes.set({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: 'klab' },
      spec: { controller: 'klab.dev/ingress' },
    } as KubeObject);
    this.fabric.hooks = {
      resolveService: (ip) => (ip === serviceIp ? (this.#pod ? { ip: podIp, port: 80 } : 'refused') : undefined),
    };
    const web = { spec: { clusterIP: serviceIp, ports: [{ port: 80 }] } } as unknown as KubeObject;
    const listening = Promise.withResolvers<void>();
    this.door = new IngressDoor({
      informers: {
        informer: ((resource: string) =>
          (resource.startsWith('ingressclasses') ? classes : this.ingresses).informer) as never,
      },
      clock: this.clock,
      fabric: () => this.fabric,
      peer: { ip: '172.18.0.1' },
      reader: {
        get: (resource, namespace, name) =>
          resource === 'secrets' ? this.secrets.get(`${namespace}/${name}`) : name === 'web' ? web : undefined,
      },
      endpoints: () => [],
      prng: new Prng('ingress'),
      log: { ...silentLogger, warn: (message: string) => this.warnings.push(message) } as typeof silentLogger,
      events: {
        event: (object, type, reason, message) =>
          this.events.push(`${(object as KubeObject).metadata.name} ${type} ${reason} ${message}`),
      },
      fallback,
      ...(remembered && { remembered }),
      onListening: (ports) => {
        this.ports = ports;
        listening.resolve();
      },
    });
    this.ingresses.set(ingress('web', 'web.test'));
    await listening.promise;
    return this;
  }

  pod(listener: Listener | undefined): void {
    this.#pod?.close();
    this.#pod = listener && this.fabric.listen(podIp, 80, listener, { ip: podIp });
  }

  secret(name: string, data: Record<string, string | Buffer>): void {
    const object = {
      metadata: { namespace: 'shop', name, resourceVersion: String(++this.#version) },
      data: Object.fromEntries(
        Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
      ),
    };
    this.secrets.set(`shop/${name}`, object as unknown as KubeObject);
  }

  /** The common name of the certificate that a host is shown. */
  async shown(host: string): Promise<string> {
    const socket = connectTls({ port: this.ports.https, servername: host, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return String(subject.CN);
  }

  ask(host: string, path = '/', more: { method?: string; headers?: OutgoingHttpHeaders } = {}): ClientRequest {
    return request({ port: this.ports.http, path, agent: false, ...more, headers: { host, ...more.headers } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.door.close();
  }
}

async function answerOf(sent: ClientRequest): Promise<{ code: number; body: string }> {
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of answer.setEncoding('utf8')) body += chunk;
  return { code: answer.statusCode!, body };
}

/** What comes back for bytes of any kind, until the server ends the connection. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port);
  socket.write(text);
  let got = '';
  for await (const chunk of socket.setEncoding('latin1')) got += chunk;
  return got;
}

afterAll(() => vi.unstubAllEnvs());

let world: World;
beforeEach(async () => {
  world = await new World().open();
  world.pod(echo);
});
afterEach(() => world[Symbol.asyncDispose]());

it('a certificate that cannot be shown leaves the default one, and the Ingress is told why', async () => {
  const own = pairOf('secure.test');
  world.secret('good', { 'tls.crt': own.cert, 'tls.key': own.key });
  world.secret('half', { 'tls.crt': own.cert });
  world.secret('garbage', { 'tls.crt': 'no certificate', 'tls.key': own.key });
  world.secret('mixed', { 'tls.crt': own.cert, 'tls.key': fallback.key });
  world.secret('other', { 'tls.crt': fallback.cert, 'tls.key': fallback.key });
  const named = (name: string, host: string) =>
    world.ingresses.set(ingress(name, host, { tls: [{ hosts: [host], secretName: name }] }));
  named('good', 'secure.test');
  for (const name of ['half', 'garbage', 'mixed', 'other', 'absent']) named(name, `${name}.test`);
  expect(world.events).toEqual([]);
  // Nobody has to ask for it.
  await world.clock.advance(1000);
  const told = (name: string, what: string) =>
    `${name} Warning IngressProblem host "${name}.test" is shown the default certificate: Secret shop/${name} ${what}`;
  expect(world.events).toEqual([
    told('absent', 'does not exist'),
    told('garbage', 'has no certificate in PEM in tls.crt'),
    told('half', 'has no tls.key'),
    told('mixed', 'has a key that is not that of its certificate'),
    told('other', 'has a certificate for other names'),
  ]);
  expect(await world.shown('secure.test')).toBe('secure.test');
  for (const name of ['half', 'garbage', 'mixed', 'other', 'absent']) {
    expect(await world.shown(`${name}.test`)).toBe('default.test');
  }
  expect(world.events).toHaveLength(5);
  const late = pairOf('absent.test');
  world.secret('absent', { 'tls.crt': late.cert, 'tls.key': late.key });
  expect(await world.shown('absent.test')).toBe('absent.test');
});

it('a wildcard certificate is for one label', async () => {
  const wild = pairOf('*.wild.test');
  world.secret('wild', { 'tls.crt': wild.cert, 'tls.key': wild.key });
  world.ingresses.set(ingress('wild', '*.wild.test', { tls: [{ hosts: ['*.wild.test'], secretName: 'wild' }] }));
  await world.clock.advance(1000);
  expect(world.events).toEqual([]);
  expect(await world.shown('a.wild.test')).toBe('*.wild.test');
  expect(await world.shown('a.b.wild.test')).toBe('default.test');
});

it('a body that is too large is refused with 413 however it is sent, and others are served meanwhile', async () => {
  world.ingresses.set(ingress('small', 'small.test', { annotations: { 'proxy-body-size': '8k' } }));
  const post = (size: number, headers: OutgoingHttpHeaders) => {
    const sent = world.ask('small.test', '/', { method: 'POST', headers });
    sent.on('error', () => {});
    sent.end('x'.repeat(size));
    return answerOf(sent);
  };
  expect(await post(8192, { 'content-length': 8192 })).toMatchObject({
    code: 200,
    body: expect.stringMatching(/ 8192$/),
  });
  expect(await post(8193, { 'content-length': 8193 })).toEqual({ code: 413, body: 'Request Entity Too Large\n' });
  // Without a length, and more than sockets hold: the answer must not be lost.
  expect(await post(16 << 20, { 'transfer-encoding': 'chunked' })).toEqual({
    code: 413,
    body: 'Request Entity Too Large\n',
  });
  expect((await answerOf(world.ask('web.test').end())).code).toBe(200);
});

it('headers of 30 kB are taken, more are refused in words', async () => {
  const big = (size: number) => answerOf(world.ask('web.test', '/', { headers: { 'x-big': 'x'.repeat(size) } }).end());
  expect(await big(30_000)).toMatchObject({ code: 200, body: expect.stringContaining(' 30000 ') });
  expect(await big(40_000)).toEqual({ code: 400, body: 'Request Header Or Cookie Too Large\n' });
  expect(await raw(world.ports.http, 'NO HTTP\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
});

it('a client that goes away in the middle of its body is nobody’s failure', async () => {
  const socket = connect(world.ports.http);
  socket.write('POST / HTTP/1.1\r\nhost: web.test\r\ncontent-length: 100\r\n\r\nhalf');
  await once(socket, 'connect');
  const closed = once(socket, 'close');
  socket.destroy();
  await closed;
  expect((await answerOf(world.ask('web.test').end())).code).toBe(200);
  expect(world.warnings).toEqual([]);
});

it('clients that send slowly hold up nobody else', async () => {
  const slow = Array.from({ length: 50 }, () => connect(world.ports.http));
  await Promise.all(slow.map((socket) => once(socket, 'connect')));
  for (const socket of slow)
    socket.write('POST / HTTP/1.1\r\nhost: web.test\r\nconnection: close\r\ncontent-length: 4\r\n\r\nhal');
  expect((await answerOf(world.ask('web.test').end())).code).toBe(200);
  const ended = slow.map(async (socket: Socket) => {
    socket.write('f');
    let got = '';
    for await (const chunk of socket.setEncoding('latin1')) got += chunk;
    return got;
  });
  for (const got of await Promise.all(ended)) expect(got).toMatch(/^HTTP\/1\.1 200 OK[\s\S]* 4$/);
});

it('a backend that dies with a request in hand is a 502, one that says nothing a 504, none at all a 503', async () => {
  const held = Promise.withResolvers<HttpResponse>();
  const asked = Promise.withResolvers<void>();
  world.pod({
    http: () => {
      asked.resolve();
      return held.promise;
    },
  });
  const sent = answerOf(world.ask('web.test').end());
  await asked.promise;
  held.reject(new Error('killed'));
  expect(await sent).toEqual({ code: 502, body: 'Bad Gateway\n' });

  const asks = vi.fn(() => new Promise<HttpResponse>(() => {}));
  world.pod({ http: asks });
  world.ingresses.set(ingress('hasty', 'hasty.test', { annotations: { 'proxy-read-timeout': '7' } }));
  const late = answerOf(world.ask('hasty.test').end());
  await vi.waitFor(() => expect(asks).toHaveBeenCalled());
  await world.clock.advance(7000);
  expect(await late).toMatchObject({ code: 504, body: expect.stringMatching(/^Gateway Time-out: /) });

  world.pod(undefined);
  expect(await answerOf(world.ask('web.test').end())).toMatchObject({
    code: 503,
    body: expect.stringContaining('port 80 of Service shop/web, which has no endpoint'),
  });
});

it('a WebSocket is a tunnel of bytes both ways, until one end closes it', async () => {
  const closed = vi.fn();
  world.pod({
    tcp: () => {
      let open = false;
      return {
        send: async (data) => {
          // Before the client says anything, a server may.
          if (data === '') return '';
          if (open) return `echo ${data}`;
          open = true;
          const path = /^GET (\S+) HTTP\/1\.1\r\n/.exec(data)![1];
          expect(data.toLowerCase()).toContain('upgrade: websocket\r\n');
          return `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nx-path: ${path}\r\n\r\n`;
        },
        close: closed,
      };
    },
  });
  for (const tls of [false, true]) {
    const socket = tls
      ? connectTls({
          port: world.ports.https,
          servername: 'web.test',
          rejectUnauthorized: false,
          ALPNProtocols: ['http/1.1'],
        })
      : connect(world.ports.http);
    let got = '';
    socket.setEncoding('latin1').on('data', (chunk) => {
      got += chunk;
    });
    const says = (text: string) => vi.waitFor(() => expect(got).toContain(text), { timeout: 10_000, interval: 5 });
    socket.write('GET /chat?room=1 HTTP/1.1\r\nhost: web.test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n');
    await says('x-path: /chat?room=1\r\n\r\n');
    expect(got).toMatch(/^HTTP\/1\.1 101 /);
    socket.write('one');
    await says('echo one');
    socket.write('two');
    await says('echo two');
    closed.mockClear();
    socket.end();
    await vi.waitFor(() => expect(closed).toHaveBeenCalledTimes(1), { timeout: 10_000, interval: 5 });
  }
  world.pod(undefined);
  expect(
    await raw(
      world.ports.http,
      'GET / HTTP/1.1\r\nhost: web.test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n',
    ),
  ).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n/);
});

it('HTTP/2 has many requests on one connection, bodies that are too large among them', async () => {
  world.ingresses.set(ingress('small', 'small.test', { annotations: { 'proxy-body-size': '8k' } }));
  const session = connectHttp2(`https://127.0.0.1:${world.ports.https}`, {
    servername: 'web.test',
    rejectUnauthorized: false,
  });
  const ask = async (host: string, path: string, size = 0) => {
    const stream = session.request({ ':authority': host, ':path': path, ':method': size > 0 ? 'POST' : 'GET' });
    stream.on('error', () => {});
    const answered = once(stream, 'response');
    if (size > 0) stream.end('x'.repeat(size));
    else stream.end();
    const [headers] = await answered;
    let body = '';
    for await (const chunk of stream.setEncoding('utf8')) body += chunk;
    return `${headers[':status']} ${body}`;
  };
  const answers = await Promise.all([
    ...Array.from({ length: 100 }, (_, i) => ask('web.test', `/${i}`)),
    ask('small.test', '/', 4 << 20),
    ask('web.test', '/', 500_000),
  ]);
  expect(answers.slice(0, 100)).toEqual(Array.from({ length: 100 }, (_, i) => `200 GET /${i} web.test 0 0`));
  expect(answers.slice(100)).toEqual(['413 Request Entity Too Large\n', '200 POST / web.test 0 500000']);
  session.close();
});

it('a port that is taken is left to its owner: another one is found and said', async () => {
  const owner = createServer();
  await once(owner.listen(0, '127.0.0.1'), 'listening');
  const taken = (owner.address() as { port: number }).port;
  await using other = await new World().open({ http: taken, https: taken });
  expect(other.ports.http).not.toBe(taken);
  expect(other.ports.https).not.toBe(taken);
  other.pod(echo);
  expect((await answerOf(other.ask('web.test').end())).code).toBe(200);
  owner.close();
});

it('a thousand Ingresses are served, and told of once what they share', async () => {
  for (let i = 0; i < 1000; i++) world.ingresses.set(ingress(`many-${i}`, `h${i}.many.test`));
  world.ingresses.set(ingress('twin', 'h999.many.test'));
  expect((await answerOf(world.ask('h0.many.test').end())).code).toBe(200);
  expect((await answerOf(world.ask('h999.many.test', '/x').end())).body).toContain('GET /x h999.many.test');
  expect((await answerOf(world.ask('h1000.many.test').end())).code).toBe(404);
  await world.clock.advance(1000);
  await world.clock.advance(1000);
  expect(world.events).toEqual([
    'twin Warning IngressProblem host "h999.many.test" and path "/" is already defined in ingress shop/many-999',
  ]);
});
