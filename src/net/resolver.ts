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

/** With policy Default (or None) nothing is taken from the node: a simulated one has no resolver of its own. */
export function podResolver(
  { namespace, spec }: ResolverPod,
  { clusterDomain, clusterDNS }: { readonly clusterDomain: string; readonly clusterDNS: readonly string[] },
): Resolver {
  const { dnsPolicy = 'ClusterFirst', dnsConfig, hostNetwork } = spec;
  const cluster = dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork);
  const servers = cluster ? clusterDNS : [];
  const searches = cluster ? [`${namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain] : [];
  const settings = new Map<string, string | undefined>(cluster ? [['ndots', '5']] : []);
  for (const { name, value } of dnsConfig?.options ?? []) settings.set(name, value);
  return {
    servers: [...new Set([...servers, ...(dnsConfig?.nameservers ?? [])])],
    searches: [...new Set([...searches, ...(dnsConfig?.searches ?? [])])],
    options: [...settings].map(([name, value]) => (value === undefined ? name : `${name}:${value}`)),
  };
}

/** resolv.conf's `ndots`, by default 1. */
export function ndotsOf({ options }: Pick<Resolver, 'options'>): number {
  const option = options.find((each) => each.startsWith('ndots:'));
  return option === undefined ? 1 : Number(option.slice('ndots:'.length));
}

/** The names asked for one after the other until one exists; a trailing dot asks for the name alone. */
export function searchPath(name: string, searches: readonly string[], ndots: number): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const suffixed = searches.map((domain) => `${name}.${domain}`);
  return name.split('.').length - 1 >= ndots ? [name, ...suffixed] : [...suffixed, name];
}
