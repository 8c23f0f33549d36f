/** Pods that have a node and wait for leave to be bound. Upstream: framework/runtime/waiting_pods_map.go (1.36). */
import { type Clock, Deferred, type Timer } from '../base/index.ts';

/** Upstream: maxTimeout of the framework. */
const longestWaitMs = 15 * 60_000;

export interface PermitRefusal {
  readonly plugin: string;
  readonly message: string;
}

export class WaitingPod {
  readonly uid: string;
  readonly #timers = new Map<string, Timer>();
  readonly #outcome = new Deferred<PermitRefusal | undefined>();

  constructor(uid: string, clock: Clock, waits: ReadonlyMap<string, number>) {
    this.uid = uid;
    for (const [plugin, waitMs] of waits) {
      const limit = Math.min(waitMs, longestWaitMs);
      const message = `rejected due to timeout after waiting ${limit / 1000}s at plugin ${plugin}`;
      this.#timers.set(
        plugin,
        clock.schedule(limit, () => this.reject(plugin, message)),
      );
    }
  }

  /** Plugins that have not given leave. */
  get pending(): readonly string[] {
    return [...this.#timers.keys()];
  }

  allow(plugin: string): void {
    this.#timers.get(plugin)?.cancel();
    this.#timers.delete(plugin);
    if (this.#timers.size === 0) this.#outcome.resolve(undefined);
  }

  reject(plugin: string, message: string): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#outcome.resolve({ plugin, message });
  }

  /** Undefined: every plugin gave leave. */
  get outcome(): Promise<PermitRefusal | undefined> {
    return this.#outcome.promise;
  }
}

export class WaitingPods {
  readonly #clock: Clock;
  readonly #pods = new Map<string, WaitingPod>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(uid: string): WaitingPod | undefined {
    return this.#pods.get(uid);
  }

  values(): Iterable<WaitingPod> {
    return this.#pods.values();
  }

  /** `waits`: plugin → longest wait in ms. */
  add(uid: string, waits: ReadonlyMap<string, number>): WaitingPod {
    const pod = new WaitingPod(uid, this.#clock, waits);
    this.#pods.set(uid, pod);
    return pod;
  }

  remove(uid: string): void {
    this.#pods.delete(uid);
  }
}
