/** A pod on every node that fits. Upstream: pkg/controller/daemon/daemon_controller.go (1.36). */

import type { ControllerRevision, DaemonSet, DaemonSetStatus, Node, Pod } from '../../api/index.ts';
import {
  controllerOf,
  deepEqual,
  hasNamespaceTerminatingCause,
  isNotFound,
  type OwnerReference,
  objectKey,
  splitObjectKey,
} from '../../apimachinery/index.ts';
import { causeOf, type RequestCause, type SharedInformer, Workqueue } from '../../client/index.ts';
import { ConsistencyStore } from '../common/consistency.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
  updateCause,
} from '../common/controller.ts';
import { claim } from '../common/controller-ref.ts';
import { ControllerExpectations } from '../common/expectations.ts';
import { PodControl, slowStartBatch } from '../common/pod-control.ts';
import {
  addControllerIndex,
  addNodeIndex,
  isPodAvailable,
  isPodReady,
  isPodTerminal,
  orphanKey,
  podControllerIndex,
  podNodeIndex,
  type ReadPod,
} from '../common/pods.ts';
import { selectorOf } from '../common/selectors.ts';
import { FailedPodsBackoff } from './backoff.ts';
import { manageStep } from './manage.ts';
import {
  compareDaemonPods,
  daemonTemplate,
  hashLabel,
  isPodUpdated,
  type Placement,
  placementOn,
  type ReadDaemonSet,
  targetNodeOf,
  templateForNode,
} from './nodes.ts';
import { cleanupHistory, constructHistory, type History } from './revisions.ts';
import { rollingUpdateStep } from './rolling-update.ts';

/** Most pods created, and most deleted, in one step. */
const burstReplicas = 250;
const concurrentSyncs = 2;

const names = {
  name: 'daemonset-controller',
  serviceAccount: 'daemon-set-controller',
  component: 'daemonset-controller',
} as const;

/** What all parts of one sync look at. */
interface SyncInput {
  readonly key: string;
  readonly set: ReadDaemonSet;
  readonly hash: string;
  readonly nodes: readonly Readonly<Node>[];
  readonly placement: (node: Readonly<Node>) => Placement;
}

export class DaemonSetController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #podControl: PodControl;
  readonly #expectations: ControllerExpectations;
  readonly #consistency = new ConsistencyStore();
  readonly #backoff = new FailedPodsBackoff();
  readonly #queue: Workqueue;
  readonly #nodeQueue: Workqueue;
  readonly #sets: SharedInformer<DaemonSet>;
  readonly #pods: SharedInformer<Pod>;
  readonly #nodes: SharedInformer<Node>;
  readonly #revisions: SharedInformer<ControllerRevision>;

  constructor(context: ControllerContext) {
    const { informers } = context;
    this.#context = context;
    this.#base = controllerBase(context, names);
    this.#podControl = new PodControl(this.#base.client, this.#base.recorder);
    this.#expectations = new ControllerExpectations(context.clock);
    this.#queue = new Workqueue(context, { name: 'daemonset' });
    this.#nodeQueue = new Workqueue(context, { name: 'daemonset-node-updates' });
    this.#sets = informers.informer<DaemonSet>('daemonsets.apps');
    this.#pods = informers.informer<Pod>('pods');
    this.#nodes = informers.informer<Node>('nodes');
    this.#revisions = informers.informer<ControllerRevision>('controllerrevisions.apps');
    addControllerIndex(this.#pods);
    addNodeIndex(this.#pods);
    addControllerIndex(this.#revisions);
    this.#sets.addHandler({
      onAdd: (set) => this.#queue.add(objectKey(set), causeOf(this.#sets.resource, set)),
      onUpdate: (old, set) => {
        // Another object under the same name: what was expected of the old one is void.
        if (old.metadata.uid !== set.metadata.uid) this.#expectations.forget(objectKey(old));
        this.#queue.add(objectKey(set), updateCause(this.#sets, old, set));
      },
      onDelete: (set) => {
        this.#expectations.forget(objectKey(set));
        this.#consistency.forget(objectKey(set));
        this.#queue.add(objectKey(set), causeOf(this.#sets.resource, set));
      },
    });
    this.#revisions.addHandler({
      onAdd: (revision) => this.#wakeOwnerOf(revision, causeOf(this.#revisions.resource, revision)),
      onUpdate: (_, revision) => this.#wakeOwnerOf(revision, causeOf(this.#revisions.resource, revision)),
      onDelete: (revision) => this.#wakeOwnerOf(revision, causeOf(this.#revisions.resource, revision)),
    });
    this.#pods.addHandler({
      onAdd: (pod) => this.#podAdded(pod),
      onUpdate: (old, pod) => this.#podUpdated(old, pod),
      onDelete: (pod) => this.#podDeleted(pod),
    });
    const nodeSeen = (node: Readonly<Node>) =>
      this.#nodeQueue.add(node.metadata.name!, causeOf(this.#nodes.resource, node));
    this.#nodes.addHandler({
      onAdd: nodeSeen,
      onUpdate: (old, node) => {
        const same =
          deepEqual(old.metadata.labels, node.metadata.labels) && deepEqual(old.spec?.taints, node.spec?.taints);
        if (!same) nodeSeen(node);
      },
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#sets, this.#pods, this.#nodes, this.#revisions];
    const queues = [
      { queue: this.#queue, workers: concurrentSyncs, reconcile: (key: string) => this.#sync(key) },
      { queue: this.#nodeQueue, workers: concurrentSyncs, reconcile: async (name: string) => this.#syncNode(name) },
    ];
    return runController({ log, broadcaster, informers, queues }, signal);
  }

  #resolve(namespace: string, owner: OwnerReference | undefined): ReadDaemonSet | undefined {
    if (owner?.kind !== 'DaemonSet') return undefined;
    const set = this.#sets.lister.get(namespace, owner.name);
    return set?.metadata.uid === owner.uid ? set : undefined;
  }

  #wakeOwnerOf(object: ReadPod | Readonly<ControllerRevision>, cause: RequestCause): void {
    const owner = controllerOf(object);
    if (!owner) {
      this.#wakeMatching(object, cause);
      return;
    }
    const set = this.#resolve(object.metadata.namespace!, owner);
    if (set) this.#queue.add(objectKey(set), cause);
  }

  /** An orphan wakes every DaemonSet that might adopt it. */
  #wakeMatching({ metadata }: ReadPod | Readonly<ControllerRevision>, cause: RequestCause): void {
    if (metadata.deletionTimestamp !== undefined || !metadata.labels) return;
    for (const set of this.#sets.lister.list(metadata.namespace)) {
      const selector = selectorOf(set);
      if (!selector.empty && selector.matches(metadata.labels)) this.#queue.add(objectKey(set), cause);
    }
  }

  #podAdded(pod: ReadPod): void {
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.#podDeleted(pod);
      return;
    }
    const set = this.#resolve(pod.metadata.namespace!, controllerOf(pod));
    if (set) this.#expectations.creationObserved(objectKey(set));
    this.#wakeOwnerOf(pod, causeOf(this.#pods.resource, pod));
  }

  #podUpdated(old: ReadPod, pod: ReadPod): void {
    if (old === pod) return;
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.#podDeleted(pod);
      return;
    }
    const cause = causeOf(this.#pods.resource, pod);
    const owner = controllerOf(pod);
    const controllerChanged = owner?.uid !== controllerOf(old)?.uid;
    if (controllerChanged && controllerOf(old)) this.#wakeOwnerOf(old, cause);
    if (!owner && !controllerChanged && deepEqual(old.metadata.labels, pod.metadata.labels)) return;
    this.#wakeOwnerOf(pod, cause);
    const set = this.#resolve(pod.metadata.namespace!, owner);
    const minReadySeconds = set?.spec?.minReadySeconds ?? 0;
    if (set && minReadySeconds > 0 && !isPodReady(old) && isPodReady(pod)) {
      this.#queue.addAfter(objectKey(set), (minReadySeconds + 1) * 1000, { timer: 'min-ready-seconds' });
    }
  }

  #podDeleted(pod: ReadPod): void {
    const set = this.#resolve(pod.metadata.namespace!, controllerOf(pod));
    if (!set) return;
    this.#expectations.deletionObserved(objectKey(set), objectKey(pod));
    this.#queue.add(objectKey(set), causeOf(this.#pods.resource, pod));
  }

  /** Wakes the DaemonSets for which the node's labels or taints change something. */
  #syncNode(name: string): void {
    const node = this.#nodes.lister.get('', name);
    if (!node) return;
    const owners = new Set<string>();
    for (const pod of this.#pods.lister.byIndex(podNodeIndex, name)) {
      const owner = controllerOf(pod);
      if (owner?.kind === 'DaemonSet') owners.add(owner.uid);
    }
    for (const set of this.#sets.lister.list()) {
      const scheduled = owners.has(set.metadata.uid!);
      const { run, stay } = placementOn(set)(node);
      const misplaced = scheduled && (!stay || (set.status?.numberMisscheduled ?? 0) > 0);
      if (misplaced || (run && !scheduled)) {
        this.#queue.add(objectKey(set), causeOf(this.#nodes.resource, node));
      }
    }
  }

  async #sync(key: string): Promise<void> {
    this.#consistency.ensureReady(key);
    const { namespace, name } = splitObjectKey(key);
    const set = this.#sets.lister.get(namespace, name);
    if (!set) {
      this.#expectations.forget(key);
      this.#consistency.forget(key);
      return;
    }
    if (selectorOf(set).empty) {
      const message = 'This daemon set is selecting all pods. A non-empty selector is required.';
      this.#base.recorder.event(set, 'Warning', 'SelectingAll', message);
      return;
    }
    if (set.metadata.deletionTimestamp !== undefined) return;
    const { client } = this.#base;
    await this.#adopt(set);
    const history = await constructHistory(client, set, this.#ownedRevisions(set), this.#ownedPods(set));
    this.#consistency.wroteAt(key, this.#revisions, history.current);
    const hash = history.current.metadata.labels![hashLabel]!;
    const input: SyncInput = { key, set, hash, nodes: this.#nodes.lister.list(), placement: placementOn(set) };
    if (!this.#expectations.satisfied(key)) return this.#updateStatus(input, false);
    let failure: unknown;
    try {
      await this.#update(input, history);
    } catch (error) {
      failure = error;
    }
    await this.#updateStatus(input, true);
    if (failure !== undefined) throw failure;
  }

  async #adopt(set: ReadDaemonSet): Promise<void> {
    const { namespace, name } = set.metadata;
    const { client } = this.#base;
    const selector = selectorOf(set);
    const freshOwner = () => client.resource<DaemonSet>('daemonsets.apps').namespace(namespace).get(name!);
    const revisions = client.resource<ControllerRevision>('controllerrevisions.apps').namespace(namespace);
    const orphans = orphanKey(namespace!);
    const uid = set.metadata.uid!;
    await claim<ControllerRevision>(
      [
        ...this.#revisions.lister.byIndex(podControllerIndex, uid),
        ...this.#revisions.lister.byIndex(podControllerIndex, orphans),
      ],
      { owner: set, selector, client: revisions, freshOwner },
    );
    await claim<Pod>(
      [
        ...this.#pods.lister.byIndex(podControllerIndex, uid),
        ...this.#pods.lister.byIndex(podControllerIndex, orphans),
      ],
      { owner: set, selector, client: client.resource<Pod>('pods').namespace(namespace), freshOwner },
    );
  }

  #ownedPods(set: ReadDaemonSet): ReadPod[] {
    const selector = selectorOf(set);
    return this.#pods.lister
      .byIndex(podControllerIndex, set.metadata.uid!)
      .filter((pod) => selector.matches(pod.metadata.labels));
  }

  #ownedRevisions(set: ReadDaemonSet): Readonly<ControllerRevision>[] {
    const selector = selectorOf(set);
    return this.#revisions.lister
      .byIndex(podControllerIndex, set.metadata.uid!)
      .filter((revision) => selector.matches(revision.metadata.labels));
  }

  /** Read anew for every part of a sync: what the part before wrote may have arrived already. */
  #podsByNode(set: ReadDaemonSet): Map<string, ReadPod[]> {
    const byNode = new Map<string, ReadPod[]>();
    for (const pod of this.#ownedPods(set)) {
      if (pod.metadata.deletionTimestamp !== undefined && isPodTerminal(pod)) continue;
      const node = targetNodeOf(pod);
      if (node === undefined) continue;
      const pods = byNode.get(node);
      if (pods) pods.push(pod);
      else byNode.set(node, [pod]);
    }
    return byNode;
  }

  async #update(input: SyncInput, history: History): Promise<void> {
    const { set, key } = input;
    const managed = manageStep({
      ...input,
      podsByNode: this.#podsByNode(set),
      backoff: this.#backoff,
      now: this.#context.clock.now(),
      event: (type, reason, message) => this.#base.recorder.event(set, type, reason, message),
      requeue: (ms) => this.#queue.addAfter(key, ms, { timer: 'failed-pods-backoff' }),
    });
    await this.#syncNodes(input, managed.podsToDelete, managed.nodesNeedingPods);
    if (this.#expectations.satisfied(key) && set.spec?.updateStrategy?.type === 'RollingUpdate') {
      const now = this.#context.clock.now();
      const step = rollingUpdateStep({ ...input, podsByNode: this.#podsByNode(set), now });
      await this.#syncNodes(input, step.podsToDelete, step.nodesNeedingPods);
    }
    await cleanupHistory(this.#base.client, set, history.old, this.#ownedPods(set));
  }

  /** Creates and deletes, in bursts. @throws the first failure */
  async #syncNodes(
    { key, set, hash }: SyncInput,
    podsToDelete: readonly ReadPod[],
    nodesNeedingPods: readonly string[],
  ): Promise<void> {
    const created = nodesNeedingPods.slice(0, burstReplicas);
    const deleted = podsToDelete.slice(0, burstReplicas);
    if (created.length === 0 && deleted.length === 0) return;
    this.#expectations.expect(key, created.length, deleted.map(objectKey));
    const template = daemonTemplate(set, hash);
    const { successes, error } = await slowStartBatch(created.length, async (i) => {
      try {
        await this.#podControl.create(templateForNode(template, created[i]!), set);
      } catch (error) {
        // The namespace is going: nothing to report, and the expectation runs out.
        if (!hasNamespaceTerminatingCause(error)) throw error;
      }
    });
    if (successes < created.length) this.#expectations.creationObserved(key, created.length - successes);
    let failure = error;
    await Promise.all(
      deleted.map(async (pod) => {
        try {
          await this.#podControl.delete(pod.metadata.namespace!, pod.metadata.name!, set);
        } catch (error) {
          this.#expectations.deletionObserved(key, objectKey(pod));
          if (!isNotFound(error)) failure ??= error;
        }
      }),
    );
    if (failure !== undefined) throw failure;
  }

  async #updateStatus({ key, set, hash, nodes, placement }: SyncInput, observe: boolean): Promise<void> {
    const podsByNode = this.#podsByNode(set);
    const minReadySeconds = set.spec?.minReadySeconds ?? 0;
    const now = this.#context.clock.now();
    let [desired, current, misscheduled, ready, updated, available] = [0, 0, 0, 0, 0, 0];
    for (const node of nodes) {
      const pods = podsByNode.get(node.metadata.name!);
      if (!placement(node).run) {
        if (pods) misscheduled++;
        continue;
      }
      desired++;
      if (!pods) continue;
      current++;
      const pod = pods.sort(compareDaemonPods)[0]!;
      if (isPodReady(pod)) {
        ready++;
        if (isPodAvailable(pod, minReadySeconds, now)) available++;
      }
      if (isPodUpdated(set, pod, hash)) updated++;
    }
    const status: DaemonSetStatus = {
      ...set.status,
      observedGeneration: observe ? set.metadata.generation : set.status?.observedGeneration,
      desiredNumberScheduled: desired,
      currentNumberScheduled: current,
      numberMisscheduled: misscheduled,
      numberReady: ready,
      updatedNumberScheduled: updated,
      numberAvailable: available,
      numberUnavailable: desired - available,
    };
    for (const name of ['updatedNumberScheduled', 'numberAvailable', 'numberUnavailable'] as const) {
      if (status[name] === 0) delete status[name];
    }
    if (status.observedGeneration === undefined) delete status.observedGeneration;
    if (!deepEqual(status, set.status)) {
      const client = this.#base.client.resource<DaemonSet>('daemonsets.apps');
      this.#consistency.wroteAt(key, this.#sets, await client.updateStatus({ ...set, status }));
    }
    if (minReadySeconds > 0 && ready !== available) {
      this.#queue.addAfter(key, minReadySeconds * 1000, { timer: 'min-ready-seconds' });
    }
  }
}
