/** Upstream: pkg/registry/core/resourcequota/strategy.go, pkg/apis/core/validation/validation.go (1.36). */
import { type FieldErrorList, FieldPath, parseQuantity } from '../../../../apimachinery/index.ts';
import { canonicalResources, setIfAbsent } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { ResourceQuota } from '../../../types.ts';
import { fieldImmutable } from '../../../validation.ts';
import { validateResourceName, validateResourceQuantity } from '../pod/validation-resources.ts';

const workloadAmounts = ['cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory'];
const ofPods = new Set(['pods', ...workloadAmounts]);

/** Scope: the standard resources it can hold for. */
const scopes: Readonly<Record<string, ReadonlySet<string>>> = {
  Terminating: ofPods,
  NotTerminating: ofPods,
  BestEffort: new Set(['pods']),
  NotBestEffort: ofPods,
  PriorityClass: ofPods,
  CrossNamespacePodAffinity: ofPods,
  VolumeAttributesClass: new Set(['persistentvolumeclaims', 'requests.storage']),
};

const countedObjects = [
  ...['pods', 'resourcequotas', 'services', 'replicationcontrollers', 'secrets', 'persistentvolumeclaims'],
  ...['configmaps', 'services.nodeports', 'services.loadbalancers'],
];
const quotaResources = new Set([
  ...workloadAmounts,
  ...['ephemeral-storage', 'requests.storage', 'requests.ephemeral-storage', 'limits.ephemeral-storage'],
  ...countedObjects,
]);

const isQuotaResource = (name: string): boolean =>
  quotaResources.has(name) || name.startsWith('hugepages-') || name.startsWith('requests.hugepages-');

function validateAmounts(amounts: object | undefined, path: FieldPath, errors: FieldErrorList): void {
  for (const [name, amount] of Object.entries(amounts ?? {})) {
    validateResourceName(name, path.key(name), errors);
    if (!name.includes('/') && !isQuotaResource(name)) {
      errors.invalid(path.key(name), name, 'must be a standard resource for quota');
    }
    validateResourceQuantity(name, amount, path.key(name), errors);
  }
}

/** One error for each standard resource that `scope` says nothing about. */
function validateScopeFits(
  scope: string,
  hard: object | undefined,
  refuse: (detail: string) => void,
  unknown: () => void,
): void {
  if (!Object.hasOwn(scopes, scope)) unknown();
  for (const name of Object.keys(hard ?? {}).sort()) {
    if (isQuotaResource(name) && scopes[scope]?.has(name) === false) refuse('unsupported scope applied to resource');
  }
}

function validateNoConflict(names: ReadonlySet<string>, path: FieldPath, value: unknown, errors: FieldErrorList): void {
  for (const scope of ['BestEffort', 'Terminating']) {
    if (names.has(scope) && names.has(`Not${scope}`)) errors.invalid(path, value, 'conflicting scopes');
  }
}

type Requirement = NonNullable<NonNullable<QuotaSpec['scopeSelector']>['matchExpressions']>[number];
type QuotaSpec = NonNullable<ResourceQuota['spec']>;

const onlyExists = new Set([
  'BestEffort',
  'NotBestEffort',
  'Terminating',
  'NotTerminating',
  'CrossNamespacePodAffinity',
]);
const mustExist =
  "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";

/** Upstream names the list, not the entry. */
function validateRequirement(requirement: Requirement, path: FieldPath, errors: FieldErrorList): void {
  const { scopeName, operator = '', values = [] } = requirement as Partial<Requirement> & { operator?: string };
  if (onlyExists.has(scopeName ?? '') && operator !== 'Exists') {
    errors.invalid(path.child('operator'), operator, mustExist);
  }
  switch (operator as string) {
    case 'In':
    case 'NotIn':
      if (values.length > 0) break;
      errors.required(
        path.child('values'),
        "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
      );
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length === 0) break;
      errors.invalid(
        path.child('values'),
        values,
        "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
      );
      break;
    default:
      errors.invalid(path.child('operator'), operator, 'not a valid selector operator');
  }
}

function validateScopes(spec: Readonly<QuotaSpec>, path: FieldPath, errors: FieldErrorList): void {
  const named = spec.scopes ?? [];
  const at = path.child('scopes');
  const refuse = (detail: string) => errors.invalid(at, named, detail);
  for (const scope of named) validateScopeFits(scope, spec.hard, refuse, () => refuse('unsupported scope'));
  validateNoConflict(new Set(named), at, named, errors);
  const selector = spec.scopeSelector;
  if (!selector) return;
  const listPath = path.child('scopeSelector', 'matchExpressions');
  const requirements = selector.matchExpressions ?? [];
  for (const requirement of requirements) {
    const { scopeName = '' } = requirement as Partial<Requirement>;
    validateScopeFits(
      scopeName,
      spec.hard,
      (detail) => errors.invalid(listPath, selector, detail),
      () => errors.invalid(listPath.child('scopeName'), scopeName, 'unsupported scope'),
    );
    validateRequirement(requirement, listPath, errors);
  }
  validateNoConflict(new Set(requirements.map(({ scopeName }) => scopeName)), listPath, named, errors);
}

function validateQuota({ spec = {} }: Readonly<ResourceQuota>, errors: FieldErrorList): void {
  const path = FieldPath.root('spec');
  validateAmounts(spec.hard, path.child('hard'), errors);
  validateScopes(spec, path, errors);
}

/** Requests above limits can never be used up. */
function quotaWarnings({ spec }: Readonly<ResourceQuota>): string[] {
  const hard = (spec?.hard ?? {}) as Readonly<Record<string, string | number>>;
  return ['cpu', 'memory', 'storage', 'ephemeral-storage'].flatMap((name) => {
    const isWorkload = name === 'cpu' || name === 'memory';
    const request = isWorkload && hard[`requests.${name}`] === undefined ? name : `requests.${name}`;
    const limit = `limits.${name}`;
    if (hard[request] === undefined || hard[limit] === undefined) return [];
    const [asked, most] = [parseQuantity(hard[request]), parseQuantity(hard[limit])];
    if (asked.compare(most) <= 0) return [];
    return [`ResourceQuota ${request} (${asked.toString()}) should be less than ${limit} (${most.toString()})`];
  });
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
    const sorted = ({ spec }: Readonly<ResourceQuota>) => [...new Set(spec?.scopes ?? [])].sort().join();
    if (sorted(quota) === sorted(old as Readonly<ResourceQuota>)) return;
    errors.invalid(FieldPath.root('spec', 'scopes'), quota.spec?.scopes ?? null, fieldImmutable);
  },
  validateStatusUpdate(object, _old, errors) {
    const { status } = object as Readonly<ResourceQuota>;
    validateAmounts(status?.hard, FieldPath.root('status', 'hard'), errors);
    validateAmounts(status?.used, FieldPath.root('status', 'used'), errors);
  },
  warnings: (object, old) => (old === undefined ? quotaWarnings(object as Readonly<ResourceQuota>) : []),
};
