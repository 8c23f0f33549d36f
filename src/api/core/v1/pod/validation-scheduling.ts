/** Affinity, tolerations, topology spread. Upstream: pkg/apis/core/validation/validation.go (1.36). */
import {
  type FieldErrorList,
  type FieldPath,
  isLabelValue,
  isQualifiedName,
  type LabelSelectorObject,
  nameIsDnsLabel,
  nameIsDnsSubdomain,
  validateLabelSelector,
} from '../../../../apimachinery/index.ts';
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  Toleration,
  TopologySpreadConstraint,
} from '../../../types.ts';
import { invalidEach, validateOptionalEnum, validatePositive } from '../../../validation.ts';

const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const weightRange = 'must be in the range 1-100';

export function validateTaintEffect(effect: string, path: FieldPath, errors: FieldErrorList): void {
  if (!taintEffects.includes(effect)) errors.notSupported(path, effect, taintEffects);
}

export function validateTolerations(
  tolerations: readonly Toleration[] | undefined,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  for (const [index, toleration] of (tolerations ?? []).entries()) {
    const at = path.index(index);
    const { key = '', value = '', effect = '', tolerationSeconds } = toleration;
    const operator: string = toleration.operator ?? '';
    if (key !== '') invalidEach(isQualifiedName(key), key, at.child('key'), errors);
    else if (operator !== 'Exists') {
      const detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
      errors.invalid(at.child('operator'), operator, detail);
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      errors.invalid(at.child('effect'), effect, "effect must be 'NoExecute' when `tolerationSeconds` is set");
    }
    validateTolerationOperator(operator, value, at.child('operator'), errors);
    if (effect !== '') validateTaintEffect(effect, at.child('effect'), errors);
  }
}

function validateTolerationOperator(operator: string, value: string, path: FieldPath, errors: FieldErrorList): void {
  switch (operator) {
    case '':
    case 'Equal': {
      const messages = isLabelValue(value);
      if (messages.length > 0) errors.invalid(path, value, messages.join(';'));
      break;
    }
    case 'Exists':
      if (value !== '') errors.invalid(path, value, "value must be empty when `operator` is 'Exists'");
      break;
    case 'Lt':
    case 'Gt':
      // Behind a feature gate that is off by default.
      errors.notSupported(path, operator, ['Equal', 'Exists', 'Lt', 'Gt']);
      break;
    default:
      errors.notSupported(path, operator, ['Equal', 'Exists']);
  }
}

function validateNodeRequirement(
  requirement: NodeSelectorRequirement,
  checkValues: boolean,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const values = requirement.values ?? [];
  switch (requirement.operator as string) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        errors.required(path.child('values'), "must be specified when `operator` is 'In' or 'NotIn'");
      }
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        errors.forbidden(path.child('values'), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      }
      break;
    case 'Gt':
    case 'Lt':
      if (values.length !== 1) {
        errors.required(path.child('values'), "must be specified single value when `operator` is 'Lt' or 'Gt'");
      }
      break;
    default:
      errors.invalid(path.child('operator'), requirement.operator ?? '', 'not a valid selector operator');
  }
  invalidEach(isQualifiedName(requirement.key ?? ''), requirement.key ?? '', path.child('key'), errors);
  if (!checkValues) return;
  for (const [index, value] of values.entries()) {
    invalidEach(isLabelValue(value), value, path.child('values').index(index), errors);
  }
}

function validateNodeFieldRequirement(
  requirement: NodeSelectorRequirement,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const values = requirement.values ?? [];
  const operator: string = requirement.operator ?? '';
  if (operator !== 'In' && operator !== 'NotIn') {
    errors.invalid(path.child('operator'), operator, 'not a valid selector operator');
  } else if (values.length !== 1) {
    const detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    errors.required(path.child('values'), detail);
  }
  if (requirement.key !== 'metadata.name') {
    errors.invalid(path.child('key'), requirement.key ?? '', 'not a valid field selector key');
    return;
  }
  for (const [index, value] of values.entries()) {
    invalidEach(nameIsDnsSubdomain(value, false), value, path.child('values').index(index), errors);
  }
}

function validateNodeTerm(term: NodeSelectorTerm, checkValues: boolean, path: FieldPath, errors: FieldErrorList): void {
  for (const [index, requirement] of (term.matchExpressions ?? []).entries()) {
    validateNodeRequirement(requirement, checkValues, path.child('matchExpressions').index(index), errors);
  }
  for (const [index, requirement] of (term.matchFields ?? []).entries()) {
    validateNodeFieldRequirement(requirement, path.child('matchFields').index(index), errors);
  }
}

export function validateNodeSelector(selector: NodeSelector, path: FieldPath, errors: FieldErrorList): void {
  const termsPath = path.child('nodeSelectorTerms');
  const terms = selector.nodeSelectorTerms ?? [];
  if (terms.length === 0) errors.required(termsPath, 'must have at least one node selector term');
  for (const [index, term] of terms.entries()) validateNodeTerm(term, true, termsPath.index(index), errors);
}

/** Keys whose values are taken from the pod's own labels. */
function validateLabelKeys(
  keys: { match?: readonly string[]; mismatch?: readonly string[] },
  selector: LabelSelectorObject | undefined,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const lists = [
    ['matchLabelKeys', keys.match ?? []],
    ['mismatchLabelKeys', keys.mismatch ?? []],
  ] as const;
  for (const [name, list] of lists) {
    if (list.length === 0) continue;
    if (!selector) {
      errors.forbidden(path.child(name), 'must not be specified when labelSelector is not set');
      continue;
    }
    for (const [index, key] of list.entries())
      invalidEach(isQualifiedName(key), key, path.child(name).index(index), errors);
  }
  validateKeysOutsideSelector(keys.match ?? [], selector, path, errors);
  for (const [index, key] of (keys.match ?? []).entries()) {
    if (!keys.mismatch?.includes(key)) continue;
    const at = path.child('matchLabelKeys').index(index);
    errors.invalid(at, key, 'exists in both matchLabelKeys and mismatchLabelKeys');
  }
}

/**
 * A key stands in the selector once: as the expression that creation put there. Upstream names the place without the
 * field, as here.
 */
function validateKeysOutsideSelector(
  keys: readonly string[],
  selector: LabelSelectorObject | undefined,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const seen = new Set(Object.keys(selector?.matchLabels ?? {}));
  for (const { key } of selector?.matchExpressions ?? []) {
    const index = keys.lastIndexOf(key);
    if (index >= 0 && seen.has(key)) {
      errors.invalid(path.index(index), key, 'exists in both matchLabelKeys and labelSelector');
    }
    seen.add(key);
  }
}

function validateAffinityTerm(term: PodAffinityTerm, path: FieldPath, errors: FieldErrorList): void {
  validateLabelSelector(term.labelSelector, path.child('labelSelector'), errors);
  validateLabelSelector(term.namespaceSelector, path.child('namespaceSelector'), errors);
  for (const name of term.namespaces ?? []) {
    invalidEach(nameIsDnsLabel(name, false), name, path.child('namespace'), errors);
  }
  const keys = { match: term.matchLabelKeys, mismatch: term.mismatchLabelKeys };
  validateLabelKeys(keys, term.labelSelector, path, errors);
  const topologyKey = term.topologyKey ?? '';
  if (topologyKey === '') errors.required(path.child('topologyKey'), 'can not be empty');
  invalidEach(isQualifiedName(topologyKey), topologyKey, path.child('topologyKey'), errors);
}

function validatePodAffinity(affinity: PodAffinity, path: FieldPath, errors: FieldErrorList): void {
  const required = 'requiredDuringSchedulingIgnoredDuringExecution';
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
  for (const [index, term] of (affinity[required] ?? []).entries()) {
    validateAffinityTerm(term, path.child(required).index(index), errors);
  }
  for (const [index, weighted] of (affinity[preferred] ?? []).entries()) {
    const at = path.child(preferred).index(index);
    if (weighted.weight <= 0 || weighted.weight > 100) errors.invalid(at.child('weight'), weighted.weight, weightRange);
    validateAffinityTerm(weighted.podAffinityTerm ?? {}, at.child('podAffinityTerm'), errors);
  }
}

export function validateAffinity(affinity: Affinity | undefined, path: FieldPath, errors: FieldErrorList): void {
  if (!affinity) return;
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  if (nodeAffinity) {
    const at = path.child('nodeAffinity');
    const required = nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution;
    if (required) validateNodeSelector(required, at.child('requiredDuringSchedulingIgnoredDuringExecution'), errors);
    for (const [index, term] of (nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      const termPath = at.child('preferredDuringSchedulingIgnoredDuringExecution').index(index);
      if (term.weight <= 0 || term.weight > 100) errors.invalid(termPath.child('weight'), term.weight, weightRange);
      validateNodeTerm(term.preference ?? {}, false, termPath.child('preference'), errors);
    }
  }
  if (podAffinity) validatePodAffinity(podAffinity, path.child('podAffinity'), errors);
  if (podAntiAffinity) validatePodAffinity(podAntiAffinity, path.child('podAntiAffinity'), errors);
}

export function validateTopologySpread(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const list = constraints ?? [];
  for (const [index, constraint] of list.entries()) {
    const at = path.index(index);
    const { topologyKey, minDomains } = constraint;
    const action: string = constraint.whenUnsatisfiable ?? '';
    validatePositive(constraint.maxSkew ?? 0, at.child('maxSkew'), errors);
    if (!topologyKey) errors.required(at.child('topologyKey'), 'can not be empty');
    validateOptionalEnum(action, ['DoNotSchedule', 'ScheduleAnyway'], at.child('whenUnsatisfiable'), errors);
    const repeated = list
      .slice(index + 1)
      .some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === action);
    if (repeated) errors.duplicate(at.child('{topologyKey, whenUnsatisfiable}'), `{${topologyKey}, ${action}}`);
    if (minDomains !== undefined) {
      validatePositive(minDomains, at.child('minDomains'), errors);
      if (action !== 'DoNotSchedule') {
        const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${action}`;
        errors.invalid(at.child('minDomains'), minDomains, detail);
      }
    }
    const policies = ['Honor', 'Ignore'];
    validateOptionalEnum(constraint.nodeAffinityPolicy, policies, at.child('nodeAffinityPolicy'), errors);
    validateOptionalEnum(constraint.nodeTaintsPolicy, policies, at.child('nodeTaintsPolicy'), errors);
    validateLabelKeys({ match: constraint.matchLabelKeys }, constraint.labelSelector, at, errors);
    validateLabelSelector(constraint.labelSelector, at.child('labelSelector'), errors);
  }
}
