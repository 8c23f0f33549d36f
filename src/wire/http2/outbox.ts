/** What one turn of the event loop has to say on a connection, gathered for one write. */
import type { Duplex } from 'node:stream';
import { defaultMaxFrame } from './frames.ts';

/** Bytes gathered for one write. */
export const flushBytes = 256 * 1024;
/** From this on they are gathered in a buffer of the connection's own; a last frame may go beyond `flushBytes`. */
const largeWrite = 32 * 1024;
const largestWrite = flushBytes + 2 * defaultMaxFrame;

export class Outbox {
  readonly #socket: Duplex;
  #parts: Uint8Array[] = [];
  /** Of what waits. */
  bytes = 0;
  /** The socket's buffer is full: nothing more before it has drained. */
  blocked = false;
  #gathered: Buffer | undefined;
  /** `#gathered` is on its way. */
  #gathering = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  push(part: Uint8Array): void {
    this.#parts.push(part);
    this.bytes += part.length;
  }

  /** Writes all that waits; false when there is nothing. */
  write(): boolean {
    const { bytes } = this;
    const parts = this.#parts;
    if (parts.length === 0) return false;
    this.#parts = [];
    this.bytes = 0;
    if (bytes >= largeWrite && bytes <= largestWrite && !this.#gathering) this.#writeLarge(parts, bytes);
    else if (!this.#socket.write(parts.length === 1 ? parts[0] : Buffer.concat(parts, bytes))) this.blocked = true;
    return true;
  }

  /** Large answers are gathered in one buffer again and again: a fresh one for each keeps the collector busy. */
  #writeLarge(parts: readonly Uint8Array[], bytes: number): void {
    this.#gathered ??= Buffer.allocUnsafeSlow(largestWrite);
    this.#gathering = true;
    let at = 0;
    for (const part of parts) {
      this.#gathered.set(part, at);
      at += part.length;
    }
    const written = () => {
      this.#gathering = false;
    };
    if (!this.#socket.write(this.#gathered.subarray(0, bytes), written)) this.blocked = true;
  }
}
