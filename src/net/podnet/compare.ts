/** The five ways side by side: figures from a walk in each model, and what each asks of the physical network. */
import { planPodNetwork } from './plan.ts';
import { type PodNetBackend, type PodNetNode, type PodNetPod, type PodNetSettings, podNetBackends } from './types.ts';
import { packetWay, type WayEnd, type WayRequest } from './way.ts';

export interface BackendFigures {
  readonly backend: PodNetBackend;
  readonly podMtu: number;
  readonly arrived: boolean;
  /** Bytes in front of each packet between nodes. */
  readonly overhead: number;
  /** Of the wire's bytes, those that are the pods' packet, for a full one. */
  readonly efficiency: number;
  readonly copies: number;
  readonly switches: number;
  readonly routers: number;
  readonly needs: string;
  readonly breaks: string;
}

const needs: Readonly<Record<PodNetBackend, string>> = {
  bridge: 'routes to every node’s pods, by somebody else',
  ptp: 'routes to every node’s pods, by somebody else',
  udp: 'UDP 8285 between nodes; /dev/net/tun on each',
  vxlan: 'UDP 8472 between nodes',
  'host-gw': 'nodes in one layer 2 network; pods’ addresses let through',
};

const breaks: Readonly<Record<PodNetBackend, string>> = {
  bridge: 'pods of other nodes, without those routes',
  ptp: 'pods of other nodes, without those routes',
  udp: 'every packet passes flanneld: it stops, they stop; IPv4 only',
  vxlan: 'a firewall that drops the port; an MTU that forgets the 50 bytes',
  'host-gw': 'a router between nodes; clouds that drop foreign addresses (source/destination check)',
};

/** Between the same two ends in each model. The ends are named, as each model has its own. */
export function compareBackends(
  nodes: readonly PodNetNode[],
  pods: readonly PodNetPod[],
  settings: Omit<PodNetSettings, 'backend'>,
  ends: { readonly from: string; readonly to: string },
  request: WayRequest = {},
): BackendFigures[] {
  return podNetBackends.map((backend) => {
    // What one backend is told of its port is nothing to another.
    const network = planPodNetwork(nodes, pods, { ...settings, backend, port: undefined });
    const end = (word: string): WayEnd => {
      const node = network.nodes.find(
        (each) => `node/${each.node.name}` === word || each.pods.some((pod) => endWord(pod.pod) === word),
      )!;
      const pod = node.pods.find((each) => endWord(each.pod) === word);
      return pod ? { pod, node } : { node };
    };
    const way = packetWay(network, end(ends.from), end(ends.to), request);
    const { arrived, overhead, mtu, copies, switches, routers } = way;
    return {
      backend,
      podMtu: mtu,
      arrived,
      overhead,
      efficiency: mtu / (mtu + overhead + 14),
      copies,
      switches,
      routers,
      needs: needs[backend],
      breaks: breaks[backend],
    };
  });
}

/** `pod/default/web-0`. */
export const endWord = ({ namespace, name }: PodNetPod): string => `pod/${namespace}/${name}`;
