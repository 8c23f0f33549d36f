/**
 * A container runtime of programs in TypeScript, one instance a node. Upstream counterpart: containerd's CRI plugin;
 * what it answers, and in which words, follows containerd 2.x.
 */
import type { Clock, Logger, Prng } from '../../../base/index.ts';
import type { ByteStream } from '../../../wire/index.ts';
import {
  type ContainerConfig,
  type ContainerEvent,
  type ContainerRuntime,
  type ContainerStats,
  type ExecResult,
  type ExecStreams,
  type MountedVolume,
  type NodeStats,
  type PodSandboxConfig,
  type PodSandboxStatus,
  type ProbeNetwork,
  type RuntimeCondition,
  type RuntimeContainerStatus,
  RuntimeError,
  type RuntimeImage,
  type RuntimeLogOptions,
} from '../types.ts';
import { makeCommandTable } from './command-table.ts';
import { ConnectError, type NetworkFabric } from './fabric-types.ts';
import { volumeBytes, volumeInodes } from './file-system.ts';
import { definitionOf, digestOf, parseImageName, sizeOf } from './images.ts';
import type { Program } from './shell/commands/lines.ts';
import type { CommandTable } from './shell/interpreter.ts';
import { SimContainer, type SimSandbox } from './sim-container.ts';
import { SimProbes } from './sim-probes.ts';
import { ImageCatalog, type UserImage } from './user-images/catalog.ts';

export interface SimRuntimeDeps {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
  /** Shared by all nodes of a cluster. */
  readonly fabric: NetworkFabric;
  /** Users' images; shared by all nodes of a cluster. Default none. */
  readonly images?: ImageCatalog;
}

export interface SimRuntimeOptions {
  /** Shown behind `sim://`. Default 0.1.0. */
  readonly version?: string;
  /** Milliseconds one pull takes. Default: by size, 50 to 400 ms, with the seed's jitter. */
  readonly pullMs?: (image: string, sizeBytes: number) => number;
  /** Milliseconds to make a sandbox and to start a container. Default 10 and 10. */
  readonly sandboxMs?: number;
  readonly startMs?: number;
  /** Images that are on the node from the start. */
  readonly preloaded?: readonly string[];
  /** True for images that cannot be pulled, with the registry's answer. Default: names under `.invalid`. */
  readonly pullError?: (image: string) => string | undefined;
  /** The node this runtime serves: where its probes come from. */
  readonly node?: string;
  /** Its address; probes of 127.0.0.1 reach the pods of the host's network. */
  readonly nodeIP?: string;
  /** Programs that containers may run besides klab's own, by name. */
  readonly programs?: Readonly<Record<string, Program>>;
  /** Pulls, sandboxes and starts take no time. Default false. */
  readonly instant?: boolean;
}

interface Image {
  readonly normalized: string;
  readonly image: RuntimeImage;
}

/** What the machine's own processes take besides its containers. Bytes, and numbers. */
export interface MachineUse {
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly processes: number;
}

const nothing: MachineUse = { memoryBytes: 0, diskBytes: 0, processes: 0 };

/** Upstream: ContainerGC keeps one dead instance a container. */
const deadInstancesKept = 1;

export class SimRuntime implements ContainerRuntime {
  readonly probes: ProbeNetwork;
  readonly #deps: SimRuntimeDeps;
  readonly #options: SimRuntimeOptions;
  readonly #prng: Prng;
  readonly #table: CommandTable;
  readonly #catalog: ImageCatalog;
  /** Failed pulls of users' images that are made to fail some times. */
  readonly #failedPulls = new Map<string, number>();
  readonly #sandboxes = new Map<string, SimSandbox>();
  readonly #containers = new Map<string, SimContainer>();
  readonly #byPod = new Map<string, { readonly sandboxes: SimSandbox[]; readonly containers: SimContainer[] }>();
  readonly #images = new Map<string, Image>();
  readonly #listeners = new Set<(event: ContainerEvent) => void>();
  #imageList: readonly RuntimeImage[] | undefined;
  #imageBytes = 0;
  #machine: MachineUse = nothing;

  constructor(deps: SimRuntimeDeps, options: SimRuntimeOptions = {}) {
    this.#deps = deps;
    this.#options = options.instant ? { pullMs: () => 0, sandboxMs: 0, startMs: 0, ...options } : options;
    this.#prng = deps.prng.fork('runtime');
    this.#table = makeCommandTable(options.programs);
    this.#catalog = deps.images ?? new ImageCatalog();
    this.probes = new SimProbes(deps.fabric, {
      ip: options.nodeIP ?? '0.0.0.0',
      ...(options.node ? { node: options.node } : {}),
    });
    for (const image of options.preloaded ?? []) this.#addImage(image);
  }

  async version() {
    return { runtimeName: 'sim', runtimeVersion: this.#options.version ?? '0.1.0' };
  }

  async status(): Promise<readonly RuntimeCondition[]> {
    return ready;
  }

  onEvent(listener: (event: ContainerEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Kills every process, as when the machine goes down: nothing of it waits on the clock any more. */
  close(): void {
    for (const container of this.#containers.values()) container.kill();
  }

  /**
   * The machine loses its power: processes and the pod network end, images and the remains of containers stay on its
   * disk. What containerd finds after the next start: containers that ended it does not know how (255, Unknown), and
   * sandboxes that are not ready.
   */
  powerOff(): void {
    // Files stay on the disk.
    this.#machine = { ...nothing, diskBytes: this.#machine.diskBytes };
    for (const container of this.#containers.values()) container.lost();
    for (const sandbox of this.#sandboxes.values()) {
      if (!sandbox.ready) continue;
      sandbox.ready = false;
      if (sandbox.config.hostNetwork) continue;
      for (const ip of sandbox.ips) this.#deps.fabric.release(sandbox.config.node.name, ip);
    }
  }

  async runPodSandbox(config: PodSandboxConfig, signal?: AbortSignal): Promise<string> {
    const { clock } = this.#deps;
    const delay = this.#options.sandboxMs ?? 10;
    if (delay > 0) await clock.sleep(delay, signal);
    const id = this.#newId();
    let ips = config.hostIPs;
    if (!config.hostNetwork) {
      try {
        ips = this.#addresses(config, id);
      } catch (error) {
        const message = `rpc error: code = Unknown desc = failed to setup network for sandbox "${id}": plugin type="sim" failed (add): ${(error as Error).message}`;
        throw new RuntimeError('Unknown', message, { cause: error });
      }
    }
    const sandbox: SimSandbox = { id, config, createdAt: clock.now(), ips, ready: true };
    this.#sandboxes.set(id, sandbox);
    this.#pod(config.metadata.uid).sandboxes.unshift(sandbox);
    this.#emit({ type: 'started', containerId: id, podUid: config.metadata.uid });
    return id;
  }

  /** One of each range of the node, or none at all. */
  #addresses({ node }: PodSandboxConfig, id: string): readonly string[] {
    const { fabric } = this.#deps;
    const ips: string[] = [];
    try {
      for (const cidr of node.podCIDRs) ips.push(fabric.allocate(node.name, cidr, id));
      return ips;
    } catch (error) {
      for (const ip of ips) fabric.release(node.name, ip);
      throw error;
    }
  }

  async stopPodSandbox(sandboxId: string): Promise<void> {
    const sandbox = this.#sandboxes.get(sandboxId);
    if (!sandbox?.ready) return;
    for (const container of this.#pod(sandbox.config.metadata.uid).containers) {
      if (container.sandbox === sandbox) await container.stop(0);
    }
    sandbox.ready = false;
    if (!sandbox.config.hostNetwork) {
      for (const ip of sandbox.ips) this.#deps.fabric.release(sandbox.config.node.name, ip);
    }
    this.#emit({ type: 'stopped', containerId: sandboxId, podUid: sandbox.config.metadata.uid });
  }

  async removePodSandbox(sandboxId: string): Promise<void> {
    const sandbox = this.#sandboxes.get(sandboxId);
    if (!sandbox) return;
    await this.stopPodSandbox(sandboxId);
    const pod = this.#pod(sandbox.config.metadata.uid);
    for (const container of pod.containers.filter((c) => c.sandbox === sandbox))
      await this.removeContainer(container.id);
    pod.sandboxes.splice(pod.sandboxes.indexOf(sandbox), 1);
    this.#sandboxes.delete(sandboxId);
    if (pod.sandboxes.length === 0 && pod.containers.length === 0) this.#byPod.delete(sandbox.config.metadata.uid);
  }

  async podSandboxes(podUid: string): Promise<readonly PodSandboxStatus[]> {
    return (this.#byPod.get(podUid)?.sandboxes ?? []).map((sandbox) => ({
      id: sandbox.id,
      metadata: sandbox.config.metadata,
      state: sandbox.ready ? 'ready' : 'notready',
      createdAt: sandbox.createdAt,
      ips: sandbox.ready ? sandbox.ips : [],
      hostNetwork: sandbox.config.hostNetwork,
    }));
  }

  async listPodUids(): Promise<readonly string[]> {
    return [...this.#byPod.keys()];
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    const sandbox = this.#sandboxes.get(sandboxId);
    if (!sandbox) throw new RuntimeError('NotFound', `failed to find sandbox id "${sandboxId}": not found`);
    const pod = this.#pod(sandbox.config.metadata.uid);
    const { name } = config.metadata;
    const image = this.#catalog.find(config.image)?.definition ?? definitionOf(config.image);
    if (image.user?.createError !== undefined) throw new RuntimeError('Unknown', image.user.createError);
    const container = new SimContainer(
      {
        clock: this.#deps.clock,
        prng: this.#prng,
        fabric: this.#deps.fabric,
        table: this.#table,
        onExit: (c) => this.#exited(c),
      },
      {
        id: this.#newId(),
        sandbox,
        config,
        image,
        imageName: parseImageName(config.image).normalized,
      },
    );
    this.#containers.set(container.id, container);
    pod.containers.unshift(container);
    const dead = pod.containers.filter(
      (c) => c.config.metadata.name === name && c !== container && c.state === 'exited',
    );
    for (const old of dead.slice(deadInstancesKept)) await this.removeContainer(old.id);
    this.#emit({ type: 'created', containerId: container.id, podUid: sandbox.config.metadata.uid });
    return container.id;
  }

  async startContainer(containerId: string): Promise<void> {
    const container = this.#container(containerId);
    const delay = (this.#options.startMs ?? 10) + (container.startDelayMs ?? 0);
    if (delay > 0) await this.#deps.clock.sleep(delay);
    if (!container.sandbox.ready) {
      throw new RuntimeError('Unknown', `failed to start container "${containerId}": sandbox container is not running`);
    }
    container.start();
    this.#emit({ type: 'started', containerId, podUid: container.podUid });
  }

  async stopContainer(containerId: string, timeoutSeconds: number): Promise<void> {
    await this.#containers.get(containerId)?.stop(timeoutSeconds);
  }

  async removeContainer(containerId: string): Promise<void> {
    const container = this.#containers.get(containerId);
    if (!container) return;
    await container.stop(0);
    const { containers } = this.#pod(container.podUid);
    containers.splice(containers.indexOf(container), 1);
    this.#containers.delete(containerId);
    this.#emit({ type: 'deleted', containerId, podUid: container.podUid });
  }

  async podContainers(podUid: string): Promise<readonly RuntimeContainerStatus[]> {
    return (this.#byPod.get(podUid)?.containers ?? []).map((container) => container.status());
  }

  async containerStatus(containerId: string): Promise<RuntimeContainerStatus> {
    return this.#container(containerId).status();
  }

  async execSync(containerId: string, command: readonly string[], timeoutSeconds: number): Promise<ExecResult> {
    return this.#container(containerId).execSync(command, timeoutSeconds);
  }

  async exec(
    containerId: string,
    command: readonly string[],
    streams: ExecStreams,
    signal: AbortSignal,
  ): Promise<number> {
    return this.#container(containerId).exec(command, streams, signal);
  }

  async attach(containerId: string, streams: ExecStreams, signal: AbortSignal): Promise<void> {
    await this.#container(containerId).attach(streams, signal);
  }

  async portForward(sandboxId: string, port: number, connection: ByteStream, signal: AbortSignal): Promise<void> {
    const sandbox = this.#sandboxes.get(sandboxId);
    if (!sandbox) {
      throw new RuntimeError('NotFound', `an error occurred when try to find sandbox "${sandboxId}": not found`);
    }
    const { name, namespace } = sandbox.config.metadata;
    const from = { ip: sandbox.ips[0] ?? '', ips: sandbox.ips, node: sandbox.config.node.name, namespace, pod: name };
    const onAbort = () => connection.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#deps.fabric.stream('127.0.0.1', port, connection, from, 5_000);
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      throw new RuntimeError(
        'Unknown',
        `failed to execute portforward in network namespace "/var/run/netns/cni-${sandboxId.slice(0, 8)}": failed to connect to localhost:${port} inside namespace "${sandboxId}", IPv4: dial tcp4 127.0.0.1:${port}: connect: connection refused IPv6 dial tcp6 [::1]:${port}: connect: connection refused`,
        { cause: error },
      );
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async *containerLogs(
    containerId: string,
    options: RuntimeLogOptions,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, void> {
    yield* this.#container(containerId).log.read(options, signal);
  }

  async podStats(podUid: string): Promise<readonly ContainerStats[]> {
    return (this.#byPod.get(podUid)?.containers ?? [])
      .filter((c) => c.state === 'running')
      .map((container) => container.stats());
  }

  /** What the machine's own processes take, for who wants a node that is short of something. */
  get machineUse(): MachineUse {
    return this.#machine;
  }

  setMachineUse(use: Partial<MachineUse>): void {
    this.#machine = { ...this.#machine, ...use };
  }

  async nodeStats(): Promise<NodeStats> {
    const { memoryBytes, diskBytes, processes } = this.#machine;
    const total = { containerMemoryBytes: 0, otherMemoryBytes: memoryBytes, diskBytes, inodes: 0, processes };
    total.diskBytes += this.#imageBytes;
    for (const container of this.#containers.values()) {
      total.containerMemoryBytes += container.memoryBytes;
      total.diskBytes += container.diskBytes;
      total.inodes += container.inodes;
      total.processes += container.processes;
    }
    return total;
  }

  volumeBytes(volume: MountedVolume): number {
    return volumeBytes(volume);
  }

  volumeInodes(volume: MountedVolume): number {
    return volumeInodes(volume);
  }

  async listImages(): Promise<readonly RuntimeImage[]> {
    this.#imageList ??= [...new Set([...this.#images.values()].map(({ image }) => image))];
    return this.#imageList;
  }

  async imageStatus(image: string): Promise<RuntimeImage | undefined> {
    return this.#images.get(parseImageName(image).normalized)?.image;
  }

  async pullImage(image: string, signal?: AbortSignal): Promise<string> {
    const { clock } = this.#deps;
    const { normalized } = parseImageName(image);
    const own = this.#catalog.find(image);
    const size = own?.size ?? sizeOf(image);
    const known = this.#images.get(normalized);
    const ms =
      own?.pull.timeMs ?? this.#options.pullMs?.(image, size) ?? (known ? 5 : defaultPullMs(size, this.#prng.float()));
    if (ms > 0) await clock.sleep(ms, signal);
    const error = own ? this.#userPullError(own) : (this.#options.pullError ?? invalidDomain)(image);
    if (error !== undefined) throw new RuntimeError('Unknown', error);
    return (known ?? this.#addImage(image)).image.id;
  }

  #userPullError({ normalized, pull }: UserImage): string | undefined {
    if (pull.error === undefined) return undefined;
    const failed = this.#failedPulls.get(normalized) ?? 0;
    if (pull.failures !== undefined && failed >= pull.failures) return undefined;
    this.#failedPulls.set(normalized, failed + 1);
    return `failed to pull and unpack image "${normalized}": ${pull.error}`;
  }

  async removeImage(image: string): Promise<void> {
    const { normalized } = parseImageName(image);
    this.#imageBytes -= this.#images.get(normalized)?.image.sizeBytes ?? 0;
    this.#images.delete(normalized);
    this.#imageList = undefined;
  }

  async removeUnusedImages(): Promise<void> {
    const used = new Set<string>();
    for (const { config } of this.#containers.values()) used.add(parseImageName(config.image).normalized);
    for (const name of [...this.#images.keys()]) if (!used.has(name)) await this.removeImage(name);
  }

  #addImage(name: string): Image {
    const { normalized, domain, repository, tag } = parseImageName(name);
    const own = this.#catalog.find(name);
    const digest = own?.digest ?? digestOf(name);
    const reference = `${domain}/${repository}@${digest}`;
    const image: RuntimeImage = {
      id: reference,
      repoTags: tag === '' ? [] : [`${domain}/${repository}:${tag}`],
      repoDigests: [reference],
      sizeBytes: own?.size ?? sizeOf(name),
    };
    const entry = { normalized, image };
    this.#imageBytes += image.sizeBytes - (this.#images.get(normalized)?.image.sizeBytes ?? 0);
    this.#images.set(normalized, entry);
    this.#imageList = undefined;
    return entry;
  }

  #exited(container: SimContainer): void {
    this.#emit({ type: 'stopped', containerId: container.id, podUid: container.podUid });
  }

  #pod(uid: string) {
    let pod = this.#byPod.get(uid);
    if (!pod) {
      pod = { sandboxes: [], containers: [] };
      this.#byPod.set(uid, pod);
    }
    return pod;
  }

  #container(id: string): SimContainer {
    const container = this.#containers.get(id);
    if (!container)
      throw new RuntimeError('NotFound', `an error occurred when try to find container "${id}": not found`);
    return container;
  }

  #newId(): string {
    return Buffer.from(this.#prng.bytes(32)).toString('hex');
  }

  #emit(event: ContainerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

const ready: readonly RuntimeCondition[] = [
  { type: 'RuntimeReady', status: true, reason: '', message: '' },
  { type: 'NetworkReady', status: true, reason: '', message: '' },
];

function defaultPullMs(sizeBytes: number, random: number): number {
  return Math.round(Math.min(400, 50 + sizeBytes / 500_000) * (0.8 + 0.4 * random));
}

/** `.invalid` never resolves (RFC 2606). */
function invalidDomain(image: string): string | undefined {
  const { domain, normalized, repository, tag } = parseImageName(image);
  const host = domain.split(':')[0]!;
  if (!host.endsWith('.invalid')) return undefined;
  return `failed to pull and unpack image "${normalized}": failed to resolve reference "${normalized}": failed to do request: Head "https://${domain}/v2/${repository}/manifests/${tag}": dial tcp: lookup ${host}: no such host`;
}
