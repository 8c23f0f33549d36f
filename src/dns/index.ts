/**
 * dns: the names of Services and pods, as records. Pure over listers; whoever answers packets or simulated lookups asks
 * here. Upstream counterpart: CoreDNS with its kubernetes plugin, the Kubernetes DNS specification 1.1.0.
 */
export {
  ClusterDns,
  type DnsAnswer,
  type DnsOptions,
  type DnsRecord,
  type DnsSource,
  type DnsType,
} from './records.ts';
