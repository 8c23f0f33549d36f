/**
 * Objects in etcd, one optimistic transaction a write. Upstream: apiserver/pkg/storage/etcd3/store.go.
 * Requests are exactly those upstream makes (UPSTREAM: "exact request set"), so any etcd-compatible store will do.
 */
import { deepEqual, type KubeObject } from '../../apimachinery/index.ts';
import type { KeyValue, KV, Provenance, TxnResponse } from '../../etcd/index.ts';
import { encodeForStorage, PendingWrites, type StorageMediaType, StoredEntry } from './entry.ts';
import { checkPreconditions, type Preconditions, StorageError } from './errors.ts';
import { keyBytes, keyText, prefixEnd } from './keys.ts';
import type { LeasePool } from './leases.ts';

export interface WriteOptions {
  readonly provenance: Provenance;
  readonly dryRun?: boolean;
  /** Seconds after which the store drops the key. */
  readonly ttlSeconds?: number;
}

export interface UpdateOptions extends WriteOptions {
  /** The state to try first, usually from the watch cache. Default: read from the store. */
  readonly cached?: StoredEntry;
  readonly preconditions?: Preconditions;
}

export interface Update {
  /** For a dry run: the object as it would be stored, under the revision it was based on. */
  readonly entry: StoredEntry;
  readonly created: boolean;
  /** False when nothing differed and so nothing was written. */
  readonly changed: boolean;
}

export interface Page {
  readonly entries: readonly StoredEntry[];
  /** Revision that the page shows. */
  readonly revision: number;
  readonly more: boolean;
  /** Keys in the whole range. */
  readonly count: number;
}

/** Decides the next state. `undefined` = no object. Called again when someone else was faster; must not change its input. */
export type TryUpdate = (current: StoredEntry | undefined) => KubeObject | Promise<KubeObject>;

/** Equality of objects but for what the store itself sets. */
function sameState(a: Readonly<KubeObject>, b: Readonly<KubeObject>): boolean {
  if (a === b) return true;
  const x = a.metadata;
  const y = b.metadata;
  return deepEqual(
    { ...a, metadata: { ...x, resourceVersion: undefined, selfLink: undefined } },
    { ...b, metadata: { ...y, resourceVersion: undefined, selfLink: undefined } },
  );
}

export class ObjectStore {
  readonly kv: KV;
  readonly pending = new PendingWrites();
  readonly #leases: LeasePool | undefined;
  readonly #mediaType: StorageMediaType;

  /** `mediaType`: `--storage-media-type`. Default JSON. */
  constructor(deps: { kv: KV; leases?: LeasePool }, options: { mediaType?: StorageMediaType } = {}) {
    this.kv = deps.kv;
    this.#leases = deps.leases;
    this.#mediaType = options.mediaType ?? 'application/json';
  }

  /** @throws StorageError KeyExists */
  async create(key: string, object: KubeObject, options: WriteOptions): Promise<StoredEntry> {
    if (options.dryRun) {
      if (await this.get(key)) throw new StorageError('KeyExists', key);
      return new StoredEntry(key, this.#encode(object), 0, object);
    }
    const { entry } = await this.#put(key, object, 0, options, false);
    if (!entry) throw new StorageError('KeyExists', key);
    return entry;
  }

  /** The newest state, by a linearizable read. */
  async get(key: string): Promise<StoredEntry | undefined> {
    const { kvs } = await this.kv.range({ key: keyBytes(key), limit: 1 });
    const kv = kvs[0];
    return kv && new StoredEntry(key, kv.value, kv.modRevision);
  }

  /**
   * Reads, lets `tryUpdate` decide, writes if nobody wrote in between, else again. An error of `tryUpdate` or of the
   * preconditions counts only against fresh state: with a cached one it is retried once on what the store says.
   */
  async guaranteedUpdate(key: string, tryUpdate: TryUpdate, options: UpdateOptions): Promise<Update> {
    let current = options.cached ?? (await this.get(key));
    let fresh = options.cached === undefined;
    for (;;) {
      let next: KubeObject;
      try {
        if (current) checkPreconditions(options.preconditions, key, current.object.metadata);
        next = await tryUpdate(current);
      } catch (error) {
        if (fresh) throw error;
        const newest = await this.get(key);
        fresh = true;
        if (newest?.revision === current?.revision) throw error;
        current = newest;
        continue;
      }
      if (current && sameState(next, current.object)) {
        if (fresh) return { entry: current, created: false, changed: false };
        const newest = await this.get(key);
        fresh = true;
        if (newest?.revision === current.revision) return { entry: current, created: false, changed: false };
        current = newest;
        continue;
      }
      if (options.dryRun) {
        const revision = current?.revision ?? 0;
        const entry = new StoredEntry(key, this.#encode(next), revision, next);
        return { entry, created: current === undefined, changed: true };
      }
      const { entry, existing } = await this.#put(key, next, current?.revision ?? 0, options, true);
      if (entry) return { entry, created: current === undefined, changed: true };
      current = existing;
      fresh = true;
    }
  }

  /**
   * Deletes what `validate` agrees to. Returns the last state under the revision of the deletion.
   * @throws StorageError KeyNotFound
   */
  async delete(
    key: string,
    options: UpdateOptions & { validate?(current: StoredEntry): void | Promise<void> },
  ): Promise<StoredEntry> {
    let current = options.cached ?? (await this.get(key));
    let fresh = options.cached === undefined;
    for (;;) {
      if (!current) throw new StorageError('KeyNotFound', key);
      try {
        checkPreconditions(options.preconditions, key, current.object.metadata);
        await options.validate?.(current);
      } catch (error) {
        if (fresh) throw error;
        const newest = await this.get(key);
        fresh = true;
        if (newest?.revision === current.revision) throw error;
        current = newest;
        continue;
      }
      if (options.dryRun) return current;
      const bytes = keyBytes(key);
      const response = await this.kv.txn(
        {
          compare: [{ target: 'mod', key: bytes, result: 'equal', modRevision: current.revision }],
          success: [{ op: 'deleteRange', deleteRange: { key: bytes } }],
          failure: [{ op: 'range', range: { key: bytes, limit: 1 } }],
        },
        { provenance: options.provenance },
      );
      if (response.succeeded) return current.at(response.header.revision);
      current = existingOf(key, response);
      fresh = true;
    }
  }

  /**
   * One page of a range, in key order.
   * @param reuse finds an entry already decoded for this key and revision.
   */
  async list(
    range: { readonly start: string; readonly prefix: string; readonly limit?: number; readonly revision?: number },
    reuse?: (key: string, revision: number) => StoredEntry | undefined,
  ): Promise<Page> {
    const response = await this.kv.range({
      key: keyBytes(range.start),
      rangeEnd: prefixEnd(keyBytes(range.prefix)),
      limit: range.limit ?? 0,
      revision: range.revision ?? 0,
    });
    const entries = response.kvs.map((kv) => {
      const key = keyText(kv.key);
      return reuse?.(key, kv.modRevision) ?? new StoredEntry(key, kv.value, kv.modRevision);
    });
    return {
      entries,
      revision: range.revision || response.header.revision,
      more: response.more,
      count: response.count,
    };
  }

  /** The store's newest revision, by a linearizable read that returns no data. */
  async currentRevision(): Promise<number> {
    const response = await this.kv.range({ key: revisionProbe, limit: 1, countOnly: true });
    return response.header.revision;
  }

  #encode(object: KubeObject): Uint8Array {
    return encodeForStorage(object, this.#mediaType);
  }

  async #put(
    key: string,
    object: KubeObject,
    expected: number,
    options: WriteOptions,
    readBack: boolean,
  ): Promise<{ entry?: StoredEntry; existing?: StoredEntry }> {
    const value = this.#encode(object);
    const bytes = keyBytes(key);
    const lease = options.ttlSeconds && this.#leases ? await this.#leases.lease(options.ttlSeconds) : 0;
    this.pending.expect(key, value, object);
    let response: TxnResponse;
    try {
      response = await this.kv.txn(
        {
          compare: [{ target: 'mod', key: bytes, result: 'equal', modRevision: expected }],
          success: [{ op: 'put', put: lease === 0 ? { key: bytes, value } : { key: bytes, value, lease } }],
          failure: readBack ? [{ op: 'range', range: { key: bytes, limit: 1 } }] : [],
        },
        { provenance: options.provenance },
      );
    } catch (error) {
      this.pending.abandon(key, value);
      throw error;
    }
    if (response.succeeded) return { entry: this.pending.resolve(key, value, response.header.revision) };
    this.pending.abandon(key, value);
    return { existing: existingOf(key, response) };
  }
}

/** Any key will do: only the header is read. */
const revisionProbe = keyBytes('/registry/health');

function existingOf(key: string, response: TxnResponse): StoredEntry | undefined {
  const first = response.responses[0];
  const kv: KeyValue | undefined = first?.op === 'range' ? first.range.kvs[0] : undefined;
  return kv && new StoredEntry(key, kv.value, kv.modRevision);
}
