/** A byte stream onto a simulated listener: HTTP/1.1 read and written as real clients speak it, or the listener's own dialogue. */
import type { ByteStream } from '../../../wire/index.ts';
import { ByteDecoder, decodeBytes, encodeText } from './bytes.ts';
import type { HttpRequest, HttpResponse, Listener, Peer } from './fabric-types.ts';

const maxHeadBytes = 64 * 1024;
const maxBodyBytes = 16 * 1024 * 1024;

const reasons: Readonly<Record<number, string>> = {
  100: 'Continue',
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  301: 'Moved Permanently',
  302: 'Found',
  304: 'Not Modified',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
};

const requestLine = /^[A-Z]{3,10} \S+ HTTP\/1\.[01]\r?\n/;
const couldBeRequestLine = /^[A-Z]{0,10}( [^\r\n]*\r?)?$/;

/** Serves one connection to its end. */
export async function serveBytes(listener: Listener, connection: ByteStream, peer: Peer): Promise<void> {
  const input = new Input(connection);
  try {
    if (listener.http && (!listener.tcp || (await beginsAsHttp(input))))
      await serveHttp(listener, input, connection, peer);
    else if (listener.tcp) await serveDialogue(listener.tcp(peer), input, connection);
    // Neither: the port is open and says nothing, until the client has had enough.
    else while (await input.more()) input.takeAll();
  } finally {
    connection.end();
  }
}

async function beginsAsHttp(input: Input): Promise<boolean> {
  for (;;) {
    const text = input.bytes.toString('latin1', 0, 4096);
    if (requestLine.test(text)) return true;
    if (!couldBeRequestLine.test(text) || input.bytes.length >= 4096) return false;
    if (!(await input.more())) return false;
  }
}

async function serveDialogue(
  session: { send(data: string): Promise<string>; close(): void },
  input: Input,
  connection: ByteStream,
): Promise<void> {
  const decoder = new ByteDecoder();
  try {
    do {
      const answer = await session.send(decoder.push(input.takeAll()));
      if (answer !== '') await connection.write(encodeText(answer));
    } while (await input.more());
  } finally {
    session.close();
  }
}

class BadRequest extends Error {
  readonly status: number;
  constructor(status: number) {
    super(String(status));
    this.status = status;
  }
}

async function serveHttp(listener: Listener, input: Input, connection: ByteStream, peer: Peer): Promise<void> {
  for (;;) {
    let request: Parsed | undefined;
    try {
      request = await readRequest(input, connection);
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error;
      await write(connection, { status: error.status, headers: { connection: 'close' }, body: '' }, false);
      return;
    }
    if (!request) return;
    const response = await listener.http!(request, peer);
    const close = !request.keepAlive || /\bclose\b/i.test(response.headers['connection'] ?? '');
    await write(connection, response, request.method === 'HEAD', close);
    if (close) return;
  }
}

interface Parsed extends HttpRequest {
  readonly keepAlive: boolean;
}

/** Undefined: the client has no more requests. @throws BadRequest */
async function readRequest(input: Input, connection: ByteStream): Promise<Parsed | undefined> {
  const head = await readHead(input);
  if (head === undefined) return undefined;
  const [first = '', ...lines] = head.split(/\r?\n/);
  const [method = '', target = '', version = ''] = first.split(' ');
  if (!/^HTTP\/1\.[01]$/.test(version) || target === '') throw new BadRequest(400);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon <= 0) throw new BadRequest(400);
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  if (headers['expect']?.toLowerCase() === '100-continue') {
    await connection.write(Buffer.from('HTTP/1.1 100 Continue\r\n\r\n'));
  }
  const body = await readBody(input, headers);
  const persistent = version === 'HTTP/1.1';
  return {
    method,
    // A proxy's absolute form is reduced to its path.
    path: target.replace(/^https?:\/\/[^/]*/, '') || '/',
    headers,
    ...(body === undefined ? {} : { body: decodeBytes(body) }),
    keepAlive: persistent
      ? !/\bclose\b/i.test(headers['connection'] ?? '')
      : /\bkeep-alive\b/i.test(headers['connection'] ?? ''),
  };
}

async function readHead(input: Input): Promise<string | undefined> {
  for (;;) {
    const text = input.bytes.toString('latin1', 0, maxHeadBytes);
    const blank = /^(?:\r?\n)*([\s\S]+?)\r?\n\r?\n/.exec(text);
    if (blank) {
      input.take(blank[0].length);
      return blank[1]!;
    }
    if (input.bytes.length > maxHeadBytes) throw new BadRequest(431);
    if (!(await input.more())) {
      if (input.bytes.length > 0) throw new BadRequest(400);
      return undefined;
    }
  }
}

async function readBody(input: Input, headers: Readonly<Record<string, string>>): Promise<Buffer | undefined> {
  if (/\bchunked\b/i.test(headers['transfer-encoding'] ?? '')) return readChunks(input);
  const length = headers['content-length'];
  if (length === undefined) return undefined;
  if (!/^\d+$/.test(length)) throw new BadRequest(400);
  if (Number(length) > maxBodyBytes) throw new BadRequest(413);
  return input.exactly(Number(length));
}

async function readChunks(input: Input): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for (;;) {
    const length = Number.parseInt(await input.line(), 16);
    if (!(length >= 0)) throw new BadRequest(400);
    size += length;
    if (size > maxBodyBytes) throw new BadRequest(413);
    if (length === 0) {
      // Trailers.
      while ((await input.line()) !== '') {}
      return Buffer.concat(parts);
    }
    parts.push(await input.exactly(length));
    await input.line();
  }
}

async function write(connection: ByteStream, response: HttpResponse, headOnly: boolean, close = true): Promise<void> {
  const body = encodeText(response.body);
  const { 'content-length': _, connection: __, ...headers } = response.headers;
  let head = `HTTP/1.1 ${response.status} ${reasons[response.status] ?? ''}\r\n`;
  for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
  if (response.status !== 204 && response.status !== 304) head += `content-length: ${body.length}\r\n`;
  head += `connection: ${close ? 'close' : 'keep-alive'}\r\n\r\n`;
  await connection.write(Buffer.from(head, 'latin1'));
  if (!headOnly && body.length > 0) await connection.write(body);
}

/** What has arrived and is not used yet. */
class Input {
  readonly #iterator: AsyncIterator<Uint8Array>;
  bytes: Buffer = Buffer.alloc(0);

  constructor(connection: ByteStream) {
    this.#iterator = connection[Symbol.asyncIterator]();
  }

  /** False: there is no more. */
  async more(): Promise<boolean> {
    const { value, done } = await this.#iterator.next();
    if (done) return false;
    this.bytes = this.bytes.length === 0 ? Buffer.from(value) : Buffer.concat([this.bytes, value]);
    return true;
  }

  take(length: number): Buffer {
    const taken = this.bytes.subarray(0, length);
    this.bytes = this.bytes.subarray(length);
    return taken;
  }

  takeAll(): Buffer {
    return this.take(this.bytes.length);
  }

  async exactly(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let left = length;
    for (;;) {
      const part = this.take(Math.min(left, this.bytes.length));
      parts.push(part);
      left -= part.length;
      if (left === 0) return Buffer.concat(parts);
      if (!(await this.more())) throw new BadRequest(400);
    }
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.bytes.indexOf(10);
      if (end >= 0)
        return this.take(end + 1)
          .toString('latin1')
          .trimEnd();
      if (this.bytes.length > maxHeadBytes || !(await this.more())) throw new BadRequest(400);
    }
  }
}
