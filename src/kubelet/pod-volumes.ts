/** Volumes mounted per pod, their retries and refreshes. Upstream: pkg/kubelet/volumemanager (reconciler). */
import type { Clock } from '../base/index.ts';
import type { DownwardContext } from './downward.ts';
import type { Pod } from './pod-types.ts';
import type { MountedVolume } from './runtime/types.ts';
import type { Disks } from './types.ts';
import { isApiAccess, isLive, MountError, setUpVolume, usedVolumes, type VolumeDeps, volumeFiles } from './volumes.ts';

interface PodEntry {
  readonly mounted: Map<string, MountedVolume>;
  failures: number;
  refreshedAt: number;
}

/** Upstream: exponentialbackoff of volume operations, 500 ms doubling to 2 min 2 s. */
const retryInitialMs = 500;
const retryMaxMs = 122_000;

export interface PodVolumesDeps extends VolumeDeps {
  readonly clock: Clock;
  /** Default: of this node alone. */
  readonly disks?: Disks | undefined;
  readonly context: (pod: Pod, podIPs: readonly string[]) => DownwardContext;
  readonly podEvent: (pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string) => void;
}

export class PodVolumes {
  readonly #deps: PodVolumesDeps;
  readonly #pods = new Map<string, PodEntry>();
  readonly #refreshMs: number;
  readonly #disks: Disks;

  constructor(deps: PodVolumesDeps, refreshMs: number) {
    this.#deps = deps;
    this.#refreshMs = refreshMs;
    this.#disks = deps.disks ?? new Map();
  }

  /** Sets up what is missing and refreshes live volumes that are due. @throws MountError, after the event. */
  async mount(pod: Pod): Promise<void> {
    const uid = pod.metadata.uid!;
    const { clock, context } = this.#deps;
    let entry = this.#pods.get(uid);
    if (!entry) {
      entry = { mounted: new Map(), failures: 0, refreshedAt: clock.monotonic() };
      this.#pods.set(uid, entry);
    }
    const used = usedVolumes(pod);
    const refresh = clock.monotonic() - entry.refreshedAt >= this.#refreshMs;
    if (refresh) entry.refreshedAt = clock.monotonic();
    for (const volume of pod.spec.volumes ?? []) {
      if (!used.has(volume.name)) continue;
      const mounted = entry.mounted.get(volume.name);
      try {
        if (!mounted)
          entry.mounted.set(volume.name, this.#disk(await setUpVolume(volume, context(pod, []), this.#deps)));
        else if (refresh && isLive(volume) && !isApiAccess(volume)) {
          mounted.files = await volumeFiles(volume, context(pod, []), this.#deps);
        }
      } catch (error) {
        if (!(error instanceof MountError)) throw error;
        // A file that can no longer be refreshed stays as it was.
        if (mounted) continue;
        entry.failures++;
        this.#deps.podEvent(pod, 'Warning', 'FailedMount', error.message);
        throw error;
      }
    }
    entry.failures = 0;
  }

  retryDelay(uid: string): number {
    const failures = this.#pods.get(uid)?.failures ?? 1;
    return Math.min(retryMaxMs, retryInitialMs * 2 ** Math.max(0, failures - 1));
  }

  mounted(uid: string): ReadonlyMap<string, MountedVolume> {
    return this.#pods.get(uid)?.mounted ?? new Map();
  }

  hasLive(pod: Pod): boolean {
    return (pod.spec.volumes ?? []).some((volume) => isLive(volume) && !isApiAccess(volume));
  }

  unmount(uid: string): void {
    this.#pods.delete(uid);
  }

  /** Pods that mount one volume see the same files, one after the other and together. */
  #disk(volume: MountedVolume): MountedVolume {
    const { disk } = volume;
    if (disk === undefined) return volume;
    const known = this.#disks.get(disk);
    if (known) return known;
    this.#disks.set(disk, volume);
    return volume;
  }
}
