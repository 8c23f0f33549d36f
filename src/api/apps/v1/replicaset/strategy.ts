/** Upstream: pkg/registry/apps/replicaset/strategy.go, pkg/apis/apps/{v1/defaults,validation/validation}.go (1.36). */
import { type FieldErrorList, FieldPath } from '../../../../apimachinery/index.ts';
import { defaultPodTemplate } from '../../../core/v1/pod/defaults.ts';
import { templateWarnings } from '../../../core/v1/pod/warnings.ts';
import { validateReplicatedTemplate } from '../../../core/v1/podtemplate/validation.ts';
import { setIfAbsent } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { ReplicaSet, ReplicaSetSpec } from '../../../types.ts';
import { validateImmutable, validateNonNegative, validateWorkloadSelector } from '../../../validation.ts';

const specPath = FieldPath.root('spec');
const emptySpec = {} as ReplicaSetSpec;

function validateSpec(spec: Readonly<ReplicaSetSpec>, errors: FieldErrorList): void {
  validateNonNegative(spec.replicas, specPath.child('replicas'), errors);
  validateNonNegative(spec.minReadySeconds, specPath.child('minReadySeconds'), errors);
  // Upstream says deployment here too.
  const options = { kind: 'deployment', path: specPath.child('selector') };
  const selector = validateWorkloadSelector(spec.selector, options, errors);
  validateReplicatedTemplate(spec.template, { kind: 'ReplicaSet', selector }, specPath.child('template'), errors);
}

const counts = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'terminatingReplicas',
  'observedGeneration',
] as const;

export const replicaSetStrategy: Strategy = {
  generation: 'spec',
  applyDefaults(object) {
    const typed = object as ReplicaSet;
    typed.spec ??= {} as ReplicaSetSpec;
    const spec = typed.spec;
    setIfAbsent(spec, 'replicas', 1);
    spec.template ??= {};
    defaultPodTemplate(spec.template);
  },
  validate: (object, errors) => validateSpec((object as Readonly<ReplicaSet>).spec ?? emptySpec, errors),
  validateUpdate(object, old, errors) {
    const spec = (object as Readonly<ReplicaSet>).spec ?? emptySpec;
    validateSpec(spec, errors);
    const before = (old as Readonly<ReplicaSet>).spec?.selector;
    validateImmutable(spec.selector, before, specPath.child('selector'), errors);
  },
  validateStatusUpdate(object, _old, errors) {
    const status = (object as Readonly<ReplicaSet>).status;
    if (!status) return;
    const path = FieldPath.root('status');
    for (const field of counts) validateNonNegative(status[field], path.child(field), errors);
    for (const field of ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const) {
      const count = status[field] ?? 0;
      if (count > status.replicas) errors.invalid(path.child(field), count, 'cannot be greater than status.replicas');
    }
    const available = status.availableReplicas ?? 0;
    if (available > (status.readyReplicas ?? 0)) {
      errors.invalid(path.child('availableReplicas'), available, 'cannot be greater than readyReplicas');
    }
  },
  warnings: templateWarnings({ namesPods: true }),
};
