import { describe, expect, test } from 'vitest';
import { keyRange, MemoryBackend, Store, type WatchAnswer, type Watcher, WatchHub } from '../../src/mvcc/index.ts';

const b = (text: string) => Buffer.from(text);

class Harness {
  readonly store = new Store(new MemoryBackend(), { recentRevisions: 8 });
  readonly hub = new WatchHub(this.store, 1, 0);

  put(key: string, value: string): void {
    const txn = this.store.write(0, undefined);
    txn.put(b(key), b(value), 0);
    txn.end();
  }

  delete(key: string): void {
    const txn = this.store.write(0, undefined);
    txn.deleteRange(keyRange(b(key), undefined));
    txn.end();
  }

  publish(): void {
    const changes = this.store.publish();
    this.hub.advance(changes, this.store.revision, this.store.compactRevision);
  }
}

function show(answer: WatchAnswer | undefined): string {
  if (!answer) return 'end';
  const events = answer.events.map(
    (e) => `${e.type} ${e.kv.key}=${e.kv.value}@${e.kv.modRevision}${e.prevKv ? ` was ${e.prevKv.value}` : ''}`,
  );
  const marks = [
    answer.created ? 'created' : '',
    answer.canceled ? `canceled, compacted ${answer.compactRevision}` : '',
  ];
  return [`to ${answer.revision}`, ...marks.filter((m) => m), ...events].join('; ');
}

async function read(watcher: Watcher, n: number): Promise<string[]> {
  const out: string[] = [];
  for (let i = 0; i < n; i++) out.push(show(await watcher.next()));
  return out;
}

describe('a watch', () => {
  test('gets what comes, in order, grouped, with the values before', async () => {
    const h = new Harness();
    h.put('a/1', 'old');
    h.publish();
    const watcher = h.hub.watch({ key: b('a/'), rangeEnd: b('a0'), prevKv: true });
    h.put('a/1', 'new');
    h.put('b/1', 'elsewhere');
    h.delete('a/1');
    h.publish();
    h.put('a/2', 'x');
    h.publish();
    expect(await read(watcher, 3)).toEqual([
      'to 2; created',
      'to 5; put a/1=new@3 was old; delete a/1=@5 was new',
      'to 6; put a/2=x@6',
    ]);
  });

  test('from a past revision reads history first, then goes on without gap or double', async () => {
    const h = new Harness();
    for (let i = 0; i < 30; i++) h.put(`k${i % 3}`, String(i));
    h.publish();
    const watcher = h.hub.watch({ key: b('k1'), startRevision: 5 });
    h.put('k1', 'last');
    h.publish();
    const seen: number[] = [];
    while (seen.at(-1) !== 32) for (const e of (await watcher.next())!.events) seen.push(e.kv.modRevision);
    expect(seen).toEqual([6, 9, 12, 15, 18, 21, 24, 27, 30, 32]);
    expect(watcher.synced).toBe(true);
  });

  test('from a future revision waits for it', async () => {
    const h = new Harness();
    const watcher = h.hub.watch({ key: b('a'), startRevision: 3 });
    h.put('a', '1');
    h.publish();
    h.put('a', '2');
    h.publish();
    expect(await read(watcher, 2)).toEqual(['to 1; created', 'to 3; put a=2@3']);
  });

  test('from a compacted revision is cancelled and told how far', async () => {
    const h = new Harness();
    for (let i = 0; i < 10; i++) h.put('a', String(i));
    h.store.compact(8);
    h.publish();
    expect(await read(h.hub.watch({ key: b('a'), startRevision: 7 }), 3)).toEqual([
      'to 11; created',
      'to 11; canceled, compacted 8',
      'end',
    ]);
    expect(await read(h.hub.watch({ key: b('a'), startRevision: 8 }), 2)).toEqual([
      'to 11; created',
      'to 11; put a=6@8; put a=7@9; put a=8@10; put a=9@11',
    ]);
  });

  test('with a slow reader holds a bounded queue and loses nothing', async () => {
    const h = new Harness();
    const watcher = h.hub.watch({ key: b('a') });
    for (let i = 0; i < 3000; i++) {
      h.put('a', String(i));
      h.publish();
    }
    expect(watcher.synced).toBe(false);
    const seen: string[] = [];
    while (seen.length < 3000) for (const e of (await watcher.next())!.events) seen.push(String(e.kv.value));
    expect(seen).toEqual(Array.from({ length: 3000 }, (_, i) => String(i)));
  });

  test('that saw nothing for long is not taken for late when it falls behind', async () => {
    const h = new Harness();
    const watcher = h.hub.watch({ key: b('a') });
    for (let i = 0; i < 50; i++) h.put('b', String(i));
    h.store.compact(40);
    h.publish();
    for (let i = 0; i < 1100; i++) {
      h.put('a', String(i));
      h.publish();
    }
    let n = 0;
    while (n < 1100) {
      const answer = await watcher.next();
      expect(answer!.canceled).toBeUndefined();
      n += answer!.events.length;
    }
  });

  test('filters, and answers progress requests when it has caught up', async () => {
    const h = new Harness();
    const puts = h.hub.watch({ key: b('a'), filters: ['nodelete'] });
    const deletes = h.hub.watch({ key: b('a'), filters: ['noput'] });
    h.put('a', '1');
    h.delete('a');
    h.publish();
    puts.requestProgress();
    expect(await read(puts, 3)).toEqual(['to 1; created', 'to 3; put a=1@2', 'to 3']);
    expect(await read(deletes, 2)).toEqual(['to 1; created', 'to 3; delete a=@3']);
  });

  test('delivers the very buffer that was put', async () => {
    const h = new Harness();
    const watcher = h.hub.watch({ key: b('a') });
    const value = b('identity');
    const txn = h.store.write(0, undefined);
    txn.put(b('a'), value, 0);
    txn.end();
    h.publish();
    await watcher.next();
    const event = (await watcher.next())!.events[0]!;
    expect(event.kv.value).toBe(value);
    expect(h.store.range(keyRange(b('a'), undefined), 2).kvs[0]!.value).toBe(value);
  });

  test('ends when it is cancelled, when its reader leaves, and with the error it is given', async () => {
    const h = new Harness();
    const cancelled = h.hub.watch({ key: b('a') });
    cancelled.cancel();
    expect(await read(cancelled, 2)).toEqual(['to 1; created', 'end']);
    for await (const _ of h.hub.watch({ key: b('a') })) break;
    expect(h.hub.size).toBe(0);
    const failed = h.hub.watch({ key: b('a') });
    h.hub.close(new Error('the member is gone'));
    await failed.next();
    await expect(failed.next()).rejects.toThrow('the member is gone');
  });
});

test('values beyond the cache come back from the backend', () => {
  const store = new Store(new MemoryBackend(), { valueCacheBytes: 100 });
  for (let i = 0; i < 50; i++) {
    const txn = store.write(0, undefined);
    txn.put(b(`k${String(i).padStart(2, '0')}`), Buffer.alloc(10, i), 0);
    txn.end();
  }
  const { kvs } = store.range(keyRange(b('k'), b('l')), 99);
  expect(kvs.every((kv, i) => kv.value.length === 10 && kv.value[0] === i)).toBe(true);
});
