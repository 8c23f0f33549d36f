/**
 * Changing kubeconfigs: entries of one cluster merged in or taken out, everything else kept.
 * Upstream: kind/pkg/cluster/internal/kubeconfig, clientcmd/config.go (lock file, 0600).
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { encodeYaml } from '../../apimachinery/index.ts';
import { wallClock } from '../../base/index.ts';
import { kubeconfigPaths, readKubeconfigFile } from './load.ts';
import { KubeconfigError, type KubeconfigFile, type NamedCluster, type NamedContext, type NamedUser } from './model.ts';

/** The entries of one cluster, each under its name. */
export interface KubeconfigEntries {
  readonly cluster: NamedCluster;
  readonly user: NamedUser;
  readonly context: NamedContext;
}

const lockTries = 40;
const lockWaitMs = 50;

/** A whole kubeconfig with one context, which is current. */
export function newKubeconfig({ cluster, user, context }: KubeconfigEntries): KubeconfigFile {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [cluster],
    contexts: [context],
    'current-context': context.name,
    preferences: {},
    users: [user],
  };
}

/** Entries with inline data, as kind makes them. PEM texts; certificate and key or a token. */
export function kubeconfigEntries(options: {
  readonly name: string;
  readonly server: string;
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
  readonly namespace?: string;
}): KubeconfigEntries {
  const { name, server, ca, cert, key, token, namespace } = options;
  const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');
  return {
    cluster: { name, cluster: { 'certificate-authority-data': base64(ca), server } },
    context: { name, context: { cluster: name, user: name, ...(namespace ? { namespace } : {}) } },
    user: {
      name,
      user: {
        ...(cert ? { 'client-certificate-data': base64(cert) } : {}),
        ...(key ? { 'client-key-data': base64(key) } : {}),
        ...(token ? { token } : {}),
      },
    },
  };
}

/** The file that a merge changes: of `$KUBECONFIG`'s files the first that exists, else the last; else `~/.kube/config`. */
export function kubeconfigPathToWrite(env = process.env['KUBECONFIG']): string {
  const paths = kubeconfigPaths(env);
  return paths.find((path) => existsSync(path)) ?? paths.at(-1)!;
}

/** Writes a kubeconfig, 0600 when new, in one step: a reader sees the old file or the new one. */
export function writeKubeconfig(path: string, content: KubeconfigFile): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // A symbolic link stays one.
  const target = existsSync(path) ? realpathSync(path) : path;
  const mode = existsSync(target) ? statSync(target).mode & 0o777 : 0o600;
  const next = `${target}.${process.pid}.tmp`;
  try {
    writeFileSync(next, encodeYaml(content), { mode, flag: 'w' });
    renameSync(next, target);
  } catch (error) {
    rmSync(next, { force: true });
    throw error;
  }
}

/** Adds or replaces the entries by name, under the file's lock. */
export async function mergeKubeconfig(
  path: string,
  entries: KubeconfigEntries,
  options: { readonly makeCurrent?: boolean } = {},
): Promise<void> {
  await locked(path, () => {
    const file: KubeconfigFile = existsSync(path) ? readKubeconfigFile(path) : { apiVersion: 'v1', kind: 'Config' };
    file.clusters = replaced(file.clusters, entries.cluster);
    file.contexts = replaced(file.contexts, entries.context);
    file.users = replaced(file.users, entries.user);
    if (options.makeCurrent) file['current-context'] = entries.context.name;
    file['current-context'] ??= '';
    file.preferences ??= {};
    writeKubeconfig(path, file);
  });
}

/** Takes the entries of that name out; a current-context of that name is cleared. Returns whether anything was there. */
export async function removeFromKubeconfig(path: string, name: string): Promise<boolean> {
  if (!existsSync(path)) return false;
  return locked(path, () => {
    const file = readKubeconfigFile(path);
    const without = <T extends { name: string }>(list: T[] | null | undefined) =>
      (list ?? []).filter((e) => e.name !== name);
    const count = (f: KubeconfigFile) => (f.clusters?.length ?? 0) + (f.contexts?.length ?? 0) + (f.users?.length ?? 0);
    const before = count(file);
    file.clusters = without(file.clusters);
    file.contexts = without(file.contexts);
    file.users = without(file.users);
    const current = file['current-context'] === name;
    if (current) file['current-context'] = '';
    if (count(file) === before && !current) return false;
    writeKubeconfig(path, file);
    return true;
  });
}

/** Makes a context current; it must exist in the file. @throws KubeconfigError */
export async function useContext(path: string, name: string): Promise<void> {
  await locked(path, () => {
    const file = readKubeconfigFile(path);
    if (!file.contexts?.some((context) => context.name === name)) {
      throw new KubeconfigError(`no context exists with the name: "${name}"`);
    }
    writeKubeconfig(path, { ...file, 'current-context': name });
  });
}

function replaced<T extends { name: string }>(list: T[] | null | undefined, entry: T): T[] {
  const out = [...(list ?? [])];
  const index = out.findIndex((other) => other.name === entry.name);
  if (index >= 0) out[index] = entry;
  else out.push(entry);
  return out;
}

/** Runs `fn` while `<path>.lock` of every file is held, in the order of their names as kubectl takes them. */
export function withKubeconfigsLocked<R>(paths: readonly string[], fn: () => R): Promise<R> {
  const take = ([path, ...rest]: readonly string[]): Promise<R> =>
    path === undefined ? Promise.resolve().then(fn) : locked(path, () => take(rest));
  return take([...new Set(paths)].sort());
}

/** Holds `<path>.lock` as kubectl and kind do, so that their writes and ours do not lose each other. */
async function locked<R>(path: string, fn: () => R | Promise<R>): Promise<R> {
  const lock = `${path}.lock`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  for (let tries = 1; ; tries++) {
    try {
      closeSync(openSync(lock, 'wx', 0o600));
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (tries >= lockTries) {
        throw new KubeconfigError(`${path} is locked: if no kubectl or kind is writing it, remove ${lock}`);
      }
    }
    await wallClock.sleep(lockWaitMs);
  }
  try {
    return await fn();
  } finally {
    rmSync(lock, { force: true });
  }
}
