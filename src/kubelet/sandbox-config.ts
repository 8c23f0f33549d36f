/** A pod's sandbox: name, DNS, host aliases. Upstream: kuberuntime_sandbox.go, network/dns/dns.go. */
import { podResolver } from '../net/index.ts';
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
    dns: podResolver({ namespace: pod.metadata.namespace!, spec: pod.spec }, options),
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
