/**
 * The composition root: from options to a running control plane, in boot order. Every component is made here and
 * nowhere else; stopping goes the other way round.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  builtinResources,
  loadBuiltinSchema,
  metricsResources,
  OpenApiDocumentBuilder,
  type PersistentVolume,
  type Service,
} from '../api/index.ts';
import { ApiServer, type BuiltParts, HttpsDoor, type NodeDialer, newServerParts } from '../apiserver/index.ts';
import {
  assert,
  isAbort,
  type Logger,
  Prng,
  packageRoot,
  packageVersion,
  StoppedError,
  silentLogger,
  TaskGroup,
  VirtualClock,
  wallClock,
} from '../base/index.ts';
import { EventBroadcaster, KubeClient, SharedInformerFactory, type Transport } from '../client/index.ts';
import { enabledControllers, startControllers, UnknownControllerError } from '../controllers/index.ts';
import { EtcdCluster, type EtcdDoor, memoryStorage, serveEtcd } from '../etcd/index.ts';
import { numberToIp, parseCidr } from '../net/index.ts';
import { type ClusterPki, ensureClusterPki, TokenSigner, TokenVerifier } from '../pki/index.ts';
import { DecisionStore, Scheduler } from '../scheduler/index.ts';
import { openStorage, type SqliteStorage } from '../sqlite/index.ts';
import { addons } from './addons.ts';
import {
  apiServerOptions,
  apiServerPartsOptions,
  type ComponentSettings,
  componentSettings,
} from './component-settings.ts';
import { decisionSink } from './decision-sink.ts';
import { ClusterError } from './errors.ts';
import { controllerIdentity, identities, transportAs } from './identities.ts';
import { klabRoutes } from './klab-routes.ts';
import { clusterKubeconfig } from './kubeconfig.ts';
import { metricsReads } from './metrics.ts';
import { ServiceNetwork } from './network-hooks.ts';
import { NodeRecords } from './node-record.ts';
import { NodeFleet } from './nodes.ts';
import type { ClusterOptions } from './options.ts';
import { listenWhereFree } from './ports.ts';
import { endpointHost, servingHosts, servingPair } from './serving.ts';
import type { ServerInfo } from './state.ts';

/** A running cluster. `await using cluster = await createCluster()` stops it at the end of the block. */
export interface Cluster extends AsyncDisposable {
  readonly name: string;
  readonly clock: VirtualClock;
  readonly server: ApiServer;
  readonly etcd: EtcdCluster;
  readonly decisions: DecisionStore;
  readonly scheduler: Scheduler | undefined;
  readonly nodes: NodeFleet;
  /** A client in process, as `kubernetes-admin`. */
  readonly client: KubeClient;
  /** A transport in process, as `kubernetes-admin`. */
  readonly transport: Transport;
  readonly apiPort: number | undefined;
  readonly apiEndpoint: string | undefined;
  readonly etcdPorts: readonly number[];
  readonly etcdAccess: ServerInfo['etcd'] | undefined;
  readonly certificates: ServerInfo['certificates'] | undefined;
  /** Path of a kubeconfig for `kubernetes-admin`, when the API has a door. */
  readonly kubeconfig: string | undefined;
  /** Rejects when a component fails for good. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

/** Boots a cluster and resolves when it is ready: API served, nodes Ready, namespace default usable. */
export async function createCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = new RunningCluster(options);
  try {
    await cluster.boot();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

class RunningCluster implements Cluster {
  readonly name: string;
  readonly clock: VirtualClock;
  readonly decisions: DecisionStore;
  readonly etcdPorts: number[] = [];
  readonly failed: Promise<never>;
  server!: ApiServer;
  etcd!: EtcdCluster;
  nodes!: NodeFleet;
  client!: KubeClient;
  transport!: Transport;
  scheduler: Scheduler | undefined;
  apiPort: number | undefined;
  apiEndpoint: string | undefined;
  etcdAccess: ServerInfo['etcd'] | undefined;
  certificates: ServerInfo['certificates'] | undefined;
  kubeconfig: string | undefined;

  readonly #options: ClusterOptions;
  readonly #settings: ComponentSettings;
  /** Canonical names of those that run. */
  readonly #controllers: ReadonlySet<string>;
  readonly #prng: Prng;
  readonly #log: Logger;
  readonly #dir: string;
  readonly #ownsDir: boolean;
  readonly #tasks = new TaskGroup();
  #fail!: (error: unknown) => void;
  #storage: SqliteStorage | undefined;
  #pki!: ClusterPki;
  #parts: BuiltParts | undefined;
  #door: HttpsDoor | undefined;
  #etcdDoors: EtcdDoor[] = [];
  #stopped: Promise<void> | undefined;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#settings = componentSettings(options.flags);
    this.#controllers = controllerNames(options.controllers);
    this.name = options.name ?? 'default';
    this.#log = options.log ?? silentLogger;
    this.#prng = options.seed === undefined ? Prng.random() : new Prng(options.seed);
    const { clock = 'real' } = options;
    this.clock = typeof clock === 'string' ? new VirtualClock() : clock;
    if (clock === 'real') this.clock.setSpeed(1);
    this.#ownsDir = options.dir === undefined;
    this.#dir = options.dir ?? mkdtempSync(join(tmpdir(), 'klab-'));
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
    if ((options.store ?? (options.dir ? 'sqlite' : 'memory')) === 'sqlite') {
      this.#storage = openStorage({ path: join(this.#dir, 'cluster.db') });
    }
    this.decisions = new DecisionStore(this.#storage && { sink: decisionSink(this.#storage.side) });
  }

  #phase(text: string, detail = true): void {
    this.#options.onPhase?.(text, detail);
  }

  async boot(): Promise<void> {
    const { signal } = this.#options;
    await this.#startStore();
    signal?.throwIfAborted();
    await this.#startApiServer();
    signal?.throwIfAborted();
    // The gRPC door loads a library of its own; the rest of the boot does not wait for it.
    const etcdDoors = this.#openEtcdDoors();
    etcdDoors.catch(() => {});
    this.#startComponents();
    await this.#untilReady();
    await etcdDoors;
    this.#phase('the cluster is ready', false);
  }

  async #startStore(): Promise<void> {
    const members = this.#options.etcdMembers;
    this.etcd = await EtcdCluster.open({
      storage: this.#storage ?? memoryStorage(),
      clock: this.clock,
      prng: this.#prng.fork('etcd'),
      log: this.#log.child('etcd'),
      ...(members !== undefined && { members }),
      onFailure: (error) => this.#fail(error),
    });
    if (this.etcd.size > 1) await this.#untilTrue(() => this.etcd.leaderIndex() !== undefined, 'etcd elects no leader');
    const where = this.#storage ? `SQLite at ${this.#storage.path}` : 'memory';
    this.#phase(`etcd: ${this.etcd.size} member(s) on ${where}, revision ${this.etcd.member().header().revision}`);
  }

  async #startApiServer(): Promise<void> {
    const settings = this.#settings.apiServer;
    const serviceCidrs = this.#serviceCidrs();
    this.#pki = ensureClusterPki(join(this.#dir, 'pki'), {
      hosts: servingHosts(settings),
      serviceIp: addressIn(serviceCidrs[0]!, 1n),
      now: wallClock.now(),
    });
    const made = this.#pki.created.length;
    this.#phase(
      made > 0 ? `pki: made ${made} keys and certificates in ${this.#pki.dir}` : `pki: reused ${this.#pki.dir}`,
    );
    const schemas = loadBuiltinSchema(packageRoot());
    const { serviceAccount } = this.#pki;
    const signer = new TokenSigner(serviceAccount.key);
    const verifier = new TokenVerifier([serviceAccount.pub]);
    const members = Array.from({ length: this.etcd.size }, (_, i) => this.etcd.member(i));
    const nodes: NodeDialer = {
      containerLogs: (node, pod, options, signal) => this.nodes.containerLogs(node, pod, options, signal),
      exec: (node, pod, command) => this.nodes.exec(node, pod, command),
      attach: (node, pod, container) => this.nodes.attach(node, pod, container),
      portForward: (node, pod) => this.nodes.portForward(node, pod),
      http: (target, request) => this.nodes.http(target, request),
    };
    this.server = await ApiServer.start(
      {
        kv: this.etcd.member(),
        clock: this.clock,
        prng: this.#prng.fork('apiserver'),
        log: this.#log.child('apiserver'),
        nodes,
        parts: (core) => {
          this.#parts = newServerParts(core, {
            version: packageVersion(),
            wallClock,
            serviceCidrs,
            ...apiServerPartsOptions(settings),
            serviceAccountKeys: {
              sign: (claims) => signer.sign(claims),
              verify: (token) => verifier.verify(token),
              jwks: () => verifier.jwks(),
            },
            serverAddress: () => `${endpointHost(settings)}:${this.apiPort ?? 6443}`,
            advertise: () => ({ address: settings.advertiseAddress ?? '192.168.0.10', port: this.apiPort ?? 6443 }),
            clientCa: this.#clientCa(),
            addons,
            components: new Map([
              ['controller-manager', () => runs(this.#controllers.size > 0)],
              ['scheduler', () => runs(this.#options.scheduler !== false)],
            ]),
            reads: metricsReads(
              () => this.server.reader,
              () => this.nodes,
            ),
            openApi: ({ served }) => new OpenApiDocumentBuilder({ definitions: () => served.definitions(), schemas }),
            routes: klabRoutes({
              clock: this.clock,
              members,
              decisions: this.decisions,
              scheduler: () => this.scheduler,
              definitions: settings.definitions,
              authorizer: () => this.#parts?.authorizer,
            }),
            notice: () =>
              this.clock.speed === 0
                ? `the cluster clock of "${this.name}" is paused; klab clock resume lets it run`
                : undefined,
          });
          return this.#parts;
        },
      },
      {
        definitions: [...settings.definitions, ...metricsResources],
        schemas,
        ...apiServerOptions(settings),
      },
    );
    this.transport = transportAs(this.server, identities.admin);
    this.client = new KubeClient(this.transport, { definitions: settings.definitions, userAgent: 'klab' });
    this.#phase(`apiserver: ${settings.definitions.length} resources served, bootstrap objects written`);
    if (this.#options.api !== false) await this.#openApiDoor();
  }

  async #openApiDoor(): Promise<void> {
    const wish = this.#options.api || {};
    const { admin } = this.#pki;
    const settings = this.#settings.apiServer;
    const serving = servingPair(this.#pki, settings.serving);
    const listening = await listenWhereFree({ door: 'API server', flag: '--secure-port', ...wish }, async (port) => {
      const door = new HttpsDoor(
        { dispatch: this.server.handle, wallClock, log: this.#log.child('https') },
        {
          port,
          cert: serving.cert,
          key: serving.key,
          clientCa: this.#clientCa(),
          ...(settings.bindAddress === undefined ? {} : { host: settings.bindAddress }),
          ...(settings.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: settings.requestTimeoutMs }),
        },
      );
      const { port: actual } = await door.listen();
      return { door, port: actual };
    });
    this.#door = listening.door;
    this.apiPort = listening.port;
    this.apiEndpoint = `https://${endpointHost(settings)}:${listening.port}`;
    this.kubeconfig = join(this.#dir, 'kubeconfig');
    this.certificates = { ca: serving.caPath, clientCert: admin.certPath, clientKey: admin.keyPath };
    clusterKubeconfig(this.kubeconfig, {
      name: this.name,
      endpoint: this.apiEndpoint,
      ca: serving.ca,
      cert: admin.cert,
      key: admin.key,
    });
    this.#phase(`apiserver: listening at ${this.apiEndpoint}`);
  }

  async #openEtcdDoors(): Promise<void> {
    const wish = this.#options.etcd;
    if (wish === false) return;
    const { etcdServer, etcdCa, etcdHealthcheckClient } = this.#pki;
    for (let i = 0; i < this.etcd.size; i++) {
      const door = await listenWhereFree(
        {
          door: `etcd member ${i + 1}`,
          flag: '--etcd-port',
          port: wish?.ports?.[i],
          explicit: wish?.explicit === true && wish.ports?.[i] !== undefined,
          preferred: i === 0 ? wish?.preferred : undefined,
        },
        (port) =>
          serveEtcd(this.etcd.member(i), {
            port,
            tls: { cert: etcdServer.cert, key: etcdServer.key, ca: etcdCa.cert },
            log: this.#log.child('etcd-door'),
          }),
      );
      this.#etcdDoors.push(door);
      this.etcdPorts.push(door.port);
    }
    this.etcdAccess = {
      endpoints: this.#etcdDoors.map((door) => door.url),
      cacert: etcdCa.certPath,
      cert: etcdHealthcheckClient.certPath,
      key: etcdHealthcheckClient.keyPath,
    };
    this.#phase(`etcd: listening at ${this.etcdAccess.endpoints.join(', ')}`);
  }

  /** One, or two of different families. */
  #serviceCidrs(): readonly string[] {
    return this.#settings.apiServer.serviceCidrs ?? [this.#options.serviceCidr ?? '10.96.0.0/16'];
  }

  /** PEM of all CAs whose client certificates count: klab's own users must always get in. */
  #clientCa(): string {
    const own = this.#pki.ca.cert;
    const { clientCa } = this.#settings.apiServer;
    return clientCa === undefined ? own : `${own.trimEnd()}\n${clientCa}`;
  }

  #informers(identity: (typeof identities)[keyof typeof identities], name: string): SharedInformerFactory {
    const client = new KubeClient(transportAs(this.server, identity), {
      definitions: builtinResources,
      userAgent: identity.agent,
    });
    const factory = new SharedInformerFactory({
      client,
      clock: this.clock,
      prng: this.#prng.fork(`informers/${name}`),
      log: this.#log.child(name),
    });
    return factory;
  }

  #run(name: string, run: (signal: AbortSignal) => Promise<void>): void {
    this.#tasks.spawn(name, async (signal) => {
      try {
        await run(signal);
      } catch (error) {
        if (signal.aborted && isAbort(error)) return;
        this.#log.error('component failed', { component: name, error: String((error as Error)?.stack ?? error) });
        this.#fail(error);
        throw error;
      }
    });
  }

  #startComponents(): void {
    const { controllers = ['*'], scheduler = true } = this.#options;
    const clientAs = (identity: Parameters<typeof transportAs>[1]) =>
      new KubeClient(transportAs(this.server, identity), {
        definitions: builtinResources,
        userAgent: identity.agent,
      });
    const clientFor = (serviceAccount: string) => clientAs(controllerIdentity(serviceAccount));
    const tokenSigner = new TokenSigner(this.#pki.serviceAccount.key);

    const controllerInformers = this.#informers(identities.controllerManager, 'controllers');
    const running = startControllers(
      {
        clock: this.clock,
        prng: this.#prng.fork('controllers'),
        log: this.#log.child('controllers'),
        informers: controllerInformers,
        clientFor,
        rootClient: clientAs(identities.controllerManager),
        settings: {
          rootCA: this.#pki.ca.cert,
          clusterCidrs: [this.#options.podCidr ?? '10.244.0.0/16'],
          tokenGenerator: (claims) => tokenSigner.sign(claims),
          ...this.#settings.controllers,
          clusterSigning: {
            authority: this.#pki.authority(),
            wallNow: () => wallClock.now(),
          },
        },
      },
      { controllers },
    );
    this.#run('controller informers', (signal) => controllerInformers.run(signal));
    this.#run('controllers', (signal) => running.run(signal));
    const names = running.names.map((name) => name.replace(/-controller$/, ''));
    this.#phase(`controllers: ${names.join(', ') || 'none'}`);

    if (scheduler) this.#startScheduler();

    const networkInformers = this.#informers(identities.network, 'network');
    const network = new ServiceNetwork(networkInformers, this.#prng.fork('network'), () => this.clock.now());
    this.#run('network informers', (signal) => networkInformers.run(signal));
    this.nodes = new NodeFleet(
      {
        server: this.server,
        clock: this.clock,
        prng: this.#prng.fork('nodes'),
        log: this.#log,
        network,
        services: networkInformers.informer<Service>('services'),
        volumes: networkInformers.informer<PersistentVolume>('persistentvolumes'),
        records: new NodeRecords(this.#options.dir),
        onFailure: (error) => this.#fail(error),
      },
      {
        ...(this.#options.nodeCapacity && { capacity: this.#options.nodeCapacity }),
        clusterDns: addressIn(this.#serviceCidrs()[0]!, 10n),
        ...(this.#options.instantContainers && { instantContainers: true }),
      },
      this.#tasks.signal,
    );
    this.nodes.open(this.#options.nodes);
    const nodes = this.nodes.running.length;
    if (nodes > 0) this.#phase(`kubelets: ${nodes} simulated node(s) register themselves`);
  }

  #startScheduler(): void {
    const informers = this.#informers(identities.scheduler, 'scheduler');
    const client = new KubeClient(transportAs(this.server, identities.scheduler), {
      definitions: builtinResources,
      userAgent: identities.scheduler.agent,
    });
    const prng = this.#prng.fork('scheduler');
    const log = this.#log.child('scheduler');
    const broadcaster = new EventBroadcaster({ client, clock: this.clock, prng: prng.fork('events'), log });
    const scheduler = new Scheduler({
      client,
      informers,
      events: broadcaster.recorder({ component: 'default-scheduler' }),
      clock: this.clock,
      prng,
      log,
      decisions: this.decisions,
    });
    this.scheduler = scheduler;
    this.#run('scheduler informers', (signal) => informers.run(signal));
    this.#run('scheduler events', (signal) => broadcaster.run(signal));
    this.#run('scheduler', (signal) => scheduler.run(signal));
    this.#phase(`scheduler: ${scheduler.profile.plugins.length} plugins`);
  }

  /** Ready: all nodes are, and namespace default can take pods. */
  async #untilReady(): Promise<void> {
    const { running } = this.nodes;
    const { reader } = this.server;
    const accounts = this.#controllers.has('serviceaccount-controller');
    const rootCa = this.#controllers.has('root-ca-certificate-publisher-controller');
    const ready = () => {
      if (accounts && !reader.get('serviceaccounts', 'default', 'default')) return false;
      if (rootCa && !reader.get('configmaps', 'default', 'kube-root-ca.crt')) return false;
      return running.every((name) =>
        reader
          .get('nodes', '', name)
          ?.['status']?.conditions?.some((c: any) => c.type === 'Ready' && c.status === 'True'),
      );
    };
    await this.#untilTrue(ready, 'the cluster does not become ready');
    const has = [...(accounts ? ['its ServiceAccount'] : []), ...(rootCa ? ['kube-root-ca.crt'] : [])];
    this.#phase(
      `${running.length} node(s) Ready${has.length > 0 ? `, namespace default has ${has.join(' and ')}` : ''}`,
    );
  }

  /** Waits for a condition of the cluster; a clock that stands still is moved on while the cluster boots. */
  async #untilTrue(done: () => boolean, failure: string): Promise<void> {
    const end = wallClock.monotonic() + 60_000;
    while (!done()) {
      this.#options.signal?.throwIfAborted();
      if (wallClock.monotonic() > end) throw new Error(failure);
      await Promise.race([this.clock.speed === 0 ? this.clock.step() : wallClock.sleep(2), this.failed]);
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const paused = this.clock.speed === 0;
    // Whoever waits for time must be able to end.
    if (paused) this.clock.setSpeed(1);
    await this.#door?.close();
    for (const door of this.#etcdDoors) await door.close();
    this.#tasks.abort(new StoppedError('the cluster is stopping'));
    await this.nodes?.close().catch(() => {});
    await this.#tasks
      .wait()
      .catch((error: unknown) => this.#log.error('stopped with a failure', { error: String(error) }));
    await this.server?.close();
    if (this.etcd) await this.etcd.close();
    else await this.#storage?.close();
    this.clock.pause();
    if (this.#ownsDir) rmSync(this.#dir, { recursive: true, force: true });
    assert(this.#stopped !== undefined, 'stop is entered once');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** @throws ClusterError `InvalidOption` */
function controllerNames(words: readonly string[] | undefined): ReadonlySet<string> {
  try {
    return new Set(enabledControllers(words).map(({ name }) => name));
  } catch (error) {
    if (error instanceof UnknownControllerError) throw new ClusterError('InvalidOption', error.message);
    throw error;
  }
}

/** The address at this place in a CIDR. */
function addressIn(cidr: string, at: bigint): string {
  const { base, family } = parseCidr(cidr)!;
  return numberToIp(base + at, family);
}

/** What `componentstatuses` shows of a component that was not started. */
function runs(started: boolean): void {
  if (!started) throw new Error('it does not run');
}
