/**
 * autoscaling/v1 is served on what v2 stores. What v1 cannot say travels in annotations.
 * Upstream: pkg/apis/autoscaling/v1/conversion.go (1.36).
 */
import type { KubeObject } from '../../apimachinery/index.ts';

const metricsAnnotation = 'autoscaling.alpha.kubernetes.io/metrics';
const statusesAnnotation = 'autoscaling.alpha.kubernetes.io/current-metrics';
const conditionsAnnotation = 'autoscaling.alpha.kubernetes.io/conditions';
const behaviorAnnotation = 'autoscaling.alpha.kubernetes.io/behavior';

type Metric = { type: string; resource?: { name: string; target?: any; current?: any } };

const isCpuUtilization = (metric: Metric): boolean =>
  metric.type === 'Resource' &&
  metric.resource?.name === 'cpu' &&
  (metric.resource.target ?? metric.resource.current)?.averageUtilization !== undefined;

function takeAnnotation(object: KubeObject, name: string): any {
  const text = object.metadata.annotations?.[name];
  if (text === undefined) return undefined;
  const { [name]: _, ...rest } = object.metadata.annotations!;
  if (Object.keys(rest).length > 0) object.metadata.annotations = rest;
  else delete object.metadata.annotations;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function putAnnotation(object: KubeObject, name: string, value: unknown): void {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return;
  object.metadata.annotations = { ...object.metadata.annotations, [name]: JSON.stringify(value) };
}

export function autoscalerToV2(object: KubeObject): void {
  const { spec, status } = object as Record<string, any>;
  const metrics: Metric[] = takeAnnotation(object, metricsAnnotation) ?? [];
  const currentMetrics: Metric[] = takeAnnotation(object, statusesAnnotation) ?? [];
  const conditions = takeAnnotation(object, conditionsAnnotation);
  const behavior = takeAnnotation(object, behaviorAnnotation);
  if (spec?.targetCPUUtilizationPercentage !== undefined) {
    const target = { type: 'Utilization', averageUtilization: spec.targetCPUUtilizationPercentage };
    metrics.unshift({ type: 'Resource', resource: { name: 'cpu', target } });
    delete spec.targetCPUUtilizationPercentage;
  }
  if (spec && metrics.length > 0) spec.metrics = metrics;
  if (spec && behavior !== undefined) spec.behavior = behavior;
  if (status?.currentCPUUtilizationPercentage !== undefined) {
    const current = { averageUtilization: status.currentCPUUtilizationPercentage, averageValue: '0' };
    currentMetrics.unshift({ type: 'Resource', resource: { name: 'cpu', current } });
    delete status.currentCPUUtilizationPercentage;
  }
  if (status && currentMetrics.length > 0) status.currentMetrics = currentMetrics;
  if (status && conditions !== undefined) status.conditions = conditions;
  object.apiVersion = 'autoscaling/v2';
}

export function autoscalerFromV2(object: KubeObject): void {
  const { spec, status } = object as Record<string, any>;
  const metrics: Metric[] = spec?.metrics ?? [];
  const cpu = metrics.find(isCpuUtilization);
  if (cpu !== undefined) spec.targetCPUUtilizationPercentage = cpu.resource?.target.averageUtilization;
  putAnnotation(
    object,
    metricsAnnotation,
    metrics.filter((metric) => metric !== cpu),
  );
  putAnnotation(object, behaviorAnnotation, spec?.behavior);
  if (spec) {
    delete spec.metrics;
    delete spec.behavior;
  }
  const current: Metric[] = status?.currentMetrics ?? [];
  const currentCpu = current.find(isCpuUtilization);
  if (currentCpu !== undefined) {
    status.currentCPUUtilizationPercentage = currentCpu.resource?.current.averageUtilization;
  }
  putAnnotation(
    object,
    statusesAnnotation,
    current.filter((metric) => metric !== currentCpu),
  );
  putAnnotation(object, conditionsAnnotation, status?.conditions);
  if (status) {
    delete status.currentMetrics;
    delete status.conditions;
  }
  object.apiVersion = 'autoscaling/v1';
}
