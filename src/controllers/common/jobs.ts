/** Facts about jobs. Upstream: pkg/controller/job/utils.go. */
import type { Job, JobCondition } from '../../api/index.ts';

export type ReadJob = Readonly<Job>;

export function jobCondition(job: ReadJob, type: JobCondition['type']): JobCondition | undefined {
  return job.status?.conditions?.find((condition) => condition.type === type);
}

/** The condition that ended the job: `Complete` or `Failed`, true. */
export function finishedCondition(job: ReadJob): JobCondition | undefined {
  return job.status?.conditions?.find(
    ({ type, status }) => status === 'True' && (type === 'Complete' || type === 'Failed'),
  );
}

export function isJobFinished(job: ReadJob): boolean {
  return finishedCondition(job) !== undefined;
}
