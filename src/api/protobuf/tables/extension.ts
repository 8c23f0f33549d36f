/** Protobuf messages of
 * admissionregistration.v1, apiextensions.v1, apiregistration.v1, events.v1, flowcontrol.v1;
 * the notation is explained in ../messages.ts.
 */
export const extensionMessages = `
# admissionregistration.v1
ApplyConfiguration expression
AuditAnnotation key! valueExpression!
ExpressionWarning fieldRef=2! warning!
JSONPatch expression
MatchCondition name! expression!
MatchResources namespaceSelector:*meta.LabelSelector objectSelector:*meta.LabelSelector
   resourceRules:[]NamedRuleWithOperations excludeResourceRules:[]NamedRuleWithOperations matchPolicy=7:*string
MutatingAdmissionPolicy metadata:meta.ObjectMeta spec:MutatingAdmissionPolicySpec
MutatingAdmissionPolicyBinding metadata:meta.ObjectMeta spec:MutatingAdmissionPolicyBindingSpec
MutatingAdmissionPolicyBindingSpec policyName paramRef:*ParamRef matchResources:*MatchResources
MutatingAdmissionPolicySpec paramKind:*ParamKind matchConstraints:*MatchResources variables:[]Variable
   mutations:[]Mutation failurePolicy:*string matchConditions:[]MatchCondition reinvocationPolicy
MutatingWebhook name! clientConfig:WebhookClientConfig rules:[]RuleWithOperations failurePolicy:*string
   namespaceSelector:*meta.LabelSelector sideEffects:*string timeoutSeconds:*int32 admissionReviewVersions:[]string
   matchPolicy:*string reinvocationPolicy:*string objectSelector:*meta.LabelSelector matchConditions:[]MatchCondition
MutatingWebhookConfiguration metadata:meta.ObjectMeta webhooks:[]MutatingWebhook
Mutation patchType=2! applyConfiguration:*ApplyConfiguration jsonPatch:*JSONPatch
NamedRuleWithOperations resourceNames:[]string .:RuleWithOperations
ParamKind apiVersion kind
ParamRef name namespace selector:*meta.LabelSelector parameterNotFoundAction:*string
Rule apiGroups:[]string apiVersions:[]string resources:[]string scope:*string
RuleWithOperations operations:[]string .:Rule
ServiceReference namespace! name! path:*string port:*int32
TypeChecking expressionWarnings:[]ExpressionWarning
ValidatingAdmissionPolicy metadata:meta.ObjectMeta spec:ValidatingAdmissionPolicySpec
   status:ValidatingAdmissionPolicyStatus
ValidatingAdmissionPolicyBinding metadata:meta.ObjectMeta spec:ValidatingAdmissionPolicyBindingSpec
ValidatingAdmissionPolicyBindingSpec policyName paramRef:*ParamRef matchResources:*MatchResources
   validationActions:[]string
ValidatingAdmissionPolicySpec paramKind:*ParamKind matchConstraints:*MatchResources validations:[]Validation
   failurePolicy:*string auditAnnotations:[]AuditAnnotation matchConditions:[]MatchCondition variables:[]Variable
ValidatingAdmissionPolicyStatus observedGeneration:int64 typeChecking:*TypeChecking conditions:[]meta.Condition
ValidatingWebhook name! clientConfig:WebhookClientConfig rules:[]RuleWithOperations failurePolicy:*string
   namespaceSelector:*meta.LabelSelector sideEffects:*string timeoutSeconds:*int32 admissionReviewVersions:[]string
   matchPolicy:*string objectSelector:*meta.LabelSelector matchConditions:[]MatchCondition
ValidatingWebhookConfiguration metadata:meta.ObjectMeta webhooks:[]ValidatingWebhook
Validation expression! message reason:*string messageExpression
Variable name! expression!
WebhookClientConfig service:*ServiceReference caBundle:bytes url:*string
# apiextensions.v1
CustomResourceColumnDefinition name! type! format description priority:int32 jsonPath!
CustomResourceConversion strategy! webhook:*WebhookConversion
CustomResourceDefinition metadata:meta.ObjectMeta spec:CustomResourceDefinitionSpec
   status:CustomResourceDefinitionStatus
CustomResourceDefinitionCondition type! status! lastTransitionTime:Time reason message observedGeneration:int64
CustomResourceDefinitionNames plural! singular shortNames:[]string kind! listKind categories:[]string
CustomResourceDefinitionSpec group! names=3:CustomResourceDefinitionNames scope!
   versions=7:[]CustomResourceDefinitionVersion conversion=9:*CustomResourceConversion preserveUnknownFields:bool
CustomResourceDefinitionStatus conditions:[]CustomResourceDefinitionCondition
   acceptedNames:CustomResourceDefinitionNames storedVersions:[]string observedGeneration:int64
CustomResourceDefinitionVersion name! served!:bool storage!:bool schema:*CustomResourceValidation
   subresources:*CustomResourceSubresources additionalPrinterColumns:[]CustomResourceColumnDefinition deprecated:bool
   deprecationWarning:*string selectableFields:[]SelectableField
CustomResourceSubresourceScale specReplicasPath! statusReplicasPath! labelSelectorPath:*string
CustomResourceSubresourceStatus
CustomResourceSubresources status:*CustomResourceSubresourceStatus scale:*CustomResourceSubresourceScale
CustomResourceValidation openAPIV3Schema:*JSONSchemaProps
ExternalDocumentation description url
JSONSchemaProps id $schema $ref:*string description type format title default:*Raw maximum:*double
   exclusiveMaximum:bool minimum:*double exclusiveMinimum:bool maxLength:*int64 minLength:*int64 pattern
   maxItems:*int64 minItems:*int64 uniqueItems:bool multipleOf:*double enum:[]Raw maxProperties:*int64
   minProperties:*int64 required:[]string items:*JSONSchemaPropsOrArray allOf:[]JSONSchemaProps
   oneOf:[]JSONSchemaProps anyOf:[]JSONSchemaProps not:*JSONSchemaProps properties:{}JSONSchemaProps
   additionalProperties:*JSONSchemaPropsOrBool patternProperties:{}JSONSchemaProps
   dependencies:{}JSONSchemaPropsOrStringArray additionalItems:*JSONSchemaPropsOrBool definitions:{}JSONSchemaProps
   externalDocs:*ExternalDocumentation example:*Raw nullable:bool x-kubernetes-preserve-unknown-fields:*bool
   x-kubernetes-embedded-resource:bool x-kubernetes-int-or-string:bool x-kubernetes-list-map-keys:[]string
   x-kubernetes-list-type:*string x-kubernetes-map-type:*string x-kubernetes-validations:[]ValidationRule
SelectableField jsonPath!
ServiceReference namespace! name! path:*string port:*int32
ValidationRule rule! message messageExpression reason:*string fieldPath optionalOldSelf:*bool
WebhookClientConfig service:*ServiceReference caBundle:bytes url:*string
WebhookConversion clientConfig=2:*WebhookClientConfig conversionReviewVersions:[]string
# apiregistration.v1
APIService metadata:meta.ObjectMeta spec:APIServiceSpec status:APIServiceStatus
APIServiceCondition type! status! lastTransitionTime:Time reason message
APIServiceSpec service:*ServiceReference group version insecureSkipTLSVerify:bool caBundle:bytes
   groupPriorityMinimum=7!:int32 versionPriority!:int32
APIServiceStatus conditions:[]APIServiceCondition
ServiceReference namespace name port:*int32
# events.v1
Event metadata:meta.ObjectMeta eventTime:MicroTime series:*EventSeries reportingController reportingInstance action
   reason regarding:core.ObjectReference related:*core.ObjectReference note type deprecatedSource:core.EventSource
   deprecatedFirstTimestamp:Time deprecatedLastTimestamp:Time deprecatedCount:int32
EventSeries count!:int32 lastObservedTime:MicroTime
# flowcontrol.v1
ExemptPriorityLevelConfiguration nominalConcurrencyShares:*int32 lendablePercent:*int32
FlowDistinguisherMethod type!
FlowSchema metadata:meta.ObjectMeta spec:FlowSchemaSpec status:FlowSchemaStatus
FlowSchemaCondition type status lastTransitionTime:Time reason message
FlowSchemaSpec priorityLevelConfiguration:PriorityLevelConfigurationReference matchingPrecedence!:int32
   distinguisherMethod:*FlowDistinguisherMethod rules:[]PolicyRulesWithSubjects
FlowSchemaStatus conditions:[]FlowSchemaCondition
GroupSubject name!
LimitResponse type! queuing:*QueuingConfiguration
LimitedPriorityLevelConfiguration nominalConcurrencyShares:*int32 limitResponse:LimitResponse lendablePercent:*int32
   borrowingLimitPercent:*int32
NonResourcePolicyRule verbs:[]string nonResourceURLs=6:[]string
PolicyRulesWithSubjects subjects:[]Subject resourceRules:[]ResourcePolicyRule nonResourceRules:[]NonResourcePolicyRule
PriorityLevelConfiguration metadata:meta.ObjectMeta spec:PriorityLevelConfigurationSpec
   status:PriorityLevelConfigurationStatus
PriorityLevelConfigurationCondition type status lastTransitionTime:Time reason message
PriorityLevelConfigurationReference name!
PriorityLevelConfigurationSpec type! limited:*LimitedPriorityLevelConfiguration
   exempt:*ExemptPriorityLevelConfiguration
PriorityLevelConfigurationStatus conditions:[]PriorityLevelConfigurationCondition
QueuingConfiguration queues!:int32 handSize!:int32 queueLengthLimit!:int32
ResourcePolicyRule verbs:[]string apiGroups:[]string resources:[]string clusterScope:bool namespaces:[]string
ServiceAccountSubject namespace! name!
Subject kind! user:*UserSubject group:*GroupSubject serviceAccount:*ServiceAccountSubject
UserSubject name!
`;
