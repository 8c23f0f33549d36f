/**
 * Starts and stops the background server. Loaded by the CLI: imports nothing of the control plane.
 */
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { packageRoot, packageVersion, wallClock } from '../base/index.ts';
import { ClusterError, type ClusterErrorCode } from './errors.ts';
import {
  type ClusterPaths,
  type ClusterSettings,
  ensureStateFolder,
  processAlive,
  readServer,
  type ServerInfo,
  serverPid,
} from './state.ts';

/** What `klab up` was asked for; absent = as the cluster was before, else the default. */
export interface StartRequest extends Partial<ClusterSettings> {
  /** Given explicitly: a taken port is an error. */
  readonly explicitApiPort?: boolean;
  readonly explicitEtcdPort?: boolean;
}

/** Messages from the server to whoever started it, over the process channel. */
export type ServerMessage =
  | { readonly type: 'phase'; readonly text: string; readonly detail?: boolean; readonly ms: number }
  | { readonly type: 'ready'; readonly info: ServerInfo }
  | { readonly type: 'failed'; readonly code: ClusterErrorCode; readonly message: string };

export interface StartOptions {
  readonly onPhase?: (phase: Extract<ServerMessage, { type: 'phase' }>) => void;
  /** Default 60 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface StartResult {
  readonly info: ServerInfo;
  /** False when it already ran, or another command was first. */
  readonly started: boolean;
}

/** The program of the background server: the bundle, or the sources in development. */
function serverProgram(): string {
  const bundle = join(packageRoot(), 'dist', 'server.js');
  if (existsSync(bundle) && !import.meta.url.endsWith('.ts')) return bundle;
  return join(packageRoot(), 'src', 'cluster', 'server-start.ts');
}

/** Starts the cluster's server unless it runs, and waits until it is ready. Of two at once, one starts it and both wait. */
export async function startServer(
  paths: ClusterPaths,
  request: StartRequest,
  options: StartOptions = {},
): Promise<StartResult> {
  const running = await answeringServer(paths);
  if (running) return { info: running, started: false };
  ensureStateFolder(paths);
  const { execa } = await import('execa');
  const log = openSync(paths.log, 'a', 0o600);
  // Reading source maps takes a tenth of the boot; function names are in the bundle as they are in the source.
  const flags = process.env['KLAB_DEBUG'] === '1' ? ['--enable-source-maps'] : [];
  const child = execa(process.execPath, [...flags, serverProgram(), paths.dir, JSON.stringify(request)], {
    detached: true,
    cleanup: false,
    stdin: 'ignore',
    // Any open file descriptor is taken; the types know only the standard ones.
    stdout: log as 1,
    stderr: log as 2,
    ipc: true,
    reject: false,
    env: { KLAB_SERVER: paths.name },
  });
  closeSync(log);
  const timeoutMs = options.timeoutMs ?? 60_000;
  try {
    return await new Promise<StartResult>((resolve, reject) => {
      const timer = wallClock.schedule(timeoutMs, () =>
        reject(
          new ClusterError(
            'StartTimeout',
            `cluster "${paths.name}" did not become ready within ${timeoutMs / 1000} s and is still starting; its log is ` +
              `${paths.log}, and this stops it: klab down --name ${paths.name}`,
          ),
        ),
      );
      const settle = <T>(finish: (value: T) => void) => {
        return (value: T) => {
          timer.cancel();
          options.signal?.removeEventListener('abort', onAbort);
          finish(value);
        };
      };
      const done = settle(resolve);
      const fail = settle(reject);
      const onAbort = () => {
        child.kill('SIGTERM');
        fail(options.signal!.reason);
      };
      options.signal?.addEventListener('abort', onAbort, { once: true });
      child.on('message', (raw) => {
        const message = raw as unknown as ServerMessage;
        if (message.type === 'phase') options.onPhase?.(message);
        else if (message.type === 'ready') done({ info: message.info, started: true });
        else if (message.code === 'Locked') waitForOther(paths, timeoutMs).then(done, fail);
        else fail(new ClusterError(message.code, message.message));
      });
      child.on('error', (cause) =>
        fail(new ClusterError('StartFailed', `the server cannot be started: ${cause.message}`)),
      );
      child.on('exit', (code, signal) => {
        // A Locked server exits too; its message came first and `waitForOther` decides.
        if (code === lockedExitCode) return;
        const how = signal ? `was killed by ${signal}` : `exited with code ${code}`;
        fail(new ClusterError('StartFailed', `the server of cluster "${paths.name}" ${how}${tail(paths.log)}`));
      });
    });
  } finally {
    if (child.connected) child.disconnect?.();
    child.unref();
  }
}

/** The running server, if its door answers: a process that was killed this moment still has a pid. */
async function answeringServer(paths: ClusterPaths): Promise<ServerInfo | undefined> {
  const end = wallClock.monotonic() + dyingMs;
  for (;;) {
    const info = readServer(paths);
    // The API server may be stopped; the process is there all the same.
    if (!info || (await answers((info.control ?? info.api).endpoint))) return info;
    if (wallClock.monotonic() > end) return info;
    await wallClock.sleep(20);
  }
}

/** How long a server that does not answer may take to die before it is taken for a living one. */
const dyingMs = 2_000;

function answers(endpoint: string): Promise<boolean> {
  const { hostname, port } = new URL(endpoint);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    const finish = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
    socket.setTimeout(500, () => finish(false));
  });
}

/** Exit code of a server that found another one holding the state folder. */
export const lockedExitCode = 73;

async function waitForOther(paths: ClusterPaths, timeoutMs: number): Promise<StartResult> {
  const end = wallClock.monotonic() + timeoutMs;
  while (wallClock.monotonic() < end) {
    const info = readServer(paths);
    if (info) return { info, started: false };
    await wallClock.sleep(50);
  }
  throw new ClusterError(
    'Locked',
    `another klab server holds ${paths.dir} but did not become ready; see ${paths.log}, or stop it with: klab down --name ${paths.name}`,
  );
}

/** The last lines of the server's log, for an error message. */
function tail(file: string, lines = 12): string {
  try {
    const text = readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
    return text === '' ? '' : `; the end of ${file}:\n${text}`;
  } catch {
    return '';
  }
}

/**
 * Stops the server and waits until it is gone; its state stays unless `purge`.
 * @returns whether a server ran.
 * @throws ClusterError `StopTimeout` when it does not end in time.
 */
export async function stopServer(
  paths: ClusterPaths,
  options: { readonly purge?: boolean; readonly timeoutMs?: number } = {},
): Promise<boolean> {
  const pid = serverPid(paths);
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM');
    const timeoutMs = options.timeoutMs ?? 15_000;
    const end = wallClock.monotonic() + timeoutMs;
    while (processAlive(pid)) {
      if (wallClock.monotonic() > end) {
        throw new ClusterError(
          'StopTimeout',
          `the server (pid ${pid}) did not stop within ${timeoutMs / 1000} s; see ${paths.log}`,
        );
      }
      await wallClock.sleep(20);
    }
    for (const file of [paths.serverFile, paths.startingFile]) rmSync(file, { force: true });
  }
  if (options.purge) rmSync(paths.dir, { recursive: true, force: true });
  return pid !== undefined;
}

/** What to say when CLI and server are of different versions; undefined when they are the same. */
export function versionSkew(info: ServerInfo): string | undefined {
  const own = packageVersion();
  if (info.version === own) return undefined;
  return `cluster "${info.name}" is served by klab ${info.version}, this is klab ${own}; restart it with: klab down --name ${info.name} && klab up --name ${info.name}`;
}
