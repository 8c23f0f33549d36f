/**
 * How a pod's resolver is set up and which names it asks for, in order. Upstream: pkg/kubelet/network/dns/dns.go, and
 * resolv.conf(5) as glibc follows it.
 */

/** As /etc/resolv.conf says it. */
export interface Resolver {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  /** `ndots:5`, `single-request`. */
  readonly options: readonly string[];
}

export interface ResolverPod {
  readonly namespace: string;
  readonly spec: {
    readonly dnsPolicy?: string;
    readonly dnsConfig?: {
      readonly nameservers?: readonly string[];
      readonly searches?: readonly string[];
      readonly options?: readonly { readonly name: string; readonly value?: string }[];
    };
    readonly hostNetwork?: boolean;
  };
}

/** Upstream: MaxDNSNameservers, MaxDNSSearchPaths, MaxDNSSearchListChars (with spaces), DNS1123SubdomainMaxLength. */
const maxServers = 3;
const maxSearches = 32;
const maxSearchCharacters = 2048;
const maxDomainCharacters = 253;

export interface ResolverCluster {
  readonly clusterDomain: string;
  readonly clusterDNS: readonly string[];
}

/** Whether cluster DNS is whom a pod asks, by its policy. */
export function asksClusterDns({ dnsPolicy = 'ClusterFirst', hostNetwork }: ResolverPod['spec']): boolean {
  return dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork);
}

/**
 * With policy Default (or None) nothing is taken from the node: a simulated one has no resolver of its own. What is over
 * the kubelet's bounds is left out, and `omitted` is told so in its words, those of event `DNSConfigForming`.
 */
export function podResolver(
  { namespace, spec }: ResolverPod,
  { clusterDomain, clusterDNS }: ResolverCluster,
  omitted: (message: string) => void = () => {},
): Resolver {
  const { dnsConfig } = spec;
  const cluster = asksClusterDns(spec);
  const servers = cluster ? clusterDNS : [];
  const searches = cluster ? [`${namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain] : [];
  const settings = new Map<string, string>(cluster ? [['ndots', '5']] : []);
  for (const { name, value = '' } of dnsConfig?.options ?? []) settings.set(name, value);
  return {
    servers: fittingServers([...new Set([...servers, ...(dnsConfig?.nameservers ?? [])])], omitted),
    searches: fittingSearches([...new Set([...searches, ...(dnsConfig?.searches ?? [])])], omitted),
    options: [...settings].map(([name, value]) => (value === '' ? name : `${name}:${value}`)),
  };
}

function fittingServers(servers: readonly string[], omitted: (message: string) => void): readonly string[] {
  if (servers.length <= maxServers) return servers;
  const kept = servers.slice(0, maxServers);
  omitted(
    `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${kept.join(' ')}`,
  );
  return kept;
}

function fittingSearches(searches: readonly string[], omitted: (message: string) => void): readonly string[] {
  // glibc aborts at a longer domain.
  const kept = searches.slice(0, maxSearches).filter((domain) => domain.length <= maxDomainCharacters);
  while (kept.join(' ').length > maxSearchCharacters) kept.pop();
  if (kept.length < searches.length) {
    omitted(
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${kept.join(' ')}`,
    );
  }
  return kept;
}

/** resolv.conf's `ndots`, by default 1. */
export function ndotsOf({ options }: Pick<Resolver, 'options'>): number {
  const option = options.find((each) => each.startsWith('ndots:'));
  const value = Number(option?.slice('ndots:'.length) ?? 1);
  // glibc reads what is no number as 0, and counts 15 dots at most.
  return Number.isNaN(value) ? 0 : Math.min(Math.max(value, 0), 15);
}

/** The names asked for one after the other until one exists; a trailing dot asks for the name alone. */
export function searchPath(name: string, searches: readonly string[], ndots: number): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const suffixed = searches.map((domain) => (domain === '.' ? name : `${name}.${domain.replace(/\.$/, '')}`));
  return name.split('.').length - 1 >= ndots ? [name, ...suffixed] : [...suffixed, name];
}
