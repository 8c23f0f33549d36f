/**
 * Decisions as bytes. What repeats is written once: the names of the nodes are a list of their own that many decisions
 * refer to, verdicts are numbered, equal neighbours are runs, scores are columns of small integers. At 5,000 nodes a
 * decision takes two or three kilobytes.
 *
 * `version, deflated?, payload`; payload = head (JSON) · runs of node states · where the search began · score columns.
 */
import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { column, Reader, readColumn, readRuns, Writer, writeColumn, writeRuns } from './bytes.ts';
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

const version = 2;
/** Version 1 had no columns of few values and named the nodes of a tie. */
const readable: readonly (number | undefined)[] = [1, 2];
/** Shorter payloads are not worth the time: deflating takes longer than deciding. */
const deflateFrom = 32_768;

interface Head {
  readonly head: DecisionHead;
  readonly verdicts: readonly PluginVerdict[];
  readonly names: string;
  readonly scores: readonly (readonly [plugin: string, weight: number])[];
  /** All nodes of the highest total were tied. */
  readonly tied?: true;
}

const writer = new Writer();

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
  if (!readable.includes(bytes[0])) throw new RangeError(`decision records of version ${bytes[0]} are not known here`);
  const body = bytes.subarray(2);
  return bytes[1] === 1 ? inflateRawSync(body) : body;
}

function same(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** Feasible nodes are found in the nodes' order from where the search began; anything else is written out. */
function inSearchOrder({ feasible }: DecisionColumns, count: number): boolean {
  let wraps = 0;
  for (let i = 1; i < feasible.length; i++) if (feasible[i]! <= feasible[i - 1]!) wraps++;
  if (wraps > 1 || (wraps === 1 && feasible[feasible.length - 1]! >= feasible[0]!)) return false;
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

/** Without looking at `nodes`, which would be made for it. `tied`: without who was tied. */
export function headOf(decision: Decision, tied = false): DecisionHead {
  const head: Record<string, unknown> = {};
  for (const key of Object.keys(decision)) {
    if (key === 'nodes' || (tied && key === 'tiedWith')) continue;
    head[key] = decision[key as keyof Decision];
  }
  return head as unknown as DecisionHead;
}

/** Positions in `feasible` of the highest total, added up in the order in which the choice did. */
function highest({ feasible, scores }: DecisionColumns): number[] {
  const totals = new Float64Array(feasible.length);
  for (const { weight, normalised } of scores) {
    for (let i = 0; i < totals.length; i++) totals[i]! += normalised[i]! * weight;
  }
  let best = Number.NEGATIVE_INFINITY;
  let out: number[] = [];
  for (let i = 0; i < totals.length; i++) {
    if (totals[i]! > best) {
      best = totals[i]!;
      out = [i];
    } else if (totals[i] === best) out.push(i);
  }
  return out;
}

/** Says the highest total who was tied? Then the names need not be written. */
function tieIsPlain({ tiedWith }: Decision, data: DecisionColumns): boolean {
  if (!tiedWith) return false;
  if (data.plainTie) return true;
  const positions = highest(data);
  return (
    positions.length === tiedWith.length &&
    positions.every((position, i) => data.nodeNames[data.feasible[position]!] === tiedWith[i])
  );
}

/** `intern` keeps a list of names and says under which id. */
export function encodeDecision(decision: Decision, intern: (names: readonly string[]) => string): Uint8Array {
  const data = columnsOf(decision) ?? columnsFrom(decision.nodes);
  const tied = tieIsPlain(decision, data);
  const json: Head = {
    head: headOf(decision, tied),
    verdicts: data.verdicts,
    names: intern(data.nodeNames),
    scores: data.scores.map(({ plugin, weight }) => [plugin, weight] as const),
    ...(tied && { tied }),
  };
  const out = writer;
  out.start();
  out.text(JSON.stringify(json));
  out.varint(data.state.length);
  writeRuns(out, data.state, false);
  out.varint(data.feasible.length);
  if (data.feasible.length > 0) {
    const ordered = inSearchOrder(data, decision.feasible);
    out.varint(ordered ? 1 : 0);
    if (ordered) out.varint(data.feasible[0]!);
    else for (let i = 0; i < data.feasible.length; i++) out.varint(data.feasible[i]!);
  }
  for (const { raw, normalised } of data.scores) {
    writeColumn(out, raw);
    if (same(raw, normalised)) out.varint(column.sameAsRaw);
    else writeColumn(out, normalised);
  }
  return packed(out.written);
}

/** @throws RangeError for bytes that are no record of this version. */
export function decodeDecision(bytes: Uint8Array, namesOf: (id: string) => readonly string[] | undefined): Decision {
  const input = new Reader(unpacked(bytes));
  const { head, verdicts, names, scores: heads, tied } = JSON.parse(input.text()) as Head;
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
  const data: DecisionColumns = { nodeNames, verdicts, state, feasible, scores };
  if (!tied) return decisionOf(head, data);
  return decisionOf({ ...head, tiedWith: highest(data).map((position) => nodeNames[feasible[position]!]!) }, data);
}
