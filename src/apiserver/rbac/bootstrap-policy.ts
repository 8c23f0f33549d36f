import type { KubeObject } from '../../apimachinery/index.ts';
import { aggregatedRoleTable, aggregationLabels, clusterRoleTable } from './bootstrap-cluster-roles.ts';
import { controllerRoleTable } from './bootstrap-controller-roles.ts';
import type { PolicyRule } from './rules.ts';
import type { Subject } from './subject-index.ts';

const group = 'rbac.authorization.k8s.io';
const apiVersion = `${group}/v1`;
export const autoupdateAnnotation = 'rbac.authorization.kubernetes.io/autoupdate';
const controllerPrefix = 'system:controller:';

const verbWords: Readonly<Record<string, readonly string[]>> = {
  read: ['get', 'list', 'watch'],
  write: ['create', 'delete', 'deletecollection', 'patch', 'update'],
};

/** One line of the tables as a rule; verbs come out sorted, as upstream writes them. */
export function parseRule(line: string): PolicyRule {
  const [verbText = '', groupText = '', resourceText = '', named, nameText = ''] = line.split(' ');
  const verbs = verbText
    .split(',')
    .flatMap((word) => verbWords[word] ?? [word])
    .sort();
  if (groupText === 'url') return { nonResourceURLs: resourceText.split(','), verbs };
  return {
    apiGroups: groupText.split(',').map((name) => (name === 'core' ? '' : name)),
    ...(named === 'named' ? { resourceNames: nameText.split(',') } : {}),
    resources: resourceText.split(','),
    verbs,
  };
}

/** Rules of a default ClusterRole. */
export function clusterRoleRules(name: string): PolicyRule[] {
  return (clusterRoleTable[name] ?? []).map(parseRule);
}

/** Subjects in short: `group:x`, `user:x`, `serviceaccount:x` (of kube-system). */
const clusterRoleBindingTable: Readonly<Record<string, readonly string[]>> = {
  'cluster-admin': ['group:system:masters'],
  'system:basic-user': ['group:system:authenticated'],
  'system:discovery': ['group:system:authenticated'],
  'system:kube-controller-manager': ['user:system:kube-controller-manager'],
  'system:kube-dns': ['serviceaccount:kube-dns'],
  'system:kube-scheduler': ['user:system:kube-scheduler'],
  'system:monitoring': ['group:system:monitoring'],
  'system:node': [],
  'system:node-proxier': ['user:system:kube-proxy'],
  'system:public-info-viewer': ['group:system:authenticated', 'group:system:unauthenticated'],
  'system:service-account-issuer-discovery': ['group:system:serviceaccounts'],
  'system:volume-scheduler': ['user:system:kube-scheduler'],
};

/** Namespace, Role, its rules, the RoleBinding's name (default: the Role's), subjects. */
const roleTable: readonly {
  readonly namespace: string;
  readonly name: string;
  readonly rules: readonly string[];
  readonly binding?: string;
  readonly subjects: readonly string[];
}[] = [
  {
    namespace: 'kube-public',
    name: 'system:controller:bootstrap-signer',
    rules: [
      'read core configmaps',
      'update core configmaps named cluster-info',
      'create,patch,update core,events.k8s.io events',
    ],
    subjects: ['serviceaccount:bootstrap-signer'],
  },
  {
    namespace: 'kube-system',
    name: 'extension-apiserver-authentication-reader',
    rules: ['read core configmaps named extension-apiserver-authentication'],
    binding: 'system::extension-apiserver-authentication-reader',
    subjects: ['user:system:kube-controller-manager', 'user:system:kube-scheduler'],
  },
  {
    namespace: 'kube-system',
    name: 'system::leader-locking-kube-controller-manager',
    rules: ['read,create,update coordination.k8s.io leases', 'read,create,update coordination.k8s.io leasecandidates'],
    subjects: [
      'user:system:kube-controller-manager',
      'serviceaccount:kube-controller-manager',
      'serviceaccount:leader-election-controller',
    ],
  },
  {
    namespace: 'kube-system',
    name: 'system::leader-locking-kube-scheduler',
    rules: ['read,create,update coordination.k8s.io leases', 'read,create,update coordination.k8s.io leasecandidates'],
    subjects: ['user:system:kube-scheduler', 'serviceaccount:kube-scheduler'],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:bootstrap-signer',
    rules: ['read core secrets'],
    subjects: ['serviceaccount:bootstrap-signer'],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:cloud-provider',
    rules: ['read,create core configmaps'],
    subjects: ['serviceaccount:cloud-provider'],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:token-cleaner',
    rules: ['read,delete core secrets', 'create,patch,update core,events.k8s.io events'],
    subjects: ['serviceaccount:token-cleaner'],
  },
];

function metadata(name: string, label?: string, namespace?: string): KubeObject['metadata'] {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    annotations: { [autoupdateAnnotation]: 'true' },
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...(label === undefined ? {} : { [label]: 'true' }) },
  };
}

function subject(text: string): Subject & { apiGroup?: string } {
  const kind = text.slice(0, text.indexOf(':'));
  const name = text.slice(kind.length + 1);
  if (kind === 'serviceaccount') return { kind: 'ServiceAccount', name, namespace: 'kube-system' };
  return { apiGroup: group, kind: kind === 'group' ? 'Group' : 'User', name };
}

/** Every default ClusterRole; aggregated ones come without rules (`rules: null`), as upstream writes them. */
export function bootstrapClusterRoles(): KubeObject[] {
  const out: KubeObject[] = Object.keys(clusterRoleTable).map((name) => ({
    apiVersion,
    kind: 'ClusterRole',
    metadata: metadata(name, aggregationLabels[name]),
    rules: clusterRoleRules(name),
  }));
  for (const [name, { from, label }] of Object.entries(aggregatedRoleTable)) {
    out.push({
      apiVersion,
      kind: 'ClusterRole',
      metadata: metadata(name, label),
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [from]: 'true' } }] },
      rules: null,
    });
  }
  for (const [name, rules] of Object.entries(controllerRoleTable)) {
    out.push({
      apiVersion,
      kind: 'ClusterRole',
      metadata: metadata(controllerPrefix + name),
      rules: rules.map(parseRule),
    });
  }
  return out;
}

/**
 * The rules of an aggregated ClusterRole as the ClusterRole aggregation controller computes them from these roles:
 * the union in the order of names, without repeats.
 */
export function aggregateRules(role: KubeObject, all: readonly KubeObject[]): PolicyRule[] {
  const byName = [...all].sort((a, b) => (a.metadata.name! < b.metadata.name! ? -1 : 1));
  const out = new Map<string, PolicyRule>();
  for (const { matchLabels } of role.aggregationRule.clusterRoleSelectors) {
    for (const each of byName) {
      const matches = Object.entries(matchLabels).every(([key, value]) => each.metadata.labels?.[key] === value);
      if (!matches || each.metadata.name === role.metadata.name) continue;
      const rules: PolicyRule[] = each.aggregationRule ? aggregateRules(each, all) : (each.rules ?? []);
      for (const rule of rules) out.set(JSON.stringify(rule), rule);
    }
  }
  return [...out.values()];
}

export function bootstrapClusterRoleBindings(): KubeObject[] {
  const make = (name: string, subjects: readonly string[]): KubeObject => ({
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata: metadata(name),
    roleRef: { apiGroup: group, kind: 'ClusterRole', name },
    ...(subjects.length === 0 ? {} : { subjects: subjects.map(subject) }),
  });
  return [
    ...Object.entries(clusterRoleBindingTable).map(([name, subjects]) => make(name, subjects)),
    ...Object.keys(controllerRoleTable).map((name) => make(controllerPrefix + name, [`serviceaccount:${name}`])),
  ];
}

export function bootstrapRoles(): KubeObject[] {
  return roleTable.map(({ namespace, name, rules }) => ({
    apiVersion,
    kind: 'Role',
    metadata: metadata(name, undefined, namespace),
    rules: rules.map(parseRule),
  }));
}

export function bootstrapRoleBindings(): KubeObject[] {
  return roleTable.map(({ namespace, name, binding, subjects }) => ({
    apiVersion,
    kind: 'RoleBinding',
    metadata: metadata(binding ?? name, undefined, namespace),
    roleRef: { apiGroup: group, kind: 'Role', name },
    subjects: subjects.map(subject),
  }));
}
