/** What a real etcd still knows of the past: everything since its last compaction. */
import { type HistoryEntry, isCompacted, type KeyValue, type KV, type StoreEvent } from '../kv.ts';

/** Of one revision that this klab wrote: who, why and when. */
export type WrittenBy = (revision: number) => Pick<HistoryEntry, 'provenance' | 'time'> | undefined;

const everything = { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) };

/**
 * History of klab's kind, read from etcd's own revisions: the state at the compacted revision and the events since. A
 * deletion leaves nothing that a read would find, and a watch of one key does not say when it is complete; but every
 * revision has an event, so past a key's creation the store is watched whole, up to the revision of the asking. `time` is 0 where unknown.
 */
export class RemoteHistory {
  readonly #kv: KV;
  readonly #writtenBy: WrittenBy;

  constructor(kv: KV, writtenBy: WrittenBy = () => undefined) {
    this.#kv = kv;
    this.#writtenBy = writtenBy;
  }

  /** The newest revision. */
  async revision(): Promise<number> {
    const { header } = await this.#kv.range({ ...everything, limit: 1, countOnly: true });
    return header.revision;
  }

  /** Newest first. */
  async history(
    key: Uint8Array,
    { limit = 100, before = Number.MAX_SAFE_INTEGER }: { limit?: number; before?: number } = {},
  ): Promise<readonly HistoryEntry[]> {
    const newest = Math.min(await this.revision(), before - 1);
    const { life, to } = await this.#life(key, newest, limit);
    if (life.length >= limit || to <= 0) return life;
    // What was before its creation, or up to its deletion, no read tells.
    const { compacted, events } = await this.#events(0, to, key);
    const found = events.map((event) => this.#entry(event));
    if (compacted > 0 && compacted <= to) {
      const { kvs } = await this.#kv.range({ key, revision: compacted });
      if (kvs[0]) found.unshift(this.#entry({ type: 'put', kv: kvs[0] }));
    }
    return [...life, ...found.reverse()].slice(0, limit);
  }

  /** Revision by revision back to the key's creation, one read each; `to`: the revision before, 0 when compacted. */
  async #life(key: Uint8Array, newest: number, limit: number): Promise<{ life: HistoryEntry[]; to: number }> {
    const life: HistoryEntry[] = [];
    let to = newest;
    while (to > 0 && life.length < limit) {
      let kv: KeyValue | undefined;
      try {
        kv = (await this.#kv.range({ key, revision: to })).kvs[0];
      } catch (error) {
        if (isCompacted(error)) return { life, to: 0 };
        throw error;
      }
      if (!kv) break;
      life.push(this.#entry({ type: 'put', kv }));
      to = kv.modRevision - 1;
      if (kv.version === 1) break;
    }
    return { life, to };
  }

  /** Every change in (from, to] that etcd still has, oldest first. */
  async changes(range: {
    from: number;
    to: number;
    prefix?: Uint8Array;
    limit?: number;
  }): Promise<readonly HistoryEntry[]> {
    const to = Math.min(range.to, await this.revision());
    const { events } = await this.#events(range.from, to, undefined, range.prefix, range.limit);
    return events.map((event) => this.#entry(event));
  }

  async #events(
    from: number,
    to: number,
    key?: Uint8Array,
    prefix?: Uint8Array,
    limit = Number.POSITIVE_INFINITY,
  ): Promise<{ compacted: number; events: StoreEvent[] }> {
    const wanted = (kv: KeyValue) =>
      key
        ? Buffer.compare(kv.key, key) === 0
        : !prefix || Buffer.compare(kv.key.subarray(0, prefix.length), prefix) === 0;
    const events: StoreEvent[] = [];
    let compacted = 0;
    while (Math.max(from, compacted) < to) {
      const start = Math.max(from, compacted) + 1;
      const stream = this.#kv.watch({ ...everything, startRevision: start });
      let retry = false;
      for await (const response of stream) {
        if (response.canceled) {
          // The compacted revision can still be read, what came before it not.
          if (!response.compactRevision || response.compactRevision <= compacted) {
            throw new Error(`etcd ended the watch: ${response.cancelReason ?? 'no reason given'}`);
          }
          compacted = response.compactRevision;
          retry = true;
          break;
        }
        for (const event of response.events) {
          if (event.kv.modRevision > to || events.length >= limit) break;
          if (wanted(event.kv)) events.push(event);
        }
        if (events.length >= limit || (response.events.at(-1)?.kv.modRevision ?? 0) >= to) break;
      }
      stream.cancel();
      if (!retry) break;
    }
    return { compacted, events };
  }

  #entry({ type, kv }: StoreEvent): HistoryEntry {
    const entry = {
      key: kv.key,
      revision: kv.modRevision,
      version: kv.version,
      createRevision: kv.createRevision,
      lease: kv.lease,
      time: 0,
      ...this.#writtenBy(kv.modRevision),
    };
    return type === 'put' ? { ...entry, value: kv.value } : entry;
  }
}
