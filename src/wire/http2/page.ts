/** A request that is no gRPC, in the shape that node's HTTP/1 gives its own: pages are written once. */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { ByteQueue } from '../byte-stream.ts';
import { encodeFields, type HeaderField } from './hpack.ts';
import type { Http2Stream } from './stream.ts';

/** What `GrpcServerOptions.http` gets; only what is here is there. */
export function pageOf(stream: Http2Stream): { request: IncomingMessage; response: ServerResponse } {
  return {
    request: new PageRequest(stream) as unknown as IncomingMessage,
    response: new PageResponse(stream) as unknown as ServerResponse,
  };
}

class PageRequest implements AsyncIterable<Uint8Array> {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly #body: ByteQueue;

  constructor(stream: Http2Stream) {
    const { ':method': method, ':path': url, ':authority': host, ':scheme': _, ...headers } = stream.headers;
    this.method = method as string;
    this.url = url as string;
    this.headers = host === undefined ? headers : { host: host as string, ...headers };
    const body = new ByteQueue(undefined, (bytes) => stream.consumed(bytes));
    this.#body = body;
    stream.onData = (chunk) => void body.push(chunk);
    stream.onEnd = () => body.end();
    stream.once('close', () => body.end());
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.#body[Symbol.asyncIterator]();
  }

  /** The body does not matter. */
  resume(): void {
    this.#body.drop();
  }
}

class PageResponse {
  readonly #stream: Http2Stream;
  readonly #headers: Record<string, string> = {};
  #status = 200;

  constructor(stream: Http2Stream) {
    this.#stream = stream;
  }

  get headersSent(): boolean {
    return this.#stream.headersSent;
  }

  get destroyed(): boolean {
    return this.#stream.destroyed;
  }

  get writableEnded(): boolean {
    return this.#stream.writableEnded;
  }

  get writableNeedDrain(): boolean {
    return this.#stream.writableNeedDrain;
  }

  get rstCode(): number | undefined {
    return this.#stream.rstCode;
  }

  setHeader(name: string, value: string): void {
    this.#headers[name.toLowerCase()] = value;
  }

  writeHead(status: number, headers: OutgoingHttpHeaders = {}): this {
    this.#status = status;
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, String(value));
    return this;
  }

  flushHeaders(): void {
    const fields: HeaderField[] = [[':status', String(this.#status)], ...Object.entries(this.#headers)];
    this.#stream.respond(encodeFields(fields));
  }

  write(chunk: string | Uint8Array): boolean {
    this.flushHeaders();
    return this.#stream.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  }

  end(chunk?: string | Uint8Array): this {
    this.flushHeaders();
    if (chunk !== undefined && chunk.length > 0) this.write(chunk);
    this.#stream.end();
    return this;
  }

  once(event: 'close' | 'drain', listener: () => void): this {
    this.#stream.once(event, listener);
    return this;
  }
}
