/** Tells how many pods of a budget may be disrupted. Upstream: pkg/controller/disruption/disruption.go (1.36). */

import type {
  Condition,
  Deployment,
  Pod,
  PodDisruptionBudget,
  PodDisruptionBudgetStatus,
  ReplicaSet,
  ReplicationController,
  StatefulSet,
} from '../../api/index.ts';
import { deepEqual, isConflict, objectKey, scaledIntOrPercent, splitObjectKey } from '../../apimachinery/index.ts';
import { parseTime, rfc3339 } from '../../base/index.ts';
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
import { isPodReady, isPodTerminal, podCondition, type ReadPod, withPodCondition } from '../common/pods.ts';
import { selectorOf } from '../common/selectors.ts';
import { type ExpectedScale, expectedScale, type OwnerCaches } from './scale.ts';

/** An evicted pod that is not deleted after this long counts as healthy again. */
const deletionTimeoutMs = 2 * 60_000;
/** A pod marked for disruption that is still there after this long loses the mark. */
const staleDisruptionMs = 2 * 60_000;

const names = {
  name: 'disruption-controller',
  serviceAccount: 'disruption-controller',
  component: 'controllermanager',
} as const;

type Budget = Readonly<PodDisruptionBudget>;

interface ExpectedPods extends ExpectedScale {
  /** How many have to stay healthy. */
  readonly healthy: number;
}

export class DisruptionController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #queue: Workqueue;
  readonly #staleQueue: Workqueue;
  readonly #budgets: SharedInformer<PodDisruptionBudget>;
  readonly #pods: SharedInformer<Pod>;
  readonly #owners: OwnerCaches;

  constructor(context: ControllerContext) {
    const { informers } = context;
    this.#context = context;
    this.#base = controllerBase(context, names);
    this.#queue = new Workqueue(context, { name: 'disruption' });
    this.#staleQueue = new Workqueue(context, { name: 'stale_pod_disruption' });
    this.#budgets = informers.informer<PodDisruptionBudget>('poddisruptionbudgets.policy');
    this.#pods = informers.informer<Pod>('pods');
    this.#owners = {
      replicaSets: informers.informer<ReplicaSet>('replicasets.apps'),
      deployments: informers.informer<Deployment>('deployments.apps'),
      statefulSets: informers.informer<StatefulSet>('statefulsets.apps'),
      replicationControllers: informers.informer<ReplicationController>('replicationcontrollers'),
    };
    this.#budgets.addHandler({
      onAdd: (budget) => this.#queue.add(objectKey(budget), causeOf(this.#budgets.resource, budget)),
      onUpdate: (old, budget) => this.#queue.add(objectKey(budget), updateCause(this.#budgets, old, budget)),
      onDelete: (budget) => this.#queue.add(objectKey(budget), causeOf(this.#budgets.resource, budget)),
    });
    const seen = (pod: ReadPod) => {
      this.#wakeBudgetOf(pod, causeOf(this.#pods.resource, pod));
      const wait = this.#staleAfterMs(pod);
      if (wait !== undefined) this.#staleQueue.addAfter(objectKey(pod), wait, { timer: 'stale-disruption' });
    };
    this.#pods.addHandler({
      onAdd: seen,
      onUpdate: (_, pod) => seen(pod),
      onDelete: (pod) => this.#wakeBudgetOf(pod, causeOf(this.#pods.resource, pod)),
    });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#budgets, this.#pods, ...Object.values(this.#owners)];
    const queues = [
      { queue: this.#queue, workers: 1, reconcile: (key: string) => this.#sync(key) },
      { queue: this.#staleQueue, workers: 1, reconcile: (key: string) => this.#syncStale(key) },
    ];
    return runController({ log, broadcaster, informers, queues }, signal);
  }

  /** The first of those that select the pod; more than one is the user's mistake. */
  #wakeBudgetOf(pod: ReadPod, cause: RequestCause): void {
    let first: Budget | undefined;
    for (const budget of this.#budgets.lister.list(pod.metadata.namespace)) {
      if (!selectorOf(budget).matches(pod.metadata.labels)) continue;
      if (first) {
        const { namespace, name } = pod.metadata;
        const message = `Pod "${namespace}"/"${name}" matches multiple PodDisruptionBudgets.  Chose "${first.metadata.name}" arbitrarily.`;
        this.#base.recorder.event(pod, 'Warning', 'MultiplePodDisruptionBudgets', message);
        break;
      }
      first = budget;
    }
    if (first) this.#queue.add(objectKey(first), cause);
  }

  async #sync(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const budget = this.#budgets.lister.get(namespace, name);
    if (!budget) return;
    try {
      await this.#trySync(key, budget);
    } catch (error) {
      if (isConflict(error)) throw error;
      await this.#failSafe(budget, error as Error);
    }
  }

  async #trySync(key: string, budget: Budget): Promise<void> {
    const { recorder } = this.#base;
    const pods = this.#pods.lister.list(budget.metadata.namespace, selectorOf(budget));
    if (pods.length === 0) recorder.event(budget, 'Normal', 'NoPods', 'No matching pods found');
    let expected: ExpectedPods;
    try {
      expected = await this.#expectedPods(budget, pods);
    } catch (error) {
      const message = `Failed to calculate the number of expected pods: ${(error as Error).message}`;
      recorder.event(budget, 'Warning', 'CalculateExpectedPodCountFailed', message);
      throw error;
    }
    if (expected.unmanaged.length > 0) {
      const message = `Pods selected by this PodDisruptionBudget (selector: ${JSON.stringify(budget.spec?.selector)}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`;
      recorder.event(budget, 'Warning', 'UnmanagedPods', message);
    }
    const now = this.#context.clock.now();
    const { disruptedPods, recheckMs } = this.#disruptedPods(budget, pods, now);
    const healthy = pods.filter(
      (pod) =>
        pod.metadata.deletionTimestamp === undefined &&
        disruptedPods[pod.metadata.name!] === undefined &&
        isPodReady(pod),
    ).length;
    await this.#updateStatus(budget, healthy, expected, disruptedPods);
    if (recheckMs !== undefined) this.#queue.addAfter(key, recheckMs, { timer: 'disrupted-pods' });
  }

  /** @throws Error when the scale of an owner is needed and cannot be known */
  async #expectedPods(budget: Budget, pods: readonly ReadPod[]): Promise<ExpectedPods> {
    const { maxUnavailable, minAvailable } = budget.spec ?? {};
    const scale = (): Promise<ExpectedScale> => expectedScale(this.#base.client, this.#owners, pods);
    if (maxUnavailable !== undefined) {
      const { count, unmanaged } = await scale();
      return { count, unmanaged, healthy: Math.max(0, count - scaledIntOrPercent(maxUnavailable, count, 'up')) };
    }
    if (typeof minAvailable === 'number') return { count: pods.length, healthy: minAvailable, unmanaged: [] };
    if (minAvailable === undefined) return { count: 0, healthy: 0, unmanaged: [] };
    const { count, unmanaged } = await scale();
    return { count, unmanaged, healthy: scaledIntOrPercent(minAvailable, count, 'up') };
  }

  /** Pods that were evicted and are about to go, and when the first of them ought to be gone. */
  #disruptedPods(
    budget: Budget,
    pods: readonly ReadPod[],
    now: number,
  ): { readonly disruptedPods: Record<string, string>; readonly recheckMs: number | undefined } {
    const known = (budget.status?.disruptedPods ?? {}) as Record<string, string>;
    const disruptedPods: Record<string, string> = {};
    let recheckMs: number | undefined;
    for (const pod of pods) {
      const name = pod.metadata.name!;
      const time = known[name];
      if (time === undefined || pod.metadata.deletionTimestamp !== undefined) continue;
      const left = parseTime(time) + deletionTimeoutMs - now;
      if (left <= 0) {
        const message = `Pod was expected by PDB ${budget.metadata.namespace}/${budget.metadata.name} to be deleted but it wasn't`;
        this.#base.recorder.event(pod, 'Warning', 'NotDeleted', message);
        continue;
      }
      disruptedPods[name] = time;
      recheckMs = Math.min(recheckMs ?? left, left);
    }
    return { disruptedPods, recheckMs };
  }

  async #updateStatus(
    budget: Budget,
    currentHealthy: number,
    expected: { readonly count: number; readonly healthy: number },
    disruptedPods: Record<string, string>,
  ): Promise<void> {
    const room = currentHealthy - expected.healthy;
    const disruptionsAllowed = expected.count <= 0 ? 0 : Math.max(0, room);
    const allowed = disruptionsAllowed > 0;
    const status: PodDisruptionBudgetStatus = {
      currentHealthy,
      desiredHealthy: expected.healthy,
      expectedPods: expected.count,
      disruptionsAllowed,
      observedGeneration: budget.metadata.generation,
      ...(Object.keys(disruptedPods).length > 0 ? { disruptedPods } : {}),
      conditions: this.#withCondition(budget, {
        status: allowed ? 'True' : 'False',
        reason: allowed ? 'SufficientPods' : 'InsufficientPods',
        message: '',
        observedGeneration: budget.metadata.generation,
      }),
    };
    if (!deepEqual(status, budget.status)) await this.#write({ ...budget, status });
  }

  /** Whatever went wrong, nothing may be disrupted meanwhile. */
  async #failSafe(budget: Budget, error: Error): Promise<void> {
    const { observedGeneration } = budget.status ?? {};
    const condition = { status: 'False', reason: 'SyncFailed', message: error.message, observedGeneration } as const;
    const status = {
      ...budget.status!,
      disruptionsAllowed: 0,
      conditions: this.#withCondition(budget, condition),
    };
    if (!deepEqual(status, budget.status)) await this.#write({ ...budget, status });
  }

  #withCondition(
    { status }: Budget,
    next: Pick<Condition, 'status' | 'reason' | 'message' | 'observedGeneration'>,
  ): Condition[] {
    const type = 'DisruptionAllowed';
    const conditions = [...(status?.conditions ?? [])] as Condition[];
    const index = conditions.findIndex((condition) => condition.type === type);
    const old = conditions[index];
    const same = old?.status === next.status;
    const lastTransitionTime = same ? old.lastTransitionTime : rfc3339(this.#context.clock.now());
    const { observedGeneration, ...rest } = next;
    const made: Condition = {
      type,
      ...rest,
      lastTransitionTime,
      ...(observedGeneration === undefined ? {} : { observedGeneration }),
    };
    if (index < 0) conditions.push(made);
    else conditions[index] = made;
    return conditions;
  }

  async #write(budget: Budget): Promise<void> {
    await this.#base.client.resource<PodDisruptionBudget>('poddisruptionbudgets.policy').updateStatus(budget);
  }

  /** Ms until the pod's mark is stale; undefined when it has none that could become so. */
  #staleAfterMs(pod: ReadPod): number | undefined {
    if (pod.metadata.deletionTimestamp !== undefined || isPodTerminal(pod)) return undefined;
    const condition = podCondition(pod, 'DisruptionTarget');
    if (condition?.status !== 'True' || condition.reason === 'TerminationByKubelet') return undefined;
    const since = parseTime(condition.lastTransitionTime ?? '') || 0;
    return Math.max(0, since + staleDisruptionMs - this.#context.clock.now());
  }

  async #syncStale(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const pod = this.#pods.lister.get(namespace, name);
    const wait = pod && this.#staleAfterMs(pod);
    if (!pod || wait === undefined) return;
    if (wait > 0) {
      this.#staleQueue.addAfter(key, wait, { timer: 'stale-disruption' });
      return;
    }
    const now = rfc3339(this.#context.clock.now());
    const conditions = withPodCondition(pod.status?.conditions, { type: 'DisruptionTarget', status: 'False' }, now);
    const status = { ...pod.status, conditions: [...conditions] };
    await this.#base.client.resource<Pod>('pods').updateStatus({ ...pod, status });
  }
}
