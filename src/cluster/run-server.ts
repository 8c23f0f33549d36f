/**
 * The background server: lock, settings, control plane, server.json, and an orderly end. Also `klab up --foreground`.
 */
import { rmSync } from 'node:fs';
import { type Logger, Prng, packageVersion, rfc3339, silentLogger, wallClock } from '../base/index.ts';
import { acquireLock, type FolderLock, StorageError } from '../sqlite/index.ts';
import { createCluster } from './create-cluster.ts';
import { ClusterError } from './errors.ts';
import type { ServerMessage, StartRequest } from './launcher.ts';
import { NodeRecords } from './node-record.ts';
import { usualPort } from './ports.ts';
import {
  type ClusterPaths,
  type ClusterSettings,
  ensureStateFolder,
  readSettings,
  type ServerInfo,
  writeFileAtomically,
} from './state.ts';

export interface RunServerOptions {
  readonly onPhase: (phase: Extract<ServerMessage, { type: 'phase' }>) => void;
  readonly onReady: (info: ServerInfo) => void;
  /** Ends the server in order. */
  readonly signal: AbortSignal;
  readonly log?: Logger;
}

const defaults: Omit<ClusterSettings, 'seed'> = {
  nodes: 3,
  etcdMembers: 1,
  clock: 'real',
  store: 'sqlite',
  controllers: ['*'],
  scheduler: true,
};

/** What the cluster is to be: as asked, else as before, else the defaults. Members and store cannot change later. */
function resolveSettings(paths: ClusterPaths, request: StartRequest): ClusterSettings {
  const before = readSettings(paths);
  const { explicitApiPort: _a, explicitEtcdPort: _e, ...asked } = request;
  if (before && asked.etcdMembers !== undefined && asked.etcdMembers !== before.etcdMembers) {
    throw new ClusterError(
      'InvalidOption',
      `cluster "${paths.name}" was made with ${before.etcdMembers} etcd member(s); add more with klab etcd member add, or delete it first: klab down --purge --name ${paths.name}`,
    );
  }
  const flags = { ...before?.flags, ...asked.flags };
  checkStorePlace(paths, before, flags);
  if (flags['etcd-servers'] && (asked.etcdMembers !== undefined || request.explicitEtcdPort)) {
    throw new ClusterError(
      'InvalidOption',
      "--etcd-members and --etcd-port are of klab's own etcd; leave them out with --etcd-servers",
    );
  }
  return { ...defaults, seed: Prng.random().seed, ...before, ...asked, flags };
}

/** A cluster's state does not move by itself: that would look like an empty cluster. */
function checkStorePlace(
  paths: ClusterPaths,
  before: ClusterSettings | undefined,
  flags: Record<string, string>,
): void {
  if (!before) return;
  const [was, is] = [before.flags?.['etcd-servers'], flags['etcd-servers']];
  if (Boolean(was) === Boolean(is)) return;
  const kept = was ? `in the etcd at ${was}` : 'in its own etcd';
  throw new ClusterError(
    'InvalidOption',
    `cluster "${paths.name}" keeps its state ${kept}; start another one (klab up --name …), or delete it first: klab down --purge --name ${paths.name}`,
  );
}

function lockFolder(paths: ClusterPaths): FolderLock {
  try {
    return acquireLock(paths.dir);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    throw new ClusterError(error.code === 'Locked' ? 'Locked' : 'StartFailed', error.message, { cause: error });
  }
}

/** Serves until `signal` aborts. @throws ClusterError when the cluster cannot start. */
export async function runServer(paths: ClusterPaths, request: StartRequest, options: RunServerOptions): Promise<void> {
  const startedAt = wallClock.monotonic();
  const log = options.log ?? silentLogger;
  ensureStateFolder(paths);
  const lock = lockFolder(paths);
  try {
    writeFileAtomically(paths.startingFile, `${JSON.stringify({ pid: process.pid })}\n`);
    const settings = resolveSettings(paths, request);
    const phase = (text: string, detail = true) =>
      options.onPhase({ type: 'phase', text, detail, ms: wallClock.monotonic() - startedAt });
    /** Writes what is remembered and what other commands read; known once the cluster is up. */
    let record: () => void = () => {};
    const cluster = await createCluster({
      name: paths.name,
      dir: paths.dir,
      store: settings.store,
      // What the folder remembers counts, unless this start asks for a number.
      ...(request.nodes === undefined && new NodeRecords(paths.dir).read() ? {} : { nodes: settings.nodes }),
      etcdMembers: settings.etcdMembers,
      clock: settings.clock,
      seed: settings.seed,
      controllers: settings.controllers,
      scheduler: settings.scheduler,
      flags: settings.flags ?? {},
      api: { port: settings.apiPort, explicit: request.explicitApiPort ?? false, preferred: usualPort(6443) },
      etcd: { ports: settings.etcdPorts, explicit: request.explicitEtcdPort ?? false, preferred: usualPort(2379) },
      control: true,
      systemPods: true,
      ingress: true,
      dns: true,
      loadBalancers: true,
      log,
      onPhase: phase,
      onEtcdAccess: () => record(),
      signal: options.signal,
    });
    try {
      const serverInfo = (): ServerInfo => ({
        name: paths.name,
        pid: process.pid,
        version: packageVersion(),
        startedAt: rfc3339(wallClock.now()),
        api: { endpoint: cluster.apiEndpoint! },
        control: { endpoint: cluster.controlEndpoint! },
        etcd: cluster.etcdAccess!,
        kubeconfig: paths.kubeconfig,
        certificates: cluster.certificates!,
        nodes: cluster.nodes.names.length,
        etcdMembers: cluster.etcdPorts.length || settings.etcdMembers,
        store: settings.store,
        clock: settings.clock,
        log: paths.log,
      });
      record = () => {
        const { etcdPorts, apiPort, nodes } = cluster;
        const remembered = { ...settings, nodes: nodes.names.length, apiPort, etcdPorts };
        writeFileAtomically(paths.settingsFile, `${JSON.stringify(remembered, null, 2)}\n`);
        writeFileAtomically(paths.serverFile, `${JSON.stringify(serverInfo(), null, 2)}\n`);
      };
      record();
      rmSync(paths.startingFile, { force: true });
      options.onReady(serverInfo());
      await Promise.race([aborted(options.signal), cluster.failed]);
    } finally {
      record = () => {};
      rmSync(paths.serverFile, { force: true });
      await cluster.stop();
    }
  } finally {
    rmSync(paths.startingFile, { force: true });
    lock.release();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
