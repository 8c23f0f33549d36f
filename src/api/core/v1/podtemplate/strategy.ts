/** Upstream: pkg/registry/core/podtemplate/strategy.go (1.36). */
import { FieldPath } from '../../../../apimachinery/index.ts';
import { setIfAbsent } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { PodTemplate } from '../../../types.ts';
import { defaultPodTemplate } from '../pod/defaults.ts';
import { validatePodTemplate } from '../pod/validation.ts';
import { templateWarnings } from '../pod/warnings.ts';

export const podTemplateStrategy: Strategy = {
  generation: 'spec',
  applyDefaults(object) {
    setIfAbsent(object, 'template', {});
    defaultPodTemplate((object as PodTemplate).template);
  },
  validate(object, errors) {
    validatePodTemplate((object as Readonly<PodTemplate>).template ?? {}, FieldPath.root('template'), errors);
  },
  warnings: templateWarnings({ path: ['template'] }),
};
