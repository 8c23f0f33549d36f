/**
 * The Ingress controller's listeners: HTTP and HTTPS on ports of this machine that reach simulated pods through their
 * Services. They open with the first Ingress of klab's class. What goes where is `net`'s; this is sockets and headers.
 */
import type { Server as HttpServer, IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { createRequire } from 'node:module';
import type { AddressInfo, Socket } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Ingress } from '../api/index.ts';
import type { KubeObject } from '../apimachinery/index.ts';
import type { Logger, Prng } from '../base/index.ts';
import type { SharedInformer, SharedInformerFactory } from '../client/index.ts';
import { ingressController } from '../controllers/index.ts';
import { ConnectError, type NetworkFabric, type Peer } from '../kubelet/index.ts';
import { type IngressRoute, IngressTable, type IngressTarget } from '../net/index.ts';
import { listenWhereFree, usualPort } from './ports.ts';
import type { RememberedPorts } from './remembered-ports.ts';

/** As ingress-nginx: proxy-body-size, proxy-read-timeout. */
const maxBodyBytes = 1 << 20;
const timeoutMs = 60_000;
const preferred = { http: 8080, https: 8443 } as const;
const classAnnotation = 'kubernetes.io/ingress.class';

export interface IngressDoorDeps {
  readonly informers: SharedInformerFactory;
  readonly fabric: () => NetworkFabric;
  /** Whom pods see. */
  readonly peer: Peer;
  readonly reader: { get(resource: string, namespace: string, name: string): Readonly<KubeObject> | undefined };
  /** Ready endpoints of a headless Service's port. */
  readonly endpoints: (
    namespace: string,
    service: string,
    port: string | number,
  ) => readonly { ip: string; port: number }[];
  readonly prng: Prng;
  readonly log: Logger;
  /** For hosts without a certificate of their own, as PEM. */
  readonly fallback: { readonly cert: string; readonly key: string };
  /** Where it listened last time. */
  readonly remembered?: RememberedPorts['ingress'];
  readonly onListening: (ports: RememberedPorts['ingress']) => void;
}

export class IngressDoor {
  readonly #deps: IngressDoorDeps;
  readonly #ingresses: SharedInformer<Ingress & KubeObject>;
  readonly #classes: SharedInformer;
  readonly #contexts = new Map<string, { readonly version: string; readonly context: SecureContext }>();
  readonly #sockets = new Set<Socket>();
  #table: IngressTable | undefined;
  #opening: Promise<void> | undefined;
  #servers: (HttpServer | HttpsServer)[] = [];
  #ports: RememberedPorts['ingress'] | undefined;
  #closed = false;

  constructor(deps: IngressDoorDeps) {
    this.#deps = deps;
    this.#ingresses = deps.informers.informer('ingresses.networking.k8s.io');
    this.#classes = deps.informers.informer('ingressclasses.networking.k8s.io');
    const changed = () => {
      this.#table = undefined;
      if (this.#closed || !this.#ingresses.lister.list().some((ingress) => this.#isMine(ingress))) return;
      this.#opening ??= this.#open().catch((error: unknown) => {
        deps.log.error('Ingresses are not served', { error: String(error) });
      });
    };
    const handler = { onAdd: changed, onUpdate: changed, onDelete: changed };
    this.#ingresses.addHandler(handler);
    this.#classes.addHandler(handler);
  }

  /** Undefined until there is an Ingress to serve. */
  get ports(): RememberedPorts['ingress'] | undefined {
    return this.#ports;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#opening;
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  async #open(): Promise<void> {
    const load = createRequire(import.meta.url);
    const http: typeof import('node:http') = load('node:http');
    const https: typeof import('node:https') = load('node:https');
    const listen = (door: 'http' | 'https') =>
      listenWhereFree(
        { door: `Ingress (${door})`, flag: '', preferred: this.#deps.remembered?.[door] ?? usualPort(preferred[door]) },
        async (port) => {
          const serve = (request: IncomingMessage, response: ServerResponse) =>
            void this.#serve(request, response, door === 'https');
          const server =
            door === 'http'
              ? http.createServer(serve)
              : https.createServer(
                  { ...this.#deps.fallback, SNICallback: (name, done) => done(null, this.#contextOf(name)) },
                  serve,
                );
          await new Promise<void>((resolve, reject) => {
            server.once('error', reject);
            server.listen(port, '127.0.0.1', () => {
              server.off('error', reject);
              resolve();
            });
          });
          return server;
        },
      );
    const [plain, secure] = [await listen('http'), await listen('https')];
    for (const server of [plain, secure]) {
      server.on('connection', (socket: Socket) => {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
      });
      // A client that speaks no HTTP or no TLS.
      server.on('clientError', (_, socket) => socket.destroy());
    }
    this.#servers = [plain, secure];
    const port = (server: HttpServer | HttpsServer) => (server.address() as AddressInfo).port;
    this.#ports = { http: port(plain), https: port(secure) };
    this.#deps.onListening(this.#ports);
  }

  #isMine(ingress: Readonly<KubeObject>): boolean {
    const name = ingress['spec']?.ingressClassName ?? ingress.metadata.annotations?.[classAnnotation] ?? '';
    return this.#classes.lister.get('', name)?.['spec']?.controller === ingressController;
  }

  #tableNow(): IngressTable {
    this.#table ??= new IngressTable(this.#ingresses.lister.list().filter((ingress) => this.#isMine(ingress)));
    return this.#table;
  }

  /** The certificate of the Secret that an Ingress names for a host; what is not usable leaves the default one. */
  #contextOf(host: string): SecureContext | undefined {
    const certificate = this.#tableNow().certificate(host);
    if (!certificate) return undefined;
    const { namespace, secret: name, ingress } = certificate;
    const secret = this.#deps.reader.get('secrets', namespace, name);
    const version = secret?.metadata.resourceVersion ?? '';
    const key = `${namespace}/${name}`;
    const known = this.#contexts.get(key);
    if (known?.version === version) return known.context;
    try {
      const pem = (field: string) => Buffer.from(secret?.['data']?.[field] ?? '', 'base64');
      const context = createSecureContext({ cert: pem('tls.crt'), key: pem('tls.key') });
      this.#contexts.set(key, { version, context });
      return context;
    } catch (error) {
      this.#deps.log.warn('no usable certificate', { secret: key, ingress, error: String(error) });
      return undefined;
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse, tls: boolean): Promise<void> {
    try {
      await this.#proxy(request, response, tls);
    } catch (error) {
      this.#deps.log.warn('request through an Ingress failed', { url: request.url ?? '', error: String(error) });
      answer(response, 502, 'Bad Gateway');
    }
  }

  async #proxy(request: IncomingMessage, response: ServerResponse, tls: boolean): Promise<void> {
    const { url = '/', headers, method = 'GET' } = request;
    const authority = headers.host ?? '';
    const host = authority.replace(/:\d+$/, '');
    const query = url.indexOf('?');
    const found = this.#tableNow().route({
      host,
      path: query < 0 ? url : url.slice(0, query),
      tls,
      headers: single(headers),
      random: this.#deps.prng.float(),
    });
    if (found.kind === 'redirect') {
      const port = this.#ports!.https === 443 ? '' : `:${this.#ports!.https}`;
      response.setHeader('location', `https://${host}${port}${url}`);
      return answer(response, 308, 'Permanent Redirect');
    }
    if (found.kind === 'none') return answer(response, 404, `default backend - 404: ${found.why}`);
    const body = await bodyOf(request);
    if (body === undefined) {
      response.setHeader('connection', 'close');
      return answer(response, 413, 'Request Entity Too Large');
    }
    const address = this.#addressOf(found.route.target);
    if (!address) return answer(response, 503, `Service Temporarily Unavailable: ${describe(found.route)}`);
    try {
      const client = request.socket.remoteAddress ?? '';
      const sent = {
        method,
        path: url,
        headers: { ...single(headers), ...forwarded(authority, client, tls, headers) },
        ...(body === '' ? {} : { body }),
      };
      const answered = await this.#deps.fabric().http(address.ip, address.port, sent, this.#deps.peer, timeoutMs);
      for (const [name, value] of Object.entries(answered.headers)) {
        if (!hopByHop.has(name.toLowerCase()) && name.toLowerCase() !== 'content-length')
          response.setHeader(name, value);
      }
      response.statusCode = answered.status;
      response.end(method === 'HEAD' ? undefined : answered.body);
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      if (error.code === 'ETIMEDOUT') return answer(response, 504, `Gateway Time-out: ${error.message}`);
      const noEndpoints = error.code === 'ECONNREFUSED' && address.virtual;
      return noEndpoints
        ? answer(response, 503, `Service Temporarily Unavailable: ${describe(found.route)}`)
        : answer(response, 502, `Bad Gateway: ${error.message}`);
    }
  }

  /** A Service's own address and port; of a headless one an endpoint's. */
  #addressOf({
    namespace,
    service: name,
    port,
  }: IngressTarget): { ip: string; port: number; virtual: boolean } | undefined {
    const service = this.#deps.reader.get('services', namespace, name);
    const spec = service?.['spec'];
    if (!spec || spec.type === 'ExternalName') return undefined;
    const wanted = (spec.ports ?? []).find((each: any) =>
      typeof port === 'number' ? each.port === port : each.name === port,
    );
    if (!wanted) return undefined;
    if (spec.clusterIP && spec.clusterIP !== 'None') return { ip: spec.clusterIP, port: wanted.port, virtual: true };
    const endpoints = this.#deps.endpoints(namespace, name, wanted.name ?? '');
    return endpoints.length === 0 ? undefined : { ...this.#deps.prng.pick(endpoints), virtual: false };
  }
}

function describe({ ingress, target }: IngressRoute): string {
  return `Ingress ${ingress} sends this to port ${target.port} of Service ${target.namespace}/${target.service}, which has no endpoint for it`;
}

/** Of one connection, not of the message: RFC 9110 7.6.1. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

function single(headers: IncomingHttpHeaders): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || hopByHop.has(name)) continue;
    out[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return out;
}

/** As ingress-nginx tells backends where a request came from. */
function forwarded(
  authority: string,
  client: string,
  tls: boolean,
  headers: IncomingHttpHeaders,
): Record<string, string> {
  const before = headers['x-forwarded-for'];
  return {
    'x-real-ip': client,
    'x-forwarded-for': before === undefined ? client : `${before}, ${client}`,
    'x-forwarded-host': authority,
    'x-forwarded-proto': tls ? 'https' : 'http',
    'x-forwarded-scheme': tls ? 'https' : 'http',
    'x-scheme': tls ? 'https' : 'http',
  };
}

/** The whole body; undefined when it is too large. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function answer(response: ServerResponse, code: number, text: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.statusCode = code;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.end(`${text}\n`);
}
