/**
 * raft: consensus as a pure state machine. No clock, no I/O, no promises: a driver ticks it, hands it messages, and
 * does what each Ready says. Upstream: etcd-io/raft.
 */
export { MemoryStorage } from './memory-storage.ts';
export type { RaftConfig } from './raft.ts';
export { type NodeCheckpoint, type NodeStatus, RawNode } from './raw-node.ts';
export type { ProgressState } from './tracker.ts';
export {
  type ConfChange,
  type ConfState,
  type EncodedEntry,
  type Entry,
  type EntryCodec,
  type EntryType,
  type HardState,
  type LogStore,
  limitSize,
  type Message,
  type MessageType,
  noLimit,
  RaftError,
  type RaftErrorCode,
  type ReadState,
  type Ready,
  type Role,
  type Snapshot,
  type SoftState,
  type Storage,
} from './types.ts';
