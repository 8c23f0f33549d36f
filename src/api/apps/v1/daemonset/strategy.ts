/** Upstream: pkg/registry/apps/daemonset/strategy.go, pkg/apis/apps/{v1/defaults,validation/validation}.go (1.36). */
import { deepEqual, type FieldErrorList, FieldPath } from '../../../../apimachinery/index.ts';
import { defaultPodTemplate } from '../../../core/v1/pod/defaults.ts';
import { templateWarnings } from '../../../core/v1/pod/warnings.ts';
import { validateReplicatedTemplate } from '../../../core/v1/podtemplate/validation.ts';
import { setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { DaemonSet, DaemonSetSpec } from '../../../types.ts';
import {
  intOrPercentNumber,
  validateAtMost100Percent,
  validateImmutable,
  validateIntOrPercent,
  validateNonNegative,
  validateWorkloadSelector,
} from '../../../validation.ts';

const specPath = FieldPath.root('spec');
const emptySpec = {} as DaemonSetSpec;
/** Where apps/v1 keeps what was `spec.templateGeneration`. */
const templateGenerationAnnotation = 'deprecated.daemonset.template.generation';

function setTemplateGeneration(set: DaemonSet, generation: number): void {
  set.metadata.annotations = { ...set.metadata.annotations, [templateGenerationAnnotation]: String(generation) };
}

function applyDefaults(set: DaemonSet): void {
  set.spec ??= {} as DaemonSetSpec;
  const spec = set.spec;
  spec.updateStrategy ??= {};
  const strategy = spec.updateStrategy;
  setIfZero(strategy, 'type', 'RollingUpdate');
  if (strategy.type === 'RollingUpdate') {
    strategy.rollingUpdate ??= {};
    setIfAbsent(strategy.rollingUpdate, 'maxUnavailable', 1);
    setIfAbsent(strategy.rollingUpdate, 'maxSurge', 0);
  }
  setIfAbsent(spec, 'revisionHistoryLimit', 10);
  spec.template ??= {};
  defaultPodTemplate(spec.template);
}

function validateUpdateStrategy(spec: Readonly<DaemonSetSpec>, errors: FieldErrorList): void {
  const strategy = spec.updateStrategy ?? {};
  const path = specPath.child('updateStrategy');
  if (strategy.type === 'OnDelete') return;
  if (strategy.type !== 'RollingUpdate') {
    errors.notSupported(path, strategy, ['RollingUpdate', 'OnDelete']);
    return;
  }
  const rolling = path.child('rollingUpdate');
  if (!strategy.rollingUpdate) {
    errors.required(rolling);
    return;
  }
  const { maxUnavailable, maxSurge } = strategy.rollingUpdate;
  for (const [field, value] of Object.entries({ maxUnavailable, maxSurge })) {
    validateIntOrPercent(value, rolling.child(field), errors);
    validateAtMost100Percent(value, rolling.child(field), errors);
  }
  const hasUnavailable = intOrPercentNumber(maxUnavailable) !== 0;
  const hasSurge = intOrPercentNumber(maxSurge) !== 0;
  if (hasUnavailable && hasSurge) {
    errors.invalid(rolling.child('maxSurge'), maxSurge, 'may not be set when maxUnavailable is non-zero');
  } else if (!hasUnavailable && !hasSurge) {
    errors.required(rolling.child('maxUnavailable'), 'cannot be 0 when maxSurge is 0');
  }
}

function validateSpec(spec: Readonly<DaemonSetSpec>, errors: FieldErrorList): void {
  const options = { kind: 'daemonset', path: specPath.child('selector') };
  const selector = validateWorkloadSelector(spec.selector, options, errors);
  validateReplicatedTemplate(spec.template, { kind: 'DaemonSet', selector }, specPath.child('template'), errors);
  validateNonNegative(spec.minReadySeconds, specPath.child('minReadySeconds'), errors);
  validateUpdateStrategy(spec, errors);
  validateNonNegative(spec.revisionHistoryLimit, specPath.child('revisionHistoryLimit'), errors);
}

export const daemonSetStrategy: Strategy = {
  generation: 'spec',
  applyDefaults: (object) => applyDefaults(object as DaemonSet),
  prepareForCreate: (object) => setTemplateGeneration(object as DaemonSet, 1),
  prepareForUpdate(object, old, context) {
    if (context.subresource !== '') return;
    const set = object as DaemonSet;
    const before = old as Readonly<DaemonSet>;
    const generation = Number(before.metadata.annotations?.[templateGenerationAnnotation] ?? 1);
    const changed = !deepEqual(set.spec?.template, before.spec?.template);
    setTemplateGeneration(set, changed ? generation + 1 : generation);
  },
  validate: (object, errors) => validateSpec((object as Readonly<DaemonSet>).spec ?? emptySpec, errors),
  validateUpdate(object, old, errors) {
    const spec = (object as Readonly<DaemonSet>).spec ?? emptySpec;
    const before = (old as Readonly<DaemonSet>).spec?.selector;
    validateImmutable(spec.selector, before, specPath.child('selector'), errors);
    validateSpec(spec, errors);
  },
  warnings: templateWarnings(),
};
