/** Resource requirements. Upstream: pkg/apis/core/validation/validation.go, pkg/apis/core/helper/helpers.go (1.36). */
import { type FieldErrorList, type FieldPath, isQualifiedName, type Quantity } from '../../../../apimachinery/index.ts';
import { invalidEach, mustBeNonNegative, quantityAt } from '../../../validation.ts';
import { isHugePages } from './resources.ts';

type Resources = { limits?: Record<string, any>; requests?: Record<string, any>; claims?: { name: string }[] };

const standardContainerResources = new Set(['cpu', 'memory', 'ephemeral-storage']);

const standardResources = new Set([
  ...standardContainerResources,
  ...['requests.cpu', 'requests.memory', 'requests.ephemeral-storage'],
  ...['limits.cpu', 'limits.memory', 'limits.ephemeral-storage'],
  ...['pods', 'resourcequotas', 'services', 'replicationcontrollers', 'secrets', 'configmaps'],
  ...['persistentvolumeclaims', 'storage', 'requests.storage', 'services.nodeports', 'services.loadbalancers'],
]);

/** In Kubernetes' own domain, or without any. */
const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/');

/** Resources of a vendor's domain, as device plugins advertise. */
export function isExtendedResource(name: string): boolean {
  if (isNative(name) || name.startsWith('requests.')) return false;
  return isQualifiedName(`requests.${name}`).length === 0;
}

/** Limits may exceed requests. */
const isOvercommitAllowed = (name: string): boolean => isNative(name) && !isHugePages(name);

export function validateResourceName(name: string, path: FieldPath, errors: FieldErrorList): boolean {
  const messages = isQualifiedName(name);
  invalidEach(messages, name, path, errors);
  if (messages.length > 0) return false;
  if (!name.includes('/') && !standardResources.has(name) && !isHugePages(name)) {
    errors.invalid(path, name, 'must be a standard resource type or fully qualified');
    return false;
  }
  return true;
}

export function validateContainerResourceName(name: string, path: FieldPath, errors: FieldErrorList): void {
  validateResourceName(name, path, errors);
  if (!name.includes('/')) {
    if (!standardContainerResources.has(name) && !isHugePages(name)) {
      errors.invalid(path, name, 'must be a standard resource for containers');
    }
  } else if (!isNative(name) && !isExtendedResource(name)) {
    errors.invalid(path, name, "doesn't follow extended resource name standard");
  }
}

export function validateResourceQuantity(
  name: string,
  text: unknown,
  path: FieldPath,
  errors: FieldErrorList,
): Quantity | undefined {
  const quantity = quantityAt(text, path, errors);
  if (quantity === undefined) return undefined;
  if (quantity.sign < 0) errors.invalid(path, quantity.toString(), mustBeNonNegative);
  const integral = name === 'pods' || isExtendedResource(name);
  if (integral && quantity.milliValue() % 1000 !== 0) errors.invalid(path, quantity.toString(), 'must be an integer');
  return quantity;
}

export function validateResourceRequirements(
  resources: Resources | undefined,
  claimNames: ReadonlySet<string>,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  if (!resources) return;
  const limitsPath = path.child('limits');
  const requestsPath = path.child('requests');
  const limits = new Map<string, Quantity>();
  const names = [...Object.keys(resources.limits ?? {}), ...Object.keys(resources.requests ?? {})];
  for (const [name, text] of Object.entries(resources.limits ?? {})) {
    validateContainerResourceName(name, limitsPath.key(name), errors);
    const quantity = validateResourceQuantity(name, text, limitsPath.key(name), errors);
    if (quantity !== undefined) limits.set(name, quantity);
  }
  for (const [name, text] of Object.entries(resources.requests ?? {})) {
    validateContainerResourceName(name, requestsPath.key(name), errors);
    const request = validateResourceQuantity(name, text, requestsPath.key(name), errors);
    if (request === undefined) continue;
    const limit = limits.get(name);
    if (limit === undefined) {
      if (!isOvercommitAllowed(name)) {
        errors.required(limitsPath, 'Limit must be set for non overcommitable resources');
      }
    } else if (request.compare(limit) !== 0 && !isOvercommitAllowed(name)) {
      errors.invalid(requestsPath, request.toString(), `must be equal to ${name} limit of ${limit.toString()}`);
    } else if (request.compare(limit) > 0) {
      const detail = `must be less than or equal to ${name} limit of ${limit.toString()}`;
      errors.invalid(requestsPath, request.toString(), detail);
    }
  }
  if (names.some(isHugePages) && !names.includes('cpu') && !names.includes('memory')) {
    errors.forbidden(path, 'HugePages require cpu or memory');
  }
  for (const [index, claim] of (resources.claims ?? []).entries()) {
    const at = path.child('claims').index(index);
    if (!claim.name) errors.required(at);
    else if (!claimNames.has(claim.name)) {
      errors.add({
        type: 'FieldValueNotFound',
        field: at.toString(),
        badValue: claim.name,
        detail: 'must be one of the names in pod.spec.resourceClaims',
      });
    }
  }
}
