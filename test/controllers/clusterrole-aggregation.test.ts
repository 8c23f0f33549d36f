import { expect, it } from 'vitest';
import type { ClusterRole, PolicyRule } from '../../src/api/index.ts';
import { ClusterRoleAggregationController } from '../../src/controllers/index.ts';
import { Lab } from '../helpers/controllers.ts';

const rule = (resource: string): PolicyRule => ({ apiGroups: [''], resources: [resource], verbs: ['get'] });
const make = (name: string, change: Partial<ClusterRole>, labels: Record<string, string> = {}): ClusterRole =>
  ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name, labels },
    ...change,
  }) as ClusterRole;

it('an aggregated role has the rules of the roles its selectors match, each once, in the order of their names', async () => {
  await using l = new Lab();
  l.start(new ClusterRoleAggregationController(l.context));
  const label = { 'rbac.example.com/aggregate-to-viewer': 'true' };
  const clusterRoleSelectors = [{ matchLabels: label }];
  await l.create('clusterroles', make('viewer', { aggregationRule: { clusterRoleSelectors }, rules: [] }));
  await l.create('clusterroles', make('b', { rules: [rule('pods'), rule('services')] }, label));
  await l.create('clusterroles', make('a', { rules: [rule('nodes'), rule('pods')] }, label));
  await l.create('clusterroles', make('other', { rules: [rule('secrets')] }));
  const resources = async () =>
    (await l.get<ClusterRole>('clusterroles', '', 'viewer'))!.rules?.map((each) => each.resources![0]);
  await l.until('filled', async () => (await resources())?.length === 3);
  expect(await resources()).toEqual(['nodes', 'pods', 'services']);
  const apply = l.api.requests.find((request) => request.method === 'PATCH')!;
  expect(apply.contentType).toContain('apply-patch');
  expect(apply.query).toMatchObject({ fieldManager: 'clusterrole-aggregation-controller', force: 'true' });
  await l.client.resource('clusterroles').delete('a');
  await l.until('smaller', async () => (await resources())?.join() === 'pods,services');
});
