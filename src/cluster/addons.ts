/**
 * Objects that every cluster of klab has besides upstream's own: the default class and who provisions for it. Made when
 * they are missing, and left as they are otherwise (addonmanager's `EnsureExists`).
 */
import type { KubeObject } from '../apimachinery/index.ts';
import { ingressController, simPathProvisioner } from '../controllers/index.ts';

const labels = { 'addonmanager.kubernetes.io/mode': 'EnsureExists' };

/** As kind's: bound when a pod comes, deleted with the claim. */
const standardClass: KubeObject = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: {
    name: 'standard',
    labels,
    annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
  },
  provisioner: simPathProvisioner,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
};

/** Ingresses that name no class get an address from klab; an installed controller's own class stands beside it. */
const ingressClass: KubeObject = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IngressClass',
  metadata: { name: 'klab', labels, annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
  spec: { controller: ingressController },
};

const provisionerRights = rights('klab:sim-path-provisioner', 'sim-path-provisioner', [
  {
    apiGroups: [''],
    resources: ['persistentvolumes'],
    verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'],
  },
  { apiGroups: [''], resources: ['persistentvolumeclaims'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: [''], resources: ['persistentvolumeclaims/status'], verbs: ['update', 'patch'] },
  { apiGroups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: ['get', 'list', 'watch'] },
]);

const ingressRights = rights('klab:ingress-address-controller', 'ingress-address-controller', [
  {
    apiGroups: ['networking.k8s.io'],
    resources: ['ingresses', 'ingressclasses'],
    verbs: ['get', 'list', 'watch'],
  },
  { apiGroups: ['networking.k8s.io'], resources: ['ingresses/status'], verbs: ['update', 'patch'] },
]);

/** metrics-server's two objects that others look for: the API it serves, and who may read it. */
const metrics: readonly KubeObject[] = [
  {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: 'v1beta1.metrics.k8s.io', labels },
    spec: { group: 'metrics.k8s.io', version: 'v1beta1', groupPriorityMinimum: 100, versionPriority: 100 },
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: {
      name: 'system:aggregated-metrics-reader',
      labels: {
        ...labels,
        'rbac.authorization.k8s.io/aggregate-to-admin': 'true',
        'rbac.authorization.k8s.io/aggregate-to-edit': 'true',
        'rbac.authorization.k8s.io/aggregate-to-view': 'true',
      },
    },
    rules: [{ apiGroups: ['metrics.k8s.io'], resources: ['pods', 'nodes'], verbs: ['get', 'list', 'watch'] }],
  },
];

/** Who may look through klab's own door, `/klab/v1`, and who may turn its knobs. Bound to nobody, part of no other role. */
const doorRoles: readonly KubeObject[] = [
  { name: 'klab:viewer', verbs: ['get'] },
  { name: 'klab:operator', verbs: ['delete', 'get', 'post', 'put'] },
].map(({ name, verbs }) => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name, labels },
  rules: [{ nonResourceURLs: ['/klab/*'], verbs }],
}));

export const addons: readonly KubeObject[] = [
  standardClass,
  ingressClass,
  ...provisionerRights,
  ...ingressRights,
  ...metrics,
  ...doorRoles,
];

/** A ClusterRole with its binding to an account of kube-system; every controller may write events. */
function rights(name: string, account: string, rules: readonly object[]): KubeObject[] {
  const events = { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'update', 'patch'] };
  return [
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name, labels },
      rules: [...rules, events],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name, labels },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace: 'kube-system' }],
    },
  ];
}
