/** What a node agent is made of: its dependencies, its node, its options. */
import type { Clock, Logger, Prng } from '../base/index.ts';
import type { KubeClient } from '../client/index.ts';
import type { EvictionConfig } from './eviction/thresholds.ts';
import type { Pod } from './pod-types.ts';
import type { ContainerRuntime, MountedVolume } from './runtime/types.ts';

/** The node as its owner describes it. Quantities as Kubernetes writes them. */
export interface NodeConfig {
  readonly name: string;
  /** InternalIP. */
  readonly ip: string;
  /** InternalIP of the other family, on a dual-stack node. */
  readonly secondIp?: string;
  /** Pods' address range; when absent the Node's `spec.podCIDR` is awaited. */
  readonly podCIDR?: string;
  /** Default cpu 4, memory 8Gi, ephemeral-storage 100Gi, pods 110. */
  readonly capacity?: Readonly<Record<string, string>>;
  /** Kept from pods: subtracted from capacity. Default none. */
  readonly reserved?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly taints?: readonly { readonly key: string; readonly value?: string; readonly effect: string }[];
  readonly region?: string;
  readonly zone?: string;
  readonly instanceType?: string;
  /** Default `sim://<name>`. */
  readonly providerID?: string;
  readonly unschedulable?: boolean;
  readonly kubeletPort?: number;
  /** Changes with every start of the machine. Default: one by the seed. */
  readonly bootID?: string;
}

/** Addresses of the node, its primary one first. */
export function hostIps({ ip, secondIp }: NodeConfig): readonly string[] {
  return secondIp === undefined ? [ip] : [ip, secondIp];
}

export interface KubeletDeps {
  /** Authenticated as `system:node:<name>`, user agent `kubelet/<version>`. */
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly prng: Prng;
  /** Where the machine's ids come from. Default: `prng`. */
  readonly machine?: Prng;
  readonly log: Logger;
  readonly runtime: ContainerRuntime;
  /** Default: a broadcaster of its own that writes Events as `kubelet`. */
  readonly events?: EventSink;
  /** Services of a namespace, for environment variables; shared by a process's kubelets. Absent: listed on demand. */
  readonly services?: ServiceLister;
  /** Manifests of the node's own pods, with every default filled in; see Kubelet.setStaticPods. Default none. */
  readonly staticPods?: readonly Pod[];
  /** What persistent volumes hold, by their uid; shared by the nodes of a cluster. Default: this node's own. */
  readonly disks?: Disks;
}

export type Disks = Map<string, MountedVolume>;

/** Where events go; the client's recorder aggregates and rate-limits them. */
export interface EventSink {
  event(object: ObjectReference, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly fieldPath?: string;
}

export interface ServiceLister {
  list(namespace: string): readonly any[];
  hasSynced(): boolean;
}

/** Upstream's flags and configuration fields, with upstream's defaults. */
export interface KubeletOptions {
  /** Default `v1.36.0`. */
  readonly kubeletVersion?: string;
  /** Default 10 s. */
  readonly nodeStatusUpdateFrequencyMs?: number;
  /** Default 5 min. */
  readonly nodeStatusReportFrequencyMs?: number;
  /** Default 40. The lease is renewed each quarter of it. */
  readonly nodeLeaseDurationSeconds?: number;
  /** Default 1 min. */
  readonly syncFrequencyMs?: number;
  /** Default 300 s. */
  readonly maxContainerRestartPeriodMs?: number;
  /** Default `cluster.local`. */
  readonly clusterDomain?: string;
  /** Default none: pods then use the host's resolver. */
  readonly clusterDNS?: readonly string[];
  /** When the node counts as short of something. Default: upstream's. */
  readonly eviction?: EvictionConfig;
  /** Register the Node on start. Default true. */
  readonly registerNode?: boolean;
}
