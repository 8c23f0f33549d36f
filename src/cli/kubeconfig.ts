/** The user's kubeconfig: the context of a cluster goes in with `klab up`, out with `klab down --purge`. */

import { readFileSync } from 'node:fs';
import {
  kubeconfigEntries,
  kubeconfigPathToWrite,
  loadKubeconfig,
  mergeKubeconfig,
  removeFromKubeconfig,
} from '../client/index.ts';
import type { ServerInfo } from '../cluster/index.ts';

export function contextName(cluster: string): string {
  return `klab-${cluster}`;
}

/** Merges the cluster's context, makes it current, and returns what to tell the user. */
export async function mergeContext(info: ServerInfo): Promise<string> {
  const path = kubeconfigPathToWrite();
  const name = contextName(info.name);
  const read = (file: string) => readFileSync(file, 'utf8');
  const { ca, clientCert, clientKey } = info.certificates;
  await mergeKubeconfig(
    path,
    kubeconfigEntries({ name, server: info.api.endpoint, ca: read(ca), cert: read(clientCert), key: read(clientKey) }),
    { makeCurrent: true },
  );
  return `context "${name}" is current in ${path}`;
}

/** Takes the cluster's context out again. Undefined when there was none. */
export async function forgetContext(cluster: string): Promise<string | undefined> {
  const path = kubeconfigPathToWrite();
  const removed = await removeFromKubeconfig(path, contextName(cluster));
  return removed ? `context "${contextName(cluster)}" is removed from ${path}` : undefined;
}

export { loadKubeconfig };
