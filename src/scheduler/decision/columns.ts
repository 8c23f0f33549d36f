/**
 * A decision by columns, in memory and as bytes: node names are shared, refusals are numbered, scores are columns of small
 * integers. `expand` gives the exact data that `explain` prints: one entry a node, never grouped.
 */
import { column, Reader, readColumn, readRuns, someBytes, Writer, writeColumn } from './bytes.ts';

export interface PluginVerdict {
  readonly plugin: string;
  readonly reasons: readonly string[];
  /** The same with this node's values. */
  readonly detail?: string;
}

export interface PluginScore {
  readonly plugin: string;
  readonly raw: number;
  readonly normalised: number;
  readonly weight: number;
  readonly weighted: number;
}

export interface NodeDecision {
  readonly name: string;
  /** The plugin that refused the node; absent for feasible nodes. */
  readonly filter?: PluginVerdict;
  /** Not looked at: enough feasible nodes had been found, or PreFilter had excluded it. */
  readonly skipped?: boolean;
  readonly scores?: readonly PluginScore[];
  readonly total?: number;
}

/** A score of one plugin over the feasible nodes, in their order. */
export interface ScoreColumn {
  readonly plugin: string;
  readonly weight: number;
  readonly raw: ArrayLike<number>;
  readonly normalised: ArrayLike<number>;
}

/** A decision by columns: what is kept in memory and on disk. */
export interface DecisionColumns {
  readonly nodeNames: readonly string[];
  readonly verdicts: readonly PluginVerdict[];
  /** Per node: 0 not looked at, 1 feasible, n + 2 refused with verdict n. */
  readonly state: ArrayLike<number>;
  /** Indexes of the scored nodes, in the order they were found. */
  readonly feasible: ArrayLike<number>;
  readonly scores: readonly ScoreColumn[];
  /** `tiedWith` are all the nodes of the highest total, in the order of `feasible`. Absent: not known. */
  readonly plainTie?: boolean;
}

/** The same as bytes: a twentieth of the memory, for as long as a pod is being bound. */
export interface SealedColumns extends Pick<DecisionColumns, 'nodeNames' | 'verdicts' | 'plainTie'> {
  readonly scorers: readonly Scorer[];
  readonly body: Uint8Array;
}

/** A plugin's name, and the weight of its scores. */
export type Scorer = readonly [plugin: string, weight: number];

export function scorersOf({ scores }: DecisionColumns): Scorer[] {
  return scores.map(({ plugin, weight }) => [plugin, weight] as const);
}

export function expand({ nodeNames, verdicts, state, feasible, scores }: DecisionColumns): NodeDecision[] {
  const positions = new Map<number, number>();
  for (let i = 0; i < feasible.length; i++) positions.set(feasible[i]!, i);
  return nodeNames.map((name, i) => {
    const is = state[i]!;
    if (is === 0) return { name, skipped: true };
    if (is > 1) return { name, filter: verdicts[is - 2]! };
    const position = positions.get(i);
    if (position === undefined) return { name };
    let total = 0;
    const own = scores.map(({ plugin, weight, raw, normalised }) => {
      const weighted = normalised[position]! * weight;
      total += weighted;
      return { plugin, raw: raw[position]!, normalised: normalised[position]!, weight, weighted };
    });
    return { name, scores: own, total };
  });
}

/** Columns of a decision that was not built here, e.g. one read from JSON. */
export function columnsFrom(nodes: readonly NodeDecision[]): DecisionColumns {
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

/** Positions in `feasible` of the highest total, added up in the order in which the choice did. */
export function highest({ feasible, scores }: DecisionColumns): number[] {
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

/** As `writeRuns`, which sees arrays of many kinds: this one is compiled for one kind, and a fifth of the time. */
function writeStates(out: Writer, states: ArrayLike<number>): void {
  const { length } = states;
  if (length === 0) return;
  let begun = 0;
  let same = states[0]!;
  for (let i = 1; i < length; i++) {
    const state = states[i]!;
    if (state === same) continue;
    out.varint(same);
    out.varint(i - begun);
    begun = i;
    same = state;
  }
  out.varint(same);
  out.varint(length - begun);
}

/** Runs of node states, where the search began, columns of scores. `feasible`: nodes that passed all filters. */
export function writeColumns(out: Writer, data: DecisionColumns, feasible: number): void {
  out.varint(data.state.length);
  writeStates(out, data.state);
  out.varint(data.feasible.length);
  if (data.feasible.length > 0) {
    const ordered = inSearchOrder(data, feasible);
    out.varint(ordered ? 1 : 0);
    if (ordered) out.varint(data.feasible[0]!);
    else for (let i = 0; i < data.feasible.length; i++) out.varint(data.feasible[i]!);
  }
  for (const { raw, normalised } of data.scores) {
    writeColumn(out, raw);
    if (raw === normalised || same(raw, normalised)) out.varint(column.sameAsRaw);
    else writeColumn(out, normalised);
  }
}

export function readColumns(
  input: Reader,
  scorers: readonly Scorer[],
): Pick<DecisionColumns, 'state' | 'feasible' | 'scores'> {
  const state = readRuns(input, input.varint(), () => input.varint());
  const count = input.varint();
  let feasible: number[] = [];
  if (count > 0) {
    if (input.varint() === 1) feasible = searchOrder(state, input.varint());
    else feasible = Array.from({ length: count }, () => input.varint());
  }
  const scores: ScoreColumn[] = scorers.map(([plugin, weight]) => {
    const raw = readColumn(input, count);
    return { plugin, weight, raw, normalised: readColumn(input, count, raw) };
  });
  return { state, feasible, scores };
}

const sealing = new Writer();

export function seal(data: DecisionColumns, feasible: number): SealedColumns {
  sealing.start();
  writeColumns(sealing, data, feasible);
  const body = someBytes(sealing.written.length);
  body.set(sealing.written);
  const { nodeNames, verdicts, plainTie } = data;
  return { nodeNames, verdicts, scorers: scorersOf(data), body, ...(plainTie && { plainTie }) };
}

export function unseal({ nodeNames, verdicts, scorers, body, plainTie }: SealedColumns): DecisionColumns {
  return { nodeNames, verdicts, ...readColumns(new Reader(body), scorers), ...(plainTie && { plainTie }) };
}
