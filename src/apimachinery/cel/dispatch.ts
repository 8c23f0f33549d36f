/** Which overload a call runs where types are known at run time only. Upstream: cel-go common/decls (dispatch). */
import type { CelType } from './cel-types.ts';
import type { Implementation, Overload } from './functions.ts';
import {
  CelFailure,
  CelList,
  CelMap,
  Duration,
  noSuchOverload,
  OpaqueValue,
  Optional,
  Timestamp,
  TypeValue,
  typeNameOf,
  Uint,
  type Value,
} from './values.ts';

function holdsDyn(type: CelType): boolean {
  return type.kind === 'dyn' || type.kind === 'error' || type.kind === 'param' || type.params.some(holdsDyn);
}

function fits(value: Value, type: CelType): boolean {
  switch (type.kind) {
    case 'dyn':
    case 'param':
    case 'error':
      return true;
    case 'null':
      return value === null;
    case 'bool':
      return typeof value === 'boolean';
    case 'int':
      return typeof value === 'bigint';
    case 'uint':
      return value instanceof Uint;
    case 'double':
      return typeof value === 'number';
    case 'string':
      return typeof value === 'string';
    case 'bytes':
      return value instanceof Uint8Array;
    case 'timestamp':
      return value instanceof Timestamp;
    case 'duration':
      return value instanceof Duration;
    case 'type':
      return value instanceof TypeValue;
    case 'list':
      return value instanceof CelList && (value.length === 0 || fits(value.items[0]!, type.params[0]!));
    case 'map': {
      if (!(value instanceof CelMap)) return false;
      if (value.size === 0) return true;
      const key = value.keys()[0];
      return key === undefined || (fits(key, type.params[0]!) && fits(value.get(key)!, type.params[1]!));
    }
    case 'opaque':
      if (type.name === 'optional_type') return value instanceof Optional;
      return value instanceof OpaqueValue && value.typeName === type.name;
    case 'struct':
      return value instanceof OpaqueValue ? value.typeName === type.name : value instanceof CelMap;
  }
}

const arithmetic = new Set(['_+_', '_-_', '_*_', '_/_', '_%_', '-_', '!_']);
const order = new Set(['_<_', '_<=_', '_>_', '_>=_']);

/** Operators of a value that knows the operator say only "no such overload"; all else names the call. */
function mismatch(fn: string, args: readonly Value[]): Value {
  const [left] = args;
  const isNumber = typeof left === 'bigint' || typeof left === 'number' || left instanceof Uint;
  const isTime = left instanceof Timestamp || left instanceof Duration;
  const isText = typeof left === 'string' || left instanceof Uint8Array;
  if (order.has(fn) && (isNumber || isTime || isText || typeof left === 'boolean')) return noSuchOverload;
  if (arithmetic.has(fn)) {
    const knows =
      isNumber ||
      (isTime && (fn === '_+_' || fn === '_-_')) ||
      ((isText || left instanceof CelList) && fn === '_+_') ||
      (typeof left === 'boolean' && fn === '!_');
    return knows ? noSuchOverload : new CelFailure(`no such overload: ${fn}`);
  }
  return new CelFailure(`no such overload: ${fn}(${args.map(typeNameOf).join(', ')})`);
}

/** The implementation for these overloads; calls whose types the checker could tell are not looked at again. */
export function dispatcher(fn: string, overloads: readonly Overload[], argTypes: readonly CelType[]): Implementation {
  if (overloads.length === 1 && !argTypes.some(holdsDyn)) return overloads[0]!.run;
  return (...args: Value[]): Value => {
    for (const overload of overloads) {
      if (overload.args.every((type, i) => fits(args[i]!, type))) return overload.run(...args);
    }
    return mismatch(fn, args);
  };
}
