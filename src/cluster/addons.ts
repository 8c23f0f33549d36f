/**
 * Objects that every cluster of klab has besides upstream's own: the default class and who provisions for it. Made when
 * they are missing, and left as they are otherwise (addonmanager's `EnsureExists`).
 */
import type { KubeObject } from '../apimachinery/index.ts';
import { simPathProvisioner } from '../controllers/index.ts';

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

const provisionerRole = 'klab:sim-path-provisioner';

const provisionerRights: readonly KubeObject[] = [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: provisionerRole, labels },
    rules: [
      {
        apiGroups: [''],
        resources: ['persistentvolumes'],
        verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'],
      },
      { apiGroups: [''], resources: ['persistentvolumeclaims'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['persistentvolumeclaims/status'], verbs: ['update', 'patch'] },
      { apiGroups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'update', 'patch'] },
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: provisionerRole, labels },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: provisionerRole },
    subjects: [{ kind: 'ServiceAccount', name: 'sim-path-provisioner', namespace: 'kube-system' }],
  },
];

export const addons: readonly KubeObject[] = [standardClass, ...provisionerRights];
