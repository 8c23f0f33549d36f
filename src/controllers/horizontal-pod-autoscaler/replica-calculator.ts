/**
 * From what pods use to how many there should be.
 * Upstream: pkg/controller/podautoscaler/{replica_calculator,metrics/utilization}.go (1.36).
 */
import type { Pod } from '../../api/index.ts';
import { milliValueOf } from '../../apimachinery/index.ts';
import { parseTime } from '../../base/index.ts';
import { podCondition, type ReadPod } from '../common/pods.ts';

/** Flags of kube-controller-manager. */
export const cpuInitializationPeriodMs = 5 * 60_000;
export const initialReadinessDelayMs = 30_000;
export const defaultTolerance = 0.1;

export interface Tolerances {
  readonly up: number;
  readonly down: number;
}

export interface PodMetric {
  readonly timestamp: number;
  readonly windowMs: number;
  /** Thousandths. */
  readonly value: number;
}

/** By pod name. */
export type PodMetrics = ReadonlyMap<string, PodMetric>;

export interface Calculated {
  readonly replicas: number;
  /** Percent of the requests; absent when the target is an amount. */
  readonly utilization?: number;
  /** Average over the pods, thousandths. */
  readonly average: number;
}

export interface CalculationInput {
  readonly currentReplicas: number;
  /** Percent of the request, or an amount per pod in thousandths. */
  readonly target: { readonly utilization: number } | { readonly average: number };
  readonly resource: string;
  /** Only this container counts. */
  readonly container?: string;
  readonly pods: readonly ReadPod[];
  readonly metrics: PodMetrics;
  readonly tolerances: Tolerances;
  readonly now: number;
}

/** @throws Error in upstream's words */
export function calculateReplicas(input: CalculationInput): Calculated {
  const { pods, currentReplicas, target, resource, tolerances } = input;
  if (pods.length === 0) throw new Error('no pods returned by selector while calculating replica count');
  const groups = groupPods(input);
  const values = new Map([...input.metrics].map(([name, { value }]) => [name, value]));
  for (const name of [...groups.ignored, ...groups.unready]) values.delete(name);
  const requests =
    'utilization' in target
      ? requestsOf(pods, resource, input.container)
      : // An amount per pod is a utilization of that amount.
        new Map(pods.map((pod) => [pod.metadata.name!, target.average]));
  if (values.size === 0) throw new Error('did not receive metrics for targeted pods (pods might be unready)');
  const wanted = 'utilization' in target ? target.utilization : 100;
  const exact = !('utilization' in target);
  const first = ratioOf(values, requests, wanted, exact);
  const result = (replicas: number): Calculated => ({
    replicas,
    average: first.average,
    ...('utilization' in target ? { utilization: first.utilization } : {}),
  });
  const within = (ratio: number) => 1 - tolerances.down <= ratio && ratio <= 1 + tolerances.up;
  const unreadyCount = groups.unready.size > 0 && first.ratio > 1;
  if (!unreadyCount && groups.missing.size === 0) {
    return result(within(first.ratio) ? currentReplicas : Math.ceil(first.ratio * groups.ready));
  }
  if (first.ratio < 1) {
    // Pods nobody knows about are taken to use all they may: nothing shrinks for lack of news.
    const fallback = exact ? 100 : Math.max(100, wanted);
    for (const name of groups.missing) values.set(name, Math.trunc(((requests.get(name) ?? 0) * fallback) / 100));
  } else if (first.ratio > 1) {
    for (const name of groups.missing) values.set(name, 0);
  }
  if (unreadyCount) for (const name of groups.unready) values.set(name, 0);
  const { ratio } = ratioOf(values, requests, wanted, exact);
  const turned = (first.ratio < 1 && ratio > 1) || (first.ratio > 1 && ratio < 1);
  if (within(ratio) || turned) return result(currentReplicas);
  const replicas = Math.ceil(ratio * values.size);
  const contrary = (ratio < 1 && replicas > currentReplicas) || (ratio > 1 && replicas < currentReplicas);
  return result(contrary ? currentReplicas : replicas);
}

interface PodGroups {
  readonly ready: number;
  readonly unready: ReadonlySet<string>;
  readonly missing: ReadonlySet<string>;
  readonly ignored: ReadonlySet<string>;
}

function groupPods({ pods, metrics, resource, now }: CalculationInput): PodGroups {
  let ready = 0;
  const unready = new Set<string>();
  const missing = new Set<string>();
  const ignored = new Set<string>();
  for (const pod of pods) {
    const name = pod.metadata.name!;
    if (pod.metadata.deletionTimestamp !== undefined || pod.status?.phase === 'Failed') ignored.add(name);
    else if (pod.status?.phase === 'Pending') unready.add(name);
    else {
      const metric = metrics.get(name);
      if (!metric) missing.add(name);
      else if (resource === 'cpu' && isCpuUnready(pod, metric, now)) unready.add(name);
      else ready++;
    }
  }
  return { ready, unready, missing, ignored };
}

/** A pod that starts may use much CPU; what it used then says nothing. */
function isCpuUnready(pod: ReadPod, { timestamp, windowMs }: PodMetric, now: number): boolean {
  const condition = podCondition(pod, 'Ready');
  const startTime = pod.status?.startTime;
  if (!condition || !startTime) return true;
  const started = parseTime(startTime);
  const changed = condition.lastTransitionTime ? parseTime(condition.lastTransitionTime) : 0;
  const notReady = condition.status === 'False';
  if (started + cpuInitializationPeriodMs > now) return notReady || timestamp < changed + windowMs;
  return notReady && started + initialReadinessDelayMs > changed;
}

type Container = NonNullable<NonNullable<Pod['spec']>['containers']>[number];

/** Thousandths by pod. @throws Error when a container does not say. */
function requestsOf(pods: readonly ReadPod[], resource: string, only: string | undefined): Map<string, number> {
  const requests = new Map<string, number>();
  for (const pod of pods) {
    const podLevel = (pod.spec as { resources?: { requests?: Record<string, string> } } | undefined)?.resources
      ?.requests?.[resource];
    if (only === undefined && podLevel !== undefined) {
      requests.set(pod.metadata.name!, milliValueOf(podLevel));
      continue;
    }
    const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
    let sum = 0;
    for (const container of [...(pod.spec?.containers ?? []), ...sidecars] as Container[]) {
      if (only !== undefined && container.name !== only) continue;
      const request = container.resources?.requests?.[resource];
      if (request === undefined) {
        throw new Error(`missing request for ${resource} in container ${container.name} of Pod ${pod.metadata.name}`);
      }
      sum += milliValueOf(request);
    }
    requests.set(pod.metadata.name!, sum);
  }
  return requests;
}

function ratioOf(
  values: ReadonlyMap<string, number>,
  requests: ReadonlyMap<string, number>,
  wanted: number,
  exact: boolean,
): { readonly ratio: number; readonly utilization: number; readonly average: number } {
  let used = 0;
  let requested = 0;
  let count = 0;
  for (const [name, value] of values) {
    const request = requests.get(name);
    if (request === undefined) continue;
    used += value;
    requested += request;
    count++;
  }
  if (requested === 0) throw new Error('no metrics returned matched known pods');
  const utilization = Math.trunc((used * 100) / requested);
  // Upstream compares whole percents of utilizations, and exact averages of amounts.
  const ratio = exact ? Math.trunc(used / count) / (requested / count) : utilization / wanted;
  return { ratio, utilization, average: Math.trunc(used / count) };
}
