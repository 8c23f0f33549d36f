/**
 * A server's end of an HTTP/2 connection. RFC 9113.
 *
 * Why not node:http2: it sends an answer's trailers a turn of the event loop after its body, in a write of their own, and
 * makes two streams, three events and a dozen closures of each call. What gRPC needs of HTTP/2 is little, and is here: all
 * that one turn has to say leaves in one write.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import { deferLast } from '../../base/index.ts';
import { type Http2Code, Http2Error, http2Code } from './errors.ts';
import {
  clientPreface,
  defaultMaxFrame,
  defaultWindow,
  flag,
  frameHeaderBytes,
  frameType,
  goawayFrame,
  headerFrames,
  makeFrame,
  maxWindow,
  numberFrame,
  setting,
  settingsFrame,
  writeFrameHeader,
} from './frames.ts';
import { HpackDecoder } from './hpack.ts';
import { flushBytes, Outbox } from './outbox.ts';
import { requestHeaders } from './request-headers.ts';
import { Http2Stream, type StreamHost } from './stream.ts';

export interface Http2Options {
  /** A request has begun. */
  readonly onStream: (stream: Http2Stream) => void;
  /** The connection was ended for what its client did. */
  readonly onError?: (error: Error) => void;
  /** Bytes a client may send on a stream before its reader takes some. Default 1 MiB. */
  readonly streamWindow?: number;
  /** Of a request's header fields, 32 counted for each. Default 64 KiB. */
  readonly maxHeaderBytes?: number;
}

/** What all streams together may send before the connection says more; what arrives is credited at once. */
const connectionWindow = 8 * 1024 * 1024;
/** Answers to pings and settings a client may leave unread. */
const maxUnreadReplies = 10_000;
const empty = Buffer.alloc(0);

/** A header block that has not ended. */
interface OpenBlock {
  readonly stream: number;
  readonly endStream: boolean;
  readonly parts: Uint8Array[];
  bytes: number;
}

export class Http2Connection implements StreamHost {
  readonly socket: Duplex;
  readonly #options: Http2Options;
  readonly #streamWindow: number;
  readonly #maxHeaderBytes: number;
  readonly #streams = new Map<number, Http2Stream>();
  readonly #hpack = new HpackDecoder();
  /** Streams with something to send, in the order in which they are served. */
  readonly #ready = new Set<Http2Stream>();
  #pending: Buffer = empty;
  #prefaced = false;
  #block: OpenBlock | undefined;
  #lastStream = 0;
  #receiveWindow = connectionWindow;
  #uncredited = 0;
  #sendWindow = defaultWindow;
  #initialSendWindow = defaultWindow;
  readonly #out: Outbox;
  #flushing = false;
  #replies = 0;
  #closed = false;

  constructor(socket: Duplex, options: Http2Options) {
    this.socket = socket;
    this.#out = new Outbox(socket);
    this.#options = options;
    this.#streamWindow = options.streamWindow ?? 1024 * 1024;
    this.#maxHeaderBytes = options.maxHeaderBytes ?? 64 * 1024;
    this.#send(
      settingsFrame([
        [setting.initialWindowSize, this.#streamWindow],
        [setting.maxHeaderListSize, this.#maxHeaderBytes],
      ]),
    );
    this.#send(numberFrame(frameType.windowUpdate, 0, connectionWindow - defaultWindow));
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => {
      this.#out.blocked = false;
      this.#replies = 0;
      this.#flush();
    });
    // Reset by the client: 'close' follows.
    socket.on('error', () => {});
    socket.on('end', () => this.close());
    socket.on('close', () => this.close());
  }

  /** Ends all streams and the connection; their readers see that the client is gone. */
  close(code: Http2Code = http2Code.noError, message = ''): void {
    if (this.#closed) return;
    const { socket } = this;
    this.#send(goawayFrame(this.#lastStream, code, message));
    if (socket.writable) this.#flush();
    this.#closed = true;
    for (const stream of [...this.#streams.values()]) {
      stream.rstCode ??= http2Code.cancel;
      stream.close();
    }
    this.#out.drop();
    // Who reads nothing is not waited for.
    if (this.#out.blocked || !socket.writable) socket.destroy();
    else socket.end(() => socket.destroy());
  }

  // Reading.

  #read(chunk: Buffer): void {
    if (this.#closed) return;
    try {
      this.#readFrames(this.#pending.length > 0 ? Buffer.concat([this.#pending, chunk]) : chunk);
    } catch (error) {
      const known = error instanceof Http2Error ? error : new Http2Error(http2Code.internalError, String(error));
      this.#options.onError?.(error as Error);
      this.close(known.code, known.message);
    }
  }

  #readFrames(bytes: Buffer): void {
    let at = 0;
    if (!this.#prefaced) {
      const length = Math.min(bytes.length, clientPreface.length);
      if (bytes.compare(clientPreface, 0, length, 0, length) !== 0) {
        throw new Http2Error(http2Code.protocolError, 'this is not HTTP/2');
      }
      if (bytes.length < clientPreface.length) {
        this.#pending = bytes;
        return;
      }
      this.#prefaced = true;
      at = length;
    }
    while (bytes.length - at >= frameHeaderBytes) {
      const length = bytes.readUIntBE(at, 3);
      if (length > defaultMaxFrame) throw new Http2Error(http2Code.frameSizeError, `a frame of ${length} bytes`);
      const end = at + frameHeaderBytes + length;
      if (end > bytes.length) break;
      const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff;
      this.#frame(bytes[at + 3]!, bytes[at + 4]!, stream, bytes.subarray(at + frameHeaderBytes, end));
      at = end;
      if (this.#closed) return;
    }
    this.#pending = at === bytes.length ? empty : bytes.subarray(at);
  }

  #frame(type: number, flags: number, id: number, payload: Buffer): void {
    if (this.#block && (type !== frameType.continuation || id !== this.#block.stream)) {
      throw new Http2Error(http2Code.protocolError, 'a header block was interrupted');
    }
    switch (type) {
      case frameType.data:
        this.#onData(flags, id, payload);
        break;
      case frameType.headers:
        this.#onHeaders(flags, id, payload);
        break;
      case frameType.continuation:
        this.#onContinuation(flags, payload);
        break;
      case frameType.settings:
        this.#onSettings(flags, id, payload);
        break;
      case frameType.windowUpdate:
        this.#onWindowUpdate(id, payload);
        break;
      case frameType.ping:
        this.#onPing(flags, id, payload);
        break;
      case frameType.rstStream:
        this.#onReset(id, payload);
        break;
      case frameType.priority:
        requireStream(id, 'PRIORITY');
        if (payload.length !== 5) throw new Http2Error(http2Code.frameSizeError, 'a PRIORITY frame has five bytes');
        break;
      case frameType.goaway:
        if (id !== 0) throw new Http2Error(http2Code.protocolError, 'GOAWAY belongs to no stream');
        break;
      case frameType.pushPromise:
        throw new Http2Error(http2Code.protocolError, 'a client does not push');
      default:
      // Section 5.5: what is not known is ignored.
    }
  }

  #onData(flags: number, id: number, payload: Buffer): void {
    requireStream(id, 'DATA');
    if (id > this.#lastStream) throw new Http2Error(http2Code.protocolError, `DATA for stream ${id}, which is idle`);
    // Padding counts.
    this.#receiveWindow -= payload.length;
    if (this.#receiveWindow < 0) throw new Http2Error(http2Code.flowControlError, 'more than the connection allows');
    this.#credit(payload.length);
    const body = unpad(flags, payload);
    const stream = this.#streams.get(id);
    if (!stream) return;
    if (stream.requestEnded) {
      stream.reset(http2Code.streamClosed);
      return;
    }
    stream.receiveWindow -= payload.length;
    if (stream.receiveWindow < 0) {
      stream.reset(http2Code.flowControlError);
      return;
    }
    if (body.length > 0) stream.onData(body);
    if (body.length < payload.length) stream.consumed(payload.length - body.length);
    if (flags & flag.endStream) stream.received();
  }

  /** The window of the connection only bounds what is on its way: each stream's own bounds what is kept. */
  #credit(bytes: number): void {
    this.#uncredited += bytes;
    if (this.#uncredited * 2 < connectionWindow) return;
    this.#receiveWindow += this.#uncredited;
    this.#send(numberFrame(frameType.windowUpdate, 0, this.#uncredited));
    this.#uncredited = 0;
  }

  #onHeaders(flags: number, id: number, payload: Buffer): void {
    requireStream(id, 'HEADERS');
    if (id % 2 === 0) throw new Http2Error(http2Code.protocolError, `a client does not open stream ${id}`);
    let block: Uint8Array = unpad(flags, payload);
    if (flags & flag.priority) {
      if (block.length < 5) throw new Http2Error(http2Code.frameSizeError, 'HEADERS end within their priority');
      block = block.subarray(5);
    }
    const endStream = (flags & flag.endStream) !== 0;
    if (flags & flag.endHeaders) this.#onBlock(id, endStream, block);
    else this.#block = { stream: id, endStream, parts: [block], bytes: block.length };
  }

  #onContinuation(flags: number, payload: Buffer): void {
    const open = this.#block;
    if (!open) throw new Http2Error(http2Code.protocolError, 'CONTINUATION of nothing');
    open.parts.push(payload);
    open.bytes += payload.length;
    // What is encoded is not longer than what it says, but for a few bytes a field.
    if (open.bytes > 2 * this.#maxHeaderBytes || open.parts.length > 64) {
      throw new Http2Error(http2Code.enhanceYourCalm, 'too many header fields');
    }
    if ((flags & flag.endHeaders) === 0) return;
    this.#block = undefined;
    this.#onBlock(open.stream, open.endStream, Buffer.concat(open.parts));
  }

  #onBlock(id: number, endStream: boolean, block: Uint8Array): void {
    // Even of a stream that is over: the table goes on.
    const { fields, tooLarge } = this.#hpack.decode(block, this.#maxHeaderBytes);
    if (id <= this.#lastStream) {
      this.#onTrailers(this.#streams.get(id), endStream);
      return;
    }
    this.#lastStream = id;
    const headers: IncomingHttpHeaders | undefined = tooLarge ? undefined : requestHeaders(fields);
    if (!headers) {
      const code = tooLarge ? http2Code.enhanceYourCalm : http2Code.protocolError;
      this.#send(numberFrame(frameType.rstStream, id, code));
      return;
    }
    const stream = new Http2Stream(this, id, headers, this.#initialSendWindow, this.#streamWindow);
    this.#streams.set(id, stream);
    this.#options.onStream(stream);
    if (endStream) stream.received();
  }

  /** Nobody here reads a request's trailers; they end it. */
  #onTrailers(stream: Http2Stream | undefined, endStream: boolean): void {
    if (!stream) return;
    if (stream.requestEnded) stream.reset(http2Code.streamClosed);
    else if (endStream) stream.received();
    else stream.reset(http2Code.protocolError);
  }

  #onSettings(flags: number, id: number, payload: Buffer): void {
    if (id !== 0) throw new Http2Error(http2Code.protocolError, 'SETTINGS belong to no stream');
    if (flags & flag.ack) {
      if (payload.length > 0) throw new Http2Error(http2Code.frameSizeError, 'an acknowledgement says nothing');
      return;
    }
    if (payload.length % 6 !== 0) throw new Http2Error(http2Code.frameSizeError, 'a setting has six bytes');
    for (let at = 0; at < payload.length; at += 6) this.#set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    this.#reply(makeFrame(frameType.settings, flag.ack, 0, 0));
    this.#schedule();
  }

  #set(id: number, value: number): void {
    switch (id) {
      case setting.initialWindowSize: {
        if (value > maxWindow) throw new Http2Error(http2Code.flowControlError, `a window of ${value}`);
        const more = value - this.#initialSendWindow;
        this.#initialSendWindow = value;
        for (const stream of this.#streams.values()) this.#widen(stream, more);
        return;
      }
      case setting.maxFrameSize:
        if (value >= defaultMaxFrame && value < 2 ** 24) return;
        throw new Http2Error(http2Code.protocolError, `frames of ${value} bytes`);
      case setting.enablePush:
        if (value > 1) throw new Http2Error(http2Code.protocolError, `ENABLE_PUSH is ${value}`);
        return;
      default:
      // The size of the header table does not matter: none is used. The rest is not for servers, or not known. Frames are
      // never larger than every client takes.
    }
  }

  #widen(stream: Http2Stream, bytes: number): void {
    stream.sendWindow += bytes;
    if (stream.sendWindow > maxWindow) throw new Http2Error(http2Code.flowControlError, 'a window beyond 2^31-1');
    if (stream.hasData || stream.endPending) this.#ready.add(stream);
  }

  #onWindowUpdate(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw new Http2Error(http2Code.frameSizeError, 'a WINDOW_UPDATE has four bytes');
    const bytes = payload.readUInt32BE(0) & maxWindow;
    const stream = id === 0 ? undefined : this.#streams.get(id);
    if (id > this.#lastStream) throw new Http2Error(http2Code.protocolError, `stream ${id} is idle`);
    if (bytes === 0) {
      if (id === 0) throw new Http2Error(http2Code.protocolError, 'a window grows by nothing');
      stream?.reset(http2Code.protocolError);
      return;
    }
    if (id === 0) {
      this.#sendWindow += bytes;
      if (this.#sendWindow > maxWindow) throw new Http2Error(http2Code.flowControlError, 'a window beyond 2^31-1');
    } else if (stream) {
      if (stream.sendWindow + bytes > maxWindow) {
        stream.reset(http2Code.flowControlError);
        return;
      }
      this.#widen(stream, bytes);
    }
    this.#schedule();
  }

  #onPing(flags: number, id: number, payload: Buffer): void {
    if (id !== 0) throw new Http2Error(http2Code.protocolError, 'PING belongs to no stream');
    if (payload.length !== 8) throw new Http2Error(http2Code.frameSizeError, 'a PING has eight bytes');
    if (flags & flag.ack) return;
    const pong = makeFrame(frameType.ping, flag.ack, 0, 8);
    payload.copy(pong, frameHeaderBytes);
    this.#reply(pong);
  }

  #onReset(id: number, payload: Buffer): void {
    requireStream(id, 'RST_STREAM');
    if (payload.length !== 4) throw new Http2Error(http2Code.frameSizeError, 'an RST_STREAM has four bytes');
    if (id > this.#lastStream) throw new Http2Error(http2Code.protocolError, `stream ${id} is idle`);
    const stream = this.#streams.get(id);
    if (!stream) return;
    stream.rstCode = payload.readUInt32BE(0) as Http2Code;
    stream.close();
  }

  // Writing: gathered while a turn runs, and sent by its end.

  sendHeaders(stream: Http2Stream, block: Buffer, endStream: boolean): void {
    this.#send(headerFrames(stream.id, block, endStream, defaultMaxFrame));
  }

  sendReset(stream: Http2Stream, code: Http2Code): void {
    this.#send(numberFrame(frameType.rstStream, stream.id, code));
  }

  sendWindow(stream: Http2Stream, bytes: number): void {
    this.#send(numberFrame(frameType.windowUpdate, stream.id, bytes));
  }

  ready(stream: Http2Stream): void {
    this.#ready.add(stream);
    this.#schedule();
  }

  forget(stream: Http2Stream): void {
    this.#streams.delete(stream.id);
    this.#ready.delete(stream);
  }

  afterWrite(callback: () => void): void {
    if (this.#closed) {
      callback();
      return;
    }
    this.#out.afterWrite(callback);
    this.#schedule();
  }

  /** What a client made this end say: it cannot make it keep any number of them. */
  #reply(frame: Buffer): void {
    if (this.#out.blocked && ++this.#replies > maxUnreadReplies) {
      throw new Http2Error(http2Code.enhanceYourCalm, 'too many answers are unread');
    }
    this.#send(frame);
  }

  #send(frame: Uint8Array): void {
    if (this.#closed) return;
    this.#out.push(frame);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#flushing || this.#out.blocked) return;
    this.#flushing = true;
    deferLast(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (!this.#out.blocked && !this.#closed) {
      this.#pump();
      if (!this.#out.write()) return;
    }
  }

  /** A frame of each stream in turn, as far as windows and one write go. */
  #pump(): void {
    const waiting: Http2Stream[] = [];
    for (const stream of this.#ready) {
      if (this.#out.bytes >= flushBytes) break;
      this.#ready.delete(stream);
      const most = Math.min(defaultMaxFrame, this.#sendWindow, stream.sendWindow);
      if (stream.hasData && most > 0) this.#sendData(stream, most);
      if (stream.endPending) this.#sendEnd(stream);
      // Without a window of its own it comes back with that window's update.
      else if (!stream.hasData || stream.sendWindow <= 0) continue;
      else if (this.#sendWindow <= 0) waiting.push(stream);
      // At the back of the line, which this loop still comes to.
      else this.#ready.add(stream);
    }
    for (const stream of waiting) this.#ready.add(stream);
  }

  #sendData(stream: Http2Stream, most: number): void {
    const header = Buffer.allocUnsafe(frameHeaderBytes);
    this.#out.push(header);
    let length = 0;
    while (length < most) {
      const part = stream.take(most - length);
      if (!part) break;
      length += part.length;
      this.#out.push(part);
    }
    this.#sendWindow -= length;
    stream.sendWindow -= length;
    writeFrameHeader(header, 0, length, frameType.data, 0, stream.id);
  }

  #sendEnd(stream: Http2Stream): void {
    const frame = stream.trailers
      ? headerFrames(stream.id, stream.trailers, true, defaultMaxFrame)
      : makeFrame(frameType.data, flag.endStream, stream.id, 0);
    this.#out.push(frame);
    stream.sent();
  }
}

function requireStream(id: number, what: string): void {
  if (id === 0) throw new Http2Error(http2Code.protocolError, `${what} belongs to a stream`);
}

function unpad(flags: number, payload: Buffer): Buffer {
  if ((flags & flag.padded) === 0) return payload;
  const padding = payload[0];
  if (padding === undefined || padding >= payload.length) {
    throw new Http2Error(http2Code.protocolError, 'a frame is all padding');
  }
  return payload.subarray(1, payload.length - padding);
}
