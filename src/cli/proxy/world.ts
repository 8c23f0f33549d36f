/** What rules and traces are made from, read from a cluster's API. */
import { isForbidden, type KubeObject } from '../../apimachinery/index.ts';
import type { Session } from '../session.ts';

export interface ProxyWorld {
  readonly nodes: readonly KubeObject[];
  readonly services: readonly KubeObject[];
  readonly endpointSlices: readonly KubeObject[];
  /** Ranges of cluster IPs, both families. */
  readonly serviceCIDRs: readonly string[];
}

/**
 * `revision`: as it was then, where the store still knows. `namespace`: of it only.
 * @throws StatusError 410 when the store does not know any more, 403 when the user may not list.
 */
export async function listAll(
  session: Session,
  word: string,
  revision?: string,
  namespace?: string,
): Promise<KubeObject[]> {
  const resource = await session.find(word);
  if (!resource) return [];
  const out: KubeObject[] = [];
  const then = revision === undefined ? {} : ({ resourceVersion: revision, resourceVersionMatch: 'Exact' } as const);
  const all = session.client.resource(resource);
  const pages = (namespace === undefined ? all : all.namespace(namespace)).pages({ signal: session.signal, ...then });
  for await (const page of pages) out.push(...page.items);
  return out;
}

/**
 * Like `listAll`, for a user who may not read everything, as on somebody else's cluster: what lives in namespaces is read
 * from the session's own then, what does not is left out. stderr tells what could not be read and what it means.
 */
export async function listReadable(
  session: Session,
  word: string,
  lack: string,
  revision?: string,
): Promise<KubeObject[] | undefined> {
  try {
    return await listAll(session, word, revision);
  } catch (error) {
    if (!isForbidden(error)) throw error;
    const { message } = error as Error;
    if (!(await session.find(word))?.namespaced) {
      session.say(`Warning: ${message}: ${lack}`);
      return undefined;
    }
    const own = await listAll(session, word, revision, session.namespace);
    session.say(`Warning: ${message}: read in namespace "${session.namespace}" only, ${lack}`);
    return own;
  }
}

/** What rules are made from, as far as the user may read it. `nodeName` is one that is asked for. */
export async function readProxyWorld(session: Session, revision?: string, nodeName?: string): Promise<ProxyWorld> {
  const [nodes, services = [], endpointSlices = [], ranges = []] = await Promise.all([
    listReadable(
      session,
      'nodes',
      'nodes are known by their names only, not their addresses, zones and pod ranges',
      revision,
    ),
    listReadable(session, 'services', 'the rules of other Services are missing', revision),
    listReadable(session, 'endpointslices.discovery.k8s.io', 'the rules of other endpoints are missing', revision),
    listReadable(
      session,
      'servicecidrs.networking.k8s.io',
      'nothing is dropped for being in the range of cluster IPs',
      revision,
    ),
  ]);
  const serviceCIDRs = ranges.flatMap((range) => (range['spec']?.cidrs ?? []) as string[]);
  return {
    nodes: (nodes ?? nodesByName(endpointSlices, nodeName)).sort(byName),
    services,
    endpointSlices,
    serviceCIDRs,
  };
}

function nodesByName(endpointSlices: readonly KubeObject[], nodeName: string | undefined): KubeObject[] {
  const names = new Set(nodeName === undefined ? [] : [nodeName]);
  for (const slice of endpointSlices) {
    for (const endpoint of slice['endpoints'] ?? []) if (endpoint.nodeName) names.add(endpoint.nodeName);
  }
  return [...names].map((name) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } }));
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
