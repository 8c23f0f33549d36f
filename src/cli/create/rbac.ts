/** `create role|clusterrole|rolebinding|clusterrolebinding`. Upstream: kubectl/pkg/cmd/create/create_*role*.go. */
import type { KubeObject } from '../../apimachinery/index.ts';
import type { ResourceDescription } from '../../client/index.ts';
import { ManyErrors } from '../errors.ts';
import { UserError } from '../exit-codes.ts';
import type { Session } from '../session.ts';

const rbac = 'rbac.authorization.k8s.io';
const rbacVersion = `${rbac}/v1`;

const standardVerbs = new Set([
  '*',
  'approve',
  'attest',
  'bind',
  'create',
  'delete',
  'deletecollection',
  'escalate',
  'get',
  'impersonate',
  'list',
  'patch',
  'sign',
  'update',
  'use',
  'watch',
]);

export interface RoleFlags {
  readonly verb?: readonly string[];
  readonly resource?: readonly string[];
  readonly 'resource-name'?: readonly string[];
  readonly 'non-resource-url'?: readonly string[];
  readonly 'aggregation-rule'?: string;
}

interface Wanted {
  readonly group: string;
  readonly resource: string;
}

const unique = <T>(items: readonly T[] = []): T[] => [...new Set(items)];

function verbsOf(flags: RoleFlags): string[] {
  const verbs = unique(flags.verb);
  return verbs.includes('*') ? ['*'] : verbs;
}

/** One rule per group, in the order of groups' names, as upstream sorts them by their first appearance in a map. */
function rulesOf(wanted: readonly Wanted[], verbs: readonly string[], resourceNames: readonly string[]): object[] {
  const byGroup = new Map<string, string[]>();
  for (const { group, resource } of wanted) byGroup.set(group, [...(byGroup.get(group) ?? []), resource]);
  return [...byGroup]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, resources]) => ({
      verbs,
      apiGroups: [group],
      resources: unique(resources),
      ...(resourceNames.length > 0 && { resourceNames }),
    }));
}

async function resolveWanted(session: Session, texts: readonly string[]): Promise<Wanted[]> {
  const out: Wanted[] = [];
  for (const text of unique(texts)) {
    const [word = '', subresource] = text.split('/', 2);
    if (text === '*') {
      out.push({ group: '*', resource: '*' });
      continue;
    }
    const found: ResourceDescription | undefined = await session.find(word);
    if (!found) {
      throw new ManyErrors([new Error(`the server doesn't have a resource type ${JSON.stringify(word)}`)]);
    }
    out.push({ group: found.group, resource: subresource ? `${found.plural}/${subresource}` : found.plural });
  }
  return out;
}

function warnOfVerbs(verbs: readonly string[], say: (text: string) => void): void {
  for (const verb of verbs) {
    if (!standardVerbs.has(verb)) say(`Warning: '${verb}' is not a standard resource verb`);
  }
}

export async function role(
  name: string,
  flags: RoleFlags,
  session: () => Promise<Session>,
  say: (text: string) => void,
): Promise<KubeObject> {
  const verbs = verbsOf(flags);
  if (verbs.length === 0) throw new UserError('at least one verb must be specified');
  if (!flags.resource?.length) throw new UserError('at least one resource must be specified');
  warnOfVerbs(verbs, say);
  const wanted = await resolveWanted(await session(), flags.resource);
  const rules = rulesOf(wanted, verbs, unique(flags['resource-name']));
  return { kind: 'Role', apiVersion: rbacVersion, metadata: { name }, rules } as unknown as KubeObject;
}

export async function clusterRole(
  name: string,
  flags: RoleFlags,
  session: () => Promise<Session>,
  say: (text: string) => void,
): Promise<KubeObject> {
  const verbs = verbsOf(flags);
  const urls = flags['non-resource-url'] ?? [];
  const resources = flags.resource ?? [];
  const base = { kind: 'ClusterRole', apiVersion: rbacVersion, metadata: { name } };
  if (flags['aggregation-rule']) {
    if (urls.length > 0 || resources.length > 0 || flags['resource-name']?.length) {
      throw new UserError('aggregation rule must be specified without nonResourceURLs, resources or resourceNames');
    }
    const pairs = flags['aggregation-rule'].split(',').map((pair) => pair.split('='));
    const clusterRoleSelectors = [{ matchLabels: Object.fromEntries(pairs) }];
    return { ...base, rules: null, aggregationRule: { clusterRoleSelectors } } as unknown as KubeObject;
  }
  if (verbs.length === 0) throw new UserError('at least one verb must be specified');
  if (resources.length === 0 && urls.length === 0) {
    throw new UserError('one of resource or nonResourceURL must be specified');
  }
  if (resources.length > 0) warnOfVerbs(verbs, say);
  const wanted = resources.length > 0 ? await resolveWanted(await session(), resources) : [];
  const rules = rulesOf(wanted, verbs, unique(flags['resource-name']));
  if (urls.length > 0) rules.push({ verbs, nonResourceURLs: urls });
  return { ...base, rules } as unknown as KubeObject;
}

export interface BindingFlags {
  readonly role?: string;
  readonly clusterrole?: string;
  readonly user?: readonly string[];
  readonly group?: readonly string[];
  readonly serviceaccount?: readonly string[];
}

/** Subjects of `--user`, `--group` and `--serviceaccount`, in that order. */
export function subjectsOf(flags: BindingFlags): object[] {
  return [
    ...unique(flags.user).map((name) => ({ kind: 'User', apiGroup: rbac, name })),
    ...unique(flags.group).map((name) => ({ kind: 'Group', apiGroup: rbac, name })),
    ...unique(flags.serviceaccount).map((text) => {
      const [namespace = '', name = '', ...more] = text.split(':');
      if (namespace === '' || name === '' || more.length > 0) {
        throw new UserError('serviceaccount must be <namespace>:<name>');
      }
      return { kind: 'ServiceAccount', name, namespace };
    }),
  ];
}

export function roleBinding(name: string, flags: BindingFlags): KubeObject {
  if (!flags.role === !flags.clusterrole) throw new UserError('exactly one of clusterrole or role must be specified');
  const subjects = subjectsOf(flags);
  return {
    kind: 'RoleBinding',
    apiVersion: rbacVersion,
    metadata: { name },
    ...(subjects.length > 0 && { subjects }),
    roleRef: {
      apiGroup: rbac,
      kind: flags.role ? 'Role' : 'ClusterRole',
      name: flags.role || flags.clusterrole,
    },
  } as unknown as KubeObject;
}

export function clusterRoleBinding(name: string, flags: BindingFlags): KubeObject {
  const subjects = subjectsOf(flags);
  return {
    kind: 'ClusterRoleBinding',
    apiVersion: rbacVersion,
    metadata: { name },
    ...(subjects.length > 0 && { subjects }),
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: flags.clusterrole },
  } as unknown as KubeObject;
}
