/**
 * What a Deployment notes on its ReplicaSets: revision, its history, and the sizes that proportional scaling needs.
 * Upstream: pkg/controller/deployment/util/deployment_util.go.
 */
import type { Deployment, ReplicaSet } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import { maxSurge, type ReadReplicaSet, replicasOf } from './replica-sets.ts';

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history';
const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas';
const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas';
export const rollbackToAnnotation = 'deprecated.deployment.rollback.to';

const maxHistoryLength = 2000;

/** Not copied between a Deployment and its ReplicaSets. */
const skipped = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  rollbackToAnnotation,
]);

type Annotations = Record<string, string>;

/** 0 when there is none, undefined when it is no number. */
export function revisionOf(object: Readonly<KubeObject>): number | undefined {
  const text = object.metadata.annotations?.[revisionAnnotation];
  if (text === undefined) return 0;
  return /^[+-]?\d+$/.test(text) ? Number(text) : undefined;
}

export function maxRevision(replicaSets: readonly ReadReplicaSet[]): number {
  return replicaSets.reduce((max, rs) => Math.max(max, revisionOf(rs) ?? 0), 0);
}

/** The second highest revision: what an undo goes back to. */
export function lastRevision(replicaSets: readonly ReadReplicaSet[]): number {
  let max = 0;
  let second = 0;
  for (const rs of replicaSets) {
    const revision = revisionOf(rs);
    if (revision === undefined) continue;
    if (revision >= max) {
      second = max;
      max = revision;
    } else if (revision > second) second = revision;
  }
  return second;
}

/** The ReplicaSet with the annotations it should have; the same object when it has them. */
export function withReplicaSetAnnotations<T extends ReadReplicaSet>(
  deployment: Readonly<Deployment>,
  rs: T,
  newRevision: number,
  exists: boolean,
): T {
  const annotations: Annotations = { ...rs.metadata.annotations };
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!skipped.has(key)) annotations[key] = value;
  }
  const old = annotations[revisionAnnotation];
  if (old === undefined || old === '' || /^[+-]?\d+$/.test(old)) {
    if (Number(old ?? 0) < newRevision) {
      annotations[revisionAnnotation] = String(newRevision);
      if (old !== undefined)
        annotations[revisionHistoryAnnotation] = history(annotations[revisionHistoryAnnotation], old);
    }
    if (!exists) Object.assign(annotations, replicasAnnotations(deployment));
  }
  return same(rs.metadata.annotations, annotations) ? rs : { ...rs, metadata: { ...rs.metadata, annotations } };
}

/** Appends a revision, dropping the oldest ones when the text gets too long. */
function history(text: string | undefined, revision: string): string {
  const revisions = text ? text.split(',') : [];
  while (revisions.length > 0 && [...revisions, revision].join(',').length > maxHistoryLength) revisions.shift();
  return [...revisions, revision].join(',');
}

export function replicasAnnotations(deployment: Readonly<Deployment>): Annotations {
  const desired = replicasOf(deployment);
  return {
    [desiredReplicasAnnotation]: String(desired),
    [maxReplicasAnnotation]: String(desired + maxSurge(deployment)),
  };
}

export function replicasAnnotationsNeedUpdate(deployment: Readonly<Deployment>, rs: ReadReplicaSet): boolean {
  const has = rs.metadata.annotations ?? {};
  return Object.entries(replicasAnnotations(deployment)).some(([key, value]) => has[key] !== value);
}

export function desiredReplicasAnnotationOf(rs: ReadReplicaSet): number | undefined {
  return nonNegativeInt32(rs.metadata.annotations?.[desiredReplicasAnnotation]);
}

export function maxReplicasAnnotationOf(rs: ReadReplicaSet): number | undefined {
  return nonNegativeInt32(rs.metadata.annotations?.[maxReplicasAnnotation]);
}

/** The annotations of a Deployment rolled back to a ReplicaSet: its own bookkeeping, the rest from the ReplicaSet. */
export function rolledBackAnnotations(deployment: Readonly<Deployment>, rs: Readonly<ReplicaSet>): Annotations {
  const out: Annotations = {};
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {}))
    if (skipped.has(key)) out[key] = value;
  for (const [key, value] of Object.entries(rs.metadata.annotations ?? {})) if (!skipped.has(key)) out[key] = value;
  return out;
}

/** Revision asked for by the annotation that extensions/v1beta1's rollbackTo became; undefined when none is. */
export function rollbackToOf(deployment: Readonly<Deployment>): number | undefined {
  const text = deployment.metadata.annotations?.[rollbackToAnnotation];
  return text && /^[+-]?\d+$/.test(text) ? Number(text) : undefined;
}

function nonNegativeInt32(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  const value = Number(text);
  return value <= 2 ** 31 - 1 ? value : undefined;
}

function same(a: Readonly<Annotations> | undefined, b: Annotations): boolean {
  const keys = Object.keys(b);
  return keys.length === Object.keys(a ?? {}).length && keys.every((key) => a?.[key] === b[key]);
}
