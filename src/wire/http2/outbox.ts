/** What one turn of the event loop has to say on a connection, gathered for one write. */
import type { Duplex } from 'node:stream';
import { defaultMaxFrame } from './frames.ts';

/** Bytes gathered for one write. */
export const flushBytes = 256 * 1024;
/** From this on they are gathered in a buffer that is used again; a last frame may go beyond `flushBytes`. */
const largeWrite = 32 * 1024;
const largestWrite = flushBytes + 2 * defaultMaxFrame;
/**
 * Buffers that no write holds, of all connections: a fresh one for each large write keeps the collector busy. The socket drains before it
 * calls back, so that a connection that writes on has two of them in turns.
 */
const spareBuffers: Buffer[] = [];
const mostSpareBuffers = 4;

export class Outbox {
  readonly #socket: Duplex;
  #parts: Uint8Array[] = [];
  /** Of what waits. */
  bytes = 0;
  /** The socket's buffer is full: nothing more before it has drained. */
  blocked = false;
  #callbacks: (() => void)[] = [];

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  push(part: Uint8Array): void {
    this.#parts.push(part);
    this.bytes += part.length;
  }

  /** Calls back once all that waits has been copied for the socket, or dropped. */
  afterWrite(callback: () => void): void {
    this.#callbacks.push(callback);
  }

  /** Writes all that waits; false when there is nothing. */
  write(): boolean {
    const { bytes } = this;
    const parts = this.#parts;
    if (parts.length > 0) {
      this.#parts = [];
      this.bytes = 0;
      if (bytes >= largeWrite && bytes <= largestWrite) this.#writeLarge(parts, bytes);
      // One alone is no data: those come behind their frame's header.
      else if (!this.#socket.write(parts.length === 1 ? parts[0] : Buffer.concat(parts, bytes))) this.blocked = true;
    }
    if (this.#callbacks.length > 0) this.#settle();
    return parts.length > 0;
  }

  /** Nothing is written any more. */
  drop(): void {
    this.#parts = [];
    this.bytes = 0;
    this.#settle();
  }

  #settle(): void {
    const callbacks = this.#callbacks;
    this.#callbacks = [];
    for (const callback of callbacks) callback();
  }

  #writeLarge(parts: readonly Uint8Array[], bytes: number): void {
    const gathered = spareBuffers.pop() ?? Buffer.allocUnsafeSlow(largestWrite);
    let at = 0;
    for (const part of parts) {
      gathered.set(part, at);
      at += part.length;
    }
    const written = (error?: Error | null) => {
      if (!error && spareBuffers.length < mostSpareBuffers) spareBuffers.push(gathered);
    };
    if (!this.#socket.write(gathered.subarray(0, bytes), written)) this.blocked = true;
  }
}
