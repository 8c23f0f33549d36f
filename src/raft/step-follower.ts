import type { Raft } from './raft.ts';
import type { Message, Snapshot } from './types.ts';

/** What a follower does: it obeys the leader it knows and passes to it what is not its own business. */
export function stepFollower(raft: Raft, message: Message): void {
  switch (message.type) {
    case 'MsgProp':
      if (raft.leader === 0) raft.dropped('no leader');
      raft.send({ ...message, to: raft.leader });
      return;
    case 'MsgApp':
      heardFromLeader(raft, message.from);
      handleAppend(raft, message);
      return;
    case 'MsgHeartbeat':
      heardFromLeader(raft, message.from);
      handleHeartbeat(raft, message);
      return;
    case 'MsgSnap':
      heardFromLeader(raft, message.from);
      handleSnapshot(raft, message);
      return;
    case 'MsgTransferLeader':
    case 'MsgReadIndex':
      if (raft.leader !== 0)
        raft.send({ ...message, term: message.type === 'MsgReadIndex' ? 0 : undefined, to: raft.leader });
      return;
    case 'MsgTimeoutNow':
      // The leader asks for it: no pre-vote, and leases do not count.
      raft.hup('transfer');
      return;
    case 'MsgReadIndexResp':
      raft.readStates.push({ index: message.index, context: message.context! });
      return;
    default:
  }
}

function heardFromLeader(raft: Raft, leader: number): void {
  raft.electionElapsed = 0;
  raft.leader = leader;
}

export function handleAppend(raft: Raft, message: Message): void {
  const { from: to, index, logTerm } = message;
  if (index < raft.log.committed) {
    raft.send({ type: 'MsgAppResp', to, index: raft.log.committed });
    return;
  }
  const last = raft.log.maybeAppend(index, logTerm, message.commit, message.entries);
  if (last !== undefined) {
    raft.send({ type: 'MsgAppResp', to, index: last });
    return;
  }
  // Name the place where the logs can match at best, so that a long divergence costs one round a term, not one an entry.
  const hint = raft.log.findConflictByTerm(Math.min(index, raft.log.lastIndex), logTerm);
  raft.send({ type: 'MsgAppResp', to, index, reject: true, rejectHint: hint.index, logTerm: hint.term });
}

export function handleHeartbeat(raft: Raft, message: Message): void {
  raft.log.commitTo(message.commit);
  raft.send({ type: 'MsgHeartbeatResp', to: message.from, context: message.context });
}

export function handleSnapshot(raft: Raft, message: Message): void {
  const restored = restore(raft, message.snapshot!);
  raft.send({ type: 'MsgAppResp', to: message.from, index: restored ? raft.log.lastIndex : raft.log.committed });
}

/** Returns false when the snapshot brings nothing. */
function restore(raft: Raft, snapshot: Snapshot): boolean {
  if (snapshot.index <= raft.log.committed) return false;
  const { voters, learners } = snapshot.confState;
  if (!voters.includes(raft.id) && !learners.includes(raft.id)) return false;
  if (raft.log.matchTerm(snapshot.index, snapshot.term)) {
    raft.log.commitTo(snapshot.index);
    return false;
  }
  raft.log.restore(snapshot);
  raft.tracker.configure(snapshot.confState, raft.log.lastIndex);
  return true;
}
