/**
 * Real listeners for health checks, in the network namespace that the rules are in. Upstream:
 * pkg/proxy/healthcheck/service_health.go.
 */
import { spawn } from 'node:child_process';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { joinHostPort } from '../../net/index.ts';
import type { ProxyConfig } from '../config.ts';
import type { HealthAnswer, HealthCheck } from '../health/answers.ts';
import { type ProxyMode, withModeDefaults } from '../modes.ts';
import { nodePortAddressesOf } from '../node-addresses.ts';
import type { KernelHost } from './host.ts';

/** Where health checks of Services are answered: as node ports, on all addresses or the chosen ones. */
export function healthAddresses(mode: ProxyMode, config: ProxyConfig): readonly string[] {
  const { family, node, nodePortAddresses: ranges } = withModeDefaults(mode, config);
  if (ranges === undefined) return [family === 'IPv4' ? '0.0.0.0' : '::'];
  return nodePortAddressesOf(ranges, family, node);
}

/** An open port. */
export interface Door {
  close(): void;
}

/**
 * A socket belongs to the namespace it was made in, wherever it is served: a child makes it there and hands it over.
 * Runs in the child, which ends when this end of the channel closes.
 */
const opener = `
process.once('disconnect', () => process.exit(0));
process.once('message', (at) => {
  const server = require('node:net').createServer();
  server.once('error', (error) => process.send({ error: error.message }));
  server.listen(at, () => process.send({}, server));
});`;

interface Place {
  readonly host: string;
  readonly port: number;
  readonly ipv6Only: boolean;
}

function listenHere(place: Place): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(place, () => resolve(server));
  });
}

function listenThere([program = '', ...args]: readonly string[], place: Place): Promise<Server> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args, process.execPath, '-e', opener], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the program that listens there ended with ${code}`)));
    child.once('message', ({ error }: { error?: string }, server: unknown) => {
      child.disconnect();
      if (error === undefined) resolve(server as Server);
      else reject(new Error(error));
    });
    child.send(place);
  });
}

/** Answers HTTP at an address and port. @throws Error when nobody may listen there. */
export async function openDoor(
  host: KernelHost,
  address: string,
  port: number,
  answer: (path: string) => HealthAnswer,
): Promise<Door> {
  const place = { host: address, port, ipv6Only: address.includes(':') };
  const http = createHttpServer((request, response) => {
    const { status, headers, body } = answer(request.url ?? '/');
    response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  const server = await (host.prefix.length === 0 ? listenHere(place) : listenThere(host.prefix, place));
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    http.emit('connection', socket);
  });
  return {
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

export interface HealthDoorsOptions {
  readonly host: KernelHost;
  /** Where to listen: `0.0.0.0`, or the node's addresses that serve node ports. */
  readonly addresses: readonly string[];
  readonly answer: (check: HealthCheck) => HealthAnswer;
  readonly onWarning: (text: string) => void;
}

/** The ports of all Services that load balancers ask about, opened and closed as those come and go. */
export class HealthDoors {
  readonly #options: HealthDoorsOptions;
  /** By `namespace/name`. */
  readonly #open = new Map<string, { check: HealthCheck; readonly doors: readonly Door[] }>();

  constructor(options: HealthDoorsOptions) {
    this.#options = options;
  }

  async sync(checks: ReadonlyMap<string, HealthCheck>): Promise<void> {
    for (const [key, { check, doors }] of this.#open) {
      if (checks.get(key)?.port === check.port) continue;
      for (const door of doors) door.close();
      this.#open.delete(key);
    }
    for (const [key, check] of checks) {
      const open = this.#open.get(key);
      if (open) open.check = check;
      else await this.#openAll(key, check);
    }
  }

  /** What cannot be opened now is tried again at the next sync; others do not wait for it. */
  async #openAll(key: string, check: HealthCheck): Promise<void> {
    const { host, addresses, answer, onWarning } = this.#options;
    const doors: Door[] = [];
    const opened = { check, doors };
    try {
      for (const address of addresses)
        doors.push(await openDoor(host, address, check.port, () => answer(opened.check)));
      this.#open.set(key, opened);
    } catch (error) {
      for (const door of doors) door.close();
      const where = addresses.map((address) => joinHostPort(address, check.port)).join(', ');
      onWarning(`failed to start healthcheck "${key}" on ${where}: ${(error as Error).message}`);
    }
  }

  close(): void {
    for (const { doors } of this.#open.values()) for (const door of doors) door.close();
    this.#open.clear();
  }
}
