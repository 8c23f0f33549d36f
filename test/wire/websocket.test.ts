import { describe, expect, it } from 'vitest';
import {
  encodeWebSocketFrame,
  isWebSocketRequest,
  offeredSubprotocols,
  WebSocketConnection,
  WebSocketDecoder,
  type WebSocketFrame,
  webSocketAnswer,
} from '../../src/wire/index.ts';
import { byteStreamPair, scripted } from './pair.ts';

const mask = Uint8Array.of(1, 2, 3, 4);
const masked = (frame: WebSocketFrame) => encodeWebSocketFrame(frame, mask);
const frame = (opcode: WebSocketFrame['opcode'], payload: string | number, fin = true): WebSocketFrame => ({
  opcode,
  fin,
  payload: typeof payload === 'number' ? Buffer.alloc(payload, 'z') : Buffer.from(payload),
});

describe('the handshake', () => {
  it('answers the key of RFC 6455', () => {
    const headers = { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' };
    expect(webSocketAnswer(headers, 'v5.channel.k8s.io')).toEqual({
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
      'Sec-WebSocket-Protocol': 'v5.channel.k8s.io',
    });
  });
  it('needs a key and version 13', () => {
    expect(webSocketAnswer({ 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }, '')).toBeUndefined();
    expect(webSocketAnswer({ 'sec-websocket-key': 'short', 'sec-websocket-version': '13' }, '')).toBeUndefined();
  });
  it('is recognised in any case, among other tokens', () => {
    expect(isWebSocketRequest('GET', { connection: 'keep-alive, Upgrade', upgrade: 'WebSocket' })).toBe(true);
    expect(isWebSocketRequest('POST', { connection: 'Upgrade', upgrade: 'websocket' })).toBe(false);
    expect(isWebSocketRequest('GET', { connection: 'Upgrade', upgrade: 'SPDY/3.1' })).toBe(false);
  });
  it('reads subprotocols that are no HTTP tokens', () => {
    expect(offeredSubprotocols({ 'sec-websocket-protocol': 'SPDY/3.1+portforward.k8s.io, b' })).toEqual([
      'SPDY/3.1+portforward.k8s.io',
      'b',
    ]);
  });
});

describe('frames', () => {
  it('have the bytes of RFC 6455, section 5.7', () => {
    expect(encodeWebSocketFrame(frame('text', 'Hello')).toString('hex')).toBe('810548656c6c6f');
    expect(encodeWebSocketFrame(frame('text', 'Hello'), Uint8Array.of(0x37, 0xfa, 0x21, 0x3d)).toString('hex')).toBe(
      '818537fa213d7f9f4d5158',
    );
    expect(encodeWebSocketFrame(frame('binary', 256)).subarray(0, 4).toString('hex')).toBe('827e0100');
    expect(encodeWebSocketFrame(frame('binary', 65536)).subarray(0, 10).toString('hex')).toBe('827f0000000000010000');
  });

  it('come back as they were, however the bytes are cut', () => {
    const frames = [
      frame('text', 'a', false),
      frame('ping', 'p'),
      frame('continuation', 125),
      frame('binary', 126),
      frame('binary', 65_535),
      frame('binary', 65_536),
      frame('close', ''),
    ];
    const bytes = Buffer.concat(frames.map(masked));
    for (const size of [1, 3, 1000, bytes.length]) {
      const decoder = new WebSocketDecoder({ masked: true });
      const decoded: WebSocketFrame[] = [];
      for (let at = 0; at < bytes.length; at += size) decoded.push(...decoder.push(bytes.subarray(at, at + size)));
      expect(decoded).toHaveLength(frames.length);
      for (const [i, one] of decoded.entries()) {
        expect([one.opcode, one.fin]).toEqual([frames[i]!.opcode, frames[i]!.fin]);
        expect(Buffer.compare(one.payload, frames[i]!.payload)).toBe(0);
      }
    }
  });

  it('are read without changing the bytes given', () => {
    const bytes = masked(frame('text', 'Hello'));
    const before = Buffer.from(bytes);
    new WebSocketDecoder({ masked: true }).push(bytes);
    expect(bytes.equals(before)).toBe(true);
  });

  it.each([
    ['not masked', encodeWebSocketFrame(frame('text', 'x')), 1002],
    ['reserved bits', Buffer.from([0xc1, 0x80, 0, 0, 0, 0]), 1002],
    ['unknown opcode', Buffer.from([0x83, 0x80, 0, 0, 0, 0]), 1002],
    ['fragmented ping', Buffer.from([0x09, 0x80, 0, 0, 0, 0]), 1002],
    ['long ping', Buffer.from([0x89, 0xfe, 0, 0]), 1002],
    ['over the limit', Buffer.from([0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), 1009],
    ['a little over the limit', masked(frame('binary', 1001)), 1009],
  ])('are refused: %s', (_, bytes, closeCode) => {
    expect(() => new WebSocketDecoder({ masked: true, maxFrameBytes: 1000 }).push(bytes)).toThrow(
      expect.objectContaining({ closeCode }),
    );
  });
});

async function messagesOf(...chunks: Buffer[]) {
  const bytes = scripted(chunks);
  const connection = new WebSocketConnection(bytes, { maxMessageBytes: 1000 });
  const messages: string[] = [];
  for await (const { data } of connection.messages()) messages.push(Buffer.from(data).toString());
  const sent = new WebSocketDecoder({ masked: false }).push(Buffer.concat(bytes.written));
  return { messages, sent: sent.map(({ opcode, payload }) => [opcode, Buffer.from(payload).toString('latin1')]) };
}
const closeWith = (code: number, reason = '') => ['close', String.fromCharCode(code >> 8, code & 255) + reason];

describe('a connection', () => {
  it('joins fragments, answers pings between them, and closes as it is asked to', async () => {
    const { messages, sent } = await messagesOf(
      masked(frame('text', 'ab', false)),
      masked(frame('ping', '!')),
      masked(frame('continuation', 'cd')),
      masked({ opcode: 'close', fin: true, payload: Buffer.from([3, 232]) }),
      masked(frame('text', 'never')),
    );
    expect(messages).toEqual(['abcd']);
    expect(sent).toEqual([['pong', '!'], closeWith(1000)]);
  });

  it.each([
    ['a continuation of nothing', [frame('continuation', 'x')], 1002, 'continuation without a beginning'],
    [
      'a message within a message',
      [frame('text', 'x', false), frame('text', 'y')],
      1002,
      'a new message began within a fragmented one',
    ],
    [
      'fragments without end',
      [frame('text', 600, false), frame('continuation', 600, false)],
      1009,
      'message is too long',
    ],
  ])('tells the peer of %s', async (_, frames, code, reason) => {
    const { sent } = await messagesOf(...frames.map(masked));
    expect(sent).toEqual([closeWith(code, reason)]);
  });

  it('carries messages both ways between a client and a server', async () => {
    const [near, far] = byteStreamPair();
    const client = new WebSocketConnection(near, { role: 'client', mask: () => mask });
    const server = new WebSocketConnection(far);
    const serving = (async () => {
      for await (const { data, binary } of server.messages()) server.send(Buffer.from(data).reverse(), binary);
      far.end();
    })();
    client.send(Buffer.from('abc'));
    client.send(Buffer.alloc(70_000, 'q'), false);
    const got: { size: number; binary: boolean }[] = [];
    for await (const { data, binary } of client.messages()) {
      got.push({ size: data.length, binary });
      if (got.length === 2) client.close();
    }
    expect(got).toEqual([
      { size: 3, binary: true },
      { size: 70_000, binary: false },
    ]);
    await serving;
  });
});
