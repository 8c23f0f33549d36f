/**
 * The composition root: from options to a running control plane, in boot order. Every component is made here and
 * nowhere else; stopping goes the other way round.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtinResources, type PersistentVolume, type Service } from '../api/index.ts';
import type { ApiServer, BuiltParts, HttpsDoor, KlabRoute } from '../apiserver/index.ts';
import {
  assert,
  isAbort,
  type Logger,
  Prng,
  StoppedError,
  silentLogger,
  TaskGroup,
  VirtualClock,
  wallClock,
} from '../base/index.ts';
import { EventBroadcaster, KubeClient, SharedInformerFactory, type Transport } from '../client/index.ts';
import { enabledControllers, startControllers, UnknownControllerError } from '../controllers/index.ts';
import { EtcdCluster, type EtcdServerApi, type KV, memoryStorage } from '../etcd/index.ts';
import { familyOfCidr } from '../net/index.ts';
import { TokenSigner } from '../pki/index.ts';
import { DecisionStore, Scheduler } from '../scheduler/index.ts';
import { openStorage, type SqliteStorage } from '../sqlite/index.ts';
import { ApiComponent, addressIn } from './api-component.ts';
import { ComponentLogs } from './component-logs.ts';
import { type ComponentSettings, componentSettings } from './component-settings.ts';
import { type ComponentName, Components, LoopPart, type Part, type Task } from './components.ts';
import { controlDispatch } from './control.ts';
import { decisionSink } from './decision-sink.ts';
import { ClusterError } from './errors.ts';
import { EtcdDoors } from './etcd-doors.ts';
import { etcdDoorTls } from './etcd-tls.ts';
import { ExternalEtcd, type ReadableHistory } from './external-etcd.ts';
import { controllerIdentity, identities, transportAs } from './identities.ts';
import { ClusterImages } from './images.ts';
import { IngressDoor } from './ingress-door.ts';
import { readIngressPorts, rememberIngressPorts } from './ingress-ports.ts';
import { klabRoutes } from './klab-routes.ts';
import { leaderLeaseTasks, processIdentity, whileLeading } from './leader-lease.ts';
import { ServiceNetwork } from './network-hooks.ts';
import { NodeRecords } from './node-record.ts';
import { NodeFleet } from './nodes.ts';
import type { ClusterOptions } from './options.ts';
import type { ServerInfo } from './state.ts';
import { SystemPods, systemPrograms } from './system-pods.ts';

/** A running cluster. `await using cluster = await createCluster()` stops it at the end of the block. */
export interface Cluster extends AsyncDisposable {
  readonly name: string;
  readonly clock: VirtualClock;
  readonly server: ApiServer;
  /** klab's own. @throws ClusterError on a cluster that runs on another etcd (`--etcd-servers`). */
  readonly etcd: EtcdCluster;
  /** What everything is stored in, wherever it is. */
  readonly store: KV;
  readonly decisions: DecisionStore;
  readonly scheduler: Scheduler | undefined;
  /** The machines: add, stop, start, remove. */
  readonly nodes: NodeFleet;
  /** What can be stopped while the rest lives on. */
  readonly components: Components;
  /** Images of one's own: add, list, remove. */
  readonly images: ClusterImages;
  /** A client in process, as `kubernetes-admin`. */
  readonly client: KubeClient;
  /** A transport in process, as `kubernetes-admin`. */
  readonly transport: Transport;
  readonly apiPort: number | undefined;
  readonly apiEndpoint: string | undefined;
  /** Where `klab node` and `klab component` ask; see ClusterOptions.control. */
  readonly controlEndpoint: string | undefined;
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

/** A boot that comes no further for so long (wall time) has failed. */
const bootStallMs = 60_000;

class RunningCluster implements Cluster {
  readonly name: string;
  readonly clock: VirtualClock;
  readonly decisions: DecisionStore;
  readonly images: ClusterImages;
  readonly failed: Promise<never>;
  nodes!: NodeFleet;
  components!: Components;
  client!: KubeClient;
  transport!: Transport;
  scheduler: Scheduler | undefined;
  controlEndpoint: string | undefined;
  etcdAccess: ServerInfo['etcd'] | undefined;

  readonly #options: ClusterOptions;
  readonly #settings: ComponentSettings;
  /** Canonical names of those that run. */
  readonly #controllers: ReadonlySet<string>;
  readonly #prng: Prng;
  readonly #log: Logger;
  readonly #logs: ComponentLogs;
  readonly #dir: string;
  readonly #ownsDir: boolean;
  readonly #tasks = new TaskGroup();
  #fail!: (error: unknown) => void;
  #storage: SqliteStorage | undefined;
  #embedded: EtcdCluster | undefined;
  #external: ExternalEtcd | undefined;
  #api!: ApiComponent;
  #controlDoor: HttpsDoor | undefined;
  #ingress: IngressDoor | undefined;
  #controllerManager: LoopPart | undefined;
  #schedulerPart: LoopPart | undefined;
  #etcdDoors: EtcdDoors | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#settings = componentSettings(options.flags);
    this.#controllers = controllerNames(options.controllers);
    this.name = options.name ?? 'default';
    this.#prng = options.seed === undefined ? Prng.random() : new Prng(options.seed);
    const { clock = 'real' } = options;
    this.clock = typeof clock === 'string' ? new VirtualClock() : clock;
    if (clock === 'real') this.clock.setSpeed(1);
    this.#log = options.log ?? silentLogger;
    this.#logs = new ComponentLogs(this.clock);
    this.images = new ClusterImages(options.dir, this.#log);
    this.#ownsDir = options.dir === undefined;
    this.#dir = options.dir ?? mkdtempSync(join(tmpdir(), 'klab-'));
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
    if ((options.store ?? (options.dir ? 'sqlite' : 'memory')) === 'sqlite') {
      this.#storage = openStorage({ path: join(this.#dir, 'cluster.db') });
    }
    this.decisions = new DecisionStore(
      this.#storage
        ? { sink: decisionSink(this.#storage.side, this.#settings.decisions) }
        : { maxBytes: this.#settings.decisions.maxBytes },
    );
  }

  get etcd(): EtcdCluster {
    if (this.#embedded) return this.#embedded;
    throw new ClusterError('NotHere', this.#external?.notHere('the store') ?? 'the cluster has no store yet');
  }

  get store(): KV {
    return this.#external?.kv ?? this.etcd.anyMember();
  }

  get server(): ApiServer {
    return this.#api?.server;
  }

  get apiPort(): number | undefined {
    return this.#api?.port;
  }

  get apiEndpoint(): string | undefined {
    return this.#api?.endpoint;
  }

  get kubeconfig(): string | undefined {
    return this.#api?.kubeconfig;
  }

  get certificates(): ServerInfo['certificates'] | undefined {
    return this.#api?.certificates;
  }

  #phase(text: string, detail = true): void {
    this.#options.onPhase?.(text, detail);
  }

  /** A phase that is also the component's own log line. */
  #phaseOf(component: string, text: string): void {
    this.#phase(text);
    this.#logs.note(component, text.replace(/^\S+: /, ''));
  }

  #logOf(component: string): Logger {
    return this.#logs.tee(this.#log.child(component === 'controller-manager' ? 'controllers' : component), component);
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
    await this.#openControlDoor();
    await this.#untilReady();
    await etcdDoors;
    if (this.#options.systemPods) this.#showSystemPods();
    this.#phase('the cluster is ready', false);
  }

  async #startStore(): Promise<void> {
    const { etcdServers } = this.#settings.apiServer;
    if (etcdServers) {
      this.#external = await ExternalEtcd.open(etcdServers, {
        ...(this.#storage && { storage: this.#storage }),
        now: () => this.clock.now(),
        log: this.#logOf('etcd'),
        onFailure: (error) => this.#fail(error),
      });
      const { access, history, version } = this.#external;
      this.etcdAccess = access;
      const at = `etcd ${version} at ${access.endpoints.join(', ')}`;
      this.#phaseOf('etcd', `etcd: ${at}, revision ${await history.revision()}`);
      return;
    }
    const members = this.#options.etcdMembers;
    this.#embedded = await EtcdCluster.open({
      storage: this.#storage ?? memoryStorage(),
      clock: this.clock,
      prng: this.#prng.fork('etcd'),
      log: this.#logOf('etcd'),
      ...(members !== undefined && { members }),
      ...this.#settings.history,
      onFailure: (error) => this.#fail(error),
    });
    if (this.etcd.size > 1) await this.#untilTrue(() => this.etcd.leaderIndex() !== undefined, 'etcd elects no leader');
    const where = this.#storage ? `SQLite at ${this.#storage.path}` : 'memory';
    this.#phaseOf(
      'etcd',
      `etcd: ${this.etcd.size} member(s) on ${where}, revision ${this.etcd.member().header().revision}`,
    );
  }

  async #startApiServer(): Promise<void> {
    const settings = this.#settings.apiServer;
    this.#api = new ApiComponent({
      name: this.name,
      dir: this.#dir,
      options: this.#options,
      settings,
      store: this.store,
      revision: () => this.#history().revision(),
      clock: this.clock,
      prng: this.#prng,
      log: this.#logs.tee(this.#log, 'apiserver'),
      nodes: () => this.nodes,
      checks: new Map([
        ['controller-manager', () => answers(this.#controllerManager, 10257)],
        ['scheduler', () => answers(this.#schedulerPart, 10259)],
      ]),
      routes: (parts) => this.#routes(parts),
      phase: (text) => this.#phaseOf('apiserver', text),
    });
    await this.#api.start();
    this.transport = transportAs(this.#api.gate, identities.admin);
    this.client = new KubeClient(this.transport, { definitions: settings.definitions, userAgent: 'klab' });
  }

  #routes(parts: () => BuiltParts | undefined): readonly KlabRoute[] {
    return klabRoutes({
      clock: this.clock,
      etcd: this.#embedded,
      notHere: (what) => this.#external?.notHere(what) ?? '',
      store: this.store,
      history: this.#history(),
      decisions: this.decisions,
      scheduler: () => this.scheduler,
      definitions: this.#settings.apiServer.definitions,
      authorizer: () => parts()?.authorizer,
      nodes: () => this.nodes.list(),
      components: () => this.components.list(),
      images: this.images,
      storageMediaType: this.#settings.apiServer.storageMediaType,
    });
  }

  #etcdMembers(): EtcdServerApi[] {
    if (!this.#embedded) return [];
    return Array.from({ length: this.etcd.size }, (_, i) => this.etcd.member(i));
  }

  async #openControlDoor(): Promise<void> {
    if (!this.#options.control) return;
    const { door, port } = await this.#api.openSideDoor(
      controlDispatch({ nodes: this.nodes, components: this.components }),
    );
    this.#controlDoor = door;
    this.controlEndpoint = `https://127.0.0.1:${port}`;
  }

  async #openEtcdDoors(): Promise<void> {
    const wish = this.#options.etcd;
    if (wish === false || !this.#embedded) return;
    const { etcdServer, etcdCa, etcdHealthcheckClient, dir } = this.#api.pki;
    const { tls, cacert } = etcdDoorTls(this.#settings.etcd, { server: etcdServer, ca: etcdCa, dir });
    const doors = new EtcdDoors(this.etcd, { wish, tls, log: this.#log.child('etcd-door') });
    this.#etcdDoors = doors;
    await doors.update();
    const { certPath: cert, keyPath: key } = etcdHealthcheckClient;
    const show = () => {
      this.etcdAccess = { endpoints: doors.endpoints, cacert, cert, key };
    };
    show();
    this.#phase(`etcd: listening at ${doors.endpoints.join(', ')}`);
    this.etcd.onMembers = () => {
      doors.update().then(
        () => {
          show();
          this.#options.onEtcdAccess?.();
        },
        (error: unknown) => this.#log.error('an etcd member has no client door', { error: String(error) }),
      );
    };
  }

  #history(): ReadableHistory {
    if (this.#external) return this.#external.history;
    const store = this.etcd.anyMember();
    return {
      revision: () => store.header().revision,
      history: (key, options) => store.history(key, options),
      changes: (range) => store.changes(range),
    };
  }

  /** As kind's: pods have the families that services have, unless `--cluster-cidr` says which. */
  #clusterCidrs(): readonly string[] {
    const given = this.#settings.controllers.clusterCidrs;
    if (given !== undefined) return given;
    if (this.#options.podCidr !== undefined) return [this.#options.podCidr];
    return this.#api.serviceCidrs.map((cidr) => defaultPodCidrs[familyOfCidr(cidr) ?? 'IPv4']);
  }

  #informers(
    identity: (typeof identities)[keyof typeof identities],
    name: string,
    prng: Prng = this.#prng,
  ): SharedInformerFactory {
    const client = new KubeClient(transportAs(this.#api.gate, identity), {
      definitions: builtinResources,
      userAgent: identity.agent,
    });
    const factory = new SharedInformerFactory({
      client,
      clock: this.clock,
      prng: prng.fork(`informers/${name}`),
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
    const { scheduler = true } = this.#options;
    const loops = { signal: this.#tasks.signal, log: this.#log, onFailure: this.#fail };
    if (this.#controllers.size > 0) {
      this.#controllerManager = this.#loopPart(loops, 'kube-controller-manager', (life) => this.#controllerTasks(life));
      this.#controllerManager.begin();
    }
    if (scheduler) {
      this.#schedulerPart = this.#loopPart(loops, 'kube-scheduler', (life) => this.#schedulerTasks(life));
      this.#schedulerPart.begin();
    }

    const networkInformers = this.#informers(identities.network, 'network');
    const network = new ServiceNetwork(
      networkInformers,
      this.#prng.fork('network'),
      () => this.clock.now(),
      (namespace, name) => this.server.reader.get('pods', namespace, name),
    );
    this.#run('network informers', (signal) => networkInformers.run(signal));
    this.nodes = new NodeFleet(
      {
        server: this.#api.gate,
        clock: this.clock,
        prng: this.#prng.fork('nodes'),
        log: this.#log,
        network,
        services: networkInformers.informer<Service>('services'),
        volumes: networkInformers.informer<PersistentVolume>('persistentvolumes'),
        records: new NodeRecords(this.#options.dir),
        images: this.images.catalog,
        onFailure: (error) => this.#fail(error),
      },
      {
        ...(this.#options.nodeCapacity && { capacity: this.#options.nodeCapacity }),
        clusterDns: addressIn(this.#api.serviceCidrs[0]!, 10n),
        eviction: this.#settings.eviction,
        ipFamilies: this.#clusterCidrs().map((cidr) => familyOfCidr(cidr) ?? 'IPv4'),
        apiAddress: this.#api.advertised,
        ...(this.#options.instantContainers && { instantContainers: true }),
        ...(this.#options.systemPods && { programs: systemPrograms(this.#logs, () => this.#etcdMembers()) }),
      },
      this.#tasks.signal,
    );
    this.nodes.open(this.#options.nodes);
    if (this.#options.ingress) this.#serveIngresses(networkInformers, network);
    const nodes = this.nodes.running.length;
    if (nodes > 0) this.#phase(`kubelets: ${nodes} simulated node(s) register themselves`);
    this.components = new Components(
      new Map<ComponentName, Part | undefined>([
        ['apiserver', this.#api],
        ['controller-manager', this.#controllerManager],
        ['scheduler', this.#schedulerPart],
      ]),
      new Map([
        ['kubelet', this.nodes.kubelets],
        ['proxy', this.nodes.proxies],
      ]),
    );
  }

  #serveIngresses(informers: SharedInformerFactory, network: ServiceNetwork): void {
    const remembered = readIngressPorts(this.#dir);
    this.#ingress = new IngressDoor({
      informers,
      fabric: () => this.nodes.fabric,
      peer: this.nodes.host,
      reader: { get: (resource, namespace, name) => this.server.reader.get(resource, namespace, name) },
      endpoints: (namespace, service, port) => network.endpoints(namespace, service, port),
      prng: this.#prng.fork('ingress'),
      log: this.#log.child('ingress'),
      fallback: this.#api.pki.apiserver,
      ...(remembered && { remembered }),
      onListening: (ports) => {
        rememberIngressPorts(this.#dir, ports);
        this.#log.info('ingress: listening', { ...ports });
      },
    });
  }

  /** After the boot, which does not wait for them. */
  #showSystemPods(): void {
    const { podCidr = '10.244.0.0/16', controllers = ['*'], flags = {} } = this.#options;
    const [serviceCidr] = this.#api.serviceCidrs;
    const pods = new SystemPods({
      nodes: this.nodes,
      components: () => this.components.list(),
      client: this.client,
      log: this.#log,
      facts: { podCidr, serviceCidr: serviceCidr!, clusterDns: addressIn(serviceCidr!, 10n), controllers },
      flags,
      etcd: this.#embedded !== undefined,
    });
    if (this.nodes.names.length === 0) return;
    this.components.onChange = () => pods.refresh();
    pods.refresh();
    this.#run('system addons', (signal) => pods.ensureAddons(signal));
  }

  /** A process that starts again draws from another stream than the one before it. */
  #prngOf(life: number, name: string): Prng {
    return life === 1 ? this.#prng : this.#prng.fork(`${name}/${life}`);
  }

  #controllerTasks(life: number): Task[] {
    const { controllers = ['*'] } = this.#options;
    const prng = this.#prngOf(life, 'controller-manager');
    const clientAs = (identity: Parameters<typeof transportAs>[1]) =>
      new KubeClient(transportAs(this.#api.gate, identity), {
        definitions: builtinResources,
        userAgent: identity.agent,
      });
    const clientFor = (serviceAccount: string) => clientAs(controllerIdentity(serviceAccount));
    const { pki } = this.#api;
    const tokenSigner = new TokenSigner(pki.serviceAccount.key);
    const informers = this.#informers(identities.controllerManager, 'controllers', prng);
    const running = startControllers(
      {
        clock: this.clock,
        prng: prng.fork('controllers'),
        log: this.#logOf('controller-manager'),
        informers,
        clientFor,
        rootClient: clientAs(identities.controllerManager),
        settings: {
          rootCA: pki.ca.cert,
          clusterCidrs: this.#clusterCidrs(),
          tokenGenerator: (claims) => tokenSigner.sign(claims),
          ...this.#settings.controllers,
          clusterSigning: {
            authority: pki.authority(),
            wallNow: () => wallClock.now(),
          },
        },
      },
      { controllers },
    );
    const names = running.names.map((name) => name.replace(/-controller$/, ''));
    this.#phaseOf('controller-manager', `controllers: ${names.join(', ')}`);
    return [
      { name: 'controller informers', run: (signal) => informers.run(signal) },
      { name: 'controllers', run: (signal) => running.run(signal) },
      ...this.#lease(clientAs(identities.controllerManager), 'kube-controller-manager', prng),
    ];
  }

  /** Where kube-system shows the control plane, it shows its leases too. */
  #lease(client: KubeClient, component: string, prng: Prng): Task[] {
    // On another's etcd whoever leads does the work: see #loopPart.
    if (!this.#options.systemPods || this.#external) return [];
    const log = this.#logOf(component.replace(/^kube-/, ''));
    return leaderLeaseTasks({ client, clock: this.clock, prng: prng.fork(component), log }, this.name, component);
  }

  /** A component made of loops. On a real etcd others may run it too: then the one that holds its lease. */
  #loopPart(
    deps: ConstructorParameters<typeof LoopPart>[0],
    component: 'kube-controller-manager' | 'kube-scheduler',
    make: (life: number) => Task[],
  ): LoopPart {
    if (!this.#external) return new LoopPart(deps, make);
    const as = component === 'kube-scheduler' ? identities.scheduler : identities.controllerManager;
    const log = this.#logOf(component.replace(/^kube-/, ''));
    let lives = 0;
    return new LoopPart(deps, () => {
      const client = new KubeClient(transportAs(this.#api.gate, as), {
        definitions: builtinResources,
        userAgent: as.agent,
      });
      const prng = this.#prng.fork(`leader-election/${component}/${lives}`);
      return whileLeading(
        { client, clock: this.clock, prng, log },
        processIdentity(this.#dir, component),
        component,
        () => make(++lives),
      );
    });
  }

  #schedulerTasks(life: number): Task[] {
    const own = this.#prngOf(life, 'kube-scheduler');
    const informers = this.#informers(identities.scheduler, 'scheduler', own);
    const client = new KubeClient(transportAs(this.#api.gate, identities.scheduler), {
      definitions: builtinResources,
      userAgent: identities.scheduler.agent,
    });
    const prng = own.fork('scheduler');
    const log = this.#logOf('scheduler');
    const broadcaster = new EventBroadcaster({ client, clock: this.clock, prng: prng.fork('events'), log });
    const config = this.#settings.scheduler;
    const scheduler = new Scheduler(
      {
        client,
        informers,
        events: broadcaster.recorder({ component: 'default-scheduler' }),
        clock: this.clock,
        prng,
        log,
        decisions: this.decisions,
      },
      config ? { config } : {},
    );
    for (const note of config?.notes ?? []) log.info(note);
    this.scheduler = scheduler;
    this.#phaseOf('scheduler', `scheduler: ${scheduler.profile.plugins.length} plugins`);
    return [
      { name: 'scheduler informers', run: (signal) => informers.run(signal) },
      { name: 'scheduler events', run: (signal) => broadcaster.run(signal) },
      { name: 'scheduler', run: (signal) => scheduler.run(signal) },
      ...this.#lease(client, 'kube-scheduler', own),
    ];
  }

  /** Ready: all nodes are, and namespace default can take pods. */
  async #untilReady(): Promise<void> {
    const { running } = this.nodes;
    const { reader } = this.server;
    const accounts = this.#controllers.has('serviceaccount-controller');
    const rootCa = this.#controllers.has('root-ca-certificate-publisher-controller');
    const isReady = (name: string) =>
      reader
        .get('nodes', '', name)
        ?.['status']?.conditions?.some((c: any) => c.type === 'Ready' && c.status === 'True') === true;
    let nodesReady = 0;
    const ready = () => {
      // Those that are stay so while the cluster boots; with thousands it takes a while.
      while (nodesReady < running.length && isReady(running[nodesReady]!)) nodesReady++;
      if (accounts && !reader.get('serviceaccounts', 'default', 'default')) return false;
      if (rootCa && !reader.get('configmaps', 'default', 'kube-root-ca.crt')) return false;
      return nodesReady === running.length;
    };
    await this.#untilTrue(ready, 'the cluster does not become ready', () => nodesReady);
    const has = [...(accounts ? ['its ServiceAccount'] : []), ...(rootCa ? ['kube-root-ca.crt'] : [])];
    this.#phase(
      `${running.length} node(s) Ready${has.length > 0 ? `, namespace default has ${has.join(' and ')}` : ''}`,
    );
  }

  /** Waits for a condition of the cluster; a clock that stands still is moved on while the cluster boots. */
  async #untilTrue(done: () => boolean, failure: string, progress: () => number = () => 0): Promise<void> {
    let end = wallClock.monotonic() + bootStallMs;
    let before = progress();
    while (!done()) {
      this.#options.signal?.throwIfAborted();
      if (progress() !== before) {
        before = progress();
        end = wallClock.monotonic() + bootStallMs;
      }
      if (wallClock.monotonic() > end) throw new Error(failure);
      await Promise.race([this.clock.speed === 0 ? this.clock.step() : wallClock.sleep(2), this.failed]);
    }
  }

  get etcdPorts(): readonly number[] {
    return this.#etcdDoors?.ports ?? [];
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const paused = this.clock.speed === 0;
    // Whoever waits for time must be able to end.
    if (paused) this.clock.setSpeed(1);
    await this.#controlDoor?.close();
    await this.#ingress?.close();
    await this.#api?.closeDoor();
    await this.#etcdDoors?.close();
    this.#tasks.abort(new StoppedError('the cluster is stopping'));
    await this.nodes?.close().catch(() => {});
    await this.#tasks
      .wait()
      .catch((error: unknown) => this.#log.error('stopped with a failure', { error: String(error) }));
    await this.#api?.close();
    if (this.#embedded) await this.#embedded.close();
    else if (this.#external) await this.#external.close();
    else await this.#storage?.close();
    this.clock.pause();
    if (this.#ownsDir) rmSync(this.#dir, { recursive: true, force: true });
    assert(this.#stopped !== undefined, 'stop is entered once');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

const defaultPodCidrs = { IPv4: '10.244.0.0/16', IPv6: 'fd00:10:244::/56' } as const;

/** @throws ClusterError `InvalidOption` */
function controllerNames(words: readonly string[] | undefined): ReadonlySet<string> {
  try {
    return new Set(enabledControllers(words).map(({ name }) => name));
  } catch (error) {
    if (error instanceof UnknownControllerError) throw new ClusterError('InvalidOption', error.message);
    throw error;
  }
}

/** What `componentstatuses` asks: the health endpoint of a component on its port. */
function answers(part: Part | undefined, port: number): void {
  if (part?.running) return;
  const url = `https://127.0.0.1:${port}/healthz`;
  throw new Error(`Get "${url}": dial tcp 127.0.0.1:${port}: connect: connection refused`);
}
