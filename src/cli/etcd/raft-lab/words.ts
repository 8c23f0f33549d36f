/** What nodes do, in words: `one` of a single member, `many` of several that do the same. */
import type { ConfChange, Entry, Message, NodeStatus, RawNode, Role } from '../../../raft/index.ts';
import type { Host } from './network.ts';

type Words = readonly [one: string, many?: string];

export const nameOf = (id: number): string => `m${id}`;

export function roleText(role: Role, term: number, leader: number): Words {
  if (role === 'leader') return [`becomes leader of term ${term}`];
  if (role === 'candidate') {
    return [
      `becomes candidate, votes for itself in term ${term}`,
      `become candidates, each votes for itself in term ${term}`,
    ];
  }
  if (role === 'pre-candidate') {
    return [
      `hears no leader and asks whether it could win term ${term + 1}`,
      `hear no leader and ask whether they could win term ${term + 1}`,
    ];
  }
  if (leader !== 0) {
    const of = `${nameOf(leader)} as leader of term ${term}`;
    return [`follows ${of}`, `follow ${of}`];
  }
  return [`is follower without a leader in term ${term}`, `are followers without a leader in term ${term}`];
}

/** Of who got no majority and stands again: its role is what it was. Undefined for who does not. */
export function retryText({ role, term }: RawNode, sent: Message | undefined): Words | undefined {
  if (role === 'pre-candidate' && sent?.type === 'MsgPreVote') {
    return [`asks again whether it could win term ${term + 1}`, `ask again whether they could win term ${term + 1}`];
  }
  if (role === 'candidate' && sent?.type === 'MsgVote') {
    return [
      `is candidate again, votes for itself in term ${term}`,
      `are candidates again, each votes for itself in term ${term}`,
    ];
  }
  return undefined;
}

export function entryText(entry: Entry): string {
  if (entry.type === 'normal') return entry.data === undefined ? '(empty)' : String(entry.data);
  const { type, node } = entry.data as ConfChange;
  const does = { addVoter: 'add voter', addLearner: 'add learner', remove: 'remove', update: 'update' }[type];
  return `(${does} ${nameOf(node)})`;
}

/** Why a member gave no vote. `before` is what it was when it was asked. */
export function whyNot(host: Host, message: Message, before: NodeStatus): string {
  const { node, storage } = host;
  const after = node!.status();
  if (before.leader !== 0 && message.term > before.term && after.term === before.term) {
    return before.leader === host.id ? 'it leads' : `it hears the leader ${nameOf(before.leader)}`;
  }
  if (message.term < before.term) return `it is in term ${before.term} already`;
  const last = storage.lastIndex();
  const lastTerm = storage.term(last);
  if (lastTerm > message.logTerm) return `its own log ends in term ${lastTerm}, the other's in term ${message.logTerm}`;
  if (lastTerm === message.logTerm && last > message.index) {
    return `its own log ends at index ${last}, the other's at ${message.index}`;
  }
  if (after.vote !== 0 && after.vote !== message.from) {
    return after.vote === host.id ? 'it votes for itself' : `it has voted for ${nameOf(after.vote)}`;
  }
  return after.leader !== 0 ? `it knows the leader ${nameOf(after.leader)}` : 'it may not';
}

/** A message in a few words: `MsgApp 3..4 after 2/1, commit 2`. */
export function messageText(message: Message): string {
  const { type, term, index, logTerm, entries, commit, reject } = message;
  const head = `${type} (term ${term})`;
  if (type === 'MsgApp') {
    const what = entries.length === 0 ? 'nothing new' : entries.map((e) => `${e.index}:${entryText(e)}`).join(' ');
    return `${head} after ${index}/${logTerm}: ${what}, commit ${commit}`;
  }
  if (type === 'MsgAppResp') return `${head} ${reject ? `no, not at ${index}` : `has up to ${index}`}`;
  if (type === 'MsgVote' || type === 'MsgPreVote') return `${head} my log ends at ${index}/${logTerm}`;
  if (type === 'MsgVoteResp' || type === 'MsgPreVoteResp') return `${head} ${reject ? 'no' : 'yes'}`;
  if (type === 'MsgHeartbeat') return `${head} commit ${commit}`;
  return head;
}
