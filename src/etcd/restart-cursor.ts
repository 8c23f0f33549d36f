import type { LogStore } from '../raft/index.ts';
import { proposalOf } from './proposal.ts';
import type { Cursor, StateMachine } from './state-machine.ts';

/** Where a member stands in the state machine after a restart: the revision its applied mark belongs to. */
export function cursorAfterRestart(machine: StateMachine, log: LogStore, logs: readonly LogStore[]): Cursor {
  const { store } = machine;
  const { applied } = log.initialState();
  const cursor = { index: applied, revision: store.revision, compactRevision: store.compactRevision };
  for (let index = applied + 1; index <= store.appliedIndex; index++) {
    const holder = logs.find((l) => index >= l.firstIndex() && index <= l.lastIndex());
    const [entry] = holder?.entries(index, index + 1, 1) ?? [];
    const proposal = entry && proposalOf(entry);
    if (proposal?.request.kind === 'compact') cursor.compactRevision = 0;
    if (proposal?.applied?.revision === undefined) continue;
    cursor.revision = proposal.applied.revision - 1;
    break;
  }
  return cursor;
}
