/**
 * One scheduling cycle: PreFilter, Filter, PreScore, Score, NormalizeScore, choice. Synchronous: the cluster cannot change
 * under it. Upstream: scheduler/schedule_one.go (1.36).
 */
import type { Prng } from '../base/index.ts';
import { type Decision, DecisionBuilder, nodeNamesOf } from './decision/record.ts';
import type { NodeInfo, PodInfo } from './framework/node-info.ts';
import { CycleState, isRefusal, type Refusal, type Snapshot } from './framework/types.ts';
import type { Profile } from './profile.ts';

const minFeasibleNodesToFind = 100;
const minFeasibleNodesPercentage = 5;

/** How many feasible nodes are enough. Upstream: numFeasibleNodesToFind. */
export function numFeasibleNodesToFind(nodes: number, percentageOfNodesToScore = 0): number {
  if (nodes < minFeasibleNodesToFind) return nodes;
  let percentage = percentageOfNodesToScore;
  if (percentage === 0) percentage = Math.max(minFeasibleNodesPercentage, 50 - Math.trunc(nodes / 125));
  return Math.min(nodes, Math.max(minFeasibleNodesToFind, Math.trunc((nodes * percentage) / 100)));
}

export interface CycleOutcome {
  readonly state: CycleState;
  readonly builder: DecisionBuilder;
  /** The node chosen, if any. */
  readonly node?: string;
  readonly tiedWith?: readonly string[];
  /** Plugins that refused, when no node was feasible. */
  readonly refusedBy: ReadonlySet<string>;
  /** The event's text when no node was feasible. */
  readonly message: string;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` */
export function fitErrorMessage(total: number, counts: ReadonlyMap<string, number>, preFilterMessage: string): string {
  if (total === 0) return 'no nodes available to schedule pods';
  const head = `0/${total} nodes are available`;
  if (preFilterMessage !== '') return `${head}: ${preFilterMessage}.`;
  const reasons = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return reasons.length > 0 ? `${head}: ${reasons.join(', ')}.` : `${head}:`;
}

export class SchedulingCycle {
  readonly #profile: Profile;
  readonly #prng: Prng;
  #nextStart = 0;

  constructor(profile: Profile, prng: Prng) {
    this.#profile = profile;
    this.#prng = prng;
  }

  /** Decides for one pod; changes nothing but where the next cycle starts to look. */
  run(pod: PodInfo, snapshot: Snapshot): CycleOutcome {
    const nodes = snapshot.nodes;
    const state = new CycleState();
    const builder = new DecisionBuilder(nodeNamesOf(nodes));
    const refusedBy = new Set<string>();
    if (nodes.length === 0) return { state, builder, refusedBy, message: fitErrorMessage(0, new Map(), '') };

    const allowed = this.#preFilter(state, pod, snapshot, builder, refusedBy);
    if (typeof allowed === 'string') {
      return { state, builder, refusedBy, message: fitErrorMessage(nodes.length, new Map(), allowed) };
    }
    const counts = new Map<string, number>();
    const feasible = this.#filter(state, pod, nodes, allowed, builder, refusedBy, counts);
    if (feasible.length === 0) {
      return { state, builder, refusedBy, message: fitErrorMessage(nodes.length, counts, '') };
    }
    const totals = this.#score(state, pod, nodes, feasible, snapshot, builder);
    const best = Math.max(...totals);
    const winners = feasible.filter((_, i) => totals[i] === best).map((i) => nodes[i]!.name);
    const node = winners.length === 1 ? winners[0]! : this.#prng.pick(winners);
    return { state, builder, refusedBy, message: '', node, ...(winners.length > 1 && { tiedWith: winners }) };
  }

  /** The nodes that may be looked at (undefined: all), or the message of a refusal for the whole cluster. */
  #preFilter(
    state: CycleState,
    pod: PodInfo,
    snapshot: Snapshot,
    builder: DecisionBuilder,
    refusedBy: Set<string>,
  ): ReadonlySet<string> | undefined | string {
    let allowed: ReadonlySet<string> | undefined;
    const limiting: string[] = [];
    for (const { plugin } of this.#profile.plugins) {
      const result = plugin.preFilter?.(state, pod, snapshot);
      if (result === undefined) continue;
      if (isRefusal(result)) {
        refusedBy.add(plugin.name);
        builder.preFilter.push({
          plugin: plugin.name,
          reasons: result.reasons,
          ...(result.detail !== undefined && { detail: result.detail }),
        });
        return result.reasons.join(', ');
      }
      if (result.skip) state.skipFilter.add(plugin.name);
      if (result.nodeNames) {
        allowed = allowed ? new Set([...allowed].filter((name) => result.nodeNames!.has(name))) : result.nodeNames;
        limiting.push(plugin.name);
        builder.preFilter.push({ plugin: plugin.name, reasons: [], nodes: result.nodeNames.size });
        if (allowed.size === 0) {
          for (const name of limiting) refusedBy.add(name);
          const plural = limiting.length === 1 ? `plugin ${limiting[0]}` : `plugin(s) [${limiting.join(' ')}]`;
          return `node(s) didn't satisfy ${plural}`;
        }
      }
    }
    return allowed;
  }

  #filter(
    state: CycleState,
    pod: PodInfo,
    nodes: readonly NodeInfo[],
    allowed: ReadonlySet<string> | undefined,
    builder: DecisionBuilder,
    refusedBy: Set<string>,
    counts: Map<string, number>,
  ): number[] {
    const filters = this.#profile.plugins.filter(({ plugin }) => plugin.filter && !state.skipFilter.has(plugin.name));
    const wanted = numFeasibleNodesToFind(nodes.length);
    const feasible: number[] = [];
    let looked = 0;
    const refuse = (index: number, plugin: string, refusal: Refusal) => {
      builder.refused(index, plugin, refusal);
      refusedBy.add(plugin);
      for (const reason of refusal.reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    };
    for (; looked < nodes.length && feasible.length < wanted; looked++) {
      const index = (this.#nextStart + looked) % nodes.length;
      const node = nodes[index]!;
      if (allowed && !allowed.has(node.name)) {
        refuse(index, 'NodeAffinity', {
          code: 'UnschedulableAndUnresolvable',
          reasons: ["node(s) didn't match Pod's node affinity/selector"],
          detail: 'the pod is pinned to other nodes by name',
        });
        continue;
      }
      let refused = false;
      for (const { plugin } of filters) {
        const refusal = plugin.filter!(state, pod, node);
        if (!refusal) continue;
        refuse(index, plugin.name, refusal);
        refused = true;
        break;
      }
      if (refused) continue;
      builder.feasible(index);
      feasible.push(index);
    }
    this.#nextStart = (this.#nextStart + looked) % nodes.length;
    return feasible;
  }

  /** Weighted totals of the feasible nodes. One feasible node needs no scores to be chosen, but explaining it does. */
  #score(
    state: CycleState,
    pod: PodInfo,
    nodes: readonly NodeInfo[],
    feasible: readonly number[],
    snapshot: Snapshot,
    builder: DecisionBuilder,
  ): number[] {
    const candidates = feasible.map((index) => nodes[index]!);
    const scorers = this.#profile.plugins.filter(({ plugin, weight }) => plugin.score && weight > 0);
    for (const { plugin, weight } of scorers) {
      if (plugin.preScore?.(state, pod, candidates, snapshot) === 'skip') {
        state.skipScore.add(plugin.name);
        builder.skippedScorers.set(plugin.name, weight);
      }
    }
    const totals = new Array<number>(feasible.length).fill(0);
    for (const { plugin, weight } of scorers) {
      if (state.skipScore.has(plugin.name)) continue;
      const raw = candidates.map((node) => plugin.score!(state, pod, node));
      const normalised = [...raw];
      plugin.normalizeScores?.(state, pod, normalised, candidates);
      builder.scored(feasible, plugin.name, weight, raw, normalised);
      for (let i = 0; i < totals.length; i++) totals[i]! += normalised[i]! * weight;
    }
    return totals;
  }
}

export type { Decision };
