/** Calls no client makes on purpose, per service of etcd, in the order in which they are made. */
import { electionService, lockService } from '../../src/etcd/v3/concurrency.ts';
import {
  authService,
  clusterService,
  kvService,
  leaseService,
  maintenanceService,
  watchService,
} from '../../src/etcd/v3/services.ts';
import type { MessageInput } from '../../src/wire/index.ts';
import { call, type RawCall, stream } from './raw-etcd.ts';

const { range, put, deleteRange, txn, compact } = kvService;
const { watch } = watchService;
const lease = leaseService;
const cluster = clusterService;
const maintenance = maintenanceService;
const auth = authService;
const { lock, unlock } = lockService;
const election = electionService;

const b = (text: string): Uint8Array => Buffer.from(text);
const a = b('a');
const value = b('v');
const many = <T>(count: number, one: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => one(i));
const putOp = (key: string) => ({ put: { key: b(key), value } });
const deleteOp = (key: string, end = '') => ({ deleteRange: { key: b(key), rangeEnd: b(end) } });
const rangeOp = (key: string) => ({ range: { key: b(key) } });
type Txn = MessageInput<import('../../src/etcd/v3/messages.ts').TxnRequestMessage>;
const nest = (depth: number, inner: Txn): Txn => (depth === 0 ? inner : { success: [{ txn: nest(depth - 1, inner) }] });

const nothingToCompact = {
  klab: '11: etcdserver: mvcc: required revision has been compacted',
  etcd: 'ok {"header":3}',
  why: 'etcd tells once apart what was never compacted and what was compacted at 0',
};
const A_AT_3 =
  'ok {"more":false,"count":1,"kvs":[{"createRevision":2,"modRevision":3,"version":2,"lease":0,"key":"a","value":""}],"header":3}';
const invalidSort = { klab: '3: etcdserver: invalid sort option', why: 'checked since 3.4.27; before, etcd panics' };

const kv: RawCall[] = [
  call('range without a key', range, {}),
  call('range of one key that is not there', range, { key: a }),
  call('put without a key', put, { value }),
  call('put without a value', put, { key: a }),
  call('put with the value ignored and given', put, { key: a, value, ignoreValue: true }),
  call('put with the lease ignored and given', put, { key: a, lease: 5, ignoreLease: true }),
  call('put with both ignored and both given', put, { key: a, value, lease: 5, ignoreLease: true, ignoreValue: true }),
  call('put with the value of a key that is not there', put, { key: b('none'), ignoreValue: true }),
  call('put with the lease of a key that is not there', put, { key: b('none'), value, ignoreLease: true }),
  call('put with the value that is there', put, { key: a, ignoreValue: true, prevKv: true }),
  call('put with a lease nobody granted', put, { key: a, value, lease: 5 }),
  call('put with a negative lease', put, { key: a, value, lease: -5 }),
  call('range at a future revision', range, { key: a, revision: 99 }),
  call('range at revision -1', range, { key: a, revision: -1 }),
  call('range with limit -1', range, { key: a, rangeEnd: b('\0'), limit: -1 }),
  call('range in an unknown order', range, { key: a, sortOrder: 7 }, { differs: { ...invalidSort, etcd: A_AT_3 } }),
  call(
    'range by an unknown target',
    range,
    { key: a, rangeEnd: b('\0'), sortOrder: 1, sortTarget: 9 },
    { differs: invalidSort },
  ),
  call('range with its end before its start', range, { key: b('z'), rangeEnd: a }),
  call('range with its end at its start', range, { key: a, rangeEnd: a }),
  call('range of keys alone, sorted by value', range, { key: a, rangeEnd: b('\0'), keysOnly: true, sortTarget: 4 }),
  call('count with filters', range, { key: a, rangeEnd: b('\0'), countOnly: true, minModRevision: 100 }),
  call('filters that contradict', range, { key: a, rangeEnd: b('\0'), minModRevision: 5, maxModRevision: 2 }),
  call('negative filters', range, { key: a, rangeEnd: b('\0'), minModRevision: -5, maxCreateRevision: -1 }),
  call('count and keys alone at once', range, { key: a, rangeEnd: b('\0'), countOnly: true, keysOnly: true }),
  call('deletion without a key', deleteRange, {}),
  call('deletion with its end before its start', deleteRange, { key: b('z'), rangeEnd: a }),
  call('deletion of nothing', deleteRange, { key: b('zz'), prevKv: true }),
  call('compaction at 0', compact, { revision: 0 }, { differs: nothingToCompact }),
  call('compaction at -1', compact, { revision: -1 }),
  call('compaction in the future', compact, { revision: 1000 }),
  call('put', put, { key: a, value }),
  call('compaction', compact, { revision: 3, physical: true }),
  call('the same compaction', compact, { revision: 3 }),
  call('an earlier compaction', compact, { revision: 2 }),
  call('range at a compacted revision', range, { key: a, revision: 2 }),
  call('serializable range at a compacted revision', range, { key: a, revision: 2, serializable: true }),
  call('range at the compacted revision', range, { key: a, revision: 3 }),
  call('the same history', maintenance.hashKV, {}),
];

const transactions: RawCall[] = [
  call('nothing at all', txn, {}),
  call('an operation of no kind', txn, { success: [{}] }),
  call('an operation of no kind where it is not executed', txn, { failure: [{}] }),
  call('a compare without a key', txn, { compare: [{}] }),
  call('an unknown result', txn, { compare: [{ key: a, result: 9, target: 0, version: 0 }], success: [putOp('x')] }),
  call('an unknown target', txn, { compare: [{ key: a, result: 0, target: 9, version: 0 }], success: [putOp('x')] }),
  call('a target without what it compares to', txn, { compare: [{ key: a, target: 3 }], success: [putOp('x')] }),
  call('a target with what belongs to another', txn, {
    compare: [{ key: a, target: 0, value }],
    success: [putOp('y')],
  }),
  call('a value of a key that is not there', txn, { compare: [{ key: b('no'), target: 3, value: b('') }] }),
  call('another value than that of a key that is not there', txn, {
    compare: [{ key: b('no'), target: 3, result: 3, value: b('q') }],
  }),
  call('a compare over no keys', txn, { compare: [{ key: b('q'), rangeEnd: b('r'), target: 0, version: 5 }] }),
  call('a put without a key', txn, { success: [{ put: { value } }] }),
  call('a put without a key where it is not executed', txn, { failure: [{ put: { value } }] }),
  call('a put of a value that is ignored', txn, { success: [{ put: { key: a, value, ignoreValue: true } }] }),
  call('a put with the value of a key that is not there', txn, {
    success: [{ put: { key: b('none'), ignoreValue: true } }],
  }),
  call('a put with a lease nobody granted', txn, { success: [{ put: { key: a, value, lease: 7 } }] }),
  call('a put with a lease nobody granted where it is not executed', txn, {
    failure: [{ put: { key: a, value, lease: 7 } }],
  }),
  call('a range without a key', txn, { success: [{ range: {} }] }),
  call('a range at a future revision', txn, { success: [{ range: { key: a, revision: 999 } }] }),
  call('a put before a range at a future revision', txn, {
    success: [putOp('half'), { range: { key: a, revision: 999 } }],
  }),
  call('half of it did not happen', range, { key: b('half') }),
  call(
    'a range in an unknown order',
    txn,
    { success: [{ range: { key: a, sortOrder: 7 } }] },
    { differs: invalidSort },
  ),
  call('a key put twice', txn, { success: [putOp('k'), putOp('k')] }),
  call('a key put twice where it is not executed', txn, { failure: [putOp('k'), putOp('k')] }),
  call('a key put in each branch', txn, { success: [putOp('k')], failure: [putOp('k')] }),
  call('a key put and deleted', txn, { success: [putOp('k'), deleteOp('k')] }),
  call('a key put and then in a range that is deleted', txn, { success: [putOp('k'), deleteOp('a', 'z')] }),
  call('a key deleted twice', txn, { success: [deleteOp('k'), deleteOp('k')] }),
  call('a key put at the end of a range that is deleted', txn, { success: [putOp('z'), deleteOp('y', 'z')] }),
  call('a key put while all that follows is deleted', txn, { success: [putOp('z'), deleteOp('y', '\0')] }),
  call('a key put outside and in a nested one', txn, { success: [putOp('k'), { txn: { success: [putOp('k')] } }] }),
  call('a key put in both branches of a nested one', txn, {
    success: [{ txn: { success: [putOp('k')], failure: [putOp('k')] } }],
  }),
  call('a key put in two nested ones', txn, {
    success: [{ txn: { success: [putOp('k')] } }, { txn: { failure: [putOp('k')] } }],
  }),
  call('a key deleted outside and put in a nested one', txn, {
    success: [deleteOp('k'), { txn: { success: [putOp('k')] } }],
  }),
  call('a key put outside and deleted in a nested one', txn, {
    success: [putOp('k'), { txn: { success: [deleteOp('k')] } }],
  }),
  call('a key deleted in one nested one and put in the next', txn, {
    success: [{ txn: { success: [deleteOp('k')] } }, { txn: { success: [putOp('k')] } }],
  }),
  call('128 operations', txn, { success: many(128, (i) => putOp(`m${i}`)) }, { quiet: true }),
  call('129 operations', txn, { success: many(129, (i) => putOp(`m${i}`)) }),
  call('129 operations where they are not executed', txn, { failure: many(129, (i) => rangeOp(`m${i}`)) }),
  call('129 compares', txn, { compare: many(129, () => ({ key: a })) }),
  call(
    '127 operations beside a nested one',
    txn,
    {
      success: [...many(127, (i) => putOp(`m${i}`)), { txn: {} }],
    },
    { quiet: true },
  ),
  call('127 operations beside a nested one with an operation', txn, {
    success: [...many(127, (i) => putOp(`m${i}`)), { txn: { success: [putOp('n')] } }],
  }),
  call(
    '64 beside a nested one with 63',
    txn,
    {
      success: [...many(64, (i) => putOp(`m${i}`)), { txn: { success: many(63, (i) => putOp(`n${i}`)) } }],
    },
    { quiet: true },
  ),
  call('64 beside a nested one with 64', txn, {
    success: [...many(64, (i) => putOp(`m${i}`)), { txn: { success: many(64, (i) => putOp(`n${i}`)) } }],
  }),
  call('100 deep', txn, nest(100, { success: [putOp('deep')] }), { quiet: true }),
  call('127 deep', txn, nest(127, { success: [putOp('deep')] }), { quiet: true }),
  call('128 deep', txn, nest(128, { success: [putOp('deep')] })),
  call('compact', compact, { revision: 5 }),
  call('a range at a compacted revision', txn, { success: [{ range: { key: a, revision: 2 } }] }),
  call('a put before a range at a compacted revision', txn, {
    success: [putOp('half'), { range: { key: a, revision: 2 } }],
  }),
  call('nothing of it happened', range, { key: b('half') }),
  call('the same history', maintenance.hashKV, {}),
];

const limit = 1.5 * 1024 * 1024;
/** Bytes of the request ID etcd puts before a request: it begins with the low 16 bits of the member's. */
const idBytes = (memberId: bigint) => Math.ceil(((memberId & 0xffffn).toString(2).length + 48) / 7);
const fill = (memory: ReadonlyMap<string, unknown>, around: number, more: number) => {
  const { memberId } = memory.get('header') as { memberId: bigint };
  return Buffer.alloc(limit - around - idBytes(memberId) + more, 120);
};
const edge = [-1, 0, 1, 2, 1000];
const sizes: RawCall[] = [
  call('who it is', maintenance.status, {}, { keep: 'header', quiet: true }),
  // Header 4 beside the ID, put 4, key 3, value 4.
  ...edge.map((more) =>
    call(`a put of the limit and ${more}`, put, (memory) => ({ key: a, value: fill(memory, 15, more) }), {
      quiet: true,
    }),
  ),
  ...edge.map((more) =>
    call(
      `a put with all its flags, of the limit and ${more}`,
      put,
      (memory) => ({ key: a, value: fill(memory, 17, more), prevKv: true }),
      { quiet: true },
    ),
  ),
  // Transaction 4, operation 4, put 4.
  ...edge.map((more) =>
    call(
      `a transaction that puts, of the limit and ${more}`,
      txn,
      (memory) => ({ success: [{ put: { key: a, value: fill(memory, 23, more) } }] }),
      { quiet: true },
    ),
  ),
  // Transaction 4, compare 4, target 2, key 3, value 4, deletion 10.
  ...edge.map((more) =>
    call(
      `a transaction that compares a value, of the limit and ${more}`,
      txn,
      (memory) => ({
        compare: [{ key: a, target: 3, value: fill(memory, 31, more) }],
        success: [deleteOp('none')],
      }),
      { quiet: true },
    ),
  ),
  ...edge.map((more) =>
    call(`a deletion of a key of the limit and ${more}`, deleteRange, (memory) => ({ key: fill(memory, 12, more) }), {
      quiet: true,
    }),
  ),
];

const watches: RawCall[] = [
  call('put', put, { key: a, value }),
  call('put', put, { key: a, value }),
  call('put', put, { key: a, value }),
  call('compact', compact, { revision: 3 }),
  stream('no key', watch, [{ create: { startRevision: 4 } }], { responses: 2 }),
  stream('a range that is empty', watch, [{ create: { key: b('z'), rangeEnd: a } }], { responses: 1 }),
  stream('a range from a key to itself', watch, [{ create: { key: a, rangeEnd: a } }], { responses: 1 }),
  stream('a range with an open end', watch, [{ create: { key: a, rangeEnd: b('\0'), startRevision: 4 } }], {
    responses: 2,
  }),
  stream('from a compacted revision', watch, [{ create: { key: a, startRevision: 2 } }], { responses: 2 }),
  stream('from the compacted revision', watch, [{ create: { key: a, startRevision: 3 } }], { responses: 2 }),
  stream('from a negative revision', watch, [{ create: { key: a, startRevision: -4 } }], { responses: 1 }),
  stream('from a future revision', watch, [{ create: { key: a, startRevision: 99 } }], { responses: 1 }),
  stream('an ID given twice', watch, [{ create: { key: a, watchId: 5 } }, { create: { key: a, watchId: 5 } }], {
    responses: 2,
  }),
  stream('a negative ID', watch, [{ create: { key: a, watchId: -7 } }], { responses: 1 }),
  stream(
    'an ID chosen, then some that are not',
    watch,
    [{ create: { key: a, watchId: 1 } }, { create: { key: a } }, { create: { key: a } }, { create: { key: a } }],
    { responses: 4 },
  ),
  stream(
    'an ID of a cancelled one again',
    watch,
    [{ create: { key: a, watchId: 5 } }, { cancel: { watchId: 5 } }, { create: { key: a, watchId: 5 } }],
    { responses: 3 },
  ),
  stream('cancelling what is not there', watch, [{ cancel: { watchId: 9 } }, { create: { key: a } }], {
    responses: 1,
  }),
  stream(
    'cancelling twice',
    watch,
    [{ create: { key: a } }, { cancel: { watchId: 0 } }, { cancel: { watchId: 0 } }, { create: { key: a } }],
    { responses: 3 },
  ),
  stream('a request of no kind, then one', watch, [{}, { create: { key: a } }], { responses: 1 }),
  stream('an unknown filter', watch, [{ create: { key: a, startRevision: 4, filters: [9] } }], { responses: 2 }),
  stream('progress with nothing watched', watch, [{ progress: {} }, { create: { key: a } }], {
    responses: 1,
    differs: {
      klab: '{"watchId":0,"created":true,"canceled":false,"compactRevision":0,"cancelReason":"","fragment":false,"events":[],"header":4}',
      etcd: '{"watchId":-1,"created":false,"canceled":false,"compactRevision":0,"cancelReason":"","fragment":false,"events":[],"header":4}',
      why: 'since 3.5.13 progress is that of watches',
    },
  }),
  stream('who requires a leader, where there is one', watch, [{ create: { key: a } }], {
    responses: 1,
    metadata: { hasleader: 'true' },
  }),
];

const leases: RawCall[] = [
  call('grant with TTL 0', lease.grant, { id: 11, ttl: 0 }),
  call('grant with TTL -1', lease.grant, { id: 12, ttl: -1 }),
  call('grant with TTL 1', lease.grant, { id: 13, ttl: 1 }),
  call('grant with the largest TTL', lease.grant, { id: 14, ttl: 9_000_000_000 }),
  call('grant with a TTL too large', lease.grant, { id: 15, ttl: 9_000_000_001 }),
  call('grant with a negative ID', lease.grant, { id: -16, ttl: 100 }),
  call('grant', lease.grant, { id: 17, ttl: 100 }),
  call('grant with an ID that is taken', lease.grant, { id: 17, ttl: 200 }),
  call('put with it', put, { key: a, value, lease: 17 }),
  call('put with the negative one', put, { key: b('n'), value, lease: -16 }),
  call('time to live with keys', lease.timeToLive, { id: 14, keys: true }, { quiet: true }),
  call('time to live of what is not there', lease.timeToLive, { id: 99, keys: true }),
  call('time to live of 0', lease.timeToLive, { id: 0 }),
  call('revocation of what is not there', lease.revoke, { id: 99 }),
  call('revocation of 0', lease.revoke, { id: 0 }),
  call('revocation', lease.revoke, { id: 17 }),
  call('revocation again', lease.revoke, { id: 17 }),
  call('its key is gone', range, { key: a }),
  call('revocation of the negative one', lease.revoke, { id: -16 }),
  stream('keeping alive what is not there', lease.keepAlive, [{ id: 99 }], { responses: 1 }),
  stream('keeping alive 0', lease.keepAlive, [{ id: 0 }], { responses: 1 }),
  stream('keeping alive, and what is not there, on one stream', lease.keepAlive, [{ id: 14 }, { id: 99 }, { id: 14 }], {
    responses: 3,
  }),
  call('leases', lease.leases, {}, { quiet: true }),
];

const members: RawCall[] = [
  call('adding without a URL', cluster.memberAdd, { peerUrls: [] }),
  call('adding with a URL without a scheme', cluster.memberAdd, { peerUrls: ['localhost:1'] }),
  call('adding with a URL without a port', cluster.memberAdd, { peerUrls: ['http://localhost'] }),
  call('adding with a URL with a path', cluster.memberAdd, { peerUrls: ['http://localhost:1/path'] }),
  call('adding with a scheme nobody speaks', cluster.memberAdd, { peerUrls: ['ftp://localhost:1'] }),
  call('adding with an empty URL', cluster.memberAdd, { peerUrls: [''] }),
  call('adding with a URL that is none', cluster.memberAdd, { peerUrls: ['http://[::1'] }),
  call('removing 0', cluster.memberRemove, { id: 0n }),
  call('removing who is not there', cluster.memberRemove, { id: 99n }),
  call('promoting who is not there', cluster.memberPromote, { id: 99n }),
  call('updating who is not there', cluster.memberUpdate, { id: 99n, peerUrls: ['http://127.0.0.1:1'] }),
  call('updating without a URL', cluster.memberUpdate, { id: 99n, peerUrls: [] }),
  call('updating with a bad URL', cluster.memberUpdate, { id: 99n, peerUrls: ['nonsense'] }),
  call('adding with no host', cluster.memberAdd, { peerUrls: ['http://:1234'] }, { quiet: true }),
];

const unknownAlarm = { klab: '2: etcdserver: unknown alarm request', why: 'etcd panics' };
const noAlarm = { klab: 'ok {"alarms":[]}', why: 'etcd 3.4 panics, 3.5 does nothing' };
const stranger = {
  klab: '5: etcdserver: member not found',
  etcd: 'ok',
  why: "alarms here are of members; etcd keeps anybody's",
};
const keeping: RawCall[] = [
  call('alarms', maintenance.alarm, {}, { bare: true }),
  call('an unknown action', maintenance.alarm, { action: 9 }, { differs: unknownAlarm }),
  call('an unknown alarm', maintenance.alarm, { action: 1, alarm: 9 }, { differs: unknownAlarm }),
  call('activating none', maintenance.alarm, { action: 1 }, { differs: noAlarm, bare: true }),
  call('disarming none', maintenance.alarm, { action: 2, alarm: 0 }, { bare: true }),
  call('disarming what is not there', maintenance.alarm, { action: 2, alarm: 1 }, { bare: true }),
  call(
    'an alarm of nobody',
    maintenance.alarm,
    { action: 1, alarm: 1, memberId: 99n },
    { quiet: true, differs: stranger },
  ),
  call('alarms of nobody', maintenance.alarm, { action: 0, memberId: 99n, alarm: 2 }, { bare: true }),
  call('disarming it', maintenance.alarm, { action: 2, alarm: 1, memberId: 99n }, { quiet: true, differs: stranger }),
  call('moving the lead to nobody', maintenance.moveLeader, { targetId: 99n }),
  call('moving the lead to 0', maintenance.moveLeader, { targetId: 0n }),
  call('an alarm', maintenance.alarm, { action: 1, alarm: 1 }, { bare: true }),
  call('alarms', maintenance.alarm, {}, { bare: true }),
  call('other alarms', maintenance.alarm, { alarm: 2 }, { bare: true }),
  call('a put under it', put, { key: a, value }),
  call('a put without a key under it', put, { value }),
  call('a transaction under it that puts', txn, { success: [putOp('a')] }),
  call('a transaction under it that would put', txn, { failure: [putOp('a')] }),
  call('a transaction under it that reads', txn, { success: [rangeOp('a')] }),
  call('a deletion under it', deleteRange, { key: a }),
  call('a lease under it', lease.grant, { id: 5, ttl: 10 }),
  call('a compaction under it', compact, { revision: 99 }),
  call('disarming none', maintenance.alarm, { action: 2 }, { bare: true }),
  call('disarming', maintenance.alarm, { action: 2, alarm: 1 }, { bare: true }),
  call('disarming again', maintenance.alarm, { action: 2, alarm: 1 }, { bare: true }),
  call('alarms', maintenance.alarm, {}, { bare: true }),
  call('an alarm of corruption', maintenance.alarm, { action: 1, alarm: 2 }, { bare: true }),
  call('a put under it', put, { key: a, value }),
  call('a range under it', range, { key: a }),
  call('a serializable range under it', range, { key: a, serializable: true }),
  call('a deletion under it', deleteRange, { key: a }),
  call('a transaction under it', txn, {}),
  call('a transaction that puts under it', txn, { success: [putOp('a')] }),
  call('a lease under it', lease.grant, { id: 5, ttl: 10 }),
  call('a revocation under it', lease.revoke, { id: 5 }),
  call('a compaction under it', compact, { revision: 99 }),
  call('disarming', maintenance.alarm, { action: 2, alarm: 2 }, { bare: true }),
  call('a put after it', put, { key: a, value }),
  call('hash at a future revision', maintenance.hashKV, { revision: 99 }),
  call('hash at a negative revision', maintenance.hashKV, { revision: -1 }, { quiet: true }),
  call('put', put, { key: a, value }),
  call('put', put, { key: a, value }),
  call('compact', compact, { revision: 3 }),
  call('hash at a compacted revision', maintenance.hashKV, { revision: 2 }),
  call(
    'hash at the compacted revision',
    maintenance.hashKV,
    { revision: 3 },
    {
      quiet: true,
      differs: {
        klab: 'ok',
        etcd: '11: etcdserver: mvcc: required revision has been compacted',
        why: 'given since 3.5.5',
      },
    },
  ),
  call('hash now', maintenance.hashKV, { revision: 0 }),
];

const token = (memory: ReadonlyMap<string, unknown>) => ({ token: String(memory.get('token')) });
const uncodedNobody = {
  klab: '3: etcdserver: user name is empty',
  etcd: '2: auth: user name is empty',
  why: 'with its code since 3.5',
};
const accounts: RawCall[] = [
  call('enabling without root', auth.authEnable, {}),
  call('disabling what is not enabled', auth.authDisable, {}),
  call('logging in while disabled', auth.authenticate, { name: 'root', password: 'pw' }),
  call('a user without a name', auth.userAdd, { name: '', password: 'pw' }),
  call('a user without a password', auth.userAdd, { name: 'nopw', password: '' }),
  call('root', auth.userAdd, { name: 'root', password: 'pw' }),
  call('root again', auth.userAdd, { name: 'root', password: 'pw' }),
  call('enabling while root has no role', auth.authEnable, {}),
  call('who is not there', auth.userGet, { name: 'nobody' }),
  call('who has no name', auth.userGet, { name: '' }),
  call('deleting who is not there', auth.userDelete, { name: 'nobody' }),
  call('a password of who is not there', auth.userChangePassword, { name: 'nobody', password: 'x' }),
  call('an empty password', auth.userChangePassword, { name: 'root', password: '' }),
  call('a password', auth.userChangePassword, { name: 'root', password: 'pw' }),
  call('a role that is not there', auth.userGrantRole, { user: 'root', role: 'none' }),
  call('a role for who is not there', auth.userGrantRole, { user: 'nobody', role: 'root' }),
  call('a role nobody has, taken', auth.userRevokeRole, { name: 'root', role: 'none' }),
  call('a role taken from who is not there', auth.userRevokeRole, { name: 'nobody', role: 'none' }),
  call('a role without a name', auth.roleAdd, { name: '' }),
  call('a role', auth.roleAdd, { name: 'app' }),
  call('a role again', auth.roleAdd, { name: 'app' }),
  call('what is not a role', auth.roleGet, { role: 'none' }),
  call('deleting what is not a role', auth.roleDelete, { role: 'none' }),
  call(
    'a permission that is none',
    auth.roleGrantPermission,
    { name: 'app' },
    {
      differs: { klab: '3: etcdserver: permission not given', why: 'etcd 3.4 panics' },
    },
  ),
  call('a permission for what is not a role', auth.roleGrantPermission, {
    name: 'none',
    perm: { permType: 2, key: a },
  }),
  call(
    'a permission of no type',
    auth.roleGrantPermission,
    { name: 'app', perm: { permType: 9, key: b('q9') } },
    {
      differs: { klab: '3: etcdserver: permission not given', why: 'etcd keeps it, and it permits nothing' },
    },
  ),
  call('a permission without a key', auth.roleGrantPermission, { name: 'app', perm: { permType: 2 } }),
  call('a permission whose end is before its start', auth.roleGrantPermission, {
    name: 'app',
    perm: { permType: 2, key: b('z'), rangeEnd: a },
  }),
  call('a permission', auth.roleGrantPermission, { name: 'app', perm: { permType: 2, key: a } }),
  call('what the role may', auth.roleGet, { role: 'app' }),
  call('a permission nobody gave, taken', auth.roleRevokePermission, { role: 'app', key: b('q') }),
  call('a permission taken from what is not a role', auth.roleRevokePermission, { role: 'none', key: a }),
  call('the role', auth.userGrantRole, { user: 'root', role: 'app' }),
  call('the role again', auth.userGrantRole, { user: 'root', role: 'app' }),
  call('the role root', auth.roleAdd, { name: 'root' }),
  call('to root', auth.userGrantRole, { user: 'root', role: 'root' }),
  call('a user of little power', auth.userAdd, { name: 'low', password: 'low' }),
  call('a user who cannot log in', auth.userAdd, { name: 'cert', options: { noPassword: true } }),
  call('a password for who may have none', auth.userChangePassword, { name: 'cert', password: 'x' }),
  call('enabling', auth.authEnable, {}),
  call('enabling again, as nobody', auth.authEnable, {}),
  call('a read of nobody', range, { key: a }),
  call('a read of nobody without a key', range, {}),
  call('a range at a future revision, as nobody', range, { key: a, revision: 99 }),
  call('a write of nobody', put, { key: a, value }),
  call('a write of nobody with a wrong request', put, { value }),
  call('a transaction of nobody', txn, { success: [putOp('a')] }),
  call('an empty transaction of nobody', txn, {}),
  call('a deletion of nobody', deleteRange, { key: a }),
  call('a compaction of nobody', compact, { revision: 1 }),
  call('a lease of nobody', lease.grant, { id: 77, ttl: 100 }),
  call('its time to live', lease.timeToLive, { id: 77, keys: true }, { quiet: true }),
  call('leases, for nobody', lease.leases, {}),
  stream('kept alive by nobody', lease.keepAlive, [{ id: 77 }], { responses: 1 }),
  call('revoked by nobody', lease.revoke, { id: 77 }),
  call('status for nobody', maintenance.status, {}, { quiet: true }),
  call('alarms for nobody', maintenance.alarm, {}, { bare: true }),
  call('an alarm of nobody', maintenance.alarm, { action: 2, alarm: 1 }, { bare: true }),
  call('hashKV for nobody', maintenance.hashKV, {}, { differs: uncodedNobody }),
  call('defragmentation by nobody', maintenance.defragment, {}, { differs: uncodedNobody }),
  call('moving the lead, by nobody', maintenance.moveLeader, { targetId: 5n }),
  stream('a snapshot for nobody', maintenance.snapshot, [{}], { responses: 1, differs: uncodedNobody }),
  call('members for nobody', cluster.memberList, {}, { quiet: true }),
  call('a member of nobody', cluster.memberAdd, { peerUrls: ['http://127.0.0.1:1'] }),
  call('removal by nobody', cluster.memberRemove, { id: 5n }),
  call('an update by nobody', cluster.memberUpdate, { id: 5n, peerUrls: ['http://127.0.0.1:1'] }),
  call('a promotion by nobody', cluster.memberPromote, { id: 5n }),
  stream('a watch of nobody', watch, [{ create: { key: a } }], { responses: 1 }),
  call('users for nobody', auth.userList, {}),
  call('roles for nobody', auth.roleList, {}),
  call('a user for nobody', auth.userGet, { name: 'root' }),
  call('a role for nobody', auth.roleGet, { role: 'app' }),
  call('a user by nobody', auth.userAdd, { name: 'new', password: 'x' }),
  call('a lock of nobody', lock, { name: b('l'), lease: 5 }),
  call('an election of nobody', election.leader, { name: b('e') }),
  call('a read with a token nobody gave', range, { key: a }, { metadata: { token: 'nonsense' } }),
  call('a write with a token nobody gave', put, { key: a, value }, { metadata: { token: 'nonsense' } }),
  call('a lease with a token nobody gave', lease.grant, { id: 78, ttl: 9 }, { metadata: { token: 'nonsense' } }),
  call('a token that looks like one', range, { key: a }, { metadata: { token: 'abcdefghijklmnop.12' } }),
  stream('a watch with a token nobody gave', watch, [{ create: { key: a } }], {
    responses: 1,
    metadata: { token: 'nonsense' },
  }),
  call('a wrong password', auth.authenticate, { name: 'root', password: 'wrong' }),
  call('no password', auth.authenticate, { name: 'root', password: '' }),
  call('no name', auth.authenticate, { name: '', password: 'x' }),
  call('who is not there', auth.authenticate, { name: 'nobody', password: 'x' }),
  call('who has no password', auth.authenticate, { name: 'cert', password: '' }),
  call('low logs in', auth.authenticate, { name: 'low', password: 'low' }, { keep: 'token', quiet: true }),
  call('low reads', range, { key: a }, { metadata: token }),
  call('low writes', put, { key: a, value }, { metadata: token }),
  call('low writes nothing', put, {}, { metadata: token }),
  call('low does nothing at once', txn, {}, { metadata: token }),
  call('low reads itself', auth.userGet, { name: 'low' }, { metadata: token }),
  call('low reads root', auth.userGet, { name: 'root' }, { metadata: token }),
  call('low adds', auth.userAdd, { name: 'new', password: 'x' }, { metadata: token }),
  call('low disables', auth.authDisable, {}, { metadata: token }),
  call('low disarms', maintenance.alarm, { action: 2, alarm: 1 }, { metadata: token, bare: true }),
  call('low compacts', compact, { revision: 1 }, { metadata: token }),
  call(
    'low asks for hashKV',
    maintenance.hashKV,
    {},
    {
      metadata: token,
      differs: {
        klab: '7: etcdserver: permission denied',
        etcd: '2: auth: permission denied',
        why: 'with its code since 3.5',
      },
    },
  ),
  call('low asks for status', maintenance.status, {}, { metadata: token, quiet: true }),
  call('low removes a member', cluster.memberRemove, { id: 5n }, { metadata: token }),
  call('root logs in', auth.authenticate, { name: 'root', password: 'pw' }, { keep: 'token', quiet: true }),
  call('root goes', auth.userDelete, { name: 'root' }, { metadata: token }),
  call('role root goes', auth.roleDelete, { role: 'root' }, { metadata: token }),
  call('root loses its role', auth.userRevokeRole, { name: 'root', role: 'root' }, { metadata: token }),
  call('low goes', auth.userDelete, { name: 'low' }, { metadata: token }),
  call('the end', auth.authDisable, {}, { metadata: token }),
  call('and again', auth.authDisable, {}),
  call(
    'a token of before',
    range,
    { key: b('q') },
    {
      metadata: token,
      differs: {
        klab: 'ok {"more":false,"count":0,"kvs":[],"header":1}',
        etcd: '16: etcdserver: invalid auth token',
        why: 'tokens are not looked at while accounts are off, since 3.5',
      },
    },
  ),
];

const recipes: RawCall[] = [
  call('a lock with a lease nobody granted', lock, { name: b('l'), lease: 99 }),
  call('a lease', lease.grant, { id: 5, ttl: 100 }),
  call('a lock without a name', lock, { name: b(''), lease: 5 }),
  call('a lock', lock, { name: b('l'), lease: 5 }),
  call('the lock again', lock, { name: b('l'), lease: 5 }),
  call('unlocking without a key', unlock, { key: b('') }),
  call('unlocking what is not locked', unlock, { key: b('none') }),
  call('unlocking', unlock, { key: b('l/5') }),
  call('a leader of nothing', election.leader, { name: b('e') }),
  call('a leader of no name', election.leader, { name: b('') }),
  call('a campaign with a lease nobody granted', election.campaign, { name: b('e'), lease: 99, value }),
  call('a campaign', election.campaign, { name: b('e'), lease: 5, value }),
  call('a campaign again, with another value', election.campaign, { name: b('e'), lease: 5, value: b('w') }),
  call('the leader', election.leader, { name: b('e') }),
  call('a proclamation of nobody', election.proclaim, { value }),
  call('a proclamation of who does not lead', election.proclaim, {
    leader: { name: b('e'), key: b('e/5'), rev: 1, lease: 5 },
    value,
  }),
  call('a proclamation with a lease nobody granted', election.proclaim, {
    leader: { name: b('e'), key: b('e/63'), rev: 0, lease: 99 },
    value,
  }),
  call('a resignation of nobody', election.resign, {}),
  call('a resignation of who does not lead', election.resign, {
    leader: { name: b('e'), key: b('e/5'), rev: 1, lease: 5 },
  }),
  call('a proclamation without a key', election.proclaim, { leader: {}, value }),
];

const kib = (n: number) => Buffer.alloc(n * 1024, 120);
const putUntilFull: RawCall = {
  title: 'puts until there is no room',
  run: async (channel) => {
    for (let i = 0; i < 200; i++) {
      try {
        await channel.unary(put, { key: b(`fill/${i}`), value: kib(200) }, { timeoutMs: 8000 });
      } catch (error) {
        const { code, message } = error as { code: number; message: string };
        return `${code}: ${message}`;
      }
    }
    return 'there was room for 40 MB';
  },
};
/** For an etcd with a quota of a few MB. */
export const fullStore: readonly RawCall[] = [
  putUntilFull,
  call('a put', put, { key: a, value }),
  call('a put without a value', put, { key: a }),
  call('a transaction that puts', txn, { success: [putOp('a')] }),
  call('a transaction that would put', txn, { failure: [putOp('a')] }),
  call('a lease', lease.grant, { id: 5, ttl: 100 }),
  call('a read', range, { key: b('fill/0'), keysOnly: true }, { quiet: true }),
  call(
    'a transaction that reads',
    txn,
    { success: [{ range: { key: b('fill/0'), countOnly: true } }] },
    { quiet: true },
  ),
  call('the alarm has a member', maintenance.alarm, { action: 0, alarm: 1 }, { keep: 'alarms', quiet: true }),
  call('status says it', maintenance.status, {}, { keep: 'errors', quiet: true }),
  {
    title: 'of one member, no space',
    run: async (_, memory) => {
      const alarms = memory.get('alarms') as { alarm: number }[];
      const errors = memory.get('errors') as string[];
      return `${alarms.map(({ alarm }) => alarm)} ${errors.join().replaceAll(/\d+/g, 'N')}`;
    },
  },
  call('a deletion', deleteRange, { key: b('fill/'), rangeEnd: b('fill0') }, { quiet: true }),
  call('a transaction that deletes', txn, { success: [deleteOp('fill/0')] }, { quiet: true }),
  call('a put is still refused', put, { key: a, value }),
  call('who it is', maintenance.status, {}, { keep: 'header', quiet: true }),
  call(
    'compaction',
    compact,
    (memory) => ({ revision: (memory.get('header') as { revision: number }).revision, physical: true }),
    { quiet: true },
  ),
  call('defragmentation', maintenance.defragment, {}, { quiet: true }),
  call('there is room, and the alarm stands', put, { key: a, value }),
  call(
    'disarming',
    maintenance.alarm,
    (memory) => ({
      action: 2,
      alarm: 1,
      memberId: (memory.get('header') as { memberId: bigint }).memberId,
    }),
    { quiet: true },
  ),
  call('alarms', maintenance.alarm, {}, { bare: true }),
  call('a put', put, { key: a, value }, { quiet: true }),
  call('a lease', lease.grant, { id: 5, ttl: 100 }, { quiet: true }),
];

export const badInput: Readonly<Record<string, readonly RawCall[]>> = {
  kv,
  transactions,
  'sizes of requests': sizes,
  watch: watches,
  lease: leases,
  cluster: members,
  maintenance: keeping,
  auth: accounts,
  'locks and elections': recipes,
};
