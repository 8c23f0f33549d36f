import type { Member } from './member.ts';

/**
 * Which member serves those who do not mind which: the API server. It stays with a member while that one is live, and
 * goes to the leader, else to any live member, when it is not. Live = it runs, is not paused, and reaches a majority of
 * members that do. Upstream: etcd's client balances over its endpoints; here the endpoints are known from inside, so a
 * client leaves a member before it times out.
 */
export class LiveMembers {
  readonly #members: readonly Member[];
  readonly #reaches: (a: number, b: number) => boolean;
  readonly #listeners = new Set<() => void>();
  #current: Member;
  #stopped: unknown;

  constructor(members: readonly Member[], reaches: (a: number, b: number) => boolean) {
    this.#members = members;
    this.#reaches = reaches;
    this.#current = members[0]!;
  }

  get current(): Member {
    return this.#current;
  }

  isLive(member: Member): boolean {
    const up = (m: Member) => m.running && !m.paused;
    if (!up(member)) return false;
    if (member.isLearner) return false;
    const voters = this.#members.filter((m) => !m.isLearner);
    const met = voters.filter((m) => m === member || (up(m) && this.meet(member, m)));
    return met.length > voters.length / 2;
  }

  /** Whether both hear each other. */
  meet(a: Member, b: Member): boolean {
    return this.#reaches(a.index, b.index) && this.#reaches(b.index, a.index);
  }

  /** Call when a member or the network changed. `without`: a member about to go. Requests and watches move along. */
  changed(without?: Member): void {
    const before = this.#current;
    const serves = (m: Member) => m !== without && this.#members.includes(m) && this.isLive(m);
    if (!serves(before)) {
      const live = this.#members.filter(serves);
      let next = live[0];
      for (const m of live) if (m.node!.role === 'leader' && m.node!.term >= next!.node!.term) next = m;
      if (next) {
        before.handOver(next);
        this.#current = next;
      }
    }
    for (const listener of [...this.#listeners]) listener();
  }

  /** The cluster ends: so do its watches, with this error. */
  stop(error: unknown): void {
    this.#stopped = error;
    for (const listener of [...this.#listeners]) listener();
  }

  get stopped(): unknown {
    return this.#stopped;
  }

  /** `listener` is called after every change, until the function returned is. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
