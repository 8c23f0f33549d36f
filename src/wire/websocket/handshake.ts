import { createHash } from 'node:crypto';

type Headers = Readonly<Record<string, string | undefined>>;

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** `Connection` lists names; `name` is compared without case. */
export function hasToken(header: string | undefined, name: string): boolean {
  return (header ?? '').split(',').some((token) => token.trim().toLowerCase() === name);
}

/** The request asks for a WebSocket. Upstream: wsstream.IsWebSocketRequest. */
export function isWebSocketRequest(method: string, headers: Headers): boolean {
  return method === 'GET' && hasToken(headers['connection'], 'upgrade') && hasToken(headers['upgrade'], 'websocket');
}

/** Subprotocols the client offers, in its order. */
export function offeredSubprotocols(headers: Headers): string[] {
  return (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** Headers of the 101 answer; undefined when the request is no valid handshake. */
export function webSocketAnswer(headers: Headers, subprotocol: string): Record<string, string> | undefined {
  const key = headers['sec-websocket-key'] ?? '';
  if (headers['sec-websocket-version'] !== '13' || !/^[A-Za-z0-9+/]{22}==$/.test(key)) return undefined;
  return {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Accept': createHash('sha1').update(`${key}${guid}`).digest('base64'),
    ...(subprotocol === '' ? {} : { 'Sec-WebSocket-Protocol': subprotocol }),
  };
}
