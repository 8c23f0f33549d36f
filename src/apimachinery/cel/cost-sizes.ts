/** Ranges of sizes and costs, held below 2^64 as upstream's uint64. Upstream: cel-go checker/cost.go. */

export interface Range {
  readonly min: number;
  readonly max: number;
}

export const unbounded: number = 2 ** 64;

const clip = (value: number): number => Math.min(value, unbounded);

export const fixed = (value: number): Range => ({ min: value, max: value });
export const unknownSize: Range = { min: 0, max: unbounded };

export function add(a: Range, b: Range): Range {
  return { min: clip(a.min + b.min), max: clip(a.max + b.max) };
}

export function multiply(a: Range, b: Range): Range {
  return { min: clip(a.min * b.min), max: clip(a.max * b.max) };
}

/** Rounded up. */
export function scale(a: Range, factor: number): Range {
  return { min: clip(Math.ceil(a.min * factor)), max: clip(Math.ceil(a.max * factor)) };
}

export function union(a: Range, b: Range): Range {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}
