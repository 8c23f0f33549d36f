/** What one attempt decided and why. Its nodes are kept as columns, and as bytes while the pod is being bound. */
import type { Refusal } from '../framework/types.ts';
import {
  type DecisionColumns,
  expand,
  highest,
  type NodeDecision,
  type PluginVerdict,
  type ScoreColumn,
  type SealedColumns,
  scorersOf,
  seal,
  unseal,
} from './columns.ts';

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

/** All of a decision but what its columns say. */
export type DecisionHead = Omit<Decision, 'nodes'>;

const kept = Symbol('columns');

/** What of a decision is not enumerable: a copy with other nodes is another decision. */
interface Kept {
  readonly [kept]?: DecisionColumns | SealedColumns;
}

/** A decision whose `nodes`, and those tied when sealed columns say so, are made each time somebody asks. */
export function decisionOf(head: DecisionHead, data: DecisionColumns | SealedColumns): Decision {
  const decision = {
    ...head,
    get nodes() {
      return expand(opened(data));
    },
  };
  if ('body' in data && data.plainTie) {
    Object.defineProperty(decision, 'tiedWith', { enumerable: true, get: () => tiedNodes(unseal(data)) });
  }
  return Object.defineProperty(decision, kept, { value: data }) as Decision;
}

function opened(data: DecisionColumns | SealedColumns): DecisionColumns {
  return 'body' in data ? unseal(data) : data;
}

/** Names of the nodes with the highest total, in the order they were found. */
export function tiedNodes(data: DecisionColumns): string[] {
  return highest(data).map((position) => data.nodeNames[data.feasible[position]!]!);
}

/** The columns of a decision that `decisionOf` made. */
export function columnsOf(decision: Decision): DecisionColumns | undefined {
  const data = (decision as Kept)[kept];
  return data && opened(data);
}

/** The same, when they are bytes. */
export function sealedColumnsOf(decision: Decision): SealedColumns | undefined {
  const data = (decision as Kept)[kept];
  return data && 'body' in data ? data : undefined;
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

/** States of nodes that one attempt after another writes into: what each found is sealed before the next begins. */
export class StateScratch {
  #shorts = new Uint16Array(0);

  /** Zeros. */
  take(count: number): Uint16Array {
    if (this.#shorts.length === count) this.#shorts.fill(0);
    else this.#shorts = new Uint16Array(count);
    return this.#shorts;
  }
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
  #scores: ScoreColumn[] = [];
  #feasible: readonly number[] = [];
  #sealed: SealedColumns | undefined;
  #feasibleCount = 0;
  readonly preFilter: (PluginVerdict & { nodes?: number })[] = [];
  /** The nodes of the highest total are told as tied. */
  tied = false;
  readonly skippedScorers = new Map<string, number>();

  /** With `scratch` the builder must be sealed before another one is made. */
  constructor(nodeNames: readonly string[], scratch?: StateScratch) {
    this.#nodeNames = nodeNames;
    const count = nodeNames.length;
    // There are at most as many verdicts as nodes, and one of PreFilter.
    if (count >= 65_000) this.#state = new Uint32Array(count);
    else this.#state = scratch ? scratch.take(count) : new Uint16Array(count);
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

  get #columns(): DecisionColumns {
    return {
      nodeNames: this.#nodeNames,
      verdicts: this.#verdicts,
      state: this.#state,
      feasible: this.#feasible,
      scores: this.#scores,
      ...(this.tied && { plainTie: true }),
    };
  }

  /** Nothing more is found out: what was is kept as bytes, and the arrays may go. */
  seal(): void {
    this.#sealed = seal(this.#columns, this.#feasibleCount);
    this.#scores = [];
    this.#feasible = [];
  }

  finish(rest: Omit<Decision, 'nodes' | 'preFilter' | 'plugins' | 'feasible'>): Decision {
    const data = this.#sealed ?? this.#columns;
    const scorers = 'scorers' in data ? data.scorers : scorersOf(data);
    return decisionOf(
      {
        ...rest,
        preFilter: this.preFilter,
        plugins: [
          ...scorers.map(([name, weight]) => ({ name, weight, skipped: false })),
          ...[...this.skippedScorers].map(([name, weight]) => ({ name, weight, skipped: true })),
        ],
        feasible: this.#feasibleCount,
      },
      data,
    );
  }
}
