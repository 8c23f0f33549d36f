import type { Clock, Timer } from '../base/index.ts';
import type { Lease } from '../mvcc/index.ts';
import type { Member } from './member.ts';
import type { StateMachine } from './state-machine.ts';

/** etcd looks for expired leases this often, and revokes at most so many at once. */
const revokeEveryMs = 500;
const revokeAtOnce = 1000;

/**
 * Lets leases of one state machine expire: while one of its members leads, the time of leases runs, and the leader
 * proposes the revocation of those whose time is up. One timer, for the next expiry; none without leases.
 */
export class LeaseKeeper {
  readonly #machine: StateMachine;
  readonly #clock: Clock;
  readonly #electionMs: number;
  #leader: Member | undefined;
  #term = 0;
  #version = -1;
  #timer: Timer | undefined;

  constructor(machine: StateMachine, clock: Clock, electionMs: number) {
    this.#machine = machine;
    this.#clock = clock;
    this.#electionMs = electionMs;
  }

  /** Call after every turn, with the members of the state machine. */
  update(members: readonly Member[]): void {
    let leader: Member | undefined;
    for (const m of members) {
      if (m.node?.role === 'leader' && !m.paused && m.node.term > (leader?.node?.term ?? 0)) leader = m;
    }
    const { lessor } = this.#machine.store;
    const term = leader?.node?.term ?? 0;
    if (leader !== this.#leader || term !== this.#term) {
      this.#leader = leader;
      this.#term = term;
      if (leader) lessor.promote(this.#clock.monotonic(), this.#electionMs);
      else lessor.demote();
    }
    if (!leader || lessor.version === this.#version) return;
    this.#version = lessor.version;
    lessor.startNew(this.#clock.monotonic());
    this.#arm();
  }

  #arm(): void {
    this.#timer?.cancel();
    const next = this.#machine.store.lessor.nextExpiry();
    this.#timer = undefined;
    if (next === undefined) return;
    this.#timer = this.#clock.schedule(Math.max(0, next - this.#clock.monotonic()), () => this.#expire());
  }

  #expire(): void {
    this.#timer = undefined;
    const leader = this.#leader;
    if (!leader?.running) return;
    const expired = this.#machine.store.lessor.expired(this.#clock.monotonic(), revokeAtOnce);
    for (const lease of expired) this.#revoke(leader, lease);
    if (expired.length === 0) this.#arm();
    else this.#timer = this.#clock.schedule(revokeEveryMs, () => this.#expire());
  }

  #revoke(leader: Member, lease: Lease): void {
    const cause = { timer: `lease ${lease.id.toString(16)} expired` };
    const provenance = { actor: 'etcd:lessor', cause };
    // A revocation that fails is proposed again as long as the lease is there.
    leader.propose({ kind: 'leaseRevoke', id: lease.id }, { provenance }).catch(() => {});
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
