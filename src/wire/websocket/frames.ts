/** WebSocket frames as bytes (RFC 6455, section 5): pure, no I/O. */

export type WebSocketOpcode = 'continuation' | 'text' | 'binary' | 'close' | 'ping' | 'pong';

export interface WebSocketFrame {
  readonly opcode: WebSocketOpcode;
  readonly fin: boolean;
  readonly payload: Uint8Array;
}

/** `closeCode` is what the close frame that answers it must say. */
export class WebSocketError extends Error {
  override readonly name = 'WebSocketError';
  readonly closeCode: 1002 | 1007 | 1009;
  constructor(closeCode: WebSocketError['closeCode'], message: string) {
    super(message);
    this.closeCode = closeCode;
  }
}

const numbers: Readonly<Record<WebSocketOpcode, number>> = {
  continuation: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
};
const opcodes = new Map<number, WebSocketOpcode>(
  Object.entries(numbers).map(([name, number]) => [number, name as WebSocketOpcode]),
);

/** `mask`: four bytes, for frames of a client. */
export function encodeWebSocketFrame({ opcode, fin, payload }: WebSocketFrame, mask?: Uint8Array): Buffer {
  const { length } = payload;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const headLength = 2 + extended + (mask ? 4 : 0);
  const frame = Buffer.allocUnsafe(headLength + length);
  frame[0] = (fin ? 0x80 : 0) | numbers[opcode];
  frame[1] = (mask ? 0x80 : 0) | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) frame.writeUInt16BE(length, 2);
  else if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.set(payload, headLength);
  if (mask) {
    frame.set(mask, headLength - 4);
    unmask(frame.subarray(headLength), mask);
  }
  return frame;
}

/** XOR in place. */
function unmask(bytes: Uint8Array, mask: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) bytes[i]! ^= mask[i & 3]!;
}

export interface WebSocketDecoderOptions {
  /** Frames must be masked (read by a server) or must not be (read by a client). */
  readonly masked: boolean;
  /** Default 32 MiB. */
  readonly maxFrameBytes?: number;
}

/** Bytes to frames. */
export class WebSocketDecoder {
  readonly #masked: boolean;
  readonly #maxFrameBytes: number;
  /** Chunks of the frame under way: joined once, when it is complete. */
  #chunks: Buffer[] = [];
  #size = 0;
  #needed = 2;

  constructor(options: WebSocketDecoderOptions) {
    this.#masked = options.masked;
    this.#maxFrameBytes = options.maxFrameBytes ?? 32 * 1024 * 1024;
  }

  /** Frames that are complete with `chunk`. @throws WebSocketError */
  push(chunk: Uint8Array): WebSocketFrame[] {
    const frames: WebSocketFrame[] = [];
    this.#chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this.#size += chunk.length;
    while (this.#size >= this.#needed) {
      const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#size);
      const head = this.#head(bytes);
      if (bytes.length < head.end) {
        this.#keep(bytes, head.end);
        break;
      }
      let payload: Uint8Array = bytes.subarray(head.start, head.end);
      if (head.mask) {
        // The chunk is not ours to change.
        payload = Buffer.from(payload);
        unmask(payload, head.mask);
      }
      frames.push({ opcode: head.opcode, fin: head.fin, payload });
      this.#keep(bytes.subarray(head.end), 2);
    }
    return frames;
  }

  #keep(bytes: Buffer, needed: number): void {
    this.#chunks = bytes.length === 0 ? [] : [bytes];
    this.#size = bytes.length;
    this.#needed = needed;
  }

  /** Where payload begins and ends; when the head itself is not there yet, `end` is what must be. */
  #head(bytes: Buffer): {
    opcode: WebSocketOpcode;
    fin: boolean;
    start: number;
    end: number;
    mask?: Uint8Array;
  } {
    const [first = 0, second = 0] = bytes;
    const fin = (first & 0x80) !== 0;
    if ((first & 0x70) !== 0) throw new WebSocketError(1002, 'reserved bits are set');
    const opcode = opcodes.get(first & 15);
    if (!opcode) throw new WebSocketError(1002, `unknown opcode ${first & 15}`);
    const masked = (second & 0x80) !== 0;
    if (masked !== this.#masked) throw new WebSocketError(1002, masked ? 'frame is masked' : 'frame is not masked');
    const short = second & 0x7f;
    const isControl = (first & 8) !== 0;
    if (isControl && (!fin || short > 125)) throw new WebSocketError(1002, 'control frame is fragmented or too long');
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
    const start = 2 + extended + (masked ? 4 : 0);
    if (bytes.length < start) return { opcode, fin, start, end: start };
    let length = short;
    if (extended === 2) length = bytes.readUInt16BE(2);
    else if (extended === 8) {
      const long = bytes.readBigUInt64BE(2);
      if (long > BigInt(this.#maxFrameBytes)) throw new WebSocketError(1009, `frame of ${long} bytes`);
      length = Number(long);
    }
    if (length > this.#maxFrameBytes) throw new WebSocketError(1009, `frame of ${length} bytes`);
    const end = start + length;
    return masked ? { opcode, fin, start, end, mask: bytes.subarray(start - 4, start) } : { opcode, fin, start, end };
  }
}
