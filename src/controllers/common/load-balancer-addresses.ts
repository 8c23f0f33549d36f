/** The range that simulated load balancers take their addresses from. */
import { cidrSize, IpAllocator, numberToIp, parseCidr } from '../../net/index.ts';
import type { ControllerSettings } from './controller.ts';

/** TEST-NET-1 (RFC 5737): nobody's network. */
const defaultCidr = '192.0.2.0/24';

export interface LoadBalancerRange {
  readonly allocator: IpAllocator;
  /** The last address: that of all Ingresses of klab's class. */
  readonly ingress: string;
}

/** @throws Error for what is no IPv4 range of at least four addresses. */
export function loadBalancerRange({
  loadBalancerCidr = defaultCidr,
}: Pick<ControllerSettings, 'loadBalancerCidr'>): LoadBalancerRange {
  const cidr = parseCidr(loadBalancerCidr);
  if (cidr?.family !== 'IPv4' || cidrSize(cidr) < 4n) {
    throw new Error(`the load balancer range "${loadBalancerCidr}" is no IPv4 CIDR of at least four addresses`);
  }
  const allocator = new IpAllocator(cidr);
  const ingress = numberToIp(cidr.base + cidrSize(cidr) - 2n, cidr.family);
  allocator.allocate(ingress);
  return { allocator, ingress };
}
