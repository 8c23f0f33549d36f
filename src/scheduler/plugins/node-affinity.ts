/** Node selector and node affinity. Upstream: scheduler/framework/plugins/nodeaffinity. */
import { matchesRequiredNodeAffinity, type NodeTerm, nodeTermMatches, type Pod } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { maxNodeScore, type Plugin } from '../framework/types.ts';
import { normalizeDefault } from './normalize.ts';

export function termMatches(term: NodeTerm, node: NodeInfo): boolean {
  return nodeTermMatches(term, node.labels, node.name);
}

/** The hard part of a pod's node selection. Upstream: GetRequiredNodeAffinity. */
export function matchesNodeSelection(pod: Readonly<Pod>, node: NodeInfo): boolean {
  const { spec } = pod;
  if (!spec?.nodeSelector && !spec?.affinity?.nodeAffinity) return true;
  return matchesRequiredNodeAffinity(pod.spec, node.labels, node.name);
}

function unmet(pod: Readonly<Pod>, node: NodeInfo): string {
  for (const [key, value] of Object.entries(pod.spec?.nodeSelector ?? {})) {
    if (node.labels[key] !== value)
      return `nodeSelector ${key}=${value}, the node has ${node.labels[key] ?? 'no such label'}`;
  }
  return 'no term of requiredDuringSchedulingIgnoredDuringExecution matches its labels';
}

/** Node names that a pod's affinity pins it to through metadata.name (DaemonSets), undefined when it does not. */
function pinnedNames(pod: Readonly<Pod>): Set<string> | undefined {
  const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (!terms || terms.length === 0) return undefined;
  const names = new Set<string>();
  for (const term of terms as NodeTerm[]) {
    const pins = (term.matchFields ?? []).filter((field) => field.key === 'metadata.name' && field.operator === 'In');
    if (pins.length === 0) return undefined;
    let allowed: readonly string[] | undefined;
    for (const pin of pins) {
      const values = pin.values ?? [];
      allowed = allowed ? allowed.filter((name) => values.includes(name)) : values;
    }
    for (const name of allowed!) names.add(name);
  }
  return names;
}

interface Preferred {
  readonly weight: number;
  readonly preference: NodeTerm;
}

/** Upstream: NodeAffinityArgs. */
export interface NodeAffinityArgs {
  /** Holds for every pod, besides its own. */
  readonly addedAffinity?: {
    readonly requiredDuringSchedulingIgnoredDuringExecution?: { readonly nodeSelectorTerms?: readonly NodeTerm[] };
    readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly Preferred[];
  };
}

export function nodeAffinity({ addedAffinity }: NodeAffinityArgs = {}): Plugin {
  const addedTerms = addedAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const addedPreferred = addedAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const accepts = (pod: Readonly<Pod>, { metadata }: Readonly<KubeObject>): boolean => {
    const [labels, name] = [metadata.labels ?? {}, metadata.name!];
    if (addedTerms && !addedTerms.some((term) => nodeTermMatches(term, labels, name))) return false;
    return matchesRequiredNodeAffinity(pod.spec, labels, name);
  };
  return {
    name: 'NodeAffinity',
    events: [
      {
        resource: 'nodes',
        actions: ['add', 'updateLabel'],
        hint: ({ pod }, old, now) => (!old || !accepts(pod, old)) && accepts(pod, now!),
      },
    ],
    preFilter(_state, { pod }) {
      const { nodeSelector, affinity } = pod.spec ?? {};
      if (!addedTerms && !nodeSelector && !affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution) {
        return { skip: true };
      }
      const names = pinnedNames(pod);
      if (names && names.size === 0) {
        return { code: 'UnschedulableAndUnresolvable', reasons: ['pod affinity terms conflict'] };
      }
      return names ? { nodeNames: names } : undefined;
    },
    filter(_state, { pod }, node) {
      if (addedTerms && !addedTerms.some((term) => termMatches(term, node))) {
        return {
          code: 'UnschedulableAndUnresolvable',
          reasons: ["node(s) didn't match scheduler-enforced node affinity"],
          detail: 'no term of addedAffinity matches its labels',
        };
      }
      if (matchesNodeSelection(pod, node)) return undefined;
      return {
        code: 'UnschedulableAndUnresolvable',
        reasons: ["node(s) didn't match Pod's node affinity/selector"],
        detail: unmet(pod, node),
      };
    },
    preScore(state, { pod }) {
      const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
      if (preferred.length === 0 && addedPreferred.length === 0) return 'skip';
      state.set('NodeAffinity', [...addedPreferred, ...(preferred as readonly Preferred[])]);
      return undefined;
    },
    score(state, _pod, node) {
      let sum = 0;
      for (const { weight, preference } of state.get<Preferred[]>('NodeAffinity') ?? []) {
        if (weight !== 0 && termMatches(preference, node)) sum += weight;
      }
      return sum;
    },
    normalizeScores: (_state, _pod, scores) => normalizeDefault(scores, maxNodeScore, false),
  };
}
