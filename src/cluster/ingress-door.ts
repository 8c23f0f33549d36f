/**
 * The Ingress controller's listeners: HTTP and HTTPS on ports of this machine that reach simulated pods through their
 * Services. They open with the first Ingress of klab's class. What goes where is `net`'s; this is sockets and headers.
 */
import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Http2SecureServer } from 'node:http2';
import { createRequire } from 'node:module';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContext } from 'node:tls';
import type { Ingress } from '../api/index.ts';
import type { KubeObject } from '../apimachinery/index.ts';
import type { Clock, Timer } from '../base/index.ts';
import type { EventRecorder, SharedInformer, SharedInformerFactory } from '../client/index.ts';
import { ingressController } from '../controllers/index.ts';
import { type IngressCertificate, IngressTable } from '../net/index.ts';
import { IngressCertificates } from './ingress-certificates.ts';
import { IngressProxy, type IngressProxyDeps, type Request, type Response } from './ingress-proxy.ts';
import { listenWhereFree, usualPort } from './ports.ts';
import type { RememberedPorts } from './remembered-ports.ts';

const preferred = { http: 8080, https: 8443 } as const;
const classAnnotation = 'kubernetes.io/ingress.class';
/** What is wrong is told so long after the last change: a Secret often comes right after its Ingress. */
const tellAfterMs = 1000;
/** Upstream: large_client_header_buffers 4 8k. */
const maxHeaderBytes = 32 * 1024;
/** Upstream: client_body_timeout, though for the whole request. */
const requestTimeoutMs = 300_000;

export interface IngressDoorDeps extends Omit<IngressProxyDeps, 'table' | 'httpsSuffix'> {
  readonly informers: Pick<SharedInformerFactory, 'informer'>;
  /** The cluster's. */
  readonly clock: Clock;
  /** Told what is wrong with an Ingress. */
  readonly events: Pick<EventRecorder, 'event'>;
  /** What Ingresses have in status: ports 80 and 443 are opened there too, where this machine has it and lets us. */
  readonly address?: string;
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
  readonly #certificates: IngressCertificates;
  readonly #sockets = new Set<Socket>();
  #table: IngressTable | undefined;
  #opening: Promise<void> | undefined;
  #servers: Server[] = [];
  #ports: RememberedPorts['ingress'] | undefined;
  #closed = false;
  readonly #proxy: IngressProxy;
  /** Whether 443 of the Ingresses' own address is ours. */
  #ownAddress = false;
  readonly #told = new Set<string>();
  #telling: Timer | undefined;

  constructor(deps: IngressDoorDeps) {
    this.#deps = deps;
    this.#certificates = new IngressCertificates((namespace, name) => deps.reader.get('secrets', namespace, name));
    this.#proxy = new IngressProxy({
      ...deps,
      table: () => this.#tableNow(),
      httpsSuffix: (local) => (this.#ownAddress && local === deps.address ? '' : suffixOf(this.#ports!.https)),
    });
    this.#ingresses = deps.informers.informer('ingresses.networking.k8s.io');
    this.#classes = deps.informers.informer('ingressclasses.networking.k8s.io');
    const changed = () => {
      this.#table = undefined;
      if (this.#closed || !this.#ingresses.lister.list().some((ingress) => this.#isMine(ingress))) return;
      this.#opening ??= this.#open().catch((error: unknown) => {
        deps.log.error('Ingresses are not served', { error: String(error) });
      });
      this.#telling?.cancel();
      this.#telling = deps.clock.schedule(tellAfterMs, () => this.#tell());
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
    this.#telling?.cancel();
    await this.#opening;
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  async #open(): Promise<void> {
    const load = createRequire(import.meta.url);
    const http: typeof import('node:http') = load('node:http');
    const http2: typeof import('node:http2') = load('node:http2');
    const make = (door: 'http' | 'https'): Server => {
      const secure = door === 'https';
      const serve = (request: Request, response: Response) => void this.#proxy.serve(request, response, secure);
      const limits = { maxHeaderSize: maxHeaderBytes, requestTimeout: requestTimeoutMs };
      const options = { ...this.#deps.fallback, ...limits, allowHTTP1: true };
      const server: Server = secure
        ? http2.createSecureServer(
            { ...options, SNICallback: (name, done) => done(null, this.#contextOf(name)) },
            serve,
          )
        : http.createServer(limits, serve);
      server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) =>
        this.#sockets.add(socket.on('close', () => this.#sockets.delete(socket))),
      );
      // A client that speaks no HTTP, or none that we take.
      server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => turnAway(socket, error.code));
      server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        void this.#proxy.upgrade(request, socket, head, secure);
      });
      return server;
    };
    const listen = (door: 'http' | 'https') =>
      listenWhereFree(
        { door: `Ingress (${door})`, flag: '', preferred: this.#deps.remembered?.[door] ?? usualPort(preferred[door]) },
        (port) => listening(make(door), port, '127.0.0.1'),
      );
    const [plain, secure] = [await listen('http'), await listen('https')];
    this.#servers = [plain, secure];
    this.#ports = { http: portOf(plain), https: portOf(secure) };
    await this.#openOwnAddress(make);
    this.#deps.onListening(this.#ports);
  }

  /** Without the right to open ports below 1024, or when they are taken, the other ports must do. */
  async #openOwnAddress(make: (door: 'http' | 'https') => Server): Promise<void> {
    const { address } = this.#deps;
    if (address === undefined || !address.startsWith('127.') || process.platform === 'darwin') return;
    try {
      this.#servers.push(await listening(make('http'), 80, address));
      this.#servers.push(await listening(make('https'), 443, address));
      this.#ownAddress = true;
    } catch (error) {
      this.#deps.log.info('ingress: the usual ports are not to be had', { address, error: String(error) });
    }
  }

  #isMine(ingress: Readonly<KubeObject>): boolean {
    const name = ingress['spec']?.ingressClassName ?? ingress.metadata.annotations?.[classAnnotation] ?? '';
    return this.#classes.lister.get('', name)?.['spec']?.controller === ingressController;
  }

  #tableNow(): IngressTable {
    if (!this.#table) {
      const mine = this.#ingresses.lister.list().filter((ingress) => this.#isMine(ingress));
      this.#table = new IngressTable(mine);
    }
    return this.#table;
  }

  /** What ingress-nginx's admission webhook would have refused; here it is served as far as it goes. */
  #tell(): void {
    const table = this.#tableNow();
    for (const { ingress, message } of table.problems) this.#tellOne(ingress, message);
    for (const [host, certificate] of table.certificates()) this.#certificateOf(host, certificate);
  }

  #tellOne(key: string, message: string): void {
    const [namespace, name] = key.split('/') as [string, string];
    const ingress = this.#ingresses.lister.get(namespace, name);
    const once = `${ingress?.metadata.uid} ${message}`;
    if (!ingress || this.#told.has(once)) return;
    this.#told.add(once);
    this.#deps.events.event(ingress, 'Warning', 'IngressProblem', message);
  }

  /** The certificate of the Secret that an Ingress names for a host; what is not usable leaves the default one. */
  #contextOf(host: string): SecureContext | undefined {
    const certificate = this.#tableNow().certificate(host);
    return certificate && this.#certificateOf(host, certificate);
  }

  #certificateOf(host: string, certificate: IngressCertificate): SecureContext | undefined {
    const { context, problem } = this.#certificates.find(host, certificate);
    if (problem !== undefined) this.#tellOne(certificate.ingress, problem);
    return context;
  }
}

/** Upstream: what nginx says to a request that it cannot read, and to one that takes too long. */
function turnAway(socket: Duplex, code: string | undefined): void {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, body] =
    code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? ['408 Request Time-out', 'Request Time-out']
      : ['400 Bad Request', code === 'HPE_HEADER_OVERFLOW' ? 'Request Header Or Cookie Too Large' : 'Bad Request'];
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${body!.length + 1}\r\nconnection: close\r\n\r\n${body}\n`,
  );
}

type Server = HttpServer | Http2SecureServer;

function listening(server: Server, port: number, host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const suffixOf = (port: number): string => (port === 443 ? '' : `:${port}`);
