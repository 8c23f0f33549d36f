/**
 * `pods/portforward`: SPDY, SPDY within a WebSocket, or a WebSocket's channels. Upstream:
 * cri-streaming/pkg/streaming/portforward, apimachinery/pkg/util/portforward.
 */
import { newBadRequest } from '../../apimachinery/index.ts';
import {
  type ByteStream,
  hasToken,
  isWebSocketRequest,
  offeredSubprotocols,
  SpdyConnection,
  SpdyError,
  type SpdyStream,
  WebSocketConnection,
  webSocketAnswer,
  webSocketTunnel,
} from '../../wire/index.ts';
import type { NodeDialer, RequestContext, ServerResponse, UpgradedDoor } from '../types.ts';
import { Channels, portForwardChannelProtocols } from './channels.ts';
import type { PodLocation } from './pod-location.ts';
import { noCommonProtocol, refusal } from './remote-command.ts';
import { negotiateStreamProtocol, streamCreationTimeoutMs } from './spdy.ts';

const protocol = 'portforward.k8s.io';
/** A SPDY connection tunnelled in a WebSocket's messages. */
const tunnelled = `SPDY/3.1+${protocol}`;

type Forwarder = Awaited<ReturnType<NodeDialer['portForward']>>;

/** @throws StatusError */
export async function portForwardHandler(
  location: PodLocation,
  context: RequestContext,
  nodes: NodeDialer,
): Promise<ServerResponse> {
  const { method, headers, upgrade, query } = context.request;
  if (upgrade === undefined) throw newBadRequest('Upgrade request required');
  const isWebSocket = isWebSocketRequest(method, headers);
  if (!isWebSocket && !hasToken(headers['upgrade'], 'spdy/3.1')) throw newBadRequest('Upgrade request required');
  const asked = headers['x-stream-protocol-version'];
  if (!isWebSocket && negotiateStreamProtocol(asked, [protocol]) === undefined) {
    return noCommonProtocol(asked ?? '', [protocol]);
  }
  let forwarder: Forwarder;
  try {
    forwarder = await nodes.portForward(location.node, location.pod);
  } catch (error) {
    return refusal(error);
  }
  if (!isWebSocket) {
    return {
      code: 101,
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'SPDY/3.1',
        ...(asked === undefined ? {} : { 'X-Stream-Protocol-Version': protocol }),
      },
      body: { kind: 'upgrade', serve: (bytes, door) => serveSpdy(bytes, door, forwarder) },
    };
  }
  const offers = offeredSubprotocols(headers);
  const chosen =
    offers.length === 0
      ? ''
      : offers.find((offer) => offer === tunnelled || portForwardChannelProtocols.includes(offer));
  const answer = chosen === undefined ? undefined : webSocketAnswer(headers, chosen);
  if (chosen === undefined || !answer) throw newBadRequest('websocket: bad handshake');
  if (chosen === tunnelled) {
    return {
      code: 101,
      headers: answer,
      body: {
        kind: 'upgrade',
        serve: async (bytes, door) => {
          const socket = new WebSocketConnection(bytes);
          await serveSpdy(
            webSocketTunnel(socket, () => bytes.destroy()),
            door,
            forwarder,
          );
          socket.close();
        },
      },
    };
  }
  const ports = channelPorts(query);
  return {
    code: 101,
    headers: answer,
    body: { kind: 'upgrade', serve: (bytes, door) => serveChannels(bytes, door, chosen, ports, forwarder) },
  };
}

/** @throws StatusError 400 */
function channelPorts(query: URLSearchParams): number[] {
  const texts = query.getAll('ports').length > 0 ? query.getAll('ports') : query.getAll('port');
  if (texts.length === 0) throw newBadRequest('query parameter "port" is required');
  return texts.flatMap((text) => text.split(',')).map((text) => readPort(text));
}

function readPort(text: string): number {
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw newBadRequest(`unable to parse ${JSON.stringify(text)} as a port`);
  if (port < 1) throw newBadRequest(`port ${JSON.stringify(text)} must be > 0`);
  return port;
}

/** Streams come in pairs: `error` and `data` of one connection to the port, with one request id. */
interface Pair {
  error?: SpdyStream;
  data?: SpdyStream;
  readonly timer: { cancel(): void };
}

async function serveSpdy(bytes: ByteStream, door: UpgradedDoor, forwarder: Forwarder): Promise<void> {
  const pairs = new Map<string, Pair>();
  const gone = new AbortController();
  const onAbort = () => {
    gone.abort(door.signal.reason);
    bytes.destroy();
  };
  door.signal.addEventListener('abort', onAbort, { once: true });

  const onStream = (stream: SpdyStream) => {
    const type = stream.headers['streamtype'];
    if (type !== 'error' && type !== 'data') throw new Error(`invalid stream type ${JSON.stringify(type)}`);
    const port = readPort(stream.headers['port'] ?? '');
    const id = stream.headers['requestid'] ?? String(type === 'error' ? stream.id : stream.id - 2);
    let pair = pairs.get(id);
    if (!pair) {
      const timer = door.wallClock.schedule(streamCreationTimeoutMs, () => {
        pairs.delete(id);
        pair?.error?.write(Buffer.from(`(request=${id}) timed out waiting for streams`));
        pair?.error?.end();
        pair?.data?.reset();
      });
      pair = { timer };
      pairs.set(id, pair);
    }
    if (pair[type]) throw new Error(`${type} stream already assigned`);
    pair[type] = stream;
    const { error, data } = pair;
    if (!error || !data) return;
    pair.timer.cancel();
    pairs.delete(id);
    void forward(forwarder, port, data, error, gone.signal);
  };

  const connection = new SpdyConnection(bytes, { role: 'server', enforceWindows: false, onStream });
  try {
    await connection.run();
  } catch (error) {
    if (!(error instanceof SpdyError)) throw error;
  } finally {
    door.signal.removeEventListener('abort', onAbort);
    for (const pair of pairs.values()) pair.timer.cancel();
    gone.abort(new Error('the client is gone'));
  }
}

async function forward(
  forwarder: Forwarder,
  port: number,
  data: SpdyStream,
  error: SpdyStream,
  signal: AbortSignal,
): Promise<void> {
  try {
    await forwarder.connect(port, data, signal);
    data.end();
  } catch (failure) {
    error.write(Buffer.from(forwardError(forwarder, port, failure)));
    data.reset();
  }
  error.end();
}

function forwardError(forwarder: Forwarder, port: number, failure: unknown): string {
  const reason = failure instanceof Error ? failure.message : String(failure);
  return `error forwarding port ${port} to pod ${forwarder.id}, uid : ${reason}`;
}

/** Channel 2n is the data of the n-th port, 2n+1 its errors; each begins with the port as two bytes. */
async function serveChannels(
  bytes: ByteStream,
  door: UpgradedDoor,
  chosen: string,
  ports: readonly number[],
  forwarder: Forwarder,
): Promise<void> {
  const channels = new Channels(
    bytes,
    chosen,
    ports.map((_, i) => 2 * i),
  );
  const gone = new AbortController();
  const onAbort = () => gone.abort(door.signal.reason);
  door.signal.addEventListener('abort', onAbort, { once: true });
  const reading = channels.run().finally(() => gone.abort(new Error('the client is gone')));
  await Promise.all(
    ports.map(async (port, i) => {
      const begin = Buffer.alloc(2);
      begin.writeUInt16LE(port);
      channels.write(2 * i, begin);
      channels.write(2 * i + 1, begin);
      const incoming = channels.incoming(2 * i);
      const connection: ByteStream = {
        [Symbol.asyncIterator]: () => incoming[Symbol.asyncIterator](),
        write: (chunk) => channels.write(2 * i, chunk),
        end: () => {},
        destroy: () => {},
      };
      try {
        await forwarder.connect(port, connection, gone.signal);
      } catch (failure) {
        channels.write(2 * i + 1, Buffer.from(forwardError(forwarder, port, failure)));
      }
    }),
  );
  channels.close();
  door.signal.removeEventListener('abort', onAbort);
  // The close handshake; the door bounds how long the client may take.
  void reading.catch(() => {});
}
