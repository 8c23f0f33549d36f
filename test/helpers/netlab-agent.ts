/**
 * One machine of a lab of network namespaces: serves and asks, told what to do in lines of JSON on standard input. It ends
 * when that closes, and its namespace with it, so nothing outlives the test.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

export interface Probe {
  readonly protocol: 'tcp' | 'udp';
  /** Address to send from; absent: as routes say. */
  readonly source?: string;
  readonly destination: string;
  readonly port: number;
  readonly timeoutMs: number;
}

/** What a client sees; an answer says which address was reached and who was seen there. */
export type Seen =
  | { readonly kind: 'answer'; readonly to: string; readonly from: string }
  | { readonly kind: 'refused' | 'silence' }
  | { readonly kind: 'error'; readonly code: string };

export type Order =
  | { readonly id: number; readonly tcp: readonly number[]; readonly udp: readonly (readonly [string, number])[] }
  | { readonly id: number; readonly probes: readonly Probe[] };

const plain = (address: string | undefined): string => (address ?? '').replace(/^::ffff:/, '');
const at = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

function serveTcp(port: number): Promise<void> {
  return new Promise((done, fail) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      const to = at(plain(socket.localAddress), port);
      socket.end(JSON.stringify({ kind: 'answer', to, from: plain(socket.remoteAddress) }));
    });
    server.on('error', fail);
    server.listen(port, '::', 511, () => done());
  });
}

function serveUdp(address: string, port: number): Promise<void> {
  return new Promise((done, fail) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.on('error', fail);
    socket.on('message', (_message, sender) => {
      const answer = JSON.stringify({ kind: 'answer', to: at(address, port), from: sender.address });
      socket.send(answer, sender.port, sender.address);
    });
    socket.bind(port, address, () => done());
  });
}

/** A packet dropped on its way out is told to its sender as EPERM. */
function failure(code: string | undefined): Seen {
  if (code === 'ECONNREFUSED') return { kind: 'refused' };
  return code === 'EPERM' || code === 'ETIMEDOUT' ? { kind: 'silence' } : { kind: 'error', code: code ?? 'unknown' };
}

function askTcp({ source, destination, port, timeoutMs }: Probe): Promise<Seen> {
  return new Promise((done) => {
    let text = '';
    const socket = connect({ host: destination, port, ...(source === undefined ? {} : { localAddress: source }) });
    const end = (seen: Seen) => {
      clearTimeout(timer);
      socket.destroy();
      done(seen);
    };
    const timer = setTimeout(() => end({ kind: 'silence' }), timeoutMs);
    socket.on('data', (data) => {
      text += data;
    });
    socket.on('end', () => end(JSON.parse(text) as Seen));
    socket.on('error', (error: NodeJS.ErrnoException) => end(failure(error.code)));
  });
}

function askUdp({ source, destination, port, timeoutMs }: Probe): Promise<Seen> {
  return new Promise((done) => {
    const socket = createSocket(destination.includes(':') ? 'udp6' : 'udp4');
    const end = (seen: Seen) => {
      clearTimeout(timer);
      socket.close();
      done(seen);
    };
    const timer = setTimeout(() => end({ kind: 'silence' }), timeoutMs);
    socket.on('message', (message) => end(JSON.parse(String(message)) as Seen));
    socket.on('error', (error: NodeJS.ErrnoException) => end(failure(error.code)));
    socket.bind(0, source, () => {
      socket.connect(port, destination, () => {
        socket.send('?', (error) => {
          if (error) end(failure((error as NodeJS.ErrnoException).code));
        });
      });
    });
  });
}

async function obey(order: Order): Promise<unknown> {
  if ('probes' in order) {
    const seen: Seen[] = [];
    for (const probe of order.probes) seen.push(await (probe.protocol === 'tcp' ? askTcp : askUdp)(probe));
    return seen;
  }
  await Promise.all([...order.tcp.map(serveTcp), ...order.udp.map(([address, port]) => serveUdp(address, port))]);
  return [];
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const order = JSON.parse(line) as Order;
  obey(order).then(
    (result) => process.stdout.write(`${JSON.stringify({ id: order.id, result })}\n`),
    (error) => process.stdout.write(`${JSON.stringify({ id: order.id, error: String(error) })}\n`),
  );
});
lines.on('close', () => process.exit(0));
process.stdout.write('{"id":0}\n');
