/** One line a mode: adding a rule backend is a folder and a line here. */
import type { KubeObject } from '../apimachinery/index.ts';
import { type ProxyConfig, type ResolvedProxyConfig, resolveConfig } from './config.ts';
import { iptablesRules } from './iptables/rules.ts';
import { iptablesScript } from './iptables/script.ts';
import { ipvsRules } from './ipvs/rules.ts';
import { ipvsScript } from './ipvs/script.ts';
import { nftablesRules } from './nftables/rules.ts';
import { nftablesScript } from './nftables/script.ts';
import { type ServicePort, servicePorts } from './service-ports.ts';
import { userspaceRules } from './userspace/rules.ts';
import { userspaceScript } from './userspace/script.ts';

export type ProxyMode = 'iptables' | 'ipvs' | 'nftables';

/** With the mode that is history: its rules can be read and loaded, no cluster of today runs it. */
export type RuleMode = ProxyMode | 'userspace';

const writers: Record<RuleMode, (ports: readonly ServicePort[], config: ResolvedProxyConfig) => string> = {
  iptables: (ports, config) => iptablesScript(iptablesRules(ports, config), config),
  ipvs: (ports, config) => ipvsScript(ipvsRules(ports, config), config),
  nftables: (ports, config) => nftablesScript(nftablesRules(ports, config), config),
  userspace: (ports, config) => userspaceScript(userspaceRules(ports, config), config),
};

export const proxyModes: readonly ProxyMode[] = ['iptables', 'ipvs', 'nftables'];

export interface ProxyInput {
  readonly services: readonly KubeObject[];
  readonly endpointSlices: readonly KubeObject[];
}

/** kube-proxy's default: nftables mode serves the primary addresses only, the others every address of the node. */
export function withModeDefaults(mode: RuleMode, config: ProxyConfig): ResolvedProxyConfig {
  return resolveConfig(
    mode === 'nftables' && !config.nodePortAddresses ? { ...config, nodePortAddresses: ['primary'] } : config,
  );
}

/** The whole rule set of one node in one mode and family, as a script. */
export function proxyScript(mode: RuleMode, input: ProxyInput, config: ProxyConfig): string {
  const ports = servicePorts(input.services, input.endpointSlices, config.family, config.node);
  return writers[mode](ports, withModeDefaults(mode, config));
}

/** What proxyScript needs to know of a Node object. */
export function nodeView(node: KubeObject): ProxyConfig['node'] {
  const addresses: { type: string; address: string }[] = node['status']?.addresses ?? [];
  const { podCIDR, podCIDRs = podCIDR ? [podCIDR] : undefined } = node['spec'] ?? {};
  return {
    name: node.metadata.name!,
    labels: node.metadata.labels ?? {},
    ips: addresses
      .filter((entry) => entry.type === 'InternalIP' || entry.type === 'ExternalIP')
      .map((entry) => entry.address),
    ...(podCIDRs && { podCIDRs }),
  };
}
