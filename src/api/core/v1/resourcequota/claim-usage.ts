/**
 * What resource claims count for in quotas: devices by class, under the names of the extended resources as well that the
 * class provides. Upstream: pkg/quota/v1/evaluator/core/resource_claims.go (1.36).
 */
import { type KubeObject, parseQuantity } from '../../../../apimachinery/index.ts';
import type { Pod, ResourceClaim } from '../../../types.ts';
import type { Amounts } from '../pod/resources.ts';

const perClass = '.deviceclass.resource.k8s.io/devices';
const implicitRequests = 'requests.deviceclass.resource.kubernetes.io/';
const extendedAnnotation = 'resource.kubernetes.io/extended-resource-claim';
const countName = 'count/resourceclaims.resource.k8s.io';
/** Upstream: AllocationResultsMaxSize. What a request for all devices counts for. */
const mostDevices = 32;
const zero = parseQuantity('0');

/** Other objects that say what one counts for. */
export interface QuotaObjects {
  get(resource: string, namespace: string, name: string): Readonly<KubeObject> | undefined;
  list(resource: string, namespace: string): readonly Readonly<KubeObject>[];
}

/** Extended resources, by the names that quotas use. */
export function isExtendedRequest(name: string): boolean {
  if (name.startsWith(implicitRequests)) return true;
  const resource = name.startsWith('requests.') ? name.slice('requests.'.length) : '';
  return resource.includes('/') && !resource.includes('kubernetes.io/');
}

export function isClaimName(name: string): boolean {
  return name === countName || name.endsWith(perClass) || isExtendedRequest(name);
}

interface Wish {
  readonly deviceClassName?: string;
  readonly allocationMode?: string;
  readonly count?: number;
}

function devicesOf({ allocationMode, count = 1 }: Wish): number {
  if (allocationMode === 'All') return mostDevices;
  return allocationMode === undefined || allocationMode === 'ExactCount' ? count : 0;
}

/** By class; of alternatives the most that one of each class could take. */
function devicesByClass(claim: Readonly<ResourceClaim>): Map<string, number> {
  const total = new Map<string, number>();
  for (const { exactly, firstAvailable } of claim.spec?.devices?.requests ?? []) {
    const wishes = (firstAvailable?.length ? firstAvailable : exactly ? [exactly] : []) as readonly Wish[];
    const most = new Map<string, number>();
    for (const wish of wishes) {
      const name = wish.deviceClassName ?? '';
      most.set(name, Math.max(most.get(name) ?? 0, devicesOf(wish)));
    }
    for (const [name, count] of most) total.set(name, (total.get(name) ?? 0) + count);
  }
  return total;
}

/** `podUsage`: what a pod counts for. Without `objects` only what the claim itself says is counted. */
export function claimUsage(
  object: Readonly<KubeObject>,
  podUsage: (pod: Readonly<Pod>) => Amounts,
  objects?: QuotaObjects,
): Amounts {
  const claim = object as Readonly<ResourceClaim>;
  const used: Amounts = new Map([[countName, parseQuantity('1')]]);
  const classes = devicesByClass(claim);
  for (const [name, count] of classes) used.set(`${name}${perClass}`, parseQuantity(count));
  if (!objects || classes.size === 0) return used;
  const pod = podOf(claim, objects);
  const counted = pod ? podUsage(pod) : new Map();
  for (const [name, count] of classes) {
    const deviceClass = objects.get('deviceclasses.resource.k8s.io', '', name);
    const resource = deviceClass?.['spec']?.extendedResourceName as string | undefined;
    for (const request of [`${implicitRequests}${name}`, ...(resource ? [`requests.${resource}`] : [])]) {
      const rest = parseQuantity(count).subtract(counted.get(request) ?? zero);
      if (rest.sign > 0) used.set(request, rest);
    }
  }
  return used;
}

const ownerOf = ({ metadata }: Readonly<KubeObject>) =>
  metadata.annotations?.[extendedAnnotation] === 'true'
    ? metadata.ownerReferences?.find(
        ({ controller, kind, apiVersion }) => controller && kind === 'Pod' && apiVersion === 'v1',
      )
    : undefined;

/** The pod whose extended resources the claim stands for, which are counted with the pod. One claim a pod: the first. */
function podOf(claim: Readonly<ResourceClaim>, objects: QuotaObjects): Readonly<Pod> | undefined {
  const owner = ownerOf(claim);
  const { namespace = '', name, creationTimestamp } = claim.metadata;
  const pod = owner && (objects.get('pods', namespace, owner.name) as Readonly<Pod> | undefined);
  if (!pod || pod.metadata.uid !== owner.uid) return undefined;
  const said = pod.status?.extendedResourceClaimStatus?.resourceClaimName;
  if (said !== undefined) return said === name ? pod : undefined;
  // Times of one form: their order is that of their text. A claim that is being created is the last.
  const isBefore = (other: Readonly<KubeObject>) => {
    const made = other.metadata.creationTimestamp ?? '';
    if (creationTimestamp === undefined || made < creationTimestamp) return other.metadata.name !== name;
    return made === creationTimestamp && other.metadata.name! < (name ?? '');
  };
  const others = objects.list('resourceclaims.resource.k8s.io', namespace);
  return others.some((other) => ownerOf(other)?.uid === owner.uid && isBefore(other)) ? undefined : pod;
}
