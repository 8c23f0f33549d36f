/**
 * kube-proxy's first mode, gone since 1.26: rules turn every portal (an address and port of a service) to a port on which
 * kube-proxy itself listens; it accepts the connection and opens another one to an endpoint, in turn.
 * Upstream: pkg/proxy/userspace/proxier.go (1.25).
 */
import { comment, type Jump, joinHostPort, type Rule, type RuleTable } from '../../net/index.ts';
import type { ResolvedProxyConfig } from '../config.ts';
import { primaryAddress } from '../node-addresses.ts';
import type { ServicePort } from '../service-ports.ts';

/** A port on which the proxying process listens for one service port. */
export interface ProxyListener {
  readonly port: number;
  readonly service: ServicePort;
}

export interface UserspaceRules {
  readonly filter: RuleTable;
  readonly nat: RuleTable;
  /** Put first in the built-in chains. */
  readonly jumps: readonly Jump[];
  /** Put last: they match by port alone, and must not see what a portal rule would take. */
  readonly lastJumps: readonly Jump[];
  readonly listeners: readonly ProxyListener[];
  /** Ports of a protocol that this mode never learnt. */
  readonly unsupported: readonly ServicePort[];
}

/** The real one takes any free port (or one of --proxy-port-range); here they count up, so that the text stays the same. */
const firstProxyPort = 40_000;

const portals = 'handle ClusterIPs; NOTE: this must be before the NodePort rules';
const nodePorts = 'handle service NodePorts; NOTE: this must be the last rule in the chain';
const local = ['-m', 'addrtype', '--dst-type', 'LOCAL'];

const jump = (table: Jump['table'], from: string, to: string, text: string, match: string[] = []): Jump => ({
  table,
  from,
  to,
  comment: text,
  match,
});

const jumps: readonly Jump[] = [
  jump('nat', 'PREROUTING', 'KUBE-PORTALS-CONTAINER', portals),
  jump('nat', 'OUTPUT', 'KUBE-PORTALS-HOST', portals),
  jump('filter', 'INPUT', 'KUBE-NODEPORT-NON-LOCAL', 'Ensure that non-local NodePort traffic can flow'),
];

const lastJumps: readonly Jump[] = [
  jump('nat', 'PREROUTING', 'KUBE-NODEPORT-CONTAINER', nodePorts, local),
  jump('nat', 'OUTPUT', 'KUBE-NODEPORT-HOST', nodePorts, local),
];

export function userspaceRules(ports: readonly ServicePort[], config: ResolvedProxyConfig): UserspaceRules {
  const host = primaryAddress(config.node, config.family);
  const bits = config.family === 'IPv4' ? 32 : 128;
  const nat: Rule[] = [];
  const filter: Rule[] = [];
  const supported = ports.filter(({ protocol }) => protocol !== 'SCTP');
  const listeners = supported.map((service, i) => ({ port: firstProxyPort + i, service }));

  for (const { port: proxyPort, service } of listeners) {
    const protocol = service.protocol.toLowerCase();
    const common = (dport: number) => [...comment(service.name), '-p', protocol, '-m', protocol, '--dport', `${dport}`];
    // From the node itself a redirection would answer from another address than was asked.
    const toHost = ['-j', 'DNAT', '--to-destination', joinHostPort(host, proxyPort)];
    const toPort = ['-j', 'REDIRECT', '--to-ports', `${proxyPort}`];
    const add = (chain: string, match: string[], target: string[]) => nat.push({ chain, match, target });

    const portal = (ip: string, external: boolean) => {
      const match = [...common(service.port), '-d', `${ip}/${bits}`];
      add('KUBE-PORTALS-CONTAINER', external ? [...match, '-m', 'physdev', '!', '--physdev-is-in'] : match, toPort);
      if (external) add('KUBE-PORTALS-CONTAINER', [...match, ...local], toPort);
      add('KUBE-PORTALS-HOST', external ? [...match, ...local] : match, toHost);
    };
    portal(service.clusterIP, false);
    for (const ip of service.externalIPs) portal(ip, true);
    for (const ip of service.loadBalancerVIPs) portal(ip, false);
    if (service.nodePort !== 0) {
      add('KUBE-NODEPORT-CONTAINER', common(service.nodePort), toPort);
      add('KUBE-NODEPORT-HOST', common(service.nodePort), toHost);
      const match = [...common(proxyPort), '-m', 'state', '--state', 'NEW'];
      filter.push({ chain: 'KUBE-NODEPORT-NON-LOCAL', match, target: ['-j', 'ACCEPT'] });
    }
  }
  const natChains = ['KUBE-PORTALS-CONTAINER', 'KUBE-PORTALS-HOST', 'KUBE-NODEPORT-CONTAINER', 'KUBE-NODEPORT-HOST'];
  return {
    filter: { name: 'filter', chains: ['KUBE-NODEPORT-NON-LOCAL'], rules: filter },
    nat: { name: 'nat', chains: natChains, rules: nat },
    jumps,
    lastJumps,
    listeners,
    unsupported: ports.filter(({ protocol }) => protocol === 'SCTP'),
  };
}
