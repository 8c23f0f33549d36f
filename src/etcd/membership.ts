/** Who belongs to the cluster, and what may change it. Upstream: etcd server/etcdserver/api/membership/cluster.go. */
import type { ConfChange } from '../raft/index.ts';
import { etcdError } from './errors.ts';

export interface ClusterMember {
  /** Raft's ID: 1, 2, … Never given twice. */
  readonly index: number;
  /** etcd's ID, unsigned and decimal. */
  readonly id: string;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
}

export interface Membership {
  /** In order of index. */
  readonly members: readonly ClusterMember[];
  readonly removed: readonly Pick<ClusterMember, 'index' | 'id'>[];
  /** Indexes of Raft entries whose change was refused: every member passes over them. */
  readonly refused: readonly number[];
}

export type MemberChange =
  | { readonly op: 'add'; readonly member: ClusterMember }
  | { readonly op: 'remove'; readonly id: string }
  | { readonly op: 'promote'; readonly id: string }
  | { readonly op: 'update'; readonly id: string; readonly peerUrls: readonly string[] };

/** etcd's limit. */
const maxLearners = 1;

export function memberOf(membership: Membership, id: string): ClusterMember | undefined {
  return membership.members.find((m) => m.id === id);
}

/** What the change makes of the cluster. Throws etcd's error when it may not be. */
export function changeMembers(membership: Membership, change: MemberChange): Membership {
  const { members } = membership;
  if (change.op === 'add') {
    const { member } = change;
    const known = [...members, ...membership.removed];
    if (known.some((m) => m.id === member.id || m.index === member.index)) throw etcdError('MemberExist');
    checkUrls(members, member.peerUrls);
    if (member.isLearner && members.filter((m) => m.isLearner).length >= maxLearners) {
      throw etcdError('TooManyLearners');
    }
    return { ...membership, members: [...members, member].sort((a, b) => a.index - b.index) };
  }
  const member = memberOf(membership, change.id);
  if (!member) throw etcdError('MemberNotFound');
  const others = members.filter((m) => m !== member);
  const replaced = (by: ClusterMember) => ({ ...membership, members: members.map((m) => (m === member ? by : m)) });
  switch (change.op) {
    case 'remove': {
      const { index, id } = member;
      return { ...membership, members: others, removed: [...membership.removed, { index, id }] };
    }
    case 'promote':
      if (!member.isLearner) throw etcdError('MemberNotLearner');
      return replaced({ ...member, isLearner: false });
    case 'update':
      checkUrls(others, change.peerUrls);
      return replaced({ ...member, peerUrls: change.peerUrls });
  }
}

function checkUrls(members: readonly ClusterMember[], urls: readonly string[]): void {
  if (members.some((m) => m.peerUrls.some((url) => urls.includes(url)))) throw etcdError('PeerUrlExist');
}

/** What Raft is told of the change. `membership`: as it is before. */
export function confChangeOf(membership: Membership, change: MemberChange, context: unknown): ConfChange {
  if (change.op === 'add') {
    const { isLearner, index } = change.member;
    return { type: isLearner ? 'addLearner' : 'addVoter', node: index, context };
  }
  // A member that is not there: the entry will be refused, and Raft never asked.
  const node = memberOf(membership, change.id)?.index ?? 0;
  const types = { remove: 'remove', promote: 'addVoter', update: 'update' } as const;
  return { type: types[change.op], node, context };
}

/** The index of the next member. */
export function nextIndex({ members, removed }: Membership): number {
  return 1 + Math.max(0, ...members.map((m) => m.index), ...removed.map((m) => m.index));
}

/** etcd's ID of a member, also of one removed; 0 when there never was one. */
export function memberId({ members, removed }: Membership, index: number): bigint {
  return BigInt([...members, ...removed].find((m) => m.index === index)?.id ?? 0);
}

/**
 * Reads peer URLs as etcd does: at least one, each with a scheme, host and port and no path. Members in this process have
 * `inproc://<name>`. Throws ErrMemberBadURLs. Upstream: client/pkg/types/urls.go.
 */
export function peerUrlsOf(urls: readonly string[]): readonly string[] {
  if (urls.length === 0) throw etcdError('MemberBadURLs');
  for (const url of urls) {
    const peer = /^(?:https?:\/\/(?:\[[^\]/]+\]|[^:/]*):\d+|unixs?:\/\/[^/]+|inproc:\/\/[A-Za-z0-9][\w.-]*)$/;
    if (!peer.test(url)) throw etcdError('MemberBadURLs');
  }
  return [...urls].sort();
}
