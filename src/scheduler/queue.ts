/**
 * The three queues: active (ready to be tried), backoff (waits out its delay), unschedulable (waits for an event that may
 * help, or five minutes). Upstream: scheduler/backend/queue/scheduling_queue.go.
 */
import type { Pod } from '../api/index.ts';
import type { KubeObject } from '../apimachinery/index.ts';
import type { Clock, Timer } from '../base/index.ts';
import { type PodInfo, podInfoOf } from './framework/node-info.ts';
import type { ClusterEventAction, EventInterest, Plugin, QueuedPod, Refusal } from './framework/types.ts';
import { KeyedHeap } from './heap.ts';

export const initialBackoffMs = 1_000;
export const maxBackoffMs = 10_000;
export const unschedulableLimitMs = 5 * 60_000;
export const unschedulableFlushMs = 30_000;

export interface ClusterEvent {
  readonly resource: EventInterest['resource'];
  readonly action: ClusterEventAction;
  readonly old?: Readonly<KubeObject>;
  readonly now?: Readonly<KubeObject>;
}

export interface QueueLengths {
  readonly active: number;
  readonly backoff: number;
  readonly unschedulable: number;
  readonly gated: number;
}

export interface QueueOptions {
  /** Default 1 s. */
  readonly initialBackoffMs?: number;
  /** Default 10 s. */
  readonly maxBackoffMs?: number;
  /** Plugins of the profile that a pod goes by. Default: all. */
  readonly pluginsOf?: (pod: Readonly<Pod>) => readonly Plugin[];
}

/** Whatever is not a plugin and refuses pods (an extender) cannot say which events help: all may. */
const anyEvent = 'Extender';

export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #pluginsOf: (pod: Readonly<Pod>) => readonly Plugin[];
  readonly #interests: ReadonlyMap<string, readonly EventInterest[]>;
  readonly #initialBackoffMs: number;
  readonly #maxBackoffMs: number;
  readonly #active: KeyedHeap<QueuedPod>;
  readonly #backoff: KeyedHeap<QueuedPod>;
  readonly #unschedulable = new Map<string, QueuedPod>();
  /** Events that came while a pod was being tried: they must not be missed when it fails. */
  readonly #inFlight = new Map<string, ClusterEvent[]>();
  #wake: (() => void) | undefined;
  #timer: Timer | undefined;
  #closed = false;

  constructor(clock: Clock, plugins: readonly Plugin[], options: QueueOptions = {}) {
    this.#clock = clock;
    this.#pluginsOf = options.pluginsOf ?? (() => plugins);
    this.#initialBackoffMs = options.initialBackoffMs ?? initialBackoffMs;
    this.#maxBackoffMs = options.maxBackoffMs ?? maxBackoffMs;
    this.#interests = new Map(plugins.map((plugin) => [plugin.name, plugin.events ?? []]));
    const less = plugins.find((plugin) => plugin.less)!;
    const key = (pod: QueuedPod) => pod.info.uid;
    this.#active = new KeyedHeap(key, (a, b) => less.less!(a, b) < 0);
    this.#backoff = new KeyedHeap(key, (a, b) => this.#backoffEnd(a) < this.#backoffEnd(b));
  }

  get lengths(): QueueLengths {
    const gated = [...this.#unschedulable.values()].filter((pod) => pod.gatedBy).length;
    return {
      active: this.#active.size,
      backoff: this.#backoff.size,
      unschedulable: this.#unschedulable.size - gated,
      gated,
    };
  }

  /** Every waiting pod with the queue it waits in. */
  *entries(): Generator<{ pod: QueuedPod; queue: 'active' | 'backoff' | 'unschedulable' }> {
    for (const pod of this.#active.values()) yield { pod, queue: 'active' };
    for (const pod of this.#backoff.values()) yield { pod, queue: 'backoff' };
    for (const pod of this.#unschedulable.values()) yield { pod, queue: 'unschedulable' };
  }

  #backoffMs(pod: QueuedPod): number {
    if (pod.attempts === 0) return 0;
    return Math.min(this.#maxBackoffMs, this.#initialBackoffMs * 2 ** (pod.attempts - 1));
  }

  #backoffEnd(pod: QueuedPod): number {
    return pod.timestamp + this.#backoffMs(pod);
  }

  #gate(pod: Readonly<Pod>): { plugin: string; refusal: Refusal } | undefined {
    for (const plugin of this.#pluginsOf(pod)) {
      const refusal = plugin.preEnqueue?.(pod);
      if (refusal) return { plugin: plugin.name, refusal };
    }
    return undefined;
  }

  /** A new pod without a node. Returns the gate that holds it, if one does. */
  add(pod: Readonly<Pod>): { plugin: string; refusal: Refusal } | undefined {
    const now = this.#clock.now();
    const queued: QueuedPod = {
      info: podInfoOf(pod),
      timestamp: now,
      initialTimestamp: now,
      attempts: 0,
      unschedulablePlugins: new Set(),
      gatedBy: undefined,
    };
    return this.#enqueue(queued);
  }

  #enqueue(queued: QueuedPod): { plugin: string; refusal: Refusal } | undefined {
    const gate = this.#gate(queued.info.pod);
    if (gate) {
      queued.gatedBy = gate.plugin;
      queued.unschedulablePlugins.add(gate.plugin);
      this.#unschedulable.set(queued.info.uid, queued);
      return gate;
    }
    queued.gatedBy = undefined;
    this.#active.push(queued);
    this.#notify();
    return undefined;
  }

  /** The pod's object changed while it waits. A change of what it asks for may make it schedulable. */
  update(old: Readonly<Pod>, pod: Readonly<Pod>): void {
    const uid = pod.metadata.uid!;
    const info = podInfoOf(pod);
    for (const heap of [this.#active, this.#backoff]) {
      const queued = heap.get(uid);
      if (queued) {
        queued.info = info;
        heap.push(queued);
        return;
      }
    }
    const waiting = this.#unschedulable.get(uid);
    if (!waiting) {
      if (this.#inFlight.has(uid)) return;
      this.add(pod);
      return;
    }
    waiting.info = info;
    if (waiting.gatedBy || changedForScheduling(old, pod)) {
      this.#unschedulable.delete(uid);
      this.#requeue(waiting);
    }
  }

  delete(uid: string): void {
    this.#active.delete(uid);
    this.#backoff.delete(uid);
    this.#unschedulable.delete(uid);
  }

  /** The next pod to try; waits for one. Undefined once closed. */
  async pop(): Promise<QueuedPod | undefined> {
    for (;;) {
      if (this.#closed) return undefined;
      this.#flushBackoff();
      const pod = this.#active.pop();
      if (pod) {
        pod.attempts++;
        this.#inFlight.set(pod.info.uid, []);
        return pod;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The pod was bound or is gone. */
  done(uid: string): void {
    this.#inFlight.delete(uid);
  }

  /** The attempt failed: wait for an event that may help, or back off at once if one came meanwhile. */
  addUnschedulable(queued: QueuedPod, refusedBy: Iterable<string>, error = false): void {
    const events = this.#inFlight.get(queued.info.uid) ?? [];
    this.#inFlight.delete(queued.info.uid);
    queued.timestamp = this.#clock.now();
    queued.unschedulablePlugins = new Set(refusedBy);
    const helped =
      error || queued.unschedulablePlugins.size === 0 || events.some((event) => this.#mayHelp(queued, event));
    if (helped) this.#requeue(queued);
    else this.#unschedulable.set(queued.info.uid, queued);
  }

  /** Something changed in the cluster: pods that it may help leave the unschedulable queue. */
  onEvent(event: ClusterEvent): void {
    for (const events of this.#inFlight.values()) if (events.length < 1000) events.push(event);
    this.#requeueThose((queued) => this.#mayHelp(queued, event));
  }

  /** Tries the pod again at once, whatever it waits for, unless a gate holds it. */
  activate(uid: string): void {
    const queued = this.#unschedulable.get(uid) ?? this.#backoff.get(uid);
    if (!queued) return;
    this.#unschedulable.delete(uid);
    this.#backoff.delete(uid);
    this.#enqueue(queued);
  }

  #mayHelp(queued: QueuedPod, event: ClusterEvent): boolean {
    for (const name of queued.unschedulablePlugins) {
      if (name === anyEvent) return true;
      for (const interest of this.#interests.get(name) ?? []) {
        if (interest.resource !== event.resource || !interest.actions.includes(event.action)) continue;
        if (!interest.hint || interest.hint(queued.info, event.old, event.now)) return true;
      }
    }
    return false;
  }

  #requeue(queued: QueuedPod): void {
    const gate = this.#gate(queued.info.pod);
    if (gate) {
      queued.gatedBy = gate.plugin;
      this.#unschedulable.set(queued.info.uid, queued);
      return;
    }
    queued.gatedBy = undefined;
    if (this.#backoffEnd(queued) <= this.#clock.now()) {
      this.#active.push(queued);
      this.#notify();
    } else {
      this.#backoff.push(queued);
      this.#arm();
    }
  }

  #flushBackoff(): void {
    const now = this.#clock.now();
    for (let pod = this.#backoff.peek(); pod && this.#backoffEnd(pod) <= now; pod = this.#backoff.peek()) {
      this.#backoff.pop();
      this.#active.push(pod);
    }
    this.#arm();
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const next = this.#backoff.peek();
    if (!next || this.#closed) return;
    this.#timer = this.#clock.schedule(Math.max(0, this.#backoffEnd(next) - this.#clock.now()), () => {
      this.#flushBackoff();
      this.#notify();
    });
  }

  /** Pods nothing helped for five minutes are tried again. Called every 30 s. */
  flushUnschedulable(): void {
    const now = this.#clock.now();
    this.#requeueThose(({ gatedBy, timestamp }) => !gatedBy && now - timestamp >= unschedulableLimitMs);
  }

  /** A gate may put them back where they were: those are chosen before the first is moved. */
  #requeueThose(chosen: (queued: QueuedPod) => boolean): void {
    const moving: QueuedPod[] = [];
    for (const queued of this.#unschedulable.values()) if (chosen(queued)) moving.push(queued);
    for (const queued of moving) {
      this.#unschedulable.delete(queued.info.uid);
      this.#requeue(queued);
    }
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#notify();
  }
}

/** Labels, requests, tolerations, gates, the names of its claims; of its status nothing else counts. */
function changedForScheduling(old: Readonly<Pod>, pod: Readonly<Pod>): boolean {
  const relevant = ({ metadata, spec, status }: Readonly<Pod>) =>
    JSON.stringify([
      metadata.labels,
      spec?.tolerations,
      spec?.schedulingGates,
      spec?.containers,
      spec?.nodeSelector,
      spec?.affinity,
      status?.resourceClaimStatuses,
    ]);
  return relevant(old) !== relevant(pod);
}

/** Waiting pods by uid, for tests and views. */
export type { PodInfo };
