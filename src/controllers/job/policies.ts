/**
 * What a failed pod means for its job, and when enough indexes have succeeded.
 * Upstream: pkg/controller/job/{pod_failure_policy,success_policy}.go.
 */
import type { ContainerStatus, Job, PodFailurePolicy, SuccessPolicy } from '../../api/index.ts';
import type { ReadPod } from '../common/pods.ts';
import { countCommonIndexes, countIndexes, type Intervals, parseIndexes } from './indexes.ts';

export interface FailureVerdict {
  /** The failure counts against the limits. */
  readonly counts: boolean;
  readonly action?: 'Ignore' | 'FailIndex' | 'Count' | 'FailJob';
  /** Set when the whole job fails. */
  readonly failJobMessage?: string;
}

const counted: FailureVerdict = { counts: true };

type ExitCodes = NonNullable<NonNullable<PodFailurePolicy['rules']>[number]['onExitCodes']>;

/** The first rule that matches decides; a failure that none matches counts. */
export function matchPodFailurePolicy(policy: PodFailurePolicy | undefined, pod: ReadPod): FailureVerdict {
  if (!policy) return counted;
  const where = `${pod.metadata.namespace}/${pod.metadata.name}`;
  for (const [index, rule] of (policy.rules ?? []).entries()) {
    let message: string | undefined;
    if (rule.onExitCodes) {
      const status =
        failedContainer(pod.status?.containerStatuses, rule.onExitCodes) ??
        failedContainer(pod.status?.initContainerStatuses, rule.onExitCodes);
      if (!status) continue;
      const code = status.state?.terminated?.exitCode;
      message = `Container ${status.name} for pod ${where} failed with exit code ${code} matching ${rule.action} rule at index ${index}`;
    } else if (rule.onPodConditions) {
      const patterns = rule.onPodConditions;
      const found = pod.status?.conditions?.find((condition) =>
        patterns.some(({ type, status }) => type === condition.type && status === condition.status),
      );
      if (!found) continue;
      message = `Pod ${where} has condition ${found.type} matching ${rule.action} rule at index ${index}`;
    } else continue;
    switch (rule.action) {
      case 'Ignore':
        return { counts: false, action: 'Ignore' };
      case 'FailIndex':
        return { counts: true, action: 'FailIndex' };
      case 'Count':
        return { counts: true, action: 'Count' };
      case 'FailJob':
        return { counts: true, action: 'FailJob', failJobMessage: message };
      // An action of a later version: the next rule is asked.
    }
  }
  return counted;
}

function failedContainer(
  statuses: readonly ContainerStatus[] | undefined,
  { containerName, operator, values }: ExitCodes,
): ContainerStatus | undefined {
  return statuses?.find(({ name, state }) => {
    const code = state?.terminated?.exitCode;
    if (code === undefined || code === 0) return false;
    if (containerName !== undefined && containerName !== name) return false;
    return operator === 'In' ? values.includes(code) : operator === 'NotIn' && !values.includes(code);
  });
}

/** The message of the rule that holds, undefined when none does. */
export function matchSuccessPolicy(
  policy: SuccessPolicy | undefined,
  completions: number,
  succeeded: Intervals,
): string | undefined {
  if (!policy || succeeded.length === 0) return undefined;
  for (const [index, { succeededIndexes, succeededCount }] of (policy.rules ?? []).entries()) {
    let met = false;
    if (succeededIndexes !== undefined) {
      const wanted = parseIndexes(succeededIndexes, completions);
      if (wanted.length === 0) continue;
      const common = countCommonIndexes(wanted, succeeded);
      met = common === countIndexes(wanted) || (succeededCount !== undefined && common >= succeededCount);
    } else met = succeededCount !== undefined && countIndexes(succeeded) >= succeededCount;
    if (met) return `Matched rules at index ${index}`;
  }
  return undefined;
}

/** A pod being deleted is replaced only when it has ended. */
export function onlyReplacesFailedPods(job: Readonly<Job>): boolean {
  return job.spec?.podReplacementPolicy === 'Failed' || job.spec?.podFailurePolicy !== undefined;
}

export function isPodFailed(pod: ReadPod, job: Readonly<Job>): boolean {
  if (pod.status?.phase === 'Failed') return true;
  if (onlyReplacesFailedPods(job)) return false;
  return pod.metadata.deletionTimestamp !== undefined && pod.status?.phase !== 'Succeeded';
}
