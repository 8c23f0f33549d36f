import type { Raft } from './raft.ts';
import { stepCandidate } from './step-candidate.ts';
import { stepFollower } from './step-follower.ts';
import { stepLeader } from './step-leader.ts';
import type { Message } from './types.ts';

/**
 * Takes one message: first what its term says, then what every role does alike, then what the role does.
 * Throws RaftError ProposalDropped for MsgProp that cannot be taken now.
 */
export function step(raft: Raft, message: Message): void {
  if (message.term > raft.term) {
    if (!meetHigherTerm(raft, message)) return;
  } else if (message.term !== 0 && message.term < raft.term) {
    meetLowerTerm(raft, message);
    return;
  }
  switch (message.type) {
    case 'MsgHup':
      raft.hup(raft.preVote ? 'preElection' : 'election');
      return;
    case 'MsgVote':
    case 'MsgPreVote':
      answerVote(raft, message);
      return;
    default:
      if (raft.role === 'leader') stepLeader(raft, message);
      else if (raft.role === 'follower') stepFollower(raft, message);
      else stepCandidate(raft, message);
  }
}

/** Returns false when the message is to be ignored. */
function meetHigherTerm(raft: Raft, message: Message): boolean {
  const vote = message.type === 'MsgVote' || message.type === 'MsgPreVote';
  if (vote) {
    const inLease = raft.checkQuorum && raft.leader !== 0 && raft.electionElapsed < raft.electionTimeout;
    // Whoever still hears a leader helps nobody to unseat it, unless that leader asked for it.
    if (inLease && message.context !== 'transfer') return false;
  }
  // A pre-vote carries the term its sender would have; a granted one echoes it. Neither has been reached.
  if (message.type === 'MsgPreVote' || (message.type === 'MsgPreVoteResp' && !message.reject)) return true;
  const fromLeader = message.type === 'MsgApp' || message.type === 'MsgHeartbeat' || message.type === 'MsgSnap';
  raft.becomeFollower(message.term, fromLeader ? message.from : 0);
  return true;
}

function meetLowerTerm(raft: Raft, message: Message): void {
  if ((raft.checkQuorum || raft.preVote) && (message.type === 'MsgHeartbeat' || message.type === 'MsgApp')) {
    // A leader that was left behind would never learn of the newer term from nodes that do not campaign: tell it.
    raft.send({ type: 'MsgAppResp', to: message.from });
  } else if (message.type === 'MsgPreVote') {
    raft.send({ type: 'MsgPreVoteResp', to: message.from, term: raft.term, reject: true });
  }
}

function answerVote(raft: Raft, message: Message): void {
  const pre = message.type === 'MsgPreVote';
  const type = pre ? 'MsgPreVoteResp' : 'MsgVoteResp';
  const canVote =
    raft.vote === message.from || (raft.vote === 0 && raft.leader === 0) || (pre && message.term > raft.term);
  if (canVote && raft.log.isUpToDate(message.index, message.logTerm)) {
    // Echo the message's term: for a pre-vote it is the one the candidate asks about, not ours.
    raft.send({ type, to: message.from, term: message.term });
    if (!pre) {
      raft.electionElapsed = 0;
      raft.vote = message.from;
    }
  } else {
    raft.send({ type, to: message.from, term: raft.term, reject: true });
  }
}
