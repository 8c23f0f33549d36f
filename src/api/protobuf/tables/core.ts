/** Protobuf messages of core.v1; the notation is explained in ../messages.ts. */
export const coreMessages = `
# core.v1
AWSElasticBlockStoreVolumeSource volumeID! fsType partition:int32 readOnly:bool
Affinity nodeAffinity:*NodeAffinity podAffinity:*PodAffinity podAntiAffinity:*PodAntiAffinity
AppArmorProfile type! localhostProfile:*string
AttachedVolume name! devicePath!
AzureDiskVolumeSource diskName! diskURI! cachingMode:*string fsType:*string readOnly:*bool kind:*string
AzureFilePersistentVolumeSource secretName! shareName! readOnly:bool secretNamespace:*string
AzureFileVolumeSource secretName! shareName! readOnly:bool
Binding metadata:meta.ObjectMeta target:ObjectReference
CSIPersistentVolumeSource driver! volumeHandle! readOnly:bool fsType volumeAttributes:{}string
   controllerPublishSecretRef:*SecretReference nodeStageSecretRef:*SecretReference
   nodePublishSecretRef:*SecretReference controllerExpandSecretRef:*SecretReference
   nodeExpandSecretRef:*SecretReference
CSIVolumeSource driver! readOnly:*bool fsType:*string volumeAttributes:{}string
   nodePublishSecretRef:*LocalObjectReference
Capabilities add:[]string drop:[]string
CephFSPersistentVolumeSource monitors:[]string path user secretFile secretRef:*SecretReference readOnly:bool
CephFSVolumeSource monitors:[]string path user secretFile secretRef:*LocalObjectReference readOnly:bool
CinderPersistentVolumeSource volumeID! fsType readOnly:bool secretRef:*SecretReference
CinderVolumeSource volumeID! fsType readOnly:bool secretRef:*LocalObjectReference
ClientIPConfig timeoutSeconds:*int32
ClusterTrustBundleProjection name:*string signerName:*string labelSelector:*meta.LabelSelector path! optional:*bool
ComponentCondition type! status! message error
ComponentStatus metadata:meta.ObjectMeta conditions:[]ComponentCondition
ConfigMap metadata:meta.ObjectMeta data:{}string binaryData:{}bytes immutable:*bool
ConfigMapEnvSource .:LocalObjectReference optional:*bool
ConfigMapKeySelector .:LocalObjectReference key! optional:*bool
ConfigMapNodeConfigSource namespace! name! uid resourceVersion kubeletConfigKey!
ConfigMapProjection .:LocalObjectReference items:[]KeyToPath optional=4:*bool
ConfigMapVolumeSource .:LocalObjectReference items:[]KeyToPath defaultMode:*int32 optional:*bool
Container name! image command:[]string args:[]string workingDir ports:[]ContainerPort env:[]EnvVar
   resources:ResourceRequirements volumeMounts:[]VolumeMount livenessProbe:*Probe readinessProbe:*Probe
   lifecycle:*Lifecycle terminationMessagePath imagePullPolicy securityContext:*SecurityContext stdin:bool
   stdinOnce:bool tty:bool envFrom:[]EnvFromSource terminationMessagePolicy volumeDevices:[]VolumeDevice
   startupProbe:*Probe resizePolicy:[]ContainerResizePolicy restartPolicy:*string
   restartPolicyRules:[]ContainerRestartRule
ContainerExtendedResourceRequest containerName! resourceName! requestName!
ContainerImage names:[]string sizeBytes:int64
ContainerPort name hostPort:int32 containerPort!:int32 protocol hostIP
ContainerResizePolicy resourceName! restartPolicy!
ContainerRestartRule action exitCodes:*ContainerRestartRuleOnExitCodes
ContainerRestartRuleOnExitCodes operator values:[]int32
ContainerState waiting:*ContainerStateWaiting running:*ContainerStateRunning terminated:*ContainerStateTerminated
ContainerStateRunning startedAt:Time
ContainerStateTerminated exitCode!:int32 signal:int32 reason message startedAt:Time finishedAt:Time containerID
ContainerStateWaiting reason message
ContainerStatus name! state:ContainerState lastState:ContainerState ready!:bool restartCount!:int32 image! imageID!
   containerID started:*bool allocatedResources:{}Quantity resources:*ResourceRequirements
   volumeMounts:[]VolumeMountStatus user:*ContainerUser allocatedResourcesStatus:[]ResourceStatus stopSignal:*string
ContainerUser linux:*LinuxContainerUser
DaemonEndpoint Port!:int32
DownwardAPIProjection items:[]DownwardAPIVolumeFile
DownwardAPIVolumeFile path! fieldRef:*ObjectFieldSelector resourceFieldRef:*ResourceFieldSelector mode:*int32
DownwardAPIVolumeSource items:[]DownwardAPIVolumeFile defaultMode:*int32
EmptyDirVolumeSource medium sizeLimit:*Quantity
EndpointAddress ip! targetRef:*ObjectReference hostname nodeName:*string
EndpointPort name port!:int32 protocol appProtocol:*string
EndpointSubset addresses:[]EndpointAddress notReadyAddresses:[]EndpointAddress ports:[]EndpointPort
Endpoints metadata:meta.ObjectMeta subsets:[]EndpointSubset
EnvFromSource prefix configMapRef:*ConfigMapEnvSource secretRef:*SecretEnvSource
EnvVar name! value valueFrom:*EnvVarSource
EnvVarSource fieldRef:*ObjectFieldSelector resourceFieldRef:*ResourceFieldSelector
   configMapKeyRef:*ConfigMapKeySelector secretKeyRef:*SecretKeySelector fileKeyRef:*FileKeySelector
EphemeralContainer .:EphemeralContainerCommon targetContainerName
EphemeralContainerCommon name! image command:[]string args:[]string workingDir ports:[]ContainerPort env:[]EnvVar
   resources:ResourceRequirements volumeMounts:[]VolumeMount livenessProbe:*Probe readinessProbe:*Probe
   lifecycle:*Lifecycle terminationMessagePath imagePullPolicy securityContext:*SecurityContext stdin:bool
   stdinOnce:bool tty:bool envFrom:[]EnvFromSource terminationMessagePolicy volumeDevices:[]VolumeDevice
   startupProbe:*Probe resizePolicy:[]ContainerResizePolicy restartPolicy:*string
   restartPolicyRules:[]ContainerRestartRule
EphemeralVolumeSource volumeClaimTemplate:*PersistentVolumeClaimTemplate
Event metadata:meta.ObjectMeta involvedObject:ObjectReference reason message source:EventSource firstTimestamp:Time
   lastTimestamp:Time count:int32 type eventTime:MicroTime series:*EventSeries action related:*ObjectReference
   reportingComponent! reportingInstance!
EventSeries count:int32 lastObservedTime:MicroTime
EventSource component host
ExecAction command:[]string
FCVolumeSource targetWWNs:[]string lun:*int32 fsType readOnly:bool wwids:[]string
FileKeySelector volumeName! path! key! optional:*bool
FlexPersistentVolumeSource driver! fsType secretRef:*SecretReference readOnly:bool options:{}string
FlexVolumeSource driver! fsType secretRef:*LocalObjectReference readOnly:bool options:{}string
FlockerVolumeSource datasetName datasetUUID
GCEPersistentDiskVolumeSource pdName! fsType partition:int32 readOnly:bool
GRPCAction port!:int32 service:*string
GitRepoVolumeSource repository! revision directory
GlusterfsPersistentVolumeSource endpoints! path! readOnly:bool endpointsNamespace:*string
GlusterfsVolumeSource endpoints! path! readOnly:bool
HTTPGetAction path port:IntOrString host scheme httpHeaders:[]HTTPHeader
HTTPHeader name! value!
HostAlias ip! hostnames:[]string
HostIP ip!
HostPathVolumeSource path! type:*string
ISCSIPersistentVolumeSource targetPortal! iqn! lun!:int32 iscsiInterface fsType readOnly:bool portals:[]string
   chapAuthDiscovery:bool secretRef=10:*SecretReference chapAuthSession:bool initiatorName:*string
ISCSIVolumeSource targetPortal! iqn! lun!:int32 iscsiInterface fsType readOnly:bool portals:[]string
   chapAuthDiscovery:bool secretRef=10:*LocalObjectReference chapAuthSession:bool initiatorName:*string
ImageVolumeSource reference pullPolicy
ImageVolumeStatus imageRef
KeyToPath key! path! mode:*int32
Lifecycle postStart:*LifecycleHandler preStop:*LifecycleHandler stopSignal:*string
LifecycleHandler exec:*ExecAction httpGet:*HTTPGetAction tcpSocket:*TCPSocketAction sleep:*SleepAction
LimitRange metadata:meta.ObjectMeta spec:LimitRangeSpec
LimitRangeItem type! max:{}Quantity min:{}Quantity default:{}Quantity defaultRequest:{}Quantity
   maxLimitRequestRatio:{}Quantity
LimitRangeSpec limits:[]LimitRangeItem
LinuxContainerUser uid!:int64 gid!:int64 supplementalGroups:[]int64
LoadBalancerIngress ip hostname ipMode:*string ports:[]PortStatus
LoadBalancerStatus ingress:[]LoadBalancerIngress
LocalObjectReference name
LocalVolumeSource path! fsType:*string
ModifyVolumeStatus targetVolumeAttributesClassName status!
NFSVolumeSource server! path! readOnly:bool
Namespace metadata:meta.ObjectMeta spec:NamespaceSpec status:NamespaceStatus
NamespaceCondition type! status! lastTransitionTime=4:Time reason message
NamespaceSpec finalizers:[]string
NamespaceStatus phase conditions:[]NamespaceCondition
Node metadata:meta.ObjectMeta spec:NodeSpec status:NodeStatus
NodeAddress type! address!
NodeAffinity requiredDuringSchedulingIgnoredDuringExecution:*NodeSelector
   preferredDuringSchedulingIgnoredDuringExecution:[]PreferredSchedulingTerm
NodeAllocatableResourceClaimStatus resourceClaimName! containers:[]string resources:{}Quantity
NodeCondition type! status! lastHeartbeatTime:Time lastTransitionTime:Time reason message
NodeConfigSource configMap=2:*ConfigMapNodeConfigSource
NodeConfigStatus assigned:*NodeConfigSource active:*NodeConfigSource lastKnownGood:*NodeConfigSource error
NodeDaemonEndpoints kubeletEndpoint:DaemonEndpoint
NodeFeatures supplementalGroupsPolicy:*bool
NodeRuntimeHandler name! features:*NodeRuntimeHandlerFeatures
NodeRuntimeHandlerFeatures recursiveReadOnlyMounts:*bool userNamespaces:*bool
NodeSelector nodeSelectorTerms:[]NodeSelectorTerm
NodeSelectorRequirement key! operator! values:[]string
NodeSelectorTerm matchExpressions:[]NodeSelectorRequirement matchFields:[]NodeSelectorRequirement
NodeSpec podCIDR externalID providerID unschedulable:bool taints:[]Taint configSource:*NodeConfigSource
   podCIDRs:[]string
NodeStatus capacity:{}Quantity allocatable:{}Quantity phase conditions:[]NodeCondition addresses:[]NodeAddress
   daemonEndpoints:NodeDaemonEndpoints nodeInfo:NodeSystemInfo images:[]ContainerImage volumesInUse:[]string
   volumesAttached:[]AttachedVolume config:*NodeConfigStatus runtimeHandlers:[]NodeRuntimeHandler
   features:*NodeFeatures declaredFeatures:[]string
NodeSwapStatus capacity:*int64
NodeSystemInfo machineID! systemUUID! bootID! kernelVersion! osImage! containerRuntimeVersion! kubeletVersion!
   kubeProxyVersion! operatingSystem! architecture! swap:*NodeSwapStatus
ObjectFieldSelector apiVersion fieldPath!
ObjectReference kind namespace name uid apiVersion resourceVersion fieldPath
PersistentVolume metadata:meta.ObjectMeta spec:PersistentVolumeSpec status:PersistentVolumeStatus
PersistentVolumeClaim metadata:meta.ObjectMeta spec:PersistentVolumeClaimSpec status:PersistentVolumeClaimStatus
PersistentVolumeClaimCondition type! status! lastProbeTime:Time lastTransitionTime:Time reason message
PersistentVolumeClaimSpec accessModes:[]string resources:VolumeResourceRequirements volumeName
   selector:*meta.LabelSelector storageClassName:*string volumeMode:*string dataSource:*TypedLocalObjectReference
   dataSourceRef:*TypedObjectReference volumeAttributesClassName:*string
PersistentVolumeClaimStatus phase accessModes:[]string capacity:{}Quantity conditions:[]PersistentVolumeClaimCondition
   allocatedResources:{}Quantity allocatedResourceStatuses=7:{}string currentVolumeAttributesClassName:*string
   modifyVolumeStatus:*ModifyVolumeStatus
PersistentVolumeClaimTemplate metadata:meta.ObjectMeta spec:PersistentVolumeClaimSpec
PersistentVolumeClaimVolumeSource claimName! readOnly:bool
PersistentVolumeSource gcePersistentDisk:*GCEPersistentDiskVolumeSource
   awsElasticBlockStore:*AWSElasticBlockStoreVolumeSource hostPath:*HostPathVolumeSource
   glusterfs:*GlusterfsPersistentVolumeSource nfs:*NFSVolumeSource rbd:*RBDPersistentVolumeSource
   iscsi:*ISCSIPersistentVolumeSource cinder:*CinderPersistentVolumeSource cephfs:*CephFSPersistentVolumeSource
   fc:*FCVolumeSource flocker:*FlockerVolumeSource flexVolume:*FlexPersistentVolumeSource
   azureFile:*AzureFilePersistentVolumeSource vsphereVolume:*VsphereVirtualDiskVolumeSource
   quobyte:*QuobyteVolumeSource azureDisk:*AzureDiskVolumeSource
   photonPersistentDisk:*PhotonPersistentDiskVolumeSource portworxVolume:*PortworxVolumeSource
   scaleIO:*ScaleIOPersistentVolumeSource local:*LocalVolumeSource storageos:*StorageOSPersistentVolumeSource
   csi:*CSIPersistentVolumeSource
PersistentVolumeSpec capacity:{}Quantity .:PersistentVolumeSource accessModes:[]string claimRef:*ObjectReference
   persistentVolumeReclaimPolicy storageClassName mountOptions:[]string volumeMode:*string
   nodeAffinity:*VolumeNodeAffinity volumeAttributesClassName:*string
PersistentVolumeStatus phase message reason lastPhaseTransitionTime:*Time
PhotonPersistentDiskVolumeSource pdID! fsType
Pod metadata:meta.ObjectMeta spec:PodSpec status:PodStatus
PodAffinity requiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm
   preferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm
PodAffinityTerm labelSelector:*meta.LabelSelector namespaces:[]string topologyKey!
   namespaceSelector:*meta.LabelSelector matchLabelKeys:[]string mismatchLabelKeys:[]string
PodAntiAffinity requiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm
   preferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm
PodCertificateProjection signerName keyType maxExpirationSeconds:*int32 credentialBundlePath keyPath
   certificateChainPath userAnnotations:{}string
PodCondition type! status! lastProbeTime:Time lastTransitionTime:Time reason message observedGeneration:int64
PodDNSConfig nameservers:[]string searches:[]string options:[]PodDNSConfigOption
PodDNSConfigOption name value:*string
PodExtendedResourceClaimStatus requestMappings:[]ContainerExtendedResourceRequest resourceClaimName!
PodIP ip!
PodOS name!
PodReadinessGate conditionType!
PodResourceClaim name! resourceClaimName=3:*string resourceClaimTemplateName:*string
PodResourceClaimStatus name! resourceClaimName:*string
PodSchedulingGate name!
PodSchedulingGroup podGroupName:*string
PodSecurityContext seLinuxOptions:*SELinuxOptions runAsUser:*int64 runAsNonRoot:*bool supplementalGroups:[]int64
   fsGroup:*int64 runAsGroup:*int64 sysctls:[]Sysctl windowsOptions:*WindowsSecurityContextOptions
   fsGroupChangePolicy:*string seccompProfile:*SeccompProfile appArmorProfile:*AppArmorProfile
   supplementalGroupsPolicy:*string seLinuxChangePolicy:*string
PodSpec volumes:[]Volume containers:[]Container restartPolicy terminationGracePeriodSeconds:*int64
   activeDeadlineSeconds:*int64 dnsPolicy nodeSelector:{}string serviceAccountName serviceAccount nodeName
   hostNetwork:bool hostPID:bool hostIPC:bool securityContext:*PodSecurityContext
   imagePullSecrets:[]LocalObjectReference hostname subdomain affinity:*Affinity schedulerName
   initContainers:[]Container automountServiceAccountToken:*bool tolerations:[]Toleration hostAliases:[]HostAlias
   priorityClassName priority:*int32 dnsConfig:*PodDNSConfig shareProcessNamespace:*bool
   readinessGates:[]PodReadinessGate runtimeClassName:*string enableServiceLinks:*bool preemptionPolicy:*string
   overhead:{}Quantity topologySpreadConstraints:[]TopologySpreadConstraint ephemeralContainers:[]EphemeralContainer
   setHostnameAsFQDN:*bool os:*PodOS hostUsers:*bool schedulingGates:[]PodSchedulingGate
   resourceClaims:[]PodResourceClaim resources:*ResourceRequirements hostnameOverride:*string
   schedulingGroup=43:*PodSchedulingGroup
PodStatus phase conditions:[]PodCondition message reason hostIP podIP startTime:*Time
   containerStatuses:[]ContainerStatus qosClass initContainerStatuses:[]ContainerStatus nominatedNodeName
   podIPs:[]PodIP ephemeralContainerStatuses:[]ContainerStatus resize resourceClaimStatuses:[]PodResourceClaimStatus
   hostIPs:[]HostIP observedGeneration:int64 extendedResourceClaimStatus:*PodExtendedResourceClaimStatus
   allocatedResources:{}Quantity resources:*ResourceRequirements
   nodeAllocatableResourceClaimStatuses:[]NodeAllocatableResourceClaimStatus
PodTemplate metadata:meta.ObjectMeta template:PodTemplateSpec
PodTemplateSpec metadata:meta.ObjectMeta spec:PodSpec
PortStatus port!:int32 protocol! error:*string
PortworxVolumeSource volumeID! fsType readOnly:bool
PreferredSchedulingTerm weight!:int32 preference:NodeSelectorTerm
Probe .:ProbeHandler initialDelaySeconds:int32 timeoutSeconds:int32 periodSeconds:int32 successThreshold:int32
   failureThreshold:int32 terminationGracePeriodSeconds:*int64
ProbeHandler exec:*ExecAction httpGet:*HTTPGetAction tcpSocket:*TCPSocketAction grpc:*GRPCAction
ProjectedVolumeSource sources:[]VolumeProjection defaultMode:*int32
QuobyteVolumeSource registry! volume! readOnly:bool user group tenant
RBDPersistentVolumeSource monitors:[]string image! fsType pool user keyring secretRef:*SecretReference readOnly:bool
RBDVolumeSource monitors:[]string image! fsType pool user keyring secretRef:*LocalObjectReference readOnly:bool
ReplicationController metadata:meta.ObjectMeta spec:ReplicationControllerSpec status:ReplicationControllerStatus
ReplicationControllerCondition type! status! lastTransitionTime:Time reason message
ReplicationControllerSpec replicas:*int32 selector:{}string template:*PodTemplateSpec minReadySeconds:int32
ReplicationControllerStatus replicas!:int32 fullyLabeledReplicas:int32 observedGeneration:int64 readyReplicas:int32
   availableReplicas:int32 conditions:[]ReplicationControllerCondition
ResourceClaim name! request
ResourceFieldSelector containerName resource! divisor:Quantity
ResourceHealth resourceID! health message=6:*string
ResourceQuota metadata:meta.ObjectMeta spec:ResourceQuotaSpec status:ResourceQuotaStatus
ResourceQuotaSpec hard:{}Quantity scopes:[]string scopeSelector:*ScopeSelector
ResourceQuotaStatus hard:{}Quantity used:{}Quantity
ResourceRequirements limits:{}Quantity requests:{}Quantity claims:[]ResourceClaim
ResourceStatus name! resources:[]ResourceHealth
SELinuxOptions user role type level
ScaleIOPersistentVolumeSource gateway! system! secretRef:*SecretReference sslEnabled:bool protectionDomain storagePool
   storageMode volumeName fsType readOnly:bool
ScaleIOVolumeSource gateway! system! secretRef:*LocalObjectReference sslEnabled:bool protectionDomain storagePool
   storageMode volumeName fsType readOnly:bool
ScopeSelector matchExpressions:[]ScopedResourceSelectorRequirement
ScopedResourceSelectorRequirement scopeName! operator! values:[]string
SeccompProfile type! localhostProfile:*string
Secret metadata:meta.ObjectMeta data:{}bytes type stringData:{}string immutable:*bool
SecretEnvSource .:LocalObjectReference optional:*bool
SecretKeySelector .:LocalObjectReference key! optional:*bool
SecretProjection .:LocalObjectReference items:[]KeyToPath optional=4:*bool
SecretReference name namespace
SecretVolumeSource secretName items:[]KeyToPath defaultMode:*int32 optional:*bool
SecurityContext capabilities:*Capabilities privileged:*bool seLinuxOptions:*SELinuxOptions runAsUser:*int64
   runAsNonRoot:*bool readOnlyRootFilesystem:*bool allowPrivilegeEscalation:*bool runAsGroup:*int64 procMount:*string
   windowsOptions:*WindowsSecurityContextOptions seccompProfile:*SeccompProfile appArmorProfile:*AppArmorProfile
Service metadata:meta.ObjectMeta spec:ServiceSpec status:ServiceStatus
ServiceAccount metadata:meta.ObjectMeta secrets:[]ObjectReference imagePullSecrets:[]LocalObjectReference
   automountServiceAccountToken:*bool
ServiceAccountTokenProjection audience expirationSeconds:*int64 path!
ServicePort name protocol port!:int32 targetPort:IntOrString nodePort:int32 appProtocol:*string
ServiceSpec ports:[]ServicePort selector:{}string clusterIP type externalIPs:[]string sessionAffinity=7 loadBalancerIP
   loadBalancerSourceRanges:[]string externalName externalTrafficPolicy healthCheckNodePort:int32
   publishNotReadyAddresses:bool sessionAffinityConfig:*SessionAffinityConfig ipFamilyPolicy=17:*string
   clusterIPs:[]string ipFamilies:[]string allocateLoadBalancerNodePorts:*bool loadBalancerClass:*string
   internalTrafficPolicy:*string trafficDistribution:*string
ServiceStatus loadBalancer:LoadBalancerStatus conditions:[]meta.Condition
SessionAffinityConfig clientIP:*ClientIPConfig
SleepAction seconds!:int64
StorageOSPersistentVolumeSource volumeName volumeNamespace fsType readOnly:bool secretRef:*ObjectReference
StorageOSVolumeSource volumeName volumeNamespace fsType readOnly:bool secretRef:*LocalObjectReference
Sysctl name! value!
TCPSocketAction port:IntOrString host
Taint key! value effect! timeAdded:*Time
Toleration key operator value effect tolerationSeconds:*int64
TopologySelectorLabelRequirement key! values:[]string
TopologySelectorTerm matchLabelExpressions:[]TopologySelectorLabelRequirement
TopologySpreadConstraint maxSkew!:int32 topologyKey! whenUnsatisfiable! labelSelector:*meta.LabelSelector
   minDomains:*int32 nodeAffinityPolicy:*string nodeTaintsPolicy:*string matchLabelKeys:[]string
TypedLocalObjectReference apiGroup:*string kind! name!
TypedObjectReference apiGroup:*string kind! name! namespace:*string
Volume name! .:VolumeSource
VolumeDevice name! devicePath!
VolumeMount name! readOnly:bool mountPath! subPath mountPropagation:*string subPathExpr recursiveReadOnly:*string
VolumeMountStatus name! mountPath! readOnly:bool recursiveReadOnly:*string volumeStatus:*VolumeStatus
VolumeNodeAffinity required:*NodeSelector
VolumeProjection secret:*SecretProjection downwardAPI:*DownwardAPIProjection configMap:*ConfigMapProjection
   serviceAccountToken:*ServiceAccountTokenProjection clusterTrustBundle:*ClusterTrustBundleProjection
   podCertificate:*PodCertificateProjection
VolumeResourceRequirements limits:{}Quantity requests:{}Quantity
VolumeSource hostPath:*HostPathVolumeSource emptyDir:*EmptyDirVolumeSource
   gcePersistentDisk:*GCEPersistentDiskVolumeSource awsElasticBlockStore:*AWSElasticBlockStoreVolumeSource
   gitRepo:*GitRepoVolumeSource secret:*SecretVolumeSource nfs:*NFSVolumeSource iscsi:*ISCSIVolumeSource
   glusterfs:*GlusterfsVolumeSource persistentVolumeClaim:*PersistentVolumeClaimVolumeSource rbd:*RBDVolumeSource
   flexVolume:*FlexVolumeSource cinder:*CinderVolumeSource cephfs:*CephFSVolumeSource flocker:*FlockerVolumeSource
   downwardAPI:*DownwardAPIVolumeSource fc:*FCVolumeSource azureFile:*AzureFileVolumeSource
   configMap:*ConfigMapVolumeSource vsphereVolume:*VsphereVirtualDiskVolumeSource quobyte:*QuobyteVolumeSource
   azureDisk:*AzureDiskVolumeSource photonPersistentDisk:*PhotonPersistentDiskVolumeSource
   portworxVolume:*PortworxVolumeSource scaleIO:*ScaleIOVolumeSource projected:*ProjectedVolumeSource
   storageos:*StorageOSVolumeSource csi:*CSIVolumeSource ephemeral:*EphemeralVolumeSource image:*ImageVolumeSource
VolumeStatus image:*ImageVolumeStatus
VsphereVirtualDiskVolumeSource volumePath! fsType storagePolicyName storagePolicyID
WeightedPodAffinityTerm weight!:int32 podAffinityTerm:PodAffinityTerm
WindowsSecurityContextOptions gmsaCredentialSpecName:*string gmsaCredentialSpec:*string runAsUserName:*string
   hostProcess:*bool
`;
