/**
 * Answers of cluster DNS. Follows the Kubernetes DNS specification 1.1.0 as CoreDNS' kubernetes plugin serves it.
 */
import type { KubeObject } from '../apimachinery/index.ts';
import { canonicalIp, familyOf, isIp } from '../net/index.ts';

export type DnsRecord =
  | { readonly type: 'A' | 'AAAA'; readonly name: string; readonly ttl: number; readonly address: string }
  | { readonly type: 'CNAME' | 'PTR'; readonly name: string; readonly ttl: number; readonly target: string }
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
}

export interface DnsOptions {
  /** Default `cluster.local`. */
  readonly domain?: string;
  /** Seconds. CoreDNS' kubernetes plugin default in kubeadm clusters: 30. */
  readonly ttl?: number;
}

const nxdomain: DnsAnswer = { code: 'NXDOMAIN', records: [] };

interface Target {
  readonly hostname: string;
  readonly ip: string;
  readonly ports: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
}

export class ClusterDns {
  readonly #source: DnsSource;
  readonly #domain: string;
  readonly #ttl: number;

  constructor(source: DnsSource, options: DnsOptions = {}) {
    this.#source = source;
    this.#domain = options.domain ?? 'cluster.local';
    this.#ttl = options.ttl ?? 30;
  }

  /** Whether a name is below the cluster's domain (or a reverse name): others are for the upstream resolver. */
  owns(name: string): boolean {
    const lower = name.toLowerCase();
    return lower === this.#domain || lower.endsWith(`.${this.#domain}`) || /\.(in-addr|ip6)\.arpa$/.test(lower);
  }

  /** `name` without trailing dot, in any case. */
  query(name: string, type: DnsType): DnsAnswer {
    const lower = name.toLowerCase();
    if (type === 'PTR' || lower.endsWith('.arpa')) return this.#pointer(lower, type);
    if (lower === this.#domain) return { code: 'NOERROR', records: [] };
    if (!lower.endsWith(`.${this.#domain}`)) return nxdomain;
    const labels = lower.slice(0, -this.#domain.length - 1).split('.');
    const kind = labels.pop();
    const namespace = labels.pop();
    if (kind === 'pod' && namespace !== undefined) return this.#pod(lower, labels, namespace, type);
    if (kind !== 'svc' || namespace === undefined || !this.#source.namespaceExists(namespace)) return nxdomain;
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
    const targets = headless ? this.#endpoints(service) : [];
    const fqdn = this.#fqdn(service);

    // _port._protocol.service: only SRV records live here.
    if (labels.length === 2 && labels[0]!.startsWith('_') && labels[1]!.startsWith('_')) {
      const [port, protocol] = [labels[0]!.slice(1), labels[1]!.slice(1).toUpperCase()];
      const records = this.#services(service, targets, (p) => p.name === port && p.protocol === protocol).map(
        (found) => ({
          ...base,
          type: 'SRV' as const,
          target: found.hostname === '' ? fqdn : `${found.hostname}.${fqdn}`,
          port: found.port,
          priority: 0,
          weight: 100,
        }),
      );
      if (records.length === 0) return nxdomain;
      return { code: 'NOERROR', records: type === 'SRV' ? records : [] };
    }
    if (labels.length === 1) {
      const matching = targets.filter((target) => target.hostname === labels[0]);
      if (!headless || matching.length === 0) return nxdomain;
      return {
        code: 'NOERROR',
        records: this.#addressRecords(
          name,
          matching.map((target) => target.ip),
          type,
        ),
      };
    }
    if (labels.length > 1) return nxdomain;
    if (type === 'SRV') {
      const records = this.#services(service, targets, () => true).map((found) => ({
        ...base,
        type: 'SRV' as const,
        target: found.hostname === '' ? fqdn : `${found.hostname}.${fqdn}`,
        port: found.port,
        priority: 0,
        weight: 100,
      }));
      return { code: 'NOERROR', records };
    }
    if (headless) {
      // A headless service without ready endpoints does not exist, as far as DNS is concerned.
      if (targets.length === 0) return nxdomain;
      return {
        code: 'NOERROR',
        records: this.#addressRecords(
          name,
          targets.map((target) => target.ip),
          type,
        ),
      };
    }
    const ips: string[] = spec.clusterIPs?.length ? spec.clusterIPs : spec.clusterIP ? [spec.clusterIP] : [];
    return { code: 'NOERROR', records: this.#addressRecords(name, ips, type) };
  }

  #addressRecords(name: string, ips: readonly string[], type: DnsType): DnsRecord[] {
    if (type !== 'A' && type !== 'AAAA') return [];
    const family = type === 'A' ? 'IPv4' : 'IPv6';
    return [...new Set(ips)]
      .filter((ip) => familyOf(ip) === family)
      .map((address) => ({ type, name, ttl: this.#ttl, address }));
  }

  #services(
    service: Readonly<KubeObject>,
    targets: readonly Target[],
    wanted: (port: Target['ports'][number]) => boolean,
  ): { hostname: string; port: number }[] {
    if (service['spec'].clusterIP === 'None') {
      return targets.flatMap((target) =>
        target.ports.filter(wanted).map((port) => ({ hostname: target.hostname, port: port.port })),
      );
    }
    return ((service['spec'].ports ?? []) as any[])
      .map((port) => ({ name: port.name ?? '', protocol: port.protocol ?? 'TCP', port: port.port as number }))
      .filter((port) => port.name !== '' && wanted(port))
      .map((port) => ({ hostname: '', port: port.port }));
  }

  #fqdn(service: Readonly<KubeObject>): string {
    return `${service.metadata.name}.${service.metadata.namespace}.svc.${this.#domain}`;
  }

  /** Ready endpoints; without a hostname of its own an endpoint is called by its address with dashes. */
  #endpoints(service: Readonly<KubeObject>): Target[] {
    const out: Target[] = [];
    for (const slice of this.#source.slices(service.metadata.namespace!, service.metadata.name!)) {
      const ports = ((slice['ports'] ?? []) as any[]).map((port) => ({
        name: port.name ?? '',
        port: port.port,
        protocol: port.protocol ?? 'TCP',
      }));
      for (const endpoint of (slice['endpoints'] ?? []) as any[]) {
        if (endpoint.conditions?.ready === false) continue;
        for (const ip of endpoint.addresses ?? []) {
          out.push({ hostname: endpoint.hostname ?? ip.replaceAll('.', '-').replaceAll(':', '-'), ip, ports });
        }
      }
    }
    return out;
  }

  /** `10-244-0-5.default.pod.cluster.local`, as CoreDNS answers with `pods insecure`. */
  #pod(name: string, labels: readonly string[], namespace: string, type: DnsType): DnsAnswer {
    if (labels.length !== 1 || !this.#source.namespaceExists(namespace)) return nxdomain;
    const dashed = labels[0]!;
    const ip = /^\d+-\d+-\d+-\d+$/.test(dashed) ? dashed.replaceAll('-', '.') : dashed.replaceAll('-', ':');
    if (!isIp(ip)) return nxdomain;
    return { code: 'NOERROR', records: this.#addressRecords(name, [ip], type) };
  }

  #pointer(name: string, type: DnsType): DnsAnswer {
    const ip = reverseToIp(name);
    if (!ip) return nxdomain;
    const records: DnsRecord[] = [];
    for (const service of this.#source.services()) {
      const spec = service['spec'];
      if ((spec.clusterIPs ?? [spec.clusterIP]).includes(ip)) {
        records.push({ type: 'PTR', name, ttl: this.#ttl, target: this.#fqdn(service) });
      } else if (spec.clusterIP === 'None') {
        for (const target of this.#endpoints(service)) {
          if (target.ip !== ip) continue;
          records.push({ type: 'PTR', name, ttl: this.#ttl, target: `${target.hostname}.${this.#fqdn(service)}` });
        }
      }
    }
    if (records.length === 0) return nxdomain;
    return { code: 'NOERROR', records: type === 'PTR' ? records : [] };
  }
}

/** `5.0.244.10.in-addr.arpa` → `10.244.0.5`. */
function reverseToIp(name: string): string | undefined {
  const v4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/.exec(name);
  if (v4) return `${v4[4]}.${v4[3]}.${v4[2]}.${v4[1]}`;
  const v6 = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name);
  if (!v6) return undefined;
  const hex = v6[1]!.split('.').filter(Boolean).reverse().join('');
  return canonicalIp(hex.replace(/(.{4})(?!$)/g, '$1:'));
}
