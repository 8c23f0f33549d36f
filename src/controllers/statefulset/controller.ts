/** Pods with names, places in an order and storage of their own. Upstream: pkg/controller/statefulset (1.36). */

import type {
  ControllerRevision,
  PersistentVolumeClaim,
  Pod,
  StatefulSet,
  StatefulSetStatus,
} from '../../api/index.ts';
import { controllerOf, deepEqual, type OwnerReference, objectKey, splitObjectKey } from '../../apimachinery/index.ts';
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
import {
  createRevision,
  deleteRevision,
  type ReadRevision,
  renumberRevision,
  revisionMatches,
  sortRevisions,
} from '../common/history.ts';
import {
  addControllerIndex,
  isPodReady,
  nextAvailabilityCheckMs,
  orphanKey,
  podControllerIndex,
  type ReadPod,
} from '../common/pods.ts';
import { selectorOf } from '../common/selectors.ts';
import { StatefulPodControl } from './pod-control.ts';
import { isMemberOf, type ReadSet, type Revisions, replicasOf, revisionOf, setOfRevision } from './pods.ts';
import { updateStatefulSet, withCounts } from './update.ts';

const concurrentSyncs = 5;
const hashLabel = 'controller.kubernetes.io/hash';

const names = {
  name: 'statefulset-controller',
  serviceAccount: 'statefulset-controller',
  component: 'statefulset-controller',
} as const;

export class StatefulSetController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #sets: SharedInformer<StatefulSet>;
  readonly #pods: SharedInformer<Pod>;
  readonly #claims: SharedInformer<PersistentVolumeClaim>;
  readonly #revisions: SharedInformer<ControllerRevision>;
  readonly #consistency = new ConsistencyStore();
  readonly #control: StatefulPodControl;

  constructor(context: ControllerContext) {
    const { informers } = context;
    this.#context = context;
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'statefulset' });
    this.#sets = informers.informer<StatefulSet>('statefulsets.apps');
    this.#pods = informers.informer<Pod>('pods');
    this.#claims = informers.informer<PersistentVolumeClaim>('persistentvolumeclaims');
    this.#revisions = informers.informer<ControllerRevision>('controllerrevisions.apps');
    addControllerIndex(this.#pods);
    addControllerIndex(this.#revisions);
    const { client, recorder } = this.#base;
    this.#control = new StatefulPodControl({
      client,
      recorder,
      pods: this.#pods,
      claims: this.#claims,
      consistency: this.#consistency,
    });
    const enqueue = (set: ReadSet, cause: RequestCause) => this.#queue.add(objectKey(set), cause);
    this.#sets.addHandler({
      onAdd: (set) => enqueue(set, causeOf(this.#sets.resource, set)),
      onUpdate: (old, set) => enqueue(set, updateCause(this.#sets, old, set)),
      onDelete: (set) => {
        this.#consistency.forget(objectKey(set));
        enqueue(set, causeOf(this.#sets.resource, set));
      },
    });
    this.#pods.addHandler({
      onAdd: (pod) => this.#podChanged(undefined, pod),
      onUpdate: (old, pod) => this.#podChanged(old, pod),
      onDelete: (pod) => this.#wakeOwner(pod, controllerOf(pod), causeOf(this.#pods.resource, pod)),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#sets, this.#pods, this.#claims, this.#revisions];
    const queues = [{ queue: this.#queue, workers: concurrentSyncs, reconcile: (key: string) => this.#sync(key) }];
    return runController({ log, broadcaster, informers, queues }, signal);
  }

  #podChanged(old: ReadPod | undefined, pod: ReadPod): void {
    if (old === pod) return;
    const cause = causeOf(this.#pods.resource, pod);
    const controller = controllerOf(pod);
    const oldController = old && controllerOf(old);
    const controllerChanged = old !== undefined && controller?.uid !== oldController?.uid;
    if (controllerChanged) this.#wakeOwner(old, oldController, cause);
    if (controller) {
      const set = this.#wakeOwner(pod, controller, cause);
      const minReadySeconds = set?.spec?.minReadySeconds ?? 0;
      if (set && old && minReadySeconds > 0 && !isPodReady(old) && isPodReady(pod)) {
        this.#queue.addAfter(objectKey(set), (minReadySeconds + 1) * 1000, { timer: 'min-ready-seconds' });
      }
      return;
    }
    if (pod.metadata.deletionTimestamp !== undefined || !pod.metadata.labels) return;
    if (old && !controllerChanged && deepEqual(old.metadata.labels, pod.metadata.labels)) return;
    for (const set of this.#sets.lister.list(pod.metadata.namespace)) {
      if (selectorOf(set).matches(pod.metadata.labels)) this.#queue.add(objectKey(set), cause);
    }
  }

  #wakeOwner(pod: ReadPod, owner: OwnerReference | undefined, cause: RequestCause): ReadSet | undefined {
    if (owner?.kind !== 'StatefulSet') return undefined;
    const set = this.#sets.lister.get(pod.metadata.namespace!, owner.name);
    if (set?.metadata.uid !== owner.uid) return undefined;
    this.#queue.add(objectKey(set!), cause);
    return set;
  }

  async #sync(key: string): Promise<void> {
    this.#consistency.ensureReady(key);
    const { namespace, name } = splitObjectKey(key);
    const set = this.#sets.lister.get(namespace, name);
    if (!set) {
      this.#consistency.forget(key);
      return;
    }
    const { client } = this.#base;
    const selector = selectorOf(set);
    const freshOwner = () => client.resource<StatefulSet>('statefulsets.apps').namespace(namespace).get(name);
    const orphans = orphanKey(namespace);
    const uid = set.metadata.uid!;
    const claimed = await claim<ControllerRevision>(
      [
        ...this.#revisions.lister.byIndex(podControllerIndex, uid),
        ...this.#revisions.lister.byIndex(podControllerIndex, orphans),
      ],
      {
        owner: set,
        selector,
        client: client.resource<ControllerRevision>('controllerrevisions.apps').namespace(namespace),
        freshOwner,
      },
    );
    const candidates = [
      ...this.#pods.lister.byIndex(podControllerIndex, uid),
      ...this.#pods.lister.byIndex(podControllerIndex, orphans),
    ];
    const pods = await claim<Pod>(
      candidates.filter((pod) => isMemberOf(set, pod)),
      {
        owner: set,
        selector,
        client: client.resource<Pod>('pods').namespace(namespace),
        freshOwner,
      },
    );
    await this.#update(key, set, pods, sortRevisions(claimed));
  }

  async #update(key: string, set: ReadSet, pods: readonly ReadPod[], history: readonly ReadRevision[]): Promise<void> {
    const { revisions, collisionCount } = await this.#revisionsOf(set, history);
    const now = this.#context.clock.now();
    const step = await updateStatefulSet(this.#control, { set, revisions, collisionCount, pods, now });
    const status = completeRollingUpdate(set, step.status);
    await this.#writeStatus(set, status);
    if (step.error !== undefined) throw step.error;
    await this.#truncateHistory(set, pods, history, revisions);
    const minReadySeconds = set.spec?.minReadySeconds ?? 0;
    if (minReadySeconds > 0 && (status.readyReplicas ?? 0) !== status.availableReplicas) {
      const next = nextAvailabilityCheckMs(pods, minReadySeconds, now);
      this.#queue.addAfter(key, next ?? minReadySeconds * 1000, { timer: 'min-ready-seconds' });
    }
  }

  /** The revision of the template as it is now, made or found, and the one that pods are updated from. */
  async #revisionsOf(
    set: ReadSet,
    history: readonly ReadRevision[],
  ): Promise<{ readonly revisions: Revisions; readonly collisionCount: number }> {
    const { client } = this.#base;
    let collisionCount = set.status?.collisionCount ?? 0;
    const newest = history.at(-1);
    const next = (newest?.revision ?? 0) + 1;
    let update = history.findLast((revision) => revisionMatches(set, revision));
    // Back to an older template: its revision becomes the newest.
    if (update && update !== newest) update = await renumberRevision(client, update, next);
    while (!update) {
      const made = await createRevision(client, { owner: set, revision: next, collisionCount, hashLabel });
      if (made === 'collision') collisionCount++;
      else {
        update = made.revision;
        this.#consistency.wroteAt(objectKey(set), this.#revisions, update);
      }
    }
    const current = history.find((revision) => revision.metadata.name === set.status?.currentRevision) ?? update;
    const revisions = {
      current,
      update,
      currentSet: setOfRevision(set, current),
      updateSet: setOfRevision(set, update),
    };
    return { revisions, collisionCount };
  }

  /** Keeps the history limit, beside what pods still have. */
  async #truncateHistory(
    set: ReadSet,
    pods: readonly ReadPod[],
    history: readonly ReadRevision[],
    { current, update }: Revisions,
  ): Promise<void> {
    const live = new Set([current.metadata.name!, update.metadata.name!, ...pods.map(revisionOf)]);
    const old = history.filter((revision) => !live.has(revision.metadata.name!));
    const limit = set.spec?.revisionHistoryLimit ?? 10;
    for (const revision of old.slice(0, Math.max(0, old.length - limit))) {
      await deleteRevision(this.#base.client, revision);
    }
  }

  async #writeStatus(set: ReadSet, status: StatefulSetStatus): Promise<void> {
    if (!isInconsistent(set, status)) return;
    const { conditions } = set.status ?? {};
    const next = { ...status, ...(conditions ? { conditions } : {}) };
    const updated = await this.#base.client
      .resource<StatefulSet>('statefulsets.apps')
      .updateStatus({ ...set, status: next });
    this.#consistency.wroteAt(objectKey(set), this.#sets, updated);
  }
}

/** When every pod is new and ready, the update's revision is the current one. */
function completeRollingUpdate(set: ReadSet, status: StatefulSetStatus): StatefulSetStatus {
  const replicas = replicasOf(set);
  const complete =
    set.spec?.updateStrategy?.type === 'RollingUpdate' &&
    (status.updatedReplicas ?? 0) === replicas &&
    (status.readyReplicas ?? 0) === replicas &&
    status.replicas === replicas;
  if (!complete) return status;
  return withCounts(
    { ...status, currentRevision: status.updateRevision },
    { currentReplicas: status.updatedReplicas ?? 0 },
  );
}

function isInconsistent({ status: old }: ReadSet, status: StatefulSetStatus): boolean {
  if (!old || (status.observedGeneration ?? 0) > (old.observedGeneration ?? 0)) return true;
  const counts = ['replicas', 'currentReplicas', 'readyReplicas', 'updatedReplicas', 'availableReplicas'] as const;
  return (
    counts.some((name) => (old[name] ?? 0) !== (status[name] ?? 0)) ||
    old.currentRevision !== status.currentRevision ||
    old.updateRevision !== status.updateRevision
  );
}
