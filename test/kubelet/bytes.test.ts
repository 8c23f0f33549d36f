import { describe, expect, it } from 'vitest';
import { ByteDecoder, byteLength, decodeBytes, encodeText } from '../../src/kubelet/runtime/sim/bytes.ts';

/** Every byte, every pair, and characters of all lengths cut at all places. */
function* samples(): Generator<Buffer> {
  yield Buffer.alloc(0);
  for (let a = 0; a < 256; a++) {
    yield Buffer.from([a]);
    for (let b = 0; b < 256; b++) yield Buffer.from([a, b, 0x41, b, a]);
  }
  const text = Buffer.from('aé€😀\u0000\ufeffz');
  for (let from = 0; from < text.length; from++) {
    for (let to = from; to <= text.length; to++) yield Buffer.concat([text.subarray(from, to), Buffer.from([0x80])]);
  }
  yield Buffer.from([0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80, 0xe0, 0x80, 0x80]);
}

describe('bytes through text', () => {
  it('come out as they went in', () => {
    for (const bytes of samples()) {
      expect(encodeText(decodeBytes(bytes)).equals(bytes), bytes.toString('hex')).toBe(true);
    }
  });

  it('are the text itself where they are UTF-8', () => {
    expect(decodeBytes(Buffer.from('grün 😀'))).toBe('grün 😀');
    expect(decodeBytes(Buffer.concat([Buffer.from('grün 😀'), Buffer.from([0xff])]))).toBe('grün 😀\udcff');
    expect(encodeText('grün 😀\udcff').toString('hex')).toBe('6772c3bc6e20f09f9880ff');
    expect(byteLength('ü\udcff')).toBe(3);
  });

  it('wait for the rest of a character that was cut', () => {
    const bytes = Buffer.from('a😀b');
    for (let cut = 0; cut <= bytes.length; cut++) {
      const decoder = new ByteDecoder();
      expect(decoder.push(bytes.subarray(0, cut)) + decoder.push(bytes.subarray(cut)) + decoder.end()).toBe('a😀b');
    }
    const decoder = new ByteDecoder();
    expect(decoder.push(Buffer.from([0x61, 0xe2, 0x82])) + decoder.end()).toBe('a\udce2\udc82');
  });
});
