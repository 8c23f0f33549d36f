import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseRequestInfo } from '../../../src/apiserver/filters/request-info.ts';
import { FlowClassifier } from '../../../src/apiserver/flowcontrol/classifier.ts';
import { FlowConfigMaintainer } from '../../../src/apiserver/flowcontrol/maintain.ts';
import { bootstrapConfigurations } from '../../../src/apiserver/flowcontrol/objects.ts';
import type { UserInfo } from '../../../src/apiserver/types.ts';
import { silentLogger, yieldToEventLoop } from '../../../src/base/index.ts';
import { type Harness, startHarness } from '../harness.ts';
import { type HttpsServer, startHttpsServer } from '../https-server.ts';

const flowSchemas = '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas';
const levels = '/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations';
const annotation = 'apf.kubernetes.io/autoupdate-spec';

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let i = 0; i < 2000; i++) {
    const found = await look();
    if (found !== undefined) return found;
    await yieldToEventLoop();
  }
  throw new Error('it did not come to pass');
}

describe('configuration', () => {
  let h: Harness;
  let maintainer: FlowConfigMaintainer;
  const abort = () => new AbortController();
  let running: { stop: AbortController; done: Promise<void> };

  beforeEach(async () => {
    h = await startHarness();
    maintainer = new FlowConfigMaintainer({
      reader: h.server.reader,
      clock: h.clock,
      log: silentLogger,
      handle: h.server.handle,
    });
    await maintainer.ensure(abort().signal);
    const stop = abort();
    running = { stop, done: maintainer.run(stop.signal) };
  });
  afterEach(async () => {
    running.stop.abort();
    await running.done;
    await h.close();
  });
  const minute = async () => {
    await h.clock.advance(60_000);
    for (let i = 0; i < 20; i++) await yieldToEventLoop();
  };

  it('is upstream’s, valid and never changed by defaults', async () => {
    const { items: schemas } = await h.get(flowSchemas);
    const { items } = await h.get(levels);
    expect(schemas.map((each: any) => each.metadata.name)).toEqual([
      'catch-all',
      'exempt',
      'global-default',
      'kube-controller-manager',
      'kube-scheduler',
      'kube-system-service-accounts',
      'probes',
      'service-accounts',
      'system-leader-election',
      'system-node-high',
      'system-nodes',
    ]);
    expect(items.map((each: any) => each.metadata.name)).toEqual([
      'catch-all',
      'exempt',
      'global-default',
      'leader-election',
      'node-high',
      'system',
      'workload-high',
      'workload-low',
    ]);
    for (const stored of [...schemas, ...items]) {
      const { object } = bootstrapConfigurations.find(
        (each) => each.object['kind'] === stored.kind && each.object.metadata.name === stored.metadata.name,
      )!;
      expect(stored.spec).toEqual(object['spec']);
      expect(stored.metadata.annotations).toEqual({ [annotation]: 'true' });
      expect(stored.metadata.managedFields[0]).toMatchObject({
        manager: 'api-priority-and-fairness-config-producer-v1',
        operation: 'Update',
      });
    }
    const { kv } = h;
    const before = kv.revision;
    await maintainer.ensure(abort().signal);
    expect(kv.revision).toBe(before);
  });

  it('comes back when it is deleted, and is put right when it is the server’s', async () => {
    await h.delete(`${flowSchemas}/probes`);
    await h.patch(`${flowSchemas}/service-accounts`, { spec: { matchingPrecedence: 77 } });
    await minute();
    expect((await h.get(`${flowSchemas}/probes`)).spec.matchingPrecedence).toBe(2);
    expect((await h.get(`${flowSchemas}/service-accounts`)).spec.matchingPrecedence).toBe(9000);
  });

  it('stays as somebody made it who took it over', async () => {
    const own = { metadata: { annotations: { [annotation]: 'false' } }, spec: { matchingPrecedence: 77 } };
    await h.patch(`${flowSchemas}/service-accounts`, own);
    // Without a word about it, a spec that was changed is the user's.
    await h.patch(`${flowSchemas}/kube-scheduler`, {
      metadata: { annotations: { [annotation]: null } },
      spec: { matchingPrecedence: 78 },
    });
    await minute();
    expect((await h.get(`${flowSchemas}/service-accounts`)).spec.matchingPrecedence).toBe(77);
    const taken = await h.get(`${flowSchemas}/kube-scheduler`);
    expect(taken.spec.matchingPrecedence).toBe(78);
    expect(taken.metadata.annotations[annotation]).toBe('false');
  });

  it('what nobody is to change is mandatory, whatever its annotation says', async () => {
    await h.patch(`${levels}/catch-all`, { metadata: { annotations: { [annotation]: 'false' } } });
    await h.patch(`${levels}/exempt`, { spec: { exempt: { lendablePercent: 50 } } });
    await minute();
    expect((await h.get(`${levels}/catch-all`)).metadata.annotations[annotation]).toBe('true');
    expect((await h.get(`${levels}/exempt`)).spec.exempt.lendablePercent).toBe(0);
  });

  it('of another version goes, a user’s own stays', async () => {
    const spec = (await h.get(`${levels}/system`)).spec;
    for (const [name, annotations] of [
      ['old', { [annotation]: 'true' }],
      ['mine', {}],
    ] as const) {
      await h.post(levels, { metadata: { name, annotations }, spec });
    }
    await minute();
    expect((await h.get(`${levels}/mine`)).metadata.name).toBe('mine');
    await expect(h.get(`${levels}/old`)).rejects.toThrow('not found');
  });

  const dangling = (name: string, status: string) =>
    until(async () => {
      const { status: found, metadata } = await h.get(`${flowSchemas}/${name}`);
      const condition = found?.conditions?.[0];
      return condition?.status === status ? { condition, metadata } : undefined;
    });

  it('tells of every FlowSchema whether its level exists', async () => {
    const { condition, metadata } = await dangling('probes', 'False');
    expect(condition).toEqual({
      type: 'Dangling',
      status: 'False',
      reason: 'Found',
      message: 'This FlowSchema references the PriorityLevelConfiguration object named "exempt" and it exists',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    });
    expect(metadata.managedFields[0]).toMatchObject({
      manager: 'api-priority-and-fairness-config-consumer-v1',
      operation: 'Apply',
      subresource: 'status',
    });
    expect(metadata.generation).toBe(1);

    const rules = (await h.get(`${flowSchemas}/probes`)).spec.rules;
    await h.post(flowSchemas, {
      metadata: { name: 'mine' },
      spec: { priorityLevelConfiguration: { name: 'l' }, rules },
    });
    const { condition: missing } = await dangling('mine', 'True');
    expect([missing.reason, missing.message]).toEqual([
      'NotFound',
      'This FlowSchema references the PriorityLevelConfiguration object named "l" but there is no such object',
    ]);
    await h.post(levels, { metadata: { name: 'l' }, spec: (await h.get(`${levels}/system`)).spec });
    await dangling('mine', 'False');
    await h.delete(`${levels}/l`);
    await dangling('mine', 'True');
  });
});

describe('classification', () => {
  const named = new Map<string, string>();
  const reader = {
    get: (_: string, __: string, name: string) =>
      ({ apiVersion: '', kind: '', metadata: { name, uid: name } }) as const,
    list: (resource: string) =>
      bootstrapConfigurations
        .filter((each) => each.resource === resource)
        .map(({ object }) => ({ ...object, metadata: { ...object.metadata, uid: object.metadata.name! } })),
    version: () => named.size,
  };
  const user = (name: string, ...groups: string[]): UserInfo => ({ name, groups: [...groups, 'system:authenticated'] });
  const node = user('system:node:n1', 'system:nodes');
  const account = (namespace: string) => user(`system:serviceaccount:${namespace}:x`, 'system:serviceaccounts');

  it.each([
    ['GET', '/api/v1/pods', user('root', 'system:masters'), 'exempt', 'exempt'],
    ['GET', '/healthz', user('jane'), 'probes', 'exempt'],
    ['GET', '/healthz/ping', { name: 'system:anonymous', groups: ['system:unauthenticated'] }, 'probes', 'exempt'],
    ['GET', '/healthzz', user('jane'), 'global-default', 'global-default'],
    [
      'PUT',
      '/apis/coordination.k8s.io/v1/namespaces/a/leases/b',
      account('kube-system'),
      'system-leader-election',
      'leader-election',
    ],
    [
      'DELETE',
      '/apis/coordination.k8s.io/v1/namespaces/a/leases/b',
      account('kube-system'),
      'kube-system-service-accounts',
      'workload-high',
    ],
    ['PUT', '/api/v1/nodes/n1/status', node, 'system-node-high', 'node-high'],
    ['GET', '/api/v1/pods', node, 'system-nodes', 'system'],
    ['GET', '/api/v1/pods', user('system:kube-scheduler'), 'kube-scheduler', 'workload-high'],
    ['GET', '/metrics', user('system:kube-controller-manager'), 'kube-controller-manager', 'workload-high'],
    ['GET', '/api/v1/pods', account('dev'), 'service-accounts', 'workload-low'],
    ['GET', '/api/v1/pods', user('jane'), 'global-default', 'global-default'],
  ] as const)('%s %s', (method, path, who, flowSchemaUid, priorityLevelUid) => {
    const info = parseRequestInfo(method, path, new URLSearchParams());
    expect(new FlowClassifier(reader as any).classify(who, info)).toMatchObject({ flowSchemaUid, priorityLevelUid });
  });
});

describe('over HTTPS', () => {
  let s: HttpsServer;
  beforeEach(async () => {
    s = await startHttpsServer();
  });
  afterEach(() => s.close());

  it('every answer tells its FlowSchema and priority level, refusals too', async () => {
    const uid = async (path: string, name: string) => (await s.ask('GET', `${path}/${name}`)).body.metadata.uid;
    const exempt = [await uid(flowSchemas, 'exempt'), await uid(levels, 'exempt')];
    const anyone = [await uid(flowSchemas, 'global-default'), await uid(levels, 'global-default')];
    const headersOf = ({ headers }: { headers: Record<string, unknown> }) => [
      headers['x-kubernetes-pf-flowschema-uid'],
      headers['x-kubernetes-pf-prioritylevel-uid'],
    ];
    expect(headersOf(await s.ask('GET', '/api/v1/nodes'))).toEqual(exempt);
    expect(headersOf(await s.ask('GET', '/api/v1/nodes/nobody'))).toEqual(exempt);
    const refused = await s.ask('GET', '/api/v1/nodes', { certificate: null });
    expect(refused.code).toBe(403);
    expect(headersOf(refused)).toEqual(anyone);
    const unknown = await s.ask('GET', '/api/v1/nodes', { certificate: null, headers: { authorization: 'Bearer x' } });
    expect(unknown.code).toBe(401);
    expect(headersOf(unknown)).toEqual([undefined, undefined]);
  });
});
