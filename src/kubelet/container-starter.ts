/**
 * Starts and kills single containers. Upstream: pkg/kubelet/kuberuntime/kuberuntime_container.go startContainer,
 * killContainer.
 */
import { milliValueOf, StatusError, wholeValueOf } from '../apimachinery/index.ts';
import type { Clock, Logger } from '../base/index.ts';
import type { DownwardContext } from './downward.ts';
import { makeEnvironment } from './environment.ts';
import { expand } from './expansion.ts';
import type { ImageManager } from './image-manager.ts';
import { runHook } from './lifecycle-hooks.ts';
import type { ObjectCache } from './object-cache.ts';
import type { KillReason } from './pod-actions.ts';
import {
  type Container,
  findRuntimeStatus,
  isSidecar,
  type Pod,
  type ProbeHandler,
  type RuntimePodStatus,
} from './pod-types.ts';
import { resolvePort } from './probe-actions.ts';
import type { ContainerConfig, ContainerRole, ContainerRuntime, Mount, MountedVolume } from './runtime/types.ts';
import { StartError } from './start-error.ts';

export interface ContainerStarterDeps {
  /** The kubelet ends: nothing is started any more. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
  readonly runtime: ContainerRuntime;
  readonly images: ImageManager;
  readonly objects: ObjectCache;
  readonly serviceEnvironment: (namespace: string, links: boolean) => Promise<ReadonlyMap<string, string>>;
  readonly containerEvent: (
    pod: Pod,
    container: string,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ) => void;
}

export interface StartInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly role: ContainerRole;
  readonly sandboxId: string;
  readonly runtimeStatus: RuntimePodStatus;
  readonly context: DownwardContext;
  readonly volumes: ReadonlyMap<string, MountedVolume>;
}

/** Upstream: minimumGracePeriodInSeconds. */
const minimumGraceSeconds = 2;

export class ContainerStarter {
  readonly #deps: ContainerStarterDeps;

  constructor(deps: ContainerStarterDeps) {
    this.#deps = deps;
  }

  /** Image, create, start, postStart. @throws StartError */
  async start(input: StartInput): Promise<void> {
    const { runtime, images, clock, containerEvent, signal } = this.#deps;
    const { pod, container, sandboxId } = input;
    const failed = (message: string) => containerEvent(pod, container.name, 'Warning', 'Failed', `Error: ${message}`);

    let imageRef: string;
    try {
      imageRef = await images.ensureImage(pod, container, signal);
    } catch (error) {
      if (error instanceof StartError) failed(error.reason);
      throw error;
    }
    let config: ContainerConfig;
    try {
      config = await this.#configure(input, imageRef);
    } catch (error) {
      const message = error instanceof StatusError ? error.message : (error as Error).message;
      failed(message);
      throw new StartError('CreateContainerConfigError', message);
    }
    signal.throwIfAborted();
    let id: string;
    try {
      id = await runtime.createContainer(sandboxId, config);
    } catch (error) {
      failed((error as Error).message);
      throw new StartError('CreateContainerError', (error as Error).message);
    }
    containerEvent(pod, container.name, 'Normal', 'Created', 'Container created');
    try {
      await runtime.startContainer(id);
    } catch (error) {
      failed((error as Error).message);
      throw new StartError('RunContainerError', (error as Error).message);
    }
    containerEvent(pod, container.name, 'Normal', 'Started', 'Container started');
    const hook = container.lifecycle?.postStart;
    if (!hook) return;
    try {
      await runHook(runtime, clock, hook, { container, containerId: id, podIP: input.context.podIPs[0] ?? '' });
    } catch (error) {
      containerEvent(pod, container.name, 'Warning', 'FailedPostStartHook', 'PostStartHook failed');
      await this.kill(pod, container, id, 'FailedPostStartHook', 'FailedPostStartHook');
      throw new StartError('PostStartHookError', (error as Error).message);
    }
  }

  /** Runs preStop and stops the container within its grace period. `graceSeconds` overrides what the pod says. */
  async kill(
    pod: Pod,
    container: Container,
    containerId: string,
    message: string,
    reason: KillReason,
    graceSeconds?: number,
  ): Promise<void> {
    const { runtime, clock, containerEvent } = this.#deps;
    let grace = gracePeriod(pod, container, reason);
    containerEvent(pod, container.name, 'Normal', 'Killing', message || `Stopping container ${container.name}`);
    if (graceSeconds !== undefined) grace = graceSeconds;
    const hook = container.lifecycle?.preStop;
    if (hook && grace > 0) {
      const startedAt = clock.monotonic();
      await this.#preStop(pod, container, containerId, hook, grace);
      grace -= Math.floor((clock.monotonic() - startedAt) / 1000);
    }
    // A container always gets a little time to end by itself.
    await runtime.stopContainer(containerId, Math.max(grace, minimumGraceSeconds));
  }

  async #preStop(
    pod: Pod,
    container: Container,
    containerId: string,
    hook: ProbeHandler,
    grace: number,
  ): Promise<void> {
    const { runtime, clock, containerEvent } = this.#deps;
    const done = new AbortController();
    const run = runHook(runtime, clock, hook, { container, containerId, podIP: pod.status?.podIP ?? '' })
      .catch(() => containerEvent(pod, container.name, 'Warning', 'FailedPreStopHook', 'PreStopHook failed'))
      .finally(() => done.abort());
    await Promise.race([run, clock.sleep(grace * 1000, done.signal).catch(() => {})]);
  }

  async #configure(input: StartInput, imageRef: string): Promise<ContainerConfig> {
    const { pod, container, context, runtimeStatus } = input;
    const security = { ...pod.spec.securityContext, ...container.securityContext };
    if (security.runAsNonRoot && security.runAsUser === 0) {
      throw new Error(
        `container's runAsUser breaks non-root policy (pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})", container: ${container.name})`,
      );
    }
    const services = await this.#deps.serviceEnvironment(
      pod.metadata.namespace ?? '',
      pod.spec.enableServiceLinks !== false,
    );
    const env = await makeEnvironment(container, context, this.#deps.objects, services);
    const values = new Map(env.map(({ name, value }) => [name, value]));
    const lookup = (name: string) => values.get(name);
    const previous = findRuntimeStatus(runtimeStatus, container.name);
    const { cpu: cpuLimit, memory: memoryLimit } = container.resources?.limits ?? {};
    return {
      metadata: { name: container.name, attempt: previous ? previous.metadata.attempt + 1 : 0 },
      role: input.role,
      image: container.image ?? '',
      imageRef,
      command: (container.command ?? []).map((part) => expand(part, lookup)),
      args: (container.args ?? []).map((part) => expand(part, lookup)),
      workingDir: container.workingDir ?? '',
      env,
      mounts: mountsOf(container, input.volumes, lookup),
      ports: container.ports ?? [],
      probePorts: probePorts(container),
      stdin: container.stdin === true,
      stdinOnce: container.stdinOnce === true,
      tty: container.tty === true,
      runAsUser: security.runAsUser,
      runAsGroup: security.runAsGroup,
      supplementalGroups: pod.spec.securityContext?.supplementalGroups,
      readOnlyRootFilesystem: container.securityContext?.readOnlyRootFilesystem === true,
      terminationMessagePath: container.terminationMessagePath ?? '/dev/termination-log',
      fallbackToLogs: container.terminationMessagePolicy === 'FallbackToLogsOnError',
      ...(cpuLimit === undefined ? {} : { cpuLimitMilli: milliValueOf(cpuLimit) }),
      ...(memoryLimit === undefined ? {} : { memoryLimitBytes: wholeValueOf(memoryLimit) }),
      labels: {
        'io.kubernetes.pod.name': pod.metadata.name ?? '',
        'io.kubernetes.pod.namespace': pod.metadata.namespace ?? '',
        'io.kubernetes.pod.uid': pod.metadata.uid ?? '',
        'io.kubernetes.container.name': container.name,
      },
      annotations: { 'io.kubernetes.container.restartCount': String(previous ? previous.metadata.attempt + 1 : 0) },
    };
  }
}

/** Upstream: setTerminationGracePeriod. */
function gracePeriod(pod: Pod, container: Container, reason: KillReason): number {
  const { deletionGracePeriodSeconds } = pod.metadata;
  if (deletionGracePeriodSeconds !== undefined && pod.metadata.deletionTimestamp) return deletionGracePeriodSeconds;
  const ofPod = pod.spec.terminationGracePeriodSeconds;
  if (ofPod === undefined) return minimumGraceSeconds;
  if (reason === 'StartupProbe') return container.startupProbe?.terminationGracePeriodSeconds ?? ofPod;
  if (reason === 'LivenessProbe') return container.livenessProbe?.terminationGracePeriodSeconds ?? ofPod;
  return ofPod;
}

function mountsOf(
  container: Container,
  volumes: ReadonlyMap<string, MountedVolume>,
  lookup: (name: string) => string | undefined,
): Mount[] {
  return (container.volumeMounts ?? []).map((mount) => {
    const volume = volumes.get(mount.name);
    if (!volume) throw new Error(`cannot find volume "${mount.name}" to mount into container "${container.name}"`);
    const subPath = mount.subPathExpr ? expand(mount.subPathExpr, lookup) : mount.subPath;
    return { volume, containerPath: mount.mountPath, subPath, readOnly: mount.readOnly === true };
  });
}

function probePorts(container: Container): number[] {
  const ports = new Set<number>();
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
  for (const handler of [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop]) {
    const port = handler?.httpGet?.port ?? handler?.tcpSocket?.port ?? handler?.grpc?.port;
    if (port === undefined) continue;
    try {
      ports.add(resolvePort(port, container));
    } catch {
      // A probe of a port that is not named by the container fails when it runs, with its own message.
    }
  }
  return [...ports];
}

export function roleOf(pod: Pod, container: Container): ContainerRole {
  if (pod.spec.ephemeralContainers?.includes(container)) return 'ephemeral';
  if (!pod.spec.initContainers?.includes(container)) return 'app';
  return isSidecar(container) ? 'sidecar' : 'init';
}
