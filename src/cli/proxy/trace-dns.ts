/** How a client learns the address: what cluster DNS answers a pod that asks for the Service by name. */
import type { KubeObject } from '../../apimachinery/index.ts';
import type { FromEnd, ToEnd, TraceWorld } from './trace-ends.ts';

export interface DnsStep {
  /** The name asked for, with the search path it takes; absent when nothing is asked. */
  readonly name?: string;
  readonly asked: readonly string[];
  readonly answer: string;
  /** Where the connection goes then, if not where it was going anyway. */
  readonly address?: string;
  /** A headless Service's pods are reached on their own port. */
  readonly port?: number;
}

export async function dnsStep(
  world: TraceWorld,
  namespaces: readonly KubeObject[],
  from: FromEnd,
  to: ToEnd,
): Promise<DnsStep> {
  const { service } = to;
  const byName = service && (service['spec']?.clusterIP === to.ip || service['spec']?.type === 'ExternalName');
  if (!byName) return { asked: [], answer: `${to.text} is an address: nobody is asked` };
  const { namespace = '', name = '' } = service.metadata;
  const client = from.pod?.metadata.namespace;
  if (client === undefined) {
    return { asked: [], answer: `cluster DNS is for pods: ${from.text} uses ${to.ip} as it is` };
  }
  const { ClusterDns } = await import('../../dns/index.ts');
  const dns = new ClusterDns({
    service: (where, which) =>
      world.services.find((each) => each.metadata.namespace === where && each.metadata.name === which),
    services: () => world.services,
    slices: (where, which) =>
      world.endpointSlices.filter(
        ({ metadata }) => metadata.namespace === where && metadata.labels?.['kubernetes.io/service-name'] === which,
      ),
    namespaceExists: (which) => namespaces.some(({ metadata }) => metadata.name === which),
  });
  const short = client === namespace ? name : `${name}.${namespace}`;
  const asked: string[] = [];
  for (const domain of [`${client}.svc.cluster.local`, 'svc.cluster.local', 'cluster.local']) {
    const full = `${short}.${domain}`;
    asked.push(full);
    const { code, records } = dns.query(full, 'A');
    if (code === 'NXDOMAIN') continue;
    const addresses = records.flatMap((record) => ('address' in record ? [record.address] : []));
    const alias = records.find((record) => record.type === 'CNAME');
    const type = addresses.length > 0 || !alias ? 'A' : 'CNAME';
    const target = alias && 'target' in alias ? alias.target : '';
    const answer =
      type === 'CNAME' ? `CNAME ${target}` : addresses.length > 0 ? `A ${addresses.join(', ')}` : 'no address';
    if (service['spec']?.clusterIP !== 'None' || addresses.length === 0) return { name: short, asked, answer };
    const target0 = to.servicePort?.targetPort;
    return {
      name: short,
      asked,
      answer: `${answer} (headless: the pods themselves; the client takes one of them)`,
      address: addresses[0]!,
      ...(typeof target0 === 'number' ? { port: target0 } : {}),
    };
  }
  return { name: short, asked, answer: 'NXDOMAIN' };
}
