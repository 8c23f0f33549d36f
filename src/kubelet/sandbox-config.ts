/** A pod's sandbox: name, DNS, host aliases. Upstream: kuberuntime_sandbox.go, network/dns/dns.go. */
import { asksClusterDns, podResolver, type Resolver, type ResolverCluster } from '../net/index.ts';
import type { Pod } from './pod-types.ts';
import type { PodSandboxConfig } from './runtime/types.ts';
import { hostIps, type NodeConfig } from './types.ts';

const maxHostname = 63;

type Warn = (reason: string, message: string) => void;

/** Who is told what a sandbox cannot have as its pod says: events of the pod, and of its node. */
export interface SandboxWarnings {
  readonly pod: Warn;
  readonly node: Warn;
}

export function sandboxConfig(
  pod: Pod,
  attempt: number,
  node: NodeConfig,
  podCIDRs: readonly string[],
  options: ResolverCluster,
  warn: SandboxWarnings,
): PodSandboxConfig {
  const { metadata, spec } = pod;
  if (podCIDRs.length === 0 && !spec.hostNetwork) throw new Error('node has no pod CIDR');
  return {
    metadata: { name: metadata.name ?? '', namespace: metadata.namespace ?? '', uid: metadata.uid ?? '', attempt },
    hostname: hostnameOf(pod, node, options.clusterDomain),
    hostNetwork: spec.hostNetwork === true,
    hostIPs: hostIps(node),
    dns: resolverOf(pod, options, warn),
    hostAliases: (spec.hostAliases ?? []).map(({ ip, hostnames = [] }) => ({ ip, hostnames })),
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    node: { name: node.name, podCIDRs },
  };
}

function resolverOf({ metadata, spec }: Pod, cluster: ResolverCluster, warn: SandboxWarnings): Resolver {
  const namespace = metadata.namespace!;
  const omitted = (message: string) => warn.pod('DNSConfigForming', message);
  if (cluster.clusterDNS.length > 0 || !asksClusterDns(spec)) return podResolver({ namespace, spec }, cluster, omitted);
  const lack =
    'kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.';
  warn.node('MissingClusterDNS', lack);
  warn.pod('MissingClusterDNS', `pod: "${metadata.name}_${namespace}(${metadata.uid})". ${lack}`);
  return podResolver({ namespace, spec: { ...spec, dnsPolicy: 'Default' } }, cluster, omitted);
}

function hostnameOf(pod: Pod, node: NodeConfig, clusterDomain: string): string {
  if (pod.spec.hostNetwork) return node.name;
  const name = pod.spec.hostname || (pod.metadata.name ?? '').slice(0, maxHostname).replace(/[-.]+$/, '');
  if (!pod.spec.setHostnameAsFQDN || !pod.spec.subdomain) return name;
  return `${name}.${pod.spec.subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`;
}
