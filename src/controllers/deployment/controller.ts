/** Rolls templates out through ReplicaSets. Upstream: pkg/controller/deployment (1.36). */

import type { Deployment, Pod, ReplicaSet } from '../../api/index.ts';
import {
  controllerOf,
  deepCopy,
  deepEqual,
  hasNamespaceTerminatingCause,
  isNotFound,
  type OwnerReference,
  objectKey,
  splitObjectKey,
} from '../../apimachinery/index.ts';
import { causeOf, type RequestCause, type SharedInformer, Workqueue } from '../../client/index.ts';
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
import { addControllerIndex, isPodTerminal, orphanKey, podControllerIndex } from '../common/pods.ts';
import { selectorOf } from '../common/selectors.ts';
import { templatesEqual } from '../common/template-hash.ts';
import { lastRevision, revisionOf, rollbackToAnnotation, rollbackToOf, rolledBackAnnotations } from './annotations.ts';
import { getAllReplicaSets, type RolloutDeps } from './new-replica-set.ts';
import {
  active,
  actualCount,
  byCreation,
  hashLabel,
  hasProgressDeadline,
  hasRevisionHistoryLimit,
  type ReadReplicaSet,
  replicasOf,
} from './replica-sets.ts';
import { reconcileNewReplicaSet, reconcileOldReplicaSets } from './rolling.ts';
import { isScalingEvent, scale, scaleIfNeeded } from './scaling.ts';
import {
  calculateStatus,
  condition,
  isComplete,
  newCondition,
  progressCheckMs,
  rolloutStatus,
  type WorkingStatus,
  withCondition,
} from './status.ts';

const concurrentSyncs = 5;
const maxRetries = 15;

const names = {
  name: 'deployment-controller',
  serviceAccount: 'deployment-controller',
  component: 'deployment-controller',
} as const;

export class DeploymentController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #deployments: SharedInformer<Deployment>;
  readonly #replicaSets: SharedInformer<ReplicaSet>;
  readonly #pods: SharedInformer<Pod>;
  readonly #deps: RolloutDeps;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'deployment' });
    this.#deployments = context.informers.informer<Deployment>('deployments.apps');
    this.#replicaSets = context.informers.informer<ReplicaSet>('replicasets.apps');
    this.#pods = context.informers.informer<Pod>('pods');
    addControllerIndex(this.#replicaSets);
    addControllerIndex(this.#pods);
    this.#deps = {
      client: this.#base.client,
      recorder: this.#base.recorder,
      clock: context.clock,
      lister: this.#replicaSets.lister,
      updateStatus: (deployment) => this.#updateStatus(deployment),
    };
    this.#deployments.addHandler({
      onAdd: (d) => this.#queue.add(objectKey(d), causeOf(this.#deployments.resource, d)),
      onUpdate: (old, d) => this.#queue.add(objectKey(d), updateCause(this.#deployments, old, d)),
      onDelete: (d) => this.#queue.add(objectKey(d), causeOf(this.#deployments.resource, d)),
    });
    this.#replicaSets.addHandler({
      onAdd: (rs) => this.#replicaSetChanged(undefined, rs),
      onUpdate: (old, rs) => this.#replicaSetChanged(old, rs),
      onDelete: (rs) => this.#enqueueOwner(rs, controllerOf(rs), causeOf(this.#replicaSets.resource, rs)),
    });
    this.#pods.addHandler({ onDelete: (pod) => this.#podDeleted(pod) });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#deployments, this.#replicaSets, this.#pods];
    const reconcile = async (key: string) => {
      try {
        await this.#sync(key);
      } catch (error) {
        if (!hasNamespaceTerminatingCause(error)) throw error;
      }
    };
    const queues = [{ queue: this.#queue, workers: concurrentSyncs, maxRetries, reconcile }];
    return runController({ log, broadcaster, informers, queues }, signal);
  }

  #replicaSetChanged(old: ReadReplicaSet | undefined, rs: ReadReplicaSet): void {
    if (old === rs) return;
    const cause = causeOf(this.#replicaSets.resource, rs);
    const controller = controllerOf(rs);
    const oldController = old && controllerOf(old);
    const controllerChanged = old !== undefined && oldController?.uid !== controller?.uid;
    if (controllerChanged) this.#enqueueOwner(old, oldController, cause);
    if (controller) {
      this.#enqueueOwner(rs, controller, cause);
      return;
    }
    if (rs.metadata.deletionTimestamp !== undefined) return;
    if (old && !controllerChanged && deepEqual(old.metadata.labels, rs.metadata.labels)) return;
    // An orphan wakes every Deployment that might adopt it.
    if (!rs.metadata.labels) return;
    for (const deployment of this.#deployments.lister.list(rs.metadata.namespace)) {
      const selector = selectorOf(deployment);
      if (!selector.empty && selector.matches(rs.metadata.labels)) this.#queue.add(objectKey(deployment), cause);
    }
  }

  #enqueueOwner(rs: ReadReplicaSet, owner: OwnerReference | undefined, cause: RequestCause): void {
    const deployment = owner && this.#resolve(rs.metadata.namespace!, owner);
    if (deployment) this.#queue.add(objectKey(deployment), cause);
  }

  #resolve(namespace: string, { kind, name, uid }: OwnerReference): Readonly<Deployment> | undefined {
    if (kind !== 'Deployment') return undefined;
    const found = this.#deployments.lister.get(namespace, name);
    return found?.metadata.uid === uid ? found : undefined;
  }

  /** A Recreate rollout goes on when the last old pod is gone. */
  #podDeleted(pod: Readonly<Pod>): void {
    const owner = controllerOf(pod);
    if (owner?.kind !== 'ReplicaSet') return;
    const rs = this.#replicaSets.lister.get(pod.metadata.namespace!, owner.name);
    const controller = rs?.metadata.uid === owner.uid ? controllerOf(rs) : undefined;
    const deployment = controller && this.#resolve(pod.metadata.namespace!, controller);
    if (deployment?.spec?.strategy?.type !== 'Recreate') return;
    const owned = this.#replicaSets.lister.byIndex(podControllerIndex, deployment.metadata.uid!);
    if (owned.some((each) => this.#podsOf(each).length > 0)) return;
    this.#queue.add(objectKey(deployment), causeOf(this.#pods.resource, pod));
  }

  #podsOf(rs: ReadReplicaSet): readonly Readonly<Pod>[] {
    return this.#pods.lister.byIndex(podControllerIndex, rs.metadata.uid!);
  }

  async #sync(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const cached = this.#deployments.lister.get(namespace, name);
    if (!cached) return;
    const deployment = deepCopy(cached) as Deployment;
    const selector = selectorOf(cached);
    if (selector.empty && cached.spec?.selector) {
      const message = 'This deployment is selecting all pods. A non-empty selector is required.';
      this.#base.recorder.event(cached, 'Warning', 'SelectingAll', message);
      if ((deployment.status?.observedGeneration ?? 0) < (deployment.metadata.generation ?? 0)) {
        deployment.status = { ...deployment.status, observedGeneration: deployment.metadata.generation };
        await this.#updateStatus(deployment);
      }
      return;
    }
    const client = this.#base.client.resource<ReplicaSet>('replicasets.apps').namespace(namespace);
    const candidates = [
      ...this.#replicaSets.lister.byIndex(podControllerIndex, deployment.metadata.uid!),
      ...this.#replicaSets.lister.byIndex(podControllerIndex, orphanKey(namespace)),
    ];
    const replicaSets = await claim<ReplicaSet>(candidates, {
      owner: cached,
      selector,
      client,
      freshOwner: () => this.#base.client.resource<Deployment>('deployments.apps').namespace(namespace).get(name),
    });
    if (deployment.metadata.deletionTimestamp !== undefined) return this.#syncStatusOnly(deployment, replicaSets);
    await this.#checkPaused(deployment);
    if (deployment.spec?.paused) return this.#syncSize(deployment, replicaSets);
    if (rollbackToOf(deployment) !== undefined) return this.#rollback(deployment, replicaSets);
    const { newReplicaSet, old } = await getAllReplicaSets(this.#deps, deployment, replicaSets, false);
    if (isScalingEvent(deployment, [...old, newReplicaSet])) return this.#syncSize(deployment, replicaSets);
    switch (deployment.spec?.strategy?.type) {
      case 'Recreate':
        return this.#rolloutRecreate(key, deployment, replicaSets);
      case 'RollingUpdate':
        return this.#rolloutRolling(key, deployment, replicaSets);
      default:
        throw new Error(`unexpected deployment strategy type: ${deployment.spec?.strategy?.type}`);
    }
  }

  async #rolloutRolling(key: string, deployment: Deployment, replicaSets: readonly ReadReplicaSet[]): Promise<void> {
    const found = await getAllReplicaSets(this.#deps, deployment, replicaSets, true);
    const newReplicaSet = found.newReplicaSet!;
    const all = [...found.old, newReplicaSet];
    const grown = await reconcileNewReplicaSet(this.#deps, deployment, all, newReplicaSet);
    const shrunk = !grown && (await reconcileOldReplicaSets(this.#deps, deployment, all, found.old, newReplicaSet));
    if (!grown && !shrunk && isComplete(deployment, deployment.status)) await this.#cleanUp(deployment, found.old);
    await this.#syncRolloutStatus(key, deployment, all, newReplicaSet);
  }

  async #rolloutRecreate(key: string, deployment: Deployment, replicaSets: readonly ReadReplicaSet[]): Promise<void> {
    let { newReplicaSet, old } = await getAllReplicaSets(this.#deps, deployment, replicaSets, false);
    let scaledDown = false;
    for (const rs of active(old)) {
      if ((await scaleIfNeeded(this.#deps, deployment, rs, 0)).scaled) scaledDown = true;
    }
    if (scaledDown || this.#oldPodsRunning(replicaSets, old, newReplicaSet)) {
      return this.#syncRolloutStatus(key, deployment, [...old, newReplicaSet], newReplicaSet);
    }
    if (!newReplicaSet) {
      ({ newReplicaSet, old } = await getAllReplicaSets(this.#deps, deployment, replicaSets, true));
    }
    await scaleIfNeeded(this.#deps, deployment, newReplicaSet!, replicasOf(deployment));
    if (isComplete(deployment, deployment.status)) await this.#cleanUp(deployment, old);
    await this.#syncRolloutStatus(key, deployment, [...old, newReplicaSet], newReplicaSet);
  }

  #oldPodsRunning(
    replicaSets: readonly ReadReplicaSet[],
    old: readonly ReadReplicaSet[],
    newReplicaSet: ReadReplicaSet | undefined,
  ): boolean {
    if (actualCount(old) > 0) return true;
    return replicaSets.some(
      (rs) => rs.metadata.uid !== newReplicaSet?.metadata.uid && this.#podsOf(rs).some((pod) => !isPodTerminal(pod)),
    );
  }

  /** Goes back to an older template because the annotation asks for it. Upstream: deployment/rollback.go. */
  async #rollback(deployment: Deployment, replicaSets: readonly ReadReplicaSet[]): Promise<void> {
    const { newReplicaSet, old } = await getAllReplicaSets(this.#deps, deployment, replicaSets, true);
    const all = [...old, newReplicaSet!];
    const name = deployment.metadata.name;
    const warn = (reason: string, message: string) => this.#base.recorder.event(deployment, 'Warning', reason, message);
    const revision = rollbackToOf(deployment) || lastRevision(all);
    const target = revision === 0 ? undefined : all.find((rs) => revisionOf(rs) === revision);
    if (!target) {
      const what = revision === 0 ? 'Unable to find last revision.' : 'Unable to find the revision to rollback to.';
      warn('DeploymentRollbackRevisionNotFound', what);
      return this.#clearRollback(deployment);
    }
    if (templatesEqual(deployment.spec?.template, target.spec?.template, hashLabel)) {
      const what = `The rollback revision contains the same template as current deployment "${name}"`;
      warn('DeploymentRollbackTemplateUnchanged', what);
      return this.#clearRollback(deployment);
    }
    const template = deepCopy(target.spec!.template!);
    if (template.metadata?.labels) delete template.metadata.labels[hashLabel];
    deployment.spec = { ...deployment.spec!, template };
    deployment.metadata = { ...deployment.metadata, annotations: rolledBackAnnotations(deployment, target) };
    await this.#clearRollback(deployment);
    const message = `Rolled back deployment "${name}" to revision ${revision}`;
    this.#base.recorder.event(deployment, 'Normal', 'DeploymentRollback', message);
  }

  async #clearRollback(deployment: Deployment): Promise<void> {
    const { [rollbackToAnnotation]: _, ...annotations } = deployment.metadata.annotations ?? {};
    const next = { ...deployment, metadata: { ...deployment.metadata, annotations } };
    await this.#base.client.resource<Deployment>('deployments.apps').update(next);
  }

  async #checkPaused(deployment: Deployment): Promise<void> {
    if (!hasProgressDeadline(deployment)) return;
    const current = condition(deployment.status?.conditions, 'Progressing');
    if (current?.reason === 'ProgressDeadlineExceeded') return;
    const shown = current?.reason === 'DeploymentPaused';
    const paused = deployment.spec?.paused === true;
    if (paused === shown) return;
    const [reason, message] = paused
      ? (['DeploymentPaused', 'Deployment is paused'] as const)
      : (['DeploymentResumed', 'Deployment is resumed'] as const);
    const next = newCondition(this.#context.clock.now(), 'Progressing', 'Unknown', reason, message);
    deployment.status = { ...deployment.status, conditions: withCondition(deployment.status?.conditions, next) };
    await this.#updateStatus(deployment);
  }

  /** Paused, or the user changed the number of replicas: sizes only, no rollout. */
  async #syncSize(deployment: Deployment, replicaSets: readonly ReadReplicaSet[]): Promise<void> {
    const { newReplicaSet, old } = await getAllReplicaSets(this.#deps, deployment, replicaSets, false);
    await scale(this.#deps, deployment, newReplicaSet, old);
    if (deployment.spec?.paused && rollbackToOf(deployment) === undefined) await this.#cleanUp(deployment, old);
    await this.#writeStatus(
      deployment,
      calculateStatus(deployment, [...old, newReplicaSet], newReplicaSet, this.#context.clock.now()),
    );
  }

  async #syncStatusOnly(deployment: Deployment, replicaSets: readonly ReadReplicaSet[]): Promise<void> {
    const { newReplicaSet, old } = await getAllReplicaSets(this.#deps, deployment, replicaSets, false);
    await this.#writeStatus(
      deployment,
      calculateStatus(deployment, [...old, newReplicaSet], newReplicaSet, this.#context.clock.now()),
    );
  }

  async #syncRolloutStatus(
    key: string,
    deployment: Deployment,
    all: readonly (ReadReplicaSet | undefined)[],
    newReplicaSet: ReadReplicaSet | undefined,
  ): Promise<void> {
    const now = this.#context.clock.now();
    const status = rolloutStatus(deployment, all, newReplicaSet, now);
    if (await this.#writeStatus(deployment, status)) return;
    const check = progressCheckMs(deployment, status, now);
    if (check === undefined) return;
    if (check < 1000) this.#queue.addRateLimited(key, { timer: 'progress-deadline' });
    else this.#queue.addAfter(key, check + 1000, { timer: 'progress-deadline' });
  }

  /** False when the status is what it was. */
  async #writeStatus(deployment: Deployment, status: WorkingStatus): Promise<boolean> {
    if (deepEqual(deployment.status, status)) return false;
    deployment.status = status;
    await this.#updateStatus(deployment);
    return true;
  }

  async #updateStatus(deployment: Deployment): Promise<void> {
    const updated = await this.#base.client.resource<Deployment>('deployments.apps').updateStatus(deployment);
    const { resourceVersion } = updated.metadata;
    deployment.metadata = { ...deployment.metadata, resourceVersion };
  }

  /** Deletes old ReplicaSets beyond the history limit, oldest revision first, once they have no pods. */
  async #cleanUp(deployment: Readonly<Deployment>, old: readonly ReadReplicaSet[]): Promise<void> {
    if (!hasRevisionHistoryLimit(deployment)) return;
    const alive = old.filter((rs) => rs.metadata.deletionTimestamp === undefined);
    const excess = alive.length - deployment.spec!.revisionHistoryLimit!;
    if (excess <= 0) return;
    alive.sort((a, b) => {
      const [x, y] = [revisionOf(a), revisionOf(b)];
      return x === undefined || y === undefined || x === y ? byCreation(a, b) : x - y;
    });
    for (const rs of alive.slice(0, excess)) {
      const seen = (rs.metadata.generation ?? 0) <= (rs.status?.observedGeneration ?? 0);
      if ((rs.status?.replicas ?? 0) !== 0 || replicasOf(rs) !== 0 || !seen) continue;
      try {
        await this.#base.client
          .resource<ReplicaSet>('replicasets.apps')
          .namespace(rs.metadata.namespace)
          .delete(rs.metadata.name!);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }
}
