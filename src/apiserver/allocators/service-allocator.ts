import { FieldErrorList, FieldPath, type KubeObject, newInternalError } from '../../apimachinery/index.ts';
import type { Prng } from '../../base/index.ts';
import type { Finish, ObjectReader, RegistryHooks } from '../types.ts';
import { IpRange, rangeFull } from './ip-range.ts';
import { PortRange } from './port-range.ts';
import {
  initIpFamilies,
  needsHealthCheck,
  noClusterIp,
  nodePortsOf,
  normalizeClusterIps,
  patchAllocatedValues,
  throwIfAny,
  usesNodePorts,
} from './service-ip-families.ts';

export interface ServiceAllocatorOptions {
  /** `--service-cluster-ip-range`. Default 10.96.0.0/16 (kubeadm's 10.96.0.0/12 has the same first addresses). */
  readonly serviceCidr?: string;
  /** `--service-node-port-range`. Default 30000-32767. */
  readonly nodePortRange?: string;
}

/** What one write took and what it gives back when it succeeds. */
class Transaction {
  readonly #undo: (() => void)[] = [];
  readonly #onCommit: (() => void)[] = [];

  took(release: () => void): void {
    this.#undo.push(release);
  }

  releases(release: () => void): void {
    this.#onCommit.push(release);
  }

  /** Dry runs never succeed: what they took was only tried. */
  finish(succeeded: boolean): void {
    for (const step of succeeded ? this.#onCommit : this.#undo) step();
  }
}

/**
 * Cluster IPs and node ports of services. The services themselves are the record: at start the ranges are filled from
 * the cache, then every write goes through these hooks. Upstream: pkg/registry/core/service/storage/alloc.go.
 */
export class ServiceAllocator implements RegistryHooks {
  readonly #reader: ObjectReader;
  readonly #ips: IpRange;
  readonly #ports: PortRange;

  constructor(deps: { reader: ObjectReader; prng: Prng }, options: ServiceAllocatorOptions = {}) {
    this.#reader = deps.reader;
    this.#ips = new IpRange(options.serviceCidr ?? '10.96.0.0/16', deps.prng.fork('service-ips'));
    this.#ports = new PortRange(options.nodePortRange ?? '30000-32767', deps.prng.fork('node-ports'));
  }

  /** The address of the `kubernetes` service. */
  get firstIp(): string {
    return this.#ips.first;
  }

  get serviceCidr(): string {
    return this.#ips.cidr;
  }

  /** Takes what the stored services have. To be called once the cache is synced and before the first write. */
  rebuild(): void {
    this.#ips.clear();
    this.#ports.clear();
    for (const { spec } of this.#reader.list('services')) {
      for (const ip of clusterIpsOf(spec)) this.#ips.allocate(ip);
      for (const port of nodePortsOf(spec)) this.#ports.allocate(port);
      if (spec.healthCheckNodePort) this.#ports.allocate(spec.healthCheckNodePort);
    }
  }

  beginCreate(service: KubeObject, { dryRun }: { dryRun: boolean }): Finish {
    return this.#transaction(dryRun, (transaction) => {
      normalizeClusterIps(service);
      initIpFamilies(service);
      this.#allocateIp(service, transaction);
      if (service.spec.type === 'NodePort' || service.spec.type === 'LoadBalancer') {
        this.#allocateNodePorts(service, transaction);
      }
      if (needsHealthCheck(service.spec)) this.#allocateHealthCheckPort(service, transaction);
    });
  }

  beginUpdate(service: KubeObject, old: Readonly<KubeObject>, { dryRun }: { dryRun: boolean }): Finish {
    return this.#transaction(dryRun, (transaction) => {
      patchAllocatedValues(service, old);
      normalizeClusterIps(service, old);
      initIpFamilies(service, old);
      this.#updateIp(service, old, transaction);
      this.#updateNodePorts(service, old, transaction);
    });
  }

  afterDelete({ spec }: Readonly<KubeObject>): void {
    for (const ip of clusterIpsOf(spec)) this.#ips.release(ip);
    for (const port of nodePortsOf(spec)) this.#ports.release(port);
    if (needsHealthCheck(spec) && spec.healthCheckNodePort) this.#ports.release(spec.healthCheckNodePort);
  }

  #transaction(dryRun: boolean, work: (transaction: Transaction) => void): Finish {
    const transaction = new Transaction();
    try {
      work(transaction);
    } catch (error) {
      transaction.finish(false);
      throw error;
    }
    return (succeeded) => transaction.finish(succeeded && !dryRun);
  }

  #allocateIp(service: KubeObject, transaction: Transaction): void {
    const { spec } = service;
    if (spec.type === 'ExternalName' || spec.clusterIPs?.[0] === noClusterIp) return;
    const asked: string = spec.clusterIPs?.[0] ?? '';
    const ip = asked === '' ? this.#nextIp(service) : asked;
    if (asked !== '') {
      const problem = this.#ips.allocate(asked);
      if (problem !== undefined) {
        const errors = new FieldErrorList();
        errors.invalid(
          FieldPath.root('spec', 'clusterIPs'),
          spec.clusterIPs,
          `failed to allocate IP ${asked}: ${problem}`,
        );
        throwIfAny(service, errors);
      }
    }
    transaction.took(() => this.#ips.release(ip));
    spec.clusterIP = ip;
    spec.clusterIPs = [ip];
  }

  #nextIp(service: KubeObject): string {
    const ip = this.#ips.allocateNext();
    if (ip === undefined) {
      const name = JSON.stringify(service.metadata.name ?? '');
      throw newInternalError(`failed to allocate a serviceIP for Service ${name}: ${rangeFull}`);
    }
    return ip;
  }

  #updateIp(service: KubeObject, old: Readonly<KubeObject>, transaction: Transaction): void {
    const external = service.spec.type === 'ExternalName';
    const wasExternal = old.spec.type === 'ExternalName';
    if (wasExternal && !external) this.#allocateIp(service, transaction);
    else if (!wasExternal && external) {
      for (const ip of clusterIpsOf(old.spec)) transaction.releases(() => this.#ips.release(ip));
    }
  }

  #allocateNodePorts(service: KubeObject, transaction: Transaction): void {
    const { spec } = service;
    const given = new Map<number, number>();
    const ports: any[] = spec.ports ?? [];
    ports.forEach((port, i) => {
      if (!port.nodePort && !usesNodePorts(spec)) return;
      // The same port over another protocol shares the node port.
      const known = given.get(port.port);
      if (known !== undefined) {
        if (!port.nodePort) port.nodePort = known;
        else if (port.nodePort !== known) this.#takePort(service, i, port.nodePort, transaction);
        return;
      }
      const asked: number = ports.find((each) => each.port === port.port && each.nodePort)?.nodePort ?? 0;
      if (asked !== 0) this.#takePort(service, i, asked, transaction);
      port.nodePort = asked === 0 ? this.#nextPort('failed to allocate a nodePort', transaction) : asked;
      given.set(port.port, port.nodePort);
    });
  }

  #updateNodePorts(service: KubeObject, old: Readonly<KubeObject>, transaction: Transaction): void {
    const { spec } = service;
    const had = nodePortsOf(old.spec);
    const exposes = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
    if (exposes) {
      const taken = new Set(had);
      const seen = new Set<string>();
      (spec.ports ?? []).forEach((port: any, i: number) => {
        if (!port.nodePort && !usesNodePorts(spec)) return;
        if (!port.nodePort) port.nodePort = this.#nextPort('failed to allocate a nodePort', transaction);
        else if (!taken.has(port.nodePort)) this.#takePort(service, i, port.nodePort, transaction);
        taken.add(port.nodePort);
        const key = `${port.protocol ?? 'TCP'}/${port.nodePort}`;
        if (seen.has(key)) throw newInternalError(`duplicate nodePort: {${port.protocol ?? 'TCP'} ${port.nodePort}}`);
        seen.add(key);
      });
    }
    const has = new Set(exposes ? nodePortsOf(spec) : []);
    for (const port of new Set(had)) if (!has.has(port)) transaction.releases(() => this.#ports.release(port));

    if (!needsHealthCheck(old.spec) && needsHealthCheck(spec)) this.#allocateHealthCheckPort(service, transaction);
    else if (needsHealthCheck(old.spec) && !needsHealthCheck(spec) && old.spec.healthCheckNodePort) {
      const port: number = old.spec.healthCheckNodePort;
      transaction.releases(() => this.#ports.release(port));
    }
  }

  #allocateHealthCheckPort(service: KubeObject, transaction: Transaction): void {
    const asked: number = service.spec.healthCheckNodePort ?? 0;
    if (asked === 0) {
      service.spec.healthCheckNodePort = this.#nextPort('failed to allocate a HealthCheck NodePort 0', transaction);
      return;
    }
    const problem = this.#ports.allocate(asked);
    if (problem !== undefined) {
      throw newInternalError(`failed to allocate requested HealthCheck NodePort ${asked}: ${problem}`);
    }
    transaction.took(() => this.#ports.release(asked));
  }

  #takePort(service: KubeObject, index: number, port: number, transaction: Transaction): void {
    const problem = this.#ports.allocate(port);
    if (problem !== undefined) {
      const errors = new FieldErrorList();
      errors.invalid(FieldPath.root('spec', 'ports').index(index).child('nodePort'), port, problem);
      throwIfAny(service, errors);
    }
    transaction.took(() => this.#ports.release(port));
  }

  #nextPort(what: string, transaction: Transaction): number {
    const port = this.#ports.allocateNext();
    if (port === undefined) throw newInternalError(`${what}: ${rangeFull}`);
    transaction.took(() => this.#ports.release(port));
    return port;
  }
}

function clusterIpsOf(spec: any): string[] {
  if (spec.type === 'ExternalName') return [];
  const ips: string[] = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);
  return ips.filter((ip) => ip !== noClusterIp && ip !== '');
}
