/** Numbers and texts as few bytes: variable lengths, runs, numbered values. What decision records are made of. */

export const column = { plain: 0, runs: 1, floats: 2, sameAsRaw: 3, fewValues: 4 } as const;
/** Values of a column that are numbered: two numbers a byte. */
const fewMax = 16;

const slabSize = 65_536;
let slab = Buffer.allocUnsafeSlow(slabSize);
let slabUsed = 0;

/** Bytes to fill, not cleared. Records share a buffer: one each takes longer to get, and to be rid of, than to fill. */
export function someBytes(size: number): Uint8Array {
  if (size > slabSize / 4) return Buffer.allocUnsafeSlow(size);
  if (slabUsed + size > slabSize) {
    slab = Buffer.allocUnsafeSlow(slabSize);
    slabUsed = 0;
  }
  slabUsed += size;
  return slab.subarray(slabUsed - size, slabUsed);
}

/** One for all records: what it holds is copied out when a record is whole. */
export class Writer {
  #bytes = Buffer.allocUnsafe(16_384);
  #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset);
  #length = 0;

  start(): void {
    this.#length = 0;
  }

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + more));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer, grown.byteOffset);
  }

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#length++] = value;
  }

  varint(value: number): void {
    this.#room(8);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  signed(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  float(value: number): void {
    this.#room(8);
    this.#view.setFloat64(this.#length, value);
    this.#length += 8;
  }

  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.varint(length);
    this.#room(length);
    this.#bytes.write(value, this.#length, length);
    this.#length += length;
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** Valid until the next start. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new RangeError('the decision record is cut short');
    return byte;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  }

  signed(): number {
    const value = this.varint();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }

  float(): number {
    const value = new DataView(this.#bytes.buffer, this.#bytes.byteOffset).getFloat64(this.#at);
    this.#at += 8;
    return value;
  }

  text(): string {
    const length = this.varint();
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  }
}

/** Pairs of a value and how often it follows itself. */
function writeRuns(out: Writer, values: ArrayLike<number>): void {
  const { length } = values;
  for (let i = 0; i < length; ) {
    const value = values[i]!;
    let end = i + 1;
    while (end < length && values[end] === value) end++;
    out.signed(value);
    out.varint(end - i);
    i = end;
  }
}

export function readRuns(input: Reader, length: number, read: () => number): number[] {
  const out: number[] = [];
  while (out.length < length) {
    const value = read();
    for (let n = input.varint(); n > 0; n--) out.push(value);
  }
  return out;
}

/** Number + 1 of each small value of a column; zeros between columns. */
const numbers = new Uint8Array(4096);
const few: number[] = [];

/** The different values of a column of small whole numbers, numbered, or false when they are too many. The caller forgets them. */
function numberFew(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!(value >= 0 && value < numbers.length)) return false;
    if (numbers[value] !== 0) continue;
    if (few.length === fewMax) return false;
    numbers[value] = few.push(value);
  }
  return true;
}

function forgetFew(): void {
  for (const value of few) numbers[value] = 0;
  few.length = 0;
}

/** A whole number that is exact when doubled for its sign. */
function isExact(value: number): boolean {
  if ((value | 0) === value) return value !== 0 || !Object.is(value, -0);
  return Number.isInteger(value) && Math.abs(value) < 2 ** 52;
}

export function writeColumn(out: Writer, values: ArrayLike<number>): void {
  let runs = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!isExact(value)) {
      out.varint(column.floats);
      for (let j = 0; j < values.length; j++) out.float(values[j]!);
      return;
    }
    if (i === 0 || value !== values[i - 1]) runs++;
  }
  // A run takes two or three bytes.
  if (runs * 5 < values.length) {
    out.varint(column.runs);
    writeRuns(out, values);
    return;
  }
  if (numberFew(values)) {
    out.varint(column.fewValues);
    out.varint(few.length);
    for (const value of few) out.varint(value);
    for (let i = 0; i < values.length; i += 2) {
      const second = i + 1 < values.length ? numbers[values[i + 1]!]! - 1 : 0;
      out.byte((numbers[values[i]!]! - 1) | (second << 4));
    }
    forgetFew();
    return;
  }
  forgetFew();
  out.varint(column.plain);
  for (let i = 0; i < values.length; i++) out.signed(values[i]!);
}

function readFew(input: Reader, length: number): number[] {
  const values = Array.from({ length: input.varint() }, () => input.varint());
  const out: number[] = [];
  while (out.length < length) {
    const pair = input.byte();
    out.push(values[pair & 15]!);
    if (out.length < length) out.push(values[pair >> 4]!);
  }
  return out;
}

export function readColumn(input: Reader, length: number, raw?: readonly number[]): number[] {
  const kind = input.varint();
  if (kind === column.sameAsRaw) return raw as number[];
  if (kind === column.runs) return readRuns(input, length, () => input.signed());
  if (kind === column.fewValues) return readFew(input, length);
  return Array.from({ length }, () => (kind === column.floats ? input.float() : input.signed()));
}
