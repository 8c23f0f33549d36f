import { describe, expect, it } from 'vitest';
import { NodeAuthorizer } from '../../../src/apiserver/authz/node-authorizer.ts';
import type { AuthorizationAttributes } from '../../../src/apiserver/index.ts';
import { FakeReader } from '../fake-reader.ts';

const kubelet = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };

function pod(name: string, nodeName: string, spec: object = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'a' },
    spec: { nodeName, containers: [], ...spec },
  };
}

const reader = new FakeReader()
  .set(
    'pods',
    pod('mine', 'n1', {
      serviceAccountName: 'bot',
      imagePullSecrets: [{ name: 'pull' }],
      containers: [{ envFrom: [{ configMapRef: { name: 'env' } }], env: [] }],
      volumes: [
        { name: 'v', projected: { sources: [{ configMap: { name: 'projected' } }, { secret: { name: 'hidden' } }] } },
        { name: 'c', persistentVolumeClaim: { claimName: 'claim' } },
      ],
    }),
    pod('other', 'n2', { volumes: [{ name: 's', secret: { secretName: 'foreign' } }] }),
  )
  .set('persistentvolumes', {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'pv' },
    spec: { claimRef: { namespace: 'a', name: 'claim' } },
  });

function decide(rest: Partial<AuthorizationAttributes>, user = kubelet) {
  return new NodeAuthorizer(reader).authorize({
    user,
    verb: 'get',
    resourceRequest: true,
    namespace: 'a',
    apiGroup: '',
    apiVersion: 'v1',
    resource: 'secrets',
    subresource: '',
    name: '',
    path: '',
    ...rest,
  });
}

describe('node authorizer', () => {
  it('has no opinion of who is no node', () => {
    expect(decide({ name: 'pull' }, { name: 'jane', groups: [] })).toEqual({ decision: 'noOpinion', reason: '' });
  });

  it.each([
    ['secrets', 'pull'],
    ['secrets', 'hidden'],
    ['configmaps', 'env'],
    ['configmaps', 'projected'],
    ['persistentvolumeclaims', 'claim'],
    ['serviceaccounts', 'bot'],
  ])('lets a kubelet read %s %s, which a pod of its node needs', (resource, name) => {
    expect(decide({ resource, name }).decision).toBe('allow');
  });

  it('refuses what only pods of other nodes need', () => {
    expect(decide({ name: 'foreign' })).toEqual({
      decision: 'noOpinion',
      reason: "no relationship found between node 'n1' and this object",
    });
    expect(decide({ resource: 'pods', name: 'other' }).decision).toBe('noOpinion');
    expect(decide({ resource: 'secrets', verb: 'list' }).reason).toBe('No Object name found');
  });

  it('follows a volume to the pod through its claim', () => {
    expect(decide({ resource: 'persistentvolumes', namespace: '', name: 'pv' }).decision).toBe('allow');
  });

  it('limits pods, nodes and leases to its own', () => {
    const list = (fieldSelector?: string) =>
      decide({ resource: 'pods', verb: 'list', namespace: '', ...(fieldSelector ? { fieldSelector } : {}) });
    expect(list('spec.nodeName=n1').decision).toBe('allow');
    expect(list('spec.nodeName=n2').decision).toBe('noOpinion');
    expect(list().reason).toBe('can only list/watch pods with spec.nodeName field selector');
    expect(decide({ resource: 'nodes', namespace: '', name: 'n2' }).reason).toBe(
      "node 'n1' cannot read 'n2', only its own Node object",
    );
    const lease = { resource: 'leases', apiGroup: 'coordination.k8s.io', verb: 'update', namespace: 'kube-node-lease' };
    expect(decide({ ...lease, name: 'n1' }).decision).toBe('allow');
    expect(decide({ ...lease, name: 'n2' }).decision).toBe('noOpinion');
  });

  it('falls back to the node rules', () => {
    expect(decide({ resource: 'services', verb: 'list', namespace: '' }).decision).toBe('allow');
    expect(decide({ resource: 'events', verb: 'create' }).decision).toBe('allow');
    expect(decide({ resource: 'deployments', apiGroup: 'apps', verb: 'list' }).decision).toBe('noOpinion');
  });
});
