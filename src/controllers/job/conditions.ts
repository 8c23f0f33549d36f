/** Conditions of a job. Upstream: pkg/controller/job/job_controller.go. */
import type { Job, JobCondition } from '../../api/index.ts';

export function newJobCondition(
  type: JobCondition['type'],
  reason: string,
  message: string,
  timestamp: string,
  status: 'True' | 'False' = 'True',
): JobCondition {
  return { type, status, lastProbeTime: timestamp, lastTransitionTime: timestamp, reason, message };
}

export function addCondition(job: Job, condition: JobCondition): void {
  job.status = { ...job.status, conditions: [...(job.status?.conditions ?? []), condition] };
}

/** Sets the condition; a false one that was never there is not added. Whether anything changed. */
export function ensureCondition(job: Job, next: JobCondition): boolean {
  const conditions = job.status?.conditions ?? [];
  const index = conditions.findIndex((condition) => condition.type === next.type);
  if (index < 0) {
    if (next.status === 'False') return false;
    addCondition(job, next);
    return true;
  }
  const old = conditions[index]!;
  if (old.status === next.status && old.reason === next.reason && old.message === next.message) return false;
  job.status = { ...job.status, conditions: conditions.with(index, next) };
  return true;
}
