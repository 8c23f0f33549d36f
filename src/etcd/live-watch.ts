import { Deferred } from '../base/index.ts';
import { EtcdError, type WatchRequest, type WatchResponse, type WatchStream } from './kv.ts';
import type { LiveMembers } from './live-members.ts';
import type { Member } from './member.ts';

type Inner = ReturnType<Member['hub']['watch']>;

/** A watch that outlives its member: when that one is no longer live it goes on at another, without a gap. */
export class LiveWatch implements WatchStream {
  readonly #live: LiveMembers;
  readonly #request: WatchRequest;
  readonly #unsubscribe: () => void;
  #member: Member;
  #inner: Inner;
  /** The first revision its reader has not been told of. */
  #next: number;
  #created = false;
  #over = false;
  #change = new Deferred();

  constructor(live: LiveMembers, request: WatchRequest) {
    this.#live = live;
    this.#request = request;
    this.#member = live.current;
    this.#next = request.startRevision || this.#member.cursor.revision + 1;
    this.#inner = this.#open();
    this.#unsubscribe = live.subscribe(() => {
      if (live.current !== this.#member) this.#inner.cancel();
      this.#change.resolve();
      this.#change = new Deferred();
    });
  }

  #open(): Inner {
    this.#member = this.#live.current;
    return this.#member.hub.watch({ ...this.#request, startRevision: this.#next });
  }

  requestProgress(): void {
    this.#inner.requestProgress();
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#unsubscribe();
    this.#inner.cancel();
    this.#change.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchResponse, void, void> {
    try {
      for (;;) {
        const inner = this.#inner;
        try {
          for (;;) {
            const response = await inner.next();
            if (!response) break;
            if (response.created && this.#created) continue;
            this.#created = true;
            // A member that lags has nothing to say that the one before had not said.
            if (!response.created && !response.canceled && response.revision < this.#next) continue;
            if (!response.created) this.#next = Math.max(this.#next, response.revision + 1);
            yield response;
            if (response.canceled) return;
          }
        } catch (error) {
          // Its member crashed, and no other was live then.
          if (!(error instanceof EtcdError && error.code === 'Unavailable')) throw error;
        }
        while (!this.#over && this.#live.stopped === undefined && !this.#live.current.running) {
          await this.#change.promise;
        }
        if (this.#over) return;
        if (this.#live.stopped !== undefined) throw this.#live.stopped;
        this.#inner = this.#open();
      }
    } finally {
      this.cancel();
    }
  }
}
