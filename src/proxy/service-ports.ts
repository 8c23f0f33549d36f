/**
 * From Service and EndpointSlice objects to what a rule generator needs, one IP family at a time.
 * Upstream: pkg/proxy/{serviceport,endpoint,endpointslicecache}.go (1.36).
 */
import type { KubeObject } from '../apimachinery/index.ts';
import { canonicalIp, familyOf, formatCidr, type IpFamily, joinHostPort, parseCidr } from '../net/index.ts';

export type Protocol = 'TCP' | 'UDP' | 'SCTP';

export interface Endpoint {
  readonly ip: string;
  readonly port: number;
  /** `10.0.0.1:80`, `[fd00::1]:80`. */
  readonly address: string;
  readonly nodeName: string | undefined;
  readonly isLocal: boolean;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly zoneHints: readonly string[];
  readonly nodeHints: readonly string[];
}

export interface ServicePort {
  readonly namespace: string;
  readonly service: string;
  readonly portName: string;
  readonly protocol: Protocol;
  /** `ns/svc:port`, or `ns/svc` when the port has no name. */
  readonly name: string;
  readonly clusterIP: string;
  readonly port: number;
  readonly nodePort: number;
  readonly externalIPs: readonly string[];
  /** Load balancer addresses with ipMode VIP. */
  readonly loadBalancerVIPs: readonly string[];
  readonly loadBalancerSourceRanges: readonly string[];
  readonly healthCheckNodePort: number;
  readonly sessionAffinitySeconds: number | undefined;
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
  /** Sorted by address. */
  readonly endpoints: readonly Endpoint[];
}

export interface NodeView {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Addresses of the node, both families. */
  readonly ips: readonly string[];
  /** Ranges of its pods, both families. */
  readonly podCIDRs?: readonly string[];
}

/** A load-balancer or node-port address reaches this service. */
export function externallyAccessible(port: ServicePort): boolean {
  return port.nodePort !== 0 || port.loadBalancerVIPs.length > 0 || port.externalIPs.length > 0;
}

/** Needs the chain over all endpoints: also for the short-circuit of external traffic from pods. */
export function usesClusterEndpoints(port: ServicePort): boolean {
  return !port.internalLocal || externallyAccessible(port);
}

export function usesLocalEndpoints(port: ServicePort): boolean {
  return port.internalLocal || (port.externalLocal && externallyAccessible(port));
}

function ofFamily(ips: readonly string[], family: IpFamily): string[] {
  return ips.filter((ip) => familyOf(ip) === family).map(canonicalIp);
}

/** Networks without host bits; a range that holds everything is no restriction. */
function sourceRanges(service: KubeObject, family: IpFamily): string[] {
  const ranges = ((service['spec'].loadBalancerSourceRanges ?? []) as string[])
    .map((range) => parseCidr(range.trim()))
    .filter((range) => range?.family === family);
  return ranges.some((range) => range!.prefix === 0) ? [] : ranges.map((range) => formatCidr(range!));
}

/** kube-proxy asks the API server for nothing that bears these labels: another proxy serves it, or nobody. */
const otherProxyLabel = 'service.kubernetes.io/service-proxy-name';
const headlessLabel = 'service.kubernetes.io/headless';

function notOurs({ metadata: { labels } }: KubeObject): boolean {
  return labels !== undefined && (otherProxyLabel in labels || headlessLabel in labels);
}

/** Upstream: ShouldSkipService, and the label selector of kube-proxy's informers. */
function skipped(service: KubeObject): boolean {
  const spec = service['spec'] ?? {};
  return notOurs(service) || spec.type === 'ExternalName' || !spec.clusterIP || spec.clusterIP === 'None';
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const noHints: { forZones?: any[]; forNodes?: any[] } = {};
const noNames: readonly string[] = [];
const hintName = ({ name }: { name: string }): string => name;

interface SlicePort {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
}

/** Endpoints by `ns/svc` and `portName/protocol`. Slices of another family, and ports without a number, are left out. */
function indexEndpoints(slices: readonly KubeObject[], family: IpFamily, node: NodeView): Map<string, Endpoint[]> {
  const byPort = new Map<string, Map<string, Endpoint>>();
  // An address may stand in two slices for a while: their names decide, not the order they come in.
  const inOrder = [...slices].sort((a, b) => compare(a.metadata.name ?? '', b.metadata.name ?? ''));
  for (const slice of inOrder) {
    const service = slice.metadata.labels?.['kubernetes.io/service-name'];
    if (!service || slice['addressType'] !== family || notOurs(slice)) continue;
    const ports: SlicePort[] = (slice['ports'] ?? [])
      .filter((port: any) => typeof port.port === 'number' && port.port !== 0)
      .map((port: any) => ({ name: port.name ?? '', protocol: port.protocol ?? 'TCP', port: port.port }));
    const byName = ports.map((port) => {
      const key = `${slice.metadata.namespace}/${service}/${port.name}/${port.protocol}`;
      let endpoints = byPort.get(key);
      if (!endpoints) {
        endpoints = new Map();
        byPort.set(key, endpoints);
      }
      return [port, endpoints] as const;
    });
    for (const endpoint of slice['endpoints'] ?? []) {
      const written = endpoint.addresses?.[0];
      if (!written || familyOf(written) !== family) continue;
      const ip = canonicalIp(written);
      const conditions = endpoint.conditions ?? {};
      const terminating = conditions.terminating ?? false;
      const ready = conditions.ready ?? true;
      const { forZones, forNodes } = endpoint.hints ?? noHints;
      const zoneHints: readonly string[] = forZones?.map(hintName) ?? noNames;
      const nodeHints: readonly string[] = forNodes?.map(hintName) ?? noNames;
      for (const [port, endpoints] of byName) {
        const address = joinHostPort(ip, port.port);
        // A pod that leaves does not hide a new one that already has its address.
        if (terminating && endpoints.has(address)) continue;
        endpoints.set(address, {
          ip,
          port: port.port,
          address,
          nodeName: endpoint.nodeName,
          isLocal: endpoint.nodeName === node.name,
          ready,
          serving: conditions.serving ?? true,
          terminating,
          zoneHints,
          nodeHints,
        });
      }
    }
  }
  const sorted = new Map<string, Endpoint[]>();
  for (const [key, endpoints] of byPort) {
    sorted.set(
      key,
      [...endpoints.values()].sort((a, b) => compare(a.address, b.address)),
    );
  }
  return sorted;
}

/** Every port of every service that gets rules, sorted by name and protocol. */
export function servicePorts(
  services: readonly KubeObject[],
  slices: readonly KubeObject[],
  family: IpFamily,
  node: NodeView,
): ServicePort[] {
  const endpoints = indexEndpoints(slices, family, node);
  // By name and protocol, as upstream's map: of two ports with both the same, the last stands.
  const out = new Map<string, ServicePort>();
  for (const service of services) {
    if (skipped(service)) continue;
    const spec = service['spec'];
    const clusterIPs: string[] = spec.clusterIPs?.length ? spec.clusterIPs : [spec.clusterIP];
    const clusterIP = ofFamily(clusterIPs, family)[0];
    if (!clusterIP) continue;
    const { namespace = '', name = '' } = service.metadata;
    const ingress: any[] = service['status']?.loadBalancer?.ingress ?? [];
    const vips = ingress.filter((entry) => entry.ip && (entry.ipMode ?? 'VIP') === 'VIP').map((entry) => entry.ip);
    const affinity = spec.sessionAffinity === 'ClientIP';
    const external = spec.type === 'LoadBalancer' || spec.type === 'NodePort' || spec.externalIPs?.length > 0;
    const externalLocal = external && spec.externalTrafficPolicy === 'Local';
    for (const port of spec.ports ?? []) {
      const portName: string = port.name ?? '';
      const protocol: Protocol = port.protocol ?? 'TCP';
      const fullName = portName === '' ? `${namespace}/${name}` : `${namespace}/${name}:${portName}`;
      out.set(`${fullName}/${protocol}`, {
        namespace,
        service: name,
        portName,
        protocol,
        name: fullName,
        clusterIP,
        port: port.port,
        nodePort: port.nodePort ?? 0,
        externalIPs: ofFamily(spec.externalIPs ?? [], family),
        loadBalancerVIPs: ofFamily(vips, family),
        loadBalancerSourceRanges: sourceRanges(service, family),
        healthCheckNodePort: spec.type === 'LoadBalancer' && externalLocal ? (spec.healthCheckNodePort ?? 0) : 0,
        sessionAffinitySeconds: affinity ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800) : undefined,
        internalLocal: spec.internalTrafficPolicy === 'Local',
        externalLocal,
        endpoints: endpoints.get(`${namespace}/${name}/${portName}/${protocol}`) ?? [],
      });
    }
  }
  return [...out].sort(([a], [b]) => compare(a, b)).map(([, port]) => port);
}
