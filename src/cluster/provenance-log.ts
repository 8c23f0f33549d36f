/** Who wrote which revision of a real etcd, and why: kept beside it, by cluster and revision, within a bound. */
import type { CallOptions, KV, Provenance, RequestOp, TxnResponse, WrittenBy } from '../etcd/index.ts';
import type { SideTable } from '../sqlite/index.ts';

const kind = 'provenance';
const maxBytes = 64 * 2 ** 20;
/** The bound is looked at once for so many writes. */
const pruneEvery = 1024;
const pruneRows = 2000;

/**
 * The same store; each write's provenance goes into `table` once etcd has acknowledged it. A write whose answer is lost
 * shows no actor, as those of others.
 */
export function recordingWrites(
  kv: KV,
  table: SideTable,
  { clusterId, now }: { readonly clusterId: bigint; readonly now: () => number },
): { readonly kv: KV; readonly writtenBy: WrittenBy } {
  const keyOf = (revision: number) => `${clusterId.toString(16)}/${revision}`;
  let sincePrune = 0;
  const record = (revision: number, options: CallOptions | undefined) => {
    table.append(kind, keyOf(revision), now(), options?.provenance ?? null);
    if (++sincePrune < pruneEvery) return;
    sincePrune = 0;
    const bytes = table.bytes(kind);
    if (bytes > maxBytes) table.pruneOldest(kind, { bytes: bytes - maxBytes, limit: pruneRows });
  };
  return {
    kv: {
      range: (request, options) => kv.range(request, options),
      put: async (request, options) => {
        const response = await kv.put(request, options);
        record(response.header.revision, options);
        return response;
      },
      deleteRange: async (request, options) => {
        const response = await kv.deleteRange(request, options);
        if (response.deleted > 0) record(response.header.revision, options);
        return response;
      },
      txn: async (request, options) => {
        const response = await kv.txn(request, options);
        if (wrote(response, request.success, request.failure)) record(response.header.revision, options);
        return response;
      },
      compact: (revision, options) => kv.compact(revision, options),
      watch: (request) => kv.watch(request),
      leaseGrant: (request, options) => kv.leaseGrant(request, options),
      leaseRevoke: (id, options) => kv.leaseRevoke(id, options),
      leaseKeepAlive: (id, options) => kv.leaseKeepAlive(id, options),
      leaseTimeToLive: (id, withKeys, options) => kv.leaseTimeToLive(id, withKeys, options),
      leases: (options) => kv.leases(options),
      status: (options) => kv.status(options),
    },
    writtenBy: (revision) => {
      const [found] = table.list(kind, keyOf(revision), { limit: 1 });
      if (!found) return undefined;
      const provenance = found.value as Provenance | null;
      return { time: found.time, ...(provenance && { provenance }) };
    },
  };
}

function wrote(response: TxnResponse, success: readonly RequestOp[], failure: readonly RequestOp[]): boolean {
  const asked = response.succeeded ? success : failure;
  return asked.some((request, i) => {
    const answer = response.responses[i];
    if (answer?.op === 'deleteRange') return answer.deleteRange.deleted > 0;
    if (request.op === 'txn')
      return answer?.op === 'txn' && wrote(answer.txn, request.txn.success, request.txn.failure);
    return request.op === 'put';
  });
}
