/** Readers that never miss a change and never see one twice, across any number of crashes. */
import type { KubeObject, Status } from '../../src/apimachinery/index.ts';
import type { Doors } from './lab.ts';
import type { Ledger, Seen } from './ledger.ts';

/** Watches every key of the store over gRPC. Revisions must follow one another without a gap. */
export class StoreWatcher {
  #revision = 0;
  #seen: Seen[] = [];
  #waiting: { revision: number; done: () => void }[] = [];
  readonly #ledger: Ledger;
  readonly #numberOf: (key: string, value: Uint8Array) => number | undefined;

  constructor(ledger: Ledger, numberOf: (key: string, value: Uint8Array) => number | undefined) {
    this.#ledger = ledger;
    this.#numberOf = numberOf;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Watches from where it stopped until the connection ends. */
  async run({ kv }: Doors): Promise<void> {
    const everything = Uint8Array.of(0);
    if (this.#revision === 0) this.#revision = (await kv.range({ key: everything })).header.revision;
    const stream = kv.watch({ key: everything, rangeEnd: everything, startRevision: this.#revision + 1 });
    try {
      for await (const { events, canceled, cancelReason } of stream) {
        if (canceled) this.#ledger.lostEvent(`the store's watch was cancelled: ${cancelReason}`);
        const keys = new Set<string>();
        for (const { type, kv: item } of events) {
          const key = Buffer.from(item.key).toString();
          const { modRevision: revision } = item;
          if (revision > this.#revision + 1) {
            this.#ledger.lostEvent(`the store's watch went from revision ${this.#revision} to ${revision}`);
          }
          const again = revision < this.#revision || (revision === this.#revision && keys.has(key));
          if (again) this.#ledger.doubledEvent(`the store's watch told ${key} at ${revision} after ${this.#revision}`);
          if (revision !== this.#revision) keys.clear();
          keys.add(key);
          this.#revision = revision;
          this.#seen.push({ revision, key, n: type === 'put' ? this.#numberOf(key, item.value) : undefined });
        }
        this.#waiting = this.#waiting.filter(({ revision, done }) => {
          if (revision > this.#revision) return true;
          done();
          return false;
        });
      }
    } catch {
      // The server was killed: the next run goes on from here.
    } finally {
      stream.cancel();
    }
  }

  reached(revision: number): Promise<void> {
    if (this.#revision >= revision) return Promise.resolve();
    return new Promise((done) => this.#waiting.push({ revision, done }));
  }

  /** Changes since the last call. */
  take(): Seen[] {
    const seen = this.#seen;
    this.#seen = [];
    return seen;
  }
}

/** Watches the ConfigMaps of a namespace over HTTPS, as client-go's reflector does: resume, or list again on 410. */
export class ApiWatcher {
  #revision = 0;
  relists = 0;
  /** Changes told by the watch itself, `key@revision`, and where each stretch of watching began. */
  #told = new Set<string>();
  #from = 0;
  #waiting: { revision: number; done: () => void }[] = [];
  readonly #ledger: Ledger;
  readonly #namespace: string;
  readonly #keyOf: (object: KubeObject) => string;

  constructor(ledger: Ledger, namespace: string, keyOf: (object: KubeObject) => string) {
    this.#ledger = ledger;
    this.#namespace = namespace;
    this.#keyOf = keyOf;
  }

  async run({ client }: Doors, signal: AbortSignal): Promise<void> {
    const configMaps = client.resource('configmaps').namespace(this.#namespace);
    try {
      for (;;) {
        if (this.#revision === 0) {
          const list = await configMaps.list({ signal });
          this.#revision = Number(list.metadata.resourceVersion);
          this.#from = this.#revision;
          this.#told.clear();
        }
        const events = await configMaps.watch({ resourceVersion: String(this.#revision), signal });
        for await (const { type, object } of events) {
          if (type === 'ERROR') {
            if ((object as Status).code !== 410) {
              this.#ledger.problem(`the API's watch failed: ${JSON.stringify(object)}`);
            }
            this.relists++;
            this.#revision = 0;
            break;
          }
          this.#take(object as KubeObject);
        }
        if (this.#revision !== 0) return;
      }
    } catch {
      // The server was killed.
    }
  }

  #take(object: KubeObject): void {
    const revision = Number(object.metadata.resourceVersion);
    if (revision <= this.#revision) {
      this.#ledger.doubledEvent(`the API's watch told revision ${revision} after ${this.#revision}`);
    }
    this.#revision = revision;
    this.#told.add(`${this.#keyOf(object)}@${revision}`);
    this.#waiting = this.#waiting.filter(({ revision: wanted, done }) => {
      if (wanted > this.#revision) return true;
      done();
      return false;
    });
  }

  reached(revision: number): Promise<void> {
    if (this.#revision >= revision) return Promise.resolve();
    return new Promise((done) => this.#waiting.push({ revision, done }));
  }

  /** Holds what was told against the store's changes of the same stretch, up to `to`. */
  check(changes: readonly Seen[], prefix: string, to: number): void {
    const wanted = changes.filter(
      ({ key, revision }) => key.startsWith(prefix) && revision > this.#from && revision <= to,
    );
    for (const { key, revision } of wanted) {
      if (!this.#told.delete(`${key}@${revision}`)) {
        this.#ledger.lostEvent(`the API's watch told nothing of ${key} at revision ${revision}`);
      }
    }
    for (const told of this.#told) {
      if (Number(told.slice(told.lastIndexOf('@') + 1)) > to) continue;
      this.#ledger.doubledEvent(`the API's watch told ${told}, which the store does not know`);
      this.#told.delete(told);
    }
    this.#from = to;
  }
}
