/** What rules and traces are made from, read from a cluster's API. */
import type { KubeObject } from '../../apimachinery/index.ts';
import type { Session } from '../session.ts';

export interface ProxyWorld {
  readonly nodes: readonly KubeObject[];
  readonly services: readonly KubeObject[];
  readonly endpointSlices: readonly KubeObject[];
  /** Ranges of cluster IPs, both families. */
  readonly serviceCIDRs: readonly string[];
}

/** `revision`: as it was then, where the store still knows. @throws StatusError 410 when it does not. */
export async function listAll(session: Session, word: string, revision?: string): Promise<KubeObject[]> {
  const resource = await session.find(word);
  if (!resource) return [];
  const out: KubeObject[] = [];
  const then = revision === undefined ? {} : ({ resourceVersion: revision, resourceVersionMatch: 'Exact' } as const);
  const pages = session.client.resource(resource).pages({ signal: session.signal, ...then });
  for await (const page of pages) out.push(...page.items);
  return out;
}

export async function readProxyWorld(session: Session, revision?: string): Promise<ProxyWorld> {
  const [nodes = [], services = [], endpointSlices = [], ranges = []] = await Promise.all(
    ['nodes', 'services', 'endpointslices.discovery.k8s.io', 'servicecidrs.networking.k8s.io'].map((word) =>
      listAll(session, word, revision),
    ),
  );
  const serviceCIDRs = ranges.flatMap((range) => (range['spec']?.cidrs ?? []) as string[]);
  return { nodes: nodes.sort(byName), services, endpointSlices, serviceCIDRs };
}

export const byName = (a: KubeObject, b: KubeObject): number => (a.metadata.name! < b.metadata.name! ? -1 : 1);

/** Pod ranges of klab clusters that were not told others. */
const klabPodCidr = { IPv4: '10.244.0.0/16', IPv6: 'fd00:10:244::/56' } as const;

/** The ranges of one family; `clusterCIDRs` has one a family. Pods' range is unknown elsewhere than on klab. */
export function rangesOf(
  session: Session,
  family: 'IPv4' | 'IPv6',
  serviceCIDRs: readonly string[],
  clusterCIDRs: readonly string[],
): { readonly serviceCIDRs: readonly string[]; readonly clusterCIDR?: string } {
  const ofFamily = (cidr: string) => cidr.includes(':') === (family === 'IPv6');
  const clusterCIDR = clusterCIDRs.find(ofFamily) ?? (session.server ? klabPodCidr[family] : undefined);
  return { serviceCIDRs: serviceCIDRs.filter(ofFamily), ...(clusterCIDR === undefined ? {} : { clusterCIDR }) };
}
