/**
 * controllers: the control loops of kube-controller-manager, one folder each. Upstream: pkg/controller (1.36).
 *
 * Promises: each acts under its own service account; each is level-based, from shared caches, through a work queue whose
 * keys carry what caused them; events, conditions and numbers are upstream's.
 */

export { BootstrapSignerController } from './bootstrap-signer/controller.ts';
export { CertificateApprovingController } from './certificatesigningrequest-approving/controller.ts';
export { CertificateCleanerController } from './certificatesigningrequest-cleaner/controller.ts';
export { CertificateSigningController } from './certificatesigningrequest-signing/controller.ts';
export { ClusterRoleAggregationController } from './clusterrole-aggregation/controller.ts';
export {
  type ClusterSigning,
  type Controller,
  type ControllerContext,
  type ControllerDescriptor,
  type ControllerSettings,
  identityOf,
  rootIdentity,
} from './common/controller.ts';
export { loadBalancerRange } from './common/load-balancer-addresses.ts';
export { CronJobController } from './cronjob/controller.ts';
export { DaemonSetController } from './daemonset/controller.ts';
export { DeploymentController } from './deployment/controller.ts';
export { DeviceTaintEvictionController } from './device-taint-eviction/controller.ts';
export { DisruptionController } from './disruption/controller.ts';
export { EndpointsController } from './endpoint/controller.ts';
export { EndpointSliceController } from './endpointslice/controller.ts';
export { EndpointSliceMirroringController } from './endpointslice-mirroring/controller.ts';
export { EphemeralVolumeController } from './ephemeral-volume/controller.ts';
export { GarbageCollector } from './garbage-collector/controller.ts';
export { HorizontalPodAutoscalerController } from './horizontal-pod-autoscaler/controller.ts';
export { IngressAddressController, ingressController } from './ingress-address/controller.ts';
export { JobController } from './job/controller.ts';
export { LegacyTokenCleaner } from './legacy-serviceaccount-token-cleaner/controller.ts';
export { NamespaceController } from './namespace/controller.ts';
export { NodeIpamController } from './node-ipam/controller.ts';
export { NodeLifecycleController } from './node-lifecycle/controller.ts';
export { PersistentVolumeBinder } from './persistentvolume-binder/controller.ts';
export { PersistentVolumeProtection } from './persistentvolume-protection/controller.ts';
export { PersistentVolumeClaimProtection } from './persistentvolumeclaim-protection/controller.ts';
export { PodGarbageCollector } from './pod-garbage-collector/controller.ts';
export {
  ControllerManager,
  type ControllerManagerOptions,
  controllerTable,
  enabledControllers,
  idleControllers,
  startControllers,
  UnknownControllerError,
} from './registry.ts';
export { ReplicaSetController } from './replicaset/controller.ts';
export { ReplicationController } from './replicationcontroller/controller.ts';
export { ResourceClaimController } from './resourceclaim/controller.ts';
export { ResourceQuotaController } from './resourcequota/controller.ts';
export { RootCACertificatePublisher } from './root-ca-certificate-publisher/controller.ts';
export { ServiceCidrsController } from './service-cidrs/controller.ts';
export { ServiceLoadBalancerController } from './service-lb/controller.ts';
export { ServiceAccountController } from './serviceaccount/controller.ts';
export { ServiceAccountTokenController } from './serviceaccount-token/controller.ts';
export { SimPathProvisioner, simPathProvisioner } from './sim-path-provisioner/controller.ts';
export { StatefulSetController } from './statefulset/controller.ts';
export { TaintEvictionController } from './taint-eviction/controller.ts';
export { TokenCleanerController } from './token-cleaner/controller.ts';
export { TtlController } from './ttl/controller.ts';
export { TtlAfterFinishedController } from './ttl-after-finished/controller.ts';
export { ValidatingAdmissionPolicyStatusController } from './validatingadmissionpolicy-status/controller.ts';
export { VolumeAttributesClassProtection } from './volumeattributesclass-protection/controller.ts';
