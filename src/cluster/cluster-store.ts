/** What a cluster keeps everything in: etcd of its own, or a real one (`--etcd-servers`), and klab's side tables. */
import { join } from 'node:path';
import type { Logger, Prng, VirtualClock } from '../base/index.ts';
import { EtcdCluster, type EtcdServerApi, type KV, memoryStorage } from '../etcd/index.ts';
import type { ClusterPki } from '../pki/index.ts';
import { openStorage, type SqliteStorage } from '../sqlite/index.ts';
import type { ComponentSettings } from './component-settings.ts';
import { ClusterError } from './errors.ts';
import { EtcdDoors } from './etcd-doors.ts';
import { etcdDoorTls } from './etcd-tls.ts';
import { ExternalEtcd, type ReadableHistory } from './external-etcd.ts';
import type { ClusterOptions } from './options.ts';
import type { ServerInfo } from './state.ts';

export interface ClusterStoreDeps {
  readonly options: Pick<ClusterOptions, 'store' | 'dir' | 'etcd' | 'etcdMembers' | 'onEtcdAccess'>;
  readonly settings: ComponentSettings;
  readonly dir: string;
  readonly clock: VirtualClock;
  readonly prng: Prng;
  /** Of etcd, and of its client doors. */
  readonly log: Logger;
  readonly doorLog: Logger;
  readonly onFailure: (error: unknown) => void;
}

export class ClusterStore {
  /** The state folder's database; absent for a cluster that lives in memory. */
  readonly sqlite: SqliteStorage | undefined;
  /** How clients reach it, once they can. */
  access: ServerInfo['etcd'] | undefined;
  readonly #deps: ClusterStoreDeps;
  #embedded: EtcdCluster | undefined;
  #external: ExternalEtcd | undefined;
  #doors: EtcdDoors | undefined;

  constructor(deps: ClusterStoreDeps) {
    this.#deps = deps;
    const { store, dir } = deps.options;
    if ((store ?? (dir ? 'sqlite' : 'memory')) === 'sqlite') {
      this.sqlite = openStorage({ path: join(deps.dir, 'cluster.db') });
    }
  }

  /**
   * Resolves with what to tell of it, when it can be read and written; `until` waits for a leader among several members.
   * @throws ClusterError `StartFailed` when a real etcd does not answer
   */
  async open(until: (done: () => boolean, failure: string) => Promise<void>): Promise<string> {
    const { options, settings, clock, prng, log, onFailure } = this.#deps;
    const { etcdServers } = settings.apiServer;
    if (etcdServers) {
      this.#external = await ExternalEtcd.open(etcdServers, {
        ...(this.sqlite && { storage: this.sqlite }),
        now: () => clock.now(),
        log,
        onFailure,
      });
      const { access, history, version } = this.#external;
      this.access = access;
      return `etcd ${version} at ${access.endpoints.join(', ')}, revision ${await history.revision()}`;
    }
    const { etcdMembers: members } = options;
    const etcd = await EtcdCluster.open({
      storage: this.sqlite ?? memoryStorage(),
      clock,
      prng: prng.fork('etcd'),
      log,
      ...(members !== undefined && { members }),
      ...settings.history,
      onFailure,
    });
    this.#embedded = etcd;
    if (etcd.size > 1) await until(() => etcd.leaderIndex() !== undefined, 'etcd elects no leader');
    const where = this.sqlite ? `SQLite at ${this.sqlite.path}` : 'memory';
    return `${etcd.size} member(s) on ${where}, revision ${etcd.member().header().revision}`;
  }

  /** klab's own; absent on a real etcd. */
  get embedded(): EtcdCluster | undefined {
    return this.#embedded;
  }

  /** @throws ClusterError `NotHere` on a cluster that runs on another etcd */
  get etcd(): EtcdCluster {
    if (this.#embedded) return this.#embedded;
    throw new ClusterError('NotHere', this.#external?.notHere('the store') ?? 'the cluster has no store yet');
  }

  /** Others may run the same control plane on it. */
  get isShared(): boolean {
    return this.#external !== undefined;
  }

  get kv(): KV {
    return this.#external?.kv ?? this.etcd.anyMember();
  }

  get history(): ReadableHistory {
    if (this.#external) return this.#external.history;
    const store = this.etcd.anyMember();
    return {
      revision: () => store.header().revision,
      history: (key, options) => store.history(key, options),
      changes: (range) => store.changes(range),
    };
  }

  /** Why something that klab's own etcd has is not there. */
  notHere(what: string): string {
    return this.#external?.notHere(what) ?? '';
  }

  members(): EtcdServerApi[] {
    const etcd = this.#embedded;
    return etcd ? Array.from({ length: etcd.size }, (_, i) => etcd.member(i)) : [];
  }

  /** Client doors, one a member. Resolves with their addresses; with none where there are to be none. */
  async openDoors(pki: ClusterPki): Promise<readonly string[]> {
    const { options, settings, doorLog } = this.#deps;
    const etcd = this.#embedded;
    if (options.etcd === false || !etcd) return [];
    const { etcdServer: server, etcdCa: ca, etcdHealthcheckClient, dir } = pki;
    const { tls, cacert } = etcdDoorTls(settings.etcd, { server, ca, dir });
    const doors = new EtcdDoors(etcd, { wish: options.etcd, tls, log: doorLog });
    this.#doors = doors;
    await doors.update();
    const { certPath: cert, keyPath: key } = etcdHealthcheckClient;
    const show = () => {
      this.access = { endpoints: doors.endpoints, cacert, cert, key };
    };
    show();
    etcd.onMembers = () => {
      doors.update().then(
        () => {
          show();
          options.onEtcdAccess?.();
        },
        (error: unknown) => doorLog.error('an etcd member has no client door', { error: String(error) }),
      );
    };
    return doors.endpoints;
  }

  get ports(): readonly number[] {
    return this.#doors?.ports ?? [];
  }

  async closeDoors(): Promise<void> {
    await this.#doors?.close();
  }

  async close(): Promise<void> {
    if (this.#embedded) await this.#embedded.close();
    else if (this.#external) await this.#external.close();
    else await this.sqlite?.close();
  }
}
