/** How a client learns the address: what cluster DNS answers a pod that asks for the Service by name. */
import type { KubeObject } from '../../apimachinery/index.ts';
import { podResolver } from '../../net/index.ts';
import { clusterDns, resolveName } from '../dns/resolve.ts';
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
  if (!byName) return { asked: [], answer: `${to.ip} is an address: nobody is asked` };
  const { namespace = '', name = '' } = service.metadata;
  const client = from.pod?.metadata.namespace;
  if (client === undefined) {
    return { asked: [], answer: `cluster DNS is for pods: ${from.text} uses ${to.ip} as it is` };
  }
  const dns = await clusterDns({ ...world, namespaces });
  const short = client === namespace ? name : `${name}.${namespace}`;
  const cluster = { clusterDomain: 'cluster.local', clusterDNS: [] };
  // The family that the Service names first, as its cluster IP.
  const question = service['spec']?.ipFamilies?.[0] === 'IPv6' ? 'AAAA' : 'A';
  // What any pod that asks cluster DNS is told; one that asks elsewhere is told so.
  const steps = resolveName(dns, short, question, podResolver({ namespace: client, spec: {} }, cluster));
  const asked = steps.map((step) => step.name);
  const { code, records } = steps.at(-1)!;
  const addresses = records.flatMap((record) => ('address' in record ? [record.address] : []));
  const alias = records.find((record) => record.type === 'CNAME');
  if (code === 'FORWARDED' || code === 'NXDOMAIN') return { name: short, asked, answer: code };
  const told = (answer: string) => `${answer}${elsewhere(from.pod!)}`;
  if (alias && 'target' in alias) return { name: short, asked, answer: told(`CNAME ${alias.target}`) };
  const answer = told(addresses.length > 0 ? `${question} ${addresses.join(', ')}` : 'no address');
  if (service['spec']?.clusterIP !== 'None' || addresses.length === 0) return { name: short, asked, answer };
  const port = to.servicePort?.targetPort;
  return {
    name: short,
    asked,
    answer: `${answer} (headless: the pods themselves; the client takes one of them)`,
    address: addresses[0]!,
    ...(typeof port === 'number' ? { port } : {}),
  };
}

/** Who is in the cluster and asks another DNS all the same: the name means nothing there. */
function elsewhere(pod: KubeObject): string {
  const { hostNetwork, dnsPolicy = 'ClusterFirst' } = pod['spec'] ?? {};
  const asksNode = dnsPolicy === 'Default' || (hostNetwork && dnsPolicy === 'ClusterFirst');
  if (!asksNode) return '';
  const fix = hostNetwork ? 'ClusterFirstWithHostNet' : 'ClusterFirst';
  return ` in cluster DNS; but this pod${hostNetwork ? ' on the host network' : ''} has dnsPolicy ${dnsPolicy} and asks its node's DNS, which does not know the name: ${fix} would ask here`;
}
