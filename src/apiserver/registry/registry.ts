/** One served version of one resource: what handlers call. Upstream: apiserver/pkg/registry/generic/registry/store.go. */
import { apiVersionOf, groupResourceName, type ResourceDefinition } from '../../api/index.ts';
import {
  deepCopy,
  FieldManager,
  type FieldManagerOptions,
  isPathSegmentName,
  type KubeObject,
  newBadRequest,
  newNotFound,
  type SchemaSet,
} from '../../apimachinery/index.ts';
import type { Clock, Prng } from '../../base/index.ts';
import { forbidden } from '../authz/forbidden.ts';
import type { CacheHub } from '../cache/hub.ts';
import type { ResourceCache } from '../cache/resource-cache.ts';
import type { StoredEntry, View } from '../storage/entry.ts';
import { objectKeyIn } from '../storage/keys.ts';
import type { ObjectStore } from '../storage/store.ts';
import type {
  AdmissionAttributes,
  AdmissionChain,
  AdmissionOperation,
  Authorizer,
  RegistryHooks,
  ResourceKey,
} from '../types.ts';
import { type ExpectedKind, expectedKind, schemaOf } from './decode.ts';
import { groupResource, type WriteRequest } from './request.ts';

export interface RegistryDeps {
  readonly store: ObjectStore;
  readonly hub: CacheHub;
  readonly clock: Clock;
  /** Names and uids. */
  readonly prng: Prng;
  /** Spreads the ends of watches; apart, so that watching changes no uid. */
  readonly watchPrng: Prng;
  readonly schemas: SchemaSet;
  /** Watches without timeoutSeconds end after 1 to 2 times this. */
  readonly minRequestTimeoutSeconds: number;
  readonly admission: AdmissionChain;
  /** Asked for `create` when an update or apply creates. Absent: everybody may. */
  readonly authorizer?: Authorizer | undefined;
  hooks(resource: ResourceKey): RegistryHooks | undefined;
}

export interface ResourceRegistryOptions {
  /** Objects disappear this long after their last write. Events: 3600. */
  readonly ttlSeconds?: number;
}

function viewOf(
  { custom, storageVersion }: ResourceDefinition,
  apiVersion: string,
  fromStorage: NonNullable<View['convert']>,
): Pick<View, 'convert'> {
  if (custom) return { convert: (object) => custom.fromStore(object) };
  return apiVersion === storageVersion ? {} : { convert: fromStorage };
}

export class ResourceRegistry {
  readonly definition: ResourceDefinition;
  readonly deps: RegistryDeps;
  readonly cache: ResourceCache;
  readonly view: View;
  readonly expected: ExpectedKind;
  readonly key: ResourceKey;
  readonly ttlSeconds: number | undefined;
  readonly fields: FieldManager;
  readonly #mainOptions: FieldManagerOptions;
  readonly #statusOptions: FieldManagerOptions;

  constructor(
    deps: RegistryDeps,
    definition: ResourceDefinition,
    cache: ResourceCache,
    options: ResourceRegistryOptions = {},
  ) {
    this.deps = deps;
    this.definition = definition;
    this.cache = cache;
    this.key = groupResourceName(definition);
    this.expected = expectedKind(definition);
    this.ttlSeconds = options.ttlSeconds;
    const apiVersion = apiVersionOf(definition);
    this.view = {
      apiVersion,
      kind: definition.kind,
      ...viewOf(definition, apiVersion, (object) => this.#fromStorage(object)),
    };
    const schema = schemaOf(this.expected, deps.schemas);
    const { custom } = definition;
    this.fields = new FieldManager(
      custom
        ? {
            schemas: deps.schemas,
            schemaOf: (version) => custom.schemas.get(version),
            convert: (object, version) =>
              custom.schemas.has(version) ? ({ ...object, apiVersion: version } as KubeObject) : undefined,
          }
        : { schemas: deps.schemas, schemaOf: () => schema },
    );
    const hasStatus = definition.subresources.some((subresource) => subresource.name === 'status');
    const resets = definition.resetFields;
    this.#mainOptions = hasStatus ? { resetFields: resets?.[''] ?? [['status']] } : {};
    this.#statusOptions = {
      subresource: 'status',
      resetFields: resets?.['status'] ?? [['spec'], ['metadata', 'labels']],
    };
  }

  get hooks(): RegistryHooks | undefined {
    return this.deps.hooks(this.key);
  }

  /** etcd key. @throws StatusError BadRequest without the namespace or name it needs. */
  keyOf(namespace: string, name: string): string {
    if (this.definition.namespaced && namespace === '') {
      throw newBadRequest('Namespace parameter required.');
    }
    if (name === '') throw newBadRequest('Name parameter required.');
    if (name.includes('/') || name.includes('%') || name === '.' || name === '..') {
      throw newBadRequest(`Name parameter invalid: ${JSON.stringify(name)}: ${isPathSegmentName(name).join(';')}`);
    }
    return objectKeyIn(this.cache.prefix, this.definition.namespaced ? namespace : '', name);
  }

  notFound(name: string): Error {
    return newNotFound(groupResource(this.definition), name);
  }

  privateCopy(object: Readonly<KubeObject>): KubeObject {
    return deepCopy(object) as KubeObject;
  }

  served(entry: StoredEntry): Readonly<KubeObject> {
    return entry.as(this.view).object;
  }

  /** The object as it is stored; takes it over. */
  toStorage(object: KubeObject): KubeObject {
    const { definition } = this;
    if (this.view.apiVersion === definition.storageVersion) return object;
    if (definition.conversion) {
      const stored = deepCopy(object);
      definition.conversion.toStorage(stored);
      return stored;
    }
    return { ...object, apiVersion: definition.storageVersion };
  }

  managedBy(request: WriteRequest): FieldManagerOptions {
    if (request.subresource === '') return this.#mainOptions;
    if (request.subresource === 'status') return this.#statusOptions;
    const resetFields = this.definition.resetFields?.[request.subresource];
    return { subresource: request.subresource, ...(resetFields ? { resetFields } : {}) };
  }

  /** `object` with managedFields that say what `request` changed. */
  trackFields(current: Readonly<KubeObject> | undefined, object: KubeObject, request: WriteRequest): KubeObject {
    return this.fields.update({
      live: current,
      object,
      manager: request.manager,
      now: this.deps.clock.now(),
      options: this.managedBy(request),
    });
  }

  attributes(
    operation: AdmissionOperation,
    request: WriteRequest,
    name: string,
    object: KubeObject | undefined,
    oldObject: Readonly<KubeObject> | undefined,
  ): AdmissionAttributes {
    return {
      operation,
      definition: this.definition,
      subresource: request.subresource,
      namespace: request.namespace,
      name,
      ...(object ? { object } : {}),
      ...(oldObject ? { oldObject } : {}),
      user: request.user,
      dryRun: request.dryRun,
      warnings: request.warnings,
    };
  }

  /** PUT and apply that create need the right to create. @throws StatusError 403 */
  authorizeCreate(request: WriteRequest): void {
    const { definition, deps } = this;
    const attributes = {
      user: request.user,
      verb: 'create',
      resourceRequest: true,
      namespace: request.namespace,
      apiGroup: definition.group,
      apiVersion: definition.version,
      resource: definition.plural,
      subresource: request.subresource,
      name: request.name,
      path: '',
    };
    const answer = deps.authorizer?.authorize(attributes);
    if (answer && answer.decision !== 'allow') throw forbidden(attributes, answer.reason);
  }

  #fromStorage(object: Readonly<KubeObject>): KubeObject {
    const { conversion } = this.definition;
    if (!conversion) return { ...object, apiVersion: this.view.apiVersion } as KubeObject;
    const served = deepCopy(object) as KubeObject;
    conversion.fromStorage(served);
    return served;
  }
}
