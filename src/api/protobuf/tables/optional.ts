/** Protobuf messages of versions that are off by default; the notation is explained in ../messages.ts. */
export const optionalMessages = `
# admissionregistration.v1alpha1
ApplyConfiguration expression
JSONPatch expression
MatchResources namespaceSelector:*meta.LabelSelector objectSelector:*meta.LabelSelector
   resourceRules:[]NamedRuleWithOperations excludeResourceRules:[]NamedRuleWithOperations matchPolicy=7:*string
MutatingAdmissionPolicy metadata:meta.ObjectMeta spec:MutatingAdmissionPolicySpec
MutatingAdmissionPolicyBinding metadata:meta.ObjectMeta spec:MutatingAdmissionPolicyBindingSpec
MutatingAdmissionPolicyBindingSpec policyName paramRef:*ParamRef matchResources:*MatchResources
MutatingAdmissionPolicySpec paramKind:*ParamKind matchConstraints:*MatchResources variables:[]Variable
   mutations:[]Mutation failurePolicy:*string matchConditions:[]admissionregistration.MatchCondition
   reinvocationPolicy
Mutation patchType=2! applyConfiguration:*ApplyConfiguration jsonPatch:*JSONPatch
NamedRuleWithOperations resourceNames:[]string .:admissionregistration.RuleWithOperations
ParamKind apiVersion kind
ParamRef name namespace selector:*meta.LabelSelector parameterNotFoundAction:*string
Variable name! expression!
# admissionregistration.v1beta1
ApplyConfiguration expression
JSONPatch expression
MatchCondition name! expression!
MatchResources namespaceSelector:*meta.LabelSelector objectSelector:*meta.LabelSelector
   resourceRules:[]NamedRuleWithOperations excludeResourceRules:[]NamedRuleWithOperations matchPolicy=7:*string
MutatingAdmissionPolicy metadata:meta.ObjectMeta spec:MutatingAdmissionPolicySpec
MutatingAdmissionPolicyBinding metadata:meta.ObjectMeta spec:MutatingAdmissionPolicyBindingSpec
MutatingAdmissionPolicyBindingSpec policyName paramRef:*ParamRef matchResources:*MatchResources
MutatingAdmissionPolicySpec paramKind:*ParamKind matchConstraints:*MatchResources variables:[]Variable
   mutations:[]Mutation failurePolicy:*string matchConditions:[]MatchCondition
   reinvocationPolicy
Mutation patchType=2! applyConfiguration:*ApplyConfiguration jsonPatch:*JSONPatch
NamedRuleWithOperations resourceNames:[]string .:admissionregistration.RuleWithOperations
ParamKind apiVersion kind
ParamRef name namespace selector:*meta.LabelSelector parameterNotFoundAction:*string
Variable name! expression!
# apiserverinternal.v1alpha1
ServerStorageVersion apiServerID encodingVersion decodableVersions:[]string servedVersions:[]string
StorageVersion metadata:meta.ObjectMeta spec:StorageVersionSpec status:StorageVersionStatus
StorageVersionCondition type! status! observedGeneration:int64 lastTransitionTime:Time reason! message
StorageVersionSpec
StorageVersionStatus storageVersions:[]ServerStorageVersion commonEncodingVersion:*string
   conditions:[]StorageVersionCondition
# certificates.v1alpha1
ClusterTrustBundle metadata:meta.ObjectMeta spec:ClusterTrustBundleSpec
ClusterTrustBundleSpec signerName trustBundle!
# certificates.v1beta1
ClusterTrustBundle metadata:meta.ObjectMeta spec:ClusterTrustBundleSpec
ClusterTrustBundleSpec signerName trustBundle!
PodCertificateRequest metadata:meta.ObjectMeta spec:PodCertificateRequestSpec status:PodCertificateRequestStatus
PodCertificateRequestSpec signerName! podName! podUID! serviceAccountName! serviceAccountUID! nodeName! nodeUID!
   maxExpirationSeconds:*int32 pkixPublicKey:bytes proofOfPossession:bytes unverifiedUserAnnotations:{}string
   stubPKCS10Request:bytes
PodCertificateRequestStatus conditions:[]meta.Condition certificateChain notBefore=4:*Time beginRefreshAt:*Time
   notAfter:*Time
# coordination.v1alpha2
LeaseCandidate metadata:meta.ObjectMeta spec:LeaseCandidateSpec
LeaseCandidateSpec leaseName! pingTime:*MicroTime renewTime:*MicroTime binaryVersion! emulationVersion
   strategy
# coordination.v1beta1
LeaseCandidate metadata:meta.ObjectMeta spec:LeaseCandidateSpec
LeaseCandidateSpec leaseName! pingTime:*MicroTime renewTime:*MicroTime binaryVersion! emulationVersion
   strategy
# networking.v1beta1
IPAddress metadata:meta.ObjectMeta spec:IPAddressSpec
IPAddressSpec parentRef:*ParentReference
ParentReference group resource namespace name
ServiceCIDR metadata:meta.ObjectMeta spec:ServiceCIDRSpec status:ServiceCIDRStatus
ServiceCIDRSpec cidrs:[]string
ServiceCIDRStatus conditions:[]meta.Condition
# resource.v1alpha3
DeviceTaint key! value effect! timeAdded:*Time
DeviceTaintRule metadata:meta.ObjectMeta spec:DeviceTaintRuleSpec status:DeviceTaintRuleStatus
DeviceTaintRuleSpec deviceSelector:*DeviceTaintSelector taint:DeviceTaint
DeviceTaintRuleStatus conditions:[]meta.Condition
DeviceTaintSelector driver=2:*string pool:*string device:*string
PoolStatus driver poolName nodeName:*string totalDevices:*int32 allocatedDevices:*int32 availableDevices:*int32
   unavailableDevices:*int32 resourceSliceCount:*int32 generation!:int64 validationError:*string
ResourcePoolStatusRequest metadata:meta.ObjectMeta spec:ResourcePoolStatusRequestSpec
   status:*ResourcePoolStatusRequestStatus
ResourcePoolStatusRequestSpec driver! poolName:*string limit:*int32
ResourcePoolStatusRequestStatus pools=2:[]PoolStatus conditions:[]meta.Condition poolCount=6:*int32
# resource.v1beta1
AllocatedDeviceStatus driver! pool! device! conditions:[]meta.Condition data:*Raw networkData:*NetworkDeviceData
   shareID:*string
AllocationResult devices:DeviceAllocationResult nodeSelector=3:*core.NodeSelector allocationTimestamp=5:*Time
BasicDevice attributes:{}DeviceAttribute capacity:{}DeviceCapacity consumesCounters:[]DeviceCounterConsumption
   nodeName:*string nodeSelector:*core.NodeSelector allNodes:*bool taints:[]DeviceTaint bindsToNode:*bool
   bindingConditions:[]string bindingFailureConditions:[]string allowMultipleAllocations:*bool
   nodeAllocatableResourceMappings:{}NodeAllocatableResourceMapping
CELDeviceSelector expression!
CapacityRequestPolicy default:*Quantity validValues=3:[]Quantity validRange:*CapacityRequestPolicyRange
CapacityRequestPolicyRange min:*Quantity max:*Quantity step:*Quantity
CapacityRequirements requests:{}Quantity
Counter value:Quantity
CounterSet name! counters:{}Counter
Device name! basic:*BasicDevice
DeviceAllocationConfiguration source! requests:[]string .:DeviceConfiguration
DeviceAllocationResult results:[]DeviceRequestAllocationResult config:[]DeviceAllocationConfiguration
DeviceAttribute int=2:*int64 bool:*bool string:*string version:*string ints:[]int64 bools:[]bool strings:[]string
   versions:[]string
DeviceCapacity value:Quantity requestPolicy:*CapacityRequestPolicy
DeviceClaim requests:[]DeviceRequest constraints:[]DeviceConstraint config:[]DeviceClaimConfiguration
DeviceClaimConfiguration requests:[]string .:DeviceConfiguration
DeviceClass metadata:meta.ObjectMeta spec:DeviceClassSpec
DeviceClassConfiguration .:DeviceConfiguration
DeviceClassSpec selectors:[]DeviceSelector config:[]DeviceClassConfiguration extendedResourceName=4:*string
DeviceConfiguration opaque:*OpaqueDeviceConfiguration
DeviceConstraint requests:[]string matchAttribute:*string distinctAttribute:*string
DeviceCounterConsumption counterSet! counters:{}Counter
DeviceRequest name! deviceClassName! selectors:[]DeviceSelector allocationMode count:int64 adminAccess:*bool
   firstAvailable:[]DeviceSubRequest tolerations:[]DeviceToleration capacity:*CapacityRequirements
DeviceRequestAllocationResult request! driver! pool! device! adminAccess:*bool tolerations:[]DeviceToleration
   bindingConditions:[]string bindingFailureConditions:[]string shareID:*string consumedCapacity:{}Quantity
DeviceSelector cel:*CELDeviceSelector
DeviceSubRequest name! deviceClassName! selectors:[]DeviceSelector allocationMode count:int64
   tolerations=7:[]DeviceToleration capacity:*CapacityRequirements
DeviceTaint key! value effect! timeAdded:*Time
DeviceToleration key operator value effect tolerationSeconds:*int64
NetworkDeviceData interfaceName ips:[]string hardwareAddress
NodeAllocatableResourceMapping capacityKey:*string allocationMultiplier:*Quantity
OpaqueDeviceConfiguration driver! parameters:Raw
ResourceClaim metadata:meta.ObjectMeta spec:ResourceClaimSpec status:ResourceClaimStatus
ResourceClaimConsumerReference apiGroup resource=3! name! uid!
ResourceClaimSpec devices:DeviceClaim
ResourceClaimStatus allocation:*AllocationResult reservedFor:[]ResourceClaimConsumerReference
   devices=4:[]AllocatedDeviceStatus
ResourceClaimTemplate metadata:meta.ObjectMeta spec:ResourceClaimTemplateSpec
ResourceClaimTemplateSpec metadata:meta.ObjectMeta spec:ResourceClaimSpec
ResourcePool name! generation!:int64 resourceSliceCount!:int64
ResourceSlice metadata:meta.ObjectMeta spec:ResourceSliceSpec
ResourceSliceSpec driver! pool:ResourcePool nodeName nodeSelector:*core.NodeSelector allNodes:bool devices:[]Device
   perDeviceNodeSelection:*bool sharedCounters:[]CounterSet
# resource.v1beta2
AllocatedDeviceStatus driver! pool! device! conditions:[]meta.Condition data:*Raw networkData:*NetworkDeviceData
   shareID:*string
AllocationResult devices:DeviceAllocationResult nodeSelector=3:*core.NodeSelector allocationTimestamp=5:*Time
CELDeviceSelector expression!
CapacityRequestPolicy default:*Quantity validValues=3:[]Quantity validRange:*CapacityRequestPolicyRange
CapacityRequestPolicyRange min:*Quantity max:*Quantity step:*Quantity
CapacityRequirements requests:{}Quantity
Counter value:Quantity
CounterSet name! counters:{}Counter
Device name! attributes:{}DeviceAttribute capacity:{}DeviceCapacity consumesCounters:[]DeviceCounterConsumption
   nodeName:*string nodeSelector:*core.NodeSelector allNodes:*bool taints:[]DeviceTaint bindsToNode:*bool
   bindingConditions:[]string bindingFailureConditions:[]string allowMultipleAllocations:*bool
   nodeAllocatableResourceMappings:{}NodeAllocatableResourceMapping
DeviceAllocationConfiguration source! requests:[]string .:DeviceConfiguration
DeviceAllocationResult results:[]DeviceRequestAllocationResult config:[]DeviceAllocationConfiguration
DeviceAttribute int=2:*int64 bool:*bool string:*string version:*string ints:[]int64 bools:[]bool strings:[]string
   versions:[]string
DeviceCapacity value:Quantity requestPolicy:*CapacityRequestPolicy
DeviceClaim requests:[]DeviceRequest constraints:[]DeviceConstraint config:[]DeviceClaimConfiguration
DeviceClaimConfiguration requests:[]string .:DeviceConfiguration
DeviceClass metadata:meta.ObjectMeta spec:DeviceClassSpec
DeviceClassConfiguration .:DeviceConfiguration
DeviceClassSpec selectors:[]DeviceSelector config:[]DeviceClassConfiguration extendedResourceName=4:*string
DeviceConfiguration opaque:*OpaqueDeviceConfiguration
DeviceConstraint requests:[]string matchAttribute:*string distinctAttribute:*string
DeviceCounterConsumption counterSet! counters:{}Counter
DeviceRequest name! exactly:*ExactDeviceRequest firstAvailable:[]DeviceSubRequest
DeviceRequestAllocationResult request! driver! pool! device! adminAccess:*bool tolerations:[]DeviceToleration
   bindingConditions:[]string bindingFailureConditions:[]string shareID:*string consumedCapacity:{}Quantity
DeviceSelector cel:*CELDeviceSelector
DeviceSubRequest name! deviceClassName! selectors:[]DeviceSelector allocationMode count:int64
   tolerations:[]DeviceToleration capacity:*CapacityRequirements
DeviceTaint key! value effect! timeAdded:*Time
DeviceTaintRule metadata:meta.ObjectMeta spec:DeviceTaintRuleSpec status:DeviceTaintRuleStatus
DeviceTaintRuleSpec deviceSelector:*DeviceTaintSelector taint:DeviceTaint
DeviceTaintRuleStatus conditions:[]meta.Condition
DeviceTaintSelector driver=2:*string pool:*string device:*string
DeviceToleration key operator value effect tolerationSeconds:*int64
ExactDeviceRequest deviceClassName! selectors:[]DeviceSelector allocationMode count:int64 adminAccess:*bool
   tolerations:[]DeviceToleration capacity:*CapacityRequirements
NetworkDeviceData interfaceName ips:[]string hardwareAddress
NodeAllocatableResourceMapping capacityKey:*string allocationMultiplier:*Quantity
OpaqueDeviceConfiguration driver! parameters:Raw
ResourceClaim metadata:meta.ObjectMeta spec:ResourceClaimSpec status:ResourceClaimStatus
ResourceClaimConsumerReference apiGroup resource=3! name! uid!
ResourceClaimSpec devices:DeviceClaim
ResourceClaimStatus allocation:*AllocationResult reservedFor:[]ResourceClaimConsumerReference
   devices=4:[]AllocatedDeviceStatus
ResourceClaimTemplate metadata:meta.ObjectMeta spec:ResourceClaimTemplateSpec
ResourceClaimTemplateSpec metadata:meta.ObjectMeta spec:ResourceClaimSpec
ResourcePool name! generation!:int64 resourceSliceCount!:int64
ResourceSlice metadata:meta.ObjectMeta spec:ResourceSliceSpec
ResourceSliceSpec driver! pool:ResourcePool nodeName:*string nodeSelector:*core.NodeSelector allNodes:*bool
   devices:[]Device perDeviceNodeSelection:*bool sharedCounters:[]CounterSet
# scheduling.v1alpha2
BasicSchedulingPolicy
GangSchedulingPolicy minCount!:int32
PodGroup metadata:meta.ObjectMeta spec:PodGroupSpec status:PodGroupStatus
PodGroupResourceClaim name! resourceClaimName:*string resourceClaimTemplateName:*string
PodGroupResourceClaimStatus name! resourceClaimName:*string
PodGroupSchedulingConstraints topology:[]TopologyConstraint
PodGroupSchedulingPolicy basic:*BasicSchedulingPolicy gang:*GangSchedulingPolicy
PodGroupSpec podGroupTemplateRef:*PodGroupTemplateReference schedulingPolicy:PodGroupSchedulingPolicy
   schedulingConstraints:*PodGroupSchedulingConstraints resourceClaims:[]PodGroupResourceClaim disruptionMode:*string
   priorityClassName priority:*int32
PodGroupStatus conditions:[]meta.Condition resourceClaimStatuses:[]PodGroupResourceClaimStatus
PodGroupTemplate name! schedulingPolicy:PodGroupSchedulingPolicy schedulingConstraints:*PodGroupSchedulingConstraints
   resourceClaims:[]PodGroupResourceClaim disruptionMode:*string priorityClassName priority:*int32
PodGroupTemplateReference workload:*WorkloadPodGroupTemplateReference
TopologyConstraint key!
TypedLocalObjectReference apiGroup kind! name!
Workload metadata:meta.ObjectMeta spec:WorkloadSpec
WorkloadPodGroupTemplateReference workloadName! podGroupTemplateName!
WorkloadSpec controllerRef:*TypedLocalObjectReference podGroupTemplates:[]PodGroupTemplate
# storage.v1beta1
VolumeAttributesClass metadata:meta.ObjectMeta driverName! parameters:{}string
# storagemigration.v1beta1
StorageVersionMigration metadata:meta.ObjectMeta spec:StorageVersionMigrationSpec status:StorageVersionMigrationStatus
StorageVersionMigrationSpec resource:meta.GroupResource
StorageVersionMigrationStatus conditions:[]meta.Condition resourceVersion
`;
