import { describe, expect, it } from 'vitest';
import type { ResourceDefinition } from '../../../src/api/index.ts';
import type { KubeObject } from '../../../src/apimachinery/index.ts';
import type { AdmissionAttributes } from '../../../src/apiserver/index.ts';
import { escalationCheck } from '../../../src/apiserver/rbac/escalation.ts';
import { RbacAuthorizer } from '../../../src/apiserver/rbac/rbac-authorizer.ts';
import { FakeReader } from '../fake-reader.ts';

const group = 'rbac.authorization.k8s.io';
const apiVersion = `${group}/v1`;
const rule = (verbs: string[], resources: string[], apiGroups = ['']) => ({ verbs, apiGroups, resources });

function clusterRole(name: string, rules: object[], extra: object = {}): KubeObject {
  return { apiVersion, kind: 'ClusterRole', metadata: { name }, rules, ...extra };
}

function binding(name: string, roleName: string, user: string): KubeObject {
  return {
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: group, kind: 'ClusterRole', name: roleName },
    subjects: [{ kind: 'User', name: user }],
  };
}

const reader = new FakeReader()
  .set(
    `clusterroles.${group}`,
    clusterRole('dev', [rule(['get', 'list'], ['pods'])]),
    clusterRole('boss', [rule(['*'], ['*'], ['*']), { verbs: ['*'], nonResourceURLs: ['*'] }]),
    clusterRole('escalator', [rule(['escalate', 'bind'], ['clusterroles'], [group])]),
  )
  .set(
    `clusterrolebindings.${group}`,
    binding('d', 'dev', 'dev'),
    binding('e', 'escalator', 'eve'),
    binding('b', 'boss', 'boss'),
  );
const rbac = new RbacAuthorizer(reader);
const plugin = escalationCheck({ rbac, authorizer: rbac });

function write(user: string, object: KubeObject, oldObject?: KubeObject, groups: string[] = []) {
  const attributes: AdmissionAttributes = {
    operation: oldObject ? 'UPDATE' : 'CREATE',
    definition: { group, plural: `${object.kind.toLowerCase()}s` } as ResourceDefinition,
    subresource: '',
    namespace: '',
    name: object.metadata.name!,
    object,
    ...(oldObject ? { oldObject } : {}),
    user: { name: user, groups },
    dryRun: false,
    warnings: [],
  };
  return () => plugin.validate!(attributes);
}

describe('escalation', () => {
  it('lets users grant what they hold and no more', () => {
    expect(write('dev', clusterRole('new', [rule(['get'], ['pods'])]))).not.toThrow();
    expect(write('dev', clusterRole('new', [rule(['get', 'delete'], ['pods', 'secrets'])]), undefined, ['x'])).toThrow(
      [
        'clusterroles.rbac.authorization.k8s.io "new" is forbidden: user "dev" (groups=["x"]) is attempting to grant RBAC permissions not currently held:',
        '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "delete"]}',
      ].join('\n'),
    );
  });

  it('lets users bind roles whose rules they hold', () => {
    expect(write('dev', binding('new', 'dev', 'bob'))).not.toThrow();
    expect(write('dev', binding('new', 'boss', 'dev'))).toThrow(
      'attempting to grant RBAC permissions not currently held',
    );
    expect(write('dev', binding('new', 'gone', 'dev'))).toThrow(
      'clusterrole.rbac.authorization.k8s.io "gone" not found',
    );
  });

  it('gives way to escalate, bind and system:masters', () => {
    const everything = clusterRole('new', [rule(['*'], ['*'], ['*'])]);
    expect(write('eve', everything)).not.toThrow();
    expect(write('eve', binding('new', 'boss', 'eve'))).not.toThrow();
    expect(write('root', everything, undefined, ['system:masters'])).not.toThrow();
  });

  it('keeps aggregation to those who hold everything', () => {
    const aggregated = clusterRole('new', [], { aggregationRule: { clusterRoleSelectors: [{}] } });
    expect(write('dev', aggregated)).toThrow('must have cluster-admin privileges to use the aggregationRule');
    expect(write('boss', aggregated)).not.toThrow();
  });

  it('does not stand in the way of garbage collection', () => {
    const old = clusterRole('boss', [rule(['*'], ['*'])]);
    old.metadata.finalizers = ['foregroundDeletion'];
    expect(write('dev', clusterRole('boss', [rule(['*'], ['*'])]), old)).not.toThrow();
  });
});
