import { Slicer } from '../base/index.ts';
import type { Row, Store } from '../mvcc/index.ts';
import { crc32c } from './bolt/crc32c.ts';
import { revisionKey, type SnapshotRevision } from './bolt/snapshot.ts';
import { KeyValue } from './v3/messages.ts';

/** Rows read at once. */
const page = 256;

type Kept = Omit<Row, 'value' | 'tombstone' | 'time' | 'provenance'>;

/**
 * What etcd's `key` bucket holds at `revision`, in order: of what was compacted the revisions that are still the state
 * at `compactRevision`, and every one after it. Other tasks get their turn in between, so the caller sees to it that
 * nothing of it is pruned meanwhile.
 */
export async function* keptRevisions(
  store: Store,
  compactRevision: number,
  revision: number,
): AsyncGenerator<SnapshotRevision, void, void> {
  const slicer = new Slicer();
  yield* withLater(store, await stateAt(store, compactRevision, slicer), compactRevision, revision, slicer);
}

/** What of the compacted past is given, then every revision after it. */
async function* withLater(
  store: Store,
  past: readonly Kept[],
  compactRevision: number,
  revision: number,
  slicer: Slicer,
): AsyncGenerator<SnapshotRevision, void, void> {
  const { backend } = store;
  for (const row of past) {
    const { main, sub, key, createRevision, version, lease } = row;
    const value = backend.value(main, sub);
    yield { main, sub, tombstone: false, kv: { key, value, createRevision, modRevision: main, version, lease } };
    if (slicer.due) await slicer.pause();
  }
  for (let from = compactRevision; from < revision; ) {
    const rows = backend.changes({ from, to: revision, limit: page });
    for (const { main, sub, tombstone, key, value, createRevision, version, lease } of rows) {
      const kv = tombstone ? { key } : { key, value, createRevision, modRevision: main, version, lease };
      yield { main, sub, tombstone, kv };
    }
    if (rows.length < page) break;
    from = rows.at(-1)!.main;
    if (slicer.due) await slicer.pause();
  }
}

/** Live keys at a revision in order of their last change; values are left out, as all of them may not fit. */
async function stateAt(store: Store, revision: number, slicer: Slicer): Promise<Kept[]> {
  const kept: Kept[] = [];
  if (revision === 0) return kept;
  let start: Uint8Array = new Uint8Array(0);
  for (;;) {
    const rows = store.backend.rangeAt(start, undefined, revision, page);
    for (const { key, main, sub, createRevision, version, lease } of rows) {
      kept.push({ key, main, sub, createRevision, version, lease });
    }
    if (rows.length < page) break;
    start = Buffer.concat([rows.at(-1)!.key, Buffer.alloc(1)]);
    if (slicer.due) await slicer.pause();
  }
  return kept.sort((a, b) => a.main - b.main || a.sub - b.sub);
}

/**
 * etcd's HashKV: CRC-32C of the `key` bucket up to `revision`, as etcd encodes it. Equal on every etcd with an equal
 * history, klab's or not. Upstream: server/storage/mvcc/hash.go.
 */
export async function hashRevisions(store: Store, compactRevision: number, revision: number): Promise<number> {
  let crc = crc32c(Buffer.from('key'));
  const slicer = new Slicer();
  const now = compactRevision > 0 ? await stateAt(store, revision, slicer) : [];
  // Of the compacted past only what is still the state; all there is of it when nothing is, as there.
  const past =
    now.length > 0 ? now.filter(({ main }) => main <= compactRevision) : await stateAt(store, compactRevision, slicer);
  for await (const { main, sub, tombstone, kv } of withLater(store, past, compactRevision, revision, slicer)) {
    crc = crc32c(KeyValue.encode(kv), crc32c(revisionKey(main, sub, tombstone), crc));
  }
  return crc;
}
