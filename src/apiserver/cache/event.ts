import { encodeWatchFrame } from '../../api/index.ts';
import {
  type KubeObject,
  type Status,
  toJson,
  type WatchEvent,
  type WatchEventType,
} from '../../apimachinery/index.ts';
import type { Served, StoredEntry, View } from '../storage/entry.ts';
import type { EncodedWatchEvent } from '../types.ts';

const closing = Buffer.from('}');
const openings: Record<WatchEventType, Buffer> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
  BOOKMARK: Buffer.from('{"type":"BOOKMARK","object":'),
  ERROR: Buffer.from('{"type":"ERROR","object":'),
};

/** An event whose object is shared with the cache; its bytes are put together from the object's, once for all watchers. */
class SharedEvent implements EncodedWatchEvent {
  readonly event: WatchEvent<KubeObject>;
  readonly #served: Served;
  #encoded: Uint8Array | undefined;
  #protobuf: Uint8Array | undefined;

  constructor(type: WatchEventType, served: Served) {
    this.event = { type, object: served.object as KubeObject };
    this.#served = served;
  }

  encoded(): Uint8Array {
    this.#encoded ??= Buffer.concat([openings[this.event.type], this.#served.encoded(), closing]);
    return this.#encoded;
  }

  protobuf(): Uint8Array {
    this.#protobuf ??= encodeWatchFrame(this.event.type, this.#served.object, this.#served.protobuf());
    return this.#protobuf;
  }
}

/** An event of its own object: bookmarks, errors, tables. */
export class PlainEvent implements EncodedWatchEvent {
  readonly event: WatchEvent<KubeObject | Status>;
  #encoded: Uint8Array | undefined;
  #protobuf: Uint8Array | undefined;

  constructor(type: WatchEventType, object: object) {
    this.event = { type, object: object as KubeObject };
  }

  encoded(): Uint8Array {
    this.#encoded ??= toJson(this.event);
    return this.#encoded;
  }

  protobuf(): Uint8Array {
    this.#protobuf ??= encodeWatchFrame(this.event.type, this.event.object);
    return this.#protobuf;
  }
}

/** A state as a synthetic event: ADDED of an initial list. */
export function addedEvent(entry: StoredEntry, view: View): EncodedWatchEvent {
  return new SharedEvent('ADDED', entry.as(view));
}

/** Upstream: metav1.InitialEventsAnnotationKey. */
export const initialEventsEnd = 'k8s.io/initial-events-end';

export function bookmarkEvent(view: View, revision: number, endOfInitialEvents = false): EncodedWatchEvent {
  const metadata: Record<string, unknown> = { resourceVersion: String(revision), creationTimestamp: null };
  if (endOfInitialEvents) metadata['annotations'] = { [initialEventsEnd]: 'true' };
  return new PlainEvent('BOOKMARK', { kind: view.kind, apiVersion: view.apiVersion, metadata });
}

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One change of one object as the cache saw it: the state after (absent for deletes) and before. */
export class CacheEvent {
  readonly revision: number;
  readonly key: string;
  readonly entry: StoredEntry | undefined;
  readonly prev: StoredEntry | undefined;
  /** Cluster-clock monotonic ms at which the cache saw it. */
  readonly at: number;
  #forms: { type: ChangeType; view: View; event: EncodedWatchEvent }[] = [];
  #last: StoredEntry | undefined;

  constructor(
    key: string,
    revision: number,
    states: { entry: StoredEntry | undefined; prev: StoredEntry | undefined },
    at: number,
  ) {
    this.key = key;
    this.revision = revision;
    this.entry = states.entry;
    this.prev = states.prev;
    this.at = at;
  }

  /** The one event of this type and version, whoever asks. DELETED shows the state before under this revision. */
  as(type: ChangeType, view: View): EncodedWatchEvent {
    for (const form of this.#forms) if (form.type === type && form.view === view) return form.event;
    if (type === 'DELETED') this.#last ??= this.prev!.at(this.revision);
    const state = type === 'DELETED' ? this.#last! : this.entry!;
    const event = new SharedEvent(type, state.as(view));
    this.#forms.push({ type, view, event });
    return event;
  }
}
