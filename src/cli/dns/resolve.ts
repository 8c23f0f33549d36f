/** Names as a pod's resolver asks for them, answered from the cluster's objects. */
import type { KubeObject } from '../../apimachinery/index.ts';
import { Prng } from '../../base/index.ts';
import type { Corefile, DnsLookup, DnsRecord, DnsSource, DnsType } from '../../dns/index.ts';
import { ndotsOf, type Resolver, searchPath } from '../../net/index.ts';

export interface DnsObjects {
  readonly services: readonly KubeObject[];
  readonly endpointSlices: readonly KubeObject[];
  readonly namespaces: readonly KubeObject[];
  /** For `pods verified`. */
  readonly pods?: readonly KubeObject[];
}

/** Answers as CoreDNS with a Corefile would from these objects; by default with what kubeadm's says of names. */
export interface NameAsker {
  readonly domain: string;
  lookup(name: string, type: DnsType): DnsLookup;
}

/** How the servers of `/etc/resolv.conf` are called where that file cannot be read. */
const resolvConf = '/etc/resolv.conf';

const usualCorefile = `.:53 {
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    pods insecure
    fallthrough in-addr.arpa ip6.arpa
    ttl 30
  }
  forward . ${resolvConf}
}`;

/** ConfigMap kube-system/coredns as settings. @throws CorefileError */
export async function corefileOf(
  data: Readonly<Record<string, string>> = { Corefile: usualCorefile },
): Promise<Corefile> {
  const { configMapFiles, readCorefile } = await import('../../dns/index.ts');
  return readCorefile(data['Corefile'] ?? '', configMapFiles(data, [{ address: resolvConf }]));
}

export async function clusterDns(objects: DnsObjects, corefile?: Corefile): Promise<NameAsker> {
  const { NameServer } = await import('../../dns/index.ts');
  const settings = corefile ?? (await corefileOf());
  // Those who read want the same order each time.
  const blocks = settings.blocks.map((block) => ({ ...block, loadBalance: false }));
  const zones = blocks.flatMap(({ kubernetes }) => kubernetes?.zones ?? []);
  const server = new NameServer({ source: sourceOf(objects), prng: new Prng('dns query') }, { ...settings, blocks });
  return {
    domain: zones.find((zone) => !zone.endsWith('arpa')) ?? 'cluster.local',
    lookup: (name, type) => server.lookup(name, type),
  };
}

function sourceOf({ services, endpointSlices, namespaces, pods = [] }: DnsObjects): DnsSource {
  const key = (namespace: string | undefined, name: string | undefined) => `${namespace}/${name}`;
  const byName = new Map(services.map((service) => [key(service.metadata.namespace, service.metadata.name), service]));
  const byService = new Map<string, KubeObject[]>();
  for (const slice of endpointSlices) {
    const service = key(slice.metadata.namespace, slice.metadata.labels?.['kubernetes.io/service-name']);
    const held = byService.get(service);
    if (held) held.push(slice);
    else byService.set(service, [slice]);
  }
  const names = new Set(namespaces.map(({ metadata }) => metadata.name));
  const addresses = new Set(
    pods.flatMap(({ metadata, status }) =>
      ((status as any)?.podIPs ?? []).map(({ ip }: { ip: string }) => key(metadata.namespace, ip)),
    ),
  );
  return {
    service: (namespace, name) => byName.get(key(namespace, name)),
    services: () => services,
    slices: (namespace, service) => byService.get(key(namespace, service)) ?? [],
    namespaceExists: (name) => names.has(name),
    podHasAddress: (namespace, ip) => addresses.has(key(namespace, ip)),
  };
}

export interface DnsQueryStep {
  /** Without its final dot. */
  readonly name: string;
  /**
   * FORWARDED: not the cluster's to answer; it goes to the servers that CoreDNS forwards to. ELSEWHERE: the pod asks another
   * server than cluster DNS, whose answer is not known here.
   */
  readonly code: 'NOERROR' | 'NXDOMAIN' | 'SERVFAIL' | 'REFUSED' | 'FORWARDED' | 'ELSEWHERE';
  readonly records: readonly DnsRecord[];
  /** By plugin rewrite. */
  readonly rewrittenTo?: { readonly name: string; readonly type: string };
  /** Servers asked for the name, or for what its alias points at; absent: those of CoreDNS' /etc/resolv.conf. */
  readonly forwardedTo?: readonly string[];
}

/** Asks one name after the other; the last step is the answer. */
export function resolveName(
  dns: NameAsker,
  name: string,
  type: DnsType,
  resolver: Pick<Resolver, 'searches' | 'options'>,
): DnsQueryStep[] {
  const steps: DnsQueryStep[] = [];
  for (const each of searchPath(name, resolver.searches, ndotsOf(resolver))) {
    const { code = 'FORWARDED', forwardedTo = [], ...found } = dns.lookup(each, type);
    const servers = forwardedTo.filter((server) => !server.startsWith(resolvConf));
    const step = { name: each, code: code as DnsQueryStep['code'], ...found };
    steps.push(servers.length === 0 ? step : { ...step, forwardedTo: servers });
    // glibc goes on after a name without such a record, and after SERVFAIL.
    if (step.records.length > 0 || code === 'FORWARDED' || code === 'REFUSED') break;
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
