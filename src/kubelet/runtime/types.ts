/**
 * The seam between the node agent and whatever runs containers: the simulated runtime, or a CRI client.
 * Upstream: staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto (names and semantics), with JavaScript's shapes.
 * Times are cluster-clock milliseconds; a CRI client converts from nanoseconds.
 */

import type { ByteStream } from '../../wire/index.ts';

export type ContainerRuntimeState = 'created' | 'running' | 'exited' | 'unknown';

export interface RuntimeVersion {
  /** `sim`, `containerd`: the scheme of container ids and of the node's containerRuntimeVersion. */
  readonly runtimeName: string;
  readonly runtimeVersion: string;
}

export interface RuntimeCondition {
  readonly type: 'RuntimeReady' | 'NetworkReady';
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

export interface PodSandboxMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  /** Counts sandboxes of one pod, from 0. */
  readonly attempt: number;
}

export interface PodSandboxConfig {
  readonly metadata: PodSandboxMetadata;
  readonly hostname: string;
  readonly hostNetwork: boolean;
  /** The node's own addresses, for hostNetwork. */
  readonly hostIPs: readonly string[];
  readonly dns: {
    readonly servers: readonly string[];
    readonly searches: readonly string[];
    readonly options: readonly string[];
  };
  readonly hostAliases: readonly { readonly ip: string; readonly hostnames: readonly string[] }[];
  /** CRI leaves addresses to CNI on the node; the simulated runtime is told the node and its ranges, one a family. */
  readonly node: { readonly name: string; readonly podCIDRs: readonly string[] };
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface PodSandboxStatus {
  readonly id: string;
  readonly metadata: PodSandboxMetadata;
  readonly state: 'ready' | 'notready';
  readonly createdAt: number;
  readonly ips: readonly string[];
  readonly hostNetwork: boolean;
}

export interface ContainerPort {
  readonly name?: string;
  readonly containerPort: number;
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
  readonly hostPort?: number;
  /** The node's address that has the host port; default: all. */
  readonly hostIP?: string;
}

/** A file as a volume offers it. `read` is called when a process first reads the file (tokens are minted then). */
export interface VolumeFile {
  readonly path: string;
  readonly mode: number;
  readonly content?: string | Uint8Array;
  read?(): Promise<string>;
}

/** A volume as mounted into containers; one object a pod volume, shared by the pod's containers. */
export interface MountedVolume {
  readonly name: string;
  /** Uid of the persistent volume behind it. */
  readonly disk?: string;
  readonly kind: 'emptyDir' | 'files' | 'hostPath' | 'other';
  /** Current files; the kubelet replaces the array when ConfigMaps or Secrets change. */
  files: readonly VolumeFile[];
}

export interface Mount {
  readonly volume: MountedVolume;
  readonly containerPath: string;
  readonly subPath?: string;
  readonly readOnly: boolean;
}

export interface ContainerMetadata {
  readonly name: string;
  /** The restart count. */
  readonly attempt: number;
}

/** Container kinds as the kubelet knows them; CRI carries it in labels. */
export type ContainerRole = 'init' | 'sidecar' | 'app' | 'ephemeral';

export interface ContainerConfig {
  readonly metadata: ContainerMetadata;
  readonly role: ContainerRole;
  /** As the pod names it. */
  readonly image: string;
  /** As `pullImage` returned it. */
  readonly imageRef: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly workingDir: string;
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly mounts: readonly Mount[];
  readonly ports: readonly ContainerPort[];
  /** Ports that probes and hooks of this container reach; a simulated server listens there too. */
  readonly probePorts: readonly number[];
  readonly stdin: boolean;
  /** The end of the first attached client's input is the end of the container's. */
  readonly stdinOnce?: boolean;
  readonly tty: boolean;
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly supplementalGroups?: readonly number[];
  readonly readOnlyRootFilesystem: boolean;
  readonly terminationMessagePath: string;
  /** With an error exit and no message file, the last log lines are the message. */
  readonly fallbackToLogs: boolean;
  /** Thousandths of a core. Absent: none. */
  readonly cpuLimitMilli?: number;
  /** Bytes. Absent: none. */
  readonly memoryLimitBytes?: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface RuntimeContainerStatus {
  readonly id: string;
  readonly sandboxId: string;
  readonly metadata: ContainerMetadata;
  readonly state: ContainerRuntimeState;
  readonly createdAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly exitCode: number;
  /** `Completed`, `Error`, `OOMKilled`, `StartError`, … when exited. */
  readonly reason: string;
  readonly message: string;
  /** As reported in `status.image`: the image's normalised name. */
  readonly image: string;
  /** As the pod named it when the container was created; CRI keeps it in an annotation. */
  readonly requestedImage?: string;
  readonly imageRef: string;
  readonly user?: { readonly uid: number; readonly gid: number; readonly supplementalGroups: readonly number[] };
}

export interface ExecResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** In characters. */
export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** What an interactive exec or attach needs. */
export interface ExecStreams {
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** A promise: the client is behind; write on when it resolves. */
  stdout(chunk: Uint8Array): void | Promise<void> | undefined;
  stderr(chunk: Uint8Array): void | Promise<void> | undefined;
  /** The command runs at a terminal: stderr goes to stdout. */
  readonly tty?: boolean;
  readonly resize?: AsyncIterable<TerminalSize>;
}

/** One CRI log line. `partial` lines are joined by readers. */
export interface LogLine {
  readonly time: number;
  readonly stream: 'stdout' | 'stderr';
  readonly partial: boolean;
  readonly text: string;
}

export interface RuntimeLogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  /** Cluster-clock ms; lines before it are left out. */
  readonly sinceMs?: number;
  readonly tailLines?: number;
  readonly limitBytes?: number;
}

export interface ContainerStats {
  readonly id: string;
  readonly name: string;
  /** Cumulative. */
  readonly cpuUsageCoreNanoSeconds: number;
  readonly cpuUsageNanoCores: number;
  readonly memoryWorkingSetBytes: number;
  /** What it wrote that is not in a volume, with its log: counts as ephemeral storage. */
  readonly writableLayerBytes: number;
  /** Files and directories it made that are not in a volume. */
  readonly inodesUsed: number;
  readonly processes: number;
  /** Cluster-clock ms: the end of the window that `cpuUsageNanoCores` is the rate of; absent before there was one. */
  readonly sampledAt?: number;
}

/** What the machine as a whole has in use, volumes excepted. Upstream: the node's part of stats/v1alpha1 Summary. */
export interface NodeStats {
  readonly containerMemoryBytes: number;
  /** Of what is no container. */
  readonly otherMemoryBytes: number;
  /** Images, writable layers, logs and what else lies on the one disk. */
  readonly diskBytes: number;
  readonly inodes: number;
  readonly processes: number;
}

/** Upstream's PLEG in event form (CRI GetContainerEvents). */
export interface ContainerEvent {
  readonly type: 'created' | 'started' | 'stopped' | 'deleted';
  readonly containerId: string;
  readonly podUid: string;
}

/** What the runtime answers when it refuses: the kubelet puts `message` into statuses and events. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
  readonly code: 'NotFound' | 'InvalidArgument' | 'Unavailable' | 'DeadlineExceeded' | 'Unknown';
  constructor(code: RuntimeError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface RuntimeService {
  version(): Promise<RuntimeVersion>;
  status(): Promise<readonly RuntimeCondition[]>;
  /** Returns the sandbox id; its network is up. */
  runPodSandbox(config: PodSandboxConfig, signal?: AbortSignal): Promise<string>;
  /** Stops what still runs in it and takes its network down. Idempotent. */
  stopPodSandbox(sandboxId: string): Promise<void>;
  removePodSandbox(sandboxId: string): Promise<void>;
  /** Newest first. */
  podSandboxes(podUid: string): Promise<readonly PodSandboxStatus[]>;
  /** Pods that the runtime holds anything of: for clean-up after a restart. */
  listPodUids(): Promise<readonly string[]>;
  createContainer(sandboxId: string, config: ContainerConfig): Promise<string>;
  startContainer(containerId: string): Promise<void>;
  /** TERM, then KILL after `timeoutSeconds`. Resolves when it has stopped. Idempotent. */
  stopContainer(containerId: string, timeoutSeconds: number): Promise<void>;
  removeContainer(containerId: string): Promise<void>;
  /** Containers of a pod, newest first. */
  podContainers(podUid: string): Promise<readonly RuntimeContainerStatus[]>;
  containerStatus(containerId: string): Promise<RuntimeContainerStatus>;
  /** @throws RuntimeError DeadlineExceeded after `timeoutSeconds` (0 = none). */
  execSync(containerId: string, command: readonly string[], timeoutSeconds: number): Promise<ExecResult>;
  /** Runs with streams; resolves with the exit code. */
  exec(containerId: string, command: readonly string[], streams: ExecStreams, signal: AbortSignal): Promise<number>;
  /** The streams of the container's first process; resolves when it has ended. */
  attach(containerId: string, streams: ExecStreams, signal: AbortSignal): Promise<void>;
  /** One connection to a port within the pod; resolves when it has ended. @throws RuntimeError when nothing answers. */
  portForward(sandboxId: string, port: number, connection: ByteStream, signal: AbortSignal): Promise<void>;
  containerLogs(containerId: string, options: RuntimeLogOptions, signal: AbortSignal): AsyncIterable<Uint8Array>;
  podStats(podUid: string): Promise<readonly ContainerStats[]>;
  nodeStats(): Promise<NodeStats>;
  /** What is in a volume on the node. */
  volumeBytes(volume: MountedVolume): number;
  volumeInodes(volume: MountedVolume): number;
  /** Calls back on each change, in order. Returns the way to stop. */
  onEvent(listener: (event: ContainerEvent) => void): () => void;
}

export interface ImageSpec {
  readonly image: string;
}

export interface RuntimeImage {
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly sizeBytes: number;
}

export interface ImageService {
  listImages(): Promise<readonly RuntimeImage[]>;
  imageStatus(image: string): Promise<RuntimeImage | undefined>;
  /** Returns the image reference. @throws RuntimeError with the registry's answer. */
  pullImage(image: string, signal?: AbortSignal): Promise<string>;
  removeImage(image: string): Promise<void>;
  /** Images that no container uses, for their room on the disk. */
  removeUnusedImages(): Promise<void>;
}

/** One HTTP request as a probe or hook makes it. */
export interface ProbeHttpRequest {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** How the kubelet's probes reach a pod's sockets: real sockets with a CRI runtime, the fabric with the simulated one. */
export interface ProbeNetwork {
  /** @throws Error with Go's wording of dial errors. */
  http(request: ProbeHttpRequest, timeoutMs: number): Promise<{ readonly status: number; readonly body: string }>;
  tcp(host: string, port: number, timeoutMs: number): Promise<void>;
  grpcHealth(
    host: string,
    port: number,
    service: string,
    timeoutMs: number,
  ): Promise<'SERVING' | 'NOT_SERVING' | 'UNKNOWN'>;
}

/** All that a node agent needs of a container runtime. */
export interface ContainerRuntime extends RuntimeService, ImageService {
  readonly probes: ProbeNetwork;
}
