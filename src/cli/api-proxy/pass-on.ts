/**
 * Hands a request on to the API server and its answer back, byte by byte: watches flow, and connections that stop being
 * HTTP are joined. Upstream: apimachinery/pkg/util/proxy/upgradeaware.go, net/http/httputil.ReverseProxy.
 */
import { type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, pipeline } from 'node:stream';
import type { Forwarded, ForwardRequest } from '../../client/index.ts';
import { answerError } from './plain-answer.ts';

export interface Beyond {
  readonly forward: (request: ForwardRequest) => Promise<Forwarded>;
  /** Why a request came to nothing. */
  readonly say: (text: string) => void;
  /** Time between signs of life on joined connections. */
  readonly keepAliveMs: number;
}

/** They speak of one connection, not of the request. RFC 9110, 7.6.1 */
const hopByHop = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** @param target path and query for the server */
export async function passOn(
  target: string,
  request: IncomingMessage,
  response: ServerResponse,
  { forward, say }: Beyond,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  let answer: Forwarded;
  try {
    answer = await forward({
      method: request.method!,
      target,
      headers: headersOf(request, false),
      ...(hasBody && { body: request }),
      signal: gone.signal,
    });
  } catch (error) {
    if (gone.signal.aborted) return;
    say(`Error while proxying request: ${(error as Error).message}`);
    answerError(response, 500, (error as Error).message);
    return;
  }
  response.sendDate = !answer.rawHeaders.some((word, at) => at % 2 === 0 && word.toLowerCase() === 'date');
  response.writeHead(answer.code, answer.reason, endToEnd(answer.rawHeaders));
  // The beginning of a watch in which nothing happens yet is an answer too.
  response.flushHeaders();
  await new Promise<void>((resolve) => pipeline(answer.body, response, () => resolve()));
}

/** A request with `Connection: upgrade`. */
export async function passUpgradeOn(
  target: string,
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  { forward, say, keepAliveMs }: Beyond,
): Promise<void> {
  const gone = new AbortController();
  socket.on('error', () => {});
  socket.once('close', () => gone.abort());
  const { method } = request;
  let answer: Forwarded;
  try {
    const headers = headersOf(request, true);
    answer = await forward({ method: method!, target, headers, signal: gone.signal });
  } catch (error) {
    if (gone.signal.aborted) return;
    say(`Error while proxying request: ${(error as Error).message}`);
    refuseUpgrade(socket, 500, (error as Error).message);
    return;
  }
  const { upgraded } = answer;
  if (!upgraded) {
    if (answer.code < 400) {
      answer.body.resume();
      refuseUpgrade(socket, 500, `invalid upgrade response: status code ${answer.code}`);
      return;
    }
    socket.write(headText(answer, [...endToEnd(answer.rawHeaders), 'Connection', 'close']));
    pipeline(answer.body, socket, () => {});
    return;
  }
  (upgraded.socket as Socket).setKeepAlive(true, keepAliveMs);
  socket.write(headText(answer, answer.rawHeaders));
  socket.write(upgraded.head);
  upgraded.socket.write(head);
  // When one half is over so is the other.
  const end = () => {
    socket.destroy();
    upgraded.socket.destroy();
  };
  pipeline(socket, upgraded.socket, end);
  pipeline(upgraded.socket, socket, end);
}

/** An error to somebody who asked to leave HTTP. */
export function refuseUpgrade(socket: Duplex, code: number, text: string): void {
  const body = `${text}\n`;
  socket.end(
    `HTTP/1.1 ${code} ${STATUS_CODES[code]}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `X-Content-Type-Options: nosniff\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function headText(answer: Forwarded, rawHeaders: readonly string[]): string {
  let text = `HTTP/1.1 ${answer.code} ${answer.reason}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  return `${text}\r\n`;
}

/** The request's headers for the server: no Host, since the server has a name of its own. */
function headersOf(request: IncomingMessage, upgrade: boolean): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { ...request.headersDistinct };
  const named = request.headers.connection?.toLowerCase().split(/\s*,\s*/) ?? [];
  for (const name of upgrade ? ['transfer-encoding'] : [...hopByHop, ...named]) delete headers[name];
  delete headers['host'];
  const { remoteAddress } = request.socket;
  if (remoteAddress !== undefined) {
    const before = request.headersDistinct['x-forwarded-for'] ?? [];
    headers['x-forwarded-for'] = [...before, remoteAddress].join(', ');
  }
  return headers;
}

function endToEnd(rawHeaders: readonly string[]): string[] {
  const out: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (!hopByHop.has(rawHeaders[at]!.toLowerCase())) out.push(rawHeaders[at]!, rawHeaders[at + 1]!);
  }
  return out;
}
