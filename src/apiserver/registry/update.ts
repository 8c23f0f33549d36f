/** Upstream: registry/rest/update.go, registry/generic/registry/store.go (Update). */
import {
  deepEqual,
  FieldErrorList,
  FieldPath,
  type KubeObject,
  newConflict,
  newInvalid,
  optimisticLockMessage,
  validateObjectMetaUpdate,
} from '../../apimachinery/index.ts';
import { rfc3339 } from '../../base/index.ts';
import type { StoredEntry } from '../storage/entry.ts';
import type { Preconditions } from '../storage/errors.ts';
import { isStorageError } from '../storage/errors.ts';
import type { Update } from '../storage/store.ts';
import type { Finish } from '../types.ts';
import { createObject, ensureNamespace } from './create.ts';
import { throwIfInvalid, validateAgainstSchema } from './decode.ts';
import { interpretStorageError } from './errors.ts';
import { dedupOwnerReferences } from './owner-references.ts';
import type { ResourceRegistry } from './registry.ts';
import { groupResource, type WriteRequest, warn } from './request.ts';

/** Says what an update wants, given what is stored. Called once per attempt. */
export interface UpdatedObject {
  readonly preconditions?: Preconditions;
  /**
   * A private object in the served version, managedFields included. `current` undefined: the object does not exist; the
   * result is created if the resource or `createIfAbsent` allows.
   */
  next(current: Readonly<KubeObject> | undefined): KubeObject | Promise<KubeObject>;
  readonly createIfAbsent?: boolean;
  /** The write is no PUT: a missing resourceVersion means "whatever is stored". */
  readonly unconditional?: boolean;
}

export interface UpdateResult extends Update {
  /** The update took the last finalizer away, so the object is gone. */
  readonly deleted: boolean;
}

/** @throws StatusError */
export async function updateObject(
  registry: ResourceRegistry,
  updated: UpdatedObject,
  request: WriteRequest,
): Promise<UpdateResult> {
  const { definition, deps } = registry;
  const { name } = request;
  const key = registry.keyOf(request.namespace, name);
  let finish: Finish;
  let removed: StoredEntry | undefined;
  let created: StoredEntry | undefined;
  let succeeded = false;
  try {
    const result = await deps.store.guaranteedUpdate(
      key,
      async (current) => {
        await finish?.(false);
        finish = undefined;
        removed = undefined;
        if (!current) {
          if (!updated.createIfAbsent && definition.strategy.allowCreateOnUpdate !== true)
            throw registry.notFound(name);
          registry.authorizeCreate(request);
          // Creation has its own rules; its result is handed out as this update's.
          const object = await updated.next(undefined);
          created = await createObject(registry, object, request, { fieldsTracked: true });
          throw new CreatedInstead();
        }
        const old = registry.served(current);
        const object = await updated.next(old);
        checkResourceVersion(registry, object, current, updated, name);
        await deps.admission.admit(registry.attributes('UPDATE', request, name, object, old));
        dedupOwnerReferences(object, request.warnings, 'after admission');
        // A write of status allocates and releases nothing, whatever spec it carries: that is thrown away below.
        if (request.subresource === '') {
          finish = await registry.hooks?.beginUpdate?.(object, old, { dryRun: request.dryRun });
        }
        prepareForUpdate(registry, object, old, request);
        validateForUpdate(registry, object, old, request);
        await deps.admission.validate(registry.attributes('UPDATE', request, name, object, old));
        if (shouldDeleteDuringUpdate(registry, object, old)) removed = current;
        return registry.toStorage(object);
      },
      {
        provenance: request.provenance,
        dryRun: request.dryRun,
        ...cachedState(registry, key),
        ...(updated.preconditions ? { preconditions: updated.preconditions } : {}),
        ...(registry.ttlSeconds === undefined ? {} : { ttlSeconds: registry.ttlSeconds }),
      },
    );
    succeeded = true;
    if (!removed) return { ...result, deleted: false };
    return { ...(await removeFinalized(registry, key, result, request)), deleted: true };
  } catch (error) {
    if (error instanceof CreatedInstead) {
      succeeded = true;
      return { entry: created!, created: true, changed: true, deleted: false };
    }
    throw interpretStorageError(error, definition, name);
  } finally {
    await finish?.(succeeded);
  }
}

/** Leaves the retry loop with an object made by `createObject`. */
class CreatedInstead extends Error {}

export function cachedState(registry: ResourceRegistry, key: string): { cached?: StoredEntry } {
  const cached = registry.cache.get(key);
  return cached ? { cached } : {};
}

function checkResourceVersion(
  registry: ResourceRegistry,
  object: KubeObject,
  current: StoredEntry,
  updated: UpdatedObject,
  name: string,
): void {
  const { definition } = registry;
  const asked = object.metadata.resourceVersion ?? '';
  const unset = asked === '' || asked === '0';
  if (unset) {
    if (updated.unconditional || definition.strategy.allowUnconditionalUpdate !== false) return;
    throw newInvalid(definition, name, [
      {
        type: 'FieldValueInvalid',
        field: 'metadata.resourceVersion',
        badValue: 0,
        detail: 'must be specified for an update',
      },
    ]);
  }
  if (asked !== String(current.revision)) {
    throw newConflict(groupResource(definition), name, optimisticLockMessage);
  }
}

/** Restores what an update may not change. `object` is private, `old` shared. */
export function prepareForUpdate(
  registry: ResourceRegistry,
  object: KubeObject,
  old: Readonly<KubeObject>,
  request: WriteRequest,
): void {
  const { definition, deps } = registry;
  const { metadata } = object;
  const before = old.metadata;
  ensureNamespace(object, registry, request);
  metadata.uid ||= before.uid;
  metadata.resourceVersion = before.resourceVersion;
  metadata.creationTimestamp = before.creationTimestamp ?? rfc3339(deps.clock.now());
  delete metadata.selfLink;
  // An update can never remove or change a deletion timestamp, nor ask for a deletion.
  copyField(metadata, before, 'deletionTimestamp');
  if (before.deletionGracePeriodSeconds !== undefined || metadata.deletionGracePeriodSeconds !== undefined) {
    copyField(metadata, before, 'deletionGracePeriodSeconds');
  }
  copyField(metadata, before, 'generation');
  definition.strategy.prepareForUpdate?.(object, old, {
    namespace: request.namespace,
    now: deps.clock.now(),
    subresource: request.subresource,
    user: request.user,
  });
  if (request.subresource === 'approval') keepAllButApproval(object, old);
  if (definition.strategy.generation === 'spec' && request.subresource !== 'status' && specDiffers(object, old)) {
    metadata.generation = (before.generation ?? 0) + 1;
  }
}

/** Approving sets conditions and nothing else. Upstream: pkg/registry/certificates (csrApprovalStrategy). */
function keepAllButApproval(object: KubeObject, old: Readonly<KubeObject>): void {
  const conditions = object['status']?.conditions;
  for (const field of Object.keys(object)) if (field !== 'metadata') delete object[field];
  const { metadata: _, ...rest } = old;
  Object.assign(object, rest, { status: { ...old['status'], conditions } });
}

function copyField(
  to: KubeObject['metadata'],
  from: Readonly<KubeObject['metadata']>,
  field: 'deletionTimestamp' | 'deletionGracePeriodSeconds' | 'generation',
): void {
  if (from[field] === undefined) delete to[field];
  else (to as Record<string, unknown>)[field] = from[field];
}

function specDiffers(object: Readonly<KubeObject>, old: Readonly<KubeObject>): boolean {
  const strip = (value: Readonly<KubeObject>) => ({ ...value, metadata: undefined, status: undefined });
  return !deepEqual(strip(object), strip(old));
}

function validateForUpdate(
  registry: ResourceRegistry,
  object: KubeObject,
  old: Readonly<KubeObject>,
  request: WriteRequest,
): void {
  const { definition, deps } = registry;
  const { strategy } = definition;
  const errors = new FieldErrorList();
  validateObjectMetaUpdate(object, old, FieldPath.root('metadata'), errors);
  validateAgainstSchema(object, registry.expected, deps.schemas, errors, definition.strategy.validate !== undefined);
  if (request.subresource === 'status') strategy.validateStatusUpdate?.(object, old, errors);
  else if (strategy.validateUpdate) strategy.validateUpdate(object, old, errors, request.subresource);
  else strategy.validate?.(object, errors);
  throwIfInvalid(errors, definition, object.metadata.name ?? '');
  const warnings =
    request.subresource === 'status' ? strategy.statusWarnings?.(object, old) : strategy.warnings?.(object, old);
  for (const text of warnings ?? []) warn(request.warnings, text);
}

/** The last finalizer of an object in deletion is gone: the object goes too. */
export function shouldDeleteDuringUpdate(
  registry: ResourceRegistry,
  object: Readonly<KubeObject>,
  old: Readonly<KubeObject>,
): boolean {
  if ((object.metadata.finalizers?.length ?? 0) > 0) return false;
  if (registry.key === 'namespaces' && (object['spec']?.finalizers?.length ?? 0) > 0) return false;
  return old.metadata.deletionTimestamp !== undefined && (old.metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

/** Upstream: Store.deleteWithoutFinalizers: the state just written is deleted at once. */
async function removeFinalized(
  registry: ResourceRegistry,
  key: string,
  result: Update,
  request: WriteRequest,
): Promise<Update> {
  if (request.dryRun) return result;
  try {
    const entry = await registry.deps.store.delete(key, {
      provenance: request.provenance,
      cached: result.entry,
      preconditions: { uid: result.entry.object.metadata.uid ?? '' },
    });
    await registry.hooks?.afterDelete?.(registry.served(entry));
  } catch (error) {
    // Someone else was faster: the object is gone, as wanted.
    if (!isStorageError(error, 'KeyNotFound')) throw error;
  }
  return result;
}
