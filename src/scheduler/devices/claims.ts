/**
 * ResourceClaims as the scheduler sees them: the cache, what it has written since, and what it has decided but not written.
 * Keeps count of the devices in use, so that nobody has to go over all claims.
 * Upstream: plugins/dynamicresources/{dra_manager,allocateddevices}.go (1.36).
 */
import type { Pod, ResourceClaim } from '../../api/index.ts';
import { objectKey } from '../../apimachinery/index.ts';
import { type Amounts, addAmounts, amountsOf } from './quantities.ts';

export type Claim = Readonly<ResourceClaim>;

/** Marks the claim that the scheduler makes for a pod's extended resources. */
export const extendedClaimAnnotation = 'resource.kubernetes.io/extended-resource-claim';

export interface AllocationFields {
  readonly devices: {
    readonly results: readonly ResultFields[];
    readonly config?: readonly object[];
  };
  readonly nodeSelector?: object;
  readonly allocationTimestamp?: string;
}

export interface ResultFields {
  readonly request: string;
  readonly driver: string;
  readonly pool: string;
  readonly device: string;
  readonly adminAccess?: boolean;
  readonly tolerations?: readonly object[];
  readonly shareID?: string;
  readonly consumedCapacity?: Readonly<Record<string, string>>;
  readonly bindingConditions?: readonly string[];
  readonly bindingFailureConditions?: readonly string[];
}

export function allocationOf(claim: Claim): AllocationFields | undefined {
  return claim.status?.allocation as AllocationFields | undefined;
}

const versionOf = ({ metadata }: Claim): number => Number(metadata.resourceVersion ?? 0);

/** The uid of the pod whose extended resources the claim stands for. */
function podOfExtended({ metadata: { annotations, ownerReferences } }: Claim): string | undefined {
  if (annotations?.[extendedClaimAnnotation] !== 'true') return undefined;
  return ownerReferences?.find(({ controller }) => controller)?.uid;
}

export class ClaimTracker {
  readonly #cached = new Map<string, Claim>();
  /** Keys of the claims for extended resources, by the uid of their pod. */
  readonly #extended = new Map<string, string>();
  /** Written by the scheduler, not yet seen in the cache. By key. */
  readonly #written = new Map<string, Claim>();
  /** Decided for claims that are not allocated yet, by uid. */
  readonly #pending = new Map<string, AllocationFields>();
  /** What is counted of each claim, by uid. */
  readonly #counted = new Map<string, AllocationFields>();
  readonly #exclusive = new Map<string, number>();
  readonly #shared = new Map<string, { count: number; readonly amounts: Map<string, bigint> }>();

  get(namespace: string, name: string): Claim | undefined {
    return this.#at(`${namespace}/${name}`);
  }

  #at(key: string): Claim | undefined {
    return this.#written.get(key) ?? this.#cached.get(key);
  }

  /** The claim that was made for the extended resources of the pod. */
  extendedOf({ metadata: { name, uid } }: Readonly<Pod>): Claim | undefined {
    const claim = this.#at(this.#extended.get(uid!) ?? '');
    return claim?.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.name === name)
      ? claim
      : undefined;
  }

  values(): Iterable<Claim> {
    return this.#cached.values();
  }

  /** The claim as the cache has it now. */
  set(claim: Claim): void {
    const key = objectKey(claim);
    const before = this.#cached.get(key);
    if (before && before.metadata.uid !== claim.metadata.uid) this.delete(before);
    this.#cached.set(key, claim);
    this.#index(claim, key);
    const written = this.#written.get(key);
    if (written && versionOf(claim) >= versionOf(written)) this.#written.delete(key);
    this.#recount(claim.metadata.uid!, key);
  }

  delete(claim: Claim): void {
    const key = objectKey(claim);
    this.#cached.delete(key);
    this.#drop(claim, key);
  }

  #drop(claim: Claim, key: string): void {
    this.#written.delete(key);
    const pod = podOfExtended(claim);
    if (pod !== undefined && this.#extended.get(pod) === key) this.#extended.delete(pod);
    this.#recount(claim.metadata.uid!, key);
  }

  #index(claim: Claim, key: string): void {
    const pod = podOfExtended(claim);
    if (pod !== undefined) this.#extended.set(pod, key);
  }

  /** The scheduler has created the claim, which the cache does not show yet. */
  made(claim: Claim): void {
    const key = objectKey(claim);
    if (this.#cached.has(key)) return;
    this.#written.set(key, claim);
    this.#index(claim, key);
    this.#recount(claim.metadata.uid!, key);
  }

  /** It has deleted it again, perhaps before the cache showed it. */
  unmade(claim: Claim): void {
    const key = objectKey(claim);
    if (!this.#cached.has(key)) this.#drop(claim, key);
  }

  /** The claim as the API server has answered. */
  wrote(claim: Claim): void {
    const key = objectKey(claim);
    const cached = this.#cached.get(key);
    const known = this.#at(key);
    if (known?.metadata.uid !== claim.metadata.uid || (cached && versionOf(cached) >= versionOf(claim))) return;
    this.#written.set(key, claim);
    this.#recount(claim.metadata.uid!, key);
  }

  pending(uid: string): AllocationFields | undefined {
    return this.#pending.get(uid);
  }

  setPending(claim: Claim, allocation: AllocationFields | undefined): void {
    const uid = claim.metadata.uid!;
    if (allocation) this.#pending.set(uid, allocation);
    else this.#pending.delete(uid);
    this.#recount(uid, objectKey(claim));
  }

  /** Is the device taken for one claim alone? */
  isTaken(device: string): boolean {
    return this.#exclusive.has(device);
  }

  /** What those who share the device have of its capacity; undefined: nobody shares it. */
  sharedOf(device: string): Amounts | undefined {
    return this.#shared.get(device)?.amounts;
  }

  #recount(uid: string, key: string): void {
    const claim = this.#written.get(key) ?? this.#cached.get(key);
    const standing = claim?.metadata.uid === uid ? allocationOf(claim) : undefined;
    const now = standing ?? this.#pending.get(uid);
    const before = this.#counted.get(uid);
    if (now === before) return;
    if (before) this.#count(before, -1);
    if (now) {
      this.#count(now, 1);
      this.#counted.set(uid, now);
    } else this.#counted.delete(uid);
  }

  #count({ devices }: AllocationFields, by: 1 | -1): void {
    for (const { driver, pool, device, adminAccess, shareID, consumedCapacity } of devices.results) {
      // Administrators look on beside those who use the device.
      if (adminAccess) continue;
      const id = `${driver}/${pool}/${device}`;
      if (shareID === undefined) {
        const count = (this.#exclusive.get(id) ?? 0) + by;
        if (count > 0) this.#exclusive.set(id, count);
        else this.#exclusive.delete(id);
        continue;
      }
      let shared = this.#shared.get(id);
      if (!shared) {
        shared = { count: 0, amounts: new Map() };
        this.#shared.set(id, shared);
      }
      shared.count += by;
      addAmounts(shared.amounts, amountsOf(consumedCapacity), by === 1 ? 1n : -1n);
      if (shared.count <= 0) this.#shared.delete(id);
    }
  }
}
