/** What etcd says over plain HTTP on the client port. Upstream: server/etcdserver/api/etcdhttp. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Peer } from '../../wire/index.ts';
import type { EtcdServerApi } from '../server-api.ts';
import type { CallCounts } from './call-counts.ts';
import { type Gateway, plain } from './gateway.ts';
import { metricsText } from './metrics.ts';

/** How long a health check waits for a linearizable read, ms. */
const healthTimeoutMs = 5000;

export function serveHttp(
  api: EtcdServerApi,
  gateway: Gateway,
  counts: CallCounts,
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
    } else
      page(api, response, searchParams, counts).catch((error: Error) => plain(response, 500, `${error.message}\n`));
  };
}

type Page = (api: EtcdServerApi, response: ServerResponse, query: URLSearchParams, counts: CallCounts) => Promise<void>;

const pages: Readonly<Record<string, Page>> = {
  '/health': health,
  '/version': async (api, response) => {
    const { version } = await api.status();
    json(response, 200, { etcdserver: version, etcdcluster: `${version.split('.').slice(0, 2).join('.')}.0` });
  },
  '/metrics': async (api, response, _query, counts) => {
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    response.end((await metricsText(api)) + counts.text());
  },
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
