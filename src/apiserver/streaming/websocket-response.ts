/**
 * Watches and logs over a WebSocket, as Java's and browsers' clients ask for them. Upstream:
 * endpoints/handlers/watch.go (HandleWS), httpstream/wsstream/stream.go (Reader), golang.org/x/net/websocket.
 */

import { encodeWatchFrame } from '../../api/index.ts';
import { encodeJson, newInternalError, StatusError } from '../../apimachinery/index.ts';
import { StoppedError } from '../../base/index.ts';
import { type ByteStream, isWebSocketRequest, WebSocketConnection, webSocketAnswer } from '../../wire/index.ts';
import { spokenSubprotocols } from '../authn/websocket-protocol.ts';
import { negotiate } from '../http/negotiate.ts';
import { canBeProtobuf } from '../http/write-response.ts';
import type { EncodedWatchEvent, RequestContext, ResponseBody, ServerResponse, UpgradedDoor } from '../types.ts';

/** A client that takes no bytes for so long while there are some is cut off, as over HTTP. */
const stallMs = 60_000;
const newline = Buffer.from('\n');

/** Subprotocols of a byte stream; empty is a client that names none. */
const readerProtocols: readonly string[] = ['', 'binary.k8s.io', 'base64.binary.k8s.io'];

/**
 * The watch that `answer` makes, one event a message. A client must name its Origin, and at most one subprotocol.
 * @throws StatusError
 */
export async function watchOverWebSocket(
  context: RequestContext,
  answer: () => Promise<ServerResponse>,
): Promise<ServerResponse> {
  if (!asksForWebSocket(context)) return answer();
  const { headers } = context.request;
  if (headers['origin'] === undefined) return refused(403);
  const offers = spokenSubprotocols(headers);
  const handshake = offers.length > 1 ? undefined : webSocketAnswer(headers, offers[0] ?? '');
  if (!handshake) return refused(400);
  const response = await answer();
  const { body } = response;
  if (body.kind !== 'watch') return response;
  const { encoding } = negotiate(headers['accept'], {
    stream: true,
    allowConvert: () => true,
    allowProtobuf: () => canBeProtobuf(body),
  });
  return upgraded(context, handshake, (socket, bytes, door) =>
    sendEvents(socket, body.events, encoding === 'protobuf', (sent) => roomIn(sent, bytes, door)),
  );
}

/** The bytes that `answer` streams, in binary messages or in base64. @throws StatusError */
export async function streamOverWebSocket(
  context: RequestContext,
  answer: () => Promise<ServerResponse>,
): Promise<ServerResponse> {
  if (!asksForWebSocket(context)) return answer();
  const { headers } = context.request;
  const offers = spokenSubprotocols(headers);
  const protocol = offers.length === 0 ? '' : offers.find((offer) => readerProtocols.includes(offer));
  if (protocol === undefined) return refused(403);
  const handshake = webSocketAnswer(headers, protocol);
  if (!handshake) return refused(400);
  const response = await answer();
  const { body } = response;
  if (body.kind !== 'stream') return response;
  const base64 = protocol.startsWith('base64');
  return upgraded(context, handshake, async (socket, bytes, door) => {
    const send = (chunk: Uint8Array) =>
      base64
        ? socket.send(Buffer.from(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('base64')), false)
        : socket.send(chunk);
    // Tells the client that the connection stands.
    await send(new Uint8Array(0));
    for await (const chunk of body.chunks) await roomIn(send(chunk), bytes, door);
  });
}

/** The door can give the connection away, and the client wants a WebSocket. */
function asksForWebSocket({ request }: RequestContext): boolean {
  return request.upgrade !== undefined && isWebSocketRequest(request.method, request.headers);
}

function upgraded(
  { request }: RequestContext,
  headers: Readonly<Record<string, string>>,
  serve: (socket: WebSocketConnection, bytes: ByteStream, door: UpgradedDoor) => Promise<void>,
): ServerResponse {
  const body: ResponseBody = {
    kind: 'upgrade',
    async serve(bytes, door) {
      const socket = new WebSocketConnection(bytes);
      void untilClosed(socket).then(() => request.cancel?.(new StoppedError('the client is gone')));
      try {
        await serve(socket, bytes, door);
      } finally {
        socket.close(1000);
      }
    },
  };
  return { code: 101, headers, body };
}

/** Reads, so that pings and the close frame are answered. What a client says is not listened to. */
async function untilClosed(socket: WebSocketConnection): Promise<void> {
  for await (const _ of socket.messages());
}

async function sendEvents(
  socket: WebSocketConnection,
  events: AsyncIterable<EncodedWatchEvent>,
  protobuf: boolean,
  room: (sent: Promise<void> | undefined) => Promise<void> | undefined,
): Promise<void> {
  const send = (event: Pick<EncodedWatchEvent, 'encoded' | 'protobuf'>) =>
    room(
      protobuf
        ? // A message needs no length before it.
          socket.send(event.protobuf().subarray(4))
        : socket.send(Buffer.concat([event.encoded(), newline]), false),
    );
  try {
    for await (const event of events) {
      const sent = send(event);
      if (sent) await sent;
    }
  } catch (error) {
    // The stream has begun: a failure can only be told as its last event.
    const { status } = error instanceof StatusError ? error : newInternalError(String(error));
    await send({
      encoded: () => encodeJson({ type: 'ERROR', object: status }),
      protobuf: () => encodeWatchFrame('ERROR', status),
    });
  }
}

/** Waits for room, or cuts the client off. */
function roomIn(sent: Promise<void> | undefined, bytes: ByteStream, door: UpgradedDoor): Promise<void> | undefined {
  if (!sent) return undefined;
  const late = door.wallClock.schedule(stallMs, () => bytes.destroy());
  return sent.finally(() => late.cancel());
}

/** What golang.org/x/net/websocket answers to a handshake it does not take: a status line and nothing else. */
function refused(code: 400 | 403): ServerResponse {
  return { code, body: { kind: 'bytes', contentType: 'text/plain; charset=utf-8', bytes: new Uint8Array(0) } };
}
