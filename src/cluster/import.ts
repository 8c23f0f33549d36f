/**
 * Objects of another cluster as they are: uids, times and statuses are kept, bound pods stay bound. They go to the store
 * directly, many to a transaction: the API would make them new. For clusters in which nothing runs them.
 */
import type { ResourceDefinition } from '../api/index.ts';
import { apiVersionOf } from '../api/index.ts';
import { type KubeObject, newBadRequest } from '../apimachinery/index.ts';
import { encodeForStorage, keyBytes, objectKeyIn, resourcePrefix } from '../apiserver/index.ts';
import { Prng, yieldToEventLoop } from '../base/index.ts';
import type { KV, Provenance } from '../etcd/index.ts';

/** etcd's limit of operations in a transaction. */
const batchSize = 128;

/** Never taken over, whoever sends them. */
const refusedKinds: ReadonlySet<string> = new Set(['Secret', 'Event', 'Lease']);

export interface ImportResult {
  /** Objects taken over, by kind. */
  readonly imported: Readonly<Record<string, number>>;
  /** Objects left out, by kind and reason. */
  readonly skipped: Readonly<Record<string, number>>;
}

export interface ImportDeps {
  readonly kv: KV;
  readonly definitions: readonly ResourceDefinition[];
  readonly mediaType?: Parameters<typeof encodeForStorage>[1];
}

/** @throws StatusError BadRequest for what is no object. */
export async function importObjects(
  { kv, definitions, mediaType }: ImportDeps,
  items: readonly KubeObject[],
  provenance: Provenance,
): Promise<ImportResult> {
  const byKind = new Map(
    definitions.map((definition) => [`${apiVersionOf(definition)}/${definition.kind}`, definition]),
  );
  const imported: Record<string, number> = {};
  const skipped: Record<string, number> = {};
  const count = (counts: Record<string, number>, key: string) => {
    counts[key] = (counts[key] ?? 0) + 1;
  };
  let batch = new Map<string, Uint8Array>();
  const flush = async () => {
    if (batch.size === 0) return;
    const success = [...batch].map(([key, value]) => ({ op: 'put' as const, put: { key: keyBytes(key), value } }));
    batch = new Map();
    await kv.txn({ compare: [], success, failure: [] }, { provenance });
    await yieldToEventLoop();
  };
  for (const item of items) {
    const { apiVersion, kind, metadata } = item ?? {};
    if (typeof apiVersion !== 'string' || typeof kind !== 'string' || typeof metadata?.name !== 'string') {
      throw newBadRequest('every item must be an object with apiVersion, kind and metadata.name');
    }
    const definition = byKind.get(`${apiVersion}/${kind}`);
    if (refusedKinds.has(kind)) count(skipped, `${kind}: never imported`);
    else if (!definition) count(skipped, `${kind}: ${apiVersion} is not served here`);
    else if (definition.namespaced !== (typeof metadata.namespace === 'string')) count(skipped, `${kind}: wrong scope`);
    else if (/[/%]/.test(metadata.name)) count(skipped, `${kind}: invalid name`);
    else {
      const key = objectKeyIn(resourcePrefix(definition.etcdPrefix), metadata.namespace ?? '', metadata.name);
      batch.set(key, encodeForStorage(stored(item, definition, key), mediaType));
      count(imported, kind);
      if (batch.size >= batchSize) await flush();
    }
  }
  await flush();
  return { imported, skipped };
}

/** The object in the form the store has it, with what a cluster's API always has. */
function stored(item: KubeObject, definition: ResourceDefinition, key: string): KubeObject {
  const { managedFields: _, resourceVersion: __, selfLink: ___, ...metadata } = item.metadata;
  // A dump may have been cleaned of what the API sets. The same dump gives the same uids.
  metadata.uid ??= new Prng(key).uuid();
  metadata.creationTimestamp ??= '1970-01-01T00:00:00Z';
  const object = { ...item, metadata } as KubeObject;
  definition.strategy.applyDefaults?.(object);
  definition.conversion?.toStorage(object);
  return { ...object, apiVersion: definition.storageVersion };
}
