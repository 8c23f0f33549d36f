/** Status and conditions of a Deployment. Upstream: deployment/sync.go calculateStatus, deployment/progress.go. */

import type { Deployment, DeploymentCondition, DeploymentStatus } from '../../api/index.ts';
import { parseTime, rfc3339 } from '../../base/index.ts';
import {
  actualCount,
  availableCount,
  desiredCount,
  hasProgressDeadline,
  maxUnavailable,
  type ReadReplicaSet,
  readyCount,
  replicasOf,
  terminatingCount,
} from './replica-sets.ts';

type Conditions = readonly DeploymentCondition[];

export function condition(conditions: Conditions | undefined, type: string): DeploymentCondition | undefined {
  return conditions?.find((other) => other.type === type);
}

export function newCondition(
  now: number,
  type: string,
  status: 'True' | 'False' | 'Unknown',
  reason: string,
  message: string,
): DeploymentCondition {
  const at = rfc3339(now);
  return { type, status, lastUpdateTime: at, lastTransitionTime: at, reason, message };
}

/** Unchanged when status and reason are what they were; the transition time stays with the status. */
export function withCondition(conditions: Conditions | undefined, next: DeploymentCondition): DeploymentCondition[] {
  const current = condition(conditions, next.type);
  if (current && current.status === next.status && current.reason === next.reason) return [...conditions!];
  const kept = current?.status === next.status ? { ...next, lastTransitionTime: current.lastTransitionTime } : next;
  return [...without(conditions, next.type), kept];
}

export function without(conditions: Conditions | undefined, type: string): DeploymentCondition[] {
  return (conditions ?? []).filter((other) => other.type !== type);
}

/** A status whose conditions are a list, so that it can be added to. */
export type WorkingStatus = DeploymentStatus & { conditions: DeploymentCondition[] };

export function calculateStatus(
  deployment: Readonly<Deployment>,
  all: readonly (ReadReplicaSet | undefined)[],
  newReplicaSet: ReadReplicaSet | undefined,
  now: number,
): WorkingStatus {
  const available = availableCount(all);
  const unavailable = Math.max(0, desiredCount(all) - available);
  const terminating = terminatingCount(all);
  const enough = available >= replicasOf(deployment) - maxUnavailable(deployment);
  const availability = enough
    ? newCondition(now, 'Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
    : newCondition(
        now,
        'Available',
        'False',
        'MinimumReplicasUnavailable',
        'Deployment does not have minimum availability.',
      );
  return compact({
    observedGeneration: deployment.metadata.generation,
    replicas: actualCount(all),
    updatedReplicas: actualCount([newReplicaSet]),
    readyReplicas: readyCount(all),
    availableReplicas: available,
    unavailableReplicas: unavailable,
    terminatingReplicas: terminating,
    conditions: withCondition(deployment.status?.conditions, availability),
    collisionCount: deployment.status?.collisionCount,
  });
}

/** Zeros are left out of the JSON, as Go's omitempty does; `terminatingReplicas` and `collisionCount` are pointers there. */
function compact(status: WorkingStatus): WorkingStatus {
  const out = { ...status };
  for (const field of [
    'replicas',
    'updatedReplicas',
    'readyReplicas',
    'availableReplicas',
    'unavailableReplicas',
  ] as const) {
    if (out[field] === 0) delete out[field];
  }
  if (out.terminatingReplicas === undefined) delete out.terminatingReplicas;
  if (out.collisionCount === undefined) delete out.collisionCount;
  return out;
}

/** All replicas are of the new template and available, and the newest spec was seen. */
export function isComplete(deployment: Readonly<Deployment>, status: DeploymentStatus | undefined): boolean {
  const wanted = replicasOf(deployment);
  return (
    (status?.updatedReplicas ?? 0) === wanted &&
    (status?.replicas ?? 0) === wanted &&
    (status?.availableReplicas ?? 0) === wanted &&
    (status?.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

/** More updated, fewer old, more ready or more available than before. */
function isProgressing(old: DeploymentStatus | undefined, status: DeploymentStatus): boolean {
  const of = (s: DeploymentStatus | undefined) => ({
    replicas: s?.replicas ?? 0,
    updated: s?.updatedReplicas ?? 0,
    ready: s?.readyReplicas ?? 0,
    available: s?.availableReplicas ?? 0,
  });
  const before = of(old);
  const after = of(status);
  return (
    after.updated > before.updated ||
    after.replicas - after.updated < before.replicas - before.updated ||
    after.ready > before.ready ||
    after.available > before.available
  );
}

function isTimedOut(deployment: Readonly<Deployment>, status: WorkingStatus, now: number): boolean {
  const progressing = condition(status.conditions, 'Progressing');
  if (!progressing || progressing.reason === 'NewReplicaSetAvailable') return false;
  if (progressing.reason === 'ProgressDeadlineExceeded') return true;
  return parseTime(progressing.lastUpdateTime!) + deployment.spec!.progressDeadlineSeconds! * 1000 < now;
}

/** The status of a rollout under way, with what is to be said of its progress. Upstream: syncRolloutStatus. */
export function rolloutStatus(
  deployment: Readonly<Deployment>,
  all: readonly (ReadReplicaSet | undefined)[],
  newReplicaSet: ReadReplicaSet | undefined,
  now: number,
): WorkingStatus {
  const status = calculateStatus(deployment, all, newReplicaSet, now);
  if (!hasProgressDeadline(deployment)) status.conditions = without(status.conditions, 'Progressing');
  const current = condition(deployment.status?.conditions, 'Progressing');
  const complete =
    (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === 'NewReplicaSetAvailable';
  if (hasProgressDeadline(deployment) && !complete) {
    const what = newReplicaSet
      ? `ReplicaSet "${newReplicaSet.metadata.name}"`
      : `Deployment "${deployment.metadata.name}"`;
    if (isComplete(deployment, status)) {
      const message = `${what} has successfully progressed.`;
      const done = newCondition(now, 'Progressing', 'True', 'NewReplicaSetAvailable', message);
      status.conditions = withCondition(status.conditions, done);
    } else if (isProgressing(deployment.status, status)) {
      // Written anew even with the same reason: its update time is what the deadline counts from.
      const going = newCondition(now, 'Progressing', 'True', 'ReplicaSetUpdated', `${what} is progressing.`);
      if (current?.status === 'True') going.lastTransitionTime = current.lastTransitionTime;
      status.conditions = withCondition(without(status.conditions, 'Progressing'), going);
    } else if (isTimedOut(deployment, status, now)) {
      const message = `${what} has timed out progressing.`;
      const late = newCondition(now, 'Progressing', 'False', 'ProgressDeadlineExceeded', message);
      status.conditions = withCondition(status.conditions, late);
    }
  }
  const failure = replicaFailure([newReplicaSet]) ?? replicaFailure(all);
  status.conditions = failure
    ? withCondition(status.conditions, failure)
    : without(status.conditions, 'ReplicaFailure');
  return status;
}

/** The first ReplicaSet's failure as the Deployment's. */
function replicaFailure(replicaSets: readonly (ReadReplicaSet | undefined)[]): DeploymentCondition | undefined {
  for (const rs of replicaSets) {
    const found = rs?.status?.conditions?.find((other) => other.type === 'ReplicaFailure');
    if (!found) continue;
    const { type, status, reason, message, lastTransitionTime } = found;
    return { type, status, lastUpdateTime: lastTransitionTime, lastTransitionTime, reason, message };
  }
  return undefined;
}

/** Ms until the progress deadline should be looked at again; undefined when it need not. */
export function progressCheckMs(
  deployment: Readonly<Deployment>,
  status: DeploymentStatus,
  now: number,
): number | undefined {
  const current = condition(deployment.status?.conditions, 'Progressing');
  if (!hasProgressDeadline(deployment) || !current) return undefined;
  if (isComplete(deployment, status) || current.reason === 'ProgressDeadlineExceeded') return undefined;
  return parseTime(current.lastUpdateTime!) + deployment.spec!.progressDeadlineSeconds! * 1000 - now;
}
