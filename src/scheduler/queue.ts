/**
 * The three queues: active (ready to be tried), backoff (waits out its delay, unless nothing else is to be tried),
 * unschedulable (waits for an event that may help, or five minutes). Upstream: scheduler/backend/queue (1.36).
 */
import type { Pod } from '../api/index.ts';
import type { Clock, Timer } from '../base/index.ts';
import {
  type ClusterEvent,
  type ClusterResource,
  changesOfPod,
  type EventInterest,
  isOfInterest,
} from './framework/events.ts';
import { type PodInfo, podInfoOf } from './framework/node-info.ts';
import type { Plugin, QueuedPod, Refusal } from './framework/types.ts';
import { KeyedHeap } from './heap.ts';

export const initialBackoffMs = 1_000;
export const maxBackoffMs = 10_000;
export const unschedulableLimitMs = 5 * 60_000;
export const unschedulableFlushMs = 30_000;
/** Backoffs end together, at whole seconds, so that pods leave in the order of the queue. */
const windowMs = 1_000;

export interface QueueLengths {
  readonly active: number;
  readonly backoff: number;
  readonly unschedulable: number;
  readonly gated: number;
}

export interface QueueOptions {
  /** Default 1 s. */
  readonly initialBackoffMs?: number;
  /** Default 10 s; 0: no backoff. */
  readonly maxBackoffMs?: number;
  /** Plugins with a gate, of the profile that a pod goes by. Default: all. */
  readonly pluginsOf?: (pod: Readonly<Pod>) => readonly Plugin[];
  /** Plugins whose hints count for a pod: one array a profile. Default: all. */
  readonly hintsOf?: (pod: Readonly<Pod>) => readonly Plugin[];
}

/** Whatever is not a plugin and refuses pods (an extender) cannot say which events help: all may. */
const anyEvent = 'Extender';

type Strategy = 'skip' | 'after backoff' | 'at once';

interface Listener {
  readonly plugin: string;
  readonly interest: EventInterest;
}

export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #pluginsOf: (pod: Readonly<Pod>) => readonly Plugin[];
  readonly #hintsOf: (pod: Readonly<Pod>) => readonly Plugin[];
  readonly #listeners = new WeakMap<readonly Plugin[], ReadonlyMap<ClusterResource, readonly Listener[]>>();
  readonly #initialBackoffMs: number;
  readonly #maxBackoffMs: number;
  readonly #active: KeyedHeap<QueuedPod>;
  readonly #backoff: KeyedHeap<QueuedPod>;
  /** Those that failed for no fault of theirs: they always wait. */
  readonly #errorBackoff: KeyedHeap<QueuedPod>;
  readonly #unschedulable = new Map<string, QueuedPod>();
  /** Pods being tried, oldest first, with how many events there had been when they were taken. */
  readonly #inFlight = new Map<string, number>();
  /** Events since the oldest of them was taken: they must not be missed when it fails. */
  readonly #events: ClusterEvent[] = [];
  /** How many events had been before the first of those. */
  #eventsBefore = 0;
  #wake: (() => void) | undefined;
  #timer: Timer | undefined;
  #closed = false;

  constructor(clock: Clock, plugins: readonly Plugin[], options: QueueOptions = {}) {
    this.#clock = clock;
    this.#pluginsOf = options.pluginsOf ?? (() => plugins);
    this.#hintsOf = options.hintsOf ?? (() => plugins);
    this.#initialBackoffMs = options.initialBackoffMs ?? initialBackoffMs;
    this.#maxBackoffMs = options.maxBackoffMs ?? maxBackoffMs;
    const sorter = plugins.find((plugin) => plugin.less)!;
    const less = (a: QueuedPod, b: QueuedPod) => sorter.less!(a, b) < 0;
    const key = (pod: QueuedPod) => pod.info.uid;
    const sooner = (a: QueuedPod, b: QueuedPod) => this.#backoffEnd(a) - this.#backoffEnd(b);
    this.#active = new KeyedHeap(key, less);
    this.#backoff = new KeyedHeap(key, (a, b) => sooner(a, b) < 0 || (sooner(a, b) === 0 && less(a, b)));
    this.#errorBackoff = new KeyedHeap(key, (a, b) => sooner(a, b) < 0);
  }

  get lengths(): QueueLengths {
    const gated = [...this.#unschedulable.values()].filter((pod) => pod.gatedBy).length;
    return {
      active: this.#active.size,
      backoff: this.#backoff.size + this.#errorBackoff.size,
      unschedulable: this.#unschedulable.size - gated,
      gated,
    };
  }

  /** Every waiting pod with the queue it waits in. */
  *entries(): Generator<{ pod: QueuedPod; queue: 'active' | 'backoff' | 'unschedulable' }> {
    for (const pod of this.#active.values()) yield { pod, queue: 'active' };
    for (const heap of [this.#backoff, this.#errorBackoff]) {
      for (const pod of heap.values()) yield { pod, queue: 'backoff' };
    }
    for (const pod of this.#unschedulable.values()) yield { pod, queue: 'unschedulable' };
  }

  /** 1, 2, 4 … s after the last attempt, cut to the whole second. */
  #backoffEnd(pod: QueuedPod): number {
    const count = pod.errors > 0 ? pod.errors : pod.refusals;
    if (count === 0 || this.#maxBackoffMs === 0) return Number.NEGATIVE_INFINITY;
    const duration = Math.min(this.#maxBackoffMs, this.#initialBackoffMs * 2 ** (count - 1));
    pod.backoffEnd ??= toWindow(pod.timestamp + duration);
    return pod.backoffEnd;
  }

  #isBackingOff(pod: QueuedPod): boolean {
    return this.#backoffEnd(pod) >= toWindow(this.#clock.now());
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
      refusals: 0,
      errors: 0,
      backoffEnd: undefined,
      unschedulablePlugins: new Set(),
      pendingPlugins: new Set(),
      gatedBy: undefined,
    };
    return this.#enqueue(queued);
  }

  #enqueue(queued: QueuedPod): { plugin: string; refusal: Refusal } | undefined {
    const gate = this.#hold(queued);
    if (gate) return gate;
    this.#active.push(queued);
    this.#notify();
    return undefined;
  }

  /** Puts the pod where gated pods wait, if a gate holds it. */
  #hold(queued: QueuedPod): { plugin: string; refusal: Refusal } | undefined {
    const gate = this.#gate(queued.info.pod);
    queued.gatedBy = gate?.plugin;
    if (!gate) return undefined;
    queued.unschedulablePlugins.add(gate.plugin);
    this.#unschedulable.set(queued.info.uid, queued);
    return gate;
  }

  /** The pod's object changed while it waits. A change of what it asks for may make it schedulable. */
  update(old: Readonly<Pod>, pod: Readonly<Pod>): void {
    const uid = pod.metadata.uid!;
    const event: ClusterEvent = { resource: 'pods', action: 'update', changes: changesOfPod(old, pod), old, now: pod };
    if (this.#inFlight.has(uid)) {
      this.#events.push(event);
      return;
    }
    const info = podInfoOf(pod);
    for (const heap of [this.#active, this.#backoff, this.#errorBackoff]) {
      const queued = heap.get(uid);
      if (queued) {
        queued.info = info;
        heap.push(queued);
        return;
      }
    }
    const waiting = this.#unschedulable.get(uid);
    if (!waiting) {
      this.add(pod);
      return;
    }
    waiting.info = info;
    this.#requeue(waiting, this.#strategy(waiting, event));
  }

  delete(uid: string): void {
    for (const heap of [this.#active, this.#backoff, this.#errorBackoff]) heap.delete(uid);
    this.#unschedulable.delete(uid);
  }

  /** The next pod to try; waits for one. Where none is ready, one that backs off is. Undefined once closed. */
  async pop(): Promise<QueuedPod | undefined> {
    for (;;) {
      if (this.#closed) return undefined;
      this.#flushBackoff();
      const pod = this.#active.pop() ?? this.#backoff.pop();
      if (pod) {
        pod.attempts++;
        pod.unschedulablePlugins.clear();
        pod.pendingPlugins.clear();
        this.#inFlight.set(pod.info.uid, this.#eventsBefore + this.#events.length);
        return pod;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The pod was bound or is gone. */
  done(uid: string): void {
    if (!this.#inFlight.delete(uid)) return;
    // What only this pod had to be told of is forgotten.
    const next = this.#inFlight.values().next();
    const needed = next.done ? this.#eventsBefore + this.#events.length : next.value;
    const forget = needed - this.#eventsBefore;
    if (!next.done && forget < 256 && forget < this.#events.length) return;
    this.#events.splice(0, forget);
    this.#eventsBefore = needed;
  }

  /**
   * The attempt failed: wait for an event that may help, or back off at once if one came meanwhile or no plugin refused.
   * `pending`: plugins of those that want it tried without backoff when something helps.
   */
  addUnschedulable(queued: QueuedPod, refusedBy: Iterable<string>, pending: Iterable<string> = []): void {
    const { uid } = queued.info;
    const since = this.#inFlight.get(uid) ?? this.#eventsBefore + this.#events.length;
    queued.unschedulablePlugins = new Set(refusedBy);
    queued.pendingPlugins = new Set(pending);
    if (queued.unschedulablePlugins.size === 0) queued.errors++;
    else {
      queued.refusals++;
      queued.errors = 0;
    }
    queued.timestamp = this.#clock.now();
    queued.backoffEnd = undefined;
    let strategy: Strategy = queued.unschedulablePlugins.size === 0 ? 'after backoff' : 'skip';
    for (let i = since - this.#eventsBefore; i < this.#events.length && strategy === 'skip'; i++) {
      strategy = this.#strategy(queued, this.#events[i]!);
    }
    this.done(uid);
    this.#requeue(queued, strategy);
  }

  /**
   * Something changed in the cluster: pods that it may help leave the unschedulable queue.
   * `among`: only those can be helped.
   */
  onEvent(event: ClusterEvent, among?: (pod: PodInfo) => boolean): void {
    if (this.#inFlight.size > 0) this.#events.push(event);
    if (this.#unschedulable.size === 0) return;
    const moving: [QueuedPod, Strategy][] = [];
    for (const queued of this.#unschedulable.values()) {
      if (among && !among(queued.info)) continue;
      if (queued.gatedBy && !this.#opensGate(queued, event)) continue;
      const strategy = this.#strategy(queued, event);
      if (strategy !== 'skip') moving.push([queued, strategy]);
    }
    // A gate may put them back where they were: those are chosen before the first is moved.
    for (const [queued, strategy] of moving) this.#requeue(queued, strategy);
  }

  /** Tries the pod again at once, whatever it waits for, unless a gate holds it. */
  activate(uid: string): void {
    const queued = this.#unschedulable.get(uid) ?? this.#backoff.get(uid) ?? this.#errorBackoff.get(uid);
    if (!queued) return;
    this.delete(uid);
    this.#enqueue(queued);
  }

  #listenersFor(pod: Readonly<Pod>, resource: ClusterResource): readonly Listener[] {
    const plugins = this.#hintsOf(pod);
    let byResource = this.#listeners.get(plugins);
    if (!byResource) {
      const made = new Map<ClusterResource, Listener[]>();
      for (const { name, events = [] } of plugins) {
        for (const interest of events) {
          const known = made.get(interest.resource) ?? [];
          made.set(interest.resource, [...known, { plugin: name, interest }]);
        }
      }
      byResource = made;
      this.#listeners.set(plugins, byResource);
    }
    return byResource.get(resource) ?? [];
  }

  /** Does the plugin that holds the pod listen to such events? */
  #opensGate({ gatedBy, info }: QueuedPod, event: ClusterEvent): boolean {
    return this.#listenersFor(info.pod, event.resource).some(
      ({ plugin, interest }) => plugin === gatedBy && isOfInterest(interest, event),
    );
  }

  /** Upstream: isPodWorthRequeuing. */
  #strategy(queued: QueuedPod, event: ClusterEvent): Strategy {
    const { unschedulablePlugins, pendingPlugins, info } = queued;
    if (unschedulablePlugins.size === 0 || unschedulablePlugins.has(anyEvent)) return 'after backoff';
    let strategy: Strategy = 'skip';
    for (const { plugin, interest } of this.#listenersFor(info.pod, event.resource)) {
      if (!unschedulablePlugins.has(plugin) || !isOfInterest(interest, event)) continue;
      if (interest.hint && !interest.hint(info, event.old, event.now)) continue;
      if (pendingPlugins.has(plugin)) return 'at once';
      strategy = 'after backoff';
      if (pendingPlugins.size === 0) break;
    }
    return strategy;
  }

  #requeue(queued: QueuedPod, strategy: Strategy): void {
    const { uid } = queued.info;
    if (strategy === 'skip') {
      this.#unschedulable.set(uid, queued);
      return;
    }
    this.#unschedulable.delete(uid);
    if (this.#hold(queued)) return;
    if (strategy === 'at once' || !this.#isBackingOff(queued)) this.#active.push(queued);
    else {
      (queued.unschedulablePlugins.size === 0 ? this.#errorBackoff : this.#backoff).push(queued);
      this.#arm();
    }
    this.#notify();
  }

  #flushBackoff(): void {
    if (this.#backoff.size + this.#errorBackoff.size === 0) return;
    for (const heap of [this.#backoff, this.#errorBackoff]) {
      for (let pod = heap.peek(); pod && !this.#isBackingOff(pod); pod = heap.peek()) {
        heap.pop();
        this.#active.push(pod);
      }
    }
    this.#arm();
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#closed) return;
    const waiting = [this.#backoff, this.#errorBackoff].flatMap((heap) => heap.peek() ?? []);
    if (waiting.length === 0) return;
    const end = Math.min(...waiting.map((pod) => this.#backoffEnd(pod))) + windowMs;
    this.#timer = this.#clock.schedule(Math.max(0, end - this.#clock.now()), () => {
      this.#flushBackoff();
      this.#notify();
    });
  }

  /** Pods nothing helped for five minutes are tried again. Called every 30 s. */
  flushUnschedulable(): void {
    const now = this.#clock.now();
    const moving = [...this.#unschedulable.values()].filter(
      ({ gatedBy, timestamp }) => !gatedBy && now - timestamp >= unschedulableLimitMs,
    );
    for (const queued of moving) this.#requeue(queued, 'after backoff');
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

function toWindow(time: number): number {
  return Math.floor(time / windowMs) * windowMs;
}
