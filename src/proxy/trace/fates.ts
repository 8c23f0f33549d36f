/** Why each endpoint of a Service gets the traffic it gets. */
import type { Endpoint, NodeView, ServicePort } from '../service-ports.ts';
import { topologyMode, trafficChoice } from '../topology.ts';

export interface EndpointFate {
  readonly address: string;
  readonly node?: string;
  /** Share of new connections from here. */
  readonly odds: number;
  readonly why: string;
}

/** Which policy of the Service decides: by its cluster IP the internal one, by all other addresses the external one. */
export type TrafficKind = 'internal' | 'external';

export function endpointFates(
  port: ServicePort,
  node: NodeView,
  kind: TrafficKind,
  odds: ReadonlyMap<string, number>,
  /** The endpoint that client affinity led to. */
  held?: string,
): EndpointFate[] {
  const choice = trafficChoice(port, node);
  const local = kind === 'internal' ? port.internalLocal : port.externalLocal;
  const someReady = port.endpoints.some((endpoint) => endpoint.ready && (!local || endpoint.isLocal));
  const mode = topologyMode(port.endpoints, node);
  const zone = node.labels['topology.kubernetes.io/zone'];
  const why = (endpoint: Endpoint): string => {
    const share = odds.get(endpoint.address) ?? 0;
    if (share > 0) {
      if (endpoint.address === held) return 'client affinity: it answered this client before';
      if (endpoint.ready) return 'ready';
      return 'terminating, but still serving: no ready endpoint is left';
    }
    if (endpoint.terminating) {
      return endpoint.serving && !someReady ? 'terminating' : 'terminating: new connections go to ready endpoints';
    }
    if (!endpoint.ready) return 'not ready';
    if (local && !endpoint.isLocal) {
      return `${kind === 'internal' ? 'internalTrafficPolicy' : 'externalTrafficPolicy'} is Local, and it is on ${endpoint.nodeName ?? 'no node'}`;
    }
    if (mode === 'PreferSameNode') return `hinted for ${endpoint.nodeHints.join(', ')}: another node`;
    if (mode === 'PreferSameZone')
      return `hinted for zone ${endpoint.zoneHints.join(', ')}; ${node.name} is in ${zone}`;
    if (held !== undefined) return `ready, but client affinity leads to ${held}`;
    return choice.hasAny ? 'no rule leads to it from here' : 'no rule leads to it';
  };
  return port.endpoints.map((endpoint) => ({
    address: endpoint.address,
    ...(endpoint.nodeName === undefined ? {} : { node: endpoint.nodeName }),
    odds: odds.get(endpoint.address) ?? 0,
    why: why(endpoint),
  }));
}
