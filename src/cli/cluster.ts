/** The life of clusters, as `klab up`, `down`, `status`, `ls` and auto-boot need it. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  ClusterError,
  type ClusterPaths,
  clusterPaths,
  componentFlags,
  type DatabaseUse,
  type LoadBalancerPort,
  listClusters,
  measureEtcdDatabase,
  parseComponentFlags,
  readLoadBalancers,
  readPorts,
  readServer,
  readSettings,
  repeatableFlags,
  type ServerInfo,
  type ServerMessage,
  type StartRequest,
  serverPid,
  startServer,
  stopServer,
  versionSkew,
} from '../cluster/index.ts';
import { exitCodes, UserError } from './exit-codes.ts';

export { componentFlags, repeatableFlags, type ServerInfo, type StartRequest };

type Phase = Extract<ServerMessage, { type: 'phase' }>;

/** Cluster errors in a command's words. */
function asUserError(error: unknown): unknown {
  if (!(error instanceof ClusterError)) return error;
  const code = error.code === 'InvalidName' || error.code === 'InvalidOption' ? exitCodes.usage : exitCodes.failed;
  return new UserError(error.message, code, { cause: error });
}

async function translated<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asUserError(error);
  }
}

/** `--name=value` words as upstream's components take them, e.g. what stands after `--`. @throws UserError */
export function readComponentFlags(words: readonly string[]): Record<string, string> {
  try {
    return parseComponentFlags(words, process.cwd());
  } catch (error) {
    throw asUserError(error);
  }
}

export function bringUp(
  name: string,
  request: StartRequest,
  options: { onPhase?: (phase: Phase) => void; signal?: AbortSignal; timeoutMs?: number } = {},
): Promise<{ info: ServerInfo; started: boolean }> {
  return translated(() => startServer(clusterPaths(name), request, options));
}

export interface TakenDown {
  readonly ran: boolean;
  readonly existed: boolean;
  /** Where objects are left: purged was a cluster on an etcd that is not klab's. */
  readonly left?: { readonly servers: string; readonly prefix: string };
}

export function takeDown(name: string, options: { purge?: boolean } = {}): Promise<TakenDown> {
  return translated(async () => {
    const paths = clusterPaths(name);
    const existed = existsSync(paths.dir);
    const left = options.purge ? externalEtcd(paths) : undefined;
    return { existed, ran: await stopServer(paths, options), left };
  });
}

function externalEtcd(paths: ClusterPaths): TakenDown['left'] {
  try {
    const { 'etcd-servers': servers, 'etcd-prefix': prefix = '/registry' } = readSettings(paths)?.flags ?? {};
    return servers ? { servers, prefix } : undefined;
  } catch (error) {
    // Purging is what helps against a damaged folder.
    if (error instanceof ClusterError && error.code === 'DamagedState') return undefined;
    throw error;
  }
}

/** The server of a cluster, booted if need be (said on stderr) unless `boot` is false. */
export async function ensureServer(
  name: string,
  options: { boot: boolean; say: (text: string) => void; signal?: AbortSignal },
): Promise<ServerInfo> {
  return translated(async () => {
    const paths = clusterPaths(name);
    let info = readServer(paths);
    if (!info) {
      if (!options.boot) {
        throw new UserError(`cluster "${name}" is not running; start it with: klab up${nameFlag(name)}`);
      }
      options.say(`starting cluster "${name}" …`);
      info = (await startServer(paths, {}, { signal: options.signal })).info;
      options.say(
        `cluster "${name}" is up: ${info.nodes} nodes, API at ${info.api.endpoint} (klab down${nameFlag(name)} stops it)`,
      );
    }
    const skew = versionSkew(info);
    if (skew) options.say(`warning: ${skew}`);
    return info;
  });
}

export function nameFlag(name: string): string {
  return name === 'default' ? '' : ` --name ${name}`;
}

export interface ClusterStatus {
  readonly name: string;
  readonly running: boolean;
  /** There is a server, and it is not ready yet. */
  readonly starting?: true;
  readonly pid?: number;
  readonly version?: string;
  readonly startedAt?: string;
  readonly api?: { endpoint: string };
  readonly etcd?: ServerInfo['etcd'];
  readonly kubeconfig?: string;
  /** Where Ingresses are served, once there is one. */
  readonly ingress?: { readonly http: string; readonly https: string };
  /** Where cluster DNS answers, UDP and TCP. */
  readonly dns?: { readonly address: string; readonly port: number };
  /** Ports of Services of type LoadBalancer on this machine. */
  readonly loadBalancers?: readonly LoadBalancerPort[];
  readonly certificates?: ServerInfo['certificates'];
  readonly nodes?: number;
  readonly etcdMembers?: number;
  readonly store?: string;
  readonly clock?: string;
  readonly dir: string;
  readonly log: string;
  /** What the database holds; absent for clusters in memory. */
  readonly history?: DatabaseUse & {
    /** Its bounds, as `klab up` was told them. */
    readonly maxSize: string;
    readonly maxAge: string;
  };
  readonly sizes: {
    readonly databaseBytes: number;
    readonly walBytes: number;
    readonly logBytes: number;
    readonly totalBytes: number;
  };
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}

function sizes(paths: ClusterPaths): ClusterStatus['sizes'] {
  let totalBytes = 0;
  if (existsSync(paths.dir)) {
    for (const entry of readdirSync(paths.dir, { withFileTypes: true, recursive: true })) {
      if (entry.isFile()) totalBytes += sizeOf(join(entry.parentPath, entry.name));
    }
  }
  return {
    databaseBytes: sizeOf(paths.database),
    walBytes: sizeOf(`${paths.database}-wal`),
    logBytes: sizeOf(paths.log),
    totalBytes,
  };
}

/** @throws UserError when there is no such cluster. */
export function clusterStatus(name: string): Promise<ClusterStatus> {
  return translated(async () => {
    const paths = clusterPaths(name);
    const info = readServer(paths);
    const pid = serverPid(paths);
    if (!info && !existsSync(paths.dir)) {
      throw new UserError(`there is no cluster "${name}"; create it with: klab up${nameFlag(name)}`);
    }
    const settings = readSettings(paths);
    return {
      name,
      running: info !== undefined,
      ...(pid !== undefined && !info && { starting: true as const, pid }),
      ...(info && {
        pid: info.pid,
        version: info.version,
        startedAt: info.startedAt,
        api: info.api,
        etcd: info.etcd,
        kubeconfig: info.kubeconfig,
        certificates: info.certificates,
        ...doorsOf(paths.dir, info.pid),
      }),
      nodes: info?.nodes ?? settings?.nodes,
      etcdMembers: info?.etcdMembers ?? settings?.etcdMembers,
      store: info?.store ?? settings?.store,
      clock: info?.clock ?? settings?.clock,
      dir: paths.dir,
      log: paths.log,
      ...(await historyUse(name, settings?.flags)),
      sizes: sizes(paths),
    };
  });
}

async function historyUse(
  name: string,
  flags: Readonly<Record<string, string>> = {},
): Promise<Pick<ClusterStatus, 'history'>> {
  // A status without this line is better than none: the file may be damaged, or of another version.
  const use = await measureEtcdDatabase(name).catch(() => undefined);
  if (!use) return {};
  return { history: { ...use, maxSize: flags['history-size'] || '1Gi', maxAge: flags['history-age'] || '0s' } };
}

function doorsOf(dir: string, pid: number): Pick<ClusterStatus, 'ingress' | 'dns' | 'loadBalancers'> {
  const ingress = readPorts(dir, 'ingress', pid);
  const dns = readPorts(dir, 'dns', pid);
  const loadBalancers = readLoadBalancers(dir, pid);
  return {
    ...(ingress && {
      ingress: { http: `http://127.0.0.1:${ingress.http}`, https: `https://127.0.0.1:${ingress.https}` },
    }),
    ...(dns && { dns: { address: '127.0.0.1', port: dns.port } }),
    ...(loadBalancers.length > 0 && { loadBalancers }),
  };
}

export function allClusters(): Promise<ClusterStatus[]> {
  return Promise.all(listClusters().map((name) => clusterStatus(name)));
}

/** Runs the server in this process until `signal` aborts. */
export async function runInForeground(
  name: string,
  request: StartRequest,
  options: { onPhase: (phase: Phase) => void; onReady: (info: ServerInfo) => void; signal: AbortSignal },
): Promise<void> {
  await translated(async () => {
    const paths = clusterPaths(name);
    const running = readServer(paths);
    if (running) throw new ClusterError('Locked', `cluster "${name}" runs already, as pid ${running.pid}`);
    const { runServer } = await import('../cluster/run-server.ts');
    await runServer(paths, request, options);
  });
}

/** `12.3 MB`. */
export function humanBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = -1;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** `2310 past revisions, 8.1 MB of 12.0 MB; kept up to a database of 1Gi`. */
export function historyText({ history, live, maxSize, maxAge }: NonNullable<ClusterStatus['history']>): string {
  const bound = [
    ...(maxSize === '0' ? [] : [`a database of ${maxSize}`]),
    ...(Number.parseFloat(maxAge) === 0 ? [] : [`an age of ${maxAge}`]),
  ];
  const kept = bound.length > 0 ? `kept up to ${bound.join(' or ')}` : 'kept for ever';
  const count = `${history.rows} past revision${history.rows === 1 ? '' : 's'}`;
  return `${count}, ${humanBytes(history.bytes)} beside ${humanBytes(live.bytes)} of what is; ${kept}`;
}
