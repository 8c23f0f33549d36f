/** Upstream: pkg/registry/apps/controllerrevision/strategy.go (1.36). */
import { FieldPath } from '../../../../apimachinery/index.ts';
import type { Strategy } from '../../../definition.ts';
import type { ControllerRevision } from '../../../types.ts';
import { validateImmutable, validateNonNegative } from '../../../validation.ts';

export const controllerRevisionStrategy: Strategy = {
  validate(object, errors) {
    const revision = object as Readonly<ControllerRevision>;
    validateNonNegative(revision.revision, FieldPath.root('revision'), errors);
    if (revision.data === undefined) errors.required(FieldPath.root('data'), 'data is mandatory');
  },
  validateUpdate(object, old, errors) {
    validateNonNegative(object['revision'], FieldPath.root('revision'), errors);
    validateImmutable(object['data'], old['data'], FieldPath.root('data'), errors);
  },
};
