import { describe, expect, test } from 'vitest';
import { encodeFields, type HeaderField, HpackDecoder } from '../../../src/wire/http2/hpack.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const unlimited = 1 << 20;

/** Blocks of one connection in order, and what they say. RFC 7541, appendix C. */
const connections: Readonly<Record<string, { size?: number; blocks: readonly [string, readonly HeaderField[]][] }>> = {
  'requests as they are (C.3)': {
    blocks: [
      [
        '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        [
          [':method', 'GET'],
          [':scheme', 'http'],
          [':path', '/'],
          [':authority', 'www.example.com'],
        ],
      ],
      [
        '8286 84be 5808 6e6f 2d63 6163 6865',
        [
          [':method', 'GET'],
          [':scheme', 'http'],
          [':path', '/'],
          [':authority', 'www.example.com'],
          ['cache-control', 'no-cache'],
        ],
      ],
    ],
  },
  'requests in Huffman code (C.4)': {
    blocks: [
      [
        '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
        [
          [':method', 'GET'],
          [':scheme', 'http'],
          [':path', '/'],
          [':authority', 'www.example.com'],
        ],
      ],
      [
        '8286 84be 5886 a8eb 1064 9cbf',
        [
          [':method', 'GET'],
          [':scheme', 'http'],
          [':path', '/'],
          [':authority', 'www.example.com'],
          ['cache-control', 'no-cache'],
        ],
      ],
      [
        '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
        [
          [':method', 'GET'],
          [':scheme', 'https'],
          [':path', '/index.html'],
          [':authority', 'www.example.com'],
          ['custom-key', 'custom-value'],
        ],
      ],
    ],
  },
  'a table of 256 bytes that entries leave (C.6)': {
    size: 256,
    blocks: [
      [
        '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
        [
          [':status', '302'],
          ['cache-control', 'private'],
          ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
          ['location', 'https://www.example.com'],
        ],
      ],
      [
        '4883 640e ffc1 c0bf',
        [
          [':status', '307'],
          ['cache-control', 'private'],
          ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
          ['location', 'https://www.example.com'],
        ],
      ],
    ],
  },
};

describe('a decoder reads', () => {
  for (const [name, { size, blocks }] of Object.entries(connections)) {
    test(name, () => {
      const decoder = new HpackDecoder(size);
      for (const [block, fields] of blocks) expect(decoder.decode(hex(block), unlimited).fields).toEqual(fields);
    });
  }

  test('literals that are not to be indexed, and never', () => {
    const decoder = new HpackDecoder();
    const block = hex('040c 2f73 616d 706c 652f 7061 7468 1008 7061 7373 776f 7264 0673 6563 7265 74');
    expect(decoder.decode(block, unlimited).fields).toEqual([
      [':path', '/sample/path'],
      ['password', 'secret'],
    ]);
    // Neither is in the table now.
    expect(() => decoder.decode(hex('be'), unlimited)).toThrow('no header field has index 62');
  });

  test('what an encoder without a table writes, lengths of two and three bytes too', () => {
    const fields: HeaderField[] = [
      [':status', '200'],
      [':status', '418'],
      ['content-type', 'application/grpc'],
      ['x-long', 'v'.repeat(126)],
      ['x-longer', 'v'.repeat(127)],
      ['x-longest', 'ü'.repeat(40_000)],
      ['empty', ''],
    ];
    const block = encodeFields(fields);
    expect(new HpackDecoder().decode(block, unlimited)).toEqual({ fields, tooLarge: false });
    expect(block.subarray(0, 1)).toEqual(hex('88'));
  });

  test('a smaller table, chosen at the beginning of a block', () => {
    const decoder = new HpackDecoder();
    decoder.decode(hex('4001 6101 62'), unlimited);
    expect(decoder.decode(hex('be'), unlimited).fields).toEqual([['a', 'b']]);
    expect(decoder.decode(hex('20 82'), unlimited).fields).toEqual([[':method', 'GET']]);
    expect(() => decoder.decode(hex('be'), unlimited)).toThrow('index 62');
  });

  test('more fields than one wants are counted and left out, and the table goes on', () => {
    const decoder = new HpackDecoder();
    const block = encodeFields([
      ['a', 'x'.repeat(100)],
      ['b', 'x'.repeat(100)],
    ]);
    expect(decoder.decode(Buffer.concat([block, hex('4001 6101 62')]), 150)).toMatchObject({ tooLarge: true });
    expect(decoder.decode(hex('be'), 150).fields).toEqual([['a', 'b']]);
  });
});

describe('damaged blocks are refused:', () => {
  for (const [what, block, message] of [
    ['an index of zero', '80', 'no header field has index 0'],
    ['an index beyond the table', 'ff 80 02', 'no header field has index 383'],
    ['an integer without end', 'ff ff ff ff ff ff ff ff ff ff 01', 'too large'],
    ['a field that is cut off', '40', 'ends within a field'],
    ['a string that is cut off', '40 05 61 62', 'ends within a string'],
    ['a table larger than announced', '3f e2 1f', 'a header table of 4097 bytes, of 4096 allowed'],
    ['a table that changes in the middle', '82 20', 'in the middle of a block'],
    ['padding that is not all ones', '00 81 18 01 62', 'padded wrongly'],
    ['padding of a whole byte', '00 82 1f ff 01 62', 'padded wrongly'],
    ['the end of a string within one', '00 84 ff ff ff ff 01 62', 'contains its end'],
  ] as const) {
    test(what, () => {
      expect(() => new HpackDecoder().decode(hex(block), unlimited)).toThrow(message);
    });
  }
});
