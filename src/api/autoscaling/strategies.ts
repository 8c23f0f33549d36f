/** Upstream: pkg/registry/autoscaling/horizontalpodautoscaler, pkg/apis/autoscaling (1.36). */
import { type FieldErrorList, FieldPath, type KubeObject } from '../../apimachinery/index.ts';
import { canonicalField, setIfAbsent } from '../defaulting.ts';
import type { Strategy } from '../definition.ts';
import type { HorizontalPodAutoscaler, HPAScalingRules } from '../types.ts';

const defaultCpuUtilization = 80;

/** The window of scaling down is the controller's flag unless set here. */
const defaultScaleUp: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
const defaultScaleDown: HPAScalingRules = {
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
};

function defaultV2(object: KubeObject): void {
  const autoscaler = object as HorizontalPodAutoscaler;
  const spec = autoscaler.spec;
  if (!spec) return;
  setIfAbsent(spec, 'minReplicas', 1);
  if ((spec.metrics ?? []).length === 0) {
    const target = { type: 'Utilization', averageUtilization: defaultCpuUtilization };
    spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
  }
  for (const metric of spec.metrics ?? []) {
    for (const source of [metric.resource, metric.containerResource, metric.pods, metric.object, metric.external]) {
      const target = source?.target as Record<string, unknown> | undefined;
      canonicalField(target, 'averageValue');
      canonicalField(target, 'value');
    }
  }
  if (spec.behavior) {
    spec.behavior.scaleUp = { ...structuredClone(defaultScaleUp), ...spec.behavior.scaleUp };
    spec.behavior.scaleDown = { ...structuredClone(defaultScaleDown), ...spec.behavior.scaleDown };
  }
}

const defaultV1 = (object: KubeObject): void => {
  if (object['spec']) setIfAbsent(object['spec'], 'minReplicas', 1);
};

/** What both versions have in common. */
function validate(object: Readonly<KubeObject>, errors: FieldErrorList): void {
  const spec = (object as Readonly<HorizontalPodAutoscaler>).spec;
  const path = FieldPath.root('spec');
  const min = spec?.minReplicas;
  const max = spec?.maxReplicas ?? 0;
  if (min !== undefined && min < 1) {
    errors.invalid(path.child('minReplicas'), min, 'must be greater than or equal to 1');
  }
  if (max === 0) errors.required(path.child('maxReplicas'), 'must be set and greater than 0');
  else if (max < 0) errors.invalid(path.child('maxReplicas'), max, 'must be greater than or equal to 1');
  if (min !== undefined && max < min) {
    errors.invalid(path.child('maxReplicas'), max, 'must be greater than or equal to `minReplicas`');
  }
  for (const field of ['kind', 'name'] as const) {
    if (!spec?.scaleTargetRef?.[field]) errors.required(path.child('scaleTargetRef', field));
  }
}

export const horizontalPodAutoscalerV1Strategy: Strategy = { applyDefaults: defaultV1, validate };
export const horizontalPodAutoscalerV2Strategy: Strategy = { applyDefaults: defaultV2, validate };
