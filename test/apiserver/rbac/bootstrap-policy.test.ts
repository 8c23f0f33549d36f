import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { KubeObject } from '../../../src/apimachinery/index.ts';
import {
  aggregateRules,
  bootstrapClusterRoleBindings,
  bootstrapClusterRoles,
  bootstrapRoleBindings,
  bootstrapRoles,
  parseRule,
} from '../../../src/apiserver/rbac/bootstrap-policy.ts';

const facts = new URL('../../../../shared/facts/rbac-bootstrap/', import.meta.url);

function load(...files: string[]): Map<string, KubeObject> {
  const items = files.flatMap((file) => parse(readFileSync(new URL(`${file}.yaml`, facts), 'utf8')).items);
  return byName(items);
}

function byName(objects: KubeObject[]): Map<string, KubeObject> {
  return new Map(objects.map((object) => [`${object.metadata.namespace ?? ''}/${object.metadata.name}`, object]));
}

/** The facts leave out metadata that is empty and spell no rules as null. */
function comparable(objects: Map<string, KubeObject>): Record<string, unknown> {
  return Object.fromEntries([...objects].sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe('bootstrap policy', () => {
  it('reads a rule with words for verbs and names', () => {
    expect(parseRule('read,update core configmaps named cluster-info')).toEqual({
      apiGroups: [''],
      resourceNames: ['cluster-info'],
      resources: ['configmaps'],
      verbs: ['get', 'list', 'update', 'watch'],
    });
    expect(parseRule('get url /healthz,/version/')).toEqual({
      nonResourceURLs: ['/healthz', '/version/'],
      verbs: ['get'],
    });
  });

  it('makes view, edit and admin the unions of what aggregates to them', () => {
    const all = bootstrapClusterRoles();
    const size = (name: string) => aggregateRules(all.find((role) => role.metadata.name === name)!, all).length;
    expect(size('view')).toBeGreaterThan(10);
    expect(size('edit')).toBeGreaterThan(size('view'));
    expect(size('admin')).toBeGreaterThan(size('edit'));
  });

  describe.skipIf(!existsSync(facts))(
    'equals the published policy of Kubernetes 1.36 (skipped where the facts are absent)',
    () => {
      it('has the same ClusterRoles', () => {
        expect(comparable(byName(bootstrapClusterRoles()))).toEqual(
          comparable(load('cluster-roles', 'controller-roles')),
        );
      });
      it('has the same ClusterRoleBindings', () => {
        const wanted = load('cluster-role-bindings', 'controller-role-bindings');
        expect(comparable(byName(bootstrapClusterRoleBindings()))).toEqual(comparable(wanted));
      });
      it('has the same Roles and RoleBindings', () => {
        expect(comparable(byName(bootstrapRoles()))).toEqual(comparable(load('namespace-roles')));
        expect(comparable(byName(bootstrapRoleBindings()))).toEqual(comparable(load('namespace-role-bindings')));
      });
    },
  );
});
