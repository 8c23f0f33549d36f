/** `klab open`: a port-forward to what a service, deployment or ingress serves, and its address. */
import { spawn } from 'node:child_process';
import type { Pod } from '../../api/index.ts';
import { UserError } from '../exit-codes.ts';
import { selectResources } from '../resource-args.ts';
import type { Session } from '../session.ts';
import type { WriteIo } from '../write/io.ts';
import { podTarget } from './pod-target.ts';
import { forward } from './port-forward.ts';

export interface OpenFlags {
  readonly port?: string;
  readonly browser?: boolean;
  readonly output?: string;
  readonly protocol?: string;
}

/** The word to forward to and its port: of an ingress, its first backend. */
async function targetOf(
  session: Session,
  word: string,
  port: string | undefined,
): Promise<{ word: string; port: string; path: string }> {
  const { targets } = await selectResources(session, [word.includes('/') ? word : `svc/${word}`], { command: 'open' });
  const { resource, namespace, name } = targets[0]!;
  if (resource.kind !== 'Ingress') {
    const plain = `${resource.plural}${resource.group === '' ? '' : `.${resource.group}`}/${name}`;
    if (port !== undefined) return { word: plain, port, path: '/' };
    const { object, pod } = await podTarget(session, plain, 'open');
    return { word: plain, port: firstPort(object, pod, plain), path: '/' };
  }
  const ingress: any = await session.client
    .resource(resource)
    .namespace(namespace)
    .get(name!, { signal: session.signal });
  const path = ingress.spec?.rules?.[0]?.http?.paths?.[0];
  const service = (path?.backend ?? ingress.spec?.defaultBackend)?.service;
  if (!service) throw new UserError(`ingress ${JSON.stringify(name)} has no backend that is a service`);
  const of = port ?? String(service.port?.number ?? service.port?.name);
  return { word: `services/${service.name}`, port: of, path: path?.path ?? '/' };
}

function firstPort(object: any, pod: Pod, word: string): string {
  const found =
    object.kind === 'Service'
      ? object.spec?.ports?.[0]?.port
      : pod.spec?.containers.flatMap((one) => one.ports ?? [])[0]?.containerPort;
  if (found === undefined) throw new UserError(`${word} declares no port: name one with --port`);
  return String(found);
}

export async function openTarget(session: Session, word: string, flags: OpenFlags, io: WriteIo): Promise<void> {
  const target = await targetOf(session, word, flags.port);
  const quiet: WriteIo = { ...io, write: () => {} };
  const forwardFlags = { address: ['127.0.0.1'], protocol: flags.protocol };
  await forward(session, [target.word], [`:${target.port}`], forwardFlags, quiet, ({ address, local, remote }) => {
    const url = `http://${address}:${local}${target.path}`;
    if (flags.output === 'json') {
      io.write(`${JSON.stringify({ url, address, port: local, targetPort: remote, target: target.word })}\n`);
    } else {
      io.write(`${url}\n`);
      io.say(`forwarding to port ${remote} of ${target.word}; Ctrl-C ends it`);
    }
    if (flags.browser !== false && process.stdout.isTTY) browse(url);
  });
}

/** No browser is no error: the address is on the screen. */
function browse(url: string): void {
  const [program, ...args] =
    process.platform === 'darwin'
      ? ['open', url]
      : process.platform === 'win32'
        ? ['cmd', '/c', 'start', '', url]
        : ['xdg-open', url];
  const child = spawn(program!, args, { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}
