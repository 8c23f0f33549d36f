import type { LeaseId } from './lease-id.ts';
import type { Change, RangeOptions, RangeResult, Store } from './store.ts';
import {
  asBuffer,
  compacted,
  emptyBytes,
  futureRevision,
  type KeyRange,
  type KeyValue,
  keyString,
  MvccError,
  maxSub,
  type RowProvenance,
} from './types.ts';

/**
 * One transaction: its changes share a main revision and are numbered by `sub`; it sees them itself. A transaction
 * that changed nothing takes no revision. Upstream: etcd server/storage/mvcc/kvstore_txn.go.
 */
export class WriteTxn {
  readonly #store: Store;
  readonly #time: number;
  readonly #provenance: RowProvenance | undefined;
  readonly #main: number;
  readonly #changes: Change[] = [];

  constructor(store: Store, time: number, provenance: RowProvenance | undefined) {
    this.#store = store;
    this.#time = time;
    this.#provenance = provenance;
    this.#main = store.revision + 1;
  }

  /** The store's revision as this transaction sees it. */
  get revision(): number {
    return this.#changes.length > 0 ? this.#main : this.#main - 1;
  }

  get changed(): boolean {
    return this.#changes.length > 0;
  }

  /** (main, sub) the next change gets. */
  get next(): { main: number; sub: number } {
    return { main: this.#main, sub: this.#changes.length };
  }

  /** Reads with this transaction's changes; `revision` 0 = now. Throws MvccError Compacted, FutureRevision. */
  range(range: KeyRange, revision: number, options: RangeOptions): RangeResult {
    if (revision > this.revision) throw futureRevision();
    if (revision > 0 && revision < this.#store.compactRevision) throw compacted();
    // Changes of this transaction carry #main already: reading at it sees them.
    return this.#store.range(range, revision || this.#main, options);
  }

  put(key: Uint8Array, value: Uint8Array, lease: LeaseId): void {
    const name = keyString(key);
    const before = this.#store.current(name);
    this.#append(name, {
      key: before ? this.#store.index.get(name)!.key : asBuffer(key),
      value,
      createRevision: before ? before.createRevision : this.#main,
      version: before ? before.version + 1 : 1,
      lease,
      tombstone: false,
    });
  }

  /** Deletes what lives in a range; returns how many keys. */
  deleteRange(range: KeyRange): number {
    const names: string[] = [];
    for (const entry of this.#store.index.entries(range)) {
      if (!entry.revisions[entry.revisions.length - 1]!.tombstone) names.push(entry.name);
    }
    for (const name of names) this.deleteKey(name);
    return names.length;
  }

  deleteKey(name: string): void {
    if (!this.#store.current(name)) return;
    const { key } = this.#store.index.get(name)!;
    this.#append(name, { key, value: emptyBytes, createRevision: 0, version: 0, lease: 0, tombstone: true });
  }

  keyValue(name: string): KeyValue | undefined {
    return this.#store.currentKeyValue(name);
  }

  /** Ends the transaction; returns the store's revision after it. */
  end(): number {
    if (this.#changes.length > 0) this.#store.commitRevision(this.#main, this.#changes);
    return this.revision;
  }

  #append(
    name: string,
    row: {
      key: Uint8Array;
      value: Uint8Array;
      createRevision: number;
      version: number;
      lease: LeaseId;
      tombstone: boolean;
    },
  ): void {
    const sub = this.#changes.length;
    if (sub > maxSub) throw new MvccError('TooManyChanges', `one transaction makes at most ${maxSub + 1} changes`);
    this.#changes.push(
      this.#store.record(name, {
        ...row,
        main: this.#main,
        sub,
        time: this.#time,
        provenance: this.#provenance,
      }),
    );
  }
}
