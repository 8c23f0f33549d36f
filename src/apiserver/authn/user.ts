/** Names of users and groups that Kubernetes reserves. Upstream: apiserver/pkg/authentication/{user,serviceaccount}. */
export const anonymousUser = 'system:anonymous';
export const authenticatedGroup = 'system:authenticated';
export const unauthenticatedGroup = 'system:unauthenticated';
export const mastersGroup = 'system:masters';
export const nodesGroup = 'system:nodes';
export const nodeUserPrefix = 'system:node:';
export const allServiceAccountsGroup = 'system:serviceaccounts';
const serviceAccountUserPrefix = 'system:serviceaccount:';
const serviceAccountGroupPrefix = 'system:serviceaccounts:';

export function serviceAccountUsername(namespace: string, name: string): string {
  return `${serviceAccountUserPrefix}${namespace}:${name}`;
}

export function serviceAccountGroups(namespace: string): string[] {
  return [allServiceAccountsGroup, `${serviceAccountGroupPrefix}${namespace}`];
}

/** Undefined unless `username` is `system:serviceaccount:<namespace>:<name>` with both parts valid. */
export function splitServiceAccountUsername(username: string): { namespace: string; name: string } | undefined {
  if (!username.startsWith(serviceAccountUserPrefix)) return undefined;
  const [namespace, name, ...rest] = username.slice(serviceAccountUserPrefix.length).split(':');
  if (!namespace || !name || rest.length > 0) return undefined;
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(namespace)) return undefined;
  if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name)) return undefined;
  return { namespace, name };
}

/** The node a kubelet's credentials are for: user `system:node:<name>` in group `system:nodes`. */
export function nodeNameOf(user: { name: string; groups: readonly string[] }): string | undefined {
  if (!user.name.startsWith(nodeUserPrefix) || !user.groups.includes(nodesGroup)) return undefined;
  return user.name.slice(nodeUserPrefix.length);
}
