/** Upstream: pkg/registry/scheduling/priorityclass/strategy.go, pkg/apis/scheduling (1.36). */
import { FieldPath } from '../../../../apimachinery/index.ts';
import { setIfAbsent } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { PriorityClass } from '../../../types.ts';
import { validateImmutable, validateOptionalEnum } from '../../../validation.ts';

/** Users may go up to one billion; the two classes of the system are above. */
const highestUserPriority = 1_000_000_000;
const systemPrefix = 'system-';

export const systemPriorityClasses: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};

function systemClassProblem(priority: Readonly<PriorityClass>): string | undefined {
  const name = priority.metadata.name ?? '';
  const value = systemPriorityClasses[name];
  if (value === undefined) return `${name} is not a known system priority class`;
  if (priority.value !== value) return `value of ${name} PriorityClass must be ${value}`;
  return priority.globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}

export const priorityClassStrategy: Strategy = {
  generation: 'spec',
  applyDefaults(object) {
    setIfAbsent(object, 'preemptionPolicy', 'PreemptLowerPriority');
    setIfAbsent(object, 'value', 0);
  },
  validate(object, errors) {
    const priority = object as Readonly<PriorityClass>;
    if (priority.metadata.name?.startsWith(systemPrefix)) {
      const problem = systemClassProblem(priority);
      if (problem !== undefined) {
        const detail = `priority class names with '${systemPrefix}' prefix are reserved for system use only. error: ${problem}`;
        errors.forbidden(FieldPath.root('metadata', 'name'), detail);
      }
    } else if ((priority.value ?? 0) > highestUserPriority) {
      const detail = `maximum allowed value of a user defined priority is ${highestUserPriority}`;
      errors.forbidden(FieldPath.root('value'), detail);
    }
    const policies = ['Never', 'PreemptLowerPriority'];
    validateOptionalEnum(priority.preemptionPolicy, policies, FieldPath.root('preemptionPolicy'), errors);
  },
  validateUpdate(object, old, errors) {
    if (object['value'] !== old['value']) {
      errors.forbidden(FieldPath.root('value'), 'may not be changed in an update.');
    }
    const path = FieldPath.root('preemptionPolicy');
    validateImmutable(object['preemptionPolicy'], old['preemptionPolicy'], path, errors);
  },
};
