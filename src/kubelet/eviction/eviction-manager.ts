/**
 * Evicts pods of a node that is short of memory, disk or processes, one at a time, and says so in the node's conditions.
 * Upstream: pkg/kubelet/eviction/eviction_manager.go, looked at each 10 s.
 */
import { toleratesTaint } from '../../api/index.ts';
import type { Clock, Timer } from '../../base/index.ts';
import type { Refusal } from '../admission.ts';
import { podQOS } from '../pod-resources.ts';
import { isCriticalPod, type Pod } from '../pod-types.ts';
import type { ContainerRuntime, MountedVolume, NodeStats } from '../runtime/types.ts';
import { type Candidate, evictionMessage, type PodUsage, rankForEviction } from './ranking.ts';
import {
  conditionOf,
  type EvictionConfig,
  type EvictionSignal,
  type Observation,
  type Observations,
  type PressureCondition,
  resourceOf,
  type Threshold,
  thresholdInfo,
  thresholdsMet,
} from './thresholds.ts';

/** Upstream: monitoringInterval, podCleanupTimeout, podCleanupPollFreq, immediateEvictionGracePeriodSeconds. */
const periodMs = 10_000;
const cleanupTimeoutMs = 30_000;
const cleanupPollMs = 1_000;
export const evictionGraceSeconds = 1;

export interface EvictionDeps {
  readonly clock: Clock;
  readonly config: EvictionConfig;
  readonly runtime: ContainerRuntime;
  /** The machine as it is; the allocatable memory is what its pods may have in all. */
  readonly capacity: { readonly memory: number; readonly podMemory: number; readonly disk: number };
  /** Pods that run. */
  readonly pods: () => Iterable<Pod>;
  readonly mounted: (uid: string) => ReadonlyMap<string, MountedVolume>;
  /** The pod's containers have ended and its status is final. */
  readonly cleanedUp: (uid: string) => boolean;
  readonly evict: (pod: Pod, message: string, graceSeconds: number) => void;
  /** The conditions are others than before. Resolves when the Node says so, or cannot be told. */
  readonly conditionsChanged: () => Promise<void>;
  readonly nodeEvent: (reason: string, message: string) => void;
  readonly track: (task: Promise<void>) => void;
  readonly signal: AbortSignal;
}

export class EvictionManager {
  readonly #deps: EvictionDeps;
  #timer: Timer | undefined;
  #looking = false;
  #conditions: readonly PressureCondition[] = [];
  /** Thresholds whose grace is over and that were not yet won back. */
  #met: readonly Threshold[] = [];
  #firstMetAt = new Map<Threshold, number>();
  readonly #lastPressureAt = new Map<PressureCondition, number>();

  constructor(deps: EvictionDeps) {
    this.#deps = deps;
  }

  /** What the node is short of, or was within the transition period. */
  get conditions(): readonly PressureCondition[] {
    return this.#conditions;
  }

  /** Looks from now on: a node that has no pods does nothing. */
  watch(): void {
    if (this.#deps.config.thresholds.length > 0) this.#arm(periodMs);
  }

  /** What was found may be over; the next look is at once. */
  lookNow(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#arm(0);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Whether a node under pressure takes the pod. Upstream: Admit. */
  admit(pod: Pod): Refusal | undefined {
    const conditions = this.#conditions;
    if (conditions.length === 0 || isCriticalPod(pod)) return undefined;
    if (conditions.length === 1 && conditions[0] === 'MemoryPressure') {
      if (podQOS(pod.spec) !== 'BestEffort') return undefined;
      const taint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' };
      if ((pod.spec.tolerations ?? []).some((toleration) => toleratesTaint(toleration, taint))) return undefined;
    }
    return { reason: 'Evicted', message: `The node had condition: [${conditions.join(' ')}]. ` };
  }

  /** What is left of everything that has a signal. */
  async observe(): Promise<Observations> {
    const { runtime, capacity } = this.#deps;
    return observationsOf(await runtime.nodeStats(), this.#volumeUsage(), capacity);
  }

  /** The amount under which a hard threshold of the signal is met; undefined when there is none. */
  hardThreshold(signal: EvictionSignal): Threshold | undefined {
    return this.#deps.config.thresholds.find((each) => each.signal === signal && each.graceMs === undefined);
  }

  #arm(delayMs: number): void {
    if (this.#timer || this.#looking || this.#deps.signal.aborted) return;
    this.#timer = this.#deps.clock.schedule(delayMs, () => {
      this.#timer = undefined;
      this.#looking = true;
      this.#deps.track(
        this.#look().then((goOn) => {
          this.#looking = false;
          if (goOn) this.#arm(periodMs);
        }),
      );
    });
  }

  /** False: nothing to look at any more. */
  async #look(): Promise<boolean> {
    const { clock, signal } = this.#deps;
    for (;;) {
      const evicted = await this.#synchronize();
      if (evicted === undefined || signal.aborted) break;
      const end = clock.monotonic() + cleanupTimeoutMs;
      while (!this.#deps.cleanedUp(evicted) && clock.monotonic() < end) await clock.sleep(cleanupPollMs, signal);
    }
    const [anyPod] = this.#deps.pods();
    return anyPod !== undefined || this.#met.length > 0 || this.#conditions.length > 0;
  }

  /** The uid of a pod that had to go. */
  async #synchronize(): Promise<string | undefined> {
    const { clock, config } = this.#deps;
    const observations = await this.observe();
    const now = clock.monotonic();
    const met = new Set(thresholdsMet(config.thresholds, observations, false));
    for (const threshold of thresholdsMet(this.#met, observations, true)) met.add(threshold);
    this.#firstMetAt = new Map([...met].map((threshold) => [threshold, this.#firstMetAt.get(threshold) ?? now]));
    for (const { signal } of met) this.#lastPressureAt.set(conditionOf(signal), now);
    const before = String(this.#conditions);
    this.#conditions = [...this.#lastPressureAt]
      .filter(([, at]) => now - at < config.transitionPeriodMs)
      .map(([condition]) => condition)
      .sort();
    // Told before a pod goes, not up to 10 s after it as upstream: what replaces the pod is not put here again meanwhile.
    if (String(this.#conditions) !== before) await this.#deps.conditionsChanged();
    const due = [...met].filter((threshold) => now - this.#firstMetAt.get(threshold)! >= (threshold.graceMs ?? 0));
    this.#met = due;
    if (due.length === 0) return undefined;
    return this.#reclaim(due, observations);
  }

  async #reclaim(due: readonly Threshold[], observations: Observations): Promise<string | undefined> {
    const { nodeEvent, config, evict } = this.#deps;
    // Memory first.
    const threshold = due.find(({ signal }) => resourceOf(signal) === 'memory') ?? due[0]!;
    const resource = resourceOf(threshold.signal);
    nodeEvent('EvictionThresholdMet', `Attempting to reclaim ${resource}`);
    if (conditionOf(threshold.signal) === 'DiskPressure' && (await this.#reclaimedFromNode(due))) return undefined;
    const candidates: Candidate[] = [];
    for (const pod of this.#deps.pods()) candidates.push({ pod, usage: await this.#usageOf(pod) });
    const info = thresholdInfo(resource, due, observations);
    for (const candidate of rankForEviction(candidates, resource)) {
      const { pod } = candidate;
      if (isCriticalPod(pod)) continue;
      const soft = Math.min(config.maxPodGraceSeconds, pod.spec.terminationGracePeriodSeconds ?? Infinity);
      const grace = threshold.graceMs === undefined ? evictionGraceSeconds : soft;
      evict(pod, evictionMessage(candidate, resource, info), grace);
      return pod.metadata.uid;
    }
    return undefined;
  }

  /** Images that no container uses go before any pod does. Upstream: reclaimNodeLevelResources. */
  async #reclaimedFromNode(due: readonly Threshold[]): Promise<boolean> {
    await this.#deps.runtime.removeUnusedImages();
    return thresholdsMet(due, await this.observe(), true).length === 0;
  }

  async #usageOf(pod: Pod): Promise<PodUsage> {
    const { runtime } = this.#deps;
    const containers = await runtime.podStats(pod.metadata.uid!);
    const volumes = this.#podVolumes(pod);
    const sum = (of: (stats: (typeof containers)[number]) => number) =>
      containers.reduce((total, each) => total + of(each), 0);
    return {
      containers,
      memory: sum((each) => each.memoryWorkingSetBytes) + volumes.memory,
      disk: sum((each) => each.writableLayerBytes) + volumes.bytes,
      inodes: sum((each) => each.inodesUsed) + volumes.inodes,
      processes: sum((each) => each.processes),
    };
  }

  #volumeUsage() {
    const total = { bytes: 0, inodes: 0, memory: 0 };
    for (const pod of this.#deps.pods()) {
      if (!pod.spec.volumes?.some(({ emptyDir }) => emptyDir)) continue;
      const { bytes, inodes, memory } = this.#podVolumes(pod);
      total.bytes += bytes;
      total.inodes += inodes;
      total.memory += memory;
    }
    return total;
  }

  /** Of emptyDirs; one in memory counts as memory. */
  #podVolumes(pod: Pod) {
    const { runtime, mounted } = this.#deps;
    const total = { bytes: 0, inodes: 0, memory: 0 };
    const volumes = mounted(pod.metadata.uid!);
    for (const { name, emptyDir } of pod.spec.volumes ?? []) {
      const volume = volumes.get(name);
      if (!emptyDir || !volume) continue;
      if ((emptyDir as { readonly medium?: string }).medium === 'Memory') total.memory += runtime.volumeBytes(volume);
      else {
        total.bytes += runtime.volumeBytes(volume);
        total.inodes += runtime.volumeInodes(volume);
      }
    }
    return total;
  }
}

/** Bytes of disk for one inode, as mkfs.ext4 makes them; and the kernel's default for pid_max. */
const bytesPerInode = 16_384;
const maxPid = 32_768;

function observationsOf(
  stats: NodeStats,
  volumes: { readonly bytes: number; readonly inodes: number; readonly memory: number },
  capacity: EvictionDeps['capacity'],
): Observations {
  const observations = new Map<EvictionSignal, Observation>();
  const add = (signal: EvictionSignal, total: number, used: number): void => {
    if (total > 0) observations.set(signal, { capacity: total, available: Math.max(0, total - used) });
  };
  const pods = stats.containerMemoryBytes + volumes.memory;
  add('memory.available', capacity.memory, pods + stats.otherMemoryBytes);
  add('allocatableMemory.available', capacity.podMemory, pods);
  const inodes = Math.floor(capacity.disk / bytesPerInode);
  // Images and containers share the node's file system.
  for (const fs of ['nodefs', 'imagefs'] as const) {
    add(`${fs}.available`, capacity.disk, stats.diskBytes + volumes.bytes);
    add(`${fs}.inodesFree`, inodes, stats.inodes + volumes.inodes);
  }
  add('pid.available', maxPid, stats.processes);
  return observations;
}
