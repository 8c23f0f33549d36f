/**
 * Decisions as bytes. What repeats is written once: the names of the nodes are a list of their own that many decisions
 * refer to, verdicts are numbered, equal neighbours are runs, scores are columns of small integers. At 5,000 nodes a
 * decision takes two or three kilobytes.
 *
 * `version, deflated?, payload`; payload = head (JSON) · runs of node states · where the search began · score columns.
 */
import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import {
  columnsOf,
  type Decision,
  type DecisionColumns,
  type DecisionHead,
  decisionOf,
  type NodeDecision,
  type PluginVerdict,
  type ScoreColumn,
} from './record.ts';

const version = 1;
/** Shorter payloads are not worth the time: deflating takes longer than all the rest. */
const deflateFrom = 4096;

const column = { plain: 0, runs: 1, floats: 2, sameAsRaw: 3 } as const;

interface Head {
  readonly head: DecisionHead;
  readonly verdicts: readonly PluginVerdict[];
  readonly names: string;
  readonly scores: readonly (readonly [plugin: string, weight: number])[];
}

class Writer {
  #bytes = new Uint8Array(1024);
  #length = 0;

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
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
    new DataView(this.#bytes.buffer).setFloat64(this.#length, value);
    this.#length += 8;
  }

  text(value: string): void {
    const bytes = Buffer.from(value, 'utf8');
    this.varint(bytes.length);
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new RangeError('the decision record is cut short');
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

function packed(payload: Uint8Array): Uint8Array {
  const deflated = payload.length >= deflateFrom;
  const body = deflated ? deflateRawSync(payload, { level: 1 }) : payload;
  const out = new Uint8Array(body.length + 2);
  out[0] = version;
  out[1] = deflated ? 1 : 0;
  out.set(body, 2);
  return out;
}

/** @throws RangeError for bytes of another version. */
function unpacked(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== version) throw new RangeError(`decision records of version ${bytes[0]} are not known here`);
  const body = bytes.subarray(2);
  return bytes[1] === 1 ? inflateRawSync(body) : body;
}

function writeRuns(out: Writer, values: ArrayLike<number>, write: (value: number) => void): void {
  for (let i = 0; i < values.length; ) {
    const value = values[i]!;
    let end = i + 1;
    while (end < values.length && values[end] === value) end++;
    write(value);
    out.varint(end - i);
    i = end;
  }
}

function readRuns(input: Reader, length: number, read: () => number): number[] {
  const out: number[] = [];
  while (out.length < length) {
    const value = read();
    for (let n = input.varint(); n > 0; n--) out.push(value);
  }
  return out;
}

function writeColumn(out: Writer, values: ArrayLike<number>): void {
  let runs = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      out.varint(column.floats);
      for (let j = 0; j < values.length; j++) out.float(values[j]!);
      return;
    }
    if (i === 0 || value !== values[i - 1]) runs++;
  }
  if (runs * 2 < values.length) {
    out.varint(column.runs);
    writeRuns(out, values, (value) => out.signed(value));
    return;
  }
  out.varint(column.plain);
  for (let i = 0; i < values.length; i++) out.signed(values[i]!);
}

function readColumn(input: Reader, length: number, raw?: readonly number[]): number[] {
  const kind = input.varint();
  if (kind === column.sameAsRaw) return raw as number[];
  if (kind === column.runs) return readRuns(input, length, () => input.signed());
  return Array.from({ length }, () => (kind === column.floats ? input.float() : input.signed()));
}

function same(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** Feasible nodes are found in the nodes' order from where the search began; anything else is written out. */
function inSearchOrder({ feasible, state }: DecisionColumns): boolean {
  let wraps = 0;
  for (let i = 1; i < feasible.length; i++) if (feasible[i]! <= feasible[i - 1]!) wraps++;
  if (wraps > 1 || (wraps === 1 && feasible[feasible.length - 1]! >= feasible[0]!)) return false;
  let count = 0;
  for (let i = 0; i < state.length; i++) if (state[i] === 1) count++;
  return count === feasible.length;
}

function searchOrder(state: ArrayLike<number>, first: number): number[] {
  const out: number[] = [];
  for (let i = first; i < state.length; i++) if (state[i] === 1) out.push(i);
  for (let i = 0; i < first; i++) if (state[i] === 1) out.push(i);
  return out;
}

/** Columns of a decision that was not built here, e.g. one read from JSON. */
function columnsFrom(nodes: readonly NodeDecision[]): DecisionColumns {
  const verdicts: PluginVerdict[] = [];
  const known = new Map<string, number>();
  const feasible: number[] = [];
  const scores = new Map<string, { plugin: string; weight: number; raw: number[]; normalised: number[] }>();
  const state = nodes.map((node, i) => {
    if (node.skipped) return 0;
    if (node.filter) {
      const key = JSON.stringify(node.filter);
      let index = known.get(key);
      if (index === undefined) {
        index = verdicts.push(node.filter) - 1;
        known.set(key, index);
      }
      return index + 2;
    }
    if (node.scores) feasible.push(i);
    for (const { plugin, weight, raw, normalised } of node.scores ?? []) {
      let entry = scores.get(plugin);
      if (!entry) {
        entry = { plugin, weight, raw: [], normalised: [] };
        scores.set(plugin, entry);
      }
      entry.raw.push(raw);
      entry.normalised.push(normalised);
    }
    return 1;
  });
  return { nodeNames: nodes.map((node) => node.name), verdicts, state, feasible, scores: [...scores.values()] };
}

/** What a decision's node names are kept under. */
export function namesId(names: readonly string[]): string {
  return createHash('sha256').update(names.join('\n')).digest('base64url').slice(0, 22);
}

/** Names of nodes, in order, as bytes. */
export function encodeNames(names: readonly string[]): Uint8Array {
  return packed(Buffer.from(names.join('\n'), 'utf8'));
}

export function decodeNames(bytes: Uint8Array): string[] {
  const text = Buffer.from(unpacked(bytes)).toString('utf8');
  return text === '' ? [] : text.split('\n');
}

/** Without looking at `nodes`, which would be made for it. */
function headOf(decision: Decision): DecisionHead {
  const head: Record<string, unknown> = {};
  for (const key of Object.keys(decision)) if (key !== 'nodes') head[key] = decision[key as keyof Decision];
  return head as unknown as DecisionHead;
}

/** `intern` keeps a list of names and says under which id. */
export function encodeDecision(decision: Decision, intern: (names: readonly string[]) => string): Uint8Array {
  const data = columnsOf(decision) ?? columnsFrom(decision.nodes);
  const json: Head = {
    head: headOf(decision),
    verdicts: data.verdicts,
    names: intern(data.nodeNames),
    scores: data.scores.map(({ plugin, weight }) => [plugin, weight] as const),
  };
  const out = new Writer();
  out.text(JSON.stringify(json));
  out.varint(data.state.length);
  writeRuns(out, data.state, (value) => out.varint(value));
  out.varint(data.feasible.length);
  if (data.feasible.length > 0) {
    const ordered = inSearchOrder(data);
    out.varint(ordered ? 1 : 0);
    if (ordered) out.varint(data.feasible[0]!);
    else for (let i = 0; i < data.feasible.length; i++) out.varint(data.feasible[i]!);
  }
  for (const { raw, normalised } of data.scores) {
    writeColumn(out, raw);
    if (same(raw, normalised)) out.varint(column.sameAsRaw);
    else writeColumn(out, normalised);
  }
  return packed(out.finish());
}

/** @throws RangeError for bytes that are no record of this version. */
export function decodeDecision(bytes: Uint8Array, namesOf: (id: string) => readonly string[] | undefined): Decision {
  const input = new Reader(unpacked(bytes));
  const { head, verdicts, names, scores: heads } = JSON.parse(input.text()) as Head;
  const nodeNames = namesOf(names) ?? [];
  const state = readRuns(input, input.varint(), () => input.varint());
  const count = input.varint();
  let feasible: number[] = [];
  if (count > 0) {
    if (input.varint() === 1) feasible = searchOrder(state, input.varint());
    else feasible = Array.from({ length: count }, () => input.varint());
  }
  const scores: ScoreColumn[] = heads.map(([plugin, weight]) => {
    const raw = readColumn(input, count);
    return { plugin, weight, raw, normalised: readColumn(input, count, raw) };
  });
  return decisionOf(head, { nodeNames, verdicts, state, feasible, scores });
}
