/**
 * Makes room for a critical pod by ending others of the node: by class of service, as few as possible.
 * Upstream: pkg/kubelet/preemption/preemption.go.
 */
import { milliValueOf, wholeValueOf } from '../apimachinery/index.ts';
import { podQOS, podRequests } from './pod-resources.ts';
import { isCriticalPod, type Pod } from './pod-types.ts';

export const preemptionReason = 'Preempting';
export const preemptionMessage = 'Preempted in order to admit critical pod';
export const preemptionDisruption = 'Pod was preempted by Kubelet to accommodate a critical pod.';

/** What lacks of a resource: thousandths of a core of cpu, whole units of everything else. */
export interface Shortage {
  readonly resource: string;
  readonly amount: number;
}

/** No set of pods would be enough. */
export class PreemptionError extends Error {
  override readonly name = 'PreemptionError';
}

/** Whom to end so that `shortages` are over. @throws PreemptionError */
export function podsToPreempt(preemptor: Pod, pods: Iterable<Pod>, shortages: readonly Shortage[]): Pod[] {
  const classes: Record<string, Pod[]> = { BestEffort: [], Burstable: [], Guaranteed: [] };
  for (const pod of pods) if (preemptable(preemptor, pod)) classes[podQOS(pod.spec)]?.push(pod);
  const { BestEffort = [], Burstable = [], Guaranteed = [] } = classes;
  const never = left(shortages, [...BestEffort, ...Burstable, ...Guaranteed]);
  if (never.length > 0) throw notEnough(never);
  // The better a class, the more of the others is thought away before it has to give.
  const guaranteed = nearest(Guaranteed, left(shortages, [...BestEffort, ...Burstable]));
  const burstable = nearest(Burstable, left(shortages, [...BestEffort, ...guaranteed]));
  const bestEffort = nearest(BestEffort, left(shortages, [...burstable, ...guaranteed]));
  return [...bestEffort, ...burstable, ...guaranteed];
}

function preemptable(preemptor: Pod, other: Pod): boolean {
  if (isCriticalPod(preemptor) && !isCriticalPod(other)) return true;
  const [mine, its] = [preemptor.spec.priority, other.spec.priority];
  return mine !== undefined && its !== undefined && mine > its;
}

/** One after the other, whichever comes nearest to what still lacks; of two as near, the one that asks for less. */
function nearest(candidates: readonly Pod[], shortages: readonly Shortage[]): Pod[] {
  const pods = [...candidates];
  const chosen: Pod[] = [];
  let rest = shortages;
  while (rest.length > 0) {
    let best: Pod | undefined;
    let bestDistance = Number.POSITIVE_INFINITY;
    for (const pod of pods) {
      const distance = distanceOf(pod, rest);
      if (distance < bestDistance || (best && distance === bestDistance && asksForLess(pod, best))) {
        best = pod;
        bestDistance = distance;
      }
    }
    if (!best) throw notEnough(rest);
    rest = left(rest, [best]);
    chosen.push(best);
    pods.splice(pods.indexOf(best), 1);
  }
  return chosen;
}

function distanceOf(pod: Pod, shortages: readonly Shortage[]): number {
  let distance = 0;
  for (const { resource, amount } of shortages) {
    const rest = amount - requestOf(pod, resource);
    if (rest > 0) distance += (rest / amount) ** 2;
  }
  return distance;
}

function asksForLess(a: Pod, b: Pod): boolean {
  for (const resource of ['memory', 'cpu']) {
    const difference = requestOf(a, resource) - requestOf(b, resource);
    if (difference !== 0) return difference < 0;
  }
  return true;
}

function left(shortages: readonly Shortage[], pods: readonly Pod[]): Shortage[] {
  return shortages
    .map(({ resource, amount }) => ({
      resource,
      amount: pods.reduce((rest, pod) => rest - requestOf(pod, resource), amount),
    }))
    .filter(({ amount }) => amount > 0);
}

function requestOf({ spec }: Pod, resource: string): number {
  if (resource === 'pods') return 1;
  const quantity = podRequests(spec)[resource];
  return resource === 'cpu' ? milliValueOf(quantity) : wholeValueOf(quantity);
}

function notEnough(shortages: readonly Shortage[]): PreemptionError {
  const list = shortages.map(({ resource, amount }) => `(res: ${resource}, q: ${amount}), `).join('');
  return new PreemptionError(`no set of running pods found to reclaim resources: [${list}]`);
}
