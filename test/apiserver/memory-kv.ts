/** The smallest store with etcd's semantics: for tests of what stands on the KV interface. */
import { BoundedQueue } from '../../src/base/index.ts';
import {
  type Compare,
  EtcdError,
  errCompacted,
  errFutureRev,
  type KeyValue,
  type KV,
  type RangeRequest,
  type RangeResponse,
  type RequestOp,
  type ResponseOp,
  type StoreEvent,
  type TxnRequest,
  type WatchRequest,
  type WatchResponse,
  type WatchStream,
} from '../../src/etcd/index.ts';

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');

interface Watcher {
  readonly request: WatchRequest;
  readonly queue: BoundedQueue<WatchResponse>;
}

export class MemoryKV implements KV {
  revision = 1;
  compacted = 0;
  readonly #now = new Map<string, KeyValue>();
  readonly #log: { revision: number; events: StoreEvent[] }[] = [];
  readonly #watchers = new Set<Watcher>();
  /** Counts calls by kind. */
  readonly calls: Record<string, number> = {};
  /** Called before each transaction is applied: for races. */
  beforeTxn: (() => void | Promise<void>) | undefined;
  leaseTtls: number[] = [];

  #count(kind: string): void {
    this.calls[kind] = (this.calls[kind] ?? 0) + 1;
  }

  #header() {
    return { clusterId: 1n, memberId: 1n, revision: this.revision, raftTerm: 1 };
  }

  #matches(request: { key: Uint8Array; rangeEnd?: Uint8Array }, key: string): boolean {
    const start = text(request.key);
    if (!request.rangeEnd) return key === start;
    if (request.rangeEnd.length === 1 && request.rangeEnd[0] === 0) return key >= start;
    return key >= start && key < text(request.rangeEnd);
  }

  #stateAt(revision: number): Map<string, KeyValue> {
    if (revision === 0 || revision === this.revision) return this.#now;
    if (revision < this.compacted) throw new EtcdError('OutOfRange', errCompacted);
    if (revision > this.revision) throw new EtcdError('OutOfRange', errFutureRev);
    const state = new Map<string, KeyValue>();
    for (const entry of this.#log) {
      if (entry.revision > revision) break;
      for (const event of entry.events) {
        if (event.type === 'put') state.set(text(event.kv.key), event.kv);
        else state.delete(text(event.kv.key));
      }
    }
    return state;
  }

  async range(request: RangeRequest): Promise<RangeResponse> {
    this.#count('range');
    return this.#range(request);
  }

  #range(request: RangeRequest): RangeResponse {
    const state = this.#stateAt(request.revision ?? 0);
    const kvs = [...state.entries()]
      .filter(([key]) => this.#matches(request, key))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, kv]) => kv);
    const limit = request.limit || kvs.length;
    const page = request.countOnly ? [] : kvs.slice(0, limit);
    return { header: this.#header(), kvs: page, more: kvs.length > limit, count: kvs.length };
  }

  async put(request: { key: Uint8Array; value: Uint8Array; lease?: number }) {
    await this.txn({ compare: [], success: [{ op: 'put', put: request }], failure: [] });
    return { header: this.#header() };
  }

  async deleteRange(request: { key: Uint8Array; rangeEnd?: Uint8Array }) {
    const response = await this.txn({
      compare: [],
      success: [{ op: 'deleteRange', deleteRange: request }],
      failure: [],
    });
    const first = response.responses[0]!;
    return first.op === 'deleteRange' ? first.deleteRange : { header: this.#header(), deleted: 0, prevKvs: [] };
  }

  async txn(request: TxnRequest) {
    this.#count('txn');
    await this.beforeTxn?.();
    const succeeded = request.compare.every((compare) => this.#compare(compare));
    const events: StoreEvent[] = [];
    const revision = this.revision + 1;
    const responses = (succeeded ? request.success : request.failure).map((op) => this.#apply(op, revision, events));
    if (events.length > 0) {
      this.revision = revision;
      this.#log.push({ revision, events });
      for (const watcher of this.#watchers) this.#send(watcher, revision, events);
    }
    return { header: this.#header(), succeeded, responses };
  }

  #compare(compare: Compare): boolean {
    const kv = this.#now.get(text(compare.key));
    const [left, right] =
      compare.target === 'mod'
        ? [kv?.modRevision ?? 0, compare.modRevision]
        : compare.target === 'version'
          ? [kv?.version ?? 0, compare.version]
          : [0, 1];
    return compare.result === 'equal' && left === right;
  }

  #apply(op: RequestOp, revision: number, events: StoreEvent[]): ResponseOp {
    if (op.op === 'range') return { op: 'range', range: this.#range(op.range) };
    if (op.op === 'put') {
      const key = text(op.put.key);
      const prev = this.#now.get(key);
      const kv: KeyValue = {
        key: op.put.key,
        value: op.put.value,
        createRevision: prev?.createRevision ?? revision,
        modRevision: revision,
        version: (prev?.version ?? 0) + 1,
        lease: op.put.lease ?? 0,
      };
      this.#now.set(key, kv);
      events.push({ type: 'put', kv, ...(prev ? { prevKv: prev } : {}) });
      return { op: 'put', put: { header: { ...this.#header(), revision } } };
    }
    if (op.op !== 'deleteRange') throw new Error('nested transactions are not needed here');
    const gone = [...this.#now.keys()].filter((key) => this.#matches(op.deleteRange, key));
    for (const key of gone) {
      const kv = this.#now.get(key)!;
      this.#now.delete(key);
      events.push({
        type: 'delete',
        kv: { key: kv.key, value: new Uint8Array(), createRevision: 0, modRevision: revision, version: 0, lease: 0 },
        prevKv: kv,
      });
    }
    return { op: 'deleteRange', deleteRange: { header: this.#header(), deleted: gone.length, prevKvs: [] } };
  }

  #send(watcher: Watcher, revision: number, events: readonly StoreEvent[]): void {
    // The value before is gone once a compaction has passed the revision before.
    const withPrev = watcher.request.prevKv && revision > this.compacted;
    const wanted = events
      .filter((event) => this.#matches(watcher.request, text(event.kv.key)))
      .map((event) => (withPrev ? event : { type: event.type, kv: event.kv }));
    if (wanted.length > 0) watcher.queue.push({ revision, events: wanted });
  }

  watch(request: WatchRequest): WatchStream {
    this.#count('watch');
    const queue = new BoundedQueue<WatchResponse>(100_000);
    const watcher = { request, queue };
    queue.push({ revision: this.revision, events: [], created: true });
    const start = request.startRevision ?? this.revision + 1;
    if (start < this.compacted) {
      queue.push({ revision: this.revision, events: [], canceled: true, compactRevision: this.compacted });
      queue.close();
    }
    for (const { revision, events } of this.#log) if (revision >= start) this.#send(watcher, revision, events);
    this.#watchers.add(watcher);
    return {
      requestProgress: () => void queue.push({ revision: this.revision, events: [] }),
      cancel: () => {
        this.#watchers.delete(watcher);
        queue.close();
      },
      [Symbol.asyncIterator]: () => queue[Symbol.asyncIterator](),
    };
  }

  /** Ends all watches as a store does that lost its leader. */
  breakWatches(): void {
    for (const watcher of this.#watchers) {
      watcher.queue.push({ revision: this.revision, events: [], canceled: true, cancelReason: 'no leader' });
      watcher.queue.close();
    }
    this.#watchers.clear();
  }

  async compact(revision: number) {
    this.#count('compact');
    this.compacted = revision;
    return this.#header();
  }

  async leaseGrant({ ttl }: { ttl: number }) {
    this.leaseTtls.push(ttl);
    return { header: this.#header(), id: this.leaseTtls.length, ttl };
  }

  async leaseRevoke() {
    return this.#header();
  }

  async leaseKeepAlive(id: number) {
    return { header: this.#header(), id, ttl: 1 };
  }

  async leaseTimeToLive(id: number) {
    return { header: this.#header(), id, ttl: 1, grantedTtl: 1, keys: [] };
  }

  async leases() {
    return [];
  }

  async status() {
    return {
      header: this.#header(),
      version: '3.5.0',
      dbSize: 0,
      dbSizeInUse: 0,
      leader: 1n,
      raftIndex: 0,
      raftTerm: 1,
      raftAppliedIndex: 0,
    };
  }
}
