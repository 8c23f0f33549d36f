import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { Deferred, yieldToEventLoop } from '../../../src/base/index.ts';
import { Http2Connection, type Http2Options } from '../../../src/wire/http2/connection.ts';
import {
  clientPreface,
  flag,
  frameType,
  makeFrame,
  numberFrame,
  settingsFrame,
} from '../../../src/wire/http2/frames.ts';
import { encodeFields, type HeaderField, HpackDecoder } from '../../../src/wire/http2/hpack.ts';
import type { Http2Stream } from '../../../src/wire/http2/stream.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A server with this connection code behind each socket. Returns its port. */
async function listen(onStream: (stream: Http2Stream) => void, options: Partial<Http2Options> = {}): Promise<number> {
  const connections: Http2Connection[] = [];
  const server = net.createServer((socket) => {
    connections.push(new Http2Connection(socket, { onStream, ...options }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const connection of connections) connection.close();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

const okHeaders = encodeFields([[':status', '200']]);

/** Answers with what it got, as it comes. */
function echo(stream: Http2Stream): void {
  stream.respond(okHeaders);
  stream.onData = (chunk) => {
    const copy = Buffer.from(chunk);
    if (stream.write(copy)) stream.consumed(copy.length);
    else void stream.drained().then(() => stream.consumed(copy.length));
  };
  stream.onEnd = () => stream.end(encodeFields([['x-end', 'yes']]));
}

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A client that says what it is told, byte by byte, and keeps what it hears. */
class RawClient {
  readonly frames: Frame[] = [];
  readonly #socket: net.Socket;
  #pending = Buffer.alloc(0);
  #wake = () => {};
  ended = false;

  constructor(port: number) {
    this.#socket = net.connect(port, '127.0.0.1');
    this.#socket.on('data', (chunk) => this.#read(chunk));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.ended = true;
      this.#wake();
    });
    closers.push(() => this.#socket.destroy());
  }

  send(...parts: Uint8Array[]): void {
    this.#socket.write(Buffer.concat(parts));
  }

  close(): void {
    this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  #read(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= 9) {
      const end = 9 + this.#pending.readUIntBE(0, 3);
      if (this.#pending.length < end) break;
      this.frames.push({
        type: this.#pending[3]!,
        flags: this.#pending[4]!,
        stream: this.#pending.readUInt32BE(5),
        payload: this.#pending.subarray(9, end),
      });
      this.#pending = this.#pending.subarray(end);
    }
    this.#wake();
  }

  /** The first frame that fits, once it is there; fails when the connection ends without it. */
  async frame(fits: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const found = this.frames.find(fits);
      if (found) return found;
      if (this.ended) throw new Error(`the connection ended after ${this.frames.map((f) => f.type).join(' ')}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

const post: readonly HeaderField[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/'],
];

function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const made = makeFrame(type, flags, stream, payload.length);
  made.set(payload, 9);
  return made;
}

const headers = (stream: number, fields: readonly HeaderField[] = post, flags: number = flag.endHeaders) =>
  frame(frameType.headers, flags, stream, encodeFields(fields));
const data = (stream: number, text: string | Buffer, flags = 0) =>
  frame(frameType.data, flags, stream, Buffer.from(text));
const hello = Buffer.concat([clientPreface, settingsFrame([])]);
const goaway = ({ type }: Frame) => type === frameType.goaway;
const reset = (stream: number) => (f: Frame) => f.type === frameType.rstStream && f.stream === stream;

describe('an honest client', () => {
  test('gets an answer whose head, body and trailers come together, byte by byte as it sent it', async () => {
    const client = new RawClient(await listen(echo));
    const request = Buffer.concat([hello, headers(1), data(1, 'hi', flag.endStream)]);
    for (const byte of request) client.send(Buffer.of(byte));
    await client.frame((f) => f.type === frameType.headers && (f.flags & flag.endStream) !== 0);
    const answer = client.frames.filter((f) => f.stream === 1);
    expect(answer.map((f) => f.type)).toEqual([frameType.headers, frameType.data, frameType.headers]);
    expect(answer[1]!.payload.toString()).toBe('hi');
    expect(new HpackDecoder().decode(answer[2]!.payload, 1000).fields).toEqual([['x-end', 'yes']]);
  });

  test('may pad, give priorities, split its head, end it by trailers, and say what nobody knows', async () => {
    const client = new RawClient(await listen(echo));
    const block = encodeFields(post);
    client.send(
      hello,
      frame(200, 0, 0, Buffer.from('unknown')),
      frame(
        frameType.headers,
        flag.padded | flag.priority,
        1,
        Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 16]), block.subarray(0, 2), Buffer.alloc(3)]),
      ),
      frame(frameType.continuation, 0, 1, block.subarray(2, 3)),
      frame(frameType.continuation, flag.endHeaders, 1, block.subarray(3)),
      frame(frameType.priority, 0, 7, Buffer.alloc(5)),
      frame(frameType.data, flag.padded, 1, Buffer.from('\x04body....')),
      headers(1, [['grpc-what', 'ever']], flag.endHeaders | flag.endStream),
    );
    await client.frame((f) => f.stream === 1 && (f.flags & flag.endStream) !== 0);
    expect(client.frames.find((f) => f.stream === 1 && f.type === frameType.data)!.payload.toString()).toBe('body');
  });

  test('gets its settings acknowledged and its pings answered', async () => {
    const client = new RawClient(await listen(echo));
    client.send(hello, frame(frameType.ping, 0, 0, Buffer.from('12345678')));
    const pong = await client.frame((f) => f.type === frameType.ping);
    expect([pong.flags, pong.payload.toString()]).toEqual([flag.ack, '12345678']);
    expect(client.frames.some((f) => f.type === frameType.settings && f.flags === flag.ack)).toBe(true);
  });

  test('is sent no more than its window, and frames no larger than it takes', async () => {
    const body = Buffer.alloc(100_000, 'x');
    const client = new RawClient(
      await listen((stream) => {
        stream.respond(okHeaders);
        stream.write(body);
        stream.end();
      }),
    );
    client.send(clientPreface, settingsFrame([[4, 10]]), headers(1, post, flag.endHeaders | flag.endStream));
    const got = () =>
      client.frames.filter((f) => f.type === frameType.data).reduce((sum, f) => sum + f.payload.length, 0);
    const sent = async (bytes: number) => {
      await client.frame(() => got() >= bytes);
      expect(got()).toBe(bytes);
    };
    await sent(10);
    client.send(numberFrame(frameType.windowUpdate, 1, 5));
    await sent(15);
    // The window of all streams shrinks below what is out, and then opens wide; the connection's holds at 65,535.
    client.send(settingsFrame([[4, 0]]), numberFrame(frameType.windowUpdate, 1, 1_000_000));
    await sent(65_535);
    client.send(numberFrame(frameType.windowUpdate, 0, 1_000_000));
    await sent(100_000);
    expect(Math.max(...client.frames.map((f) => f.payload.length))).toBeLessThanOrEqual(16_384);
    await client.frame((f) => f.stream === 1 && (f.flags & flag.endStream) !== 0);
  });

  test('that shares the window among streams sees all of them move', async () => {
    const client = new RawClient(
      await listen((stream) => {
        stream.respond(okHeaders);
        stream.write(Buffer.alloc(200_000));
        stream.end();
      }),
    );
    client.send(clientPreface, settingsFrame([[4, 1_000_000]]));
    for (const id of [1, 3, 5]) client.send(headers(id, post, flag.endHeaders | flag.endStream));
    await client.frame((f) => f.type === frameType.headers && f.stream === 5);
    await client.frame(() => client.frames.filter((f) => f.type === frameType.data).length >= 4);
    const streams = new Set(client.frames.filter((f) => f.type === frameType.data).map((f) => f.stream));
    expect([...streams]).toEqual([1, 3, 5]);
  });

  test('that stops reading stops the writer', async () => {
    const stopped = new Deferred<number>();
    const client = new RawClient(
      await listen(async (stream) => {
        stream.respond(okHeaders);
        let written = 0;
        while (stream.write(Buffer.alloc(10_000))) written += 10_000;
        stopped.resolve(written);
        await stream.drained();
        stream.end();
      }),
    );
    client.send(hello, headers(1, post, flag.endHeaders | flag.endStream));
    expect(await stopped.promise).toBeLessThan(300_000);
    expect(client.frames.some((f) => (f.flags & flag.endStream) !== 0 && f.stream === 1)).toBe(false);
    client.send(numberFrame(frameType.windowUpdate, 0, 1_000_000), numberFrame(frameType.windowUpdate, 1, 1_000_000));
    await client.frame((f) => f.stream === 1 && (f.flags & flag.endStream) !== 0);
  });

  test('whose request was answered before it was sent is told not to go on', async () => {
    const client = new RawClient(await listen((stream) => stream.respond(okHeaders, true)));
    client.send(hello, headers(1), data(1, 'too late'));
    const frame = await client.frame(reset(1));
    expect(frame.payload.readUInt32BE(0)).toBe(0);
    client.send(data(1, 'still going', flag.endStream), headers(3));
    await client.frame(reset(3));
    expect(client.frames.some(goaway)).toBe(false);
  });

  test('that leaves closes the streams it had', async () => {
    const closed = new Deferred<number | undefined>();
    const port = await listen((stream) => stream.once('close', () => closed.resolve(stream.rstCode)));
    const client = new RawClient(port);
    client.send(hello, headers(1), frame(frameType.rstStream, 0, 1, Buffer.from([0, 0, 0, 8])));
    expect(await closed.promise).toBe(8);
  });
});

test('what one turn of the loop has to say leaves in one write, however many promises it passes', async () => {
  const writes: number[] = [];
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      writes.push(chunk.length);
      done();
    },
  });
  const connection = new Http2Connection(socket, {
    onStream: async (stream) => {
      for (let i = 0; i < stream.id * 5; i++) await undefined;
      stream.respond(okHeaders);
      stream.write(Buffer.from('hi'));
      stream.end();
    },
  });
  closers.push(() => connection.close());
  await yieldToEventLoop();
  writes.length = 0;
  const get = (id: number) => headers(id, post, flag.endHeaders | flag.endStream);
  socket.push(Buffer.concat([hello, get(1), get(3), get(5)]));
  await yieldToEventLoop();
  await yieldToEventLoop();
  expect(writes.length).toBe(1);
});

describe('bytes that are lent to a stream', () => {
  /** A body that is scribbled over as soon as it is released. */
  const lent = (bytes: number) => {
    const released = new Deferred<void>();
    const body = Buffer.alloc(bytes, 'x');
    const release = () => {
      body.fill('!');
      released.resolve();
    };
    return { body, release, released: released.promise };
  };

  test('are given back once they have been written, and not before', async () => {
    const { body, release, released } = lent(400_000);
    const client = new RawClient(
      await listen((stream) => {
        stream.respond(okHeaders);
        stream.write(body, release);
        stream.end();
      }),
    );
    const window = settingsFrame([[4, 1_000_000]]);
    client.send(clientPreface, window, headers(1, post, flag.endHeaders | flag.endStream));
    const frames = () => client.frames.filter((f) => f.type === frameType.data);
    const got = () => frames().reduce((sum, f) => sum + f.payload.length, 0);
    await client.frame(() => got() >= 65_535);
    expect(body.toString('latin1', 399_990)).toBe('x'.repeat(10));
    client.send(numberFrame(frameType.windowUpdate, 0, 1_000_000));
    await client.frame((f) => f.stream === 1 && (f.flags & flag.endStream) !== 0);
    await released;
    expect(Buffer.concat(frames().map((f) => f.payload)).equals(Buffer.alloc(400_000, 'x'))).toBe(true);
  });

  test('are given back when the client does not want them, when it leaves, and when it has left', async () => {
    const [refused, left, late] = [lent(100_000), lent(100_000), lent(100_000)];
    const port = await listen((stream) => {
      const loan = stream.id === 1 ? refused : left;
      stream.respond(okHeaders);
      stream.write(loan.body, loan.release);
      stream.once('close', () => stream.id === 3 && stream.write(late.body, late.release));
    });
    const client = new RawClient(port);
    client.send(hello, headers(1, post, flag.endHeaders | flag.endStream));
    await client.frame((f) => f.type === frameType.data);
    client.send(frame(frameType.rstStream, 0, 1, Buffer.from([0, 0, 0, 8])));
    await refused.released;
    client.send(headers(3, post, flag.endHeaders | flag.endStream));
    await client.frame((f) => f.type === frameType.headers && f.stream === 3);
    client.close();
    await Promise.all([left.released, late.released]);
  });
});

describe('a client that breaks the rules loses its connection:', () => {
  const big = Buffer.alloc(16_385);
  const cases: readonly [what: string, code: number, message: string | RegExp, ...frames: Uint8Array[]][] = [
    ['HTTP/1', 1, 'this is not HTTP/2', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a frame larger than announced', 6, 'a frame of 16385 bytes', hello, frame(frameType.data, 0, 1, big)],
    ['DATA without a stream', 1, 'DATA belongs to a stream', hello, data(0, 'x')],
    ['DATA for an idle stream', 1, 'DATA for stream 5, which is idle', hello, data(5, 'x')],
    ['a stream of a server', 1, 'a client does not open stream 2', hello, headers(2)],
    ['HEADERS without a stream', 1, 'HEADERS belongs to a stream', hello, headers(0)],
    ['an interrupted head', 1, 'a header block was interrupted', hello, headers(1, post, 0), data(1, 'x')],
    ['CONTINUATION of nothing', 1, 'CONTINUATION of nothing', hello, frame(frameType.continuation, 4, 1)],
    ['a damaged head', 9, /index/, hello, frame(frameType.headers, 4, 1, Buffer.from([0xfe]))],
    [
      'a head without end',
      11,
      'too many header fields',
      hello,
      headers(1, post, 0),
      ...Array.from({ length: 70 }, () => frame(frameType.continuation, 0, 1, Buffer.alloc(1))),
    ],
    [
      'padding longer than the frame',
      1,
      'a frame is all padding',
      hello,
      headers(1),
      frame(frameType.data, flag.padded, 1, Buffer.from([9, 1])),
    ],
    ['a push', 1, 'a client does not push', hello, frame(frameType.pushPromise, 0, 1, Buffer.alloc(4))],
    ['half a setting', 6, 'a setting has six bytes', hello, frame(frameType.settings, 0, 0, Buffer.alloc(5))],
    [
      'an acknowledgement that says something',
      6,
      /says nothing/,
      hello,
      frame(frameType.settings, 1, 0, Buffer.alloc(6)),
    ],
    ['a window beyond 2^31-1', 3, 'a window of 2147483648', hello, settingsFrame([[4, 2 ** 31]])],
    ['frames it cannot want', 1, 'frames of 100 bytes', hello, settingsFrame([[5, 100]])],
    ['a push setting of 2', 1, 'ENABLE_PUSH is 2', hello, settingsFrame([[2, 2]])],
    ['settings of a stream', 1, /belong to no stream/, hello, frame(frameType.settings, 0, 1)],
    ['a window that grows by nothing', 1, 'a window grows by nothing', hello, numberFrame(8, 0, 0)],
    ['a window that overflows', 3, 'a window beyond 2^31-1', hello, numberFrame(8, 0, 2 ** 31 - 1)],
    ['a window of an idle stream', 1, 'stream 9 is idle', hello, numberFrame(8, 9, 1)],
    ['half a window', 6, /four bytes/, hello, frame(8, 0, 0, Buffer.alloc(3))],
    ['a short ping', 6, 'a PING has eight bytes', hello, frame(frameType.ping, 0, 0, Buffer.alloc(7))],
    ['a reset of an idle stream', 1, 'stream 1 is idle', hello, numberFrame(frameType.rstStream, 1, 8)],
    ['a short priority', 6, /five bytes/, hello, frame(frameType.priority, 0, 1, Buffer.alloc(4))],
  ];
  for (const [what, code, message, ...frames] of cases) {
    test(what, async () => {
      const heard = new Deferred<Error>();
      const client = new RawClient(await listen(() => {}, { onError: (error) => heard.resolve(error) }));
      client.send(...frames);
      const { payload } = await client.frame(goaway);
      expect([payload.readUInt32BE(4), payload.toString('utf8', 8)]).toEqual([
        code,
        typeof message === 'string' ? message : expect.stringMatching(message),
      ]);
      expect((await heard.promise).message).toBe(payload.toString('utf8', 8));
      await expect(client.frame(() => false)).rejects.toThrow('the connection ended');
    });
  }

  test('more bytes than the window of a stream: the stream alone', async () => {
    const client = new RawClient(await listen(() => {}, { streamWindow: 20_000 }));
    const full = Buffer.alloc(16_000);
    client.send(
      hello,
      headers(1),
      data(1, full),
      data(1, full),
      headers(3),
      frame(frameType.ping, 0, 0, Buffer.alloc(8)),
    );
    expect((await client.frame(reset(1))).payload.readUInt32BE(0)).toBe(3);
    await client.frame((f) => f.type === frameType.ping);
    expect(client.frames.some(goaway)).toBe(false);
  });

  test.each<[what: string, fields: readonly HeaderField[]]>([
    ['no path', post.slice(0, 2)],
    ['two methods', [...post, [':method', 'GET']]],
    ['upper case', [...post, ['X-A', 'b']]],
    ['a pseudo-header after others', [['a', 'b'], ...post]],
    ['a pseudo-header of answers', [...post, [':status', '200']]],
    ['a line break', [...post, ['a', 'b\r\nc: d']]],
    ['a connection header', [...post, ['connection', 'close']]],
    ['te other than trailers', [...post, ['te', 'gzip']]],
  ])('a malformed head (%s): the stream alone', async (_, fields) => {
    const client = new RawClient(await listen(echo));
    client.send(hello, headers(1, fields), headers(3), data(3, 'hi', flag.endStream));
    expect((await client.frame(reset(1))).payload.readUInt32BE(0)).toBe(1);
    await client.frame((f) => f.stream === 3 && f.type === frameType.data);
  });

  test('a head of megabytes: the stream alone when it comes in few frames', async () => {
    const client = new RawClient(await listen(echo, { maxHeaderBytes: 10_000 }));
    client.send(hello, headers(1, [...post, ['a', 'b'.repeat(12_000)]]), headers(3), data(3, 'hi', flag.endStream));
    expect((await client.frame(reset(1))).payload.readUInt32BE(0)).toBe(11);
    await client.frame((f) => f.stream === 3 && f.type === frameType.data);
  });
});

describe('node’s client', () => {
  const connect = (port: number, options?: http2.ClientSessionOptions) => {
    const session = http2.connect(`http://127.0.0.1:${port}`, options);
    closers.push(() => session.destroy());
    return session;
  };
  const exchange = (session: http2.ClientHttp2Session, body: Buffer, more: Record<string, string> = {}) =>
    new Promise<{ body: Buffer; trailers: http2.IncomingHttpHeaders }>((resolve, reject) => {
      const request = session.request({ ':method': 'POST', ...more });
      const chunks: Buffer[] = [];
      let trailers: http2.IncomingHttpHeaders = {};
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('trailers', (found) => {
        trailers = found;
      });
      request.on('end', () => resolve({ body: Buffer.concat(chunks), trailers }));
      request.on('error', reject);
      request.end(body);
    });

  test('sends and gets megabytes on many streams at once, through small windows', async () => {
    const session = connect(await listen(echo, { streamWindow: 20_000 }), { settings: { initialWindowSize: 1000 } });
    const bodies = Array.from({ length: 20 }, (_, i) => Buffer.alloc(50_000 + i * 1000, i));
    const answers = await Promise.all(bodies.map((body) => exchange(session, body)));
    for (const [i, { body, trailers }] of answers.entries()) {
      expect(body.equals(bodies[i]!)).toBe(true);
      expect(trailers['x-end']).toBe('yes');
    }
  });

  test('is understood whatever its headers hold, while its table turns over', async () => {
    const seen: unknown[] = [];
    const port = await listen((stream) => {
      seen.push(stream.headers['x-value'], stream.headers['cookie'], stream.headers['x-many']);
      stream.respond(okHeaders, true);
    });
    const session = connect(port);
    const expected: unknown[] = [];
    for (let i = 0; i < 200; i++) {
      const value = Array.from({ length: 1 + (i % 60) }, (_, k) =>
        String.fromCharCode(33 + ((i * 7 + k * 13) % 94)),
      ).join('');
      expected.push(value, 'a=1; b=2', undefined);
      const request = session.request({
        ':method': 'POST',
        'x-value': value,
        cookie: ['a=1', 'b=2'],
        [`x-${i}`]: value,
      });
      request.resume();
      await new Promise((resolve) => request.on('close', resolve));
    }
    expect(seen).toEqual(expected);
  });
});
