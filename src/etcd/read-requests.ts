import { Deferred } from '../base/index.ts';
import type { ReadState } from '../raft/index.ts';
import type { Member } from './member.ts';

interface PendingRead {
  /** Resolves with the member to read at. */
  readonly deferred: Deferred<Member>;
  /** Another member may answer. */
  readonly movable: boolean;
  /** Monotonic ms. */
  readonly since: number;
}

interface ReadBatch {
  readonly context: string;
  readonly reads: PendingRead[];
  readonly since: number;
}

/** After this an answer is taken for lost and asked for again, as etcd does. Monotonic ms. */
const askAgainMs = 500;

const stays = (read: PendingRead) => !read.movable;

/**
 * Linearizable reads a member holds: those that wait to be asked for, the batch the leader is asked about, one at a
 * time, and those that know their index and wait for the member to apply it. Upstream: linearizableReadLoop.
 */
export class ReadRequests {
  #waiting: PendingRead[] = [];
  #batch: ReadBatch | undefined;
  #confirmed: { readonly index: number; readonly reads: PendingRead[] }[] = [];

  add(movable: boolean, since: number): Promise<Member> {
    const deferred = new Deferred<Member>();
    this.#waiting.push({ deferred, movable, since });
    return deferred.promise;
  }

  /** Reads wait, and no batch is under way. */
  get due(): boolean {
    return this.#waiting.length > 0 && !this.#batch;
  }

  /** All that wait become the batch the leader is asked about under `context`. */
  ask(context: string, since: number): void {
    this.#batch = { context, reads: this.#waiting, since };
    this.#waiting = [];
  }

  /** The leader has answered: what was asked may be read from `index` on. */
  confirm({ index, context }: ReadState): void {
    if (this.#batch?.context !== context) return;
    this.#confirmed.push({ index, reads: this.#batch.reads });
    this.#batch = undefined;
  }

  /** The member has applied up to `index`. */
  applied(index: number, member: Member): void {
    if (this.#confirmed.length === 0) return;
    const ready = this.#confirmed.filter((c) => c.index <= index);
    this.#confirmed = this.#confirmed.filter((c) => c.index > index);
    for (const { reads } of ready) for (const { deferred } of reads) deferred.resolve(member);
  }

  /** `timeout` gives the error of a read that has waited since then too long, else undefined. */
  expire(now: number, timeout: (since: number) => Error | undefined): void {
    const current = ({ since, deferred }: PendingRead) => {
      const error = timeout(since);
      if (error) deferred.reject(error);
      return !error;
    };
    if (this.#waiting.length > 0) this.#waiting = this.#waiting.filter(current);
    if (this.#batch && now - this.#batch.since >= askAgainMs) {
      this.#waiting.unshift(...this.#batch.reads.filter(current));
      this.#batch = undefined;
    }
  }

  /** The turn that asked did not happen: ask again. */
  retry(): void {
    if (this.#batch) this.#waiting.unshift(...this.#batch.reads);
    this.#batch = undefined;
  }

  fail(error: unknown): void {
    for (const { deferred } of this.#all()) deferred.reject(error);
    this.#waiting = [];
    this.#batch = undefined;
    this.#confirmed = [];
  }

  /** Gives reads that any member may answer to another one, which asks for them anew. */
  handOver(to: ReadRequests): void {
    to.#waiting.push(...this.#all().filter((read) => read.movable));
    this.#waiting = this.#waiting.filter(stays);
    if (this.#batch) this.#batch = { ...this.#batch, reads: this.#batch.reads.filter(stays) };
    this.#confirmed = this.#confirmed.map((c) => ({ ...c, reads: c.reads.filter(stays) }));
  }

  #all(): PendingRead[] {
    return [...this.#waiting, ...(this.#batch?.reads ?? []), ...this.#confirmed.flatMap((c) => c.reads)];
  }
}
