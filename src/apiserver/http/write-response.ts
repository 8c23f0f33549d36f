import type { ServerResponse as Http1Response } from 'node:http';
import {
  encodeProtobuf,
  encodeWatchFrame,
  hasProtobuf,
  itemHead,
  listEnvelope,
  protobufMediaType,
  type TypeMeta,
} from '../../api/index.ts';
import { encodeJson, encodeYaml, newInternalError, StatusError, stringifyJson } from '../../apimachinery/index.ts';
import { type Clock, Slicer } from '../../base/index.ts';
import type { EncodedWatchEvent, ResponseBody } from '../types.ts';
import { gzipThresholdBytes, SlicedGzip } from './gzip.ts';
import type { Encoding } from './negotiate.ts';

/** The part of both kinds of responses that is used here; Node's types leave some of it out for HTTP/2. */
export type Outgoing = Pick<
  Http1Response,
  | 'setHeader'
  | 'appendHeader'
  | 'writeHead'
  | 'flushHeaders'
  | 'write'
  | 'end'
  | 'cork'
  | 'uncork'
  | 'on'
  | 'off'
  | 'destroy'
>;

export interface WriteOptions {
  readonly encoding: Encoding;
  readonly pretty: boolean;
  readonly gzip: boolean;
  /** HEAD: headers only. */
  readonly headOnly: boolean;
  readonly signal: AbortSignal;
  readonly wallClock: Clock;
  /** A client that takes nothing for so long is cut off. */
  readonly stallMs: number;
}

const newline = Buffer.from('\n');
/** Big answers leave in pieces of about this size. */
const pieceBytes = 64 * 1024;

/** Whether all that the answer holds has protobuf messages. */
export function canBeProtobuf(body: ResponseBody): boolean {
  if (body.kind === 'object') return isTyped(body.object) && hasProtobuf(body.object);
  if (body.kind === 'list') return hasProtobuf(body.head);
  return body.kind === 'watch' && body.of !== undefined && hasProtobuf(body.of);
}

function isTyped(object: object): object is TypeMeta {
  const { apiVersion, kind } = object as Partial<TypeMeta>;
  return typeof apiVersion === 'string' && typeof kind === 'string';
}

/** Sends an answer. Headers other than content type, length and encoding are set already. Ends quietly when the client goes. */
export async function writeResponse(
  outgoing: Outgoing,
  code: number,
  body: ResponseBody,
  options: WriteOptions,
): Promise<void> {
  switch (body.kind) {
    case 'watch':
      return writeWatch(outgoing, code, body.events, options);
    case 'stream':
      return writeStream(outgoing, code, body.contentType, body.chunks, options);
    case 'upgrade':
      throw new TypeError('this connection cannot be given away');
    case 'bytes':
      return writeWhole(outgoing, code, body.contentType, body.bytes, options);
    case 'list':
      if (options.encoding === 'protobuf') return writeProtobufList(outgoing, code, body, options);
      if (options.encoding === 'json' && !options.pretty) return writeList(outgoing, code, body, options);
      return writeObject(
        outgoing,
        code,
        { ...body.head, [body.field ?? 'items']: body.items.map((item) => item.object) },
        options,
      );
    case 'object':
      if (options.encoding === 'protobuf') {
        return writeWhole(outgoing, code, protobufMediaType, encodeProtobuf(body.object, body.protobuf), options);
      }
      // `encoded` is asked for last: it makes the bytes.
      if (options.encoding === 'json' && !options.pretty && body.encoded) {
        const bytes = Buffer.concat([body.encoded, newline]);
        return writeWhole(outgoing, code, 'application/json', bytes, options);
      }
      return writeObject(outgoing, code, body.object, options);
  }
}

function writeObject(outgoing: Outgoing, code: number, object: object, options: WriteOptions): Promise<void> {
  if (options.encoding === 'yaml') {
    return writeWhole(outgoing, code, 'application/yaml', Buffer.from(encodeYaml(object)), options);
  }
  const bytes = options.pretty
    ? Buffer.from(`${stringifyJson(object, 2)}\n`)
    : Buffer.concat([encodeJson(object), newline]);
  return writeWhole(outgoing, code, 'application/json', bytes, options);
}

async function writeWhole(
  outgoing: Outgoing,
  code: number,
  contentType: string,
  bytes: Uint8Array,
  options: WriteOptions,
): Promise<void> {
  outgoing.setHeader('Content-Type', contentType);
  if (options.gzip && bytes.length > gzipThresholdBytes && !options.headOnly) {
    return writePieces(outgoing, code, piecesOf(bytes), options);
  }
  outgoing.setHeader('Content-Length', bytes.length);
  outgoing.writeHead(code);
  outgoing.end(options.headOnly ? undefined : bytes);
}

function* piecesOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** A list of cached encodings is joined, not encoded. */
async function writeList(
  outgoing: Outgoing,
  code: number,
  body: Extract<ResponseBody, { kind: 'list' }>,
  options: WriteOptions,
): Promise<void> {
  const { kind, apiVersion, metadata, ...rest } = body.head;
  const opening = JSON.stringify({ kind, apiVersion, metadata, ...rest }).slice(0, -1);
  const head = `${opening},${JSON.stringify(body.field ?? 'items')}:[`;
  outgoing.setHeader('Content-Type', 'application/json');
  const pieces = listPieces(head, body.items);
  // Up to the size that is worth compressing a list leaves whole, with its length; what is bigger leaves as it is made.
  const held: Uint8Array[] = [];
  let size = 0;
  let whole = false;
  while (!whole && size <= gzipThresholdBytes) {
    const next = pieces.next();
    if (next.done) whole = true;
    else {
      held.push(next.value);
      size += next.value.length;
    }
  }
  if (whole) outgoing.setHeader('Content-Length', size);
  if (whole || options.headOnly) {
    outgoing.writeHead(code);
    outgoing.end(options.headOnly ? undefined : held.length === 1 ? held[0] : Buffer.concat(held, size));
    return;
  }
  const all = (function* () {
    yield* held;
    yield* pieces;
  })();
  return writePieces(outgoing, code, all, options);
}

/** A list's length comes first in protobuf: all items are encoded before anything leaves. */
async function writeProtobufList(
  outgoing: Outgoing,
  code: number,
  body: Extract<ResponseBody, { kind: 'list' }>,
  options: WriteOptions,
): Promise<void> {
  const slicer = new Slicer();
  const parts: Uint8Array[] = [];
  let itemsSize = 0;
  for (const item of body.items) {
    const message = item.protobuf();
    const head = itemHead(message.length);
    parts.push(head, message);
    itemsSize += head.length + message.length;
    if (slicer.due) {
      await slicer.pause();
      if (options.signal.aborted) return;
    }
  }
  const { head, tail } = listEnvelope(body.head, body.head.metadata, itemsSize);
  const size = head.length + itemsSize + tail.length;
  outgoing.setHeader('Content-Type', protobufMediaType);
  const compress = options.gzip && size > gzipThresholdBytes && !options.headOnly;
  if (!compress) outgoing.setHeader('Content-Length', size);
  if (options.headOnly) {
    outgoing.writeHead(code);
    outgoing.end();
    return;
  }
  return writePieces(outgoing, code, joined([head, ...parts, tail]), { ...options, gzip: compress });
}

/** The same bytes in pieces of about 64 KB. */
function* joined(parts: readonly Uint8Array[]): Generator<Uint8Array, undefined, undefined> {
  let from = 0;
  let size = 0;
  for (let i = 0; i < parts.length; i++) {
    size += parts[i]!.length;
    if (size < pieceBytes && i + 1 < parts.length) continue;
    yield Buffer.concat(parts.slice(from, i + 1), size);
    from = i + 1;
    size = 0;
  }
}

/** The list's JSON in pieces of about 64 KB. */
function* listPieces(
  head: string,
  items: readonly { encoded(): Uint8Array }[],
): Generator<Uint8Array, undefined, undefined> {
  let piece: Uint8Array[] = [Buffer.from(head)];
  let size = piece[0]!.length;
  for (let i = 0; i < items.length; i++) {
    if (i > 0) {
      piece.push(comma);
      size++;
    }
    const bytes = items[i]!.encoded();
    piece.push(bytes);
    size += bytes.length;
    if (size >= pieceBytes) {
      yield Buffer.concat(piece, size);
      piece = [];
      size = 0;
    }
  }
  piece.push(listEnd);
  yield Buffer.concat(piece, size + listEnd.length);
}
const comma = Buffer.from(',');
const listEnd = Buffer.from(']}\n');

async function writePieces(
  outgoing: Outgoing,
  code: number,
  pieces: Iterable<Uint8Array>,
  options: WriteOptions,
): Promise<void> {
  const gzip = options.gzip ? new SlicedGzip() : undefined;
  if (gzip) {
    outgoing.setHeader('Content-Encoding', 'gzip');
    outgoing.appendHeader('Vary', 'Accept-Encoding');
  }
  outgoing.writeHead(code);
  const slicer = new Slicer();
  for (const piece of pieces) {
    if (!(await send(outgoing, gzip ? gzip.push(piece) : piece, options))) return;
    if (slicer.due) await slicer.pause();
  }
  outgoing.end(gzip?.end());
}

/**
 * One JSON event a line, or one protobuf frame each. Headers leave at once, so that the client knows its watch is established. The events come from
 * a bounded queue: while this client does not read, nothing is held for it beyond that queue and the socket's buffer.
 */
async function writeWatch(
  outgoing: Outgoing,
  code: number,
  events: AsyncIterable<EncodedWatchEvent>,
  options: WriteOptions,
): Promise<void> {
  const protobuf = options.encoding === 'protobuf';
  outgoing.setHeader('Content-Type', protobuf ? `${protobufMediaType};stream=watch` : 'application/json');
  outgoing.writeHead(code);
  outgoing.flushHeaders();
  const sendEvent = (event: EncodedWatchEvent) =>
    protobuf ? send(outgoing, event.protobuf(), options) : send(outgoing, event.encoded(), options, newline);
  try {
    for await (const event of events) if (!(await sendEvent(event))) return;
  } catch (error) {
    if (options.signal.aborted) return;
    // The stream has begun: a failure can only be told as its last event.
    const { status } = error instanceof StatusError ? error : newInternalError(String(error));
    await sendEvent({
      event: { type: 'ERROR', object: status },
      encoded: () => encodeJson({ type: 'ERROR', object: status }),
      protobuf: () => encodeWatchFrame('ERROR', status),
    });
  }
  outgoing.end();
}

async function writeStream(
  outgoing: Outgoing,
  code: number,
  contentType: string,
  chunks: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<void> {
  outgoing.setHeader('Content-Type', contentType);
  outgoing.writeHead(code);
  outgoing.flushHeaders();
  for await (const chunk of chunks) if (!(await send(outgoing, chunk, options))) return;
  outgoing.end();
}

/** Writes and waits until there is room for more. False: the client is gone, or was cut off because it stalled. */
function send(
  outgoing: Outgoing,
  bytes: Uint8Array,
  options: WriteOptions,
  tail?: Uint8Array,
): Promise<boolean> | boolean {
  if (options.signal.aborted) return false;
  let roomy: boolean;
  if (tail) {
    outgoing.cork();
    outgoing.write(bytes);
    roomy = outgoing.write(tail);
    outgoing.uncork();
  } else roomy = outgoing.write(bytes);
  if (roomy) return true;
  return new Promise((resolve) => {
    const finish = (alive: boolean) => {
      timer.cancel();
      outgoing.off('drain', onDrain).off('close', onClose);
      resolve(alive);
    };
    const onDrain = () => finish(true);
    const onClose = () => finish(false);
    const timer = options.wallClock.schedule(options.stallMs, () => {
      outgoing.destroy();
      finish(false);
    });
    outgoing.on('drain', onDrain).on('close', onClose);
  });
}
