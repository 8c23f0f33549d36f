import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crd, definitions, Lab, version, widget, widgets } from './harness.ts';

const schema = {
  openAPIV3Schema: {
    type: 'object',
    required: ['spec'],
    properties: {
      spec: {
        type: 'object',
        properties: {
          size: { type: 'integer', minimum: 1 },
          mode: { type: 'string', enum: ['slow', 'fast'], default: 'slow' },
          limits: { type: 'object', default: {}, properties: { cpu: { type: 'string', default: '1' } } },
          tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
          ports: {
            type: 'array',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['name'],
            items: {
              type: 'object',
              required: ['name'],
              properties: { name: { type: 'string' }, number: { 'x-kubernetes-int-or-string': true } },
            },
          },
          note: { type: 'string', nullable: true },
          plain: { type: 'string' },
          free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          labels: { type: 'object', additionalProperties: { type: 'string' } },
          template: {
            type: 'object',
            'x-kubernetes-embedded-resource': true,
            'x-kubernetes-preserve-unknown-fields': true,
          },
        },
      },
      status: { type: 'object', properties: { size: { type: 'integer' }, selector: { type: 'string' } } },
    },
  },
};
const subresources = {
  status: {},
  scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size', labelSelectorPath: '.status.selector' },
};
const columns = [
  { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
  { name: 'Mode', type: 'string', jsonPath: '.spec.mode', priority: 1, description: 'How' },
  { name: 'Tags', type: 'string', jsonPath: '.spec.tags' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];
const gears = '/apis/example.com/v1/namespaces/default/gears';

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.start();
  const selectableFields = [{ jsonPath: '.spec.mode' }, { jsonPath: '.spec.size' }];
  await lab.define(
    crd({ versions: [version('v1', { schema, subresources, additionalPrinterColumns: columns, selectableFields })] }),
  );
  await lab.define(crd({ names: { plural: 'gears', kind: 'Gear' }, versions: [version('v1', { schema })] }));
});
afterAll(() => lab.close());

const create = (name: string, spec: object = {}, query = {}) => lab.post(widgets, widget(name, { spec }), query);
const refusal = (request: Promise<unknown>) => lab.refusal(request);

describe('what a client sends', () => {
  it('gets defaults and loses what the schema does not know', async () => {
    const body = widget('sent', {
      spec: { size: 1, bogus: 1, plain: null, note: null, free: { a: { b: 1 } }, labels: { x: 'y' } },
      odd: true,
    });
    const { spec, ...rest } = await lab.post(widgets, body);
    expect(spec).toEqual({
      size: 1,
      mode: 'slow',
      limits: { cpu: '1' },
      note: null,
      free: { a: { b: 1 } },
      labels: { x: 'y' },
    });
    expect(Object.keys(rest)).toEqual(['apiVersion', 'kind', 'metadata']);
    expect(rest.metadata.generation).toBe(1);
  });

  it('is told of unknown fields, or refused for them', async () => {
    const body = {
      ...widget('strict', { spec: { size: 1, bogus: 1 }, odd: {} }),
      metadata: { name: 'strict', colour: 'red' },
    };
    const { warnings } = await lab.client.request({
      method: 'POST',
      path: widgets,
      body: structuredClone(body),
      query: { fieldValidation: 'Warn' },
    });
    const fields = ['unknown field "metadata.colour"', 'unknown field "odd"', 'unknown field "spec.bogus"'];
    expect(warnings).toEqual(fields);
    expect(await refusal(lab.post(widgets, body, { fieldValidation: 'Strict' }))).toBe(
      `Widget in version "v1" cannot be handled as a Widget: strict decoding error: ${fields.join(', ')}`,
    );
  });

  it('has metadata of the right types', async () => {
    const body = { ...widget('typed', { spec: {} }), metadata: { name: 'typed', labels: { a: 1 } } };
    expect(await refusal(lab.post(widgets, body))).toBe(
      'Widget in version "v1" cannot be handled as a Widget: json: cannot unmarshal number into Go struct field ObjectMeta.labels.a of type string',
    );
  });

  it('may hold objects, which have metadata too', async () => {
    const template = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'x', odd: 1, creationTimestamp: null },
      any: 1,
    };
    const { spec } = await create('embeds', { template });
    expect(spec.template).toEqual({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, any: 1 });
    expect(await refusal(create('embeds-badly', { template: { kind: 'not a kind', metadata: { name: 'a/b' } } }))).toBe(
      'Widget.example.com "embeds-badly" is invalid: [spec.template.apiVersion: Required value, ' +
        'spec.template.kind: Invalid value: "not a kind": may have mixed case, but should otherwise match: ' +
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?'), " +
        'spec.template.metadata.name: Invalid value: "a/b": may not contain \'/\']',
    );
  });

  it('with finalizers of bad form gets warnings', async () => {
    const { warnings } = await lab.client.request({
      method: 'POST',
      path: widgets,
      body: {
        ...widget('final', { spec: {} }),
        metadata: { name: 'final', finalizers: ['hold', 'example.com', 'a.io/b'] },
      },
    });
    const advice = 'to avoid accidental conflicts with other finalizer writers';
    expect(warnings).toEqual([
      `metadata.finalizers: "example.com": prefer a domain-qualified finalizer name including a path (/) ${advice}`,
      `metadata.finalizers: "hold": prefer a domain-qualified finalizer name ${advice}`,
    ]);
  });
});

describe('status', () => {
  it('is written through its own door, and neither door opens the other', async () => {
    const made = await lab.post(widgets, widget('doors', { spec: { size: 1 }, status: { size: 7 } }));
    expect(made.status).toBeUndefined();
    const path = `${widgets}/doors`;
    const status = await lab.merge(`${path}/status`, {
      metadata: { labels: { a: 'b' } },
      spec: { size: 5 },
      status: { size: 2 },
    });
    expect(status).toMatchObject({ spec: { size: 1 }, status: { size: 2 } });
    expect(status.metadata.labels).toBeUndefined();
    expect(status.metadata.generation).toBe(1);
    const main = await lab.merge(path, { spec: { size: 5 }, status: { size: 9 } });
    expect(main).toMatchObject({ spec: { size: 5 }, status: { size: 2 } });
    expect(main.metadata.generation).toBe(2);
    expect((await lab.merge(path, { metadata: { labels: { a: 'b' } } })).metadata.generation).toBe(2);
  });

  it('is validated by its own schema', async () => {
    await create('own', { size: 1 });
    expect(await refusal(lab.merge(`${widgets}/own/status`, { status: { size: 'x' } }))).toBe(
      'Widget.example.com "own" is invalid: [status.size: Invalid value: "string": size in body must be of type integer: "string", ' +
        '.status.size: Invalid value: 0: .status.size accessor error: x is of the type string, expected int64]',
    );
  });

  it('is a field like others where there is no such subresource', async () => {
    const made = await lab.post(gears, { ...widget('g', { spec: {}, status: { size: 1 } }), kind: 'Gear' });
    expect(made.status).toEqual({ size: 1 });
    const changed = await lab.merge(`${gears}/g`, { status: { size: 2 } });
    expect([changed.status.size, changed.metadata.generation]).toEqual([2, 2]);
    expect(await refusal(lab.get(`${gears}/g/status`))).toBe('the server could not find the requested resource');
  });
});

describe('scale', () => {
  it('reads and writes the paths the definition names', async () => {
    await create('scaled', { size: 2 });
    const path = `${widgets}/scaled`;
    await lab.merge(`${path}/status`, { status: { size: 1, selector: 'app=scaled' } });
    const scale = await lab.get(`${path}/scale`);
    expect(scale).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      spec: { replicas: 2 },
      status: { replicas: 1, selector: 'app=scaled' },
    });
    await lab.put(`${path}/scale`, { ...scale, spec: { replicas: 4 } });
    const after = await lab.get(path);
    expect([after.spec.size, after.metadata.generation]).toEqual([4, 2]);
  });

  it('needs the field to be there', async () => {
    await create('unscaled');
    expect(await refusal(lab.get(`${widgets}/unscaled/scale`))).toBe(
      'Internal error occurred: the spec replicas field ".spec.size" does not exist',
    );
    expect(await refusal(create('fraction', { size: -1 }))).toBe(
      'Widget.example.com "fraction" is invalid: [spec.size: Invalid value: -1: spec.size in body should be greater than or equal to 1, ' +
        '.spec.size: Invalid value: -1: should be a non-negative integer]',
    );
  });
});

describe('writes', () => {
  it('of strategic merge patches are not known', async () => {
    await create('patched');
    const contentType = 'application/strategic-merge-patch+json';
    expect(await refusal(lab.send({ method: 'PATCH', path: `${widgets}/patched`, body: {}, contentType }))).toBe(
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
    );
  });

  it('by PUT name the revision they replace', async () => {
    const { metadata, ...rest } = await create('put', { size: 1 });
    const { resourceVersion, ...without } = metadata;
    expect(await refusal(lab.put(`${widgets}/put`, { ...rest, metadata: without }))).toBe(
      'Widget.example.com "put" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    );
    await lab.put(`${widgets}/put`, { ...rest, metadata: { ...without, resourceVersion } });
  });

  it('by apply follow the list types of the schema', async () => {
    const path = `${widgets}/applied`;
    const spec = (port: object, tag: string) => widget('applied', { spec: { size: 1, ports: [port], tags: [tag] } });
    await lab.apply(path, spec({ name: 'a', number: 1 }, 'x'), 'one');
    const both = await lab.apply(path, spec({ name: 'b', number: 'http' }, 'y'), 'two');
    expect(both.spec).toMatchObject({
      ports: [
        { name: 'a', number: 1 },
        { name: 'b', number: 'http' },
      ],
      tags: ['x', 'y'],
    });
    expect(await refusal(lab.apply(path, widget('applied', { spec: { size: 2 } }), 'three'))).toBe(
      'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.size\nconflicts with "two":\n- .spec.size',
    );
    const one = await lab.apply(path, widget('applied', { spec: { size: 1 } }), 'one');
    expect(one.spec).toMatchObject({ ports: [{ name: 'b', number: 'http' }], tags: ['y'] });
    expect(await refusal(lab.apply(path, widget('applied', { spec: { odd: 1 } }), 'one'))).toContain(
      '.spec.odd: field not declared in schema',
    );
  });

  it('of parts that were wrong before and stay as they were are let through', async () => {
    await create('ratchet', { size: 1 });
    const names = { plural: 'bolts', kind: 'Bolt' };
    const loose = { openAPIV3Schema: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } } } };
    const tight = {
      openAPIV3Schema: {
        type: 'object',
        properties: { a: { type: 'string', maxLength: 2 }, b: { type: 'string', maxLength: 2 } },
      },
    };
    await lab.define(crd({ names, versions: [version('v1', { schema: loose })] }));
    const bolts = '/apis/example.com/v1/namespaces/default/bolts';
    await lab.post(bolts, { metadata: { name: 'b' }, a: 'long', b: 'long' });
    await lab.merge(`${definitions}/bolts.example.com`, { spec: { versions: [version('v1', { schema: tight })] } });
    const tooLong = (field: string) =>
      `Bolt.example.com "b" is invalid: ${field}: Too long: may not be more than 2 bytes`;
    await lab.until(
      () => refusal(lab.merge(`${bolts}/b`, { a: 'longer' }, { dryRun: 'All' })),
      (text) => text === tooLong('a'),
    );
    expect((await lab.merge(`${bolts}/b`, { a: 'ok' })).b).toBe('long');
    expect(await refusal(lab.merge(`${bolts}/b`, { b: 'other' }))).toBe(tooLong('b'));
  });

  it('delete collections', async () => {
    for (const name of ['c1', 'c2']) {
      await lab.post(gears, { ...widget(name, { spec: {} }), kind: 'Gear', metadata: { name, labels: { set: 'c' } } });
    }
    await lab.send({ method: 'DELETE', path: gears, query: { labelSelector: 'set=c' } });
    expect((await lab.get(gears, { labelSelector: 'set=c' })).items).toEqual([]);
  });
});

describe('reads', () => {
  it('fill defaults into objects that were stored before there were any', async () => {
    const names = { plural: 'nuts', kind: 'Nut' };
    const typed = (properties: object) => ({ openAPIV3Schema: { type: 'object', properties } });
    await lab.define(
      crd({ names, versions: [version('v1', { schema: typed({ a: { type: 'string' }, b: { type: 'string' } }) })] }),
    );
    const nuts = '/apis/example.com/v1/namespaces/default/nuts';
    const made = await lab.post(nuts, { metadata: { name: 'n' }, a: 'x', b: 'y' });
    const next = typed({ a: { type: 'string' }, c: { type: 'integer', default: 3 } });
    await lab.merge(`${definitions}/nuts.example.com`, { spec: { versions: [version('v1', { schema: next })] } });
    const read = await lab.until(
      () => lab.get(`${nuts}/n`),
      (seen) => seen.c === 3,
    );
    expect(read.b).toBeUndefined();
    expect(read.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
    expect((await lab.get(nuts)).items[0].c).toBe(3);
  });

  it('show the columns of the definition', async () => {
    await create('table', { size: 3, tags: ['b', 'a'] });
    const { body } = await lab.client.request({
      method: 'GET',
      path: `${widgets}/table`,
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
    });
    expect(body.columnDefinitions.map(({ name, priority }: any) => [name, priority])).toEqual([
      ['Name', 0],
      ['Size', 0],
      ['Mode', 1],
      ['Tags', 0],
      ['Age', 0],
    ]);
    expect(body.columnDefinitions[1].description).toBe(
      'Custom resource definition column (in JSONPath format): .spec.size',
    );
    expect(body.rows[0].cells).toEqual(['table', 3, 'slow', '["b","a"]', '0s']);
  });

  it('show names and ages where the definition names no columns', async () => {
    await lab.post(gears, { ...widget('plain', { spec: {} }), kind: 'Gear' });
    const { body } = await lab.client.request({
      method: 'GET',
      path: `${gears}/plain`,
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
    });
    expect(body.rows[0].cells).toEqual(['plain', '0s']);
    expect(body.columnDefinitions[1]).toMatchObject({ name: 'Age', type: 'date' });
    expect(body.columnDefinitions[1].description).toContain('server time');
  });

  it('select by the fields of the definition', async () => {
    await create('quick', { mode: 'fast', size: 9 });
    const names = async (fieldSelector: string) =>
      (await lab.get(widgets, { fieldSelector })).items.map((item: any) => item.metadata.name);
    expect(await names('spec.mode=fast')).toEqual(['quick']);
    expect(await names('spec.size=9,spec.mode!=slow')).toEqual(['quick']);
    expect(await refusal(lab.get(widgets, { fieldSelector: 'spec.plain=x' }))).toBe(
      'field label not supported: spec.plain',
    );
    expect(await refusal(lab.get(gears, { fieldSelector: 'spec.plain=x' }))).toBe(
      'field label not supported: spec.plain',
    );
  });

  it('warn of versions that are deprecated', async () => {
    const names = { plural: 'old', kind: 'Old' };
    await lab.define(
      crd({
        names,
        versions: [
          version('v1'),
          version('v1beta1', { deprecated: true }),
          version('v1alpha1', { deprecated: true, deprecationWarning: 'please do not' }),
        ],
      }),
    );
    const warnings = async (name: string) =>
      (await lab.client.request({ method: 'GET', path: `/apis/example.com/${name}/old` })).warnings;
    expect(await warnings('v1')).toEqual([]);
    expect(await warnings('v1beta1')).toEqual(['example.com/v1beta1 Old is deprecated; use example.com/v1 Old']);
    expect(await warnings('v1alpha1')).toEqual(['please do not']);
  });
});
