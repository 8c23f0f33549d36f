/** `klab port-forward`. Upstream: kubectl/pkg/cmd/portforward, client-go/tools/portforward. */
import { createServer, type Server, type Socket } from 'node:net';
import type { Pod } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import { resourcePath } from '../../client/index.ts';
import { type SpdyConnection, socketByteStream } from '../../wire/index.ts';
import { UserError } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import type { WriteIo } from '../write/io.ts';
import { podTarget } from './pod-target.ts';
import { openPortForward, type StreamProtocol, streamProtocol } from './remote.ts';
import { textOf } from './terminal.ts';

export interface ForwardFlags {
  readonly address?: readonly string[];
  readonly protocol?: string;
  /** How long a workload may take to have a pod. */
  readonly 'pod-running-timeout'?: string;
}

export interface ForwardedPort {
  /** 0: any free one. */
  readonly local: number;
  readonly remote: number;
}

export interface Listening {
  readonly address: string;
  readonly local: number;
  readonly remote: number;
}

/** `8080`, `8080:80`, `:80`, with names of ports for the second half. @throws UserError */
export function parsePort(text: string, target: { readonly object: KubeObject; readonly pod: Pod }): ForwardedPort {
  const parts = text.split(':');
  if (parts.length > 2) throw new UserError(`invalid port format '${text}'`);
  const [left = '', right = left] = parts;
  const wanted = remotePort(right, target);
  const local = parts.length === 1 ? (/^\d+$/.test(left) ? Number(left) : wanted) : left === '' ? 0 : Number(left);
  if (!Number.isInteger(local) || local < 0 || local > 65535)
    throw new UserError(
      `error parsing local port '${left}': strconv.ParseUint: parsing ${JSON.stringify(left)}: invalid syntax`,
    );
  return { local, remote: wanted };
}

/** A port of the service is turned into the pod's; of a pod, names too. */
function remotePort(text: string, { object, pod }: { readonly object: KubeObject; readonly pod: Pod }): number {
  const containerPort = (name: string) =>
    pod.spec?.containers.flatMap((one) => one.ports ?? []).find((port) => port.name === name)?.containerPort;
  if (object.kind === 'Service') {
    const spec = object['spec'] as {
      clusterIP?: string;
      ports?: { name?: string; port: number; targetPort?: number | string }[];
    };
    const port = spec.ports?.find((one) => (/^\d+$/.test(text) ? one.port === Number(text) : one.name === text));
    if (!port) throw new UserError(`Service ${object.metadata.name} does not have a service port ${text}`);
    if (spec.clusterIP === 'None') return port.port;
    if (port.targetPort === undefined || port.targetPort === 0) return port.port;
    const target = typeof port.targetPort === 'number' ? port.targetPort : containerPort(port.targetPort);
    if (target === undefined)
      throw new UserError(`Pod '${pod.metadata.name}' does not have a named port '${port.targetPort}'`);
    return target;
  }
  const found = /^\d+$/.test(text) ? Number(text) : containerPort(text);
  if (found === undefined) throw new UserError(`Pod '${pod.metadata.name}' does not have a named port '${text}'`);
  if (found < 1 || found > 65535) throw new UserError('remote port must be > 0');
  return found;
}

/**
 * Listens and forwards until the signal aborts or the connection to the pod is lost.
 * @param listening is called once for every address and port.
 */
export async function forward(
  session: Session,
  words: readonly string[],
  ports: readonly string[],
  flags: ForwardFlags,
  io: WriteIo,
  listening: (port: Listening) => void,
): Promise<void> {
  const protocol: StreamProtocol = streamProtocol(flags.protocol);
  const target = await podTarget(session, words[0]!, 'port-forward', flags['pod-running-timeout']);
  const { pod, namespace } = target;
  const { phase } = pod.status ?? {};
  if (phase !== 'Running') {
    throw new UserError(`unable to forward port because pod is not running. Current status=${phase}`);
  }
  const wanted = ports.map((text) => parsePort(text, target));
  const pods = { group: '', version: 'v1', plural: 'pods', namespaced: true };
  const path = resourcePath(pods, namespace, pod.metadata.name!, 'portforward');
  const { connection, bytes } = await openPortForward(session.client.transport, path, protocol, session.signal);
  const over = connection.run().catch(() => {});
  const sockets = new Set<Socket>();
  const servers: Server[] = [];
  let requestId = 0;
  try {
    for (const port of wanted) {
      const addresses = (flags.address ?? ['localhost']).flatMap((one) =>
        one === 'localhost' ? ['127.0.0.1', '::1'] : [one],
      );
      let local = port.local;
      let bound = 0;
      let failure: Error | undefined;
      for (const address of addresses) {
        const server = createServer({ allowHalfOpen: true }, (socket) => {
          sockets.add(socket.once('close', () => sockets.delete(socket)));
          io.write(`Handling connection for ${local}\n`);
          carry(connection, socket, port.remote, local, requestId++, io.say).catch(() => socket.destroy());
        });
        try {
          await listen(server, local, address);
        } catch (error) {
          failure = error as Error;
          continue;
        }
        servers.push(server);
        local = (server.address() as { port: number }).port;
        bound++;
        listening({ address, local, remote: port.remote });
      }
      if (bound === 0) {
        throw new UserError(
          `unable to listen on any of the requested ports: [{${port.local} ${port.remote}}]: ${failure?.message}`,
        );
      }
    }
    const aborted = new Promise<void>((resolve) =>
      io.signal?.addEventListener('abort', () => resolve(), { once: true }),
    );
    await Promise.race([over, aborted]);
    io.signal?.throwIfAborted();
    throw new UserError('lost connection to pod');
  } finally {
    for (const server of servers) server.close();
    for (const socket of sockets) socket.destroy();
    connection.close();
    bytes.destroy();
  }
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host }, () => {
      server.off('error', reject);
      server.on('error', () => {});
      resolve();
    });
  });
}

/** One local connection: an error stream and a data stream with the same request id. */
async function carry(
  connection: SpdyConnection,
  socket: Socket,
  remote: number,
  local: number,
  requestId: number,
  say: (text: string) => void,
): Promise<void> {
  const headers = { port: String(remote), requestid: String(requestId) };
  const error = connection.open({ ...headers, streamtype: 'error' });
  error.end();
  const data = connection.open({ ...headers, streamtype: 'data' });
  const side = socketByteStream(socket);
  const upwards = (async () => {
    for await (const chunk of side) await data.write(chunk);
    data.end();
  })();
  const downwards = (async () => {
    for await (const chunk of data) await side.write(chunk);
    side.end();
  })();
  const said = textOf(error).then((text) => {
    if (text === '') return;
    say(`error: an error occurred forwarding ${local} -> ${remote}: ${text}`);
    socket.destroy();
    data.destroy();
  });
  await Promise.allSettled([upwards, downwards, said]);
  socket.destroy();
}
