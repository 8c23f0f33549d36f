import { describe, expect, test } from 'vitest';
import {
  builtinResources,
  defaultPrinter,
  loadBuiltinSchema,
  OpenApiDocumentBuilder,
  type ResourceDefinition,
  resourcesFor,
} from '../../src/api/index.ts';
import { factsAtHand, readFact, whyFactsSkip } from './facts.ts';

const schemas = loadBuiltinSchema();
const builder = new OpenApiDocumentBuilder({ definitions: () => builtinResources, schemas });

interface Document {
  paths: Record<string, Record<string, any>>;
  definitions: Record<string, any>;
  components: { schemas: Record<string, any> };
}

/** Not published by us: beta and alpha; the files of the server's machine. */
const leftOut = /(alpha|beta)|internal\.apiserver|storagemigration|^\/logs/;

describe.skipIf(!factsAtHand)(`OpenAPI v2 equals the published one (skipped when ${whyFactsSkip})`, () => {
  test('every operation has the same id, kind, action and answers', () => {
    const published = readFact<Document>('openapi-v2-swagger.json').paths;
    const ours = (builder.v2() as Document).paths;
    const shape = (operation: any) => ({
      id: operation.operationId,
      action: operation['x-kubernetes-action'],
      kind: operation['x-kubernetes-group-version-kind'],
      description: operation.description,
      tags: operation.tags,
      codes: Object.keys(operation.responses),
      answer: operation.responses['200'].schema,
    });
    const expected = Object.keys(published).filter((path) => !leftOut.test(path));
    expect(Object.keys(ours).sort()).toEqual(expected.sort());
    for (const path of expected) {
      for (const [method, operation] of Object.entries(published[path]!)) {
        if (method === 'parameters') continue;
        expect(shape(ours[path]![method]), `${method} ${path}`).toEqual(shape(operation));
      }
    }
  });

  test('definitions have the same merge keys and kinds', () => {
    const published = readFact<Document>('openapi-v2-swagger.json').definitions;
    const ours = (builder.v2() as Document).definitions;
    for (const name of [
      'io.k8s.api.core.v1.PodSpec',
      'io.k8s.api.core.v1.ServiceSpec',
      'io.k8s.api.apps.v1.Deployment',
    ]) {
      const strip = (definition: any) =>
        JSON.parse(JSON.stringify(definition, (key, value) => (key === 'description' ? undefined : value)));
      expect(strip(ours[name]), name).toEqual(strip(published[name]));
    }
  });
});

describe.skipIf(!factsAtHand)(`with everything on (skipped when ${whyFactsSkip})`, () => {
  const everything = resourcesFor({ runtimeConfig: 'api/all=true', featureGates: { AllAlpha: true, AllBeta: true } });
  const all = new OpenApiDocumentBuilder({ definitions: () => everything, schemas });
  const nothing: Document = { paths: {}, definitions: {}, components: { schemas: {} } };
  const published = factsAtHand ? readFact<Document>('openapi-v2-swagger.json') : nothing;

  test('every definition has the published shape', () => {
    const ours = (all.v2() as Document).definitions;
    const differing = Object.keys(ours).filter(
      (name) => JSON.stringify(shapeOf(ours[name])) !== JSON.stringify(shapeOf(published.definitions[name])),
    );
    expect(differing.sort()).toEqual([...allowed].sort());
    const missing = Object.keys(published.definitions).filter((name) => ours[name] === undefined);
    expect(missing).toEqual([]);
  });

  test('every path of the published document is there', () => {
    const ours = (all.v2() as Document).paths;
    const expected = Object.keys(published.paths).filter((path) => !path.startsWith('/logs/'));
    expect(expected.filter((path) => ours[path] === undefined)).toEqual([]);
    expect(Object.keys(ours).filter((path) => published.paths[path] === undefined)).toEqual([]);
  });
});

/** Definitions that differ, and only as said. */
const allowed = [
  // A default that applying needs for merge keys; upstream leaves it out of v2 and keeps it in v3.
  'io.k8s.api.core.v1.ContainerPort',
  'io.k8s.api.core.v1.ServicePort',
  // Upstream also registers these kinds for groups that serve no resources (admission, imagepolicy).
  'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions',
  'io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent',
];

/** A definition without its docs, and without `x-kubernetes-unions`, which nothing reads. */
const shapeOf = (definition: any) =>
  sorted(
    JSON.parse(
      JSON.stringify(definition, (key, value) =>
        (key === 'description' && typeof value === 'string') || key === 'x-kubernetes-unions' ? undefined : value,
      ) ?? 'null',
    ),
  );

/** Keys in order, deep; and lists of names, whose order says nothing. */
function sorted(value: any): any {
  if (Array.isArray(value)) {
    const items = value.map(sorted);
    return items.every((item) => typeof item === 'string') ? items.sort() : items;
  }
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  );
}

/** Every `$ref` in a document. */
function refsOf(value: unknown, into = new Set<string>()): Set<string> {
  if (value === null || typeof value !== 'object') return into;
  for (const [key, child] of Object.entries(value)) {
    if (key === '$ref' && typeof child === 'string') into.add(child);
    else refsOf(child, into);
  }
  return into;
}

test('documents refer to nothing that they lack', () => {
  const v2 = builder.v2() as Document;
  for (const ref of refsOf(v2)) expect(v2.definitions[ref.replace('#/definitions/', '')], ref).toBeDefined();
  for (const path of builder.v3Paths()) {
    const v3 = builder.v3(path) as Document;
    for (const ref of refsOf(v3)) {
      expect(v3.components.schemas[ref.replace('#/components/schemas/', '')], `${path} ${ref}`).toBeDefined();
    }
  }
});

test('v3 says what kubectl looks for: docs, enums, and validation parameters of patches', () => {
  const { paths, components } = builder.v3('apis/apps/v1') as Document;
  const patch = paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']!['patch'];
  expect(patch.parameters.map((parameter: any) => parameter.name)).toContain('fieldValidation');
  const container = components.schemas['io.k8s.api.core.v1.Container'];
  expect(container.properties.imagePullPolicy.enum).toEqual(['Always', 'IfNotPresent', 'Never']);
  expect(container.properties.lifecycle.description).toContain('Actions that the management system');
  expect(container.properties.env['x-kubernetes-patch-merge-key']).toBe('name');
  expect(builder.v3('apis/apps/v2')).toBeUndefined();
});

test('a custom resource joins at run time under its reversed group', () => {
  const row: ResourceDefinition = {
    group: 'stable.example.com',
    version: 'v1',
    kind: 'CronTab',
    listKind: 'CronTabList',
    plural: 'crontabs',
    singular: 'crontab',
    shortNames: ['ct'],
    categories: [],
    namespaced: true,
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
    schema: { type: 'object', properties: { spec: { type: 'object', properties: { image: { type: 'string' } } } } },
    etcdPrefix: 'stable.example.com/crontabs',
    storageVersion: 'stable.example.com/v1',
    subresources: [],
    strategy: {},
    printer: defaultPrinter,
  };
  const custom = new OpenApiDocumentBuilder({ definitions: () => [...builtinResources, row], schemas });
  const document = custom.v3('apis/stable.example.com/v1') as Document;
  const schema = document.components.schemas['com.example.stable.v1.CronTab'];
  expect(schema.properties.spec.properties.image).toEqual({ type: 'string' });
  expect(schema['x-kubernetes-group-version-kind']).toEqual([
    { group: 'stable.example.com', kind: 'CronTab', version: 'v1' },
  ]);
  const operations = document.paths['/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}']!;
  expect(Object.keys(operations['patch'].requestBody.content)).not.toContain('application/strategic-merge-patch+json');
});

test('routes of klab are in v2 and in a document of their own', () => {
  const path = '/klab/v1/scheduler/decisions/{namespace}/{name}';
  const routes = [
    { path, verb: 'get', description: 'read decisions' },
    { path: '/klab/v1/clock', verb: 'get' },
    { path: '/klab/v1/clock', verb: 'post' },
  ];
  const own = new OpenApiDocumentBuilder({ definitions: () => builtinResources, schemas, routes: () => routes });
  expect(own.v3Paths()).toContain('klab/v1');
  const { paths } = own.v3('klab/v1') as Document;
  expect(Object.keys(paths)).toEqual([path, '/klab/v1/clock']);
  expect(Object.keys(paths['/klab/v1/clock']!)).toEqual(['get', 'post']);
  expect(paths[path]!['get'].description).toBe('read decisions');
  expect(paths[path]!['parameters'].map(({ name }: { name: string }) => name)).toEqual(['namespace', 'name']);
  expect((own.v2() as Document).paths[path]!['get'].operationId).toBe('getKlabV1SchedulerDecisionsNamespaceName');
});

test('v3 has documents for groups, versions and what is no resource', () => {
  for (const path of ['api', 'apis', 'apis/apps', 'version', 'openid/v1/jwks', '.well-known/openid-configuration']) {
    expect(builder.v3Paths()).toContain(path);
    expect(Object.keys((builder.v3(path) as Document).paths), path).toEqual([`/${path}/`]);
  }
});
