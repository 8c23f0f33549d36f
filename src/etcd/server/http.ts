/** What etcd says over plain HTTP on the client port. Upstream: server/etcdserver/api/etcdhttp. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Peer } from '../../wire/index.ts';
import type { EtcdServerApi } from '../server-api.ts';
import { type Gateway, plain } from './gateway.ts';

/** How long a health check waits for a linearizable read, ms. */
const healthTimeoutMs = 5000;

export function serveHttp(
  api: EtcdServerApi,
  gateway: Gateway,
): (request: IncomingMessage, response: ServerResponse, peer: Peer) => void {
  return (request, response, peer) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://etcd');
    if (pathname.startsWith('/v3/')) {
      void gateway.serve(request, response, peer);
      return;
    }
    request.resume();
    const page = pages[pathname];
    if (!page) plain(response, 404, '404 page not found\n');
    else if (request.method !== 'GET') {
      response.setHeader('allow', 'GET');
      plain(response, 405, 'Method Not Allowed\n');
    } else page(api, response, searchParams).catch((error: Error) => plain(response, 500, `${error.message}\n`));
  };
}

type Page = (api: EtcdServerApi, response: ServerResponse, query: URLSearchParams) => Promise<void>;

const pages: Readonly<Record<string, Page>> = {
  '/health': health,
  '/version': async (api, response) => {
    const { version } = await api.status();
    json(response, 200, { etcdserver: version, etcdcluster: `${version.split('.').slice(0, 2).join('.')}.0` });
  },
  '/metrics': metrics,
};

function json(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

/** Alarms first, then a leader, then a read as current as any; `?serializable=true` asks this member alone. */
async function health(api: EtcdServerApi, response: ServerResponse, query: URLSearchParams): Promise<void> {
  const reason = await illness(api, query);
  json(response, reason === '' ? 200 : 503, { health: String(reason === ''), reason });
}

async function illness(api: EtcdServerApi, query: URLSearchParams): Promise<string> {
  try {
    const excluded = new Set(query.getAll('exclude').map((name) => name.toUpperCase()));
    const { alarms } = await api.alarm({ action: 'get', memberId: 0n, alarm: 'none' });
    const alarm = alarms.find((one) => !excluded.has(one.alarm.toUpperCase()));
    if (alarm) return `ALARM ${alarm.alarm.toUpperCase()}`;
    const serializable = query.get('serializable') === 'true';
    if (!serializable && api.raftStatus().leader === 0n) return 'RAFT NO LEADER';
    const signal = AbortSignal.timeout(healthTimeoutMs);
    await api.range({ key: Buffer.from('health'), limit: 1, serializable }, { signal });
    return '';
  } catch (error) {
    return `RANGE ERROR:${(error as Error).message}`;
  }
}

/** etcd's metrics whose meaning klab shares, under their names. */
async function metrics(api: EtcdServerApi, response: ServerResponse): Promise<void> {
  const status = await api.status();
  const { role, commit, applied } = api.raftStatus();
  const id = status.header.memberId.toString(16);
  const rows: readonly (readonly [
    name: string,
    type: 'gauge' | 'counter',
    help: string,
    value: number,
    label?: string,
  ])[] = [
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
  const text = rows.map(([name, type, help, value, label]) => {
    const labels = label ? `{${label}}` : '';
    return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name}${labels} ${value}\n`;
  });
  response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
  response.end(text.join(''));
}
