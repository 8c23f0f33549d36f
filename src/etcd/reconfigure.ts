/** Member add, remove, promote, update, with the checks etcd makes before it proposes. Upstream: server/etcdserver/server.go. */
import { createHash } from 'node:crypto';
import { etcdError } from './errors.ts';
import type { CallOptions } from './kv.ts';
import type { Member } from './member.ts';
import { type ClusterMember, type MemberChange, memberOf, nextIndex, peerUrlsOf } from './membership.ts';

/** Share of the leader's log a learner must have. Upstream: readyPercent. */
const readyShare = 0.9;

export interface ReconfigureHost {
  readonly members: readonly Member[];
  reachable(a: Member, b: Member): boolean;
  now(): number;
}

/** The changes one member's clients ask for. One at a time: the next waits until the one before is applied. */
export class Reconfigure {
  readonly #host: ReconfigureHost;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(host: ReconfigureHost) {
    this.#host = host;
  }

  /** Returns the new member as etcd answers: without a name, which it gets when it has started. */
  add(at: Member, urls: readonly string[], isLearner: boolean, options?: CallOptions): Promise<ClusterMember> {
    return this.#inTurn(async () => {
      const peerUrls = peerUrlsOf(urls);
      this.#mayAdd(at, isLearner);
      const { membership } = at.machine;
      const index = nextIndex(membership);
      const name = freeName(membership.members, peerUrls, index);
      const id = createHash('sha1')
        .update([...peerUrls, at.header().clusterId.toString(16), this.#host.now(), index].join('\n'))
        .digest()
        .readBigUInt64BE(0)
        .toString();
      const member: ClusterMember = { index, id, name, peerUrls, isLearner };
      await this.#propose(at, { op: 'add', member }, options);
      return { ...member, name: '' };
    });
  }

  remove(at: Member, id: bigint, options?: CallOptions): Promise<void> {
    return this.#inTurn(async () => {
      this.#mayRemove(at, id.toString());
      await this.#propose(at, { op: 'remove', id: id.toString() }, options);
    });
  }

  promote(at: Member, id: bigint, options?: CallOptions): Promise<void> {
    return this.#inTurn(async () => {
      this.#mayPromote(at, id.toString());
      await this.#propose(at, { op: 'promote', id: id.toString() }, options);
    });
  }

  update(at: Member, id: bigint, peerUrls: readonly string[], options?: CallOptions): Promise<void> {
    return this.#inTurn(() => this.#propose(at, { op: 'update', id: id.toString(), peerUrls }, options));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #propose(at: Member, change: MemberChange, options: CallOptions | undefined): Promise<void> {
    await at.propose({ kind: 'member', change }, options);
  }

  #voters(): Member[] {
    return this.#host.members.filter((m) => !m.isLearner);
  }

  /** Members of `voters` that answer `at` now. etcd asks for five seconds of it; here links are known, not measured. */
  #active(at: Member, voters: readonly Member[]): number {
    return voters.filter((m) => m === at || this.#host.reachable(at, m)).length;
  }

  #mayAdd(at: Member, isLearner: boolean): void {
    const voters = this.#voters();
    const known = at.machine.membership.members.filter((m) => !m.isLearner).length;
    // A voter that has not started would count in the majority and not in the votes.
    if (!isLearner && !(voters.length === 1 && known === 1) && voters.length < Math.floor((known + 1) / 2) + 1) {
      throw etcdError('MemberNotEnoughStarted');
    }
    if (this.#active(at, voters) < known) throw etcdError('Unhealthy');
  }

  #mayRemove(at: Member, id: string): void {
    const { membership } = at.machine;
    const member = memberOf(membership, id);
    if (member?.isLearner) return;
    const voters = membership.members.filter((m) => !m.isLearner);
    const rest = voters.filter((m) => m.id !== id).length;
    const started = this.#voters().filter((m) => m.index !== member?.index).length;
    if (rest === 0 || started < Math.floor(rest / 2) + 1) throw etcdError('MemberNotEnoughStarted');
    const runs = this.#host.members.find((m) => m.index === member?.index);
    // One that is down may always go: it is no part of the majority that works.
    if (runs !== at && !(runs && this.#host.reachable(at, runs))) return;
    if (this.#active(at, this.#voters()) - 1 < 1 + Math.floor((voters.length - 1) / 2)) throw etcdError('Unhealthy');
  }

  #mayPromote(at: Member, id: string): void {
    const { leader } = at;
    if (leader?.node?.role !== 'leader') throw etcdError('NoLeader');
    const { membership } = at.machine;
    const member = memberOf(membership, id);
    if (!member) throw etcdError('MemberNotFound');
    const { progress } = leader.node.status();
    const match = (index: number) => progress.find((p) => p.id === index)?.match ?? 0;
    if (match(member.index) < match(leader.index) * readyShare) throw etcdError('LearnerNotReady');
    const known = membership.members.filter((m) => !m.isLearner).length + (member.isLearner ? 1 : 0);
    const started = this.#voters().length + (member.isLearner ? 1 : 0);
    if (started < Math.floor(known / 2) + 1) throw etcdError('MemberNotEnoughStarted');
  }
}

/** Members in this process carry the name in their address; others get the next of m1, m2, … */
function freeName(members: readonly ClusterMember[], peerUrls: readonly string[], index: number): string {
  const wanted = peerUrls.find((url) => url.startsWith('inproc://'))?.slice('inproc://'.length);
  if (wanted) return wanted;
  let n = index;
  while (members.some(({ name }) => name === `m${n}`)) n++;
  return `m${n}`;
}
