/** What every chain is for, in a phrase that can follow its name: those that stand anyway, and those of each service. */
import * as iptables from '../iptables/names.ts';
import * as nft from '../nftables/names.ts';
import type { ServicePort } from '../service-ports.ts';

export type ChainBook = ReadonlyMap<string, string>;

const fixed: readonly (readonly [string, string])[] = [
  ['KUBE-SERVICES', 'the list of all service addresses'],
  ['KUBE-EXTERNAL-SERVICES', 'external addresses and node ports that nobody here can serve'],
  ['KUBE-NODEPORTS', 'node ports (nat) and health-check node ports (filter)'],
  ['KUBE-NODE-PORT', 'node ports (nat) and health-check node ports (filter)'],
  ['KUBE-FORWARD', 'what this node forwards for services'],
  ['KUBE-PROXY-FIREWALL', 'load balancer traffic from addresses that the Service does not allow'],
  ['KUBE-SOURCE-RANGES-FIREWALL', 'the sources that load balancers allow, the rest dropped'],
  ['KUBE-FIREWALL', 'packets that claim to be for loopback but come from outside'],
  ['KUBE-POSTROUTING', 'the last stop: marked packets get the address of this node as their source'],
  ['KUBE-MARK-MASQ', 'marks the packet, so that its source is replaced when it leaves'],
  ['KUBE-LOAD-BALANCER', 'traffic to load balancer addresses'],
  ['KUBE-IPVS-FILTER', 'keeps ports of this host closed on addresses that are only on kube-ipvs0'],
  ['KUBE-IPVS-OUT-FILTER', 'keeps this node from load balancers that do not allow it'],
  ['KUBE-PORTALS-CONTAINER', 'service addresses, for packets that come from pods or from outside'],
  ['KUBE-PORTALS-HOST', 'service addresses, for packets of this node itself'],
  ['KUBE-NODEPORT-CONTAINER', 'node ports, for packets that come from pods or from outside'],
  ['KUBE-NODEPORT-HOST', 'node ports, for packets of this node itself'],
  ['KUBE-NODEPORT-NON-LOCAL', 'node ports whose proxy does not listen on loopback'],
  ['services', 'the lookup of all service addresses'],
  ['masquerading', 'the last stop: marked packets and hairpins get the address of this node as their source'],
  ['firewall-check', 'the lookup of load balancer addresses with source ranges'],
  ['service-endpoints-check', 'the lookup of service addresses that nobody can serve'],
  ['nodeport-endpoints-check', 'the lookup of node ports that nobody can serve'],
  ['cluster-ips-check', 'cluster IPs on ports that no service has'],
  ['reject-chain', 'answers "port unreachable"'],
];

/** One phrase a chain. `ports` name the chains whose names are hashes. */
export function chainBook(ports: readonly ServicePort[]): ChainBook {
  const book = new Map<string, string>(fixed);
  for (const port of ports) {
    const { name, protocol } = port;
    const shown = `${name}/${protocol}`;
    const both = (a: string, b: string, phrase: string) => book.set(a, phrase).set(b, phrase);
    both(iptables.clusterPolicyChain(name, protocol), nft.serviceChain(port), `picks one of all endpoints of ${shown}`);
    both(
      iptables.localPolicyChain(name, protocol),
      nft.localChain(port),
      `picks one of ${shown}'s endpoints on this node`,
    );
    both(
      iptables.externalChain(name, protocol),
      nft.externalChain(port),
      `traffic to ${shown} from outside the cluster`,
    );
    both(iptables.firewallChain(name, protocol), nft.firewallChain(port), `the sources that ${shown} allows`);
    for (const endpoint of port.endpoints) {
      const phrase = `endpoint ${endpoint.address} of ${shown}`;
      both(iptables.endpointChain(name, protocol, endpoint.address), nft.endpointChain(port, endpoint), phrase);
      book.set(nft.affinitySet(port, endpoint), `clients that were sent to ${endpoint.address} of ${shown}`);
    }
  }
  return book;
}

/** `KUBE-SVC-X, picks one of …`, or the bare name of a chain that is not known. */
export function named(book: ChainBook, chain: string): string {
  const phrase = book.get(chain);
  return phrase === undefined ? chain : `${chain} (${phrase})`;
}
