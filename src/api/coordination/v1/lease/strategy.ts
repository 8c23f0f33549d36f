/** Upstream: pkg/registry/coordination/lease/strategy.go, pkg/apis/coordination/validation/validation.go (1.36). */
import { FieldPath } from '../../../../apimachinery/index.ts';
import { setIfAbsent } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { Lease } from '../../../types.ts';
import { mustBeNonNegative } from '../../../validation.ts';

export const leaseStrategy: Strategy = {
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
  applyDefaults: (object) => setIfAbsent(object, 'spec', {}),
  validate(object, errors) {
    const spec = (object as Readonly<Lease>).spec;
    const path = FieldPath.root('spec');
    const seconds = spec?.leaseDurationSeconds;
    if (seconds !== undefined && seconds <= 0) {
      errors.invalid(path.child('leaseDurationSeconds'), seconds, 'must be greater than 0');
    }
    const transitions = spec?.leaseTransitions;
    if (transitions !== undefined && transitions < 0) {
      errors.invalid(path.child('leaseTransitions'), transitions, mustBeNonNegative);
    }
    if (spec?.preferredHolder && !spec.strategy) {
      errors.forbidden(path.child('preferredHolder'), 'may only be specified if `strategy` is defined');
    }
  },
};
