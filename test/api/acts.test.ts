/**
 * Every kind that is served, and what becomes of its objects. A kind that nothing acts on is warned of when it is
 * created and says so in `klab describe`; both read `acted`, which this page keeps true.
 */
import { describe, expect, it } from 'vitest';
import { builtinResources } from '../../src/api/index.ts';

/** `Kind.group` → why nothing comes of it. */
const stored: Readonly<Record<string, string>> = {
  'MutatingAdmissionPolicy.admissionregistration.k8s.io': 'admission does not evaluate policies yet',
  'MutatingAdmissionPolicyBinding.admissionregistration.k8s.io': 'admission does not evaluate policies yet',
  'MutatingWebhookConfiguration.admissionregistration.k8s.io': 'admission calls no webhooks yet',
  'ValidatingAdmissionPolicy.admissionregistration.k8s.io': 'admission does not evaluate policies yet',
  'ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io': 'admission does not evaluate policies yet',
  'ValidatingWebhookConfiguration.admissionregistration.k8s.io': 'admission calls no webhooks yet',
  'APIService.apiregistration.k8s.io': 'requests are not passed on to servers beside this one yet',
  'DeviceClass.resource.k8s.io': 'the scheduler allocates no devices',
  'ResourceClaim.resource.k8s.io': 'the scheduler allocates no devices',
  'ResourceClaimTemplate.resource.k8s.io': 'claims are made from it, and the scheduler allocates them no devices',
  'ResourceSlice.resource.k8s.io': 'the scheduler allocates no devices',
  'CSIDriver.storage.k8s.io': 'simulated nodes run no CSI drivers',
  'CSIStorageCapacity.storage.k8s.io': 'the simulated driver has room for everything',
  'VolumeAttachment.storage.k8s.io': 'the simulated driver attaches nothing',
  'VolumeAttributesClass.storage.k8s.io': 'the simulated driver has nothing to modify',
};

/** `Kind.group` → who does something about it, or to whom it says something. */
const acts: Readonly<Record<string, string>> = {
  'Binding.': 'the server, at once',
  'ComponentStatus.': 'the server, at once',
  'ConfigMap.': 'kubelets',
  'Endpoints.': 'endpointslice-mirroring',
  'Event.': 'its readers',
  'LimitRange.': 'admission',
  'Namespace.': 'namespace',
  'Node.': 'node-lifecycle, the scheduler',
  'PersistentVolume.': 'persistentvolume-binder',
  'PersistentVolumeClaim.': 'persistentvolume-binder, sim-path-provisioner',
  'Pod.': 'the scheduler, kubelets',
  'PodTemplate.': 'as upstream: data',
  'ReplicationController.': 'replicationcontroller',
  'ResourceQuota.': 'resourcequota, admission',
  'Secret.': 'kubelets',
  'Service.': 'endpointslice, the proxy, DNS, service-lb',
  'ServiceAccount.': 'admission, authentication',
  'ControllerRevision.apps': 'statefulset, daemonset',
  'DaemonSet.apps': 'daemonset',
  'Deployment.apps': 'deployment',
  'ReplicaSet.apps': 'replicaset',
  'StatefulSet.apps': 'statefulset',
  'Event.events.k8s.io': 'its readers',
  'SelfSubjectReview.authentication.k8s.io': 'the server, at once',
  'TokenReview.authentication.k8s.io': 'the server, at once',
  'LocalSubjectAccessReview.authorization.k8s.io': 'the server, at once',
  'SelfSubjectAccessReview.authorization.k8s.io': 'the server, at once',
  'SelfSubjectRulesReview.authorization.k8s.io': 'the server, at once',
  'SubjectAccessReview.authorization.k8s.io': 'the server, at once',
  'HorizontalPodAutoscaler.autoscaling': 'horizontal-pod-autoscaler',
  'CronJob.batch': 'cronjob',
  'Job.batch': 'job',
  'CertificateSigningRequest.certificates.k8s.io': 'certificatesigningrequest-approving, -signing, -cleaner',
  'Lease.coordination.k8s.io': 'node-lifecycle, those who elect',
  'EndpointSlice.discovery.k8s.io': 'the proxy, DNS',
  'FlowSchema.flowcontrol.apiserver.k8s.io': 'the server’s flow control',
  'PriorityLevelConfiguration.flowcontrol.apiserver.k8s.io': 'the server’s flow control',
  'Ingress.networking.k8s.io': 'ingress-address',
  'IngressClass.networking.k8s.io': 'admission, ingress-address',
  'IPAddress.networking.k8s.io': 'the server’s allocators',
  'NetworkPolicy.networking.k8s.io': 'the simulated pod network',
  'ServiceCIDR.networking.k8s.io': 'service-cidr, the server’s allocators',
  'RuntimeClass.node.k8s.io': 'admission, the scheduler: overhead and nodes',
  'PodDisruptionBudget.policy': 'disruption, evictions',
  'ClusterRole.rbac.authorization.k8s.io': 'authorization',
  'ClusterRoleBinding.rbac.authorization.k8s.io': 'authorization',
  'Role.rbac.authorization.k8s.io': 'authorization',
  'RoleBinding.rbac.authorization.k8s.io': 'authorization',
  'PriorityClass.scheduling.k8s.io': 'admission, the scheduler',
  'CSINode.storage.k8s.io': 'the scheduler: volumes a node takes',
  'StorageClass.storage.k8s.io': 'admission, sim-path-provisioner',
  'CustomResourceDefinition.apiextensions.k8s.io': 'the server serves what it defines',
};

const kinds = [...new Map(builtinResources.map((row) => [`${row.kind}.${row.group}`, row])).entries()];

describe('every kind that is served', () => {
  it('has its place on this page, and only one', () => {
    expect(Object.keys(stored).filter((kind) => kind in acts)).toEqual([]);
    expect([...Object.keys(stored), ...Object.keys(acts)].sort()).toEqual(kinds.map(([kind]) => kind).sort());
  });

  it.each(kinds)('%s', (kind) => {
    const rows = builtinResources.filter((row) => `${row.kind}.${row.group}` === kind);
    expect(rows.map(({ version, acted }) => [version, acted])).toEqual(
      rows.map(({ version }) => [version, !(kind in stored)]),
    );
  });
});
