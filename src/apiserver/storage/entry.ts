import { decodeProtobuf, encodeMessage, encodeProtobuf, hasProtobuf, isProtobuf } from '../../api/index.ts';
import { decodeJson, deepFreeze, type KubeObject, toJson } from '../../apimachinery/index.ts';

/** Something that can be served as it is: a shared read-only object and its encodings, each made at most once. */
export interface Served {
  readonly object: Readonly<KubeObject>;
  encoded(): Uint8Array;
  /** Its protobuf message, without envelope. @throws ProtobufError for kinds that have none. */
  protobuf(): Uint8Array;
}

/** Turns stored objects into another served version; never changes its input. Entries memoise by instance. */
export interface View {
  readonly apiVersion: string;
  readonly kind: string;
  /** Absent: the stored form is the served one. Hands back what it is given when there is nothing to change. */
  readonly convert?: (object: Readonly<KubeObject>) => Readonly<KubeObject>;
}

/** A value in the store is not an object klab can read. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

const storedHead = /^\{"apiVersion":"[^"\\]*","kind":"[^"\\]*","metadata":\{(?=")/;
const resourceVersionField = Buffer.from('"resourceVersion":');

/** A number that may lie beyond 2^53: JSON.parse would round it. */
const maybeBig = /[:[,]-?\d{16,}[,\]}]/;

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What `--storage-media-type` may name. */
export type StorageMediaType = 'application/json' | 'application/vnd.kubernetes.protobuf';

/**
 * The bytes to store: without resourceVersion and selfLink. In JSON type and metadata come first, which `spliced` relies
 * on; kinds without a protobuf message are JSON in any case.
 */
export function encodeForStorage(
  object: Readonly<KubeObject>,
  mediaType: StorageMediaType = 'application/json',
): Uint8Array {
  const { apiVersion, kind, metadata, ...rest } = object;
  const stored =
    metadata.resourceVersion === undefined && metadata.selfLink === undefined
      ? metadata
      : { ...metadata, resourceVersion: undefined, selfLink: undefined };
  if (mediaType !== 'application/json' && hasProtobuf({ apiVersion, kind })) {
    return encodeProtobuf({ ...object, metadata: stored });
  }
  return toJson({ apiVersion, kind, metadata: stored, ...rest });
}

/** @throws DecodeError */
function decode(key: string, value: Uint8Array, revision: number): KubeObject {
  let object: KubeObject;
  try {
    object = isProtobuf(value) ? decodeProtobuf(value) : parseJson(value);
  } catch (error) {
    throw new DecodeError(`${key} at revision ${revision} cannot be decoded: ${(error as Error).message}`);
  }
  if (typeof object !== 'object' || object === null || typeof object.metadata !== 'object') {
    throw new DecodeError(`${key} at revision ${revision} is not a Kubernetes object`);
  }
  object.metadata.resourceVersion = String(revision);
  return object;
}

/** What is stored in either form, as it lies there; undefined when it is no object. */
export function decodeStoredObject(value: Uint8Array): KubeObject | undefined {
  try {
    const object = isProtobuf(value) ? decodeProtobuf(value) : parseJson(value);
    return typeof object === 'object' && object !== null ? object : undefined;
  } catch {
    return undefined;
  }
}

function parseJson(value: Uint8Array): KubeObject {
  const text = bufferOf(value).toString('utf8');
  return maybeBig.test(text) ? (decodeJson(text).value as KubeObject) : JSON.parse(text);
}

/** The stored bytes with resourceVersion put in, which is much cheaper than encoding the object again. */
function spliced(value: Uint8Array, revision: number): Uint8Array | undefined {
  const bytes = bufferOf(value);
  const match = storedHead.exec(bytes.toString('latin1', 0, 300));
  if (!match || bytes.includes(resourceVersionField)) return undefined;
  const at = match[0].length;
  const field = `"resourceVersion":"${revision}",`;
  const out = Buffer.allocUnsafe(bytes.length + field.length);
  bytes.copy(out, 0, 0, at);
  out.write(field, at, 'latin1');
  bytes.copy(out, at + field.length, at);
  return out;
}

/** An entry in another form, worked out when first looked at: lists make one for each of their items. */
class Converted implements Served {
  readonly #entry: StoredEntry;
  readonly #convert: NonNullable<View['convert']>;
  #object: Readonly<KubeObject> | undefined;
  #encoded: Uint8Array | undefined;
  #protobuf: Uint8Array | undefined;

  constructor(entry: StoredEntry, convert: NonNullable<View['convert']>) {
    this.#entry = entry;
    this.#convert = convert;
  }

  get object(): Readonly<KubeObject> {
    this.#object ??= deepFreeze(this.#convert(this.#entry.object));
    return this.#object;
  }

  encoded(): Uint8Array {
    this.#encoded ??= this.object === this.#entry.object ? this.#entry.encoded() : toJson(this.object);
    return this.#encoded;
  }

  protobuf(): Uint8Array {
    this.#protobuf ??= encodeMessage(this.object);
    return this.#protobuf;
  }
}

/**
 * One revision of one object: the stored bytes, decoded when first looked at, encoded for clients when first sent.
 * Shared by cache, watchers and lists; frozen under KLAB_VERIFY.
 */
export class StoredEntry implements Served {
  readonly key: string;
  /** As stored: without resourceVersion. */
  readonly value: Uint8Array;
  /** mod_revision; for the last state of a deleted object, the revision of the deletion. */
  readonly revision: number;
  #object: Readonly<KubeObject> | undefined;
  #encoded: Uint8Array | undefined;
  #protobuf: Uint8Array | undefined;
  #views: Map<View, Served> | undefined;

  /** `object`, when at hand, becomes the entry's own; its resourceVersion is set here. */
  constructor(key: string, value: Uint8Array, revision: number, object?: KubeObject) {
    this.key = key;
    this.value = value;
    this.revision = revision;
    if (object) {
      const resourceVersion = String(revision);
      if (object.metadata.resourceVersion === resourceVersion) this.#object = deepFreeze(object);
      else this.#object = deepFreeze({ ...object, metadata: { ...object.metadata, resourceVersion } });
    }
  }

  /** @throws DecodeError */
  get object(): Readonly<KubeObject> {
    this.#object ??= deepFreeze(decode(this.key, this.value, this.revision));
    return this.#object;
  }

  encoded(): Uint8Array {
    this.#encoded ??= spliced(this.value, this.revision) ?? toJson(this.object);
    return this.#encoded;
  }

  protobuf(): Uint8Array {
    this.#protobuf ??= encodeMessage(this.object);
    return this.#protobuf;
  }

  as(view: View): Served {
    if (!view.convert) return this;
    let served = this.#views?.get(view);
    if (!served) {
      served = new Converted(this, view.convert);
      this.#views ??= new Map();
      this.#views.set(view, served);
    }
    return served;
  }

  /** The same state under another revision: what a DELETED event shows. */
  at(revision: number): StoredEntry {
    return new StoredEntry(this.key, this.value, revision, this.#object as KubeObject | undefined);
  }
}

/**
 * Objects whose write is under way, so that neither the writer's answer nor the watch cache parses what this process has
 * just encoded. Both ask `resolve` and get the same entry. Matching is by key and bytes, hence safe whatever the order.
 */
export class PendingWrites {
  readonly #pending = new Map<string, { value: Uint8Array; object: KubeObject; entry?: StoredEntry; asked: number }>();

  expect(key: string, value: Uint8Array, object: KubeObject): void {
    this.#pending.set(key, { value, object, asked: 0 });
  }

  abandon(key: string, value: Uint8Array): void {
    if (this.#pending.get(key)?.value === value) this.#pending.delete(key);
  }

  resolve(key: string, value: Uint8Array, revision: number): StoredEntry {
    const pending = this.#pending.get(key);
    if (!pending || (pending.value !== value && !bufferOf(pending.value).equals(value))) {
      return new StoredEntry(key, value, revision);
    }
    if (pending.entry && pending.entry.revision !== revision) return new StoredEntry(key, value, revision);
    pending.entry ??= new StoredEntry(key, value, revision, pending.object);
    if (++pending.asked >= 2) this.#pending.delete(key);
    return pending.entry;
  }

  clear(): void {
    this.#pending.clear();
  }
}
