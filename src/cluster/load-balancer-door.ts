/**
 * Load balancers on this machine: each port of a Service of type LoadBalancer listens on the Service's own address, which
 * is one of 127.0.0.0/8, and reaches its pods. A port that may not be opened there (below 1024 without the right, or any
 * where only 127.0.0.1 exists) gets another one, which is remembered, told by an event and shown by `klab status`.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Service } from '../api/index.ts';
import type { KubeObject } from '../apimachinery/index.ts';
import { type Logger, Prng } from '../base/index.ts';
import type { EventRecorder, SharedInformer } from '../client/index.ts';
import type { NetworkFabric, Peer } from '../kubelet/index.ts';
import { cidrContains, isIp, parseCidr } from '../net/index.ts';
import { socketByteStream } from '../wire/index.ts';
import { writeFileAtomically } from './state.ts';

const connectTimeoutMs = 10_000;
const datagramTimeoutMs = 5_000;
/** Connections of one port at the same time. */
const mostConnections = 1024;
/** Datagrams of one port that wait for an answer. */
const mostDatagrams = 256;
const rangesAnnotation = 'service.beta.kubernetes.io/load-balancer-source-ranges';

/** One port of a Service and where this machine has it. */
export interface LoadBalancerPort {
  /** `namespace/name`. */
  readonly service: string;
  /** What EXTERNAL-IP shows, and the Service's port. */
  readonly address: string;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP';
  readonly host: string;
  readonly hostPort: number;
}

export interface LoadBalancerDoorDeps {
  readonly services: SharedInformer;
  readonly fabric: () => NetworkFabric;
  /** This machine as pods see it. */
  readonly peer: Peer;
  readonly events: EventRecorder;
  readonly log: Logger;
  /** Where ports are remembered. Absent: nowhere. */
  readonly dir?: string;
}

interface Open extends LoadBalancerPort {
  close(): Promise<void>;
}

interface Remembered {
  readonly pid: number;
  readonly ports: readonly LoadBalancerPort[];
}

const fileIn = (dir: string) => join(dir, 'load-balancers.json');

/** What is open; `pid`: only what that server wrote. */
export function readLoadBalancers(dir: string, pid?: number): readonly LoadBalancerPort[] {
  if (!existsSync(fileIn(dir))) return [];
  try {
    const read: Remembered = JSON.parse(readFileSync(fileIn(dir), 'utf8'));
    return pid === undefined || pid === read.pid ? read.ports : [];
  } catch {
    // Ports are found anew as well as remembered.
    return [];
  }
}

/**
 * A range of this machine's loopback network for one cluster, by its folder: two clusters rarely meet. Undefined where
 * loopback is one address only.
 */
export function loadBalancerCidr(folder: string): string | undefined {
  if (process.platform === 'darwin') return undefined;
  const prng = new Prng(`load-balancers ${folder}`);
  return `127.${64 + prng.int(128)}.${prng.int(256)}.0/24`;
}

export class LoadBalancerDoor {
  readonly #deps: LoadBalancerDoorDeps;
  readonly #open = new Map<string, Open>();
  /** Where a port was last time, by its key. */
  readonly #before = new Map<string, number>();
  /** Changes come one after the other. */
  #changing: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(deps: LoadBalancerDoorDeps) {
    this.#deps = deps;
    for (const each of deps.dir === undefined ? [] : readLoadBalancers(deps.dir))
      this.#before.set(keyOf(each), each.hostPort);
    const changed = (service: Readonly<KubeObject>) => {
      if (concerns(service) || this.#has(service)) this.#later(() => this.#sync(service));
    };
    deps.services.addHandler({
      onAdd: changed,
      onUpdate: (_, service) => changed(service),
      onDelete: (service) => this.#later(() => this.#closeAll((each) => each.service === nameOf(service))),
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#changing;
    await this.#closeAll(() => true, false);
  }

  #later(change: () => Promise<void>): void {
    this.#changing = this.#changing.then(change).catch((error: unknown) => {
      this.#deps.log.error('load balancers: a change failed', { error: String(error) });
    });
  }

  #has(service: Readonly<KubeObject>): boolean {
    const name = nameOf(service);
    return [...this.#open.values()].some((each) => each.service === name);
  }

  async #sync(service: Readonly<KubeObject>): Promise<void> {
    if (this.#closed) return;
    const name = nameOf(service);
    const wanted = new Map(portsOf(service).map((each) => [keyOf(each), each]));
    await this.#closeAll((each) => each.service === name && !wanted.has(keyOf(each)), false);
    for (const [key, each] of wanted) {
      if (this.#open.has(key)) continue;
      const open = await this.#listen(service, each);
      if (open) this.#open.set(key, open);
    }
    this.#record();
  }

  async #closeAll(which: (each: Open) => boolean, record = true): Promise<void> {
    for (const [key, each] of this.#open) {
      if (!which(each)) continue;
      this.#open.delete(key);
      await each.close();
    }
    if (record) this.#record();
  }

  #record(): void {
    if (this.#deps.dir === undefined) return;
    const ports = [...this.#open.values()].map(({ close: _, ...each }) => each);
    const remembered: Remembered = { pid: process.pid, ports };
    writeFileAtomically(fileIn(this.#deps.dir), `${JSON.stringify(remembered)}\n`);
  }

  async #listen(service: Readonly<KubeObject>, each: Wanted): Promise<Open | undefined> {
    const places = placesFor(each, this.#before.get(keyOf(each)));
    let problem: unknown;
    for (const { host, port } of places) {
      try {
        const opened = each.protocol === 'TCP' ? await this.#tcp(each, host, port) : await this.#udp(each, host, port);
        const open: Open = { ...each, host, ...opened };
        if (host !== each.address || open.hostPort !== each.port) {
          const message = `port ${each.port}/${each.protocol} of ${each.address} cannot be opened on this machine (${said(problem)}): it is at ${host}:${open.hostPort}`;
          this.#deps.events.event(service, 'Normal', 'LoadBalancerPortMoved', message);
        }
        this.#before.set(keyOf(each), open.hostPort);
        return open;
      } catch (error) {
        problem ??= error;
      }
    }
    const message = `port ${each.port}/${each.protocol} of ${each.address} cannot be opened on this machine: ${said(problem)}`;
    this.#deps.events.event(service, 'Warning', 'LoadBalancerPortFailed', message);
    this.#deps.log.warn('load balancer', { message });
    return undefined;
  }

  /** The Service as it is now: ranges may have changed since the port opened. */
  #mayEnter({ service }: Wanted, client: string): boolean {
    const [namespace, name] = service.split('/') as [string, string];
    const found = this.#deps.services.lister.get(namespace, name);
    const ranges = found ? rangesOf(found) : [];
    // A client on this machine is the machine, under either of its addresses.
    const addresses = client.startsWith('127.') ? [client, this.#deps.peer.ip] : [client];
    return ranges.length === 0 || ranges.some((range) => addresses.some((address) => contains(range, address)));
  }

  /** Who pods see: this machine, unless a client chose an address of its own. */
  #peerOf(client: string): Peer {
    return client === '127.0.0.1' ? this.#deps.peer : { ip: client };
  }

  async #tcp(each: Wanted, host: string, port: number): Promise<{ hostPort: number; close(): Promise<void> }> {
    const sockets = new Set<Socket>();
    const server: Server = createServer((socket) => {
      const client = socket.remoteAddress ?? '';
      socket.on('error', () => socket.destroy());
      if (sockets.size >= mostConnections || !this.#mayEnter(each, client)) {
        socket.resetAndDestroy();
        return;
      }
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      this.#deps
        .fabric()
        .stream(each.address, each.port, socketByteStream(socket), this.#peerOf(client), connectTimeoutMs)
        .catch(() => socket.resetAndDestroy());
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    const close = async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    };
    return { hostPort: (server.address() as { port: number }).port, close };
  }

  async #udp(each: Wanted, host: string, port: number): Promise<{ hostPort: number; close(): Promise<void> }> {
    const socket: UdpSocket = createSocket('udp4');
    let waiting = 0;
    let open = true;
    socket.on('message', (bytes, from) => {
      if (waiting >= mostDatagrams || !this.#mayEnter(each, from.address)) return;
      waiting++;
      this.#deps
        .fabric()
        .datagram(each.address, each.port, bytes, this.#peerOf(from.address), datagramTimeoutMs)
        .then(
          (answer) => {
            if (answer && open) socket.send(answer, from.port, from.address, () => {});
          },
          // Nobody there: a datagram that is lost.
          () => {},
        )
        .finally(() => {
          waiting--;
        });
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(port, host, () => {
        socket.off('error', reject);
        socket.on('error', () => {});
        resolve();
      });
    });
    const close = () =>
      new Promise<void>((resolve) => {
        open = false;
        socket.close(() => resolve());
      });
    return { hostPort: socket.address().port, close };
  }
}

type Wanted = Omit<LoadBalancerPort, 'host' | 'hostPort'>;

const keyOf = ({ service, address, port, protocol }: Wanted) => `${service} ${address} ${port}/${protocol}`;
const nameOf = ({ metadata }: Readonly<KubeObject>) => `${metadata.namespace}/${metadata.name}`;

function concerns({ spec }: Readonly<KubeObject>): boolean {
  return (spec as Service['spec'])?.type === 'LoadBalancer';
}

/** TCP and UDP ports of every IPv4 address that the Service was given. SCTP has no sockets here. */
function portsOf(service: Readonly<KubeObject>): Wanted[] {
  const { spec, status, metadata } = service as Service;
  if (spec?.type !== 'LoadBalancer' || metadata?.deletionTimestamp !== undefined) return [];
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) =>
    ip === undefined || !isIp(ip) || ip.includes(':')
      ? []
      : (spec.ports ?? []).flatMap(({ port, protocol = 'TCP' }) =>
          protocol === 'TCP' || protocol === 'UDP' ? [{ service: nameOf(service), address: ip, port, protocol }] : [],
        ),
  );
}

/** Its own address and port; else where it was, else any port. Addresses of other networks are not this machine's. */
function placesFor({ address, port }: Wanted, before: number | undefined): { host: string; port: number }[] {
  const own = address.startsWith('127.') && process.platform !== 'darwin';
  const host = own ? address : '127.0.0.1';
  return [...new Set([...(own ? [port] : []), ...(before === undefined ? [] : [before]), 0])].map((each) => ({
    host,
    port: each,
  }));
}

function rangesOf({ spec, metadata }: Readonly<KubeObject>): readonly string[] {
  const ranges: readonly string[] = (spec as Service['spec'])?.loadBalancerSourceRanges ?? [];
  if (ranges.length > 0) return ranges;
  return (metadata.annotations?.[rangesAnnotation] ?? '').split(',').flatMap((each) => each.trim() || []);
}

function contains(range: string, address: string): boolean {
  const cidr = parseCidr(range.trim());
  return cidr !== undefined && cidrContains(cidr, address);
}

function said(problem: unknown): string {
  const { code } = (problem ?? {}) as NodeJS.ErrnoException;
  if (code === 'EACCES') return 'ports below 1024 need the right to open them';
  if (code === 'EADDRINUSE') return 'the port is taken by another program';
  return problem === undefined ? 'its address is not of this machine' : String((problem as Error).message ?? problem);
}
