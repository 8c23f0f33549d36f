/** Protobuf messages of meta.v1; the notation is explained in ../messages.ts. */
export const metaMessages = `
# meta.v1
Condition type! status! observedGeneration:int64 lastTransitionTime:Time reason! message!
CreateOptions dryRun:[]string fieldManager=3 fieldValidation
DeleteOptions gracePeriodSeconds:*int64 preconditions:*Preconditions orphanDependents:*bool propagationPolicy:*string
   dryRun:[]string ignoreStoreReadErrorWithClusterBreakingPotential:*bool
FieldSelectorRequirement key! operator! values:[]string
GetOptions resourceVersion
GroupResource group! resource!
LabelSelector matchLabels:{}string matchExpressions:[]LabelSelectorRequirement
LabelSelectorRequirement key! operator! values:[]string
ListMeta selfLink resourceVersion continue remainingItemCount:*int64 shardInfo:*ShardInfo
ListOptions labelSelector fieldSelector watch:bool resourceVersion timeoutSeconds:*int64 limit=7:int64 continue
   allowWatchBookmarks:bool resourceVersionMatch sendInitialEvents:*bool shardSelector=15
ManagedFieldsEntry manager operation apiVersion time:*Time fieldsType=6 fieldsV1:*Raw subresource
ObjectMeta name generateName namespace selfLink uid resourceVersion generation:int64 creationTimestamp:Time
   deletionTimestamp:*Time deletionGracePeriodSeconds:*int64 labels:{}string annotations:{}string
   ownerReferences:[]OwnerReference finalizers:[]string managedFields=17:[]ManagedFieldsEntry
OwnerReference kind! name=3! uid! apiVersion! controller:*bool blockOwnerDeletion:*bool
PartialObjectMetadata metadata:ObjectMeta
PartialObjectMetadataList metadata:ListMeta items:[]PartialObjectMetadata
PatchOptions dryRun:[]string force:*bool fieldManager fieldValidation
Preconditions uid:*string resourceVersion:*string
ShardInfo selector!
Status metadata:ListMeta status message reason details:*StatusDetails code:int32
StatusCause reason message field
StatusDetails name group kind causes:[]StatusCause retryAfterSeconds:int32 uid
UpdateOptions dryRun:[]string fieldManager fieldValidation
WatchEvent type! object:Raw
`;
