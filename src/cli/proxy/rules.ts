/** `klab proxy rules`: what kube-proxy would load on a node for the Services as they stand. Works on any cluster. */
import type { KubeObject } from '../../apimachinery/index.ts';
import type { KubeProxyConfiguration, ProxyConfig, RuleMode } from '../../proxy/index.ts';
import { UserError } from '../exit-codes.ts';
import { printData } from '../output.ts';
import type { Session } from '../session.ts';
import { proxySettingsOf } from './settings.ts';
import { type ProxyWorld, rangesOf, readProxyWorld } from './world.ts';

export interface ProxyRulesRequest {
  readonly mode: RuleMode;
  /** Default: the first node by name. */
  readonly node?: string;
  /** `namespace/name`, or a name in the session's namespace. */
  readonly service?: string;
  /** Default: those that the chosen Services have addresses in, one after the other. */
  readonly family?: 'ipv4' | 'ipv6';
  /** kube-proxy's flags or file; its mode does not count. Default: kube-proxy's defaults. */
  readonly configuration?: KubeProxyConfiguration;
  readonly nfacct?: boolean;
  /** A sentence to each rule, as comments that load. */
  readonly explain?: boolean;
  readonly output?: 'json' | 'yaml';
}

export async function proxyRules(session: Session, request: ProxyRulesRequest): Promise<string> {
  const world = await readProxyWorld(session, undefined, request.node);
  const chosen = selectService(session.namespace, request.service, world.services, world.endpointSlices);
  const { annotatedScript, explainScript, proxyScript, servicePorts } = await import('../../proxy/index.ts');
  const sets = (await configsOf(session, request, world, chosen.services)).map((config) => {
    const script = proxyScript(request.mode, chosen, config);
    if (!request.explain && request.output === undefined) return { config, script };
    const ports = servicePorts(chosen.services, chosen.endpointSlices, config.family, config.node);
    return { config, script, lines: explainScript(script, ports) };
  });
  if (request.output === undefined) {
    return sets.map(({ script, lines }) => (lines ? annotatedScript(lines, request.mode) : script)).join('\n');
  }
  const shown = sets.map(({ config, lines }) => ({
    mode: request.mode,
    family: config.family,
    node: config.node.name,
    lines: request.explain ? lines : lines!.map(({ line }) => ({ line })),
  }));
  return printData({ rules: shown }, request.output);
}

/** kube-proxy's configuration on the node that is asked for, one a family. @throws UserError when there is no such node. */
export async function configsOf(
  session: Session,
  request: ProxyRulesRequest,
  { nodes, serviceCIDRs }: ProxyWorld,
  services: readonly KubeObject[],
): Promise<ProxyConfig[]> {
  const node = request.node === undefined ? nodes[0] : nodes.find((item) => item.metadata.name === request.node);
  if (!node)
    throw new UserError(request.node === undefined ? 'the cluster has no nodes' : `nodes "${request.node}" not found`);
  const { nodeView } = await import('../../proxy/index.ts');
  const { config, clusterCIDRs } = await proxySettingsOf(request.configuration, request.mode);
  return familiesOf(services, request.family).map((family) => ({
    node: nodeView(node),
    family,
    ...rangesOf(session, family, serviceCIDRs, clusterCIDRs),
    ...config,
    ...(request.nfacct && { nfacct: true }),
  }));
}

/** A node's kube-proxy makes each family's rules by themselves, the first being that of most nodes. */
export function familiesOf(services: readonly KubeObject[], wanted: ProxyRulesRequest['family']): ('IPv4' | 'IPv6')[] {
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
