/** Small steps of defaulting. Functions change what they are given: a private copy of the object being written. */
import { parseQuantity } from '../apimachinery/index.ts';

type Fields = Record<string, any>;

/** Sets a field that is absent or Go's zero value of its type (`''`, `0`). */
export function setIfZero(object: Fields, field: string, value: unknown): void {
  const current = object[field];
  if (current === undefined || current === null || current === '' || current === 0) object[field] = value;
}

/** Sets a field that is absent: Go pointers, where zero is a value. */
export function setIfAbsent(object: Fields, field: string, value: unknown): void {
  if (object[field] === undefined || object[field] === null) object[field] = value;
}

const milliNano = 1_000_000n;

/**
 * Amounts of a resource list in canonical form, rounded up to thousandths, as Go writes them back. What is no quantity
 * stays for the decoder or validation to name.
 */
export function canonicalResources(resources: Fields | undefined): void {
  if (resources === undefined || resources === null) return;
  for (const [name, amount] of Object.entries(resources)) {
    const text = canonicalAmount(amount);
    if (text !== undefined) resources[name] = text;
  }
}

export function canonicalAmount(amount: unknown): string | undefined {
  if (typeof amount !== 'string' && typeof amount !== 'number') return undefined;
  try {
    const quantity = parseQuantity(amount);
    if (quantity.nano % milliNano === 0n) return quantity.toString();
    const milli = quantity.nano / milliNano + (quantity.nano > 0n ? 1n : 0n);
    return parseQuantity(`${milli}m`).toString();
  } catch {
    return undefined;
  }
}

/** Canonical form of one quantity field, if it is there. */
export function canonicalField(object: Fields | undefined, field: string): void {
  const text = canonicalAmount(object?.[field]);
  if (object !== undefined && text !== undefined) object[field] = text;
}
