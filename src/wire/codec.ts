/** Tables compiled to one closure per field for writing and one per field for reading. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { FieldDescriptor, Loan, MessageInput, MessageType, ScalarType } from './descriptor.ts';
import { applyLong, Reader, toBigInt } from './reader.ts';

type Values = Record<string, any>;
type WriteValue = (writer: BinaryWriter, value: any) => void;
type ReadValue = (reader: Reader) => any;
type WriteField = (writer: BinaryWriter, values: Values) => void;
type ReadField = (reader: Reader, values: Values, wireType: WireType) => void;

interface Compiled {
  readonly write: (writer: BinaryWriter, values: Values) => void;
  readonly read: (reader: Reader, end: number) => Values;
}

/**
 * Deeper nesting than this is an attack. Go's limit is 10,000, which the stack here does not carry; etcd's 128 transactions in one
 * another, with the messages between them, are 257 deep.
 */
const maxDepth = 300;
/** A shared writer keeps its buffer between messages while that is not larger. */
const keepBufferBytes = 4 << 20;
/** From this on a message goes out in its writer's buffer, if its reader says when that is free again. */
const longMessage = 64 << 10;
/** Readers may be slow: of so many writers they keep the buffers. */
const mostLoans = 2;

const wireTypes: Record<ScalarType | 'message', WireType> = {
  int32: WireType.Varint,
  int64: WireType.Varint,
  uint32: WireType.Varint,
  uint64: WireType.Varint,
  sint32: WireType.Varint,
  sint64: WireType.Varint,
  bool: WireType.Varint,
  fixed32: WireType.Bit32,
  sfixed32: WireType.Bit32,
  float: WireType.Bit32,
  fixed64: WireType.Bit64,
  sfixed64: WireType.Bit64,
  double: WireType.Bit64,
  string: WireType.LengthDelimited,
  bytes: WireType.LengthDelimited,
  message: WireType.LengthDelimited,
};

const internals = new WeakMap<MessageType<any>, Compiled>();
/** Encoding is synchronous and never nested in itself, so all messages share one writer and its grown buffer. */
let sharedWriter: BinaryWriter | undefined;
/** Writers that came back from loans. */
const spareWriters: BinaryWriter[] = [];
let loans = 0;

export function compile(name: string, fields: Readonly<Record<string, FieldDescriptor>>): MessageType<Values> {
  let compiled: Compiled | undefined;
  // On first use: by then every message that a thunk names exists.
  const internal = () => (compiled ??= compileFields(name, fields));
  const write = (value: MessageInput<Values>, prefix: number): BinaryWriter => {
    const writer = sharedWriter ?? spareWriters.pop() ?? new BinaryWriter();
    // Taken while in use: when writing throws, it is not used again.
    sharedWriter = undefined;
    for (let i = 0; i < prefix; i++) writer.bool(false);
    internal().write(writer, value);
    return writer;
  };
  const encodeWithPrefix = (value: MessageInput<Values>, prefix: number) => copyOf(write(value, prefix));
  const type: MessageType<Values> = {
    name,
    fields,
    encode: (value) => encodeWithPrefix(value, 0),
    encodeWithPrefix,
    encodeOnLoan: (value, prefix) => {
      const writer = write(value, prefix);
      return lend(writer) ?? { bytes: copyOf(writer) };
    },
    decode: (bytes) => {
      // Buffer's own slice and subarray differ from Uint8Array's; values must not be Buffers.
      const plain =
        bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
      return internal().read(new Reader(plain), plain.length);
    },
  };
  internals.set(type, {
    write: (writer, values) => internal().write(writer, values),
    read: (reader, end) => internal().read(reader, end),
  });
  return type;
}

function copyOf(writer: BinaryWriter): Uint8Array<ArrayBuffer> {
  const out = writer.finish();
  if (out.length <= keepBufferBytes) sharedWriter = writer;
  return out;
}

/** What BinaryWriter keeps to itself. */
interface WriterInsides {
  readonly buffer?: unknown;
  pos?: unknown;
}

/**
 * The writer's own buffer in place of a copy: undefined when that is not worth it. V8 counts what buffers hold, and
 * marks its whole heap again and again when each list of 1 MB is a new one: three quarters of the processor time of a range of
 * 1,000 keys over a history of 300,000 revisions.
 */
function lend(writer: BinaryWriter): Loan | undefined {
  const insides = writer as unknown as WriterInsides;
  const { buffer, pos } = insides;
  if (!(buffer instanceof Uint8Array) || typeof pos !== 'number') return undefined;
  if (pos < longMessage || pos > keepBufferBytes || loans >= mostLoans) return undefined;
  loans++;
  let released = false;
  return {
    bytes: buffer.subarray(0, pos),
    release: () => {
      if (released) return;
      released = true;
      loans--;
      // Of nothing: so the writer begins anew, and nothing is copied.
      insides.pos = 0;
      writer.finish();
      spareWriters.push(writer);
    },
  };
}

function compileFields(name: string, fields: Readonly<Record<string, FieldDescriptor>>): Compiled {
  const entries = Object.entries(fields).sort(([, a], [, b]) => a.no - b.no);
  const writers: WriteField[] = [];
  const readers: (ReadField | undefined)[] = [];
  const defaults: [string, () => unknown][] = [];

  for (const [key, field] of entries) {
    if (readers[field.no]) throw new Error(`${name}: field number ${field.no} is used twice`);
    const child = field.message && internals.get(field.message());
    const readChild = child && ((reader: Reader) => child.read(reader, reader.uint32() + reader.pos));
    writers.push(compileWriter(key, field, child));
    readers[field.no] = compileReader(key, field, fields, readChild);
    if (field.presence !== 'optional') defaults.push([key, defaultOf(field, child)]);
  }
  const zeros = defaults.filter(([, make]) => typeof make() !== 'object');
  const objects = defaults.filter(([, make]) => typeof make() === 'object');
  const zeroValues = Object.fromEntries(zeros.map(([key, make]) => [key, make()]));

  return {
    write: (writer, values) => {
      for (let i = 0; i < writers.length; i++) writers[i]!(writer, values);
    },
    read: (reader, end) => {
      if (++reader.depth > maxDepth) throw new RangeError('maximum recursion depth reached');
      if (end > reader.len) throw new RangeError('premature EOF');
      const values: Values = { ...zeroValues };
      for (const [key, make] of objects) values[key] = make();
      while (reader.pos < end) {
        const tag = reader.uint32();
        const no = tag >>> 3;
        const wireType = tag & 7;
        if (no === 0) throw new Error('illegal tag: field no 0');
        const read = readers[no];
        if (read) read(reader, values, wireType);
        else reader.skip(wireType, no);
      }
      if (reader.pos !== end) throw new RangeError('premature EOF');
      reader.depth--;
      return values;
    },
  };
}

function compileWriter(key: string, field: FieldDescriptor, child: Compiled | undefined): WriteField {
  const tag = ((field.no << 3) | wireTypes[field.type]) >>> 0;
  const put: WriteValue = child
    ? (writer, value) => {
        writer.fork();
        child.write(writer, value);
        writer.join();
      }
    : scalarWriter(field.type as ScalarType);
  switch (field.presence) {
    case 'implicit':
      return (writer, values) => {
        const value = values[key];
        // Covers undefined, 0, 0n, '' and false; empty bytes are objects.
        if (!value || value.length === 0) return;
        writer.uint32(tag);
        put(writer, value);
      };
    case 'optional':
      return (writer, values) => {
        const value = values[key];
        if (value === undefined || value === null) return;
        writer.uint32(tag);
        put(writer, value);
      };
    case 'always': {
      const missing = field.type === 'message' ? {} : defaultOf(field, child)();
      return (writer, values) => {
        writer.uint32(tag);
        put(writer, values[key] ?? missing);
      };
    }
    case 'map':
      return compileMapWriter(key, field, put);
    case 'repeated': {
      if (field.packed && wireTypes[field.type] !== WireType.LengthDelimited) {
        const packedTag = ((field.no << 3) | WireType.LengthDelimited) >>> 0;
        return (writer, values) => {
          const list = values[key];
          if (!list?.length) return;
          writer.uint32(packedTag).fork();
          for (const value of list) put(writer, value);
          writer.join();
        };
      }
      return (writer, values) => {
        const list = values[key];
        if (!list) return;
        for (let i = 0; i < list.length; i++) {
          writer.uint32(tag);
          put(writer, list[i]);
        }
      };
    }
  }
}

/** Maps are written in the order of their keys, as gogo's deterministic marshalling does. */
function compileMapWriter(key: string, field: FieldDescriptor, put: WriteValue): WriteField {
  const entryTag = ((field.no << 3) | WireType.LengthDelimited) >>> 0;
  const keyTag = (1 << 3) | wireTypes[field.mapKey!];
  const valueTag = (2 << 3) | wireTypes[field.type];
  const putKey = scalarWriter(field.mapKey!);
  const isText = field.mapKey === 'string';
  return (writer, values) => {
    const entries = values[key];
    if (!entries) return;
    for (const name of Object.keys(entries).sort()) {
      writer.uint32(entryTag).fork().uint32(keyTag);
      putKey(writer, isText ? name : field.mapKey === 'bool' ? name === 'true' : Number(name));
      writer.uint32(valueTag);
      put(writer, entries[name]);
      writer.join();
    }
  };
}

function compileReader(
  key: string,
  field: FieldDescriptor,
  siblings: Readonly<Record<string, FieldDescriptor>>,
  readChild: ReadValue | undefined,
): ReadField {
  const get = readChild ?? scalarReader(field);
  const expected = wireTypes[field.type];
  const check = (wireType: WireType, wanted: WireType) => {
    if (wireType !== wanted) throw new Error(`field ${key}: wire type ${wireType} instead of ${wanted}`);
  };
  if (field.presence === 'map') {
    const getKey = scalarReader({ no: 1, type: field.mapKey!, presence: 'implicit' });
    const missing = defaultOf(field.type === 'message' ? field : { ...field, presence: 'implicit' }, undefined);
    const emptyValue = field.type === 'message' ? () => field.message!().decode(new Uint8Array(0)) : missing;
    return (reader, values, wireType) => {
      check(wireType, WireType.LengthDelimited);
      const end = reader.uint32() + reader.pos;
      let name: unknown;
      let value: unknown;
      while (reader.pos < end) {
        const tag = reader.uint32();
        if (tag >>> 3 === 1) name = getKey(reader);
        else if (tag >>> 3 === 2) value = get(reader);
        else reader.skip(tag & 7, tag >>> 3);
      }
      // defineProperty semantics: a key `__proto__` is data.
      Object.defineProperty(values[key], String(name ?? (field.mapKey === 'string' ? '' : 0)), {
        value: value ?? emptyValue(),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    };
  }
  if (field.presence === 'repeated') {
    if (expected === WireType.LengthDelimited) {
      return (reader, values, wireType) => {
        check(wireType, expected);
        values[key].push(get(reader));
      };
    }
    return (reader, values, wireType) => {
      if (wireType === WireType.LengthDelimited) {
        const end = reader.uint32() + reader.pos;
        while (reader.pos < end) values[key].push(get(reader));
      } else {
        check(wireType, expected);
        values[key].push(get(reader));
      }
    };
  }
  if (field.oneof) {
    const others = Object.keys(siblings).filter((name) => name !== key && siblings[name]!.oneof === field.oneof);
    return (reader, values, wireType) => {
      check(wireType, expected);
      for (const other of others) delete values[other];
      values[key] = get(reader);
    };
  }
  return (reader, values, wireType) => {
    check(wireType, expected);
    values[key] = get(reader);
  };
}

function scalarWriter(type: ScalarType): WriteValue {
  switch (type) {
    case 'int64':
    case 'uint64':
      // Through uint32 where it fits: BinaryWriter's 64-bit path goes through bigint.
      return (writer, value) => {
        if (typeof value === 'number' && value >= 0 && value <= 0xffff_ffff) writer.uint32(value);
        else if (type === 'int64') writer.int64(value);
        else writer.uint64(value);
      };
    default:
      return (writer, value) => writer[type](value as never);
  }
}

function scalarReader(field: Pick<FieldDescriptor, 'no' | 'type' | 'presence' | 'long'>): ReadValue {
  const { long } = field;
  switch (field.type) {
    case 'int64':
    case 'uint64': {
      const wide = (reader: Reader) =>
        applyLong(toBigInt(field.type === 'int64' ? reader.int64() : reader.uint64()), long);
      if (long === 'bigint') return wide;
      return (reader) => {
        const small = reader.smallVarint();
        return small >= 0 ? small : wide(reader);
      };
    }
    case 'sint64':
      return (reader) => applyLong(toBigInt(reader.sint64()), long);
    case 'fixed64':
      return (reader) => applyLong(toBigInt(reader.fixed64()), long);
    case 'sfixed64':
      return (reader) => applyLong(toBigInt(reader.sfixed64()), long);
    case 'bytes':
      return (reader) => reader.ownBytes();
    case 'message':
      throw new Error('a message is no scalar');
    default: {
      const method = field.type;
      return (reader) => reader[method]();
    }
  }
}

const noBytes = new Uint8Array(0);

function defaultOf(field: FieldDescriptor, child: Compiled | undefined): () => unknown {
  if (field.presence === 'repeated') return () => [];
  if (field.presence === 'map') return () => ({});
  switch (field.type) {
    case 'message':
      return () => child?.read(new Reader(noBytes), 0) ?? {};
    case 'string':
      return () => '';
    case 'bytes':
      return () => noBytes;
    case 'bool':
      return () => false;
    default:
      return () => (field.long === 'bigint' ? 0n : 0);
  }
}
