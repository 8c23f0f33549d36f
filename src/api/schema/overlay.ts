/**
 * What no npm package knows of Kubernetes' types: list types, list-map keys, atomic maps, strategic-merge keys and
 * strategies. Facts of Kubernetes 1.36, one definition a line (`io.k8s.` left off), continued by indentation:
 *
 *   <definition> <property>=<code>[+<code>…] …
 *
 * codes: `atomic`, `set`, `map(<keys>)`: list type, or map type of an object; `granular`: map type;
 * `merge`, `merge(<key>)`, `merge,retainKeys(<key>)`, `retainKeys`, `replace`: patch strategy and its merge key.
 * Property `*` is the definition itself. An alpha or beta definition without a line has the codes of the stable one. A test compares the table with the published OpenAPI where that is at hand.
 */
export const schemaOverlay = `
api.admissionregistration.v1.MatchResources *=atomic excludeResourceRules=atomic resourceRules=atomic
api.admissionregistration.v1.MutatingAdmissionPolicySpec matchConditions=map(name)+merge(name) mutations=atomic
   variables=atomic
api.admissionregistration.v1.MutatingWebhook admissionReviewVersions=atomic matchConditions=map(name)+merge(name)
   rules=atomic
api.admissionregistration.v1.MutatingWebhookConfiguration webhooks=map(name)+merge(name)
api.admissionregistration.v1.NamedRuleWithOperations *=atomic apiGroups=atomic apiVersions=atomic operations=atomic
   resourceNames=atomic resources=atomic
api.admissionregistration.v1.ParamKind *=atomic
api.admissionregistration.v1.ParamRef *=atomic
api.admissionregistration.v1.RuleWithOperations apiGroups=atomic apiVersions=atomic operations=atomic resources=atomic
api.admissionregistration.v1.TypeChecking expressionWarnings=atomic
api.admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec validationActions=set
api.admissionregistration.v1.ValidatingAdmissionPolicySpec auditAnnotations=atomic
   matchConditions=map(name)+merge(name) validations=atomic variables=map(name)+merge(name)
api.admissionregistration.v1.ValidatingAdmissionPolicyStatus conditions=map(type)
api.admissionregistration.v1.ValidatingWebhook admissionReviewVersions=atomic matchConditions=map(name)+merge(name)
   rules=atomic
api.admissionregistration.v1.ValidatingWebhookConfiguration webhooks=map(name)+merge(name)
api.admissionregistration.v1.Variable *=atomic
api.apps.v1.DaemonSetStatus conditions=map(type)+merge(type)
api.apps.v1.DeploymentSpec strategy=retainKeys
api.apps.v1.DeploymentStatus conditions=map(type)+merge(type)
api.apps.v1.ReplicaSetStatus conditions=map(type)+merge(type)
api.apps.v1.StatefulSetSpec volumeClaimTemplates=atomic
api.apps.v1.StatefulSetStatus conditions=map(type)+merge(type)
api.authentication.v1.TokenRequestSpec audiences=atomic
api.authentication.v1.TokenReviewSpec audiences=atomic
api.authentication.v1.TokenReviewStatus audiences=atomic
api.authentication.v1.UserInfo groups=atomic
api.authorization.v1.FieldSelectorAttributes requirements=atomic
api.authorization.v1.LabelSelectorAttributes requirements=atomic
api.authorization.v1.NonResourceRule nonResourceURLs=atomic verbs=atomic
api.authorization.v1.ResourceRule apiGroups=atomic resourceNames=atomic resources=atomic verbs=atomic
api.authorization.v1.SubjectAccessReviewSpec groups=atomic
api.authorization.v1.SubjectRulesReviewStatus nonResourceRules=atomic resourceRules=atomic
api.autoscaling.v1.CrossVersionObjectReference *=atomic
api.autoscaling.v2.HPAScalingRules policies=atomic
api.autoscaling.v2.HorizontalPodAutoscalerSpec metrics=atomic
api.autoscaling.v2.HorizontalPodAutoscalerStatus conditions=map(type)+merge(type) currentMetrics=atomic
api.batch.v1.CronJobStatus active=atomic
api.batch.v1.JobStatus conditions=atomic+merge(type)
api.batch.v1.PodFailurePolicy rules=atomic
api.batch.v1.PodFailurePolicyOnExitCodesRequirement values=set
api.batch.v1.PodFailurePolicyRule onPodConditions=atomic
api.batch.v1.SuccessPolicy rules=atomic
api.batch.v1.UncountedTerminatedPods failed=set succeeded=set
api.certificates.v1.CertificateSigningRequestSpec groups=atomic usages=atomic
api.certificates.v1.CertificateSigningRequestStatus conditions=map(type)
api.core.v1.Capabilities add=atomic drop=atomic
api.core.v1.CephFSPersistentVolumeSource monitors=atomic
api.core.v1.CephFSVolumeSource monitors=atomic
api.core.v1.ComponentStatus conditions=map(type)+merge(type)
api.core.v1.ConfigMapKeySelector *=atomic
api.core.v1.ConfigMapProjection items=atomic
api.core.v1.ConfigMapVolumeSource items=atomic
api.core.v1.Container args=atomic command=atomic env=map(name)+merge(name) envFrom=atomic
   ports=map(containerPort,protocol)+merge(containerPort) resizePolicy=atomic restartPolicyRules=atomic
   volumeDevices=map(devicePath)+merge(devicePath) volumeMounts=map(mountPath)+merge(mountPath)
api.core.v1.ContainerImage names=atomic
api.core.v1.ContainerRestartRuleOnExitCodes values=set
api.core.v1.ContainerStatus allocatedResourcesStatus=map(name)+merge(name)
   volumeMounts=map(mountPath)+merge(mountPath)
api.core.v1.DownwardAPIProjection items=atomic
api.core.v1.DownwardAPIVolumeSource items=atomic
api.core.v1.EndpointAddress *=atomic
api.core.v1.EndpointPort *=atomic
api.core.v1.EndpointSubset addresses=atomic notReadyAddresses=atomic ports=atomic
api.core.v1.Endpoints subsets=atomic
api.core.v1.EphemeralContainer args=atomic command=atomic env=map(name)+merge(name) envFrom=atomic
   ports=map(containerPort,protocol)+merge(containerPort) resizePolicy=atomic restartPolicyRules=atomic
   volumeDevices=map(devicePath)+merge(devicePath) volumeMounts=map(mountPath)+merge(mountPath)
api.core.v1.ExecAction command=atomic
api.core.v1.FCVolumeSource targetWWNs=atomic wwids=atomic
api.core.v1.FileKeySelector *=atomic
api.core.v1.HTTPGetAction httpHeaders=atomic
api.core.v1.HostAlias hostnames=atomic
api.core.v1.ISCSIPersistentVolumeSource portals=atomic
api.core.v1.ISCSIVolumeSource portals=atomic
api.core.v1.LimitRangeSpec limits=atomic
api.core.v1.LinuxContainerUser supplementalGroups=atomic
api.core.v1.LoadBalancerIngress ports=atomic
api.core.v1.LoadBalancerStatus ingress=atomic
api.core.v1.LocalObjectReference *=atomic
api.core.v1.NamespaceSpec finalizers=atomic
api.core.v1.NamespaceStatus conditions=map(type)+merge(type)
api.core.v1.NodeAffinity preferredDuringSchedulingIgnoredDuringExecution=atomic
api.core.v1.NodeAllocatableResourceClaimStatus containers=set
api.core.v1.NodeSelector *=atomic nodeSelectorTerms=atomic
api.core.v1.NodeSelectorRequirement values=atomic
api.core.v1.NodeSelectorTerm *=atomic matchExpressions=atomic matchFields=atomic
api.core.v1.NodeSpec podCIDRs=set+merge taints=atomic
api.core.v1.NodeStatus addresses=map(type)+merge(type) conditions=map(type)+merge(type) declaredFeatures=atomic
   images=atomic runtimeHandlers=atomic volumesAttached=atomic volumesInUse=atomic
api.core.v1.ObjectFieldSelector *=atomic
api.core.v1.ObjectReference *=atomic
api.core.v1.PersistentVolumeClaimSpec accessModes=atomic
api.core.v1.PersistentVolumeClaimStatus accessModes=atomic allocatedResourceStatuses=granular
   conditions=map(type)+merge(type)
api.core.v1.PersistentVolumeSpec accessModes=atomic claimRef=granular mountOptions=atomic
api.core.v1.PodAffinity preferredDuringSchedulingIgnoredDuringExecution=atomic
   requiredDuringSchedulingIgnoredDuringExecution=atomic
api.core.v1.PodAffinityTerm matchLabelKeys=atomic mismatchLabelKeys=atomic namespaces=atomic
api.core.v1.PodAntiAffinity preferredDuringSchedulingIgnoredDuringExecution=atomic
   requiredDuringSchedulingIgnoredDuringExecution=atomic
api.core.v1.PodDNSConfig nameservers=atomic options=atomic searches=atomic
api.core.v1.PodExtendedResourceClaimStatus requestMappings=atomic
api.core.v1.PodSecurityContext supplementalGroups=atomic sysctls=atomic
api.core.v1.PodSpec containers=map(name)+merge(name) ephemeralContainers=map(name)+merge(name)
   hostAliases=map(ip)+merge(ip) imagePullSecrets=map(name)+merge(name) initContainers=map(name)+merge(name)
   nodeSelector=atomic readinessGates=atomic resourceClaims=map(name)+merge,retainKeys(name)
   schedulingGates=map(name)+merge(name) tolerations=atomic
   topologySpreadConstraints=map(topologyKey,whenUnsatisfiable)+merge(topologyKey)
   volumes=map(name)+merge,retainKeys(name)
api.core.v1.PodStatus conditions=map(type)+merge(type) containerStatuses=atomic ephemeralContainerStatuses=atomic
   hostIPs=atomic+merge(ip) initContainerStatuses=atomic nodeAllocatableResourceClaimStatuses=atomic
   podIPs=map(ip)+merge(ip) resourceClaimStatuses=map(name)+merge,retainKeys(name)
api.core.v1.ProjectedVolumeSource sources=atomic
api.core.v1.RBDPersistentVolumeSource monitors=atomic
api.core.v1.RBDVolumeSource monitors=atomic
api.core.v1.ReplicationControllerSpec selector=atomic
api.core.v1.ReplicationControllerStatus conditions=map(type)+merge(type)
api.core.v1.ResourceFieldSelector *=atomic
api.core.v1.ResourceQuotaSpec scopes=atomic
api.core.v1.ResourceRequirements claims=map(name)
api.core.v1.ResourceStatus resources=map(resourceID)
api.core.v1.ScopeSelector *=atomic matchExpressions=atomic
api.core.v1.ScopedResourceSelectorRequirement values=atomic
api.core.v1.SecretKeySelector *=atomic
api.core.v1.SecretProjection items=atomic
api.core.v1.SecretReference *=atomic
api.core.v1.SecretVolumeSource items=atomic
api.core.v1.ServiceAccount imagePullSecrets=atomic secrets=map(name)+merge(name)
api.core.v1.ServiceSpec clusterIPs=atomic externalIPs=atomic ipFamilies=atomic loadBalancerSourceRanges=atomic
   ports=map(port,protocol)+merge(port) selector=atomic
api.core.v1.ServiceStatus conditions=map(type)+merge(type)
api.core.v1.TopologySelectorLabelRequirement values=atomic
api.core.v1.TopologySelectorTerm *=atomic matchLabelExpressions=atomic
api.core.v1.TopologySpreadConstraint matchLabelKeys=atomic
api.core.v1.TypedLocalObjectReference *=atomic
api.discovery.v1.Endpoint addresses=set
api.discovery.v1.EndpointHints forNodes=atomic forZones=atomic
api.discovery.v1.EndpointPort *=atomic
api.discovery.v1.EndpointSlice endpoints=atomic ports=atomic
api.flowcontrol.v1.FlowSchemaSpec rules=atomic
api.flowcontrol.v1.FlowSchemaStatus conditions=map(type)+merge(type)
api.flowcontrol.v1.NonResourcePolicyRule nonResourceURLs=set verbs=set
api.flowcontrol.v1.PolicyRulesWithSubjects nonResourceRules=atomic resourceRules=atomic subjects=atomic
api.flowcontrol.v1.PriorityLevelConfigurationStatus conditions=map(type)+merge(type)
api.flowcontrol.v1.ResourcePolicyRule apiGroups=set namespaces=set resources=set verbs=set
api.networking.v1.HTTPIngressRuleValue paths=atomic
api.networking.v1.IPBlock except=atomic
api.networking.v1.IngressLoadBalancerIngress ports=atomic
api.networking.v1.IngressLoadBalancerStatus ingress=atomic
api.networking.v1.IngressSpec rules=atomic tls=atomic
api.networking.v1.IngressTLS hosts=atomic
api.networking.v1.NetworkPolicyEgressRule ports=atomic to=atomic
api.networking.v1.NetworkPolicyIngressRule from=atomic ports=atomic
api.networking.v1.NetworkPolicySpec egress=atomic ingress=atomic policyTypes=atomic
api.networking.v1.ServiceBackendPort *=atomic
api.networking.v1.ServiceCIDRSpec cidrs=atomic
api.networking.v1.ServiceCIDRStatus conditions=map(type)+merge(type)
api.node.v1.Scheduling nodeSelector=atomic tolerations=atomic
api.policy.v1.PodDisruptionBudgetSpec selector=replace
api.policy.v1.PodDisruptionBudgetStatus conditions=map(type)+merge(type)
api.rbac.v1.AggregationRule clusterRoleSelectors=atomic
api.rbac.v1.ClusterRole rules=atomic
api.rbac.v1.ClusterRoleBinding subjects=atomic
api.rbac.v1.PolicyRule apiGroups=atomic nonResourceURLs=atomic resourceNames=atomic resources=atomic verbs=atomic
api.rbac.v1.Role rules=atomic
api.rbac.v1.RoleBinding subjects=atomic
api.rbac.v1.RoleRef *=atomic
api.rbac.v1.Subject *=atomic
api.resource.v1.AllocatedDeviceStatus conditions=map(type)
api.resource.v1.CapacityRequestPolicy validValues=atomic
api.resource.v1.Device bindingConditions=atomic bindingFailureConditions=atomic consumesCounters=atomic taints=atomic
api.resource.v1.DeviceAllocationConfiguration requests=atomic
api.resource.v1.DeviceAllocationResult config=atomic results=atomic
api.resource.v1.DeviceAttribute bools=atomic ints=atomic strings=atomic versions=atomic
api.resource.v1.DeviceClaim config=atomic constraints=atomic requests=atomic
api.resource.v1.DeviceClaimConfiguration requests=atomic
api.resource.v1.DeviceClassSpec config=atomic selectors=atomic
api.resource.v1.DeviceConstraint requests=atomic
api.resource.v1.DeviceRequest firstAvailable=atomic
api.resource.v1.DeviceRequestAllocationResult bindingConditions=atomic bindingFailureConditions=atomic
   tolerations=atomic
api.resource.v1.DeviceSubRequest selectors=atomic tolerations=atomic
api.resource.v1.ExactDeviceRequest selectors=atomic tolerations=atomic
api.resource.v1.NetworkDeviceData ips=atomic
api.resource.v1.ResourceClaimStatus devices=map(driver,device,pool,shareID) reservedFor=map(uid)+merge(uid)
api.resource.v1.ResourceSliceSpec devices=atomic sharedCounters=atomic
api.admissionregistration.v1alpha1.Variable
api.apiserverinternal.v1alpha1.ServerStorageVersion decodableVersions=set servedVersions=set
api.apiserverinternal.v1alpha1.StorageVersionStatus conditions=map(type) storageVersions=map(apiServerID)
api.certificates.v1beta1.PodCertificateRequestStatus conditions=map(type)+merge(type)
api.resource.v1alpha3.DeviceTaintRuleStatus conditions=map(type)+merge(type)
api.resource.v1alpha3.ResourcePoolStatusRequestStatus conditions=map(type)+merge(type) pools=atomic
api.resource.v1beta1.BasicDevice bindingConditions=atomic bindingFailureConditions=atomic consumesCounters=atomic
   taints=atomic
api.resource.v1beta1.Device
api.resource.v1beta1.DeviceRequest firstAvailable=atomic selectors=atomic tolerations=atomic
api.resource.v1beta2.DeviceTaintRuleStatus conditions=map(type)+merge(type)
api.scheduling.v1alpha2.PodGroupSchedulingConstraints topology=atomic
api.scheduling.v1alpha2.PodGroupSpec resourceClaims=map(name)+merge,retainKeys(name)
api.scheduling.v1alpha2.PodGroupStatus conditions=map(type)+merge(type)
   resourceClaimStatuses=map(name)+merge,retainKeys(name)
api.scheduling.v1alpha2.PodGroupTemplate resourceClaims=map(name)+merge,retainKeys(name)
api.scheduling.v1alpha2.WorkloadSpec podGroupTemplates=map(name)
api.storagemigration.v1beta1.StorageVersionMigrationStatus conditions=map(type)+merge(type)
api.storage.v1.CSIDriverSpec tokenRequests=atomic volumeLifecycleModes=set
api.storage.v1.CSINodeDriver topologyKeys=atomic
api.storage.v1.CSINodeSpec drivers=map(name)+merge(name)
api.storage.v1.StorageClass allowedTopologies=atomic mountOptions=atomic
apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionNames categories=atomic shortNames=atomic
apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionSpec versions=atomic
apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionStatus conditions=map(type)
   storedVersions=atomic
apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionVersion additionalPrinterColumns=atomic
   selectableFields=atomic
apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps allOf=atomic anyOf=atomic enum=atomic oneOf=atomic
   required=atomic x-kubernetes-list-map-keys=atomic x-kubernetes-validations=map(rule)+merge(rule)
apiextensions-apiserver.pkg.apis.apiextensions.v1.WebhookConversion conversionReviewVersions=atomic
apimachinery.pkg.apis.meta.v1.APIGroup serverAddressByClientCIDRs=atomic versions=atomic
apimachinery.pkg.apis.meta.v1.APIGroupList groups=atomic
apimachinery.pkg.apis.meta.v1.APIResource categories=atomic shortNames=atomic
apimachinery.pkg.apis.meta.v1.APIResourceList resources=atomic
apimachinery.pkg.apis.meta.v1.APIVersions serverAddressByClientCIDRs=atomic versions=atomic
apimachinery.pkg.apis.meta.v1.DeleteOptions dryRun=atomic
apimachinery.pkg.apis.meta.v1.FieldSelectorRequirement values=atomic
apimachinery.pkg.apis.meta.v1.LabelSelector *=atomic matchExpressions=atomic
apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement values=atomic
apimachinery.pkg.apis.meta.v1.ObjectMeta finalizers=set+merge managedFields=atomic ownerReferences=map(uid)+merge(uid)
apimachinery.pkg.apis.meta.v1.OwnerReference *=atomic
apimachinery.pkg.apis.meta.v1.StatusDetails causes=atomic
kube-aggregator.pkg.apis.apiregistration.v1.APIServiceSpec caBundle=atomic
kube-aggregator.pkg.apis.apiregistration.v1.APIServiceStatus conditions=map(type)+merge(type)
`;

/** Defaults that OpenAPI publishes; server-side apply needs them to complete list-map keys. Others are code, as upstream. */
export const publishedDefaults: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'io.k8s.api.core.v1.ContainerPort': { protocol: 'TCP' },
  'io.k8s.api.core.v1.ServicePort': { protocol: 'TCP' },
};

/** Definitions that are values of their own form, or free of any: what the walker must know of them. */
export const specialDefinitions: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: 'string', format: 'quantity' },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { intOrString: true, format: 'int-or-string' },
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': { type: 'string', format: 'date-time', nullable: true },
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': { type: 'string', format: 'date-time', nullable: true },
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': { type: 'object', preserveUnknownFields: true },
  'io.k8s.apimachinery.pkg.apis.meta.v1.Patch': { type: 'object', preserveUnknownFields: true },
  'io.k8s.apimachinery.pkg.runtime.RawExtension': { type: 'object', preserveUnknownFields: true },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON': { preserveUnknownFields: true },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray': { preserveUnknownFields: true },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool': { preserveUnknownFields: true },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray': {
    preserveUnknownFields: true,
  },
};
