/**
 * The order in which objects are applied: what others need first. Objects of one rank do not need each other.
 * Upstream: kustomize's legacy order and helm's install order, as ranks.
 */
const ranks: readonly (readonly string[])[] = [
  ['Namespace'],
  ['CustomResourceDefinition'],
  [
    'PriorityClass',
    'StorageClass',
    'IngressClass',
    'RuntimeClass',
    'CSIDriver',
    'VolumeAttributesClass',
    'DeviceClass',
  ],
  ['ResourceQuota', 'LimitRange', 'NetworkPolicy', 'PodDisruptionBudget', 'ServiceAccount'],
  ['Secret', 'ConfigMap'],
  ['ClusterRole', 'Role'],
  ['ClusterRoleBinding', 'RoleBinding'],
  ['PersistentVolume', 'PersistentVolumeClaim'],
  ['Service', 'Endpoints', 'EndpointSlice'],
  ['Pod', 'ReplicationController', 'ReplicaSet', 'Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob'],
  ['HorizontalPodAutoscaler', 'Ingress'],
];

const last: readonly string[] = [
  'APIService',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionPolicyBinding',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
];

const rankOfKind = new Map(ranks.flatMap((kinds, rank) => kinds.map((kind) => [kind, rank] as const)));

/** Custom objects come after workloads, whose operators serve them; whatever can refuse the rest comes last. */
export function rankOf(kind: string): number {
  return rankOfKind.get(kind) ?? (last.includes(kind) ? ranks.length + 1 : ranks.length);
}

/** Groups of one rank, in order; inside a group the order of the manifests. */
export function inRanks<T>(items: readonly T[], kindOf: (item: T) => string): T[][] {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const rank = rankOf(kindOf(item));
    const group = groups.get(rank);
    if (group) group.push(item);
    else groups.set(rank, [item]);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => group);
}
