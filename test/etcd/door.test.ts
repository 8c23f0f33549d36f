/** What the door adds to the KV interface: who is asking, many watches on one stream, etcd's words for what is not there. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { wallClock } from '../../src/base/index.ts';
import { type EtcdDoor, RemoteKV, serveEtcd } from '../../src/etcd/index.ts';
import type { WatchResponse } from '../../src/etcd/v3/messages.ts';
import {
  authService,
  clusterService,
  kvService,
  leaseService,
  maintenanceService,
  watchService,
} from '../../src/etcd/v3/services.ts';
import { type ClusterPki, ensureClusterPki } from '../../src/pki/index.ts';
import { GrpcChannel, type Infer } from '../../src/wire/index.ts';
import { type TestCluster, testEtcd } from '../helpers/etcd.ts';
import { clientTls } from '../helpers/real-etcd.ts';

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const text = (data: Uint8Array | undefined) => data && Buffer.from(data).toString();

let dir: string;
let pki: ClusterPki;
let etcd: TestCluster;
let door: EtcdDoor;
let channel: GrpcChannel;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'klab-door-'));
  pki = ensureClusterPki(dir, { hosts: [], now: wallClock.now() });
  etcd = await testEtcd('memory');
  const tls = { cert: pki.etcdServer.cert, key: pki.etcdServer.key, ca: pki.etcdCa.cert };
  door = await serveEtcd(etcd.cluster.member(), { tls });
  channel = new GrpcChannel(door.url, { tls: clientTls(pki), userAgent: 'grpc-go/1.26.0' });
});
afterAll(async () => {
  channel.close();
  await door.close();
  await etcd.close();
  rmSync(dir, { recursive: true, force: true });
});

const put = async (key: string, value = 'v') => {
  const { header } = await channel.unary(kvService.put, { key: bytes(key), value: bytes(value) });
  return header!.revision;
};

const failure = async (promise: Promise<unknown>) => {
  const { code, message } = await promise.then(
    () => ({ code: 0, message: 'it did not fail' }),
    (error) => error,
  );
  return [code, message];
};

test('a revision knows which client wrote it: common name and software', async () => {
  await put('who');
  const [entry] = etcd.cluster.member().history(bytes('who'));
  expect(entry!.provenance).toMatchObject({
    actor: 'etcd-client:kube-etcd-healthcheck-client',
    agent: 'grpc-go/1.26.0',
  });
});

test('with accounts, the common name of a certificate of the trusted CA is the user; a token goes before it', async () => {
  const own = await testEtcd('memory');
  const tls = { cert: pki.etcdServer.cert, key: pki.etcdServer.key, ca: pki.ca.cert };
  const guarded = await serveEtcd(own.cluster.member(), { tls });
  const as = (commonName: string) => {
    const { cert, key } = pki.issueClient({ commonName }, wallClock.now());
    return new GrpcChannel(guarded.url, { tls: { ca: pki.etcdCa.cert, cert, key } });
  };
  const [root, app, stranger] = [as('root'), as('app'), as('stranger')];
  try {
    await root.unary(authService.userAdd, { name: 'root', password: 'pw' });
    await root.unary(authService.roleAdd, { name: 'root' });
    await root.unary(authService.userGrantRole, { user: 'root', role: 'root' });
    await root.unary(authService.userAdd, { name: 'app', options: { noPassword: true } });
    await root.unary(authService.roleAdd, { name: 'app' });
    const perm = { permType: 2, key: bytes('/app/'), rangeEnd: bytes('/app0') };
    await root.unary(authService.roleGrantPermission, { name: 'app', perm });
    await root.unary(authService.userGrantRole, { user: 'app', role: 'app' });
    await root.unary(authService.authEnable, {});

    await app.unary(kvService.put, { key: bytes('/app/a'), value: bytes('1') });
    const denied = [7, 'etcdserver: permission denied'];
    expect(await failure(app.unary(kvService.range, { key: bytes('/other') }))).toEqual(denied);
    expect(await failure(app.unary(authService.userAdd, { name: 'x', password: 'x' }))).toEqual(denied);
    // A name that is nobody's user has no permission either, and a user without password has no other way in.
    expect(await failure(stranger.unary(kvService.range, { key: bytes('/app/a') }))).toEqual(denied);
    expect((await failure(stranger.unary(authService.authenticate, { name: 'app', password: '' })))[0]).not.toBe(0);
    const { token } = await app.unary(authService.authenticate, { name: 'root', password: 'pw' });
    const { kvs } = await app.unary(kvService.range, { key: bytes('/other') }, { metadata: { token } });
    expect(kvs).toEqual([]);
    expect((await root.unary(kvService.range, { key: bytes('/app/a') })).kvs.map(({ value }) => text(value))).toEqual([
      '1',
    ]);
  } finally {
    for (const one of [root, app, stranger]) one.close();
    await guarded.close();
    await own.close();
  }
});

test('without TLS the client is its address', async () => {
  const plain = await serveEtcd(etcd.cluster.member());
  const kv = new RemoteKV({ endpoints: [plain.url] });
  await kv.put({ key: bytes('who2'), value: bytes('v') });
  expect(etcd.cluster.member().history(bytes('who2'))[0]!.provenance?.actor).toBe('etcd-client:127.0.0.1');
  kv.close();
  await plain.close();
});

test('the member list shows where the door listens', async () => {
  const again = await serveEtcd(etcd.cluster.member());
  const { members } = await channel.unary(clusterService.memberList, { linearizable: true });
  expect(members[0]!.clientUrls).toEqual([again.url]);
  await again.close();
});

async function openWatch() {
  const stream = await channel.open(watchService.watch);
  const next = async (): Promise<Infer<typeof WatchResponse>> => {
    const response = await stream.next();
    if (!response) throw new Error('the stream has ended');
    return response;
  };
  return { stream, next };
}

test('many watches on one stream: own IDs, chosen IDs, cancellation', async () => {
  const { stream, next } = await openWatch();
  stream.write({ create: { key: bytes('w/a') } });
  expect(await next()).toMatchObject({ created: true, watchId: 0 });
  stream.write({ create: { key: bytes('w/b'), watchId: 7 } });
  expect(await next()).toMatchObject({ created: true, watchId: 7 });
  stream.write({ create: { key: bytes('w/c'), watchId: 7 } });
  expect(await next()).toMatchObject({
    created: true,
    canceled: true,
    watchId: -1,
    cancelReason: 'mvcc: duplicate watch ID provided on the WatchStream',
  });
  stream.write({ create: { key: bytes('w/c'), rangeEnd: bytes('w/a') } });
  expect(await next()).toMatchObject({ created: true, canceled: true, cancelReason: 'mvcc: watcher range is empty' });

  const revision = await put('w/b', '1');
  const response = await next();
  expect(response).toMatchObject({ watchId: 7, header: { revision } });
  expect(text(response.events[0]!.kv?.value)).toBe('1');

  stream.write({ cancel: { watchId: 7 } });
  expect(await next()).toMatchObject({ watchId: 7, canceled: true, cancelReason: '', compactRevision: 0 });
  await put('w/b', '2');
  await put('w/a', '3');
  expect(await next()).toMatchObject({ watchId: 0 });
  stream.cancel();
});

test('an empty key with an open end watches everything', async () => {
  const { stream, next } = await openWatch();
  stream.write({ create: { key: new Uint8Array(0), rangeEnd: Uint8Array.of(0) } });
  await next();
  await put('anything');
  expect(text((await next()).events[0]!.kv?.key)).toBe('anything');
  stream.cancel();
});

test('one progress answer for all watches of a stream', async () => {
  const { stream, next } = await openWatch();
  for (const key of ['p/a', 'p/b', 'p/c']) stream.write({ create: { key: bytes(key) } });
  for (let i = 0; i < 3; i++) await next();
  const revision = await put('elsewhere');
  stream.write({ progress: {} });
  expect(await next()).toMatchObject({ watchId: -1, events: [], header: { revision } });
  await put('p/b');
  expect(await next()).toMatchObject({ watchId: 1 });
  stream.cancel();
});

test('a large transaction arrives in fragments when the client asked for them', async () => {
  const { stream, next } = await openWatch();
  const range = { key: bytes('f/'), rangeEnd: bytes('f0') };
  stream.write({ create: { ...range, fragment: true, prevKv: true } });
  stream.write({ create: range });
  await next();
  await next();
  const value = new Uint8Array(300_000);
  const ops = Array.from({ length: 4 }, (_, i) => ({ put: { key: bytes(`f/${i}`), value } }));
  await channel.unary(kvService.txn, { success: ops });
  await channel.unary(kvService.txn, { success: ops });
  const fragments = new Map<number, [events: number, fragment: boolean][]>();
  for (let i = 0; i < 5; i++) {
    const { watchId, events, fragment } = await next();
    fragments.set(watchId, [...(fragments.get(watchId) ?? []), [events.length, fragment]]);
  }
  expect(fragments.get(1)).toEqual([
    [4, false],
    [4, false],
  ]);
  // With previous values the second transaction is 2.4 MB.
  expect(fragments.get(0)).toEqual([
    [4, false],
    [3, true],
    [1, false],
  ]);
  stream.cancel();
});

test('authentication is disabled, in the words of an etcd where it is', async () => {
  expect(await channel.unary(authService.authStatus, {})).toMatchObject({ enabled: false, authRevision: 1 });
  expect(await channel.unary(authService.userList, {})).toMatchObject({ users: [] });
  expect(await failure(channel.unary(authService.authenticate, { name: 'root' }))).toEqual([
    9,
    'etcdserver: authentication is not enabled',
  ]);
});

test('what klab has no mechanism for is Unimplemented by name', async () => {
  expect(await failure(channel.unary(maintenanceService.downgrade, {}))).toEqual([
    12,
    'method Downgrade not implemented',
  ]);
});

test('requests that make no sense are refused as etcd refuses them', async () => {
  expect(await failure(channel.unary(kvService.range, { key: bytes('a'), sortOrder: 9 }))).toEqual([
    3,
    'etcdserver: invalid sort option',
  ]);
  expect(await failure(channel.unary(kvService.txn, { success: [{}] }))).toEqual([3, 'etcdserver: key not found']);
  expect(await failure(channel.unary(leaseService.revoke, { id: 2n ** 62n }))).toEqual([
    5,
    'etcdserver: requested lease not found',
  ]);
  expect(await channel.unary(leaseService.timeToLive, { id: 2n ** 62n })).toMatchObject({ id: 2n ** 62n, ttl: -1 });
});

test('a request of more than 2 MiB is refused before it is read, one of more than 1.5 MiB after', async () => {
  const putOf = (size: number) => channel.unary(kvService.put, { key: bytes('big'), value: new Uint8Array(size) });
  expect((await failure(putOf(2.1 * 1024 * 1024)))[1]).toMatch(
    /^grpc: received message larger than max \(\d+ vs\. 2097152\)$/,
  );
  expect(await failure(putOf(1.6 * 1024 * 1024))).toEqual([3, 'etcdserver: request is too large']);
});

test('when the member stops, watches end and calls fail with Unavailable; it comes back', async () => {
  const { stream, next } = await openWatch();
  stream.write({ create: { key: bytes('x') } });
  await next();
  etcd.cluster.crash(0);
  expect(await next()).toMatchObject({ canceled: true, watchId: 0 });
  expect((await failure(put('x')))[0]).toBe(14);
  etcd.cluster.restart(0);

  await expect.poll(() => put('x').catch(() => 0)).toBeGreaterThan(0);
  stream.cancel();
});

test('a snapshot comes in parts: the database, and alone at the end its SHA-256', async () => {
  await put('kept', 'x'.repeat(100_000));
  const stream = await channel.open(maintenanceService.snapshot);
  stream.end({});
  const hash = createHash('sha256');
  const parts: { blob: Uint8Array; remainingBytes: number }[] = [];
  for await (const part of stream) parts.push(part);
  const trailer = parts.pop()!;
  for (const [i, { blob, remainingBytes }] of parts.entries()) {
    hash.update(blob);
    expect(remainingBytes).toBe(parts.slice(i + 1).reduce((sum, part) => sum + part.blob.length, 0));
  }
  expect(Buffer.from(trailer.blob)).toEqual(hash.digest());
  expect(trailer.remainingBytes).toBe(0);
  expect(Buffer.concat(parts.map(({ blob }) => blob)).includes('x'.repeat(4000))).toBe(true);
});
