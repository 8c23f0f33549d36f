import { expect, it } from 'vitest';
import { builtinResources, OpenApiDocumentBuilder } from '../../../src/api/index.ts';
import { NonResourceRouter } from '../../../src/apiserver/discovery/router.ts';
import type { RequestContext } from '../../../src/apiserver/index.ts';
import { OpenApi } from '../../../src/apiserver/openapi/openapi.ts';
import { documentType, encodeDocument } from '../../../src/apiserver/openapi/v2-protobuf.ts';
import { schemas } from '../harness.ts';

function encode(document: object): Uint8Array {
  const steps = encodeDocument(document);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

const decode = (bytes: Uint8Array): any => documentType.decode(bytes);

/** Without what the decoder fills in. */
function set(value: any): any {
  if (Array.isArray(value)) return value.map(set);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== '' && v !== 0 && v !== false && !(Array.isArray(v) && v.length === 0))
      .map(([k, v]) => [k, set(v)]),
  );
}

it('schemas keep types, references, defaults, extensions and the order of their properties', () => {
  const { definitions } = decode(
    encode({
      definitions: {
        'io.k8s.Thing': {
          type: 'object',
          required: ['spec'],
          properties: {
            spec: { $ref: '#/definitions/io.k8s.Spec', default: {} },
            labels: { type: 'object', additionalProperties: { type: 'string' } },
            args: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'atomic' },
          },
          'x-kubernetes-group-version-kind': [{ group: '', kind: 'Thing', version: 'v1' }],
        },
      },
    }),
  );
  expect(set(definitions.entries)).toEqual([
    {
      name: 'io.k8s.Thing',
      value: {
        type: { value: ['object'] },
        required: ['spec'],
        properties: {
          entries: [
            { name: 'spec', value: { $ref: '#/definitions/io.k8s.Spec', default: { yaml: '{}\n' } } },
            {
              name: 'labels',
              value: {
                type: { value: ['object'] },
                additionalProperties: { schema: { type: { value: ['string'] } } },
              },
            },
            {
              name: 'args',
              value: {
                type: { value: ['array'] },
                items: { value: [{ type: { value: ['string'] } }] },
                vendorExtension: [{ name: 'x-kubernetes-list-type', value: { yaml: '"atomic"\n' } }],
              },
            },
          ],
        },
        vendorExtension: [
          {
            name: 'x-kubernetes-group-version-kind',
            value: { yaml: '[{"group":"","kind":"Thing","version":"v1"}]\n' },
          },
        ],
      },
    },
  ]);
});

it('operations keep parameters by where they are, answers by code, and who may call', () => {
  const { paths, securityDefinitions, security } = decode(
    encode({
      paths: {
        '/api/v1/things/{name}': {
          parameters: [{ in: 'path', name: 'name', type: 'string', required: true }],
          patch: {
            operationId: 'patchThing',
            tags: ['core_v1'],
            parameters: [
              { in: 'body', name: 'body', required: true, schema: { type: 'object' } },
              { in: 'query', name: 'force', type: 'boolean', uniqueItems: true },
            ],
            responses: {
              200: { description: 'OK', schema: { $ref: '#/definitions/Thing' } },
              401: { description: 'No' },
            },
            'x-kubernetes-action': 'patch',
          },
        },
      },
      security: [{ BearerToken: [] }],
      securityDefinitions: { BearerToken: { type: 'apiKey', name: 'authorization', in: 'header' } },
    }),
  );
  const [{ value: item }] = set(paths.entries);
  expect(item.parameters).toEqual([
    { value: { nonBody: { path: { in: 'path', name: 'name', type: 'string', required: true } } } },
  ]);
  expect(item.patch.parameters).toEqual([
    { value: { body: { in: 'body', name: 'body', required: true, schema: { type: { value: ['object'] } } } } },
    { value: { nonBody: { query: { in: 'query', name: 'force', type: 'boolean', uniqueItems: true } } } },
  ]);
  expect(item.patch.responses.entries).toEqual([
    { name: '200', value: { value: { description: 'OK', schema: { value: { $ref: '#/definitions/Thing' } } } } },
    { name: '401', value: { value: { description: 'No' } } },
  ]);
  expect(item.patch.vendorExtension).toEqual([{ name: 'x-kubernetes-action', value: { yaml: '"patch"\n' } }]);
  expect(set(security)).toEqual([{ entries: [{ name: 'BearerToken', value: {} }] }]);
  expect(set(securityDefinitions.entries)).toEqual([
    { name: 'BearerToken', value: { value: { type: 'apiKey', name: 'authorization', in: 'header' } } },
  ]);
});

it('both encodings say the same of all that is served, each with a hash of its own', async () => {
  const documents = new OpenApiDocumentBuilder({ definitions: () => builtinResources, schemas });
  const router = new NonResourceRouter();
  new OpenApi(documents, { definitions: () => builtinResources, version: 1 }).install(router);
  const get = async (headers: Record<string, string>) => {
    const info = { path: '/openapi/v2', verb: 'get' };
    const response = await router.handle({
      request: { query: new URLSearchParams(), headers },
      info,
    } as RequestContext);
    if (response.body.kind !== 'bytes') throw new Error(response.body.kind);
    return { ...response, ...response.body };
  };
  const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
  const [json, protobuf] = await Promise.all([get({}), get({ accept })]);
  expect(protobuf.contentType).toBe('application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
  const wanted = JSON.parse(Buffer.from(json.bytes).toString());
  const document = decode(protobuf.bytes);
  expect(document.definitions.entries.map(({ name }: any) => name)).toEqual(Object.keys(wanted.definitions));
  expect(document.paths.entries.map(({ name }: any) => name)).toEqual(Object.keys(wanted.paths));
  const pod = document.definitions.entries.find(({ name }: any) => name === 'io.k8s.api.core.v1.PodSpec').value;
  expect(pod.properties.entries.map(({ name }: any) => name)).toEqual(
    Object.keys(wanted.definitions['io.k8s.api.core.v1.PodSpec'].properties),
  );
  expect(protobuf.headers!['ETag']).not.toBe(json.headers!['ETag']);
  expect((await get({ accept, 'if-none-match': protobuf.headers!['ETag']! })).code).toBe(304);
});
