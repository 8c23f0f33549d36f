/**
 * Server-side apply and the tracking of updates.
 * Upstream: structured-merge-diff/merge/update.go and apimachinery/pkg/util/managedfields/internal.
 */
import { rfc3339 } from '../base/index.ts';
import { alwaysPresentFields } from './always-present.ts';
import { newBadRequest, StatusError } from './errors.ts';
import { emptyFieldSet, type FieldSet, fieldSetOf } from './field-set.ts';
import { FormatError } from './format-error.ts';
import { decodeJson } from './json-decode.ts';
import { stringifyJson } from './json-encode.ts';
import { deepEqual, isObject } from './json-value.ts';
import {
  type Conflict,
  capUpdateManagers,
  conflictError,
  decodeManagedFields,
  encodeManagedFields,
  type Owner,
  type Owners,
  ownerKey,
} from './managed-fields.ts';
import { parseGroupVersion } from './object-meta.ts';
import type { Schema, SchemaSet } from './schema.ts';
import { type Comparison, compareTyped } from './typed-compare.ts';
import { type TypeNode, typeNodeOf } from './typed-schema.ts';
import {
  fieldsOf,
  mergeTyped,
  reconcileWithSchema,
  removeFields,
  validateTyped,
  withNamedFields,
} from './typed-value.ts';
import type { KubeObject, ManagedFieldsEntry } from './types.ts';

export interface FieldManagerDeps {
  readonly schemas: SchemaSet;
  /** Schema of the kind in that apiVersion; undefined = untyped: maps merge by name, lists are wholes. */
  schemaOf(apiVersion: string, kind: string): Schema | undefined;
  /**
   * Turns an object into another version of its group; undefined when that version is not served any more (its managers
   * are dropped). Default: only apiVersion changes.
   */
  convert?(object: Readonly<KubeObject>, apiVersion: string): KubeObject | undefined;
}

export interface FieldManagerOptions {
  /** The subresource through which the write comes. */
  readonly subresource?: string;
  /** Paths nobody owns through this endpoint, e.g. `['status']` on the main resource. */
  readonly resetFields?: readonly (readonly string[])[];
}

export interface ApplyRequest {
  /** The stored object, in the version of `applied`; undefined when apply creates it. */
  readonly live: Readonly<KubeObject> | undefined;
  /** The configuration as the user sent it. */
  readonly applied: Readonly<KubeObject>;
  readonly manager: string;
  /** Take fields from other managers. */
  readonly force: boolean;
  /** Cluster-clock ms. */
  readonly now: number;
  readonly options?: FieldManagerOptions;
}

export interface UpdateRequest {
  /** The stored object; undefined on create. */
  readonly live: Readonly<KubeObject> | undefined;
  /** What is to be stored, in the same version. Its managedFields are taken as the user's wish: `[{}]` resets them. */
  readonly object: Readonly<KubeObject>;
  readonly manager: string;
  /** Cluster-clock ms. */
  readonly now: number;
  readonly options?: FieldManagerOptions;
}

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
const selfKey = 'current-operation';

/** Fields nobody owns. */
const strippedFields = fieldSetOf(
  ['apiVersion'],
  ['kind'],
  ['metadata'],
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'clusterName',
    'generation',
    'managedFields',
    'resourceVersion',
  ].map((field) => ['metadata', field]),
);

/** Carries the conflicts to where it is decided whether they count. */
class ConflictsError extends Error {
  readonly conflicts: readonly Conflict[];
  constructor(conflicts: readonly Conflict[]) {
    super('apply conflicts');
    this.conflicts = conflicts;
  }
}

function withManagedFields(object: Readonly<KubeObject>, entries: ManagedFieldsEntry[] | undefined): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata: entries === undefined ? metadata : { ...metadata, managedFields: entries } };
}

function emptyObject({ apiVersion, kind }: Readonly<KubeObject>): KubeObject {
  return { apiVersion, kind, metadata: {} };
}

function describe(object: Readonly<KubeObject>): string {
  const { group, version } = parseGroupVersion(object.apiVersion);
  const { namespace = '', name = '' } = object.metadata;
  return `${namespace}/${name}; ${group === '' ? `/${version}` : `${group}/${version}`}, Kind=${object.kind}`;
}

/** As upstream answers errors that have no reason of their own. */
function failed(message: string): StatusError {
  return new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code: 500 });
}

/** Tracks who owns which field. Pure: results are new objects that share what did not change. */
export class FieldManager {
  readonly #deps: FieldManagerDeps;

  constructor(deps: FieldManagerDeps) {
    this.#deps = deps;
  }

  /**
   * Records what a create, update or patch changed: `object` with new managedFields. An object that was stored without
   * managedFields stays without.
   */
  update(request: UpdateRequest): KubeObject {
    const { live, object, options = {} } = request;
    const owners = ownersForUpdate(live, object, options);
    const next = withManagedFields(object, undefined);
    if (owners.size === 0 && live?.metadata.uid) return next;
    const before = live ? withManagedFields(live, undefined) : emptyObject(object);
    this.#trackUpdate(before, next, owners, { ...request, manager: request.manager || 'unknown' });
    return withManagedFields(object, encodeManagedFields(owners));
  }

  /**
   * Server-side apply: the merged object with managedFields (before defaulting), or `live` itself when nothing changed.
   * @throws StatusError 409 with FieldManagerConflict causes, 400, or 500 for a configuration that does not fit the schema.
   */
  apply(request: ApplyRequest): KubeObject {
    const { applied } = request;
    if (applied.metadata?.managedFields !== undefined) throw newBadRequest('metadata.managedFields must be nil');
    const node = this.#nodeOf(applied);
    const errors = validateTyped(applied, node);
    if (errors.length > 0) {
      const list = errors.length === 1 ? errors[0] : `errors:\n${errors.map((error) => `  ${error}`).join('\n')}`;
      throw failed(`failed to create typed patch object (${describe(applied)}): ${list}`);
    }
    try {
      return this.#apply(request, node, request.force);
    } catch (error) {
      if (!(error instanceof ConflictsError)) throw error;
      const allowed = request.manager === 'kubectl' ? this.#allowedByLastApplied(request.live, node) : undefined;
      const remaining = allowed ? error.conflicts.filter(({ steps }) => !allowed.hasSteps(steps)) : error.conflicts;
      if (remaining.length > 0) throw conflictError(remaining);
      return this.#apply(request, node, true);
    }
  }

  #nodeOf(object: { apiVersion: string; kind: string }): TypeNode {
    return typeNodeOf(this.#deps.schemaOf(object.apiVersion, object.kind), this.#deps.schemas);
  }

  #compare(before: Readonly<KubeObject>, after: Readonly<KubeObject>): Comparison {
    const schema = this.#deps.schemaOf(after.apiVersion, after.kind);
    const { added, modified, removed } = compareTyped(before, after, typeNodeOf(schema, this.#deps.schemas));
    const present = alwaysPresentFields(after.kind, schema, this.#deps.schemas);
    return { added: added.difference(present), modified, removed: removed.difference(present) };
  }

  /** Undefined when the version is gone. */
  #convert(object: Readonly<KubeObject>, apiVersion: string): KubeObject | undefined {
    if (object.apiVersion === apiVersion) return object as KubeObject;
    return this.#deps.convert ? this.#deps.convert(object, apiVersion) : { ...object, apiVersion };
  }

  #trackUpdate(
    before: Readonly<KubeObject>,
    after: Readonly<KubeObject>,
    owners: Owners,
    request: Pick<UpdateRequest, 'manager' | 'now' | 'options'>,
  ): void {
    this.#reconcile(owners, before);
    const reset = resetSet(request.options);
    const comparison = this.#settle(before, after, owners, selfKey, reset, true);
    let fields = comparison.modified.union(comparison.added);
    fields = fields.recursiveDifference(reset).difference(strippedFields);
    if (!fields.empty) {
      const identity = {
        manager: request.manager,
        operation: 'Update',
        subresource: request.options?.subresource ?? '',
        apiVersion: after.apiVersion,
      } as const;
      const key = ownerKey(identity);
      const previous = owners.get(key);
      owners.set(key, {
        ...identity,
        fields: previous ? fields.union(previous.fields) : fields,
        time: rfc3339(request.now),
      });
    }
    capUpdateManagers(owners);
  }

  /** Ownership follows changes of the schema. */
  #reconcile(owners: Owners, object: Readonly<KubeObject>): void {
    for (const [key, owner] of owners) {
      const fields = reconcileWithSchema(owner.fields, this.#nodeOf({ ...object, apiVersion: owner.apiVersion }));
      if (fields !== owner.fields) owners.set(key, { ...owner, fields });
    }
  }

  /**
   * Takes from all managers but `self` what changed between the objects.
   * @throws ConflictsError when fields of others changed and not `force`.
   */
  #settle(
    before: Readonly<KubeObject>,
    after: Readonly<KubeObject>,
    owners: Owners,
    self: string,
    reset: FieldSet,
    force: boolean,
  ): Comparison {
    const own = this.#compare(before, after);
    const versions = new Map<string, Comparison | undefined>([[after.apiVersion, withoutFields(own, reset)]]);
    const conflicts: Conflict[] = [];
    const changes = new Map<string, FieldSet>();
    for (const [key, owner] of [...owners].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (key === self) continue;
      if (!versions.has(owner.apiVersion)) {
        const [left, right] = [this.#convert(before, owner.apiVersion), this.#convert(after, owner.apiVersion)];
        const converted = left && right ? this.#compare(left, right) : undefined;
        versions.set(owner.apiVersion, converted && withoutFields(converted, reset));
      }
      const comparison = versions.get(owner.apiVersion);
      if (!comparison) {
        owners.delete(key);
        continue;
      }
      const taken = owner.fields.intersection(comparison.modified.union(comparison.added));
      if (!taken.empty) for (const steps of taken.steps()) conflicts.push({ owner, steps });
      const fields = owner.fields.difference(taken).difference(comparison.removed);
      if (fields !== owner.fields) changes.set(key, fields);
    }
    if (!force && conflicts.length > 0) throw new ConflictsError(conflicts);
    for (const [key, fields] of changes) {
      if (fields.empty) owners.delete(key);
      else owners.set(key, { ...owners.get(key)!, fields });
    }
    return own;
  }

  #apply(request: ApplyRequest, node: TypeNode, force: boolean): KubeObject {
    const { applied, options = {} } = request;
    const stored = request.live;
    let owners: Owners;
    try {
      owners = decodeManagedFields(stored?.metadata.managedFields);
    } catch (error) {
      if (error instanceof FormatError) throw failed(`failed to decode managed fields: ${error.message}`);
      throw error;
    }
    const live = stored ? withManagedFields(stored, undefined) : emptyObject(applied);
    if (owners.size === 0 && stored) {
      this.#trackUpdate(emptyObject(applied), live, owners, {
        manager: 'before-first-apply',
        now: request.now,
        options,
      });
    }
    const identity = {
      manager: request.manager || 'unknown',
      operation: 'Apply',
      subresource: options.subresource ?? '',
      apiVersion: applied.apiVersion,
    } as const;
    const key = ownerKey(identity);
    this.#reconcile(owners, live);
    const reset = resetSet(options);
    const last = owners.get(key);
    const fields = this.#typed(() => fieldsOf(applied, node)).recursiveDifference(reset);
    owners.set(key, { ...identity, fields, time: last?.time });
    const merged = this.#typed(() => mergeTyped(stored ? live : undefined, applied, node)) as KubeObject;
    const next = last ? this.#prune(merged, last, owners) : merged;
    this.#settle(live, next, owners, key, reset, force);
    return this.#finish(request, live, next, owners, key);
  }

  #typed<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (error instanceof FormatError) throw failed(`failed to merge config: ${error.message}`);
      throw error;
    }
  }

  #finish(
    request: ApplyRequest,
    live: Readonly<KubeObject>,
    next: KubeObject,
    owners: Owners,
    key: string,
  ): KubeObject {
    const owner = owners.get(key);
    if (owner) {
      const fields = owner.fields.difference(strippedFields);
      if (fields.empty) owners.delete(key);
      else owners.set(key, { ...owner, fields });
    }
    const changed = request.live === undefined || !deepEqual(live, next);
    const current = owners.get(key);
    if (changed && current) owners.set(key, { ...current, time: rfc3339(request.now) });
    let object = changed ? next : (live as KubeObject);
    if (request.manager === 'kubectl') object = withLastApplied(object, request.applied);
    const entries = encodeManagedFields(owners);
    if (request.live && object === live && deepEqual(entries, request.live.metadata.managedFields)) {
      return request.live as KubeObject;
    }
    return withManagedFields(object, entries);
  }

  /** Takes away what this manager applied last time, does not now, and nobody else owns. */
  #prune(merged: KubeObject, last: Owner, owners: Owners): KubeObject {
    if (last.fields.empty) return merged;
    const before = this.#convert(merged, last.apiVersion);
    if (!before) return merged;
    const node = this.#nodeOf(before);
    let pruned = removeFields(before, withNamedFields(last.fields, node), node) as KubeObject;
    pruned = this.#addBackOwned(before, pruned, owners);
    pruned = this.#convert(pruned, before.apiVersion) ?? pruned;
    // Only what was applied last time may go: containers of it that others filled stay.
    const kept = withNamedFields(fieldsOf(pruned, node), node);
    const had = withNamedFields(fieldsOf(before, node), node);
    const gone = had.difference(kept).intersection(withNamedFields(last.fields, node));
    const result = removeFields(before, gone, node) as KubeObject;
    return this.#convert(result, merged.apiVersion) ?? result;
  }

  #addBackOwned(merged: KubeObject, pruned: KubeObject, owners: Owners): KubeObject {
    const byVersion = new Map<string, FieldSet>();
    for (const owner of owners.values()) {
      byVersion.set(owner.apiVersion, owner.fields.union(byVersion.get(owner.apiVersion) ?? emptyFieldSet));
    }
    // The version of the pruned object first: it needs no conversion.
    const versions = [...byVersion].sort(
      ([a], [b]) => Number(b === pruned.apiVersion) - Number(a === pruned.apiVersion),
    );
    let result = pruned;
    for (const [version, owned] of versions) {
      const [whole, part] = [this.#convert(merged, version), this.#convert(result, version)];
      if (!whole || !part) continue;
      const node = this.#nodeOf(whole);
      const keep = withNamedFields(fieldsOf(part, node), node).union(withNamedFields(owned, node));
      result = removeFields(whole, withNamedFields(fieldsOf(whole, node), node).difference(keep), node) as KubeObject;
    }
    return result;
  }

  /** What `kubectl apply` had applied client-side and nobody changed since is kubectl's own: no conflict. */
  #allowedByLastApplied(live: Readonly<KubeObject> | undefined, node: TypeNode): FieldSet | undefined {
    const text = live?.metadata.annotations?.[lastApplied];
    if (!live || !text) return undefined;
    try {
      const { value } = decodeJson(text);
      if (!isObject(value) || value['apiVersion'] !== live.apiVersion) return undefined;
      const { added, modified, removed } = compareTyped(value, withManagedFields(live, undefined), node);
      return fieldsOf(value, node).difference(modified).difference(added).difference(removed);
    } catch (error) {
      if (error instanceof FormatError) return undefined;
      throw error;
    }
  }
}

function withLastApplied(object: KubeObject, applied: Readonly<KubeObject>): KubeObject {
  const annotations = object.metadata.annotations;
  if (!annotations?.[lastApplied]) return object;
  const { [lastApplied]: _, ...others } = applied.metadata.annotations ?? {};
  const metadata = { ...applied.metadata, annotations: others };
  if (Object.keys(others).length === 0) delete (metadata as Partial<typeof metadata>).annotations;
  const text = `${stringifyJson({ ...applied, metadata })}\n`;
  if (annotations[lastApplied] === text) return object;
  return { ...object, metadata: { ...object.metadata, annotations: { ...annotations, [lastApplied]: text } } };
}

function resetSet(options: FieldManagerOptions | undefined): FieldSet {
  return options?.resetFields === undefined ? emptyFieldSet : fieldSetOf(...options.resetFields);
}

function withoutFields(comparison: Comparison, fields: FieldSet): Comparison {
  if (fields.empty) return comparison;
  return {
    added: comparison.added.recursiveDifference(fields),
    modified: comparison.modified.recursiveDifference(fields),
    removed: comparison.removed.recursiveDifference(fields),
  };
}

/** Owners as the request has them; as the live object has them when it has none, or through a subresource. */
function ownersForUpdate(
  live: Readonly<KubeObject> | undefined,
  object: Readonly<KubeObject>,
  options: FieldManagerOptions,
): Owners {
  const entries = object.metadata.managedFields;
  if (!options.subresource && entries !== undefined) {
    const [only] = entries;
    if (entries.length === 0 || (entries.length === 1 && Object.keys(only!).length === 0)) return new Map();
    const owners = decodeOrEmpty(entries);
    if (owners && owners.size > 0) return owners;
  }
  return decodeOrEmpty(live?.metadata.managedFields) ?? new Map();
}

function decodeOrEmpty(entries: readonly ManagedFieldsEntry[] | undefined): Owners | undefined {
  try {
    return decodeManagedFields(entries);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
