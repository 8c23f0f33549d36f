/** The order in which kustomize prints what it built. Upstream: kustomize api/internal/builtins/SortOrderTransformer.go, `legacy`. */
import type { KubeObject } from '../../apimachinery/index.ts';

/** What others need, first. */
const first = [
  'Namespace',
  'ResourceQuota',
  'StorageClass',
  'CustomResourceDefinition',
  'ServiceAccount',
  'PodSecurityPolicy',
  'Role',
  'ClusterRole',
  'RoleBinding',
  'ClusterRoleBinding',
  'ConfigMap',
  'Secret',
  'Endpoints',
  'Service',
  'LimitRange',
  'PriorityClass',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'Deployment',
  'StatefulSet',
  'CronJob',
  'PodDisruptionBudget',
];
const last = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'];
const rank = new Map([
  ...first.map((kind, i) => [kind, i - first.length] as const),
  ...last.map((kind, i) => [kind, i + 1] as const),
]);

/** A new list: by kind, then by group, version, kind, namespace and name; what is empty goes behind. */
export function inKustomizeOrder<T extends { readonly object: KubeObject }>(items: readonly T[]): T[] {
  const keyed = items.map((item) => {
    const { apiVersion, kind, metadata } = item.object;
    const at = apiVersion.indexOf('/');
    const group = at < 0 ? '~G' : apiVersion.slice(0, at);
    const id = `${group}_${apiVersion.slice(at + 1)}_${kind}|${metadata.namespace || '~X'}|${metadata.name || '~N'}`;
    return { item, rank: rank.get(kind) ?? 0, id };
  });
  keyed.sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  return keyed.map(({ item }) => item);
}
