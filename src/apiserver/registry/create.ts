/** Upstream: registry/rest/create.go, registry/generic/registry/store.go (Create). */
import {
  FieldErrorList,
  FieldPath,
  type KubeObject,
  nameIsDnsSubdomain,
  newBadRequest,
  newGenerateNameConflict,
  StatusError,
  validateObjectMeta,
} from '../../apimachinery/index.ts';
import { rfc3339 } from '../../base/index.ts';
import type { StoredEntry } from '../storage/entry.ts';
import { isStorageError } from '../storage/errors.ts';
import { objectKeyIn } from '../storage/keys.ts';
import type { Finish } from '../types.ts';
import { throwIfInvalid, validateAgainstSchema } from './decode.ts';
import { interpretStorageError } from './errors.ts';
import { dedupOwnerReferences } from './owner-references.ts';
import type { ResourceRegistry } from './registry.ts';
import { groupResource, type WriteRequest, warn } from './request.ts';

/** Names tried for a generateName before giving up. Upstream: maxNameGenerationCreateAttempts. */
const nameAttempts = 8;
/** Upstream: names.maxGeneratedNameLength. */
const maxGeneratedPrefix = 63 - 5;

/** The namespace of the object must be that of the URL; fills it in. */
export function ensureNamespace(object: KubeObject, registry: ResourceRegistry, request: WriteRequest): void {
  const { metadata } = object;
  if (!registry.definition.namespaced) {
    delete metadata.namespace;
    return;
  }
  if (!metadata.namespace) metadata.namespace = request.namespace;
  else if (metadata.namespace !== request.namespace) {
    throw newBadRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
}

/**
 * Stores a new object: `object` is decoded and taken over. `fieldsTracked`: its managedFields are right already.
 * @throws StatusError
 */
export async function createObject(
  registry: ResourceRegistry,
  object: KubeObject,
  request: WriteRequest,
  options: { readonly fieldsTracked?: boolean } = {},
): Promise<StoredEntry> {
  const { definition } = registry;
  if (object.metadata.resourceVersion !== undefined && object.metadata.resourceVersion !== '') {
    throw newBadRequest('resourceVersion should not be set on objects to be created');
  }
  definition.strategy.applyDefaults?.(object);
  dedupOwnerReferences(object, request.warnings, 'as sent');
  ensureNamespace(object, registry, request);
  if (request.subresource === '' && definition.idle !== undefined) {
    warn(request.warnings, `klab: nothing acts on ${definition.kind} yet, it is only stored: ${definition.idle}`);
  }
  const { name, generateName } = object.metadata;
  if (name || !generateName) return createNamed(registry, object, request, options);
  return createWithGeneratedName(registry, object, generateName, request, options);
}

async function createWithGeneratedName(
  registry: ResourceRegistry,
  object: KubeObject,
  generateName: string,
  request: WriteRequest,
  options: { readonly fieldsTracked?: boolean },
): Promise<StoredEntry> {
  const prefix = generateName.slice(0, maxGeneratedPrefix);
  const namespace = registry.definition.namespaced ? request.namespace : '';
  const taken = (name: string) => registry.cache.get(objectKeyIn(registry.cache.prefix, namespace, name)) !== undefined;
  for (let attempt = 1; ; attempt++) {
    const last = attempt === nameAttempts;
    const name = `${prefix}${registry.deps.prng.nameSuffix()}`;
    // What the cache knows to be taken needs no try on the store.
    if (!last && taken(name)) continue;
    // A try changes what it is given, and another one may follow.
    const named = last ? object : registry.privateCopy(object);
    named.metadata.name = name;
    try {
      return await createNamed(registry, named, request, options);
    } catch (error) {
      if (!(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error;
      if (last) throw newGenerateNameConflict(groupResource(registry.definition), name, 1);
    }
  }
}

async function createNamed(
  registry: ResourceRegistry,
  input: KubeObject,
  request: WriteRequest,
  options: { readonly fieldsTracked?: boolean },
): Promise<StoredEntry> {
  const { deps } = registry;
  const now = deps.clock.now();
  let object = options.fieldsTracked ? input : registry.trackFields(undefined, input, request);
  const name = object.metadata.name ?? '';
  await deps.admission.admit(registry.attributes('CREATE', request, name, object, undefined));
  dedupOwnerReferences(object, request.warnings, 'after admission');
  prepareForCreate(registry, object, request, now);

  let finish: Finish;
  let stored: StoredEntry | undefined;
  try {
    finish = await registry.hooks?.beginCreate?.(object, { dryRun: request.dryRun });
    validateForCreate(registry, object, request);
    await deps.admission.validate(registry.attributes('CREATE', request, name, object, undefined));
    object = registry.toStorage(object);
    const key = registry.keyOf(request.namespace, name);
    try {
      stored = await deps.store.create(key, object, {
        provenance: request.provenance,
        dryRun: request.dryRun,
        ...(registry.ttlSeconds === undefined ? {} : { ttlSeconds: registry.ttlSeconds }),
      });
    } catch (error) {
      throw await explainExisting(registry, key, name, error);
    }
    return stored;
  } finally {
    await finish?.(stored !== undefined);
  }
}

/** What a client may not choose is set by the server. */
export function prepareForCreate(
  registry: ResourceRegistry,
  object: KubeObject,
  request: WriteRequest,
  now: number,
): void {
  const { definition, deps } = registry;
  const { metadata } = object;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  delete metadata.resourceVersion;
  metadata.creationTimestamp = rfc3339(now);
  metadata.uid = deps.prng.uuid();
  if (definition.strategy.generation === 'spec') metadata.generation = 1;
  else delete metadata.generation;
  definition.strategy.prepareForCreate?.(object, {
    namespace: request.namespace,
    now,
    subresource: request.subresource,
    user: request.user,
  });
}

function validateForCreate(registry: ResourceRegistry, object: KubeObject, request: WriteRequest): void {
  const { definition, deps } = registry;
  const errors = new FieldErrorList();
  validateObjectMeta(
    object,
    { namespaced: definition.namespaced, name: definition.strategy.validateName ?? nameIsDnsSubdomain },
    FieldPath.root('metadata'),
    errors,
  );
  validateAgainstSchema(object, registry.expected, deps.schemas, errors, definition.strategy.validate !== undefined);
  definition.strategy.validate?.(object, errors);
  throwIfInvalid(errors, definition, object.metadata.name ?? '');
  for (const text of definition.strategy.warnings?.(object) ?? []) warn(request.warnings, text);
}

/** AlreadyExists says so when the one that exists is on its way out. */
async function explainExisting(
  registry: ResourceRegistry,
  key: string,
  name: string,
  error: unknown,
): Promise<unknown> {
  const interpreted = interpretStorageError(error, registry.definition, name);
  if (!isStorageError(error, 'KeyExists') || !(interpreted instanceof StatusError)) return interpreted;
  const existing = registry.cache.get(key) ?? (await registry.deps.store.get(key));
  if (existing?.object.metadata.deletionTimestamp === undefined) return interpreted;
  return new StatusError({
    ...interpreted.status,
    message: `object is being deleted: ${interpreted.status.message}`,
  });
}
