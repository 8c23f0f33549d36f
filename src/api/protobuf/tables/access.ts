/** Protobuf messages of
 * authentication.v1, authorization.v1, certificates.v1, rbac.v1;
 * the notation is explained in ../messages.ts.
 */
export const accessMessages = `
# authentication.v1
BoundObjectReference kind apiVersion name uid
SelfSubjectReview metadata:meta.ObjectMeta status:SelfSubjectReviewStatus
SelfSubjectReviewStatus userInfo:UserInfo
TokenRequest metadata:meta.ObjectMeta spec:TokenRequestSpec status:TokenRequestStatus
TokenRequestSpec audiences:[]string boundObjectRef=3:*BoundObjectReference expirationSeconds:*int64
TokenRequestStatus token! expirationTimestamp:Time
TokenReview metadata:meta.ObjectMeta spec:TokenReviewSpec status:TokenReviewStatus
TokenReviewSpec token audiences:[]string
TokenReviewStatus authenticated:bool user:UserInfo error audiences:[]string
UserInfo username uid groups:[]string extra:{}Strings
# authorization.v1
FieldSelectorAttributes rawSelector requirements:[]meta.FieldSelectorRequirement
LabelSelectorAttributes rawSelector requirements:[]meta.LabelSelectorRequirement
LocalSubjectAccessReview metadata:meta.ObjectMeta spec:SubjectAccessReviewSpec status:SubjectAccessReviewStatus
NonResourceAttributes path verb
NonResourceRule verbs:[]string nonResourceURLs:[]string
ResourceAttributes namespace verb group version resource subresource name fieldSelector:*FieldSelectorAttributes
   labelSelector:*LabelSelectorAttributes
ResourceRule verbs:[]string apiGroups:[]string resources:[]string resourceNames:[]string
SelfSubjectAccessReview metadata:meta.ObjectMeta spec:SelfSubjectAccessReviewSpec status:SubjectAccessReviewStatus
SelfSubjectAccessReviewSpec resourceAttributes:*ResourceAttributes nonResourceAttributes:*NonResourceAttributes
SelfSubjectRulesReview metadata:meta.ObjectMeta spec:SelfSubjectRulesReviewSpec status:SubjectRulesReviewStatus
SelfSubjectRulesReviewSpec namespace
SubjectAccessReview metadata:meta.ObjectMeta spec:SubjectAccessReviewSpec status:SubjectAccessReviewStatus
SubjectAccessReviewSpec resourceAttributes:*ResourceAttributes nonResourceAttributes:*NonResourceAttributes user
   groups:[]string extra:{}Strings uid
SubjectAccessReviewStatus allowed!:bool reason evaluationError denied:bool
SubjectRulesReviewStatus resourceRules:[]ResourceRule nonResourceRules:[]NonResourceRule incomplete!:bool
   evaluationError
# certificates.v1
CertificateSigningRequest metadata:meta.ObjectMeta spec:CertificateSigningRequestSpec
   status:CertificateSigningRequestStatus
CertificateSigningRequestCondition type! reason message lastUpdateTime:Time lastTransitionTime:Time status!
CertificateSigningRequestSpec request!:bytes username uid groups:[]string usages:[]string extra:{}Strings signerName!
   expirationSeconds:*int32
CertificateSigningRequestStatus conditions:[]CertificateSigningRequestCondition certificate:bytes
# rbac.v1
AggregationRule clusterRoleSelectors:[]meta.LabelSelector
ClusterRole metadata:meta.ObjectMeta rules:[]PolicyRule aggregationRule:*AggregationRule
ClusterRoleBinding metadata:meta.ObjectMeta subjects:[]Subject roleRef:RoleRef
PolicyRule verbs:[]string apiGroups:[]string resources:[]string resourceNames:[]string nonResourceURLs:[]string
Role metadata:meta.ObjectMeta rules:[]PolicyRule
RoleBinding metadata:meta.ObjectMeta subjects:[]Subject roleRef:RoleRef
RoleRef apiGroup! kind! name!
Subject kind! apiGroup name! namespace
`;
