/** Upstream: registry/rest/delete.go, registry/generic/registry/store.go (Delete), registry/core/namespace/storage. */
import {
  deepCopy,
  deepEqual,
  isNotFound,
  type KubeObject,
  newConflict,
  StatusError,
} from '../../apimachinery/index.ts';
import { parseTime, rfc3339 } from '../../base/index.ts';
import type { StoredEntry } from '../storage/entry.ts';
import { interpretStorageError } from './errors.ts';
import type { ResourceRegistry } from './registry.ts';
import type { DeleteRequestOptions, WriteRequest } from './request.ts';
import { cachedState, shouldDeleteDuringUpdate } from './update.ts';

export const orphanFinalizer = 'orphan';
export const foregroundFinalizer = 'foregroundDeletion';

/** Kinds whose dependents are orphaned unless the request says otherwise, for clients of old. */
const orphansByDefault: ReadonlySet<string> = new Set(['replicationcontrollers', 'jobs.batch']);
/** Kinds the garbage collector does not look at. */
const notCollected: ReadonlySet<string> = new Set(['events', 'events.events.k8s.io']);

export interface DeleteResult {
  /** The last state, or the state now that deletion has begun. */
  readonly entry: StoredEntry;
  /** The object is gone. */
  readonly deleted: boolean;
}

/** @throws StatusError */
export async function deleteObject(
  registry: ResourceRegistry,
  options: DeleteRequestOptions,
  request: WriteRequest,
): Promise<DeleteResult> {
  const { definition, deps } = registry;
  const { name } = request;
  const key = registry.keyOf(request.namespace, name);
  const admit = async (current: StoredEntry) => {
    await deps.admission.validate(registry.attributes('DELETE', request, name, undefined, registry.served(current)));
  };
  try {
    const current = registry.cache.get(key) ?? (await deps.store.get(key));
    if (!current) throw registry.notFound(name);
    await deps.admission.admit(registry.attributes('DELETE', request, name, undefined, registry.served(current)));
    const begun = await beginDeletion(registry, key, options, request, admit);
    if (begun.entry && !begun.deleteNow) return { entry: begun.entry, deleted: false };
    const { resourceVersion: _, ...preconditions } = options.preconditions ?? {};
    // Once this request has changed the object, its resourceVersion is no longer the one the client named.
    const remaining = begun.entry ? preconditions : options.preconditions;
    const last = await deps.store.delete(key, {
      provenance: request.provenance,
      dryRun: request.dryRun,
      ...(begun.entry ? { cached: begun.entry } : cachedState(registry, key)),
      ...(remaining ? { preconditions: remaining } : {}),
      ...(begun.entry ? {} : { validate: admit }),
    });
    if (!request.dryRun) await registry.hooks?.afterDelete?.(registry.served(last));
    return { entry: last, deleted: true };
  } catch (error) {
    throw interpretStorageError(error, definition, name);
  }
}

/**
 * Marks the object as being deleted when it may not go at once: a grace period runs, or finalizers are pending.
 * `entry` absent: nothing had to be written. `deleteNow`: the caller is to remove it.
 */
async function beginDeletion(
  registry: ResourceRegistry,
  key: string,
  options: DeleteRequestOptions,
  request: WriteRequest,
  admit: (current: StoredEntry) => Promise<void>,
): Promise<{ entry?: StoredEntry; deleteNow: boolean }> {
  const { deps } = registry;
  let deleteNow = true;
  let pending: StoredEntry | undefined;
  try {
    const { entry } = await deps.store.guaranteedUpdate(
      key,
      async (current) => {
        if (!current) throw registry.notFound(request.name);
        checkPreconditions(registry, current, options, request.name);
        await admit(current);
        const object = deepCopy(current.object) as KubeObject;
        const plan = planDeletion(registry, object, current.object, options);
        deleteNow = plan.deleteNow;
        pending = current;
        if (!plan.write) throw new NothingToWrite();
        return object;
      },
      { provenance: request.provenance, dryRun: request.dryRun, ...cachedState(registry, key) },
    );
    return { entry, deleteNow };
  } catch (error) {
    if (!(error instanceof NothingToWrite)) throw error;
    return deleteNow ? { deleteNow } : { entry: pending!, deleteNow };
  }
}

/** Leaves the retry loop: the stored state is already as it should be. */
class NothingToWrite extends Error {}

function checkPreconditions(
  registry: ResourceRegistry,
  current: StoredEntry,
  { preconditions }: DeleteRequestOptions,
  name: string,
): void {
  if (!preconditions) return;
  const { uid, resourceVersion } = current.object.metadata;
  const { group, kind } = registry.definition;
  // Upstream names the kind here, not the resource.
  const conflict = (why: string) => newConflict({ group, resource: kind }, name, why);
  if (preconditions.uid !== undefined && preconditions.uid !== uid) {
    throw conflict(
      `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  }
  if (preconditions.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion) {
    throw conflict(
      `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
  }
}

interface Plan {
  /** `object` was changed and is to be stored. */
  readonly write: boolean;
  /** Nothing holds the object: it is removed after the write, if any. */
  readonly deleteNow: boolean;
}

/** Changes `object` (a private copy in the stored version) to what the deletion makes of it. */
function planDeletion(
  registry: ResourceRegistry,
  object: KubeObject,
  current: Readonly<KubeObject>,
  options: DeleteRequestOptions,
): Plan {
  const now = registry.deps.clock.now();
  const { metadata } = object;
  if (registry.key === 'namespaces') return planNamespaceDeletion(registry, object, current, options, now);
  const { beginDeletion } = registry.definition.strategy;
  if (beginDeletion && metadata.deletionTimestamp === undefined) {
    beginDeletion(object, { now });
    metadata.deletionTimestamp = rfc3339(now);
    return { write: true, deleteNow: false };
  }

  const { deletionGracePeriodSeconds: stored = 0 } = metadata;
  const running = metadata.deletionTimestamp === undefined ? 0 : stored < 0 ? 1 : stored;
  if (running > 0 && registry.definition.strategy.gracePeriodSeconds) {
    return shortenGrace(registry, object, options, running);
  }
  // A deletion without a period that still runs needs no other.
  const grace = metadata.deletionTimestamp === undefined ? gracefulPeriod(registry, object, options) : undefined;
  const finalizersChanged = setCollectionFinalizers(registry, object, options);
  const pendingFinalizers = (metadata.finalizers?.length ?? 0) > 0;
  if (grace !== undefined) {
    markDeleting(object, now, grace);
    return { write: true, deleteNow: grace === 0 && !pendingFinalizers };
  }
  if (!pendingFinalizers) return { write: false, deleteNow: true };
  const alreadyMarked = metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0;
  if (!alreadyMarked) markDeleting(object, now, 0);
  return { write: finalizersChanged || !alreadyMarked, deleteNow: false };
}

/** Once it runs, a period may only be shortened. */
function shortenGrace(
  registry: ResourceRegistry,
  object: KubeObject,
  options: DeleteRequestOptions,
  running: number,
): Plan {
  const { metadata } = object;
  const asked = askedSeconds(options);
  if (asked === undefined || asked >= running) return { write: false, deleteNow: false };
  const now = registry.deps.clock.now();
  const end = parseTime(metadata.deletionTimestamp!) - (running - asked) * 1000;
  metadata.deletionTimestamp = rfc3339(Math.max(end, now));
  // What is over already still is a graceful deletion: somebody else is to end it.
  metadata.deletionGracePeriodSeconds = end < now && asked !== 0 ? 1 : asked;
  setCollectionFinalizers(registry, object, options);
  return { write: true, deleteNow: asked === 0 && (metadata.finalizers?.length ?? 0) === 0 };
}

/** Less than nothing is one second. */
function askedSeconds({ gracePeriodSeconds }: DeleteRequestOptions): number | undefined {
  return gracePeriodSeconds !== undefined && gracePeriodSeconds < 0 ? 1 : gracePeriodSeconds;
}

/** Seconds the object is given, undefined when this kind goes at once. */
function gracefulPeriod(
  registry: ResourceRegistry,
  object: Readonly<KubeObject>,
  options: DeleteRequestOptions,
): number | undefined {
  const { strategy } = registry.definition;
  if (!strategy.gracePeriodSeconds) return undefined;
  const own = strategy.gracePeriodSeconds(object);
  if (own === undefined) return undefined;
  // Zero means that there is nothing to wait for (not scheduled, already ended), whatever the client asks.
  const period = own === 0 ? 0 : (askedSeconds(options) ?? own);
  return period < 0 ? 1 : period;
}

function markDeleting(object: KubeObject, now: number, graceSeconds: number): void {
  const { metadata } = object;
  if (metadata.deletionTimestamp === undefined && (metadata.generation ?? 0) > 0) metadata.generation!++;
  const end = now + graceSeconds * 1000;
  if (metadata.deletionTimestamp === undefined || parseTime(metadata.deletionTimestamp) > end) {
    metadata.deletionTimestamp = rfc3339(end);
  }
  metadata.deletionGracePeriodSeconds = graceSeconds;
}

/** A namespace first turns Terminating; it is removed when both kinds of finalizers are gone. */
function planNamespaceDeletion(
  registry: ResourceRegistry,
  object: KubeObject,
  current: Readonly<KubeObject>,
  options: DeleteRequestOptions,
  now: number,
): Plan {
  if (object.metadata.deletionTimestamp === undefined) {
    object.metadata.deletionTimestamp = rfc3339(now);
    object['status'] = { ...object['status'], phase: 'Terminating' };
    const policy = orphanAsked(options);
    const others = (object.metadata.finalizers ?? []).filter((finalizer) => finalizer !== orphanFinalizer);
    if (policy === 'Orphan') others.push(orphanFinalizer);
    if (others.length > 0 || object.metadata.finalizers) object.metadata.finalizers = others;
    return { write: true, deleteNow: false };
  }
  if ((object['spec']?.finalizers?.length ?? 0) > 0) return { write: false, deleteNow: false };
  if (shouldDeleteDuringUpdate(registry, object, current)) return { write: false, deleteNow: true };
  return { write: false, deleteNow: false };
}

function orphanAsked(options: DeleteRequestOptions): DeleteRequestOptions['propagationPolicy'] {
  if (options.orphanDependents !== undefined) return options.orphanDependents ? 'Orphan' : 'Background';
  return options.propagationPolicy;
}

/** Sets the finalizers that the garbage collector acts on. Returns whether anything changed. */
function setCollectionFinalizers(
  registry: ResourceRegistry,
  object: KubeObject,
  options: DeleteRequestOptions,
): boolean {
  if (notCollected.has(registry.key)) return false;
  const finalizers = object.metadata.finalizers ?? [];
  const asked = orphanAsked(options);
  let orphan: boolean;
  let foreground: boolean;
  if (asked !== undefined) {
    orphan = asked === 'Orphan';
    foreground = asked === 'Foreground';
  } else {
    foreground = finalizers.includes(foregroundFinalizer);
    orphan = finalizers.includes(orphanFinalizer) || (!foreground && orphansByDefault.has(registry.key));
  }
  const next = finalizers.filter((finalizer) => finalizer !== orphanFinalizer && finalizer !== foregroundFinalizer);
  if (orphan) next.push(orphanFinalizer);
  if (foreground) next.push(foregroundFinalizer);
  if (deepEqual([...finalizers].sort(), [...next].sort())) return false;
  if (next.length > 0) object.metadata.finalizers = next;
  else delete object.metadata.finalizers;
  return true;
}

/** Deletes each of `names`; those that vanish meanwhile are no error. Upstream: Store.DeleteCollection. */
export async function deleteCollection(
  registry: ResourceRegistry,
  objects: readonly { readonly namespace: string; readonly name: string }[],
  options: DeleteRequestOptions,
  request: WriteRequest,
): Promise<void> {
  for (const { namespace, name } of objects) {
    try {
      await deleteObject(registry, options, { ...request, namespace, name });
    } catch (error) {
      if (!(error instanceof StatusError) || !isNotFound(error)) throw error;
    }
  }
}
