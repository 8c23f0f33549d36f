/** Upstream: pkg/api/service/warnings.go (1.36). */
import { cidrWarnings, ipWarning } from '../../../addresses.ts';
import type { Service } from '../../../types.ts';
import { isHeadless } from './defaults.ts';

const topologyHints = 'service.kubernetes.io/topology-aware-hints';

export function serviceWarnings(service: Readonly<Service>): string[] {
  const { spec = {}, metadata } = service;
  const { externalIPs = [], clusterIPs = [], loadBalancerSourceRanges = [] } = spec;
  const headless = isHeadless(spec);
  const isName = spec.type === 'ExternalName';
  const warnings: string[] = [];
  const when = (condition: boolean, text: string) => {
    if (condition) warnings.push(text);
  };
  when(
    metadata.annotations?.[topologyHints] !== undefined,
    `annotation ${topologyHints} is deprecated, please use service.kubernetes.io/topology-mode instead`,
  );
  if (!headless) warnings.push(...clusterIPs.flatMap((ip, i) => ipWarning(`spec.clusterIPs[${i}]`, ip)));
  when(headless && !!spec.loadBalancerIP, 'spec.loadBalancerIP is ignored for headless services');
  when(headless && externalIPs.length > 0, 'spec.externalIPs is ignored for headless services');
  when(
    headless && spec.sessionAffinity !== undefined && spec.sessionAffinity !== 'None',
    'spec.SessionAffinity is ignored for headless services',
  );
  warnings.push(...externalIPs.flatMap((ip, i) => ipWarning(`spec.externalIPs[${i}]`, ip)));
  when(
    externalIPs.length > 0 && !headless && !isName,
    'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
  );
  if (spec.loadBalancerIP) warnings.push(...ipWarning('spec.loadBalancerIP', spec.loadBalancerIP));
  warnings.push(
    ...loadBalancerSourceRanges.flatMap((range, i) => cidrWarnings(`spec.loadBalancerSourceRanges[${i}]`, range)),
  );
  when(isName && externalIPs.length > 0, 'spec.externalIPs is ignored when spec.type is "ExternalName"');
  when(!isName && !!spec.externalName, 'spec.externalName is ignored when spec.type is not "ExternalName"');
  when(
    spec.trafficDistribution === 'PreferClose',
    'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
  );
  return warnings;
}
