import { describe, expect, test } from 'vitest';
import { type Backend, type KeyValue, keyBytes, keyRange, MvccError, Store } from '../../src/mvcc/index.ts';

const b = (text: string) => Buffer.from(text);
const all = keyRange(Buffer.of(0), Buffer.of(0));

export interface OpenBackend {
  readonly backend: Backend;
  /** Ends the owner's transaction. */
  commit(): void;
  /** The same data, opened again. */
  reopen(): OpenBackend;
  close(): void;
}

function show(kvs: readonly KeyValue[]): string[] {
  return kvs.map((kv) => `${kv.key}=${kv.value}@${kv.modRevision}v${kv.version}`);
}

function put(store: Store, key: string, value: string, lease = 0, time = 0): number {
  const txn = store.write(time, { actor: 'test' });
  txn.put(b(key), b(value), lease);
  return txn.end();
}

function del(store: Store, start: string, end?: string, time = 0): number {
  const txn = store.write(time, undefined);
  txn.deleteRange(keyRange(b(start), end === undefined ? undefined : b(end)));
  return txn.end();
}

/** What every backend must do for a store. */
export function backendConformance(open: () => OpenBackend): void {
  const fill = () => {
    const opened = open();
    const store = new Store(opened.backend);
    put(store, 'a', '1'); // 2
    put(store, 'b', '1'); // 3
    put(store, 'a', '2'); // 4
    del(store, 'a'); // 5
    put(store, 'a', '3'); // 6
    put(store, 'c', '1'); // 7
    store.publish();
    opened.commit();
    return { opened, store };
  };

  describe('revisions', () => {
    test('every revision can be read again, from memory and after a restart', () => {
      const { opened, store } = fill();
      const at = [
        [],
        ['a=1@2v1'],
        ['a=1@2v1', 'b=1@3v1'],
        ['a=2@4v2', 'b=1@3v1'],
        ['b=1@3v1'],
        ['a=3@6v1', 'b=1@3v1'],
        ['a=3@6v1', 'b=1@3v1', 'c=1@7v1'],
      ];
      for (const [i, expected] of at.entries()) expect(show(store.range(all, i + 1).kvs)).toEqual(expected);
      const again = opened.reopen();
      const reopened = new Store(again.backend);
      expect(reopened.revision).toBe(7);
      at.forEach((expected, i) => {
        expect(show(reopened.range(all, i + 1).kvs)).toEqual(expected);
        expect(reopened.range(all, i + 1, { countOnly: true }).count).toBe(expected.length);
        expect(reopened.range(all, i + 1, { limit: 1 })).toMatchObject({ count: expected.length });
      });
      again.close();
    });

    test('history and changes tell who, what and when', () => {
      const { opened, store } = fill();
      const history = store.backend.history(b('a'), {});
      expect(history.map((r) => [r.main, r.tombstone, String(r.value)])).toEqual([
        [6, false, '3'],
        [5, true, ''],
        [4, false, '2'],
        [2, false, '1'],
      ]);
      expect(history[0]!.provenance).toEqual({ actor: 'test' });
      expect(store.backend.history(b('a'), { before: 5, limit: 1 }).map((r) => r.main)).toEqual([4]);
      expect(store.backend.changes({ from: 3, to: 6 }).map((r) => r.main)).toEqual([4, 5, 6]);
      expect(store.backend.changes({ from: 1, to: 99, start: b('b'), end: b('c') }).map((r) => r.main)).toEqual([3]);
      expect(store.backend.previous(b('a'), 4)?.main).toBe(2);
      opened.close();
    });

    test('a revision is never cut in two by a limit', () => {
      const opened = open();
      const store = new Store(opened.backend);
      const txn = store.write(0, undefined);
      for (const key of ['a', 'b', 'c']) txn.put(b(key), b('1'), 0);
      txn.end();
      put(store, 'd', '1');
      expect(store.backend.changes({ from: 1, to: 99, limit: 2 }).map((r) => String(r.key))).toEqual(['a', 'b', 'c']);
      opened.close();
    });

    test('a transaction sees its own changes, shares one revision, and takes none when it changes nothing', () => {
      const opened = open();
      const store = new Store(opened.backend);
      const txn = store.write(0, undefined);
      txn.put(b('a'), b('1'), 0);
      txn.put(b('b'), b('1'), 0);
      txn.put(b('a'), b('2'), 0);
      expect(show(txn.range(all, 0, {}).kvs)).toEqual(['a=2@2v2', 'b=1@2v1']);
      expect(txn.end()).toBe(2);
      expect(del(store, 'nothing')).toBe(2);
      opened.close();
    });
  });

  test('a rollback leaves nothing of the turn', () => {
    const { opened, store } = fill();
    store.grantLease(7, 10, 1);
    store.publish();
    put(store, 'a', 'x', 7);
    put(store, 'new', 'x', 7);
    del(store, 'b', 'd');
    store.grantLease(8, 10, 2);
    store.revokeLease(7, 3, 0, undefined);
    store.compact(5);
    expect(show(store.range(all, 99).kvs)).toEqual([]);
    store.rollback();
    store.index.verify();
    expect(store.revision).toBe(7);
    expect(store.compactRevision).toBe(0);
    expect(show(store.range(all, 7).kvs)).toEqual(['a=3@6v1', 'b=1@3v1', 'c=1@7v1']);
    expect(store.lessor.list().map(({ id, keys }) => [id, [...keys]])).toEqual([[7, []]]);
    expect(store.publish()).toEqual([]);
    opened.close();
  });

  describe('compaction', () => {
    test('refuses what is compacted or to come, and keeps klab’s history', () => {
      const { opened, store } = fill();
      store.compact(5);
      while (store.compactSlice(99));
      expect(() => store.compact(5)).toThrow(MvccError);
      expect(() => store.compact(99)).toThrow('future');
      expect(() => store.write(0, undefined).range(all, 4, {})).toThrow('compacted');
      expect(show(store.range(all, 5).kvs)).toEqual(['b=1@3v1']);
      expect(show(store.range(all, 6).kvs)).toEqual(['a=3@6v1', 'b=1@3v1']);
      expect(store.backend.history(b('a'), {}).map((r) => r.main)).toEqual([6, 5, 4, 2]);
      opened.commit();
      const again = opened.reopen();
      expect(new Store(again.backend).compactRevision).toBe(5);
      again.close();
    });

    test('pruning drops what was superseded up to its bounds, and only that', () => {
      const { opened, store } = fill();
      const prune = (upTo: number, olderThan = Number.MAX_SAFE_INTEGER) => {
        while (store.backend.prune({ name: 'all', upTo, olderThan }, 2));
      };
      prune(4);
      expect(store.backend.history(b('a'), {}).map((r) => r.main)).toEqual([6, 5, 4]);
      prune(6);
      expect(store.backend.history(b('a'), {}).map((r) => r.main)).toEqual([6]);
      expect(show(store.range(all, 7).kvs)).toEqual(['a=3@6v1', 'b=1@3v1', 'c=1@7v1']);
      del(store, 'c'); // 8
      prune(8, 0);
      expect(store.backend.history(b('c'), {}).map((r) => r.main)).toEqual([8, 7]);
      prune(8);
      expect(store.backend.history(b('c'), {})).toEqual([]);
      opened.commit();
      const again = opened.reopen();
      const reopened = new Store(again.backend);
      // The newest revision was a deletion that is pruned: the count goes on all the same.
      expect(reopened.revision).toBe(8);
      expect(show(reopened.range(all, 8).kvs)).toEqual(['a=3@6v1', 'b=1@3v1']);
      again.close();
    });

    test('a policy for prefixes leaves the others alone', () => {
      const opened = open();
      const store = new Store(opened.backend);
      for (const key of ['/leases/x', '/pods/x']) for (const value of ['1', '2', '3']) put(store, key, value);
      store.backend.prune({ name: 'short', upTo: 99, olderThan: 1, prefixes: [b('/leases/')] }, 100);
      expect(store.backend.history(b('/leases/x'), {}).length).toBe(1);
      expect(store.backend.history(b('/pods/x'), {}).length).toBe(3);
      opened.close();
    });
  });

  test('leases carry their keys over a restart, and take them along when revoked', () => {
    const opened = open();
    const store = new Store(opened.backend);
    expect(store.grantLease(5, 1, 1)).toBe(2);
    expect(() => store.grantLease(5, 10, 1)).toThrow('lease already exists');
    expect(() => store.grantLease(6, 9_000_000_001, 1)).toThrow('too large lease TTL');
    put(store, 'a', '1', 5);
    put(store, 'b', '1', 5);
    put(store, 'b', '2', 0);
    opened.commit();
    const again = opened.reopen();
    const reopened = new Store(again.backend);
    expect([...reopened.lessor.get(5)!.keys]).toEqual(['a']);
    reopened.revokeLease(5, 9, 0, undefined);
    expect(show(reopened.range(all, 99).kvs)).toEqual(['b=2@4v2']);
    expect(() => reopened.revokeLease(5, 9, 0, undefined)).toThrow('requested lease not found');
    again.close();
  });

  test('one store’s dump makes another store the same', () => {
    const { opened, store } = fill();
    store.grantLease(5, 10, 1);
    const other = open();
    const copy = new Store(other.backend);
    put(copy, 'other', 'x');
    copy.import(store.backend.export());
    expect(copy.revision).toBe(7);
    expect(show(copy.range(all, 7).kvs)).toEqual(show(store.range(all, 7).kvs));
    expect(show(copy.range(all, 4).kvs)).toEqual(show(store.range(all, 4).kvs));
    expect(copy.lessor.list().map((l) => l.id)).toEqual([5]);
    opened.close();
    other.close();
  });

  test('keys are bytes: order and prefixes hold for all of them', () => {
    const opened = open();
    const store = new Store(opened.backend);
    const keys = [
      Buffer.of(0x61),
      Buffer.of(0x61, 0),
      Buffer.of(0x61, 0, 0x62),
      Buffer.of(0x61, 0x7f),
      // Cut off, misplaced and overlong UTF-8, each of as many characters as bytes to whoever counts carelessly.
      Buffer.of(0x61, 0x80),
      Buffer.of(0x61, 0xc0, 0x61),
      b('aü'),
      Buffer.of(0x61, 0xe4, 0x78),
      b('a\ufffd'),
      Buffer.of(0x61, 0xff),
      b('ß€'),
      Buffer.of(0xff),
    ];
    for (const key of keys.toReversed()) {
      const txn = store.write(0, undefined);
      txn.put(key, b('x'), 0);
      txn.end();
    }
    expect(store.range(all, 99).kvs.map((kv) => Buffer.from(kv.key).toString('hex'))).toEqual(
      keys.map((k) => k.toString('hex')),
    );
    opened.commit();
    const again = opened.reopen();
    const reopened = new Store(again.backend);
    expect(reopened.range(all, 99).kvs.map((kv) => Buffer.from(kv.key).toString('hex'))).toEqual(
      keys.map((k) => k.toString('hex')),
    );
    expect(reopened.range(keyRange(Buffer.of(0x61), Buffer.of(0x62)), 99).count).toBe(10);
    expect(keyBytes('\xff')).toEqual(Buffer.of(0xff));
    again.close();
  });
}
