/**
 * Sizes: one ReplicaSet at a time, and a share for each when a rollout is under way.
 * Upstream: deployment/sync.go scale and scaleReplicaSet, deployment_util.go GetReplicaSetProportion.
 */
import type { Deployment, ReplicaSet } from '../../api/index.ts';
import type { EventRecorder, KubeClient } from '../../client/index.ts';
import {
  desiredReplicasAnnotationOf,
  maxReplicasAnnotationOf,
  replicasAnnotations,
  replicasAnnotationsNeedUpdate,
} from './annotations.ts';
import {
  active,
  bySizeNewer,
  bySizeOlder,
  desiredCount,
  findActiveOrLatest,
  isRollingUpdate,
  maxSurge,
  type ReadReplicaSet,
  replicasOf,
} from './replica-sets.ts';

export interface ScalingDeps {
  readonly client: KubeClient;
  readonly recorder: EventRecorder;
}

/** Answers the ReplicaSet as it is now and whether its size was changed. @throws StatusError */
export async function scaleReplicaSet(
  deps: ScalingDeps,
  deployment: Readonly<Deployment>,
  rs: ReadReplicaSet,
  size: number,
): Promise<{ readonly scaled: boolean; readonly rs: ReadReplicaSet }> {
  const before = replicasOf(rs);
  if (before === size && !replicasAnnotationsNeedUpdate(deployment, rs)) return { scaled: false, rs };
  const annotations = { ...rs.metadata.annotations, ...replicasAnnotations(deployment) };
  const next: ReplicaSet = {
    ...rs,
    metadata: { ...rs.metadata, annotations },
    spec: { ...rs.spec!, replicas: size },
  };
  const updated = await deps.client.resource<ReplicaSet>('replicasets.apps').update(next);
  if (before === size) return { scaled: false, rs: updated };
  const direction = before < size ? 'up' : 'down';
  deps.recorder.event(
    deployment,
    'Normal',
    'ScalingReplicaSet',
    `Scaled ${direction} replica set ${rs.metadata.name} from ${before} to ${size}`,
  );
  return { scaled: true, rs: updated };
}

/** Like `scaleReplicaSet`, but leaves alone what has its size already. */
export async function scaleIfNeeded(
  deps: ScalingDeps,
  deployment: Readonly<Deployment>,
  rs: ReadReplicaSet,
  size: number,
): Promise<{ readonly scaled: boolean; readonly rs: ReadReplicaSet }> {
  return replicasOf(rs) === size ? { scaled: false, rs } : scaleReplicaSet(deps, deployment, rs, size);
}

/** Brings the ReplicaSets to the Deployment's new size without moving the rollout on. */
export async function scale(
  deps: ScalingDeps,
  deployment: Readonly<Deployment>,
  newReplicaSet: ReadReplicaSet | undefined,
  old: readonly ReadReplicaSet[],
): Promise<void> {
  const wanted = replicasOf(deployment);
  const only = findActiveOrLatest(newReplicaSet, old);
  if (only) {
    await scaleIfNeeded(deps, deployment, only, wanted);
    return;
  }
  if (isSaturated(deployment, newReplicaSet)) {
    for (const rs of active(old)) await scaleIfNeeded(deps, deployment, rs, 0);
    return;
  }
  if (!isRollingUpdate(deployment)) return;
  const all = active([...old, newReplicaSet]);
  const allowed = wanted > 0 ? wanted + maxSurge(deployment) : 0;
  const toAdd = allowed - desiredCount(all);
  // More pods go to the biggest, newest first; fewer are taken from the biggest, oldest first.
  if (toAdd > 0) all.sort(bySizeNewer);
  else if (toAdd < 0) all.sort(bySizeOlder);
  let added = 0;
  const sizes = all.map((rs) => {
    const share = proportion(rs, deployment, toAdd, added);
    added += share;
    return replicasOf(rs) + share;
  });
  // What rounding left over goes to the first.
  if (toAdd !== 0 && sizes.length > 0) sizes[0] = Math.max(0, sizes[0]! + toAdd - added);
  for (const [i, rs] of all.entries()) await scaleReplicaSet(deps, deployment, rs, sizes[i]!);
}

/** True when an active ReplicaSet was sized for another number of replicas: the user scaled. */
export function isScalingEvent(
  deployment: Readonly<Deployment>,
  replicaSets: readonly (ReadReplicaSet | undefined)[],
): boolean {
  return active(replicaSets).some((rs) => {
    const desired = desiredReplicasAnnotationOf(rs);
    return desired !== undefined && desired !== replicasOf(deployment);
  });
}

function isSaturated(deployment: Readonly<Deployment>, rs: ReadReplicaSet | undefined): boolean {
  const wanted = replicasOf(deployment);
  return (
    rs !== undefined &&
    replicasOf(rs) === wanted &&
    desiredReplicasAnnotationOf(rs) === wanted &&
    (rs.status?.availableReplicas ?? 0) === wanted
  );
}

/** A ReplicaSet's share of `toAdd` (negative: to take away), of which `added` is given out. */
export function proportion(rs: ReadReplicaSet, deployment: Readonly<Deployment>, toAdd: number, added: number): number {
  if (replicasOf(rs) === 0 || toAdd === 0 || toAdd === added) return 0;
  const fraction = fractionOf(rs, deployment);
  const allowed = toAdd - added;
  return toAdd > 0 ? Math.min(fraction, allowed) : Math.max(fraction, allowed);
}

function fractionOf(rs: ReadReplicaSet, deployment: Readonly<Deployment>): number {
  const size = replicasOf(rs);
  if (replicasOf(deployment) === 0) return -size;
  const maxNow = replicasOf(deployment) + maxSurge(deployment);
  const maxBefore = maxReplicasAnnotationOf(rs) || (deployment.status?.replicas ?? 0);
  if (maxBefore === 0) return 0;
  const scaled = (size * maxNow) / maxBefore;
  return Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5)) - size;
}
