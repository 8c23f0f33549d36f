/** `--etcd-prefix`: one cluster's keys under another name in an etcd that several share. */
import type { Compare, KeyValue, KV, RequestOp, ResponseOp, StoreEvent, TxnResponse, WatchStream } from '../kv.ts';

/**
 * The same store with all keys below `here` (`/registry/`) kept below `there`; both end with a slash. Keys elsewhere,
 * as the compactor's, stay where they are. Upstream: path.Join(config.Prefix, …) in apiserver/pkg/storage/etcd3.
 */
export function underPrefix(kv: KV, here: string, there: string): KV {
  const out = new Renaming(here, there);
  const back = new Renaming(there, here);
  const range = <T extends { readonly key: Uint8Array; readonly rangeEnd?: Uint8Array }>(request: T): T =>
    request.rangeEnd === undefined
      ? { ...request, key: out.key(request.key) }
      : { ...request, key: out.key(request.key), rangeEnd: out.end(request.rangeEnd) };
  const put = <T extends { readonly key: Uint8Array }>(request: T): T => ({ ...request, key: out.key(request.key) });
  const op = (asked: RequestOp): RequestOp => {
    switch (asked.op) {
      case 'range':
        return { op: 'range', range: range(asked.range) };
      case 'put':
        return { op: 'put', put: put(asked.put) };
      case 'deleteRange':
        return { op: 'deleteRange', deleteRange: range(asked.deleteRange) };
      case 'txn':
        return { op: 'txn', txn: txn(asked.txn) };
    }
  };
  const txn = <T extends { compare: readonly Compare[]; success: readonly RequestOp[]; failure: readonly RequestOp[] }>(
    request: T,
  ): T => ({
    ...request,
    compare: request.compare.map((compare) => range(compare)),
    success: request.success.map(op),
    failure: request.failure.map(op),
  });
  const kvBack = (found: KeyValue): KeyValue => ({ ...found, key: back.key(found.key) });
  const prevBack = <T extends { readonly prevKv?: KeyValue }>(response: T): T =>
    response.prevKv ? { ...response, prevKv: kvBack(response.prevKv) } : response;
  const kvsBack = <T extends { readonly kvs: readonly KeyValue[] }>(response: T): T => ({
    ...response,
    kvs: response.kvs.map(kvBack),
  });
  const prevsBack = <T extends { readonly prevKvs: readonly KeyValue[] }>(response: T): T => ({
    ...response,
    prevKvs: response.prevKvs.map(kvBack),
  });
  const opBack = (answer: ResponseOp): ResponseOp => {
    switch (answer.op) {
      case 'range':
        return { op: 'range', range: kvsBack(answer.range) };
      case 'put':
        return { op: 'put', put: prevBack(answer.put) };
      case 'deleteRange':
        return { op: 'deleteRange', deleteRange: prevsBack(answer.deleteRange) };
      case 'txn':
        return { op: 'txn', txn: txnBack(answer.txn) };
    }
  };
  const txnBack = (response: TxnResponse): TxnResponse => ({ ...response, responses: response.responses.map(opBack) });
  const eventBack = (event: StoreEvent): StoreEvent => prevBack({ ...event, kv: kvBack(event.kv) });
  const watchBack = (stream: WatchStream): WatchStream => ({
    requestProgress: () => stream.requestProgress(),
    cancel: () => stream.cancel(),
    async *[Symbol.asyncIterator]() {
      for await (const response of stream) yield { ...response, events: response.events.map(eventBack) };
    },
  });
  return {
    range: async (request, options) => kvsBack(await kv.range(range(request), options)),
    put: async (request, options) => prevBack(await kv.put(put(request), options)),
    deleteRange: async (request, options) => prevsBack(await kv.deleteRange(range(request), options)),
    txn: async (request, options) => txnBack(await kv.txn(txn(request), options)),
    compact: (revision, options) => kv.compact(revision, options),
    watch: (request) => watchBack(kv.watch(range(request))),
    leaseGrant: (request, options) => kv.leaseGrant(request, options),
    leaseRevoke: (id, options) => kv.leaseRevoke(id, options),
    leaseKeepAlive: (id, options) => kv.leaseKeepAlive(id, options),
    leaseTimeToLive: async (id, withKeys, options) => {
      const response = await kv.leaseTimeToLive(id, withKeys, options);
      return { ...response, keys: response.keys.map((key) => back.key(key)) };
    },
    leases: (options) => kv.leases(options),
    status: (options) => kv.status(options),
  };
}

class Renaming {
  readonly #from: Buffer;
  readonly #to: Buffer;

  constructor(from: string, to: string) {
    this.#from = Buffer.from(from);
    this.#to = Buffer.from(to);
  }

  key(key: Uint8Array): Uint8Array {
    if (!startsWith(key, this.#from)) return key;
    const renamed = new Uint8Array(this.#to.length + key.length - this.#from.length);
    renamed.set(this.#to);
    renamed.set(key.subarray(this.#from.length), this.#to.length);
    return renamed;
  }

  /** The end of a range: of all keys below the prefix, or a key. */
  end(end: Uint8Array): Uint8Array {
    return Buffer.compare(end, afterSlash(this.#from)) === 0 ? afterSlash(this.#to) : this.key(end);
  }
}

/** First key after all that begin with a prefix ending in a slash. */
function afterSlash(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1] = 0x30;
  return end;
}

function startsWith(key: Uint8Array, prefix: Buffer): boolean {
  return key.length >= prefix.length && prefix.compare(key, 0, prefix.length) === 0;
}
