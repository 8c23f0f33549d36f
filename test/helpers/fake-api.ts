/**
 * A small API server behind the Transport seam, for stories of clients and controllers: real resource rows, one
 * revision counter, optimistic concurrency, finalizers and graceful deletion, watches. No admission, no validation,
 * no authorization: those stories belong to the real server.
 */
import { builtinResources, type ResourceDefinition } from '../../src/api/index.ts';
import {
  deepCopy,
  deepEqual,
  deepFreeze,
  type KubeObject,
  newAlreadyExists,
  newConflict,
  newNotFound,
  newPathNotFound,
  newResourceExpired,
  optimisticLockMessage,
  parseFieldSelector,
  parseLabelSelector,
  type Status,
  type WatchEvent,
} from '../../src/apimachinery/index.ts';
import { BoundedQueue, type Clock, Prng, rfc3339 } from '../../src/base/index.ts';
import { type ApiRequest, type ApiResponse, KubeClient, type Transport } from '../../src/client/index.ts';

interface Watcher {
  readonly definition: ResourceDefinition;
  readonly namespace: string;
  readonly selects: (object: Readonly<KubeObject>) => boolean;
  readonly queue: BoundedQueue<WatchEvent<KubeObject | Status>>;
}

interface Target {
  readonly definition: ResourceDefinition;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
}

/** Called before a request is served; throws to make it fail. */
export type Interceptor = (request: ApiRequest, target: { resource: string; name: string; verb: string }) => void;

export class FakeApi {
  readonly #clock: Clock;
  readonly #prng = new Prng('fake-api');
  readonly #definitions = new Map<string, ResourceDefinition>();
  readonly #objects = new Map<string, Readonly<KubeObject>>();
  readonly #history: {
    readonly revision: number;
    readonly key: string;
    readonly event: WatchEvent;
    readonly old?: KubeObject;
  }[] = [];
  readonly #watchers = new Set<Watcher>();
  #revision = 1;
  #oldest = 0;
  /** Requests served, newest last. */
  readonly requests: ApiRequest[] = [];
  readonly #interceptors = new Set<Interceptor>();
  readonly #observers: ((event: WatchEvent, old: Readonly<KubeObject> | undefined) => void)[] = [];

  readonly #served: readonly ResourceDefinition[];

  /** `served`: default what a cluster serves without flags. */
  constructor(clock: Clock, served: readonly ResourceDefinition[] = builtinResources) {
    this.#clock = clock;
    this.#served = served;
    for (const definition of served) {
      const prefix =
        definition.group === '' ? `/api/${definition.version}` : `/apis/${definition.group}/${definition.version}`;
      this.#definitions.set(`${prefix}/${definition.plural}`, definition);
    }
  }

  /** A client of it; `user` is only noted on the requests. */
  client(user = 'system:admin'): KubeClient {
    return new KubeClient(this.transport(user), { definitions: this.#served });
  }

  transport(user = 'system:admin'): Transport {
    const as = (request: ApiRequest) => ({ ...request, headers: { ...request.headers, 'x-user': user } });
    return {
      request: async (request) => this.#request(as(request)),
      watch: async (request) => this.#watch(as(request)),
      stream: async () => {
        throw newPathNotFound();
      },
      close: async () => {},
    };
  }

  intercept(interceptor: Interceptor): () => void {
    this.#interceptors.add(interceptor);
    return () => this.#interceptors.delete(interceptor);
  }

  /** Called after every change, with the object as it was before. */
  observe(observer: (event: WatchEvent, old: Readonly<KubeObject> | undefined) => void): void {
    this.#observers.push(observer);
  }

  /** Forgets history: watches from before answer 410. */
  compact(): void {
    this.#history.length = 0;
    this.#oldest = this.#revision;
  }

  /** Ends all watches, as a server that restarts. `error`: they end by being cut. */
  dropWatches(error?: unknown): void {
    for (const watcher of [...this.#watchers]) watcher.queue.close(error);
    this.#watchers.clear();
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  #target(path: string): Target {
    const parts = path.split('/').slice(1).map(decodeURIComponent);
    const head = parts[0] === 'api' ? 2 : 3;
    const prefix = `/${parts.slice(0, head).join('/')}`;
    let rest = parts.slice(head);
    let namespace = '';
    if (rest[0] === 'namespaces' && rest.length > 2 && this.#definitions.has(`${prefix}/${rest[2]}`)) {
      namespace = rest[1]!;
      rest = rest.slice(2);
    }
    const definition = this.#definitions.get(`${prefix}/${rest[0]}`);
    if (!definition) throw newPathNotFound();
    return { definition, namespace, name: rest[1] ?? '', subresource: rest[2] ?? '' };
  }

  #request(request: ApiRequest): ApiResponse {
    this.requests.push(request);
    if (request.path === '/api' || request.path === '/apis') return this.#discovery(request.path);
    const target = this.#target(request.path);
    const verb = verbOf(request, target);
    for (const interceptor of this.#interceptors)
      interceptor(request, { resource: target.definition.plural, name: target.name, verb });
    const ok = (body: unknown, code = 200): ApiResponse => ({ code, body, warnings: [] });
    switch (verb) {
      case 'get':
        return ok(this.#mustGet(target));
      case 'list':
        return ok(this.#list(target, request));
      case 'create':
        if (target.subresource === 'binding') return ok(this.#bind(target, request.body as KubeObject), 201);
        return ok(this.#create(target, request.body as KubeObject), 201);
      case 'update':
        return ok(this.#update(target, deepCopy(request.body) as KubeObject));
      case 'patch':
        return ok(this.#patch(target, request));
      case 'delete':
        return ok(this.#delete(target, (request.body ?? {}) as any));
      case 'deletecollection': {
        for (const object of this.#list(target, request).items) {
          this.#delete(
            { ...target, namespace: object.metadata.namespace ?? '', name: object.metadata.name! },
            (request.body ?? {}) as any,
          );
        }
        return ok({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' });
      }
      default:
        throw newPathNotFound();
    }
  }

  #discovery(path: string): ApiResponse {
    const groups = new Map<string, Map<string, object[]>>();
    for (const d of this.#definitions.values()) {
      if ((d.group === '') !== (path === '/api')) continue;
      if (!groups.has(d.group)) groups.set(d.group, new Map());
      const versions = groups.get(d.group)!;
      if (!versions.has(d.version)) versions.set(d.version, []);
      versions.get(d.version)!.push({
        resource: d.plural,
        responseKind: { group: d.group, version: d.version, kind: d.kind },
        scope: d.namespaced ? 'Namespaced' : 'Cluster',
        singularResource: d.singular,
        shortNames: d.shortNames,
        categories: d.categories,
        verbs: d.verbs,
        subresources: d.subresources.map((s) => ({ subresource: s.name })),
      });
    }
    const items = [...groups].map(([name, versions]) => ({
      metadata: { name },
      versions: [...versions].map(([version, resources]) => ({ version, resources, freshness: 'Current' })),
    }));
    const body = { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items };
    return { code: 200, body, warnings: [] };
  }

  #key({ definition, namespace, name }: Target): string {
    return `${definition.plural}.${definition.group}/${definition.namespaced ? namespace : ''}/${name}`;
  }

  #mustGet(target: Target): Readonly<KubeObject> {
    const found = this.#objects.get(this.#key(target));
    if (!found) throw newNotFound({ group: target.definition.group, resource: target.definition.plural }, target.name);
    return found;
  }

  #list(target: Target, request: ApiRequest) {
    const { definition, namespace } = target;
    const prefix = `${definition.plural}.${definition.group}/`;
    const selects = selector(definition, request);
    const items: Readonly<KubeObject>[] = [];
    for (const [key, object] of this.#objects) {
      if (!key.startsWith(prefix) || (namespace !== '' && object.metadata.namespace !== namespace)) continue;
      if (selects(object)) items.push(object);
    }
    const apiVersion = definition.group === '' ? definition.version : `${definition.group}/${definition.version}`;
    return { apiVersion, kind: definition.listKind, metadata: { resourceVersion: String(this.#revision) }, items };
  }

  #create(target: Target, body: KubeObject): Readonly<KubeObject> {
    const { definition } = target;
    const object = deepCopy(body) as KubeObject;
    const metadata = object.metadata;
    if (definition.namespaced) metadata.namespace = target.namespace || metadata.namespace || 'default';
    metadata.name ??= `${metadata.generateName}${this.#prng.nameSuffix()}`;
    const place = { ...target, namespace: metadata.namespace ?? '', name: metadata.name };
    if (this.#objects.has(this.#key(place))) {
      throw newAlreadyExists({ group: definition.group, resource: definition.plural }, metadata.name);
    }
    metadata.uid = this.#prng.uuid();
    metadata.creationTimestamp = rfc3339(this.#clock.now());
    definition.strategy.applyDefaults?.(object);
    const context = { namespace: place.namespace, now: this.#clock.now(), subresource: '' };
    definition.strategy.prepareForCreate?.(object, context);
    if (definition.strategy.generation === 'spec') metadata.generation = 1;
    if (definition.kind === 'Namespace') {
      object['spec'] ??= { finalizers: ['kubernetes'] };
      object['status'] ??= { phase: 'Active' };
    }
    return this.#store(place, undefined, object);
  }

  #update(target: Target, object: KubeObject): Readonly<KubeObject> {
    const { definition, subresource } = target;
    const old = this.#objects.get(this.#key(target));
    if (!old && definition.strategy.allowCreateOnUpdate) return this.#create(target, object);
    const current = this.#mustGet(target);
    const { resourceVersion, uid } = object.metadata;
    const resource = { group: definition.group, resource: definition.plural };
    if (resourceVersion && resourceVersion !== current.metadata.resourceVersion) {
      throw newConflict(resource, target.name, optimisticLockMessage);
    }
    if (uid && uid !== current.metadata.uid) {
      throw newConflict(
        resource,
        target.name,
        `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`,
      );
    }
    object.apiVersion = current.apiVersion;
    object.kind = current.kind;
    const { name, namespace, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation } =
      current.metadata;
    Object.assign(object.metadata, {
      name,
      namespace,
      uid: current.metadata.uid,
      creationTimestamp,
      deletionTimestamp,
      deletionGracePeriodSeconds,
      generation,
    });
    for (const [field, value] of Object.entries(object.metadata))
      if (value === undefined) delete object.metadata[field as 'name'];
    const context = { namespace: target.namespace, now: this.#clock.now(), subresource };
    if (subresource === 'finalize') object = { ...deepCopy(current), spec: object['spec'] } as KubeObject;
    else if (subresource === 'status')
      object = { ...deepCopy(current), metadata: object.metadata, status: object['status'] } as KubeObject;
    else {
      definition.strategy.applyDefaults?.(object);
      definition.strategy.prepareForUpdate?.(object, current, context);
      if (!definition.strategy.prepareForUpdate && 'status' in current) object['status'] = current['status'];
    }
    if (definition.strategy.generation === 'spec' && !deepEqual(object['spec'], current['spec'])) {
      object.metadata.generation = (generation ?? 1) + 1;
    }
    object.metadata.resourceVersion = current.metadata.resourceVersion;
    if (deepEqual(object, current)) return current;
    return this.#storeOrRemove(target, current, object);
  }

  #patch(target: Target, request: ApiRequest): Readonly<KubeObject> {
    const current = this.#mustGet(target);
    if (request.contentType === 'application/json-patch+json') throw new Error('fake-api: no JSON patch');
    const patched = merge(
      deepCopy(current),
      request.body,
      request.contentType?.includes('strategic') ?? false,
    ) as KubeObject;
    return this.#update(target, patched);
  }

  #bind(target: Target, binding: KubeObject): Readonly<KubeObject> {
    const pod = deepCopy(this.#mustGet(target)) as KubeObject;
    pod['spec'] = { ...pod['spec'], nodeName: binding['target'].name };
    const { nominatedNodeName: _, ...status } = pod['status'] ?? {};
    pod['status'] = status;
    return this.#store(target, this.#mustGet(target), pod);
  }

  #delete(
    target: Target,
    options: {
      gracePeriodSeconds?: number;
      propagationPolicy?: string;
      preconditions?: { uid?: string; resourceVersion?: string };
    },
  ) {
    const current = this.#mustGet(target);
    const { definition } = target;
    const { uid, resourceVersion } = options.preconditions ?? {};
    if (
      (uid && uid !== current.metadata.uid) ||
      (resourceVersion && resourceVersion !== current.metadata.resourceVersion)
    ) {
      throw newConflict({ group: definition.group, resource: definition.plural }, target.name, 'Precondition failed');
    }
    const finalizers = new Set(current.metadata.finalizers ?? []);
    if (options.propagationPolicy === 'Foreground') finalizers.add('foregroundDeletion');
    else if (options.propagationPolicy) finalizers.delete('foregroundDeletion');
    if (options.propagationPolicy === 'Orphan') finalizers.add('orphan');
    else if (options.propagationPolicy) finalizers.delete('orphan');
    const assigned =
      definition.kind === 'Pod' &&
      current['spec']?.nodeName &&
      !['Succeeded', 'Failed'].includes(current['status']?.phase);
    const grace = assigned ? (options.gracePeriodSeconds ?? current['spec'].terminationGracePeriodSeconds ?? 30) : 0;
    const object = deepCopy(current) as KubeObject;
    if (finalizers.size > 0) object.metadata.finalizers = [...finalizers];
    else delete object.metadata.finalizers;
    object.metadata.deletionTimestamp ??= rfc3339(this.#clock.now() + grace * 1000);
    object.metadata.deletionGracePeriodSeconds = grace;
    if (definition.kind === 'Namespace') object['status'] = { ...object['status'], phase: 'Terminating' };
    if (deepEqual(object, current)) return current;
    return this.#storeOrRemove(target, current, object);
  }

  #storeOrRemove(target: Target, current: Readonly<KubeObject>, object: KubeObject): Readonly<KubeObject> {
    const { deletionTimestamp, finalizers, deletionGracePeriodSeconds } = object.metadata;
    const held =
      (finalizers?.length ?? 0) > 0 ||
      (target.definition.kind === 'Namespace' && (object['spec']?.finalizers?.length ?? 0) > 0);
    if (!deletionTimestamp || held || (deletionGracePeriodSeconds ?? 0) > 0)
      return this.#store(target, current, object);
    object.metadata.resourceVersion = String(++this.#revision);
    deepFreeze(object);
    this.#objects.delete(this.#key(target));
    this.#notify(target, { type: 'DELETED', object }, current);
    return object;
  }

  #store(target: Target, old: Readonly<KubeObject> | undefined, object: KubeObject): Readonly<KubeObject> {
    object.metadata.resourceVersion = String(++this.#revision);
    deepFreeze(object);
    this.#objects.set(this.#key(target), object);
    this.#notify(target, { type: old ? 'MODIFIED' : 'ADDED', object }, old);
    return object;
  }

  #notify(target: Target, event: WatchEvent, old: Readonly<KubeObject> | undefined): void {
    this.#history.push({ revision: this.#revision, key: this.#key(target), event, old: old as KubeObject });
    for (const watcher of this.#watchers) deliver(watcher, target.definition, event, old);
    for (const observer of this.#observers) observer(event, old);
  }

  async #watch(request: ApiRequest): Promise<AsyncIterable<WatchEvent<KubeObject | Status>>> {
    const { definition, namespace } = this.#target(request.path);
    const from = Number(request.query?.['resourceVersion'] ?? 0);
    for (const interceptor of this.#interceptors)
      interceptor(request, { resource: definition.plural, name: '', verb: 'watch' });
    if (from < this.#oldest) throw newResourceExpired(`too old resource version: ${from} (${this.#oldest})`);
    const queue = new BoundedQueue<WatchEvent<KubeObject | Status>>(100_000);
    const watcher: Watcher = { definition, namespace, selects: selector(definition, request), queue };
    const prefix = `${definition.plural}.${definition.group}/`;
    // Newest first down to `from`: a watch that goes on costs what it missed, not the whole history.
    let first = this.#history.length;
    while (first > 0 && this.#history[first - 1]!.revision > from) first--;
    for (const { key, event, old } of this.#history.slice(first)) {
      if (key.startsWith(prefix)) deliver(watcher, definition, event, old);
    }
    this.#watchers.add(watcher);
    const seconds = Number(request.query?.['timeoutSeconds'] ?? 1800);
    const timer = this.#clock.schedule(seconds * 1000, () => stop());
    const stop = () => {
      timer.cancel();
      request.signal?.removeEventListener('abort', stop);
      this.#watchers.delete(watcher);
      queue.close();
    };
    if (request.signal?.aborted) stop();
    request.signal?.addEventListener('abort', stop, { once: true });
    return queue;
  }
}

function verbOf({ method }: ApiRequest, { name }: Target): string {
  if (method === 'GET') return name === '' ? 'list' : 'get';
  if (method === 'POST') return 'create';
  if (method === 'PUT') return 'update';
  if (method === 'PATCH') return 'patch';
  return name === '' ? 'deletecollection' : 'delete';
}

function selector(definition: ResourceDefinition, { query }: ApiRequest): (object: Readonly<KubeObject>) => boolean {
  const labels = query?.['labelSelector'] ? parseLabelSelector(query['labelSelector']) : undefined;
  const fields = query?.['fieldSelector'] ? parseFieldSelector(query['fieldSelector']) : undefined;
  return (object) => {
    if (labels && !labels.matches(object.metadata.labels)) return false;
    if (!fields) return true;
    const { name = '', namespace = '' } = object.metadata;
    return fields.matches({
      'metadata.name': name,
      'metadata.namespace': namespace,
      ...definition.selectableFields?.(object),
    });
  };
}

/** Gives a watcher an event as its selectors see it: leaving the selection is a deletion, entering it an addition. */
function deliver(
  watcher: Watcher,
  definition: ResourceDefinition,
  event: WatchEvent,
  old: Readonly<KubeObject> | undefined,
): void {
  if (watcher.definition.plural !== definition.plural || watcher.definition.group !== definition.group) return;
  const { object } = event;
  if (watcher.namespace !== '' && object.metadata.namespace !== watcher.namespace) return;
  const was = old !== undefined && watcher.selects(old);
  const is = event.type !== 'DELETED' && watcher.selects(object);
  if (was && is) watcher.queue.push({ type: 'MODIFIED', object });
  else if (is) watcher.queue.push({ type: 'ADDED', object });
  else if (was) watcher.queue.push({ type: 'DELETED', object });
}

/** Merge patch; `strategic` merges lists of owner references by uid, conditions by type, and honours `$patch: delete`. */
function merge(target: any, patch: any, strategic: boolean): any {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const out: any = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else if (key.startsWith('$deleteFromPrimitiveList/')) {
      const list = key.slice('$deleteFromPrimitiveList/'.length);
      out[list] = (out[list] ?? []).filter((item: unknown) => !(value as unknown[]).includes(item));
    } else if (strategic && Array.isArray(value) && mergeKeys[key])
      out[key] = mergeList(out[key] ?? [], value, mergeKeys[key]);
    else if (strategic && Array.isArray(value) && key === 'finalizers')
      out[key] = [...new Set([...(out[key] ?? []), ...value])];
    else out[key] = merge(out[key], value, strategic);
  }
  return out;
}

const mergeKeys: Readonly<Record<string, string>> = { ownerReferences: 'uid', conditions: 'type' };

function mergeList(list: any[], patch: any[], key: string): any[] {
  let out = [...list];
  for (const item of patch) {
    if (item.$patch === 'delete') out = out.filter((other) => other[key] !== item[key]);
    else if (out.some((other) => other[key] === item[key]))
      out = out.map((other) => (other[key] === item[key] ? merge(other, item, true) : other));
    else out.push(item);
  }
  return out;
}
