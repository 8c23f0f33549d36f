/** The simulated pod network as runtime and cluster see it. The cluster supplies names and Services; pods attach listeners. */

import type { ByteStream } from '../../../wire/index.ts';

export interface HttpRequest {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A dialogue over a simulated TCP connection: what is sent, and what comes back at once. */
export interface TcpSession {
  /** The peer's answer; empty when it says nothing. */
  send(data: string): Promise<string>;
  close(): void;
}

/** What a simulated process does with connections to one of its ports. */
export interface Listener {
  /** Absent: the port speaks no HTTP and the client sees a malformed answer. */
  http?(request: HttpRequest, peer: Peer): Promise<HttpResponse>;
  tcp?(peer: Peer): TcpSession;
  /** What a UDP port answers to a datagram; undefined: nothing. */
  datagram?(bytes: Uint8Array, peer: Peer): Promise<Uint8Array | undefined>;
  grpcHealth?(service: string): 'SERVING' | 'NOT_SERVING' | 'UNKNOWN';
}

/** Who talks. */
export interface Peer {
  readonly ip: string;
  /** All its addresses, when it has those of a pod: it reaches only the families it has. */
  readonly ips?: readonly string[];
  readonly node?: string;
  readonly namespace?: string;
  readonly pod?: string;
}

export interface ServiceEndpoint {
  readonly ip: string;
  readonly port: number;
}

export type Protocol = 'TCP' | 'UDP' | 'SCTP';

/** What the cluster knows and the fabric asks. */
export interface FabricHooks {
  /**
   * Where a packet to `ip:port` goes: the endpoint a Service's rules choose, `'refused'` when a Service has none (REJECT),
   * `'drop'` when a policy drops it, undefined when `ip:port` is no Service.
   */
  resolveService?(
    ip: string,
    port: number,
    protocol: Protocol,
    from: Peer,
  ): ServiceEndpoint | 'refused' | 'drop' | undefined;
  /** Addresses of a fully qualified name (no trailing dot) as these name servers know it, undefined = NXDOMAIN. */
  resolveName?(name: string, from: Peer, servers?: readonly string[]): readonly string[] | undefined;
  /**
   * False when a NetworkPolicy or a cut link keeps the two apart: the packet is dropped. `owner`: whose address `to` is, when
   * it is one of the fabric's.
   */
  allowed?(from: Peer, to: ServiceEndpoint, owner: Peer | undefined): boolean;
  /** What a machine itself listens with where no process of a pod does: kube-proxy's health checks. */
  machineListener?(to: ServiceEndpoint): Listener | undefined;
  /** Answers for addresses outside the pod network (API server, the world). */
  external?(ip: string, port: number, request: HttpRequest, from: Peer): Promise<HttpResponse> | undefined;
}

/** Why a simulated connection failed. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
  readonly code: 'ECONNREFUSED' | 'ETIMEDOUT' | 'EHOSTUNREACH' | 'ENOTFOUND' | 'EPROTO';
  constructor(code: ConnectError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export interface NetworkFabric {
  /** The next free address of one of the node's pod CIDRs. @throws ConnectError-free Error when the range is full. */
  allocate(node: string, podCIDR: string, owner: string): string;
  /** Takes a known address (pods that outlived a restart). */
  claim(node: string, podCIDR: string, ip: string, owner: string): void;
  release(node: string, ip: string): void;
  /** Opens a port of `ip`; `'*'` answers ports nobody else listens on. @throws when the port is taken. */
  listen(ip: string, port: number | '*', listener: Listener, owner: Peer): { close(): void };
  /**
   * Sends a port of a node's address on to a pod, as the CNI plugin portmap does for host ports: NetworkPolicies see the pod.
   * @throws when the port is taken.
   */
  forward(ip: string, port: number, to: ServiceEndpoint): { close(): void };
  /** Addresses of a name as a resolver with these search domains finds them. */
  lookup(
    name: string,
    searches: readonly string[],
    ndots: number,
    from: Peer,
    /** Whom the resolver asks. Default cluster DNS. */
    servers?: readonly string[],
  ): { readonly name: string; readonly ips: readonly string[] } | undefined;
  /** One HTTP exchange with `ip:port` (pod, Service or external address). @throws ConnectError */
  http(ip: string, port: number, request: HttpRequest, from: Peer, timeoutMs: number): Promise<HttpResponse>;
  /** A TCP connection. @throws ConnectError */
  connect(ip: string, port: number, from: Peer, timeoutMs: number): Promise<TcpSession>;
  /** One TCP connection of bytes, served to its end. @throws ConnectError when it cannot be opened. */
  stream(ip: string, port: number, connection: ByteStream, from: Peer, timeoutMs: number): Promise<void>;
  /** One datagram and what comes back; undefined: nothing does. @throws ConnectError */
  datagram(ip: string, port: number, bytes: Uint8Array, from: Peer, timeoutMs: number): Promise<Uint8Array | undefined>;
  grpcHealth(
    ip: string,
    port: number,
    service: string,
    from: Peer,
    timeoutMs: number,
  ): Promise<'SERVING' | 'NOT_SERVING' | 'UNKNOWN'>;
}
