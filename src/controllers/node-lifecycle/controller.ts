/**
 * Watches over nodes: their conditions become Unknown when they fall silent, conditions become taints, and the pods of a
 * lost node are marked not ready. Upstream: pkg/controller/nodelifecycle (1.36).
 */

import type { Lease, Node, NodeCondition, Pod, Taint } from '../../api/index.ts';
import { isNotFound, StatusError, splitObjectKey } from '../../apimachinery/index.ts';
import { Deferred, rfc3339 } from '../../base/index.ts';
import { ConnectionError, causeOf, type SharedInformer, Workqueue } from '../../client/index.ts';
import {
  type Controller,
  type ControllerBase,
  type ControllerContext,
  controllerBase,
  identityOf,
  runController,
} from '../common/controller.ts';
import { addNodeIndex, podNodeIndex, type ReadPod } from '../common/pods.ts';
import { changeTaints, sameTaint } from '../common/taints.ts';
import { type HealthSettings, judgeHealth, type NodeHealth, nodeCondition } from './health.ts';
import { Zones, zoneOf } from './zones.ts';

const nodeWorkers = 8;
const podWorkers = 4;
/** Between passes over nodes that wait for their NoExecute taint. */
const taintPassMs = 100;
const leaseNamespace = 'kube-node-lease';
const healthUpdateRetries = 5;
const retrySleepMs = 20;

const notReadyKey = 'node.kubernetes.io/not-ready';
const unreachableKey = 'node.kubernetes.io/unreachable';
const unschedulableKey = 'node.kubernetes.io/unschedulable';
const notReadyTaint = { key: notReadyKey, effect: 'NoExecute' } as const;
const unreachableTaint = { key: unreachableKey, effect: 'NoExecute' } as const;

/** Condition and its status → key of the NoSchedule taint that stands for it. */
const conditionTaints: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Ready: { False: notReadyKey, Unknown: unreachableKey },
  MemoryPressure: { True: 'node.kubernetes.io/memory-pressure' },
  DiskPressure: { True: 'node.kubernetes.io/disk-pressure' },
  NetworkUnavailable: { True: 'node.kubernetes.io/network-unavailable' },
  PIDPressure: { True: 'node.kubernetes.io/pid-pressure' },
};
const managedKeys = new Set([
  unschedulableKey,
  ...Object.values(conditionTaints).flatMap((byStatus) => Object.values(byStatus)),
]);

/** Deprecated labels that follow the stable ones. */
const labelPairs = [
  ['kubernetes.io/os', 'beta.kubernetes.io/os'],
  ['kubernetes.io/arch', 'beta.kubernetes.io/arch'],
] as const;

const names = {
  name: 'node-lifecycle-controller',
  serviceAccount: 'node-controller',
  component: 'node-controller',
} as const;

type ReadNode = Readonly<Node>;

export class NodeLifecycleController implements Controller {
  readonly name = names.name;
  readonly identity = identityOf(names.serviceAccount);
  readonly #context: ControllerContext;
  readonly #base: ControllerBase;
  readonly #nodeQueue: Workqueue;
  readonly #podQueue: Workqueue;
  readonly #nodes: SharedInformer<Node>;
  readonly #pods: SharedInformer<Pod>;
  readonly #leases: SharedInformer<Lease>;
  readonly #zones: Zones;
  readonly #settings: HealthSettings;
  readonly #monitorPeriodMs: number;
  /** Name → uid of the nodes announced by an event. */
  readonly #known = new Map<string, string>();
  readonly #health = new Map<string, NodeHealth>();
  /** Nodes whose pods could not all be marked. */
  readonly #retry = new Set<string>();
  #taintWork = new Deferred();

  constructor(context: ControllerContext) {
    const { informers, settings, clock } = context;
    this.#context = context;
    this.#base = controllerBase(context, names);
    this.#nodeQueue = new Workqueue(context, { name: 'node_lifecycle_controller' });
    this.#podQueue = new Workqueue(context, { name: 'node_lifecycle_controller_pods' });
    this.#settings = {
      gracePeriodMs: settings.nodeMonitorGracePeriodMs ?? 50_000,
      startupGracePeriodMs: settings.nodeStartupGracePeriodMs ?? 60_000,
    };
    this.#monitorPeriodMs = settings.nodeMonitorPeriodMs ?? 5_000;
    this.#zones = new Zones(clock, {
      evictionRate: settings.nodeEvictionRate ?? 0.1,
      secondaryEvictionRate: settings.secondaryNodeEvictionRate ?? 0.01,
      largeClusterThreshold: settings.largeClusterSizeThreshold ?? 50,
      unhealthyZoneThreshold: settings.unhealthyZoneThreshold ?? 0.55,
    });
    this.#nodes = informers.informer<Node>('nodes');
    this.#pods = informers.informer<Pod>('pods');
    this.#leases = informers.informer<Lease>('leases.coordination.k8s.io');
    addNodeIndex(this.#pods);
    const enqueue = (node: ReadNode) => this.#nodeQueue.add(node.metadata.name!, causeOf(this.#nodes.resource, node));
    this.#nodes.addHandler({
      onAdd: enqueue,
      onUpdate: (_, node) => enqueue(node),
      onDelete: (node) => {
        this.#retry.delete(node.metadata.name!);
        this.#health.delete(node.metadata.name!);
      },
    });
    const assigned = (old: ReadPod | undefined, pod: ReadPod) => {
      if (!pod.spec?.nodeName || old?.spec?.nodeName === pod.spec.nodeName) return;
      // Only pods that come to a node already known to be down concern us.
      const ready = this.#health.get(pod.spec.nodeName)?.ready;
      if (ready === undefined || ready.status === 'True') return;
      this.#podQueue.add(`${pod.metadata.namespace}/${pod.metadata.name}`, causeOf(this.#pods.resource, pod));
    };
    this.#pods.addHandler({ onAdd: (pod) => assigned(undefined, pod), onUpdate: assigned });
  }

  run(signal: AbortSignal): Promise<void> {
    const { log, broadcaster } = this.#base;
    const informers = [this.#nodes, this.#pods, this.#leases];
    const queues = [
      { queue: this.#nodeQueue, workers: nodeWorkers, reconcile: (name: string) => this.#syncNode(name) },
      { queue: this.#podQueue, workers: podWorkers, reconcile: (key: string) => this.#syncPod(key) },
    ];
    const loops = [
      { name: 'monitor', run: (inner: AbortSignal) => this.#monitorLoop(inner) },
      { name: 'taint', run: (inner: AbortSignal) => this.#taintLoop(inner) },
    ];
    return runController({ log, broadcaster, informers, queues, loops }, signal);
  }

  /** Conditions as NoSchedule taints, and the old label names. */
  async #syncNode(name: string): Promise<void> {
    const node = this.#nodes.lister.get('', name);
    if (!node) return;
    const wanted: Taint[] = [];
    for (const { type, status } of node.status?.conditions ?? []) {
      const key = conditionTaints[type]?.[status];
      if (key) wanted.push({ key, effect: 'NoSchedule' });
    }
    if (node.spec?.unschedulable) wanted.push({ key: unschedulableKey, effect: 'NoSchedule' });
    const managed = (node.spec?.taints ?? []).filter(
      (taint) => taint.effect === 'NoSchedule' && managedKeys.has(taint.key),
    );
    const add = wanted.filter((taint) => !managed.some((other) => sameTaint(other, taint)));
    const remove = managed.filter((taint) => !wanted.some((other) => sameTaint(other, taint)));
    if (add.length > 0 || remove.length > 0) await this.#swapTaints(name, add, remove);

    const labels: Record<string, string> = {};
    for (const [stable, old] of labelPairs) {
      const value = node.metadata.labels?.[stable];
      if (value !== undefined && node.metadata.labels![old] !== value) labels[old] = value;
    }
    if (Object.keys(labels).length === 0) return;
    await this.#ignoreNotFound(
      this.#base.client.resource<Node>('nodes').patch(name, 'strategic', { metadata: { labels } }),
    );
  }

  async #swapTaints(name: string, add: readonly Taint[], remove: readonly Taint[]): Promise<void> {
    const timeAdded = rfc3339(this.#context.clock.now());
    const { client, prng } = this.#base;
    const deps = { client, prng, clock: this.#context.clock };
    await this.#ignoreNotFound(
      changeTaints(
        deps,
        name,
        add.map((taint) => ({ ...taint, timeAdded })),
        remove,
      ),
    );
  }

  /** False when the server refused; the next turn of the monitor tries again. */
  async #trySwapTaints(name: string, add: readonly Taint[], remove: readonly Taint[]): Promise<boolean> {
    try {
      await this.#swapTaints(name, add, remove);
      return true;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#base.log.warn('unable to change taints of node', { node: name, error });
      return false;
    }
  }

  async #ignoreNotFound(promise: Promise<unknown>): Promise<void> {
    try {
      await promise;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #monitorLoop(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#monitor(signal);
      await this.#context.clock.sleep(this.#monitorPeriodMs, signal);
    }
  }

  async #monitor(signal: AbortSignal): Promise<void> {
    const nodes = this.#nodes.lister.list();
    await this.#announce(nodes);
    const zones = new Map<string, boolean[]>();
    await Promise.all(nodes.map((node) => this.#monitorNode(node, zones, signal)));
    const change = this.#zones.update(zones);
    if (change === 'enter') {
      this.#base.log.info('all nodes are not ready: entering master disruption mode');
      await Promise.all(nodes.map((node) => this.#reachable(node)));
    } else if (change === 'leave') {
      this.#base.log.info('some nodes are ready: leaving master disruption mode');
      const probeAt = this.#context.clock.now();
      for (const [name, health] of this.#health) this.#health.set(name, { ...health, probeAt });
    }
    // Only now: whether a zone's nodes may be tainted at all is known after all of them were looked at.
    if ([...this.#zones.queues()].some((queue) => queue.active)) this.#taintWork.resolve();
  }

  async #announce(nodes: readonly ReadNode[]): Promise<void> {
    const present = new Set<string>();
    for (const node of nodes) {
      const name = node.metadata.name!;
      present.add(name);
      this.#zones.ensure(zoneOf(node));
      if (this.#known.has(name)) continue;
      this.#nodeEvent(name, node.metadata.uid, 'RegisteredNode', `Registered Node ${name} in Controller`);
      this.#known.set(name, node.metadata.uid!);
      await this.#reachable(node);
    }
    for (const [name, uid] of this.#known) {
      if (present.has(name)) continue;
      this.#nodeEvent(name, uid, 'RemovingNode', `Removing Node ${name} from Controller`);
      this.#known.delete(name);
      for (const queue of this.#zones.queues()) queue.remove(name);
    }
  }

  #nodeEvent(name: string, uid: string | undefined, reason: string, what: string): void {
    const reference = { apiVersion: 'v1', kind: 'Node', name, uid };
    this.#base.recorder.event(reference, 'Normal', reason, `Node ${name} event: ${what}`);
  }

  async #monitorNode(cached: ReadNode, zones: Map<string, boolean[]>, signal: AbortSignal): Promise<void> {
    const name = cached.metadata.name!;
    const judged = await this.#updateHealth(cached, signal);
    if (!judged) return;
    const { node, observedReady, currentReady } = judged;
    if (node.metadata.labels?.['node.kubernetes.io/exclude-disruption'] === undefined) {
      const zone = zones.get(zoneOf(node)) ?? [];
      zone.push(currentReady?.status === 'True');
      zones.set(zoneOf(node), zone);
    }
    if (!currentReady) return;
    await this.#taintByReadiness(node, currentReady.status);
    const isDown = currentReady.status !== 'True';
    const wentDown = isDown && observedReady.status === 'True';
    if (wentDown) {
      const reference = { apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid };
      this.#base.recorder.event(reference, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
    }
    if (wentDown || (this.#retry.has(name) && observedReady.status !== 'True')) {
      if (!(await this.#markPodsNotReady(this.#pods.lister.byIndex(podNodeIndex, name)))) {
        this.#retry.add(name);
        return;
      }
    }
    this.#retry.delete(name);
  }

  /** The node as it is after writing what its silence means; undefined when it could not be written. */
  async #updateHealth(cached: ReadNode, signal: AbortSignal) {
    const { clock } = this.#context;
    const name = cached.metadata.name!;
    const client = this.#base.client.resource<Node>('nodes');
    let node = cached;
    for (let attempt = 1; attempt <= healthUpdateRetries; attempt++) {
      const lease = this.#leases.lister.get(leaseNamespace, name);
      const verdict = judgeHealth(node, lease, this.#health.get(name), this.#settings, clock.now());
      const { observedReady, currentReady, conditions } = verdict;
      try {
        if (conditions) node = await client.updateStatus({ ...node, status: { ...node.status, conditions } });
        this.#health.set(name, verdict.health);
        return { node, observedReady, currentReady };
      } catch (error) {
        if (!isRefusal(error)) throw error;
        this.#base.log.debug('error updating node', { node: name, error });
      }
      await clock.sleep(retrySleepMs, signal);
      try {
        node = await client.get(name);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        this.#base.log.debug('failed while getting a node to retry updating its health', { node: name, error });
        return undefined;
      }
    }
    return undefined;
  }

  async #taintByReadiness(node: ReadNode, status: NodeCondition['status']): Promise<void> {
    if (status === 'True') {
      await this.#reachable(node);
      return;
    }
    const [wanted, opposite] =
      status === 'False' ? [notReadyTaint, unreachableTaint] : [unreachableTaint, notReadyTaint];
    const has = (taint: Taint) => (node.spec?.taints ?? []).some((other) => sameTaint(other, taint));
    if (has(opposite)) {
      await this.#trySwapTaints(node.metadata.name!, [wanted], [opposite]);
      return;
    }
    const queue = this.#zones.queue(zoneOf(node));
    if (!has(wanted)) queue.remove(node.metadata.name!);
    queue.add(node.metadata.name!);
  }

  /** Takes both NoExecute taints off and the node out of the queue. */
  async #reachable(node: ReadNode): Promise<void> {
    const taints = [unreachableTaint, notReadyTaint].filter((taint) =>
      (node.spec?.taints ?? []).some((other) => sameTaint(other, taint)),
    );
    if (taints.length > 0 && !(await this.#trySwapTaints(node.metadata.name!, [], taints))) return;
    this.#zones.queue(zoneOf(node)).remove(node.metadata.name!);
  }

  /** Taints waiting nodes at the zone's rate; sleeps while nothing waits. */
  async #taintLoop(signal: AbortSignal): Promise<void> {
    const onAbort = () => this.#taintWork.resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    while (!signal.aborted) {
      let waiting = false;
      for (const queue of this.#zones.queues()) {
        await queue.process((name) => this.#taint(name));
        waiting ||= queue.active;
      }
      if (waiting) await this.#context.clock.sleep(taintPassMs, signal);
      else {
        await this.#taintWork.promise;
        this.#taintWork = new Deferred();
      }
    }
  }

  async #taint(name: string): Promise<boolean> {
    const node = this.#nodes.lister.get('', name);
    if (!node) return true;
    const ready = nodeCondition(node, 'Ready');
    if (!ready) return false;
    if (ready.status === 'True') return true;
    const [wanted, opposite] =
      ready.status === 'False' ? [notReadyTaint, unreachableTaint] : [unreachableTaint, notReadyTaint];
    return this.#trySwapTaints(name, [wanted], [opposite]);
  }

  async #syncPod(key: string): Promise<void> {
    const { namespace, name } = splitObjectKey(key);
    const pod = this.#pods.lister.get(namespace, name);
    const nodeName = pod?.spec?.nodeName;
    if (!pod || !nodeName) return;
    const ready = this.#health.get(nodeName)?.ready;
    if (!ready || ready.status === 'True') return;
    if (!(await this.#markPodsNotReady([pod])))
      throw new Error(`unable to mark pod ${key} NotReady on node ${nodeName}`);
  }

  /** False when some pod could not be written. */
  async #markPodsNotReady(pods: readonly ReadPod[]): Promise<boolean> {
    const lastTransitionTime = rfc3339(this.#context.clock.now());
    const results = await Promise.all(
      pods.map(async (pod) => {
        const conditions = pod.status?.conditions ?? [];
        const ready = conditions.find((condition) => condition.type === 'Ready');
        if (!ready || ready.status === 'False') return true;
        const next = conditions.map((c) => (c === ready ? { ...c, status: 'False' as const, lastTransitionTime } : c));
        let done = true;
        try {
          const client = this.#base.client.resource<Pod>('pods').namespace(pod.metadata.namespace);
          await client.updateStatus({ ...pod, status: { ...pod.status, conditions: next } });
        } catch (error) {
          if (isNotFound(error)) return true;
          if (!isRefusal(error)) throw error;
          done = false;
        }
        this.#base.recorder.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
        return done;
      }),
    );
    return results.every(Boolean);
  }
}

/** The server's no, or no way to it: not a mistake of our own, and over some time. */
function isRefusal(error: unknown): boolean {
  return error instanceof StatusError || error instanceof ConnectionError;
}
