/**
 * The scheduler's loop: takes a pod, decides, assumes it on the node, binds it meanwhile, records the decision.
 * Upstream: scheduler/{scheduler,schedule_one,eventhandlers}.go (1.36).
 */
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, Service, StorageClass } from '../api/index.ts';
import { classOfVolume } from '../api/index.ts';
import { isNotFound, type KubeObject, selectorFromLabelSelector, selectorFromSet } from '../apimachinery/index.ts';
import {
  type Clock,
  isAbort,
  type Logger,
  type Prng,
  type Runnable,
  rfc3339,
  TaskGroup,
  yieldToEventLoop,
} from '../base/index.ts';
import {
  causeOf,
  type EventRecorder,
  type KubeClient,
  type SharedInformer,
  type SharedInformerFactory,
  withCause,
} from '../client/index.ts';
import { SchedulerCache } from './cache.ts';
import { type CycleOutcome, SchedulingCycle } from './cycle.ts';
import type { Decision } from './decision/record.ts';
import type { DecisionStore } from './decision/store.ts';
import type { PodInfo } from './framework/node-info.ts';
import type { QueuedPod, Refusal } from './framework/types.ts';
import { defaultProfile, type Profile } from './profile.ts';
import { type ClusterEvent, SchedulingQueue, unschedulableFlushMs } from './queue.ts';

export interface SchedulerDeps {
  /** As `system:kube-scheduler`. */
  readonly client: KubeClient;
  readonly informers: SharedInformerFactory;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
  readonly decisions: DecisionStore;
}

export interface SchedulerOptions {
  /** Bindings under way at once. Default 64. */
  readonly bindingsMax?: number;
}

const podResource = { group: '', plural: 'pods' };
/** Cycles run back to back before other work gets a turn. */
const cyclesPerTurn = 8;

export class Scheduler implements Runnable {
  readonly name = 'scheduler';
  readonly cache = new SchedulerCache();
  readonly queue: SchedulingQueue;
  readonly profile: Profile;
  readonly #deps: SchedulerDeps;
  readonly #cycle: SchedulingCycle;
  readonly #bindingsMax: number;
  readonly #pods: SharedInformer<Pod>;
  readonly #nodes: SharedInformer<Node>;
  readonly #others: SharedInformer[];
  #bindings = 0;
  #bindingDone: (() => void) | undefined;

  constructor(deps: SchedulerDeps, options: SchedulerOptions = {}) {
    this.#deps = deps;
    this.#bindingsMax = options.bindingsMax ?? 64;
    const { informers } = deps;
    this.#pods = informers.informer<Pod>('pods');
    this.#nodes = informers.informer<Node>('nodes');
    const services = informers.informer<Service>('services');
    const claims = informers.informer<PersistentVolumeClaim>('persistentvolumeclaims');
    const volumes = informers.informer<PersistentVolume>('persistentvolumes', {
      indexers: {
        storageClass: (volume) => [classOfVolume(volume)],
        claim: ({ spec }) => (spec?.claimRef ? [`${spec.claimRef.namespace}/${spec.claimRef.name}`] : []),
      },
    });
    const classes = informers.informer<StorageClass>('storageclasses.storage.k8s.io');
    const csiNodes = informers.informer('csinodes.storage.k8s.io');
    const namespaces = informers.informer('namespaces');
    const owners = new Map(
      (['replicasets.apps', 'replicationcontrollers', 'statefulsets.apps'] as const).map((name) => {
        const informer = informers.informer(name);
        return [informer.resource.kind, informer] as const;
      }),
    );
    this.#others = [services, claims, volumes, classes, csiNodes, namespaces, ...owners.values()] as SharedInformer[];
    const volumeListeners = new Set<() => void>();
    const volumesChanged = () => {
      for (const listener of volumeListeners) listener();
    };
    const waits = { onAdd: volumesChanged, onUpdate: volumesChanged, onDelete: volumesChanged };
    claims.addHandler(waits);
    volumes.addHandler(waits);
    this.profile = defaultProfile({
      client: deps.client,
      clock: deps.clock,
      snapshot: () => this.cache,
      volumes: {
        claim: (namespace, name) => claims.lister.get(namespace, name),
        volume: (name) => volumes.lister.get('', name),
        volumesOfClass: (name) => volumes.lister.byIndex('storageClass', name),
        volumesOfClaim: (key) => volumes.lister.byIndex('claim', key),
        storageClass: (name) => classes.lister.get('', name),
        csiNode: (name) => csiNodes.lister.get('', name),
        onChange: (listener) => {
          volumeListeners.add(listener);
          return () => volumeListeners.delete(listener);
        },
      },
      namespaces: namespaces.lister as never,
      spread: {
        services: (namespace) => services.lister.list(namespace),
        ownerSelector: (pod) => {
          const owner = pod.metadata.ownerReferences?.find((reference) => reference.controller);
          const object = owner && owners.get(owner.kind)?.lister.get(pod.metadata.namespace!, owner.name);
          const selector = object?.['spec']?.selector;
          if (!selector) return undefined;
          return owner!.kind === 'ReplicationController'
            ? selectorFromSet(selector)
            : selectorFromLabelSelector(selector);
        },
      },
    });
    this.queue = new SchedulingQueue(
      deps.clock,
      this.profile.plugins.map(({ plugin }) => plugin),
    );
    this.#cycle = new SchedulingCycle(this.profile, deps.prng.fork('ties'));
    this.#listen({
      persistentvolumeclaims: claims as SharedInformer<any>,
      persistentvolumes: volumes as SharedInformer<any>,
      storageclasses: classes as SharedInformer<any>,
      csinodes: csiNodes,
    });
  }

  #mine(pod: Readonly<Pod>): boolean {
    return (pod.spec?.schedulerName ?? 'default-scheduler') === this.profile.schedulerName;
  }

  #listen(storage: Partial<Record<ClusterEvent['resource'], SharedInformer<any>>>): void {
    this.#pods.addHandler({
      onAdd: (pod) => this.#podChanged(undefined, pod),
      onUpdate: (old, pod) => this.#podChanged(old, pod),
      onDelete: (pod) => this.#podGone(pod),
    });
    this.#nodes.addHandler({
      onAdd: (node) => {
        this.cache.setNode(node);
        this.queue.onEvent({ resource: 'nodes', action: 'add', now: node });
      },
      onUpdate: (old, node) => {
        this.cache.setNode(node);
        if (nodeChangedForScheduling(old, node))
          this.queue.onEvent({ resource: 'nodes', action: 'update', old, now: node });
      },
      onDelete: (node) => {
        this.cache.removeNode(node.metadata.name!);
        this.queue.onEvent({ resource: 'nodes', action: 'delete', old: node });
      },
    });
    for (const [name, informer] of Object.entries(storage)) {
      const resource = name as ClusterEvent['resource'];
      informer.addHandler({
        onAdd: (now) => this.queue.onEvent({ resource, action: 'add', now }),
        onUpdate: (old, now) => this.queue.onEvent({ resource, action: 'update', old, now }),
      });
    }
  }

  #podChanged(old: Readonly<Pod> | undefined, pod: Readonly<Pod>): void {
    const uid = pod.metadata.uid!;
    const phase = pod.status?.phase;
    if (phase === 'Succeeded' || phase === 'Failed') {
      this.queue.delete(uid);
      this.#leave(pod);
      return;
    }
    if (pod.spec?.nodeName) {
      this.queue.delete(uid);
      this.cache.setPod(pod);
      const action = old?.spec?.nodeName ? 'update' : 'add';
      if (action === 'add' || JSON.stringify(old!.metadata.labels) !== JSON.stringify(pod.metadata.labels)) {
        this.queue.onEvent({ resource: 'pods', action, old, now: pod });
      }
      return;
    }
    if (!this.#mine(pod) || this.cache.isAssumed(uid)) return;
    if (old) {
      this.queue.update(old, pod);
      return;
    }
    const gate = this.queue.add(pod);
    if (gate)
      void this.#setCondition(pod, 'SchedulingGated', 'Scheduling is blocked due to non-empty scheduling gates');
  }

  #podGone(pod: Readonly<Pod>): void {
    this.queue.delete(pod.metadata.uid!);
    this.#leave(pod);
  }

  #leave(pod: Readonly<Pod>): void {
    if (!this.cache.nodeOf(pod.metadata.uid!)) return;
    this.cache.removePod(pod.metadata.uid!);
    this.queue.onEvent({ resource: 'pods', action: 'delete', old: pod });
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#pods, this.#nodes, ...this.#others].map((informer) => informer.waitForSync(signal)));
    const group = new TaskGroup(signal);
    signal.addEventListener('abort', () => this.queue.close(), { once: true });
    group.spawn('flush', async (inner) => {
      for await (const _ of this.#deps.clock.every(unschedulableFlushMs, inner)) this.queue.flushUnschedulable();
    });
    group.spawn('schedule', async (inner) => {
      let cycles = 0;
      for (let queued = await this.queue.pop(); queued; queued = await this.queue.pop()) {
        if (inner.aborted) return;
        if (++cycles % cyclesPerTurn === 0) await yieldToEventLoop();
        while (this.#bindings >= this.#bindingsMax && !inner.aborted) {
          await new Promise<void>((resolve) => {
            this.#bindingDone = resolve;
          });
        }
        this.#scheduleOne(queued, group);
      }
    });
    await group.wait();
  }

  /** Decides synchronously; the binding goes on by itself. */
  #scheduleOne(queued: QueuedPod, group: TaskGroup): void {
    const { clock } = this.#deps;
    const { info } = queued;
    const current = this.#pods.lister.get(info.namespace, info.pod.metadata.name!);
    const gone = !current || current.metadata.uid !== info.uid || current.metadata.deletionTimestamp !== undefined;
    if (gone || this.cache.isAssumed(info.uid) || current.spec?.nodeName) {
      this.queue.done(info.uid);
      return;
    }
    const startedAt = clock.now();
    const outcome = this.#cycle.run(info, this.cache);
    const record = (result: Decision['result'], message: string, bindError?: string) => {
      const { namespace } = info;
      this.#deps.decisions.record(
        outcome.builder.finish({
          pod: { namespace, name: info.pod.metadata.name!, uid: info.uid },
          attempt: queued.attempts,
          scheduler: this.profile.schedulerName,
          queuedAt: queued.timestamp,
          startedAt,
          finishedAt: clock.now(),
          result,
          message,
          ...(outcome.node !== undefined && { node: outcome.node }),
          ...(outcome.tiedWith && { tiedWith: outcome.tiedWith }),
          ...(bindError !== undefined && { bindError }),
        }),
      );
    };
    const cause = causeOf(podResource, info.pod);
    if (outcome.node === undefined) {
      record('Unschedulable', outcome.message);
      this.queue.addUnschedulable(queued, outcome.refusedBy);
      withCause(cause, () => {
        this.#deps.events.event(info.pod, 'Warning', 'FailedScheduling', outcome.message);
        void this.#setCondition(info.pod, 'Unschedulable', outcome.message);
      });
      return;
    }
    this.cache.assume(info, outcome.node);
    const refusal = this.#reserve(info, outcome);
    if (refusal) {
      this.cache.forget(info.uid);
      const message = refusal.reasons.join(', ');
      record('Unschedulable', message);
      this.queue.addUnschedulable(queued, [refusal.plugin]);
      withCause(cause, () => this.#deps.events.event(info.pod, 'Warning', 'FailedScheduling', message));
      return;
    }
    this.#bindings++;
    group.spawn(`bind ${info.key}`, async (signal) => {
      try {
        await withCause(cause, () => this.#bind(queued, outcome, record, signal));
      } finally {
        this.#bindings--;
        this.#bindingDone?.();
      }
    });
  }

  /** What plugins hold for the pod until it is bound; a plugin that refuses makes all let go. */
  #reserve(pod: PodInfo, { state, node }: CycleOutcome): (Refusal & { readonly plugin: string }) | undefined {
    for (const { plugin } of this.profile.plugins) {
      const refusal = plugin.reserve?.(state, pod, node!);
      if (!refusal) continue;
      for (const { plugin: other } of [...this.profile.plugins].reverse()) other.unreserve?.(state, pod, node!);
      return { ...refusal, plugin: plugin.name };
    }
    return undefined;
  }

  async #bind(
    queued: QueuedPod,
    outcome: CycleOutcome,
    record: (result: Decision['result'], message: string, bindError?: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { info } = queued;
    const node = outcome.node!;
    const { plugins } = this.profile;
    let stage = 'binding rejected: ';
    try {
      for (const { plugin } of plugins) {
        if (!plugin.preBind) continue;
        stage = `running PreBind plugin "${plugin.name}": `;
        await plugin.preBind(outcome.state, info, node, signal);
      }
      stage = 'binding rejected: ';
      await plugins.find(({ plugin }) => plugin.bind)!.plugin.bind!(outcome.state, info, node, signal);
    } catch (error) {
      if (isAbort(error) && signal.aborted) throw error;
      for (const { plugin } of [...plugins].reverse()) plugin.unreserve?.(outcome.state, info, node);
      this.cache.forget(info.uid);
      const text = error instanceof Error ? error.message : String(error);
      const message = `${stage}${text}`;
      record('Error', message, text);
      if (isNotFound(error)) {
        this.queue.done(info.uid);
        return;
      }
      this.#deps.log.warn('binding failed', { pod: info.key, node, error: text });
      this.queue.addUnschedulable(queued, [], true);
      this.#deps.events.event(info.pod, 'Warning', 'FailedScheduling', message);
      await this.#setCondition(info.pod, 'SchedulerError', message);
      return;
    }
    this.queue.done(info.uid);
    for (const { plugin } of plugins) plugin.postBind?.(outcome.state, info, node);
    const message = `Successfully assigned ${info.key} to ${node}`;
    record('Scheduled', message);
    this.#deps.events.event(info.pod, 'Normal', 'Scheduled', message);
  }

  /** Sets PodScheduled=False, when it says something new. */
  async #setCondition(pod: Readonly<Pod>, reason: string, message: string): Promise<void> {
    const current = this.#pods.lister.get(pod.metadata.namespace!, pod.metadata.name!) ?? pod;
    const old = current.status?.conditions?.find((condition) => condition.type === 'PodScheduled');
    if (old?.status === 'False' && old.reason === reason && old.message === message) return;
    const { client, clock, log } = this.#deps;
    try {
      await client
        .resource('pods')
        .namespace(pod.metadata.namespace!)
        .patch(
          pod.metadata.name!,
          'strategic',
          {
            metadata: { uid: pod.metadata.uid },
            status: {
              conditions: [
                {
                  type: 'PodScheduled',
                  status: 'False',
                  reason,
                  message,
                  lastProbeTime: null,
                  lastTransitionTime: old?.status === 'False' ? old.lastTransitionTime : rfc3339(clock.now()),
                  observedGeneration: current.metadata.generation,
                },
              ],
            },
          },
          { subresource: 'status' },
        );
    } catch (error) {
      if (isNotFound(error) || isAbort(error)) return;
      log.warn('the PodScheduled condition could not be written', { pod: podName(pod), error: String(error) });
    }
  }
}

function podName(pod: Readonly<KubeObject>): string {
  return `${pod.metadata.namespace}/${pod.metadata.name}`;
}

/** Heartbeats of a node's status are no news. */
function nodeChangedForScheduling(old: Readonly<Node>, node: Readonly<Node>): boolean {
  const relevant = ({ metadata, spec, status }: Readonly<Node>) =>
    JSON.stringify([metadata.labels, spec?.taints, spec?.unschedulable, status?.allocatable]);
  return relevant(old) !== relevant(node);
}
