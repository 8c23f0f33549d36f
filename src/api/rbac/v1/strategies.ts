/** Upstream: pkg/registry/rbac, pkg/apis/rbac/{v1/defaults,validation/validation}.go (1.36). */
import {
  deepEqual,
  type FieldErrorList,
  FieldPath,
  isPathSegmentName,
  type KubeObject,
  type NameValidator,
  nameIsDnsSubdomain,
  validateLabelSelector,
} from '../../../apimachinery/index.ts';
import { setIfZero } from '../../defaulting.ts';
import type { Strategy } from '../../definition.ts';
import type { ClusterRole, PolicyRule, RoleBinding, Subject } from '../../types.ts';
import { invalidEach } from '../../validation.ts';

const groupName = 'rbac.authorization.k8s.io';

/** Any path segment: `system:node` and the like. */
const validateName: NameValidator = (name) => isPathSegmentName(name);

function validateRule(rule: PolicyRule, namespaced: boolean, path: FieldPath, errors: FieldErrorList): void {
  const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  if (verbs.length === 0) errors.required(path.child('verbs'), 'verbs must contain at least one value');
  if (nonResourceURLs.length > 0) {
    const at = path.child('nonResourceURLs');
    if (namespaced) errors.invalid(at, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs');
    if (apiGroups.length + resources.length + resourceNames.length > 0) {
      errors.invalid(at, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs');
    }
    return;
  }
  if (apiGroups.length === 0) {
    errors.required(path.child('apiGroups'), 'resource rules must supply at least one api group');
  }
  if (resources.length === 0) {
    errors.required(path.child('resources'), 'resource rules must supply at least one resource');
  }
}

function roleStrategy(namespaced: boolean): Strategy {
  return {
    validateName,
    allowCreateOnUpdate: true,
    validate(object, errors) {
      const role = object as Readonly<ClusterRole>;
      for (const [index, rule] of (role.rules ?? []).entries()) {
        validateRule(rule, namespaced, FieldPath.root('rules').index(index), errors);
      }
      if (!role.aggregationRule) return;
      const path = FieldPath.root('aggregationRule', 'clusterRoleSelectors');
      const selectors = role.aggregationRule.clusterRoleSelectors ?? [];
      if (selectors.length === 0) {
        errors.required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil');
      }
      for (const [index, selector] of selectors.entries()) validateLabelSelector(selector, path.index(index), errors);
    },
  };
}

export const roleStrategies = { namespaced: roleStrategy(true), cluster: roleStrategy(false) } as const;

function validateSubject(subject: Subject, namespaced: boolean, path: FieldPath, errors: FieldErrorList): void {
  if (!subject.name) errors.required(path.child('name'));
  switch (subject.kind) {
    case 'ServiceAccount':
      if (subject.name) {
        invalidEach(nameIsDnsSubdomain(subject.name, false), subject.name, path.child('name'), errors);
      }
      if (subject.apiGroup) errors.notSupported(path.child('apiGroup'), subject.apiGroup, ['']);
      if (!namespaced && !subject.namespace) errors.required(path.child('namespace'));
      break;
    case 'User':
    case 'Group':
      if (subject.apiGroup !== groupName) {
        errors.notSupported(path.child('apiGroup'), subject.apiGroup ?? '', [groupName]);
      }
      break;
    default:
      errors.notSupported(path.child('kind'), subject.kind ?? '', ['ServiceAccount', 'User', 'Group']);
  }
}

function validateBinding(object: Readonly<KubeObject>, namespaced: boolean, errors: FieldErrorList): void {
  const { roleRef, subjects } = object as Readonly<RoleBinding>;
  const path = FieldPath.root('roleRef');
  if (roleRef?.apiGroup !== groupName) {
    errors.notSupported(path.child('apiGroup'), roleRef?.apiGroup ?? '', [groupName]);
  }
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  if (!kinds.includes(roleRef?.kind ?? '')) errors.notSupported(path.child('kind'), roleRef?.kind ?? '', kinds);
  if (!roleRef?.name) errors.required(path.child('name'));
  else invalidEach(isPathSegmentName(roleRef.name), roleRef.name, path.child('name'), errors);
  for (const [index, subject] of (subjects ?? []).entries()) {
    validateSubject(subject, namespaced, FieldPath.root('subjects').index(index), errors);
  }
}

function bindingStrategy(namespaced: boolean): Strategy {
  return {
    validateName,
    allowCreateOnUpdate: true,
    applyDefaults(object) {
      const binding = object as RoleBinding;
      if (binding.roleRef) setIfZero(binding.roleRef, 'apiGroup', groupName);
      for (const subject of binding.subjects ?? []) {
        if (subject.kind === 'User' || subject.kind === 'Group') setIfZero(subject, 'apiGroup', groupName);
      }
    },
    validate: (object, errors) => validateBinding(object, namespaced, errors),
    validateUpdate(object, old, errors) {
      validateBinding(object, namespaced, errors);
      if (!deepEqual(object['roleRef'], old['roleRef'])) {
        errors.invalid(FieldPath.root('roleRef'), object['roleRef'], 'cannot change roleRef');
      }
    },
  };
}

export const bindingStrategies = { namespaced: bindingStrategy(true), cluster: bindingStrategy(false) } as const;
