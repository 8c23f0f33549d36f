/** RollingUpdate. Upstream: pkg/controller/deployment/rolling.go. */
import type { Deployment } from '../../api/index.ts';
import {
  active,
  byCreation,
  desiredCount,
  maxUnavailable,
  newReplicaSetReplicas,
  type ReadReplicaSet,
  replicasOf,
} from './replica-sets.ts';
import { type ScalingDeps, scaleIfNeeded } from './scaling.ts';

/** Grows (or shrinks) the new ReplicaSet as far as surge allows; true when it was scaled. */
export async function reconcileNewReplicaSet(
  deps: ScalingDeps,
  deployment: Readonly<Deployment>,
  all: readonly ReadReplicaSet[],
  newReplicaSet: ReadReplicaSet,
): Promise<boolean> {
  const wanted = replicasOf(deployment);
  if (replicasOf(newReplicaSet) === wanted) return false;
  const size = replicasOf(newReplicaSet) > wanted ? wanted : newReplicaSetReplicas(deployment, all, newReplicaSet);
  return (await scaleIfNeeded(deps, deployment, newReplicaSet, size)).scaled;
}

/**
 * Shrinks old ReplicaSets as far as availability allows: first the pods that are not available anyway, so that a broken
 * old version never holds the rollout up. True when something was scaled.
 */
export async function reconcileOldReplicaSets(
  deps: ScalingDeps,
  deployment: Readonly<Deployment>,
  all: readonly ReadReplicaSet[],
  old: readonly ReadReplicaSet[],
  newReplicaSet: ReadReplicaSet,
): Promise<boolean> {
  let olds = active(old).sort(byCreation);
  if (olds.length === 0) return false;
  // A set whose controller has not seen its new size yet counts pods that it is about to lose. Upstream counts them too,
  // and takes too many when a deployment is rolled while it is scaled down or rolled back; here the next status wakes us.
  if ([...olds, newReplicaSet].some(isBehind)) return false;
  const minAvailable = replicasOf(deployment) - maxUnavailable(deployment);
  const newUnavailable = replicasOf(newReplicaSet) - remaining(newReplicaSet);
  const maxScaledDown = desiredCount(all) - minAvailable - newUnavailable;
  if (maxScaledDown <= 0) return false;

  let cleanedUp = 0;
  const next: ReadReplicaSet[] = [];
  for (const rs of olds) {
    const size = replicasOf(rs);
    const count = Math.min(maxScaledDown - cleanedUp, size - remaining(rs));
    next.push(count > 0 ? (await scaleIfNeeded(deps, deployment, rs, size - count)).rs : rs);
    cleanedUp += count;
  }
  olds = next;

  const excess = [...olds, newReplicaSet].reduce((sum, rs) => sum + remaining(rs), 0) - minAvailable;
  let scaledDown = 0;
  for (const rs of olds) {
    if (scaledDown >= excess) break;
    const size = replicasOf(rs);
    if (size === 0) continue;
    const count = Math.min(size, excess - scaledDown);
    await scaleIfNeeded(deps, deployment, rs, size - count);
    scaledDown += count;
  }
  return cleanedUp + scaledDown > 0;
}

/**
 * Available pods once the set has its size: those that are not available go first. A status is written with the counts
 * from before the deletions it stands for, and a controller that died after it leaves it so: upstream takes them twice.
 */
function remaining(rs: ReadReplicaSet): number {
  return Math.min(rs.status?.availableReplicas ?? 0, replicasOf(rs));
}

function isBehind({ metadata, status }: ReadReplicaSet): boolean {
  return (status?.observedGeneration ?? 0) < (metadata.generation ?? 0);
}
