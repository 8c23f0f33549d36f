import { familyOfCidr } from '../net/index.ts';

/** A node gets a /24 (IPv6: a /64) of these, so they are for 256 nodes. kind's and kubeadm's usual ones. */
const usual = { IPv4: '10.244.0.0/16', IPv6: 'fd00:10:244::/56' } as const;
/** For more; the usual ones are in them, so a cluster that has grown keeps what its nodes have. */
const wide = { IPv4: '10.128.0.0/9', IPv6: 'fd00:10:244::/48' } as const;
/** Room is left for nodes that come while the cluster runs. */
const usualNodes = 240;

/** Where pods' addresses come from when nobody says: as kind has it, in the families that services have. */
export function podRanges(serviceCidrs: readonly string[], nodes: number): readonly string[] {
  const ranges = nodes > usualNodes ? wide : usual;
  return serviceCidrs.map((cidr) => ranges[familyOfCidr(cidr) ?? 'IPv4']);
}
