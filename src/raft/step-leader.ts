import type { Raft } from './raft.ts';
import type { Progress } from './tracker.ts';
import type { Message } from './types.ts';

/** What a leader does. */
export function stepLeader(raft: Raft, message: Message): void {
  switch (message.type) {
    case 'MsgBeat':
      raft.broadcastHeartbeat(raft.readOnly.lastContext);
      return;
    case 'MsgCheckQuorum':
      if (!raft.tracker.quorumActive(raft.id)) raft.becomeFollower(raft.term, 0);
      for (const [id, progress] of raft.tracker.progress) if (id !== raft.id) progress.recentActive = false;
      return;
    case 'MsgProp':
      propose(raft, message);
      return;
    case 'MsgReadIndex':
      readIndex(raft, message);
      return;
    default:
  }
  const progress = raft.tracker.progress.get(message.from);
  if (!progress) return;
  switch (message.type) {
    case 'MsgAppResp':
      progress.recentActive = true;
      if (message.reject) appendRejected(raft, progress, message);
      else appendAccepted(raft, progress, message);
      return;
    case 'MsgHeartbeatResp':
      heartbeatAnswered(raft, progress, message);
      return;
    case 'MsgSnapStatus':
      if (progress.state !== 'snapshot') return;
      // A failed snapshot is tried again from the match; either way wait for the peer's word before sending more.
      if (message.reject) progress.pendingSnapshot = 0;
      progress.becomeProbe();
      progress.probeSent = true;
      return;
    case 'MsgUnreachable':
      if (progress.state === 'replicate') progress.becomeProbe();
      return;
    case 'MsgTransferLeader':
      transferLeader(raft, progress, message.from);
      return;
    default:
  }
}

function propose(raft: Raft, message: Message): void {
  if (!raft.tracker.progress.has(raft.id)) raft.dropped('removed from the configuration');
  if (raft.leadTransferee !== 0) raft.dropped('leadership is being transferred');
  let index = raft.log.lastIndex;
  let pending = raft.pendingConfIndex;
  const proposals = message.entries.map((entry) => {
    index++;
    if (entry.type !== 'confChange') return entry;
    // Only one at a time: a second one becomes an empty entry, and its proposer sees nothing change.
    if (pending > raft.log.applied) return { ...entry, type: 'normal' as const, data: undefined, size: 0 };
    pending = index;
    return entry;
  });
  if (!raft.appendEntries(proposals)) raft.dropped('too much is uncommitted');
  raft.pendingConfIndex = pending;
  raft.broadcastAppend();
}

function appendRejected(raft: Raft, progress: Progress, message: Message): void {
  let hint = message.rejectHint;
  // The follower's term at its hint tells how far back our log cannot match either.
  if (message.logTerm > 0) hint = raft.log.findConflictByTerm(hint, message.logTerm).index;
  if (!progress.maybeDecrTo(message.index, hint)) return;
  if (progress.state === 'replicate') progress.becomeProbe();
  raft.sendAppend(message.from);
}

function appendAccepted(raft: Raft, progress: Progress, message: Message): void {
  const wasPaused = progress.isPaused(raft.maxInflight);
  const probeHit = progress.state === 'probe' && progress.match === message.index;
  if (!progress.maybeUpdate(message.index) && !probeHit) return;
  if (progress.state === 'probe') progress.becomeReplicate();
  else if (progress.state === 'replicate') progress.freeInflightTo(message.index);
  else if (progress.match + 1 >= raft.log.firstIndex) {
    progress.becomeProbe();
    progress.becomeReplicate();
  }
  if (raft.maybeCommit()) {
    releasePendingReads(raft);
    raft.broadcastAppend();
  } else if (wasPaused) {
    raft.sendAppend(message.from);
  }
  // The window has opened: fill it.
  while (raft.sendAppend(message.from, false)) if (progress.state !== 'replicate') break;
  if (message.from === raft.leadTransferee && progress.match === raft.log.lastIndex) {
    raft.send({ type: 'MsgTimeoutNow', to: message.from });
  }
}

function heartbeatAnswered(raft: Raft, progress: Progress, message: Message): void {
  progress.recentActive = true;
  progress.probeSent = false;
  // An append may have been lost: let at least one through.
  if (progress.state === 'replicate' && progress.inflight.length >= raft.maxInflight) progress.freeFirstInflight();
  if (progress.match < raft.log.lastIndex || progress.state === 'probe') {
    // When everything was sent and lost, the empty append that this makes is rejected, and probing begins.
    raft.sendAppend(message.from);
  }
  if (message.context === undefined) return;
  if (!raft.tracker.hasQuorum(raft.readOnly.ack(message.from, message.context))) return;
  for (const { request, index } of raft.readOnly.advance(message.context)) answerRead(raft, request, index);
}

function readIndex(raft: Raft, message: Message): void {
  if (raft.isSingleton) {
    answerRead(raft, message, raft.log.committed);
  } else if (!raft.committedInTerm) {
    // Until then the leader does not know what is committed.
    raft.pendingReads.push(message);
  } else {
    confirmRead(raft, message);
  }
}

function confirmRead(raft: Raft, message: Message): void {
  if (raft.readOnlyOption === 'leaseBased') {
    answerRead(raft, message, raft.log.committed);
    return;
  }
  raft.readOnly.add(raft.log.committed, message);
  raft.readOnly.ack(raft.id, message.context!);
  raft.broadcastHeartbeat(message.context);
}

function releasePendingReads(raft: Raft): void {
  if (raft.pendingReads.length === 0 || !raft.committedInTerm) return;
  const reads = raft.pendingReads;
  raft.pendingReads = [];
  for (const read of reads) confirmRead(raft, read);
}

function answerRead(raft: Raft, request: Message, index: number): void {
  const context = request.context!;
  if (request.from === 0 || request.from === raft.id) raft.readStates.push({ index, context });
  else raft.send({ type: 'MsgReadIndexResp', to: request.from, index, context });
}

function transferLeader(raft: Raft, progress: Progress, transferee: number): void {
  if (progress.isLearner || raft.leadTransferee === transferee || transferee === raft.id) return;
  raft.electionElapsed = 0;
  raft.leadTransferee = transferee;
  if (progress.match === raft.log.lastIndex) raft.send({ type: 'MsgTimeoutNow', to: transferee });
  else raft.sendAppend(transferee);
}
