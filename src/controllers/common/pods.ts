/** Facts about pods. Upstream: pkg/api/v1/pod/util.go, pkg/controller/controller_utils.go. */

import type { Pod, PodCondition, PodTemplateSpec } from '../../api/index.ts';
import { controllerOf, isDns1123Subdomain, type KubeObject, type OwnerReference } from '../../apimachinery/index.ts';
import { parseTime } from '../../base/index.ts';
import type { SharedInformer } from '../../client/index.ts';

export type ReadPod = Readonly<Pod>;

export function podCondition(pod: ReadPod, type: string): PodCondition | undefined {
  const conditions = pod.status?.conditions;
  if (conditions) for (const condition of conditions) if (condition.type === type) return condition;
  return undefined;
}

export function isPodReady(pod: ReadPod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True';
}

/** When the pod became ready, ms; undefined when it is not ready or does not say. */
export function podReadyTime(pod: ReadPod): number | undefined {
  const condition = podCondition(pod, 'Ready');
  return condition?.status === 'True' && condition.lastTransitionTime
    ? parseTime(condition.lastTransitionTime)
    : undefined;
}

/** Ready for at least `minReadySeconds` at `now` (ms). */
export function isPodAvailable(pod: ReadPod, minReadySeconds: number, now: number): boolean {
  if (!isPodReady(pod)) return false;
  if (minReadySeconds === 0) return true;
  const since = podReadyTime(pod);
  return since !== undefined && since + minReadySeconds * 1000 <= now;
}

export function isPodTerminal(pod: ReadPod): boolean {
  const phase = pod.status?.phase;
  return phase === 'Succeeded' || phase === 'Failed';
}

/** Counts as a replica: not ended and not being deleted. */
export function isPodActive(pod: ReadPod): boolean {
  return pod.metadata.deletionTimestamp === undefined && !isPodTerminal(pod);
}

/** Being deleted and still there. */
export function isPodTerminating(pod: ReadPod): boolean {
  return pod.metadata.deletionTimestamp !== undefined && !isPodTerminal(pod);
}

/** Conditions with `condition` set; the same array when nothing changes. Upstream: podutil.UpdatePodCondition. */
export function withPodCondition(
  conditions: readonly PodCondition[] | undefined,
  condition: PodCondition,
  now: string,
): readonly PodCondition[] {
  const list = conditions ?? [];
  const index = list.findIndex((other) => other.type === condition.type);
  if (index < 0) return [...list, { ...condition, lastTransitionTime: now }];
  const old = list[index]!;
  if (old.status === condition.status && old.reason === condition.reason && old.message === condition.message)
    return list;
  const lastTransitionTime = old.status === condition.status ? old.lastTransitionTime : now;
  const out = [...list];
  out[index] = { ...condition, lastTransitionTime };
  return out;
}

/** The pod a controller creates. Made for this call: hand it over. Upstream: controller.GetPodFromTemplate. */
export function podFromTemplate(
  template: Readonly<PodTemplateSpec>,
  owner: Readonly<KubeObject>,
  controllerRef: OwnerReference,
  generateName?: string,
): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const name = owner.metadata.name!;
  const prefix = generateName ?? `${name}-`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: isDns1123Subdomain(`${prefix}a`).length === 0 ? prefix : name,
      namespace: owner.metadata.namespace,
      labels: { ...labels },
      ...(annotations && Object.keys(annotations).length > 0 ? { annotations: { ...annotations } } : {}),
      ...(finalizers?.length ? { finalizers: [...finalizers] } : {}),
      ownerReferences: [controllerRef],
    },
    spec: template.spec,
  } as Pod;
}

export const podControllerIndex = 'podController';

/** Key of pods without a controller, in `podControllerIndex`. */
export function orphanKey(namespace: string): string {
  return `orphans/${namespace}`;
}

/** Index by uid of the controlling owner, or `orphanKey`. Works for any namespaced kind. */
export function addControllerIndex(informer: SharedInformer<any>): void {
  informer.addIndexers({
    [podControllerIndex]: (object: Readonly<KubeObject>) => [
      controllerOf(object)?.uid ?? orphanKey(object.metadata.namespace ?? ''),
    ],
  });
}

export const podNodeIndex = 'spec.nodeName';

/** Index by node; unassigned pods are in none. */
export function addNodeIndex(informer: SharedInformer<Pod>): void {
  informer.addIndexers({ [podNodeIndex]: (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []) });
}

/**
 * Ms until the first of the pods becomes available, undefined when none will by waiting.
 * Upstream: FindMinNextPodAvailabilityCheck.
 */
export function nextAvailabilityCheckMs(
  pods: readonly ReadPod[],
  minReadySeconds: number,
  now: number,
): number | undefined {
  if (minReadySeconds <= 0) return undefined;
  let first: number | undefined;
  for (const pod of pods) {
    const since = podReadyTime(pod);
    if (since === undefined) continue;
    const left = since + minReadySeconds * 1000 - now;
    if (left > 0 && (first === undefined || left < first)) first = left;
  }
  return first;
}
