/** Affinity and anti-affinity between pods. Upstream: scheduler/framework/plugins/interpodaffinity {filtering,scoring}.go. */
import type { Namespace, Pod } from '../../api/index.ts';
import { type LabelSelectorObject, type Selector, selectorFromLabelSelector } from '../../apimachinery/index.ts';
import { hasPlace } from '../framework/events.ts';
import { type NodeInfo, type PodInfo, podInfoOf } from '../framework/node-info.ts';
import { type Contribute, Tallies, Tally, Trial } from '../framework/tally.ts';
import { type CycleState, maxNodeScore, type Plugin, type Refusal, type Snapshot } from '../framework/types.ts';

export interface NamespaceSource {
  get(name: string): Readonly<Namespace> | undefined;
  /** Another number when a namespace has changed since. */
  version(): number;
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
  /** Equal for equal terms. */
  readonly text: string;
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
  const labelSelector = withLabelKeys(raw, pod);
  const namespaces = own ? [pod.namespace] : named;
  return {
    text: JSON.stringify([raw.topologyKey, labelSelector, namespaces, raw.namespaceSelector]),
    topologyKey: raw.topologyKey,
    selector: selectorFromLabelSelector(labelSelector),
    namespaces: new Set(namespaces),
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

interface FilterState {
  /** Pods that match all terms of the pod's affinity. */
  readonly affinity: Trial;
  readonly antiAffinity: Trial;
  /** Pods that do not want this one near. */
  readonly existingAntiAffinity: Trial;
  /** What was said of a domain, by topology key and value: it holds for all its nodes. */
  readonly refusals: Record<keyof typeof reasons, Map<string, Refusal>>;
}

const empty = new Tally(() => {});
const questionOf = (terms: readonly Term[]): string => terms.map(({ text }) => text).join('\u0000');

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

/** Pods of more kinds than this are looked at anew. */
const maxKin = 4096;

/** Topology keys of the terms with the node's values. */
function each(terms: readonly Term[], node: NodeInfo, then: (key: string, value: string) => void): void {
  for (const { topologyKey } of terms) {
    const value = node.labels[topologyKey];
    if (value !== undefined) then(topologyKey, value);
  }
}

export function interPodAffinity(
  namespaces: NamespaceSource,
  { hardPodAffinityWeight = 1, ignorePreferredTermsOfExistingPods = false }: InterPodAffinityArgs = {},
  /** The cluster as it is, for hints. */
  current?: () => Snapshot,
): Plugin {
  const name = 'InterPodAffinity';

  const tallies = new Tallies();

  const matches = (term: Term, other: PodInfo): boolean => {
    if (!term.namespaces.has(other.namespace)) {
      if (!term.namespaceSelector) return false;
      const labels = namespaces.get(other.namespace)?.metadata.labels;
      if (!term.namespaceSelector.matches(labels ?? {})) return false;
    }
    return term.selector.matches(other.labels);
  };

  const tallyOf = (question: string, snapshot: Snapshot, contribute: () => Contribute, scope?: Iterable<NodeInfo>) =>
    tallies.get(`${namespaces.version()} ${question}`, snapshot, contribute, scope);

  /** `matches` for pods of one kin at a time. */
  const byKin = (holds: (other: PodInfo) => boolean) => {
    const known = new Map<string, boolean>();
    return (other: PodInfo): boolean => {
      let result = known.get(other.kin);
      if (result === undefined) {
        result = holds(other);
        if (known.size >= maxKin) known.clear();
        known.set(other.kin, result);
      }
      return result;
    };
  };

  const affinityOf = (terms: readonly Term[], snapshot: Snapshot): Tally =>
    tallyOf(`affinity ${questionOf(terms)}`, snapshot, () => {
      const holds = byKin((other) => terms.every((term) => matches(term, other)));
      return (node, add) => {
        for (const other of node.pods.values()) if (holds(other)) each(terms, node, (key, value) => add(key, value, 1));
      };
    });

  const antiAffinityOf = (terms: readonly Term[], snapshot: Snapshot): Tally =>
    tallyOf(`anti-affinity ${questionOf(terms)}`, snapshot, () => {
      const tests = terms.map((term) => ({ term: [term], holds: byKin((other) => matches(term, other)) }));
      return (node, add) => {
        for (const other of node.pods.values()) {
          for (const { term, holds } of tests) if (holds(other)) each(term, node, (key, value) => add(key, value, 1));
        }
      };
    });

  const existingOf = (pod: PodInfo, snapshot: Snapshot): Tally =>
    tallyOf(
      `existing ${pod.kin}`,
      snapshot,
      () => (node, add) => {
        for (const other of node.podsWithRequiredAntiAffinity.values()) {
          const terms = termsOf(other).requiredAntiAffinity.filter((term) => matches(term, pod));
          each(terms, node, (key, value) => add(key, value, 1));
        }
      },
      snapshot.withRequiredAntiAffinity,
    );

  const prepareFilter = (pod: PodInfo, snapshot: Snapshot): FilterState | undefined => {
    const { requiredAffinity, requiredAntiAffinity } = termsOf(pod);
    const existing = snapshot.withRequiredAntiAffinity.size > 0 ? existingOf(pod, snapshot) : empty;
    if (existing.total === 0 && requiredAffinity.length === 0 && requiredAntiAffinity.length === 0) return undefined;
    return {
      affinity: new Trial(requiredAffinity.length > 0 ? affinityOf(requiredAffinity, snapshot) : empty),
      antiAffinity: new Trial(requiredAntiAffinity.length > 0 ? antiAffinityOf(requiredAntiAffinity, snapshot) : empty),
      existingAntiAffinity: new Trial(existing),
      refusals: { affinity: new Map(), antiAffinity: new Map(), existing: new Map() },
    };
  };

  /** One pod more or less on a node. */
  const change = (state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo, by: 1 | -1): void => {
    const prepared = state.get<FilterState>(name);
    if (!prepared) return;
    const { requiredAffinity, requiredAntiAffinity } = termsOf(pod);
    const count = (trial: Trial, terms: readonly Term[]) =>
      each(terms, node, (key, value) => trial.add(key, value, by));
    const theirs = termsOf(other).requiredAntiAffinity;
    count(
      prepared.existingAntiAffinity,
      theirs.filter((term) => matches(term, pod)),
    );
    if (requiredAffinity.length > 0 && requiredAffinity.every((term) => matches(term, other))) {
      count(prepared.affinity, requiredAffinity);
    }
    count(
      prepared.antiAffinity,
      requiredAntiAffinity.filter((term) => matches(term, other)),
    );
  };

  /** What pods think of each other, by topology. */
  const opinions = (pod: PodInfo, hasPreferred: boolean): Contribute => {
    const own = [
      ...termsOf(pod).preferredAffinity.map((term) => ({ term, weight: term.weight })),
      ...termsOf(pod).preferredAntiAffinity.map((term) => ({ term, weight: -term.weight })),
    ].map(({ term, weight }) => ({ term, weight, holds: byKin((other) => matches(term, other)) }));
    return (node, add) => {
      const weigh = (term: Term, weight: number) => each([term], node, (key, value) => add(key, value, weight));
      for (const other of (hasPreferred ? node.pods : node.podsWithAffinity).values()) {
        for (const { term, weight, holds } of own) if (holds(other)) weigh(term, weight);
        if (!other.hasAffinity) continue;
        const theirs = termsOf(other);
        for (const term of theirs.requiredAffinity) if (matches(term, pod)) weigh(term, hardPodAffinityWeight);
        for (const term of theirs.preferredAffinity) if (matches(term, pod)) weigh(term, term.weight);
        for (const term of theirs.preferredAntiAffinity) if (matches(term, pod)) weigh(term, -term.weight);
      }
    };
  };

  const score = (pod: PodInfo, nodes: readonly NodeInfo[], snapshot: Snapshot): Tally | undefined => {
    const { preferredAffinity, preferredAntiAffinity } = termsOf(pod);
    const hasPreferred = preferredAffinity.length > 0 || preferredAntiAffinity.length > 0;
    if (!hasPreferred && (ignorePreferredTermsOfExistingPods || snapshot.withAffinity.size === 0)) return undefined;
    const weighted = (terms: readonly WeightedTerm[]) =>
      terms.map(({ weight, text }) => `${weight}${text}`).join('\u0000');
    const question = `score ${pod.kin} ${weighted(preferredAffinity)}\u0001${weighted(preferredAntiAffinity)}`;
    const scope = hasPreferred ? snapshot.nodes : snapshot.withAffinity;
    const tally = tallyOf(question, snapshot, () => opinions(pod, hasPreferred), scope);
    return [...tally.slots].length === 0 || nodes.length === 0 ? undefined : tally;
  };

  /** Other pods that come, go or change their labels. */
  const podMayHelp = (pod: PodInfo, old: Pod | undefined, now: Pod | undefined): boolean => {
    // Others may have kept away from its old labels.
    if (old && now && now.metadata.uid === pod.uid) return true;
    if (!hasPlace(now ?? old)) return false;
    const { requiredAffinity, requiredAntiAffinity } = termsOf(pod);
    const wanted = (other: PodInfo) =>
      requiredAffinity.length > 0 && requiredAffinity.every((term) => matches(term, other));
    const shunned = (other: PodInfo) => requiredAntiAffinity.filter((term) => matches(term, other)).length;
    const [before, after] = [old && podInfoOf(old), now && podInfoOf(now)];
    if (after && wanted(after) && !(before && wanted(before))) return true;
    if (!before) return false;
    if (shunned(before) > (after ? shunned(after) : 0)) return true;
    // The last of a group: the pod may be the first of it again.
    if (wanted(before) && !(after && wanted(after)) && wanted(pod)) return true;
    return !after && termsOf(before).requiredAntiAffinity.some((term) => matches(term, pod));
  };

  /** A node that comes, or whose labels change. */
  const nodeMayHelp = (
    pod: PodInfo,
    before: Readonly<Record<string, string>> = {},
    after: Readonly<Record<string, string>>,
    added: boolean,
  ): boolean => {
    const { requiredAffinity, requiredAntiAffinity } = termsOf(pod);
    if (requiredAffinity.some(({ topologyKey: key }) => before[key] !== after[key])) return true;
    // Nobody is there to be shunned, and nobody who shuns.
    if (added) return requiredAntiAffinity.length > 0 || requiredAffinity.length === 0;
    if (requiredAntiAffinity.some(({ topologyKey: key }) => before[key] !== undefined && before[key] !== after[key])) {
      return true;
    }
    for (const node of current?.().withRequiredAntiAffinity ?? []) {
      for (const other of node.podsWithRequiredAntiAffinity.values()) {
        for (const term of termsOf(other).requiredAntiAffinity) {
          if (before[term.topologyKey] !== after[term.topologyKey] && matches(term, pod)) return true;
        }
      }
    }
    return false;
  };

  return {
    name,
    events: [
      {
        resource: 'pods',
        actions: ['add', 'updateLabel', 'delete'],
        hint: (pod, old, now) => podMayHelp(pod, old as Pod, now as Pod),
      },
      {
        resource: 'nodes',
        actions: ['add', 'updateLabel'],
        hint: (pod, old, now) => nodeMayHelp(pod, old?.metadata.labels, now?.metadata.labels ?? {}, !old),
      },
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
      const { affinity, antiAffinity, existingAntiAffinity, refusals } = state.get<FilterState>(name)!;
      const refusal = (kind: keyof typeof reasons, domain: string, detail: () => string): Refusal => {
        let known = refusals[kind].get(domain);
        if (!known) {
          const code = kind === 'affinity' ? 'UnschedulableAndUnresolvable' : 'Unschedulable';
          known = { code, reasons: [reasons[kind]], detail: detail() };
          refusals[kind].set(domain, known);
        }
        return known;
      };
      const own = termsOf(pod);
      for (const term of own.requiredAffinity) {
        const value = node.labels[term.topologyKey];
        if (value === undefined) {
          return refusal('affinity', term.topologyKey, () => `the node has no label ${term.topologyKey}`);
        }
        if (affinity.amount(term.topologyKey, value) > 0) continue;
        // The first pod of a group that wants its own kind may go anywhere.
        const first = affinity.total === 0 && own.requiredAffinity.every((other) => matches(other, pod));
        if (!first) {
          const domain = `${term.topologyKey}=${value}`;
          return refusal('affinity', domain, () => `no matching pod in ${domain}`);
        }
      }
      for (const term of own.requiredAntiAffinity) {
        const value = node.labels[term.topologyKey];
        if (value !== undefined && antiAffinity.amount(term.topologyKey, value) > 0) {
          const domain = `${term.topologyKey}=${value}`;
          return refusal('antiAffinity', domain, () => `a pod it must not be near is in ${domain}`);
        }
      }
      for (const key of existingAntiAffinity.slots) {
        const value = node.labels[key];
        if (value !== undefined && existingAntiAffinity.amount(key, value) > 0) {
          const domain = `${key}=${value}`;
          return refusal('existing', domain, () => `a pod in ${domain} must not be near it`);
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
      const counts = state.get<Tally>(`${name}/score`)!;
      let sum = 0;
      for (const key of counts.slots) {
        const value = node.labels[key];
        if (value !== undefined) sum += counts.sums(key).get(value)?.amount ?? 0;
      }
      return sum;
    },
    normalizeScores(_state, _pod, scores) {
      let min = Number.POSITIVE_INFINITY;
      let max = Number.NEGATIVE_INFINITY;
      for (const score of scores) {
        if (score < min) min = score;
        if (score > max) max = score;
      }
      const spread = max - min;
      for (let i = 0; i < scores.length; i++) {
        scores[i] = spread > 0 ? Math.trunc((maxNodeScore * (scores[i]! - min)) / spread) : 0;
      }
    },
  };
}
