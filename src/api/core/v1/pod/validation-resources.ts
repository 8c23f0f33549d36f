/** Resource requirements. Upstream: pkg/apis/core/validation/validation.go, pkg/apis/core/helper/helpers.go (1.36). */
import {
  type FieldErrorList,
  type FieldPath,
  isDns1123Label,
  isQualifiedName,
  parseQuantity,
  type Quantity,
} from '../../../../apimachinery/index.ts';
import type { PodSpec } from '../../../types.ts';
import { invalidEach, mustBeNonNegative, quantityAt } from '../../../validation.ts';
import {
  aggregateContainerLimits,
  aggregateContainerRequests,
  amountsOf,
  isHugePages,
  isPodLevelResource,
} from './resources.ts';

type Resources = {
  limits?: Record<string, any>;
  requests?: Record<string, any>;
  claims?: { name: string; request?: string }[];
};

const standardContainerResources = new Set(['cpu', 'memory', 'ephemeral-storage']);

/** Things, of which there is no half. */
const countedResources = new Set([
  ...['pods', 'resourcequotas', 'services', 'replicationcontrollers', 'secrets', 'configmaps'],
  ...['persistentvolumeclaims', 'services.nodeports', 'services.loadbalancers'],
]);

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
  const integral = countedResources.has(name) || isExtendedResource(name);
  if (integral && quantity.milliValue() % 1000 !== 0) errors.invalid(path, quantity.toString(), 'must be an integer');
  return quantity;
}

/** Multiples of the page's size; zero has none. */
function hugePageProblem(name: string, quantity: Quantity): string | undefined {
  if (!isHugePages(name)) return undefined;
  let size: Quantity | undefined;
  try {
    size = parseQuantity(name.slice('hugepages-'.length));
  } catch {
    // Upstream takes what cannot be read for a size that divides nothing.
  }
  const divides = size !== undefined && size.sign > 0 && quantity.nano % size.nano === 0n;
  return divides ? undefined : `${quantity.toString()} is not positive integer multiple of ${name}`;
}

export interface RequirementOptions {
  readonly claimNames: ReadonlySet<string>;
  /** Of names; default: those of containers. */
  readonly nameRule?: typeof validateContainerResourceName;
  /** The object had values before that are no multiple of a huge page: it may keep them. */
  readonly allowIndivisible?: boolean;
}

export function validateResourceRequirements(
  resources: Resources | undefined,
  options: RequirementOptions,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  if (!resources) return;
  const { nameRule = validateContainerResourceName } = options;
  const limitsPath = path.child('limits');
  const requestsPath = path.child('requests');
  const limits = new Map<string, Quantity>();
  const names = [...Object.keys(resources.limits ?? {}), ...Object.keys(resources.requests ?? {})];
  const amount = (name: string, text: unknown, at: FieldPath): Quantity | undefined => {
    nameRule(name, at, errors);
    return validateResourceQuantity(name, text, at, errors);
  };
  const checkPages = (name: string, quantity: Quantity, at: FieldPath) => {
    const problem = options.allowIndivisible ? undefined : hugePageProblem(name, quantity);
    if (problem !== undefined) errors.invalid(at, quantity.toString(), problem);
  };
  for (const [name, text] of Object.entries(resources.limits ?? {})) {
    const quantity = amount(name, text, limitsPath.key(name));
    if (quantity === undefined) continue;
    limits.set(name, quantity);
    checkPages(name, quantity, limitsPath.key(name));
  }
  for (const [name, text] of Object.entries(resources.requests ?? {})) {
    const request = amount(name, text, requestsPath.key(name));
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
    checkPages(name, request, requestsPath.key(name));
  }
  if (names.some(isHugePages) && !names.includes('cpu') && !names.includes('memory')) {
    errors.forbidden(path, 'HugePages require cpu or memory');
  }
  validateClaimReferences(resources.claims, options.claimNames, path.child('claims'), errors);
}

/** Each names a claim of the pod, whole or one request of it, and no part twice. */
function validateClaimReferences(
  claims: Resources['claims'],
  known: ReadonlySet<string>,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const seen = new Set<string>();
  for (const [index, { name, request }] of (claims ?? []).entries()) {
    const at = path.index(index);
    if (!name) {
      errors.required(at);
      continue;
    }
    if (seen.has(name)) errors.duplicate(at, name);
    else {
      if (request) invalidEach(isDns1123Label(request), request, at.child('request'), errors);
      const key = request ? `${name}/${request}` : name;
      if (seen.has(key)) errors.duplicate(at, key);
      else if (!request) for (const other of seen) if (other.startsWith(`${name}/`)) errors.duplicate(at, name);
      seen.add(key);
    }
    if (known.has(name)) continue;
    const which = known.size === 0 ? ' which is empty' : `: ${[...known].sort().join(', ')}`;
    const detail = `must be one of the names in pod.spec.resourceClaims${which}`;
    errors.add({ type: 'FieldValueNotFound', field: at.toString(), badValue: name, detail });
  }
}

function hasIndivisiblePages(spec: Readonly<PodSpec> | undefined): boolean {
  for (const container of [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]) {
    for (const list of [container.resources?.limits, container.resources?.requests]) {
      for (const [name, text] of Object.entries(list ?? {})) {
        if (isHugePages(name) && hugePageProblem(name, parseQuantity(text)) !== undefined) return true;
      }
    }
  }
  return false;
}

export function validateContainerResources(
  resources: Resources | undefined,
  { claimNames, old }: { readonly claimNames: ReadonlySet<string>; readonly old?: Readonly<PodSpec> | undefined },
  path: FieldPath,
  errors: FieldErrorList,
): void {
  validateResourceRequirements(resources, { claimNames, allowIndivisible: hasIndivisiblePages(old) }, path, errors);
}

const podResources = ['cpu', 'hugepages-', 'memory'];

function validatePodResourceName(name: string, path: FieldPath, errors: FieldErrorList): void {
  if (validateResourceName(name, path, errors) && !isPodLevelResource(name))
    errors.notSupported(path, name, podResources);
}

/** Resources of the pod as a whole, and that its containers fit into them. */
export function validatePodLevelResources(
  spec: Readonly<PodSpec>,
  options: RequirementOptions,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const { resources } = spec;
  if (!resources) return;
  if (spec.os?.name === 'windows') {
    errors.forbidden(path, 'may not be set for a windows pod');
    return;
  }
  if (resources.claims) errors.forbidden(path.child('claims'), 'claims may not be set for Resources at pod-level');
  const before = errors.length;
  validateResourceRequirements(resources, { ...options, nameRule: validatePodResourceName }, path, errors);
  if (errors.length > before) return;
  const own = (list: Record<string, any> | undefined, name: string): Quantity | undefined =>
    list?.[name] === undefined ? undefined : parseQuantity(list[name]);
  for (const [name, sum] of aggregateContainerRequests(spec)) {
    const request = own(resources.requests, name);
    if (request === undefined || sum.compare(request) <= 0) continue;
    const detail = `must be greater than or equal to aggregate container requests of ${sum.toString()}`;
    errors.invalid(path.child('requests').key(name), request.toString(), detail);
  }
  for (const [name, sum] of aggregateContainerLimits(spec)) {
    const limit = isHugePages(name) ? own(resources.limits, name) : undefined;
    if (limit === undefined || sum.compare(limit) <= 0) continue;
    const detail = `must be greater than or equal to aggregate container limits of ${sum.toString()}`;
    errors.invalid(path.child('limits').key(name), limit.toString(), detail);
  }
  for (const [index, container] of (spec.containers ?? []).entries()) {
    for (const [name, limit] of amountsOf(container.resources?.limits)) {
      const whole = own(resources.limits, name);
      if (whole === undefined || limit.compare(whole) <= 0) continue;
      const at = path.child('containers').index(index).key(name).child('limits');
      errors.invalid(at, limit.toString(), `must be less than or equal to pod limits of ${whole.toString()}`);
    }
  }
}
