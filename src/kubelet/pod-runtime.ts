/**
 * Brings a pod's sandbox and containers to its spec. Upstream: pkg/kubelet/kuberuntime/kuberuntime_manager.go SyncPod,
 * KillPod, doBackOff.
 */
import type { Clock, Logger } from '../base/index.ts';
import { KeyedBackoff } from './backoff.ts';
import { type ContainerStarter, roleOf } from './container-starter.ts';
import type { StartFailure } from './container-statuses.ts';
import { goDuration } from './image-manager.ts';
import { computePodActions, type ProbeLookup } from './pod-actions.ts';
import {
  type Container,
  findContainer,
  findRuntimeStatus,
  formatPod,
  isSidecar,
  type Pod,
  type RuntimePodStatus,
} from './pod-types.ts';
import type { ContainerRuntime, MountedVolume, PodSandboxConfig, RuntimeContainerStatus } from './runtime/types.ts';
import { StartError } from './start-error.ts';

export interface PodRuntimeDeps {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
  readonly runtime: ContainerRuntime;
  readonly starter: ContainerStarter;
  readonly probe: ProbeLookup;
  readonly podEvent: (pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string) => void;
  readonly containerEvent: (
    pod: Pod,
    container: string,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ) => void;
  readonly sandboxConfig: (pod: Pod, attempt: number) => PodSandboxConfig;
  readonly context: (pod: Pod, podIPs: readonly string[]) => import('./downward.ts').DownwardContext;
  readonly terminationRequested: (uid: string) => boolean;
}

/** What a sync came to. */
export interface SyncResult {
  /** Start failures of this sync by container; containers that were started are named with undefined. */
  readonly failures: ReadonlyMap<string, StartFailure | undefined>;
  readonly error?: Error;
  /** The earliest end of a back-off, ms of the cluster clock. */
  readonly retryAt?: number;
}

const crashBackoffInitialMs = 10_000;

export class PodRuntime {
  readonly #deps: PodRuntimeDeps;
  readonly #backoff: KeyedBackoff;

  constructor(deps: PodRuntimeDeps, maxContainerRestartPeriodMs: number) {
    this.#deps = deps;
    this.#backoff = new KeyedBackoff(deps.clock, crashBackoffInitialMs, maxContainerRestartPeriodMs);
  }

  async status(uid: string): Promise<RuntimePodStatus> {
    const { runtime } = this.#deps;
    const [sandboxes, containers] = await Promise.all([runtime.podSandboxes(uid), runtime.podContainers(uid)]);
    return { sandboxes, containers };
  }

  async syncPod(
    pod: Pod,
    runtimeStatus: RuntimePodStatus,
    volumes: ReadonlyMap<string, MountedVolume>,
  ): Promise<SyncResult> {
    const { runtime, starter, podEvent } = this.#deps;
    const uid = pod.metadata.uid!;
    const actions = computePodActions(pod, runtimeStatus, this.#deps.probe);
    const failures = new Map<string, StartFailure | undefined>();
    let { sandboxId } = actions;

    if (actions.killPod) {
      if (actions.createSandbox && sandboxId !== '') {
        podEvent(pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
      }
      await this.killPod(pod, runtimeStatus);
      if (actions.createSandbox) await this.#purgeInit(pod, runtimeStatus);
    } else {
      for (const { container, containerId, message, reason } of actions.toKill) {
        await starter.kill(pod, container, containerId, message, reason);
      }
    }
    let podIPs = pod.spec.hostNetwork
      ? [...this.#deps.context(pod, []).hostIPs]
      : [...(runtimeStatus.sandboxes[0]?.ips ?? [])];
    if (actions.createSandbox) {
      try {
        sandboxId = await runtime.runPodSandbox(this.#deps.sandboxConfig(pod, actions.attempt), this.#deps.signal);
      } catch (error) {
        this.#deps.signal.throwIfAborted();
        if (this.#deps.terminationRequested(uid)) return { failures };
        const text = `Failed to create pod sandbox: ${(error as Error).message}`;
        podEvent(pod, 'Warning', 'FailedCreatePodSandBox', text);
        return { failures, error: new Error(text) };
      }
      if (!pod.spec.hostNetwork) {
        const [sandbox] = await runtime.podSandboxes(uid);
        podIPs = [...(sandbox?.ips ?? [])];
      }
    }
    const current = actions.toKill.length > 0 || actions.killPod ? await this.status(uid) : runtimeStatus;
    const context = this.#deps.context(pod, podIPs);
    const errors: StartError[] = [];
    const start = async (container: Container): Promise<boolean> => {
      try {
        this.#checkBackoff(pod, container, current);
        const role = roleOf(pod, container);
        await starter.start({ pod, container, role, sandboxId, runtimeStatus: current, context, volumes });
        failures.set(container.name, undefined);
        return true;
      } catch (error) {
        if (!(error instanceof StartError)) throw error;
        failures.set(container.name, { reason: error.reason, message: error.message });
        errors.push(error);
        return false;
      }
    };
    for (const container of actions.ephemeralToStart) await start(container);
    let blocked = false;
    for (const container of actions.initToStart) {
      if ((await start(container)) || isSidecar(container)) continue;
      blocked = true;
      break;
    }
    if (!blocked) for (const container of actions.toStart) await start(container);
    if (errors.length === 0) return { failures };
    const retries = errors.map((error) => error.retryAt);
    const retryAt = retries.every((at) => at !== undefined) ? Math.min(...(retries as number[])) : undefined;
    return { failures, error: errors[0], retryAt };
  }

  /**
   * Stops all that runs: containers at once, but sidecars only after the app containers, in reverse order. Then the
   * sandboxes. Upstream: killContainersWithSyncResult, terminationOrdering.
   */
  async killPod(pod: Pod, runtimeStatus: RuntimePodStatus, graceSeconds?: number): Promise<void> {
    const { runtime } = this.#deps;
    const running = runtimeStatus.containers.filter((c) => c.state === 'running' || c.state === 'unknown');
    const sidecarNames = (pod.spec.initContainers ?? []).filter(isSidecar).map((c) => c.name);
    const others = running.filter((c) => !sidecarNames.includes(c.metadata.name));
    const startedAt = this.#deps.clock.monotonic();
    await Promise.all(others.map((container) => this.#killContainer(pod, container, graceSeconds)));
    for (const name of sidecarNames.reverse()) {
      const sidecar = running.find((container) => container.metadata.name === name);
      if (!sidecar) continue;
      const used = Math.floor((this.#deps.clock.monotonic() - startedAt) / 1000);
      const total =
        graceSeconds ?? pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
      await this.#killContainer(pod, sidecar, Math.max(0, total - used));
    }
    for (const sandbox of runtimeStatus.sandboxes)
      if (sandbox.state === 'ready') await runtime.stopPodSandbox(sandbox.id);
  }

  /** Forgets a pod's back-offs. */
  forget(uid: string): void {
    this.#backoff.forget(`${uid}_`);
  }

  async #killContainer(pod: Pod, status: RuntimeContainerStatus, graceSeconds: number | undefined): Promise<void> {
    const { name } = status.metadata;
    const container = findContainer(pod, name);
    if (container) await this.#deps.starter.kill(pod, container, status.id, '', '', graceSeconds);
    else await this.#deps.runtime.stopContainer(status.id, graceSeconds ?? 0);
  }

  /** A new sandbox starts from the first init container: its finished ones must not count as done. */
  async #purgeInit(pod: Pod, runtimeStatus: RuntimePodStatus): Promise<void> {
    for (const { name } of pod.spec.initContainers ?? []) {
      for (const status of runtimeStatus.containers.filter((c) => c.metadata.name === name)) {
        await this.#deps.runtime.removeContainer(status.id);
      }
    }
  }

  #checkBackoff(pod: Pod, container: Container, runtimeStatus: RuntimePodStatus): void {
    const status = findRuntimeStatus(runtimeStatus, container.name);
    if (status?.state !== 'exited') return;
    const key = `${pod.metadata.uid}_${container.name}_${container.image}`;
    if (!this.#backoff.isInBackOffSince(key, status.finishedAt)) {
      this.#backoff.next(key, status.finishedAt);
      return;
    }
    const waitMs = this.#backoff.get(key);
    const text = `Back-off restarting failed container ${container.name} in pod ${formatPod(pod)}`;
    this.#deps.containerEvent(pod, container.name, 'Warning', 'BackOff', text);
    throw new StartError(
      'CrashLoopBackOff',
      `back-off ${goDuration(waitMs)} restarting failed container=${container.name} pod=${formatPod(pod)}`,
      status.finishedAt + waitMs,
    );
  }
}
