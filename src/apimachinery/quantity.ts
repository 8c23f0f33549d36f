/**
 * Amounts such as `100m`, `1.5Gi`, `2e3`. Upstream: apimachinery/pkg/api/resource/{quantity,suffix}.go.
 * Amounts are whole bigints of 10^-9; what is finer is rounded away from zero when parsed, as upstream does.
 */
import { FormatError } from './format-error.ts';

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

const nanoDigits = 9;
const nanoPerUnit = 1_000_000_000n;
const nanoPerMilli = 1_000_000n;
const int64Max = (1n << 63n) - 1n;
/** Upstream has no bound; numbers of this size are mistakes or attacks. */
const exponentMax = 400;
const cacheMax = 4096;

const decimalSuffixes: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const binarySuffixes: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
const decimalSuffixOf = new Map(Object.entries(decimalSuffixes).map(([suffix, exponent]) => [exponent, suffix]));
const binarySuffixOf = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

const wrongFormat = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

const fail = (message: string): FormatError => new FormatError('InvalidQuantity', message);

/** Quotient rounded away from zero. */
function divideUp(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  if (value % divisor === 0n) return quotient;
  return value > 0n ? quotient + 1n : quotient - 1n;
}

/** Immutable. */
export class Quantity {
  readonly format: QuantityFormat;
  /** In units of 10^-9. */
  readonly nano: bigint;
  #text: string | undefined;
  #value: number | undefined;
  #milli: number | undefined;

  /** `text` is the canonical form when it is known already. */
  constructor(nano: bigint, format: QuantityFormat, text?: string) {
    this.nano = nano;
    this.format = format;
    this.#text = text;
  }

  get isZero(): boolean {
    return this.nano === 0n;
  }

  get sign(): -1 | 0 | 1 {
    return this.nano > 0n ? 1 : this.nano < 0n ? -1 : 0;
  }

  /** Whole units, rounded away from zero: for bytes and counts. */
  value(): number {
    this.#value ??= Number(divideUp(this.nano, nanoPerUnit));
    return this.#value;
  }

  /** Thousandths, rounded away from zero: for CPU. */
  milliValue(): number {
    this.#milli ??= Number(divideUp(this.nano, nanoPerMilli));
    return this.#milli;
  }

  /** Nearest double, for ratios. */
  toNumber(): number {
    return Number(this.nano) / 1e9;
  }

  compare(other: Quantity): -1 | 0 | 1 {
    return this.nano < other.nano ? -1 : this.nano > other.nano ? 1 : 0;
  }

  equals(other: Quantity): boolean {
    return this.nano === other.nano;
  }

  /** The sum has this quantity's format, unless this is zero. */
  add(other: Quantity): Quantity {
    return new Quantity(this.nano + other.nano, this.isZero ? other.format : this.format);
  }

  subtract(other: Quantity): Quantity {
    return new Quantity(this.nano - other.nano, this.isZero ? other.format : this.format);
  }

  negate(): Quantity {
    return new Quantity(-this.nano, this.format);
  }

  /** By a whole number. */
  multiply(factor: number | bigint): Quantity {
    return new Quantity(this.nano * BigInt(factor), this.format);
  }

  /** Rounded away from zero to a multiple of 10^exponent, exponent from -9. */
  roundUp(exponent: number): Quantity {
    const unit = 10n ** BigInt(exponent + nanoDigits);
    return new Quantity(divideUp(this.nano, unit) * unit, this.format);
  }

  toString(): string {
    this.#text ??= canonicalText(this.nano, this.format);
    return this.#text;
  }

  toJSON(): string {
    return this.toString();
  }
}

function canonicalText(nano: bigint, format: QuantityFormat): string {
  if (nano === 0n) return '0';
  if (format === 'BinarySI') {
    const fits = (nano <= -1024n * nanoPerUnit || nano >= 1024n * nanoPerUnit) && nano % nanoPerUnit === 0n;
    if (fits) return binaryText(nano / nanoPerUnit);
  }
  let digits = nano;
  let exponent = -nanoDigits;
  while (digits % 10n === 0n) {
    digits /= 10n;
    exponent++;
  }
  for (; exponent % 3 !== 0; exponent--) digits *= 10n;
  if (format === 'DecimalExponent') return exponent === 0 ? String(digits) : `${digits}e${exponent}`;
  // Beyond E upstream writes no suffix at all; so do we.
  return `${digits}${decimalSuffixOf.get(exponent) ?? ''}`;
}

function binaryText(units: bigint): string {
  let value = units;
  let times = 0;
  while (value % 1024n === 0n) {
    value /= 1024n;
    times++;
  }
  return `${value}${binarySuffixOf[times] ?? ''}`;
}

interface Parts {
  readonly negative: boolean;
  /** Digits before the point, without leading zeros. */
  readonly whole: string;
  /** Digits after the point. */
  readonly fraction: string;
  readonly suffix: string;
}

/** Upstream's hand-made scanner accepts a little more than its regular expression says (`.5`, `-`, `Mi`). */
const shape = /^([+-]?)0*([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*(?:[-+]?[0-9]*))$/;

function split(text: string): Parts {
  if (text === '') throw fail(wrongFormat);
  const match = shape.exec(text);
  if (!match) throw fail(wrongFormat);
  return { negative: match[1] === '-', whole: match[2]!, fraction: match[3] ?? '', suffix: match[4]! };
}

function interpretSuffix(suffix: string): { base: 10 | 2; exponent: number; format: QuantityFormat } {
  if (Object.hasOwn(decimalSuffixes, suffix)) {
    return { base: 10, exponent: decimalSuffixes[suffix]!, format: 'DecimalSI' };
  }
  if (Object.hasOwn(binarySuffixes, suffix)) {
    return { base: 2, exponent: binarySuffixes[suffix]!, format: 'BinarySI' };
  }
  const exponent = /^[eE]([-+]?[0-9]+)$/.exec(suffix)?.[1];
  if (exponent === undefined || Math.abs(Number(exponent)) > exponentMax) {
    throw fail("unable to parse quantity's suffix");
  }
  return { base: 10, exponent: Number(exponent), format: 'DecimalExponent' };
}

function parse(text: string): Quantity {
  const { negative, whole, fraction, suffix } = split(text);
  const { base, exponent, format } = interpretSuffix(suffix);
  const digits = whole + fraction;
  const unscaled = BigInt(digits === '' ? '0' : digits);
  const scale = (base === 10 ? exponent : 0) - fraction.length + nanoDigits;
  let nano = base === 2 ? unscaled << BigInt(exponent) : unscaled;
  nano = scale >= 0 ? nano * 10n ** BigInt(scale) : divideUp(nano, 10n ** BigInt(-scale));
  let kind = format;
  if (format === 'BinarySI') {
    if (nano > int64Max * nanoPerUnit) nano = int64Max * nanoPerUnit;
    if (nano > 0n && nano < nanoPerUnit) kind = 'DecimalSI';
  }
  const canonical = keepsText(digits, fraction, base, exponent, unscaled) ? text : undefined;
  return new Quantity(negative ? -nano : nano, kind, canonical);
}

/** Upstream keeps the text it read when a cheap look says that it is canonical already (which keeps `+5` and `05`). */
function keepsText(digits: string, fraction: string, base: 10 | 2, exponent: number, unscaled: bigint): boolean {
  if (digits === '' || unscaled > int64Max) return false;
  if (base === 2) {
    const precision = 15 - digits.length - Math.trunc((exponent * 3) / 10) - 1;
    return fraction === '' && precision >= 0 && (unscaled & 7n) !== 0n;
  }
  const scale = exponent - fraction.length;
  return digits.length <= 18 && scale >= -9 && scale % 3 === 0 && !digits.endsWith('000') && digits[0] !== '0';
}

const cache = new Map<string, Quantity>();

/**
 * Cached; JSON numbers are read by their text.
 * @throws FormatError (InvalidQuantity) with upstream's text.
 */
export function parseQuantity(text: string | number): Quantity {
  const key = typeof text === 'number' ? String(text) : text;
  let quantity = cache.get(key);
  if (quantity === undefined) {
    quantity = parse(key);
    if (cache.size >= cacheMax) cache.delete(cache.keys().next().value!);
    cache.set(key, quantity);
  }
  return quantity;
}

export function newQuantity(value: number | bigint, format: QuantityFormat): Quantity {
  return new Quantity(BigInt(value) * nanoPerUnit, format);
}

export function newMilliQuantity(milli: number | bigint, format: QuantityFormat): Quantity {
  return new Quantity(BigInt(milli) * nanoPerMilli, format);
}

/** Thousandths as a number: for CPU. 0 for undefined. */
export function milliValueOf(text: string | number | undefined): number {
  return text === undefined ? 0 : parseQuantity(text).milliValue();
}

/** Whole units as a number, rounded up: for bytes and counts. 0 for undefined. */
export function wholeValueOf(text: string | number | undefined): number {
  return text === undefined ? 0 : parseQuantity(text).value();
}

export function compareQuantity(a: string | number, b: string | number): -1 | 0 | 1 {
  return parseQuantity(a).compare(parseQuantity(b));
}

/** Canonical text of the sum. */
export function addQuantity(a: string | number, b: string | number): string {
  return parseQuantity(a).add(parseQuantity(b)).toString();
}

/** Canonical text of the difference. */
export function subtractQuantity(a: string | number, b: string | number): string {
  return parseQuantity(a).subtract(parseQuantity(b)).toString();
}

/** Canonical text, as the API server writes it back. */
export function canonicalQuantity(text: string | number): string {
  return parseQuantity(text).toString();
}
