/** Simulated nodes: one kubelet each over one runtime and one network; added, stopped, started, removed. */

import { builtinResources, type PersistentVolume, type Service } from '../api/index.ts';
import { isNotFound, newConflict, newNotFound, newServiceUnavailable } from '../apimachinery/index.ts';
import type {
  Dispatch,
  LogOptions,
  NodeDialer,
  PodReference,
  ProxyRequest,
  ProxyResponse,
  ProxyTarget,
} from '../apiserver/index.ts';
import type { Clock, Logger, Prng } from '../base/index.ts';
import { KubeClient, type SharedInformer } from '../client/index.ts';
import {
  type ContainerStats,
  type Disks,
  decodeBytes,
  type EvictionConfig,
  encodeText,
  type ImageCatalog,
  type Kubelet,
  type KubeletPod,
  kubeletHttp,
  MemoryFabric,
  type Peer,
  type Program,
} from '../kubelet/index.ts';
import type { IpFamily } from '../net/index.ts';
import { apiForPods } from './api-for-pods.ts';
import type { NodeParts } from './components.ts';
import { drainNode } from './drain.ts';
import { identities, transportAs } from './identities.ts';
import type { ServiceNetwork } from './network-hooks.ts';
import { type NodePressure, pressNode } from './node-pressure.ts';
import {
  controlPlaneAddress,
  machineAddress,
  type NodeRecord,
  type NodeRecords,
  type NodeSpec,
  type NodeState,
  newRecords,
  nodesResource,
  plannedNodes,
  withFamilies,
} from './node-record.ts';
import { SimNode } from './sim-node.ts';

export interface NodeFleetDeps {
  readonly server: { readonly handle: Dispatch };
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
  readonly network: ServiceNetwork;
  readonly services: SharedInformer<Service>;
  readonly volumes: SharedInformer<PersistentVolume>;
  readonly records: NodeRecords;
  readonly images: ImageCatalog;
  readonly onFailure: (error: unknown) => void;
}

export interface NodeFleetOptions {
  readonly capacity?: Readonly<Record<string, string>>;
  readonly clusterDns: string;
  /** When nodes count as short of something. Default: upstream's. */
  readonly eviction?: EvictionConfig;
  /** Families of nodes and pods, the primary one first. Default IPv4. */
  readonly ipFamilies?: readonly IpFamily[];
  /** What the API server advertises: where pods reach it. Default: the control plane's primary address. */
  readonly apiAddress?: string;
  readonly instantContainers?: boolean;
  /** Programs that containers may run besides those of the simulation. */
  readonly programs?: Readonly<Record<string, Program>>;
}

/** A machine as `klab node ls` shows it. */
export interface NodeInfo {
  readonly name: string;
  readonly state: NodeState;
  readonly zone: string;
  readonly ip: string;
  readonly capacity: Readonly<Record<string, string>>;
  readonly boots: number;
}

const proxyTimeoutMs = 30_000;

interface Member {
  record: NodeRecord;
  readonly machine: SimNode;
}

/**
 * The machines of a cluster. Errors are StatusErrors in the API's words: NotFound for a node that is none of klab's,
 * Conflict for one that is already as it is wished to be, BadRequest and AlreadyExists for one that cannot be made.
 */
export class NodeFleet implements NodeDialer {
  readonly fabric: MemoryFabric;
  readonly #deps: NodeFleetDeps;
  readonly #options: NodeFleetOptions;
  readonly #members = new Map<string, Member>();
  readonly #signal: AbortSignal;
  readonly #families: readonly IpFamily[];
  readonly #controlPlane: Peer;
  readonly #client: KubeClient;
  /** What volumes hold, whichever node mounts them; a volume that is deleted takes its data along. */
  readonly #disks: Disks = new Map();
  #nextIndex = 1;
  /** Changes come one after the other. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(deps: NodeFleetDeps, options: NodeFleetOptions, signal: AbortSignal) {
    this.#deps = deps;
    this.#options = options;
    this.#signal = signal;
    this.#client = new KubeClient(transportAs(deps.server, identities.admin), {
      definitions: builtinResources,
      userAgent: identities.admin.agent,
    });
    deps.volumes.addHandler({ onDelete: (volume) => void this.#disks.delete(volume.metadata.uid!) });
    this.#families = options.ipFamilies ?? ['IPv4'];
    this.#controlPlane = {
      ip: controlPlaneAddress(this.#families[0]!),
      ips: this.#families.map(controlPlaneAddress),
    };
    const external = apiForPods(deps.server, options.apiAddress ?? this.#controlPlane.ip);
    this.fabric = new MemoryFabric({ clock: deps.clock }, { ...deps.network.hooks(), external });
  }

  /** This machine as pods see it. */
  get host(): Peer {
    return this.#controlPlane;
  }

  /** The machines that are remembered, or `wanted` of them; see plannedNodes. */
  open(wanted: number | undefined): void {
    const { records } = this.#deps;
    const planned = plannedNodes(records.read(), wanted, this.#options.capacity);
    this.#nextIndex = planned.nextIndex;
    for (const record of planned.nodes) this.#insert(record);
    this.#remember();
  }

  get names(): string[] {
    return [...this.#members.keys()];
  }

  /** Names of those whose kubelet runs. */
  get running(): string[] {
    return [...this.#members.values()].filter(({ machine }) => machine.kubelet).map(({ record }) => record.config.name);
  }

  list(): NodeInfo[] {
    return [...this.#members.values()].map(({ record }) => infoOf(record, this.#families[0]!));
  }

  /** Machines that join the cluster by themselves. The answer does not wait until they are Ready. */
  add(spec: NodeSpec & { readonly count?: number } = {}): Promise<NodeInfo[]> {
    return this.#change(async () => {
      const { count = 1, ...rest } = spec;
      const before = [...this.#members.values()].map(({ record }) => record);
      const made = newRecords(before, this.#nextIndex, count, rest, this.#options.capacity);
      for (const record of made) {
        this.#insert(record);
        this.#nextIndex = record.index + 1;
      }
      this.#remember();
      return made.map((record) => infoOf(record, this.#families[0]!));
    });
  }

  /** The machine goes off: no heartbeat any more, its containers end. The cluster finds out by itself. */
  stop(name: string): Promise<NodeInfo> {
    return this.#change(async () => {
      const member = this.#member(name);
      if (member.record.state === 'stopped') throw newConflict(nodesResource, name, 'the node is stopped already');
      await member.machine.powerOff();
      this.#deps.network.startProxy(name);
      return this.#became(member, { state: 'stopped' });
    });
  }

  /** The machine boots: its kubelet finds the pods that are still its own and starts their containers again. */
  start(name: string): Promise<NodeInfo> {
    return this.#change(async () => {
      const member = this.#member(name);
      if (member.record.state !== 'stopped') throw newConflict(nodesResource, name, 'the node is running already');
      const info = this.#became(member, { state: 'running', boots: member.record.boots + 1 });
      member.machine.startKubelet(member.record.boots);
      return info;
    });
  }

  /**
   * The machine goes for good, with its Node, Lease and CSINode. With `drain` its pods are evicted first, within their
   * disruption budgets; otherwise they are what is left of a node that died, and the pod garbage collector's.
   */
  async remove(name: string, options: { readonly drain?: boolean; readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#member(name);
    if (options.drain) await drainNode(this.#client, this.#deps.clock, name, options.signal ?? this.#signal);
    await this.#change(async () => {
      await this.#member(name).machine.powerOff();
      await this.#gone(this.#client.resource('nodes').delete(name));
      await this.#gone(this.#client.resource('leases').namespace('kube-node-lease').delete(name));
      await this.#gone(this.#client.resource('csinodes').delete(name));
      this.#deps.network.startProxy(name);
      this.#members.delete(name);
      this.#remember();
    });
  }

  /** The node agent ends; containers and their network go on without it. */
  stopKubelet(name: string): Promise<NodeInfo> {
    return this.#change(async () => {
      const member = this.#member(name);
      const { state } = member.record;
      if (state !== 'running') {
        const why = state === 'stopped' ? 'the node is stopped' : 'its kubelet is stopped already';
        throw newConflict(nodesResource, name, why);
      }
      await member.machine.stopKubelet();
      return this.#became(member, { state: 'kubelet-stopped' });
    });
  }

  startKubelet(name: string): Promise<NodeInfo> {
    return this.#change(async () => {
      const member = this.#member(name);
      const { state } = member.record;
      if (state !== 'kubelet-stopped') {
        const why = state === 'stopped' ? 'the node is stopped; start the node' : 'its kubelet is running already';
        throw newConflict(nodesResource, name, why);
      }
      const info = this.#became(member, { state: 'running' });
      member.machine.startKubelet(member.record.boots);
      return info;
    });
  }

  /** Takes of what is free on the machine, or gives it back; see node-pressure.ts. */
  async press(name: string, wish: Parameters<typeof pressNode>[2]): Promise<NodePressure> {
    const { machine, record } = this.#member(name);
    const { kubelet, runtime } = machine;
    if (kubelet) return pressNode(name, { kubelet, runtime }, wish);
    const why = record.state === 'stopped' ? 'the node is stopped' : 'its kubelet is stopped';
    throw newConflict(nodesResource, name, why);
  }

  /** What a check of the network tries out. */
  networkCheck() {
    const { network } = this.#deps;
    return {
      fabric: this.fabric,
      pods: async () => (await this.#client.resource('pods').list()).items,
      nodes: () =>
        this.#powered().map(({ machine: { config } }) => ({
          name: config.name,
          ips: config.secondIp === undefined ? [config.ip] : [config.ip, config.secondIp],
        })),
      addressesOf: async (node: string, uid: string) =>
        (await this.#members.get(node)?.machine.runtime.podSandboxes(uid))?.find(({ state }) => state === 'ready')
          ?.ips ?? [],
      verdict: network.verdict.bind(network),
    };
  }

  /** The manifests of a node's own pods. Nothing for a node that is not there. */
  setStaticPods(node: string, pods: readonly KubeletPod[]): void {
    this.#members.get(node)?.machine.setStaticPods(pods);
  }

  /** For Components. */
  get kubelets(): NodeParts {
    const fleet = this;
    return {
      get nodes() {
        return fleet.#powered().map(({ record, machine }) => ({
          node: record.config.name,
          running: machine.kubelet !== undefined,
        }));
      },
      start: (node) => this.startKubelet(node),
      stop: (node) => this.stopKubelet(node),
    };
  }

  /** For Components: without its proxy a node's rules stay as they are, whatever becomes of Services and endpoints. */
  get proxies(): NodeParts {
    const { network } = this.#deps;
    const fleet = this;
    const refuse = (node: string, running: boolean) => {
      this.#member(node);
      if (network.hasProxy(node) !== running) return;
      throw newConflict(nodesResource, node, `its proxy is ${running ? 'running' : 'stopped'} already`);
    };
    return {
      get nodes() {
        return fleet.#powered().map(({ record: { config } }) => ({
          node: config.name,
          running: network.hasProxy(config.name),
        }));
      },
      start: async (node) => {
        refuse(node, true);
        network.startProxy(node);
      },
      stop: async (node) => {
        refuse(node, false);
        network.stopProxy(node);
      },
    };
  }

  #powered(): Member[] {
    return [...this.#members.values()].filter(({ record }) => record.state !== 'stopped');
  }

  #insert(record: NodeRecord): void {
    const { server, clock, log, services, prng, images, onFailure } = this.#deps;
    const { config } = record;
    const machine = new SimNode(
      {
        server,
        clock,
        prng: prng.fork(config.name),
        log,
        fabric: this.fabric,
        disks: this.#disks,
        services: { list: (namespace) => services.lister.list(namespace), hasSynced: () => services.hasSynced },
        clusterDns: this.#options.clusterDns,
        ...(this.#options.eviction && { eviction: this.#options.eviction }),
        instantContainers: this.#options.instantContainers ?? false,
        programs: this.#options.programs ?? {},
        images,
        onFailure,
      },
      withFamilies(config, this.#families),
      this.#signal,
    );
    this.#members.set(config.name, { record, machine });
    if (record.state === 'running') machine.startKubelet(record.boots);
  }

  #became(member: Member, change: Pick<NodeRecord, 'state'> & Partial<NodeRecord>): NodeInfo {
    member.record = { ...member.record, ...change };
    this.#remember();
    return infoOf(member.record, this.#families[0]!);
  }

  #remember(): void {
    this.#deps.records.write({
      nextIndex: this.#nextIndex,
      nodes: [...this.#members.values()].map(({ record }) => record),
    });
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(work);
    this.#changing = done.catch(() => {});
    return done;
  }

  async #gone(deletion: Promise<unknown>): Promise<void> {
    try {
      await deletion;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** @throws StatusError NotFound */
  #member(name: string): Member {
    const member = this.#members.get(name);
    if (!member) throw newNotFound(nodesResource, name);
    return member;
  }

  async podStats(node: string, podUid: string): Promise<readonly ContainerStats[] | undefined> {
    return this.#members.get(node)?.machine.kubelet?.podStats(podUid);
  }

  now(): number {
    return this.#deps.clock.now();
  }

  async containerLogs(
    node: string,
    pod: { namespace: string; name: string; uid: string },
    options: LogOptions,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    return this.#kubelet(node).containerLogs(pod, options, signal);
  }

  async exec(
    node: string,
    pod: PodReference,
    { container, argv }: { readonly container: string; readonly argv: readonly string[] },
  ): ReturnType<NodeDialer['exec']> {
    const kubelet = this.#kubelet(node);
    kubelet.runningContainer(pod.uid, container);
    return (streams, signal) => kubelet.exec(pod.uid, container, argv, streams, signal);
  }

  async attach(node: string, pod: PodReference, container: string): ReturnType<NodeDialer['attach']> {
    const kubelet = this.#kubelet(node);
    kubelet.runningContainer(pod.uid, container);
    return (streams, signal) => kubelet.attach(pod.uid, container, streams, signal);
  }

  async portForward(node: string, pod: PodReference): ReturnType<NodeDialer['portForward']> {
    const kubelet = this.#kubelet(node);
    const id = await kubelet.readySandbox(pod);
    return { id, connect: (port, connection, signal) => kubelet.portForward(id, port, connection, signal) };
  }

  async http(target: ProxyTarget, request: ProxyRequest): Promise<ProxyResponse> {
    if ('node' in target) return kubeletHttp(this.#kubelet(target.node), request);
    const { method, path, headers, body } = request;
    const response = await this.fabric.http(
      target.ip,
      target.port,
      { method, path, headers, ...(body ? { body: decodeBytes(body) } : {}) },
      this.#controlPlane,
      proxyTimeoutMs,
    );
    return { code: response.status, headers: response.headers, body: encodeText(response.body) };
  }

  #kubelet(node: string): Kubelet {
    const kubelet = this.#members.get(node)?.machine.kubelet;
    if (!kubelet) throw newServiceUnavailable(`the kubelet of node ${node} cannot be reached`);
    return kubelet;
  }

  /** For the end of the cluster: all of it, as it stands. */
  async close(): Promise<void> {
    await this.#changing;
    await Promise.all([...this.#members.values()].map(({ machine }) => machine.close()));
  }
}

function infoOf({ config, state, boots }: NodeRecord, family: IpFamily): NodeInfo {
  const { name, zone = '', capacity = {} } = config;
  const ip = machineAddress(config.ip, family);
  return { name, state, zone, ip, capacity, boots };
}
