/**
 * The client's side of exec and attach: named byte streams over a WebSocket's channels (v5.channel.k8s.io) or SPDY/3.1.
 * Upstream: client-go/tools/remotecommand/{websocket,spdy,v5}.go.
 */
import { randomBytes } from 'node:crypto';
import type { Transport, UpgradeRequest } from '../../client/index.ts';
import {
  ByteQueue,
  type ByteStream,
  SpdyConnection,
  socketByteStream,
  WebSocketConnection,
  webSocketTunnel,
} from '../../wire/index.ts';
import { UserError } from '../exit-codes.ts';

export type StreamProtocol = 'websocket' | 'spdy';

/** `--protocol`, else KLAB_STREAM_PROTOCOL, else WebSocket. */
export function streamProtocol(flag: string | undefined): StreamProtocol {
  const word = flag ?? (process.env['KLAB_STREAM_PROTOCOL'] || 'websocket');
  if (word === 'websocket' || word === 'spdy') return word;
  throw new UserError(`invalid protocol ${JSON.stringify(word)}: must be websocket or spdy`);
}

const channelOf = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
/** A message [255, channel] is the end of that channel. */
const closeSignal = 255;

export interface RemoteStreams {
  /** Undefined when they were not asked for. */
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array> | undefined;
  /** The Status at the end. */
  readonly error: AsyncIterable<Uint8Array>;
  writeStdin(bytes: Uint8Array): Promise<void> | undefined;
  endStdin(): void;
  resize(width: number, height: number): void;
  /** The connection is over, whoever ended it. */
  readonly over: Promise<void>;
  close(): void;
}

export interface RemoteOptions {
  readonly stdin: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

async function upgrade(transport: Transport, request: UpgradeRequest) {
  if (!transport.upgrade) throw new UserError('this connection cannot carry streams');
  return transport.upgrade(request);
}

/** A WebSocket to a path of the API. @throws StatusError, ConnectionError */
export async function openWebSocket(
  transport: Transport,
  request: Omit<UpgradeRequest, 'method'>,
  protocols: readonly string[],
) {
  const { socket, head } = await upgrade(transport, {
    ...request,
    method: 'GET',
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
      'sec-websocket-protocol': protocols.join(','),
    },
  });
  const bytes = socketByteStream(socket, head);
  return { connection: new WebSocketConnection(bytes, { role: 'client', mask: () => randomBytes(4) }), bytes };
}

async function openSpdy(transport: Transport, request: Omit<UpgradeRequest, 'method'>, versions: readonly string[]) {
  const { socket, head } = await upgrade(transport, {
    ...request,
    method: 'POST',
    headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': versions.join(', ') },
  });
  const bytes = socketByteStream(socket, head);
  return { connection: new SpdyConnection(bytes, { role: 'client', enforceWindows: false }), bytes };
}

/** A SPDY session for port-forward: its own connection, or tunnelled in a WebSocket's messages. */
export async function openPortForward(
  transport: Transport,
  path: string,
  protocol: StreamProtocol,
  signal?: AbortSignal,
) {
  if (protocol === 'spdy') return openSpdy(transport, { path, signal }, ['portforward.k8s.io']);
  const { connection, bytes } = await openWebSocket(transport, { path, signal }, ['SPDY/3.1+portforward.k8s.io']);
  const tunnel = webSocketTunnel(connection, () => bytes.destroy());
  return { connection: new SpdyConnection(tunnel, { role: 'client', enforceWindows: false }), bytes };
}

export async function openRemote(
  transport: Transport,
  request: Omit<UpgradeRequest, 'method'>,
  options: RemoteOptions,
  protocol: StreamProtocol,
): Promise<RemoteStreams> {
  return protocol === 'spdy' ? overSpdy(transport, request, options) : overWebSocket(transport, request, options);
}

async function overWebSocket(
  transport: Transport,
  request: Omit<UpgradeRequest, 'method'>,
  options: RemoteOptions,
): Promise<RemoteStreams> {
  const { connection, bytes } = await openWebSocket(transport, request, ['v5.channel.k8s.io']);
  const queues = new Map([1, 2, 3].map((channel) => [channel, new ByteQueue()]));
  const send = (channel: number, data: Uint8Array) => {
    const message = Buffer.allocUnsafe(1 + data.length);
    message[0] = channel;
    message.set(data, 1);
    return connection.send(message);
  };
  const run = async () => {
    try {
      for await (const { data } of connection.messages()) {
        if (data.length === 0) continue;
        if (data[0] === closeSignal) queues.get(data[1] ?? -1)?.end();
        else await queues.get(data[0]!)?.push(data.subarray(1));
      }
    } finally {
      for (const queue of queues.values()) queue.end();
      bytes.destroy();
    }
  };
  return {
    stdout: queues.get(channelOf.stdout)!,
    stderr: options.stderr ? queues.get(channelOf.stderr)! : undefined,
    error: queues.get(channelOf.error)!,
    writeStdin: (data) => send(channelOf.stdin, data),
    endStdin: () => void connection.send(Uint8Array.of(closeSignal, channelOf.stdin)),
    resize: (width, height) => void send(channelOf.resize, sizeText(width, height)),
    over: run(),
    close: () => {
      connection.close();
      bytes.destroy();
    },
  };
}

const sizeText = (width: number, height: number) =>
  Buffer.from(`${JSON.stringify({ Width: width, Height: height })}\n`);

async function overSpdy(
  transport: Transport,
  request: Omit<UpgradeRequest, 'method'>,
  options: RemoteOptions,
): Promise<RemoteStreams> {
  const { connection, bytes } = await openSpdy(transport, request, ['v4.channel.k8s.io']);
  const over = connection.run().finally(() => bytes.destroy());
  const open = (streamtype: string): ByteStream => connection.open({ streamtype });
  // The error stream comes first, as upstream's clients make them.
  const error = open('error');
  const stdin = options.stdin ? open('stdin') : undefined;
  const stdout = open('stdout');
  const stderr = options.stderr ? open('stderr') : undefined;
  const resize = options.tty ? open('resize') : undefined;
  return {
    stdout,
    stderr,
    error,
    writeStdin: (data) => stdin?.write(data),
    endStdin: () => stdin?.end(),
    resize: (width, height) => void resize?.write(sizeText(width, height)),
    over,
    close: () => {
      connection.close();
      bytes.destroy();
    },
  };
}
