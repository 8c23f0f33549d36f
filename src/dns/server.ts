/** Cluster DNS on a port of the host, over UDP and TCP. Loaded by whoever starts it: boot does not need it. */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { type Logger, wallClock } from '../base/index.ts';
import { bareFailure, headerBytes, responseCode } from './message.ts';
import type { DnsClient } from './name-server.ts';

/** A client that says nothing for so long is let go. */
const tcpIdleMs = 10_000;
const mostTcpClients = 256;

export interface DnsServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free one, the same for UDP and TCP. */
  readonly port?: number;
}

export interface DnsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens on both protocols. @throws the operating system's error (EADDRINUSE, EACCES). */
export async function serveDns(
  deps: { readonly respond: Respond; readonly log: Logger },
  options: DnsServerOptions = {},
): Promise<DnsServer> {
  const { host = '127.0.0.1', port = 0 } = options;
  const responder = new Responder(deps);
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
  await new Promise<void>((resolve) => udp.close(() => resolve()));
  const closed = new Promise((resolve) => tcp.close(resolve));
  for (const socket of responder.sockets) socket.destroy();
  await closed;
}

/** What is said to a packet; undefined: nothing. */
export type Respond = (
  bytes: Buffer,
  transport: 'udp' | 'tcp',
  client: DnsClient,
) => Buffer | Promise<Buffer> | undefined;

/** One bad packet must not end the server. */
class Responder {
  readonly sockets = new Set<Socket>();
  readonly #respond: Respond;
  readonly #log: Logger;

  constructor({ respond, log }: { respond: Respond; log: Logger }) {
    this.#respond = respond;
    this.#log = log;
  }

  respond(bytes: Buffer, transport: 'udp' | 'tcp', client: DnsClient): Buffer | Promise<Buffer> | undefined {
    try {
      return this.#respond(bytes, transport, client);
    } catch (error) {
      this.#log.warn('DNS query failed', { error: String(error) });
      return bytes.length < headerBytes ? undefined : bareFailure(bytes, responseCode.serverFailure);
    }
  }
}

function listenUdp(responder: Responder, host: string, port: number): Promise<UdpSocket> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const send = (reply: Buffer, from: RemoteInfo) => {
    // The socket may have closed meanwhile; a datagram that is lost is what UDP is.
    try {
      socket.send(reply, from.port, from.address, () => {});
    } catch {}
  };
  socket.on('message', (bytes, from) => {
    const reply = responder.respond(bytes, 'udp', from);
    if (Buffer.isBuffer(reply)) send(reply, from);
    else
      reply?.then(
        (late) => send(late, from),
        () => {},
      );
  });
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
  const client = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
  let idle = wallClock.schedule(tcpIdleMs, () => socket.destroy());
  socket.once('close', () => idle.cancel());
  try {
    for await (const chunk of socket) {
      idle.cancel();
      held = held.length === 0 ? (chunk as Buffer) : Buffer.concat([held, chunk as Buffer]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const end = 2 + held.readUInt16BE(0);
        const reply = await responder.respond(held.subarray(2, end), 'tcp', client);
        held = held.subarray(end);
        if (!reply) continue;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(reply.length);
        if (!socket.write(Buffer.concat([length, reply]))) await drained(socket);
      }
      idle = wallClock.schedule(tcpIdleMs, () => socket.destroy());
    }
    socket.end();
  } catch {
    socket.destroy();
  }
}

/** A client that asks and does not read gets no further answer until it does, or until it has been idle for too long. */
async function drained(socket: Socket): Promise<void> {
  const idle = wallClock.schedule(tcpIdleMs, () => socket.destroy());
  const done = new AbortController();
  try {
    await Promise.race(['drain', 'close'].map((event) => once(socket, event, { signal: done.signal })));
  } finally {
    done.abort();
    idle.cancel();
  }
}
