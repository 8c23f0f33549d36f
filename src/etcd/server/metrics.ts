/** `/metrics`: etcd's metrics whose meaning klab shares, under their names. */
import { readdirSync } from 'node:fs';
import { wallClock } from '../../base/index.ts';
import type { Histogram } from '../histogram.ts';
import type { EtcdServerApi } from '../server-api.ts';

type Row = readonly [name: string, type: 'gauge' | 'counter', help: string, value: number, label?: string];

export async function metricsText(api: EtcdServerApi): Promise<string> {
  const status = await api.status();
  const { role, commit, applied } = api.raftStatus();
  const own = api.metrics?.();
  const id = status.header.memberId.toString(16);
  const rows: Row[] = [
    ['etcd_debugging_mvcc_current_revision', 'gauge', 'The current revision of store.', status.header.revision],
    [
      'etcd_mvcc_db_total_size_in_bytes',
      'gauge',
      'Total size of the underlying database physically allocated in bytes.',
      status.dbSize,
    ],
    [
      'etcd_mvcc_db_total_size_in_use_in_bytes',
      'gauge',
      'Total size of the underlying database logically in use in bytes.',
      status.dbSizeInUse,
    ],
    [
      'etcd_server_has_leader',
      'gauge',
      'Whether or not a leader exists. 1 is existence, 0 is not.',
      status.leader === 0n ? 0 : 1,
    ],
    [
      'etcd_server_id',
      'gauge',
      "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.",
      1,
      `server_id="${id}"`,
    ],
    [
      'etcd_server_is_leader',
      'gauge',
      'Whether or not this member is a leader. 1 if is, 0 otherwise.',
      role === 'leader' ? 1 : 0,
    ],
    [
      'etcd_server_is_learner',
      'gauge',
      'Whether or not this member is a learner. 1 if is, 0 otherwise.',
      status.isLearner ? 1 : 0,
    ],
    ['etcd_server_proposals_applied_total', 'gauge', 'The total number of consensus proposals applied.', applied],
    ['etcd_server_proposals_committed_total', 'gauge', 'The total number of consensus proposals committed.', commit],
    [
      'etcd_server_version',
      'gauge',
      "Which version is running. 1 for 'server_version' label with current version.",
      1,
      `server_version="${status.version}"`,
    ],
  ];
  if (own) {
    rows.push(
      ['etcd_server_leader_changes_seen_total', 'counter', 'The number of leader changes seen.', own.leaderChanges],
      [
        'etcd_server_proposals_failed_total',
        'counter',
        'The total number of failed proposals seen.',
        own.failedProposals,
      ],
      [
        'etcd_server_proposals_pending',
        'gauge',
        'The current number of pending proposals to commit.',
        own.pendingProposals,
      ],
      ['etcd_server_quota_backend_bytes', 'gauge', 'Current backend storage quota size in bytes.', own.quotaBytes],
    );
  }
  rows.push(...processRows());
  const text = rows.map(rowText).join('');
  if (!own) return text;
  // One COMMIT makes both durable: the log and what was applied of it.
  const commits = [
    ['etcd_disk_backend_commit_duration_seconds', 'The latency distributions of commit called by backend.'],
    ['etcd_disk_wal_fsync_duration_seconds', 'The latency distributions of fsync called by WAL.'],
  ] as const;
  return text + commits.map(([name, help]) => histogramText(name, help, own.commitSeconds)).join('');
}

function rowText([name, type, help, value, label]: Row): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name}${label ? `{${label}}` : ''} ${value}\n`;
}

function histogramText(name: string, help: string, { bounds, counts, sum }: Histogram): string {
  let count = 0;
  const buckets = counts.map((own, i) => {
    count += own;
    return `${name}_bucket{le="${bounds[i] ?? '+Inf'}"} ${count}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} histogram\n${buckets.join('')}${name}_sum ${sum}\n${name}_count ${count}\n`;
}

/** Of the process, as Go's client library names them. */
function processRows(): Row[] {
  const { rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const started = Math.round(wallClock.now() / 1000 - process.uptime());
  const rows: Row[] = [
    ['process_cpu_seconds_total', 'counter', 'Total user and system CPU time spent in seconds.', (user + system) / 1e6],
    ['process_resident_memory_bytes', 'gauge', 'Resident memory size in bytes.', rss],
    ['process_start_time_seconds', 'gauge', 'Start time of the process since unix epoch in seconds.', started],
  ];
  const fds = openFiles();
  if (fds !== undefined) rows.push(['process_open_fds', 'gauge', 'Number of open file descriptors.', fds]);
  return rows;
}

/** Linux only. */
function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return undefined;
  }
}
