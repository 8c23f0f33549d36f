import { FieldErrorList, FieldPath, type KubeObject, newInternalError, newInvalid } from '../../apimachinery/index.ts';
import type { Logger, Prng } from '../../base/index.ts';
import type { Finish, ObjectReader, RegistryHooks } from '../types.ts';
import { AllocationError, ClusterIps, rangeFull } from './cluster-ips.ts';
import type { IpAddressWriter } from './ip-address-objects.ts';
import { PortRange } from './port-range.ts';
import { type IpFamily, ipFamilyOf, ServiceCidrRange } from './service-cidr.ts';
import {
  initIpFamilies,
  keepsPreferredDualStack,
  needsHealthCheck,
  noClusterIp,
  nodePortsOf,
  normalizeClusterIps,
  patchAllocatedValues,
  throwIfAny,
  usesNodePorts,
} from './service-ip-families.ts';

export interface ServiceAllocatorOptions {
  /**
   * `--service-cluster-ip-range`: one, or two of different families, the first being that of services that name none.
   * Default 10.96.0.0/16 (kubeadm's 10.96.0.0/12 has the same first addresses).
   */
  readonly serviceCidrs?: readonly string[];
  /** `--service-node-port-range`. Default 30000-32767. */
  readonly nodePortRange?: string;
}

export interface ServiceAllocatorDeps {
  readonly reader: ObjectReader;
  readonly writer: IpAddressWriter;
  readonly prng: Prng;
  readonly log: Logger;
}

/** What one write took and what it gives back when it succeeds. */
class Transaction {
  readonly dryRun: boolean;
  readonly #undo: (() => void | Promise<void>)[] = [];
  readonly #onCommit: (() => void | Promise<void>)[] = [];

  constructor(dryRun: boolean) {
    this.dryRun = dryRun;
  }

  took(release: () => void | Promise<void>): void {
    this.#undo.push(release);
  }

  releases(release: () => void | Promise<void>): void {
    this.#onCommit.push(release);
  }

  /** Dry runs never succeed: what they took was only tried. */
  async finish(succeeded: boolean): Promise<void> {
    for (const step of succeeded && !this.dryRun ? this.#onCommit : this.#undo) await step();
  }
}

/**
 * Cluster IPs and node ports of services. Cluster IPs are kept as IPAddress objects, written before the service and taken
 * back when its write fails; node ports in memory, filled from the stored services at start. Every write of a service
 * goes through these hooks. Upstream: pkg/registry/core/service/storage/alloc.go.
 */
export class ServiceAllocator implements RegistryHooks {
  readonly #reader: ObjectReader;
  readonly #log: Logger;
  readonly #ips: ReadonlyMap<IpFamily, ClusterIps>;
  readonly #ranges: readonly ServiceCidrRange[];
  readonly #families: readonly IpFamily[];
  readonly ports: PortRange;
  /** Until the server serves others: nobody can be faster, so an address and its service go into one commit. */
  #booting = true;

  constructor(deps: ServiceAllocatorDeps, options: ServiceAllocatorOptions = {}) {
    this.#reader = deps.reader;
    this.#log = deps.log;
    this.#ranges = (options.serviceCidrs ?? ['10.96.0.0/16']).map((cidr) => new ServiceCidrRange(cidr));
    this.#families = this.#ranges.map(({ family }) => family);
    const prng = deps.prng.fork('service-ips');
    this.#ips = new Map(
      this.#ranges.map((range) => {
        const own = range === this.#ranges[0] ? prng : prng.fork(range.family);
        return [range.family, new ClusterIps({ reader: deps.reader, writer: deps.writer, prng: own }, range)];
      }),
    );
    this.ports = new PortRange(options.nodePortRange ?? '30000-32767', deps.prng.fork('node-ports'));
  }

  /** The address of the `kubernetes` service. */
  get firstIp(): string {
    return this.#ranges[0]!.first;
  }

  /** Of the default ServiceCIDR. */
  get serviceCidrs(): readonly string[] {
    return this.#ranges.map(({ cidr }) => cidr);
  }

  /** False for addresses that no ServiceCIDR has. */
  covers(ip: string): boolean {
    return this.#ips.get(ipFamilyOf(ip))?.covers(ip) ?? false;
  }

  /** Takes the ports that the stored services have. To be called once the cache is synced and before the first write. */
  rebuild(): void {
    this.ports.clear();
    for (const { spec } of this.#reader.list('services')) {
      for (const port of nodePortsOf(spec)) this.ports.allocate(port);
      if (spec.healthCheckNodePort) this.ports.allocate(spec.healthCheckNodePort);
    }
  }

  /** The server begins to serve others. */
  booted(): void {
    this.#booting = false;
  }

  beginCreate(service: KubeObject, { dryRun }: { dryRun: boolean }): Promise<Finish> {
    return this.#transaction(dryRun, async (transaction) => {
      normalizeClusterIps(service);
      initIpFamilies(service, this.#families);
      await this.#allocateIps(service, transaction);
      if (service.spec.type === 'NodePort' || service.spec.type === 'LoadBalancer') {
        this.#allocateNodePorts(service, transaction);
      }
      if (needsHealthCheck(service.spec)) this.#allocateHealthCheckPort(service, transaction);
    });
  }

  beginUpdate(service: KubeObject, old: Readonly<KubeObject>, { dryRun }: { dryRun: boolean }): Promise<Finish> {
    return this.#transaction(dryRun, async (transaction) => {
      patchAllocatedValues(service, old);
      normalizeClusterIps(service, old);
      initIpFamilies(service, this.#families, old);
      await this.#updateIps(service, old, transaction);
      this.#updateNodePorts(service, old, transaction);
    });
  }

  async afterDelete({ metadata, spec }: Readonly<KubeObject>): Promise<void> {
    for (const port of nodePortsOf(spec)) this.ports.release(port);
    if (needsHealthCheck(spec) && spec.healthCheckNodePort) this.ports.release(spec.healthCheckNodePort);
    for (const ip of clusterIpsOf(spec)) await this.#releaseIp(ip, metadata);
  }

  async #transaction(dryRun: boolean, work: (transaction: Transaction) => Promise<void>): Promise<Finish> {
    const transaction = new Transaction(dryRun);
    try {
      await work(transaction);
    } catch (error) {
      await transaction.finish(false);
      throw error;
    }
    return (succeeded) => transaction.finish(succeeded);
  }

  /** Each family of the service that has no address gets one; those that were asked for are taken. */
  async #allocateIps(service: KubeObject, transaction: Transaction): Promise<void> {
    const { spec } = service;
    if (spec.type === 'ExternalName' || spec.clusterIPs?.[0] === noClusterIp) return;
    const asked: readonly string[] = spec.clusterIPs ?? [];
    const ips: string[] = [];
    for (const [i, family] of (spec.ipFamilies as IpFamily[]).entries()) {
      ips.push(await this.#allocateIp(service, family, asked[i] ?? '', transaction));
    }
    spec.clusterIP = ips[0];
    spec.clusterIPs = ips;
  }

  async #allocateIp(service: KubeObject, family: IpFamily, asked: string, transaction: Transaction): Promise<string> {
    const { namespace = '', name = '' } = service.metadata;
    const allocator = this.#ips.get(family)!;
    const parent = { namespace, name };
    try {
      if (transaction.dryRun) return allocator.dryRun(asked);
      if (asked === '') {
        const ip = await allocator.allocateNext(parent);
        transaction.took(() => this.#releaseIp(ip, service.metadata));
        return ip;
      }
      const { ip, stored } = allocator.reserve(asked, parent);
      if (!this.#booting) await stored;
      else {
        stored.catch(() => {});
        transaction.releases(() => stored.catch(unlessTaken));
      }
      transaction.took(() => this.#releaseIp(ip, service.metadata));
      // As the client wrote it: what is stored stays as it was sent.
      return asked;
    } catch (error) {
      if (!(error instanceof AllocationError)) throw error;
      if (asked === '' && error.full) {
        throw newInternalError(`failed to allocate a serviceIP for Service ${JSON.stringify(name)}: ${rangeFull}`);
      }
      const errors = new FieldErrorList();
      const what = asked === '' ? 'failed to allocate IP' : `failed to allocate IP ${asked}`;
      const ips = service.spec.clusterIPs ?? null;
      errors.invalid(FieldPath.root('spec', 'clusterIPs'), ips, `${what}: ${error.message}`);
      throw newInvalid({ group: '', kind: 'Service' }, name, errors.errors);
    }
  }

  /** A leaked address is found by the repair loop, so that the write it belonged to is not undone. */
  async #releaseIp(ip: string, { namespace, name }: Readonly<KubeObject>['metadata']): Promise<void> {
    try {
      await this.#ips.get(ipFamilyOf(ip))?.release(ip);
    } catch (error) {
      this.#log.error('cluster IP is not released', { ip, service: `${namespace}/${name}`, error: String(error) });
    }
  }

  /** Upstream: updateClusterIPs. */
  async #updateIps(service: KubeObject, old: Readonly<KubeObject>, transaction: Transaction): Promise<void> {
    if (keepsPreferredDualStack(service, old)) return;
    const { spec } = service;
    const before = old.spec;
    const wasExternal = before.type === 'ExternalName';
    if (wasExternal) {
      if (spec.type !== 'ExternalName') await this.#allocateIps(service, transaction);
      return;
    }
    if (before.clusterIPs?.[0] === noClusterIp) return;
    if (spec.type === 'ExternalName') {
      for (const ip of clusterIpsOf(before)) transaction.releases(() => this.#releaseIp(ip, old.metadata));
      return;
    }
    const had: number = before.ipFamilies?.length ?? 0;
    const has: number = spec.ipFamilies?.length ?? 0;
    if (had === 1 && has === 2) {
      const [first, second = ''] = spec.clusterIPs;
      spec.clusterIPs = [first, await this.#allocateIp(service, spec.ipFamilies[1], second, transaction)];
    } else if (had === 2 && has === 1) {
      const ip: string = before.clusterIPs[1];
      transaction.releases(() => this.#releaseIp(ip, old.metadata));
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
    for (const port of new Set(had)) if (!has.has(port)) transaction.releases(() => this.ports.release(port));

    if (!needsHealthCheck(old.spec) && needsHealthCheck(spec)) this.#allocateHealthCheckPort(service, transaction);
    else if (needsHealthCheck(old.spec) && !needsHealthCheck(spec) && old.spec.healthCheckNodePort) {
      const port: number = old.spec.healthCheckNodePort;
      transaction.releases(() => this.ports.release(port));
    }
  }

  #allocateHealthCheckPort(service: KubeObject, transaction: Transaction): void {
    const asked: number = service.spec.healthCheckNodePort ?? 0;
    if (asked === 0) {
      service.spec.healthCheckNodePort = this.#nextPort('failed to allocate a HealthCheck NodePort 0', transaction);
      return;
    }
    const problem = this.ports.allocate(asked);
    if (problem !== undefined) {
      throw newInternalError(`failed to allocate requested HealthCheck NodePort ${asked}: ${problem}`);
    }
    transaction.took(() => this.ports.release(asked));
  }

  #takePort(service: KubeObject, index: number, port: number, transaction: Transaction): void {
    const problem = this.ports.allocate(port);
    if (problem !== undefined) {
      const errors = new FieldErrorList();
      errors.invalid(FieldPath.root('spec', 'ports').index(index).child('nodePort'), port, problem);
      throwIfAny(service, errors);
    }
    transaction.took(() => this.ports.release(port));
  }

  #nextPort(what: string, transaction: Transaction): number {
    const port = this.ports.allocateNext();
    if (port === undefined) throw newInternalError(`${what}: ${rangeFull}`);
    transaction.took(() => this.ports.release(port));
    return port;
  }
}

/** Left by a former `kubernetes` service, or made by another server of the same store. */
function unlessTaken(error: unknown): void {
  if (!(error instanceof AllocationError)) throw error;
}

export function clusterIpsOf(spec: any): string[] {
  if (spec.type === 'ExternalName') return [];
  const ips: string[] = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);
  return ips.filter((ip) => ip !== noClusterIp && ip !== '');
}
