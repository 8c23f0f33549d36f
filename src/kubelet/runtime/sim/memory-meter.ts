/**
 * Memory of a simulated container, computed when asked: a working set by image, what programs take, and what grows with
 * time. The moment the limit is passed is known beforehand, so that one timer a growing container is all that runs.
 * Upstream counterpart: memory.max of a cgroup v2, with memory.oom.group set: all processes of the container die.
 */
import type { Clock, Timer } from '../../../base/index.ts';

/** An idle program fits into the limit its author gave it, whatever the model thinks of its image. */
const idleShareOfLimit = 0.6;

export interface MemoryMeterOptions {
  /** Bytes of the idle program. */
  readonly base: number;
  /** Bytes. Absent: none. */
  readonly limit?: number | undefined;
  readonly onOutOfMemory: () => void;
}

export class MemoryMeter {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #onOutOfMemory: () => void;
  #bytes: number;
  /** Cluster-clock ms at which `#bytes` was true. */
  #at: number;
  readonly #growths = new Set<{ readonly perMs: number; left: number }>();
  #timer: Timer | undefined;

  constructor(clock: Clock, { base, limit = Number.POSITIVE_INFINITY, onOutOfMemory }: MemoryMeterOptions) {
    this.#clock = clock;
    this.#limit = limit;
    this.#onOutOfMemory = onOutOfMemory;
    this.#bytes = Math.min(base, limit * idleShareOfLimit);
    this.#at = clock.now();
  }

  /** Bytes of the working set now. */
  get used(): number {
    this.#advance();
    return Math.round(this.#bytes);
  }

  /** Takes so many bytes until the returned function is called. */
  take(bytes: number): () => void {
    this.#advance();
    this.#bytes += bytes;
    this.#look();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#advance();
      this.#bytes -= bytes;
      this.#look();
    };
  }

  /** Takes so many bytes more each second, at most `max` in all. What was taken stays. */
  grow(bytesPerSecond: number, max = Number.POSITIVE_INFINITY): void {
    this.#advance();
    this.#growths.add({ perMs: bytesPerSecond / 1000, left: max });
    this.#look();
  }

  /** The container has ended. */
  close(): void {
    this.#timer?.cancel();
    this.#growths.clear();
  }

  #advance(): void {
    const now = this.#clock.now();
    const ms = now - this.#at;
    this.#at = now;
    if (ms <= 0) return;
    for (const growth of this.#growths) {
      const more = Math.min(growth.perMs * ms, growth.left);
      growth.left -= more;
      this.#bytes += more;
      if (growth.left <= 0) this.#growths.delete(growth);
    }
  }

  /** Kills, or waits for the moment to. */
  #look(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#bytes > this.#limit) {
      this.#onOutOfMemory();
      return;
    }
    let perMs = 0;
    let left = 0;
    for (const growth of this.#growths) {
      perMs += growth.perMs;
      left += growth.left;
    }
    const room = this.#limit - this.#bytes;
    if (perMs <= 0 || left < room) return;
    this.#timer = this.#clock.schedule(Math.max(1, Math.ceil(room / perMs)), () => {
      this.#advance();
      this.#look();
    });
  }
}
