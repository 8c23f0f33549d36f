/**
 * Plain JSON values: copy, compare, freeze, change by path copy. Integers beyond 2^53 may be bigints (see json-decode.ts).
 */
import { setOwn, verifyEnabled } from '../base/index.ts';

export { setOwn };

/** The own value of a key; never what Object.prototype has. */
export function getOwn(target: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(target, key) ? target[key] : undefined;
}

/** True for JSON objects: not null, not arrays. */
export function isObject(value: unknown): value is Record<string, any> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A private copy of a JSON value; fields that are `undefined` are left out. */
export function deepCopy<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  return copyAny(value) as T;
}

function copyAny(value: object): unknown {
  if (Array.isArray(value)) {
    const length = value.length;
    const out = new Array(length);
    for (let i = 0; i < length; i++) {
      const item = value[i];
      out[i] = typeof item === 'object' && item !== null ? copyAny(item) : item;
    }
    return out;
  }
  const out: Record<string, unknown> = {};
  const source = value as Record<string, unknown>;
  for (const key in source) {
    const item = source[key];
    if (item === undefined) continue;
    const copied = typeof item === 'object' && item !== null ? copyAny(item) : item;
    if (key === '__proto__') setOwn(out, key, copied);
    else out[key] = copied;
  }
  return out;
}

/** Equality of JSON values; a field that is `undefined` equals an absent one; a bigint equals the same integer. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    // biome-ignore lint/suspicious/noDoubleEquals: 5n == 5
    return (typeof a === 'bigint' || typeof b === 'bigint') && typeof a !== 'string' && typeof b !== 'string' && a == b;
  }
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (!deepEqual(a[i], b[i])) return false;
    return true;
  }
  if (Array.isArray(b)) return false;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  let count = 0;
  for (const key in left) {
    const value = left[key];
    if (value === undefined) continue;
    count++;
    if (!Object.hasOwn(right, key) || !deepEqual(value, right[key])) return false;
  }
  for (const key in right) if (right[key] !== undefined) count--;
  return count === 0;
}

/** Makes a value and all in it read-only under tests and `KLAB_VERIFY=1`; otherwise free. */
export function deepFreeze<T>(value: T): Readonly<T> {
  if (verifyEnabled) freezeAny(value);
  return value;
}

function freezeAny(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const item of Object.values(value)) freezeAny(item);
}

/** The value at a path of keys and indexes, or undefined. */
export function getIn(value: unknown, path: readonly (string | number)[]): any {
  let current: any = value;
  for (const step of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, step)) return undefined;
    current = current[step];
  }
  return current;
}

/** A copy with the value at `path` replaced; all off the path is shared. `undefined` removes the field. */
export function withIn<T>(value: T, path: readonly (string | number)[], replacement: unknown): T {
  if (path.length === 0) return replacement as T;
  const [head, ...rest] = path as [string | number, ...(string | number)[]];
  if (Array.isArray(value)) {
    const out: unknown[] = [...value];
    out[head as number] = withIn(out[head as number], rest, replacement);
    return out as T;
  }
  const source: Record<string, unknown> = isObject(value) ? value : {};
  const out: Record<string, unknown> = { ...source };
  const next = withIn(getOwn(source, String(head)), rest, replacement);
  if (next === undefined) delete out[String(head)];
  else setOwn(out, String(head), next);
  return out as T;
}
