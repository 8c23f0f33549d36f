/** HTTP beside gRPC on the client port: health, version, metrics and the JSON gateway, plain and over TLS. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { wallClock } from '../../src/base/index.ts';
import { type EtcdDoor, RemoteKV, serveEtcd } from '../../src/etcd/index.ts';
import { ensureClusterPki } from '../../src/pki/index.ts';
import { type TestCluster, testEtcd } from '../helpers/etcd.ts';
import { clientTls } from '../helpers/real-etcd.ts';

let etcd: TestCluster;
let door: EtcdDoor;
beforeAll(async () => {
  etcd = await testEtcd('memory');
  door = await serveEtcd(etcd.cluster.member());
});
afterAll(async () => {
  await door.close();
  await etcd.close();
});

const base64 = (text: string) => Buffer.from(text).toString('base64');

async function post(path: string, body: object | string): Promise<[number, any]> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${door.url}/v3/${path}`, { method: 'POST', body: text });
  const answer = await response.text();
  try {
    return [response.status, JSON.parse(answer)];
  } catch {
    return [response.status, answer];
  }
}

test('put, range and txn in JSON: base64, numbers as strings, names of the .proto or in camel case', async () => {
  const [status, put] = await post('kv/put', { key: base64('foo'), value: base64('bar') });
  expect(status).toBe(200);
  expect(put.header.revision).toBe('2');
  const kv = { key: base64('foo'), value: base64('bar'), create_revision: '2', mod_revision: '2', version: '1' };
  expect((await post('kv/range', { key: base64('foo') }))[1]).toMatchObject({ kvs: [kv], count: '1' });
  const camel = { key: base64('a'), rangeEnd: base64('z'), sortOrder: 'DESCEND', sort_target: 'MOD', keysOnly: true };
  const [, found] = await post('kv/range', camel);
  expect(found.kvs).toEqual([{ key: base64('foo'), create_revision: '2', mod_revision: '2', version: '1' }]);
  const compare = [{ key: base64('foo'), target: 'VALUE', result: 'EQUAL', value: base64('bar') }];
  const success = [
    { requestRange: { key: base64('foo') } },
    { request_put: { key: base64('foo'), value: base64('2') } },
  ];
  expect((await post('kv/txn', { compare, success }))[1]).toMatchObject({
    succeeded: true,
    responses: [{ response_range: { kvs: [kv] } }, { response_put: { header: { revision: '3' } } }],
  });
});

test('errors carry the code of gRPC and the status of HTTP', async () => {
  const key = base64('foo');
  const answer = (code: number, message: string) => ({ code, message, error: message });
  expect(await post('kv/range', {})).toEqual([400, answer(3, 'etcdserver: key is not provided')]);
  expect(await post('kv/range', { key, revision: '99' })).toEqual([
    400,
    answer(11, 'etcdserver: mvcc: required revision is a future revision'),
  ]);
  expect(await post('lease/revoke', { ID: 5 })).toEqual([404, answer(5, 'etcdserver: requested lease not found')]);
  expect((await post('auth/authenticate', { name: 'a' }))[0]).toBe(412);
  expect(await post('no/such', {})).toEqual([404, 'Not Found\n']);
  expect((await fetch(`${door.url}/v3/kv/range`)).status).toBe(405);
});

test.each([
  ['kv/range', '{', 'unexpected EOF'],
  ['kv/range', '{bad', "invalid character 'b' looking for beginning of object key string"],
  ['kv/range', '[]', 'json: cannot unmarshal array into Go value of type map[string]json.RawMessage'],
  ['kv/range', '{"key":"ü"}', 'illegal base64 data at input byte 0'],
  ['kv/range', '{"key":"Zm9"}', 'illegal base64 data at input byte 0'],
  ['kv/range', '{"key":"Zg=="}', undefined],
  ['kv/range', '{"key":"Zm9v","limit":1e2}', 'json: cannot unmarshal number 1e2 into Go value of type int64'],
  ['kv/range', '{"key":"Zm9v","limit":9007199254740993}', undefined],
  ['kv/range', '{"key":"Zm9v","sort_order":"UP"}', 'unknown value "UP" for enum etcdserverpb.RangeRequest_SortOrder'],
  ['kv/txn', '{"success":"x"}', 'json: cannot unmarshal string into Go value of type []json.RawMessage'],
  ['watch', '{', 'unexpected EOF'],
])('%s %s is answered in the words of Go', async (path, body, message) => {
  const [status, answer] = await post(path, body);
  if (message === undefined) return expect(status).toBe(200);
  // A stream's messages are read after it has begun, so its code is Unknown.
  const code = path === 'watch' ? 2 : 3;
  expect([status, answer]).toEqual([code === 2 ? 500 : 400, { code, message, error: message }]);
});

test('a watch is lines of JSON until its reader leaves', async () => {
  const revision = (await etcd.cluster.member().put({ key: Buffer.from('w'), value: Buffer.from('1') })).header
    .revision;
  const leave = new AbortController();
  const create = { create_request: { key: base64('w'), start_revision: String(revision) } };
  const response = await fetch(`${door.url}/v3/watch`, {
    method: 'POST',
    body: JSON.stringify(create),
    signal: leave.signal,
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let seen = '';
  const lines = async (count: number) => {
    while (seen.split('\n').length <= count) seen += (await reader.read()).value ?? '';
    return seen
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).result);
  };
  expect((await lines(2))[0]).toMatchObject({ created: true });
  await etcd.cluster.member().deleteRange({ key: Buffer.from('w') });
  const [, put, gone] = await lines(3);
  expect(put.events).toMatchObject([{ kv: { key: base64('w'), value: base64('1') } }]);
  expect(gone.events).toEqual([{ type: 'DELETE', kv: { key: base64('w'), mod_revision: String(revision + 1) } }]);
  leave.abort();
});

test('health, version, metrics; an alarm makes ill', async () => {
  const get = async (path: string) => {
    const response = await fetch(`${door.url}${path}`);
    return [response.status, await response.text()];
  };
  expect(await get('/health')).toEqual([200, '{"health":"true","reason":""}']);
  expect(await get('/version')).toEqual([200, '{"etcdserver":"3.5.21","etcdcluster":"3.5.0"}']);
  expect((await get('/metrics'))[1]).toMatch(/^etcd_server_has_leader 1$/m);
  const text = (await get('/metrics'))[1];
  expect(text).toMatch(
    /^grpc_server_handled_total\{grpc_code="OK",grpc_method="Put",grpc_service="etcdserverpb\.KV",grpc_type="unary"\} [1-9]/m,
  );
  expect(text).toMatch(/^grpc_server_handled_total\{grpc_code="OutOfRange",grpc_method="Range",.*\} 1$/m);
  expect(text).toMatch(/^grpc_server_started_total\{grpc_method="Snapshot",.*grpc_type="server_stream"\} 0$/m);
  expect(text).toMatch(/^etcd_disk_wal_fsync_duration_seconds_bucket\{le="\+Inf"\} \d+$/m);
  await post('maintenance/alarm', { action: 'ACTIVATE', alarm: 'CORRUPT' });
  expect(await get('/health')).toEqual([503, '{"health":"false","reason":"ALARM CORRUPT"}']);
  expect((await get('/health?exclude=CORRUPT'))[0]).toBe(200);
  await post('maintenance/alarm', { action: 'DEACTIVATE', alarm: 'CORRUPT' });
  expect((await get('/other'))[0]).toBe(404);
});

test('over TLS HTTP/1.1, HTTP/2 and gRPC come through one port, with a client certificate', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'klab-gateway-'));
  const pki = ensureClusterPki(dir, { hosts: [], now: wallClock.now() });
  const tls = { cert: pki.etcdServer.cert, key: pki.etcdServer.key, ca: pki.etcdCa.cert };
  const secure = await serveEtcd(etcd.cluster.member(), { tls });
  const kv = new RemoteKV({ endpoints: [secure.url], tls: clientTls(pki) });
  const paths = clientTls(pki);
  const own = { cert: readFileSync(paths.cert), key: readFileSync(paths.key), ca: readFileSync(paths.ca) };
  const session = http2.connect(secure.url, own);
  try {
    const version = await new Promise((resolve, reject) => {
      const request = https.get(`${secure.url}/version`, { ...own, agent: false }, (response) => {
        response.setEncoding('utf8').on('data', resolve);
      });
      request.on('error', reject);
    });
    expect(version).toContain('3.5.21');
    const stream = session.request({ ':path': '/health' });
    let health = '';
    for await (const chunk of stream.setEncoding('utf8')) health += chunk;
    expect(health).toBe('{"health":"true","reason":""}');
    expect((await kv.range({ key: Buffer.from('foo') })).count).toBe(1);
    const stranger = new Promise((_resolve, reject) => {
      https.get(`${secure.url}/version`, { ca: own.ca, agent: false }).on('error', reject);
    });
    await expect(stranger).rejects.toThrow();
  } finally {
    session.destroy();
    kv.close();
    await secure.close();
    rmSync(dir, { recursive: true, force: true });
  }
});
