/** A pod's sandbox: name, DNS, host aliases. Upstream: kuberuntime_sandbox.go, network/dns/dns.go. */
import type { Pod } from './pod-types.ts';
import type { PodSandboxConfig } from './runtime/types.ts';
import { hostIps, type NodeConfig } from './types.ts';

const maxHostname = 63;

export function sandboxConfig(
  pod: Pod,
  attempt: number,
  node: NodeConfig,
  podCIDRs: readonly string[],
  options: { readonly clusterDomain: string; readonly clusterDNS: readonly string[] },
): PodSandboxConfig {
  const { metadata, spec } = pod;
  if (podCIDRs.length === 0 && !spec.hostNetwork) throw new Error('node has no pod CIDR');
  return {
    metadata: { name: metadata.name ?? '', namespace: metadata.namespace ?? '', uid: metadata.uid ?? '', attempt },
    hostname: hostnameOf(pod, node, options.clusterDomain),
    hostNetwork: spec.hostNetwork === true,
    hostIPs: hostIps(node),
    dns: dnsOf(pod, options),
    hostAliases: (spec.hostAliases ?? []).map(({ ip, hostnames = [] }) => ({ ip, hostnames })),
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    node: { name: node.name, podCIDRs },
  };
}

function hostnameOf(pod: Pod, node: NodeConfig, clusterDomain: string): string {
  if (pod.spec.hostNetwork) return node.name;
  const name = pod.spec.hostname || (pod.metadata.name ?? '').slice(0, maxHostname).replace(/[-.]+$/, '');
  if (!pod.spec.setHostnameAsFQDN || !pod.spec.subdomain) return name;
  return `${name}.${pod.spec.subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`;
}

function dnsOf(
  pod: Pod,
  { clusterDomain, clusterDNS }: { readonly clusterDomain: string; readonly clusterDNS: readonly string[] },
): PodSandboxConfig['dns'] {
  const { dnsPolicy = 'ClusterFirst', dnsConfig, hostNetwork } = pod.spec;
  const cluster = dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork);
  const servers = cluster ? [...clusterDNS] : [];
  const searches = cluster
    ? [`${pod.metadata.namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain]
    : [];
  const settings = new Map<string, string | undefined>(cluster ? [['ndots', '5']] : []);
  for (const { name, value } of dnsConfig?.options ?? []) settings.set(name, value);
  return {
    servers: [...new Set([...servers, ...(dnsConfig?.nameservers ?? [])])],
    searches: [...new Set([...searches, ...(dnsConfig?.searches ?? [])])],
    options: [...settings].map(([name, value]) => (value === undefined ? name : `${name}:${value}`)),
  };
}
