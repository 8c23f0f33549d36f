/** `klab proxy trace --backend`: how the pod network carries the packet from the last node but one to the last. */
import type { KubeObject } from '../../apimachinery/index.ts';
import {
  type Hop,
  type NodeNetwork,
  type PodNetBackend,
  PodNetError,
  packetWay,
  planPodNetwork,
  routeText,
  type WayEnd,
} from '../../net/index.ts';
import { UserError } from '../exit-codes.ts';
import { podNetWorld } from '../network/world.ts';
import type { TraceAnswer } from './trace.ts';

export interface Carried {
  readonly backend: PodNetBackend;
  /** The node that it leaves. */
  readonly from: string;
  readonly to: string;
  readonly mtu: number;
  readonly overhead: number;
  readonly arrived: boolean;
  readonly reason?: string;
  readonly fix?: string;
  /** Of a packet as big as the sender's MTU; frames are `klab network explain`'s. */
  readonly hops: readonly Omit<Hop, 'frame'>[];
}

/**
 * Undefined for what stays on one node.
 * @throws UserError where the models know no such network: IPv6, nodes without ranges.
 */
export function carriedBy(
  backend: PodNetBackend,
  objects: { readonly nodes: readonly KubeObject[]; readonly pods: readonly KubeObject[]; readonly klab: boolean },
  sender: KubeObject | undefined,
  trace: TraceAnswer,
): Carried | undefined {
  const { end, tried, destination } = trace.outcomes[trace.chosen]!;
  if (end.kind !== 'pod' && end.kind !== 'node') return undefined;
  const to = end.kind === 'pod' ? end.node : end.name;
  const visited = Object.keys(tried);
  const from = visited[visited.lastIndexOf(to) - 1];
  if (from === undefined) return undefined;
  if (destination.startsWith('['))
    throw new UserError(`${destination} is IPv6: the models of the pod network are of IPv4`);
  try {
    const { nodes, pods, settings } = podNetWorld(objects, {});
    const network = planPodNetwork(nodes, pods, { ...settings, backend });
    const at = (name: string) => network.nodes.find(({ node }) => node.name === name);
    const [leaving, reached] = [at(from), at(to)];
    if (!leaving || !reached) return undefined;
    const source =
      from === trace.node && sender && !sender['spec']?.hostNetwork ? podEnd(leaving, sender.metadata) : undefined;
    const target = end.kind === 'pod' ? podEnd(reached, end) : { node: reached };
    if (!target) return undefined;
    const protocol = trace.connection.protocol === 'udp' ? 'udp' : 'tcp';
    const way = packetWay(network, source ?? { node: leaving }, target, { protocol });
    const { arrived, reason, fix, mtu, overhead } = way;
    const first = way.hops.findIndex(({ at: place, route }) => place === `node ${from}` && route !== undefined);
    const hops = way.hops.slice(first < 0 ? 0 : first).map(({ frame, ...hop }) => hop);
    return { backend, from, to, mtu, overhead, arrived, ...(reason !== undefined && { reason, fix }), hops };
  } catch (error) {
    if (error instanceof PodNetError) throw new UserError(error.message);
    throw error;
  }
}

function podEnd(node: NodeNetwork, { namespace, name }: { namespace?: string; name?: string }): WayEnd | undefined {
  const pod = node.pods.find((each) => each.pod.namespace === namespace && each.pod.name === name);
  return pod && { pod, node };
}

/** Lines to stand below the routing that leads away. */
export function carriedLines({ backend, mtu, overhead, arrived, reason, fix, hops }: Carried): string[] {
  const lines = [`    ${backend}, a packet of ${mtu} bytes (MTU), ${overhead} more between nodes:`];
  for (const { at, what, sizes, route } of hops) {
    lines.push(`      ${String(Math.max(...sizes)).padStart(5)}  ${at}: ${what}`);
    if (route) lines.push(`             route: ${routeText(route)}`);
  }
  if (!arrived) lines.push(`    ✗ ${reason}`, `      Fix: ${fix}`);
  return lines;
}
