/** CEL's standard functions. Upstream: cel-go common/stdlib/standard.go, common/types. */
import { compilePattern } from '../../pattern.ts';
import type { FunctionTable } from '../functions.ts';
import { maxDuration, maxTimestamp, minTimestamp, parseGoDuration, parseTimestamp, rfc3339Nano } from '../time.ts';
import {
  CelFailure,
  type CelList,
  type CelMap,
  compareValues,
  Duration,
  noSuchOverload,
  type OpaqueValue,
  sizeOf,
  Timestamp,
  TypeValue,
  typeNameOf,
  Uint,
  type Value,
} from '../values.ts';
import { addTimeFunctions } from './time-functions.ts';

const minInt = -(2n ** 63n);
const maxInt = 2n ** 63n - 1n;
const maxUint = 2n ** 64n - 1n;

const intOverflow = new CelFailure('integer overflow');
const uintOverflow = new CelFailure('unsigned integer overflow');

export function int(value: bigint): Value {
  return value < minInt || value > maxInt ? intOverflow : value;
}

function uint(value: bigint): Value {
  return value < 0n || value > maxUint ? uintOverflow : new Uint(value);
}

export function timestamp(ns: bigint): Value {
  return ns < minTimestamp || ns > maxTimestamp ? new CelFailure('timestamp overflow') : new Timestamp(ns);
}

export function duration(ns: bigint): Value {
  return ns < -maxDuration - 1n || ns > maxDuration ? new CelFailure('duration overflow') : new Duration(ns);
}

const divisionByZero = new CelFailure('division by zero');
const modulusByZero = new CelFailure('modulus by zero');

function addOrder(table: FunctionTable): void {
  const numbers = ['int', 'uint', 'double'] as const;
  const ids = { int: 'int64', uint: 'uint64', double: 'double' } as const;
  const operators = [
    ['_<_', 'less', (c: number) => c < 0],
    ['_<=_', 'less_equals', (c: number) => c <= 0],
    ['_>_', 'greater', (c: number) => c > 0],
    ['_>=_', 'greater_equals', (c: number) => c >= 0],
  ] as const;
  for (const [fn, id, holds] of operators) {
    const run = (a: Value, b: Value): Value => {
      if ((typeof a === 'number' && Number.isNaN(a)) || (typeof b === 'number' && Number.isNaN(b))) {
        return new CelFailure('NaN values cannot be ordered');
      }
      const order = compareValues(a, b);
      return order === undefined ? noSuchOverload : holds(order);
    };
    for (const type of ['bool', 'string', 'bytes', 'timestamp', 'duration']) {
      table.add(fn, `${id}_${type}`, `(${type}, ${type}): bool`, run);
    }
    for (const a of numbers) {
      for (const b of numbers) {
        table.add(fn, a === b ? `${id}_${ids[a]}` : `${id}_${ids[a]}_${ids[b]}`, `(${a}, ${b}): bool`, run);
      }
    }
  }
}

function addArithmetic(table: FunctionTable): void {
  table.add('_+_', 'add_int64', '(int, int): int', (a: bigint, b: bigint) => int(a + b));
  table.add('_+_', 'add_uint64', '(uint, uint): uint', (a: Uint, b: Uint) => uint(a.value + b.value));
  table.add('_+_', 'add_double', '(double, double): double', (a: number, b: number) => a + b);
  table.add('_+_', 'add_string', '(string, string): string', (a: string, b: string) => a + b);
  table.add('_+_', 'add_bytes', '(bytes, bytes): bytes', (a: Uint8Array, b: Uint8Array) => Buffer.concat([a, b]));
  table.add('_+_', 'add_list', '(list<A>, list<A>): list<A>', (a: CelList, b: CelList) => a.concat(b));
  table.add('_+_', 'add_timestamp_duration', '(timestamp, duration): timestamp', (a: Timestamp, b: Duration) =>
    timestamp(a.ns + b.ns),
  );
  table.add('_+_', 'add_duration_timestamp', '(duration, timestamp): timestamp', (a: Duration, b: Timestamp) =>
    timestamp(a.ns + b.ns),
  );
  table.add('_+_', 'add_duration_duration', '(duration, duration): duration', (a: Duration, b: Duration) =>
    duration(a.ns + b.ns),
  );
  table.add('_-_', 'subtract_int64', '(int, int): int', (a: bigint, b: bigint) => int(a - b));
  table.add('_-_', 'subtract_uint64', '(uint, uint): uint', (a: Uint, b: Uint) => uint(a.value - b.value));
  table.add('_-_', 'subtract_double', '(double, double): double', (a: number, b: number) => a - b);
  table.add('_-_', 'subtract_timestamp_timestamp', '(timestamp, timestamp): duration', (a: Timestamp, b: Timestamp) =>
    duration(a.ns - b.ns),
  );
  table.add('_-_', 'subtract_timestamp_duration', '(timestamp, duration): timestamp', (a: Timestamp, b: Duration) =>
    timestamp(a.ns - b.ns),
  );
  table.add('_-_', 'subtract_duration_duration', '(duration, duration): duration', (a: Duration, b: Duration) =>
    duration(a.ns - b.ns),
  );
  table.add('_*_', 'multiply_int64', '(int, int): int', (a: bigint, b: bigint) => int(a * b));
  table.add('_*_', 'multiply_uint64', '(uint, uint): uint', (a: Uint, b: Uint) => uint(a.value * b.value));
  table.add('_*_', 'multiply_double', '(double, double): double', (a: number, b: number) => a * b);
  table.add('_/_', 'divide_int64', '(int, int): int', (a: bigint, b: bigint) =>
    b === 0n ? divisionByZero : int(a / b),
  );
  table.add('_/_', 'divide_uint64', '(uint, uint): uint', (a: Uint, b: Uint) =>
    b.value === 0n ? divisionByZero : uint(a.value / b.value),
  );
  table.add('_/_', 'divide_double', '(double, double): double', (a: number, b: number) => a / b);
  table.add('_%_', 'modulo_int64', '(int, int): int', (a: bigint, b: bigint) => {
    if (b === 0n) return modulusByZero;
    return a === minInt && b === -1n ? intOverflow : a % b;
  });
  table.add('_%_', 'modulo_uint64', '(uint, uint): uint', (a: Uint, b: Uint) =>
    b.value === 0n ? modulusByZero : uint(a.value % b.value),
  );
  table.add('-_', 'negate_int64', '(int): int', (a: bigint) => int(-a));
  table.add('-_', 'negate_double', '(double): double', (a: number) => -a);
  table.add('!_', 'logical_not', '(bool): bool', (a: boolean) => !a);
}

/** Go's %g. */
export function goFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  if (value === 0) return '0';
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  const exp = Number(exponent);
  if (exp < -4 || exp >= 6) {
    return `${mantissa}e${exp < 0 ? '-' : '+'}${String(Math.abs(exp)).padStart(2, '0')}`;
  }
  return decimal(value);
}

/** Without exponent, as Go's 'f' with the shortest precision. */
function decimal(value: number): string {
  const text = String(value);
  if (!text.includes('e')) return text;
  const [mantissa, exponent] = text.split('e') as [string, string];
  const sign = mantissa.startsWith('-') ? '-' : '';
  const [whole, fraction = ''] = mantissa.replace('-', '').split('.') as [string, string?];
  const exp = Number(exponent);
  if (exp >= 0) return `${sign}${whole}${fraction.padEnd(exp, '0')}`;
  return `${sign}0.${'0'.repeat(-exp - 1)}${whole}${fraction}`;
}

export function durationText(ns: bigint): string {
  const seconds = ns / 1_000_000_000n;
  const rest = ns % 1_000_000_000n;
  if (rest === 0n) return `${seconds}s`;
  const fraction = String(rest < 0n ? -rest : rest)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${ns < 0n && seconds === 0n ? '-' : ''}${seconds}.${fraction}s`;
}

function quoteGo(text: string): string {
  return JSON.stringify(text);
}

function fromDouble(value: number, low: bigint, high: bigint, make: (v: bigint) => Value, overflow: Value): Value {
  if (!Number.isFinite(value)) return overflow;
  const whole = BigInt(Math.trunc(value));
  return whole < low || whole > high ? overflow : make(whole);
}

function addConversions(table: FunctionTable): void {
  const same = (value: Value): Value => value;
  for (const type of ['bool', 'bytes', 'double', 'duration', 'int', 'string', 'timestamp', 'uint']) {
    const name = { int: 'int64', uint: 'uint64' }[type] ?? type;
    table.add(type, `${name}_to_${name}`, `(${type}): ${type}`, same);
  }
  table.add('dyn', 'to_dyn', '(A): dyn', same);
  table.add('type', 'type', '(A): type<A>', (value: Value) => new TypeValue(typeNameOf(value)));
  table.add('bool', 'string_to_bool', '(string): bool', (text: string) => {
    if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
    if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
    return new CelFailure(`strconv.ParseBool: parsing ${quoteGo(text)}: invalid syntax`);
  });
  table.add('bytes', 'string_to_bytes', '(string): bytes', (text: string) => Buffer.from(text));
  table.add('double', 'int64_to_double', '(int): double', (value: bigint) => Number(value));
  table.add('double', 'uint64_to_double', '(uint): double', (value: Uint) => Number(value.value));
  table.add('double', 'string_to_double', '(string): double', (text: string) => {
    const special: Record<string, number> = { inf: Infinity, '+inf': Infinity, '-inf': -Infinity, nan: NaN };
    const value =
      special[text.toLowerCase()] ?? (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined);
    if (value === undefined) return new CelFailure(`strconv.ParseFloat: parsing ${quoteGo(text)}: invalid syntax`);
    return value;
  });
  table.add('duration', 'int64_to_duration', '(int): duration', (ns: bigint) => new Duration(ns));
  table.add('duration', 'string_to_duration', '(string): duration', (text: string) => {
    const ns = parseGoDuration(text);
    return ns === undefined ? new CelFailure(`time: invalid duration ${quoteGo(text)}`) : duration(ns);
  });
  table.add('int', 'double_to_int64', '(double): int', (v: number) => fromDouble(v, minInt, maxInt, int, intOverflow));
  table.add('int', 'uint64_to_int64', '(uint): int', (value: Uint) => int(value.value));
  table.add('int', 'duration_to_int64', '(duration): int', (value: Duration) => value.ns);
  table.add('int', 'timestamp_to_int64', '(timestamp): int', (value: Timestamp) => {
    const seconds = value.ns / 1_000_000_000n;
    return value.ns % 1_000_000_000n < 0n ? seconds - 1n : seconds;
  });
  table.add('int', 'string_to_int64', '(string): int', (text: string) => {
    if (!/^[+-]?\d+$/.test(text)) return new CelFailure(`strconv.ParseInt: parsing ${quoteGo(text)}: invalid syntax`);
    const value = BigInt(text.replace(/^\+/, ''));
    if (value >= minInt && value <= maxInt) return value;
    return new CelFailure(`strconv.ParseInt: parsing ${quoteGo(text)}: value out of range`);
  });
  table.add('uint', 'double_to_uint64', '(double): uint', (v: number) =>
    fromDouble(v, 0n, maxUint, uint, uintOverflow),
  );
  table.add('uint', 'int64_to_uint64', '(int): uint', (value: bigint) => uint(value));
  table.add('uint', 'string_to_uint64', '(string): uint', (text: string) => {
    if (!/^\d+$/.test(text)) return new CelFailure(`strconv.ParseUint: parsing ${quoteGo(text)}: invalid syntax`);
    const value = BigInt(text);
    if (value <= maxUint) return new Uint(value);
    return new CelFailure(`strconv.ParseUint: parsing ${quoteGo(text)}: value out of range`);
  });
  table.add('string', 'bool_to_string', '(bool): string', (value: boolean) => String(value));
  table.add('string', 'bytes_to_string', '(bytes): string', (value: Uint8Array) => {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
    } catch {
      return new CelFailure('invalid UTF-8 in bytes, cannot convert to string');
    }
  });
  table.add('string', 'double_to_string', '(double): string', goFloat);
  table.add('string', 'duration_to_string', '(duration): string', (value: Duration) => durationText(value.ns));
  table.add('string', 'int64_to_string', '(int): string', (value: bigint) => String(value));
  table.add('string', 'uint64_to_string', '(uint): string', (value: Uint) => String(value.value));
  table.add('string', 'timestamp_to_string', '(timestamp): string', (value: Timestamp) => rfc3339Nano(value.ns));
  table.add('string', 'ip_to_string', '(ip): string', (value: OpaqueValue) => String(value));
  table.add('string', 'cidr_to_string', '(cidr): string', (value: OpaqueValue) => String(value));
  table.add('timestamp', 'int64_to_timestamp', '(int): timestamp', (seconds: bigint) =>
    timestamp(seconds * 1_000_000_000n),
  );
  table.add('timestamp', 'string_to_timestamp', '(string): timestamp', (text: string) => {
    const ns = parseTimestamp(text);
    if (ns !== undefined) return timestamp(ns);
    return new CelFailure(`parsing time ${quoteGo(text)} as "2006-01-02T15:04:05Z07:00": cannot parse`);
  });
}

/** Unanchored, RE2. */
export function matches(text: string, pattern: string): Value {
  try {
    return compilePattern(pattern).test(text);
  } catch (error) {
    return new CelFailure(`error parsing regexp: ${(error as Error).message.replace(/^error parsing regexp: /, '')}`);
  }
}

function addCollections(table: FunctionTable): void {
  // The planner indexes by itself: constant indexes cost less than computed ones.
  const planned = (): Value => noSuchOverload;
  table.add('_[_]', 'index_list', '(list<A>, int): A', planned);
  table.add('_[_]', 'index_map', '(map<A, B>, A): B', planned);
  table.add('_[_]', 'optional_list_index_int', '(optional<list<V>>, int): optional<V>', planned);
  table.add('_[_]', 'optional_map_index_value', '(optional<map<K, V>>, K): optional<V>', planned);
  table.add('@in', 'in_list', '(A, list<A>): bool', planned);
  table.add('@in', 'in_map', '(A, map<A, B>): bool', (key: Value, map: CelMap) => map.has(key));
  table.add('_==_', 'equals', '(A, A): bool', planned);
  table.add('_!=_', 'not_equals', '(A, A): bool', planned);
  table.add('_&&_', 'logical_and', '(bool, bool): bool', planned);
  table.add('_||_', 'logical_or', '(bool, bool): bool', planned);
  table.add('_?_:_', 'conditional', '(bool, A, A): A', planned);
  table.add('@not_strictly_false', 'not_strictly_false', '(bool): bool', planned);
  const size = (value: Value): Value => BigInt(sizeOf(value));
  for (const [type, name] of [
    ['string', 'string'],
    ['bytes', 'bytes'],
    ['list<A>', 'list'],
    ['map<A, B>', 'map'],
  ] as const) {
    table.add('size', `size_${name}`, `(${type}): int`, size);
    table.add('size', `${name}_size`, `${type}.(): int`, size);
  }
  table.add('contains', 'contains_string', 'string.(string): bool', (a: string, b: string) => a.includes(b));
  table.add('startsWith', 'starts_with_string', 'string.(string): bool', (a: string, b: string) => a.startsWith(b));
  table.add('endsWith', 'ends_with_string', 'string.(string): bool', (a: string, b: string) => a.endsWith(b));
  table.add('matches', 'matches', '(string, string): bool', matches);
  table.add('matches', 'matches_string', 'string.(string): bool', matches);
}

export function addStandardFunctions(table: FunctionTable): void {
  addOrder(table);
  addArithmetic(table);
  addConversions(table);
  addCollections(table);
  addTimeFunctions(table);
}
