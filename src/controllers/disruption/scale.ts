/** How many pods the owners of some pods want. Upstream: pkg/controller/disruption (getExpectedScale and its finders). */
import type { Deployment, ReplicaSet, ReplicationController, Scale, StatefulSet } from '../../api/index.ts';
import { controllerOf, isNotFound, type OwnerReference, parseGroupVersion } from '../../apimachinery/index.ts';
import { discoverMapper, type KubeClient, type SharedInformer } from '../../client/index.ts';
import type { ReadPod } from '../common/pods.ts';

export interface OwnerCaches {
  readonly replicaSets: SharedInformer<ReplicaSet>;
  readonly deployments: SharedInformer<Deployment>;
  readonly statefulSets: SharedInformer<StatefulSet>;
  readonly replicationControllers: SharedInformer<ReplicationController>;
}

interface Owner {
  readonly uid: string;
  readonly replicas: number;
}

export interface ExpectedScale {
  readonly count: number;
  /** Names of pods without a controller. */
  readonly unmanaged: readonly string[];
}

/** @throws Error when an owner cannot be found or has no scale */
export async function expectedScale(
  client: KubeClient,
  caches: OwnerCaches,
  pods: readonly ReadPod[],
): Promise<ExpectedScale> {
  const unmanaged: string[] = [];
  // Asked once for each owner, however many pods it has.
  const asked = new Set<string>();
  const scales = new Map<string, number>();
  for (const pod of pods) {
    const reference = controllerOf(pod);
    if (!reference) {
      unmanaged.push(pod.metadata.name!);
      continue;
    }
    if (asked.has(reference.uid)) continue;
    const owner = cachedOwner(caches, pod.metadata.namespace!, reference) ?? (await scaleOf(client, pod, reference));
    if (!owner) throw new Error(`found no controllers for pod "${pod.metadata.name}"`);
    asked.add(reference.uid);
    scales.set(owner.uid, owner.replicas);
  }
  let count = 0;
  for (const replicas of scales.values()) count += replicas;
  return { count, unmanaged };
}

type Replicated = {
  readonly metadata: { readonly uid?: string };
  readonly spec?: { readonly replicas?: number };
};

function cachedOwner(caches: OwnerCaches, namespace: string, reference: OwnerReference): Owner | undefined {
  const { kind, name, uid, apiVersion } = reference;
  const asOwner = (object: Readonly<Replicated> | undefined, wanted = uid): Owner | undefined =>
    object?.metadata.uid === wanted ? { uid: wanted, replicas: object.spec?.replicas ?? 1 } : undefined;
  const { group } = parseGroupVersion(apiVersion);
  if (group === '' && kind === 'ReplicationController') {
    return asOwner(caches.replicationControllers.lister.get(namespace, name));
  }
  if (group !== 'apps') return undefined;
  if (kind === 'StatefulSet') return asOwner(caches.statefulSets.lister.get(namespace, name));
  if (kind !== 'ReplicaSet') return undefined;
  const replicaSet = caches.replicaSets.lister.get(namespace, name);
  const above = replicaSet && controllerOf(replicaSet);
  if (replicaSet?.metadata.uid !== uid || above?.kind !== 'Deployment') return asOwner(replicaSet);
  return asOwner(caches.deployments.lister.get(namespace, above.name), above.uid);
}

/** Any other kind is asked through its scale subresource. */
async function scaleOf(client: KubeClient, pod: ReadPod, reference: OwnerReference): Promise<Owner | undefined> {
  const { kind, name, uid, apiVersion } = reference;
  // A custom resource is known to discovery only.
  const description =
    client.mapper.findKind(apiVersion, kind) ?? (await discoverMapper(client.transport)).forKind(apiVersion, kind);
  const resource = client.resource(description).namespace(pod.metadata.namespace);
  let scale: Scale;
  try {
    scale = await resource.getSubresource<Scale>(name, 'scale');
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const { plural, group } = resource.description;
    try {
      await resource.get(name);
    } catch (missing) {
      if (isNotFound(missing)) return undefined;
      throw missing;
    }
    throw new Error(`${group === '' ? plural : `${plural}.${group}`} does not implement the scale subresource`);
  }
  return scale.metadata.uid === uid ? { uid, replicas: scale.spec?.replicas ?? 0 } : undefined;
}
