/**
 * Calls on the Kubernetes API by resource. Upstream: client-go/dynamic and the generated clientsets (1.36).
 *
 * Ownership: write methods copy what they are given before it leaves, because an in-process server takes the body over;
 * pass `handOver: true` for an object made for this call. Answers are read-only (shared with the server's cache).
 */

import {
  deepCopy,
  type KubeList,
  type KubeObject,
  type Status,
  StatusError,
  type WatchEvent,
} from '../apimachinery/index.ts';
import { assert } from '../base/index.ts';
import { currentCause } from './cause.ts';
import { groupVersionText, type ResourceDescription, type ResourceRef, resourcePath } from './resource.ts';
import { RESTMapper } from './rest-mapper.ts';
import type { ApiRequest, ApiResponse, Transport } from './transport.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface GetOptions extends CallOptions {
  readonly resourceVersion?: string;
}

export interface ListOptions extends CallOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: 'NotOlderThan' | 'Exact';
  readonly limit?: number;
  readonly continue?: string;
}

export interface WatchOptions extends ListOptions {
  readonly allowWatchBookmarks?: boolean;
  readonly sendInitialEvents?: boolean;
  readonly timeoutSeconds?: number;
}

export interface WriteOptions extends CallOptions {
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
  /** The body was made for this call: it is not copied and the caller never touches it again. Default false. */
  readonly handOver?: boolean;
  /** Called with each Warning header of the answer. */
  readonly onWarning?: (text: string) => void;
}

export interface PatchOptions extends WriteOptions {
  readonly subresource?: string;
  /** Only with apply patches: take fields that others own. */
  readonly force?: boolean;
}

export interface DeleteOptions extends CallOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly dryRun?: boolean;
  readonly onWarning?: (text: string) => void;
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

const patchContentTypes: Record<PatchType, string> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

export interface KubeClientOptions {
  /** Resources that words and kinds are resolved against. Default: none, then only rows can be named. */
  readonly definitions?: Iterable<ResourceDescription> | RESTMapper;
  /** Sent as User-Agent and shown as field manager default. */
  readonly userAgent?: string;
  /** Headers on every request. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A client of one API server under one identity (the transport's). */
export class KubeClient {
  readonly transport: Transport;
  readonly mapper: RESTMapper;
  readonly #headers: Readonly<Record<string, string>> | undefined;

  constructor(transport: Transport, options: KubeClientOptions = {}) {
    const { definitions = [], userAgent, headers } = options;
    this.transport = transport;
    this.mapper = definitions instanceof RESTMapper ? definitions : new RESTMapper(definitions);
    this.#headers = userAgent === undefined ? headers : { ...headers, 'user-agent': userAgent };
  }

  /**
   * Calls on one resource, across all namespaces until `.namespace(ns)`.
   * @throws NoMatchError for a word that names nothing.
   */
  resource<T extends KubeObject = KubeObject>(ref: ResourceRef): ResourceClient<T> {
    return new ResourceClient<T>(this, this.mapper.resolve(ref), '');
  }

  /** Calls on the resource of an object, in its namespace. */
  forObject<T extends KubeObject>(object: Readonly<T>): ResourceClient<T> {
    const resource = this.mapper.forKind(object.apiVersion, object.kind);
    return new ResourceClient<T>(this, resource, object.metadata.namespace ?? '');
  }

  /** Any request; adds the cause of the running reconcile and this client's headers. */
  request(request: ApiRequest): Promise<ApiResponse> {
    return this.transport.request(this.prepare(request));
  }

  /** GET of any path (`/readyz`, `/klab/v1/…`): decoded JSON or text. */
  async raw(path: string, options: CallOptions & { readonly query?: ApiRequest['query'] } = {}): Promise<any> {
    return (await this.request({ method: 'GET', path, query: options.query, signal: options.signal })).body;
  }

  prepare(request: ApiRequest): ApiRequest {
    const cause = request.cause ?? currentCause();
    const headers = this.#headers === undefined ? request.headers : { ...this.#headers, ...request.headers };
    return { ...request, cause, headers };
  }
}

/** Calls on one resource in one namespace, or (`namespace` empty) cluster-wide. */
export class ResourceClient<T extends KubeObject = KubeObject> {
  readonly client: KubeClient;
  readonly description: ResourceDescription;
  readonly #namespace: string;

  constructor(client: KubeClient, description: ResourceDescription, namespace: string) {
    this.client = client;
    this.description = description;
    this.#namespace = namespace;
  }

  namespace(namespace: string | undefined): ResourceClient<T> {
    return new ResourceClient<T>(this.client, this.description, namespace ?? '');
  }

  async get(name: string, options: GetOptions = {}): Promise<Readonly<T>> {
    const { signal, resourceVersion } = options;
    return (await this.#send({ method: 'GET', path: this.#path(name), query: { resourceVersion }, signal })).body;
  }

  async list(options: ListOptions = {}): Promise<KubeList<Readonly<T>>> {
    const { signal } = options;
    return (await this.#send({ method: 'GET', path: this.#path(), query: listQuery(options), signal })).body;
  }

  /** All pages of a list, `limit` objects each (default 500), from one resourceVersion. */
  async *pages(options: ListOptions = {}): AsyncGenerator<KubeList<Readonly<T>>, void, void> {
    let token = options.continue;
    do {
      const page = await this.list({ ...options, limit: options.limit ?? 500, continue: token });
      yield page;
      token = page.metadata.continue;
    } while (token);
  }

  /** An established watch; see Transport.watch. ERROR events carry a Status. */
  watch(options: WatchOptions = {}): Promise<AsyncIterable<WatchEvent<T | Status>>> {
    const { signal, allowWatchBookmarks, sendInitialEvents, timeoutSeconds } = options;
    const query = {
      ...listQuery(options),
      watch: 'true',
      allowWatchBookmarks: flag(allowWatchBookmarks),
      sendInitialEvents: sendInitialEvents === undefined ? undefined : String(sendInitialEvents),
      timeoutSeconds: numeral(timeoutSeconds),
    };
    const request = this.client.prepare({ method: 'GET', path: this.#path(), query, signal });
    return this.client.transport.watch(request) as Promise<AsyncIterable<WatchEvent<T | Status>>>;
  }

  /** Creates in this client's namespace, or the object's own. */
  create(object: Readonly<T>, options: WriteOptions = {}): Promise<Readonly<T>> {
    const path = resourcePath(this.description, this.#namespaceOf(object));
    return this.#write('POST', path, object, options);
  }

  update(object: Readonly<T>, options: WriteOptions & { readonly subresource?: string } = {}): Promise<Readonly<T>> {
    const name = object.metadata.name;
    assert(name !== undefined && name !== '', 'update needs metadata.name');
    const path = resourcePath(this.description, this.#namespaceOf(object), name, options.subresource);
    return this.#write('PUT', path, object, options);
  }

  updateStatus(object: Readonly<T>, options: WriteOptions = {}): Promise<Readonly<T>> {
    return this.update(object, { ...options, subresource: 'status' });
  }

  async patch(name: string, type: PatchType, patch: unknown, options: PatchOptions = {}): Promise<Readonly<T>> {
    const response = await this.#send({
      method: 'PATCH',
      path: this.#path(name, options.subresource),
      query: { ...writeQuery(options), force: flag(options.force) },
      contentType: patchContentTypes[type],
      body: options.handOver ? patch : deepCopy(patch),
      signal: options.signal,
    });
    for (const warning of response.warnings) options.onWarning?.(warning);
    return response.body;
  }

  /** Server-side apply of what this manager wants. Fills apiVersion and kind from the resource when absent. */
  apply(object: Readonly<T>, options: PatchOptions & { readonly fieldManager: string }): Promise<Readonly<T>> {
    const name = object.metadata.name;
    assert(name !== undefined && name !== '', 'apply needs metadata.name');
    const { apiVersion = groupVersionText(this.description), kind = this.description.kind } = object;
    const body = { ...object, apiVersion, kind };
    return this.namespace(this.#namespaceOf(object)).patch(name, 'apply', body, options);
  }

  /** Answers the object still there (finalizers, grace period) or a Status. */
  async delete(name: string, options: DeleteOptions = {}): Promise<Readonly<KubeObject> | Status> {
    const path = this.#path(name);
    const response = await this.#send({ method: 'DELETE', path, body: deleteBody(options), signal: options.signal });
    for (const warning of response.warnings) options.onWarning?.(warning);
    return response.body;
  }

  async deleteCollection(options: DeleteOptions = {}, selection: ListOptions = {}): Promise<void> {
    const { signal } = options;
    const query = listQuery(selection);
    await this.#send({ method: 'DELETE', path: this.#path(), query, body: deleteBody(options), signal });
  }

  getSubresource<R = any>(name: string, subresource: string, options: GetOptions = {}): Promise<R> {
    const path = this.#path(name, subresource);
    return this.#send({ method: 'GET', path, signal: options.signal }).then((response) => response.body);
  }

  /** POST: binding, eviction, token. */
  createSubresource<R = any>(
    name: string,
    subresource: string,
    body: Readonly<KubeObject>,
    options: WriteOptions = {},
  ): Promise<R> {
    return this.#write('POST', this.#path(name, subresource), body as Readonly<T>, options) as Promise<any>;
  }

  /** PUT: scale, finalize, approval. */
  updateSubresource<R = any>(
    name: string,
    subresource: string,
    body: Readonly<KubeObject>,
    options: WriteOptions = {},
  ): Promise<R> {
    return this.#write('PUT', this.#path(name, subresource), body as Readonly<T>, options) as Promise<any>;
  }

  /** A byte stream below the object, e.g. `log` with `{follow: 'true'}`. */
  stream(
    name: string,
    subresource: string,
    query: ApiRequest['query'] = {},
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    const path = this.#path(name, subresource);
    return this.client.transport.stream(this.client.prepare({ method: 'GET', path, query, signal }));
  }

  #send(request: ApiRequest): Promise<ApiResponse> {
    return this.client.request(request);
  }

  async #write(method: 'POST' | 'PUT', path: string, object: Readonly<T>, options: WriteOptions): Promise<Readonly<T>> {
    const body = options.handOver ? object : deepCopy(object);
    const response = await this.#send({ method, path, query: writeQuery(options), body, signal: options.signal });
    if (options.onWarning) for (const warning of response.warnings) options.onWarning(warning);
    return response.body;
  }

  #path(name = '', subresource = ''): string {
    return resourcePath(this.description, this.#namespace, name, subresource);
  }

  #namespaceOf(object: Readonly<KubeObject>): string {
    return this.#namespace !== '' ? this.#namespace : (object.metadata.namespace ?? '');
  }
}

/** True for an ERROR event's object. */
export function statusOfEvent(event: WatchEvent<KubeObject | Status>): StatusError | undefined {
  return event.type === 'ERROR' ? new StatusError(event.object as Status) : undefined;
}

function flag(value: boolean | undefined): string | undefined {
  return value ? 'true' : undefined;
}

function numeral(value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

function listQuery(options: ListOptions): Record<string, string | undefined> {
  return {
    labelSelector: options.labelSelector || undefined,
    fieldSelector: options.fieldSelector || undefined,
    resourceVersion: options.resourceVersion,
    resourceVersionMatch: options.resourceVersionMatch,
    limit: numeral(options.limit),
    continue: options.continue,
  };
}

function writeQuery(options: WriteOptions): Record<string, string | undefined> {
  return {
    dryRun: options.dryRun ? 'All' : undefined,
    fieldManager: options.fieldManager,
    fieldValidation: options.fieldValidation,
  };
}

function deleteBody(options: DeleteOptions): object {
  const { gracePeriodSeconds, propagationPolicy, preconditions, dryRun } = options;
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(preconditions === undefined ? {} : { preconditions: { ...preconditions } }),
    ...(dryRun ? { dryRun: ['All'] } : {}),
  };
}
