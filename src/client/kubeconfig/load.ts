/** Reading kubeconfigs. Upstream: client-go/tools/clientcmd/{loader,client_config}.go. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { decodeYaml } from '../../apimachinery/index.ts';
import type { ClientConfig, ExecConfig, Impersonation } from '../https/config.ts';
import { KubeconfigError, type KubeconfigFile, type NamedCluster, type NamedContext, type NamedUser } from './model.ts';

export interface LoadKubeconfigOptions {
  /** `--kubeconfig`: this file and no other; it must exist. */
  readonly path?: string;
  /** Value of KUBECONFIG: files in order, those that do not exist are passed over. Default: the environment's. */
  readonly env?: string;
}

export interface ContextOverrides {
  readonly context?: string;
  readonly cluster?: string;
  readonly user?: string;
}

/** Contexts, clusters and users of all files together; the first file that sets a name wins. */
export class Kubeconfig {
  /** Files it was read from, in order. */
  readonly paths: readonly string[];
  readonly clusters = new Map<string, NamedCluster['cluster']>();
  readonly users = new Map<string, NamedUser['user']>();
  readonly contexts = new Map<string, NamedContext['context']>();
  #currentContext = '';

  constructor(files: readonly { readonly path: string; readonly content: KubeconfigFile }[]) {
    this.paths = files.map((file) => file.path);
    for (const { path, content } of files) {
      const folder = dirname(resolve(path));
      for (const { name, cluster } of content.clusters ?? []) {
        if (!this.clusters.has(name))
          this.clusters.set(name, withPaths(cluster ?? {}, folder, ['certificate-authority']));
      }
      for (const { name, user } of content.users ?? []) {
        if (this.users.has(name)) continue;
        this.users.set(name, withPaths(user ?? {}, folder, ['client-certificate', 'client-key', 'tokenFile']));
      }
      for (const { name, context } of content.contexts ?? []) {
        if (!this.contexts.has(name)) this.contexts.set(name, context ?? {});
      }
      this.#currentContext ||= content['current-context'] ?? '';
    }
  }

  /** '' when none is set. */
  get currentContext(): string {
    return this.#currentContext;
  }

  /** Namespace of a context (default: the current one), `default` when it has none. */
  namespaceOf(context = this.#currentContext): string {
    return this.contexts.get(context)?.namespace || 'default';
  }

  /**
   * How to reach the cluster of a context (default: the current one).
   * @throws KubeconfigError for names that are not there, files that cannot be read, or no server.
   */
  clientConfig(overrides: ContextOverrides = {}): ClientConfig {
    const name = overrides.context ?? this.#currentContext;
    const context = this.contexts.get(name);
    if (!context && (overrides.context !== undefined || (name !== '' && overrides.cluster === undefined))) {
      throw new KubeconfigError(`context "${name}" does not exist`);
    }
    const clusterName = overrides.cluster ?? context?.cluster ?? '';
    const userName = overrides.user ?? context?.user ?? '';
    const cluster = this.clusters.get(clusterName);
    if (!cluster) {
      if (clusterName === '') throw new KubeconfigError('invalid configuration: no configuration has been provided');
      throw new KubeconfigError(`cluster "${clusterName}" does not exist`);
    }
    const user = this.users.get(userName) ?? {};
    if (userName !== '' && !this.users.has(userName))
      throw new KubeconfigError(`auth info "${userName}" does not exist`);
    if (!cluster.server)
      throw new KubeconfigError(`invalid configuration: no server found for cluster "${clusterName}"`);
    return {
      server: cluster.server,
      ca: pem(cluster, 'certificate-authority'),
      tlsServerName: cluster['tls-server-name'],
      insecureSkipTlsVerify: cluster['insecure-skip-tls-verify'],
      cert: pem(user, 'client-certificate'),
      key: pem(user, 'client-key'),
      token: user.token,
      tokenFile: user.tokenFile,
      username: user.username,
      password: user.password,
      impersonate: impersonation(user),
      exec: user.exec as ExecConfig | undefined,
    };
  }
}

/** `$KUBECONFIG`'s files, or `~/.kube/config`. */
export function kubeconfigPaths(env = process.env['KUBECONFIG']): string[] {
  const listed = (env ?? '').split(delimiter).filter((path) => path !== '');
  return listed.length > 0 ? [...new Set(listed)] : [join(homedir(), '.kube', 'config')];
}

/** @throws KubeconfigError for a file that cannot be read as a kubeconfig, or an explicit path that does not exist. */
export function loadKubeconfig(options: LoadKubeconfigOptions = {}): Kubeconfig {
  if (options.path !== undefined && !existsSync(options.path)) {
    throw new KubeconfigError(`stat ${options.path}: no such file or directory`);
  }
  const paths =
    options.path !== undefined ? [options.path] : kubeconfigPaths(options.env).filter((path) => existsSync(path));
  return new Kubeconfig(paths.map((path) => ({ path, content: readKubeconfigFile(path) })));
}

/** One file as it stands; an empty file is an empty kubeconfig. @throws KubeconfigError */
export function readKubeconfigFile(path: string): KubeconfigFile {
  let value: unknown;
  try {
    value = decodeYaml(readFileSync(path, 'utf8'), { file: path })[0]?.value ?? {};
  } catch (cause) {
    throw new KubeconfigError(`error loading config file "${path}": ${(cause as Error).message}`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new KubeconfigError(`error loading config file "${path}": it is not a mapping`);
  }
  return { apiVersion: 'v1', kind: 'Config', ...value };
}

/** Pod's own account: the files every pod has. undefined outside a pod. */
export function inClusterConfig(folder = '/var/run/secrets/kubernetes.io/serviceaccount'): ClientConfig | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  const tokenFile = join(folder, 'token');
  if (!host || !port || !existsSync(tokenFile)) return undefined;
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return { server, ca: readFileSync(join(folder, 'ca.crt'), 'utf8'), tokenFile };
}

function withPaths<T extends Record<string, unknown>>(entry: T, folder: string, fields: readonly string[]): T {
  const out: Record<string, unknown> = { ...entry };
  for (const field of fields) {
    const path = out[field];
    if (typeof path === 'string' && path !== '' && !isAbsolute(path)) out[field] = resolve(folder, path);
  }
  return out as T;
}

/** Inline data (base64) before the file of the same name. */
function pem(entry: Record<string, unknown>, field: string): string | undefined {
  const inline = entry[`${field}-data`];
  if (typeof inline === 'string' && inline !== '') return Buffer.from(inline, 'base64').toString('utf8');
  const path = entry[field];
  if (typeof path !== 'string' || path === '') return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new KubeconfigError(`unable to read ${field} ${path}: ${(cause as Error).message}`, { cause });
  }
}

function impersonation(user: NamedUser['user']): Impersonation | undefined {
  if (!user.as) return undefined;
  return { user: user.as, uid: user['as-uid'], groups: user['as-groups'], extra: user['as-user-extra'] };
}
