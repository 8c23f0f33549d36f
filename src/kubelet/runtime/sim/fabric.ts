/**
 * The pod network in memory: addresses, listeners, and requests that find their way to them. The cluster's hooks know
 * Services, names and policies. Time passes only where a packet is dropped: then the caller waits for its timeout.
 */
import { assert, type Clock } from '../../../base/index.ts';
import {
  type Cidr,
  canonicalIp,
  cidrSize,
  familyOf,
  ipToNumber,
  joinHostPort,
  numberToIp,
  parseCidr,
  searchPath,
} from '../../../net/index.ts';
import type { ByteStream } from '../../../wire/index.ts';
import {
  ConnectError,
  type FabricHooks,
  type HttpRequest,
  type HttpResponse,
  type Listener,
  type NetworkFabric,
  type Peer,
  type Protocol,
  type ServiceEndpoint,
  type TcpSession,
} from './fabric-types.ts';
import { serveBytes } from './http-bytes.ts';

/** More addresses than a node ever gives to pods; an IPv6 range has many more. */
const maxRange = 2 ** 24;

interface Range {
  readonly cidr: Cidr;
  /** Addresses that are looked at. */
  readonly size: number;
  /** Offset handed out last; the next search starts after it, as host-local IPAM does. */
  last: number;
  readonly used: Map<number, string>;
}

export class MemoryFabric implements NetworkFabric {
  /** Set by the cluster; may be replaced at any time. */
  hooks: FabricHooks;
  readonly #clock: Clock;
  /** By node, one a family. */
  readonly #ranges = new Map<string, Range[]>();
  readonly #listeners = new Map<string, Map<number | '*', { readonly listener: Listener; readonly owner: Peer }>>();
  /** Host ports, by node address and port. */
  readonly #forwards = new Map<string, ServiceEndpoint>();

  constructor(deps: { readonly clock: Clock }, hooks: FabricHooks = {}) {
    this.#clock = deps.clock;
    this.hooks = hooks;
  }

  allocate(node: string, podCIDR: string, owner: string): string {
    const range = this.#range(node, podCIDR);
    // .0 names the network, .1 is the node's bridge, the last is broadcast.
    for (let i = 1; i <= range.size; i++) {
      const offset = (range.last + i) % range.size;
      if (offset < 2 || offset === range.size - 1 || range.used.has(offset)) continue;
      range.used.set(offset, owner);
      range.last = offset;
      return addressAt(range, offset);
    }
    throw new Error(
      `failed to allocate for range 0: no IP addresses available in range set: ${addressAt(range, 1)}-${addressAt(range, range.size - 2)}`,
    );
  }

  claim(node: string, podCIDR: string, ip: string, owner: string): void {
    const range = this.#range(node, podCIDR);
    const offset = offsetIn(range, ip);
    assert(offset !== undefined, `${ip} is not in ${podCIDR}`);
    range.used.set(offset, owner);
  }

  release(node: string, ip: string): void {
    for (const range of this.#ranges.get(node) ?? []) {
      const offset = offsetIn(range, ip);
      if (offset !== undefined) range.used.delete(offset);
    }
    this.#listeners.delete(ip);
  }

  listen(ip: string, port: number | '*', listener: Listener, owner: Peer): { close(): void } {
    let ports = this.#listeners.get(ip);
    if (!ports) {
      ports = new Map();
      this.#listeners.set(ip, ports);
    }
    if (ports.has(port) || this.#forwards.has(joinHostPort(ip, Number(port)))) throw inUse(ip, port);
    const entry = { listener, owner };
    ports.set(port, entry);
    return {
      close: () => {
        const now = this.#listeners.get(ip);
        if (now?.get(port) !== entry) return;
        now.delete(port);
        if (now.size === 0) this.#listeners.delete(ip);
      },
    };
  }

  forward(ip: string, port: number, to: ServiceEndpoint): { close(): void } {
    const at = joinHostPort(ip, port);
    if (this.#forwards.has(at) || this.#listeners.get(ip)?.has(port)) throw inUse(ip, port);
    this.#forwards.set(at, to);
    return {
      close: () => {
        if (this.#forwards.get(at) === to) this.#forwards.delete(at);
      },
    };
  }

  lookup(name: string, searches: readonly string[], ndots: number, from: Peer, servers?: readonly string[]) {
    if (/^\d+\.\d+\.\d+\.\d+$/.test(name) || name.includes(':')) return { name, ips: [name] };
    if (name === 'localhost') return { name, ips: ['127.0.0.1'] };
    for (const candidate of searchPath(name, searches, ndots)) {
      const ips = this.hooks.resolveName?.(candidate.toLowerCase(), from, servers);
      if (ips && ips.length > 0) return { name: candidate, ips };
    }
    return undefined;
  }

  async http(ip: string, port: number, request: HttpRequest, peer: Peer, timeoutMs: number): Promise<HttpResponse> {
    const from = senderTo(ip, port, peer);
    const { target, to } = await this.#find(ip, port, from, timeoutMs);
    if (!target) {
      const external = this.hooks.external?.(to.ip, to.port, request, from);
      if (!external) throw await this.#unreachable(ip, port, timeoutMs);
      return this.#within(external, timeoutMs, ip, port);
    }
    if (!target.http) throw new ConnectError('EPROTO', 'EOF');
    return this.#within(target.http(request, from), timeoutMs, ip, port);
  }

  async connect(ip: string, port: number, peer: Peer, timeoutMs: number): Promise<TcpSession> {
    const from = senderTo(ip, port, peer);
    const { target, to } = await this.#find(ip, port, from, timeoutMs);
    if (!target) {
      // The outside answers HTTP only, but its sockets open.
      const external = this.hooks.external?.(to.ip, to.port, { method: 'HEAD', path: '/', headers: {} }, from);
      if (!external) throw await this.#unreachable(ip, port, timeoutMs);
      return { send: async () => '', close: () => {} };
    }
    if (target.tcp) return target.tcp(from);
    return { send: async () => '', close: () => {} };
  }

  async stream(ip: string, port: number, connection: ByteStream, peer: Peer, timeoutMs: number): Promise<void> {
    const from = senderTo(ip, port, peer);
    const { target } = await this.#find(ip, port, from, timeoutMs);
    if (!target) throw await this.#unreachable(ip, port, timeoutMs);
    await serveBytes(target, connection, from);
  }

  async datagram(ip: string, port: number, bytes: Uint8Array, peer: Peer, timeoutMs: number) {
    const from = senderTo(ip, port, peer);
    const { target } = await this.#find(ip, port, from, timeoutMs, 'UDP');
    if (!target?.datagram) throw refused(ip, port);
    return this.#within(target.datagram(bytes, from), timeoutMs, ip, port);
  }

  async grpcHealth(ip: string, port: number, service: string, peer: Peer, timeoutMs: number) {
    const from = senderTo(ip, port, peer);
    const { target } = await this.#find(ip, port, from, timeoutMs);
    if (!target) throw await this.#unreachable(ip, port, timeoutMs);
    if (!target.grpcHealth) throw new ConnectError('EPROTO', 'error reading server preface: http2: frame too large');
    return target.grpcHealth(service);
  }

  /** Where packets end, after Services; no listener there when that is outside. @throws ConnectError */
  async #find(
    ip: string,
    port: number,
    from: Peer,
    timeoutMs: number,
    protocol: Protocol = 'TCP',
  ): Promise<{ readonly target: Listener | undefined; readonly to: ServiceEndpoint }> {
    // Load balancers of klab have loopback addresses, which the node's rules know like any other.
    const balanced = isOtherLoopback(ip) && this.hooks.resolveService?.(ip, port, protocol, from) !== undefined;
    const loopback = !balanced && (ip.startsWith('127.') || ip === '::1');
    const ownerOf = (address: string) => this.#listeners.get(address)?.values().next().value?.owner;
    let to: ServiceEndpoint = { ip: loopback ? from.ip : ip.includes(':') ? canonicalIp(ip) : ip, port };
    const local = to.ip === from.ip;
    const service = local ? undefined : this.hooks.resolveService?.(ip, port, protocol, from);
    if (service === 'refused') throw refused(ip, port);
    if (service === 'drop') throw await this.#timedOut(ip, port, timeoutMs);
    // Services go first: kube-proxy's rules stand before portmap's. The node's own loopback is forwarded too.
    const forwarded = service ? undefined : this.#forwards.get(joinHostPort(to.ip, to.port));
    to = service ?? forwarded ?? to;
    if (!local || forwarded) {
      if (this.hooks.allowed && !this.hooks.allowed(from, to, ownerOf(to.ip)))
        throw await this.#timedOut(ip, port, timeoutMs);
    }
    const ports = this.#listeners.get(to.ip);
    const entry = ports?.get(to.port) ?? ports?.get('*');
    if (entry) return { target: entry.listener, to };
    const machine = this.hooks.machineListener?.(to);
    if (machine) return { target: machine, to };
    if (ports || local || this.#isAllocated(to.ip)) throw refused(ip, port);
    return { target: undefined, to };
  }

  #isAllocated(ip: string): boolean {
    for (const ranges of this.#ranges.values()) {
      for (const range of ranges) {
        const offset = offsetIn(range, ip);
        if (offset !== undefined) return range.used.has(offset);
      }
    }
    return false;
  }

  async #within<T>(answer: Promise<T>, timeoutMs: number, ip: string, port: number): Promise<T> {
    const done = new AbortController();
    const late = this.#clock.sleep(timeoutMs, done.signal).then(() => {
      throw new ConnectError('ETIMEDOUT', `read tcp ${joinHostPort(ip, port)}: i/o timeout`);
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      late.catch(() => {});
      done.abort();
    }
  }

  async #timedOut(ip: string, port: number, timeoutMs: number): Promise<ConnectError> {
    await this.#clock.sleep(timeoutMs);
    return new ConnectError('ETIMEDOUT', `dial tcp ${joinHostPort(ip, port)}: i/o timeout`);
  }

  async #unreachable(ip: string, port: number, timeoutMs: number): Promise<ConnectError> {
    // A pod's address that nobody has any more: no answer comes.
    await this.#clock.sleep(Math.min(timeoutMs, 3_000));
    return new ConnectError('EHOSTUNREACH', `dial tcp ${joinHostPort(ip, port)}: connect: no route to host`);
  }

  #range(node: string, podCIDR: string): Range {
    const cidr = parseCidr(podCIDR);
    if (!cidr) throw new Error(`invalid CIDR address: ${podCIDR}`);
    let ranges = this.#ranges.get(node);
    if (!ranges) {
      ranges = [];
      this.#ranges.set(node, ranges);
    }
    const known = ranges.find((range) => range.cidr.family === cidr.family);
    if (known) return known;
    const total = cidrSize(cidr);
    const range: Range = { cidr, size: total > maxRange ? maxRange : Number(total), last: 1, used: new Map() };
    ranges.push(range);
    return range;
  }
}

function inUse(ip: string, port: number | '*'): Error {
  return new Error(`listen tcp ${ip.includes(':') ? `[${ip}]` : ip}:${port}: bind: address already in use`);
}

/** Of 127.0.0.0/8, but not the one that everybody means. */
function isOtherLoopback(ip: string): boolean {
  return ip.startsWith('127.') && ip !== '127.0.0.1';
}

function refused(ip: string, port: number): ConnectError {
  return new ConnectError('ECONNREFUSED', `dial tcp ${joinHostPort(ip, port)}: connect: connection refused`);
}

function addressAt({ cidr }: Range, offset: number): string {
  return numberToIp(cidr.base + BigInt(offset), cidr.family);
}

function offsetIn({ cidr, size }: Range, ip: string): number | undefined {
  if (familyOf(ip) !== cidr.family) return undefined;
  const offset = ipToNumber(ip)! - cidr.base;
  return offset >= 0n && offset < size ? Number(offset) : undefined;
}

/** Who a packet to `ip` comes from: the sender's address of that family. @throws ConnectError when it has none */
function senderTo(ip: string, port: number, from: Peer): Peer {
  if (from.ips === undefined || from.ips.length === 0 || ip.startsWith('127.') || ip === '::1') return from;
  const family = familyOf(ip);
  const own = from.ips.find((each) => familyOf(each) === family);
  if (own === undefined) {
    throw new ConnectError('EHOSTUNREACH', `dial tcp ${joinHostPort(ip, port)}: connect: network is unreachable`);
  }
  return own === from.ip ? from : { ...from, ip: own };
}
