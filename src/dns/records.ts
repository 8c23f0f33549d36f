/**
 * Answers of cluster DNS. Follows the Kubernetes DNS specification 1.1.0 as CoreDNS' kubernetes plugin serves it.
 */
import type { KubeObject } from '../apimachinery/index.ts';
import { canonicalIp, familyOf, isIp } from '../net/index.ts';
import { isBelow } from './corefile/settings.ts';
import { reverseToIp } from './reverse.ts';

export type DnsRecord =
  | { readonly type: 'A' | 'AAAA'; readonly name: string; readonly ttl: number; readonly address: string }
  | { readonly type: 'CNAME' | 'PTR' | 'NS'; readonly name: string; readonly ttl: number; readonly target: string }
  | { readonly type: 'TXT'; readonly name: string; readonly ttl: number; readonly text: string }
  | {
      readonly type: 'HINFO';
      readonly name: string;
      readonly ttl: number;
      readonly cpu: string;
      readonly os: string;
    }
  | {
      readonly type: 'SRV';
      readonly name: string;
      readonly ttl: number;
      readonly target: string;
      readonly port: number;
      readonly priority: number;
      readonly weight: number;
    };

export type DnsType = DnsRecord['type'];

export interface DnsAnswer {
  /** NXDOMAIN: the name does not exist. NOERROR with no records: it does, but has no such record. */
  readonly code: 'NOERROR' | 'NXDOMAIN';
  readonly records: readonly DnsRecord[];
}

/** What names are made of; lookups must be cheap (listers). */
export interface DnsSource {
  service(namespace: string, name: string): Readonly<KubeObject> | undefined;
  services(): readonly Readonly<KubeObject>[];
  /** EndpointSlices of a service. */
  slices(namespace: string, service: string): readonly Readonly<KubeObject>[];
  namespaceExists(name: string): boolean;
  /** Services and EndpointSlices that have an address; without it all are looked through. */
  withAddress?(ip: string): {
    readonly services: readonly Readonly<KubeObject>[];
    readonly slices: readonly Readonly<KubeObject>[];
  };
  /** Whether a pod of the namespace has the address: for `pods verified`. */
  podHasAddress?(namespace: string, ip: string): boolean;
}

export interface DnsOptions {
  /** Default `cluster.local`. */
  readonly domain?: string;
  /** Seconds. CoreDNS' kubernetes plugin default in kubeadm clusters: 30. */
  readonly ttl?: number;
  /** Names of pods. Default insecure, as kubeadm's Corefile says. */
  readonly pods?: 'disabled' | 'insecure' | 'verified';
  /** Reverse zones that are the cluster's. Default in-addr.arpa and ip6.arpa. */
  readonly reverse?: readonly string[];
  /** Only these namespaces. */
  readonly namespaces?: readonly string[];
  /** Nothing is known of endpoints. */
  readonly noEndpoints?: boolean;
  /** Endpoints without a hostname are called by their pod's name. */
  readonly endpointPodNames?: boolean;
  /** A Service without endpoints does not exist. */
  readonly ignoreEmptyService?: boolean;
}

/** What TXT `dns-version` says: the version of the specification. */
const specification = '1.1.0';

const nxdomain: DnsAnswer = { code: 'NXDOMAIN', records: [] };

/** One address with one port, as CoreDNS counts them. */
interface Entry {
  readonly hostname: string;
  readonly ip: string;
  readonly port?: Target['ports'][number];
}

interface Target {
  readonly hostname: string;
  readonly ip: string;
  readonly ports: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
}

export class ClusterDns {
  readonly #source: DnsSource;
  readonly #domain: string;
  readonly #ttl: number;
  readonly #options: DnsOptions;
  readonly #reverse: readonly string[];

  constructor(source: DnsSource, options: DnsOptions = {}) {
    this.#source = source;
    this.#domain = options.domain ?? 'cluster.local';
    this.#ttl = options.ttl ?? 30;
    this.#options = options;
    this.#reverse = options.reverse ?? ['in-addr.arpa', 'ip6.arpa'];
  }

  get domain(): string {
    return this.#domain;
  }

  get ttl(): number {
    return this.#ttl;
  }

  #served(namespace: string): boolean {
    const { namespaces } = this.#options;
    return (namespaces === undefined || namespaces.includes(namespace)) && this.#source.namespaceExists(namespace);
  }

  /** Whether a name is below the cluster's domain (or a reverse name): others are for the upstream resolver. */
  owns(name: string): boolean {
    const lower = name.toLowerCase();
    return isBelow(lower, this.#domain) || this.#reverse.some((zone) => isBelow(lower, zone));
  }

  /** `name` without trailing dot, in any case. */
  query(name: string, type: DnsType): DnsAnswer {
    const lower = name.toLowerCase();
    if (lower.endsWith('.arpa') || (type === 'PTR' && !isBelow(lower, this.#domain))) return this.#pointer(lower, type);
    if (lower === this.#domain) return this.#apex(lower, type);
    if (!lower.endsWith(`.${this.#domain}`)) return nxdomain;
    const labels = lower.slice(0, -this.#domain.length - 1).split('.');
    const kind = labels.pop();
    const namespace = labels.pop();
    if (kind === 'dns-version' && namespace === undefined) {
      const version = { type: 'TXT', name: lower, ttl: this.#ttl, text: specification } as const;
      return { code: 'NOERROR', records: type === 'TXT' ? [version] : [] };
    }
    // Of pods and Services in general nothing is known but that there are some.
    if ((kind === 'svc' || kind === 'pod') && namespace === undefined) return { code: 'NOERROR', records: [] };
    if (kind === 'pod' && namespace !== undefined) return this.#pod(lower, labels, namespace, type);
    if (kind !== 'svc' || namespace === undefined || !this.#served(namespace)) return nxdomain;
    if (labels.length === 0) return { code: 'NOERROR', records: [] };
    const serviceName = labels.pop()!;
    const service = this.#source.service(namespace, serviceName);
    if (!service) return nxdomain;
    return this.#service(lower, labels, service, type);
  }

  /** Addresses of a name, following ExternalName to other names of the cluster; for simulated resolvers. */
  addresses(name: string): readonly string[] | undefined {
    const all: string[] = [];
    for (const type of ['A', 'AAAA'] as const) {
      const { code, records } = this.query(name, type);
      if (code === 'NXDOMAIN') return undefined;
      const alias = records.find((record) => record.type === 'CNAME');
      if (alias && 'target' in alias && this.owns(alias.target)) return this.addresses(alias.target);
      for (const record of records) if ('address' in record) all.push(record.address);
    }
    return all;
  }

  #service(name: string, labels: readonly string[], service: Readonly<KubeObject>, type: DnsType): DnsAnswer {
    const spec = service['spec'];
    const base = { name, ttl: this.#ttl };
    if (spec.type === 'ExternalName') {
      if (labels.length > 0) return nxdomain;
      return { code: 'NOERROR', records: [{ ...base, type: 'CNAME', target: spec.externalName }] };
    }
    const headless = spec.clusterIP === 'None';
    const fqdn = this.#fqdn(service);
    if (this.#options.ignoreEmptyService && !headless && this.#endpoints(service).length === 0) return nxdomain;
    let entries: Entry[];
    // _port._protocol.service: what has such a port.
    if (labels.length === 2 && labels[0]!.startsWith('_') && labels[1]!.startsWith('_')) {
      const [port, protocol] = [labels[0]!.slice(1), labels[1]!.slice(1).toUpperCase()];
      entries = this.#entries(service).filter((each) => each.port?.name === port && each.port.protocol === protocol);
    } else if (labels.length === 1) {
      // An endpoint's own name; those of a Service with an address have names too.
      entries = this.#endpointEntries(service).filter(({ hostname }) => hostname === labels[0]);
    } else if (labels.length === 0) {
      entries = this.#entries(service);
      // Without ports a Service with an address still has it.
      if (entries.length === 0 && !headless) entries = clusterIPs(spec).map((ip) => ({ hostname: '', ip }));
    } else return nxdomain;
    // A headless Service without ready endpoints does not exist, as far as DNS is concerned.
    if (entries.length === 0) return nxdomain;
    if (type !== 'SRV') {
      const ips = entries.map(({ ip }) => ip);
      return { code: 'NOERROR', records: this.#addressRecords(name, ips, type) };
    }
    // Upstream: plugin/backend_lookup.go shares 100 among all, and counts each address of a Service.
    const weight = Math.max(1, Math.floor(100 / entries.length));
    const records: DnsRecord[] = [];
    const seen = new Set<string>();
    for (const { hostname, port } of entries) {
      if (!port) continue;
      const target = hostname === '' ? fqdn : `${hostname}.${fqdn}`;
      const key = `${port.port} ${target}`;
      if (seen.has(key)) continue;
      seen.add(key);
      records.push({ ...base, type: 'SRV', target, port: port.port, priority: 0, weight });
    }
    return { code: 'NOERROR', records };
  }

  /** What is at the cluster's own name: who answers for it. */
  #apex(name: string, type: DnsType): DnsAnswer {
    if (type !== 'NS') return { code: 'NOERROR', records: [] };
    const own = this.#source.service('kube-system', 'kube-dns');
    const target = own ? this.#fqdn(own) : `ns.dns.${this.#domain}`;
    return { code: 'NOERROR', records: [{ type: 'NS', name, ttl: this.#ttl, target }] };
  }

  #addressRecords(name: string, ips: readonly string[], type: DnsType): DnsRecord[] {
    if (type !== 'A' && type !== 'AAAA') return [];
    const family = type === 'A' ? 'IPv4' : 'IPv6';
    return [...new Set(ips)]
      .filter((ip) => familyOf(ip) === family)
      .map((address) => ({ type, name, ttl: this.#ttl, address }));
  }

  /** Each address with each port: of a headless Service its endpoints', of others its own. */
  #entries(service: Readonly<KubeObject>): Entry[] {
    const { spec } = service as { spec?: any };
    if (spec.clusterIP === 'None') return this.#endpointEntries(service);
    return ((spec.ports ?? []) as any[]).flatMap((port) =>
      clusterIPs(spec).map((ip) => ({
        hostname: '',
        ip,
        port: { name: port.name ?? '', protocol: port.protocol ?? 'TCP', port: port.port as number },
      })),
    );
  }

  #endpointEntries(service: Readonly<KubeObject>): Entry[] {
    return this.#endpoints(service).flatMap(({ hostname, ip, ports }) =>
      ports.length === 0 ? [{ hostname, ip }] : ports.map((port) => ({ hostname, ip, port })),
    );
  }

  #fqdn(service: Readonly<KubeObject>): string {
    return `${service.metadata.name}.${service.metadata.namespace}.svc.${this.#domain}`;
  }

  /** Ready endpoints; without a hostname of its own an endpoint is called by its address with dashes. */
  #endpoints(service: Readonly<KubeObject>): Target[] {
    const out: Target[] = [];
    if (this.#options.noEndpoints) return out;
    for (const slice of this.#source.slices(service.metadata.namespace!, service.metadata.name!)) {
      const ports = ((slice['ports'] ?? []) as any[]).map((port) => ({
        name: port.name ?? '',
        port: port.port,
        protocol: port.protocol ?? 'TCP',
      }));
      for (const endpoint of (slice['endpoints'] ?? []) as any[]) {
        if (endpoint.conditions?.ready === false) continue;
        for (const ip of endpoint.addresses ?? []) {
          out.push({ hostname: this.#hostname(endpoint, ip), ip, ports });
        }
      }
    }
    return out;
  }

  #hostname({ hostname, targetRef }: any, ip: string): string {
    if (hostname) return hostname;
    const pod = this.#options.endpointPodNames ? targetRef?.name : undefined;
    return pod ?? ip.replaceAll('.', '-').replaceAll(':', '-');
  }

  /** `10-244-0-5.default.pod.cluster.local`: with `pods insecure` any address, verified only those that a pod has. */
  #pod(name: string, labels: readonly string[], namespace: string, type: DnsType): DnsAnswer {
    const { pods = 'insecure' } = this.#options;
    if (pods === 'disabled' || !this.#served(namespace)) return nxdomain;
    if (labels.length === 0) return { code: 'NOERROR', records: [] };
    if (labels.length > 1) return nxdomain;
    const dashed = labels[0]!;
    const ip = /^\d+-\d+-\d+-\d+$/.test(dashed) ? dashed.replaceAll('-', '.') : dashed.replaceAll('-', ':');
    if (!isIp(ip)) return nxdomain;
    if (pods === 'verified' && !this.#source.podHasAddress?.(namespace, canonicalIp(ip))) return nxdomain;
    return { code: 'NOERROR', records: this.#addressRecords(name, [ip], type) };
  }

  #pointer(name: string, type: DnsType): DnsAnswer {
    const ip = reverseToIp(name);
    if (!ip) return nxdomain;
    const base = { type: 'PTR', name, ttl: this.#ttl } as const;
    const targets = new Set<string>();
    const { services, slices } = this.#source.withAddress?.(ip) ?? {
      services: this.#source.services(),
      slices: undefined,
    };
    for (const service of services) {
      const spec = service['spec'];
      if (this.#served(service.metadata.namespace!) && clusterIPs(spec).includes(ip)) targets.add(this.#fqdn(service));
    }
    // Upstream: endpoints of any Service have a name, and a Service's own address goes before.
    if (targets.size === 0) {
      for (const service of slices ? servicesOf(slices, this.#source) : services) {
        if (!this.#served(service.metadata.namespace!)) continue;
        for (const target of this.#endpoints(service)) {
          if (target.ip === ip) targets.add(`${target.hostname}.${this.#fqdn(service)}`);
        }
      }
    }
    if (targets.size === 0) return nxdomain;
    return { code: 'NOERROR', records: type === 'PTR' ? [...targets].map((target) => ({ ...base, target })) : [] };
  }
}

function clusterIPs(spec: any): string[] {
  const ips: string[] = spec?.clusterIPs?.length ? spec.clusterIPs : spec?.clusterIP ? [spec.clusterIP] : [];
  return ips.filter((ip) => ip !== 'None');
}

function servicesOf(slices: readonly Readonly<KubeObject>[], source: DnsSource): Readonly<KubeObject>[] {
  const found = new Set<Readonly<KubeObject>>();
  for (const { metadata } of slices) {
    const name = metadata.labels?.['kubernetes.io/service-name'];
    const service = name === undefined ? undefined : source.service(metadata.namespace!, name);
    if (service) found.add(service);
  }
  return [...found];
}
