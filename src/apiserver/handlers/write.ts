/** create, update, patch, delete, deletecollection. Upstream: apiserver/pkg/endpoints/handlers. */
import {
  isObject,
  type KubeObject,
  newBadRequest,
  newUnsupportedMediaType,
  type Status,
} from '../../apimachinery/index.ts';
import { createObject, ensureNamespace } from '../registry/create.ts';
import { decodeObject } from '../registry/decode.ts';
import { deleteCollection, deleteObject } from '../registry/delete.ts';
import { dedupOwnerReferences } from '../registry/owner-references.ts';
import { applyObject, type PatchType, patchFunction, patchObject, patchTypesOf } from '../registry/patch.ts';
import type { ResourceRegistry } from '../registry/registry.ts';
import { checkName, type WriteRequest } from '../registry/request.ts';
import { updateObject } from '../registry/update.ts';
import type { RequestContext, ServerResponse } from '../types.ts';
import { type Body, readBodyValue, requireObject } from './body.ts';
import { boolParameter, deleteOptions, listOptions, writeRequest } from './options.ts';
import { checkApplied, readPatch } from './patch-body.ts';
import { listEntries, respondWith } from './read.ts';
import { negotiateForm } from './transform.ts';

export async function createHandler(registry: ResourceRegistry, context: RequestContext): Promise<ServerResponse> {
  negotiateForm(context, registry.definition, 'one');
  const request = writeRequest(context, 'CreateOptions');
  const body = requireObject(context.request, registry.expected);
  const object = decodeBody(registry, body, request);
  const entry = await createObject(registry, object, request);
  return respondWith(context, registry, 201, entry);
}

function decodeBody(registry: ResourceRegistry, body: Body, request: WriteRequest): KubeObject {
  return decodeObject(body.value, registry.expected, registry.deps.schemas, {
    validation: request.fieldValidation,
    warnings: request.warnings,
    duplicates: body.duplicates,
  });
}

export async function updateHandler(registry: ResourceRegistry, context: RequestContext): Promise<ServerResponse> {
  negotiateForm(context, registry.definition, 'one');
  const request = writeRequest(context, 'UpdateOptions');
  const body = requireObject(context.request, registry.expected);
  const object = decodeBody(registry, body, request);
  ensureNamespace(object, registry, request);
  if (!object.metadata.name) {
    throw newBadRequest(
      `the name of the object (${request.name} based on URL) was undeterminable: name must be provided`,
    );
  }
  checkName(object, request.name);
  registry.definition.strategy.applyDefaults?.(object);
  dedupOwnerReferences(object, request.warnings, 'as sent');
  const { uid } = object.metadata;
  const result = await updateObject(
    registry,
    {
      ...(uid ? { preconditions: { uid } } : {}),
      next: (current) =>
        // The field manager's result may share parts with the body, which a retry needs untouched.
        registry.trackFields(current, registry.privateCopy(object), request),
    },
    request,
  );
  return respondWith(context, registry, result.created ? 201 : 200, result.entry);
}

/** The patch type of a request. @throws StatusError 415 */
export function patchTypeOf(registry: ResourceRegistry, context: RequestContext): PatchType {
  const type = (context.request.headers['content-type'] ?? '').split(';', 1)[0]!.trim();
  const accepted = patchTypesOf(registry);
  if (!accepted.includes(type as PatchType)) throw newUnsupportedMediaType(accepted);
  return type as PatchType;
}

export async function patchHandler(registry: ResourceRegistry, context: RequestContext): Promise<ServerResponse> {
  negotiateForm(context, registry.definition, 'one');
  const type = patchTypeOf(registry, context);
  const apply = type === 'application/apply-patch+yaml';
  const request = writeRequest(context, 'PatchOptions', { apply });
  const body = readPatch(context.request, type);
  if (!apply) {
    const result = await patchObject(registry, patchFunction(registry, type, body.value), request, body.duplicates);
    return respondWith(context, registry, 200, result.entry);
  }
  const configuration = checkApplied(body.value, registry.expected);
  checkName(configuration, request.name);
  if (registry.definition.namespaced) configuration.metadata.namespace ||= request.namespace;
  const force = boolParameter(context.request.query, 'force') ?? false;
  const result = await applyObject(registry, configuration, { force, duplicates: body.duplicates }, request);
  return respondWith(context, registry, result.created ? 201 : 200, result.entry);
}

const deleteOptionsKind = {
  apiVersion: 'v1',
  kind: 'DeleteOptions',
  group: '',
  schema: 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions',
} as const;

function readDeleteOptions(registry: ResourceRegistry, context: RequestContext): ReturnType<typeof deleteOptions> {
  const { query } = context.request;
  const body = readBodyValue(context.request, { expected: deleteOptionsKind, failed: newBadRequest });
  if (!body) return deleteOptions(query, undefined);
  if (!isObject(body.value)) throw newBadRequest('decoded object cannot be converted to DeleteOptions');
  // Every group has them, and all are the same.
  const { apiVersion, kind = '', ...options } = body.value;
  if (kind !== '' && kind !== deleteOptionsKind.kind) {
    throw newBadRequest(`no kind ${quoted(kind)} is registered for version ${quoted(apiVersion ?? '')}`);
  }
  const decoded = decodeObject({ ...options }, deleteOptionsKind, registry.deps.schemas, {
    validation: 'Ignore',
    warnings: [],
    malformed: newBadRequest,
  });
  return deleteOptions(query, decoded);
}

const quoted = (value: unknown): string => JSON.stringify(String(value));

export async function deleteHandler(registry: ResourceRegistry, context: RequestContext): Promise<ServerResponse> {
  const options = readDeleteOptions(registry, context);
  const request = writeRequest(context, 'DeleteOptions', { dryRun: options.dryRun });
  const { entry, deleted } = await deleteObject(registry, options, request);
  if (!deleted) {
    // Upstream answers 202 only to those who asked for it in the old way.
    return respondWith(context, registry, options.orphanDependents === false ? 202 : 200, entry);
  }
  const { definition } = registry;
  if (definition.returnsDeletedObject) return respondWith(context, registry, 200, entry);
  const status: Status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: request.name,
      ...(definition.group === '' ? {} : { group: definition.group }),
      kind: definition.plural,
      ...(entry.object.metadata.uid === undefined ? {} : { uid: entry.object.metadata.uid }),
    },
  };
  return { code: 200, body: { kind: 'object', object: status } };
}

export async function deleteCollectionHandler(
  registry: ResourceRegistry,
  context: RequestContext,
): Promise<ServerResponse> {
  const options = readDeleteOptions(registry, context);
  const request = writeRequest(context, 'DeleteOptions', { dryRun: options.dryRun });
  const { entries, metadata } = await listEntries(
    registry,
    context.info.namespace,
    listOptions(context.request.query, false),
  );
  const names = entries.map(({ object }) => ({
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name ?? '',
  }));
  await deleteCollection(registry, names, options, request);
  const { definition, view } = registry;
  const head = { kind: definition.listKind, apiVersion: view.apiVersion, metadata };
  return { code: 200, body: { kind: 'list', head, items: entries.map((entry) => entry.as(view)) } };
}
