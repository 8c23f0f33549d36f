/** Claims, volumes and classes as the scheduler sees them: the caches, with what it has decided itself on top. */
import type {
  CSIDriver,
  CSIStorageCapacity,
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
  VolumeAttachment,
} from '../../api/index.ts';
import { claimsOfPod } from '../../api/index.ts';
import { type KubeObject, objectKey } from '../../apimachinery/index.ts';
import type { PodInfo } from '../framework/node-info.ts';

/** Is it one of the claims that the pod names, or that are made for it? */
export function isClaimOf({ pod, namespace }: PodInfo, { metadata }: Readonly<KubeObject>): boolean {
  return metadata.namespace === namespace && claimsOfPod(pod).some(({ name }) => name === metadata.name);
}

/** The caches. */
export interface VolumeSources {
  claim(namespace: string, name: string): Readonly<PersistentVolumeClaim> | undefined;
  volume(name: string): Readonly<PersistentVolume> | undefined;
  volumesOfClass(name: string): readonly Readonly<PersistentVolume>[];
  /** Volumes whose claimRef names the claim `namespace/name`. */
  volumesOfClaim(key: string): readonly Readonly<PersistentVolume>[];
  storageClass(name: string): Readonly<StorageClass> | undefined;
  csiNode(name: string): Readonly<KubeObject> | undefined;
  csiDriver(name: string): Readonly<CSIDriver> | undefined;
  capacitiesOfClass(name: string): readonly Readonly<CSIStorageCapacity>[];
  attachmentsOn(node: string): readonly Readonly<VolumeAttachment>[];
  /** Calls back on any change of claims and volumes. Returns the way to stop. */
  onChange(listener: () => void): () => void;
}

/**
 * Objects that are assumed to be written already. An assumption ends when the cache shows another state than the one it
 * was made on. Upstream: scheduler/util/assumecache.
 */
export class AssumeCache<T extends KubeObject> {
  readonly #assumed = new Map<string, { readonly object: Readonly<T>; readonly basedOn: Readonly<T> }>();

  latest(cached: Readonly<T>): Readonly<T> {
    if (this.#assumed.size === 0) return cached;
    const key = objectKey(cached);
    const entry = this.#assumed.get(key);
    if (!entry) return cached;
    if (entry.basedOn === cached) return entry.object;
    this.#assumed.delete(key);
    return cached;
  }

  /** `basedOn`: the object of the cache as it is now. */
  assume(object: Readonly<T>, basedOn: Readonly<T>): void {
    this.#assumed.set(objectKey(object), { object, basedOn });
  }

  restore(object: Readonly<T>): void {
    this.#assumed.delete(objectKey(object));
  }
}
