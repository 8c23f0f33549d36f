import { canonicalQuantity } from '../../../apimachinery/index.ts';
import { ageOf, nameOfRow, printer } from '../../printing.ts';
import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '../../types.ts';

type Metric = { readonly target: MetricTarget } | undefined;
type Current = { readonly current: MetricValueStatus } | undefined;

const unknown = '<unknown>';

/** Metrics of values: the average wins where one is asked for. */
function valueText(metric: Metric, status: Current): string {
  const { averageValue, value } = metric?.target ?? {};
  if (averageValue !== undefined) {
    const current = status?.current.averageValue;
    return `${current === undefined ? unknown : canonicalQuantity(current)}/${canonicalQuantity(averageValue)} (avg)`;
  }
  const current = status?.current.value;
  return `${current === undefined ? unknown : canonicalQuantity(current)}/${canonicalQuantity(value ?? 0)}`;
}

/** Metrics of resources: a value or a percentage. */
function resourceText(name: string, metric: Metric, status: Current): string {
  const { averageValue, averageUtilization } = metric?.target ?? {};
  if (averageValue !== undefined) {
    const current = status?.current.averageValue;
    return `${name}: ${current === undefined ? unknown : canonicalQuantity(current)}/${canonicalQuantity(averageValue)}`;
  }
  const current = status?.current.averageUtilization;
  const target = averageUtilization === undefined ? '<auto>' : `${averageUtilization}%`;
  return `${name}: ${current === undefined ? unknown : `${current}%`}/${target}`;
}

function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  switch (spec.type) {
    case 'External':
      return valueText(spec.external, status?.external);
    case 'Object':
      return valueText(spec.object, status?.object);
    case 'Pods': {
      const current = status?.pods?.current.averageValue;
      const target = canonicalQuantity(spec.pods?.target.averageValue ?? 0);
      return `${current === undefined ? unknown : canonicalQuantity(current)}/${target}`;
    }
    case 'Resource':
      return resourceText(spec.resource?.name ?? '', spec.resource, status?.resource);
    case 'ContainerResource':
      return resourceText(spec.containerResource?.name ?? '', spec.containerResource, status?.containerResource);
    default:
      return '<unknown type>';
  }
}

function metricsText(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return '<none>';
  const list = specs.map((spec, index) => metricText(spec, statuses[index]));
  const shown = list.slice(0, 2).join(', ');
  return list.length > 2 ? `${shown} + ${list.length - 2} more...` : shown;
}

export const horizontalPodAutoscalerPrinter = printer(
  'Name:name, Reference, Targets, MinPods, MaxPods, Replicas, Age',
  (object, context) => {
    const { spec, status } = object as Readonly<HorizontalPodAutoscaler>;
    return [
      nameOfRow(object),
      `${spec?.scaleTargetRef.kind}/${spec?.scaleTargetRef.name}`,
      metricsText(spec?.metrics ?? [], status?.currentMetrics ?? []),
      spec?.minReplicas === undefined ? '<unset>' : String(spec.minReplicas),
      spec?.maxReplicas ?? 0,
      status?.currentReplicas ?? 0,
      ageOf(object, context),
    ];
  },
);
