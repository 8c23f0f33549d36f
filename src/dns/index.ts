/**
 * dns: the names of Services and pods, as records. Pure over listers; whoever answers packets or simulated lookups asks
 * here. Upstream counterpart: CoreDNS with its kubernetes plugin, the Kubernetes DNS specification 1.1.0.
 */

export { configMapFiles } from './corefile/config-map.ts';
export { readCorefile } from './corefile/read.ts';
export type { Corefile } from './corefile/settings.ts';
export { CorefileError } from './corefile/tokens.ts';
export type { CorefileFiles } from './corefile/zones.ts';
export { type DnsUpstream, systemUpstreams } from './forward.ts';
export { type DnsClient, type DnsLookup, NameServer, type NameServerDeps } from './name-server.ts';
export {
  ClusterDns,
  type DnsAnswer,
  type DnsOptions,
  type DnsRecord,
  type DnsSource,
  type DnsType,
} from './records.ts';
/** The server itself is loaded by `import('…/dns/server.ts')` when somebody wants it: it is sockets. */
export type { DnsServer, DnsServerOptions, Respond } from './server.ts';
