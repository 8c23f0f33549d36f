/**
 * Keeps as many pods as an owner asks for: what ReplicaSet and ReplicationController share. Upstream wraps the latter
 * into the former (pkg/controller/replication/conversion.go); here both give a description of their kind.
 * Upstream: pkg/controller/replicaset/replica_set.go (1.36).
 */

import type { Pod, ReplicaSet, ReplicaSetStatus } from '../../api/index.ts';
import {
  controllerOf,
  deepEqual,
  hasNamespaceTerminatingCause,
  isNotFound,
  type OwnerReference,
  objectKey,
  type Selector,
  splitObjectKey,
} from '../../apimachinery/index.ts';
import { rfc3339 } from '../../base/index.ts';
import { causeOf, type RequestCause, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
  updateCause,
} from './controller.ts';
import { claim } from './controller-ref.ts';
import { ControllerExpectations } from './expectations.ts';
import { PodControl, slowStartBatch } from './pod-control.ts';
import { podsToDelete } from './pod-deletion-order.ts';
import {
  addControllerIndex,
  isPodActive,
  isPodReady,
  isPodTerminating,
  nextAvailabilityCheckMs,
  orphanKey,
  podCondition,
  podControllerIndex,
  type ReadPod,
} from './pods.ts';
import { calculateStatus } from './replica-status.ts';

/** Most pods created or deleted in one sync. */
const burstReplicas = 500;
const concurrentSyncs = 5;
/** Sets up to this size are synced at once whenever something happens; larger ones rest in proportion. */
const freeSyncPods = 50;
const syncedPodsPerMs = 20;
const statusUpdateRetries = 1;

/** A kind with `spec.replicas` and a pod template, of the shape of a ReplicaSet. */
export interface ReplicaKind {
  /** Canonical name, also its events' component. */
  readonly name: string;
  readonly serviceAccount: string;
  readonly component: string;
  readonly kind: string;
  /** `replicasets.apps`. */
  readonly resource: string;
  /** The kind's status has `terminatingReplicas`. */
  readonly countsTerminating: boolean;
  selectorOf(owner: Readonly<ReplicaSet>): Selector;
}

export class ReplicaController implements Controller {
  readonly name: string;
  readonly identity: string;
  readonly #kind: ReplicaKind;
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #podControl: PodControl;
  readonly #expectations: ControllerExpectations;
  readonly #queue: Workqueue;
  readonly #replicaSets: SharedInformer<ReplicaSet>;
  readonly #pods: SharedInformer<Pod>;

  constructor(context: ControllerContext, kind: ReplicaKind) {
    this.#context = context;
    this.#kind = kind;
    this.name = kind.name;
    this.identity = identityOf(kind.serviceAccount);
    this.#base = controllerBase(context, kind);
    this.#podControl = new PodControl(this.#base.client, this.#base.recorder);
    this.#expectations = new ControllerExpectations(context.clock);
    this.#queue = new Workqueue(context, { name: kind.kind.toLowerCase() });
    this.#replicaSets = context.informers.informer<ReplicaSet>(kind.resource);
    this.#pods = context.informers.informer<Pod>('pods');
    addControllerIndex(this.#replicaSets);
    addControllerIndex(this.#pods);
    this.#replicaSets.addHandler({
      onAdd: (rs) => this.#queue.add(objectKey(rs), causeOf(this.#replicaSets.resource, rs)),
      onUpdate: (old, rs) => {
        // Another object under the same name: what was expected of the old one is void.
        if (old.metadata.uid !== rs.metadata.uid) this.#expectations.forget(objectKey(old));
        this.#queue.add(objectKey(rs), updateCause(this.#replicaSets, old, rs));
      },
      onDelete: (rs) => {
        this.#expectations.forget(objectKey(rs));
        this.#queue.add(objectKey(rs), causeOf(this.#replicaSets.resource, rs));
      },
    });
    this.#pods.addHandler({
      onAdd: (pod) => this.#podAdded(pod),
      onUpdate: (old, pod) => this.#podUpdated(old, pod),
      onDelete: (pod) => this.#podDeleted(pod),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#replicaSets, this.#pods];
    const reconcile = (key: string) => this.#sync(key);
    return runController(
      { log, broadcaster, informers, queues: [{ queue: this.#queue, workers: concurrentSyncs, reconcile }] },
      signal,
    );
  }

  #podAdded(pod: ReadPod): void {
    // After a restart a pod may be seen for the first time when it is already going.
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.#podDeleted(pod);
      return;
    }
    const cause = causeOf(this.#pods.resource, pod);
    const controller = controllerOf(pod);
    if (controller) {
      const rs = this.#resolve(pod, controller);
      if (!rs) return;
      this.#expectations.creationObserved(objectKey(rs));
      this.#queue.add(objectKey(rs), cause);
      return;
    }
    this.#enqueueMatching(pod, cause);
  }

  #podUpdated(old: ReadPod, pod: ReadPod): void {
    if (old === pod) return;
    const labelsChanged =
      old.metadata.labels !== pod.metadata.labels && !deepEqual(old.metadata.labels, pod.metadata.labels);
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.#podDeleted(pod);
      if (labelsChanged) this.#podDeleted(old);
      return;
    }
    const cause = causeOf(this.#pods.resource, pod);
    const controller = controllerOf(pod);
    const oldController = controllerOf(old);
    const controllerChanged = controller?.uid !== oldController?.uid;
    if (controllerChanged && oldController) {
      const rs = this.#resolve(old, oldController);
      if (rs) this.#queue.add(objectKey(rs), cause);
    }
    if (controller) {
      const rs = this.#resolve(pod, controller);
      if (!rs || (!labelsChanged && !controllerChanged && countsAsBefore(old, pod))) return;
      this.#queue.add(objectKey(rs), cause);
      const minReadySeconds = rs.spec?.minReadySeconds ?? 0;
      if (minReadySeconds > 0 && !isPodReady(old) && isPodReady(pod)) {
        this.#queue.addAfter(objectKey(rs), minReadySeconds * 1000, { timer: 'min-ready-seconds' });
      }
      return;
    }
    if (labelsChanged || controllerChanged) this.#enqueueMatching(pod, cause);
  }

  #podDeleted(pod: ReadPod): void {
    const controller = controllerOf(pod);
    const rs = controller && this.#resolve(pod, controller);
    if (!rs) return;
    this.#expectations.deletionObserved(objectKey(rs), objectKey(pod));
    this.#queue.add(objectKey(rs), causeOf(this.#pods.resource, pod));
  }

  #resolve(pod: ReadPod, { kind, name, uid }: OwnerReference): Readonly<ReplicaSet> | undefined {
    if (kind !== this.#kind.kind) return undefined;
    const rs = this.#replicaSets.lister.get(pod.metadata.namespace!, name);
    return rs?.metadata.uid === uid ? rs : undefined;
  }

  /** An orphan wakes every ReplicaSet that might adopt it. */
  #enqueueMatching(pod: ReadPod, cause: RequestCause): void {
    if (!pod.metadata.labels) return;
    for (const rs of this.#replicaSets.lister.list(pod.metadata.namespace)) {
      const selector = this.#kind.selectorOf(rs);
      if (!selector.empty && selector.matches(pod.metadata.labels)) this.#queue.add(objectKey(rs), cause);
    }
  }

  async #sync(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const rs = this.#replicaSets.lister.get(namespace, name);
    if (!rs) {
      this.#expectations.forget(key);
      return;
    }
    const needsSync = this.#expectations.satisfied(key);
    const owned = this.#pods.lister.byIndex(podControllerIndex, rs.metadata.uid!);
    const orphans = this.#pods.lister.byIndex(podControllerIndex, orphanKey(namespace));
    const selector = this.#kind.selectorOf(rs);
    const client = this.#base.client.resource<Pod>('pods').namespace(namespace);
    const activePods = await claim<Pod>([...owned, ...orphans].filter(isPodActive), {
      owner: rs,
      selector,
      client,
      freshOwner: () => this.#base.client.resource<ReplicaSet>(this.#kind.resource).namespace(namespace).get(name),
    });
    let terminatingPods = 0;
    for (const pod of owned) if (isPodTerminating(pod) && selector.matches(pod.metadata.labels)) terminatingPods++;

    let manageError: unknown;
    if (needsSync && rs.metadata.deletionTimestamp === undefined) {
      manageError = await this.#manageReplicas(key, rs, activePods);
    }
    const now = this.#context.clock.now();
    const timestamp = rfc3339(now);
    const terminating = this.#kind.countsTerminating ? terminatingPods : undefined;
    const status = calculateStatus({
      replicaSet: rs,
      activePods,
      terminatingPods: terminating,
      manageError,
      now,
      timestamp,
    });
    const updated = await this.#updateStatus(rs, status);
    if (manageError !== undefined) throw manageError;

    // A sync looks at every pod: a thousand that become ready one by one must not make a thousand syncs of a thousand.
    if (owned.length > freeSyncPods) this.#queue.rest(key, owned.length / syncedPodsPerMs);
    const minReadySeconds = updated.spec?.minReadySeconds ?? 0;
    if (minReadySeconds > 0 && (status.readyReplicas ?? 0) !== (status.availableReplicas ?? 0)) {
      const next = nextAvailabilityCheckMs(activePods, minReadySeconds, this.#context.clock.now());
      this.#queue.addAfter(key, next ?? minReadySeconds * 1000, { timer: 'min-ready-seconds' });
    }
  }

  /** Creates or deletes what is missing or too much; returns what went wrong. */
  async #manageReplicas(key: string, rs: Readonly<ReplicaSet>, activePods: readonly ReadPod[]): Promise<unknown> {
    const diff = activePods.length - (rs.spec?.replicas ?? 1);
    if (diff < 0) return this.#createPods(key, rs, Math.min(-diff, burstReplicas));
    if (diff > 0) return this.#deletePods(key, rs, activePods, Math.min(diff, burstReplicas));
    return undefined;
  }

  async #createPods(key: string, rs: Readonly<ReplicaSet>, count: number): Promise<unknown> {
    const template = rs.spec!.template!;
    this.#expectations.expectCreations(key, count);
    const { successes, error } = await slowStartBatch(count, async () => {
      try {
        await this.#podControl.create(template, rs);
      } catch (error) {
        // The namespace is going: nothing to report, and the expectation runs out.
        if (!hasNamespaceTerminatingCause(error)) throw error;
      }
    });
    if (successes < count) this.#expectations.creationObserved(key, count - successes);
    return error;
  }

  async #deletePods(
    key: string,
    rs: Readonly<ReplicaSet>,
    activePods: readonly ReadPod[],
    count: number,
  ): Promise<unknown> {
    const victims = podsToDelete(activePods, this.#relatedPods(rs), count, this.#context.clock.now());
    this.#expectations.expectDeletions(key, victims.map(objectKey));
    let failure: unknown;
    await Promise.all(
      victims.map(async (pod) => {
        try {
          await this.#podControl.delete(pod.metadata.namespace!, pod.metadata.name!, rs);
        } catch (error) {
          this.#expectations.deletionObserved(key, objectKey(pod));
          if (!isNotFound(error)) failure ??= error;
        }
      }),
    );
    return failure;
  }

  /** Pods of all ReplicaSets with the same owner: they decide which nodes are crowded. */
  #relatedPods(rs: Readonly<ReplicaSet>): ReadPod[] {
    const owner = controllerOf(rs);
    const siblings = owner ? this.#replicaSets.lister.byIndex(podControllerIndex, owner.uid) : [rs];
    return siblings.flatMap((sibling) => this.#pods.lister.byIndex(podControllerIndex, sibling.metadata.uid!));
  }

  async #updateStatus(rs: Readonly<ReplicaSet>, status: ReplicaSetStatus): Promise<Readonly<ReplicaSet>> {
    if (sameStatus(rs, status)) return rs;
    const client = this.#base.client.resource<ReplicaSet>(this.#kind.resource).namespace(rs.metadata.namespace);
    for (let target = rs, retry = 0; ; retry++) {
      try {
        return await client.updateStatus({ ...target, status });
      } catch (error) {
        if (retry >= statusUpdateRetries) throw error;
      }
      target = await client.get(rs.metadata.name!);
    }
  }
}

/** A sync would find nothing new: bound to a node, given an address, one container of two started … */
function countsAsBefore(old: ReadPod, pod: ReadPod): boolean {
  if (isPodActive(old) !== isPodActive(pod) || old.metadata.uid !== pod.metadata.uid) return false;
  const [before, after] = [podCondition(old, 'Ready'), podCondition(pod, 'Ready')];
  return before?.status === after?.status && before?.lastTransitionTime === after?.lastTransitionTime;
}

function sameStatus(rs: Readonly<ReplicaSet>, status: ReplicaSetStatus): boolean {
  const old = rs.status;
  const same = (a: number | undefined, b: number | undefined) => (a ?? 0) === (b ?? 0);
  return (
    old !== undefined &&
    old.replicas === status.replicas &&
    same(old.fullyLabeledReplicas, status.fullyLabeledReplicas) &&
    same(old.readyReplicas, status.readyReplicas) &&
    same(old.availableReplicas, status.availableReplicas) &&
    old.terminatingReplicas === status.terminatingReplicas &&
    old.observedGeneration === rs.metadata.generation &&
    deepEqual(old.conditions ?? [], status.conditions ?? [])
  );
}
