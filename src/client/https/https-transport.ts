/**
 * The Kubernetes API over HTTP/1.1 with TLS, keep-alive connections and session reuse.
 * Upstream: client-go/rest (request, with_retry, transport). Times here are the wall clock's: they serve sockets.
 */
import { readFileSync } from 'node:fs';
import type { Agent, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { createRequire } from 'node:module';
import { type KubeObject, type Status, stringifyJson, type WatchEvent } from '../../apimachinery/index.ts';
import { isAbort, wallClock } from '../../base/index.ts';
import {
  type ApiRequest,
  type ApiResponse,
  ConnectionError,
  type Forwarded,
  type ForwardRequest,
  type Transport,
  type Upgraded,
  type UpgradeRequest,
} from '../transport.ts';
import type { ClientConfig, Credentials } from './config.ts';
import { responseError, warningTexts } from './errors.ts';
import { ExecCredentials } from './exec-credentials.ts';
import { decodeWatch, parseJsonText } from './watch-decoder.ts';

/**
 * An ESM import of node:http reads all its exports, one of which loads undici and node:http2: 20 ms at the start of every
 * command. require does not.
 */
const require = createRequire(import.meta.url);
const http: typeof import('node:http') = require('node:http');
const https: typeof import('node:https') = require('node:https');

export interface HttpsTransportOptions {
  /** Default `klab`. */
  readonly userAgent?: string;
  /** Limit of one request without watches and streams. Default 0 = none, as client-go. */
  readonly timeoutMs?: number;
}

/** Answers with Retry-After are waited out this often. */
const maxRetries = 10;
const tokenFileMaxAgeMs = 60_000;

export class HttpsTransport implements Transport {
  readonly #config: ClientConfig;
  readonly #options: HttpsTransportOptions;
  readonly #base: URL;
  readonly #exec: ExecCredentials | undefined;
  #agent: Agent | undefined;
  #agentKey = '';
  #tokenFile: { readonly token: string; readonly readAt: number } | undefined;

  constructor(config: ClientConfig, options: HttpsTransportOptions = {}) {
    this.#config = config;
    this.#options = options;
    this.#base = new URL(config.server.includes('://') ? config.server : `https://${config.server}`);
    if (config.exec) this.#exec = new ExecCredentials(config.exec, config);
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    const { timeoutMs = 0 } = this.#options;
    if (timeoutMs <= 0) return this.#request(request);
    const limit = new AbortController();
    const timer = wallClock.schedule(timeoutMs, () => {
      limit.abort(new ConnectionError(`no answer from ${this.#base.host} within ${timeoutMs} ms`));
    });
    const signal = request.signal ? AbortSignal.any([request.signal, limit.signal]) : limit.signal;
    try {
      return await this.#request({ ...request, signal });
    } finally {
      timer.cancel();
    }
  }

  async watch(request: ApiRequest): Promise<AsyncIterable<WatchEvent<KubeObject | Status>>> {
    return decodeWatch(this.#chunks(await this.#open(request), request.signal));
  }

  async stream(request: ApiRequest): Promise<AsyncIterable<Uint8Array>> {
    return this.#chunks(await this.#open(request), request.signal);
  }

  async upgrade(request: UpgradeRequest): Promise<Upgraded> {
    const credentials = await this.#credentials();
    const { signal } = request;
    signal?.throwIfAborted();
    const headers = this.#headers(request, credentials, undefined);
    const module = this.#base.protocol === 'http:' ? http : https;
    // The socket leaves with the caller: it is never one that is shared.
    const agent = this.#newAgent(credentials, false);
    const result = await new Promise<Upgraded | IncomingMessage>((resolve, reject) => {
      const sent = module.request(this.#urlOf(request), { method: request.method, headers, agent });
      const onAbort = () => sent.destroy(abortReason(signal!));
      signal?.addEventListener('abort', onAbort, { once: true });
      const done = () => signal?.removeEventListener('abort', onAbort);
      sent.once('upgrade', (response, socket, head) => {
        done();
        resolve({ headers: response.headers, socket, head });
      });
      sent.once('response', (response) => {
        done();
        resolve(response);
      });
      sent.once('error', (error: NodeJS.ErrnoException) => {
        done();
        reject(signal?.aborted ? signal.reason : this.#connectionError(error));
      });
      sent.end();
    });
    if ('socket' in result && 'head' in result) return result;
    const response = result as IncomingMessage;
    const text = await this.#text(response, signal);
    throw responseError(response.statusCode!, text, response.headers['content-type'] ?? '', undefined);
  }

  async forward({ method, target, headers, body, signal }: ForwardRequest): Promise<Forwarded> {
    const credentials = await this.#credentials();
    signal?.throwIfAborted();
    const module = this.#base.protocol === 'http:' ? http : https;
    // A connection that stops being HTTP leaves with the caller.
    const upgrade = headers['upgrade'] !== undefined;
    const sent = module.request(this.#base, {
      path: target,
      method,
      headers: this.#forwardHeaders(headers, credentials),
      agent: upgrade ? this.#newAgent(credentials, false) : this.#agentFor(credentials),
      ...(signal && { signal }),
    });
    const answer = await new Promise<Forwarded>((resolve, reject) => {
      const answered = (response: IncomingMessage, upgraded?: Forwarded['upgraded']) =>
        resolve({
          code: response.statusCode!,
          reason: response.statusMessage ?? '',
          rawHeaders: response.rawHeaders,
          body: response,
          ...(upgraded && { upgraded }),
        });
      sent.once('upgrade', (response, socket, head) => answered(response, { socket, head }));
      sent.once('response', (response) => answered(response));
      sent.on('error', (error: NodeJS.ErrnoException) => {
        reject(signal?.aborted ? signal.reason : this.#connectionError(error));
      });
      if (!body) sent.end();
      else body.on('error', (error) => sent.destroy(error)).pipe(sent);
    });
    if (answer.code === 401) this.#exec?.refuse(credentials);
    return answer;
  }

  async close(): Promise<void> {
    this.#agent?.destroy();
    this.#agent = undefined;
  }

  async #request(request: ApiRequest): Promise<ApiResponse> {
    const response = await this.#open(request);
    const text = await this.#text(response, request.signal);
    const body = (response.headers['content-type'] ?? '').includes('json') ? parseJsonText(text) : text;
    return { code: response.statusCode!, body, warnings: warningTexts(response.headers['warning']) };
  }

  /** Sends until an answer below 400 comes. */
  async #open(request: ApiRequest): Promise<IncomingMessage> {
    let refreshed = false;
    for (let attempt = 0; ; attempt++) {
      const credentials = await this.#credentials();
      const response = await this.#send(request, credentials);
      const code = response.statusCode!;
      if (code < 400) return response;
      const text = await this.#text(response, request.signal);
      if (code === 401 && this.#exec && !refreshed) {
        refreshed = true;
        this.#exec.refuse(credentials);
        continue;
      }
      const retryAfter = Number.parseInt(response.headers['retry-after'] ?? '', 10);
      const retry = Number.isFinite(retryAfter) && (code === 429 || code >= 500);
      const seconds = retry ? retryAfter : undefined;
      if (!retry || attempt >= maxRetries) {
        throw responseError(code, text, response.headers['content-type'] ?? '', seconds);
      }
      await wallClock.sleep(retryAfter * 1000, request.signal);
    }
  }

  async #send(request: ApiRequest, credentials: Credentials): Promise<IncomingMessage> {
    try {
      return await this.#attempt(request, credentials);
    } catch (error) {
      // The server closed an idle connection just as we took it from the pool: nothing was answered, send once more.
      if (!(error instanceof IdleConnectionLost)) throw error;
      return await this.#attempt(request, credentials);
    }
  }

  #attempt(request: ApiRequest, credentials: Credentials): Promise<IncomingMessage> {
    const { signal } = request;
    signal?.throwIfAborted();
    const url = this.#urlOf(request);
    const body = bodyBytes(request.body);
    const headers = this.#headers(request, credentials, body);
    const module = this.#base.protocol === 'http:' ? http : https;
    return new Promise((resolve, reject) => {
      const sent = module.request(url, { method: request.method, headers, agent: this.#agentFor(credentials) });
      const onAbort = () => sent.destroy(abortReason(signal!));
      signal?.addEventListener('abort', onAbort, { once: true });
      const done = () => signal?.removeEventListener('abort', onAbort);
      sent.once('response', (response) => {
        done();
        resolve(response);
      });
      sent.once('error', (error: NodeJS.ErrnoException) => {
        done();
        if (signal?.aborted) reject(signal.reason);
        // A write may have been done before the connection broke: only reads are sent again, as Go's client does.
        else if (
          request.method === 'GET' &&
          sent.reusedSocket &&
          (error.code === 'ECONNRESET' || error.code === 'EPIPE')
        ) {
          reject(new IdleConnectionLost(error));
        } else reject(this.#connectionError(error));
      });
      sent.end(body);
    });
  }

  #urlOf(request: Pick<UpgradeRequest, 'path' | 'query'>): URL {
    const url = new URL(this.#base);
    url.pathname = this.#base.pathname.replace(/\/$/, '') + request.path;
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (typeof value === 'string') url.searchParams.append(name, value);
      else for (const one of value ?? []) url.searchParams.append(name, one);
    }
    return url;
  }

  #headers(
    request: Pick<ApiRequest, 'accept' | 'headers' | 'contentType'>,
    credentials: Credentials,
    body: Uint8Array | undefined,
  ): OutgoingHttpHeaders {
    const headers: OutgoingHttpHeaders = {
      accept: request.accept ?? 'application/json',
      'user-agent': this.#options.userAgent ?? 'klab',
    };
    for (const [name, value] of Object.entries(request.headers ?? {})) headers[name.toLowerCase()] = value;
    if (body) {
      headers['content-type'] = request.contentType ?? 'application/json';
      headers['content-length'] = body.length;
    }
    return Object.assign(headers, this.#identity(credentials));
  }

  /** Who asks is said by the one who is asked for, where he says it himself. Upstream: client-go/transport/round_trippers.go. */
  #forwardHeaders(headers: OutgoingHttpHeaders, credentials: Credentials): OutgoingHttpHeaders {
    const identity = this.#identity(credentials);
    if (headers['authorization'] !== undefined) delete identity['authorization'];
    const impersonates = headers['impersonate-user'] !== undefined;
    const own = Object.entries(identity).filter(([name]) => !(impersonates && name.startsWith('impersonate-')));
    return { 'user-agent': this.#options.userAgent ?? 'klab', ...headers, ...Object.fromEntries(own) };
  }

  #identity(credentials: Credentials): OutgoingHttpHeaders {
    const { username, password, impersonate } = this.#config;
    const headers: OutgoingHttpHeaders = {};
    const token = credentials.token ?? this.#token();
    if (token) headers['authorization'] = `Bearer ${token}`;
    else if (username !== undefined) {
      headers['authorization'] = `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
    }
    if (impersonate) {
      headers['impersonate-user'] = impersonate.user;
      if (impersonate.uid) headers['impersonate-uid'] = impersonate.uid;
      if (impersonate.groups?.length) headers['impersonate-group'] = [...impersonate.groups];
      for (const [name, values] of Object.entries(impersonate.extra ?? {})) {
        headers[`impersonate-extra-${encodeURIComponent(name)}`] = [...values];
      }
    }
    return headers;
  }

  async #credentials(): Promise<Credentials> {
    return this.#exec ? await this.#exec.get() : this.#config;
  }

  #token(): string | undefined {
    const { tokenFile, token } = this.#config;
    if (!tokenFile) return token;
    const now = wallClock.now();
    if (!this.#tokenFile || now - this.#tokenFile.readAt > tokenFileMaxAgeMs) {
      this.#tokenFile = { token: readFileSync(tokenFile, 'utf8').trim(), readAt: now };
    }
    return this.#tokenFile.token;
  }

  #agentFor(credentials: Credentials): Agent {
    const agentKey = credentials.cert ?? this.#config.cert ?? '';
    if (this.#agent && this.#agentKey === agentKey) return this.#agent;
    this.#agentKey = agentKey;
    this.#agent = this.#newAgent(credentials, true);
    return this.#agent;
  }

  #newAgent(credentials: Credentials, keepAlive: boolean): Agent {
    if (this.#base.protocol === 'http:') return new http.Agent({ keepAlive });
    const { ca, tlsServerName, insecureSkipTlsVerify } = this.#config;
    const { cert = this.#config.cert, key = this.#config.key } = credentials;
    return new https.Agent({
      keepAlive,
      ca,
      cert,
      key,
      rejectUnauthorized: !insecureSkipTlsVerify,
      ...(tlsServerName ? { servername: tlsServerName } : {}),
    });
  }

  async #text(response: IncomingMessage, signal: AbortSignal | undefined): Promise<string> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.#chunks(response, signal)) chunks.push(chunk);
    signal?.throwIfAborted();
    return Buffer.concat(chunks).toString('utf8');
  }

  /** The body piece by piece; backpressure is the socket's. Ends when aborted. */
  async *#chunks(response: IncomingMessage, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, void> {
    const onAbort = () => response.destroy();
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      for await (const chunk of response) yield chunk as Uint8Array;
    } catch (error) {
      if (signal?.aborted) return;
      throw this.#connectionError(error as Error);
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #connectionError(error: NodeJS.ErrnoException): Error {
    if (isAbort(error)) return error;
    const { host } = this.#base;
    if (error.code === 'ECONNREFUSED') {
      return new ConnectionError(
        `The connection to the server ${host} was refused - did you specify the right host or port?`,
        { cause: error },
      );
    }
    const where = `Unable to connect to the server ${host}`;
    return new ConnectionError(`${where}: ${error.message || error.code || 'connection lost'}`, { cause: error });
  }
}

/** A kept-alive connection died before it carried anything back. */
class IdleConnectionLost extends ConnectionError {
  constructor(cause: Error) {
    super('the server closed the connection', { cause });
  }
}

function bodyBytes(body: unknown): Uint8Array | undefined {
  if (body === undefined) return undefined;
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === 'string' ? body : stringifyJson(body), 'utf8');
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted');
}
