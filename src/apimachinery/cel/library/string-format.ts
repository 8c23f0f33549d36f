/** `'%s is %d'.format([…])`. Upstream: cel-go ext/formatting.go. */
import { rfc3339Nano } from '../time.ts';
import {
  CelFailure,
  CelList,
  CelMap,
  Duration,
  Timestamp,
  TypeValue,
  typeNameOf,
  Uint,
  type Value,
} from '../values.ts';
import { durationText } from './standard.ts';

class FormatFailure extends Error {}

function floatText(value: number, format: (value: number) => string): string {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? format(value) : value > 0 ? 'Infinity' : '-Infinity';
}

function plain(value: Value): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return floatText(value, String);
  if (value === null) return 'null';
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (value instanceof Timestamp) return rfc3339Nano(value.ns);
  if (value instanceof Duration) return durationText(value.ns);
  if (value instanceof TypeValue) return value.name;
  if (value instanceof CelList) return `[${value.items.map(plain).join(', ')}]`;
  if (value instanceof CelMap) {
    const map = value;
    const entries = map.keys().map((key) => [plain(key), plain(map.get(key)!)] as const);
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([key, item]) => `${key}: ${item}`).join(', ')}}`;
  }
  throw new FormatFailure(
    `string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given ${typeNameOf(value)}`,
  );
}

function whole(value: Value): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return value instanceof Uint ? value.value : undefined;
}

function clause(verb: string, precision: number | undefined, value: Value): string {
  switch (verb) {
    case 's':
      return plain(value);
    case 'd': {
      const number = whole(value);
      if (number !== undefined) return String(number);
      if (typeof value === 'number' && !Number.isFinite(value)) return floatText(value, String);
      throw new FormatFailure(`decimal clause can only be used on integers, was given ${typeNameOf(value)}`);
    }
    case 'f':
    case 'e': {
      const number = typeof value === 'number' ? value : Number(whole(value) ?? specialNumber(value, verb));
      if (verb === 'f') return floatText(number, (n) => n.toFixed(precision ?? 6));
      return floatText(number, (n) => n.toExponential(precision ?? 6).replace(/e([+-])(\d)$/, 'e$10$2'));
    }
    case 'b': {
      if (typeof value === 'boolean') return value ? '1' : '0';
      const number = whole(value);
      if (number !== undefined) return number.toString(2);
      throw new FormatFailure(`only integers and bools can be formatted as binary, was given ${typeNameOf(value)}`);
    }
    case 'o': {
      const number = whole(value);
      if (number !== undefined) return number.toString(8);
      throw new FormatFailure(`octal clause can only be used on integers, was given ${typeNameOf(value)}`);
    }
    case 'x':
    case 'X': {
      const number = whole(value);
      let text: string;
      if (number !== undefined) text = number.toString(16);
      else if (typeof value === 'string') text = Buffer.from(value).toString('hex');
      else if (value instanceof Uint8Array) text = Buffer.from(value).toString('hex');
      else {
        const given = typeNameOf(value);
        throw new FormatFailure(`only integers, byte buffers, and strings can be formatted as hex, was given ${given}`);
      }
      return verb === 'X' ? text.toUpperCase() : text;
    }
    default:
      throw new FormatFailure(`unrecognized formatting clause "${verb}"`);
  }
}

function specialNumber(value: Value, verb: string): number {
  const special: Record<string, number> = { NaN: Number.NaN, Infinity: Infinity, '-Infinity': -Infinity };
  if (typeof value === 'string' && Object.hasOwn(special, value)) return special[value]!;
  const name = verb === 'f' ? 'fixed-point' : 'scientific';
  throw new FormatFailure(`${name} clause can only be used on doubles, was given ${typeNameOf(value)}`);
}

export function formatText(format: string, args: CelList): Value {
  let used = 0;
  try {
    return format.replace(
      /%(%|(?:\.(\d*))?(.)?)/gs,
      (_all, whole: string, digits: string | undefined, verb: string) => {
        if (whole === '%') return '%';
        if (verb === undefined) throw new FormatFailure('unexpected end of string');
        if (used >= args.length) throw new FormatFailure(`index ${used} out of range`);
        const precision = digits === undefined || digits === '' ? undefined : Number(digits);
        if (precision !== undefined && precision > 100) throw new FormatFailure(`precision too large: ${precision}`);
        return clause(verb, precision, args.items[used++]!);
      },
    );
  } catch (error) {
    if (error instanceof FormatFailure) return new CelFailure(error.message);
    throw error;
  }
}
