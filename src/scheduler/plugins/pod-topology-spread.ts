/**
 * Spreads pods over topology domains. Upstream: scheduler/framework/plugins/podtopologyspread {filtering,scoring,common}.go,
 * with system defaulting (hostname maxSkew 3, zone maxSkew 5) for pods of a Service, ReplicaSet, ReplicationController or
 * StatefulSet.
 */
import type { Pod, Service } from '../../api/index.ts';
import {
  type LabelSelectorObject,
  type Selector,
  selectorFromLabelSelector,
  selectorFromSet,
} from '../../apimachinery/index.ts';
import type { NodeInfo, PodInfo } from '../framework/node-info.ts';
import { type CycleState, maxNodeScore, type Plugin, type Snapshot } from '../framework/types.ts';
import { matchesNodeSelection } from './node-affinity.ts';
import { type Taint, toleratesTaint } from './taints.ts';

export interface SpreadSources {
  /** Services of a namespace. */
  services(namespace: string): readonly Readonly<Service>[];
  /** Selector of the controller that owns the pod, if it is a ReplicaSet, ReplicationController or StatefulSet. */
  ownerSelector(pod: Readonly<Pod>): Selector | undefined;
}

interface LabelMatcher {
  matches(labels: Readonly<Record<string, string>> | undefined): boolean;
}

interface Constraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly selector: LabelMatcher;
  readonly nodeAffinityPolicy: 'Honor' | 'Ignore';
  readonly nodeTaintsPolicy: 'Honor' | 'Ignore';
}

const hostname = 'kubernetes.io/hostname';

type SpecConstraint = NonNullable<NonNullable<Pod['spec']>['topologySpreadConstraints']>[number];

type WhenUnsatisfiable = 'DoNotSchedule' | 'ScheduleAnyway';

/** A constraint for pods that have none; the selector is deduced for each pod. */
export interface DefaultConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly whenUnsatisfiable: string;
  readonly minDomains?: number;
  readonly nodeAffinityPolicy?: string;
  readonly nodeTaintsPolicy?: string;
}

/** Upstream: PodTopologySpreadArgs. */
export interface PodTopologySpreadArgs {
  /** Default `System`. */
  readonly defaultingType?: string;
  readonly defaultConstraints?: readonly DefaultConstraint[];
}

const systemConstraints: readonly DefaultConstraint[] = [
  { topologyKey: hostname, maxSkew: 3, whenUnsatisfiable: 'ScheduleAnyway' },
  { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5, whenUnsatisfiable: 'ScheduleAnyway' },
];

function constraintsOf(pod: Readonly<Pod>, when: WhenUnsatisfiable): Constraint[] {
  return ((pod.spec?.topologySpreadConstraints ?? []) as SpecConstraint[])
    .filter((constraint) => constraint.whenUnsatisfiable === when)
    .map((constraint) => {
      const base = constraint.labelSelector as LabelSelectorObject | undefined;
      const extra = (constraint.matchLabelKeys ?? []).filter((key) => pod.metadata.labels?.[key] !== undefined);
      const merged: LabelSelectorObject | undefined =
        extra.length === 0
          ? base
          : {
              ...base,
              matchExpressions: [
                ...(base?.matchExpressions ?? []),
                ...extra.map((key) => ({ key, operator: 'In' as const, values: [pod.metadata.labels![key]!] })),
              ],
            };
      return {
        topologyKey: constraint.topologyKey,
        maxSkew: constraint.maxSkew,
        minDomains: constraint.minDomains ?? 1,
        selector: selectorFromLabelSelector(merged),
        nodeAffinityPolicy: (constraint.nodeAffinityPolicy ?? 'Honor') as 'Honor' | 'Ignore',
        nodeTaintsPolicy: (constraint.nodeTaintsPolicy ?? 'Ignore') as 'Honor' | 'Ignore',
      };
    });
}

/** The selector that services and the owner give together; none when nothing selects the pod. */
function deducedSelector(pod: Readonly<Pod>, sources: SpreadSources): LabelMatcher | undefined {
  const labels = pod.metadata.labels ?? {};
  const set: Record<string, string> = {};
  let selected = false;
  for (const service of sources.services(pod.metadata.namespace!)) {
    const selector = service.spec?.selector;
    if (!selector || Object.keys(selector).length === 0 || !selectorFromSet(selector).matches(labels)) continue;
    Object.assign(set, selector);
    selected = true;
  }
  const owner = sources.ownerSelector(pod);
  if (!selected && (!owner || owner.requirements.length === 0)) return undefined;
  const own = selectorFromSet(set);
  return owner ? both(own, owner) : own;
}

function defaultConstraints(
  pod: Readonly<Pod>,
  defaults: readonly DefaultConstraint[],
  when: WhenUnsatisfiable,
  sources: SpreadSources,
): Constraint[] {
  const wanted = defaults.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === when);
  const selector = wanted.length === 0 ? undefined : deducedSelector(pod, sources);
  if (!selector) return [];
  return wanted.map(({ topologyKey, maxSkew, minDomains, nodeAffinityPolicy, nodeTaintsPolicy }) => ({
    topologyKey,
    maxSkew,
    minDomains: minDomains ?? 1,
    selector,
    nodeAffinityPolicy: (nodeAffinityPolicy ?? 'Honor') as 'Honor' | 'Ignore',
    nodeTaintsPolicy: (nodeTaintsPolicy ?? 'Ignore') as 'Honor' | 'Ignore',
  }));
}

function both(a: Selector, b: Selector): LabelMatcher {
  return { matches: (labels) => a.matches(labels) && b.matches(labels) };
}

function nodeCounts(constraint: Constraint, pod: Readonly<Pod>, node: NodeInfo): boolean {
  if (constraint.nodeAffinityPolicy === 'Honor' && !matchesNodeSelection(pod, node)) return false;
  if (constraint.nodeTaintsPolicy === 'Honor') {
    const hard = ((node.node?.spec?.taints ?? []) as Taint[]).filter((taint) => taint.effect !== 'PreferNoSchedule');
    if (hard.some((taint) => !toleratesTaint(pod.spec?.tolerations ?? [], taint))) return false;
  }
  return true;
}

function countMatching(node: NodeInfo, selector: LabelMatcher, namespace: string): number {
  let count = 0;
  for (const { like, count: alike } of node.kin.values()) {
    if (like.namespace === namespace && selector.matches(like.labels)) count += alike;
  }
  return count;
}

interface FilterState {
  readonly constraints: readonly Constraint[];
  /** Per constraint: matching pods by topology value. */
  readonly counts: readonly Map<string, number>[];
  /** Per constraint: the least of `counts`; undefined when they changed since. */
  readonly minimum: (number | undefined)[];
}

function minimumOf({ constraints, counts, minimum }: FilterState, i: number): number {
  const known = minimum[i];
  if (known !== undefined) return known;
  let least = 0;
  if (counts[i]!.size >= constraints[i]!.minDomains) {
    least = Number.POSITIVE_INFINITY;
    for (const count of counts[i]!.values()) if (count < least) least = count;
  }
  minimum[i] = least;
  return least;
}

function prepareFilter(pod: PodInfo, snapshot: Snapshot, constraints: readonly Constraint[]): FilterState | undefined {
  if (constraints.length === 0) return undefined;
  const counts = constraints.map(() => new Map<string, number>());
  for (const node of snapshot.nodes) {
    if (!hasAllKeys(constraints, node)) continue;
    constraints.forEach((constraint, i) => {
      if (!nodeCounts(constraint, pod.pod, node)) return;
      const value = node.labels[constraint.topologyKey]!;
      const found = countMatching(node, constraint.selector, pod.namespace);
      counts[i]!.set(value, (counts[i]!.get(value) ?? 0) + found);
    });
  }
  return { constraints, counts, minimum: constraints.map(() => undefined) };
}

function hasAllKeys(constraints: readonly Constraint[], { labels }: NodeInfo): boolean {
  return constraints.every(({ topologyKey }) => labels[topologyKey] !== undefined);
}

/** One pod more or less on a node. Upstream: updateWithPod. */
function changeFilter(state: FilterState | undefined, pod: PodInfo, other: PodInfo, node: NodeInfo, by: 1 | -1): void {
  if (!state || other.namespace !== pod.namespace || !hasAllKeys(state.constraints, node)) return;
  state.constraints.forEach((constraint, i) => {
    if (!constraint.selector.matches(other.labels) || !nodeCounts(constraint, pod.pod, node)) return;
    const value = node.labels[constraint.topologyKey]!;
    state.counts[i]!.set(value, (state.counts[i]!.get(value) ?? 0) + by);
    state.minimum[i] = undefined;
  });
}

interface ScoreState {
  readonly constraints: readonly Constraint[];
  readonly weights: readonly number[];
  readonly counts: readonly Map<string, number>[];
  readonly ignored: ReadonlySet<string>;
}

function prepareScore(
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  snapshot: Snapshot,
  constraints: readonly Constraint[],
  requireAll: boolean,
): ScoreState | undefined {
  if (constraints.length === 0) return undefined;
  const hasAll = (node: NodeInfo) => hasAllKeys(constraints, node);
  const ignored = new Set<string>();
  const counts = constraints.map(() => new Map<string, number>());
  const sizes = constraints.map(() => 0);
  for (const node of nodes) {
    if (requireAll && !hasAll(node)) {
      ignored.add(node.name);
      continue;
    }
    constraints.forEach(({ topologyKey }, i) => {
      // Nodes are counted at the time of scoring, hence no map for them.
      if (topologyKey === hostname) return;
      const value = node.labels[topologyKey];
      if (value !== undefined && !counts[i]!.has(value)) {
        counts[i]!.set(value, 0);
        sizes[i]!++;
      }
    });
  }
  const weights = constraints.map(({ topologyKey }, i) => {
    const size = topologyKey === hostname ? nodes.length - ignored.size : sizes[i]!;
    return Math.log(size + 2);
  });
  for (const node of snapshot.nodes) {
    if (requireAll && !hasAll(node)) continue;
    constraints.forEach((constraint, i) => {
      const value = node.labels[constraint.topologyKey];
      const known = value === undefined ? undefined : counts[i]!.get(value);
      if (known === undefined || !nodeCounts(constraint, pod.pod, node)) return;
      counts[i]!.set(value!, known + countMatching(node, constraint.selector, pod.namespace));
    });
  }
  return { constraints, weights, counts, ignored };
}

export function podTopologySpread(sources: SpreadSources, args: PodTopologySpreadArgs = {}): Plugin {
  const name = 'PodTopologySpread';
  const system = (args.defaultingType ?? 'System') === 'System';
  const defaults = system ? systemConstraints : (args.defaultConstraints ?? []);
  const ownConstraints = (pod: Readonly<Pod>) => (pod.spec?.topologySpreadConstraints ?? []).length > 0;
  const constraintsFor = (pod: Readonly<Pod>, when: WhenUnsatisfiable) =>
    ownConstraints(pod) ? constraintsOf(pod, when) : defaultConstraints(pod, defaults, when, sources);
  return {
    name,
    events: [
      {
        resource: 'pods',
        actions: ['add', 'update', 'delete'],
        hint: (pod, old, now) => (now ?? old)?.metadata.namespace === pod.namespace,
      },
      { resource: 'nodes', actions: ['add', 'update', 'delete'] },
    ],
    preFilter(state: CycleState, pod, snapshot) {
      const prepared = prepareFilter(pod, snapshot, constraintsFor(pod.pod, 'DoNotSchedule'));
      if (!prepared) return { skip: true };
      state.set(name, prepared);
      return undefined;
    },
    addPod: (state, pod, other, node) => changeFilter(state.get(name), pod, other, node, 1),
    removePod: (state, pod, other, node) => changeFilter(state.get(name), pod, other, node, -1),
    filter(state, pod, node) {
      const prepared = state.get<FilterState>(name)!;
      const { constraints, counts } = prepared;
      for (const [i, constraint] of constraints.entries()) {
        const value = node.labels[constraint.topologyKey];
        if (value === undefined) {
          return {
            code: 'UnschedulableAndUnresolvable',
            reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"],
            detail: `the node has no label ${constraint.topologyKey}`,
          };
        }
        const self = constraint.selector.matches(pod.labels) ? 1 : 0;
        const there = counts[i]!.get(value) ?? 0;
        const least = minimumOf(prepared, i);
        const skew = there + self - least;
        if (skew > constraint.maxSkew) {
          return {
            code: 'Unschedulable',
            reasons: ["node(s) didn't match pod topology spread constraints"],
            detail: `${constraint.topologyKey}=${value} has ${there} matching pods, the least is ${least}: skew would be ${skew}, max ${constraint.maxSkew}`,
          };
        }
      }
      return undefined;
    },
    preScore(state, pod, nodes, snapshot) {
      // Explicit constraints want all their keys on a node; so do those of the configuration.
      const requireAll = ownConstraints(pod.pod) || !system;
      const prepared = prepareScore(pod, nodes, snapshot, constraintsFor(pod.pod, 'ScheduleAnyway'), requireAll);
      if (!prepared) return 'skip';
      state.set(`${name}/score`, prepared);
      return undefined;
    },
    score(state, pod, node) {
      const { constraints, weights, counts, ignored } = state.get<ScoreState>(`${name}/score`)!;
      if (ignored.has(node.name)) return 0;
      let score = 0;
      for (const [i, constraint] of constraints.entries()) {
        const value = node.labels[constraint.topologyKey];
        if (value === undefined) continue;
        const count =
          constraint.topologyKey === hostname
            ? countMatching(node, constraint.selector, pod.namespace)
            : (counts[i]!.get(value) ?? 0);
        score += count * weights[i]! + (constraint.maxSkew - 1);
      }
      return Math.round(score);
    },
    normalizeScores(state, _pod, scores, nodes) {
      const { ignored } = state.get<ScoreState>(`${name}/score`)!;
      let min = Number.POSITIVE_INFINITY;
      let max = 0;
      nodes.forEach((node, i) => {
        if (ignored.has(node.name)) return;
        min = Math.min(min, scores[i]!);
        max = Math.max(max, scores[i]!);
      });
      nodes.forEach((node, i) => {
        if (ignored.has(node.name)) scores[i] = 0;
        else if (max === 0) scores[i] = maxNodeScore;
        else scores[i] = Math.trunc((maxNodeScore * (max + min - scores[i]!)) / max);
      });
    },
  };
}
