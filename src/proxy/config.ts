import type { IpFamily } from '../net/index.ts';
import { type LocalDetection, type LocalDetector, localDetectorOf } from './local-traffic.ts';
import { nodePortRanges, reachesLoopback } from './node-addresses.ts';
import type { NodeView } from './service-ports.ts';

/** kube-proxy's configuration as far as rules depend on it; defaults are kube-proxy's. */
export interface ProxyConfig {
  readonly node: NodeView;
  readonly family: IpFamily;
  /** Range of all pods: traffic to a cluster IP from elsewhere is masqueraded. Absent: nothing is known to be local. */
  readonly clusterCIDR?: string;
  /** How local pods' traffic is known. Default: by `clusterCIDR`, when that is known. */
  readonly localDetector?: LocalDetector;
  /** `--detect-local-mode`. Default by `clusterCIDR`; a `localDetector` goes before it. */
  readonly localDetection?: LocalDetection;
  /** For nftables' cluster-ips-check. */
  readonly serviceCIDRs?: readonly string[];
  readonly masqueradeAll?: boolean;
  /** Bit of the masquerade mark. Default 14. */
  readonly masqueradeBit?: number;
  /** `--random-fully` on MASQUERADE. Default true, as the iptables of any current kernel supports it. */
  readonly randomFully?: boolean;
  /** Node ports answer on 127.0.0.1 (iptables, IPv4). Default true, as long as the node port addresses reach loopback. */
  readonly localhostNodePorts?: boolean;
  /**
   * Ranges of either family whose node addresses serve node ports, or `primary`; absent = all addresses of the node
   * (iptables, ipvs) or its primary one (nftables).
   */
  readonly nodePortAddresses?: readonly string[];
  /** Drop packets that conntrack calls invalid (nf_conntrack_tcp_be_liberal is 0). Default true. */
  readonly dropInvalid?: boolean;
  /** IPVS scheduler. Default rr. */
  readonly ipvsScheduler?: string;
  /** arp_ignore and arp_announce as load balancers that answer ARP for service addresses need them (ipvs). Default false. */
  readonly ipvsStrictARP?: boolean;
  /** Virtual servers with addresses in these ranges are others' and stay (ipvs). */
  readonly ipvsExcludeCIDRs?: readonly string[];
  /** Seconds; 0 leaves one as it is (ipvs). */
  readonly ipvsTimeouts?: { readonly tcp: number; readonly tcpFin: number; readonly udp: number };
  /** Of connection tracking, by path below /proc/sys: set by whoever loads rules. */
  readonly conntrackSysctls?: Readonly<Record<string, string>>;
  /** Count packets in nfacct objects (iptables); the script makes the objects. Default false: not every kernel has them. */
  readonly nfacct?: boolean;
}

export interface ResolvedProxyConfig
  extends Required<
    Omit<ProxyConfig, 'clusterCIDR' | 'localDetector' | 'localDetection' | 'nodePortAddresses' | 'ipvsTimeouts'>
  > {
  readonly ipvsTimeouts: ProxyConfig['ipvsTimeouts'];
  readonly clusterCIDR: string | undefined;
  readonly localDetector: LocalDetector | undefined;
  /** Ranges of this family; undefined = all addresses. */
  readonly nodePortAddresses: readonly string[] | undefined;
}

export function resolveConfig(config: ProxyConfig): ResolvedProxyConfig {
  const { clusterCIDR, family, node, ipvsTimeouts, localDetection = { by: 'cluster-cidr' } } = config;
  const nodePortAddresses = nodePortRanges(config.nodePortAddresses, family, node);
  return {
    serviceCIDRs: [],
    masqueradeAll: false,
    masqueradeBit: 14,
    randomFully: true,
    dropInvalid: true,
    ipvsScheduler: 'rr',
    ipvsStrictARP: false,
    ipvsExcludeCIDRs: [],
    conntrackSysctls: {},
    nfacct: false,
    ...config,
    ipvsTimeouts,
    localhostNodePorts: family === 'IPv4' && (config.localhostNodePorts ?? true) && reachesLoopback(nodePortAddresses),
    clusterCIDR,
    localDetector: config.localDetector ?? localDetectorOf(localDetection, family, node, clusterCIDR),
    nodePortAddresses,
  };
}

/** `0x004000`, as kube-proxy writes it (Go's %#08x); iptables-save shows `0x4000`. */
export function masqueradeMark(config: ResolvedProxyConfig): string {
  return `0x${((1 << config.masqueradeBit) >>> 0).toString(16).padStart(6, '0')}`;
}
