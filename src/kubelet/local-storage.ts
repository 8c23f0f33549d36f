/**
 * Evicts pods that wrote more than they may: emptyDir size limits and ephemeral-storage limits.
 * Upstream: pkg/kubelet/eviction/eviction_manager.go localStorageEviction, looked at each 10 s.
 */
import { addQuantity, wholeValueOf } from '../apimachinery/index.ts';
import type { Clock, Timer } from '../base/index.ts';
import type { Pod } from './pod-types.ts';
import type { ContainerRuntime, ContainerStats, MountedVolume } from './runtime/types.ts';

/** Upstream: monitoringInterval. */
const periodMs = 10_000;

export interface LocalStorageDeps {
  readonly clock: Clock;
  readonly runtime: ContainerRuntime;
  /** Pods that run. */
  readonly pods: () => Iterable<Pod>;
  readonly mounted: (uid: string) => ReadonlyMap<string, MountedVolume>;
  readonly stats: (uid: string) => Promise<readonly ContainerStats[]>;
  readonly evict: (pod: Pod, message: string) => void;
  readonly track: (task: Promise<void>) => void;
}

export class LocalStorageEviction {
  readonly #deps: LocalStorageDeps;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(deps: LocalStorageDeps) {
    this.#deps = deps;
  }

  /** Looks from now on, if this pod has a limit at all: a node without such pods does nothing. */
  watch(pod: Pod): void {
    if (!this.#timer && !this.#stopped && hasLimits(pod)) this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    this.#timer = this.#deps.clock.schedule(periodMs, () => {
      this.#timer = undefined;
      this.#deps.track(this.#look());
    });
  }

  async #look(): Promise<void> {
    let limited = false;
    for (const pod of [...this.#deps.pods()]) {
      if (!hasLimits(pod)) continue;
      limited = true;
      const message = await this.#excess(pod);
      if (message !== undefined) this.#deps.evict(pod, message);
    }
    if (limited && !this.#stopped) this.#arm();
  }

  async #excess(pod: Pod): Promise<string | undefined> {
    const { runtime, mounted, stats } = this.#deps;
    const uid = pod.metadata.uid!;
    const volumes = mounted(uid);
    let emptyDirs = 0;
    for (const { name, emptyDir } of pod.spec.volumes ?? []) {
      const volume = volumes.get(name);
      if (!emptyDir || !volume) continue;
      const used = runtime.volumeBytes(volume);
      const { medium, sizeLimit } = emptyDir as { readonly medium?: string; readonly sizeLimit?: string };
      // What is in memory counts as memory.
      if (medium !== 'Memory') emptyDirs += used;
      if (sizeLimit !== undefined && wholeValueOf(sizeLimit) > 0 && used > wholeValueOf(sizeLimit)) {
        return `Usage of EmptyDir volume "${name}" exceeds the limit "${sizeLimit}". `;
      }
    }
    const containers = await stats(uid);
    const total = podLimit(pod);
    const written = containers.reduce((sum, { writableLayerBytes }) => sum + writableLayerBytes, 0);
    if (total !== undefined && written + emptyDirs > wholeValueOf(total)) {
      return `Pod ephemeral local storage usage exceeds the total limit of containers ${total}. `;
    }
    for (const { name, resources } of pod.spec.containers) {
      const limit = resources?.limits?.['ephemeral-storage'];
      const used = containers.find((each) => each.name === name)?.writableLayerBytes ?? 0;
      if (limit !== undefined && used > wholeValueOf(limit)) {
        return `Container ${name} exceeded its local ephemeral storage limit "${limit}". `;
      }
    }
    return undefined;
  }
}

function hasLimits({ spec }: Pod): boolean {
  return (
    spec.containers.some(({ resources }) => resources?.limits?.['ephemeral-storage'] !== undefined) ||
    (spec.volumes ?? []).some(
      ({ emptyDir }) => (emptyDir as { sizeLimit?: string } | undefined)?.sizeLimit !== undefined,
    )
  );
}

/** Only when every container has a limit has the pod one. */
function podLimit({ spec }: Pod): string | undefined {
  let total: string | undefined;
  for (const { resources } of spec.containers) {
    const limit = resources?.limits?.['ephemeral-storage'];
    if (limit === undefined) return undefined;
    total = total === undefined ? limit : addQuantity(total, limit);
  }
  return total;
}
