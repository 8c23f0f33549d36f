/** `klab proxy rules`: what kube-proxy would load on a node for the Services as they stand. Works on any cluster. */
import type { KubeObject } from '../../apimachinery/index.ts';
import type { ProxyMode } from '../../proxy/index.ts';
import { UserError } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { rangesOf, readProxyWorld } from './world.ts';

export interface ProxyRulesRequest {
  readonly mode: ProxyMode;
  /** Default: the first node by name. */
  readonly node?: string;
  /** `namespace/name`, or a name in the session's namespace. */
  readonly service?: string;
  /** Default: those that the chosen Services have addresses in, one after the other. */
  readonly family?: 'ipv4' | 'ipv6';
  /** Range of all pods. Default: klab's own on a klab cluster, unknown elsewhere. */
  readonly clusterCidr?: string;
}

export async function proxyRules(session: Session, request: ProxyRulesRequest): Promise<string> {
  const { nodes, services, endpointSlices, serviceCIDRs } = await readProxyWorld(session);
  const node = request.node === undefined ? nodes[0] : nodes.find((item) => item.metadata.name === request.node);
  if (!node)
    throw new UserError(request.node === undefined ? 'the cluster has no nodes' : `nodes "${request.node}" not found`);
  const chosen = selectService(session.namespace, request.service, services, endpointSlices);
  const { nodeView, proxyScript } = await import('../../proxy/index.ts');
  const scripts = familiesOf(chosen.services, request.family).map((family) => {
    const ranges = rangesOf(session, family, serviceCIDRs, request.clusterCidr);
    return proxyScript(request.mode, chosen, { node: nodeView(node), family, ...ranges });
  });
  return scripts.join('\n');
}

/** A node's kube-proxy makes each family's rules by themselves, the first being that of most nodes. */
function familiesOf(services: readonly KubeObject[], wanted: ProxyRulesRequest['family']): ('IPv4' | 'IPv6')[] {
  if (wanted !== undefined) return [wanted === 'ipv6' ? 'IPv6' : 'IPv4'];
  const ips = services.flatMap((service) => (service['spec']?.clusterIPs ?? []) as string[]);
  const six = ips.some((ip) => ip.includes(':'));
  if (!six) return ['IPv4'];
  return ips.some((ip) => ip.includes('.')) ? ['IPv4', 'IPv6'] : ['IPv6'];
}

/** One Service with its slices, or all of them. @throws UserError when it is not there. */
export function selectService(
  namespace: string,
  wanted: string | undefined,
  services: readonly KubeObject[],
  endpointSlices: readonly KubeObject[],
): { services: readonly KubeObject[]; endpointSlices: readonly KubeObject[] } {
  if (wanted === undefined) return { services, endpointSlices };
  const [where, name] = wanted.includes('/') ? wanted.split('/', 2) : [namespace, wanted];
  const found = services.filter(({ metadata }) => metadata.namespace === where && metadata.name === name);
  if (found.length === 0) throw new UserError(`services "${name}" not found in namespace "${where}"`);
  return {
    services: found,
    endpointSlices: endpointSlices.filter(
      ({ metadata }) => metadata.namespace === where && metadata.labels?.['kubernetes.io/service-name'] === name,
    ),
  };
}
