/**
 * `application/vnd.kubernetes.protobuf`: four magic bytes and a runtime.Unknown, which names the kind of the message
 * inside. Upstream: apimachinery/pkg/runtime/serializer/protobuf/protobuf.go, pkg/util/framer.
 */

import type { KubeObject } from '../../../apimachinery/index.ts';
import { protobufMessageOf } from '../messages.ts';
import { messageCodec } from './message-codec.ts';
import { ProtobufError, ProtobufReader } from './reader.ts';
import { eachField } from './value-codec.ts';
import { ReverseWriter, wire } from './writer.ts';

export const protobufMediaType = 'application/vnd.kubernetes.protobuf';

export interface TypeMeta {
  readonly apiVersion: string;
  readonly kind: string;
}

const magic = Buffer.from('k8s\0', 'latin1');

/** Encoding is synchronous and never nested in itself: all messages are written in one buffer. */
const writer = new ReverseWriter();

/** Whether objects of this kind can be written as protobuf: custom resources and Tables cannot. */
export function hasProtobuf({ apiVersion, kind }: TypeMeta): boolean {
  return protobufMessageOf(apiVersion, kind) !== undefined;
}

export function isProtobuf(bytes: Uint8Array): boolean {
  return bytes.length >= magic.length && magic.every((byte, i) => bytes[i] === byte);
}

function messageNamed({ apiVersion, kind }: TypeMeta): string {
  const message = protobufMessageOf(apiVersion, kind);
  if (message !== undefined) return message;
  throw new ProtobufError(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`);
}

/**
 * Takes the zeros that Go's `omitempty` leaves out of JSON from an object, in place (`hostNetwork: false`), so that an
 * object is the same whether it came as JSON or as protobuf. Kinds without a message stay as they are.
 */
export function omitEmpty(object: KubeObject): void {
  const message = protobufMessageOf(object.apiVersion, object.kind);
  if (message !== undefined) messageCodec(message).omitEmpty(object);
}

/** The message alone, as it stands in lists. @throws ProtobufError for kinds without one. */
export function encodeMessage(object: Readonly<Record<string, any>>): Uint8Array {
  const codec = messageCodec(messageNamed(object as unknown as TypeMeta));
  writer.reset();
  codec.writeFields(writer, object);
  return writer.finish();
}

/** Magic and runtime.Unknown up to the `raw` message of `rawSize` bytes, and what follows it. */
export function envelope(type: TypeMeta, rawSize: number): { readonly head: Uint8Array; readonly tail: Uint8Array } {
  writer.reset();
  writer.varint(rawSize);
  writer.tag(0x12);
  const mark = writer.size;
  writer.string(type.kind);
  writer.tag(0x12);
  writer.string(type.apiVersion);
  writer.tag(0x0a);
  writer.lengthSince(mark, 0x0a);
  writer.raw(magic);
  return { head: writer.finish(), tail: unknownTail };
}

/** Empty contentEncoding and contentType: always written, as Go does. */
const unknownTail = Buffer.from([0x1a, 0, 0x22, 0]);

/** A whole body. `message`: the object's message where it is at hand. @throws ProtobufError */
export function encodeProtobuf(object: Readonly<Record<string, any>>, message = encodeMessage(object)): Buffer {
  const { head, tail } = envelope(object as unknown as TypeMeta, message.length);
  return Buffer.concat([head, message, tail]);
}

/** What comes before the items of a list of `itemsSize` bytes (each with tag and length), and after. */
export function listEnvelope(
  type: TypeMeta,
  metadata: object,
  itemsSize: number,
): { readonly head: Uint8Array; readonly tail: Uint8Array } {
  writer.reset();
  messageCodec('meta.v1.ListMeta').write(writer, metadata);
  writer.tag(0x0a);
  const first = writer.finish();
  const { head, tail } = envelope(type, first.length + itemsSize);
  return { head: Buffer.concat([head, first]), tail };
}

/** Tag and length of one item of a list. */
export function itemHead(size: number): Uint8Array {
  writer.reset();
  writer.varint(size);
  writer.tag(0x12);
  return writer.finish();
}

/**
 * One event of a watch: the length in four bytes, big endian, then meta/v1 WatchEvent with a whole body as its object.
 * `message`: the object's message where it is at hand.
 */
export function encodeWatchFrame(type: string, object: Readonly<Record<string, any>>, message?: Uint8Array): Buffer {
  const body = encodeProtobuf(object, message);
  writer.reset();
  writer.varint(body.length);
  writer.tag(0x0a);
  // RawExtension: its length counts the tag and length just written.
  writer.varint(body.length + writer.size);
  writer.tag(0x12);
  writer.string(type);
  writer.tag(0x0a);
  const head = writer.finish();
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(head.length + body.length);
  return Buffer.concat([length, head, body]);
}

/**
 * The object in a body, with apiVersion and kind. `expected`: what it is when it does not say.
 * @throws ProtobufError
 */
export function decodeProtobuf(bytes: Uint8Array, expected?: TypeMeta): KubeObject {
  if (!isProtobuf(bytes)) {
    throw new ProtobufError(
      `provided data does not appear to be a protobuf message, expected prefix [${[...magic].join(' ')}]`,
    );
  }
  const reader = new ProtobufReader(bytes);
  reader.at = magic.length;
  let apiVersion = '';
  let kind = '';
  let contentEncoding = '';
  let raw: Uint8Array = new Uint8Array(0);
  eachField(reader, (number, wireType) => {
    if (wireType !== wire.bytes) return false;
    if (number === 1) {
      const outer = reader.enter();
      eachField(reader, (inner, innerType) => {
        if (innerType !== wire.bytes) return false;
        if (inner === 1) apiVersion = reader.string();
        else if (inner === 2) kind = reader.string();
        else return false;
        return true;
      });
      reader.leave(outer);
    } else if (number === 2) raw = reader.view();
    else if (number === 3) contentEncoding = reader.string();
    else return false;
    return true;
  });
  if (contentEncoding !== '') {
    throw new ProtobufError(`unable to decode: content encoding ${JSON.stringify(contentEncoding)} is not supported`);
  }
  apiVersion ||= expected?.apiVersion ?? '';
  kind ||= expected?.kind ?? '';
  const codec = messageCodec(messageNamed({ apiVersion, kind }));
  const object: Record<string, any> = { apiVersion, kind };
  codec.readFields(new ProtobufReader(raw), object);
  codec.fill(object);
  return object as KubeObject;
}
