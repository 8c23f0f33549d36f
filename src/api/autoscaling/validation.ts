/** Autoscalers as v2 shapes them. Upstream: pkg/apis/autoscaling/validation/validation.go (1.36). */
import { isDns1123Label, isPathSegmentName, parseQuantity } from '../../apimachinery/index.ts';
import { validateContainerResourceName } from '../core/v1/pod/validation-resources.ts';
import type { Place } from '../place.ts';
import { mustBePositive } from '../validation.ts';

const maxPeriodSeconds = 1800;
const maxStabilizationSeconds = 3600;
const noSource = 'must populate information for the given metric source';

interface ReferenceOptions {
  readonly anyVersion: boolean;
  readonly coreGroup: boolean;
}

function apiVersionProblem(text: string, options: ReferenceOptions): string | undefined {
  if (options.anyVersion) return undefined;
  const [group, version, ...rest] = text.split('/');
  if (rest.length > 0) return `unexpected GroupVersion string: ${text}`;
  if (!options.coreGroup && (version === undefined || group === '')) return 'apiVersion must specify API group';
  return undefined;
}

function validateReference(reference: Place, options: ReferenceOptions): void {
  reference.child('kind').named(isPathSegmentName);
  reference.child('name').named(isPathSegmentName);
  const version = reference.child('apiVersion');
  const problem = apiVersionProblem(version.text, options);
  if (problem !== undefined) version.invalid(problem, version.text);
}

function positive(amount: Place): void {
  if (!amount.isSet) return;
  const quantity = parseQuantity(amount.value);
  if (quantity.sign !== 1) amount.invalid('must be positive', quantity.toString());
}

function validateTarget(target: Place): void {
  const type = target.child('type');
  if (type.text === '') type.required('must specify a metric target type');
  if (!['Utilization', 'Value', 'AverageValue'].includes(type.text)) {
    type.invalid('must be either Utilization, Value, or AverageValue');
  }
  positive(target.child('value'));
  positive(target.child('averageValue'));
  const utilization = target.child('averageUtilization');
  if (utilization.isSet && utilization.number < 1) utilization.invalid('must be greater than 0');
}

const validateMetric = (source: Place): void =>
  source.child('metric', 'name').named(isPathSegmentName, 'must specify a metric name');

/** Resources are scaled by utilization or by a raw value, not by both. */
function validateResourceTarget(target: Place): void {
  validateTarget(target);
  const utilization = target.child('averageUtilization');
  const value = target.child('averageValue');
  if (!utilization.isSet && !value.isSet) {
    utilization.required('must set either a target raw value or a target utilization');
  } else if (utilization.isSet && value.isSet) {
    value.forbidden('may not set both a target raw value and a target utilization');
  }
}

/** Field of each source type, with its rules, in the order they are looked at. */
const sources: Readonly<Record<string, (source: Place, objects: ReferenceOptions) => void>> = {
  object(source, objects) {
    validateReference(source.child('describedObject'), objects);
    validateMetric(source);
    const target = source.child('target');
    validateTarget(target);
    if (!target.child('value').isSet && !target.child('averageValue').isSet) {
      target.child('averageValue').required('must set either a target value or averageValue');
    }
  },
  external(source) {
    validateMetric(source);
    const target = source.child('target');
    validateTarget(target);
    const [value, average] = [target.child('value'), target.child('averageValue')];
    if (!value.isSet && !average.isSet) {
      average.required('must set either a target value for metric or a per-pod target');
    } else if (value.isSet && average.isSet) {
      value.forbidden('may not set both a target value for metric and a per-pod target');
    }
  },
  pods(source) {
    validateMetric(source);
    validateTarget(source.child('target'));
    const average = source.child('target', 'averageValue');
    if (!average.isSet) average.required('must specify a positive target averageValue');
  },
  resource(source) {
    source.child('name').named(undefined, 'must specify a resource name');
    validateResourceTarget(source.child('target'));
  },
  containerResource(source) {
    const name = source.child('name');
    if (name.text === '') name.required('must specify a resource name');
    else validateContainerResourceName(name.text, name.path, name.errors);
    source.child('container').named(isDns1123Label, 'must specify a container');
    validateResourceTarget(source.child('target'));
  },
};

const fieldOfType: Readonly<Record<string, string>> = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
};
const metricTypes = Object.keys(fieldOfType);

function validateMetricSpec(metric: Place, objects: ReferenceOptions): void {
  const type = metric.child('type');
  if (type.text === '') type.required('must specify a metric source type');
  const expected = fieldOfType[type.text];
  if (expected === undefined) type.notSupported(metricTypes);
  const present = Object.keys(sources).filter((field) => metric.child(field).isSet);
  if (present[0] !== undefined) sources[present[0]]!(metric.child(present[0]), objects);
  if (expected === undefined) type.notSupported(metricTypes);
  else if (!metric.child(expected).isSet) metric.child(expected).required(noSource);
  if (present.length === 1) return;
  for (const field of present) {
    if (field !== expected) metric.child(field).forbidden('must populate the given metric source only');
  }
}

function validateScalingRules(scaling: Place): void {
  if (!scaling.isSet) return;
  const window = scaling.child('stabilizationWindowSeconds');
  if (window.number < 0) window.invalid('must be greater than or equal to zero');
  if (window.number > maxStabilizationSeconds) {
    window.invalid(`must be less than or equal to ${maxStabilizationSeconds}`);
  }
  scaling.child('selectPolicy').maybeOneOf(['Disabled', 'Max', 'Min']);
  const policies = scaling.child('policies');
  if (policies.list.length === 0) policies.required('must specify at least one Policy');
  for (const policy of policies.items()) {
    const type = policy.child('type');
    if (!['Pods', 'Percent'].includes(type.text)) type.notSupported(['Percent', 'Pods']);
    const [value, period] = [policy.child('value'), policy.child('periodSeconds')];
    if (value.number <= 0) value.invalid(mustBePositive, value.number);
    if (period.number <= 0) period.invalid(mustBePositive, period.number);
    if (period.number > maxPeriodSeconds) period.invalid(`must be less than or equal to ${maxPeriodSeconds}`);
  }
  const tolerance = scaling.child('tolerance');
  if (tolerance.isSet && parseQuantity(tolerance.value).sign < 0) {
    tolerance.invalid('must be greater than or equal to 0', parseQuantity(tolerance.value).toString());
  }
}

/** `old`: the spec before an update; what stood there already is tolerated. */
export function validateAutoscaler(object: Place, old?: Readonly<Record<string, any>>): void {
  const spec = object.child('spec');
  const min = spec.child('minReplicas');
  const max = spec.child('maxReplicas');
  const lowest = old?.['minReplicas'] === 0 ? 0 : 1;
  if (min.isSet && min.number < lowest) min.invalid(`must be greater than or equal to ${lowest}`);
  if (max.number === 0) max.required('must be set and greater than 0');
  else if (max.number < 0) max.invalid('must be greater than or equal to 1');
  if (min.isSet && max.number < min.number) {
    max.invalid('must be greater than or equal to `minReplicas`', max.number);
  }
  const target = spec.child('scaleTargetRef');
  const before = old?.['scaleTargetRef'];
  const sameTarget =
    before !== undefined && before.apiVersion === target.value?.apiVersion && before.kind === target.value?.kind;
  validateReference(target, {
    anyVersion: sameTarget,
    coreGroup: target.child('kind').text === 'ReplicationController',
  });
  const objects = { anyVersion: old !== undefined && hadBadObjectMetric(old), coreGroup: true };
  const metrics = spec.child('metrics');
  for (const metric of metrics.items()) validateMetricSpec(metric, objects);
  const outside = metrics.list.some((metric) => metric?.type === 'Object' || metric?.type === 'External');
  if (min.value === 0 && !outside) {
    metrics.forbidden('must specify at least one Object or External metric to support scaling to zero replicas');
  }
  validateScalingRules(spec.child('behavior', 'scaleUp'));
  validateScalingRules(spec.child('behavior', 'scaleDown'));
}

function hadBadObjectMetric(old: Readonly<Record<string, any>>): boolean {
  const options = { anyVersion: false, coreGroup: true };
  return (old['metrics'] ?? []).some(
    (metric: any) =>
      metric.type === 'Object' &&
      metric.object !== undefined &&
      apiVersionProblem(metric.object.describedObject?.apiVersion ?? '', options) !== undefined,
  );
}

export function validateAutoscalerStatus(object: Place): void {
  object.child('status', 'currentReplicas').nonNegative();
  object.child('status', 'desiredReplicas').nonNegative();
}
