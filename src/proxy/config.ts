import type { IpFamily } from '../net/index.ts';
import type { NodeView } from './service-ports.ts';

/** kube-proxy's configuration as far as rules depend on it; defaults are kube-proxy's. */
export interface ProxyConfig {
  readonly node: NodeView;
  readonly family: IpFamily;
  /** Range of all pods: traffic to a cluster IP from elsewhere is masqueraded. Absent: nothing is known to be local. */
  readonly clusterCIDR?: string;
  /** For nftables' cluster-ips-check. */
  readonly serviceCIDRs?: readonly string[];
  readonly masqueradeAll?: boolean;
  /** Bit of the masquerade mark. Default 14. */
  readonly masqueradeBit?: number;
  /** `--random-fully` on MASQUERADE. Default true, as the iptables of any current kernel supports it. */
  readonly randomFully?: boolean;
  /** Node ports answer on 127.0.0.1 (iptables, IPv4). Default true. */
  readonly localhostNodePorts?: boolean;
  /** Ranges whose node addresses serve node ports; absent = all addresses of the node (iptables, ipvs) or its primary one (nftables). */
  readonly nodePortAddresses?: readonly string[];
  /** Drop packets that conntrack calls invalid (nf_conntrack_tcp_be_liberal is 0). Default true. */
  readonly dropInvalid?: boolean;
  /** IPVS scheduler. Default rr. */
  readonly ipvsScheduler?: string;
}

export interface ResolvedProxyConfig extends Required<Omit<ProxyConfig, 'clusterCIDR' | 'nodePortAddresses'>> {
  readonly clusterCIDR: string | undefined;
  readonly nodePortAddresses: readonly string[] | undefined;
}

export function resolveConfig(config: ProxyConfig): ResolvedProxyConfig {
  return {
    serviceCIDRs: [],
    masqueradeAll: false,
    masqueradeBit: 14,
    randomFully: true,
    localhostNodePorts: config.family === 'IPv4',
    dropInvalid: true,
    ipvsScheduler: 'rr',
    ...config,
    clusterCIDR: config.clusterCIDR,
    nodePortAddresses: config.nodePortAddresses,
  };
}

/** `0x004000`, as kube-proxy writes it (Go's %#08x); iptables-save shows `0x4000`. */
export function masqueradeMark(config: ResolvedProxyConfig): string {
  return `0x${(1 << config.masqueradeBit).toString(16).padStart(6, '0')}`;
}
