/** Upstream: pkg/registry/core/event/strategy.go, pkg/apis/core/validation/events.go (1.36). */
import { type FieldErrorList, FieldPath, isQualifiedName } from '../../../../apimachinery/index.ts';
import type { Strategy } from '../../../definition.ts';
import type { Event } from '../../../types.ts';
import { invalidEach } from '../../../validation.ts';

const limits = [
  ['reportingInstance', 128],
  ['action', 128],
  ['reason', 128],
] as const;
const maxMessage = 1024;
const namespaceDiffers = 'does not match event.namespace';

/** Rules of both served versions, on the stored form. `controllerField`: how the version calls the reporter. */
export function validateEvent(
  event: Readonly<Event>,
  controllerField: 'reportingComponent' | 'reportingController',
  errors: FieldErrorList,
): void {
  const namespace = event.metadata.namespace ?? '';
  const involved = event.involvedObject?.namespace ?? '';
  const involvedPath = FieldPath.root('involvedObject', 'namespace');
  if (!event.eventTime) {
    const matches = involved === '' ? namespace === '' || namespace === 'default' : namespace === involved;
    if (!matches) errors.invalid(involvedPath, involved, namespaceDiffers);
    return;
  }
  if (involved === '' && namespace !== 'default' && namespace !== 'kube-system') {
    errors.invalid(involvedPath, involved, namespaceDiffers);
  }
  const controller = event.reportingComponent ?? '';
  if (controller === '') errors.required(FieldPath.root(controllerField));
  invalidEach(isQualifiedName(controller), controller, FieldPath.root(controllerField), errors);
  for (const [field, limit] of limits) {
    const value = event[field] ?? '';
    if (value === '') errors.required(FieldPath.root(field));
    if (value.length > limit) errors.invalid(FieldPath.root(field), '', `can have at most ${limit} characters`);
  }
  if ((event.message ?? '').length > maxMessage) {
    errors.invalid(FieldPath.root('message'), '', `can have at most ${maxMessage} characters`);
  }
}

export const eventStrategy: Strategy = {
  allowCreateOnUpdate: true,
  validate: (object, errors) => validateEvent(object as Readonly<Event>, 'reportingComponent', errors),
};
