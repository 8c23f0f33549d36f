/** Upstream: pkg/registry/core/replicationcontroller/strategy.go (1.36). */
import { FieldPath, selectorFromSet, validateLabels } from '../../../../apimachinery/index.ts';
import { setIfAbsent } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { ReplicationController } from '../../../types.ts';
import { validateNonNegative } from '../../../validation.ts';
import { defaultPodTemplate } from '../pod/defaults.ts';
import { templateWarnings } from '../pod/warnings.ts';
import { validateReplicatedTemplate } from '../podtemplate/validation.ts';

export const replicationControllerStrategy: Strategy = {
  generation: 'spec',
  applyDefaults(object) {
    const controller = object as ReplicationController;
    controller.spec ??= {};
    const spec = controller.spec;
    const labels = spec.template?.metadata?.labels;
    if (labels) {
      if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
      if (Object.keys(controller.metadata.labels ?? {}).length === 0) controller.metadata.labels = { ...labels };
    }
    setIfAbsent(spec, 'replicas', 1);
    defaultPodTemplate(spec.template);
  },
  validate(object, errors) {
    const spec = (object as Readonly<ReplicationController>).spec ?? {};
    const path = FieldPath.root('spec');
    validateNonNegative(spec.minReadySeconds, path.child('minReadySeconds'), errors);
    if (Object.keys(spec.selector ?? {}).length === 0) errors.required(path.child('selector'));
    validateLabels(spec.selector, path.child('selector'), errors);
    validateNonNegative(spec.replicas, path.child('replicas'), errors);
    const options = { kind: 'ReplicationController', selector: selectorFromSet(spec.selector) };
    validateReplicatedTemplate(spec.template, options, path.child('template'), errors);
  },
  warnings: templateWarnings({ namesPods: true }),
};
