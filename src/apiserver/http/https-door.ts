import type { ServerResponse as Http1Response, IncomingMessage } from 'node:http';
import { createSecureServer, type Http2SecureServer, type Http2Session } from 'node:http2';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { newInternalError, StatusError } from '../../apimachinery/index.ts';
import { assert, type Clock, type Logger, Prng, StoppedError } from '../../base/index.ts';
import { PkiError, verifyClientCertificate } from '../../pki/index.ts';
import { socketByteStream } from '../../wire/index.ts';
import type { Dispatch, ServerRequest, ServerResponse } from '../types.ts';
import { type Negotiated, negotiate, wantsPretty } from './negotiate.ts';
import { type Incoming, maxRequestBodyBytes, parseTarget, readBody, readHeaders } from './read-request.ts';
import { warningHeader } from './warning.ts';
import { canBeProtobuf, type Outgoing, writeResponse } from './write-response.ts';

/** Not imported: an ESM import of node:http reads all its exports, one of which loads undici, 20 ms at every boot. */
const http: typeof import('node:http') = createRequire(import.meta.url)('node:http');

export interface HttpsDoorDeps {
  readonly dispatch: Dispatch;
  readonly wallClock: Clock;
  readonly log: Logger;
}

export interface HttpsDoorOptions {
  /** `--bind-address`. Default 127.0.0.1. */
  readonly host?: string;
  /** `--secure-port`; 0 = any free one. */
  readonly port: number;
  /** PEM of the serving certificate (`--tls-cert-file`, chain included) and its key. */
  readonly cert: string;
  readonly key: string;
  /** `--client-ca-file`: PEM bundle that client certificates must chain to. */
  readonly clientCa?: string;
  /** Which peers get gzip when they accept it. Default `remote`: on one machine compression only costs time. */
  readonly compression?: 'always' | 'remote' | 'never';
  /** `--request-timeout`, here for the arrival of the body. Default 60 s. */
  readonly requestTimeoutMs?: number;
  /** A client that takes no bytes for so long while there are some is cut off. Default 60 s. */
  readonly stallMs?: number;
  readonly maxRequestBodyBytes?: number;
}

/** The port asked for is taken, or may not be bound. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code: 'AddressInUse' | 'NotPermitted' | 'Failed';
  readonly host: string;
  readonly port: number;
  constructor(code: ListenError['code'], host: string, port: number, cause: Error) {
    const reason = code === 'AddressInUse' ? 'address already in use' : cause.message;
    super(`failed to listen on ${host}:${port}: listen tcp ${host}:${port}: bind: ${reason}`, { cause });
    this.code = code;
    this.host = host;
    this.port = port;
  }
}

/** Upstream: --streaming-connection-idle-timeout of the kubelet. */
const upgradedIdleMs = 4 * 60 * 60 * 1000;
/** How long a client may take to read the end of an upgraded connection. */
const lingerMs = 5_000;

type Certificate = NonNullable<ServerRequest['clientCertificate']>;

/**
 * HTTP/2 and HTTP/1.1 over TLS on one port. Turns requests into ServerRequests, hands them to the filter chain, and
 * writes what comes back in the encoding the client accepts.
 * Upstream: apiserver/pkg/server/secure_serving.go, endpoints/handlers/responsewriters/writers.go.
 */
export class HttpsDoor {
  readonly #dispatch: Dispatch;
  readonly #wallClock: Clock;
  readonly #log: Logger;
  readonly #options: Required<Omit<HttpsDoorOptions, 'clientCa'>>;
  readonly #server: Http2SecureServer;
  readonly #sockets = new Set<TLSSocket>();
  readonly #sessions = new Set<Http2Session>();
  /** Requests under way: their controllers, for shutdown. */
  readonly #active = new Set<AbortController>();
  /** By session or TLS socket: requests of one connection share one certificate object. */
  readonly #certificates = new WeakMap<object, { certificate: Certificate | undefined }>();
  /** Audit IDs are outside the promise of repeatable histories, as all of HTTP. */
  readonly #prng = Prng.random();
  readonly #cas: readonly string[];
  #stopping = false;

  constructor(deps: HttpsDoorDeps, options: HttpsDoorOptions) {
    this.#dispatch = deps.dispatch;
    this.#wallClock = deps.wallClock;
    this.#log = deps.log;
    this.#options = {
      host: options.host ?? '127.0.0.1',
      port: options.port,
      cert: options.cert,
      key: options.key,
      compression: options.compression ?? 'remote',
      requestTimeoutMs: options.requestTimeoutMs ?? 60_000,
      stallMs: options.stallMs ?? 60_000,
      maxRequestBodyBytes: options.maxRequestBodyBytes ?? maxRequestBodyBytes,
    };
    this.#cas = splitPem(options.clientCa ?? '');
    this.#server = createSecureServer(
      {
        allowHTTP1: true,
        cert: options.cert,
        key: options.key,
        ...(options.clientCa === undefined ? {} : { ca: options.clientCa }),
        // Optional: who has a bad one is refused by authentication, as upstream, not by the handshake.
        requestCert: true,
        rejectUnauthorized: false,
        minVersion: 'TLSv1.2',
        sessionIdContext: 'klab-apiserver',
        settings: { maxConcurrentStreams: 1000 },
      },
      (incoming, outgoing) => void this.#serve(incoming, outgoing as unknown as Outgoing),
    );
    this.#server.on('secureConnection', (socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      // Finds peers that vanished without a word.
      socket.setKeepAlive(true, 30_000);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
    // Node hands these requests over with their socket; those that are refused are answered all the same.
    this.#server.on('upgrade', (incoming: IncomingMessage, socket: TLSSocket, head: Buffer) => {
      void this.#serveUpgrade(incoming, socket, head);
    });
    this.#server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('error', () => {});
      session.on('close', () => this.#sessions.delete(session));
    });
    this.#server.on('sessionError', (error) => this.#log.debug('http/2 session failed', { error: error.message }));
    this.#server.on('tlsClientError', (error) => this.#log.debug('TLS handshake failed', { error: error.message }));
  }

  /** Starts to listen. Throws ListenError. */
  listen(): Promise<{ host: string; port: number }> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException) => {
        const code = error.code === 'EADDRINUSE' ? 'AddressInUse' : error.code === 'EACCES' ? 'NotPermitted' : 'Failed';
        reject(new ListenError(code, host, port, error));
      };
      this.#server.once('error', onError);
      this.#server.listen(port, host, () => {
        this.#server.off('error', onError);
        this.#server.on('error', (error) => this.#log.error('listener failed', { error: error.message }));
        resolve({ host, port: (this.#server.address() as AddressInfo).port });
      });
    });
  }

  /**
   * Takes no new connections, ends watches and log streams, lets other requests finish within `graceMs` (wall time),
   * then closes what is left.
   */
  async close(graceMs = 5000): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions) session.close();
    const deadline = this.#wallClock.monotonic() + graceMs;
    for (const controller of this.#longRunning) controller.abort(new StoppedError('the server is shutting down'));
    while (this.#active.size > 0 && this.#wallClock.monotonic() < deadline) await this.#wallClock.sleep(5);
    for (const controller of this.#active) controller.abort(new StoppedError('the server is shutting down'));
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #serveUpgrade(incoming: IncomingMessage, socket: TLSSocket, head: Buffer): Promise<void> {
    const controller = new AbortController();
    const onClose = () => controller.abort(new StoppedError('the client is gone'));
    socket.on('close', onClose);
    this.#active.add(controller);
    const outgoing = new http.ServerResponse(incoming);
    outgoing.shouldKeepAlive = false;
    outgoing.assignSocket(socket);
    outgoing.on('finish', () => socket.end());
    try {
      const upgrade = incoming.headers.upgrade?.toLowerCase();
      const given = await this.#answer(incoming, outgoing as unknown as Outgoing, controller, upgrade);
      if (given) {
        this.#longRunning.add(controller);
        await this.#giveAway(given, outgoing, socket, head, controller.signal);
      }
    } catch (error) {
      if (!controller.signal.aborted) this.#log.error('upgraded connection failed', { error: String(error) });
      socket.destroy();
    } finally {
      this.#active.delete(controller);
      this.#longRunning.delete(controller);
    }
  }

  /** The 101 answer, then the connection is the handler's; afterwards the client may read what is on its way. */
  async #giveAway(
    response: ServerResponse,
    outgoing: Http1Response,
    socket: TLSSocket,
    head: Buffer,
    signal: AbortSignal,
  ): Promise<void> {
    assert(response.body.kind === 'upgrade', 'only an upgrade is given away');
    const lines = ['HTTP/1.1 101 Switching Protocols'];
    for (const [name, value] of Object.entries(outgoing.getHeaders())) lines.push(`${name}: ${value}`);
    for (const [name, value] of Object.entries(response.headers ?? {})) lines.push(`${name}: ${value}`);
    outgoing.detachSocket(socket);
    socket.setTimeout(upgradedIdleMs, () => socket.destroy());
    socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    await response.body.serve(socketByteStream(socket, head), { signal, wallClock: this.#wallClock });
    socket.end();
    // An unread rest would turn the end into a reset, which can cost the client the last bytes.
    socket.resume();
    const late = this.#wallClock.schedule(lingerMs, () => socket.destroy());
    socket.once('close', () => late.cancel());
  }

  /** Those of `#active` whose answer is a stream. */
  readonly #longRunning = new Set<AbortController>();

  async #serve(incoming: Incoming, outgoing: Outgoing): Promise<void> {
    const controller = new AbortController();
    this.#active.add(controller);
    outgoing.on('close', () => controller.abort(new StoppedError('the client is gone')));
    outgoing.on('error', () => {});
    try {
      await this.#answer(incoming, outgoing, controller);
    } catch (error) {
      if (!controller.signal.aborted) this.#log.error('answer failed', { error: String(error) });
      outgoing.destroy();
    } finally {
      this.#active.delete(controller);
      this.#longRunning.delete(controller);
    }
  }

  /** Answers; what is returned instead is an upgrade that is still to be done. */
  async #answer(
    incoming: Incoming,
    outgoing: Outgoing,
    controller: AbortController,
    upgrade?: string,
  ): Promise<ServerResponse | undefined> {
    const { headers, repeatedHeaders } = readHeaders(incoming);
    const warnings: string[] = [];
    const responseHeaders: Record<string, string> = {};
    outgoing.setHeader('Audit-Id', headers['audit-id']?.slice(0, 64) || this.#prng.uuid());
    outgoing.setHeader('Cache-Control', 'no-cache, private');
    let query = new URLSearchParams();
    let response: ServerResponse;
    try {
      const target = parseTarget(incoming.url ?? '/');
      query = target.query;
      const bytes = await readBody(incoming, {
        maxBytes: this.#options.maxRequestBodyBytes,
        timeoutMs: this.#options.requestTimeoutMs,
        wallClock: this.#wallClock,
      });
      const certificate = this.#certificateOf(incoming);
      response = await this.#dispatch({
        method: incoming.method ?? 'GET',
        path: target.path,
        query,
        headers,
        ...(repeatedHeaders ? { repeatedHeaders } : {}),
        ...(bytes ? { body: { bytes } } : {}),
        ...(upgrade === undefined ? {} : { upgrade }),
        ...(certificate ? { clientCertificate: certificate } : {}),
        signal: controller.signal,
        remoteAddress: incoming.socket?.remoteAddress ?? '',
        warnings,
        responseHeaders,
        cancel: (reason) => controller.abort(reason),
      });
    } catch (error) {
      if (controller.signal.aborted && !(error instanceof StatusError)) return undefined;
      response = this.#failure(error, outgoing);
    }
    for (const name in responseHeaders) outgoing.setHeader(name, responseHeaders[name]!);
    const aborted = controller.signal.aborted && response.code < 400;
    if (aborted) return undefined;
    if (response.body.kind === 'upgrade') return response;
    if (response.body.kind === 'watch' || response.body.kind === 'stream') this.#longRunning.add(controller);
    for (const name in response.headers) outgoing.setHeader(name, response.headers[name]!);
    for (const warning of new Set(response.warnings ?? warnings)) {
      outgoing.appendHeader('Warning', warningHeader(warning));
    }
    const { encoding, pretty } = this.#encodingOf(headers, response);
    await writeResponse(outgoing, response.code, response.body, {
      encoding,
      pretty: pretty || (response.body.kind === 'object' && wantsPretty(query, headers['user-agent'])),
      gzip: this.#compresses(incoming, headers['accept-encoding']),
      headOnly: incoming.method === 'HEAD',
      // A request timeout aborts the handler, not the answer that tells of it.
      signal: response.code === 504 ? new AbortController().signal : controller.signal,
      wallClock: this.#wallClock,
      stallMs: this.#options.stallMs,
    });
    // A body that was refused unread would hold an HTTP/1 connection.
    if (!incoming.complete) incoming.resume();
    return undefined;
  }

  /** The chain has refused what cannot be written; errors go out as JSON to those who accept nothing klab writes. */
  #encodingOf(headers: Readonly<Record<string, string | undefined>>, response: ServerResponse): Negotiated {
    try {
      const stream = response.body.kind === 'watch';
      const protobuf = canBeProtobuf(response.body);
      return negotiate(headers['accept'], { stream, allowConvert: () => true, allowProtobuf: () => protobuf });
    } catch {
      return { encoding: 'json', pretty: false };
    }
  }

  #failure(error: unknown, outgoing: Outgoing): ServerResponse {
    let failure: StatusError;
    if (error instanceof StatusError) failure = error;
    else {
      this.#log.error('request failed', { error: error instanceof Error ? (error.stack ?? error.message) : error });
      failure = newInternalError(error instanceof Error ? error.message : String(error));
    }
    const { status } = failure;
    if (failure.code === 403) outgoing.setHeader('X-Content-Type-Options', 'nosniff');
    const retryAfter = status.details?.retryAfterSeconds ?? 0;
    if (retryAfter > 0) outgoing.setHeader('Retry-After', String(retryAfter));
    return { code: failure.code, body: { kind: 'object', object: status } };
  }

  #compresses(incoming: Incoming, acceptEncoding: string | undefined): boolean {
    const { compression } = this.#options;
    if (compression === 'never' || acceptEncoding === undefined || !/(^|,)\s*gzip\s*(,|$)/.test(acceptEncoding)) {
      return false;
    }
    return compression === 'always' || !isLoopback(incoming.socket?.remoteAddress ?? '');
  }

  #certificateOf(incoming: Incoming): Certificate | undefined {
    const session = 'stream' in incoming ? incoming.stream.session : undefined;
    const key: object = session ?? incoming.socket;
    const known = this.#certificates.get(key);
    if (known) return known.certificate;
    const socket = (session?.socket ?? incoming.socket) as TLSSocket;
    // Without a client CA certificates say nothing, as upstream without --client-ca-file.
    const certificate = this.#cas.length === 0 ? undefined : identityOf(socket, this.#cas, this.#wallClock.now());
    this.#certificates.set(key, { certificate });
    return certificate;
  }
}

/** Who the peer of a connection is. A certificate that proves nothing comes with the reason, in Go's words. */
function identityOf(socket: TLSSocket, cas: readonly string[], now: number): Certificate | undefined {
  const peer = socket.getPeerX509Certificate();
  if (!peer) return undefined;
  try {
    if (socket.authorized) return verifyClientCertificate(peer);
    verifyClientCertificate(peer, { cas, now });
    return { commonName: '', organizations: [], error: `x509: ${String(socket.authorizationError)}` };
  } catch (error) {
    if (error instanceof PkiError) return { commonName: '', organizations: [], error: error.message };
    throw error;
  }
}

function splitPem(bundle: string): string[] {
  return bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}
