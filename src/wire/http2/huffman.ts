/** HPACK's Huffman code. RFC 7541, appendix B: the code is canonical, so the lengths say all. */
import { Http2Error, http2Code } from './errors.ts';

/** Bits of each byte's code. */
// biome-ignore format: a table of 16 columns
const lengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];
const longest = 30;
/** Not a byte: its code, 30 ones, only pads. */
const endOfString = 256;

/**
 * A binary tree in one array: node n's children stand at 2n and 2n+1; a child is a node, or -1 minus a symbol.
 * 0 is the root and nobody's child.
 */
let tree: Int16Array | undefined;

function makeTree(): Int16Array {
  const made = new Int16Array(2 * (lengths.length + 1));
  let nodes = 1;
  let code = 0;
  for (let length = 1; length <= longest; length++, code *= 2) {
    for (let symbol = 0; symbol <= endOfString; symbol++) {
      if ((lengths[symbol] ?? longest) !== length) continue;
      let node = 0;
      for (let bit = length - 1; bit > 0; bit--) {
        const at = 2 * node + ((code >>> bit) & 1);
        if (made[at] === 0) made[at] = nodes++;
        node = made[at]!;
      }
      made[2 * node + (code & 1)] = -1 - symbol;
      code++;
    }
  }
  return made;
}

/** Bytes of `text` at most: the shortest code has five bits. Throws Http2Error compressionError. */
export function decodeHuffman(text: Uint8Array): string {
  tree ??= makeTree();
  const out = Buffer.allocUnsafe(Math.floor((text.length * 8) / 5));
  let used = 0;
  let node = 0;
  /** Bits since the last symbol, and whether all of them were ones. */
  let pending = 0;
  let ones = true;
  for (const byte of text) {
    for (let bit = 7; bit >= 0; bit--) {
      const one = (byte >>> bit) & 1;
      pending++;
      if (one === 0) ones = false;
      node = tree[2 * node + one]!;
      if (node >= 0) continue;
      const symbol = -1 - node;
      if (symbol === endOfString) throw new Http2Error(http2Code.compressionError, 'a Huffman string contains its end');
      out[used++] = symbol;
      node = 0;
      pending = 0;
      ones = true;
    }
  }
  if (pending > 7 || !ones) throw new Http2Error(http2Code.compressionError, 'a Huffman string is padded wrongly');
  return out.toString('latin1', 0, used);
}
