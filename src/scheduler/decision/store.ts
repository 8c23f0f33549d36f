/** Where decisions are kept: as bytes, in a side table of the cluster's database when there is one, else in memory. */
import { decodeDecision, decodeNames, encodeDecision, encodeNames, namesId } from './codec.ts';
import type { Decision } from './record.ts';

/**
 * Keeps bytes by key; declared here, supplied by the composition root. Writes may be batched; reads see them all the same.
 * What it keeps it may forget, oldest first.
 */
export interface DecisionSink {
  /** `key` is `namespace/name` of the pod, `time` cluster-clock ms, `names` the list of node names it refers to. */
  append(key: string, time: number, names: string, bytes: Uint8Array): void;
  /** Oldest first. */
  list(key: string): readonly Uint8Array[];
  /** Called before the first decision that refers to the names, and again when `hasNames` says they are gone. */
  putNames(id: string, time: number, bytes: Uint8Array): void;
  hasNames(id: string): boolean;
  names(id: string): Uint8Array | undefined;
}

/** What `recent` tells of a decision. */
export interface DecisionSummary {
  /** Counts up from 1 in the life of the scheduler. */
  readonly serial: number;
  readonly pod: Decision['pod'];
  readonly attempt: number;
  readonly result: Decision['result'];
  readonly finishedAt: number;
  readonly node?: string;
  readonly feasible: number;
  readonly message: string;
}

export interface DecisionStoreOptions {
  /** Without a sink: bytes kept in memory. Default 64 MiB; 0: no bound. */
  readonly maxBytes?: number;
  readonly sink?: DecisionSink;
}

/** Summaries kept for those who watch. */
const recentMax = 1024;

export class DecisionStore {
  readonly #sink: DecisionSink;
  readonly #recent: DecisionSummary[] = [];
  readonly #listeners = new Set<(decision: Decision) => void>();
  #serial = 0;
  /** Ids of arrays already digested; a snapshot's names are one array until its nodes change. */
  readonly #ids = new WeakMap<readonly string[], string>();
  readonly #lists = new Map<string, readonly string[]>();

  constructor(options: DecisionStoreOptions = {}) {
    this.#sink = options.sink ?? new MemorySink((options.maxBytes ?? 64 * 2 ** 20) || Number.POSITIVE_INFINITY);
  }

  record(decision: Decision): void {
    const key = `${decision.pod.namespace}/${decision.pod.name}`;
    let names = '';
    const bytes = encodeDecision(decision, (list) => {
      names = this.#intern(list, decision.finishedAt);
      return names;
    });
    this.#sink.append(key, decision.finishedAt, names, bytes);
    const { pod, attempt, result, finishedAt, node, feasible, message } = decision;
    this.#recent.push({
      serial: ++this.#serial,
      pod,
      attempt,
      result,
      finishedAt,
      ...(node !== undefined && { node }),
      feasible,
      message,
    });
    if (this.#recent.length > recentMax * 2) this.#recent.splice(0, recentMax);
    for (const listener of this.#listeners) listener(decision);
  }

  #intern(list: readonly string[], time: number): string {
    let id = this.#ids.get(list);
    if (id === undefined) {
      id = namesId(list);
      this.#ids.set(list, id);
    }
    if (!this.#sink.hasNames(id)) this.#sink.putNames(id, time, encodeNames(list));
    return id;
  }

  #names(id: string): readonly string[] | undefined {
    const known = this.#lists.get(id);
    if (known) return known;
    const bytes = this.#sink.names(id);
    if (!bytes) return undefined;
    const names = decodeNames(bytes);
    if (this.#lists.size >= 16) this.#lists.clear();
    this.#lists.set(id, names);
    return names;
  }

  /** All attempts known for a pod name, oldest first; of its newest incarnation unless `uid` says which. */
  of(namespace: string, name: string, uid?: string): readonly Decision[] {
    const all = this.#sink.list(`${namespace}/${name}`).map((bytes) => decodeDecision(bytes, (id) => this.#names(id)));
    const wanted = uid ?? all.at(-1)?.pod.uid;
    return all.filter((decision) => decision.pod.uid === wanted);
  }

  /** The newest decisions after a serial number, oldest first; at most 1024. */
  recent(after = 0): readonly DecisionSummary[] {
    return this.#recent.filter(({ serial }) => serial > after).slice(-recentMax);
  }

  subscribe(listener: (decision: Decision) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Bytes in memory, oldest out first. */
class MemorySink implements DecisionSink {
  readonly #maxBytes: number;
  readonly #byKey = new Map<string, Uint8Array[]>();
  readonly #order: { readonly key: string; readonly names: string; readonly size: number }[] = [];
  /** How many decisions refer to each list. */
  readonly #names = new Map<string, { readonly bytes: Uint8Array; users: number }>();
  #head = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  append(key: string, _time: number, names: string, bytes: Uint8Array): void {
    const known = this.#byKey.get(key);
    if (known) known.push(bytes);
    else this.#byKey.set(key, [bytes]);
    this.#names.get(names)!.users++;
    this.#order.push({ key, names, size: bytes.length });
    this.#bytes += bytes.length;
    while (this.#bytes > this.#maxBytes && this.#head < this.#order.length - 1) this.#dropOldest();
  }

  #dropOldest(): void {
    const { key, names, size } = this.#order[this.#head++]!;
    const kept = this.#byKey.get(key)!;
    kept.shift();
    if (kept.length === 0) this.#byKey.delete(key);
    this.#bytes -= size;
    const list = this.#names.get(names)!;
    if (--list.users === 0) {
      this.#names.delete(names);
      this.#bytes -= list.bytes.length;
    }
    if (this.#head > 4096) {
      this.#order.splice(0, this.#head);
      this.#head = 0;
    }
  }

  list(key: string): readonly Uint8Array[] {
    return this.#byKey.get(key) ?? [];
  }

  putNames(id: string, _time: number, bytes: Uint8Array): void {
    this.#names.set(id, { bytes, users: 0 });
    this.#bytes += bytes.length;
  }

  hasNames(id: string): boolean {
    return this.#names.has(id);
  }

  names(id: string): Uint8Array | undefined {
    return this.#names.get(id)?.bytes;
  }
}
