/** Simulated nodes: one kubelet each over one runtime and one network. */

import { builtinResources, type PersistentVolume, type Service } from '../api/index.ts';
import { newServiceUnavailable } from '../apimachinery/index.ts';
import type {
  Dispatch,
  LogOptions,
  NodeDialer,
  PodReference,
  ProxyRequest,
  ProxyResponse,
  ProxyTarget,
} from '../apiserver/index.ts';
import { type Clock, type Logger, type Prng, TaskGroup } from '../base/index.ts';
import { KubeClient, type SharedInformer } from '../client/index.ts';
import {
  type ContainerStats,
  type Disks,
  decodeBytes,
  encodeText,
  Kubelet,
  kubeletHttp,
  MemoryFabric,
  type NodeConfig,
  SimRuntime,
} from '../kubelet/index.ts';
import { apiForPods } from './api-for-pods.ts';
import { nodeIdentity, transportAs } from './identities.ts';
import type { ServiceNetwork } from './network-hooks.ts';

export interface NodeFleetDeps {
  readonly server: { readonly handle: Dispatch };
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
  readonly network: ServiceNetwork;
  readonly services: SharedInformer<Service>;
  readonly volumes: SharedInformer<PersistentVolume>;
}

export interface NodeFleetOptions {
  readonly capacity?: Readonly<Record<string, string>>;
  readonly clusterDns: string;
  readonly instantContainers?: boolean;
}

const zones = ['zone-a', 'zone-b', 'zone-c'];

/** `node-1` in zone-a with 192.168.0.11, `node-2` in zone-b, … */
export function nodeConfig(index: number, capacity: NodeFleetOptions['capacity']): NodeConfig {
  const host = index + 10;
  return {
    name: `node-${index}`,
    ip: `192.168.${Math.floor(host / 250)}.${(host % 250) + 1}`,
    region: 'klab',
    zone: zones[(index - 1) % zones.length]!,
    instanceType: 'sim',
    capacity: { cpu: '8', memory: '32Gi', 'ephemeral-storage': '100Gi', pods: '110', ...capacity },
  };
}

/** Where the API server's own connections into the pod network come from. */
const controlPlane = { ip: '192.168.0.10' };
const proxyTimeoutMs = 30_000;

export class NodeFleet implements NodeDialer {
  readonly fabric: MemoryFabric;
  readonly #deps: NodeFleetDeps;
  readonly #options: NodeFleetOptions;
  readonly #kubelets = new Map<string, Kubelet>();
  readonly #runtimes: SimRuntime[] = [];
  readonly #group: TaskGroup;
  /** What volumes hold, whichever node mounts them; a volume that is deleted takes its data along. */
  readonly #disks: Disks = new Map();

  constructor(deps: NodeFleetDeps, options: NodeFleetOptions, signal: AbortSignal) {
    this.#deps = deps;
    this.#options = options;
    this.#group = new TaskGroup(signal);
    deps.volumes.addHandler({ onDelete: (volume) => void this.#disks.delete(volume.metadata.uid!) });
    const external = apiForPods(deps.server, controlPlane.ip);
    this.fabric = new MemoryFabric({ clock: deps.clock }, { ...deps.network.hooks(), external });
  }

  get names(): string[] {
    return [...this.#kubelets.keys()];
  }

  add(config: NodeConfig): void {
    const { server, clock, log, services } = this.#deps;
    const prng = this.#deps.prng.fork(config.name);
    const transport = transportAs(server, nodeIdentity(config.name));
    const client = new KubeClient(transport, { definitions: builtinResources, userAgent: 'kubelet/v1.36.0' });
    const runtime = new SimRuntime(
      { clock, prng: prng.fork('runtime'), log, fabric: this.fabric },
      { node: config.name, ...(this.#options.instantContainers && { instant: true }) },
    );
    this.#runtimes.push(runtime);
    const kubelet = new Kubelet(
      {
        client,
        clock,
        prng,
        log: log.child(`kubelet/${config.name}`),
        runtime,
        disks: this.#disks,
        services: { list: (namespace) => services.lister.list(namespace), hasSynced: () => services.hasSynced },
      },
      config,
      { clusterDNS: [this.#options.clusterDns] },
    );
    this.#kubelets.set(config.name, kubelet);
    this.#group.add(kubelet);
  }

  async podStats(node: string, podUid: string): Promise<readonly ContainerStats[] | undefined> {
    return this.#kubelets.get(node)?.podStats(podUid);
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
      controlPlane,
      proxyTimeoutMs,
    );
    return { code: response.status, headers: response.headers, body: encodeText(response.body) };
  }

  #kubelet(node: string): Kubelet {
    const kubelet = this.#kubelets.get(node);
    if (!kubelet) throw newServiceUnavailable(`the kubelet of node ${node} cannot be reached`);
    return kubelet;
  }

  async stop(): Promise<void> {
    await this.#group.stop();
    // Containers outlive a kubelet on purpose; they end with their machine.
    for (const runtime of this.#runtimes) runtime.close();
  }
}
