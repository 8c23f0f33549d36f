import { describe, expect, it } from 'vitest';
import type { AuthorizationAttributes } from '../../../src/apiserver/index.ts';
import { RbacAuthorizer } from '../../../src/apiserver/rbac/rbac-authorizer.ts';
import { compactRules, compactString, missingRules, ruleAllows } from '../../../src/apiserver/rbac/rules.ts';
import { FakeReader } from '../fake-reader.ts';

const group = 'rbac.authorization.k8s.io';
const apiVersion = `${group}/v1`;

function role(kind: string, name: string, rules: object[], namespace?: string) {
  return { apiVersion, kind, metadata: { name, ...(namespace ? { namespace } : {}) }, rules };
}

function binding(
  kind: string,
  name: string,
  roleKind: string,
  roleName: string,
  subjects: object[],
  namespace?: string,
) {
  return {
    apiVersion,
    kind,
    metadata: { name, ...(namespace ? { namespace } : {}) },
    roleRef: { apiGroup: group, kind: roleKind, name: roleName },
    subjects,
  };
}

function ask(user: string, groups: string[], rest: Partial<AuthorizationAttributes>): AuthorizationAttributes {
  return {
    user: { name: user, groups },
    verb: 'get',
    resourceRequest: true,
    namespace: '',
    apiGroup: '',
    apiVersion: 'v1',
    resource: 'pods',
    subresource: '',
    name: '',
    path: '',
    ...rest,
  };
}

function cluster() {
  const reader = new FakeReader();
  reader.set(
    `clusterroles.${group}`,
    role('ClusterRole', 'reader', [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods', 'pods/log'] }]),
    role('ClusterRole', 'health', [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/metrics/*'] }]),
  );
  reader.set(
    `clusterrolebindings.${group}`,
    binding('ClusterRoleBinding', 'readers', 'ClusterRole', 'reader', [{ kind: 'Group', name: 'dev' }]),
    binding('ClusterRoleBinding', 'health', 'ClusterRole', 'health', [{ kind: 'User', name: 'probe' }]),
    binding('ClusterRoleBinding', 'dangling', 'ClusterRole', 'gone', [{ kind: 'User', name: 'lost' }]),
  );
  reader.set(
    `roles.${group}`,
    role('Role', 'secret', [{ verbs: ['*'], apiGroups: [''], resources: ['secrets'], resourceNames: ['one'] }], 'a'),
  );
  reader.set(
    `rolebindings.${group}`,
    binding('RoleBinding', 'local', 'Role', 'secret', [{ kind: 'ServiceAccount', name: 'bot' }], 'a'),
  );
  return { reader, rbac: new RbacAuthorizer(reader) };
}

describe('RBAC', () => {
  it('allows by group and says by which binding', () => {
    const { rbac } = cluster();
    expect(rbac.authorize(ask('jane', ['dev'], { verb: 'list', namespace: 'x' }))).toEqual({
      decision: 'allow',
      reason: 'RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to Group "dev"',
    });
    expect(rbac.authorize(ask('jane', ['dev'], { verb: 'delete' }))).toEqual({ decision: 'noOpinion', reason: '' });
    expect(rbac.authorize(ask('jane', [], { verb: 'list' })).decision).toBe('noOpinion');
  });

  it('grants a role in its namespace only, to a service account of that namespace', () => {
    const { rbac } = cluster();
    const bot = (namespace: string, name: string) =>
      rbac.authorize(ask('system:serviceaccount:a:bot', [], { resource: 'secrets', namespace, name }));
    expect(bot('a', 'one')).toEqual({
      decision: 'allow',
      reason: 'RBAC: allowed by RoleBinding "local/a" of Role "secret" to ServiceAccount "bot/a"',
    });
    expect(bot('a', 'two').decision).toBe('noOpinion');
    expect(bot('b', 'one').decision).toBe('noOpinion');
  });

  it('tells of bindings to roles that do not exist', () => {
    const { rbac } = cluster();
    expect(rbac.authorize(ask('lost', [], {})).reason).toBe(
      'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
    );
  });

  it('matches non-resource URLs with a trailing star', () => {
    const { rbac } = cluster();
    const url = (path: string) =>
      rbac.authorize(ask('probe', [], { resourceRequest: false, path, resource: '' })).decision;
    expect(url('/healthz')).toBe('allow');
    expect(url('/metrics/slis')).toBe('allow');
    expect(url('/healthz/etcd')).toBe('noOpinion');
  });

  it('sees a changed role at once', () => {
    const { reader, rbac } = cluster();
    const attributes = ask('jane', ['dev'], { verb: 'delete' });
    expect(rbac.authorize(attributes).decision).toBe('noOpinion');
    reader.set(
      `clusterroles.${group}`,
      role('ClusterRole', 'reader', [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }]),
    );
    expect(rbac.authorize(attributes).decision).toBe('allow');
    reader.remove(`clusterrolebindings.${group}`, '', 'readers');
    expect(rbac.authorize(attributes).decision).toBe('noOpinion');
  });

  it('matches subresources by name and by */name', () => {
    const scale = ask('u', [], { resource: 'deployments', subresource: 'scale', apiGroup: 'apps' });
    const allows = (resource: string) =>
      ruleAllows(scale, { verbs: ['get'], apiGroups: ['apps'], resources: [resource] });
    expect(['deployments/scale', '*/scale', '*'].map(allows)).toEqual([true, true, true]);
    expect(['deployments', '*/status', 'deployments/*'].map(allows)).toEqual([false, false, false]);
  });

  it('finds what a grant goes beyond, compact and worded as upstream', () => {
    const owned = [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] }];
    const wanted = [{ verbs: ['get', 'delete', 'create'], apiGroups: [''], resources: ['pods'] }];
    expect(compactRules(missingRules(owned, wanted)).map(compactString)).toEqual([
      '{APIGroups:[""], Resources:["pods"], Verbs:["delete" "create"]}',
    ]);
    expect(missingRules([{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }], wanted)).toEqual([]);
  });
});
