/** gRPC's length-prefixed messages: one byte of flags, four of length, the message. */
import type { Loan, MessageInput, MessageType } from './descriptor.ts';
import { GrpcError, grpcCode } from './status.ts';

export const frameHeaderBytes = 5;

/** Fills in the header of a message that was encoded behind five empty bytes. */
export function finishFrame(framed: Uint8Array): Uint8Array {
  const length = framed.length - frameHeaderBytes;
  framed[1] = length >>> 24;
  framed[2] = length >>> 16;
  framed[3] = length >>> 8;
  framed[4] = length;
  return framed;
}

/** A message and its header, as something to write. */
export function frameOf<T>(type: MessageType<T>, message: MessageInput<T>): Loan {
  const loan = type.encodeOnLoan(message, frameHeaderBytes);
  finishFrame(loan.bytes);
  return loan;
}

/** Cuts a stream of chunks into messages. */
export class FrameParser {
  readonly #maxBytes: number;
  readonly #header = new Uint8Array(frameHeaderBytes);
  #headerUsed = 0;
  #body: Uint8Array | undefined;
  #bodyUsed = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True when a message has begun and not ended. */
  get partial(): boolean {
    return this.#headerUsed > 0 || this.#body !== undefined;
  }

  /** The messages this chunk completes; views into it where they lie in it whole. Throws on oversize and compression. */
  push(chunk: Uint8Array): Uint8Array[] {
    const out: Uint8Array[] = [];
    for (let at = 0; at < chunk.length; ) {
      if (this.#body) {
        const part = chunk.subarray(at, at + this.#body.length - this.#bodyUsed);
        this.#body.set(part, this.#bodyUsed);
        this.#bodyUsed += part.length;
        at += part.length;
        if (this.#bodyUsed < this.#body.length) break;
        out.push(this.#body);
        this.#body = undefined;
        continue;
      }
      const part = chunk.subarray(at, at + frameHeaderBytes - this.#headerUsed);
      this.#header.set(part, this.#headerUsed);
      this.#headerUsed += part.length;
      at += part.length;
      if (this.#headerUsed < frameHeaderBytes) break;
      this.#headerUsed = 0;
      const length = this.#messageLength();
      if (chunk.length - at >= length) {
        out.push(chunk.subarray(at, at + length));
        at += length;
      } else {
        this.#body = new Uint8Array(length);
        this.#bodyUsed = 0;
      }
    }
    return out;
  }

  #messageLength(): number {
    const [flags, a, b, c, d] = this.#header as unknown as [number, number, number, number, number];
    if (flags !== 0) throw new GrpcError(grpcCode.unimplemented, 'grpc: compressed messages are not supported');
    const length = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
    if (length > this.#maxBytes) {
      const message = `grpc: received message larger than max (${length} vs. ${this.#maxBytes})`;
      throw new GrpcError(grpcCode.resourceExhausted, message);
    }
    return length;
  }
}
