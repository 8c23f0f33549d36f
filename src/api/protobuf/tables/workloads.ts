/** Protobuf messages of
 * apps.v1, autoscaling.v1, autoscaling.v2, batch.v1, policy.v1, scheduling.v1;
 * the notation is explained in ../messages.ts.
 */
export const workloadsMessages = `
# apps.v1
ControllerRevision metadata:meta.ObjectMeta data:Raw revision!:int64
DaemonSet metadata:meta.ObjectMeta spec:DaemonSetSpec status:DaemonSetStatus
DaemonSetCondition type! status! lastTransitionTime:Time reason message
DaemonSetSpec selector:*meta.LabelSelector template:core.PodTemplateSpec updateStrategy:DaemonSetUpdateStrategy
   minReadySeconds:int32 revisionHistoryLimit=6:*int32
DaemonSetStatus currentNumberScheduled!:int32 numberMisscheduled!:int32 desiredNumberScheduled!:int32
   numberReady!:int32 observedGeneration:int64 updatedNumberScheduled:int32 numberAvailable:int32
   numberUnavailable:int32 collisionCount:*int32 conditions:[]DaemonSetCondition
DaemonSetUpdateStrategy type rollingUpdate:*RollingUpdateDaemonSet
Deployment metadata:meta.ObjectMeta spec:DeploymentSpec status:DeploymentStatus
DeploymentCondition type! status! reason=4 message lastUpdateTime:Time lastTransitionTime:Time
DeploymentSpec replicas:*int32 selector:*meta.LabelSelector template:core.PodTemplateSpec strategy:DeploymentStrategy
   minReadySeconds:int32 revisionHistoryLimit:*int32 paused:bool progressDeadlineSeconds=9:*int32
DeploymentStatus observedGeneration:int64 replicas:int32 updatedReplicas:int32 availableReplicas:int32
   unavailableReplicas:int32 conditions:[]DeploymentCondition readyReplicas:int32 collisionCount:*int32
   terminatingReplicas:*int32
DeploymentStrategy type rollingUpdate:*RollingUpdateDeployment
ReplicaSet metadata:meta.ObjectMeta spec:ReplicaSetSpec status:ReplicaSetStatus
ReplicaSetCondition type! status! lastTransitionTime:Time reason message
ReplicaSetSpec replicas:*int32 selector:*meta.LabelSelector template:core.PodTemplateSpec minReadySeconds:int32
ReplicaSetStatus replicas!:int32 fullyLabeledReplicas:int32 observedGeneration:int64 readyReplicas:int32
   availableReplicas:int32 conditions:[]ReplicaSetCondition terminatingReplicas:*int32
RollingUpdateDaemonSet maxUnavailable:*IntOrString maxSurge:*IntOrString
RollingUpdateDeployment maxUnavailable:*IntOrString maxSurge:*IntOrString
RollingUpdateStatefulSetStrategy partition:*int32 maxUnavailable:*IntOrString
StatefulSet metadata:meta.ObjectMeta spec:StatefulSetSpec status:StatefulSetStatus
StatefulSetCondition type! status! lastTransitionTime:Time reason message
StatefulSetOrdinals start!:int32
StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted whenScaled
StatefulSetSpec replicas:*int32 selector:*meta.LabelSelector template:core.PodTemplateSpec
   volumeClaimTemplates:[]core.PersistentVolumeClaim serviceName! podManagementPolicy
   updateStrategy:StatefulSetUpdateStrategy revisionHistoryLimit:*int32 minReadySeconds:int32
   persistentVolumeClaimRetentionPolicy:*StatefulSetPersistentVolumeClaimRetentionPolicy ordinals:*StatefulSetOrdinals
StatefulSetStatus observedGeneration:int64 replicas!:int32 readyReplicas:int32 currentReplicas:int32
   updatedReplicas:int32 currentRevision updateRevision collisionCount=9:*int32 conditions:[]StatefulSetCondition
   availableReplicas!:int32
StatefulSetUpdateStrategy type rollingUpdate:*RollingUpdateStatefulSetStrategy
# autoscaling.v1
CrossVersionObjectReference kind! name! apiVersion
HorizontalPodAutoscaler metadata:meta.ObjectMeta spec:HorizontalPodAutoscalerSpec status:HorizontalPodAutoscalerStatus
HorizontalPodAutoscalerSpec scaleTargetRef:CrossVersionObjectReference minReplicas:*int32 maxReplicas!:int32
   targetCPUUtilizationPercentage:*int32
HorizontalPodAutoscalerStatus observedGeneration:*int64 lastScaleTime:*Time currentReplicas!:int32
   desiredReplicas!:int32 currentCPUUtilizationPercentage:*int32
Scale metadata:meta.ObjectMeta spec:ScaleSpec status:ScaleStatus
ScaleSpec replicas:int32
ScaleStatus replicas!:int32 selector
# autoscaling.v2
ContainerResourceMetricSource name! target:MetricTarget container!
ContainerResourceMetricStatus name! current:MetricValueStatus container!
CrossVersionObjectReference kind! name! apiVersion
ExternalMetricSource metric:MetricIdentifier target:MetricTarget
ExternalMetricStatus metric:MetricIdentifier current:MetricValueStatus
HPAScalingPolicy type! value!:int32 periodSeconds!:int32
HPAScalingRules selectPolicy:*string policies:[]HPAScalingPolicy stabilizationWindowSeconds:*int32 tolerance:*Quantity
HorizontalPodAutoscaler metadata:meta.ObjectMeta spec:HorizontalPodAutoscalerSpec status:HorizontalPodAutoscalerStatus
HorizontalPodAutoscalerBehavior scaleUp:*HPAScalingRules scaleDown:*HPAScalingRules
HorizontalPodAutoscalerCondition type! status! lastTransitionTime:Time reason message
HorizontalPodAutoscalerSpec scaleTargetRef:CrossVersionObjectReference minReplicas:*int32 maxReplicas!:int32
   metrics:[]MetricSpec behavior:*HorizontalPodAutoscalerBehavior
HorizontalPodAutoscalerStatus observedGeneration:*int64 lastScaleTime:*Time currentReplicas:int32
   desiredReplicas!:int32 currentMetrics:[]MetricStatus conditions:[]HorizontalPodAutoscalerCondition
MetricIdentifier name! selector:*meta.LabelSelector
MetricSpec type! object:*ObjectMetricSource pods:*PodsMetricSource resource:*ResourceMetricSource
   external:*ExternalMetricSource containerResource=7:*ContainerResourceMetricSource
MetricStatus type! object:*ObjectMetricStatus pods:*PodsMetricStatus resource:*ResourceMetricStatus
   external:*ExternalMetricStatus containerResource=7:*ContainerResourceMetricStatus
MetricTarget type! value:*Quantity averageValue:*Quantity averageUtilization:*int32
MetricValueStatus value:*Quantity averageValue:*Quantity averageUtilization:*int32
ObjectMetricSource describedObject:CrossVersionObjectReference target:MetricTarget metric:MetricIdentifier
ObjectMetricStatus metric:MetricIdentifier current:MetricValueStatus describedObject:CrossVersionObjectReference
PodsMetricSource metric:MetricIdentifier target:MetricTarget
PodsMetricStatus metric:MetricIdentifier current:MetricValueStatus
ResourceMetricSource name! target:MetricTarget
ResourceMetricStatus name! current:MetricValueStatus
# batch.v1
CronJob metadata:meta.ObjectMeta spec:CronJobSpec status:CronJobStatus
CronJobSpec schedule! startingDeadlineSeconds:*int64 concurrencyPolicy suspend:*bool jobTemplate:JobTemplateSpec
   successfulJobsHistoryLimit:*int32 failedJobsHistoryLimit:*int32 timeZone:*string
CronJobStatus active:[]core.ObjectReference lastScheduleTime=4:*Time lastSuccessfulTime:*Time
Job metadata:meta.ObjectMeta spec:JobSpec status:JobStatus
JobCondition type! status! lastProbeTime:Time lastTransitionTime:Time reason message
JobSpec parallelism:*int32 completions:*int32 activeDeadlineSeconds:*int64 selector:*meta.LabelSelector
   manualSelector:*bool template:core.PodTemplateSpec backoffLimit:*int32 ttlSecondsAfterFinished:*int32
   completionMode:*string suspend:*bool podFailurePolicy:*PodFailurePolicy backoffLimitPerIndex:*int32
   maxFailedIndexes:*int32 podReplacementPolicy:*string managedBy:*string successPolicy:*SuccessPolicy
JobStatus conditions:[]JobCondition startTime:*Time completionTime:*Time active:int32 succeeded:int32 failed:int32
   completedIndexes uncountedTerminatedPods:*UncountedTerminatedPods ready:*int32 failedIndexes:*string
   terminating:*int32
JobTemplateSpec metadata:meta.ObjectMeta spec:JobSpec
PodFailurePolicy rules:[]PodFailurePolicyRule
PodFailurePolicyOnExitCodesRequirement containerName:*string operator! values:[]int32
PodFailurePolicyOnPodConditionsPattern type! status!
PodFailurePolicyRule action! onExitCodes:*PodFailurePolicyOnExitCodesRequirement
   onPodConditions:[]PodFailurePolicyOnPodConditionsPattern
SuccessPolicy rules:[]SuccessPolicyRule
SuccessPolicyRule succeededIndexes:*string succeededCount:*int32
UncountedTerminatedPods succeeded:[]string failed:[]string
# policy.v1
Eviction metadata:meta.ObjectMeta deleteOptions:*meta.DeleteOptions
PodDisruptionBudget metadata:meta.ObjectMeta spec:PodDisruptionBudgetSpec status:PodDisruptionBudgetStatus
PodDisruptionBudgetSpec minAvailable:*IntOrString selector:*meta.LabelSelector maxUnavailable:*IntOrString
   unhealthyPodEvictionPolicy:*string
PodDisruptionBudgetStatus observedGeneration:int64 disruptedPods:{}Time disruptionsAllowed!:int32
   currentHealthy!:int32 desiredHealthy!:int32 expectedPods!:int32 conditions:[]meta.Condition
# scheduling.v1
PriorityClass metadata:meta.ObjectMeta value!:int32 globalDefault:bool description preemptionPolicy:*string
`;
