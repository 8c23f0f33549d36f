import { describe, expect, it } from 'vitest';
import { builtinResources } from '../../src/api/index.ts';
import { VirtualClock } from '../../src/base/index.ts';
import {
  discoverMapper,
  NoMatchError,
  RESTMapper,
  type ResourceDescription,
  type Transport,
} from '../../src/client/index.ts';
import { FakeApi } from '../helpers/fake-api.ts';

const widget: ResourceDescription = {
  group: 'example.com',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: true,
  shortNames: ['wd'],
};

describe('a REST mapper', () => {
  const mapper = new RESTMapper([...builtinResources, widget]);
  const name = (word: string) => {
    const { plural, version, group } = mapper.resolve(word);
    return `${plural}.${version}.${group}`;
  };

  it('understands what kubectl understands', () => {
    for (const word of ['po', 'pod', 'pods', 'Pod', 'PODS']) expect(name(word)).toBe('pods.v1.');
    for (const word of [
      'deploy',
      'deployment',
      'deploy.apps',
      'deployments.apps',
      'deployments.v1.apps',
      'Deployment',
    ]) {
      expect(name(word)).toBe('deployments.v1.apps');
    }
    for (const word of ['wd', 'widget', 'widgets.example.com', 'widgets.example', 'widgets.v1.example.com']) {
      expect(name(word)).toBe('widgets.v1.example.com');
    }
    expect(name('events.events.k8s.io')).toBe('events.v1.events.k8s.io');
    expect(name('ev')).toBe('events.v1.');
  });

  it('says what it does not know in kubectl’s words', () => {
    expect(() => mapper.resolve('gizmo')).toThrow(new NoMatchError('the server doesn\'t have a resource type "gizmo"'));
    expect(() => mapper.forKind('example.com/v2', 'Widget')).toThrow(
      'no matches for kind "Widget" in version "example.com/v2"',
    );
  });

  it('finds the resource of an object', () => {
    expect(mapper.forKind('apps/v1', 'Deployment').plural).toBe('deployments');
    expect(mapper.forKind('v1', 'Endpoints').plural).toBe('endpoints');
  });

  it('takes resources that come and go', () => {
    const changing = new RESTMapper([]);
    changing.add(widget);
    changing.add({ ...widget, shortNames: ['w'] });
    expect(changing.resources).toHaveLength(1);
    expect(changing.find('wd')).toBeUndefined();
    expect(changing.find('w')?.kind).toBe('Widget');
    changing.remove(widget);
    expect(changing.find('widgets')).toBeUndefined();
  });

  it('learns from a server, aggregated or in the old way', async () => {
    const api = new FakeApi(new VirtualClock({ startMs: 0 }));
    const aggregated = await discoverMapper(api.transport());
    expect(aggregated.resolve('deploy')).toMatchObject({ kind: 'Deployment', namespaced: true });
    expect(aggregated.resolve('deploy').subresources?.map((s) => s.name)).toContain('scale');

    const documents: Record<string, object> = {
      '/api': { kind: 'APIVersions', versions: ['v1'] },
      '/apis': {
        kind: 'APIGroupList',
        groups: [
          {
            name: 'example.com',
            versions: [{ groupVersion: 'example.com/v1beta1' }, { groupVersion: 'example.com/v1' }],
            preferredVersion: { groupVersion: 'example.com/v1' },
          },
        ],
      },
      '/api/v1': {
        groupVersion: 'v1',
        resources: [
          { name: 'pods', kind: 'Pod', namespaced: true, shortNames: ['po'], verbs: ['get'] },
          { name: 'pods/log', kind: 'Pod' },
        ],
      },
      '/apis/example.com/v1': {
        groupVersion: 'example.com/v1',
        resources: [{ name: 'widgets', singularName: 'widget', kind: 'Widget', namespaced: false }],
      },
      '/apis/example.com/v1beta1': {
        groupVersion: 'example.com/v1beta1',
        resources: [{ name: 'widgets', singularName: 'widget', kind: 'Widget', namespaced: false }],
      },
    };
    const old = {
      request: async ({ path }: { path: string }) => ({ code: 200, body: documents[path], warnings: [] }),
    } as unknown as Transport;
    const plain = await discoverMapper(old);
    expect(plain.resolve('po').subresources).toEqual([{ name: 'log' }]);
    expect(plain.resolve('widget')).toMatchObject({ version: 'v1', namespaced: false });
    expect(plain.resolve('widgets.v1beta1.example.com').version).toBe('v1beta1');
  });
});
