import { assert } from '../base/index.ts';
import { type Backend, type BackendDump, type RevisionChanges, Store, type StoreOptions } from '../mvcc/index.ts';
import type { Entry } from '../raft/index.ts';
import { Applier, type Outcome } from './apply.ts';
import { etcdError } from './errors.ts';
import type { ResponseHeader } from './kv.ts';
import { needsSpace, type Proposal } from './proposal.ts';
import type { AlarmType } from './server-api.ts';

export interface AlarmRow {
  readonly member: number;
  readonly alarm: AlarmType;
}

/** How far a member has applied the log: what it may show. */
export interface Cursor {
  index: number;
  revision: number;
  compactRevision: number;
}

export interface StateDump {
  readonly store: BackendDump;
  readonly alarms: readonly AlarmRow[];
}

/**
 * A store that one member, or all members of a process, apply the log to. Shared: the first member to apply an entry
 * executes it, the others move their cursors over it: history is stored once. Alone: every member executes.
 */
export class StateMachine {
  readonly store: Store;
  #alarms: AlarmRow[];
  #alarmsBefore: AlarmRow[] | undefined;
  readonly #saveAlarms: (alarms: readonly AlarmRow[]) => void;

  constructor(
    backend: Backend,
    alarms: readonly AlarmRow[],
    saveAlarms: (alarms: readonly AlarmRow[]) => void,
    options: StoreOptions,
  ) {
    this.store = new Store(backend, options);
    this.#alarms = [...alarms];
    this.#saveAlarms = saveAlarms;
  }

  get alarms(): readonly AlarmRow[] {
    return this.#alarms;
  }

  /**
   * Applies an entry for a member whose cursor stands just before it, and moves the cursor. Returns what it did when
   * this call executed it, undefined when another member had.
   */
  apply(entry: Entry, cursor: Cursor, header: (member: number, revision: number) => ResponseHeader) {
    assert(entry.index === cursor.index + 1, `entry ${entry.index} applied at cursor ${cursor.index}`);
    cursor.index = entry.index;
    const proposal = entry.type === 'normal' ? (entry.data as Proposal | undefined) : undefined;
    let outcome: Outcome | undefined;
    const fresh = entry.index > this.store.appliedIndex;
    if (fresh) {
      if (proposal) outcome = this.#execute(proposal, entry.index, (revision) => header(proposal.member, revision));
      this.store.setApplied(entry.index, entry.term);
      cursor.revision = this.store.revision;
      cursor.compactRevision = this.store.compactRevision;
    } else if (proposal) {
      cursor.revision = proposal.applied?.revision ?? cursor.revision;
      if (proposal.request.kind === 'compact' && proposal.request.revision <= cursor.revision) {
        cursor.compactRevision = Math.max(cursor.compactRevision, proposal.request.revision);
      }
    }
    return outcome;
  }

  #execute(proposal: Proposal, index: number, header: (revision: number) => ResponseHeader): Outcome {
    const { request } = proposal;
    if (needsSpace(request) && this.#alarms.some(({ alarm }) => alarm === 'nospace')) {
      proposal.applied = { puts: [] };
      return { error: etcdError('NoSpace'), applied: proposal.applied };
    }
    if (request.kind === 'alarm') this.#setAlarm(request);
    const outcome = new Applier(this.store, header).apply(proposal, index);
    proposal.applied = outcome.applied;
    return outcome;
  }

  #setAlarm(request: { action: 'activate' | 'deactivate'; member: number; alarm: AlarmType }): void {
    this.#alarmsBefore ??= this.#alarms;
    const matches = (row: AlarmRow) =>
      (request.member === 0 || row.member === request.member) &&
      (request.alarm === 'none' || row.alarm === request.alarm);
    const rest = this.#alarms.filter((row) => !matches(row));
    this.#alarms = request.action === 'activate' ? [...rest, { member: request.member, alarm: request.alarm }] : rest;
    this.#saveAlarms(this.#alarms);
  }

  publish(): readonly RevisionChanges[] {
    this.#alarmsBefore = undefined;
    return this.store.publish();
  }

  rollback(): void {
    if (this.#alarmsBefore) this.#alarms = this.#alarmsBefore;
    this.#alarmsBefore = undefined;
    this.store.rollback();
  }

  dump(): StateDump {
    return { store: this.store.backend.export(), alarms: this.#alarms };
  }

  restore(dump: StateDump): void {
    this.store.import(dump.store);
    this.#alarms = [...dump.alarms];
  }
}
