/** A WebSocket over any ByteStream, after its handshake. */
import type { ByteStream } from '../byte-stream.ts';
import { encodeWebSocketFrame, WebSocketDecoder, WebSocketError, type WebSocketFrame } from './frames.ts';

export interface WebSocketMessage {
  readonly binary: boolean;
  readonly data: Uint8Array;
}

export interface WebSocketOptions {
  /** Default `server`. */
  readonly role?: 'server' | 'client';
  /** One message, its fragments joined. Default 32 MiB, as golang.org/x/net/websocket. */
  readonly maxMessageBytes?: number;
  /** For a client's masks: four bytes each. */
  readonly mask?: () => Uint8Array;
}

export class WebSocketConnection {
  readonly #bytes: ByteStream;
  readonly #decoder: WebSocketDecoder;
  readonly #maxMessageBytes: number;
  readonly #mask: (() => Uint8Array) | undefined;
  #closeSent = false;
  #fragments: { readonly binary: boolean; readonly parts: Uint8Array[]; size: number } | undefined;

  constructor(bytes: ByteStream, options: WebSocketOptions = {}) {
    const { role = 'server', maxMessageBytes = 32 * 1024 * 1024 } = options;
    this.#bytes = bytes;
    this.#maxMessageBytes = maxMessageBytes;
    this.#decoder = new WebSocketDecoder({ masked: role === 'server', maxFrameBytes: maxMessageBytes });
    this.#mask = role === 'client' ? (options.mask ?? (() => new Uint8Array(4))) : undefined;
  }

  /**
   * Messages until the peer closes or goes away. Pings are answered, close frames too. A peer that breaks the protocol
   * is told by a close frame, and the messages end.
   */
  async *messages(): AsyncGenerator<WebSocketMessage, void, void> {
    try {
      for await (const chunk of this.#bytes) {
        for (const frame of this.#decoder.push(chunk)) {
          const message = this.#received(frame);
          if (message === 'closed') return;
          if (message) yield message;
        }
      }
    } catch (error) {
      if (!(error instanceof WebSocketError)) throw error;
      this.close(error.closeCode, error.message);
    }
  }

  /** As ByteStream.write. After close nothing is sent. */
  send(data: Uint8Array, binary = true): Promise<void> | undefined {
    return this.#send({ opcode: binary ? 'binary' : 'text', fin: true, payload: data });
  }

  ping(data: Uint8Array = new Uint8Array(0)): void {
    this.#send({ opcode: 'ping', fin: true, payload: data });
  }

  /** Sends the close frame once. The transport is left to its owner. */
  close(code = 1000, reason = ''): void {
    if (this.#closeSent) return;
    // A control frame holds 125 bytes.
    const text = Buffer.from(reason).subarray(0, 123);
    const payload = Buffer.allocUnsafe(2 + text.length);
    payload.writeUInt16BE(code, 0);
    payload.set(text, 2);
    this.#send({ opcode: 'close', fin: true, payload });
    this.#closeSent = true;
  }

  #send(frame: WebSocketFrame): Promise<void> | undefined {
    if (this.#closeSent) return undefined;
    return this.#bytes.write(encodeWebSocketFrame(frame, this.#mask?.()));
  }

  #received(frame: WebSocketFrame): WebSocketMessage | 'closed' | undefined {
    switch (frame.opcode) {
      case 'ping':
        this.#send({ opcode: 'pong', fin: true, payload: frame.payload });
        return undefined;
      case 'pong':
        return undefined;
      case 'close': {
        const view = Buffer.from(frame.payload);
        this.close(view.length >= 2 ? view.readUInt16BE(0) : 1000);
        return 'closed';
      }
      case 'continuation':
        return this.#continued(frame);
      default:
        if (this.#fragments) throw new WebSocketError(1002, 'a new message began within a fragmented one');
        if (frame.fin) return { binary: frame.opcode === 'binary', data: frame.payload };
        this.#fragments = {
          binary: frame.opcode === 'binary',
          parts: [frame.payload],
          size: frame.payload.length,
        };
        return undefined;
    }
  }

  #continued(frame: WebSocketFrame): WebSocketMessage | undefined {
    const fragments = this.#fragments;
    if (!fragments) throw new WebSocketError(1002, 'continuation without a beginning');
    fragments.parts.push(frame.payload);
    fragments.size += frame.payload.length;
    if (fragments.size > this.#maxMessageBytes) throw new WebSocketError(1009, 'message is too long');
    if (!frame.fin) return undefined;
    this.#fragments = undefined;
    return { binary: fragments.binary, data: Buffer.concat(fragments.parts, fragments.size) };
  }
}

/** The payloads of binary messages as one byte stream: how SPDY is tunnelled for port-forward. */
export function webSocketTunnel(connection: WebSocketConnection, destroy: () => void): ByteStream {
  return {
    async *[Symbol.asyncIterator]() {
      for await (const { data } of connection.messages()) yield data;
    },
    write: (bytes) => connection.send(bytes),
    end: () => connection.close(),
    destroy,
  };
}
