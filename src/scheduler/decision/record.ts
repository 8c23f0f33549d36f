/**
 * What one attempt decided and why, kept compactly: node names are shared, refusals are numbered, scores are typed arrays.
 * `expand` gives the exact data that `explain` prints: one entry a node, never grouped.
 */
import type { Refusal } from '../framework/types.ts';

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

export interface Decision {
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** 1, 2, 3 … of this pod. */
  readonly attempt: number;
  readonly scheduler: string;
  /** Cluster-clock ms. */
  readonly queuedAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly result: 'Scheduled' | 'Unschedulable' | 'Error';
  /** The event's text. */
  readonly message: string;
  readonly preFilter: readonly (PluginVerdict & { readonly nodes?: number })[];
  readonly plugins: readonly { readonly name: string; readonly weight: number; readonly skipped: boolean }[];
  readonly nodes: readonly NodeDecision[];
  readonly feasible: number;
  /** The node chosen. */
  readonly node?: string;
  /** Nodes that shared the highest total, the chosen one among them, when there was more than one. */
  readonly tiedWith?: readonly string[];
  /** Why binding failed. */
  readonly bindError?: string;
  /** What preemption looked at, when no node was feasible. */
  readonly preemption?: PreemptionRecord;
  /** The node the pod is nominated to, after preemption. */
  readonly nominatedNode?: string;
}

export interface PreemptionRecord {
  /** The best first reads as chosen. */
  readonly chosen?: string;
  readonly candidates: readonly PreemptionCandidate[];
}

export interface PreemptionCandidate {
  readonly node: string;
  readonly pdbViolations: number;
  /** Most important first. */
  readonly victims: readonly { readonly namespace: string; readonly name: string; readonly priority: number }[];
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

/** All of a decision but what its columns say. */
export type DecisionHead = Omit<Decision, 'nodes'>;

const columns = new WeakMap<Decision, DecisionColumns>();

/** A decision whose `nodes` are made from columns each time somebody asks. */
export function decisionOf(head: DecisionHead, data: DecisionColumns): Decision {
  const decision: Decision = {
    ...head,
    get nodes() {
      return expand(data);
    },
  };
  columns.set(decision, data);
  return decision;
}

/** The columns of a decision that `decisionOf` made. */
export function columnsOf(decision: Decision): DecisionColumns | undefined {
  return columns.get(decision);
}

function expand({ nodeNames, verdicts, state, feasible, scores }: DecisionColumns): NodeDecision[] {
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

const namesByNodes = new WeakMap<readonly { readonly name: string }[], readonly string[]>();

/** Names of a snapshot's nodes: one array for as long as the snapshot's array is the same, which is never changed. */
export function nodeNamesOf(nodes: readonly { readonly name: string }[]): readonly string[] {
  let names = namesByNodes.get(nodes);
  if (!names) {
    names = nodes.map((node) => node.name);
    namesByNodes.set(nodes, names);
  }
  return names;
}

let shorts = new Uint16Array(0);
let shortsUsed = 0;

/** Zeros. Many attempts share a buffer: one each takes longer to get than all the rest of a small decision. */
function someShorts(count: number): Uint16Array {
  if (shortsUsed + count > shorts.length) {
    shorts = new Uint16Array(Math.max(65_536, count));
    shortsUsed = 0;
  }
  shortsUsed += count;
  return shorts.subarray(shortsUsed - count, shortsUsed);
}

/** Collects one attempt. */
export class DecisionBuilder {
  readonly #nodeNames: readonly string[];
  readonly #verdicts: PluginVerdict[] = [];
  /** Reasons, then detail. */
  readonly #verdictIndex = new Map<string, Map<string, number>>();
  /** Plugins that refuse many nodes for one reason say it with one object. */
  readonly #known = new Map<Refusal, number>();
  readonly #state: Uint16Array | Uint32Array;
  readonly #scores: ScoreColumn[] = [];
  #feasible: readonly number[] = [];
  #feasibleCount = 0;
  readonly preFilter: (PluginVerdict & { nodes?: number })[] = [];
  /** The nodes of the highest total are told as tied. */
  tied = false;
  readonly skippedScorers = new Map<string, number>();

  constructor(nodeNames: readonly string[]) {
    this.#nodeNames = nodeNames;
    // There are at most as many verdicts as nodes, and one of PreFilter.
    this.#state = nodeNames.length < 65_000 ? someShorts(nodeNames.length) : new Uint32Array(nodeNames.length);
  }

  /** PreFilter leaves only some nodes to look at; the others are out for this reason. */
  excludeAllBut(nodeIndexes: readonly number[], plugin: string, reason: string): void {
    this.#verdicts.push({ plugin, reasons: [reason], detail: 'PreFilter left it out' });
    this.#state.fill(this.#verdicts.length + 1);
    for (const index of nodeIndexes) this.#state[index] = 0;
  }

  feasible(nodeIndex: number): void {
    if (this.#state[nodeIndex] !== 1) this.#feasibleCount++;
    this.#state[nodeIndex] = 1;
  }

  refused(nodeIndex: number, plugin: string, refusal: Refusal): void {
    if (this.#state[nodeIndex] === 1) this.#feasibleCount--;
    let known = this.#known.get(refusal);
    if (known === undefined) {
      known = this.#verdictOf(plugin, refusal);
      this.#known.set(refusal, known);
    }
    this.#state[nodeIndex] = known + 2;
  }

  /** The number of what was said, which others may have said before. */
  #verdictOf(plugin: string, refusal: Refusal): number {
    const { reasons, detail = '' } = refusal;
    const key = reasons.length === 1 ? reasons[0]! : reasons.join('\u0000');
    let byDetail = this.#verdictIndex.get(key);
    if (!byDetail) {
      byDetail = new Map();
      this.#verdictIndex.set(key, byDetail);
    }
    let index = byDetail.get(detail);
    if (index === undefined || this.#verdicts[index]!.plugin !== plugin) {
      index = this.#verdicts.length;
      this.#verdicts.push({
        plugin,
        reasons: refusal.reasons,
        ...(refusal.detail !== undefined && { detail: refusal.detail }),
      });
      byDetail.set(detail, index);
    }
    return index;
  }

  /** Scores of the feasible nodes, in their order. The arrays are kept, not copied: they must not change afterwards. */
  scored(
    feasible: readonly number[],
    plugin: string,
    weight: number,
    raw: ArrayLike<number>,
    normalised: ArrayLike<number>,
  ): void {
    this.#feasible = feasible;
    this.#scores.push({ plugin, weight, raw, normalised });
  }

  finish(rest: Omit<Decision, 'nodes' | 'preFilter' | 'plugins' | 'feasible'>): Decision {
    return decisionOf(
      {
        ...rest,
        preFilter: this.preFilter,
        plugins: [
          ...this.#scores.map(({ plugin, weight }) => ({ name: plugin, weight, skipped: false })),
          ...[...this.skippedScorers].map(([name, weight]) => ({ name, weight, skipped: true })),
        ],
        feasible: this.#feasibleCount,
      },
      {
        nodeNames: this.#nodeNames,
        verdicts: this.#verdicts,
        state: this.#state,
        feasible: this.#feasible,
        scores: this.#scores,
        ...(this.tied && { plainTie: true }),
      },
    );
  }
}
