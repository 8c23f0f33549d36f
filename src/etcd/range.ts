import { yieldToEventLoop } from '../base/index.ts';
import { type KeyRange, keyRange, keyString, type RangeOptions, type RangeResult } from '../mvcc/index.ts';
import type { KeyValue, RangeRequest, RangeResponse, ResponseHeader } from './kv.ts';

/** Reads a range at a revision that the caller has checked. */
export type ReadRange = (range: KeyRange, options: RangeOptions) => RangeResult;

/** Executes a range request: filters, order, limit. Upstream: etcd server/etcdserver/apply.go, applierV3backend.Range. */
export function executeRange(request: RangeRequest, read: ReadRange, header: ResponseHeader): RangeResponse {
  const range = keyRange(request.key, request.rangeEnd);
  const filtered =
    !!request.minModRevision || !!request.maxModRevision || !!request.minCreateRevision || !!request.maxCreateRevision;
  const target = request.sortTarget ?? 'key';
  // Keys come in ascending order anyway.
  const order =
    request.sortOrder && request.sortOrder !== 'none' ? request.sortOrder : target === 'key' ? 'none' : 'ascend';
  const limit = request.limit && request.limit > 0 ? request.limit : 0;
  const sorted = order !== 'none' && !(order === 'ascend' && target === 'key');
  const all = filtered || sorted;
  const result = read(range, {
    limit: limit > 0 && !all ? limit + 1 : 0,
    countOnly: request.countOnly,
    // Sorting by value needs them.
    keysOnly: request.keysOnly && target !== 'value',
  });
  let { kvs } = result;
  if (filtered) kvs = kvs.filter((kv) => withinRevisions(kv, request));
  if (sorted) sortKvs(kvs, target, order === 'descend');
  const more = limit > 0 && kvs.length > limit;
  if (more) kvs = kvs.slice(0, limit);
  if (request.keysOnly && target === 'value') kvs = kvs.map((kv) => ({ ...kv, value: new Uint8Array(0) }));
  return { header, kvs, more, count: result.count };
}

/** Keys read at once; a larger range is read in slices, between which others get the loop. */
export const rangeSlice = 2000;

/** A range that needs neither filter nor order, at a revision that stays what it is while others write. */
export async function executeSliced(
  request: RangeRequest,
  read: ReadRange,
  header: ResponseHeader,
  count: number,
): Promise<RangeResponse> {
  const limit = request.limit && request.limit > 0 ? Math.min(request.limit, count) : count;
  let range = keyRange(request.key, request.rangeEnd);
  const kvs: KeyValue[] = [];
  while (kvs.length < limit) {
    const slice = Math.min(rangeSlice, limit - kvs.length);
    const part = read(range, { limit: slice, keysOnly: request.keysOnly, noCount: true }).kvs;
    for (const kv of part) kvs.push(kv);
    if (part.length < slice) break;
    range = { ...range, start: `${keyString(part.at(-1)!.key)}\0` };
    if (kvs.length < limit) await yieldToEventLoop();
  }
  return { header, kvs, more: kvs.length < count, count };
}

/** True when a request is answered by walking its keys in order. */
export function isPlain(request: RangeRequest): boolean {
  const { sortOrder, sortTarget, minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  const sorted = (sortOrder && sortOrder !== 'none') || (sortTarget && sortTarget !== 'key');
  return !sorted && !minModRevision && !maxModRevision && !minCreateRevision && !maxCreateRevision;
}

function withinRevisions(kv: KeyValue, r: RangeRequest): boolean {
  return (
    (!r.minModRevision || kv.modRevision >= r.minModRevision) &&
    (!r.maxModRevision || kv.modRevision <= r.maxModRevision) &&
    (!r.minCreateRevision || kv.createRevision >= r.minCreateRevision) &&
    (!r.maxCreateRevision || kv.createRevision <= r.maxCreateRevision)
  );
}

function sortKvs(kvs: KeyValue[], target: NonNullable<RangeRequest['sortTarget']>, descend: boolean): void {
  const compare: (a: KeyValue, b: KeyValue) => number =
    target === 'key'
      ? (a, b) => Buffer.compare(a.key, b.key)
      : target === 'value'
        ? (a, b) => Buffer.compare(a.value, b.value)
        : target === 'version'
          ? (a, b) => a.version - b.version
          : target === 'create'
            ? (a, b) => a.createRevision - b.createRevision
            : (a, b) => a.modRevision - b.modRevision;
  kvs.sort(descend ? (a, b) => compare(b, a) : compare);
}
