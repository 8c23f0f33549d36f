/**
 * A bearer token as a WebSocket subprotocol, for browsers, which cannot set headers of a WebSocket. Upstream:
 * apiserver/pkg/authentication/request/websocket/protocol.go.
 */
import { newUnauthorized } from '../../apimachinery/index.ts';
import { isWebSocketRequest, offeredSubprotocols } from '../../wire/index.ts';
import type { ServerRequest } from '../types.ts';

const prefix = 'base64url.bearer.authorization.k8s.io.';
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The token among the subprotocols. @throws StatusError 401: two of them, a broken one, or no other subprotocol to answer with. */
export function subprotocolToken({ method, headers }: ServerRequest): string | undefined {
  if (!isWebSocketRequest(method, headers)) return undefined;
  const offers = offeredSubprotocols(headers);
  const tokens = offers.filter((offer) => offer.startsWith(prefix));
  if (tokens.length === 0) return undefined;
  const encoded = tokens[0]!.slice(prefix.length);
  if (encoded === '') return undefined;
  if (tokens.length > 1 || tokens.length === offers.length || !/^[\w-]+$/.test(encoded)) throw newUnauthorized();
  try {
    return utf8.decode(Buffer.from(encoded, 'base64url'));
  } catch {
    throw newUnauthorized();
  }
}

/** What a client offers to speak: its subprotocols without the token. */
export function spokenSubprotocols(headers: ServerRequest['headers']): string[] {
  return offeredSubprotocols(headers).filter((offer) => !offer.startsWith(prefix));
}
