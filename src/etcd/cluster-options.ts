import type { Clock, Logger, Prng } from '../base/index.ts';
import type { HistoryBounds } from './maintenance.ts';
import type { ClusterStorage } from './storage.ts';

export interface EtcdClusterOptions extends HistoryBounds {
  /** Where it lives: `openStorage({ path })` of the sqlite room, or `memoryStorage()`. Closed with the cluster. */
  readonly storage: ClusterStorage;
  /** The cluster clock: ticks, leases, times of revisions. */
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log?: Logger;
  /** 1, 3 or 5. Default: what the storage was made with, else 1. Another number than that is refused. */
  readonly members?: number;
  /**
   * `shared` (default): history is stored once, members are cursors. `own`: every member has its own memory backend,
   * so that a divergence could be seen; only with memory storage.
   */
  readonly stores?: 'shared' | 'own';
  /** etcd's `--heartbeat-interval`, ms. Default 100. */
  readonly heartbeatMs?: number;
  /** etcd's `--election-timeout`, ms. Default 1000. */
  readonly electionMs?: number;
  /** etcd's `--quota-backend-bytes`. Default 2 GiB. */
  readonly quotaBytes?: number;
  /** Applied entries a log keeps for members that lag. Default 5000. */
  readonly catchUpEntries?: number;
  /** Bytes of values kept in memory. Default 64 MiB. */
  readonly valueCacheBytes?: number;
  /** How often watches with progressNotify are told the revision, ms. Default 10 minutes. */
  readonly progressNotifyMs?: number;
  /** Called once when the storage fails for good; the cluster has stopped then. */
  readonly onFailure?: (error: unknown) => void;
}
