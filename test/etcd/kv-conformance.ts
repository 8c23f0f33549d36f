/** What every KV must do, whoever serves it: the embedded etcd in process, the same through its door, a real etcd. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  EtcdError,
  errCompacted,
  errFutureRev,
  isCompacted,
  isFutureRevision,
  type KeyValue,
  type KV,
  type LeaseId,
  type RequestOp,
  type StoreEvent,
  type WatchRequest,
  type WatchResponse,
  type WatchStream,
} from '../../src/etcd/index.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const text = (data: Uint8Array): string => Buffer.from(data).toString();
const end = (prefix: string): Uint8Array => {
  const out = bytes(prefix);
  out[out.length - 1]! += 1;
  return out;
};

/** Whether an implementation's bytes are Buffers is its own affair. */
const plain = ({ key, value, ...rest }: KeyValue) => ({
  key: new Uint8Array(key),
  value: new Uint8Array(value),
  ...rest,
});

export interface ConformanceSubject {
  readonly kv: KV;
  close(): Promise<void>;
}

/** A watch read by a test: `next` waits for the next answer, `events` for that many events. */
class Reader {
  readonly stream: WatchStream;
  readonly #iterator: AsyncIterator<WatchResponse>;

  constructor(kv: KV, request: WatchRequest) {
    this.stream = kv.watch(request);
    this.#iterator = this.stream[Symbol.asyncIterator]();
  }

  async next(): Promise<WatchResponse> {
    const { value, done } = await this.#iterator.next();
    if (done) throw new Error('the watch has ended');
    return value;
  }

  async created(): Promise<this> {
    expect(await this.next()).toMatchObject({ created: true, events: [] });
    return this;
  }

  async events(count: number): Promise<StoreEvent[]> {
    const out: StoreEvent[] = [];
    while (out.length < count) out.push(...(await this.next()).events);
    expect(out).toHaveLength(count);
    return out;
  }

  async stop(): Promise<void> {
    this.stream.cancel();
    await this.#iterator.return?.();
  }
}

const show = ({ type, kv, prevKv }: StoreEvent) =>
  `${type} ${text(kv.key)}${type === 'put' ? `=${text(kv.value)}` : ''}${prevKv ? ` was ${text(prevKv.value)}` : ''}`;

const failure = async (promise: Promise<unknown>): Promise<EtcdError> => {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(EtcdError);
  return error as EtcdError;
};

export function kvConformance(name: string, make: () => Promise<ConformanceSubject>): void {
  describe(`KV: ${name}`, () => {
    let subject: ConformanceSubject;
    let kv: KV;
    let prefix = '';
    let counter = 0;

    beforeAll(async () => {
      subject = await make();
      ({ kv } = subject);
    }, 30_000);
    afterAll(() => subject?.close());

    /** A key of this test's own corner. */
    const k = (key: string) => bytes(`${prefix}${key}`);
    const put = async (key: string, value: string, lease?: LeaseId) =>
      (await kv.put({ key: k(key), value: bytes(value), lease })).header.revision;
    const get = async (key: string, revision?: number) => {
      const { kvs } = await kv.range({ key: k(key), revision });
      return kvs[0] && text(kvs[0].value);
    };
    const it = (title: string, body: () => Promise<void>) =>
      test(title, async () => {
        prefix = `/c${counter++}/`;
        await body();
      });
    const all = () => ({ key: bytes(prefix), rangeEnd: end(prefix) });
    const names = (kvs: readonly { key: Uint8Array }[]) => kvs.map((entry) => text(entry.key).slice(prefix.length));

    describe('put and range', () => {
      it('revisions, versions and the header of a put', async () => {
        const first = await put('a', '1');
        const second = await put('a', '2');
        expect(second).toBe(first + 1);
        const { kvs, count, more, header } = await kv.range({ key: k('a') });
        expect({ count, more, revision: header.revision }).toEqual({ count: 1, more: false, revision: second });
        expect(kvs.map(plain)).toEqual([
          { key: k('a'), value: bytes('2'), createRevision: first, modRevision: second, version: 2, lease: 0 },
        ]);
        expect(header.clusterId).toBeGreaterThan(0n);
        expect(header.memberId).toBeGreaterThan(0n);
        expect(header.raftTerm).toBeGreaterThan(0);
      });

      it('a missing key is an empty answer', async () => {
        expect(await kv.range({ key: k('none') })).toMatchObject({ kvs: [], count: 0, more: false });
      });

      it('ranges, prefixes and everything from a key on', async () => {
        for (const key of ['a', 'b', 'b/x', 'c']) await put(key, key);
        expect(names((await kv.range(all())).kvs)).toEqual(['a', 'b', 'b/x', 'c']);
        expect(names((await kv.range({ key: k('b'), rangeEnd: k('c') })).kvs)).toEqual(['b', 'b/x']);
        expect(names((await kv.range({ key: k('c'), rangeEnd: Uint8Array.of(0) })).kvs)).toContain('c');
        expect((await kv.range({ key: k('c'), rangeEnd: k('b') })).kvs).toEqual([]);
      });

      it('limit, more, count, keysOnly, countOnly', async () => {
        for (const key of ['a', 'b', 'c']) await put(key, key);
        const limited = await kv.range({ ...all(), limit: 2 });
        expect({ names: names(limited.kvs), more: limited.more, count: limited.count }).toEqual({
          names: ['a', 'b'],
          more: true,
          count: 3,
        });
        const exact = await kv.range({ ...all(), limit: 3 });
        expect({ more: exact.more, count: exact.count }).toEqual({ more: false, count: 3 });
        const keys = await kv.range({ ...all(), keysOnly: true });
        expect(keys.kvs.map(({ value }) => value.length)).toEqual([0, 0, 0]);
        expect(keys.kvs.every(({ version }) => version === 1)).toBe(true);
        expect(await kv.range({ ...all(), countOnly: true })).toMatchObject({ kvs: [], count: 3 });
      });

      it('an older revision shows the state of then', async () => {
        const first = await put('a', '1');
        await put('b', '1');
        await put('a', '2');
        await kv.deleteRange({ key: k('b') });
        expect(await get('a', first)).toBe('1');
        expect(names((await kv.range({ ...all(), revision: first + 1 })).kvs)).toEqual(['a', 'b']);
        expect(names((await kv.range(all())).kvs)).toEqual(['a']);
        // The header names the store's revision, not the one asked for.
        expect((await kv.range({ key: k('a'), revision: first })).header.revision).toBe(first + 3);
      });

      it('sorting', async () => {
        for (const [key, value] of ['a3', 'b1', 'c2'] as unknown as [string, string][]) await put(key, value);
        await put('a', '3');
        const by = async (
          sortTarget: 'key' | 'version' | 'create' | 'mod' | 'value',
          sortOrder: 'ascend' | 'descend',
        ) => names((await kv.range({ ...all(), sortTarget, sortOrder })).kvs).join('');
        expect(await by('key', 'descend')).toBe('cba');
        expect(await by('value', 'ascend')).toBe('bca');
        expect(await by('mod', 'descend')).toBe('acb');
        expect(await by('create', 'descend')).toBe('cba');
        expect((await by('version', 'descend'))[0]).toBe('a');
        const { kvs, more, count } = await kv.range({ ...all(), sortTarget: 'value', sortOrder: 'descend', limit: 1 });
        expect({ names: names(kvs), more, count }).toEqual({ names: ['a'], more: true, count: 3 });
      });

      it('revision filters do not change the count', async () => {
        const first = await put('a', '1');
        await put('b', '1');
        await put('c', '1');
        const filtered = await kv.range({ ...all(), minModRevision: first + 1, maxModRevision: first + 1 });
        expect({ names: names(filtered.kvs), count: filtered.count }).toEqual({ names: ['b'], count: 3 });
        expect(names((await kv.range({ ...all(), maxCreateRevision: first })).kvs)).toEqual(['a']);
      });

      it('prevKv, ignoreValue, ignoreLease', async () => {
        expect((await kv.put({ key: k('a'), value: bytes('1'), prevKv: true })).prevKv).toBeUndefined();
        const { prevKv } = await kv.put({ key: k('a'), value: bytes('2'), prevKv: true });
        expect(prevKv && text(prevKv.value)).toBe('1');
        const { id } = await kv.leaseGrant({ ttl: 60 });
        await kv.put({ key: k('a'), value: new Uint8Array(0), ignoreValue: true, lease: id });
        await kv.put({ key: k('a'), value: bytes('3'), ignoreLease: true });
        expect(plain((await kv.range({ key: k('a') })).kvs[0]!)).toMatchObject({
          value: bytes('3'),
          lease: id,
          version: 4,
        });
        await kv.leaseRevoke(id);
      });

      it('binary keys and values, empty values', async () => {
        const key = Uint8Array.from([...k('bin'), 0, 255, 128]);
        const value = Uint8Array.from({ length: 256 }, (_, i) => i);
        await kv.put({ key, value });
        expect(plain((await kv.range({ key })).kvs[0]!)).toMatchObject({ key, value });
        await kv.put({ key, value: new Uint8Array(0) });
        expect((await kv.range({ key })).kvs[0]!.value).toHaveLength(0);
      });

      it('errors in etcd words', async () => {
        const value = bytes('v');
        const words = async (promise: Promise<unknown>) => {
          const { code, message } = await failure(promise);
          return [code, message];
        };
        const empty = new Uint8Array(0);
        expect(await words(kv.put({ key: empty, value }))).toEqual([
          'InvalidArgument',
          'etcdserver: key is not provided',
        ]);
        expect(await words(kv.range({ key: empty }))).toEqual(['InvalidArgument', 'etcdserver: key is not provided']);
        expect(await words(kv.deleteRange({ key: empty }))).toEqual([
          'InvalidArgument',
          'etcdserver: key is not provided',
        ]);
        expect(await words(kv.put({ key: k('a'), value, ignoreValue: true }))).toEqual([
          'InvalidArgument',
          'etcdserver: value is provided',
        ]);
        expect(await words(kv.put({ key: k('a'), value, lease: 5, ignoreLease: true }))).toEqual([
          'InvalidArgument',
          'etcdserver: lease is provided',
        ]);
        expect(await words(kv.put({ key: k('a'), value: empty, ignoreValue: true }))).toEqual([
          'InvalidArgument',
          'etcdserver: key not found',
        ]);
        expect(await words(kv.put({ key: k('a'), value, lease: 12345678 }))).toEqual([
          'NotFound',
          'etcdserver: requested lease not found',
        ]);
        const { revision } = (await kv.range({ key: k('a') })).header;
        const future = await failure(kv.range({ key: k('a'), revision: revision + 1 }));
        expect(isFutureRevision(future)).toBe(true);
        expect(future.message).toBe(errFutureRev);
        const large = new Uint8Array(1.5 * 1024 * 1024 + 100);
        expect(await words(kv.put({ key: k('a'), value: large }))).toEqual([
          'InvalidArgument',
          'etcdserver: request is too large',
        ]);
        expect((await kv.range({ key: k('a') })).header.revision).toBe(revision);
      });

      it('an aborted call rejects with the reason', async () => {
        const reason = new Error('enough');
        await expect(kv.range({ key: k('a') }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      });
    });

    describe('deleteRange', () => {
      it('deletes, counts, returns what was there; deleting nothing makes no revision', async () => {
        for (const key of ['a', 'b', 'c']) await put(key, key);
        const one = await kv.deleteRange({ key: k('a'), prevKv: true });
        expect(one.deleted).toBe(1);
        expect(one.prevKvs.map(({ value }) => text(value))).toEqual(['a']);
        const rest = await kv.deleteRange(all());
        expect(rest.deleted).toBe(2);
        expect(rest.prevKvs).toEqual([]);
        expect(rest.header.revision).toBe(one.header.revision + 1);
        expect(await kv.deleteRange(all())).toMatchObject({ deleted: 0, header: { revision: rest.header.revision } });
      });

      it('a key that comes back starts at version 1', async () => {
        await put('a', '1');
        await kv.deleteRange({ key: k('a') });
        const revision = await put('a', '2');
        expect((await kv.range({ key: k('a') })).kvs[0]).toMatchObject({ version: 1, createRevision: revision });
      });
    });

    describe('txn', () => {
      const putOp = (key: string, value: string): RequestOp => ({
        op: 'put',
        put: { key: k(key), value: bytes(value) },
      });
      const rangeOp = (key: string): RequestOp => ({ op: 'range', range: { key: k(key) } });

      it('create if absent, update if unchanged: what the API server does', async () => {
        const create = () =>
          kv.txn({
            compare: [{ target: 'mod', modRevision: 0, key: k('a'), result: 'equal' }],
            success: [putOp('a', '1')],
            failure: [rangeOp('a')],
          });
        const created = await create();
        expect(created.succeeded).toBe(true);
        const again = await create();
        expect(again.succeeded).toBe(false);
        const [found] = again.responses;
        if (found?.op !== 'range') throw new Error('a range answer is expected');
        expect(plain(found.range.kvs[0]!)).toMatchObject({ value: bytes('1'), modRevision: created.header.revision });
        expect(again.header.revision).toBe(created.header.revision);
      });

      it('every compare target and result', async () => {
        const revision = await put('a', 'm');
        const holds = async (compare: object) =>
          (await kv.txn({ compare: [{ key: k('a'), ...compare } as never], success: [], failure: [] })).succeeded;
        expect(await holds({ target: 'version', version: 1, result: 'equal' })).toBe(true);
        expect(await holds({ target: 'version', version: 0, result: 'greater' })).toBe(true);
        expect(await holds({ target: 'create', createRevision: revision, result: 'notEqual' })).toBe(false);
        expect(await holds({ target: 'mod', modRevision: revision + 1, result: 'less' })).toBe(true);
        expect(await holds({ target: 'value', value: bytes('m'), result: 'equal' })).toBe(true);
        expect(await holds({ target: 'value', value: bytes('a'), result: 'greater' })).toBe(true);
        expect(await holds({ target: 'value', value: bytes('a'), result: 'less' })).toBe(false);
        expect(await holds({ target: 'lease', lease: 0, result: 'equal' })).toBe(true);
        expect(await holds({ key: k('none'), target: 'version', version: 0, result: 'equal' })).toBe(true);
        // Against a range: it must hold for every key.
        await put('b', 'm');
        expect(await holds({ ...all(), target: 'value', value: bytes('m'), result: 'equal' })).toBe(true);
        await put('b', 'x');
        expect(await holds({ ...all(), target: 'value', value: bytes('m'), result: 'equal' })).toBe(false);
      });

      it('one revision for all its writes, reads see the writes before them', async () => {
        const { responses, header } = await kv.txn({
          compare: [],
          success: [
            putOp('a', '1'),
            putOp('b', '2'),
            rangeOp('a'),
            { op: 'deleteRange', deleteRange: { key: k('z') } },
          ],
          failure: [],
        });
        expect(responses.map(({ op }) => op)).toEqual(['put', 'put', 'range', 'deleteRange']);
        const read = responses[2];
        expect(read?.op === 'range' && text(read.range.kvs[0]!.value)).toBe('1');
        const { kvs } = await kv.range(all());
        expect(kvs.map(({ modRevision }) => modRevision)).toEqual([header.revision, header.revision]);
      });

      it('transactions in transactions', async () => {
        await put('a', '1');
        const { responses } = await kv.txn({
          compare: [],
          success: [
            {
              op: 'txn',
              txn: {
                compare: [{ target: 'value', value: bytes('1'), key: k('a'), result: 'equal' }],
                success: [putOp('b', 'inner')],
                failure: [],
              },
            },
          ],
          failure: [],
        });
        expect(responses[0]?.op === 'txn' && responses[0].txn.succeeded).toBe(true);
        expect(await get('b')).toBe('inner');
      });

      it('refuses a key written twice, too many operations, an empty key', async () => {
        const twice = kv.txn({ compare: [], success: [putOp('a', '1'), putOp('a', '2')], failure: [] });
        expect(await failure(twice)).toMatchObject({
          code: 'InvalidArgument',
          message: 'etcdserver: duplicate key given in txn request',
        });
        const many = Array.from({ length: 129 }, (_, i) => putOp(`k${i}`, 'v'));
        expect(await failure(kv.txn({ compare: [], success: many, failure: [] }))).toMatchObject({
          code: 'InvalidArgument',
          message: 'etcdserver: too many operations in txn request',
        });
        const noKey: RequestOp = { op: 'put', put: { key: new Uint8Array(0), value: bytes('v') } };
        expect(await failure(kv.txn({ compare: [], success: [noKey], failure: [] }))).toMatchObject({
          code: 'InvalidArgument',
          message: 'etcdserver: key is not provided',
        });
        expect((await kv.range(all())).count).toBe(0);
      });

      it('an operation that fails undoes the whole transaction', async () => {
        const lease: RequestOp = { op: 'put', put: { key: k('b'), value: bytes('v'), lease: 987654 } };
        const error = await failure(kv.txn({ compare: [], success: [putOp('a', '1'), lease], failure: [] }));
        expect(error).toMatchObject({ code: 'NotFound', message: 'etcdserver: requested lease not found' });
        expect((await kv.range(all())).count).toBe(0);
      });
    });

    describe('watch', () => {
      it('from now on: puts and deletes of its range, in order, and nothing else', async () => {
        await put('a', 'before');
        const reader = await new Reader(kv, all()).created();
        await put('a', '1');
        await kv.put({ key: bytes(`/other${prefix}`), value: bytes('x') });
        await put('b', '2');
        await kv.deleteRange({ key: k('a') });
        const events = await reader.events(3);
        expect(events.map((e) => show(e).replace(prefix, ''))).toEqual(['put a=1', 'put b=2', 'delete a']);
        const [, , gone] = events;
        expect(plain(gone!.kv)).toMatchObject({ value: new Uint8Array(0), createRevision: 0, version: 0, lease: 0 });
        expect(gone!.kv.modRevision).toBe((await kv.range(all())).header.revision);
        await reader.stop();
      });

      it('from a revision: history first, then the present, nothing twice', async () => {
        const first = await put('a', '1');
        await put('a', '2');
        const reader = await new Reader(kv, { key: k('a'), startRevision: first }).created();
        await put('a', '3');
        const events = await reader.events(3);
        expect(events.map(({ kv: { value, version } }) => `${text(value)}@${version}`)).toEqual(['1@1', '2@2', '3@3']);
        await reader.stop();
      });

      it('from a revision of the future: only from there', async () => {
        const revision = await put('a', '1');
        const reader = await new Reader(kv, { key: k('a'), startRevision: revision + 2 }).created();
        await put('a', '2');
        await put('a', '3');
        expect((await reader.events(1)).map((e) => text(e.kv.value))).toEqual(['3']);
        await reader.stop();
      });

      it('prevKv, of the present and of history', async () => {
        const first = await put('a', '1');
        await put('a', '2');
        const reader = await new Reader(kv, { key: k('a'), startRevision: first, prevKv: true }).created();
        await kv.deleteRange({ key: k('a') });
        const events = await reader.events(3);
        expect(events.map((e) => show(e).replace(prefix, ''))).toEqual(['put a=1', 'put a=2 was 1', 'delete a was 2']);
        expect(events[2]!.prevKv).toMatchObject({ version: 2, createRevision: first });
        await reader.stop();
      });

      it('filters', async () => {
        const deletes = await new Reader(kv, { ...all(), filters: ['noput'] }).created();
        const puts = await new Reader(kv, { ...all(), filters: ['nodelete'] }).created();
        await put('a', '1');
        await kv.deleteRange({ key: k('a') });
        await put('a', '2');
        await kv.deleteRange({ key: k('a') });
        expect((await deletes.events(2)).map(({ type }) => type)).toEqual(['delete', 'delete']);
        expect((await puts.events(2)).map(({ type }) => type)).toEqual(['put', 'put']);
        await deletes.stop();
        await puts.stop();
      });

      it('the events of one transaction come together', async () => {
        const reader = await new Reader(kv, all()).created();
        const puts = Array.from(
          { length: 50 },
          (_, i): RequestOp => ({ op: 'put', put: { key: k(`k${i}`), value: bytes('v') } }),
        );
        const { header } = await kv.txn({ compare: [], success: puts, failure: [] });
        const response = await reader.next();
        expect(response.events).toHaveLength(50);
        expect(new Set(response.events.map((e) => e.kv.modRevision))).toEqual(new Set([header.revision]));
        expect(response.revision).toBe(header.revision);
        await reader.stop();
      });

      it('progress on request: caught up to at least the revision of the asking', async () => {
        const reader = await new Reader(kv, all()).created();
        const revision = await put('a', '1');
        await reader.events(1);
        await kv.put({ key: bytes(`/other${prefix}`), value: bytes('x') });
        reader.stream.requestProgress();
        const response = await reader.next();
        expect(response.events).toEqual([]);
        expect(response.revision).toBeGreaterThanOrEqual(revision);
        await reader.stop();
      });

      it('cancel ends the reader without an error', async () => {
        const stream = kv.watch(all());
        const seen: WatchResponse[] = [];
        for await (const response of stream) {
          seen.push(response);
          stream.cancel();
        }
        expect(seen.filter(({ events }) => events.length > 0)).toEqual([]);
      });

      it('many writes under many watchers: each sees all, gapless', async () => {
        const readers = await Promise.all(Array.from({ length: 5 }, () => new Reader(kv, all()).created()));
        await Promise.all(Array.from({ length: 200 }, (_, i) => put(`k${i % 10}`, `${i}`)));
        const seen = await Promise.all(readers.map((reader) => reader.events(200)));
        const revisions = seen[0]!.map((e) => e.kv.modRevision);
        expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
        for (const events of seen) expect(events.map((e) => e.kv.modRevision)).toEqual(revisions);
        await Promise.all(readers.map((reader) => reader.stop()));
      });
    });

    describe('leases', () => {
      it('grant, keys, time to live, keep alive, revoke', async () => {
        const { id, ttl } = await kv.leaseGrant({ ttl: 100 });
        expect(ttl).toBe(100);
        await put('a', '1', id);
        await put('b', '1', id);
        expect((await kv.range({ key: k('a') })).kvs[0]!.lease).toBe(id);
        const alive = await kv.leaseTimeToLive(id, true);
        expect(alive).toMatchObject({ id, grantedTtl: 100 });
        expect(alive.ttl).toBeGreaterThan(90);
        expect(alive.keys.map(text).sort()).toEqual([`${prefix}a`, `${prefix}b`]);
        expect((await kv.leaseTimeToLive(id)).keys).toEqual([]);
        expect(await kv.leases()).toContain(id);
        expect(await kv.leaseKeepAlive(id)).toMatchObject({ id, ttl: 100 });

        const reader = await new Reader(kv, all()).created();
        await kv.leaseRevoke(id);
        const events = await reader.events(2);
        expect(events.map(({ type }) => type)).toEqual(['delete', 'delete']);
        expect(events[0]!.kv.modRevision).toBe(events[1]!.kv.modRevision);
        expect((await kv.range(all())).count).toBe(0);
        await reader.stop();
      });

      it('a key put without its lease leaves it', async () => {
        const { id } = await kv.leaseGrant({ ttl: 100 });
        await put('a', '1', id);
        await put('a', '2');
        await kv.leaseRevoke(id);
        expect(await get('a')).toBe('2');
      });

      it('a lease that does not exist', async () => {
        const { id } = await kv.leaseGrant({ ttl: 100 });
        await kv.leaseRevoke(id);
        expect(await kv.leaseTimeToLive(id)).toMatchObject({ ttl: -1, grantedTtl: 0, keys: [] });
        expect((await kv.leaseKeepAlive(id)).ttl).toBe(0);
        expect(await failure(kv.leaseRevoke(id))).toMatchObject({
          code: 'NotFound',
          message: 'etcdserver: requested lease not found',
        });
        expect(await kv.leases()).not.toContain(id);
      });

      it('a chosen ID, taken only once; a TTL beyond bounds', async () => {
        const id = 1_000_000 + counter;
        expect(await kv.leaseGrant({ ttl: 100, id })).toMatchObject({ id });
        expect(await failure(kv.leaseGrant({ ttl: 100, id }))).toMatchObject({
          code: 'FailedPrecondition',
          message: 'etcdserver: lease already exists',
        });
        await kv.leaseRevoke(id);
        expect(await failure(kv.leaseGrant({ ttl: 9_000_000_001 }))).toMatchObject({
          code: 'OutOfRange',
          message: 'etcdserver: too large lease TTL',
        });
      });
    });

    describe('lease IDs of 64 bits', () => {
      it('are exact wherever they stand: neighbours that a double would confuse are two leases', async () => {
        // The prefix of this test is in the IDs: on a real etcd others have been here.
        const base = 2n ** 62n + BigInt(counter) * 1000n;
        const [one, two] = [base, base + 1n];
        expect(await kv.leaseGrant({ ttl: 100, id: one })).toMatchObject({ id: one, ttl: 100 });
        expect(await kv.leaseGrant({ ttl: 100, id: two })).toMatchObject({ id: two });
        expect(await failure(kv.leaseGrant({ ttl: 100, id: one }))).toMatchObject({ code: 'FailedPrecondition' });
        expect(await kv.leases()).toEqual(expect.arrayContaining([one, two]));
        await put('a', '1', one);
        await put('b', '1', two);
        const { kvs } = await kv.range(all());
        expect(kvs.map(({ lease }) => lease)).toEqual([one, two]);
        expect((await kv.leaseTimeToLive(two, true)).keys.map(text)).toEqual([`${prefix}b`]);
        expect(await kv.leaseKeepAlive(one)).toMatchObject({ id: one, ttl: 100 });
        const compare = (result: 'equal' | 'greater' | 'less', lease: LeaseId) =>
          kv
            .txn({ compare: [{ key: k('a'), target: 'lease', result, lease }], success: [], failure: [] })
            .then(({ succeeded }) => succeeded);
        expect(await compare('equal', one)).toBe(true);
        expect(await compare('equal', two)).toBe(false);
        expect(await compare('less', two)).toBe(true);
        expect(await compare('greater', 5)).toBe(true);
        await kv.leaseRevoke(one);
        expect((await kv.range(all())).kvs.map(({ key }) => text(key))).toEqual([`${prefix}b`]);
        expect(await failure(kv.leaseRevoke(one))).toMatchObject({ code: 'NotFound' });
        await kv.leaseRevoke(two);
      });
    });

    describe('compaction and status', () => {
      it('what is compacted cannot be read or watched any more', async () => {
        const first = await put('a', '1');
        const second = await put('a', '2');
        const third = await put('a', '3');
        await kv.compact(second, { physical: true });
        const error = await failure(kv.range({ key: k('a'), revision: first }));
        expect(isCompacted(error)).toBe(true);
        expect(error.message).toBe(errCompacted);
        expect(await get('a', second)).toBe('2');
        expect(await get('a', third)).toBe('3');

        const reader = new Reader(kv, { key: k('a'), startRevision: first });
        let last = await reader.next();
        if (last.created && !last.canceled) last = await reader.next();
        expect(last).toMatchObject({ canceled: true, compactRevision: second, events: [] });
        expect(last.cancelReason).toContain('required revision has been compacted');
        await reader.stop();

        const kept = await new Reader(kv, { key: k('a'), startRevision: second }).created();
        expect((await kept.events(2)).map((e) => text(e.kv.value))).toEqual(['2', '3']);
        await kept.stop();

        expect(await failure(kv.compact(second))).toMatchObject({ code: 'OutOfRange', message: errCompacted });
        expect(await failure(kv.compact(third + 100))).toMatchObject({ code: 'OutOfRange', message: errFutureRev });
      });

      it('status', async () => {
        const revision = await put('a', '1');
        const status = await kv.status();
        expect(status.version).toMatch(/^3\.[45]\.\d+$/);
        expect(status.leader).toBeGreaterThan(0n);
        expect(status.dbSize).toBeGreaterThan(0);
        expect(status.raftIndex).toBeGreaterThan(0);
        expect(status.raftAppliedIndex).toBeGreaterThan(0);
        expect(status.header.revision).toBeGreaterThanOrEqual(revision);
      });
    });
  });
}
