import { constants, deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  rstStatus,
  SpdyConnection,
  SpdyDecoder,
  SpdyEncoder,
  type SpdyFrame,
  type SpdyStream,
} from '../../src/wire/index.ts';
import { HeaderDeflater, HeaderInflater, spdyDictionary, spdyDictionaryId } from '../../src/wire/spdy/headers.ts';
import { adler32 } from './adler32.ts';
import { byteStreamPair, scripted } from './pair.ts';

describe('header compression', () => {
  it('has the dictionary that SPDY/3 names by its checksum', () => {
    expect(spdyDictionary).toHaveLength(1423);
    expect(adler32(spdyDictionary)).toBe(spdyDictionaryId);
  });

  it('keeps its state over many blocks, past the 32 KB window', () => {
    const deflater = new HeaderDeflater();
    const inflater = new HeaderInflater();
    for (let i = 0; i < 200; i++) {
      const headers = {
        streamtype: i % 2 ? 'error' : 'data',
        port: String(i),
        requestid: String(i).repeat(100),
        empty: '',
      };
      expect(inflater.decode(deflater.encode(headers))).toEqual(headers);
    }
  });

  it('gets shorter when a block repeats', () => {
    const deflater = new HeaderDeflater();
    const headers = { streamtype: 'resize', 'x-long-name-of-a-header': 'a value that is not in the dictionary' };
    const first = deflater.encode(headers).length;
    expect(deflater.encode(headers).length).toBeLessThan(first / 3);
  });

  it('reads what zlib itself makes, with the dictionary and without', () => {
    const block = Buffer.concat([uint32(1), uint32(4), Buffer.from('Port'), uint32(2), Buffer.from('80')]);
    for (const dictionary of [spdyDictionary, undefined]) {
      const bytes = deflateSync(block, { ...(dictionary && { dictionary }), finishFlush: constants.Z_SYNC_FLUSH });
      expect(new HeaderInflater().decode(bytes)).toEqual({ port: '80' });
    }
  });

  it.each([
    ['no zlib', Buffer.from([1, 2, 3, 4])],
    ['another dictionary', Buffer.from([0x78, 0xbb, 1, 2, 3, 4, 5])],
    ['garbage after the head', Buffer.from([0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2, 0xff, 0xff, 0xff])],
    ['a count that promises too much', deflateSync(uint32(9), { finishFlush: constants.Z_SYNC_FLUSH })],
  ])('refuses %s', (_, bytes) => {
    expect(() => new HeaderInflater().decode(bytes)).toThrow(/header block/);
  });
});

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const frames: SpdyFrame[] = [
  {
    type: 'synStream',
    streamId: 1,
    associatedTo: 0,
    priority: 3,
    headers: { a: 'b' },
    fin: false,
    unidirectional: true,
  },
  { type: 'synReply', streamId: 1, headers: {}, fin: true },
  { type: 'headers', streamId: 1, headers: { x: 'y' }, fin: false },
  { type: 'rstStream', streamId: 7, status: rstStatus.cancel },
  {
    type: 'settings',
    entries: new Map([
      [7, 1234],
      [4, 100],
    ]),
  },
  { type: 'ping', id: 2 },
  { type: 'goAway', lastGoodStreamId: 5, status: 1 },
  { type: 'windowUpdate', streamId: 0, delta: 65536 },
  { type: 'data', streamId: 1, data: Buffer.from('hello'), fin: false },
  { type: 'data', streamId: 0x7fffffff, data: Buffer.alloc(0), fin: true },
];

describe('frames', () => {
  it('come back as they were, however the bytes are cut', () => {
    const encoder = new SpdyEncoder();
    const bytes = Buffer.concat(frames.map((frame) => encoder.encode(frame)));
    for (const size of [1, 2, 7, 8, 13, bytes.length]) {
      const decoder = new SpdyDecoder();
      const decoded: SpdyFrame[] = [];
      for (let at = 0; at < bytes.length; at += size) {
        for (const frame of decoder.push(bytes.subarray(at, at + size))) {
          const last = decoded.at(-1);
          // Data frames come in pieces: joined again for the comparison.
          if (frame.type === 'data' && last?.type === 'data' && last.streamId === frame.streamId && !last.fin)
            decoded[decoded.length - 1] = { ...frame, data: Buffer.concat([last.data, frame.data]) };
          else decoded.push(frame);
        }
      }
      expect(decoded).toEqual(frames);
    }
  });

  it('have the bytes of the draft', () => {
    const encoder = new SpdyEncoder();
    expect(encoder.encode({ type: 'ping', id: 1 }).toString('hex')).toBe('800300060000000400000001');
    expect(encoder.encode({ type: 'data', streamId: 3, data: Buffer.from('a'), fin: true }).toString('hex')).toBe(
      '000000030100000161',
    );
    expect(encoder.encode({ type: 'rstStream', streamId: 3, status: 5 }).toString('hex')).toBe(
      '80030003000000080000000300000005',
    );
  });

  it.each([
    ['of another version', '800200060000000400000001', /SPDY\/3/],
    ['too long', '8003000600ffffff', /control frame of/],
    ['too short', '800300060000000100', /too short/],
    ['data without stream', '0000000000000000', /without stream/],
  ])('are refused: %s', (_, hex, message) => {
    expect(() => new SpdyDecoder().push(Buffer.from(hex, 'hex'))).toThrow(message);
  });

  it('of unknown types are passed over', () => {
    expect(new SpdyDecoder().push(Buffer.from('8003000a00000002abcd800300060000000400000001', 'hex'))).toEqual([
      { type: 'ping', id: 1 },
    ]);
  });
});

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  let out = '';
  for await (const chunk of stream) out += Buffer.from(chunk).toString();
  return out;
}

function session(
  onStream: (stream: SpdyStream) => void,
  options: { enforceWindows?: boolean; maxStreams?: number } = {},
) {
  const [near, far] = byteStreamPair();
  const client = new SpdyConnection(near, { role: 'client', ...options });
  const server = new SpdyConnection(far, { role: 'server', onStream, ...options });
  const done = Promise.all([client.run(), server.run()]);
  return {
    client,
    server,
    async end() {
      near.destroy();
      far.destroy();
      await done;
    },
  };
}

describe('a session', () => {
  it('carries streams both ways, each side half-closed on its own', async () => {
    const { client, end } = session(async (stream) => {
      const said = await text(stream);
      stream.write(Buffer.from(`${stream.headers['streamtype']}: ${said}`));
      stream.end();
    });
    const streams = ['stdin', 'error'].map((streamtype) => client.open({ streamtype }));
    for (const stream of streams) {
      stream.write(Buffer.from('hel'));
      stream.write(Buffer.from('lo'));
      stream.end();
    }
    expect(await Promise.all(streams.map(text))).toEqual(['stdin: hello', 'error: hello']);
    await end();
  });

  it('answers pings', async () => {
    const { client, server, end } = session(() => {});
    await client.ping();
    await server.ping();
    await end();
  });

  it('refuses streams that the handler refuses, and goes on', async () => {
    const { client, end } = session((stream) => {
      if (stream.headers['port'] === '0') throw new Error('port must be > 0');
      stream.write(Buffer.from('ok'));
      stream.end();
    });
    expect(await text(client.open({ port: '0' }))).toBe('');
    expect(await text(client.open({ port: '1' }))).toBe('ok');
    await end();
  });

  it('refuses more streams than it may have', async () => {
    const { client, end } = session(() => {}, { maxStreams: 1 });
    client.open({});
    expect(await text(client.open({}))).toBe('');
    await end();
  });

  it('a reset ends both directions', async () => {
    let seen: SpdyStream | undefined;
    const { client, end } = session((stream) => {
      seen = stream;
    });
    const stream = client.open({});
    await client.ping();
    seen!.reset();
    expect(await text(stream)).toBe('');
    expect(stream.closed).toBe(true);
    await end();
  });

  it('stays within the peer’s windows until its reader takes', async () => {
    let arrived: SpdyStream | undefined;
    const { client, end } = session((stream) => {
      arrived = stream;
    });
    const stream = client.open({});
    const size = 300_000;
    let written = false;
    const writing = Promise.resolve(stream.write(Buffer.alloc(size, 'x'))).then(() => {
      written = true;
    });
    // Asked for now, sent after all bytes.
    stream.end();
    await client.ping();
    // 64 KB are under way, the rest waits.
    expect(written).toBe(false);
    expect(arrived!.incoming.size).toBe(65_536);
    const reading = text(arrived!);
    await writing;
    expect(await reading).toHaveLength(size);
    await end();
  });

  it('a settings frame moves the windows of open streams', async () => {
    const encoder = new SpdyEncoder();
    const bytes = scripted([
      encoder.encode({
        type: 'synStream',
        streamId: 1,
        associatedTo: 0,
        priority: 0,
        headers: {},
        fin: false,
        unidirectional: false,
      }),
      encoder.encode({ type: 'settings', entries: new Map([[7, 10]]) }),
    ]);
    let stream: SpdyStream | undefined;
    const connection = new SpdyConnection(bytes, {
      role: 'server',
      onStream: (opened) => {
        stream = opened;
      },
    });
    await connection.run();
    expect(stream!.sendWindow).toBe(10);
  });

  it('does not wait for windows of peers that have none', async () => {
    const { client, end } = session(() => {}, { enforceWindows: false });
    const stream = client.open({});
    for (let i = 0; i < 10; i++) stream.write(Buffer.alloc(20_000));
    await client.ping();
    await end();
  });

  it('says GOAWAY to a peer that breaks the protocol and ends all streams', async () => {
    const encoder = new SpdyEncoder();
    const open = (streamId: number): SpdyFrame => ({
      type: 'synStream',
      streamId,
      associatedTo: 0,
      priority: 0,
      headers: {},
      fin: false,
      unidirectional: false,
    });
    const bytes = scripted([encoder.encode(open(1)), encoder.encode(open(2))]);
    let stream: SpdyStream | undefined;
    const connection = new SpdyConnection(bytes, {
      role: 'server',
      onStream: (opened) => {
        stream = opened;
      },
    });
    await expect(connection.run()).rejects.toThrow('stream 2 cannot be opened by this side now');
    expect(new SpdyDecoder().push(Buffer.concat(bytes.written)).at(-1)).toEqual({
      type: 'goAway',
      lastGoodStreamId: 1,
      status: 1,
    });
    expect(await text(stream!)).toBe('');
  });
});
