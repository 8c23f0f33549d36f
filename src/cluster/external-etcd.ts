/**
 * `--etcd-servers`: the cluster's store is a real etcd. What etcd has no place for stays in the state folder: who wrote
 * which revision and why, and the scheduler's decisions.
 */
import { type Logger, type Timer, wallClock } from '../base/index.ts';
import { EtcdError, type KV, RemoteHistory, RemoteKV, underPrefix } from '../etcd/index.ts';
import type { SqliteStorage } from '../sqlite/index.ts';
import { ClusterError } from './errors.ts';
import { recordingWrites } from './provenance-log.ts';
import type { ServerInfo } from './state.ts';

/** kube-apiserver's flags of the same names. */
export interface EtcdServersSettings {
  /** URLs. */
  readonly endpoints: readonly string[];
  /** Paths, for the clients that come after. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Default `/registry`. */
  readonly prefix?: string;
}

export interface ExternalEtcdDeps {
  /** The state folder's database; absent: nothing of klab's own outlives the process. */
  readonly storage?: SqliteStorage;
  /** Cluster clock. */
  readonly now: () => number;
  readonly log: Logger;
  readonly onFailure: (error: unknown) => void;
}

/** A commit of what the state folder keeps waits so long for more. */
const commitDelayMs = 50;

export class ExternalEtcd {
  readonly kv: KV;
  readonly history: RemoteHistory;
  readonly settings: EtcdServersSettings;
  readonly version: string;
  readonly clusterId: bigint;
  readonly #remote: RemoteKV;
  readonly #storage: SqliteStorage | undefined;
  readonly #deps: ExternalEtcdDeps;
  #timer: Timer | undefined;

  /** @throws ClusterError `StartFailed` when no endpoint answers */
  static async open(settings: EtcdServersSettings, deps: ExternalEtcdDeps): Promise<ExternalEtcd> {
    const { endpoints, caFile, certFile, keyFile } = settings;
    const secure = caFile !== undefined || certFile !== undefined;
    const remote = new RemoteKV({
      endpoints,
      userAgent: 'klab',
      ...((secure || endpoints.some((endpoint) => endpoint.startsWith('https:'))) && {
        tls: {
          ...(caFile !== undefined && { ca: caFile }),
          ...(certFile !== undefined && { cert: certFile }),
          ...(keyFile !== undefined && { key: keyFile }),
        },
      }),
    });
    try {
      const { header, version } = await remote.status();
      return new ExternalEtcd(remote, { clusterId: header.clusterId, version }, settings, deps);
    } catch (error) {
      remote.close();
      const why = error instanceof EtcdError ? error.message : String(error);
      throw new ClusterError('StartFailed', `no etcd answers at ${endpoints.join(', ')}: ${why}`, { cause: error });
    }
  }

  private constructor(
    remote: RemoteKV,
    found: { readonly clusterId: bigint; readonly version: string },
    settings: EtcdServersSettings,
    deps: ExternalEtcdDeps,
  ) {
    this.settings = settings;
    this.version = found.version;
    this.clusterId = found.clusterId;
    this.#remote = remote;
    this.#storage = deps.storage;
    this.#deps = deps;
    const { prefix = '/registry' } = settings;
    const place = `/${prefix.replace(/^\/+|\/+$/g, '')}/`;
    const renamed = place === '/registry/' ? remote : underPrefix(remote, '/registry/', place);
    if (deps.storage) {
      deps.storage.onPending = () => this.#commitSoon();
      const { kv, writtenBy } = recordingWrites(renamed, deps.storage.side, {
        clusterId: this.clusterId,
        now: deps.now,
      });
      this.kv = kv;
      this.history = new RemoteHistory(renamed, writtenBy);
    } else {
      this.kv = renamed;
      this.history = new RemoteHistory(renamed);
    }
  }

  /** How others reach it. */
  get access(): ServerInfo['etcd'] {
    const { endpoints, caFile, certFile, keyFile } = this.settings;
    return {
      endpoints,
      external: true,
      ...(caFile !== undefined && { cacert: caFile }),
      ...(certFile !== undefined && { cert: certFile }),
      ...(keyFile !== undefined && { key: keyFile }),
    };
  }

  /** Refused: what only the members of klab's own store can be asked. */
  notHere(what: string): string {
    return `${what} is not klab's to show or change: this cluster runs on the etcd at ${this.settings.endpoints.join(', ')}; ask it with klab etcd status or etcdctl`;
  }

  async close(): Promise<void> {
    this.#remote.close();
    this.#timer?.cancel();
    if (this.#storage?.dirty) this.#commit();
    await this.#storage?.close();
  }

  #commitSoon(): void {
    this.#timer ??= wallClock.schedule(commitDelayMs, () => {
      this.#timer = undefined;
      this.#commit();
    });
  }

  #commit(): void {
    try {
      this.#storage!.commit();
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code !== 'NoSpace' && code !== 'Busy') {
        this.#deps.onFailure(error);
        return;
      }
      this.#deps.log.error('the state folder takes no more', { error: (error as Error).message });
      this.#storage!.rollback();
    }
  }
}

/** What klab's own history offers, whichever store it is read from. */
export interface ReadableHistory {
  revision(): Promise<number> | number;
  history: (...request: Parameters<RemoteHistory['history']>) => Awaitable<ReturnType<RemoteHistory['history']>>;
  changes: (...request: Parameters<RemoteHistory['changes']>) => Awaitable<ReturnType<RemoteHistory['changes']>>;
}
type Awaitable<T extends Promise<unknown>> = T | Awaited<T>;
