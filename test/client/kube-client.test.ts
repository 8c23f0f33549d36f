import { describe, expect, it } from 'vitest';
import { builtinResources, type ConfigMap } from '../../src/api/index.ts';
import { isConflict, isNotFound } from '../../src/apimachinery/index.ts';
import { VirtualClock } from '../../src/base/index.ts';
import { type ApiRequest, KubeClient, retryOnConflict, type Transport, withCause } from '../../src/client/index.ts';
import { FakeApi } from '../helpers/fake-api.ts';

function recording(body: unknown = {}): { client: KubeClient; requests: ApiRequest[] } {
  const requests: ApiRequest[] = [];
  const transport = {
    request: async (request: ApiRequest) => {
      requests.push(request);
      return { code: 200, body, warnings: ['careful'] };
    },
  } as unknown as Transport;
  return { client: new KubeClient(transport, { definitions: builtinResources, userAgent: 'test/1' }), requests };
}

const given = (query: ApiRequest['query']) =>
  Object.fromEntries(Object.entries(query ?? {}).filter(([, value]) => value !== undefined));

describe('a client', () => {
  it('makes the paths, queries and content types of the API', async () => {
    const { client, requests } = recording();
    const pods = client.resource('po').namespace('default');
    await pods.get('web');
    await pods.list({ labelSelector: 'a=b', limit: 5 });
    await pods.patch('web', 'strategic', { spec: {} }, { subresource: 'status', fieldManager: 'me' });
    await client.resource('nodes').delete('n1', { gracePeriodSeconds: 0, preconditions: { uid: 'u' } });
    await client.resource('deploy').namespace('a b').get('x/y');
    await client.resource({ group: 'apps', version: 'v1', resource: 'replicasets' }).list();
    expect(requests.map((r) => [r.method, r.path, given(r.query), r.contentType])).toEqual([
      ['GET', '/api/v1/namespaces/default/pods/web', {}, undefined],
      ['GET', '/api/v1/namespaces/default/pods', { labelSelector: 'a=b', limit: '5' }, undefined],
      [
        'PATCH',
        '/api/v1/namespaces/default/pods/web/status',
        { fieldManager: 'me' },
        'application/strategic-merge-patch+json',
      ],
      ['DELETE', '/api/v1/nodes/n1', {}, undefined],
      ['GET', '/apis/apps/v1/namespaces/a%20b/deployments/x%2Fy', {}, undefined],
      ['GET', '/apis/apps/v1/replicasets', {}, undefined],
    ]);
    expect(requests[3]!.body).toEqual({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      gracePeriodSeconds: 0,
      preconditions: { uid: 'u' },
    });
    expect(requests[0]!.headers).toEqual({ 'user-agent': 'test/1' });
  });

  it('applies with kind and version filled in, and passes warnings on', async () => {
    const { client, requests } = recording();
    const warnings: string[] = [];
    const object = { metadata: { name: 'c', namespace: 'n' }, data: { a: '1' } } as unknown as ConfigMap;
    await client
      .resource<ConfigMap>('configmaps')
      .apply(object, { fieldManager: 'klab', force: true, onWarning: (text) => warnings.push(text) });
    expect(requests[0]).toMatchObject({
      method: 'PATCH',
      path: '/api/v1/namespaces/n/configmaps/c',
      contentType: 'application/apply-patch+yaml',
      body: { apiVersion: 'v1', kind: 'ConfigMap', data: { a: '1' } },
    });
    expect(given(requests[0]!.query)).toEqual({ fieldManager: 'klab', force: 'true' });
    expect(warnings).toEqual(['careful']);
  });

  it('copies what it is given, unless it is handed over', async () => {
    const { client, requests } = recording();
    const object: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'c', namespace: 'n' },
      data: { a: '1' },
    };
    await client.resource<ConfigMap>('configmaps').create(object);
    await client.resource<ConfigMap>('configmaps').create(object, { handOver: true });
    expect(requests[0]!.body).toEqual(object);
    expect(requests[0]!.body).not.toBe(object);
    expect(requests[1]!.body).toBe(object);
  });

  it('carries the cause of the reconcile it is called in', async () => {
    const { client, requests } = recording();
    await withCause({ object: 'pods/n/x', revision: 3, count: 1 }, async () => {
      await Promise.resolve();
      await client.resource('pods').namespace('n').get('x');
    });
    await client.resource('pods').namespace('n').get('x');
    expect(requests.map((r) => r.cause)).toEqual([{ object: 'pods/n/x', revision: 3, count: 1 }, undefined]);
  });

  it('reads all pages of a list', async () => {
    const { client, requests } = recording();
    const pages = [
      { items: [1, 2], metadata: { continue: 'next' } },
      { items: [3], metadata: {} },
    ];
    (client.transport as any).request = async (request: ApiRequest) => {
      requests.push(request);
      return { code: 200, body: pages[requests.length - 1], warnings: [] };
    };
    const seen: unknown[] = [];
    for await (const page of client.resource('pods').pages({ limit: 2 })) seen.push(...page.items);
    expect(seen).toEqual([1, 2, 3]);
    expect(requests.map((r) => r.query!['continue'])).toEqual([undefined, 'next']);
  });

  it('repeats read, change, write on conflict', async () => {
    const clock = new VirtualClock({ startMs: 0 });
    const api = new FakeApi(clock);
    const configMaps = api.client().resource<ConfigMap>('configmaps').namespace('n');
    await configMaps.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { n: '0' } });
    let interfere = 2;
    const change = retryOnConflict({ clock }, async () => {
      const read = await configMaps.get('c');
      if (interfere-- > 0) await configMaps.patch('c', 'merge', { data: { other: String(interfere) } });
      return configMaps.update({ ...read, data: { ...read.data, n: '1' } });
    });
    await clock.advance(1_000);
    expect((await change).data).toMatchObject({ n: '1', other: '0' });
    const stale = await configMaps.get('c');
    await configMaps.patch('c', 'merge', { data: { x: 'y' } });
    await expect(configMaps.update({ ...stale, data: {} })).rejects.toSatisfy(isConflict);
    await expect(configMaps.get('nothing')).rejects.toSatisfy(isNotFound);
  });
});
