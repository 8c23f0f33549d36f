/** Upstream: pkg/registry/autoscaling/horizontalpodautoscaler, pkg/apis/autoscaling (1.36). */
import { deepCopy, type KubeObject } from '../../apimachinery/index.ts';
import { canonicalField, setIfAbsent } from '../defaulting.ts';
import type { Strategy } from '../definition.ts';
import { rules } from '../place.ts';
import type { HorizontalPodAutoscaler, HPAScalingRules } from '../types.ts';
import { autoscalerToV2 } from './conversion.ts';
import { validateAutoscaler, validateAutoscalerStatus } from './validation.ts';

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

/** v1 is held against the rules in the shape of v2. */
function asV2(object: Readonly<KubeObject>): KubeObject {
  const copy = deepCopy(object) as KubeObject;
  autoscalerToV2(copy);
  return copy;
}

export const horizontalPodAutoscalerV2Strategy: Strategy = {
  applyDefaults: defaultV2,
  ...rules(
    (object) => validateAutoscaler(object),
    (object, old) => validateAutoscaler(object, old['spec'] ?? {}),
    validateAutoscalerStatus,
  ),
};

const v2 = horizontalPodAutoscalerV2Strategy;

export const horizontalPodAutoscalerV1Strategy: Strategy = {
  applyDefaults: defaultV1,
  validate: (object, errors) => v2.validate?.(asV2(object), errors),
  validateUpdate: (object, old, errors) => v2.validateUpdate?.(asV2(object), asV2(old), errors),
  validateStatusUpdate: (object, old, errors) => v2.validateStatusUpdate?.(asV2(object), asV2(old), errors),
};
