/** Upstream: apiserver/pkg/endpoints/handlers/patch.go. */
import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  deepCopy,
  FormatError,
  type KubeObject,
  newBadRequest,
  newConflict,
  newInvalid,
  newUnsupportedMediaType,
  StatusError,
  stringifyJson,
} from '../../apimachinery/index.ts';
import { decodeObject, schemaOf, strictText } from './decode.ts';
import type { ResourceRegistry } from './registry.ts';
import { checkName, groupResource, type WriteRequest, warn } from './request.ts';
import { type UpdatedObject, type UpdateResult, updateObject } from './update.ts';

export type PatchType =
  | 'application/json-patch+json'
  | 'application/merge-patch+json'
  | 'application/strategic-merge-patch+json'
  | 'application/apply-patch+yaml'
  | 'application/apply-patch+cbor';

/** Updates retried when somebody else was faster. Upstream: MaxRetryWhenPatchConflicts. */
const maxConflicts = 5;

/** How one patch changes an object; never changes its input. */
export type ApplyPatch = (current: Readonly<KubeObject>) => KubeObject;

export function patchTypesOf(registry: ResourceRegistry): readonly PatchType[] {
  const builtIn = typeof registry.definition.schema === 'string';
  return builtIn
    ? [
        'application/json-patch+json',
        'application/merge-patch+json',
        'application/strategic-merge-patch+json',
        'application/apply-patch+yaml',
      ]
    : ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'];
}

/** The function a patch body stands for. @throws StatusError 415, 400, 422 when applied. */
export function patchFunction(
  registry: ResourceRegistry,
  type: PatchType,
  patch: unknown,
  scheme: { readonly schema: ResourceRegistry['definition']['schema'] } = registry.definition,
): ApplyPatch {
  const { schemas } = registry.deps;
  switch (type) {
    case 'application/json-patch+json':
      return wrap((current) => applyJsonPatch(current, patch) as KubeObject);
    case 'application/merge-patch+json':
      return wrap((current) => applyMergePatch(current, patch) as KubeObject);
    case 'application/strategic-merge-patch+json': {
      const schema = schemaOf(scheme, schemas);
      if (typeof scheme.schema !== 'string' || !schema) throw newUnsupportedMediaType(patchTypesOf(registry));
      return wrap((current) => applyStrategicMergePatch(current, patch, schema, schemas) as KubeObject);
    }
    default:
      throw newUnsupportedMediaType(patchTypesOf(registry));
  }
}

/** Patches that cannot be read are bad requests; those that cannot be carried out are invalid. */
function wrap(apply: ApplyPatch): ApplyPatch {
  return (current) => {
    try {
      return apply(current);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw patchError(error);
    }
  };
}

/** Patches that can be read but not carried out (a failed test, a path that does not exist) are 422. */
function patchError(error: FormatError): StatusError {
  if (error.code !== 'UnprocessablePatch') return newBadRequest(error.message);
  // Upstream's client error for a bare 422; the reason for the failure is lost there too.
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'the server rejected our request due to an error in our request',
    reason: 'Invalid',
    details: {},
    code: 422,
  });
}

/** What is wrong with the object that a patch makes. */
function patchInvalid(patched: unknown, detail: string): StatusError {
  const badValue = stringifyJson(patched);
  return newInvalid({ group: '', kind: '' }, '', [{ type: 'FieldValueInvalid', field: 'patch', badValue, detail }]);
}

/** JSON, merge and strategic merge patches. */
export async function patchObject(
  registry: ResourceRegistry,
  apply: ApplyPatch,
  request: WriteRequest,
  duplicates: readonly string[] = [],
): Promise<UpdateResult> {
  const updated: UpdatedObject = {
    unconditional: true,
    next(current) {
      if (!current) throw registry.notFound(request.name);
      const object = decodePatched(registry, apply(current), request, duplicates);
      return registry.trackFields(current, object, request);
    },
  };
  return withRetries(() => updateObject(registry, updated, request));
}

/** The store retries by itself; conflicts arise here only when the patch names a resourceVersion of a state just replaced. */
async function withRetries<T>(attempt: () => Promise<T>): Promise<T> {
  for (let conflicts = 0; ; conflicts++) {
    try {
      return await attempt();
    } catch (error) {
      const retry = error instanceof StatusError && error.reason === 'Conflict' && conflicts < maxConflicts;
      if (!retry) throw error;
    }
  }
}

function decodePatched(
  registry: ResourceRegistry,
  patched: KubeObject,
  request: WriteRequest,
  duplicates: readonly string[],
): KubeObject {
  const object = decodeObject(deepCopy(patched), registry.expected, registry.deps.schemas, {
    validation: request.fieldValidation,
    warnings: request.warnings,
    duplicates,
    strict: (problems) => patchInvalid(patched, strictText(problems)),
    malformed: (why) => patchInvalid(patched, why),
  });
  checkName(object, request.name);
  registry.definition.strategy.applyDefaults?.(object);
  return object;
}

/** Server-side apply. `configuration` is what the user sent, decoded but not defaulted. */
export async function applyObject(
  registry: ResourceRegistry,
  configuration: KubeObject,
  options: { readonly force: boolean; readonly duplicates?: readonly string[] },
  request: WriteRequest,
): Promise<UpdateResult> {
  const { deps, definition } = registry;
  if (configuration.metadata.managedFields !== undefined && configuration.metadata.managedFields.length > 0) {
    throw newBadRequest('metadata.managedFields must be nil');
  }
  checkDuplicates(options.duplicates ?? [], request);
  const updated: UpdatedObject = {
    unconditional: true,
    // Apply creates what is not there, on the object itself, not on its subresources.
    createIfAbsent: request.subresource === '',
    next(current) {
      if (!current && request.subresource !== '') throw registry.notFound(request.name);
      const { uid } = configuration.metadata;
      if (!current && uid !== undefined && uid !== '') {
        throw newConflict(
          groupResource(definition),
          request.name,
          `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
        );
      }
      const object = registry.fields.apply({
        live: current,
        applied: configuration,
        manager: request.manager,
        force: options.force,
        now: deps.clock.now(),
        options: registry.managedBy(request),
      });
      const next = decodeObject(deepCopy(object), registry.expected, deps.schemas, {
        validation: 'Ignore',
        warnings: request.warnings,
      });
      definition.strategy.applyDefaults?.(next);
      return next;
    },
  };
  return withRetries(() => updateObject(registry, updated, request));
}

/** Keys given twice in the YAML; unknown fields are the field manager's to refuse. */
function checkDuplicates(duplicates: readonly string[], request: WriteRequest): void {
  if (duplicates.length === 0 || request.fieldValidation === 'Ignore') return;
  if (request.fieldValidation === 'Strict') {
    throw newBadRequest(`error strict decoding YAML: ${duplicates.join(', ')}`);
  }
  for (const duplicate of duplicates) warn(request.warnings, duplicate);
}
