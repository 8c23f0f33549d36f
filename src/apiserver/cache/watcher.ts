import type { Requirement } from '../../apimachinery/index.ts';
import { yieldToEventLoop } from '../../base/index.ts';
import type { StoredEntry, View } from '../storage/entry.ts';
import type { EncodedWatchEvent } from '../types.ts';
import { addedEvent, bookmarkEvent, type CacheEvent } from './event.ts';

/** Which objects of a resource somebody asked for. */
export interface Selection {
  /** Key prefix (all, or one namespace), always ending with a slash. */
  readonly prefix: string;
  /** One key only (metadata.name selected, namespace known). */
  readonly key?: string;
  /** Label and field selectors, on the served version. Absent = all. */
  readonly matches?: (object: StoredEntry['object']) => boolean;
  /** Value of the cache's indexed field that every selected object has. */
  readonly indexed?: string;
  /** What the label selector asks for; `matches` asks for it too. */
  readonly labels?: readonly Requirement[];
  readonly view: View;
}

export function selects(selection: Selection, key: string): boolean {
  return selection.key !== undefined ? key === selection.key : key.startsWith(selection.prefix);
}

export function passes(selection: Selection, entry: StoredEntry): boolean {
  return selection.matches === undefined || selection.matches(entry.as(selection.view).object);
}

/** Events a watcher may lag behind before it is closed. */
export const watcherBound = 10_000;
/** Events handed out in a row before other tasks get a turn. */
const burst = 500;

/**
 * One client's watch: initial state, then changes, in order and without gaps. A reader that falls too far behind gets
 * what is queued and then the end; it resumes from its last resourceVersion, as upstream's slow watchers do.
 */
export class CacheWatcher implements AsyncIterableIterator<EncodedWatchEvent> {
  readonly selection: Selection;
  readonly bookmarks: boolean;
  /** Called once when the watch ends, for whatever reason. */
  onEnd: (() => void) | undefined;
  readonly #onStop: (watcher: CacheWatcher) => void;
  #queue: (EncodedWatchEvent | CacheEvent | StoredEntry)[];
  #head = 0;
  #live = 0;
  #after: number;
  #closed = false;
  #wake: ((result: IteratorResult<EncodedWatchEvent>) => void) | undefined;
  #inARow = 0;

  constructor(
    selection: Selection,
    options: {
      bookmarks: boolean;
      /** Events up to this revision are not wanted. */
      after: number;
      initial: (EncodedWatchEvent | StoredEntry)[];
      onStop: (watcher: CacheWatcher) => void;
    },
  ) {
    this.selection = selection;
    this.bookmarks = options.bookmarks;
    this.#after = options.after;
    this.#queue = options.initial;
    this.#onStop = options.onStop;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Takes a change if it concerns the selection. */
  offer(event: CacheEvent): void {
    if (event.revision <= this.#after || !selects(this.selection, event.key)) return;
    const form = formOf(event, this.selection);
    if (form) this.push(form);
  }

  /** `revision`: all changes up to it have been offered. */
  bookmark(revision: number, event?: EncodedWatchEvent): void {
    if (revision <= this.#after) return;
    this.push(event ?? bookmarkEvent(this.selection.view, revision));
  }

  push(event: EncodedWatchEvent): void {
    if (this.#closed) return;
    const wake = this.#wake;
    if (wake) {
      this.#wake = undefined;
      wake({ value: event, done: false });
      return;
    }
    if (++this.#live > watcherBound) {
      this.stop();
      return;
    }
    this.#queue.push(event);
  }

  /** Ends the watch: what is queued is still read. */
  stop(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onStop(this);
    this.onEnd?.();
    this.#wake?.({ value: undefined, done: true });
    this.#wake = undefined;
  }

  next(): Promise<IteratorResult<EncodedWatchEvent>> {
    if (this.#head < this.#queue.length) {
      if (++this.#inARow >= burst) {
        this.#inARow = 0;
        return yieldToEventLoop().then(() => this.next());
      }
      return Promise.resolve({ value: this.#take(), done: false });
    }
    if (this.#closed) return Promise.resolve({ value: undefined, done: true });
    this.#inARow = 0;
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  return(): Promise<IteratorResult<EncodedWatchEvent>> {
    this.stop();
    this.#queue = [];
    this.#head = 0;
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): EncodedWatchEvent {
    const item = this.#queue[this.#head]!;
    this.#queue[this.#head++] = undefined as never;
    if (this.#live > 0) this.#live--;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
      this.#live = 0;
    }
    return 'encoded' in item && 'event' in item ? item : addedEvent(item as StoredEntry, this.selection.view);
  }
}

/** What a change looks like to somebody who sees only the selection. Upstream: cacher/cache_watcher.go convertToWatchEvent. */
export function formOf(event: CacheEvent, selection: Selection): EncodedWatchEvent | undefined {
  const now = event.entry !== undefined && passes(selection, event.entry);
  const before = event.prev !== undefined && passes(selection, event.prev);
  if (now) return event.as(before ? 'MODIFIED' : 'ADDED', selection.view);
  return before ? event.as('DELETED', selection.view) : undefined;
}
