/** What a node's policy rules are made from, and what they are: one nftables table as data. */
import type { NetworkPolicy } from '../../api/index.ts';
import type { LabelMap } from '../../apimachinery/index.ts';
import type { PolicySource } from '../network-policy.ts';
import type { NftTable } from '../trace/nft-walk.ts';

export interface PolicyPod {
  readonly namespace: string;
  readonly name: string;
  readonly labels: LabelMap;
  /** Of both families. Pods on their node's network have none of their own and are left out by whoever reads pods. */
  readonly ips: readonly string[];
  readonly namedPorts: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
  readonly node?: string;
}

export interface PolicyWorld extends Omit<PolicySource, 'policies'> {
  /** Of all namespaces. */
  readonly policies: readonly Readonly<NetworkPolicy>[];
  /** Of all nodes: those elsewhere are peers of those here. */
  readonly pods: readonly PolicyPod[];
}

/** Every piece has a sentence that says what it is for. */
interface Told {
  readonly why: string;
}

export interface PolicyChain extends Told {
  readonly name: string;
  /** `type filter hook forward priority 10`, for base chains. */
  readonly base?: string;
}

export interface PolicySet extends Told {
  readonly kind: 'set' | 'map';
  readonly name: string;
  /** `ipv4_addr`, `ipv4_addr : verdict`. */
  readonly type: string;
}

export interface PolicyRule extends Told {
  readonly chain: string;
  readonly rule: string;
  readonly comment?: string;
}

export interface PolicyElement {
  readonly set: string;
  readonly key: readonly string[];
  readonly value?: string;
  /** `namespace/name` of the pod. */
  readonly comment?: string;
}

export interface PolicyTable extends NftTable {
  readonly family: 'inet';
  readonly name: 'klab-policies';
  readonly chains: readonly PolicyChain[];
  readonly sets: readonly PolicySet[];
  readonly rules: readonly PolicyRule[];
  readonly elements: readonly PolicyElement[];
}
