/** Who klab's own components are: users, groups and names in the history. Upstream: kubeadm's client certificates. */

import type { Dispatch } from '../apiserver/index.ts';
import { type InProcessIdentity, inProcessHandler } from '../apiserver/index.ts';
import type { Transport } from '../client/index.ts';

const authenticated = 'system:authenticated';
const version = 'v1.36.0';

export const identities = {
  admin: {
    user: { name: 'kubernetes-admin', groups: ['system:masters', authenticated] },
    actor: 'user:kubernetes-admin',
    agent: 'klab',
  },
  controllerManager: {
    user: { name: 'system:kube-controller-manager', groups: [authenticated] },
    actor: 'kube-controller-manager',
    agent: `kube-controller-manager/${version}`,
  },
  scheduler: {
    user: { name: 'system:kube-scheduler', groups: [authenticated] },
    actor: 'scheduler',
    agent: `kube-scheduler/${version}`,
  },
  /** The simulated pod network: stands for what kernels and CoreDNS do, so it reads as the system itself. */
  network: {
    user: { name: 'klab:network', groups: ['system:masters', authenticated] },
    actor: 'network',
    agent: 'klab-network',
  },
} as const satisfies Record<string, InProcessIdentity>;

export function controllerIdentity(serviceAccount: string): InProcessIdentity {
  return {
    user: {
      name: `system:serviceaccount:kube-system:${serviceAccount}`,
      groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', authenticated],
    },
    actor: `controller:${serviceAccount.replace(/-controller$/, '')}`,
    agent: `kube-controller-manager/${version}`,
  };
}

export function nodeIdentity(node: string): InProcessIdentity {
  return {
    user: { name: `system:node:${node}`, groups: ['system:nodes', authenticated] },
    actor: `kubelet:${node}`,
    agent: `kubelet/${version}`,
  };
}

/** A transport straight into the server, with an identity instead of credentials. */
export function transportAs(server: { readonly handle: Dispatch }, identity: InProcessIdentity): Transport {
  return inProcessHandler(server, identity);
}
