/** One probe's action and its verdict. Upstream: pkg/probe/{http,tcp,exec,grpc}. */
import type { Container, ProbeHandler } from './pod-types.ts';
import { type ContainerRuntime, RuntimeError } from './runtime/types.ts';

export interface ProbeVerdict {
  readonly result: 'success' | 'warning' | 'failure';
  readonly output: string;
}

export interface ProbeTarget {
  readonly container: Container;
  /** Without the runtime's scheme. */
  readonly containerId: string;
  readonly podIP: string;
  /** Of an exec action, expanded. */
  readonly command: readonly string[];
}

/** Output kept of an exec probe. Upstream: 10 KiB. */
const maxOutput = 10 * 1024;

/** A port given by number or by the name of a container port. @throws Error with upstream's text. */
export function resolvePort(port: number | string, container: Container): number {
  const number = typeof port === 'number' ? port : /^\d+$/.test(port) ? Number(port) : undefined;
  const found = number ?? container.ports?.find((p) => p.name === port)?.containerPort;
  if (found === undefined) throw new Error(`couldn't find port: ${port}`);
  if (found <= 0 || found >= 65_536) throw new Error(`invalid port number: ${found}`);
  return found;
}

/** @throws Error when the action cannot be carried out at all. */
export async function runProbe(
  runtime: ContainerRuntime,
  probe: ProbeHandler & { timeoutSeconds?: number },
  target: ProbeTarget,
): Promise<ProbeVerdict> {
  const timeoutSeconds = probe.timeoutSeconds ?? 1;
  if (probe.exec) return execProbe(runtime, target, timeoutSeconds);
  if (probe.httpGet) return httpProbe(runtime, probe.httpGet, target, timeoutSeconds);
  if (probe.tcpSocket) {
    const port = resolvePort(probe.tcpSocket.port, target.container);
    return attempt(() => runtime.probes.tcp(probe.tcpSocket!.host || target.podIP, port, timeoutSeconds * 1000));
  }
  if (probe.grpc) return grpcProbe(runtime, probe.grpc, target, timeoutSeconds);
  throw new Error(`missing probe handler for ${target.container.name}`);
}

async function attempt(action: () => Promise<void>): Promise<ProbeVerdict> {
  try {
    await action();
    return { result: 'success', output: '' };
  } catch (error) {
    return { result: 'failure', output: (error as Error).message };
  }
}

async function execProbe(
  runtime: ContainerRuntime,
  target: ProbeTarget,
  timeoutSeconds: number,
): Promise<ProbeVerdict> {
  try {
    const answer = await runtime.execSync(target.containerId, target.command, timeoutSeconds);
    const output = (answer.stdout + answer.stderr).slice(0, maxOutput);
    return { result: answer.exitCode === 0 ? 'success' : 'failure', output };
  } catch (error) {
    if (error instanceof RuntimeError && error.code === 'DeadlineExceeded') {
      const command = target.command.join(' ');
      return { result: 'failure', output: `command timed out: "${command}" timed out after ${timeoutSeconds}s` };
    }
    throw error;
  }
}

async function httpProbe(
  runtime: ContainerRuntime,
  action: NonNullable<ProbeHandler['httpGet']>,
  target: ProbeTarget,
  timeoutSeconds: number,
): Promise<ProbeVerdict> {
  const port = resolvePort(action.port, target.container);
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.36', accept: '*/*', connection: 'close' };
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  const scheme = (action.scheme ?? 'HTTP').toLowerCase() === 'https' ? 'https' : 'http';
  const path = action.path || '/';
  const request = {
    scheme,
    host: action.host || target.podIP,
    port,
    path: path.startsWith('/') ? path : `/${path}`,
    headers,
  } as const;
  try {
    const { status, body } = await runtime.probes.http(request, timeoutSeconds * 1000);
    if (status >= 200 && status < 300) return { result: 'success', output: body };
    if (status >= 300 && status < 400) {
      return { result: 'warning', output: `Probe terminated redirects, Response body: ${body}` };
    }
    return { result: 'failure', output: `HTTP probe failed with statuscode: ${status}` };
  } catch (error) {
    const url = `${scheme}://${request.host}:${port}${request.path}`;
    return { result: 'failure', output: `Get "${url}": ${(error as Error).message}` };
  }
}

async function grpcProbe(
  runtime: ContainerRuntime,
  action: NonNullable<ProbeHandler['grpc']>,
  target: ProbeTarget,
  timeoutSeconds: number,
): Promise<ProbeVerdict> {
  const { port, service = '' } = action;
  try {
    const status = await runtime.probes.grpcHealth(target.podIP, port, service, timeoutSeconds * 1000);
    if (status === 'SERVING') return { result: 'success', output: 'service healthy' };
    return { result: 'failure', output: `service unhealthy (responded with "${status}")` };
  } catch (error) {
    const address = `"${target.podIP}:${port}"`;
    const text = `timeout: failed to connect service ${address} within ${timeoutSeconds}s: ${(error as Error).message}`;
    return { result: 'failure', output: text };
  }
}
