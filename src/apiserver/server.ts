/** The API server put together: storage, caches, registries, handlers, and the parts around them. */
import { apiVersionOf, groupResourceName, type ResourceDefinition } from '../api/index.ts';
import type { SchemaSet } from '../apimachinery/index.ts';
import { type Clock, type Logger, type Prng, TaskGroup } from '../base/index.ts';
import type { KV } from '../etcd/index.ts';
import { CacheHub } from './cache/hub.ts';
import { CacheReader } from './cache/reader.ts';
import type { FieldIndex } from './cache/resource-cache.ts';
import { handleResource } from './handlers/resource-handler.ts';
import { deleteCollection } from './registry/delete.ts';
import { type RegistryDeps, ResourceRegistry } from './registry/registry.ts';
import { type CompactorOptions, runCompactor } from './storage/compactor.ts';
import type { StorageMediaType } from './storage/entry.ts';
import { LeasePool } from './storage/leases.ts';
import { metered, StoreMetrics } from './storage/metered-kv.ts';
import { ObjectStore } from './storage/store.ts';
import type {
  Dispatch,
  DynamicResources,
  Handler,
  NodeDialer,
  ObjectReader,
  ResourceKey,
  ResourceStats,
  ServedResources,
  ServerCore,
  ServerParts,
  ServerRequest,
  ServerResponse,
} from './types.ts';

export interface ApiServerDeps {
  readonly kv: KV;
  /** The cluster clock. */
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
  /** Reaches node agents; without it, logs answer 503. */
  readonly nodes?: NodeDialer;
  /** Builds everything around the registry: filters, admission, hooks, virtual resources. */
  parts(core: ServerCore): ServerParts;
}

export interface ApiServerOptions {
  readonly definitions: readonly ResourceDefinition[];
  readonly schemas: SchemaSet;
  /** `--event-ttl` in seconds. Default 3600. */
  readonly eventTtlSeconds?: number;
  /** `--storage-media-type`. Default application/json. */
  readonly storageMediaType?: StorageMediaType;
  /** `--min-request-timeout` in seconds: watches last so long to twice so long. Default 1800. */
  readonly minRequestTimeoutSeconds?: number;
  readonly compaction?: CompactorOptions;
}

/** Fields that so many watches select by that they have an index. Upstream: the resources' TriggerFunc. */
const indexes: Readonly<Record<string, FieldIndex>> = {
  pods: { field: 'spec.nodeName', valueOf: (pod) => pod['spec']?.nodeName ?? '' },
};

export class ApiServer implements ServedResources {
  readonly reader: ObjectReader;
  readonly #deps: ApiServerDeps;
  readonly #options: ApiServerOptions;
  readonly #storeMetrics = new StoreMetrics();
  readonly #store: ObjectStore;
  readonly #hub: CacheHub;
  readonly #tasks = new TaskGroup();
  /** `<group>/<version>/<plural>`. */
  readonly #registries = new Map<string, ResourceRegistry>();
  readonly #byResource = new Map<ResourceKey, ResourceRegistry[]>();
  readonly #prng: Prng;
  readonly #watchPrng: Prng;
  readonly #proxyPrng: Prng;
  #definitions: readonly ResourceDefinition[] = [];
  #version = 0;
  #parts!: ServerParts;
  #dispatch!: Dispatch;
  #ready = false;
  #closed = false;

  private constructor(deps: ApiServerDeps, options: ApiServerOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#prng = deps.prng.fork('registry');
    this.#watchPrng = deps.prng.fork('watch-timeouts');
    this.#proxyPrng = deps.prng.fork('proxy');
    this.#store = new ObjectStore(
      { kv: metered(deps.kv, this.#storeMetrics), leases: new LeasePool(deps) },
      options.storageMediaType === undefined ? {} : { mediaType: options.storageMediaType },
    );
    this.#hub = new CacheHub({ store: this.#store, clock: deps.clock, log: deps.log.child('cache') });
    this.reader = new CacheReader((resource) => this.#byResource.get(resource)?.[0]?.cache);
  }

  /**
   * Starts the server: caches loaded, parts built, their poststart work done. Nothing listens yet: doors call `handle`.
   * Rejects when the store cannot be read or a part fails.
   */
  static async start(deps: ApiServerDeps, options: ApiServerOptions): Promise<ApiServer> {
    const server = new ApiServer(deps, options);
    try {
      await server.#start();
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /** Every served row of this moment. */
  definitions(): readonly ResourceDefinition[] {
    return this.#definitions;
  }

  get version(): number {
    return this.#version;
  }

  /** Revision that the caches show. */
  get revision(): number {
    return this.#hub.revision;
  }

  /** The whole chain: authentication to handler. Throws StatusError. */
  readonly handle: Dispatch = (request: ServerRequest): Promise<ServerResponse> => this.#dispatch(request);

  /** True from the end of poststart until close. */
  ready(): boolean {
    return this.#ready && !this.#closed;
  }

  /** Serves one more resource from now on (a custom resource's version). Replaces an equal group, version and plural. */
  async installResource(definition: ResourceDefinition): Promise<void> {
    this.#hub.cache(definition.etcdPrefix);
    // Served when what the store holds of it can be read, not before.
    await this.#hub.load(definition.etcdPrefix);
    this.#install(definition);
    this.#definitionsChanged();
  }

  /** Stops serving a resource; its objects stay in the store. */
  removeResource(definition: Pick<ResourceDefinition, 'group' | 'version' | 'plural'>): void {
    const registry = this.#registries.get(registryKey(definition.group, definition.version, definition.plural));
    if (!registry) return;
    this.#uninstall(registry);
    this.#definitionsChanged();
  }

  #uninstall(registry: ResourceRegistry): void {
    const { definition } = registry;
    this.#registries.delete(registryKey(definition.group, definition.version, definition.plural));
    const others = (this.#byResource.get(registry.key) ?? []).filter((other) => other !== registry);
    if (others.length > 0) this.#byResource.set(registry.key, others);
    else {
      this.#byResource.delete(registry.key);
      this.#hub.drop(registry.definition.etcdPrefix);
    }
  }

  readonly #dynamic: DynamicResources = {
    serve: async (rows, { endWatches }) => {
      const [first] = rows;
      if (!first) return;
      const cache = this.#hub.cache(first.etcdPrefix);
      await this.#hub.load(first.etcdPrefix);
      for (const row of rows) this.#install(row);
      for (const old of this.#byResource.get(groupResourceName(first)) ?? []) {
        if (!rows.some(({ version }) => version === old.definition.version)) this.#uninstall(old);
      }
      this.#definitionsChanged();
      if (endWatches) cache.stopWatchers();
    },
    withdraw: (resource) => {
      for (const registry of this.#byResource.get(resource) ?? []) this.#uninstall(registry);
      this.#definitionsChanged();
    },
    deleteAll: async (resource, { user, provenance }) => {
      const registry = this.#byResource.get(resource)?.[0];
      if (!registry) return;
      const objects = registry.cache
        .objects('')
        .map(({ metadata: { namespace = '', name = '' } }) => ({ namespace, name }));
      const request = { user, provenance, warnings: [], namespace: '', name: '', subresource: '', dryRun: false };
      await deleteCollection(registry, objects, {}, { ...request, manager: '', fieldValidation: 'Ignore' });
    },
    count: (resource) => this.#byResource.get(resource)?.[0]?.cache.size ?? 0,
  };

  /** Ends watches and background work. Requests under way may fail. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#tasks.stop().catch((error: unknown) => {
      this.#deps.log.error('API server task failed', { error: String(error) });
    });
  }

  async #start(): Promise<void> {
    const { kv, clock, prng, log } = this.#deps;
    for (const definition of this.#options.definitions) this.#install(definition);
    this.#definitionsChanged();
    this.#tasks.spawn('watch cache', (signal) => this.#hub.run(signal));
    this.#tasks.spawn('compactor', (signal) => runCompactor({ kv, clock, log }, signal, this.#options.compaction));
    this.#parts = this.#deps.parts({
      served: this,
      schemas: this.#options.schemas,
      reader: this.reader,
      kv,
      clock,
      prng,
      log,
      synced: this.#hub.synced,
      dynamic: this.#dynamic,
      stats: () => this.#stats(),
      storeMetrics: () => this.#storeMetrics.render((prefix) => this.#resourceUnder(prefix)),
      waitForCache: async () => {
        await this.#hub.freshRevision();
      },
      handle: this.handle,
    });
    this.#dispatch = this.#parts.chain(this.#resources());
    await this.#hub.synced;
    await this.#parts.poststart?.(this.#tasks.signal);
    this.#ready = true;
    const { run } = this.#parts;
    if (run) this.#tasks.spawn('poststart hooks', (signal) => run.call(this.#parts, signal));
  }

  #resourceUnder(prefix: string): { group: string; resource: string } | undefined {
    const row = this.#definitions.find(({ etcdPrefix }) => etcdPrefix === prefix);
    return row && { group: row.group, resource: row.plural };
  }

  #stats(): ResourceStats[] {
    return [...this.#byResource.values()].flatMap(([registry]) => {
      if (!registry || registry.definition.virtual) return [];
      const { definition, cache } = registry;
      const { group, version, plural: resource } = definition;
      return [{ group, version, resource, objects: cache.size, watchers: cache.watcherCount }];
    });
  }

  #resources(): Handler {
    const deps = {
      find: (group: string, version: string, resource: string) => {
        const registry = this.#registries.get(registryKey(group, version, resource));
        return registry?.definition.unserved ? undefined : registry;
      },
      virtual: this.#parts.virtual,
      reads: this.#parts.reads,
      nodes: this.#deps.nodes,
      reader: this.reader,
      prng: this.#proxyPrng,
    };
    return (context) => handleResource(deps, context);
  }

  #install(definition: ResourceDefinition): void {
    const { clock } = this.#deps;
    const index = indexes[definition.etcdPrefix];
    const cache = this.#hub.cache(definition.etcdPrefix, index ? { index } : {});
    const deps: RegistryDeps = {
      store: this.#store,
      hub: this.#hub,
      clock,
      prng: this.#prng,
      watchPrng: this.#watchPrng,
      schemas: this.#options.schemas,
      minRequestTimeoutSeconds: this.#options.minRequestTimeoutSeconds ?? 1800,
      admission: {
        admit: (attributes) => this.#parts.admission.admit(attributes),
        validate: (attributes) => this.#parts.admission.validate(attributes),
      },
      authorizer: { authorize: (attributes) => this.#parts.authorizer?.authorize(attributes) ?? anyone },
      hooks: (resource) => this.#parts.hooks.get(resource),
    };
    const ttlSeconds = definition.etcdPrefix === 'events' ? (this.#options.eventTtlSeconds ?? 3600) : undefined;
    const registry = new ResourceRegistry(deps, definition, cache, ttlSeconds === undefined ? {} : { ttlSeconds });
    this.#registries.set(registryKey(definition.group, definition.version, definition.plural), registry);
    const key = groupResourceName(definition);
    const others = (this.#byResource.get(key) ?? []).filter(
      (other) => apiVersionOf(other.definition) !== apiVersionOf(definition),
    );
    this.#byResource.set(key, [...others, registry]);
  }

  #definitionsChanged(): void {
    this.#definitions = [...this.#registries.values()]
      .map((registry) => registry.definition)
      .filter(({ unserved }) => !unserved);
    this.#version++;
  }
}

const anyone = { decision: 'allow', reason: '' } as const;

function registryKey(group: string, version: string, plural: string): string {
  return `${group}/${version}/${plural}`;
}
