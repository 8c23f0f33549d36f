/** Which endpoints serve which traffic on this node. Upstream: pkg/proxy/topology.go (1.36). */
import type { Endpoint, NodeView, ServicePort } from './service-ports.ts';
import { externallyAccessible, usesClusterEndpoints, usesLocalEndpoints } from './service-ports.ts';

export type TopologyMode = '' | 'PreferSameNode' | 'PreferSameZone';

export interface EndpointChoice {
  /** For policy Cluster. */
  readonly cluster: readonly Endpoint[];
  /** For policy Local. */
  readonly local: readonly Endpoint[];
  /** Both, without repeats, sorted by address. */
  readonly reachable: readonly Endpoint[];
  /** Any endpoint anywhere could take traffic. */
  readonly hasAny: boolean;
  readonly topologyMode: TopologyMode;
}

const zoneLabel = 'topology.kubernetes.io/zone';

/** Hints count only if every ready endpoint has one and one names this place. */
export function topologyMode(endpoints: readonly Endpoint[], node: NodeView): TopologyMode {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  if (ready.length === 0) return '';
  const follows = (hints: (endpoint: Endpoint) => readonly string[], here: string | undefined) =>
    here !== undefined &&
    ready.every((endpoint) => hints(endpoint).length > 0) &&
    ready.some((endpoint) => hints(endpoint).includes(here));
  if (follows((endpoint) => endpoint.nodeHints, node.name)) return 'PreferSameNode';
  if (follows((endpoint) => endpoint.zoneHints, node.labels[zoneLabel])) return 'PreferSameZone';
  return '';
}

function availableForTopology(endpoint: Endpoint, mode: TopologyMode, node: NodeView): boolean {
  switch (mode) {
    case 'PreferSameNode':
      return endpoint.nodeHints.includes(node.name);
    case 'PreferSameZone':
      return endpoint.zoneHints.includes(node.labels[zoneLabel]!);
    default:
      return true;
  }
}

export function categorizeEndpoints(port: ServicePort, node: NodeView): EndpointChoice {
  const { endpoints } = port;
  let cluster: Endpoint[] = [];
  let local: Endpoint[] = [];
  let mode: TopologyMode = '';
  let hasAny = false;

  if (usesClusterEndpoints(port)) {
    mode = topologyMode(endpoints, node);
    cluster = endpoints.filter((endpoint) => endpoint.ready && availableForTopology(endpoint, mode, node));
    if (cluster.length === 0) cluster = endpoints.filter((endpoint) => endpoint.serving && endpoint.terminating);
    if (cluster.length > 0) hasAny = true;
  }
  if (usesLocalEndpoints(port)) {
    const usable = (endpoint: Endpoint) => endpoint.ready || (endpoint.serving && endpoint.terminating);
    if (endpoints.some(usable)) hasAny = true;
    local = endpoints.filter((endpoint) => endpoint.isLocal && endpoint.ready);
    if (local.length === 0) {
      local = endpoints.filter((endpoint) => endpoint.isLocal && endpoint.serving && endpoint.terminating);
    }
  }
  return { cluster, local, reachable: union(cluster, local), hasAny, topologyMode: mode };
}

/** Without repeats, sorted by address, as both lists are. */
function union(cluster: readonly Endpoint[], local: readonly Endpoint[]): readonly Endpoint[] {
  if (local.length === 0) return cluster;
  if (cluster.length === 0) return local;
  const byAddress = new Map([...cluster, ...local].map((endpoint) => [endpoint.address, endpoint]));
  return [...byAddress.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
}

/** What becomes of traffic without a usable endpoint: rejected when there is none anywhere, dropped when only not here. */
export type Refusal = 'none' | 'reject' | 'drop';

/** How a service port's traffic is handled on this node. */
export interface TrafficChoice extends EndpointChoice {
  readonly internalRefusal: Refusal;
  readonly externalRefusal: Refusal;
  readonly externallyAccessible: boolean;
  readonly usesCluster: boolean;
  readonly usesLocal: boolean;
  /** The rules for external addresses exist: also without local endpoints, for the short-circuit of local traffic. */
  readonly usesExternal: boolean;
}

export function trafficChoice(port: ServicePort, node: NodeView): TrafficChoice {
  const choice = categorizeEndpoints(port, node);
  const refusal = (localOnly: boolean): Refusal => {
    if (!choice.hasAny) return 'reject';
    return localOnly && choice.local.length === 0 ? 'drop' : 'none';
  };
  const accessible = externallyAccessible(port);
  return {
    ...choice,
    internalRefusal: refusal(port.internalLocal),
    externalRefusal: refusal(port.externalLocal),
    externallyAccessible: accessible,
    usesCluster: choice.cluster.length > 0 && usesClusterEndpoints(port),
    usesLocal: choice.local.length > 0 && usesLocalEndpoints(port),
    usesExternal: choice.hasAny && accessible,
  };
}
