/** What is on the wire between two nodes: every header of the frame, outermost first. */
import {
  ethernet,
  type Header,
  type InnerProtocol,
  icmpEcho,
  ipv4,
  payload,
  tcp,
  transportSize,
  udp,
  vxlan,
} from './headers.ts';
import { cardMac } from './names.ts';
import type { NodeNetwork, PodNetRoute, PodNetwork } from './types.ts';

export interface Inner {
  readonly source: string;
  readonly destination: string;
  readonly ttl: number;
  readonly protocol: InnerProtocol;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly dontFragment: boolean;
}

/** What is put in front of a packet. */
export type Outer = {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
} & (
  | { readonly kind: 'udp' }
  | {
      readonly kind: 'vxlan';
      readonly vni: number;
      readonly innerSource: string;
      readonly innerDestination: string;
    }
);

/** `length`: of the IP packet that the sender made. A router's hardware address is made up as nodes' are. */
export function frameOf(
  network: PodNetwork,
  node: NodeNetwork,
  route: PodNetRoute,
  inner: Inner,
  outer: Outer | undefined,
  length: number,
): Header[] {
  const next = route.via ?? outer?.destination ?? inner.destination;
  const macOf = (ip: string) =>
    network.nodes.flatMap(({ node: each, interfaces }) => (each.ip === ip ? [interfaces[1]!.mac!] : []))[0] ??
    cardMac(ip);
  const first = ethernet('Ethernet', macOf(next), macOf(node.node.ip));
  if (!outer) return [first, ...innerHeaders('', inner, length)];
  const { source, destination, sourcePort, destinationPort } = outer;
  const added = outer.kind === 'vxlan' ? 50 : 28;
  return [
    first,
    ipv4('outer IP', {
      source,
      destination,
      ttl: 64,
      dontFragment: outer.kind === 'udp',
      protocol: 'udp',
      length: length + added,
    }),
    udp('outer UDP', {
      sourcePort,
      destinationPort,
      length: length + added - 20,
      ...(outer.kind === 'vxlan' && {
        sourcePortVaries: 'of a hash of the inner flow, so that routers can spread flows',
      }),
    }),
    ...(outer.kind === 'vxlan'
      ? [vxlan('VXLAN', outer.vni), ethernet('inner Ethernet', outer.innerDestination, outer.innerSource)]
      : []),
    ...innerHeaders('inner ', inner, length),
  ];
}

function innerHeaders(prefix: string, inner: Inner, length: number): Header[] {
  const { protocol, sourcePort, destinationPort } = inner;
  const name = `${prefix}${protocol.toUpperCase()}`;
  const transport =
    protocol === 'tcp'
      ? tcp(name, sourcePort, destinationPort)
      : protocol === 'udp'
        ? udp(name, { sourcePort, destinationPort, length: length - 20 })
        : icmpEcho(name);
  const rest = Math.max(0, length - 20 - transportSize[protocol]);
  return [ipv4(`${prefix}IP`, { ...inner, length }), transport, payload(rest)];
}
