/** Upstream: pkg/registry/core/resourcequota/strategy.go, pkg/apis/core/validation/validation.go (1.36). */
import { type FieldErrorList, FieldPath, isQualifiedName } from '../../../../apimachinery/index.ts';
import { canonicalResources, setIfAbsent } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { ResourceQuota } from '../../../types.ts';
import { invalidEach, validateImmutable, validateOptionalEnum } from '../../../validation.ts';
import { validateResourceQuantity } from '../pod/validation-resources.ts';

const scopes = [
  'BestEffort',
  'CrossNamespacePodAffinity',
  'NotBestEffort',
  'NotTerminating',
  'PriorityClass',
  'Terminating',
  'VolumeAttributesClass',
];

function validateAmounts(amounts: object | undefined, path: FieldPath, errors: FieldErrorList): void {
  for (const [name, amount] of Object.entries(amounts ?? {})) {
    invalidEach(isQualifiedName(name), name, path.key(name), errors);
    validateResourceQuantity(name, amount, path.key(name), errors);
  }
}

function validateQuota(quota: Readonly<ResourceQuota>, errors: FieldErrorList): void {
  const path = FieldPath.root('spec');
  validateAmounts(quota.spec?.hard, path.child('hard'), errors);
  for (const scope of quota.spec?.scopes ?? []) validateOptionalEnum(scope, scopes, path.child('scopes'), errors);
  for (const [index, requirement] of (quota.spec?.scopeSelector?.matchExpressions ?? []).entries()) {
    const at = path.child('scopeSelector', 'matchExpressions').index(index);
    validateOptionalEnum(requirement.scopeName, scopes, at.child('scopeName'), errors);
    validateOptionalEnum(requirement.operator, ['DoesNotExist', 'Exists', 'In', 'NotIn'], at.child('operator'), errors);
  }
}

export const resourceQuotaStrategy: Strategy = {
  applyDefaults(object) {
    setIfAbsent(object, 'spec', {});
    canonicalResources(object['spec'].hard);
    canonicalResources(object['status']?.hard);
    canonicalResources(object['status']?.used);
  },
  validate: (object, errors) => validateQuota(object as Readonly<ResourceQuota>, errors),
  validateUpdate(object, old, errors) {
    const quota = object as Readonly<ResourceQuota>;
    validateQuota(quota, errors);
    const before = (old as Readonly<ResourceQuota>).spec?.scopes;
    validateImmutable(quota.spec?.scopes, before, FieldPath.root('spec', 'scopes'), errors);
  },
  validateStatusUpdate(object, _old, errors) {
    const { status } = object as Readonly<ResourceQuota>;
    validateAmounts(status?.hard, FieldPath.root('status', 'hard'), errors);
    validateAmounts(status?.used, FieldPath.root('status', 'used'), errors);
  },
};
