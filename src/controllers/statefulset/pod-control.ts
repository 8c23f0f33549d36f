/** Pods and claims of a StatefulSet, written. Upstream: pkg/controller/statefulset/stateful_pod_control.go. */
import type { PersistentVolumeClaim, Pod } from '../../api/index.ts';
import { isAlreadyExists, isNotFound, objectKey } from '../../apimachinery/index.ts';
import type { EventRecorder, KubeClient, SharedInformer } from '../../client/index.ts';
import type { ConsistencyStore } from '../common/consistency.ts';
import type { ReadPod } from '../common/pods.ts';
import { deletesOnScale, hasStaleOwner, hasUnexpectedController, isClaimUpToDate, withOwners } from './claims.ts';
import {
  claimNameOf,
  claimsOf,
  claimTemplatesOf,
  identityMatches,
  ordinalOf,
  type ReadSet,
  storageMatches,
  withIdentity,
} from './pods.ts';

export interface StatefulPodDeps {
  readonly client: KubeClient;
  readonly recorder: EventRecorder;
  readonly pods: SharedInformer<Pod>;
  readonly claims: SharedInformer<PersistentVolumeClaim>;
  readonly consistency: ConsistencyStore;
}

type Verb = 'Create' | 'Update' | 'Delete';

export class StatefulPodControl {
  readonly #deps: StatefulPodDeps;

  constructor(deps: StatefulPodDeps) {
    this.#deps = deps;
  }

  /** Claims first. @throws StatusError, Error */
  async create(set: ReadSet, pod: Pod): Promise<void> {
    const { client, pods, consistency } = this.#deps;
    try {
      await this.createClaims(set, pod);
      const created = await client.resource<Pod>('pods').create(pod);
      consistency.wroteAt(objectKey(set), pods, created);
    } catch (error) {
      // The cache is behind: the pod is there.
      if (!isAlreadyExists(error)) this.#podEvent('Create', set, pod, error);
      throw error;
    }
    try {
      await this.updateClaims(set, pod);
    } catch (error) {
      this.#podEvent('Update', set, pod, error);
      throw error;
    }
    this.#podEvent('Create', set, pod);
  }

  /** Gives the pod its identity and storage again, and its claims their owners. @throws StatusError, Error */
  async update(set: ReadSet, pod: ReadPod): Promise<void> {
    const { client, pods, consistency } = this.#deps;
    const storage = storageMatches(set, pod);
    const podMatches = storage && identityMatches(set, pod);
    const claimsMatch = this.claimsMatch(set, pod);
    if (podMatches && claimsMatch) return;
    try {
      if (!storage) await this.createClaims(set, pod);
      if (!claimsMatch) await this.updateClaims(set, pod);
      if (!podMatches) {
        const updated = await client.resource<Pod>('pods').update(withIdentity(set, pod));
        consistency.wroteAt(objectKey(set), pods, updated);
      }
    } catch (error) {
      this.#podEvent('Update', set, pod, error);
      throw error;
    }
    this.#podEvent('Update', set, pod);
  }

  /** @throws StatusError */
  async delete(set: ReadSet, pod: ReadPod): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    try {
      const preconditions = { uid: uid! };
      await this.#deps.client.resource<Pod>('pods').namespace(namespace).delete(name!, { preconditions });
    } catch (error) {
      if (!isNotFound(error)) {
        this.#podEvent('Delete', set, pod, error);
        throw error;
      }
    }
    this.#podEvent('Delete', set, pod);
  }

  /** @throws Error naming every claim that could not be made or is being deleted */
  async createClaims(set: ReadSet, pod: ReadPod): Promise<void> {
    const { client, claims, consistency } = this.#deps;
    const errors: Error[] = [];
    for (const claim of claimsOf(set, ordinalOf(pod))) {
      const { namespace, name } = claim.metadata;
      const found = claims.lister.get(namespace!, name!);
      if (found) {
        if (found.metadata.deletionTimestamp !== undefined) errors.push(new Error(`pvc ${name} is being deleted`));
        continue;
      }
      try {
        const created = await client.resource<PersistentVolumeClaim>('persistentvolumeclaims').create(claim);
        consistency.wroteAt(objectKey(set), claims, created);
        this.#claimEvent(set, pod, claim);
      } catch (error) {
        errors.push(new Error(`failed to create PVC ${name}: ${(error as Error).message}`, { cause: error }));
        if (!isAlreadyExists(error)) this.#claimEvent(set, pod, claim, error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, `[${errors.map((error) => error.message).join(', ')}]`);
  }

  claimsMatch(set: ReadSet, pod: ReadPod): boolean {
    return this.#foundClaims(set, pod).every((claim) => isClaimUpToDate(claim, set, pod));
  }

  /** Owners as the retention policy wants them. @throws Error */
  async updateClaims(set: ReadSet, pod: ReadPod): Promise<void> {
    const { client, recorder, claims, consistency } = this.#deps;
    for (const claim of this.#foundClaims(set, pod)) {
      const name = claim.metadata.name;
      if (hasUnexpectedController(claim, set, pod)) {
        const message = `PersistentVolumeClaim ${name} has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim`;
        recorder.event(set, 'Warning', 'ConflictingController', message);
      }
      if (isClaimUpToDate(claim, set, pod)) continue;
      try {
        const next = withOwners(claim, set, pod);
        const updated = await client.resource<PersistentVolumeClaim>('persistentvolumeclaims').update(next);
        consistency.wroteAt(objectKey(set), claims, updated);
      } catch (error) {
        throw new Error(`could not update claim ${name} for delete policy ownerRefs: ${(error as Error).message}`, {
          cause: error,
        });
      }
    }
  }

  /** A claim still belongs to the pod's predecessor and goes with it: the pod has to wait. */
  claimIsStale(set: ReadSet, pod: ReadPod): boolean {
    return deletesOnScale(set) && this.#foundClaims(set, pod).some((claim) => hasStaleOwner(claim, pod));
  }

  #foundClaims(set: ReadSet, pod: ReadPod): Readonly<PersistentVolumeClaim>[] {
    const ordinal = ordinalOf(pod);
    return claimTemplatesOf(set).flatMap((template) => {
      const found = this.#deps.claims.lister.get(set.metadata.namespace!, claimNameOf(set, template, ordinal));
      return found ? [found] : [];
    });
  }

  #podEvent(verb: Verb, set: ReadSet, pod: ReadPod, error?: unknown): void {
    const what = `${verb} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
    if (error === undefined) this.#deps.recorder.event(set, 'Normal', `Successful${verb}`, `${what} successful`);
    else {
      const message = `${what} failed error: ${(error as Error).message}`;
      this.#deps.recorder.event(set, 'Warning', `Failed${verb}`, message);
    }
  }

  #claimEvent(set: ReadSet, pod: ReadPod, claim: PersistentVolumeClaim, error?: unknown): void {
    const where = `Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
    const { name } = claim.metadata;
    if (error === undefined) {
      this.#deps.recorder.event(set, 'Normal', 'SuccessfulCreate', `Create Claim ${name} ${where} success`);
    } else {
      const message = `Create Claim ${name} for ${where} failed error: ${(error as Error).message}`;
      this.#deps.recorder.event(set, 'Warning', 'FailedCreate', message);
    }
  }
}
