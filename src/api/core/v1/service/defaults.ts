/** Upstream: pkg/apis/core/v1/defaults.go, pkg/registry/core/service (1.36). Addresses and ports are the allocators'. */
import { setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Service, ServiceSpec } from '../../../types.ts';

/** Reached from outside the cluster. */
export function isExternallyAccessible(spec: Readonly<ServiceSpec>): boolean {
  const { type, externalIPs = [] } = spec;
  return type === 'LoadBalancer' || type === 'NodePort' || (type === 'ClusterIP' && externalIPs.length > 0);
}

export function isHeadless(spec: Readonly<ServiceSpec>): boolean {
  return spec.clusterIPs?.length === 1 && spec.clusterIPs[0] === 'None';
}

/** A load balancer that keeps the client's address asks each node whether it has an endpoint. */
export function needsHealthCheck(spec: Readonly<ServiceSpec>): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
}

export function defaultService(service: Service): void {
  service.spec ??= {};
  const spec = service.spec;
  setIfZero(spec, 'sessionAffinity', 'None');
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: 10_800 } };
  }
  setIfZero(spec, 'type', 'ClusterIP');
  for (const port of spec.ports ?? []) {
    setIfZero(port, 'protocol', 'TCP');
    setIfZero(port, 'targetPort', port.port);
  }
  if (isExternallyAccessible(spec)) setIfZero(spec, 'externalTrafficPolicy', 'Cluster');
  if (spec.type !== 'ExternalName') setIfAbsent(spec, 'internalTrafficPolicy', 'Cluster');
  if (spec.type === 'LoadBalancer') {
    setIfAbsent(spec, 'allocateLoadBalancerNodePorts', true);
    for (const ingress of service.status?.loadBalancer?.ingress ?? []) {
      if (ingress.ip) setIfAbsent(ingress, 'ipMode', 'VIP');
    }
  }
}
