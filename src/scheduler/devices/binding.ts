/**
 * Writes what was decided for a pod's claims, waits for their devices to be ready, takes it back.
 * Upstream: plugins/dynamicresources/dynamicresources.go (bindClaim, isPodReadyForBinding, PostFilter, Unreserve) (1.36).
 */
import type { Pod, ResourceClaim } from '../../api/index.ts';
import { isNotFound, objectKey } from '../../apimachinery/index.ts';
import { type Clock, parseTime, rfc3339 } from '../../base/index.ts';
import { type KubeClient, retryOnConflict } from '../../client/index.ts';
import { type AllocationFields, allocationOf, type Claim, type ClaimTracker } from './claims.ts';

/** Keeps a claim whose devices are in use. */
export const claimFinalizer = 'resource.kubernetes.io/delete-protection';
const pollMs = 5_000;

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** The driver says that a device cannot be made ready. */
export class DeviceBindingError extends Error {}

export interface ClaimBinderDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly tracker: ClaimTracker;
}

export class ClaimBinder {
  readonly #deps: ClaimBinderDeps;
  readonly #timeoutMs: number;

  /** `timeoutMs`: how long devices may take to be ready. */
  constructor(deps: ClaimBinderDeps, timeoutMs: number) {
    this.#deps = deps;
    this.#timeoutMs = timeoutMs;
  }

  #client(claim: Claim) {
    return this.#deps.client.resource<ResourceClaim>('resourceclaims').namespace(claim.metadata.namespace);
  }

  /** Allocates the claim, if there is an allocation to write, and reserves it for the pod. */
  async bind(claim: Claim, allocation: AllocationFields | undefined, pod: Readonly<Pod>, signal: AbortSignal) {
    try {
      const written = await this.#write(claim, allocation, pod, signal);
      this.#deps.tracker.wrote(written);
      return written;
    } finally {
      if (allocation) this.#deps.tracker.setPending(claim, undefined);
    }
  }

  async #write(
    claim: Claim,
    allocation: AllocationFields | undefined,
    pod: Readonly<Pod>,
    signal: AbortSignal,
  ): Promise<Claim> {
    const client = this.#client(claim);
    let current: Claim | undefined = claim;
    try {
      return await retryOnConflict({ clock: this.#deps.clock, signal }, async () => {
        const from: Claim = current ?? (await client.get(claim.metadata.name!, { signal }));
        current = undefined;
        return this.#try(from, allocation, pod, signal);
      });
    } catch (error) {
      throw wrapped(error, allocation ? 'add allocation and ' : 'add ', objectKey(claim));
    }
  }

  async #try(from: Claim, allocation: AllocationFields | undefined, pod: Readonly<Pod>, signal: AbortSignal) {
    const client = this.#client(from);
    const key = objectKey(from);
    let claim = from;
    if (claim.metadata.deletionTimestamp !== undefined) throw new Error(`claim ${key} got deleted in the meantime`);
    if (allocation) {
      if (allocationOf(claim)) throw new Error(`claim ${key} got allocated elsewhere in the meantime`);
      const finalizers = claim.metadata.finalizers ?? [];
      if (!finalizers.includes(claimFinalizer)) {
        const metadata = { ...claim.metadata, finalizers: [...finalizers, claimFinalizer] };
        claim = await client.update({ ...claim, metadata } as ResourceClaim, { signal });
      }
    }
    const standing = allocation ?? allocationOf(claim);
    if (!standing) throw new Error(`claim ${key} got deallocated elsewhere in the meantime`);
    const { name, uid } = pod.metadata;
    const status = {
      ...claim.status,
      allocation: { allocationTimestamp: rfc3339(this.#deps.clock.now()), ...standing },
      reservedFor: [...(claim.status?.reservedFor ?? []), { resource: 'pods', name: name!, uid: uid! }],
    };
    return client.updateStatus({ ...claim, status } as unknown as ResourceClaim, { signal });
  }

  /** Waits until every device that needs it is ready. @throws DeviceBindingError */
  async waitReady(keys: readonly (readonly [string, string])[], signal: AbortSignal): Promise<void> {
    const { clock, tracker } = this.#deps;
    const end = clock.monotonic() + this.#timeoutMs;
    for (;;) {
      let ready = true;
      for (const [namespace, name] of keys) {
        const claim = tracker.get(namespace, name);
        if (!claim) throw new Error(`resourceclaim.resource.k8s.io "${name}" not found`);
        if (isReady(claim)) continue;
        if (this.isLate(claim)) throw new DeviceBindingError(`device binding timeout: claim=${name}`);
        ready = false;
        break;
      }
      if (ready) return;
      if (clock.monotonic() >= end) throw new DeviceBindingError('device binding timeout: context deadline exceeded');
      await clock.sleep(pollMs, signal);
    }
  }

  /** Have its devices been given long enough to become ready? */
  isLate(claim: Claim): boolean {
    const allocation = allocationOf(claim);
    if (!allocation?.allocationTimestamp) return false;
    const late = parseTime(allocation.allocationTimestamp) + this.#timeoutMs < this.#deps.clock.now();
    return late && allocation.devices.results.some(({ bindingConditions }) => bindingConditions !== undefined);
  }

  /** Frees the devices of a claim that nobody else uses. */
  async deallocate(claim: Claim): Promise<void> {
    const { allocation: _, devices: __, reservedFor: ___, ...status } = claim.status ?? {};
    this.#deps.tracker.wrote(await this.#client(claim).updateStatus({ ...claim, status } as unknown as ResourceClaim));
  }

  /** The pod does not use the claim after all. A failure is made good by the next attempt. */
  async release(claim: Claim, pod: Readonly<Pod>): Promise<void> {
    const { uid } = claim.metadata;
    const patch = { metadata: { uid }, status: { reservedFor: [{ $patch: 'delete', uid: pod.metadata.uid }] } };
    try {
      const client = this.#client(claim);
      this.#deps.tracker.wrote(await client.patch(claim.metadata.name!, 'strategic', patch, { subresource: 'status' }));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function wrapped(error: unknown, what: string, key: string): unknown {
  if (!(error instanceof Error) || !('status' in error)) return error;
  return new Error(`${what}reservation to claim ${key}: ${error.message}`, { cause: error });
}

/** All conditions hold that its devices need. @throws DeviceBindingError when one says that the device failed */
export function isReady(claim: Claim): boolean {
  const results = allocationOf(claim)?.devices.results;
  if (!results) return false;
  for (const { driver, pool, device, bindingConditions = [], bindingFailureConditions = [] } of results) {
    if (bindingConditions.length === 0) continue;
    const status = (claim.status?.devices ?? []).find(
      (other) => other.device === device && other.driver === driver && other.pool === pool,
    );
    if (!status) return false;
    const conditions = (status.conditions ?? []) as readonly Condition[];
    const isTrue = (type: string) =>
      conditions.find((condition) => condition.type === type && condition.status === 'True');
    for (const type of bindingFailureConditions) {
      const failure = isTrue(type);
      if (!failure) continue;
      const { reason = '', message = '' } = failure;
      const said = `reason=${reason}, message=${JSON.stringify(message)}`;
      throw new DeviceBindingError(`device binding failed: claim=${claim.metadata.name}, ${said}`);
    }
    if (!bindingConditions.every(isTrue)) return false;
  }
  return true;
}

/** Is there a device that must be waited for? */
export function hasBindingConditions(claim: Claim): boolean {
  return (
    allocationOf(claim)?.devices.results.some(({ bindingConditions = [] }) => bindingConditions.length > 0) ?? false
  );
}
