/**
 * What objects count for in quotas: shared by admission and the quota controller.
 * Upstream: pkg/quota/v1/evaluator/core, apiserver/pkg/quota/v1 (1.36).
 */
import { type KubeObject, parseQuantity } from '../../../../apimachinery/index.ts';
import { parseTime } from '../../../../base/index.ts';
import type { PersistentVolumeClaim, Pod, ResourceQuota, Service } from '../../../types.ts';
import { type Amounts, aggregateContainerLimits, isHugePages, podQosClass, podRequests } from '../pod/resources.ts';
import { claimUsage, isClaimName, isExtendedRequest, type QuotaObjects } from './claim-usage.ts';

const one = parseQuantity('1');
const zero = parseQuantity('0');

interface ScopeRequirement {
  readonly scopeName: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

/** Usage of one resource (`pods`, `deployments.apps`). */
export interface QuotaEvaluator {
  /** The quota names among `names` that objects of this resource count for. */
  matching(names: Iterable<string>): string[];
  /** `now`: cluster-clock ms, for pods whose time to go has passed. `objects`: for claims of devices. */
  usage(object: Readonly<KubeObject>, now: number, objects?: QuotaObjects): Amounts;
  /** Counted on update too. */
  readonly onUpdate: boolean;
  matchesScope(requirement: ScopeRequirement, object: Readonly<KubeObject>): boolean;
  /** What the object must say for the quota to count it; the message names what is missing. */
  constraint(required: readonly string[], object: Readonly<KubeObject>): string | undefined;
}

const always = { matchesScope: () => false, constraint: () => undefined };

/** Counted under these names too, besides `count/…`. */
const countedByName = new Set([
  'configmaps',
  'persistentvolumeclaims',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
]);

function counter(resource: string): QuotaEvaluator {
  const names = countedByName.has(resource) ? [`count/${resource}`, resource] : [`count/${resource}`];
  return {
    ...always,
    onUpdate: false,
    matching: (wanted) => [...wanted].filter((name) => names.includes(name)),
    usage: () => new Map(names.map((name) => [name, one])),
  };
}

const podNames = new Set([
  'count/pods',
  'pods',
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
]);

function isPodName(name: string): boolean {
  if (podNames.has(name) || isHugePages(name)) return true;
  if (!name.startsWith('requests.')) return false;
  const rest = name.slice('requests.'.length);
  return isHugePages(rest) || isExtendedRequest(name);
}

/** Still takes resources: not ended, and not past the time it was given to go. */
function isCharged(pod: Readonly<Pod>, now: number): boolean {
  const phase = pod.status?.phase;
  if (phase === 'Failed' || phase === 'Succeeded') return false;
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return true;
  return now <= parseTime(deletionTimestamp) + deletionGracePeriodSeconds * 1000;
}

function limitsOf(pod: Readonly<Pod>): Amounts {
  const limits: Amounts = new Map(pod.spec ? aggregateContainerLimits(pod.spec) : []);
  const podLevel = (pod.spec as { resources?: { limits?: Record<string, string> } } | undefined)?.resources?.limits;
  for (const [name, text] of Object.entries(podLevel ?? {})) limits.set(name, parseQuantity(text));
  return limits;
}

const requestNames = new Set(['cpu', 'memory', 'ephemeral-storage']);

const pods: QuotaEvaluator = {
  onUpdate: false,
  matching: (names) => [...names].filter(isPodName),
  usage(object, now) {
    const pod = object as Readonly<Pod>;
    const used: Amounts = new Map([['count/pods', one]]);
    if (!isCharged(pod, now)) return used;
    used.set('pods', one);
    for (const [name, amount] of podRequests(pod)) {
      if (requestNames.has(name) || isHugePages(name)) used.set(name, amount);
      if (requestNames.has(name) || isHugePages(name) || name.includes('/')) used.set(`requests.${name}`, amount);
    }
    for (const [name, amount] of limitsOf(pod)) if (requestNames.has(name)) used.set(`limits.${name}`, amount);
    return used;
  },
  matchesScope(requirement, object) {
    const pod = object as Readonly<Pod>;
    switch (requirement.scopeName) {
      case 'Terminating':
        return pod.spec?.activeDeadlineSeconds !== undefined;
      case 'NotTerminating':
        return pod.spec?.activeDeadlineSeconds === undefined;
      case 'BestEffort':
        return podQosClass(pod) === 'BestEffort';
      case 'NotBestEffort':
        return podQosClass(pod) !== 'BestEffort';
      case 'PriorityClass':
        return matchesValue(requirement, pod.spec?.priorityClassName || undefined);
      case 'CrossNamespacePodAffinity':
        return looksIntoOtherNamespaces(pod);
      default:
        return false;
    }
  },
  constraint(required, object) {
    const pod = object as Readonly<Pod>;
    const missing = new Map<string, string[]>();
    const podLevel = (pod.spec as { resources?: Record<string, Record<string, string>> } | undefined)?.resources;
    const { initContainers = [], containers = [] } = pod.spec ?? {};
    for (const container of [...containers, ...initContainers]) {
      for (const name of required) {
        const [list, resource] = placeOf(name);
        if (resource === undefined || podLevel?.[list]?.[resource] !== undefined) continue;
        if ((container.resources?.[list] as Record<string, unknown> | undefined)?.[resource] !== undefined) continue;
        missing.set(name, [...(missing.get(name) ?? []), container.name]);
      }
    }
    if (missing.size === 0) return undefined;
    const parts = [...missing]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, who]) => `${name} for: ${who.sort().join(',')}`);
    return `must specify ${parts.join('; ')}`;
  },
};

/** `limits.cpu` → limits, cpu. Undefined for names that containers need not give (counts). */
function placeOf(name: string): ['requests' | 'limits', string | undefined] {
  if (name.startsWith('limits.')) return ['limits', name.slice('limits.'.length)];
  if (name.startsWith('requests.')) {
    const resource = name.slice('requests.'.length);
    return ['requests', requestNames.has(resource) ? resource : undefined];
  }
  return ['requests', requestNames.has(name) ? name : undefined];
}

function matchesValue({ operator, values = [] }: ScopeRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
}

function looksIntoOtherNamespaces(pod: Readonly<Pod>): boolean {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  const terms = [podAffinity, podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => term.podAffinityTerm),
  ]);
  return terms.some((term) => (term?.namespaces?.length ?? 0) > 0 || term?.namespaceSelector !== undefined);
}

const services: QuotaEvaluator = {
  ...always,
  onUpdate: true,
  matching: (names) =>
    [...names].filter((name) =>
      ['services', 'count/services', 'services.nodeports', 'services.loadbalancers'].includes(name),
    ),
  usage(object) {
    const { spec } = object as Readonly<Service>;
    const ports = spec?.ports ?? [];
    let nodePorts = 0;
    if (spec?.type === 'NodePort' || (spec?.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)) {
      nodePorts = ports.length;
    } else if (spec?.type === 'LoadBalancer') nodePorts = ports.filter(({ nodePort }) => nodePort).length;
    return new Map([
      ['services', one],
      ['count/services', one],
      ['services.nodeports', parseQuantity(nodePorts)],
      ['services.loadbalancers', spec?.type === 'LoadBalancer' ? one : zero],
    ]);
  },
};

const classSuffix = '.storageclass.storage.k8s.io/';

const claims: QuotaEvaluator = {
  ...always,
  onUpdate: true,
  matching: (names) =>
    [...names].filter(
      (name) =>
        ['persistentvolumeclaims', 'count/persistentvolumeclaims', 'requests.storage'].includes(name) ||
        name.endsWith(`${classSuffix}requests.storage`) ||
        name.endsWith(`${classSuffix}persistentvolumeclaims`),
    ),
  usage(object) {
    const claim = object as Readonly<PersistentVolumeClaim>;
    const used: Amounts = new Map([
      ['count/persistentvolumeclaims', one],
      ['persistentvolumeclaims', one],
    ]);
    const className =
      claim.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? claim.spec?.storageClassName;
    if (className) used.set(`${className}${classSuffix}persistentvolumeclaims`, one);
    const request = claim.spec?.resources?.requests?.['storage'];
    if (request !== undefined) {
      const amount = parseQuantity(request);
      used.set('requests.storage', amount);
      if (className) used.set(`${className}${classSuffix}requests.storage`, amount);
    }
    return used;
  },
  matchesScope: (requirement, object) =>
    requirement.scopeName === 'VolumeAttributesClass' &&
    matchesValue(requirement, (object as Readonly<PersistentVolumeClaim>).spec?.volumeAttributesClassName || undefined),
};

/** Of devices. */
const resourceClaims: QuotaEvaluator = {
  ...always,
  onUpdate: true,
  matching: (names) => [...names].filter(isClaimName),
  usage: (object, now, objects) => claimUsage(object, (pod) => pods.usage(pod as Readonly<KubeObject>, now), objects),
};

const evaluators: Readonly<Record<string, QuotaEvaluator>> = {
  pods,
  services,
  persistentvolumeclaims: claims,
  'resourceclaims.resource.k8s.io': resourceClaims,
};

/** `resource`: `pods`, `deployments.apps`. */
export function quotaEvaluator(resource: string): QuotaEvaluator {
  return evaluators[resource] ?? counter(resource);
}

/** Resources that a quota's names are about: what the controller has to look at. */
export function resourcesOfQuota(names: Iterable<string>): Set<string> {
  const resources = new Set<string>();
  for (const name of names) {
    if (name.startsWith('count/')) resources.add(name.slice('count/'.length));
    else if (countedByName.has(name)) resources.add(name);
    else if (services.matching([name]).length > 0) resources.add('services');
    else if (claims.matching([name]).length > 0) resources.add('persistentvolumeclaims');
    else if (pods.matching([name]).length > 0) resources.add('pods');
    if (isClaimName(name)) resources.add('resourceclaims.resource.k8s.io');
  }
  return resources;
}

/** All scopes of the quota hold for the object. */
export function quotaSelects(
  evaluator: QuotaEvaluator,
  quota: Readonly<ResourceQuota>,
  object: Readonly<KubeObject>,
): boolean {
  const scopes = (quota.spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' }));
  const selected = (quota.spec?.scopeSelector?.matchExpressions ?? []) as readonly ScopeRequirement[];
  return [...scopes, ...selected].every((requirement) => evaluator.matchesScope(requirement, object));
}

export function addAmounts(a: Amounts, b: Amounts): Amounts {
  const sum = new Map(a);
  for (const [name, amount] of b) sum.set(name, sum.get(name)?.add(amount) ?? amount);
  return sum;
}

export function subtractAmounts(a: Amounts, b: Amounts): Amounts {
  const rest = new Map(a);
  for (const [name, amount] of b) rest.set(name, rest.get(name)?.subtract(amount) ?? amount.negate());
  return rest;
}

export function amountsFrom(list: Readonly<Record<string, string | number>> | undefined): Amounts {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, parseQuantity(text)]));
}

export type { Amounts, QuotaObjects };
