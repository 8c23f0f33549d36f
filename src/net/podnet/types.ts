/** The pod network of a cluster as data: what each node and pod holds when a network plugin has done its work. IPv4. */
import type { RuleTable } from '../packet-rules.ts';

/**
 * How packets get from a pod to one of another node: the plugins `bridge` and `ptp` do not say (routes of somebody else's
 * do), flannel does in three ways.
 */
export const podNetBackends = ['bridge', 'ptp', 'udp', 'vxlan', 'host-gw'] as const;
export type PodNetBackend = (typeof podNetBackends)[number];

export interface PodNetNode {
  readonly name: string;
  /** Where other nodes reach it. */
  readonly ip: string;
  readonly podCIDR: string;
  /** The VTEP's address as flannel wrote it on the node; default one made from `ip`, as real ones are random. */
  readonly vtepMac?: string;
  /** A cloud's routes lead to it (condition NetworkUnavailable=False, reason RouteCreated). */
  readonly cloudRoute?: boolean;
}

export interface PodNetPod {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly ip: string;
}

export interface PodNetSettings {
  readonly backend: PodNetBackend;
  /** All pods' range: flannel's Network. */
  readonly network: string;
  /** Of the nodes' own cards. Default 1500. */
  readonly nodeMtu?: number;
  /** What pods get in place of what fits, to see what goes wrong. */
  readonly podMtu?: number;
  /** Networks of the nodes' cards; nodes of one are neighbours. Default: those of the nodes' addresses, as /24. */
  readonly nodeSubnets?: readonly string[];
  /** flannel's VNI. Default 1. */
  readonly vni?: number;
  /** Default 8472 (vxlan: what the Linux kernel takes when flannel names none), 8285 (udp). */
  readonly port?: number;
  /** vxlan: nodes of one network are reached without encapsulation. Default false. */
  readonly directRouting?: boolean;
  /** Default true for flannel (`--ip-masq`, as its manifest has it), false for `bridge` and `ptp`. */
  readonly ipMasq?: boolean;
  /** bridge and ptp: who routes between nodes. Default nobody. */
  readonly routes?: 'nodes' | 'cloud';
}

export interface PodNetRoute {
  /** A CIDR, or `default`. */
  readonly dst: string;
  readonly via?: string;
  readonly dev: string;
  readonly proto?: 'kernel';
  readonly scope?: 'link' | 'host';
  readonly src?: string;
  readonly onlink?: boolean;
}

export interface PodNetInterface {
  readonly name: string;
  readonly kind: 'loopback' | 'card' | 'bridge' | 'veth' | 'vxlan' | 'tun';
  readonly mac?: string;
  readonly mtu: number;
  /** With prefix length. */
  readonly addresses: readonly string[];
  /** The bridge it is a port of. */
  readonly master?: string;
  /** veth: the pod that has the other end. */
  readonly pod?: PodNetPod;
  readonly vxlan?: { readonly id: number; readonly local: string; readonly dev: string; readonly port: number };
}

export interface PodNetNeighbour {
  readonly ip: string;
  readonly mac: string;
  readonly dev: string;
}

/** Which machine has a hardware address behind a VTEP. */
export interface PodNetFdbEntry {
  readonly mac: string;
  readonly dst: string;
  readonly dev: string;
}

export interface PodNetSysctl {
  readonly key: string;
  readonly value: string;
  readonly why: string;
}

/** One pod's own network namespace. */
export interface PodNetEnd {
  readonly pod: PodNetPod;
  readonly mac: string;
  readonly mtu: number;
  /** With prefix length. */
  readonly address: string;
  readonly routes: readonly PodNetRoute[];
  /** The node's end of the pair. */
  readonly veth: string;
  readonly vethMac: string;
}

export interface NodeNetwork {
  readonly node: PodNetNode;
  /** First address of its range: where its pods' default routes lead. */
  readonly gateway: string;
  readonly podMtu: number;
  readonly interfaces: readonly PodNetInterface[];
  readonly routes: readonly PodNetRoute[];
  /** Routes that flannel wants and the kernel refuses, with what it says. */
  readonly refused: readonly { readonly route: PodNetRoute; readonly error: string }[];
  readonly neighbours: readonly PodNetNeighbour[];
  readonly fdb: readonly PodNetFdbEntry[];
  readonly sysctls: readonly PodNetSysctl[];
  /** Masquerading and forwarding rules of the plugin's. */
  readonly rules: readonly RuleTable[];
  readonly pods: readonly PodNetEnd[];
  /** udp: flanneld's own routes, from a range of pods to a node's address. */
  readonly daemon?: {
    readonly port: number;
    readonly routes: readonly { readonly dst: string; readonly to: string }[];
  };
  /** flannel: /run/flannel/subnet.env, from which the CNI plugin takes range and MTU. */
  readonly subnetEnv?: string;
}

export interface PodNetwork {
  readonly settings: PodNetSettings & { readonly nodeMtu: number; readonly nodeSubnets: readonly string[] };
  readonly nodes: readonly NodeNetwork[];
}

export class PodNetError extends Error {
  override readonly name = 'PodNetError';
}
