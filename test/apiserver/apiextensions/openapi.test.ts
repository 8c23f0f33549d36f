import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crd, definitions, Lab, version, widgets } from './harness.ts';

const spec = {
  type: 'object',
  required: ['size', 'note'],
  properties: {
    size: { 'x-kubernetes-int-or-string': true, description: 'How big.' },
    note: { type: 'string', nullable: true },
    mode: { type: 'string', enum: ['slow', 'fast'], default: 'slow', anyOf: [{ minLength: 1 }, { maxLength: 9 }] },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: { type: 'string' } } },
    pod: {
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    },
  },
};

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.start();
  const openAPIV3Schema = { type: 'object', description: 'A thing.', properties: { spec } };
  await lab.define(crd({ versions: [version('v1', { schema: { openAPIV3Schema }, subresources: { status: {} } })] }));
});
afterAll(() => lab.close());

const v3 = async () => JSON.parse((await lab.text('/openapi/v3/apis/example.com/v1')).toString());
const metadata = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const collection = widgets.replace('default', '{namespace}');

describe('OpenAPI v3 of a custom resource', () => {
  it('has the schema, with type and metadata of Kubernetes', async () => {
    const document = await v3();
    const { properties, ...rest } = document.components.schemas['com.example.v1.Widget'];
    expect(rest).toEqual({
      type: 'object',
      description: 'A thing.',
      'x-kubernetes-group-version-kind': [{ group: 'example.com', kind: 'Widget', version: 'v1' }],
    });
    expect(properties.metadata.allOf).toEqual([{ $ref: `#/components/schemas/${metadata}` }]);
    expect(properties.apiVersion.description).toContain('versioned schema');
    const { size, note, mode, free, pod } = properties.spec.properties;
    expect(size).toEqual({
      'x-kubernetes-int-or-string': true,
      description: 'How big.',
      anyOf: [{ type: 'integer' }, { type: 'string' }],
    });
    expect(note).toEqual({ type: 'string', nullable: true });
    expect(mode).toEqual(spec.properties.mode);
    expect(free).toEqual(spec.properties.free);
    expect(pod.required).toEqual(['kind', 'apiVersion']);
    expect(Object.keys(pod.properties).sort()).toEqual(['apiVersion', 'kind', 'metadata', 'spec']);
    const list = document.components.schemas['com.example.v1.WidgetList'];
    expect(list.required).toEqual(['items']);
    expect(list.properties.items.items).toEqual({ $ref: '#/components/schemas/com.example.v1.Widget' });
  });

  it('has the paths', async () => {
    const { paths } = await v3();
    expect(Object.keys(paths[`${collection}/{name}`].patch.requestBody.content)).toEqual([
      'application/json-patch+json',
      'application/merge-patch+json',
      'application/apply-patch+yaml',
    ]);
    expect(paths).toHaveProperty([`${collection}/{name}/status`, 'put']);
  });

  it('changes with the definition, alone', async () => {
    const urls = async () => (await lab.get('/openapi/v3')).paths;
    const before = await urls();
    const openAPIV3Schema = { type: 'object', description: 'Another thing.', properties: { spec } };
    await lab.define(crd({ names: { plural: 'bolts', kind: 'Bolt' }, group: 'other.org' }));
    const next = { spec: { versions: [version('v1', { schema: { openAPIV3Schema }, subresources: { status: {} } })] } };
    await lab.merge(`${definitions}/widgets.example.com`, next);
    const after = await lab.until(urls, (seen) => {
      return seen['apis/example.com/v1'].serverRelativeURL !== before['apis/example.com/v1'].serverRelativeURL;
    });
    const changed = Object.keys(after).filter(
      (path) => after[path].serverRelativeURL !== before[path]?.serverRelativeURL,
    );
    expect(changed).toEqual(['apis/example.com/v1', 'apis/other.org', 'apis/other.org/v1']);
    expect((await v3()).components.schemas['com.example.v1.Widget'].description).toBe('Another thing.');
  });
});

describe('OpenAPI v2 of a custom resource', () => {
  it('leaves open what its clients would take for closed', async () => {
    const { definitions: all } = JSON.parse((await lab.text('/openapi/v2')).toString());
    const { size, note, mode, free, pod } = all['com.example.v1.Widget'].properties.spec.properties;
    expect(all['com.example.v1.Widget'].properties.spec.required).toEqual(['size']);
    expect(size).toEqual({ 'x-kubernetes-int-or-string': true, description: 'How big.' });
    expect(note).toEqual({});
    expect(mode).toEqual({ type: 'string', enum: ['slow', 'fast'], default: 'slow' });
    expect(free).toEqual({ 'x-kubernetes-preserve-unknown-fields': true });
    expect(pod.properties.metadata.$ref).toBe(`#/definitions/${metadata}`);
    expect(all['org.other.v1.Bolt']).toEqual({
      type: 'object',
      'x-kubernetes-group-version-kind': [{ group: 'other.org', kind: 'Bolt', version: 'v1' }],
    });
  });
});
