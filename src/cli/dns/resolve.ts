/** Names as a pod's resolver asks for them, answered from the cluster's objects. */
import type { KubeObject } from '../../apimachinery/index.ts';
import type { ClusterDns, DnsRecord, DnsType } from '../../dns/index.ts';
import { ndotsOf, type Resolver, searchPath } from '../../net/index.ts';

export interface DnsObjects {
  readonly services: readonly KubeObject[];
  readonly endpointSlices: readonly KubeObject[];
  readonly namespaces: readonly KubeObject[];
}

export async function clusterDns({ services, endpointSlices, namespaces }: DnsObjects): Promise<ClusterDns> {
  const { ClusterDns } = await import('../../dns/index.ts');
  const key = (namespace: string | undefined, name: string | undefined) => `${namespace}/${name}`;
  const byName = new Map(services.map((service) => [key(service.metadata.namespace, service.metadata.name), service]));
  const byService = new Map<string, KubeObject[]>();
  for (const slice of endpointSlices) {
    const service = key(slice.metadata.namespace, slice.metadata.labels?.['kubernetes.io/service-name']);
    byService.set(service, [...(byService.get(service) ?? []), slice]);
  }
  const names = new Set(namespaces.map(({ metadata }) => metadata.name));
  return new ClusterDns({
    service: (namespace, name) => byName.get(key(namespace, name)),
    services: () => services,
    slices: (namespace, service) => byService.get(key(namespace, service)) ?? [],
    namespaceExists: (name) => names.has(name),
  });
}

export interface DnsQueryStep {
  /** Without its final dot. */
  readonly name: string;
  /** FORWARDED: not the cluster's to answer; it goes to the servers that CoreDNS forwards to. */
  readonly code: 'NOERROR' | 'NXDOMAIN' | 'FORWARDED';
  readonly records: readonly DnsRecord[];
}

/** Asks one name after the other; the last step is the answer. */
export function resolveName(
  dns: ClusterDns,
  name: string,
  type: DnsType,
  resolver: Pick<Resolver, 'searches' | 'options'>,
): DnsQueryStep[] {
  const steps: DnsQueryStep[] = [];
  for (const each of searchPath(name, resolver.searches, ndotsOf(resolver))) {
    if (!dns.owns(each)) {
      steps.push({ name: each, code: 'FORWARDED', records: [] });
      break;
    }
    const { code, records } = dns.query(each, type);
    steps.push({ name: each, code, records });
    if (code === 'NOERROR' && records.length > 0) break;
  }
  return steps;
}

/** As zone files and dig write it. */
export function recordText(record: DnsRecord): string {
  const { name, ttl, type } = record;
  const data =
    'address' in record
      ? record.address
      : 'port' in record
        ? `${record.priority} ${record.weight} ${record.port} ${record.target}.`
        : 'text' in record
          ? `"${record.text}"`
          : 'cpu' in record
            ? `"${record.cpu}" "${record.os}"`
            : `${record.target}.`;
  return `${name}. ${ttl} IN ${type} ${data}`;
}
