/**
 * Spreads pods over topology domains. Upstream: scheduler/framework/plugins/podtopologyspread {filtering,scoring,common}.go,
 * with system defaulting (hostname maxSkew 3, zone maxSkew 5) for pods of a Service, ReplicaSet, ReplicationController or
 * StatefulSet.
 */
import { matchesRequiredNodeAffinity, type Node, type Pod, type Service } from '../../api/index.ts';
import {
  deepEqual,
  type LabelSelectorObject,
  type Selector,
  selectorFromLabelSelector,
  selectorFromSet,
} from '../../apimachinery/index.ts';
import { hasPlace } from '../framework/events.ts';
import type { NodeInfo, PodInfo } from '../framework/node-info.ts';
import { type Contribute, Tallies, type Tally, Trial } from '../framework/tally.ts';
import { maxNodeScore, type Plugin, type Refusal, type Snapshot } from '../framework/types.ts';
import { matchesNodeSelection } from './node-affinity.ts';
import { toleratesTaint } from './taints.ts';

export interface SpreadSources {
  /** Services of a namespace. */
  services(namespace: string): readonly Readonly<Service>[];
  /** Selector of the controller that owns the pod, if it is a ReplicaSet, ReplicationController or StatefulSet. */
  ownerSelector(pod: Readonly<Pod>): Selector | undefined;
}

type Maybe<T> = T | undefined;

interface LabelMatcher {
  matches(labels: Readonly<Record<string, string>> | undefined): boolean;
}

interface Constraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly selector: LabelMatcher;
  /** Equal for equal selectors. */
  readonly selectorText: string;
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
        selectorText: JSON.stringify(merged) ?? '',
        nodeAffinityPolicy: (constraint.nodeAffinityPolicy ?? 'Honor') as 'Honor' | 'Ignore',
        nodeTaintsPolicy: (constraint.nodeTaintsPolicy ?? 'Ignore') as 'Honor' | 'Ignore',
      };
    });
}

/** The selector that services and the owner give together; none when nothing selects the pod. */
function deducedSelector(
  pod: Readonly<Pod>,
  sources: SpreadSources,
): { readonly selector: LabelMatcher; readonly selectorText: string } | undefined {
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
  const selectorText = JSON.stringify([set, owner?.requirements]);
  return { selector: owner ? both(own, owner) : own, selectorText };
}

function defaultConstraints(
  pod: Readonly<Pod>,
  defaults: readonly DefaultConstraint[],
  when: WhenUnsatisfiable,
  sources: SpreadSources,
): Constraint[] {
  const wanted = defaults.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === when);
  const deduced = wanted.length === 0 ? undefined : deducedSelector(pod, sources);
  if (!deduced) return [];
  return wanted.map(({ topologyKey, maxSkew, minDomains, nodeAffinityPolicy, nodeTaintsPolicy }) => ({
    topologyKey,
    maxSkew,
    minDomains: minDomains ?? 1,
    ...deduced,
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
    const hard = node.taints.filter((taint) => taint.effect !== 'PreferNoSchedule');
    if (hard.some((taint) => !toleratesTaint(pod.spec?.tolerations ?? [], taint))) return false;
  }
  return true;
}

/** How many matching pods a node has. Pods of one kin match alike, so that few are looked at. */
function matcherOf({ selector }: Constraint, namespace: string): (node: NodeInfo) => number {
  const known = new Map<string, boolean>();
  return (node) => {
    let count = 0;
    for (const [kin, { like, count: alike }] of node.kin) {
      let matches = known.get(kin);
      if (matches === undefined) {
        matches = like.namespace === namespace && selector.matches(like.labels);
        if (known.size >= maxKin) known.clear();
        known.set(kin, matches);
      }
      if (matches) count += alike;
    }
    return count;
  };
}

const maxKin = 4096;

/** What the sums of the constraints depend on, as text. */
function questionOf({ pod, namespace }: PodInfo, constraints: readonly Constraint[], requireAll: boolean): string {
  const honor = constraints.some(({ nodeAffinityPolicy }) => nodeAffinityPolicy === 'Honor');
  const taints = constraints.some(({ nodeTaintsPolicy }) => nodeTaintsPolicy === 'Honor');
  return JSON.stringify([
    namespace,
    requireAll,
    constraints.map((c) => [c.topologyKey, c.selectorText, c.nodeAffinityPolicy, c.nodeTaintsPolicy]),
    honor && [pod.spec?.nodeSelector, pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution],
    taints && pod.spec?.tolerations,
  ]);
}

/** Matching pods by topology value; slots are the constraints' numbers. */
function contributions(pod: PodInfo, constraints: readonly Constraint[], requireAll: boolean): Contribute {
  const counters = constraints.map((constraint) => matcherOf(constraint, pod.namespace));
  return (node, add) => {
    if (requireAll && !hasAllKeys(constraints, node)) return;
    for (const [i, constraint] of constraints.entries()) {
      const value = node.labels[constraint.topologyKey];
      if (value !== undefined && nodeCounts(constraint, pod.pod, node)) add(String(i), value, counters[i]!(node));
    }
  };
}

interface FilterState {
  readonly constraints: readonly Constraint[];
  readonly slots: readonly string[];
  readonly counts: Trial;
  /** Per constraint: 1 when the pod itself matches. */
  readonly self: readonly number[];
  /** What was said of domains that would be too full, by constraint, value and count. */
  readonly refusals: Map<string, Refusal>;
}

function prepareFilter(
  pod: PodInfo,
  snapshot: Snapshot,
  constraints: readonly Constraint[],
  tallies: Tallies,
): FilterState | undefined {
  if (constraints.length === 0) return undefined;
  const question = `filter${questionOf(pod, constraints, true)}`;
  const tally = tallies.get(question, snapshot, () => contributions(pod, constraints, true));
  return {
    constraints,
    slots: constraints.map((_, i) => String(i)),
    counts: new Trial(tally),
    self: constraints.map(({ selector }) => (selector.matches(pod.labels) ? 1 : 0)),
    refusals: new Map(),
  };
}

function minimumOf({ constraints, slots, counts }: FilterState, i: number): number {
  const slot = slots[i]!;
  return counts.tally.sums(slot).size < constraints[i]!.minDomains ? 0 : counts.least(slot);
}

function hasAllKeys(constraints: readonly Constraint[], { labels }: Pick<NodeInfo, 'labels'>): boolean {
  return constraints.every(({ topologyKey }) => labels[topologyKey] !== undefined);
}

/** One pod more or less on a node. Upstream: updateWithPod. */
function changeFilter(state: FilterState | undefined, pod: PodInfo, other: PodInfo, node: NodeInfo, by: 1 | -1): void {
  if (!state || other.namespace !== pod.namespace || !hasAllKeys(state.constraints, node)) return;
  for (const [i, constraint] of state.constraints.entries()) {
    if (!constraint.selector.matches(other.labels) || !nodeCounts(constraint, pod.pod, node)) continue;
    state.counts.add(state.slots[i]!, node.labels[constraint.topologyKey]!, by);
  }
}

interface ScoreState {
  readonly constraints: readonly Constraint[];
  readonly slots: readonly string[];
  readonly weights: readonly number[];
  readonly counts: Tally;
  /** Nodes are counted at the time of scoring. */
  readonly onNode: readonly ((node: NodeInfo) => number)[];
  readonly ignored: ReadonlySet<string>;
}

function prepareScore(
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  snapshot: Snapshot,
  constraints: readonly Constraint[],
  requireAll: boolean,
  tallies: Tallies,
): ScoreState | undefined {
  if (constraints.length === 0) return undefined;
  const ignored = new Set<string>();
  if (requireAll) for (const node of nodes) if (!hasAllKeys(constraints, node)) ignored.add(node.name);
  const weights = constraints.map(({ topologyKey }) => {
    if (topologyKey === hostname) return Math.log(nodes.length - ignored.size + 2);
    const values = new Set<string>();
    for (const node of nodes) {
      const value = node.labels[topologyKey];
      if (value !== undefined && !ignored.has(node.name)) values.add(value);
    }
    return Math.log(values.size + 2);
  });
  // The hosts' own counts are taken from them when they are scored.
  const wide = constraints.map((constraint) => (constraint.topologyKey === hostname ? undefined : constraint));
  const question = `score${questionOf(pod, constraints, requireAll)}`;
  const counts = tallies.get(question, snapshot, () => {
    const contribute = contributions(pod, constraints, requireAll);
    const hosts = new Set(wide.flatMap((constraint, i) => (constraint ? [] : String(i))));
    if (hosts.size === 0) return contribute;
    return (node, add) =>
      contribute(node, (slot, value, amount) => {
        if (!hosts.has(slot)) add(slot, value, amount);
      });
  });
  return {
    constraints,
    slots: constraints.map((_, i) => String(i)),
    weights,
    counts,
    onNode: constraints.map((constraint) => matcherOf(constraint, pod.namespace)),
    ignored,
  };
}

/** Pods that match more or less than before move the counts. */
function podMayHelp(constraints: readonly Constraint[], pod: PodInfo, old: Maybe<Pod>, now: Maybe<Pod>): boolean {
  const own = (now ?? old)!.metadata.uid === pod.uid;
  if (!own && ((now ?? old)!.metadata.namespace !== pod.namespace || !hasPlace(now ?? old))) return false;
  const matches = ({ selector }: Constraint, other: Maybe<Pod>) =>
    other !== undefined && selector.matches(other.metadata.labels ?? {});
  if (own && old && now && !deepEqual(old.spec?.tolerations ?? [], now.spec?.tolerations ?? [])) {
    if (constraints.some(({ nodeTaintsPolicy }) => nodeTaintsPolicy === 'Honor')) return true;
  }
  return constraints.some((constraint) => matches(constraint, old) !== matches(constraint, now));
}

/** Nodes that come into the counts, leave them or move between domains. */
function nodeMayHelp(
  constraints: readonly Constraint[],
  { pod }: PodInfo,
  old: Maybe<Node>,
  now: Maybe<Node>,
): boolean {
  const labelsOf = (node: Maybe<Node>) => node?.metadata.labels ?? {};
  const counted = (node: Maybe<Node>) => node !== undefined && hasAllKeys(constraints, { labels: labelsOf(node) });
  if (!old || !now || counted(old) !== counted(now)) return counted(old) || counted(now);
  if (!counted(now)) return false;
  if (constraints.some(({ topologyKey }) => labelsOf(old)[topologyKey] !== labelsOf(now)[topologyKey])) return true;
  if (!deepEqual(old.spec?.taints ?? [], now.spec?.taints ?? [])) return true;
  // The pod's node affinity says which nodes count.
  const meant = (node: Node) => matchesRequiredNodeAffinity(pod.spec, labelsOf(node), node.metadata.name!);
  return constraints.some(({ nodeAffinityPolicy }) => nodeAffinityPolicy === 'Honor') && meant(old) !== meant(now);
}

export function podTopologySpread(sources: SpreadSources, args: PodTopologySpreadArgs = {}): Plugin {
  const name = 'PodTopologySpread';
  const tallies = new Tallies();
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
        actions: ['add', 'updateLabel', 'updateToleration', 'delete'],
        hint: (pod, old, now) => podMayHelp(constraintsFor(pod.pod, 'DoNotSchedule'), pod, old as Pod, now as Pod),
      },
      {
        resource: 'nodes',
        actions: ['add', 'delete', 'updateLabel', 'updateTaint'],
        hint: (pod, old, now) => nodeMayHelp(constraintsFor(pod.pod, 'DoNotSchedule'), pod, old as Node, now as Node),
      },
    ],
    preFilter(state, pod, snapshot) {
      const prepared = prepareFilter(pod, snapshot, constraintsFor(pod.pod, 'DoNotSchedule'), tallies);
      if (!prepared) return { skip: true };
      state.set(name, prepared);
      return undefined;
    },
    addPod: (state, pod, other, node) => changeFilter(state.get(name), pod, other, node, 1),
    removePod: (state, pod, other, node) => changeFilter(state.get(name), pod, other, node, -1),
    filter(state, _pod, node) {
      const prepared = state.get<FilterState>(name)!;
      const { constraints, counts, slots } = prepared;
      for (const [i, constraint] of constraints.entries()) {
        const value = node.labels[constraint.topologyKey];
        if (value === undefined) {
          return {
            code: 'UnschedulableAndUnresolvable',
            reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"],
            detail: `the node has no label ${constraint.topologyKey}`,
          };
        }
        const there = counts.amount(slots[i]!, value);
        const least = minimumOf(prepared, i);
        const skew = there + prepared.self[i]! - least;
        if (skew > constraint.maxSkew) {
          const known = `${i} ${there} ${least} ${value}`;
          let refusal = prepared.refusals.get(known);
          if (!refusal) {
            refusal = {
              code: 'Unschedulable',
              reasons: ["node(s) didn't match pod topology spread constraints"],
              detail: `${constraint.topologyKey}=${value} has ${there} matching pods, the least is ${least}: skew would be ${skew}, max ${constraint.maxSkew}`,
            };
            prepared.refusals.set(known, refusal);
          }
          return refusal;
        }
      }
      return undefined;
    },
    preScore(state, pod, nodes, snapshot) {
      // Explicit constraints want all their keys on a node; so do those of the configuration.
      const requireAll = ownConstraints(pod.pod) || !system;
      const prepared = prepareScore(
        pod,
        nodes,
        snapshot,
        constraintsFor(pod.pod, 'ScheduleAnyway'),
        requireAll,
        tallies,
      );
      if (!prepared) return 'skip';
      state.set(`${name}/score`, prepared);
      return undefined;
    },
    score(state, _pod, node) {
      const { constraints, weights, counts, slots, onNode, ignored } = state.get<ScoreState>(`${name}/score`)!;
      if (ignored.has(node.name)) return 0;
      let score = 0;
      for (const [i, constraint] of constraints.entries()) {
        const value = node.labels[constraint.topologyKey];
        if (value === undefined) continue;
        const count =
          constraint.topologyKey === hostname ? onNode[i]!(node) : (counts.sums(slots[i]!).get(value)?.amount ?? 0);
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
