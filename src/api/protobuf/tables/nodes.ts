/** Protobuf messages of
 * coordination.v1, node.v1, resource.v1, storage.v1;
 * the notation is explained in ../messages.ts.
 */
export const nodesMessages = `
# coordination.v1
Lease metadata:meta.ObjectMeta spec:LeaseSpec
LeaseSpec holderIdentity:*string leaseDurationSeconds:*int32 acquireTime:*MicroTime renewTime:*MicroTime
   leaseTransitions:*int32 strategy:*string preferredHolder:*string
# node.v1
Overhead podFixed:{}Quantity
RuntimeClass metadata:meta.ObjectMeta handler! overhead:*Overhead scheduling:*Scheduling
Scheduling nodeSelector:{}string tolerations:[]core.Toleration
# resource.v1
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
# storage.v1
CSIDriver metadata:meta.ObjectMeta spec:CSIDriverSpec
CSIDriverSpec attachRequired:*bool podInfoOnMount:*bool volumeLifecycleModes:[]string storageCapacity:*bool
   fsGroupPolicy:*string tokenRequests:[]TokenRequest requiresRepublish:*bool seLinuxMount:*bool
   nodeAllocatableUpdatePeriodSeconds:*int64 serviceAccountTokenInSecrets:*bool preventPodSchedulingIfMissing:*bool
CSINode metadata:meta.ObjectMeta spec:CSINodeSpec
CSINodeDriver name! nodeID! topologyKeys:[]string allocatable:*VolumeNodeResources
CSINodeSpec drivers:[]CSINodeDriver
CSIStorageCapacity metadata:meta.ObjectMeta nodeTopology:*meta.LabelSelector storageClassName! capacity:*Quantity
   maximumVolumeSize:*Quantity
StorageClass metadata:meta.ObjectMeta provisioner! parameters:{}string reclaimPolicy:*string mountOptions:[]string
   allowVolumeExpansion:*bool volumeBindingMode:*string allowedTopologies:[]core.TopologySelectorTerm
TokenRequest audience! expirationSeconds:*int64
VolumeAttachment metadata:meta.ObjectMeta spec:VolumeAttachmentSpec status:VolumeAttachmentStatus
VolumeAttachmentSource persistentVolumeName:*string inlineVolumeSpec:*core.PersistentVolumeSpec
VolumeAttachmentSpec attacher! source:VolumeAttachmentSource nodeName!
VolumeAttachmentStatus attached!:bool attachmentMetadata:{}string attachError:*VolumeError detachError:*VolumeError
VolumeAttributesClass metadata:meta.ObjectMeta driverName! parameters:{}string
VolumeError time:Time message errorCode:*int32
VolumeNodeResources count:*int32
`;
