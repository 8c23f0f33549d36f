/** Upstream: pkg/registry/policy/poddisruptionbudget/strategy.go, pkg/apis/policy/validation/validation.go (1.36). */
import { FieldPath, validateLabelSelector } from '../../../../apimachinery/index.ts';
import type { Strategy } from '../../../definition.ts';
import type { PodDisruptionBudget } from '../../../types.ts';
import { validateAtMost100Percent, validateIntOrPercent, validateOptionalEnum } from '../../../validation.ts';

export const podDisruptionBudgetStrategy: Strategy = {
  generation: 'spec',
  allowUnconditionalUpdate: false,
  validate(object, errors) {
    const spec = (object as Readonly<PodDisruptionBudget>).spec ?? {};
    const path = FieldPath.root('spec');
    if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined) {
      errors.invalid(path, spec, 'minAvailable and maxUnavailable cannot be both set');
    }
    for (const field of ['minAvailable', 'maxUnavailable'] as const) {
      if (spec[field] === undefined) continue;
      validateIntOrPercent(spec[field], path.child(field), errors);
      validateAtMost100Percent(spec[field], path.child(field), errors);
    }
    validateLabelSelector(spec.selector, path.child('selector'), errors);
    const policies = ['AlwaysAllow', 'IfHealthyBudget'];
    validateOptionalEnum(spec.unhealthyPodEvictionPolicy, policies, path.child('unhealthyPodEvictionPolicy'), errors);
  },
};
