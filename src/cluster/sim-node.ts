/** One simulated machine: its runtime, which outlives the kubelet, and a kubelet while it is switched on. */
import { builtinResources } from '../api/index.ts';
import type { Dispatch } from '../apiserver/index.ts';
import { type Clock, isAbort, type Logger, type Prng, TaskGroup } from '../base/index.ts';
import { KubeClient } from '../client/index.ts';
import {
  type Disks,
  type EvictionConfig,
  type ImageCatalog,
  Kubelet,
  type KubeletPod,
  type MemoryFabric,
  type NodeConfig,
  type Program,
  type ServiceLister,
  SimRuntime,
} from '../kubelet/index.ts';
import { nodeIdentity, transportAs } from './identities.ts';

export interface SimNodeDeps {
  readonly server: { readonly handle: Dispatch };
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
  readonly fabric: MemoryFabric;
  readonly disks: Disks;
  readonly services: ServiceLister;
  readonly clusterDns: string;
  /** Default: upstream's. */
  readonly eviction?: EvictionConfig;
  readonly instantContainers: boolean;
  readonly programs: Readonly<Record<string, Program>>;
  readonly images: ImageCatalog;
  /** The kubelet ended by a mistake of klab's own. */
  readonly onFailure: (error: unknown) => void;
}

export class SimNode {
  readonly config: NodeConfig;
  readonly #deps: SimNodeDeps;
  readonly #runtime: SimRuntime;
  readonly #signal: AbortSignal;
  #kubelet: Kubelet | undefined;
  #group: TaskGroup | undefined;
  #kubeletStarts = 0;
  #staticPods: readonly KubeletPod[] = [];

  constructor(deps: SimNodeDeps, config: NodeConfig, signal: AbortSignal) {
    const { clock, prng, log, fabric, instantContainers, programs, images } = deps;
    this.#deps = deps;
    this.config = config;
    this.#signal = signal;
    this.#runtime = new SimRuntime(
      { clock, prng: prng.fork('runtime'), log, fabric, images },
      { node: config.name, nodeIP: config.ip, programs, ...(instantContainers && { instant: true }) },
    );
  }

  /** Undefined while it is not running. */
  get kubelet(): Kubelet | undefined {
    return this.#kubelet;
  }

  get runtime(): SimRuntime {
    return this.#runtime;
  }

  /** Pods that the machine has by itself, whichever kubelet runs it. */
  setStaticPods(pods: readonly KubeletPod[]): void {
    this.#staticPods = pods;
    this.#kubelet?.setStaticPods(pods);
  }

  /** `boots`: how often the machine was started; from the second time on it has another boot id. */
  startKubelet(boots: number): void {
    if (this.#kubelet) return;
    const { server, clock, prng, log, disks, services, clusterDns, eviction, onFailure } = this.#deps;
    const { config } = this;
    const transport = transportAs(server, nodeIdentity(config.name));
    this.#kubeletStarts++;
    // The machine's identity stays; what a later kubelet draws is not what an earlier one drew.
    const own = this.#kubeletStarts === 1 && boots === 1 ? prng : prng.fork(`start/${boots}/${this.#kubeletStarts}`);
    const kubelet = new Kubelet(
      {
        client: new KubeClient(transport, { definitions: builtinResources, userAgent: 'kubelet/v1.36.0' }),
        clock,
        prng: own,
        machine: prng.fork('machine'),
        log: log.child(`kubelet/${config.name}`),
        runtime: this.#runtime,
        disks,
        services,
        staticPods: this.#staticPods,
      },
      boots === 1 ? config : { ...config, bootID: prng.fork(`boot/${boots}`).uuid() },
      { clusterDNS: [clusterDns], ...(eviction && { eviction }) },
    );
    this.#kubelet = kubelet;
    const group = new TaskGroup(this.#signal);
    this.#group = group;
    group.spawn(kubelet.name, async (signal) => {
      try {
        await kubelet.run(signal);
      } catch (error) {
        if (signal.aborted && isAbort(error)) return;
        log.error('kubelet failed', { node: config.name, error: String((error as Error)?.stack ?? error) });
        onFailure(error);
      }
    });
  }

  /** Containers go on. Resolves when the kubelet has ended. */
  async stopKubelet(): Promise<void> {
    const group = this.#group;
    this.#kubelet = undefined;
    this.#group = undefined;
    await group?.stop();
  }

  /** Kubelet and processes end at once, as when the power fails; the disk keeps what is on it. */
  async powerOff(): Promise<void> {
    await this.stopKubelet();
    this.#runtime.powerOff();
  }

  /** For the end of the cluster. */
  async close(): Promise<void> {
    await this.stopKubelet();
    this.#runtime.close();
  }
}
