/**
 * Shapes inside the API server: one request on its way through the filter chain to a handler and back.
 * Doors (HTTP, in process) make a ServerRequest and send a ServerResponse; nothing between them knows about sockets.
 */
import type { ResourceDefinition } from '../api/index.ts';
import type { KubeObject, SchemaSet, Status, WatchEvent } from '../apimachinery/index.ts';
import type { Clock, Logger, Prng } from '../base/index.ts';
import type { KV, Provenance } from '../etcd/index.ts';
import type { ByteStream } from '../wire/index.ts';

export interface UserInfo {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** Upstream: apiserver/pkg/endpoints/request/requestinfo.go. */
export interface RequestInfo {
  readonly isResourceRequest: boolean;
  readonly path: string;
  /** get list watch create update patch delete deletecollection proxy; for non-resource requests the HTTP method in lower case. */
  readonly verb: string;
  /** `api` or `apis`. */
  readonly apiPrefix: string;
  readonly apiGroup: string;
  readonly apiVersion: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** Path segments after the resource, e.g. for proxy. */
  readonly parts: readonly string[];
  /** Unparsed selectors of list, watch and deletecollection, for authorization. */
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

/** A body as it came: bytes over HTTP, an object in process (owned by the server from then on). */
export interface RequestBody {
  readonly bytes?: Uint8Array;
  readonly object?: unknown;
}

export interface ServerRequest {
  readonly method: string;
  /** Decoded path without query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Values of headers that came more than once, by lower-case name (`headers` holds them joined with `, `). */
  readonly repeatedHeaders?: Readonly<Record<string, readonly string[]>>;
  readonly body?: RequestBody;
  /** The connection can be given away, and the client asks for that: its `Upgrade` header, in lower case. */
  readonly upgrade?: string;
  /** Aborted when the client goes away or the request's time is over. */
  readonly signal: AbortSignal;
  /** Set by the in-process door: already authenticated. */
  readonly user?: UserInfo;
  /** Subject of the verified client certificate, set by the HTTPS door. */
  readonly clientCertificate?: {
    readonly commonName: string;
    readonly organizations: readonly string[];
    /** SHA-256 of the certificate, hex. */
    readonly fingerprint?: string;
    /** Why the certificate proves nothing, e.g. `x509: certificate signed by unknown authority`. */
    readonly error?: string;
  };
  readonly remoteAddress?: string;
  /** In process: who and why. Over HTTP the chain derives it from user and User-Agent. */
  readonly provenance?: Provenance;
  /** The door's own array: the chain hands it on as `RequestContext.warnings`, so that warnings of failed requests are sent too. */
  readonly warnings?: string[];
  /** The door's own: headers of the answer, whatever comes of the request. In process there are none. */
  readonly responseHeaders?: Record<string, string>;
  /** Aborts `signal`; set by doors with sockets, used by the request timeout. */
  cancel?(reason: unknown): void;
}

/** A request after authentication and request-info; handlers and admission see this. */
export interface RequestContext {
  readonly request: ServerRequest;
  readonly info: RequestInfo;
  readonly user: UserInfo;
  readonly provenance: Provenance;
  /** Sent as Warning headers (299), in order, without repeats. */
  readonly warnings: string[];
  /** Cluster-clock ms at which the request began. */
  readonly startedAt: number;
}

/**
 * An event ready for the wire, each encoding made at most once per event and form. `encoded` is the JSON of
 * `{"type":…,"object":…}` without newline, `protobuf` a frame with its length.
 */
export interface EncodedWatchEvent {
  readonly event: WatchEvent<KubeObject | Status>;
  encoded(): Uint8Array;
  /** @throws ProtobufError for kinds that have no message. */
  protobuf(): Uint8Array;
}

export type ResponseBody =
  | {
      readonly kind: 'object';
      readonly object: object;
      /** JSON bytes already at hand (cached). */
      readonly encoded?: Uint8Array;
      /** The protobuf message already at hand (cached), without envelope. */
      readonly protobuf?: Uint8Array;
    }
  /** A list: items bring their cached encodings, so that big lists are joined, not encoded. */
  | {
      readonly kind: 'list';
      /** All but the items. */
      readonly head: { readonly apiVersion: string; readonly kind: string; readonly metadata: object };
      /** Under which field the items stand. Default `items`. */
      readonly field?: 'items' | 'rows';
      readonly items: readonly { readonly object: object; encoded(): Uint8Array; protobuf(): Uint8Array }[];
    }
  | {
      readonly kind: 'watch';
      readonly events: AsyncIterable<EncodedWatchEvent>;
      /** What the events' objects are, when they can be protobuf. */
      readonly of?: { readonly apiVersion: string; readonly kind: string };
    }
  | { readonly kind: 'stream'; readonly contentType: string; readonly chunks: AsyncIterable<Uint8Array> }
  | { readonly kind: 'bytes'; readonly contentType: string; readonly bytes: Uint8Array }
  /** Answer of code 101: from then on the connection is the handler's. Only doors that offer `ServerRequest.upgrade` get it. */
  | { readonly kind: 'upgrade'; serve(connection: ByteStream, door: UpgradedDoor): Promise<void> };

/** What a door lends to a connection it gave away. */
export interface UpgradedDoor {
  /** Aborted when the client is gone or the server stops. */
  readonly signal: AbortSignal;
  readonly wallClock: Clock;
}

export interface ServerResponse {
  readonly code: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: ResponseBody;
  /** The request's warnings (RequestContext.warnings): doors send each as a `299 - "text"` Warning header. */
  readonly warnings?: readonly string[];
}

export type Handler = (context: RequestContext) => Promise<ServerResponse>;

/** `pods`, `deployments.apps`: how resources are keyed in maps. */
export type ResourceKey = string;

/** `<ResourceKey>[/<subresource>]`: `tokenreviews.authentication.k8s.io`, `serviceaccounts/token`, `pods/eviction`. */
export type HandlerKey = string;

/** What the core offers to those who build ServerParts. */
export interface ServerCore {
  readonly served: ServedResources;
  readonly schemas: SchemaSet;
  /** The watch caches. Empty until `synced` resolves. */
  readonly reader: ObjectReader;
  readonly kv: KV;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
  /** The caches hold the store's state. */
  readonly synced: Promise<void>;
  /** Resources that come and go while the server runs. */
  readonly dynamic: DynamicResources;
  /** What the caches hold and who watches them, for metrics. */
  stats?(): readonly ResourceStats[];
  /** What the store was asked, in the exposition format. */
  storeMetrics?(): string;
  /** Resolves when the caches hold all that was written before the call. */
  waitForCache(): Promise<void>;
  /**
   * The whole server for its own writes (bootstrap objects, allocators): requests as `system:apiserver`, not counted by
   * flow control. Usable once `start` has got the parts.
   */
  handle(request: ServerRequest): Promise<ServerResponse>;
}

/**
 * Everything around the registry, made by one factory `(core) => ServerParts`. `chain` wraps the core's handler of
 * resource requests into the filter chain (request info, authentication, audit, authorization, error rendering);
 * it calls `nonResource` itself for all paths that are no resource requests.
 */
export interface ServerParts {
  readonly admission: AdmissionChain;
  /** Asked again when a PUT or an apply turns out to create. Absent: everybody may. */
  readonly authorizer?: Authorizer;
  readonly hooks: ReadonlyMap<ResourceKey, RegistryHooks>;
  readonly virtual: ReadonlyMap<HandlerKey, VirtualCreate>;
  /** Resources whose objects are computed when read. */
  readonly reads?: ReadonlyMap<ResourceKey, VirtualRead>;
  chain(resources: Handler): Dispatch;
  /** Work after the caches are synced and before the server is ready: bootstrap RBAC, priority classes, allocator state. */
  poststart?(signal: AbortSignal): Promise<void>;
  /** Work while the server serves, from the end of poststart on: repair loops. Ends when aborted. */
  run?(signal: AbortSignal): Promise<void>;
}

/** Custom resources, as the server holds them. */
export interface DynamicResources {
  /**
   * Serves a resource in exactly these versions from the moment this resolves; `rows` are of one resource.
   * `endWatches`: watches under way show what is served no more.
   */
  serve(rows: readonly ResourceDefinition[], options: { readonly endWatches: boolean }): Promise<void>;
  /** Serves it no more; its objects stay in the store. */
  withdraw(resource: ResourceKey): void;
  /** Deletes every object, with all that a deletion is. @throws StatusError */
  deleteAll(
    resource: ResourceKey,
    request: { readonly user: UserInfo; readonly provenance: Provenance },
  ): Promise<void>;
  /** Objects that are there. */
  count(resource: ResourceKey): number;
}

/** Of one resource, in its preferred version. */
export interface ResourceStats {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly objects: number;
  readonly watchers: number;
}

/** Read-only, synchronous view of the watch cache; objects are frozen and shared. */
export interface ObjectReader {
  get(resource: ResourceKey, namespace: string, name: string): Readonly<KubeObject> | undefined;
  /** `namespace` empty or absent = all. */
  list(resource: ResourceKey, namespace?: string): readonly Readonly<KubeObject>[];
  /** Changes whenever any object of the resource changed: what is derived from `list` may be kept while it stays equal. */
  version?(resource: ResourceKey): number;
}

/**
 * Code that answers POST of a virtual resource (`tokenreviews.authentication.k8s.io`) or of a subresource of its own
 * kind (`serviceaccounts/token`). `object` is decoded, defaulted and validated against its schema; the answer is sent
 * with code 201.
 */
export type VirtualCreate = (context: RequestContext, object: KubeObject) => KubeObject | Promise<KubeObject>;

/** Code that answers GET of a virtual resource (`pods.metrics.k8s.io`): nothing of it is stored. */
export interface VirtualRead {
  get(namespace: string, name: string): Promise<Readonly<KubeObject> | undefined>;
  /** `namespace` empty = all; `matches`: what the request's label selector says. */
  list(
    namespace: string,
    matches: (labels: Readonly<Record<string, string>> | undefined) => boolean,
  ): Promise<readonly Readonly<KubeObject>[]>;
}

/** Every resource served at this moment: built-in rows and established CRDs. */
export interface ServedResources {
  definitions(): readonly ResourceDefinition[];
  /** Changes whenever `definitions()` would differ. */
  readonly version: number;
}

/** Says who sent a request. Undefined: no credentials it knows. Throws StatusError 401 for credentials that are wrong. */
export interface Authenticator {
  authenticate(request: ServerRequest): UserInfo | undefined;
}

/** The whole chain: authentication to handler. Throws StatusError. */
export type Dispatch = (request: ServerRequest) => Promise<ServerResponse>;

/** A non-resource URL that another room serves, below `/klab/v1/`; guarded by authentication and RBAC nonResourceURLs. */
export interface KlabRoute {
  /** `/klab/v1/scheduler/decisions/{namespace}/{name}`: a segment in braces matches one segment. */
  readonly path: string;
  /** HTTP method in lower case, which is also what RBAC is asked for. */
  readonly verb: 'get' | 'post' | 'put' | 'delete';
  /** What it does, for OpenAPI. */
  readonly description?: string;
  readonly handler: (context: RequestContext, parameters: Readonly<Record<string, string>>) => Promise<ServerResponse>;
}

export type AdmissionOperation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface AdmissionAttributes {
  readonly operation: AdmissionOperation;
  readonly definition: ResourceDefinition;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** The new object; mutating plugins change it in place. Absent for DELETE. */
  readonly object?: KubeObject;
  readonly oldObject?: Readonly<KubeObject>;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly warnings: string[];
}

/** Upstream: apiserver/pkg/admission/interfaces.go. Throwing a StatusError refuses the request. */
export interface AdmissionPlugin {
  /** Upstream's plugin name, e.g. `NamespaceLifecycle`. */
  readonly name: string;
  handles(operation: AdmissionOperation): boolean;
  admit?(attributes: AdmissionAttributes): void | Promise<void>;
  validate?(attributes: AdmissionAttributes): void | Promise<void>;
}

/** The chain the registry calls: mutating after decode and defaulting, validating after validation. */
export interface AdmissionChain {
  admit(attributes: AdmissionAttributes): Promise<void>;
  validate(attributes: AdmissionAttributes): Promise<void>;
}

export interface AuthorizationAttributes {
  readonly user: UserInfo;
  readonly verb: string;
  readonly resourceRequest: boolean;
  readonly namespace: string;
  readonly apiGroup: string;
  readonly apiVersion: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  readonly path: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

export interface Authorizer {
  authorize(attributes: AuthorizationAttributes): {
    readonly decision: 'allow' | 'deny' | 'noOpinion';
    readonly reason: string;
  };
}

/**
 * Work of one resource around the store write, e.g. allocating a cluster IP. `begin*` may change the object; what it
 * returns is called once with whether the write succeeded. Upstream: registry/generic/registry/store.go Begin and After hooks.
 */
export interface RegistryHooks {
  beginCreate?(object: KubeObject, context: { dryRun: boolean }): Finish | Promise<Finish>;
  beginUpdate?(object: KubeObject, old: Readonly<KubeObject>, context: { dryRun: boolean }): Finish | Promise<Finish>;
  afterDelete?(object: Readonly<KubeObject>): void | Promise<void>;
}
export type Finish = ((succeeded: boolean) => void | Promise<void>) | undefined;

export interface LogOptions {
  readonly container: string;
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly sinceSeconds?: number;
  readonly sinceTime?: string;
  readonly tailLines?: number;
  readonly limitBytes?: number;
}

/** In characters. */
export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** Streams of one exec or attach, as the client asked for them. */
export interface RemoteStreams {
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** A promise: the client is behind; write on when it resolves. */
  stdout(chunk: Uint8Array): Promise<void> | undefined;
  stderr(chunk: Uint8Array): Promise<void> | undefined;
  readonly tty: boolean;
  readonly resize?: AsyncIterable<TerminalSize>;
}

export interface PodReference {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** One HTTP exchange with something in the cluster. Header names in lower case. */
export interface ProxyRequest {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface ProxyResponse {
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Where a proxied request goes: an address of the pod network, or a node's own agent. */
export type ProxyTarget = { readonly ip: string; readonly port: number } | { readonly node: string };

/**
 * How the API server reaches the node agent. Supplied by `cluster`. `exec`, `attach` and `portForward` resolve when the
 * node has found what is asked for, so that a refusal can still be an HTTP answer; what they resolve with does the work.
 */
export interface NodeDialer {
  /** Throws StatusError when the node or container cannot be reached. */
  containerLogs(
    node: string,
    pod: { namespace: string; name: string; uid: string },
    options: LogOptions,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>;
  /** The work resolves with the exit code. */
  exec(
    node: string,
    pod: PodReference,
    command: { readonly container: string; readonly argv: readonly string[] },
  ): Promise<(streams: RemoteStreams, signal: AbortSignal) => Promise<number>>;
  /** The work resolves when the container's first process has ended. */
  attach(
    node: string,
    pod: PodReference,
    container: string,
  ): Promise<(streams: RemoteStreams, signal: AbortSignal) => Promise<void>>;
  /** `id` is how the node calls the pod in its errors. The work serves one connection to its end. */
  portForward(
    node: string,
    pod: PodReference,
  ): Promise<{
    readonly id: string;
    connect(port: number, connection: ByteStream, signal: AbortSignal): Promise<void>;
  }>;
  /** Rejects with Go's text when nothing answers. */
  http(target: ProxyTarget, request: ProxyRequest, signal: AbortSignal): Promise<ProxyResponse>;
}
