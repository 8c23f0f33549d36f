import type { FieldErrorList, KubeObject, NameValidator, Schema } from '../apimachinery/index.ts';

export type Verb =
  | 'create'
  | 'delete'
  | 'deletecollection'
  | 'get'
  | 'list'
  | 'patch'
  | 'update'
  | 'watch'
  | 'proxy'
  | 'approve';

/** A server-printed column. Upstream: metav1.TableColumnDefinition. `priority` 1 shows only with `-o wide`. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description?: string;
  readonly priority?: 0 | 1;
}

export interface PrintContext {
  /** Cluster-clock ms, for ages. */
  readonly now: number;
}

/** Printer of one kind. `cells` must have as many entries as `columns`. */
export interface TablePrinter {
  readonly columns: readonly Column[];
  cells(object: Readonly<KubeObject>, context: PrintContext): unknown[];
}

/** Request facts that strategies may look at. */
export interface StrategyContext {
  readonly namespace: string;
  readonly now: number;
  /** Empty, or `status`, `scale`, … */
  readonly subresource: string;
  /** Who asks. Certificate requests record it. */
  readonly user?: {
    readonly name: string;
    readonly uid?: string | undefined;
    readonly groups?: readonly string[] | undefined;
    readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
  };
}

/**
 * What makes one resource differ from the generic registry. Every hook is optional and synchronous; hooks change the
 * object they are given (a private copy), never `old`. Upstream: registry/rest/{create,update}.go and
 * registry/<group>/<resource>/strategy.go.
 */
export interface Strategy {
  /** Fills defaults; runs on create, update, patch result, and never on read of stored objects. */
  applyDefaults?(object: KubeObject): void;
  /** Drops what a creator may not set (status), sets generation. The generic part already did metadata. */
  prepareForCreate?(object: KubeObject, context: StrategyContext): void;
  /** Restores what this request may not change; bumps generation is generic when `generation` below is 'spec'. */
  prepareForUpdate?(object: KubeObject, old: Readonly<KubeObject>, context: StrategyContext): void;
  validate?(object: Readonly<KubeObject>, errors: FieldErrorList): void;
  /** `subresource`: what is written through, empty for the object itself. */
  validateUpdate?(
    object: Readonly<KubeObject>,
    old: Readonly<KubeObject>,
    errors: FieldErrorList,
    subresource?: string,
  ): void;
  /** Validation of a write through `/status`. Default: none beyond the schema. */
  validateStatusUpdate?(object: Readonly<KubeObject>, old: Readonly<KubeObject>, errors: FieldErrorList): void;
  /** Sent as Warning headers. */
  warnings?(object: Readonly<KubeObject>, old?: Readonly<KubeObject>): string[];
  /** The same for writes through `/status`. */
  statusWarnings?(object: Readonly<KubeObject>, old: Readonly<KubeObject>): string[];
  /**
   * What the first DELETE adds to the object (a private copy) before it is marked as being deleted, such as a finalizer.
   * Such kinds are never deleted at once.
   */
  beginDeletion?(object: KubeObject, context: { readonly now: number }): void;
  /** Grace period of a graceful delete in seconds, undefined when this kind is deleted at once. Pods only, upstream. */
  gracePeriodSeconds?(object: Readonly<KubeObject>): number | undefined;
  /** PUT to a name that does not exist creates it (leases, endpoints, events, …). Default false. */
  readonly allowCreateOnUpdate?: boolean;
  /** PUT without resourceVersion is taken as unconditional. Default true. */
  readonly allowUnconditionalUpdate?: boolean;
  /** Rule for metadata.name. Default: DNS subdomain. */
  readonly validateName?: NameValidator;
  /** 'spec': generation starts at 1 and grows with each change outside metadata and status. Default: 'none'. */
  readonly generation?: 'spec' | 'none';
}

/**
 * Between a version that is served and the one that is stored, when their shapes differ. Both change the object they are
 * given (a private copy) and set apiVersion. Without it the two differ in apiVersion only.
 */
export interface StorageConversion {
  toStorage(object: KubeObject): void;
  fromStorage(object: KubeObject): void;
}

/** How a custom resource's objects are fitted to their schema. */
export interface CustomForm {
  /**
   * Types metadata, drops unknown fields and nulls, fills defaults, in place.
   * @returns `unknown field "spec.foo"` for all that was dropped.
   * @throws FormatError for metadata of wrong types.
   */
  fromClient(object: KubeObject): string[];
  /** A stored object as it is read in this version; itself when there is nothing to change. */
  fromStore(object: Readonly<KubeObject>): Readonly<KubeObject>;
  /** Schemas of all served and stored versions by apiVersion: what managers of fields in other versions are read by. */
  readonly schemas: ReadonlyMap<string, Schema>;
}

/** JSON paths of the scale subresource, as in a CRD. */
export interface ScaleSubresource {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  /** Path of a selector: an object (built-ins) or a string (CRDs). */
  readonly labelSelectorPath?: string;
  /** autoscaling/v1 for all but CRD-less upstream exceptions. */
}

/** A subresource with its own kind and verbs, as discovery shows it. `handler` names the code in the API server. */
export interface SubresourceDefinition {
  readonly name: string;
  readonly group?: string;
  readonly version?: string;
  readonly kind: string;
  readonly verbs: readonly Verb[];
  readonly handler:
    | 'status'
    | 'scale'
    | 'binding'
    | 'eviction'
    | 'log'
    | 'exec'
    | 'attach'
    | 'portforward'
    | 'proxy'
    | 'token'
    | 'finalize'
    | 'approval'
    | 'ephemeralcontainers'
    | 'resize';
}

/**
 * One served resource: a row of data. Everything the API server, discovery, OpenAPI, kubectl's mapper, the client, and
 * `klab api-resources` know of a kind comes from here. CRDs become the same row at run time.
 */
export interface ResourceDefinition {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly listKind: string;
  /** Lower-case plural: the URL segment. */
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[];
  /** Definition name in the schema set, or a schema of its own (CRDs). */
  readonly schema: string | Schema;
  /** Below `/registry/`: `pods`, `services/specs`, `apiregistration.k8s.io/apiservices`. All versions of a resource share it. */
  readonly etcdPrefix: string;
  /** apiVersion objects are stored as, e.g. `apps/v1`. */
  readonly storageVersion: string;
  readonly subresources: readonly SubresourceDefinition[];
  readonly scale?: ScaleSubresource;
  readonly strategy: Strategy;
  readonly printer: TablePrinter;
  /** Fields that a fieldSelector may name beyond metadata.name and metadata.namespace. */
  selectableFields?(object: Readonly<KubeObject>): Record<string, string>;
  /** What a fieldSelector with another field is refused with. Default: upstream's `field label not supported: <label>`. */
  unsupportedField?(label: string): string;
  readonly conversion?: StorageConversion;
  /** Custom resources: what their schemas make of objects that come from clients and from the store. */
  readonly custom?: CustomForm;
  /**
   * Fields that a write through a subresource ('' for the object itself) does not change, whatever it says: server-side
   * apply owns none of them there.
   * Upstream: GetResetFields of each strategy.
   */
  readonly resetFields?: Readonly<Record<string, readonly (readonly string[])[]>>;
  /** DELETE answers with the object that went, not with a Status. Upstream: Store.ReturnDeletedObject. */
  readonly returnsDeletedObject?: boolean;
  /** Sent as a Warning header with every answer about this resource. */
  readonly deprecation?: string;
  /** Not to be found by clients: a version of a custom resource that is stored and not served. */
  readonly unserved?: true;
  /** Its definition is being deleted: objects go, none come. */
  readonly terminating?: true;
  /** Not stored: only POST, answered by code (TokenReview, SubjectAccessReview, …). */
  readonly virtual?: boolean;
  /** false: served only when `--runtime-config` asks for it. Default true. */
  readonly default?: false;
  /** Served only while this gate is on. */
  readonly featureGate?: string;
  /** Why nothing acts on this kind yet: creation carries a Warning header that says so. Absent: something does. */
  readonly idle?: string;
}

/** `pods` → `pods`, `deployments.apps` for groups. */
export function groupResourceName(definition: Pick<ResourceDefinition, 'group' | 'plural'>): string {
  return definition.group === '' ? definition.plural : `${definition.plural}.${definition.group}`;
}

export function apiVersionOf(definition: { group: string; version: string }): string {
  return definition.group === '' ? definition.version : `${definition.group}/${definition.version}`;
}
