/** SPDY/3.1 frames as bytes (draft-mbelshe-httpbis-spdy-00, section 2.2): pure, no I/O. */
import { SpdyError } from './errors.ts';
import { HeaderDeflater, HeaderInflater, type SpdyHeaders } from './headers.ts';

export const rstStatus = {
  protocolError: 1,
  invalidStream: 2,
  refusedStream: 3,
  unsupportedVersion: 4,
  cancel: 5,
  internalError: 6,
  flowControlError: 7,
  streamInUse: 8,
  streamAlreadyClosed: 9,
} as const;

/** SETTINGS id of the window that new streams begin with. */
export const settingInitialWindowSize = 7;

export type SpdyFrame =
  | {
      readonly type: 'synStream';
      readonly streamId: number;
      readonly associatedTo: number;
      readonly priority: number;
      readonly headers: SpdyHeaders;
      readonly fin: boolean;
      readonly unidirectional: boolean;
    }
  | { readonly type: 'synReply'; readonly streamId: number; readonly headers: SpdyHeaders; readonly fin: boolean }
  | { readonly type: 'headers'; readonly streamId: number; readonly headers: SpdyHeaders; readonly fin: boolean }
  | { readonly type: 'rstStream'; readonly streamId: number; readonly status: number }
  | { readonly type: 'settings'; readonly entries: ReadonlyMap<number, number> }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'goAway'; readonly lastGoodStreamId: number; readonly status: number }
  | { readonly type: 'windowUpdate'; readonly streamId: number; readonly delta: number }
  /** A long data frame is handed on as it arrives: in pieces, of which only the last may say `fin`. */
  | { readonly type: 'data'; readonly streamId: number; readonly data: Uint8Array; readonly fin: boolean };

const version = 3;
const types = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;
const flagFin = 1;
const flagUnidirectional = 2;
const maxControlBytes = 128 * 1024;

/** Frames of one direction; keeps the compression of headers, so frames must be sent in the order they were encoded. */
export class SpdyEncoder {
  readonly #deflater = new HeaderDeflater();

  encode(frame: SpdyFrame): Buffer {
    switch (frame.type) {
      case 'data': {
        const head = Buffer.allocUnsafe(8);
        head.writeUInt32BE(frame.streamId, 0);
        head.writeUInt32BE((frame.fin ? flagFin << 24 : 0) | frame.data.length, 4);
        return Buffer.concat([head, frame.data]);
      }
      case 'synStream': {
        const fixed = Buffer.alloc(10);
        fixed.writeUInt32BE(frame.streamId, 0);
        fixed.writeUInt32BE(frame.associatedTo, 4);
        fixed[8] = frame.priority << 5;
        const flags = (frame.fin ? flagFin : 0) | (frame.unidirectional ? flagUnidirectional : 0);
        return control(types.synStream, flags, fixed, this.#deflater.encode(frame.headers));
      }
      case 'synReply':
      case 'headers':
        return control(
          types[frame.type],
          frame.fin ? flagFin : 0,
          words(frame.streamId),
          this.#deflater.encode(frame.headers),
        );
      case 'rstStream':
        return control(types.rstStream, 0, words(frame.streamId, frame.status));
      case 'settings':
        return control(types.settings, 0, words(frame.entries.size, ...[...frame.entries].flat()));
      case 'ping':
        return control(types.ping, 0, words(frame.id));
      case 'goAway':
        return control(types.goAway, 0, words(frame.lastGoodStreamId, frame.status));
      case 'windowUpdate':
        return control(types.windowUpdate, 0, words(frame.streamId, frame.delta));
    }
  }
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, 4 * i);
  return bytes;
}

function control(type: number, flags: number, ...body: readonly Buffer[]): Buffer {
  let length = 0;
  for (const part of body) length += part.length;
  const head = words((0x8000_0000 | (version << 16) | type) >>> 0, ((flags << 24) | length) >>> 0);
  return Buffer.concat([head, ...body]);
}

interface DataFrame {
  readonly streamId: number;
  readonly fin: boolean;
  left: number;
}

/** Bytes to frames. After a throw the session is lost: compression state is shared by all that follows. */
export class SpdyDecoder {
  readonly #inflater = new HeaderInflater();
  #pending: Buffer = Buffer.alloc(0);
  /** Of the data frame under way. */
  #data: DataFrame | undefined;

  /** Frames that are complete with `chunk`. Data frames share the chunk's memory. @throws SpdyError */
  push(chunk: Uint8Array): SpdyFrame[] {
    const frames: SpdyFrame[] = [];
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    for (;;) {
      if (this.#data) {
        if (this.#pending.length === 0 && this.#data.left > 0) return frames;
        frames.push(this.#dataPiece(this.#data));
        continue;
      }
      if (this.#pending.length < 8) return frames;
      const first = this.#pending.readUInt32BE(0);
      const second = this.#pending.readUInt32BE(4);
      const flags = second >>> 24;
      const length = second & 0xff_ffff;
      if (first < 0x8000_0000) {
        this.#take(8);
        if (first === 0) throw new SpdyError('ProtocolError', 'data frame without stream');
        this.#data = { streamId: first, fin: (flags & flagFin) !== 0, left: length };
        continue;
      }
      if (length > maxControlBytes) throw new SpdyError('ProtocolError', `control frame of ${length} bytes`);
      if (this.#pending.length < 8 + length) return frames;
      this.#take(8);
      const body = this.#take(length);
      if (((first >>> 16) & 0x7fff) !== version) throw new SpdyError('ProtocolError', 'frame is not of SPDY/3');
      const frame = this.#control(first & 0xffff, flags, body);
      if (frame) frames.push(frame);
    }
  }

  #take(length: number): Buffer {
    const taken = this.#pending.subarray(0, length);
    this.#pending = this.#pending.subarray(length);
    return taken;
  }

  #dataPiece(frame: DataFrame): SpdyFrame {
    const data = this.#take(Math.min(frame.left, this.#pending.length));
    frame.left -= data.length;
    const last = frame.left === 0;
    if (last) this.#data = undefined;
    return { type: 'data', streamId: frame.streamId, data, fin: last && frame.fin };
  }

  #control(type: number, flags: number, body: Buffer): SpdyFrame | undefined {
    const fin = (flags & flagFin) !== 0;
    const need = (bytes: number) => {
      if (body.length < bytes) throw new SpdyError('ProtocolError', 'control frame is too short');
    };
    const word = (at: number) => body.readUInt32BE(at) & 0x7fff_ffff;
    switch (type) {
      case types.synStream:
        need(10);
        return {
          type: 'synStream',
          streamId: word(0),
          associatedTo: word(4),
          priority: body[8]! >> 5,
          headers: this.#inflater.decode(body.subarray(10)),
          fin,
          unidirectional: (flags & flagUnidirectional) !== 0,
        };
      case types.synReply:
      case types.headers:
        need(4);
        return {
          type: type === types.synReply ? 'synReply' : 'headers',
          streamId: word(0),
          headers: this.#inflater.decode(body.subarray(4)),
          fin,
        };
      case types.rstStream:
        need(8);
        return { type: 'rstStream', streamId: word(0), status: body.readUInt32BE(4) };
      case types.settings: {
        need(4);
        const count = body.readUInt32BE(0);
        need(4 + 8 * count);
        const entries = new Map<number, number>();
        for (let i = 0; i < count; i++) {
          entries.set(body.readUInt32BE(4 + 8 * i) & 0xff_ffff, body.readUInt32BE(8 + 8 * i));
        }
        return { type: 'settings', entries };
      }
      case types.ping:
        need(4);
        return { type: 'ping', id: body.readUInt32BE(0) };
      case types.goAway:
        need(8);
        return { type: 'goAway', lastGoodStreamId: word(0), status: body.readUInt32BE(4) };
      case types.windowUpdate:
        need(8);
        return { type: 'windowUpdate', streamId: word(0), delta: word(4) };
      default:
        // CREDENTIAL and what is unknown are passed over, as the draft says.
        return undefined;
    }
  }
}
