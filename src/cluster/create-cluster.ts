/**
 * The composition root: from options to a running control plane, in boot order. Every component is made here and
 * nowhere else; stopping goes the other way round.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtinResources, type PersistentVolume, type Service } from '../api/index.ts';
import type { ApiServer, BuiltParts, HttpsDoor, InProcessIdentity, KlabRoute } from '../apiserver/index.ts';
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
import { KubeClient, SharedInformerFactory, type Transport } from '../client/index.ts';
import { enabledControllers, UnknownControllerError } from '../controllers/index.ts';
import type { EtcdCluster, KV } from '../etcd/index.ts';
import { familyOfCidr } from '../net/index.ts';
import { DecisionStore, type Scheduler } from '../scheduler/index.ts';
import { ApiComponent, addressIn } from './api-component.ts';
import { ClusterStore } from './cluster-store.ts';
import { ComponentLogs } from './component-logs.ts';
import { type ComponentSettings, componentSettings } from './component-settings.ts';
import { type ComponentName, Components, type LoopPart, type Part } from './components.ts';
import { controlDispatch } from './control.ts';
import { ControlLoops } from './control-loops.ts';
import { decisionSink } from './decision-sink.ts';
import { Entry } from './entry.ts';
import { ClusterError } from './errors.ts';
import { identities, transportAs } from './identities.ts';
import { ClusterImages } from './images.ts';
import { klabRoutes } from './klab-routes.ts';
import { loadBalancerCidr } from './load-balancer-door.ts';
import { ServiceNetwork } from './network-hooks.ts';
import { NodeRecords, plannedNodes } from './node-record.ts';
import { NodeFleet } from './nodes.ts';
import type { ClusterOptions } from './options.ts';
import { podRanges } from './pod-ranges.ts';
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
  controlEndpoint: string | undefined;

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
  readonly #store: ClusterStore;
  #loops: ControlLoops | undefined;
  #api!: ApiComponent;
  #controlDoor: HttpsDoor | undefined;
  #entry: Entry | undefined;
  #controllerManager: LoopPart | undefined;
  #schedulerPart: LoopPart | undefined;
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
    this.#store = new ClusterStore({
      options,
      settings: this.#settings,
      dir: this.#dir,
      clock: this.clock,
      prng: this.#prng,
      log: this.#logOf('etcd'),
      doorLog: this.#log.child('etcd-door'),
      onFailure: (error) => this.#fail(error),
    });
    const { sqlite } = this.#store;
    this.decisions = new DecisionStore(
      sqlite
        ? { sink: decisionSink(sqlite.side, this.#settings.decisions) }
        : { maxBytes: this.#settings.decisions.maxBytes },
    );
  }

  get etcd(): EtcdCluster {
    return this.#store.etcd;
  }

  get store(): KV {
    return this.#store.kv;
  }

  get scheduler(): Scheduler | undefined {
    return this.#loops?.scheduler;
  }

  get etcdAccess(): ServerInfo['etcd'] | undefined {
    return this.#store.access;
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
    const store = await this.#store.open((done, failure) => this.#untilTrue(done, failure));
    this.#phaseOf('etcd', `etcd: ${store}`);
    signal?.throwIfAborted();
    await this.#startApiServer();
    signal?.throwIfAborted();
    // The gRPC door loads a library of its own; the rest of the boot does not wait for it.
    const etcdDoors = this.#store.openDoors(this.#api.pki).then((at) => {
      if (at.length > 0) this.#phase(`etcd: listening at ${at.join(', ')}`);
    });
    etcdDoors.catch(() => {});
    this.#startComponents();
    await this.#openControlDoor();
    await this.#untilReady();
    await etcdDoors;
    if (this.#options.systemPods) this.#showSystemPods();
    if (this.#options.dns) this.#entry!.serveDns();
    this.#phase('the cluster is ready', false);
  }

  async #startApiServer(): Promise<void> {
    const settings = this.#settings.apiServer;
    this.#api = new ApiComponent({
      name: this.name,
      dir: this.#dir,
      options: this.#options,
      settings,
      store: this.store,
      revision: () => this.#store.history.revision(),
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
      etcd: this.#store.embedded,
      notHere: (what) => this.#store.notHere(what),
      store: this.store,
      history: this.#store.history,
      decisions: this.decisions,
      scheduler: () => this.scheduler,
      definitions: this.#settings.apiServer.definitions,
      authorizer: () => parts()?.authorizer,
      nodes: () => this.nodes.list(),
      components: () => this.components.list(),
      images: this.images,
      network: () => this.nodes.networkCheck(),
      storageMediaType: this.#settings.apiServer.storageMediaType,
    });
  }

  async #openControlDoor(): Promise<void> {
    if (!this.#options.control) return;
    const { door, port } = await this.#api.openSideDoor(
      controlDispatch({ nodes: this.nodes, components: this.components }),
    );
    this.#controlDoor = door;
    this.controlEndpoint = `https://127.0.0.1:${port}`;
  }

  /** As kind's: pods have the families that services have, unless `--cluster-cidr` says which. */
  #clusterCidrs(): readonly string[] {
    const given = this.#settings.controllers.clusterCidrs;
    if (given !== undefined) return given;
    if (this.#options.podCidr !== undefined) return [this.#options.podCidr];
    const planned = plannedNodes(new NodeRecords(this.#options.dir).read(), this.#options.nodes);
    return podRanges(this.#api.serviceCidrs, planned.nodes.length);
  }

  #informers(identity: InProcessIdentity, name: string, prng: Prng = this.#prng): SharedInformerFactory {
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
    const { scheduler = true, controllers = ['*'] } = this.#options;
    const loops = new ControlLoops({
      cluster: this.name,
      dir: this.#dir,
      clock: this.clock,
      prng: this.#prng,
      settings: this.#settings,
      loadBalancerCidr: this.#options.loadBalancers ? loadBalancerCidr(this.#dir) : undefined,
      decisions: this.decisions,
      pki: this.#api.pki,
      clusterCidrs: this.#clusterCidrs(),
      controllers,
      gate: this.#api.gate,
      informers: (identity, name, prng) => this.#informers(identity, name, prng),
      logOf: (component) => this.#logOf(component),
      phase: (component, text) => this.#phaseOf(component, text),
      showsLeases: this.#options.systemPods === true,
      isShared: this.#store.isShared,
      part: { signal: this.#tasks.signal, log: this.#log, onFailure: this.#fail },
    });
    this.#loops = loops;
    if (this.#controllers.size > 0) {
      this.#controllerManager = loops.controllerManager();
      this.#controllerManager.begin();
    }
    if (scheduler) {
      this.#schedulerPart = loops.schedulerPart();
      this.#schedulerPart.begin();
    }

    const networkInformers = this.#informers(identities.network, 'network');
    const network = new ServiceNetwork(
      networkInformers,
      this.#prng.fork('network'),
      () => this.clock.now(),
      (namespace, name) => this.server.reader.get('pods', namespace, name),
      (namespace, ip) =>
        this.server.reader
          .list('pods', namespace)
          .some((pod) => (pod['status']?.podIPs ?? []).some((each: any) => each.ip === ip)),
    );
    const clusterDns = addressIn(this.#api.serviceCidrs[0]!, 10n);
    const entry = new Entry({
      options: this.#options,
      dir: this.#dir,
      clock: this.clock,
      prng: this.#prng,
      log: this.#log,
      api: this.#api,
      client: this.client,
      server: () => this.server,
      nodes: () => this.nodes,
      network,
      informers: networkInformers,
      clusterDns,
      run: (name, run) => this.#run(name, run),
    });
    this.#entry = entry;
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
        clusterDns,
        eviction: this.#settings.eviction,
        ipFamilies: this.#clusterCidrs().map((cidr) => familyOfCidr(cidr) ?? 'IPv4'),
        apiAddress: this.#api.advertised,
        ...(this.#options.instantContainers && { instantContainers: true }),
        ...(this.#options.systemPods && {
          programs: systemPrograms(this.#logs, () => this.#store.members(), entry.coreDns),
        }),
      },
      this.#tasks.signal,
    );
    this.nodes.open(this.#options.nodes);
    entry.open();
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

  /** After the boot, which does not wait for them. */
  #showSystemPods(): void {
    const { controllers = ['*'], flags = {} } = this.#options;
    const podCidr = this.#clusterCidrs().join(',');
    const [serviceCidr] = this.#api.serviceCidrs;
    const pods = new SystemPods({
      nodes: this.nodes,
      components: () => this.components.list(),
      client: this.client,
      log: this.#log,
      facts: { podCidr, serviceCidr: serviceCidr!, clusterDns: addressIn(serviceCidr!, 10n), controllers },
      flags,
      etcd: !this.#store.isShared,
    });
    if (this.nodes.names.length === 0) return;
    this.components.onChange = () => pods.refresh();
    pods.refresh();
    this.#run('system addons', (signal) => pods.ensureAddons(signal));
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
    return this.#store.ports;
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
    await this.#entry?.close();
    await this.#api?.closeDoor();
    await this.#store.closeDoors();
    this.#tasks.abort(new StoppedError('the cluster is stopping'));
    await this.nodes?.close().catch(() => {});
    await this.#tasks
      .wait()
      .catch((error: unknown) => this.#log.error('stopped with a failure', { error: String(error) }));
    await this.#api?.close();
    await this.#store.close();
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

/** What `componentstatuses` asks: the health endpoint of a component on its port. */
function answers(part: Part | undefined, port: number): void {
  if (part?.running) return;
  const url = `https://127.0.0.1:${port}/healthz`;
  throw new Error(`Get "${url}": dial tcp 127.0.0.1:${port}: connect: connection refused`);
}
