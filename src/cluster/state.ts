import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ClusterError } from './errors.ts';

/** Where one cluster keeps everything. All files are 0600, folders 0700. */
export interface ClusterPaths {
  readonly name: string;
  readonly dir: string;
  readonly database: string;
  readonly pki: string;
  readonly kubeconfig: string;
  readonly log: string;
  /** Present while a server runs (or has been killed). */
  readonly serverFile: string;
  /** Who is starting: `{"pid": …}`; absent once it is ready. */
  readonly startingFile: string;
  /** What the cluster was made with: nodes, ports, seed. */
  readonly settingsFile: string;
}

/** Written by the server once it is ready; the one thing other programs may read. */
export interface ServerInfo {
  readonly name: string;
  readonly pid: number;
  readonly version: string;
  readonly startedAt: string;
  readonly api: { readonly endpoint: string };
  /** Answers while the API server is stopped: `klab node`, `klab component`. */
  readonly control: { readonly endpoint: string };
  readonly etcd: {
    readonly endpoints: readonly string[];
    /** Files; absent only where a real etcd asks for none. */
    readonly cacert?: string;
    readonly cert?: string;
    readonly key?: string;
    /** Not klab's own: that of `--etcd-servers`. */
    readonly external?: boolean;
  };
  readonly kubeconfig: string;
  readonly certificates: { readonly ca: string; readonly clientCert: string; readonly clientKey: string };
  readonly nodes: number;
  readonly etcdMembers: number;
  readonly store: 'sqlite' | 'memory';
  readonly clock: 'real' | 'virtual';
  readonly log: string;
}

/** Remembered between starts of one cluster. */
export interface ClusterSettings {
  nodes: number;
  apiPort?: number;
  etcdPorts?: number[];
  seed: string;
  etcdMembers: number;
  clock: 'real' | 'virtual';
  store: 'sqlite' | 'memory';
  controllers: string[];
  scheduler: boolean;
  /** Flags of the components, under upstream's names. */
  flags?: Record<string, string>;
}

/** `${KLAB_HOME:-${XDG_STATE_HOME:-~/.local/state}/klab}`. */
export function klabHome(env: NodeJS.ProcessEnv = process.env): string {
  if (env['KLAB_HOME']) return env['KLAB_HOME'];
  return join(env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'klab');
}

/** @throws ClusterError `InvalidName` unless `name` is a DNS label. */
export function clusterPaths(name: string, home: string = klabHome()): ClusterPaths {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) {
    throw new ClusterError(
      'InvalidName',
      `"${name}" cannot be a cluster's name: use lower case letters, digits and '-', at most 63, as in "dev-2"`,
    );
  }
  const dir = join(home, name);
  return {
    name,
    dir,
    database: join(dir, 'cluster.db'),
    pki: join(dir, 'pki'),
    kubeconfig: join(dir, 'kubeconfig'),
    log: join(dir, 'server.log'),
    serverFile: join(dir, 'server.json'),
    startingFile: join(dir, 'starting.json'),
    settingsFile: join(dir, 'cluster.json'),
  };
}

/** Names of all clusters that have a state folder, sorted. */
export function listClusters(home: string = klabHome()): string[] {
  try {
    return readdirSync(home, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(entry.name))
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

export function ensureStateFolder(paths: ClusterPaths): void {
  mkdirSync(paths.dir, { recursive: true, mode: 0o700 });
}

/** Replaces a file in one step, so that readers never see half of it. */
export function writeFileAtomically(file: string, text: string): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, file);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new Error(`cannot write ${file}: ${(cause as Error).message}`, { cause });
  }
}

function readJson<T>(file: string): T | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new ClusterError('DamagedState', `${file} is not valid JSON; remove it and run klab up again`, { cause });
  }
}

export function processAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The running server of a cluster, undefined when none runs. A file left by a killed server is removed. */
export function readServer(paths: ClusterPaths): ServerInfo | undefined {
  const info = readJson<ServerInfo>(paths.serverFile);
  if (!info) return undefined;
  if (processAlive(info.pid)) return info;
  rmSync(paths.serverFile, { force: true });
  return undefined;
}

/** Process ID of the cluster's server, whether it is ready or still starting; undefined when there is none. */
export function serverPid(paths: ClusterPaths): number | undefined {
  const ready = readServer(paths);
  if (ready) return ready.pid;
  const pid = readJson<{ pid: number }>(paths.startingFile)?.pid;
  return pid !== undefined && processAlive(pid) ? pid : undefined;
}

export function readSettings(paths: ClusterPaths): ClusterSettings | undefined {
  return readJson<ClusterSettings>(paths.settingsFile);
}
