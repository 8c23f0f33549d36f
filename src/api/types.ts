/**
 * Kubernetes' API types under Kubernetes' names, for everybody who works with typed objects. Types only: nothing of the
 * model package is there at run time. Objects as the API server returns them always have `metadata`, so it is required
 * here; everything else is as optional as upstream's JSON. A value is assignable to KubeObject; the way back is a cast.
 */

import type { IQuantity } from '@kubernetes-models/apimachinery/api/resource/Quantity';
import type { IIntOrString } from '@kubernetes-models/apimachinery/util/intstr/IntOrString';
import type {
  IMutatingWebhookConfiguration as MutatingWebhookConfigurationModel,
  IValidatingAdmissionPolicyBinding as ValidatingAdmissionPolicyBindingModel,
  IValidatingAdmissionPolicy as ValidatingAdmissionPolicyModel,
  IValidatingWebhookConfiguration as ValidatingWebhookConfigurationModel,
} from 'kubernetes-models/admissionregistration.k8s.io/v1';
import type { ICustomResourceDefinition as CustomResourceDefinitionModel } from 'kubernetes-models/apiextensions.k8s.io/v1';
import type { IAPIService as APIServiceModel } from 'kubernetes-models/apiregistration.k8s.io/v1';
import type {
  IControllerRevision as ControllerRevisionModel,
  IDaemonSet as DaemonSetModel,
  IDeployment as DeploymentModel,
  IReplicaSet as ReplicaSetModel,
  IStatefulSet as StatefulSetModel,
} from 'kubernetes-models/apps/v1';
import type {
  ISelfSubjectReview as SelfSubjectReviewModel,
  ITokenRequest as TokenRequestModel,
  ITokenReview as TokenReviewModel,
} from 'kubernetes-models/authentication.k8s.io/v1';
import type {
  ILocalSubjectAccessReview as LocalSubjectAccessReviewModel,
  ISelfSubjectAccessReview as SelfSubjectAccessReviewModel,
  ISelfSubjectRulesReview as SelfSubjectRulesReviewModel,
  ISubjectAccessReview as SubjectAccessReviewModel,
} from 'kubernetes-models/authorization.k8s.io/v1';
import type { IScale as ScaleModel } from 'kubernetes-models/autoscaling/v1';
import type { IHorizontalPodAutoscaler as HorizontalPodAutoscalerModel } from 'kubernetes-models/autoscaling/v2';
import type { ICronJob as CronJobModel, IJob as JobModel } from 'kubernetes-models/batch/v1';
import type { ICertificateSigningRequest as CertificateSigningRequestModel } from 'kubernetes-models/certificates.k8s.io/v1';
import type { ILease as LeaseModel } from 'kubernetes-models/coordination.k8s.io/v1';
import type { IEndpointSlice as EndpointSliceModel } from 'kubernetes-models/discovery.k8s.io/v1';
import type { IEvent as EventsV1EventModel } from 'kubernetes-models/events.k8s.io/v1';
import type {
  IIngressClass as IngressClassModel,
  IIngress as IngressModel,
  IIPAddress as IPAddressModel,
  INetworkPolicy as NetworkPolicyModel,
  IServiceCIDR as ServiceCIDRModel,
} from 'kubernetes-models/networking.k8s.io/v1';
import type { IRuntimeClass as RuntimeClassModel } from 'kubernetes-models/node.k8s.io/v1';
import type {
  IEviction as EvictionModel,
  IPodDisruptionBudget as PodDisruptionBudgetModel,
} from 'kubernetes-models/policy/v1';
import type {
  IClusterRoleBinding as ClusterRoleBindingModel,
  IClusterRole as ClusterRoleModel,
  IRoleBinding as RoleBindingModel,
  IRole as RoleModel,
} from 'kubernetes-models/rbac.authorization.k8s.io/v1';
import type {
  IResourceClaim as ResourceClaimModel,
  IResourceClaimTemplate as ResourceClaimTemplateModel,
  IResourceSlice as ResourceSliceModel,
} from 'kubernetes-models/resource.k8s.io/v1';
import type { IPriorityClass as PriorityClassModel } from 'kubernetes-models/scheduling.k8s.io/v1';
import type {
  ICSIDriver as CSIDriverModel,
  ICSINode as CSINodeModel,
  ICSIStorageCapacity as CSIStorageCapacityModel,
  IStorageClass as StorageClassModel,
  IVolumeAttachment as VolumeAttachmentModel,
  IVolumeAttributesClass as VolumeAttributesClassModel,
} from 'kubernetes-models/storage.k8s.io/v1';
import type {
  IBinding as BindingModel,
  IConfigMap as ConfigMapModel,
  IEndpoints as EndpointsModel,
  IEvent as EventModel,
  ILimitRange as LimitRangeModel,
  INamespace as NamespaceModel,
  INode as NodeModel,
  IPersistentVolumeClaim as PersistentVolumeClaimModel,
  IPersistentVolume as PersistentVolumeModel,
  IPod as PodModel,
  IPodTemplate as PodTemplateModel,
  IReplicationController as ReplicationControllerModel,
  IResourceQuota as ResourceQuotaModel,
  ISecret as SecretModel,
  IServiceAccount as ServiceAccountModel,
  IService as ServiceModel,
} from 'kubernetes-models/v1';
import type { ObjectMeta } from '../apimachinery/index.ts';

export type {
  ICondition as Condition,
  ILabelSelector as LabelSelector,
  ILabelSelectorRequirement as LabelSelectorRequirement,
} from '@kubernetes-models/apimachinery/apis/meta/v1';
export type {
  IMutatingWebhook as MutatingWebhook,
  IRuleWithOperations as RuleWithOperations,
  IValidatingWebhook as ValidatingWebhook,
  IWebhookClientConfig as WebhookClientConfig,
} from 'kubernetes-models/admissionregistration.k8s.io/v1';
export type {
  ICustomResourceColumnDefinition as CustomResourceColumnDefinition,
  ICustomResourceDefinitionCondition as CustomResourceDefinitionCondition,
  ICustomResourceDefinitionNames as CustomResourceDefinitionNames,
  ICustomResourceDefinitionSpec as CustomResourceDefinitionSpec,
  ICustomResourceDefinitionStatus as CustomResourceDefinitionStatus,
  ICustomResourceDefinitionVersion as CustomResourceDefinitionVersion,
  ICustomResourceValidation as CustomResourceValidation,
  IJSONSchemaProps as JSONSchemaProps,
} from 'kubernetes-models/apiextensions.k8s.io/v1';
export type {
  IAPIServiceSpec as APIServiceSpec,
  IAPIServiceStatus as APIServiceStatus,
} from 'kubernetes-models/apiregistration.k8s.io/v1';
export type {
  IDaemonSetCondition as DaemonSetCondition,
  IDaemonSetSpec as DaemonSetSpec,
  IDaemonSetStatus as DaemonSetStatus,
  IDaemonSetUpdateStrategy as DaemonSetUpdateStrategy,
  IDeploymentCondition as DeploymentCondition,
  IDeploymentSpec as DeploymentSpec,
  IDeploymentStatus as DeploymentStatus,
  IDeploymentStrategy as DeploymentStrategy,
  IReplicaSetCondition as ReplicaSetCondition,
  IReplicaSetSpec as ReplicaSetSpec,
  IReplicaSetStatus as ReplicaSetStatus,
  IRollingUpdateDaemonSet as RollingUpdateDaemonSet,
  IRollingUpdateDeployment as RollingUpdateDeployment,
  IRollingUpdateStatefulSetStrategy as RollingUpdateStatefulSetStrategy,
  IStatefulSetCondition as StatefulSetCondition,
  IStatefulSetSpec as StatefulSetSpec,
  IStatefulSetStatus as StatefulSetStatus,
  IStatefulSetUpdateStrategy as StatefulSetUpdateStrategy,
} from 'kubernetes-models/apps/v1';
export type {
  ITokenRequestSpec as TokenRequestSpec,
  ITokenRequestStatus as TokenRequestStatus,
  ITokenReviewSpec as TokenReviewSpec,
  ITokenReviewStatus as TokenReviewStatus,
} from 'kubernetes-models/authentication.k8s.io/v1';
export type {
  INonResourceAttributes as NonResourceAttributes,
  IResourceAttributes as ResourceAttributes,
  ISubjectAccessReviewSpec as SubjectAccessReviewSpec,
  ISubjectAccessReviewStatus as SubjectAccessReviewStatus,
  ISubjectRulesReviewStatus as SubjectRulesReviewStatus,
} from 'kubernetes-models/authorization.k8s.io/v1';
export type {
  IScaleSpec as ScaleSpec,
  IScaleStatus as ScaleStatus,
} from 'kubernetes-models/autoscaling/v1';
export type {
  ICrossVersionObjectReference as CrossVersionObjectReference,
  IHorizontalPodAutoscalerBehavior as HorizontalPodAutoscalerBehavior,
  IHorizontalPodAutoscalerCondition as HorizontalPodAutoscalerCondition,
  IHorizontalPodAutoscalerSpec as HorizontalPodAutoscalerSpec,
  IHorizontalPodAutoscalerStatus as HorizontalPodAutoscalerStatus,
  IHPAScalingRules as HPAScalingRules,
  IMetricSpec as MetricSpec,
  IMetricStatus as MetricStatus,
  IMetricTarget as MetricTarget,
  IMetricValueStatus as MetricValueStatus,
} from 'kubernetes-models/autoscaling/v2';
export type {
  ICronJobSpec as CronJobSpec,
  ICronJobStatus as CronJobStatus,
  IJobCondition as JobCondition,
  IJobSpec as JobSpec,
  IJobStatus as JobStatus,
  IJobTemplateSpec as JobTemplateSpec,
  IPodFailurePolicy as PodFailurePolicy,
  ISuccessPolicy as SuccessPolicy,
  IUncountedTerminatedPods as UncountedTerminatedPods,
} from 'kubernetes-models/batch/v1';
export type {
  ICertificateSigningRequestCondition as CertificateSigningRequestCondition,
  ICertificateSigningRequestSpec as CertificateSigningRequestSpec,
  ICertificateSigningRequestStatus as CertificateSigningRequestStatus,
} from 'kubernetes-models/certificates.k8s.io/v1';
export type { ILeaseSpec as LeaseSpec } from 'kubernetes-models/coordination.k8s.io/v1';
export type {
  IEndpoint as Endpoint,
  IEndpointConditions as EndpointConditions,
  IEndpointHints as EndpointHints,
  IEndpointPort as DiscoveryEndpointPort,
  IForZone as ForZone,
} from 'kubernetes-models/discovery.k8s.io/v1';
export type {
  IHTTPIngressPath as HTTPIngressPath,
  IIngressBackend as IngressBackend,
  IIngressRule as IngressRule,
  IIngressSpec as IngressSpec,
  IIngressStatus as IngressStatus,
  IIPBlock as IPBlock,
  INetworkPolicyEgressRule as NetworkPolicyEgressRule,
  INetworkPolicyIngressRule as NetworkPolicyIngressRule,
  INetworkPolicyPeer as NetworkPolicyPeer,
  INetworkPolicyPort as NetworkPolicyPort,
  INetworkPolicySpec as NetworkPolicySpec,
} from 'kubernetes-models/networking.k8s.io/v1';
export type {
  IPodDisruptionBudgetSpec as PodDisruptionBudgetSpec,
  IPodDisruptionBudgetStatus as PodDisruptionBudgetStatus,
} from 'kubernetes-models/policy/v1';
export type {
  IAggregationRule as AggregationRule,
  IPolicyRule as PolicyRule,
  IRoleRef as RoleRef,
  ISubject as Subject,
} from 'kubernetes-models/rbac.authorization.k8s.io/v1';
export type {
  IAffinity as Affinity,
  IAttachedVolume as AttachedVolume,
  ICapabilities as Capabilities,
  IContainer as Container,
  IContainerImage as ContainerImage,
  IContainerPort as ContainerPort,
  IContainerState as ContainerState,
  IContainerStateRunning as ContainerStateRunning,
  IContainerStateTerminated as ContainerStateTerminated,
  IContainerStateWaiting as ContainerStateWaiting,
  IContainerStatus as ContainerStatus,
  IEndpointAddress as EndpointAddress,
  IEndpointPort as EndpointPort,
  IEndpointSubset as EndpointSubset,
  IEnvFromSource as EnvFromSource,
  IEnvVar as EnvVar,
  IEnvVarSource as EnvVarSource,
  IEphemeralContainer as EphemeralContainer,
  IEventSeries as EventSeries,
  IEventSource as EventSource,
  IExecAction as ExecAction,
  IGRPCAction as GRPCAction,
  IHostAlias as HostAlias,
  IHTTPGetAction as HTTPGetAction,
  ILifecycle as Lifecycle,
  ILifecycleHandler as LifecycleHandler,
  ILimitRangeItem as LimitRangeItem,
  ILimitRangeSpec as LimitRangeSpec,
  ILoadBalancerIngress as LoadBalancerIngress,
  ILoadBalancerStatus as LoadBalancerStatus,
  ILocalObjectReference as LocalObjectReference,
  INamespaceCondition as NamespaceCondition,
  INamespaceSpec as NamespaceSpec,
  INamespaceStatus as NamespaceStatus,
  INodeAddress as NodeAddress,
  INodeAffinity as NodeAffinity,
  INodeCondition as NodeCondition,
  INodeSelector as NodeSelector,
  INodeSelectorRequirement as NodeSelectorRequirement,
  INodeSelectorTerm as NodeSelectorTerm,
  INodeSpec as NodeSpec,
  INodeStatus as NodeStatus,
  INodeSystemInfo as NodeSystemInfo,
  IObjectReference as ObjectReference,
  IPersistentVolumeClaimSpec as PersistentVolumeClaimSpec,
  IPersistentVolumeClaimStatus as PersistentVolumeClaimStatus,
  IPersistentVolumeSpec as PersistentVolumeSpec,
  IPersistentVolumeStatus as PersistentVolumeStatus,
  IPodAffinity as PodAffinity,
  IPodAffinityTerm as PodAffinityTerm,
  IPodAntiAffinity as PodAntiAffinity,
  IPodCondition as PodCondition,
  IPodIP as PodIP,
  IPodResourceClaim as PodResourceClaim,
  IPodSecurityContext as PodSecurityContext,
  IPodSpec as PodSpec,
  IPodStatus as PodStatus,
  IPodTemplateSpec as PodTemplateSpec,
  IPortStatus as PortStatus,
  IPreferredSchedulingTerm as PreferredSchedulingTerm,
  IProbe as Probe,
  IReplicationControllerCondition as ReplicationControllerCondition,
  IReplicationControllerSpec as ReplicationControllerSpec,
  IReplicationControllerStatus as ReplicationControllerStatus,
  IResourceQuotaSpec as ResourceQuotaSpec,
  IResourceQuotaStatus as ResourceQuotaStatus,
  IResourceRequirements as ResourceRequirements,
  ISecurityContext as SecurityContext,
  IServicePort as ServicePort,
  IServiceSpec as ServiceSpec,
  IServiceStatus as ServiceStatus,
  ISessionAffinityConfig as SessionAffinityConfig,
  ITaint as Taint,
  ITCPSocketAction as TCPSocketAction,
  IToleration as Toleration,
  ITopologySpreadConstraint as TopologySpreadConstraint,
  ITypedLocalObjectReference as TypedLocalObjectReference,
  IVolume as Volume,
  IVolumeMount as VolumeMount,
  IWeightedPodAffinityTerm as WeightedPodAffinityTerm,
} from 'kubernetes-models/v1';

/** `100m`, `1Gi`, or a number. */
export type Quantity = IQuantity;
export type IntOrString = IIntOrString;

/** An object with the metadata every stored object has. */
export type ApiObject<Model> = Omit<Model, 'metadata'> & { metadata: ObjectMeta };

export type Pod = ApiObject<PodModel>;
export type Service = ApiObject<ServiceModel>;
export type Node = ApiObject<NodeModel>;
export type Namespace = ApiObject<NamespaceModel>;
export type Endpoints = ApiObject<EndpointsModel>;
export type Secret = ApiObject<SecretModel>;
export type ConfigMap = ApiObject<ConfigMapModel>;
export type ServiceAccount = ApiObject<ServiceAccountModel>;
export type PodTemplate = ApiObject<PodTemplateModel>;
export type ReplicationController = ApiObject<ReplicationControllerModel>;
export type ResourceQuota = ApiObject<ResourceQuotaModel>;
export type LimitRange = ApiObject<LimitRangeModel>;
export type PersistentVolume = ApiObject<PersistentVolumeModel>;
export type PersistentVolumeClaim = ApiObject<PersistentVolumeClaimModel>;
export type Event = ApiObject<EventModel>;
export type Binding = ApiObject<BindingModel>;
export type ControllerRevision = ApiObject<ControllerRevisionModel>;
export type DaemonSet = ApiObject<DaemonSetModel>;
export type Deployment = ApiObject<DeploymentModel>;
export type ReplicaSet = ApiObject<ReplicaSetModel>;
export type StatefulSet = ApiObject<StatefulSetModel>;
export type CronJob = ApiObject<CronJobModel>;
export type Job = ApiObject<JobModel>;
export type EndpointSlice = ApiObject<EndpointSliceModel>;
export type Lease = ApiObject<LeaseModel>;
export type ClusterRole = ApiObject<ClusterRoleModel>;
export type ClusterRoleBinding = ApiObject<ClusterRoleBindingModel>;
export type Role = ApiObject<RoleModel>;
export type RoleBinding = ApiObject<RoleBindingModel>;
export type HorizontalPodAutoscaler = ApiObject<HorizontalPodAutoscalerModel>;
export type Scale = ApiObject<ScaleModel>;
export type Eviction = ApiObject<EvictionModel>;
export type PodDisruptionBudget = ApiObject<PodDisruptionBudgetModel>;
export type Ingress = ApiObject<IngressModel>;
export type IngressClass = ApiObject<IngressClassModel>;
export type IPAddress = ApiObject<IPAddressModel>;
export type NetworkPolicy = ApiObject<NetworkPolicyModel>;
export type ServiceCIDR = ApiObject<ServiceCIDRModel>;
export type PriorityClass = ApiObject<PriorityClassModel>;
export type CSIDriver = ApiObject<CSIDriverModel>;
export type CSINode = ApiObject<CSINodeModel>;
export type CSIStorageCapacity = ApiObject<CSIStorageCapacityModel>;
export type StorageClass = ApiObject<StorageClassModel>;
export type ResourceClaim = ApiObject<ResourceClaimModel>;
export type ResourceClaimTemplate = ApiObject<ResourceClaimTemplateModel>;
export type ResourceSlice = ApiObject<ResourceSliceModel>;
export type VolumeAttributesClass = ApiObject<VolumeAttributesClassModel>;
export type VolumeAttachment = ApiObject<VolumeAttachmentModel>;
export type RuntimeClass = ApiObject<RuntimeClassModel>;
export type CertificateSigningRequest = ApiObject<CertificateSigningRequestModel>;
export type SelfSubjectReview = ApiObject<SelfSubjectReviewModel>;
export type TokenRequest = ApiObject<TokenRequestModel>;
export type TokenReview = ApiObject<TokenReviewModel>;
export type LocalSubjectAccessReview = ApiObject<LocalSubjectAccessReviewModel>;
export type SelfSubjectAccessReview = ApiObject<SelfSubjectAccessReviewModel>;
export type SelfSubjectRulesReview = ApiObject<SelfSubjectRulesReviewModel>;
export type SubjectAccessReview = ApiObject<SubjectAccessReviewModel>;
export type EventsV1Event = ApiObject<EventsV1EventModel>;
export type CustomResourceDefinition = ApiObject<CustomResourceDefinitionModel>;
export type APIService = ApiObject<APIServiceModel>;
export type MutatingWebhookConfiguration = ApiObject<MutatingWebhookConfigurationModel>;
export type ValidatingAdmissionPolicy = ApiObject<ValidatingAdmissionPolicyModel>;
export type ValidatingAdmissionPolicyBinding = ApiObject<ValidatingAdmissionPolicyBindingModel>;
export type ValidatingWebhookConfiguration = ApiObject<ValidatingWebhookConfigurationModel>;
