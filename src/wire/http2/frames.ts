/** HTTP/2's frames as bytes. RFC 9113, sections 4 and 6. */

export const frameHeaderBytes = 9;
/** What every peer takes, and the most this end takes. */
export const defaultMaxFrame = 16_384;
export const defaultWindow = 65_535;
export const maxWindow = 2 ** 31 - 1;
export const clientPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;

export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** Header and payload of a frame, with room for `payload` bytes to be filled in by the caller. */
export function makeFrame(type: number, flags: number, stream: number, payload: number): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderBytes + payload);
  writeFrameHeader(frame, 0, payload, type, flags, stream);
  return frame;
}

export function writeFrameHeader(
  into: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  stream: number,
): void {
  into[at] = length >>> 16;
  into[at + 1] = length >>> 8;
  into[at + 2] = length;
  into[at + 3] = type;
  into[at + 4] = flags;
  into[at + 5] = stream >>> 24;
  into[at + 6] = stream >>> 16;
  into[at + 7] = stream >>> 8;
  into[at + 8] = stream;
}

/** A frame whose payload is one unsigned number of 32 bits: RST_STREAM, WINDOW_UPDATE. */
export function numberFrame(type: number, stream: number, value: number): Buffer {
  const frame = makeFrame(type, 0, stream, 4);
  frame.writeUInt32BE(value, frameHeaderBytes);
  return frame;
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const frame = makeFrame(frameType.settings, 0, 0, settings.length * 6);
  settings.forEach(([id, value], i) => {
    frame.writeUInt16BE(id, frameHeaderBytes + i * 6);
    frame.writeUInt32BE(value, frameHeaderBytes + i * 6 + 2);
  });
  return frame;
}

export function goawayFrame(lastStream: number, code: number, message: string): Buffer {
  const debug = Buffer.from(message);
  const frame = makeFrame(frameType.goaway, 0, 0, 8 + debug.length);
  frame.writeUInt32BE(lastStream, frameHeaderBytes);
  frame.writeUInt32BE(code, frameHeaderBytes + 4);
  debug.copy(frame, frameHeaderBytes + 8);
  return frame;
}

/** A header block as HEADERS, and CONTINUATION where it is longer than a frame may be. */
export function headerFrames(stream: number, block: Buffer, endStream: boolean, maxFrame: number): Buffer {
  const end = endStream ? flag.endStream : 0;
  const count = Math.max(1, Math.ceil(block.length / maxFrame));
  const out = Buffer.allocUnsafe(block.length + count * frameHeaderBytes);
  for (let i = 0, at = 0; i < count; i++) {
    const from = i * maxFrame;
    const length = Math.min(maxFrame, block.length - from);
    const flags = (i === 0 ? end : 0) | (i === count - 1 ? flag.endHeaders : 0);
    writeFrameHeader(out, at, length, i === 0 ? frameType.headers : frameType.continuation, flags, stream);
    block.copy(out, at + frameHeaderBytes, from, from + length);
    at += frameHeaderBytes + length;
  }
  return out;
}
