/**
 * Bodies of the JSON gateway as messages, with the answers of etcd's to what is none. Upstream: golang/protobuf `jsonpb`
 * over encoding/json, as grpc-gateway calls them.
 */
import { JsonReader, JsonSyntaxError } from '../../base/index.ts';
import type { MessageType } from '../../wire/index.ts';
import { enumerationOf, nameOf } from './json.ts';

type Field = MessageType<unknown>['fields'][string];
type Fields = Readonly<Record<string, unknown>>;

/** A number as it was written: Go names it so when it does not fit. */
class Literal {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}
const number = (text: string) => new Literal(text);

/** The body is no message of this type; `message` is etcd's. */
export class JsonMessageError extends Error {
  override readonly name = 'JsonMessageError';
}

/**
 * The messages of a body. Of a single one (`many` false) what follows it is not looked at, as upstream; an empty body
 * is an empty message. Fields under the names of the .proto or in camel case; others are passed over.
 * @throws JsonMessageError
 */
export function readMessages(type: MessageType<any>, body: string, many: boolean): Record<string, unknown>[] {
  const reader = new JsonReader(body, { number });
  const out: Record<string, unknown>[] = [];
  try {
    while (!reader.atEnd() && (many || out.length === 0)) out.push(message(type, reader.value()));
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new JsonMessageError(error.ended ? 'unexpected EOF' : error.message);
  }
  return out.length === 0 ? [{}] : out;
}

function message(type: MessageType<any>, json: unknown): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  if (json === null) return out;
  const kind = kindOf(json);
  if (kind !== 'object') throw mismatch(kind, 'map[string]json.RawMessage');
  const given = json as Fields;
  for (const [key, field] of Object.entries(type.fields)) {
    const name = nameOf(type.name, key);
    // Upstream looks for the camel case last, and what it finds there counts.
    const value = own(given, camel(name)) ?? own(given, name);
    if (value === undefined || value === null) continue;
    const read = (item: unknown) => readValue(type.name, key, field, item);
    if (field.presence !== 'repeated') out[key] = read(value);
    else if (Array.isArray(value)) out[key] = value.map(read);
    else throw mismatch(kindOf(value), '[]json.RawMessage');
  }
  return out;
}

const own = (given: Fields, name: string) => (Object.hasOwn(given, name) ? given[name] : undefined);
const camel = (name: string) => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

type Kind = 'object' | 'array' | 'string' | 'number' | 'bool' | 'null';

function kindOf(json: unknown): Kind {
  if (json === null) return 'null';
  if (Array.isArray(json)) return 'array';
  if (json instanceof Literal) return 'number';
  return typeof json === 'boolean' ? 'bool' : (typeof json as 'object' | 'string');
}

const mismatch = (what: string, type: string) =>
  new JsonMessageError(`json: cannot unmarshal ${what} into Go value of type ${type}`);

function readValue(inMessage: string, key: string, field: Field, json: unknown): unknown {
  if (field.type === 'message') return message(field.message!(), json);
  const enumeration = enumerationOf(inMessage, key);
  if (enumeration && typeof json === 'string') {
    const found = enumeration.values.indexOf(json);
    if (found >= 0) return found;
    throw new JsonMessageError(`unknown value ${JSON.stringify(json)} for enum ${enumeration.type}`);
  }
  if (json === null) return undefined;
  if (field.type === 'bytes') return readBytes(json);
  if (field.type === 'string' || field.type === 'bool') {
    if (kindOf(json) !== field.type) throw mismatch(kindOf(json), field.type);
    return json;
  }
  const whole = readInteger(typeof json === 'string' ? unquoted(json) : json, field.type, enumeration?.type);
  if (field.long === 'bigint') return whole;
  return field.long === 'exact' && BigInt.asIntN(54, whole) !== whole ? whole : Number(whole);
}

/** Integers of 32 and 64 bits may stand in quotes. */
function unquoted(text: string): unknown {
  try {
    return new JsonReader(text, { number }).document();
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new JsonMessageError(error.message);
    throw error;
  }
}

function readInteger(json: unknown, type: string, typeName = type): bigint {
  if (json === null) return 0n;
  if (!(json instanceof Literal)) throw mismatch(kindOf(json), typeName);
  const bits = /32$/.test(type) ? 32 : 64;
  const whole = /^-?\d+$/.test(json.text) ? BigInt(json.text) : undefined;
  const held = whole === undefined ? undefined : (type.startsWith('u') ? BigInt.asUintN : BigInt.asIntN)(bits, whole);
  if (held === undefined || held !== whole) throw mismatch(`number ${json.text}`, typeName);
  return held;
}

function readBytes(json: unknown): Uint8Array {
  if (typeof json === 'string') return decodeBase64(json);
  // Upstream's decoder takes a list of numbers for bytes too.
  if (!Array.isArray(json)) throw mismatch(kindOf(json), '[]uint8');
  return Uint8Array.from(json, (item) => {
    const whole = item === null ? 0 : item instanceof Literal && /^\d+$/.test(item.text) ? Number(item.text) : -1;
    if (whole >= 0 && whole <= 255) return whole;
    throw mismatch(item instanceof Literal ? `number ${item.text}` : kindOf(item), 'uint8');
  });
}

/** Padded base64 with the standard alphabet; Go names the place of the first fault. Line ends are passed over. */
function decodeBase64(text: string): Uint8Array {
  const source = Buffer.from(text);
  const illegal = (at: number) => new JsonMessageError(`illegal base64 data at input byte ${at}`);
  const skipLineEnds = (at: number) => {
    while (source[at] === 10 || source[at] === 13) at++;
    return at;
  };
  for (let at = 0; ; ) {
    for (let j = 0; j < 4; j++) {
      at = skipLineEnds(at);
      if (at === source.length) {
        if (j === 0) return Buffer.from(text, 'base64');
        throw illegal(at - j);
      }
      if (isBase64(source[at]!)) {
        at++;
        continue;
      }
      if (source[at] !== 61 || j < 2) throw illegal(at);
      if (j === 2) {
        const second = skipLineEnds(at + 1);
        if (second === source.length) throw illegal(second);
        if (source[second] !== 61) throw illegal(second - 1);
        at = second;
      }
      at = skipLineEnds(at + 1);
      if (at < source.length) throw illegal(at);
      return Buffer.from(text, 'base64');
    }
  }
}

const isBase64 = (byte: number) =>
  (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || (byte >= 48 && byte <= 57) || byte === 43 || byte === 47;
