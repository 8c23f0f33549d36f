import { constants, crc32, deflateRawSync } from 'node:zlib';

/** Answers up to this size are never compressed. Upstream: defaultGzipThresholdBytes. */
export const gzipThresholdBytes = 128 * 1024;
/** Upstream: defaultGzipContentEncodingLevel. */
const level = 1;

/**
 * One gzip member made piece by piece, each within a slice of the event loop: every piece is a deflate run of its own
 * that ends on a byte boundary, so that pieces can simply be joined.
 */
export class SlicedGzip {
  #crc = 0;
  #size = 0;
  #started = false;

  /** Compressed bytes of the next piece. Pieces of 64 KB or more compress as well as the whole. */
  push(piece: Uint8Array): Uint8Array {
    this.#crc = crc32(piece, this.#crc);
    this.#size += piece.length;
    const body = deflateRawSync(piece, { level, finishFlush: constants.Z_SYNC_FLUSH });
    if (this.#started) return body;
    this.#started = true;
    return Buffer.concat([header, body]);
  }

  /** The end of the member. At least one piece must have been pushed. */
  end(): Uint8Array {
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#crc >>> 0, 0);
    trailer.writeUInt32LE(this.#size >>> 0, 4);
    return Buffer.concat([deflateRawSync(Buffer.alloc(0), { level }), trailer]);
  }
}

/** Magic, deflate, no flags, no time, fastest, unknown system. */
const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255]);
