import type { Message } from './types.ts';

interface Pending {
  readonly request: Message;
  readonly index: number;
  readonly acks: Set<number>;
}

/** Reads waiting for a quorum to confirm that this node still leads. Upstream: etcd-io/raft read_only.go (safe mode). */
export class ReadOnly {
  #pending: Map<string, Pending>;

  constructor(pending: Map<string, Pending> = new Map()) {
    this.#pending = pending;
  }

  add(index: number, request: Message): void {
    const context = request.context!;
    if (!this.#pending.has(context)) this.#pending.set(context, { request, index, acks: new Set() });
  }

  /** Records that `id` confirmed; returns who has so far. */
  ack(id: number, context: string): ReadonlySet<number> {
    const pending = this.#pending.get(context);
    pending?.acks.add(id);
    return pending?.acks ?? new Set();
  }

  /** The reads confirmed along with `context`: it and all that came before it. */
  advance(context: string): readonly Pending[] {
    const done: Pending[] = [];
    if (!this.#pending.has(context)) return done;
    for (const [key, pending] of this.#pending) {
      done.push(pending);
      this.#pending.delete(key);
      if (key === context) break;
    }
    return done;
  }

  /** Context of the newest waiting read: heartbeats carry it. */
  get lastContext(): string | undefined {
    let last: string | undefined;
    for (const key of this.#pending.keys()) last = key;
    return last;
  }

  clone(): ReadOnly {
    return new ReadOnly(new Map([...this.#pending].map(([k, p]) => [k, { ...p, acks: new Set(p.acks) }])));
  }
}
