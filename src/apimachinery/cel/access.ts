/** Fields, entries and items of values, optional or not. Upstream: cel-go interpreter/attributes.go. */
import { CelFailure, CelList, CelMap, formatValue, Optional, typeNameOf, Uint, type Value } from './values.ts';

export function missing(key: Value): Value {
  return new CelFailure(`no such key: ${formatValue(key)}`);
}

/** The field or entry, undefined where there is none. */
export function lookup(target: Value, key: Value): Value | undefined {
  if (target instanceof CelMap) return target.get(key);
  if (target instanceof CelList) {
    const index = listIndex(key);
    if (index === undefined) return new CelFailure(`unsupported index type '${typeNameOf(key)}' in list`);
    return index < 0n || index >= BigInt(target.length) ? undefined : target.items[Number(index)];
  }
  return undefined;
}

function listIndex(key: Value): bigint | undefined {
  if (typeof key === 'bigint') return key;
  if (key instanceof Uint) return key.value;
  return typeof key === 'number' && Number.isInteger(key) ? BigInt(key) : undefined;
}

export function access(target: Value, key: Value): Value {
  if (target instanceof CelFailure) return target;
  if (key instanceof CelFailure) return key;
  if (target instanceof Optional) {
    return target.value === undefined ? target : wrap(lookup(target.value, key));
  }
  const found = lookup(target, key);
  if (found !== undefined) return found;
  return target instanceof CelList ? new CelFailure(`index out of bounds: ${formatValue(key)}`) : missing(key);
}

export function optionalAccess(target: Value, key: Value): Value {
  if (target instanceof CelFailure) return target;
  if (key instanceof CelFailure) return key;
  const inner = target instanceof Optional ? target.value : target;
  return inner === undefined ? Optional.none : wrap(lookup(inner, key));
}

export function wrap(value: Value | undefined): Value {
  if (value === undefined) return Optional.none;
  return value instanceof CelFailure ? value : new Optional(value);
}
