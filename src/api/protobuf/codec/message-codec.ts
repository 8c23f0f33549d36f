/**
 * Messages of the table compiled to one closure a field for writing and one for reading, between klab's objects (what
 * JSON shows) and protobuf, without a form in between. Presence is Go's: values are always written, pointers when they
 * are there, zeros come back only where JSON shows them.
 */

import { setOwn } from '../../../apimachinery/index.ts';
import { type ProtobufField, protobufFields } from '../messages.ts';
import { ProtobufError, type ProtobufReader } from './reader.ts';
import { scalarCodecs, type ValueCodec, wellKnownCodecs } from './value-codec.ts';
import { type ReverseWriter, wire } from './writer.ts';

type Fields = Record<string, any>;
type WriteField = (writer: ReverseWriter, object: Fields) => void;
type ReadField = (reader: ProtobufReader, object: Fields, wireType: number) => void;
type Change = (object: Fields) => void;

class MessageCodec implements ValueCodec {
  readonly wireType = wire.bytes;
  readonly alwaysShown = true;
  readonly #name: string;
  /** Highest number first: writing goes backwards. */
  #writers: readonly WriteField[] | undefined;
  #readers: readonly (ReadField | undefined)[] = [];
  #fills: readonly Change[] = [];
  #omissions: readonly Change[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  /** On first use: by then every message that this one reaches has its codec. */
  #compile(): readonly WriteField[] {
    const readers: (ReadField | undefined)[] = [];
    const fills: Change[] = [];
    const omissions: Change[] = [];
    const writers: WriteField[] = [];
    for (const field of protobufFields(this.#name) ?? []) {
      if (field.inline) {
        const child = messageCodec(field.type);
        const tag = (field.number << 3) | wire.bytes;
        writers.push((writer, object) => {
          const mark = writer.size;
          child.writeFields(writer, object);
          writer.lengthSince(mark, tag);
        });
        readers[field.number] = (reader, object, wireType) => {
          if (wireType !== wire.bytes) throw wrongWireType(wireType, field.type);
          const outer = reader.enter();
          child.readFields(reader, object);
          reader.leave(outer);
        };
        fills.push((object) => child.fill(object));
        omissions.push((object) => child.omitEmpty(object));
        continue;
      }
      const codec = codecOf(field.type);
      writers.push(compileWriter(field, codec));
      readers[field.number] = compileReader(field, codec);
      const omit = compileOmission(field, codec);
      if (omit) omissions.push(omit);
      const { name } = field;
      if (field.kind === 'value' && (field.showsZero || codec.alwaysShown)) {
        fills.push((object) => {
          if (object[name] === undefined) object[name] = codec.empty();
        });
      }
    }
    this.#readers = readers;
    this.#fills = fills;
    this.#omissions = omissions;
    this.#writers = writers.reverse();
    return this.#writers;
  }

  writeFields(writer: ReverseWriter, object: Fields): void {
    const writers = this.#writers ?? this.#compile();
    for (let i = 0; i < writers.length; i++) writers[i]!(writer, object);
  }

  readFields(reader: ProtobufReader, object: Fields): void {
    if (!this.#writers) this.#compile();
    const readers = this.#readers;
    while (reader.at < reader.end) {
      const tag = reader.uint();
      const number = tag >>> 3;
      if (number === 0) throw new ProtobufError(`proto: ${this.#name}: illegal tag 0 (wire type ${tag & 7})`);
      const read = readers[number];
      if (read) read(reader, object, tag & 7);
      else reader.skip(tag & 7);
    }
  }

  /** Adds what JSON shows though it was not sent. */
  fill(object: Fields): void {
    if (!this.#writers) this.#compile();
    for (const fill of this.#fills) fill(object);
  }

  omitEmpty(object: Fields): void {
    if (!this.#writers) this.#compile();
    const omissions = this.#omissions;
    for (let i = 0; i < omissions.length; i++) omissions[i]!(object);
  }

  write(writer: ReverseWriter, value: Fields | null | undefined): void {
    const mark = writer.size;
    this.writeFields(writer, value ?? nothing);
    writer.varint(writer.size - mark);
  }

  read(reader: ProtobufReader): Fields {
    const outer = reader.enter();
    const object: Fields = {};
    this.readFields(reader, object);
    this.fill(object);
    reader.leave(outer);
    return object;
  }

  empty(): Fields {
    const object: Fields = {};
    this.fill(object);
    return object;
  }
}

const nothing: Fields = Object.freeze({});
const codecs = new Map<string, MessageCodec>();
const wellKnown: Readonly<Record<string, ValueCodec>> = wellKnownCodecs((name) => messageCodec(name));

/** The codec of a message of the table, e.g. `core.v1.Pod`. */
export function messageCodec(name: string): MessageCodec {
  let codec = codecs.get(name);
  if (!codec) {
    codec = new MessageCodec(name);
    codecs.set(name, codec);
  }
  return codec;
}

function codecOf(type: string): ValueCodec {
  return (scalarCodecs as Readonly<Record<string, ValueCodec>>)[type] ?? wellKnown[type] ?? messageCodec(type);
}

function wrongWireType(wireType: number, field: string): ProtobufError {
  return new ProtobufError(`proto: wrong wireType = ${wireType} for field ${field}`);
}

function compileWriter(field: ProtobufField, codec: ValueCodec): WriteField {
  const { name, kind } = field;
  const tag = (field.number << 3) | (kind === 'map' ? wire.bytes : codec.wireType);
  switch (kind) {
    case 'value':
    case 'pointer':
      if (kind === 'value' && field.type !== 'bytes') {
        return (writer, object) => {
          codec.write(writer, object[name]);
          writer.tag(tag);
        };
      }
      // Pointers, and bytes, which are a slice in Go: none is not the same as empty ones.
      return (writer, object) => {
        const value = object[name];
        if (value === undefined || value === null) return;
        codec.write(writer, value);
        writer.tag(tag);
      };
    case 'list':
      return (writer, object) => {
        const list: readonly unknown[] | null | undefined = object[name];
        if (!list) return;
        for (let i = list.length - 1; i >= 0; i--) {
          codec.write(writer, list[i]);
          writer.tag(tag);
        }
      };
    case 'map': {
      const valueTag = (2 << 3) | codec.wireType;
      return (writer, object) => {
        const map: Readonly<Fields> | null | undefined = object[name];
        if (!map) return;
        const keys = Object.keys(map);
        if (keys.length > 1) keys.sort();
        for (let i = keys.length - 1; i >= 0; i--) {
          const key = keys[i]!;
          const mark = writer.size;
          codec.write(writer, map[key]);
          writer.tag(valueTag);
          writer.string(key);
          writer.tag(0x0a);
          writer.lengthSince(mark, tag);
        }
      };
    }
  }
}

function compileOmission(field: ProtobufField, codec: ValueCodec): Change | undefined {
  const { name, kind } = field;
  if (kind === 'value' && !field.showsZero && !codec.alwaysShown) {
    const zero = codec.empty();
    return zero === undefined
      ? undefined
      : (object) => {
          if (object[name] === zero) delete object[name];
        };
  }
  if (!codec.omitEmpty) return undefined;
  const inside = (value: unknown) => {
    if (typeof value === 'object' && value !== null) codec.omitEmpty!(value);
  };
  switch (kind) {
    case 'list':
      return (object) => {
        for (const item of object[name] ?? []) inside(item);
      };
    case 'map':
      return (object) => {
        for (const item of Object.values(object[name] ?? nothing)) inside(item);
      };
    default:
      return (object) => inside(object[name]);
  }
}

function compileReader(field: ProtobufField, codec: ValueCodec): ReadField {
  const { name, kind } = field;
  const expected = kind === 'map' ? wire.bytes : codec.wireType;
  switch (kind) {
    case 'value': {
      const hidesZero = !field.showsZero && !codec.alwaysShown;
      const zero = codec.empty();
      return (reader, object, wireType) => {
        if (wireType !== expected) throw wrongWireType(wireType, name);
        const value = codec.read(reader);
        if (value === undefined || (hidesZero && value === zero)) return;
        object[name] = value;
      };
    }
    case 'pointer':
      return (reader, object, wireType) => {
        if (wireType !== expected) throw wrongWireType(wireType, name);
        const value = codec.read(reader);
        if (value !== undefined) object[name] = value;
      };
    case 'list':
      return (reader, object, wireType) => {
        object[name] ??= [];
        const list: unknown[] = object[name];
        if (wireType === expected) list.push(codec.read(reader) ?? null);
        else if (wireType === wire.bytes) {
          // Packed numbers, which Go reads too.
          const outer = reader.enter();
          while (reader.at < reader.end) list.push(codec.read(reader));
          reader.leave(outer);
        } else throw wrongWireType(wireType, name);
      };
    case 'map':
      return (reader, object, wireType) => {
        if (wireType !== expected) throw wrongWireType(wireType, name);
        const outer = reader.enter();
        let key = '';
        let value: unknown;
        while (reader.at < reader.end) {
          const tag = reader.uint();
          if (tag === 0x0a) key = reader.string();
          else if (tag === ((2 << 3) | codec.wireType)) value = codec.read(reader);
          else reader.skip(tag & 7);
        }
        reader.leave(outer);
        object[name] ??= {};
        setOwn(object[name], key, value ?? codec.empty() ?? null);
      };
  }
}
