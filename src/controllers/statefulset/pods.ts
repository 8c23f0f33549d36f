/** Who a StatefulSet's pods are. Upstream: pkg/controller/statefulset/stateful_set_utils.go. */
import type { PersistentVolumeClaim, Pod, StatefulSet, Volume } from '../../api/index.ts';
import { newControllerRef } from '../../apimachinery/index.ts';
import type { ReadRevision } from '../common/history.ts';
import { templateOfRevision } from '../common/history.ts';
import { isPodAvailable, podFromTemplate, type ReadPod } from '../common/pods.ts';

export type ReadSet = Readonly<StatefulSet>;

export const revisionLabel = 'controller-revision-hash';
const podNameLabel = 'statefulset.kubernetes.io/pod-name';
const podIndexLabel = 'apps.kubernetes.io/pod-index';

const identity = /^(.*)-(\d+)$/;

/** −1 for a name that ends in no number. */
export function ordinalOf(pod: ReadPod): number {
  const match = identity.exec(pod.metadata.name!);
  return match ? Number(match[2]) : -1;
}

export function isMemberOf(set: ReadSet, pod: ReadPod): boolean {
  return identity.exec(pod.metadata.name!)?.[1] === set.metadata.name;
}

export function startOrdinal(set: ReadSet): number {
  return set.spec?.ordinals?.start ?? 0;
}

export function replicasOf(set: ReadSet): number {
  return set.spec?.replicas ?? 1;
}

export function isInRange(set: ReadSet, pod: ReadPod): boolean {
  const index = ordinalOf(pod) - startOrdinal(set);
  return index >= 0 && index < replicasOf(set);
}

export function claimNameOf(set: ReadSet, template: Readonly<PersistentVolumeClaim>, ordinal: number): string {
  return `${template.metadata!.name}-${set.metadata.name}-${ordinal}`;
}

export function claimTemplatesOf(set: ReadSet): readonly Readonly<PersistentVolumeClaim>[] {
  return (set.spec?.volumeClaimTemplates ?? []) as readonly PersistentVolumeClaim[];
}

/** The claims of an ordinal, as they are created. */
export function claimsOf(set: ReadSet, ordinal: number): PersistentVolumeClaim[] {
  return claimTemplatesOf(set).map((template) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      ...template.metadata,
      name: claimNameOf(set, template, ordinal),
      namespace: set.metadata.namespace,
      labels: { ...template.metadata?.labels, ...set.spec!.selector.matchLabels },
    },
    spec: template.spec,
  })) as PersistentVolumeClaim[];
}

export function identityMatches(set: ReadSet, pod: ReadPod): boolean {
  return isMemberOf(set, pod) && pod.metadata.labels?.[podNameLabel] === pod.metadata.name;
}

export function storageMatches(set: ReadSet, pod: ReadPod): boolean {
  const ordinal = ordinalOf(pod);
  return claimTemplatesOf(set).every((template) => {
    const volume = pod.spec?.volumes?.find(({ name }) => name === template.metadata!.name);
    return volume?.persistentVolumeClaim?.claimName === claimNameOf(set, template, ordinal);
  });
}

/** The pod with its name's labels and its claims' volumes. */
export function withIdentity(set: ReadSet, pod: ReadPod): Pod {
  const ordinal = ordinalOf(pod);
  const claims: Volume[] = claimTemplatesOf(set).map((template) => ({
    name: template.metadata!.name!,
    persistentVolumeClaim: { claimName: claimNameOf(set, template, ordinal) },
  }));
  const others = (pod.spec?.volumes ?? []).filter(({ name }) => !claims.some((claim) => claim.name === name));
  const volumes = [...claims, ...others];
  const labels = { ...pod.metadata.labels, [podNameLabel]: pod.metadata.name!, [podIndexLabel]: String(ordinal) };
  return {
    ...pod,
    metadata: { ...pod.metadata, labels },
    spec: { ...pod.spec!, ...(volumes.length > 0 ? { volumes } : {}) },
  };
}

/** The set with the template of a revision. */
export function setOfRevision(set: ReadSet, revision: ReadRevision): ReadSet {
  return { ...set, spec: { ...set.spec!, template: templateOfRevision(revision) } };
}

function newPod(set: ReadSet, ordinal: number, revision: ReadRevision): Pod {
  const pod = podFromTemplate(set.spec!.template, set, newControllerRef(set));
  const name = `${set.metadata.name}-${ordinal}`;
  pod.metadata.name = name;
  pod.metadata.labels = { ...pod.metadata.labels, [revisionLabel]: revision.metadata.name! };
  const { serviceName } = set.spec!;
  pod.spec = { ...pod.spec!, hostname: name, ...(serviceName ? { subdomain: serviceName } : {}) };
  return withIdentity(set, pod);
}

export interface Revisions {
  readonly current: ReadRevision;
  readonly update: ReadRevision;
  readonly currentSet: ReadSet;
  readonly updateSet: ReadSet;
}

/** Below the partition a pod that is missing comes back as it was. */
export function newVersionedPod(
  set: ReadSet,
  { current, update, currentSet, updateSet }: Revisions,
  ordinal: number,
): Pod {
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {};
  const below = (count: number) => ordinal < startOrdinal(set) + count;
  const old = rollingUpdate
    ? below(rollingUpdate.partition ?? 0)
    : type === 'RollingUpdate' && below(set.status?.currentReplicas ?? 0);
  return old ? newPod(currentSet, ordinal, current) : newPod(updateSet, ordinal, update);
}

export function revisionOf(pod: ReadPod): string {
  return pod.metadata.labels?.[revisionLabel] ?? '';
}

/** A pod that is wanted and not there yet has no phase. */
export function isCreated(pod: ReadPod): boolean {
  return (pod.status?.phase ?? '') !== '';
}

export function isTerminating(pod: ReadPod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

export function isUnavailable(pod: ReadPod, minReadySeconds: number, now: number): boolean {
  return isTerminating(pod) || !isPodAvailable(pod, minReadySeconds, now);
}
