/**
 * One scheduling cycle: PreFilter, Filter, PreScore, Score, NormalizeScore, choice. Synchronous, so that the cluster cannot
 * change under it; only extenders, which answer over HTTP, make it wait. Upstream: scheduler/schedule_one.go (1.36).
 */
import type { Prng } from '../base/index.ts';
import { DecisionBuilder, nodeNamesOf, type StateScratch } from './decision/record.ts';
import type { Extender } from './extender/extender.ts';
import { fitErrorMessage } from './fit-error.ts';
import type { NodeInfo, PodInfo } from './framework/node-info.ts';
import { Nominator } from './framework/nominator.ts';
import { FilterRunner } from './framework/run-filters.ts';
import {
  CycleState,
  type Diagnosis,
  isRefusal,
  type Plugin,
  type PostFilterResult,
  type Refusal,
  type Snapshot,
} from './framework/types.ts';
import type { Profile } from './profile.ts';

export { fitErrorMessage } from './fit-error.ts';

const minFeasibleNodesToFind = 100;
const minFeasibleNodesPercentage = 5;
/** Refused by an extender: any event may help. */
export const extenderName = 'Extender';

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
  /** Not with a scratch. */
  readonly tiedWith?: readonly string[];
  /** Plugins that refused, when no node was feasible. */
  readonly refusedBy: ReadonlySet<string>;
  /** The event's text when no node was feasible, without what PostFilter says. */
  readonly message: string;
  /** What PostFilter may work with; absent when there are no nodes at all, one is feasible, or a plugin failed. */
  readonly diagnosis?: Diagnosis;
  /** A plugin could not do its work: no decision. `message` says what went wrong. */
  readonly failed?: boolean;
}

/** What is found out in one cycle. */
interface Run {
  readonly pod: PodInfo;
  readonly snapshot: Snapshot;
  readonly state: CycleState;
  readonly builder: DecisionBuilder;
  readonly refusedBy: Set<string>;
  readonly counts: Map<string, number>;
  /** Nodes, by index, that removing pods may help. */
  readonly unschedulable: number[];
  /** Nodes, by index, that nothing helps. */
  readonly unresolvable: number[];
  /** All nodes not in one of the two sets are beyond help. */
  restUnresolvable: boolean;
  /** The only nodes to look at; undefined: all. */
  allowed: ReadonlySet<string> | undefined;
  /** Plugins that said so. */
  limiting: readonly string[];
  /** What went wrong with a plugin, which ends the cycle. */
  failure: string | undefined;
}

export interface CycleOptions {
  readonly nominator?: Nominator;
  readonly extenders?: readonly Extender[];
  /** Where the search starts is shared by all profiles. */
  readonly start?: { index: number };
  /** Shared by cycles that never run at the same time: what they find is bytes when they end, and who was tied is told by the record. */
  readonly scratch?: StateScratch;
}

export class SchedulingCycle {
  readonly profile: Profile;
  readonly filters: FilterRunner;
  readonly #prng: Prng;
  readonly #start: { index: number };
  readonly #extenders: readonly Extender[];
  readonly #scratch: StateScratch | undefined;

  constructor(profile: Profile, prng: Prng, options: CycleOptions = {}) {
    this.profile = profile;
    this.#prng = prng;
    this.#start = options.start ?? { index: 0 };
    this.#extenders = options.extenders ?? [];
    this.#scratch = options.scratch;
    this.filters = new FilterRunner(profile.points.filter, options.nominator ?? new Nominator());
  }

  /** Decides for one pod, without extenders; changes nothing but where the next cycle starts to look. */
  run(pod: PodInfo, snapshot: Snapshot): CycleOutcome {
    return this.#sealed(this.#run(pod, snapshot));
  }

  #run(pod: PodInfo, snapshot: Snapshot): CycleOutcome {
    const begun = this.#begin(pod, snapshot);
    if ('message' in begun) return begun;
    const feasible = this.#feasible(begun);
    if (feasible.length === 0) return this.#nothingFits(begun);
    return this.#choose(begun, feasible, this.#score(begun, feasible));
  }

  /** Pods are many while they are being bound: of each attempt bytes are kept instead of arrays. */
  #sealed(outcome: CycleOutcome): CycleOutcome {
    if (this.#scratch) outcome.builder.seal();
    return outcome;
  }

  /** The same, asking the extenders as well. @throws what an extender that may not be ignored fails with. */
  async runWithExtenders(pod: PodInfo, snapshot: Snapshot, signal: AbortSignal): Promise<CycleOutcome> {
    const extenders = this.#extenders.filter((extender) => extender.isInterested(pod.pod));
    if (extenders.length === 0) return this.run(pod, snapshot);
    return this.#sealed(await this.#runAsking(extenders, pod, snapshot, signal));
  }

  async #runAsking(
    extenders: readonly Extender[],
    pod: PodInfo,
    snapshot: Snapshot,
    signal: AbortSignal,
  ): Promise<CycleOutcome> {
    const begun = this.#begin(pod, snapshot);
    if ('message' in begun) return begun;
    const nodes = snapshot.nodes;
    let feasible = this.#feasible(begun);
    const found = feasible.length;
    for (const extender of extenders) {
      if (feasible.length === 0) break;
      feasible = await this.#askFilter(extender, begun, nodes, feasible, signal);
    }
    if (feasible.length !== found) begun.refusedBy.add(extenderName);
    feasible = this.#stillThere(begun, nodes, feasible);
    if (feasible.length === 0) return this.#nothingFits(begun);
    begun.failure = undefined;
    const totals = this.#score(begun, feasible);
    const candidates = feasible.map((index) => nodes[index]!);
    for (const extender of extenders) {
      const scores = await extender.prioritize(pod.pod, candidates, signal);
      if (!scores) continue;
      const raw = candidates.map((node) => scores.get(node.name) ?? 0);
      // Extenders score 0…10.
      const weight = extender.weight * 10;
      begun.builder.scored(feasible, extender.name, weight, raw, raw);
      for (let i = 0; i < totals.length; i++) totals[i]! += raw[i]! * weight;
    }
    return this.#choose(begun, feasible, totals);
  }

  /** Nodes that went while extenders were asked cannot be scored. When all went, the attempt failed and the pod backs off. */
  #stillThere(run: Run, nodes: readonly NodeInfo[], feasible: readonly number[]): number[] {
    return feasible.filter((index) => {
      const node = nodes[index]!;
      if (run.snapshot.get(node.name) === node) return true;
      const gone = `nodeinfo not found for node name "${node.name}"`;
      this.#refuse(run, index, extenderName, { code: 'UnschedulableAndUnresolvable', reasons: [gone] });
      run.failure = gone;
      return false;
    });
  }

  async #askFilter(
    extender: Extender,
    run: Run,
    nodes: readonly NodeInfo[],
    feasible: readonly number[],
    signal: AbortSignal,
  ): Promise<number[]> {
    const answer = await extender.filter(
      run.pod.pod,
      feasible.map((index) => nodes[index]!),
      signal,
    );
    if (!answer) return [...feasible];
    return feasible.filter((index) => {
      const { name } = nodes[index]!;
      if (answer.nodes.has(name)) return true;
      const unresolvable = answer.unresolvable.get(name);
      const reason = unresolvable ?? answer.failed.get(name) ?? '';
      const code = unresolvable === undefined ? 'Unschedulable' : 'UnschedulableAndUnresolvable';
      this.#refuse(run, index, extender.name, { code, reasons: reason === '' ? [] : [reason] });
      return false;
    });
  }

  /** PreFilter. An outcome when that settles it. */
  #begin(pod: PodInfo, snapshot: Snapshot): Run | CycleOutcome {
    const { nodes } = snapshot;
    const run: Run = {
      pod,
      snapshot,
      state: new CycleState(),
      builder: new DecisionBuilder(nodeNamesOf(nodes), this.#scratch),
      refusedBy: new Set(),
      counts: new Map(),
      unschedulable: [],
      unresolvable: [],
      restUnresolvable: false,
      allowed: undefined,
      limiting: [],
      failure: undefined,
    };
    const { state, builder, refusedBy } = run;
    if (nodes.length === 0) return { state, builder, refusedBy, message: fitErrorMessage(0, run.counts, '') };
    const allowed = this.#preFilter(run);
    if (typeof allowed === 'string') {
      run.restUnresolvable = true;
      return this.#nothingFits(run, allowed);
    }
    run.allowed = allowed;
    return run;
  }

  #nothingFits(run: Run, preFilterMessage = ''): CycleOutcome {
    const { state, builder, refusedBy, snapshot, counts, unschedulable, unresolvable, restUnresolvable } = run;
    if (run.failure !== undefined) return { state, builder, refusedBy, message: run.failure, failed: true };
    const { nodes } = snapshot;
    let beyondHelp: Set<number> | undefined;
    const diagnosis: Diagnosis = {
      get unschedulable() {
        return unschedulable.map((index) => nodes[index]!);
      },
      isUnresolvable: (name) => {
        const index = indexIn(nodes, name);
        beyondHelp ??= new Set(unresolvable);
        return beyondHelp.has(index) || (restUnresolvable && !unschedulable.includes(index));
      },
    };
    const message = fitErrorMessage(nodes.length, counts, preFilterMessage);
    return { state, builder, refusedBy, message, diagnosis };
  }

  /** The nodes that may be looked at (undefined: all), or the message of a refusal for the whole cluster. */
  #preFilter(run: Run): ReadonlySet<string> | undefined | string {
    const { state, pod, snapshot, builder, refusedBy } = run;
    let allowed: ReadonlySet<string> | undefined;
    const limiting: string[] = [];
    for (const plugin of this.profile.points.preFilter) {
      const result = plugin.preFilter!(state, pod, snapshot);
      if (result === undefined) continue;
      if (isRefusal(result)) {
        refusedBy.add(plugin.name);
        if (result.code === 'Error') run.failure = `running PreFilter plugin "${plugin.name}": ${result.reasons[0]}`;
        builder.preFilter.push({
          plugin: plugin.name,
          reasons: result.reasons,
          ...(result.detail !== undefined && { detail: result.detail }),
        });
        return result.reasons.join(', ');
      }
      if (result.skip) state.skipFilter.add(plugin.name);
      if (result.nodeNames) {
        const { nodeNames } = result;
        allowed = allowed ? new Set([...allowed].filter((name) => nodeNames.has(name))) : nodeNames;
        limiting.push(plugin.name);
        builder.preFilter.push({ plugin: plugin.name, reasons: [], nodes: nodeNames.size });
        refusedBy.add(plugin.name);
        if (allowed.size === 0) {
          const sorted = [...limiting].sort();
          return sorted.length === 1
            ? `node(s) didn't satisfy plugin ${sorted[0]}`
            : `node(s) didn't satisfy plugin(s) [${sorted.join(' ')}] simultaneously`;
        }
      }
    }
    run.limiting = limiting.sort();
    return allowed;
  }

  #refuse(run: Run, index: number, plugin: string, refusal: Refusal): void {
    run.builder.refused(index, plugin, refusal);
    run.refusedBy.add(plugin);
    if (refusal.code === 'Error') run.failure = `running "${plugin}" filter plugin: ${refusal.reasons[0]}`;
    (refusal.code === 'Unschedulable' ? run.unschedulable : run.unresolvable).push(index);
    for (const reason of refusal.reasons) run.counts.set(reason, (run.counts.get(reason) ?? 0) + 1);
  }

  #feasible(run: Run): number[] {
    const { state, pod, snapshot, builder, allowed } = run;
    const { nodes } = snapshot;
    const filters = this.filters.filtersFor(state);
    // The node nominated for the pod is tried first, and is good enough.
    const nominated = pod.pod.status?.nominatedNodeName;
    if (nominated && snapshot.get(nominated) && (!allowed || allowed.has(nominated))) {
      const index = indexIn(nodes, nominated);
      if (index >= 0 && !this.filters.run(filters, state, pod, nodes[index]!)) {
        builder.feasible(index);
        return [index];
      }
    }
    const indices = allowed && [...allowed].map((name) => indexIn(nodes, name)).filter((index) => index >= 0);
    const count = indices ? indices.length : nodes.length;
    const excluded = `node(s) didn't satisfy plugin(s) [${run.limiting.join(' ')}]`;
    if (indices) builder.excludeAllBut(indices, run.limiting[0]!, excluded);
    const wanted = numFeasibleNodesToFind(count, this.profile.percentageOfNodesToScore);
    const feasible: number[] = [];
    const start = this.#start.index;
    let looked = 0;
    for (; looked < count && feasible.length < wanted && run.failure === undefined; looked++) {
      const at = (start + looked) % count;
      const index = indices ? indices[at]! : at;
      const verdict = this.filters.run(filters, state, pod, nodes[index]!);
      if (verdict) this.#refuse(run, index, verdict.plugin, verdict.refusal);
      else {
        builder.feasible(index);
        feasible.push(index);
      }
    }
    this.#start.index = (start + looked) % nodes.length;
    if (run.failure !== undefined) return [];
    if (indices && feasible.length === 0) {
      run.restUnresolvable = true;
      const rest = nodes.length - indices.length;
      if (rest > 0) run.counts.set(excluded, rest);
    }
    return feasible;
  }

  /** Weighted totals of the feasible nodes. One feasible node needs no scores to be chosen, but explaining it does. */
  #score({ state, pod, snapshot, builder }: Run, feasible: readonly number[]): number[] {
    const { nodes } = snapshot;
    const candidates = feasible.map((index) => nodes[index]!);
    const { preScore, score } = this.profile.points;
    for (const plugin of preScore) {
      if (plugin.preScore!(state, pod, candidates, snapshot) === 'skip') state.skipScore.add(plugin.name);
    }
    const totals = new Array<number>(feasible.length).fill(0);
    for (const plugin of score) {
      const weight = this.profile.weights.get(plugin.name) ?? 1;
      if (state.skipScore.has(plugin.name)) {
        builder.skippedScorers.set(plugin.name, weight);
        continue;
      }
      const raw = new Array<number>(candidates.length);
      for (let i = 0; i < raw.length; i++) raw[i] = plugin.score!(state, pod, candidates[i]!);
      let normalised = raw;
      if (plugin.normalizeScores) {
        normalised = raw.slice();
        plugin.normalizeScores(state, pod, normalised, candidates);
      }
      builder.scored(feasible, plugin.name, weight, raw, normalised);
      for (let i = 0; i < totals.length; i++) totals[i]! += normalised[i]! * weight;
    }
    return totals;
  }

  #choose(run: Run, feasible: readonly number[], totals: readonly number[]): CycleOutcome {
    const { state, builder, refusedBy, snapshot } = run;
    let best = Number.NEGATIVE_INFINITY;
    for (const total of totals) if (total > best) best = total;
    const winners: string[] = [];
    for (let i = 0; i < feasible.length; i++) if (totals[i] === best) winners.push(snapshot.nodes[feasible[i]!]!.name);
    builder.tied = winners.length > 1;
    const node = winners.length === 1 ? winners[0]! : this.#prng.pick(winners);
    const tied = winners.length > 1 && !this.#scratch;
    return { state, builder, refusedBy, message: '', node, ...(tied && { tiedWith: winners }) };
  }

  /** PostFilter for an outcome without a node. Waits for extenders only. */
  postFilter(pod: PodInfo, { state, diagnosis }: CycleOutcome): PostFilterResult | Promise<PostFilterResult> {
    return diagnosis ? runPostFilter(this.profile.points.postFilter, state, pod, diagnosis) : noPostFilter;
  }
}

const noPostFilter: PostFilterResult = { success: false, reasons: [] };

/** The first success, or all that the plugins said. Upstream: RunPostFilterPlugins. */
function runPostFilter(
  plugins: readonly Plugin[],
  state: CycleState,
  pod: PodInfo,
  diagnosis: Diagnosis,
  before: PostFilterResult = noPostFilter,
): PostFilterResult | Promise<PostFilterResult> {
  const [plugin, ...rest] = plugins;
  if (!plugin) return before;
  const go = (result: PostFilterResult) => {
    if (result.success || result.final) return result;
    const nominatedNode = result.nominatedNode ?? before.nominatedNode;
    const reasons = [...before.reasons, ...result.reasons];
    const so = { success: false, reasons, ...(nominatedNode !== undefined && { nominatedNode }) };
    return runPostFilter(rest, state, pod, diagnosis, so);
  };
  const result = plugin.postFilter!(state, pod, diagnosis);
  return result instanceof Promise ? result.then(go) : go(result);
}

const indices = new WeakMap<readonly NodeInfo[], ReadonlyMap<string, number>>();

function indexIn(nodes: readonly NodeInfo[], name: string): number {
  let map = indices.get(nodes);
  if (!map) {
    map = new Map(nodes.map((node, i) => [node.name, i]));
    indices.set(nodes, map);
  }
  return map.get(name) ?? -1;
}
