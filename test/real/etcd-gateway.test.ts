/** The JSON gateway and what stands beside it on the client port: the same requests to Debian's etcd and to klab. */
import { describe, expect, test } from 'vitest';
import { serveEtcd } from '../../src/etcd/index.ts';
import { testEtcd } from '../helpers/etcd.ts';
import { etcdInstalled, mustHave, startRealEtcd } from '../helpers/real-etcd.ts';

const b = (text: string) => Buffer.from(text).toString('base64');
const foo = b('foo');

const requests: readonly (readonly [path: string, body: object | string])[] = [
  ['kv/put', { key: foo, value: b('bar') }],
  ['kv/put', { key: foo, value: b('baz'), prev_kv: true }],
  ['kv/range', { key: foo }],
  ['kv/range', { key: b('none') }],
  ['kv/range', { key: foo, range_end: b('foz'), keys_only: true, sort_order: 'DESCEND', sort_target: 'MOD' }],
  ['kv/range', { key: foo, range_end: 'AA==', count_only: true }],
  ['kv/range', { key: foo, revision: '2' }],
  ['kv/range', { key: foo, revision: 2 }],
  ['kv/range', {}],
  ['kv/range', { key: foo, revision: '99' }],
  ['kv/range', { key: foo, limit: '1', serializable: true }],
  ['kv/put', { value: b('x') }],
  ['kv/put', { key: foo, value: b('x'), lease: '77' }],
  [
    'kv/txn',
    {
      compare: [{ key: foo, target: 'VALUE', result: 'EQUAL', value: b('baz') }],
      success: [{ request_put: { key: foo, value: b('qux') } }, { request_range: { key: foo } }],
      failure: [{ request_delete_range: { key: foo } }],
    },
  ],
  [
    'kv/txn',
    { compare: [{ key: foo, target: 'CREATE', createRevision: '0' }], failure: [{ requestRange: { key: foo } }] },
  ],
  ['kv/txn', { compare: [{ key: foo, target: 'VERSION', result: 'GREATER', version: '1' }] }],
  ['kv/txn', {}],
  ['kv/deleterange', { key: foo, prev_kv: true }],
  ['kv/deleterange', { key: foo }],
  ['kv/deleterange', {}],
  ['kv/put', { key: foo, value: b('again') }],
  ['kv/compaction', { revision: '4' }],
  ['kv/compaction', { revision: '4' }],
  ['kv/compaction', { revision: '400' }],
  ['kv/range', { key: foo, revision: '2' }],
  ['lease/grant', { TTL: '100', ID: '77' }],
  ['lease/grant', { TTL: 100, ID: 77 }],
  ['kv/put', { key: foo, value: b('x'), lease: '77' }],
  ['lease/timetolive', { ID: '77', keys: true }],
  ['lease/timetolive', { ID: '78' }],
  ['lease/leases', {}],
  ['lease/keepalive', { ID: '77' }],
  ['lease/revoke', { ID: '77' }],
  ['lease/revoke', { ID: '77' }],
  ['kv/lease/timetolive', { ID: '77' }],
  ['auth/enable', {}],
  ['auth/authenticate', { name: 'root', password: 'x' }],
  ['auth/user/add', { name: 'root', password: 'pw' }],
  ['auth/user/add', { name: 'root', password: 'pw' }],
  ['auth/user/list', {}],
  ['auth/role/get', { role: 'none' }],
  ['cluster/member/add', { peerURLs: [] }],
  ['lock/lock', { name: b('l'), lease: '5' }],
  ['election/leader', { name: b('e') }],
  ['no/such', {}],
];

/** Bodies that are no message, or only just. */
const oddBodies: readonly (readonly [path: string, body: string])[] = [
  ['kv/range', 'x'],
  ['kv/range', '{'],
  ['kv/range', '{"key"'],
  ['kv/range', '{"key":'],
  ['kv/range', '{"key":"Zm9v"'],
  ['kv/range', '{"key":"Zm9v",}'],
  ['kv/range', '{"key":"!!!"}'],
  ['kv/range', '{"key":"Zm9"}'],
  ['kv/range', '{"key":"Zm9v "}'],
  ['kv/range', '{"key":5}'],
  ['kv/range', '{"key":null}'],
  ['kv/range', '[]'],
  ['kv/range', '"abc"'],
  ['kv/range', '5'],
  ['kv/range', 'true'],
  ['kv/range', 'null'],
  ['kv/range', '{"nokey":1}'],
  ['kv/range', '{"nokey":{"a":[1,2]},"key":"Zm9v"}'],
  ['kv/range', '{"key":"Zm9v","limit":"abc"}'],
  ['kv/range', '{"key":"Zm9v","limit":1.5}'],
  ['kv/range', '{"key":"Zm9v","limit":"1.5"}'],
  ['kv/range', '{"key":"Zm9v","limit":1e2}'],
  ['kv/range', '{"key":"Zm9v","limit":true}'],
  ['kv/range', '{"key":"Zm9v","limit":{}}'],
  ['kv/range', '{"key":"Zm9v","limit":99999999999999999999}'],
  ['kv/range', '{"key":"Zm9v","limit":"99999999999999999999"}'],
  ['kv/range', '{"key":"Zm9v","limit":""}'],
  ['kv/range', '{"key":"Zm9v","keys_only":"true"}'],
  ['kv/range', '{"key":"Zm9v","keys_only":1}'],
  ['kv/range', '{"key":"Zm9v","sort_order":"UP"}'],
  ['kv/range', '{"key":"Zm9v","sort_order":1}'],
  ['kv/range', '{"key":"Zm9v","sort_order":"1"}'],
  ['kv/range', '{"key":"Zm9v"} trailing'],
  ['kv/range', '{"key":"Zm9v"}{"key":"AA=="}'],
  ['kv/range', '{\'key\':"Zm9v"}'],
  ['kv/range', '{"key":"Zm9v","key":"AA=="}'],
  ['kv/range', '{"KEY":"Zm9v"}'],
  ['kv/range', '{"key":"Zm\\q"}'],
  ['kv/range', '{"a":01}'],
  ['kv/range', '[1,'],
  ['kv/range', 'tru'],
  ['kv/range', '"abc'],
  ['kv/txn', '{"compare":{}}'],
  ['kv/txn', '{"compare":[5]}'],
  ['kv/txn', '{"compare":["x"]}'],
  ['kv/txn', '{"success":[{"request_put":5}]}'],
  ['kv/txn', '{"success":[{"request_put":[]}]}'],
  ['kv/txn', '{"success":"x"}'],
  ['auth/user/add', '{"name":5}'],
  ['auth/user/add', '{"name":["x"]}'],
  ['auth/role/grant', '{"name":"r","perm":{"permType":"ALL"}}'],
  ['cluster/member/add', '{"peerURLs":"http://x"}'],
  ['cluster/member/add', '{"peerURLs":[5]}'],
  ['lease/grant', '{"TTL":-5,"ID":5}'],
  ['lease/grant', '{"TTL":"0x10"}'],
  ['lease/grant', '{"TTL":" 10","ID":" 6 "}'],
  ['watch', '{"create_request":5}'],
  ['watch', '{'],
  ['watch', 'x'],
  ['lease/keepalive', '{'],
  ['lease/keepalive', '{"ID":"x"}'],
  ['kv/range', ' '],
  ['kv/range', '{"key":[102,111,111]}'],
  ['kv/range', '{"key":[102,300]}'],
  ['kv/range', '{"key":[102,"x"]}'],
  ['kv/range', '{"key":true}'],
  ['kv/range', '{"key":{}}'],
  ['kv/range', '{"key":"Zm9v\\nZm9v"}'],
  ['kv/range', '{"key":"Zg="}'],
  ['kv/range', '{"key":"Zg=x"}'],
  ['kv/range', '{"key":"Zg==x"}'],
  ['kv/range', '{"key":"Z==="}'],
  ['kv/range', '{"key":"Zm9vZm9"}'],
  ['kv/range', '{"key":"Z-_v"}'],
  ['kv/range', '{"key":"Zm9v","sort_order":{}}'],
  ['kv/range', '{"key":"Zm9v","sort_order":1.5}'],
  ['kv/range', '{"key":"Zm9v","sort_order":true}'],
  ['kv/range', '{"key":"Zm9v","sort_order":null}'],
  ['kv/range', '{"key":"Zm9v","limit":null}'],
  ['kv/range', '{"key":"Zm9v","limit":"null"}'],
  ['kv/range', '{"key":"Zm9v","limit":"true"}'],
  ['kv/range', '{"key":"Zm9v","limit":"1 2"}'],
  ['kv/range', '{"key":"Zm9v","keys_only":null}'],
  ['kv/range', '{"range_end":"AA==","rangeEnd":"!!"}'],
  ['kv/txn', '{"compare":[{"result":"MAYBE"}]}'],
  ['kv/txn', '{"compare":[{"target":"NAME"}]}'],
  ['cluster/member/remove', '{"ID":-1}'],
  ['cluster/member/remove', '{"ID":"x"}'],
  ['maintenance/alarm', '{"alarm":"FIRE"}'],
  ['maintenance/alarm', '{"action":"PUT"}'],
  ['lock/lock', '{"name":5}'],
  ['election/campaign', '{"lease":"x"}'],
  ['auth/authenticate', '{"name":null,"password":{}}'],
];

/** What of an answer is the same on two clusters. */
function masked(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, inner) => {
    if (['cluster_id', 'member_id', 'raft_term', 'hash'].includes(key)) return undefined;
    // A remaining time may have gone on by a second.
    if (key === 'TTL' && Number(inner) > 90) return 'about 100';
    return inner;
  });
}

async function answers(url: string, asked: readonly (readonly [string, object | string])[]): Promise<string[]> {
  const out: string[] = [];
  for (const [path, body] of asked) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(`${url}/v3/${path}`, { method: 'POST', body: text });
    const said = await response.text();
    let shown = said;
    try {
      shown = JSON.stringify(masked(JSON.parse(said)));
    } catch {
      // Not JSON, and said as it is.
    }
    out.push(`${path} ${text}\n${response.status} ${response.headers.get('content-type')} ${shown}`);
  }
  return out;
}

/** Lines of a watch until it has given as many. */
async function watched(url: string, create: object, count: number): Promise<unknown[]> {
  const leave = new AbortController();
  const response = await fetch(`${url}/v3/watch`, {
    method: 'POST',
    body: JSON.stringify({ create_request: create }),
    signal: leave.signal,
  });
  let seen = '';
  for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
    seen += part;
    if (seen.split('\n').length > count) break;
  }
  leave.abort();
  return seen
    .trim()
    .split('\n')
    .slice(0, count)
    .map((line) => masked(JSON.parse(line)));
}

describe.skipIf(!mustHave('etcd', etcdInstalled))('HTTP on the client port', () => {
  test('is answered as on a real etcd: key-value, leases, accounts, watches, errors', async () => {
    const { cluster, close } = await testEtcd('memory');
    const door = await serveEtcd(cluster.member());
    const real = await startRealEtcd();
    try {
      expect(await answers(door.url, requests)).toEqual(await answers(real.url, requests));
      expect(await answers(door.url, oddBodies)).toEqual(await answers(real.url, oddBodies));
      const from = { key: foo, start_revision: '5' };
      expect(await watched(door.url, from, 2)).toEqual(await watched(real.url, from, 2));
      const past = { key: foo, start_revision: '2' };
      expect(await watched(door.url, past, 2)).toEqual(await watched(real.url, past, 2));
    } finally {
      await real.stop();
      await door.close();
      await close();
    }
  });

  test('/metrics has the names that dashboards ask for, with the types a real etcd gives them', async () => {
    const { cluster, close } = await testEtcd('sqlite');
    const door = await serveEtcd(cluster.member());
    const real = await startRealEtcd();
    try {
      await cluster.member().put({ key: Buffer.from('a'), value: Buffer.from('1') });
      await answers(door.url, requests);
      const types = async (url: string) => {
        const text = await (await fetch(`${url}/metrics`)).text();
        return new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]));
      };
      const [ours, theirs] = [await types(door.url), await types(real.url)];
      // Of etcd's own Grafana dashboard and alert rules (etcd-mixin).
      for (const name of [
        'etcd_server_has_leader',
        'etcd_server_leader_changes_seen_total',
        'etcd_server_proposals_applied_total',
        'etcd_server_proposals_committed_total',
        'etcd_server_proposals_failed_total',
        'etcd_server_proposals_pending',
        'etcd_disk_wal_fsync_duration_seconds',
        'etcd_disk_backend_commit_duration_seconds',
        'etcd_mvcc_db_total_size_in_bytes',
        'etcd_mvcc_db_total_size_in_use_in_bytes',
        'etcd_server_quota_backend_bytes',
        'grpc_server_started_total',
        'grpc_server_handled_total',
        'process_resident_memory_bytes',
        'process_start_time_seconds',
        'process_open_fds',
      ]) {
        expect.soft(`${name} ${ours.get(name)}`).toBe(`${name} ${theirs.get(name) ?? 'gauge'}`);
      }
      for (const [name, type] of ours) {
        if (theirs.has(name)) expect.soft(`${name} ${type}`).toBe(`${name} ${theirs.get(name)}`);
      }
    } finally {
      await real.stop();
      await door.close();
      await close();
    }
  });
});
