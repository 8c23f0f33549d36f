/** Taints and tolerations. Upstream: scheduler/framework/plugins/tainttoleration, component-helpers/scheduling/corev1. */
import { toleratesTaint as covers, type Node, type Pod } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import type { Taint } from '../framework/node-info.ts';
import { maxNodeScore, type Plugin } from '../framework/types.ts';
import { normalizeDefault } from './normalize.ts';

type Toleration = NonNullable<NonNullable<Pod['spec']>['tolerations']>[number];

export function toleratesTaint(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some((toleration) => covers(toleration, taint));
}

function taintText(taint: Taint): string {
  return taint.value ? `${taint.key}=${taint.value}:${taint.effect}` : `${taint.key}:${taint.effect}`;
}

const taintsOf = (node: Readonly<KubeObject>) => ((node as Node).spec?.taints ?? []) as readonly Taint[];

/** The first taint that keeps the pod off the node. */
function hardTaint(taints: readonly Taint[], pod: Readonly<Pod>): Taint | undefined {
  const tolerations = pod.spec?.tolerations ?? [];
  return taints.find(
    (taint) => (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') && !toleratesTaint(tolerations, taint),
  );
}

export const taintToleration: Plugin = {
  name: 'TaintToleration',
  events: [
    {
      resource: 'nodes',
      actions: ['add', 'updateTaint'],
      hint: ({ pod }, old, now) =>
        (!old || hardTaint(taintsOf(old), pod) !== undefined) && !hardTaint(taintsOf(now!), pod),
    },
    { resource: 'pods', actions: ['updateToleration'], hint: (pod, _old, now) => now?.metadata.uid === pod.uid },
  ],
  filter(_state, { pod }, node) {
    if (node.taints.length === 0) return undefined;
    const hard = hardTaint(node.taints, pod);
    if (!hard) return undefined;
    return {
      code: 'UnschedulableAndUnresolvable',
      reasons: ['node(s) had untolerated taint(s)'],
      detail: `taint ${taintText(hard)}`,
    };
  },
  preScore(state, { pod }, nodes) {
    const soft = (taint: Taint) => taint.effect === 'PreferNoSchedule';
    if (!nodes.some(({ taints }) => taints.length > 0 && taints.some(soft))) return 'skip';
    const tolerations = (pod.spec?.tolerations ?? []).filter(
      (toleration) => !toleration.effect || toleration.effect === 'PreferNoSchedule',
    );
    state.set('TaintToleration', tolerations);
    return undefined;
  },
  score(state, _pod, node) {
    const tolerations = state.get<Toleration[]>('TaintToleration') ?? [];
    let count = 0;
    for (const taint of node.taints) {
      if (taint.effect === 'PreferNoSchedule' && !toleratesTaint(tolerations, taint)) count++;
    }
    return count;
  },
  normalizeScores: (_state, _pod, scores) => normalizeDefault(scores, maxNodeScore, true),
};
