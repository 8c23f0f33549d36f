/**
 * How long to wait before a failed pod is replaced: 10 s doubled with each failure since the last success, at most
 * 10 min. Upstream: pkg/controller/job/backoff_utils.go.
 */
import type { ContainerStatus } from '../../api/index.ts';
import { creationTimeOf } from '../../apimachinery/index.ts';
import { parseTime } from '../../base/index.ts';
import { podCondition, type ReadPod } from '../common/pods.ts';

const firstBackoffMs = 10_000;
const maxBackoffMs = 600_000;

export interface BackoffRecord {
  readonly failuresAfterLastSuccess: number;
  readonly lastFailureMs: number | undefined;
}

const clean: BackoffRecord = { failuresAfterLastSuccess: 0, lastFailureMs: undefined };

/** What is known of a job's failures; it is lost with the process, as upstream. */
export class BackoffStore {
  readonly #records = new Map<string, BackoffRecord>();

  /** The record with these newly finished pods taken in; nothing is stored. */
  next(key: string, succeeded: readonly ReadPod[], failed: readonly ReadPod[]): BackoffRecord {
    const old = this.#records.get(key) ?? clean;
    if (succeeded.length === 0) {
      if (failed.length === 0) return old;
      const lastFailureMs = Math.max(...failed.map(finishedTime));
      return { failuresAfterLastSuccess: old.failuresAfterLastSuccess + failed.length, lastFailureMs };
    }
    const lastSuccess = Math.max(...succeeded.map(finishedTime));
    const after = failed.map(finishedTime).filter((at) => at > lastSuccess);
    if (after.length === 0) return clean;
    return { failuresAfterLastSuccess: after.length, lastFailureMs: Math.max(...after) };
  }

  store(key: string, record: BackoffRecord): void {
    this.#records.set(key, record);
  }

  forget(key: string): void {
    this.#records.delete(key);
  }
}

/** Ms left to wait at `now`. */
export function remainingBackoffMs(record: BackoffRecord, now: number): number {
  const { failuresAfterLastSuccess: failures, lastFailureMs } = record;
  if (failures === 0 || lastFailureMs === undefined) return 0;
  const backoff = Math.min(maxBackoffMs, firstBackoffMs * 2 ** (failures - 1));
  return Math.max(0, backoff - (now - lastFailureMs));
}

/** When the pod ended, ms: its containers', else since it is not ready, else since its deletion, else its creation. */
export function finishedTime(pod: ReadPod): number {
  const sidecars = (pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => c.name);
  const statuses: ContainerStatus[] = [...(pod.status?.containerStatuses ?? [])];
  for (const status of pod.status?.initContainerStatuses ?? [])
    if (sidecars.includes(status.name)) statuses.push(status);
  const ends = statuses.map((status) => parseTime(status.state?.terminated?.finishedAt ?? ''));
  if (ends.length > 0 && ends.every((end) => !Number.isNaN(end))) return Math.max(...ends);
  const ready = podCondition(pod, 'Ready');
  if (ready?.status === 'False' && ready.lastTransitionTime) return parseTime(ready.lastTransitionTime);
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata;
  if (deletionTimestamp !== undefined) return parseTime(deletionTimestamp) - deletionGracePeriodSeconds * 1000;
  return creationTimeOf(pod) ?? 0;
}
