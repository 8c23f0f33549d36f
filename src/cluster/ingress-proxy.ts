/** One request through an Ingress: where it goes is `net`'s; this is headers, bodies, endpoints and what nginx would answer. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { KubeObject } from '../apimachinery/index.ts';
import type { Logger, Prng } from '../base/index.ts';
import { ConnectError, decodeBytes, encodeText, type NetworkFabric, type Peer } from '../kubelet/index.ts';
import {
  cidrContains,
  cookieOf,
  type IngressOptions,
  type IngressRoute,
  type IngressTable,
  type IngressTarget,
} from '../net/index.ts';
import { socketByteStream } from '../wire/index.ts';
import { isAuthorized, usersOf } from './ingress-auth.ts';

export interface IngressProxyDeps {
  readonly fabric: () => NetworkFabric;
  /** Whom pods see. */
  readonly peer: Peer;
  readonly reader: { get(resource: string, namespace: string, name: string): Readonly<KubeObject> | undefined };
  /** Ready endpoints of a Service's port, by the port's name. */
  readonly endpoints: (namespace: string, service: string, port: string | number) => readonly Endpoint[];
  readonly prng: Prng;
  readonly log: Logger;
  readonly table: () => IngressTable;
  /** Where `https://` is for a client of this socket: `:8443`, or nothing for 443. */
  readonly httpsSuffix: (localAddress: string | undefined) => string;
}

interface Endpoint {
  readonly ip: string;
  readonly port: number;
}

interface Address extends Endpoint {
  /** A Service's own: its rules choose the endpoint. */
  readonly virtual: boolean;
  /** For the browser to come back to the same endpoint. */
  readonly cookie?: string;
}

export type Request = IncomingMessage | Http2ServerRequest;
export type Response = ServerResponse | Http2ServerResponse;

interface Refusal {
  readonly code: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Accepted {
  readonly route: IngressRoute;
  readonly address: Address;
  readonly host: string;
  readonly path: string;
}

export class IngressProxy {
  readonly #deps: IngressProxyDeps;

  constructor(deps: IngressProxyDeps) {
    this.#deps = deps;
  }

  async serve(request: Request, response: Response, tls: boolean): Promise<void> {
    try {
      await this.#serve(request, response, tls);
    } catch (error) {
      // Upstream: 499, the client is gone and nobody reads an answer.
      if (request.destroyed && !request.complete) {
        (response as ServerResponse).destroy();
        return;
      }
      this.#deps.log.warn('request through an Ingress failed', { url: request.url ?? '', error: String(error) });
      answer(response, { code: 502, text: 'Bad Gateway' });
    }
  }

  /** The connection becomes one of the client and the pod: WebSocket, or what else a request upgrades to. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, tls: boolean): Promise<void> {
    socket.on('error', () => socket.destroy());
    const found = this.#route(request, tls);
    if ('code' in found) {
      const headers = Object.entries(found.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`);
      const body = `${found.text}\n`;
      socket.end(
        `HTTP/1.1 ${found.code} ${found.text.split(':')[0]}\r\n${headers.join('')}content-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
      return;
    }
    const { route, address, host, path } = found;
    const sent = {
      ...joined(request.headers),
      ...this.#forwarded(request, route.options, host, tls),
      connection: 'Upgrade',
      upgrade: request.headers.upgrade ?? '',
    };
    const lines = Object.entries(sent).map(([name, value]) => `${name}: ${value}\r\n`);
    const first = Buffer.from(`${request.method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
    try {
      const stream = socketByteStream(socket, Buffer.concat([first, head]));
      const { fabric, peer } = this.#deps;
      await fabric().stream(address.ip, address.port, stream, peer, route.options.readTimeoutMs);
    } catch (error) {
      // Once there are two ends, words of ours would be taken for the pod's.
      if (!(error instanceof ConnectError)) {
        socket.destroy();
        return;
      }
      socket.end('HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    }
  }

  /** Where a request goes, or what is answered instead. */
  #route(request: Request, tls: boolean): Accepted | Refusal {
    const { url = '/', headers } = request;
    const host = authorityOf(headers).replace(/:\d+$/, '');
    const query = url.indexOf('?');
    const path = query < 0 ? url : url.slice(0, query);
    const found = this.#deps
      .table()
      .route({ host, path, tls, headers: joined(headers), random: this.#deps.prng.float() });
    if (found.kind === 'none') return { code: 404, text: `default backend - 404: ${found.why}` };
    if (found.kind === 'redirect') {
      const { code, location: to } = found;
      const suffix = this.#deps.httpsSuffix(request.socket.localAddress);
      const own = `${tls ? 'https' : 'http'}://${authorityOf(headers)}`;
      const location = to === undefined ? `https://${host}${suffix}${url}` : to.startsWith('/') ? `${own}${to}` : to;
      return { code, text: redirects[code] ?? 'Found', headers: { location } };
    }
    const { route } = found;
    const refusal = this.#refused(request, route.options);
    if (refusal) return refusal;
    const address = this.#addressOf(route, headers.cookie);
    if (!address) return unavailable(route);
    return { route, address, host, path: `${route.sends}${query < 0 ? '' : url.slice(query)}` };
  }

  #refused(request: Request, { allowed, denied, basicAuth }: IngressOptions): Refusal | undefined {
    const client = request.socket.remoteAddress ?? '';
    if (denied.some((cidr) => cidrContains(cidr, client))) return { code: 403, text: 'Forbidden' };
    if (allowed && !allowed.some((cidr) => cidrContains(cidr, client))) return { code: 403, text: 'Forbidden' };
    if (!basicAuth) return undefined;
    const { namespace, secret: name, realm, map } = basicAuth;
    const secret = this.#deps.reader.get('secrets', namespace, name);
    // Upstream: a location whose Secret is not there is closed.
    if (!secret)
      return {
        code: 503,
        text: `Service Temporarily Unavailable: no Secret ${namespace}/${name} to authenticate with`,
      };
    const header = request.headers.authorization;
    if (isAuthorized(header, usersOf(secret['data'] ?? {}, map))) return undefined;
    const headers = { 'www-authenticate': `Basic realm="${realm.replaceAll('"', '')}"` };
    return { code: 401, text: 'Authorization Required', headers };
  }

  async #serve(request: Request, response: Response, tls: boolean): Promise<void> {
    const found = this.#route(request, tls);
    if ('code' in found) return answer(response, found);
    const { route, address, host, path } = found;
    const { options } = route;
    const body = await bodyOf(request, options.maxBodyBytes);
    if (body === undefined) {
      // The rest is read and thrown away: a client that is still sending would not see the answer.
      request.resume();
      return answer(response, { code: 413, text: 'Request Entity Too Large' });
    }
    try {
      const { method = 'GET', headers } = request;
      const sent = {
        method,
        path,
        headers: { ...joined(headers), ...this.#forwarded(request, options, host, tls) },
        ...(body === '' ? {} : { body }),
      };
      const { fabric, peer } = this.#deps;
      const answered = await fabric().http(address.ip, address.port, sent, peer, options.readTimeoutMs);
      for (const [name, value] of Object.entries(answered.headers)) {
        if (!hopByHop.has(name.toLowerCase()) && name.toLowerCase() !== 'content-length')
          response.setHeader(name, value);
      }
      if (address.cookie !== undefined) response.setHeader('set-cookie', cookieLine(address.cookie, options, tls));
      response.statusCode = answered.status;
      // One signature of two.
      (response as ServerResponse).end(method === 'HEAD' ? undefined : encodeText(answered.body));
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      if (error.code === 'ETIMEDOUT')
        return answer(response, { code: 504, text: `Gateway Time-out: ${error.message}` });
      const noEndpoints = error.code === 'ECONNREFUSED' && address.virtual;
      return answer(response, noEndpoints ? unavailable(route) : { code: 502, text: `Bad Gateway: ${error.message}` });
    }
  }

  /** A Service's own address and port; of a headless one, and where browsers come back, an endpoint's. */
  #addressOf({ target, options }: IngressRoute, cookies: string | undefined): Address | undefined {
    const { namespace, service: name, port } = target;
    const spec = this.#deps.reader.get('services', namespace, name)?.['spec'];
    if (!spec || spec.type === 'ExternalName') return undefined;
    const wanted = (spec.ports ?? []).find((each: any) =>
      typeof port === 'number' ? each.port === port : each.name === port,
    );
    if (!wanted) return undefined;
    const headless = !spec.clusterIP || spec.clusterIP === 'None';
    if (!headless && !options.affinity) return { ip: spec.clusterIP, port: wanted.port, virtual: true };
    const endpoints = this.#deps.endpoints(namespace, name, wanted.name ?? '');
    if (endpoints.length === 0) return undefined;
    if (!options.affinity) return { ...this.#deps.prng.pick(endpoints), virtual: false };
    const known = cookieOf(cookies, options.affinity.cookie);
    const kept = endpoints.find((each) => cookieFor(each, target) === known);
    if (kept) return { ...kept, virtual: false };
    const chosen = this.#deps.prng.pick(endpoints);
    return { ...chosen, virtual: false, cookie: cookieFor(chosen, target) };
  }

  /** As ingress-nginx tells backends where a request came from. */
  #forwarded(request: Request, options: IngressOptions, host: string, tls: boolean): Record<string, string> {
    const authority = authorityOf(request.headers);
    const client = request.socket.remoteAddress ?? '';
    const scheme = tls ? 'https' : 'http';
    const port = request.socket.localPort;
    return {
      host: options.upstreamHost ?? authority,
      'x-real-ip': client,
      // Whoever asks says nothing that counts: use-forwarded-headers is off.
      'x-forwarded-for': client,
      'x-forwarded-host': authority || host,
      ...(port === undefined ? {} : { 'x-forwarded-port': String(port) }),
      'x-forwarded-proto': scheme,
      'x-forwarded-scheme': scheme,
      'x-scheme': scheme,
      ...(options.forwardedPrefix === undefined ? {} : { 'x-forwarded-prefix': options.forwardedPrefix }),
    };
  }
}

const redirects: Readonly<Record<number, string>> = {
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
};

function unavailable({ ingress, target }: IngressRoute): Refusal {
  const which = `port ${target.port} of Service ${target.namespace}/${target.service}`;
  return {
    code: 503,
    text: `Service Temporarily Unavailable: Ingress ${ingress} sends this to ${which}, which has no endpoint for it`,
  };
}

function cookieFor({ ip, port }: Endpoint, { namespace, service }: IngressTarget): string {
  return createHash('md5').update(`${namespace}/${service} ${ip}:${port}`).digest('hex');
}

/** Upstream: rootfs/etc/nginx/lua/balancer/sticky.lua. */
function cookieLine(value: string, { affinity }: IngressOptions, tls: boolean): string {
  const { cookie, path, maxAge, sameSite, secure = tls } = affinity!;
  return [
    `${cookie}=${value}`,
    ...(maxAge === undefined ? [] : [`Max-Age=${maxAge}`]),
    `Path=${path}`,
    ...(secure ? ['Secure'] : []),
    'HttpOnly',
    ...(sameSite === undefined ? [] : [`SameSite=${sameSite}`]),
  ].join('; ');
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

function authorityOf(headers: IncomingHttpHeaders): string {
  return headers.host ?? (headers[':authority'] as string | undefined) ?? '';
}

function joined(headers: IncomingHttpHeaders): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || hopByHop.has(name) || name.startsWith(':')) continue;
    out[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return out;
}

/** The whole body; undefined when it is too large. */
async function bodyOf(request: Request, most: number): Promise<string | undefined> {
  if (most > 0 && Number(request.headers['content-length'] ?? 0) > most) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  // Whoever stops half way wants to answer, so the request must not be destroyed.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (most > 0 && size > most) return undefined;
    chunks.push(chunk);
  }
  return chunks.length === 0 ? '' : decodeBytes(Buffer.concat(chunks));
}

function answer(response: Response, { code, text, headers = {} }: Refusal): void {
  if (response.headersSent) {
    (response as ServerResponse).destroy();
    return;
  }
  response.statusCode = code;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  (response as ServerResponse).end(`${text}\n`);
}
