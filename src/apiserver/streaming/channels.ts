/**
 * Channels within one WebSocket: the first byte of a message (or its first digit, when base64) says which. Upstream:
 * streaming/pkg/httpstream/wsstream, cri-streaming/pkg/streaming/remotecommand/websocket.go.
 */
import type { Status } from '../../apimachinery/index.ts';
import { ByteQueue, type ByteStream, WebSocketConnection } from '../../wire/index.ts';
import type { UpgradedDoor } from '../types.ts';
import { type Conversation, type StreamChoice, statusText, terminalSizes } from './conversation.ts';

const v5 = 'v5.channel.k8s.io';
const v4 = 'v4.channel.k8s.io';
const v4Base64 = 'v4.base64.channel.k8s.io';

/** Subprotocols of exec and attach; empty is a client that names none. */
export const channelProtocols: readonly string[] = [v5, v4, v4Base64, 'channel.k8s.io', 'base64.channel.k8s.io'];

/** Subprotocols of port-forward over channels. */
export const portForwardChannelProtocols: readonly string[] = [v4, v4Base64];

/** A message [255, channel] is the end of that channel, in v5. */
const closeSignal = 255;

/** One WebSocket's channels. */
export class Channels {
  readonly #socket: WebSocketConnection;
  readonly #base64: boolean;
  readonly #halfCloses: boolean;
  readonly #incoming = new Map<number, ByteQueue>();

  /** `readable`: channels the client may write to; what comes on others is dropped. */
  constructor(bytes: ByteStream, protocol: string, readable: readonly number[]) {
    this.#socket = new WebSocketConnection(bytes);
    this.#base64 = protocol.includes('base64');
    this.#halfCloses = protocol === v5;
    for (const channel of readable) this.#incoming.set(channel, new ByteQueue());
  }

  incoming(channel: number): AsyncIterable<Uint8Array> {
    return this.#incoming.get(channel)!;
  }

  /** Reads until the client is gone; then all channels are at their end. */
  async run(): Promise<void> {
    try {
      for await (const { data } of this.#socket.messages()) {
        const full = this.#received(data);
        if (full) await full;
      }
    } finally {
      for (const queue of this.#incoming.values()) queue.end();
    }
  }

  write(channel: number, bytes: Uint8Array): Promise<void> | undefined {
    if (this.#base64) {
      const text = `${channel}${Buffer.from(bytes).toString('base64')}`;
      return this.#socket.send(Buffer.from(text, 'latin1'), false);
    }
    const message = Buffer.allocUnsafe(1 + bytes.length);
    message[0] = channel;
    message.set(bytes, 1);
    return this.#socket.send(message);
  }

  close(): void {
    this.#socket.close(1000);
  }

  #received(data: Uint8Array): Promise<void> | undefined {
    if (data.length === 0) return undefined;
    if (this.#halfCloses && data[0] === closeSignal) {
      this.#incoming.get(data[1] ?? closeSignal)?.end();
      return undefined;
    }
    const channel = this.#base64 ? data[0]! - 0x30 : data[0]!;
    const payload = data.subarray(1);
    const bytes = this.#base64 ? Buffer.from(Buffer.from(payload).toString('latin1'), 'base64') : payload;
    return this.#incoming.get(channel)?.push(bytes);
  }
}

const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
const nothing = new Uint8Array(0);

export function openChannelConversation(
  bytes: ByteStream,
  door: UpgradedDoor,
  choice: StreamChoice,
  protocol: string,
): Conversation {
  const channels = new Channels(bytes, protocol, [...(choice.stdin ? [channel.stdin] : []), channel.resize]);
  const gone = new AbortController();
  const onAbort = () => gone.abort(door.signal.reason);
  door.signal.addEventListener('abort', onAbort, { once: true });
  void channels.run().finally(() => {
    door.signal.removeEventListener('abort', onAbort);
    gone.abort(new Error('the client is gone'));
  });
  // Tells the client that the connection stands.
  channels.write(choice.stdout ? channel.stdout : choice.stderr ? channel.stderr : channel.error, nothing);
  const asJson = protocol === v5 || protocol === v4 || protocol === v4Base64;
  return {
    streams: {
      ...(choice.stdin ? { stdin: channels.incoming(channel.stdin) } : {}),
      stdout: (chunk) => (choice.stdout ? channels.write(channel.stdout, chunk) : undefined),
      stderr: (chunk) => (choice.stderr ? channels.write(channel.stderr, chunk) : undefined),
      tty: choice.tty,
      resize: terminalSizes(channels.incoming(channel.resize)),
    },
    signal: gone.signal,
    writeStatus: (status: Status) => {
      const text = asJson ? JSON.stringify(status) : statusText(status);
      return text === '' ? undefined : channels.write(channel.error, Buffer.from(text));
    },
    finish: () => channels.close(),
  };
}

/** v5 is translated on the way to the runtime, which shows in the words of its errors. Upstream: StreamTranslatorHandler. */
export const isTranslated = (protocol: string): boolean => protocol === v5;
