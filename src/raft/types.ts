/** The words of Raft as data. Upstream: etcd-io/raft raftpb. Indexes and terms are safe integers, node IDs small ones. */

export type EntryType = 'normal' | 'confChange';

/** One log entry. (term, index) is its identity: two logs that share it share everything before it. */
export interface Entry {
  readonly term: number;
  readonly index: number;
  readonly type: EntryType;
  /** Opaque to Raft; undefined for the empty entry a new leader appends. For `confChange` a `ConfChange`. */
  readonly data: unknown;
  /** Bytes `data` counts as in every limit. */
  readonly size: number;
}

/** What must be durable before a message leaves. */
export interface HardState {
  readonly term: number;
  /** Node voted for in `term`, 0 = none. */
  readonly vote: number;
  readonly commit: number;
}

export interface ConfState {
  readonly voters: readonly number[];
  readonly learners: readonly number[];
}

/** A single-step membership change. Only one may be in flight. `update` changes nothing that Raft knows of a member. */
export interface ConfChange {
  readonly type: 'addVoter' | 'addLearner' | 'remove' | 'update';
  readonly node: number;
  /** For the application: name and addresses of the new member. */
  readonly context?: unknown;
}

export interface Snapshot {
  readonly index: number;
  readonly term: number;
  readonly confState: ConfState;
  /** Opaque to Raft: the application's state at `index`. */
  readonly data: unknown;
}

export type MessageType =
  | 'MsgHup'
  | 'MsgBeat'
  | 'MsgProp'
  | 'MsgApp'
  | 'MsgAppResp'
  | 'MsgVote'
  | 'MsgVoteResp'
  | 'MsgPreVote'
  | 'MsgPreVoteResp'
  | 'MsgSnap'
  | 'MsgHeartbeat'
  | 'MsgHeartbeatResp'
  | 'MsgUnreachable'
  | 'MsgSnapStatus'
  | 'MsgCheckQuorum'
  | 'MsgTransferLeader'
  | 'MsgTimeoutNow'
  | 'MsgReadIndex'
  | 'MsgReadIndexResp';

export interface Message {
  readonly type: MessageType;
  readonly from: number;
  readonly to: number;
  /** 0 on local messages and on forwarded proposals and reads. */
  readonly term: number;
  /** MsgApp: index and term of the entry before `entries`; responses: the index meant; votes: the candidate's last. */
  readonly index: number;
  readonly logTerm: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
  readonly reject: boolean;
  /** With `reject` on MsgAppResp: a guess where the logs may match. */
  readonly rejectHint: number;
  readonly snapshot?: Snapshot;
  /** Read requests: the reader's token. Votes: `'transfer'` overrides leader leases. */
  readonly context?: string;
}

/** A read request that may be answered once the state machine has applied `index`. */
export interface ReadState {
  readonly index: number;
  readonly context: string;
}

export interface SoftState {
  /** Leader known to this node, 0 = none. */
  readonly leader: number;
  readonly role: Role;
}

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

/**
 * What the driver must do, in this order: (1) make `snapshot`, `entries` and `hardState` durable, (2) send `messages`,
 * (3) apply `snapshot`, then `committedEntries`, (4) answer `readStates` once applied, (5) call `advance`.
 * Arrays belong to the driver until `advance`; nobody changes them.
 */
export interface Ready {
  /** Set when leader or role changed. */
  readonly softState?: SoftState;
  /** Set when it changed. */
  readonly hardState?: HardState;
  readonly entries: readonly Entry[];
  readonly snapshot?: Snapshot;
  readonly committedEntries: readonly Entry[];
  readonly messages: readonly Message[];
  readonly readStates: readonly ReadState[];
}

export type RaftErrorCode = 'ProposalDropped' | 'Compacted' | 'Unavailable' | 'StepLocal' | 'StepPeerNotFound';

/** `Compacted`: the log no longer holds the index. `Unavailable`: not yet. The others: see the throwing method. */
export class RaftError extends Error {
  override readonly name = 'RaftError';
  readonly code: RaftErrorCode;
  constructor(code: RaftErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The reading half: what Raft asks of its storage. All answers are synchronous. */
export interface Storage {
  initialState(): { readonly hardState: HardState; readonly confState: ConfState; readonly applied: number };
  /** Entries in [lo, hi), cut after `maxBytes` but never empty. Throws an error with code Compacted or Unavailable. */
  entries(lo: number, hi: number, maxBytes: number): readonly Entry[];
  /** Term of an entry in [firstIndex−1, lastIndex]. Throws an error with code Compacted or Unavailable. */
  term(index: number): number;
  firstIndex(): number;
  lastIndex(): number;
  /** The newest snapshot that can be sent. */
  snapshot(): Snapshot;
}

/** The writing half: what a driver does with a Ready. Durable when the driver's transaction commits. */
export interface LogStore extends Storage {
  /** Replaces the log from entries[0].index on. */
  append(entries: readonly Entry[]): void;
  setHardState(state: HardState): void;
  setApplied(index: number): void;
  setConfState(state: ConfState): void;
  /** Replaces log and state by a snapshot received. */
  applySnapshot(snapshot: Snapshot): void;
  /** Drops entries up to and including `index`, which must be applied; its term stays known. */
  compact(index: number): void;
  /** The application's answer to `snapshot()`. */
  setSnapshotSource(source: () => unknown): void;
  /** Forgets what was not committed: reads the durable state again. */
  reload(): void;
}

/** How a driver's entry data become a row and come back. Supplied by the application, used by durable storages. */
export interface EntryCodec {
  encode(entry: Entry): EncodedEntry;
  /** `loadValue` resolves a value kept elsewhere; undefined when it is gone. */
  decode(
    encoded: EncodedEntry,
    loadValue: (revision: number, sub: number) => Uint8Array | undefined,
  ): { data: unknown; size: number };
}

export interface EncodedEntry {
  readonly type: string;
  /** Readable JSON. */
  readonly request: string;
  /** Values not (yet) stored as revisions, end to end. */
  readonly payload?: Uint8Array;
  /** First and last revision the entry made, when applied and any. */
  readonly fromRevision?: number;
  readonly toRevision?: number;
  readonly size: number;
}

export const noLimit = Number.MAX_SAFE_INTEGER;

/** Longest prefix of `entries` within `maxBytes`, at least one entry. */
export function limitSize(entries: readonly Entry[], maxBytes: number): readonly Entry[] {
  let bytes = 0;
  for (let i = 0; i < entries.length; i++) {
    bytes += entries[i]!.size;
    if (i > 0 && bytes > maxBytes) return entries.slice(0, i);
  }
  return entries;
}
