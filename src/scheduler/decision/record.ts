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
}

/** Collects one attempt. */
export class DecisionBuilder {
  readonly #nodeNames: readonly string[];
  readonly #verdicts: PluginVerdict[] = [];
  readonly #verdictIndex = new Map<string, number>();
  /** Per node: 0 not looked at, 1 feasible, n + 2 refused with verdict n. */
  readonly #state: Uint32Array;
  readonly #nodeIndex = new Map<string, number>();
  readonly #scores: { plugin: string; weight: number; raw: Float64Array; normalised: Float64Array }[] = [];
  #feasible: readonly number[] = [];
  readonly preFilter: (PluginVerdict & { nodes?: number })[] = [];
  readonly skippedScorers = new Map<string, number>();

  constructor(nodeNames: readonly string[]) {
    this.#nodeNames = nodeNames;
    this.#state = new Uint32Array(nodeNames.length);
    for (const [i, name] of nodeNames.entries()) this.#nodeIndex.set(name, i);
  }

  feasible(nodeIndex: number): void {
    this.#state[nodeIndex] = 1;
  }

  refused(nodeIndex: number, plugin: string, refusal: Refusal): void {
    const key = `${plugin}\u0000${refusal.reasons.join('\u0000')}\u0000${refusal.detail ?? ''}`;
    let index = this.#verdictIndex.get(key);
    if (index === undefined) {
      index = this.#verdicts.length;
      this.#verdicts.push({
        plugin,
        reasons: refusal.reasons,
        ...(refusal.detail !== undefined && { detail: refusal.detail }),
      });
      this.#verdictIndex.set(key, index);
    }
    this.#state[nodeIndex] = index + 2;
  }

  /** Scores of the feasible nodes, in their order. */
  scored(
    feasible: readonly number[],
    plugin: string,
    weight: number,
    raw: readonly number[],
    normalised: readonly number[],
  ): void {
    this.#feasible = feasible;
    this.#scores.push({ plugin, weight, raw: Float64Array.from(raw), normalised: Float64Array.from(normalised) });
  }

  /** A lazily expanded record: the expansion is made when somebody asks. */
  finish(rest: Omit<Decision, 'nodes' | 'preFilter' | 'plugins' | 'feasible'>): Decision {
    const builder = this;
    const positions = new Map(this.#feasible.map((node, position) => [node, position]));
    let feasibleCount = 0;
    for (const state of this.#state) if (state === 1) feasibleCount++;
    return {
      ...rest,
      preFilter: this.preFilter,
      plugins: [
        ...this.#scores.map(({ plugin, weight }) => ({ name: plugin, weight, skipped: false })),
        ...[...this.skippedScorers].map(([name, weight]) => ({ name, weight, skipped: true })),
      ],
      feasible: feasibleCount,
      get nodes() {
        return builder.#expand(positions);
      },
    };
  }

  #expand(positions: ReadonlyMap<number, number>): NodeDecision[] {
    return this.#nodeNames.map((name, i) => {
      const state = this.#state[i]!;
      if (state === 0) return { name, skipped: true };
      if (state > 1) return { name, filter: this.#verdicts[state - 2]! };
      const position = positions.get(i);
      if (position === undefined) return { name };
      let total = 0;
      const scores = this.#scores.map(({ plugin, weight, raw, normalised }) => {
        const weighted = normalised[position]! * weight;
        total += weighted;
        return { plugin, raw: raw[position]!, normalised: normalised[position]!, weight, weighted };
      });
      return { name, scores, total };
    });
  }
}
