import { kubeconfigEntries, newKubeconfig, writeKubeconfig } from '../client/index.ts';

/** Name of a cluster's context in any kubeconfig. */
export function contextName(cluster: string): string {
  return `klab-${cluster}`;
}

/** Writes the cluster's own kubeconfig, 0600, certificates inline. */
export function clusterKubeconfig(
  path: string,
  access: {
    readonly name: string;
    readonly endpoint: string;
    readonly ca: string;
    readonly cert: string;
    readonly key: string;
  },
): void {
  const { name, endpoint, ca, cert, key } = access;
  writeKubeconfig(path, newKubeconfig(kubeconfigEntries({ name: contextName(name), server: endpoint, ca, cert, key })));
}
