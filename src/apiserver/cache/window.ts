/** The events a watch may still start from. Upstream: apiserver/pkg/storage/cacher/watch_cache.go. */
import type { CacheEvent } from './event.ts';

export interface WindowOptions {
  /** Events always kept. Default 100. */
  readonly least?: number;
  /** Events kept at most. Default 102,400. */
  readonly most?: number;
  /** Between the two, events younger than this are kept. Default 75 s. */
  readonly freshMs?: number;
}

/** A sliding window over the changes of one resource, ordered by revision. */
export class EventWindow {
  readonly #least: number;
  readonly #most: number;
  readonly #freshMs: number;
  #events: CacheEvent[] = [];
  #head = 0;
  /** Everything after this revision is in the window. */
  #completeAfter = 0;

  constructor(options: WindowOptions = {}) {
    this.#least = options.least ?? 100;
    this.#most = options.most ?? 102_400;
    this.#freshMs = options.freshMs ?? 75_000;
  }

  get size(): number {
    return this.#events.length - this.#head;
  }

  /** A watch may start after this revision or any later one. */
  get completeAfter(): number {
    return this.#completeAfter;
  }

  /** Events that `extend` may still add. */
  get room(): number {
    return this.#most - this.size;
  }

  /** Puts older events before those that are held: from then on the window is complete after `revision`. */
  extend(events: readonly CacheEvent[], revision: number): void {
    this.#events = [...events, ...this.#events.slice(this.#head)];
    this.#head = 0;
    this.#completeAfter = revision;
  }

  /** Forgets everything: what follows is complete after `revision`. */
  reset(revision: number): void {
    this.#events = [];
    this.#head = 0;
    this.#completeAfter = revision;
  }

  push(event: CacheEvent, now: number): void {
    this.#events.push(event);
    while (this.size > this.#most || (this.size > this.#least && this.#events[this.#head]!.at < now - this.#freshMs)) {
      this.#completeAfter = this.#events[this.#head]!.revision;
      this.#events[this.#head++] = undefined as unknown as CacheEvent;
    }
    if (this.#head > 1024 && this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Events after `revision`, oldest first; undefined when some of them are gone. */
  since(revision: number): CacheEvent[] | undefined {
    if (revision < this.#completeAfter) return undefined;
    let low = this.#head;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#events[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#events.slice(low);
  }
}
