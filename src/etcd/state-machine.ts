import { assert } from '../base/index.ts';
import { type Backend, type BackendDump, type RevisionChanges, Store, type StoreOptions } from '../mvcc/index.ts';
import type { Entry } from '../raft/index.ts';
import { Applier, type Outcome } from './apply.ts';
import { checkRequest } from './auth/permissions.ts';
import { type AuthChange, type AuthState, applyAuthChange } from './auth/state.ts';
import { Tokens } from './auth/tokens.ts';
import { etcdError } from './errors.ts';
import { EtcdError, type ResponseHeader } from './kv.ts';
import { changeMembers, type MemberChange, type Membership } from './membership.ts';
import { needsSpace, type Proposal, proposalOf, touchesStore } from './proposal.ts';
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

/** What is small and kept beside the revisions. */
export interface SideState {
  readonly alarms: readonly AlarmRow[];
  readonly auth: AuthState;
  readonly membership: Membership;
}

export interface StateDump extends SideState {
  readonly store: BackendDump;
}

/**
 * A store that one member, or all members of a process, apply the log to. Shared: the first member to apply an entry
 * executes it, the others move their cursors over it: history is stored once. Alone: every member executes.
 */
export class StateMachine {
  readonly store: Store;
  readonly tokens = new Tokens();
  #side: SideState;
  #sideBefore: SideState | undefined;
  readonly #saveSide: (now: SideState, before: SideState) => void;

  constructor(
    backend: Backend,
    side: SideState,
    saveSide: (now: SideState, before: SideState) => void,
    options: StoreOptions,
  ) {
    this.store = new Store(backend, options);
    this.#side = side;
    this.#saveSide = saveSide;
  }

  get alarms(): readonly AlarmRow[] {
    return this.#side.alarms;
  }

  get auth(): AuthState {
    return this.#side.auth;
  }

  get membership(): Membership {
    return this.#side.membership;
  }

  /** Whether the change of members in an applied entry was not to be. */
  refused(index: number): boolean {
    return this.#side.membership.refused.includes(index);
  }

  /**
   * Applies an entry for a member whose cursor stands just before it, and moves the cursor. Returns what it did when
   * this call executed it, undefined when another member had.
   */
  apply(entry: Entry, cursor: Cursor, header: (member: number, revision: number) => ResponseHeader) {
    assert(entry.index === cursor.index + 1, `entry ${entry.index} applied at cursor ${cursor.index}`);
    cursor.index = entry.index;
    const proposal = proposalOf(entry);
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
    try {
      if (this.auth.enabled) this.#authorize(proposal);
      if (request.kind === 'auth') return this.#changeAuth(proposal, request.change, index, header);
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      proposal.applied = { puts: [] };
      return { error, applied: proposal.applied };
    }
    if (request.kind === 'member') return this.#changeMembers(proposal, request.change, index, header);
    if (this.alarms.length > 0) {
      const raised = (what: AlarmType) => this.alarms.some(({ alarm }) => alarm === what);
      const corrupt = touchesStore(request) && raised('corrupt');
      if (corrupt || (needsSpace(request) && raised('nospace'))) {
        proposal.applied = { puts: [] };
        return { error: etcdError(corrupt ? 'Corrupt' : 'NoSpace'), applied: proposal.applied };
      }
    }
    if (request.kind === 'alarm' && request.alarm !== 'none') this.#setAlarm(request);
    const outcome = new Applier(this.store, header).apply(proposal, index);
    proposal.applied = outcome.applied;
    return outcome;
  }

  #authorize({ auth, request }: Proposal): void {
    checkRequest(this.auth, auth, request, (lease) => this.store.lessor.get(lease)?.keys ?? []);
  }

  #changeAuth(
    proposal: Proposal,
    change: AuthChange,
    index: number,
    header: (revision: number) => ResponseHeader,
  ): Outcome {
    const auth = applyAuthChange(this.auth, change);
    if (auth !== this.auth) this.#setSide({ ...this.#side, auth });
    const token = change.op === 'authenticate' ? `${change.token}.${index}` : '';
    if (change.op === 'authenticate') this.tokens.add(token, change.name);
    else if (change.op === 'userDelete' || change.op === 'userChangePassword') this.tokens.drop(change.name);
    else if (change.op === 'disable') this.tokens.drop();
    proposal.applied = { puts: [] };
    return { response: { header: header(this.store.revision), token }, applied: proposal.applied };
  }

  #changeMembers(
    proposal: Proposal,
    change: MemberChange,
    index: number,
    header: (revision: number) => ResponseHeader,
  ): Outcome {
    proposal.applied = { puts: [] };
    const { applied } = proposal;
    try {
      this.#setSide({ ...this.#side, membership: changeMembers(this.membership, change) });
      return { response: header(this.store.revision), applied };
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      const refused = [...this.membership.refused, index];
      this.#setSide({ ...this.#side, membership: { ...this.membership, refused } });
      return { error, applied };
    }
  }

  #setSide(side: SideState): void {
    this.#sideBefore ??= this.#side;
    const before = this.#side;
    this.#side = side;
    this.#saveSide(side, before);
  }

  #setAlarm(request: { action: 'activate' | 'deactivate'; member: number; alarm: AlarmType }): void {
    const matches = (row: AlarmRow) =>
      (request.member === 0 || row.member === request.member) && row.alarm === request.alarm;
    const rest = this.alarms.filter((row) => !matches(row));
    const alarms = request.action === 'activate' ? [...rest, { member: request.member, alarm: request.alarm }] : rest;
    this.#setSide({ ...this.#side, alarms });
  }

  publish(): readonly RevisionChanges[] {
    this.#sideBefore = undefined;
    return this.store.publish();
  }

  rollback(): void {
    if (this.#sideBefore) this.#side = this.#sideBefore;
    this.#sideBefore = undefined;
    this.store.rollback();
  }

  dump(): StateDump {
    return { store: this.store.backend.export(), ...this.#side };
  }

  restore(dump: StateDump): void {
    this.store.import(dump.store);
    const { store: _, ...side } = dump;
    this.#side = side;
  }
}
