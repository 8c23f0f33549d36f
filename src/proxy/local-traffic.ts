/**
 * How a node tells its pods' traffic from everybody else's (`--detect-local-mode`), in the words of each rule language.
 * Upstream: pkg/proxy/util/localdetector.go (1.36).
 */
import { type IpFamily, parseCidr } from '../net/index.ts';
import type { NodeView } from './service-ports.ts';

/** ClusterCIDR and NodeCIDR both compare the source with a range; they differ in whose range it is. */
export type LocalDetector =
  | { readonly by: 'cidr'; readonly cidr: string }
  | { readonly by: 'interface'; readonly name: string }
  | { readonly by: 'interface-prefix'; readonly prefix: string };

/** What `--detect-local-mode` names; whose ranges they are is known of each node and family only. */
export type LocalDetection =
  | { readonly by: 'cluster-cidr' }
  | { readonly by: 'node-cidr' }
  | Extract<LocalDetector, { by: 'interface' | 'interface-prefix' }>;

/** Undefined: nothing is known to be local, and so nothing is masqueraded for not being it. */
export function localDetectorOf(
  detection: LocalDetection,
  family: IpFamily,
  node: NodeView,
  clusterCIDR: string | undefined,
): LocalDetector | undefined {
  const ofRange = (cidr: string | undefined) => (cidr === undefined ? undefined : ({ by: 'cidr', cidr } as const));
  switch (detection.by) {
    case 'cluster-cidr':
      return ofRange(clusterCIDR);
    case 'node-cidr':
      return ofRange(node.podCIDRs?.find((range) => parseCidr(range)?.family === family));
    default:
      return detection;
  }
}

/** Match tokens of iptables for traffic that comes from a local pod, or (`negated`) does not. */
export function iptablesLocalMatch(detector: LocalDetector, negated = false): string[] {
  const not = negated ? ['!'] : [];
  switch (detector.by) {
    case 'cidr':
      return [...not, '-s', detector.cidr];
    case 'interface':
      return [...not, '-i', detector.name];
    case 'interface-prefix':
      return [...not, '-i', `${detector.prefix}+`];
  }
}

/** The same in nft's words. */
export function nftLocalMatch(detector: LocalDetector, family: IpFamily, negated = false): string {
  const not = negated ? '!= ' : '';
  switch (detector.by) {
    case 'cidr':
      return `${family === 'IPv4' ? 'ip' : 'ip6'} saddr ${not}${detector.cidr}`;
    case 'interface':
      return `iifname ${not}${detector.name}`;
    case 'interface-prefix':
      return `iifname ${not}${detector.prefix}*`;
  }
}
