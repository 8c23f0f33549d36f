import { yieldToEventLoop } from '../base/index.ts';
import { IntervalIndex } from './interval-index.ts';
import type { Change, RevisionChanges, Store } from './store.ts';
import { compacted, type Event, inRange, type KeyRange, keyRange } from './types.ts';

export interface WatchOptions {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array;
  readonly startRevision?: number;
  readonly prevKv?: boolean;
  readonly progressNotify?: boolean;
  readonly filters?: readonly ('noput' | 'nodelete')[];
}

export interface WatchAnswer {
  readonly revision: number;
  readonly events: readonly Event[];
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly cancelReason?: string;
  readonly compactRevision?: number;
}

/** Answers a watcher holds before it falls back to reading from the store at its reader's pace. */
const maxQueued = 1024;
/** Bytes of values it holds before it does so. */
const maxQueuedBytes = 8 * 1024 * 1024;
/** Changes read at once for a watcher that catches up. */
const syncBatch = 512;

/**
 * The watchers of one member. Synced ones get events as revisions are published; one that starts in the past, or
 * whose reader is slow, is unsynced: it holds nothing but a revision, and reads on from there when its reader asks.
 * So nothing is lost and nothing grows; only a compaction that overtakes it ends it.
 * Upstream: etcd server/storage/mvcc/watchable_store.go.
 */
export class WatchHub {
  readonly #store: Store;
  readonly #synced = new IntervalIndex<Watcher>();
  readonly #watchers = new Set<Watcher>();
  /** Watchers are complete up to here. */
  #revision: number;
  #compactRevision: number;

  constructor(store: Store, revision: number, compactRevision: number) {
    this.#store = store;
    this.#revision = revision;
    this.#compactRevision = compactRevision;
  }

  get revision(): number {
    return this.#revision;
  }

  get size(): number {
    return this.#watchers.size;
  }

  watch(options: WatchOptions): Watcher {
    const watcher: Watcher = new Watcher(this, options, this.#revision);
    this.#watchers.add(watcher);
    if (watcher.synced) this.#synced.add(watcher.range, watcher);
    return watcher;
  }

  /** The member has applied up to `revision`; `changes` are all since the last call. */
  advance(changes: readonly RevisionChanges[], revision: number, compactRevision: number): void {
    const before = this.#revision;
    this.#compactRevision = compactRevision;
    this.#revision = revision;
    if (changes.length === 0 || this.#watchers.size === 0) return;
    const touched = new Map<Watcher, Event[]>();
    let current = 0;
    let change: Change;
    const visit = (watcher: Watcher) => {
      if (current < watcher.nextRevision) return;
      const event = watcher.select(change);
      if (!event) return;
      const events = touched.get(watcher);
      if (events) events.push(event);
      else touched.set(watcher, [event]);
    };
    for (const { revision: main, changes: list } of changes) {
      current = main;
      for (change of list) this.#synced.stab(change.name, visit);
    }
    for (const [watcher, events] of touched) watcher.deliver(events, revision, before);
  }

  /** A snapshot replaced the state: nobody was told what happened between, so everybody reads it from the store. */
  jump(revision: number, compactRevision: number): void {
    for (const watcher of this.#watchers) {
      if (watcher.synced) watcher.completeUpTo(this.#revision);
      this.unsync(watcher);
    }
    this.#revision = revision;
    this.#compactRevision = compactRevision;
    for (const watcher of this.#watchers) watcher.wake();
  }

  /** Sends an empty answer to idle watchers that asked for progress notifications. */
  notifyProgress(): void {
    for (const watcher of this.#watchers) if (watcher.wantsProgress) watcher.requestProgress();
  }

  /** Ends every watch with `error`. */
  close(error: unknown): void {
    for (const watcher of [...this.#watchers]) watcher.fail(error);
  }

  unsync(watcher: Watcher): void {
    if (!watcher.synced) return;
    watcher.synced = false;
    this.#synced.delete(watcher.range, watcher);
  }

  remove(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    this.unsync(watcher);
  }

  /** For a watcher that catches up: its next answer, or undefined when there is none yet in the part looked at. */
  catchUp(watcher: Watcher): WatchAnswer | undefined {
    const from = watcher.nextRevision - 1;
    if (watcher.nextRevision < this.#compactRevision) {
      return {
        revision: this.#revision,
        events: [],
        canceled: true,
        compactRevision: this.#compactRevision,
        cancelReason: compacted().message,
      };
    }
    let events: Event[] = [];
    let complete = this.#revision;
    if (from < this.#revision) {
      const found = this.#store.changesBetween(from, this.#revision, watcher.range, syncBatch);
      complete = found.complete;
      events = found.changes.flatMap(({ changes }) => changes.map((c) => watcher.select(c)).filter((e) => !!e));
      watcher.nextRevision = complete + 1;
    }
    if (complete === this.#revision) {
      watcher.synced = true;
      this.#synced.add(watcher.range, watcher);
    }
    return events.length > 0 ? { revision: complete, events } : undefined;
  }
}

/** One watch, read as an async iterable by one reader. */
export class Watcher implements AsyncIterable<WatchAnswer> {
  readonly range: KeyRange;
  readonly wantsProgress: boolean;
  synced: boolean;
  /** Everything below has been queued or read. */
  nextRevision: number;
  readonly #hub: WatchHub;
  readonly #prevKv: boolean;
  readonly #noPut: boolean;
  readonly #noDelete: boolean;
  #queue: WatchAnswer[];
  #queuedBytes = 0;
  #progress = false;
  #ended = false;
  #error: unknown;
  #wake: (() => void) | undefined;

  constructor(hub: WatchHub, options: WatchOptions, revision: number) {
    this.#hub = hub;
    this.range = keyRange(options.key, options.rangeEnd);
    this.wantsProgress = options.progressNotify === true;
    this.#prevKv = options.prevKv === true;
    this.#noPut = options.filters?.includes('noput') ?? false;
    this.#noDelete = options.filters?.includes('nodelete') ?? false;
    this.nextRevision = options.startRevision || revision + 1;
    this.synced = this.nextRevision > revision;
    this.#queue = [{ revision, events: [], created: true }];
  }

  /** The event of a change as this watcher wants it; undefined when it does not. */
  select(change: Change): Event | undefined {
    if (change.event.type === 'put' ? this.#noPut : this.#noDelete) return undefined;
    if (!inRange(this.range, change.name)) return undefined;
    return this.#prevKv ? change.withPrevious : change.event;
  }

  /** Events up to `revision` of a watcher that was complete up to `before`. */
  deliver(events: readonly Event[], revision: number, before: number): void {
    if (this.#queue.length >= maxQueued || this.#queuedBytes >= maxQueuedBytes) {
      this.completeUpTo(before);
      this.#hub.unsync(this);
      return;
    }
    this.nextRevision = revision + 1;
    this.#queue.push({ revision, events });
    this.#queuedBytes += valueBytes(events);
    this.wake();
  }

  completeUpTo(revision: number): void {
    this.nextRevision = Math.max(this.nextRevision, revision + 1);
  }

  requestProgress(): void {
    this.#progress = true;
    this.wake();
  }

  cancel(): void {
    this.#end();
  }

  fail(error: unknown): void {
    this.#error = error;
    this.#end();
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#hub.remove(this);
    this.wake();
  }

  /** The next answer; undefined at the end. Throws what `fail` was given, after what is queued. */
  async next(): Promise<WatchAnswer | undefined> {
    for (;;) {
      const queued = this.#queue.shift();
      if (queued) {
        this.#queuedBytes -= valueBytes(queued.events);
        return queued;
      }
      if (this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        return undefined;
      }
      if (!this.synced) {
        const answer = this.#hub.catchUp(this);
        if (answer?.canceled) this.#end();
        if (answer) return answer;
        if (!this.synced) await yieldToEventLoop();
        continue;
      }
      if (this.#progress) {
        this.#progress = false;
        return { revision: this.#hub.revision, events: [] };
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<WatchAnswer, void, void> {
    return {
      next: async () => {
        const value = await this.next();
        return value === undefined ? { done: true, value: undefined } : { done: false, value };
      },
      return: async () => {
        this.cancel();
        this.#queue = [];
        return { done: true, value: undefined };
      },
    };
  }
}

function valueBytes(events: readonly Event[]): number {
  let bytes = 0;
  for (const { kv } of events) bytes += kv.value.length;
  return bytes;
}
