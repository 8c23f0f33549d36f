import type { LogStore } from '../raft/index.ts';
import { etcdError } from './errors.ts';
import { EtcdMember, type MemberApiHost } from './etcd-member.ts';
import { Member } from './member.ts';
import type { MemberHost } from './member-host.ts';
import type { ClusterMember, Membership } from './membership.ts';
import { cursorAfterRestart } from './restart-cursor.ts';
import type { StateMachine } from './state-machine.ts';
import type { ClusterStorage } from './storage.ts';

export interface RosterHost extends MemberHost, MemberApiHost {
  readonly electionMs: number;
  /** The state machine of a member: the one all share, or a new one. */
  machineFor(): StateMachine;
  /** A member is about to go: requests and watches that may move do. */
  leaving(member: Member): void;
}

/**
 * The members that run in this process, in order of index: as many as the state machine's membership names. Who was added
 * starts with an empty log, which the leader's snapshot fills; who was removed stops and its log is deleted.
 */
export class Roster {
  readonly members: Member[] = [];
  readonly apis: EtcdMember[] = [];
  readonly #host: RosterHost;
  readonly #storage: ClusterStorage;
  #seen: Membership | undefined;
  /** Entry and monotonic ms at which the leader was removed: it stays until others know. */
  readonly #farewells = new Map<Member, { readonly index: number; readonly since: number }>();

  constructor(host: RosterHost, storage: ClusterStorage) {
    this.#host = host;
    this.#storage = storage;
  }

  /** The members of an opened storage. `fresh`: the cluster is being made, by all of them. */
  open(membership: Membership, fresh: boolean): void {
    const indexes = membership.members.map(({ index }) => index);
    // A removal that was not finished when the process ended.
    for (const index of this.#storage.members()) if (!indexes.includes(index)) this.#storage.dropLog(index);
    const conf = { voters: fresh ? indexes : [], learners: [] };
    const logs = indexes.map((index) => this.#storage.log(index, conf));
    membership.members.forEach((member, i) => {
      const machine = this.#host.machineFor();
      if (membership.removed.length > 0) commitApplied(machine, logs[i]!);
      this.#take(member, logs[i]!, machine, cursorAfterRestart(machine, logs[i]!, logs));
    });
    this.#seen = membership;
  }

  #take(
    member: ClusterMember,
    ...[log, machine, cursor]: readonly [Member['log'], StateMachine, Member['cursor']]
  ): void {
    const { index, name } = member;
    const made = new Member(this.#host, { index, name, id: BigInt(member.id) }, log, machine, cursor);
    this.members.push(made);
    this.apis.push(new EtcdMember(made, this.#host));
  }

  at(index: number): Member | undefined {
    for (const member of this.members) if (member.index === index) return member;
    return undefined;
  }

  /**
   * Call after a turn. Starts and stops members as the membership of the machine that is furthest says; true when there
   * was something to do.
   */
  reconcile(): boolean {
    const { machine } = this.members.reduce((a, b) => (b.cursor.index > a.cursor.index ? b : a));
    const { membership } = machine;
    if (membership === this.#seen && this.#farewells.size === 0) return false;
    this.#seen = membership;
    let changed = false;
    for (const member of membership.members) {
      if (this.at(member.index)) continue;
      this.#join(member);
      changed = true;
    }
    for (const member of [...this.members]) {
      if (membership.members.some(({ index }) => index === member.index) || this.#lingers(member)) continue;
      this.#leave(member);
      changed = true;
    }
    return changed;
  }

  #join(member: ClusterMember): void {
    const log = this.#storage.log(member.index, { voters: [], learners: [] });
    const machine = this.#host.machineFor();
    const { revision, compactRevision } = machine.store;
    this.#take(member, log, machine, { index: 0, revision, compactRevision });
  }

  /** A leader that was removed stays for up to an election timeout, so that those who elect the next one know of it. */
  #lingers(member: Member): boolean {
    if (member.node?.role !== 'leader' || member.paused) return false;
    const now = this.#host.monotonic();
    const farewell = this.#farewells.get(member) ?? { index: member.cursor.index, since: now };
    this.#farewells.set(member, farewell);
    const others = this.members.filter((m) => m !== member && this.#host.reachable(member, m));
    const told = others.every((m) => m.cursor.index >= farewell.index);
    return !told && now - farewell.since < this.#host.electionMs;
  }

  #leave(member: Member): void {
    this.#farewells.delete(member);
    this.#host.leaving(member);
    member.crash(etcdError('Stopped'));
    const i = this.members.indexOf(member);
    this.members.splice(i, 1);
    this.apis.splice(i, 1);
    this.#storage.dropLog(member.index);
  }
}

/**
 * What the shared store has applied is committed, whether a member had heard of it or not. One of two whose leader was
 * removed may not have: it would wait for ever for the vote of a member that is gone.
 */
function commitApplied({ store }: StateMachine, log: LogStore): void {
  const { hardState } = log.initialState();
  const { appliedIndex, appliedTerm } = store;
  if (hardState.commit >= appliedIndex || log.lastIndex() < appliedIndex) return;
  if (log.firstIndex() <= appliedIndex && log.term(appliedIndex) === appliedTerm) {
    log.setHardState({ ...hardState, commit: appliedIndex });
  }
}
