/** A SPDY/3.1 session over any ByteStream, as either side. */
import { ByteQueue, type ByteStream } from '../byte-stream.ts';
import { SpdyError } from './errors.ts';
import { rstStatus, SpdyDecoder, SpdyEncoder, type SpdyFrame, settingInitialWindowSize } from './frames.ts';
import type { SpdyHeaders } from './headers.ts';

export interface SpdyConnectionOptions {
  readonly role: 'server' | 'client';
  /** Called for each stream the peer opens. A throw refuses it (RST_STREAM). Absent: all are refused. */
  onStream?(stream: SpdyStream): void;
  /**
   * Writes stay within the peer's windows, as the draft demands. Default true. Peers on moby/spdystream, which are all
   * of Kubernetes' own clients, never update windows: for them it must be false, and the transport alone slows writers.
   */
  readonly enforceWindows?: boolean;
  /** Streams open at once. Default 1000. */
  readonly maxStreams?: number;
}

const initialWindow = 64 * 1024;
const maxWindow = 0x7fff_ffff;
/** Data frames we make. */
const maxDataBytes = 16 * 1024;
/** Bytes of one stream that wait for its reader before the whole session stops reading. */
const queueBytes = 256 * 1024;

/** One stream of a session: bytes both ways, each side ended on its own. */
export class SpdyStream implements ByteStream {
  readonly id: number;
  readonly headers: SpdyHeaders;
  /** @internal */
  readonly incoming: ByteQueue;
  /** @internal */
  sendWindow = initialWindow;
  /** @internal Written, and waiting for the peer's window. */
  readonly outgoing: Uint8Array[] = [];
  /** @internal No more writes are taken; FIN follows when `outgoing` is empty. */
  localEnded = false;
  /** @internal */
  finSent = false;
  /** @internal */
  remoteEnded = false;
  readonly #connection: SpdyConnection;
  #unreported = 0;
  #wake: (() => void)[] = [];

  /** @internal Streams come from SpdyConnection. */
  constructor(connection: SpdyConnection, id: number, headers: SpdyHeaders) {
    this.#connection = connection;
    this.id = id;
    this.headers = headers;
    this.incoming = new ByteQueue(queueBytes, (bytes) => this.#taken(bytes));
  }

  /** No write will arrive any more. */
  get closed(): boolean {
    return this.localEnded;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.incoming[Symbol.asyncIterator]();
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.localEnded || bytes.length === 0) return undefined;
    return this.#connection.sendData(this, bytes);
  }

  /** Half-close: FIN. */
  end(): void {
    if (this.localEnded) return;
    this.localEnded = true;
    this.#connection.pump(this);
  }

  /** RST_STREAM: both directions are over. */
  reset(status: number = rstStatus.cancel): void {
    this.#connection.resetStream(this, status);
  }

  destroy(): void {
    this.reset();
  }

  /** @internal */
  wait(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  /** @internal */
  wake(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const resolve of waiting) resolve();
  }

  #taken(bytes: number): void {
    this.#unreported += bytes;
    if (this.#unreported < initialWindow / 2) return;
    this.#connection.reportTaken(this, this.#unreported);
    this.#unreported = 0;
  }
}

export class SpdyConnection {
  readonly #bytes: ByteStream;
  readonly #options: SpdyConnectionOptions;
  readonly #encoder = new SpdyEncoder();
  readonly #decoder = new SpdyDecoder();
  readonly #streams = new Map<number, SpdyStream>();
  readonly #pings = new Map<number, () => void>();
  #nextStreamId: number;
  #nextPingId: number;
  #lastPeerStreamId = 0;
  #sendWindow = initialWindow;
  #peerInitialWindow = initialWindow;
  #closed = false;

  constructor(bytes: ByteStream, options: SpdyConnectionOptions) {
    this.#bytes = bytes;
    this.#options = options;
    this.#nextStreamId = options.role === 'client' ? 1 : 2;
    this.#nextPingId = this.#nextStreamId;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Opens a stream. */
  open(headers: SpdyHeaders): SpdyStream {
    const stream = new SpdyStream(this, this.#nextStreamId, headers);
    this.#nextStreamId += 2;
    stream.sendWindow = this.#peerInitialWindow;
    if (this.#closed) {
      this.#ended(stream);
      return stream;
    }
    this.#streams.set(stream.id, stream);
    this.#send({
      type: 'synStream',
      streamId: stream.id,
      associatedTo: 0,
      priority: 0,
      headers,
      fin: false,
      unidirectional: false,
    });
    return stream;
  }

  /** Resolves when the peer has answered, or the session is over. */
  ping(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const id = this.#nextPingId;
    this.#nextPingId += 2;
    this.#send({ type: 'ping', id });
    return new Promise((resolve) => this.#pings.set(id, resolve));
  }

  /** Reads until the session is over. A peer that breaks the protocol is sent GOAWAY. @throws SpdyError */
  async run(): Promise<void> {
    try {
      for await (const chunk of this.#bytes) {
        for (const frame of this.#decoder.push(chunk)) {
          const full = this.#received(frame);
          if (full) await full;
        }
        if (this.#closed) return;
      }
    } catch (error) {
      if (!(error instanceof SpdyError)) throw error;
      this.#send({ type: 'goAway', lastGoodStreamId: this.#lastPeerStreamId, status: 1 });
      throw error;
    } finally {
      this.#over();
    }
  }

  /** Says GOAWAY and ends: streams that are open end with it. The transport is left to its owner. */
  close(): void {
    if (this.#closed) return;
    this.#send({ type: 'goAway', lastGoodStreamId: this.#lastPeerStreamId, status: 0 });
    this.#over();
  }

  #over(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of this.#streams.values()) this.#ended(stream);
    this.#streams.clear();
    for (const answered of this.#pings.values()) answered();
    this.#pings.clear();
  }

  #send(frame: SpdyFrame): Promise<void> | undefined {
    return this.#closed ? undefined : this.#bytes.write(this.#encoder.encode(frame));
  }

  /** @internal */
  sendData(stream: SpdyStream, bytes: Uint8Array): Promise<void> | undefined {
    stream.outgoing.push(bytes);
    const full = this.pump(stream);
    return stream.outgoing.length > 0 ? stream.wait() : full;
  }

  /** @internal Sends what the windows allow, then FIN when the stream's end was asked for. */
  pump(stream: SpdyStream): Promise<void> | undefined {
    const { outgoing } = stream;
    const enforce = this.#options.enforceWindows !== false;
    let full: Promise<void> | undefined;
    while (outgoing.length > 0) {
      const bytes = outgoing[0]!;
      const room = enforce ? Math.min(stream.sendWindow, this.#sendWindow, maxDataBytes) : maxDataBytes;
      if (room <= 0) return full;
      const data = bytes.length > room ? bytes.subarray(0, room) : bytes;
      if (data.length === bytes.length) outgoing.shift();
      else outgoing[0] = bytes.subarray(room);
      stream.sendWindow -= data.length;
      this.#sendWindow -= data.length;
      full = this.#send({ type: 'data', streamId: stream.id, data, fin: false }) ?? full;
    }
    stream.wake();
    if (stream.localEnded && !stream.finSent) {
      stream.finSent = true;
      this.#send({ type: 'data', streamId: stream.id, data: new Uint8Array(0), fin: true });
      this.#forgetWhenDone(stream);
    }
    return full;
  }

  /** @internal */
  resetStream(stream: SpdyStream, status: number): void {
    if (this.#streams.delete(stream.id)) this.#send({ type: 'rstStream', streamId: stream.id, status });
    this.#ended(stream);
  }

  /** @internal */
  reportTaken(stream: SpdyStream, bytes: number): void {
    this.#send({ type: 'windowUpdate', streamId: 0, delta: bytes });
    if (!stream.remoteEnded && this.#streams.has(stream.id)) {
      this.#send({ type: 'windowUpdate', streamId: stream.id, delta: bytes });
    }
  }

  #ended(stream: SpdyStream): void {
    stream.localEnded = true;
    stream.remoteEnded = true;
    stream.outgoing.length = 0;
    stream.finSent = true;
    stream.incoming.end();
    stream.wake();
  }

  #forgetWhenDone(stream: SpdyStream): void {
    if (stream.finSent && stream.remoteEnded) this.#streams.delete(stream.id);
  }

  /** A promise: the stream's reader is behind, do not read on before it resolves. */
  #received(frame: SpdyFrame): Promise<void> | undefined {
    switch (frame.type) {
      case 'synStream':
        this.#opened(frame);
        return undefined;
      case 'synReply':
      case 'headers':
        if (frame.fin) this.#remoteFin(this.#streams.get(frame.streamId));
        return undefined;
      case 'data': {
        const stream = this.#streams.get(frame.streamId);
        if (!stream || stream.remoteEnded) {
          // What nobody reads counts as read.
          if (frame.data.length > 0) this.#send({ type: 'windowUpdate', streamId: 0, delta: frame.data.length });
          if (!stream) this.#send({ type: 'rstStream', streamId: frame.streamId, status: rstStatus.invalidStream });
          return undefined;
        }
        const full = stream.incoming.push(frame.data);
        if (frame.fin) this.#remoteFin(stream);
        return full;
      }
      case 'rstStream': {
        const stream = this.#streams.get(frame.streamId);
        if (stream) {
          this.#streams.delete(stream.id);
          this.#ended(stream);
        }
        return undefined;
      }
      case 'settings': {
        const size = frame.entries.get(settingInitialWindowSize);
        if (size !== undefined) this.#initialWindowChanged(size);
        return undefined;
      }
      case 'ping':
        // A ping of the other side's numbering is theirs and comes back; one of ours is answered.
        if (frame.id % 2 === (this.#options.role === 'client' ? 1 : 0)) {
          this.#pings.get(frame.id)?.();
          this.#pings.delete(frame.id);
          return undefined;
        }
        this.#send(frame);
        return undefined;
      case 'goAway':
        // The peer opens no more; streams under way may end, and the peer closes the transport when it is done.
        return undefined;
      case 'windowUpdate':
        this.#windowGrew(frame.streamId, frame.delta);
        return undefined;
    }
  }

  #opened(frame: Extract<SpdyFrame, { type: 'synStream' }>): void {
    const { streamId, headers } = frame;
    if (streamId % 2 !== (this.#options.role === 'server' ? 1 : 0) || streamId <= this.#lastPeerStreamId) {
      throw new SpdyError('ProtocolError', `stream ${streamId} cannot be opened by this side now`);
    }
    this.#lastPeerStreamId = streamId;
    const refuse = (status: number) => this.#send({ type: 'rstStream', streamId, status });
    if (!this.#options.onStream || this.#streams.size >= (this.#options.maxStreams ?? 1000)) {
      refuse(rstStatus.refusedStream);
      return;
    }
    const stream = new SpdyStream(this, streamId, headers);
    stream.sendWindow = this.#peerInitialWindow;
    this.#streams.set(streamId, stream);
    this.#send({ type: 'synReply', streamId, headers: {}, fin: false });
    try {
      this.#options.onStream(stream);
    } catch {
      this.#streams.delete(streamId);
      this.#ended(stream);
      refuse(rstStatus.refusedStream);
      return;
    }
    if (frame.fin) this.#remoteFin(stream);
  }

  #remoteFin(stream: SpdyStream | undefined): void {
    if (!stream) return;
    stream.remoteEnded = true;
    stream.incoming.end();
    this.#forgetWhenDone(stream);
  }

  #initialWindowChanged(size: number): void {
    const delta = size - this.#peerInitialWindow;
    this.#peerInitialWindow = size;
    for (const stream of this.#streams.values()) {
      stream.sendWindow += delta;
      this.pump(stream);
    }
  }

  #windowGrew(streamId: number, delta: number): void {
    if (streamId === 0) {
      this.#sendWindow += delta;
      if (this.#sendWindow > maxWindow) throw new SpdyError('ProtocolError', 'window over 2^31-1');
      for (const stream of this.#streams.values()) this.pump(stream);
      return;
    }
    const stream = this.#streams.get(streamId);
    if (!stream) return;
    stream.sendWindow += delta;
    if (stream.sendWindow > maxWindow) this.resetStream(stream, rstStatus.flowControlError);
    else this.pump(stream);
  }
}
