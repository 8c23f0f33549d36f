/** Affinity and anti-affinity between pods. Upstream: scheduler/framework/plugins/interpodaffinity {filtering,scoring}.go. */
import type { Namespace, Pod } from '../../api/index.ts';
import { type LabelSelectorObject, type Selector, selectorFromLabelSelector } from '../../apimachinery/index.ts';
import type { NodeInfo, PodInfo } from '../framework/node-info.ts';
import { type CycleState, maxNodeScore, type Plugin, type Snapshot } from '../framework/types.ts';

export interface NamespaceSource {
  list(): readonly Readonly<Namespace>[];
}

interface RawTerm {
  readonly labelSelector?: LabelSelectorObject;
  readonly topologyKey: string;
  readonly namespaces?: readonly string[];
  readonly namespaceSelector?: LabelSelectorObject;
  readonly matchLabelKeys?: readonly string[];
  readonly mismatchLabelKeys?: readonly string[];
}

interface Term {
  readonly topologyKey: string;
  readonly selector: Selector;
  readonly namespaces: ReadonlySet<string>;
  readonly namespaceSelector: Selector | undefined;
}

interface WeightedTerm extends Term {
  readonly weight: number;
}

function withLabelKeys(term: RawTerm, pod: PodInfo): LabelSelectorObject | undefined {
  if (!term.labelSelector) return undefined;
  const expressions = [...(term.labelSelector.matchExpressions ?? [])];
  for (const key of term.matchLabelKeys ?? []) {
    if (pod.labels[key] !== undefined) expressions.push({ key, operator: 'In', values: [pod.labels[key]!] });
  }
  for (const key of term.mismatchLabelKeys ?? []) {
    if (pod.labels[key] !== undefined) expressions.push({ key, operator: 'NotIn', values: [pod.labels[key]!] });
  }
  return { ...term.labelSelector, matchExpressions: expressions };
}

function termOf(raw: RawTerm, pod: PodInfo): Term {
  const named = raw.namespaces ?? [];
  const own = named.length === 0 && !raw.namespaceSelector;
  return {
    topologyKey: raw.topologyKey,
    selector: selectorFromLabelSelector(withLabelKeys(raw, pod)),
    namespaces: new Set(own ? [pod.namespace] : named),
    namespaceSelector: raw.namespaceSelector && selectorFromLabelSelector(raw.namespaceSelector),
  };
}

interface PodTerms {
  readonly requiredAffinity: readonly Term[];
  readonly requiredAntiAffinity: readonly Term[];
  readonly preferredAffinity: readonly WeightedTerm[];
  readonly preferredAntiAffinity: readonly WeightedTerm[];
}

const cache = new WeakMap<Readonly<Pod>, PodTerms>();

/** Parsed once per pod object. */
function termsOf(pod: PodInfo): PodTerms {
  let terms = cache.get(pod.pod);
  if (!terms) {
    const { podAffinity, podAntiAffinity } = pod.pod.spec?.affinity ?? {};
    const hard = (list: unknown) => ((list ?? []) as RawTerm[]).map((raw) => termOf(raw, pod));
    const soft = (list: unknown) =>
      ((list ?? []) as { weight: number; podAffinityTerm: RawTerm }[]).map(({ weight, podAffinityTerm }) => ({
        ...termOf(podAffinityTerm, pod),
        weight,
      }));
    terms = {
      requiredAffinity: hard(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
      requiredAntiAffinity: hard(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
      preferredAffinity: soft(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
      preferredAntiAffinity: soft(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
    };
    cache.set(pod.pod, terms);
  }
  return terms;
}

/** Topology key → value → count. */
type Counts = Map<string, Map<string, number>>;

function countOf(counts: Counts, key: string, value: string): number {
  return counts.get(key)?.get(value) ?? 0;
}

function add(counts: Counts, node: NodeInfo, topologyKey: string, by: number): void {
  const value = node.labels[topologyKey];
  if (value === undefined) return;
  let values = counts.get(topologyKey);
  if (!values) {
    values = new Map();
    counts.set(topologyKey, values);
  }
  const count = (values.get(value) ?? 0) + by;
  // An empty map means that nothing matches anywhere, so nothing of count 0 may stay.
  if (count !== 0) values.set(value, count);
  else {
    values.delete(value);
    if (values.size === 0) counts.delete(topologyKey);
  }
}

interface FilterState {
  readonly affinity: Counts;
  readonly antiAffinity: Counts;
  readonly existingAntiAffinity: Counts;
}

const reasons = {
  affinity: "node(s) didn't match pod affinity rules",
  antiAffinity: "node(s) didn't match pod anti-affinity rules",
  existing: "node(s) didn't satisfy existing pods anti-affinity rules",
};

/** Upstream: InterPodAffinityArgs. */
export interface InterPodAffinityArgs {
  /** Weight of an existing pod's required affinity when it scores. Default 1. */
  readonly hardPodAffinityWeight?: number;
  /** Do not look at what existing pods prefer, for pods that prefer nothing. Default false. */
  readonly ignorePreferredTermsOfExistingPods?: boolean;
}

export function interPodAffinity(
  namespaces: NamespaceSource,
  { hardPodAffinityWeight = 1, ignorePreferredTermsOfExistingPods = false }: InterPodAffinityArgs = {},
): Plugin {
  const name = 'InterPodAffinity';

  const matches = (term: Term, other: PodInfo): boolean => {
    if (!term.namespaces.has(other.namespace)) {
      if (!term.namespaceSelector) return false;
      const labels = namespaces.list().find((ns) => ns.metadata.name === other.namespace)?.metadata.labels;
      if (!term.namespaceSelector.matches(labels ?? {})) return false;
    }
    return term.selector.matches(other.labels);
  };

  const prepareFilter = (pod: PodInfo, snapshot: Snapshot): FilterState | undefined => {
    const own = termsOf(pod);
    const state: FilterState = { affinity: new Map(), antiAffinity: new Map(), existingAntiAffinity: new Map() };
    const { requiredAffinity, requiredAntiAffinity } = own;
    for (const node of snapshot.withRequiredAntiAffinity ?? snapshot.nodes) {
      for (const other of node.podsWithRequiredAntiAffinity.values()) {
        for (const term of termsOf(other).requiredAntiAffinity) {
          if (matches(term, pod)) add(state.existingAntiAffinity, node, term.topologyKey, 1);
        }
      }
    }
    for (const node of requiredAffinity.length + requiredAntiAffinity.length === 0 ? [] : snapshot.nodes) {
      if (node.pods.size === 0) continue;
      for (const other of node.pods.values()) {
        if (requiredAffinity.length > 0 && requiredAffinity.every((term) => matches(term, other))) {
          for (const term of requiredAffinity) add(state.affinity, node, term.topologyKey, 1);
        }
        for (const term of requiredAntiAffinity) {
          if (matches(term, other)) add(state.antiAffinity, node, term.topologyKey, 1);
        }
      }
    }
    const nothing =
      state.existingAntiAffinity.size === 0 && requiredAffinity.length === 0 && requiredAntiAffinity.length === 0;
    return nothing ? undefined : state;
  };

  /** One pod more or less on a node. */
  const change = (state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo, by: 1 | -1): void => {
    const prepared = state.get<FilterState>(name);
    if (!prepared) return;
    const { requiredAffinity, requiredAntiAffinity } = termsOf(pod);
    for (const term of termsOf(other).requiredAntiAffinity) {
      if (matches(term, pod)) add(prepared.existingAntiAffinity, node, term.topologyKey, by);
    }
    if (requiredAffinity.length > 0 && requiredAffinity.every((term) => matches(term, other))) {
      for (const term of requiredAffinity) add(prepared.affinity, node, term.topologyKey, by);
    }
    for (const term of requiredAntiAffinity) {
      if (matches(term, other)) add(prepared.antiAffinity, node, term.topologyKey, by);
    }
  };

  const score = (pod: PodInfo, nodes: readonly NodeInfo[], snapshot: Snapshot): Counts | undefined => {
    const own = termsOf(pod);
    const hasPreferred = own.preferredAffinity.length > 0 || own.preferredAntiAffinity.length > 0;
    const counts: Counts = new Map();
    if (!hasPreferred && ignorePreferredTermsOfExistingPods) return undefined;
    for (const node of hasPreferred ? snapshot.nodes : (snapshot.withAffinity ?? snapshot.nodes)) {
      if (node.pods.size === 0) continue;
      const pods = hasPreferred ? node.pods.values() : node.podsWithAffinity.values();
      for (const other of pods) {
        for (const term of own.preferredAffinity)
          if (matches(term, other)) add(counts, node, term.topologyKey, term.weight);
        for (const term of own.preferredAntiAffinity)
          if (matches(term, other)) add(counts, node, term.topologyKey, -term.weight);
        if (!other.hasAffinity) continue;
        const theirs = termsOf(other);
        for (const term of theirs.requiredAffinity) {
          if (matches(term, pod)) add(counts, node, term.topologyKey, hardPodAffinityWeight);
        }
        for (const term of theirs.preferredAffinity)
          if (matches(term, pod)) add(counts, node, term.topologyKey, term.weight);
        for (const term of theirs.preferredAntiAffinity)
          if (matches(term, pod)) add(counts, node, term.topologyKey, -term.weight);
      }
    }
    return counts.size === 0 || nodes.length === 0 ? undefined : counts;
  };

  return {
    name,
    events: [
      { resource: 'pods', actions: ['add', 'update', 'delete'] },
      { resource: 'nodes', actions: ['add', 'update'] },
    ],
    preFilter(state, pod, snapshot) {
      const prepared = prepareFilter(pod, snapshot);
      if (!prepared) return { skip: true };
      state.set(name, prepared);
      return undefined;
    },
    addPod: (state, pod, other, node) => change(state, pod, other, node, 1),
    removePod: (state, pod, other, node) => change(state, pod, other, node, -1),
    filter(state, pod, node) {
      const { affinity, antiAffinity, existingAntiAffinity } = state.get<FilterState>(name)!;
      const own = termsOf(pod);
      for (const term of own.requiredAffinity) {
        const value = node.labels[term.topologyKey];
        if (value === undefined) {
          return {
            code: 'UnschedulableAndUnresolvable',
            reasons: [reasons.affinity],
            detail: `the node has no label ${term.topologyKey}`,
          };
        }
        if (countOf(affinity, term.topologyKey, value) > 0) continue;
        // The first pod of a group that wants its own kind may go anywhere.
        const first = affinity.size === 0 && own.requiredAffinity.every((other) => matches(other, pod));
        if (!first) {
          return {
            code: 'UnschedulableAndUnresolvable',
            reasons: [reasons.affinity],
            detail: `no matching pod in ${term.topologyKey}=${value}`,
          };
        }
      }
      for (const term of own.requiredAntiAffinity) {
        const value = node.labels[term.topologyKey];
        if (value !== undefined && countOf(antiAffinity, term.topologyKey, value) > 0) {
          return {
            code: 'Unschedulable',
            reasons: [reasons.antiAffinity],
            detail: `a pod it must not be near is in ${term.topologyKey}=${value}`,
          };
        }
      }
      for (const [key, values] of existingAntiAffinity) {
        const value = node.labels[key];
        if (value !== undefined && (values.get(value) ?? 0) > 0) {
          return {
            code: 'Unschedulable',
            reasons: [reasons.existing],
            detail: `a pod in ${key}=${value} must not be near it`,
          };
        }
      }
      return undefined;
    },
    preScore(state, pod, nodes, snapshot) {
      const counts = score(pod, nodes, snapshot);
      if (!counts) return 'skip';
      state.set(`${name}/score`, counts);
      return undefined;
    },
    score(state, _pod, node) {
      const counts = state.get<Counts>(`${name}/score`)!;
      let sum = 0;
      for (const [key, values] of counts) {
        const value = node.labels[key];
        if (value !== undefined) sum += values.get(value) ?? 0;
      }
      return sum;
    },
    normalizeScores(_state, _pod, scores) {
      const min = Math.min(...scores);
      const spread = Math.max(...scores) - min;
      for (let i = 0; i < scores.length; i++) {
        scores[i] = spread > 0 ? Math.trunc((maxNodeScore * (scores[i]! - min)) / spread) : 0;
      }
    },
  };
}
