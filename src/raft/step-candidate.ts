import type { Raft } from './raft.ts';
import { handleAppend, handleHeartbeat, handleSnapshot } from './step-follower.ts';
import type { Message } from './types.ts';

/** What candidates and pre-candidates do: count votes, and give way to whoever leads this term. */
export function stepCandidate(raft: Raft, message: Message): void {
  switch (message.type) {
    case 'MsgProp':
      raft.dropped('no leader');
      break;
    case 'MsgApp':
      raft.becomeFollower(message.term, message.from);
      handleAppend(raft, message);
      return;
    case 'MsgHeartbeat':
      raft.becomeFollower(message.term, message.from);
      handleHeartbeat(raft, message);
      return;
    case 'MsgSnap':
      raft.becomeFollower(message.term, message.from);
      handleSnapshot(raft, message);
      return;
    case 'MsgPreVoteResp':
    case 'MsgVoteResp':
      // A pre-candidate that became candidate must not count late pre-votes.
      if ((message.type === 'MsgPreVoteResp') === (raft.role === 'pre-candidate')) countVote(raft, message);
      return;
    default:
  }
}

function countVote(raft: Raft, message: Message): void {
  const result = raft.poll(message.from, !message.reject);
  if (result === 'lost') raft.becomeFollower(raft.term, 0);
  if (result !== 'won') return;
  if (raft.role === 'pre-candidate') {
    raft.campaign('election');
  } else {
    raft.becomeLeader();
    raft.broadcastAppend();
  }
}
