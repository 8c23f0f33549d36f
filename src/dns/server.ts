/** Cluster DNS on a port of the host, over UDP and TCP. Loaded by whoever starts it: boot does not need it. */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import type { Packet } from 'dns-packet';
import dnsPacket from 'dns-packet';
import { type Logger, wallClock } from '../base/index.ts';
import { type AnswerOptions, answer, failure, responseCode, truncated, udpSizeOf, withEdns } from './answer.ts';
import { type DnsUpstream, exchange } from './forward.ts';
import type { ClusterDns } from './records.ts';

/** A client that says nothing for so long is let go. */
const tcpIdleMs = 10_000;
const mostTcpClients = 256;
/** Queries sent on at the same time: more are refused, or a dead upstream would pile them up. */
const mostForwarded = 256;

export interface DnsServerOptions extends AnswerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free one, the same for UDP and TCP. */
  readonly port?: number;
  /** Who resolves names that are not the cluster's. Default nobody: they are REFUSED. */
  readonly upstreams?: readonly DnsUpstream[];
}

export interface DnsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens on both protocols. @throws the operating system's error (EADDRINUSE, EACCES). */
export async function serveDns(
  deps: { readonly dns: ClusterDns; readonly log: Logger },
  options: DnsServerOptions = {},
): Promise<DnsServer> {
  const { host = '127.0.0.1', port = 0 } = options;
  const responder = new Responder(deps, options);
  // TCP first: it finds a free port more often than not free for UDP as well.
  for (let attempt = 0; ; attempt++) {
    const tcp = await listenTcp(responder, host, port);
    const chosen = (tcp.address() as { port: number }).port;
    try {
      const udp = await listenUdp(responder, host, chosen);
      let closed: Promise<void> | undefined;
      return {
        port: chosen,
        close: () => {
          closed ??= close(udp, tcp, responder);
          return closed;
        },
      };
    } catch (error) {
      await new Promise((resolve) => tcp.close(resolve));
      if (port !== 0 || attempt === 9) throw error;
    }
  }
}

async function close(udp: UdpSocket, tcp: Server, responder: Responder): Promise<void> {
  responder.abort();
  await new Promise<void>((resolve) => udp.close(() => resolve()));
  const closed = new Promise((resolve) => tcp.close(resolve));
  for (const socket of responder.sockets) socket.destroy();
  await closed;
}

class Responder {
  readonly sockets = new Set<Socket>();
  readonly #dns: ClusterDns;
  readonly #log: Logger;
  readonly #options: DnsServerOptions;
  readonly #end = new AbortController();
  #forwarded = 0;

  constructor({ dns, log }: { dns: ClusterDns; log: Logger }, options: DnsServerOptions) {
    this.#dns = dns;
    this.#log = log;
    this.#options = options;
  }

  abort(): void {
    this.#end.abort();
  }

  /** The answer's bytes; undefined for what is no query at all. */
  async respond(bytes: Buffer, protocol: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    let query: Packet;
    try {
      query = dnsPacket.decode(bytes);
    } catch {
      // With a header one can say so; without, there is nobody to say it to.
      if (bytes.length < 12 || (bytes[2]! & 0x80) !== 0) return undefined;
      return dnsPacket.encode(failure({ id: bytes.readUInt16BE(0), flags: 0 }, responseCode.formatError));
    }
    if (query.type !== 'query') return undefined;
    try {
      const answered = answer(this.#dns, query, this.#options);
      if (!answered) return await this.#forward(bytes, query, protocol);
      let { packet } = answered;
      if (answered.elsewhere) packet = await this.#follow(packet, answered.elsewhere, protocol);
      return encode(query, packet, protocol);
    } catch (error) {
      this.#log.warn('DNS query failed', { name: query.questions?.[0]?.name, error: String(error) });
      return dnsPacket.encode(failure(query, responseCode.serverFailure));
    }
  }

  /** Names of others go on as they came, and so do their answers. */
  async #forward(bytes: Buffer, query: Packet, protocol: 'udp' | 'tcp'): Promise<Buffer> {
    const { upstreams = [] } = this.#options;
    if (upstreams.length === 0) return dnsPacket.encode(withEdns(query, failure(query, responseCode.refused)));
    if (this.#forwarded >= mostForwarded) return dnsPacket.encode(failure(query, responseCode.serverFailure));
    this.#forwarded++;
    try {
      return await exchange(bytes, upstreams, { protocol, signal: this.#end.signal });
    } finally {
      this.#forwarded--;
    }
  }

  /** An ExternalName: the alias is ours, its address is not. Without an answer from there the alias must do. */
  async #follow(packet: Packet, elsewhere: { name: string; type: string }, protocol: 'udp' | 'tcp'): Promise<Packet> {
    const { upstreams = [] } = this.#options;
    if (upstreams.length === 0) return packet;
    const question = { name: elsewhere.name, type: elsewhere.type as 'A', class: 'IN' as const };
    const asked = dnsPacket.encode({
      type: 'query',
      id: packet.id,
      flags: dnsPacket.RECURSION_DESIRED,
      questions: [question],
    });
    try {
      const bytes = await exchange(asked, upstreams, { protocol, signal: this.#end.signal });
      return { ...packet, answers: [...(packet.answers ?? []), ...(dnsPacket.decode(bytes).answers ?? [])] };
    } catch {
      return packet;
    }
  }
}

function encode(query: Packet, packet: Packet, protocol: 'udp' | 'tcp'): Buffer {
  const whole = dnsPacket.encode(withEdns(query, packet));
  return protocol === 'tcp' || whole.length <= udpSizeOf(query) ? whole : dnsPacket.encode(truncated(query, packet));
}

function listenUdp(responder: Responder, host: string, port: number): Promise<UdpSocket> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const onMessage = async (bytes: Buffer, from: RemoteInfo) => {
    const reply = await responder.respond(bytes, 'udp');
    // The socket may have closed meanwhile; a datagram that is lost is what UDP is.
    if (reply) {
      try {
        socket.send(reply, from.port, from.address, () => {});
      } catch {}
    }
  };
  socket.on('message', (bytes, from) => void onMessage(bytes, from));
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, host, () => {
      socket.off('error', reject);
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

function listenTcp(responder: Responder, host: string, port: number): Promise<Server> {
  const server = createServer((socket) => {
    if (responder.sockets.size >= mostTcpClients) {
      socket.destroy();
      return;
    }
    responder.sockets.add(socket);
    socket.once('close', () => responder.sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    void converse(responder, socket);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve(server);
    });
  });
}

/** Queries and answers, each behind its length in two bytes, one after the other. */
async function converse(responder: Responder, socket: Socket): Promise<void> {
  let held: Buffer = Buffer.alloc(0);
  let idle = wallClock.schedule(tcpIdleMs, () => socket.destroy());
  socket.once('close', () => idle.cancel());
  try {
    for await (const chunk of socket) {
      idle.cancel();
      held = held.length === 0 ? (chunk as Buffer) : Buffer.concat([held, chunk as Buffer]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const end = 2 + held.readUInt16BE(0);
        const reply = await responder.respond(held.subarray(2, end), 'tcp');
        held = held.subarray(end);
        if (!reply) continue;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(reply.length);
        socket.write(Buffer.concat([length, reply]));
      }
      idle = wallClock.schedule(tcpIdleMs, () => socket.destroy());
    }
    socket.end();
  } catch {
    socket.destroy();
  }
}
