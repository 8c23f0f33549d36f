/**
 * dns: the names of Services and pods, as records. Pure over listers; whoever answers packets or simulated lookups asks
 * here. Upstream counterpart: CoreDNS with its kubernetes plugin, the Kubernetes DNS specification 1.1.0.
 */

export { type DnsUpstream, systemUpstreams } from './forward.ts';
export {
  ClusterDns,
  type DnsAnswer,
  type DnsOptions,
  type DnsRecord,
  type DnsSource,
  type DnsType,
} from './records.ts';
/** The server itself is loaded by `import('…/dns/server.ts')` when somebody wants it: packets need a library. */
export type { DnsServer, DnsServerOptions } from './server.ts';
