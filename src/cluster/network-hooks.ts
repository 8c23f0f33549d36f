/**
 * What the simulated pod network asks the cluster: where a Service's packet goes (by the same choice the node's rules
 * make), what a name resolves to, and whether NetworkPolicies let a connection through.
 */
import type { NetworkPolicy } from '../api/index.ts';
import type { KubeObject } from '../apimachinery/index.ts';
import type { Prng } from '../base/index.ts';
import type { SharedInformer, SharedInformerFactory } from '../client/index.ts';
import { ClusterDns, type DnsSource } from '../dns/index.ts';
import type { FabricHooks, Listener, Peer, Protocol } from '../kubelet/index.ts';
import { networkPolicyVerdict, type PolicyEnd, type PolicyVerdict } from '../net/index.ts';
import {
  type HealthAnswer,
  healthCheckOf,
  healthzPort,
  type NodeView,
  nodeView,
  ProxyHealth,
  serviceHealthAnswer,
  servicePorts,
  trafficChoice,
} from '../proxy/index.ts';

const serviceNameLabel = 'kubernetes.io/service-name';

interface Found {
  readonly service: Readonly<KubeObject>;
  readonly port: any;
  readonly external: boolean;
}

/** What a node's rules are made of. */
interface Rules {
  byAddress(ip: string): readonly Readonly<KubeObject>[];
  services(): readonly Readonly<KubeObject>[];
  /** Endpoint slices of `namespace/name`. */
  slices(service: string): readonly Readonly<KubeObject>[];
}

/** `namespace/name` of the Service that a slice belongs to. */
function serviceOf(slice: Readonly<KubeObject>): string {
  return `${slice.metadata.namespace}/${slice.metadata.labels?.[serviceNameLabel] ?? ''}`;
}

/** The pod's newest state. */
export type PodLookup = (namespace: string, name: string) => Readonly<KubeObject> | undefined;

export class ServiceNetwork {
  /** What names are made of. */
  readonly names: DnsSource;
  /** What kubelets tell pods. */
  clusterDns: string | undefined;
  /** Who resolves them, once there is somebody. */
  resolver: { addresses(name: string): readonly string[] | undefined };
  readonly #services: SharedInformer;
  readonly #slices: SharedInformer;
  readonly #nodes: SharedInformer;
  readonly #namespaces: SharedInformer;
  readonly #policies: SharedInformer;
  readonly #podOf: PodLookup;
  readonly #prng: Prng;
  /** Client affinity: `service port client` → endpoint address and when it ends. */
  readonly #affinity = new Map<string, { address: string; until: number }>();
  readonly #now: () => number;
  /** Nodes whose proxy is stopped, with the rules they had then. */
  readonly #frozen = new Map<string, Rules>();

  constructor(
    informers: SharedInformerFactory,
    prng: Prng,
    now: () => number,
    podOf: PodLookup,
    podHasAddress: (namespace: string, ip: string) => boolean,
  ) {
    this.#prng = prng;
    this.#now = now;
    this.#podOf = podOf;
    this.#services = informers.informer('services', {
      indexers: {
        clusterIP: (service) => addressesOf(service),
        healthCheckNodePort: (service) => {
          const port = service['spec']?.healthCheckNodePort;
          return port ? [String(port)] : [];
        },
      },
    });
    this.#slices = informers.informer('endpointslices.discovery.k8s.io', {
      indexers: {
        service: (slice) => [serviceOf(slice)],
        address: (slice) => ((slice['endpoints'] ?? []) as any[]).flatMap(({ addresses }) => addresses ?? []),
      },
    });
    this.#nodes = informers.informer('nodes');
    this.#namespaces = informers.informer('namespaces');
    this.#policies = informers.informer('networkpolicies.networking.k8s.io');
    this.names = {
      service: (namespace, name) => this.#services.lister.get(namespace, name),
      services: () => this.#services.lister.list(),
      slices: (namespace, name) => this.#slices.lister.byIndex('service', `${namespace}/${name}`),
      namespaceExists: (name) => this.#namespaces.lister.get('', name) !== undefined,
      withAddress: (ip) => ({
        services: this.#services.lister.byIndex('clusterIP', ip),
        slices: this.#slices.lister.byIndex('address', ip),
      }),
      podHasAddress,
    };
    this.resolver = new ClusterDns(this.names);
  }

  /** Informers whose first list the network needs. */
  get informers(): readonly SharedInformer[] {
    return [this.#services, this.#slices, this.#nodes];
  }

  hasProxy(node: string): boolean {
    return !this.#frozen.has(node);
  }

  /** The node's rules stay as they are now: as when kube-proxy ends, which leaves them in the kernel. */
  stopProxy(node: string): void {
    const services = this.#services.lister.list();
    const slices = new Map<string, Readonly<KubeObject>[]>();
    for (const slice of this.#slices.lister.list()) {
      const key = serviceOf(slice);
      slices.set(key, [...(slices.get(key) ?? []), slice]);
    }
    this.#frozen.set(node, {
      byAddress: (ip) => services.filter((service) => addressesOf(service).includes(ip)),
      services: () => services,
      slices: (service) => slices.get(service) ?? [],
    });
  }

  /** The rules are synced: as they would be had it never stopped. */
  startProxy(node: string): void {
    this.#frozen.delete(node);
  }

  #rulesOf(node: string | undefined): Rules {
    return (node !== undefined && this.#frozen.get(node)) || this.#current;
  }

  readonly #current: Rules = {
    byAddress: (ip) => this.#services.lister.byIndex('clusterIP', ip),
    services: () => this.#services.lister.list(),
    slices: (service) => this.#slices.lister.byIndex('service', service),
  };

  hooks(): FabricHooks {
    return {
      resolveService: (ip, port, protocol, from) => this.#resolve(ip, port, protocol, from),
      resolveName: (name, _, servers) =>
        servers === undefined || servers.some((ip) => this.#isClusterDns(ip))
          ? this.resolver.addresses(name)
          : undefined,
      machineListener: (to) => this.#healthListener(to),
      allowed: (from, to, owner) => this.#policies.lister.size === 0 || this.verdict(from, to, owner).allowed,
    };
  }

  /** The Service kube-dns, a pod behind it, or the address that kubelets are told, which it has from the start. */
  #isClusterDns(ip: string): boolean {
    if (ip === this.clusterDns) return true;
    const isDns = ({ metadata }: Readonly<KubeObject>, name: string | undefined) =>
      metadata.namespace === 'kube-system' && name === 'kube-dns';
    return (
      this.#services.lister.byIndex('clusterIP', ip).some((service) => isDns(service, service.metadata.name)) ||
      this.#slices.lister
        .byIndex('address', ip)
        .some((slice) => isDns(slice, slice.metadata.labels?.[serviceNameLabel]))
    );
  }

  /** Ready endpoints of a Service's port, by the port's name. */
  endpoints(namespace: string, service: string, port: string | number): { ip: string; port: number }[] {
    return this.#current.slices(`${namespace}/${service}`).flatMap((slice) => {
      const target = ((slice['ports'] ?? []) as any[]).find((each) => (each.name ?? '') === port)?.port;
      if (target === undefined) return [];
      return ((slice['endpoints'] ?? []) as any[])
        .filter(({ conditions }) => conditions?.ready !== false)
        .flatMap(({ addresses = [] }) => (addresses as string[]).map((ip) => ({ ip, port: target as number })));
    });
  }

  /** What NetworkPolicies say of a connection, as a network plugin on both nodes would enforce it. */
  verdict(from: Peer, to: { readonly ip: string; readonly port: number }, owner: Peer | undefined): PolicyVerdict {
    return networkPolicyVerdict(
      {
        policies: (namespace) => this.#policies.lister.list(namespace) as readonly Readonly<NetworkPolicy>[],
        namespaceLabels: (namespace) => this.#namespaces.lister.get('', namespace)?.metadata.labels ?? {},
      },
      { from: this.#policyEnd(from.ip, from), to: this.#policyEnd(to.ip, owner), port: to.port, protocol: 'TCP' },
    );
  }

  #policyEnd(ip: string, peer: Peer | undefined): PolicyEnd {
    const { namespace, pod: name, node } = peer ?? {};
    const pod = namespace !== undefined && name !== undefined ? this.#podOf(namespace, name) : undefined;
    if (!pod || pod['spec']?.hostNetwork === true) return { ip, ...(node === undefined ? {} : { node }) };
    return {
      ip,
      pod: {
        namespace: namespace!,
        name: name!,
        labels: pod.metadata.labels ?? {},
        namedPorts: namedPorts(pod),
        ...(node === undefined ? {} : { node }),
      },
    };
  }

  /** Where a node's kube-proxy listens: its own health, and that of Services that load balancers ask nodes about. */
  #healthListener({ ip, port }: { readonly ip: string; readonly port: number }): Listener | undefined {
    const [service] = this.#services.lister.byIndex('healthCheckNodePort', String(port));
    if (!service && port !== healthzPort) return undefined;
    const node = this.#nodes.lister.list().find((each) => nodeView(each as KubeObject).ips.includes(ip));
    if (!node || !this.hasProxy(node.metadata.name!)) return undefined;
    const family = ip.includes(':') ? 'IPv6' : 'IPv4';
    const answer = (path: string): HealthAnswer | undefined => {
      if (!service) {
        // Its rules are always those of the newest state: nothing is ever late.
        const health = new ProxyHealth({ now: this.#now }, Number.POSITIVE_INFINITY, node);
        health.updated(family);
        return health.answer(path);
      }
      const slices = this.#current.slices(`${service.metadata.namespace}/${service.metadata.name}`);
      const ports = servicePorts([service as KubeObject], slices as KubeObject[], family, nodeView(node as KubeObject));
      const check = healthCheckOf(ports);
      return check && serviceHealthAnswer(check, true);
    };
    if (!answer('/')) return undefined;
    return {
      http: async ({ path }) => {
        const { status, headers, body } = answer(path)!;
        const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
        return { status, headers: Object.fromEntries(lower), body };
      },
    };
  }

  #find(rules: Rules, ip: string, port: number, protocol: Protocol): Found | undefined {
    for (const service of rules.byAddress(ip)) {
      for (const candidate of service['spec'].ports ?? []) {
        if (candidate.port === port && (candidate.protocol ?? 'TCP') === protocol) {
          return { service, port: candidate, external: !clusterIPs(service).includes(ip) };
        }
      }
    }
    if (!this.#isNodeAddress(ip)) return undefined;
    for (const service of rules.services()) {
      for (const candidate of service['spec'].ports ?? []) {
        if (candidate.nodePort === port && (candidate.protocol ?? 'TCP') === protocol) {
          return { service, port: candidate, external: true };
        }
      }
    }
    return undefined;
  }

  #isNodeAddress(ip: string): boolean {
    return this.#nodes.lister
      .list()
      .some((node) => (node['status']?.addresses ?? []).some((entry: any) => entry.address === ip));
  }

  #nodeOf(from: Peer): NodeView {
    const node = from.node === undefined ? undefined : this.#nodes.lister.get('', from.node);
    return node ? nodeView(node) : { name: from.node ?? '', labels: {}, ips: [] };
  }

  #resolve(
    ip: string,
    port: number,
    protocol: Protocol,
    from: Peer,
  ): ReturnType<NonNullable<FabricHooks['resolveService']>> {
    const table = this.#rulesOf(from.node);
    const found = this.#find(table, ip, port, protocol);
    if (!found) return undefined;
    const { metadata } = found.service;
    const slices = table.slices(`${metadata.namespace}/${metadata.name}`);
    const family = ip.includes(':') ? 'IPv6' : 'IPv4';
    const node = this.#nodeOf(from);
    const rules = servicePorts([found.service as KubeObject], slices as KubeObject[], family, node).find(
      (candidate) => candidate.portName === (found.port.name ?? '') && candidate.protocol === protocol,
    );
    if (!rules) return undefined;
    const choice = trafficChoice(rules, node);
    // Traffic of a pod to an external address takes the short circuit to all endpoints.
    const refusal = found.external ? (choice.hasAny ? 'none' : 'reject') : choice.internalRefusal;
    if (refusal !== 'none') return refusal === 'reject' ? 'refused' : 'drop';
    const endpoints = !found.external && rules.internalLocal ? choice.local : choice.cluster;
    if (endpoints.length === 0) return 'refused';
    const endpoint = this.#sticky(rules.name, rules.sessionAffinitySeconds, from, endpoints);
    return { ip: endpoint.ip, port: endpoint.port };
  }

  #sticky<T extends { readonly address: string }>(
    name: string,
    seconds: number | undefined,
    from: Peer,
    endpoints: readonly T[],
  ): T {
    if (seconds === undefined) return this.#prng.pick(endpoints);
    const key = `${name} ${from.ip}`;
    const now = this.#now();
    const known = this.#affinity.get(key);
    const kept =
      known && known.until > now ? endpoints.find((endpoint) => endpoint.address === known.address) : undefined;
    const chosen = kept ?? this.#prng.pick(endpoints);
    this.#affinity.set(key, { address: chosen.address, until: now + seconds * 1000 });
    if (this.#affinity.size > 10_000) this.#affinity.delete(this.#affinity.keys().next().value!);
    return chosen;
  }
}

function namedPorts(pod: Readonly<KubeObject>): { name: string; port: number; protocol: string }[] {
  const ports = (pod['spec']?.containers ?? []).flatMap((container: any) => container.ports ?? []) as any[];
  return ports
    .filter(({ name }) => name !== undefined)
    .map(({ name, containerPort, protocol = 'TCP' }) => ({ name, port: containerPort, protocol }));
}

function clusterIPs(service: Readonly<KubeObject>): string[] {
  const spec = service['spec'] ?? {};
  const ips: string[] = spec.clusterIPs?.length ? spec.clusterIPs : spec.clusterIP ? [spec.clusterIP] : [];
  return ips.filter((ip) => ip !== 'None');
}

/** Every address that packets to the service may carry, node addresses aside. */
function addressesOf(service: Readonly<KubeObject>): string[] {
  const ingress: any[] = service['status']?.loadBalancer?.ingress ?? [];
  return [
    ...clusterIPs(service),
    ...(service['spec']?.externalIPs ?? []),
    ...ingress.filter((entry) => entry.ip && entry.ipMode !== 'Proxy').map((entry) => entry.ip),
  ];
}
