/** Where decisions are kept: the newest in memory, all of them in a sink (a side table) when one is given. */
import type { Decision } from './record.ts';

/** Declared here, supplied by the composition root. Writes may be batched; reads see them all the same. */
export interface DecisionSink {
  append(podUid: string, key: string, decision: Decision): void;
  /** Oldest first. `key` is `namespace/name`. */
  list(key: string): readonly Decision[];
}

export interface DecisionStoreOptions {
  /** Decisions kept in memory. Default 5000. */
  readonly limit?: number;
  readonly sink?: DecisionSink;
}

export class DecisionStore {
  readonly #limit: number;
  readonly #sink: DecisionSink | undefined;
  readonly #byPod = new Map<string, Decision[]>();
  readonly #order: string[] = [];
  readonly #listeners = new Set<(decision: Decision) => void>();
  #head = 0;

  constructor(options: DecisionStoreOptions = {}) {
    this.#limit = options.limit ?? 5000;
    this.#sink = options.sink;
  }

  record(decision: Decision): void {
    const key = `${decision.pod.namespace}/${decision.pod.name}`;
    const known = this.#byPod.get(key);
    if (known) known.push(decision);
    else this.#byPod.set(key, [decision]);
    this.#order.push(key);
    if (this.#order.length - this.#head > this.#limit) this.#dropOldest();
    this.#sink?.append(decision.pod.uid, key, decision);
    for (const listener of this.#listeners) listener(decision);
  }

  #dropOldest(): void {
    const key = this.#order[this.#head++]!;
    const decisions = this.#byPod.get(key)!;
    decisions.shift();
    if (decisions.length === 0) this.#byPod.delete(key);
    if (this.#head > 4096) {
      this.#order.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** All attempts known for a pod name, oldest first; of its newest incarnation unless `uid` says which. */
  of(namespace: string, name: string, uid?: string): readonly Decision[] {
    const key = `${namespace}/${name}`;
    const stored = this.#sink?.list(key) ?? [];
    const recent = this.#byPod.get(key) ?? [];
    const all = stored.length > recent.length ? stored : recent;
    const wanted = uid ?? all.at(-1)?.pod.uid;
    return all.filter((decision) => decision.pod.uid === wanted);
  }

  subscribe(listener: (decision: Decision) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
