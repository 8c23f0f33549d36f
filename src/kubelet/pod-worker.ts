/**
 * The life of one pod on the node: syncing, then terminating, then terminated. One step at a time; what happens during
 * a step leads to another one. Upstream: pkg/kubelet/pod_workers.go, kubelet.go SyncPod/SyncTerminatingPod/
 * SyncTerminatedPod.
 * Differs: runtime events start a sync themselves, so there is no periodic relist, and the periodic resync only serves
 * pods with live volumes.
 */
import { deepEqual } from '../apimachinery/index.ts';
import { type Clock, type Logger, type Prng, parseTime, type Timer } from '../base/index.ts';
import type { StartFailure } from './container-statuses.ts';
import type { PodRuntime } from './pod-runtime.ts';
import { generatePodStatus, type PodStatusDeps } from './pod-status.ts';
import { isTerminalPhase, type Pod, type PodStatus, type RuntimePodStatus } from './pod-types.ts';
import type { PodVolumes } from './pod-volumes.ts';
import type { ProbeManager } from './prober.ts';
import type { ContainerEvent } from './runtime/types.ts';
import type { StatusManager } from './status-manager.ts';
import { MountError } from './volumes.ts';

export interface PodWorkerDeps {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
  readonly podRuntime: PodRuntime;
  readonly statuses: StatusManager;
  readonly probes: ProbeManager;
  readonly volumes: PodVolumes;
  readonly statusDeps: PodStatusDeps;
  readonly networkError: () => string | undefined;
  readonly podEvent: (pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string) => void;
  /** The worker has nothing more to do for this pod. */
  readonly onTerminated: (uid: string) => void;
  /** Called with every task started, so that the kubelet ends only after them. */
  readonly track: (task: Promise<void>) => void;
  /** The kubelet ends: calls of the runtime under way are abandoned, as those of a real one are. */
  readonly signal: AbortSignal;
}

/** Why a pod is stopped though nobody deleted it: the deadline passed, or the node refuses it. */
export interface Eviction {
  readonly reason: string;
  readonly message: string;
  /** Message of a DisruptionTarget condition. */
  readonly disruption?: string;
}

/** Upstream: backOffPeriod, backOffOnTransientErrorPeriod, and the PLEG's relist period. */
const errorBackoffMs = 10_000;
const transientBackoffMs = 1_000;
const relistMs = 1_000;

export class PodWorker {
  readonly uid: string;
  #pod: Pod;
  readonly #deps: PodWorkerDeps;
  readonly #syncFrequencyMs: number;
  #state: 'sync' | 'terminating' | 'terminated' = 'sync';
  #working = false;
  #dirty = false;
  #timer: Timer | undefined;
  #deadline: Timer | undefined;
  #eviction: Eviction | undefined;
  #graceOverride: number | undefined;
  /** Containers started or created by the sync under way. */
  #ownEvents = false;
  readonly #failures = new Map<string, StartFailure>();
  #stopped = false;
  /** Termination has stopped every container: a terminal phase may be published. */
  #stoppedAll = false;

  constructor(pod: Pod, deps: PodWorkerDeps, syncFrequencyMs: number) {
    this.uid = pod.metadata.uid!;
    this.#pod = pod;
    this.#deps = deps;
    this.#syncFrequencyMs = syncFrequencyMs;
  }

  get pod(): Pod {
    return this.#pod;
  }

  get state(): 'sync' | 'terminating' | 'terminated' {
    return this.#state;
  }

  get terminationRequested(): boolean {
    return this.#state !== 'sync' || this.#pod.metadata.deletionTimestamp !== undefined;
  }

  failure(container: string): StartFailure | undefined {
    return this.#failures.get(container);
  }

  get eviction(): Eviction | undefined {
    return this.#eviction;
  }

  /** A newer version of the pod from the API. */
  update(pod: Pod): void {
    const before = this.#pod;
    this.#pod = pod;
    const deleted = pod.metadata.deletionTimestamp !== undefined && before.metadata.deletionTimestamp === undefined;
    const shorter = (pod.metadata.deletionGracePeriodSeconds ?? 0) < (before.metadata.deletionGracePeriodSeconds ?? 0);
    if (deleted && this.#state === 'sync') this.#state = 'terminating';
    if (deleted && this.#state === 'terminated') this.#deps.onTerminated(this.uid);
    if (shorter) this.#wakeShorter?.();
    if (deleted || specOrMetaChanged(before, pod)) this.trigger();
  }

  /** The object is gone from the API: stop everything now. */
  removed(): void {
    if (this.#state === 'sync') this.#state = 'terminating';
    this.#graceOverride ??= this.#pod.metadata.deletionGracePeriodSeconds ?? undefined;
    this.trigger();
  }

  evict(eviction: Eviction, graceSeconds?: number): void {
    if (this.#state !== 'sync') return;
    this.#eviction = eviction;
    this.#graceOverride = graceSeconds;
    this.#state = 'terminating';
    this.trigger();
  }

  /** The node refuses the pod: its status is final, nothing is started. */
  reject(reason: string, message: string): void {
    this.#eviction = { reason, message };
    this.#state = 'terminated';
    this.#deps.statuses.terminate(this.#pod);
    this.#deps.onTerminated(this.uid);
  }

  get couldHaveRunningContainers(): boolean {
    return this.#state !== 'terminated' && !this.#stoppedAll;
  }

  runtimeEvent(event: ContainerEvent): void {
    if (this.#working && (event.type === 'created' || event.type === 'started')) this.#ownEvents = true;
    else if (event.type !== 'deleted') this.trigger();
  }

  /** Look at the pod soon. */
  trigger(): void {
    if (this.#stopped || this.#state === 'terminated') return;
    if (this.#working) {
      this.#dirty = true;
      return;
    }
    this.#working = true;
    this.#timer?.cancel();
    this.#deps.track(orAborted(this.#work(), this.#deps.signal));
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#deadline?.cancel();
  }

  async #work(): Promise<void> {
    for (;;) {
      this.#dirty = false;
      this.#ownEvents = false;
      const delayMs = await this.#step();
      if (this.#stopped || this.state === 'terminated') break;
      if (this.#dirty) continue;
      if (delayMs !== undefined) this.#timer = this.#deps.clock.schedule(delayMs, () => this.trigger());
      break;
    }
    this.#working = false;
  }

  /** One step. Returns after how long another one is due, if ever. */
  async #step(): Promise<number | undefined> {
    try {
      if (this.#state === 'sync') return await this.#sync();
      await this.#terminate();
      return undefined;
    } catch (error) {
      if (this.#stopped || this.#deps.signal.aborted) return undefined;
      this.#deps.log.warn('error syncing pod, skipping', {
        pod: this.#pod.metadata.name,
        uid: this.uid,
        error: String(error),
      });
      return this.#jitter(errorBackoffMs);
    }
  }

  async #sync(): Promise<number | undefined> {
    const { podRuntime, statuses, probes, volumes, networkError, podEvent } = this.#deps;
    const pod = this.#pod;
    const runtimeStatus = await podRuntime.status(this.uid);
    const status = this.#publish(pod, runtimeStatus, false);
    if (isTerminalPhase(status.phase)) {
      this.#state = 'terminating';
      this.#dirty = true;
      return undefined;
    }
    this.#armDeadline(pod, statuses.get(this.uid));
    const network = networkError();
    if (network !== undefined && !pod.spec.hostNetwork) {
      podEvent(pod, 'Warning', 'NetworkNotReady', `network is not ready: ${network}`);
      return this.#jitter(transientBackoffMs);
    }
    try {
      await volumes.mount(pod);
    } catch (error) {
      if (!(error instanceof MountError)) throw error;
      return volumes.retryDelay(this.uid);
    }
    if (this.#state !== 'sync') return undefined;
    probes.addPod(pod);
    const result = await podRuntime.syncPod(pod, runtimeStatus, volumes.mounted(this.uid));
    for (const [container, failure] of result.failures) {
      if (failure) this.#failures.set(container, failure);
      else this.#failures.delete(container);
    }
    if (this.#state !== 'sync') return undefined;
    if (result.error) {
      // Show the reason now; upstream shows it at its next sync.
      this.#publish(this.#pod, await podRuntime.status(this.uid), false);
      if (this.#ownEvents) return relistMs;
      if (result.retryAt === undefined) return this.#jitter(errorBackoffMs);
      const left = Math.min(Math.max(0, result.retryAt - this.#deps.clock.now()), this.#syncFrequencyMs);
      return this.#jitter(left);
    }
    if (this.#ownEvents) this.#dirty = true;
    return volumes.hasLive(pod) ? this.#jitter(this.#syncFrequencyMs) : undefined;
  }

  /** Stops the containers, then settles the final status. Upstream: SyncTerminatingPod, then SyncTerminatedPod. */
  async #terminate(): Promise<void> {
    const { podRuntime, statuses, probes, volumes } = this.#deps;
    this.#deadline?.cancel();
    const before = await podRuntime.status(this.uid);
    this.#publish(this.#pod, before, false);
    probes.stopLivenessAndStartup(this.uid);
    // A shorter grace period given meanwhile must not wait for the longer one.
    await this.#killUntilStopped(before);
    probes.removePod(this.uid);
    this.#stoppedAll = true;
    const after = await podRuntime.status(this.uid);
    this.#publish(this.#pod, after, true);
    volumes.unmount(this.uid);
    podRuntime.forget(this.uid);
    this.#state = 'terminated';
    statuses.terminate(this.#pod);
    this.#deps.onTerminated(this.uid);
  }

  async #killUntilStopped(status: RuntimePodStatus): Promise<void> {
    const { podRuntime } = this.#deps;
    const grace = this.#pod.metadata.deletionGracePeriodSeconds;
    let finished = false;
    const kill = podRuntime.killPod(this.#pod, status, this.#graceOverride).finally(() => {
      finished = true;
      this.#wakeShorter?.();
    });
    while (!finished) {
      await Promise.race([kill, this.#shorterGrace(grace)]);
      const now = this.#pod.metadata.deletionGracePeriodSeconds;
      if (!finished && now !== undefined && now < (grace ?? Number.POSITIVE_INFINITY)) {
        await Promise.all(
          status.containers
            .filter((container) => container.state === 'running')
            .map((container) => this.#deps.statusDeps.runtime.stopContainer(container.id, now)),
        );
        break;
      }
    }
    await kill;
  }

  #wakeShorter: (() => void) | undefined;

  #shorterGrace(grace: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeShorter = resolve;
      const now = this.#pod.metadata.deletionGracePeriodSeconds;
      if (now !== undefined && grace !== undefined && now < grace) resolve();
    });
  }

  #publish(pod: Pod, runtimeStatus: RuntimePodStatus, terminal: boolean): PodStatus {
    const { statuses } = this.#deps;
    const status = generatePodStatus(pod, runtimeStatus, terminal, {
      ...this.#deps.statusDeps,
      old: statuses.get(this.uid) ?? pod.status ?? {},
      failure: (container) => this.#failures.get(container),
      eviction: this.#eviction,
    });
    statuses.set(pod, status);
    return status;
  }

  /** Upstream: pkg/kubelet/active_deadline.go. */
  #armDeadline(pod: Pod, status: PodStatus | undefined): void {
    const { activeDeadlineSeconds } = pod.spec;
    if (activeDeadlineSeconds === undefined || this.#deadline) return;
    const startedAt = parseTime(status?.startTime ?? pod.status?.startTime ?? '');
    if (Number.isNaN(startedAt)) return;
    const left = startedAt + activeDeadlineSeconds * 1000 - this.#deps.clock.now();
    this.#deadline = this.#deps.clock.schedule(Math.max(0, left), () => {
      const reason = 'DeadlineExceeded';
      const message = 'Pod was active on the node longer than the specified deadline';
      this.#deps.podEvent(this.#pod, 'Normal', reason, message);
      this.evict({ reason, message });
    });
  }

  #jitter(ms: number): number {
    return ms * (1 + this.#deps.prng.float() * 0.5);
  }
}

/** Ends when `work` does, or when the signal aborts. `work` does not reject. */
async function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<void>((resolve) => {
    onAbort = resolve;
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  await Promise.race([work, aborted]);
  signal.removeEventListener('abort', onAbort!);
}

/** Anything but status changed, or a condition that a readiness gate waits for. Upstream: config.go checkAndUpdatePod. */
function specOrMetaChanged(before: Pod, after: Pod): boolean {
  if (after.spec.readinessGates?.length && !deepEqual(before.status?.conditions, after.status?.conditions)) return true;
  const a = before.metadata;
  const b = after.metadata;
  if (!deepEqual(a.labels, b.labels) || !deepEqual(a.annotations, b.annotations)) return true;
  // The generation tells whether the spec changed; servers without it need the long way.
  if (a.generation !== undefined && b.generation !== undefined) return a.generation !== b.generation;
  return !deepEqual(before.spec, after.spec);
}
