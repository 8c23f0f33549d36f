/** Reads the resource metrics API and answers one metric of an autoscaler. Upstream: podautoscaler/metrics/client.go. */
import { type IntOrString, milliValueOf, newMilliQuantity, parseDuration } from '../../apimachinery/index.ts';
import { parseTime } from '../../base/index.ts';
import type { KubeClient } from '../../client/index.ts';
import type { ReadPod } from '../common/pods.ts';
import { calculateReplicas, type PodMetric, type PodMetrics, type Tolerances } from './replica-calculator.ts';

/** autoscaling/v2 MetricSpec, the parts used here. */
export interface MetricSpec {
  readonly type: string;
  readonly resource?: { readonly name: string; readonly target: MetricTarget };
  readonly containerResource?: { readonly name: string; readonly container: string; readonly target: MetricTarget };
  readonly pods?: { readonly metric: { readonly name: string } };
  readonly object?: { readonly metric: { readonly name: string } };
  readonly external?: { readonly metric: { readonly name: string } };
}

interface MetricTarget {
  readonly type: string;
  readonly averageUtilization?: number;
  readonly averageValue?: IntOrString;
}

export interface MetricOutcome {
  readonly replicas: number;
  /** Of the conditions and the event. */
  readonly name: string;
  /** autoscaling/v2 MetricStatus. */
  readonly status: object;
}

/** A metric that could not be had; `reason` is the condition's and the event's. */
export class MetricError extends Error {
  override readonly name = 'MetricError';
  readonly reason: string;
  /** As part of "invalid metrics". */
  readonly outer: string;
  constructor(reason: string, message: string, outer = message) {
    super(message);
    this.reason = reason;
    this.outer = outer;
  }
}

export interface MetricInput {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Label selector of the target's pods, as text. */
  readonly selector: string;
  readonly pods: readonly ReadPod[];
  readonly currentReplicas: number;
  readonly tolerances: Tolerances;
  readonly now: number;
}

/** @throws MetricError */
export async function metricOutcome(spec: MetricSpec, input: MetricInput): Promise<MetricOutcome> {
  switch (spec.type) {
    case 'Resource':
      return resourceOutcome(spec.resource!, undefined, input);
    case 'ContainerResource':
      return resourceOutcome(spec.containerResource!, spec.containerResource!.container, input);
    case 'Pods':
      throw customMetric('FailedGetPodsMetric', 'pods', spec.pods!.metric.name);
    case 'Object':
      throw customMetric('FailedGetObjectMetric', 'object', spec.object!.metric.name);
    case 'External': {
      const { name } = spec.external!.metric;
      const message = `unable to get external metric ${input.namespace}/${name}/nil: unable to fetch metrics from external metrics API: the server could not find the requested resource (get ${name}.external.metrics.k8s.io)`;
      throw new MetricError(
        'FailedGetExternalMetric',
        message,
        `failed to get ${name} external metric value: ${message}`,
      );
    }
    default:
      throw new MetricError('InvalidMetricSourceType', `unknown metric source type "${spec.type}"`);
  }
}

/** Nobody serves custom.metrics.k8s.io here, unless a user brings an adapter of his own. */
function customMetric(reason: string, kind: string, name: string): MetricError {
  const message = `unable to get metric ${name}: unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered`;
  return new MetricError(reason, message, `failed to get ${kind} metric value: ${message}`);
}

async function resourceOutcome(
  { name, target }: { readonly name: string; readonly target: MetricTarget },
  container: string | undefined,
  input: MetricInput,
): Promise<MetricOutcome> {
  const reason = container === undefined ? 'FailedGetResourceMetric' : 'FailedGetContainerResourceMetric';
  const outer = (message: string) =>
    container === undefined
      ? `failed to get ${name} resource metric value: ${message}`
      : `failed to get ${name} container metric value: ${message}`;
  const percent = target.averageUtilization;
  const amount = target.averageValue;
  if (percent === undefined && amount === undefined) {
    const message =
      'invalid resource metric source: neither an average utilization target nor an average value (usage) target was set';
    throw new MetricError(reason, message, outer(message));
  }
  try {
    const metrics = await podMetrics(input, name, container);
    const { currentReplicas, pods, tolerances, now } = input;
    const found = calculateReplicas({
      currentReplicas,
      pods,
      metrics,
      tolerances,
      now,
      resource: name,
      ...(container === undefined ? {} : { container }),
      target: amount === undefined ? { utilization: percent! } : { average: milliValueOf(amount) },
    });
    const current = {
      averageValue: newMilliQuantity(found.average, 'DecimalSI').toString(),
      ...(found.utilization === undefined ? {} : { averageUtilization: found.utilization }),
    };
    const what = container === undefined ? `${name} resource` : `${name} container resource`;
    return {
      replicas: found.replicas,
      name: amount === undefined ? `${what} utilization (percentage of request)` : what,
      status:
        container === undefined
          ? { type: 'Resource', resource: { name, current } }
          : { type: 'ContainerResource', containerResource: { name, container, current } },
    };
  } catch (error) {
    if (error instanceof MetricError) throw error;
    const what = percent === undefined || amount !== undefined ? `${name} usage` : `${name} utilization`;
    const message = `failed to get ${what}: ${(error as Error).message}`;
    throw new MetricError(reason, message, outer(message));
  }
}

/** @throws Error in upstream's words */
async function podMetrics(
  { client, namespace, selector }: MetricInput,
  resource: string,
  container: string | undefined,
): Promise<PodMetrics> {
  const unable = `unable to get metrics for resource ${resource}`;
  let items: any[];
  try {
    const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods`;
    items = (await client.raw(path, { query: { labelSelector: selector } })).items;
  } catch (error) {
    const message = `unable to fetch metrics from resource metrics API: ${(error as Error).message}`;
    throw new Error(`${unable}: ${message}`, { cause: error });
  }
  if (items.length === 0) throw new Error(`${unable}: no metrics returned from resource metrics API`);
  const metrics = new Map<string, PodMetric>();
  for (const { metadata, timestamp, window, containers } of items) {
    const counted = containers.filter((each: any) => container === undefined || each.name === container);
    if (container !== undefined && counted.length === 0) {
      throw new Error(`container ${container} not present in metrics for pod ${metadata.namespace}/${metadata.name}`);
    }
    // A pod one of whose containers has no such metric has none.
    if (counted.some((each: any) => each.usage?.[resource] === undefined)) continue;
    const value = counted.reduce((sum: number, each: any) => sum + milliValueOf(each.usage[resource]), 0);
    metrics.set(metadata.name, { timestamp: parseTime(timestamp), windowMs: parseDuration(window), value });
  }
  return metrics;
}
