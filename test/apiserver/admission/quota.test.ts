import { describe, expect, it } from 'vitest';
import type { ResourceDefinition } from '../../../src/api/index.ts';
import { deepCopy, type KubeObject, newConflict, StatusError } from '../../../src/apimachinery/index.ts';
import { limitRanger } from '../../../src/apiserver/admission/limit-ranger.ts';
import { resourceQuota } from '../../../src/apiserver/admission/resource-quota.ts';
import type { AdmissionAttributes } from '../../../src/apiserver/index.ts';
import { VirtualClock } from '../../../src/base/index.ts';
import { FakeReader } from '../fake-reader.ts';

function attributes(resource: string, object: object, more: Partial<AdmissionAttributes> = {}): AdmissionAttributes {
  const [plural, ...group] = resource.split('.');
  return {
    operation: 'CREATE',
    definition: { plural, group: group.join('.'), kind: 'X' } as unknown as ResourceDefinition,
    subresource: '',
    namespace: 'a',
    name: (object as KubeObject).metadata?.name ?? '',
    user: { name: 'jane', groups: [] },
    dryRun: false,
    warnings: [],
    object: object as KubeObject,
    ...more,
  };
}

const pod = (resources: object = {}, spec: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'a' },
  spec: { containers: [{ name: 'c', resources }], ...spec },
});

async function refusal(call: () => void | Promise<void>): Promise<string | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(StatusError);
    expect((error as StatusError).code).toBe(403);
    return (error as StatusError).message;
  }
}

describe('limit ranges', () => {
  const withRange = (...limits: object[]) => {
    const reader = new FakeReader();
    reader.set('limitranges', {
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { name: 'limits', namespace: 'a' },
      spec: { limits },
    });
    return limitRanger(reader);
  };

  it('fill in what containers leave out, and say so', () => {
    const plugin = withRange({
      type: 'Container',
      default: { cpu: '500m', memory: '512Mi' },
      defaultRequest: { cpu: '100m' },
    });
    const object = pod({ limits: { memory: '1Gi' } });
    void plugin.admit!(attributes('pods', object));
    expect(object['spec'].containers[0].resources).toEqual({
      limits: { memory: '1Gi', cpu: '500m' },
      requests: { cpu: '100m' },
    });
    expect(object.metadata.annotations).toEqual({
      'kubernetes.io/limit-ranger': 'LimitRanger plugin set: cpu request for container c; cpu limit for container c',
    });
  });

  const cases: [string, object, KubeObject, string, string][] = [
    [
      'too much',
      { type: 'Container', max: { cpu: '1' } },
      pod({ limits: { cpu: '2' }, requests: { cpu: '500m' } }),
      'pods',
      'pods "p" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
    ],
    [
      'no limit',
      { type: 'Container', max: { memory: '1Gi' } },
      pod(),
      'pods',
      'pods "p" is forbidden: maximum memory usage per Container is 1Gi.  No limit is specified',
    ],
    [
      'too little',
      { type: 'Container', min: { cpu: '100m' } },
      pod({ requests: { cpu: '50m' } }),
      'pods',
      'pods "p" is forbidden: minimum cpu usage per Container is 100m, but request is 50m',
    ],
    [
      'several things',
      { type: 'Container', min: { cpu: '100m' }, max: { memory: '1Gi' } },
      pod(),
      'pods',
      'pods "p" is forbidden: [minimum cpu usage per Container is 100m.  No request is specified, maximum memory usage per Container is 1Gi.  No limit is specified]',
    ],
    [
      'a wrong ratio',
      { type: 'Container', maxLimitRequestRatio: { cpu: '2' } },
      pod({ requests: { cpu: '100m' }, limits: { cpu: '500m' } }),
      'pods',
      'pods "p" is forbidden: cpu max limit to request ratio per Container is 2, but provided ratio is 5.000000',
    ],
    [
      'all containers together',
      { type: 'Pod', max: { cpu: '1' } },
      pod(
        {},
        {
          containers: [
            { name: 'a', resources: { limits: { cpu: '600m' } } },
            { name: 'b', resources: { limits: { cpu: '600m' } } },
          ],
        },
      ),
      'pods',
      'pods "p" is forbidden: maximum cpu usage per Pod is 1, but limit is 1200m',
    ],
    [
      'a large claim',
      { type: 'PersistentVolumeClaim', max: { storage: '2Gi' }, min: { storage: '1Gi' } },
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'd', namespace: 'a' },
        spec: { resources: { requests: { storage: '3Gi' } } },
      },
      'persistentvolumeclaims',
      'persistentvolumeclaims "d" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
    ],
  ];
  for (const [what, item, object, resource, message] of cases) {
    it(`refuse ${what}`, async () => {
      expect(await refusal(() => withRange(item).validate!(attributes(resource, object)))).toBe(message);
    });
  }
});

describe('quotas', () => {
  const makeQuota = (hard: object, used: object, spec: object = {}, name = 'q'): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name, namespace: 'a', uid: name, resourceVersion: '1' },
    spec: { hard, ...spec },
    status: { hard, used },
  });

  function setup(...quotas: KubeObject[]) {
    const reader = new FakeReader();
    reader.set('resourcequotas', ...quotas);
    const stored = new Map(quotas.map((quota) => [quota.metadata.name!, quota]));
    let revision = 1;
    let conflicts = 0;
    const plugin = resourceQuota({
      reader,
      clock: new VirtualClock({ startMs: 0 }),
      waitForCache: async () => void reader.set('resourcequotas', ...stored.values()),
      updateQuotaStatus: async (quota) => {
        await Promise.resolve();
        const name = quota.metadata.name!;
        if (quota.metadata.resourceVersion !== stored.get(name)!.metadata.resourceVersion) {
          conflicts++;
          throw newConflict({ group: '', resource: 'resourcequotas' }, name, 'changed');
        }
        const written = deepCopy(quota) as KubeObject;
        written.metadata.resourceVersion = String(++revision);
        stored.set(name, written);
        return written;
      },
    });
    const ask = (resource: string, object: object, more: Partial<AdmissionAttributes> = {}) =>
      refusal(() => plugin.validate!(attributes(resource, object, more)));
    return { ask, used: (name = 'q') => stored.get(name)!['status'].used, stored, conflicts: () => conflicts };
  }

  it('refuse what exceeds them, in upstream’s words', async () => {
    const { ask, used } = setup(makeQuota({ pods: '2' }, { pods: '2' }));
    expect(await ask('pods', pod())).toBe(
      'pods "p" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2',
    );
    expect(used()).toEqual({ pods: '2' });
  });

  it('count what they let through, whoever comes at the same time', async () => {
    const { ask, used, conflicts } = setup(
      makeQuota({ pods: '3', 'requests.cpu': '1' }, { pods: '0', 'requests.cpu': '0' }),
    );
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask('pods', pod({ requests: { cpu: '400m' } }))));
    expect(answers.filter((answer) => answer === undefined)).toHaveLength(2);
    expect(answers[2]).toBe(
      'pods "p" is forbidden: exceeded quota: q, requested: requests.cpu=400m, used: requests.cpu=800m, limited: requests.cpu=1',
    );
    expect(used()).toEqual({ pods: '2', 'requests.cpu': '800m' });
    expect(conflicts()).toBe(0);
  });

  it('start over when the controller wrote meanwhile', async () => {
    const { ask, used, stored, conflicts } = setup(makeQuota({ pods: '3' }, { pods: '2' }));
    const newer = makeQuota({ pods: '3' }, { pods: '1' });
    newer.metadata.resourceVersion = '9';
    stored.set('q', newer);
    expect(await ask('pods', pod())).toBeUndefined();
    expect(conflicts()).toBe(1);
    expect(used()).toEqual({ pods: '2' });
  });

  it('want to be told what they count', async () => {
    const { ask } = setup(
      makeQuota({ 'requests.cpu': '1', 'limits.memory': '1Gi' }, { 'requests.cpu': '0', 'limits.memory': '0' }),
    );
    expect(await ask('pods', pod())).toBe(
      'pods "p" is forbidden: failed quota: q: must specify limits.memory for: c; requests.cpu for: c',
    );
  });

  it('let nothing through before they were counted once', async () => {
    const quota = makeQuota({ pods: '3' }, {});
    delete quota['status'];
    expect(await setup(quota).ask('pods', pod())).toBe(
      'pods "p" is forbidden: status unknown for quota: q, resources: pods',
    );
  });

  it('charge nothing for a dry run', async () => {
    const { ask, used } = setup(makeQuota({ pods: '3' }, { pods: '1' }));
    expect(await ask('pods', pod(), { dryRun: true })).toBeUndefined();
    expect(used()).toEqual({ pods: '1' });
  });

  it('count objects of any kind by name', async () => {
    const { ask } = setup(makeQuota({ 'count/deployments.apps': '1' }, { 'count/deployments.apps': '1' }));
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'a' } };
    expect(await ask('deployments.apps', deployment)).toBe(
      'deployments.apps "web" is forbidden: exceeded quota: q, requested: count/deployments.apps=1, used: count/deployments.apps=1, limited: count/deployments.apps=1',
    );
    expect(await ask('configmaps', { metadata: { name: 'c', namespace: 'a' } })).toBeUndefined();
  });

  const services: [string, object, string | undefined][] = [
    ['a cluster-internal service', { type: 'ClusterIP', ports: [{ port: 80 }] }, undefined],
    [
      'a second load balancer',
      { type: 'LoadBalancer', ports: [{ port: 80 }] },
      'services "s" is forbidden: exceeded quota: q, requested: services.loadbalancers=1,services.nodeports=1, used: services.loadbalancers=1,services.nodeports=1, limited: services.loadbalancers=1,services.nodeports=1',
    ],
  ];
  for (const [what, spec, message] of services) {
    it(`look at the type of services: ${what}`, async () => {
      const hard = { 'services.loadbalancers': '1', 'services.nodeports': '1' };
      const { ask } = setup(makeQuota(hard, hard));
      expect(await ask('services', { metadata: { name: 's', namespace: 'a' }, spec })).toBe(message);
    });
  }

  it('count what an update adds', async () => {
    const { ask, used } = setup(makeQuota({ 'services.nodeports': '2' }, { 'services.nodeports': '1' }));
    const service = (ports: number) => ({
      metadata: { name: 's', namespace: 'a' },
      spec: { type: 'NodePort', ports: Array.from({ length: ports }, (_, i) => ({ port: i })) },
    });
    const update = (to: number) =>
      ask('services', service(to), { operation: 'UPDATE', oldObject: service(1) as unknown as KubeObject });
    expect(await update(2)).toBeUndefined();
    expect(used()).toEqual({ 'services.nodeports': '2' });
    expect(await update(2)).toContain('requested: services.nodeports=1, used: services.nodeports=2');
  });

  const scopes: [string, object, KubeObject, boolean][] = [
    ['BestEffort', { scopes: ['BestEffort'] }, pod(), true],
    ['BestEffort', { scopes: ['BestEffort'] }, pod({ requests: { cpu: '1' } }), false],
    ['NotTerminating', { scopes: ['NotTerminating'] }, pod({}, { activeDeadlineSeconds: 5 }), false],
    ['Terminating', { scopes: ['Terminating'] }, pod({}, { activeDeadlineSeconds: 5 }), true],
    [
      'PriorityClass In',
      { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] } },
      pod({}, { priorityClassName: 'high' }),
      true,
    ],
    [
      'PriorityClass In',
      { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] } },
      pod(),
      false,
    ],
  ];
  for (const [name, spec, object, counted] of scopes) {
    it(`of scope ${name} ${counted ? 'count' : 'leave out'} a pod ${JSON.stringify(object['spec'])}`, async () => {
      const { ask } = setup(makeQuota({ pods: '0' }, { pods: '0' }, spec));
      expect((await ask('pods', object)) !== undefined).toBe(counted);
    });
  }
});
