/** Facts about a Deployment's ReplicaSets. Upstream: pkg/controller/deployment/util/deployment_util.go (1.36). */
import type { Deployment, ReplicaSet } from '../../api/index.ts';
import { scaledIntOrPercent } from '../../apimachinery/index.ts';
import { templatesEqual } from '../common/template-hash.ts';

export type ReadReplicaSet = Readonly<ReplicaSet>;

export const hashLabel = 'pod-template-hash';
const maxInt32 = 2 ** 31 - 1;

export const replicasOf = (object: { readonly spec?: { readonly replicas?: number } }): number =>
  object.spec?.replicas ?? 1;

export function isRollingUpdate(deployment: Readonly<Deployment>): boolean {
  return deployment.spec?.strategy?.type === 'RollingUpdate';
}

export function hasProgressDeadline(deployment: Readonly<Deployment>): boolean {
  const seconds = deployment.spec?.progressDeadlineSeconds;
  return seconds !== undefined && seconds !== maxInt32;
}

export function hasRevisionHistoryLimit(deployment: Readonly<Deployment>): boolean {
  const limit = deployment.spec?.revisionHistoryLimit;
  return limit !== undefined && limit !== maxInt32;
}

/** Surge rounds up, unavailable down; both zero would stand still, so then one may be unavailable. */
function fenceposts(deployment: Readonly<Deployment>): { surge: number; unavailable: number } {
  const { maxSurge = 0, maxUnavailable = 0 } = deployment.spec?.strategy?.rollingUpdate ?? {};
  const surge = scaledIntOrPercent(maxSurge, replicasOf(deployment), 'up');
  const unavailable = scaledIntOrPercent(maxUnavailable, replicasOf(deployment), 'down');
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

export function maxSurge(deployment: Readonly<Deployment>): number {
  return isRollingUpdate(deployment) ? fenceposts(deployment).surge : 0;
}

export function maxUnavailable(deployment: Readonly<Deployment>): number {
  const replicas = replicasOf(deployment);
  if (!isRollingUpdate(deployment) || replicas === 0) return 0;
  return Math.min(fenceposts(deployment).unavailable, replicas);
}

export function byCreation(a: ReadReplicaSet, b: ReadReplicaSet): number {
  const [x = '', y = ''] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (x !== y) return x < y ? -1 : 1;
  return a.metadata.name! < b.metadata.name! ? -1 : 1;
}

export const bySizeOlder = (a: ReadReplicaSet, b: ReadReplicaSet): number =>
  replicasOf(b) - replicasOf(a) || byCreation(a, b);

export const bySizeNewer = (a: ReadReplicaSet, b: ReadReplicaSet): number =>
  replicasOf(b) - replicasOf(a) || byCreation(b, a);

/** Those that want pods. */
export function active(replicaSets: readonly (ReadReplicaSet | undefined)[]): ReadReplicaSet[] {
  return replicaSets.filter((rs): rs is ReadReplicaSet => rs !== undefined && replicasOf(rs) > 0);
}

/** The oldest ReplicaSet whose template is the Deployment's. */
export function findNewReplicaSet(
  deployment: Readonly<Deployment>,
  replicaSets: readonly ReadReplicaSet[],
): ReadReplicaSet | undefined {
  const template = deployment.spec?.template;
  return [...replicaSets].sort(byCreation).find((rs) => templatesEqual(rs.spec?.template, template, hashLabel));
}

/** The one that wants pods, or the newest when none does; undefined when several do. */
export function findActiveOrLatest(
  newReplicaSet: ReadReplicaSet | undefined,
  old: readonly ReadReplicaSet[],
): ReadReplicaSet | undefined {
  const wanting = active([...old, newReplicaSet]);
  if (wanting.length > 1) return undefined;
  return wanting[0] ?? newReplicaSet ?? [...old].sort(byCreation).at(-1);
}

type Counted = readonly (ReadReplicaSet | undefined)[];

const sum = (replicaSets: Counted, count: (rs: ReadReplicaSet) => number | undefined): number =>
  replicaSets.reduce((total, rs) => total + (rs ? (count(rs) ?? 0) : 0), 0);

export const desiredCount = (replicaSets: Counted): number => sum(replicaSets, replicasOf);
export const actualCount = (replicaSets: Counted): number => sum(replicaSets, (rs) => rs.status?.replicas);
export const readyCount = (replicaSets: Counted): number => sum(replicaSets, (rs) => rs.status?.readyReplicas);
export const availableCount = (replicaSets: Counted): number => sum(replicaSets, (rs) => rs.status?.availableReplicas);

/** undefined when a ReplicaSet does not say. */
export function terminatingCount(replicaSets: Counted): number | undefined {
  let total = 0;
  for (const rs of replicaSets) {
    if (!rs) continue;
    const count = rs.status?.terminatingReplicas;
    if (count !== undefined) total += count;
    else if (rs.status?.observedGeneration) return undefined;
  }
  return total;
}

/** How many replicas the new ReplicaSet should have now. @throws Error for an unknown strategy. */
export function newReplicaSetReplicas(deployment: Readonly<Deployment>, all: Counted, rs: ReadReplicaSet): number {
  const wanted = replicasOf(deployment);
  switch (deployment.spec?.strategy?.type) {
    case 'RollingUpdate': {
      const surge = scaledIntOrPercent(deployment.spec.strategy.rollingUpdate?.maxSurge ?? 0, wanted, 'up');
      const room = wanted + surge - desiredCount(all);
      if (room <= 0) return replicasOf(rs);
      return replicasOf(rs) + Math.min(room, wanted - replicasOf(rs));
    }
    case 'Recreate':
      return wanted;
    default:
      throw new Error(`deployment type ${deployment.spec?.strategy?.type} isn't supported`);
  }
}
