/** Values inside messages: scalars, and the messages whose JSON is no object of their fields. */

import { decodeJson, isObject, toJson } from '../../../apimachinery/index.ts';
import { parseTime, rfc3339 } from '../../../base/index.ts';
import { type ProtobufScalar, type ProtobufWellKnown, protobufMessageOf } from '../messages.ts';
import { ProtobufError, type ProtobufReader } from './reader.ts';
import { type ReverseWriter, wire } from './writer.ts';

/** How one type of value is written behind its tag and read back. */
export interface ValueCodec {
  readonly wireType: number;
  /** `undefined` and `null` are the type's zero. */
  write(writer: ReverseWriter, value: any): void;
  /** Undefined: JSON shows nothing (a zero time). */
  read(reader: ProtobufReader): unknown;
  /** What JSON shows of a value that is not on the wire, if anything. */
  empty(): unknown;
  /** A value field of this type is always in JSON, zero or not: Go's `omitempty` leaves no struct out. */
  readonly alwaysShown?: boolean;
  /** Takes what Go's `omitempty` leaves out of JSON from an object, in place. Absent: there is nothing to take. */
  omitEmpty?(value: any): void;
}

export const scalarCodecs: Readonly<Record<ProtobufScalar, ValueCodec>> = {
  string: {
    wireType: wire.bytes,
    write: (writer, value) => writer.string(value ?? ''),
    read: (reader) => reader.string(),
    empty: () => '',
  },
  bool: {
    wireType: wire.varint,
    write: (writer, value) => writer.varint(value ? 1 : 0),
    read: (reader) => reader.uint() !== 0,
    empty: () => false,
  },
  int32: {
    wireType: wire.varint,
    write: (writer, value) => writer.varint(value ?? 0),
    read: (reader) => reader.int32(),
    empty: () => 0,
  },
  int64: {
    wireType: wire.varint,
    write: (writer, value) => writer.varint(value ?? 0),
    read: (reader) => reader.int64(),
    empty: () => 0,
  },
  double: {
    wireType: wire.fixed64,
    write: (writer, value) => writer.double(Number(value ?? 0)),
    read: (reader) => reader.double(),
    empty: () => 0,
  },
  bytes: {
    wireType: wire.bytes,
    write: (writer, value) => writer.bytes(Buffer.from(value ?? '', 'base64')),
    read: (reader) => reader.view().toString('base64'),
    empty: () => '',
  },
};

/** Go's zero time, `0001-01-01T00:00:00Z`, and the end of year 9999: beyond it JSON has no times. */
const zeroTimeSeconds = -62_135_596_800;
const maxTimeSeconds = 253_402_300_799;

/** The times of one object repeat: the last one is remembered, both ways. */
let lastText = '';
let lastTextSeconds = 0;
let lastSeconds = 0;
let lastSecondsText = '1970-01-01T00:00:00Z';

function secondsOf(text: string): number {
  if (text !== lastText) {
    lastTextSeconds = Math.floor(parseTime(text) / 1000);
    lastText = text;
  }
  return lastTextSeconds;
}

function textOf(seconds: number): string {
  if (seconds !== lastSeconds) {
    lastSecondsText = rfc3339(seconds * 1000);
    lastSeconds = seconds;
  }
  return lastSecondsText;
}

/** meta/v1 Time and MicroTime: seconds and nanoseconds; a zero time is an empty message and null in JSON. */
function timeCodec(micro: boolean): ValueCodec {
  return {
    wireType: wire.bytes,
    write(writer, value: string | null | undefined) {
      const mark = writer.size;
      if (value) {
        const nanos = micro ? Number((/\.(\d{1,6})/.exec(value)?.[1] ?? '0').padEnd(6, '0')) * 1000 : 0;
        writer.varint(nanos);
        writer.tag(0x10);
        writer.varint(secondsOf(value));
        writer.tag(0x08);
      }
      writer.varint(writer.size - mark);
    },
    read(reader) {
      const outer = reader.enter();
      const isZero = reader.at === reader.end;
      let seconds = 0;
      let nanos = 0;
      eachField(reader, (number, wireType) => {
        if (number === 1 && wireType === wire.varint) seconds = Number(reader.int64());
        else if (number === 2 && wireType === wire.varint) nanos = reader.int32();
        else return false;
        return true;
      });
      reader.leave(outer);
      if (isZero || seconds === zeroTimeSeconds) return undefined;
      if (seconds < zeroTimeSeconds || seconds > maxTimeSeconds) {
        throw new ProtobufError('Time.MarshalJSON: year outside of range [0,9999]');
      }
      const text = textOf(seconds);
      if (!micro) return text;
      return `${text.slice(0, -1)}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`;
    },
    empty: () => undefined,
  };
}

/** There may be a number beyond 2^53, which JSON.parse would round. */
const maybeBig = /\d{16}/;

function parseRaw(bytes: Buffer): unknown {
  const text = bytes.toString('utf8');
  try {
    return maybeBig.test(text) ? decodeJson(text).value : JSON.parse(text);
  } catch (error) {
    throw new ProtobufError(`json: error calling MarshalJSON for type runtime.RawExtension: ${String(error)}`);
  }
}

/** `raw` = 1: JSON text as bytes. */
const rawCodec: ValueCodec = {
  wireType: wire.bytes,
  write(writer, value) {
    const mark = writer.size;
    if (value !== undefined && value !== null) {
      writer.bytes(toJson(value));
      writer.tag(0x0a);
    }
    writer.varint(writer.size - mark);
  },
  read(reader) {
    let raw: Buffer | undefined;
    readNested(reader, (number, wireType) => {
      if (number !== 1 || wireType !== wire.bytes) return false;
      raw = reader.view();
      return true;
    });
    return raw === undefined || raw.length === 0 ? undefined : parseRaw(raw);
  },
  empty: () => undefined,
};

/** The canonical text in a message of its own. */
const quantityCodec: ValueCodec = {
  wireType: wire.bytes,
  write(writer, value) {
    const mark = writer.size;
    writer.string(value === undefined || value === null ? '0' : String(value));
    writer.tag(0x0a);
    writer.varint(writer.size - mark);
  },
  read(reader) {
    let text = '';
    readNested(reader, (number, wireType) => {
      if (number !== 1 || wireType !== wire.bytes) return false;
      text = reader.string();
      return true;
    });
    return text || '0';
  },
  empty: () => '0',
  alwaysShown: true,
};

/** type (0 = number, 1 = string), intVal, strVal. */
const intOrStringCodec: ValueCodec = {
  wireType: wire.bytes,
  write(writer, value) {
    const isText = typeof value === 'string';
    const mark = writer.size;
    writer.string(isText ? value : '');
    writer.tag(0x1a);
    writer.varint(isText ? 0 : (value ?? 0));
    writer.tag(0x10);
    writer.varint(isText ? 1 : 0);
    writer.tag(0x08);
    writer.varint(writer.size - mark);
  },
  read(reader) {
    let type: number | bigint = 0;
    let number = 0;
    let text = '';
    readNested(reader, (field, wireType) => {
      if (field === 1 && wireType === wire.varint) type = reader.int64();
      else if (field === 2 && wireType === wire.varint) number = reader.int32();
      else if (field === 3 && wireType === wire.bytes) text = reader.string();
      else return false;
      return true;
    });
    return type === 1 ? text : number;
  },
  empty: () => 0,
  alwaysShown: true,
};

function writeStrings(writer: ReverseWriter, values: readonly string[], tag: number): void {
  for (let i = values.length - 1; i >= 0; i--) {
    writer.string(values[i]!);
    writer.tag(tag);
  }
}

const stringsCodec: ValueCodec = {
  wireType: wire.bytes,
  write(writer, value) {
    const mark = writer.size;
    writeStrings(writer, value ?? [], 0x0a);
    writer.varint(writer.size - mark);
  },
  read(reader) {
    const values: string[] = [];
    readNested(reader, (number, wireType) => {
      if (number !== 1 || wireType !== wire.bytes) return false;
      values.push(reader.string());
      return true;
    });
    return values;
  },
  empty: () => [],
};

/** The three places of a CRD's schema where JSON has either a schema or something else. */
function schemaOr(
  wellKnown: 'JSONSchemaPropsOrArray' | 'JSONSchemaPropsOrBool' | 'JSONSchemaPropsOrStringArray',
  schemaCodec: () => ValueCodec,
): ValueCodec {
  const schemaTag = wellKnown === 'JSONSchemaPropsOrBool' ? 0x12 : 0x0a;
  return {
    wireType: wire.bytes,
    write(writer, value) {
      const mark = writer.size;
      const list = Array.isArray(value) ? value : [];
      if (wellKnown === 'JSONSchemaPropsOrStringArray') writeStrings(writer, list, 0x12);
      else {
        for (let i = list.length - 1; i >= 0; i--) {
          schemaCodec().write(writer, list[i]);
          writer.tag(0x12);
        }
      }
      if (isObject(value)) {
        schemaCodec().write(writer, value);
        writer.tag(schemaTag);
      }
      if (wellKnown === 'JSONSchemaPropsOrBool') {
        // A schema allows something, as upstream's decoder says.
        writer.varint(value === true || isObject(value) ? 1 : 0);
        writer.tag(0x08);
      }
      writer.varint(writer.size - mark);
    },
    read(reader) {
      let schema: unknown;
      let allows = false;
      const list: unknown[] = [];
      readNested(reader, (number, wireType) => {
        if (wellKnown === 'JSONSchemaPropsOrBool' && number === 1 && wireType === wire.varint) {
          allows = reader.uint() !== 0;
        } else if (wireType !== wire.bytes || number > 2) return false;
        else if (number === schemaTag >>> 3) schema = schemaCodec().read(reader);
        else if (number === 2) {
          list.push(wellKnown === 'JSONSchemaPropsOrArray' ? schemaCodec().read(reader) : reader.string());
        } else return false;
        return true;
      });
      if (schema !== undefined) return schema;
      if (wellKnown === 'JSONSchemaPropsOrBool') return allows;
      return list.length > 0 ? list : undefined;
    },
    empty: () => undefined,
    omitEmpty(value) {
      for (const item of Array.isArray(value) ? value : [value]) if (isObject(item)) schemaCodec().omitEmpty?.(item);
    },
  };
}

export function wellKnownCodecs(messageCodec: (name: string) => ValueCodec): Record<ProtobufWellKnown, ValueCodec> {
  const schema = () => messageCodec(protobufMessageOf('apiextensions.k8s.io/v1', 'JSONSchemaProps')!);
  return {
    Time: timeCodec(false),
    MicroTime: timeCodec(true),
    Quantity: quantityCodec,
    IntOrString: intOrStringCodec,
    Raw: rawCodec,
    Strings: stringsCodec,
    JSONSchemaPropsOrArray: schemaOr('JSONSchemaPropsOrArray', schema),
    JSONSchemaPropsOrBool: schemaOr('JSONSchemaPropsOrBool', schema),
    JSONSchemaPropsOrStringArray: schemaOr('JSONSchemaPropsOrStringArray', schema),
  };
}

/** Every field up to the message's end; what `take` does not read is skipped. */
export function eachField(reader: ProtobufReader, take: (number: number, wireType: number) => boolean): void {
  while (reader.at < reader.end) {
    const tag = reader.uint();
    if (!take(tag >>> 3, tag & 7)) reader.skip(tag & 7);
  }
}

function readNested(reader: ProtobufReader, take: (number: number, wireType: number) => boolean): void {
  const outer = reader.enter();
  eachField(reader, take);
  reader.leave(outer);
}
