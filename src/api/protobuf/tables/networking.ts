/** Protobuf messages of discovery.v1, networking.v1; the notation is explained in ../messages.ts. */
export const networkingMessages = `
# discovery.v1
Endpoint addresses:[]string conditions:EndpointConditions hostname:*string targetRef:*core.ObjectReference
   deprecatedTopology:{}string nodeName:*string zone:*string hints:*EndpointHints
EndpointConditions ready:*bool serving:*bool terminating:*bool
EndpointHints forZones:[]ForZone forNodes:[]ForNode
EndpointPort name:*string protocol:*string port:*int32 appProtocol:*string
EndpointSlice metadata:meta.ObjectMeta endpoints:[]Endpoint ports:[]EndpointPort addressType!
ForNode name!
ForZone name!
# networking.v1
HTTPIngressPath path backend:IngressBackend pathType:*string
HTTPIngressRuleValue paths:[]HTTPIngressPath
IPAddress metadata:meta.ObjectMeta spec:IPAddressSpec
IPAddressSpec parentRef:*ParentReference
IPBlock cidr! except:[]string
Ingress metadata:meta.ObjectMeta spec:IngressSpec status:IngressStatus
IngressBackend resource=3:*core.TypedLocalObjectReference service:*IngressServiceBackend
IngressClass metadata:meta.ObjectMeta spec:IngressClassSpec
IngressClassParametersReference apiGroup:*string kind! name! scope:*string namespace:*string
IngressClassSpec controller parameters:*IngressClassParametersReference
IngressLoadBalancerIngress ip hostname ports=4:[]IngressPortStatus
IngressLoadBalancerStatus ingress:[]IngressLoadBalancerIngress
IngressPortStatus port!:int32 protocol! error:*string
IngressRule host .:IngressRuleValue
IngressRuleValue http:*HTTPIngressRuleValue
IngressServiceBackend name! port:ServiceBackendPort
IngressSpec defaultBackend:*IngressBackend tls:[]IngressTLS rules:[]IngressRule ingressClassName:*string
IngressStatus loadBalancer:IngressLoadBalancerStatus
IngressTLS hosts:[]string secretName
NetworkPolicy metadata:meta.ObjectMeta spec:NetworkPolicySpec
NetworkPolicyEgressRule ports:[]NetworkPolicyPort to:[]NetworkPolicyPeer
NetworkPolicyIngressRule ports:[]NetworkPolicyPort from:[]NetworkPolicyPeer
NetworkPolicyPeer podSelector:*meta.LabelSelector namespaceSelector:*meta.LabelSelector ipBlock:*IPBlock
NetworkPolicyPort protocol:*string port:*IntOrString endPort:*int32
NetworkPolicySpec podSelector:meta.LabelSelector ingress:[]NetworkPolicyIngressRule egress:[]NetworkPolicyEgressRule
   policyTypes:[]string
ParentReference group resource namespace name
ServiceBackendPort name number:int32
ServiceCIDR metadata:meta.ObjectMeta spec:ServiceCIDRSpec status:ServiceCIDRStatus
ServiceCIDRSpec cidrs:[]string
ServiceCIDRStatus conditions:[]meta.Condition
`;
