/** What upstream's API server answers to requests that it cannot carry out, word for word. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ask, type HttpsServer, startHttpsServer } from '../https-server.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const one = `${maps}/a`;
const pods = '/api/v1/namespaces/default/pods';
const configMap = (name: string, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
});
const merge = 'application/merge-patch+json';
const strategic = 'application/strategic-merge-patch+json';
const operations = 'application/json-patch+json';
const apply = 'application/apply-patch+yaml';

type Case = [what: string, method: string, path: string, ask: Ask, code: number, message: string | RegExp];

const typeMeta = "couldn't get version/kind; json parse error:";
const unrecognized = 'the object provided is unrecognized (must be of type ConfigMap):';
const goStruct =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

const bodies: Case[] = [
  ['no body', 'POST', maps, {}, 400, `${unrecognized} ${typeMeta} unexpected end of JSON input (<empty>)`],
  [
    'half an object',
    'POST',
    maps,
    { body: '{"kind":' },
    400,
    `${unrecognized} ${typeMeta} unexpected end of JSON input ({"kind":)`,
  ],
  [
    'no JSON',
    'POST',
    maps,
    { body: 'nope' },
    400,
    `${unrecognized} ${typeMeta} invalid character 'o' in literal null (expecting 'u') (6e6f7065)`,
  ],
  [
    'a list',
    'POST',
    maps,
    { body: '[]' },
    400,
    `${unrecognized} ${typeMeta} json: cannot unmarshal array into Go value of type ${goStruct} (5b5d)`,
  ],
  [
    'something after the object',
    'POST',
    maps,
    { body: '{"a":1}garbage' },
    400,
    `${unrecognized} ${typeMeta} invalid character 'g' after top-level value ({"a":1}garbage)`,
  ],
  [
    'null, which is an empty object',
    'POST',
    maps,
    { body: 'null' },
    422,
    'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
  ],
  [
    'deeper than any object',
    'POST',
    maps,
    { body: `{"x":${'['.repeat(20_000)}${']'.repeat(20_000)}}` },
    400,
    `${unrecognized} ${typeMeta} exceeded max depth ({"x":[[[[[[[[[[[[[[[[[[[[[[[[[ ...)`,
  ],
  [
    'an apiVersion that is a number',
    'POST',
    maps,
    { body: { apiVersion: 1 } },
    400,
    `${unrecognized} ${typeMeta} json: cannot unmarshal number into Go struct field .apiVersion of type string ({"apiVersion":1})`,
  ],
  [
    'an apiVersion of three parts',
    'POST',
    maps,
    { body: { apiVersion: 'a/b/c' } },
    400,
    `${unrecognized} unexpected GroupVersion string: a/b/c ({"apiVersion":"a/b/c"})`,
  ],
  [
    'an unknown kind',
    'POST',
    maps,
    { body: { apiVersion: 'v1', kind: 'Nope' } },
    400,
    'Nope in version "v1" cannot be handled as a ConfigMap: no kind "Nope" is registered for version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
  ],
  [
    'another kind',
    'POST',
    maps,
    { body: { apiVersion: 'apps/v1', kind: 'Deployment' } },
    400,
    'Deployment in version "v1" cannot be handled as a ConfigMap: converting (v1.Deployment) to (core.ConfigMap): unknown conversion',
  ],
  [
    'a List',
    'POST',
    '/api/v1/namespaces',
    { body: { apiVersion: 'v1', kind: 'List', items: [] } },
    400,
    'List in version "v1" cannot be handled as a Namespace: converting (v1.List) to (core.Namespace): unknown conversion',
  ],
  [
    'another version of the kind',
    'POST',
    '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers',
    { body: { apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler' } },
    400,
    'the API version in the data (autoscaling/v1) does not match the expected API version (autoscaling/v2)',
  ],
  [
    'metadata that is a text',
    'POST',
    maps,
    { body: { metadata: 'x' } },
    400,
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal string into Go struct field ConfigMap.metadata of type v1.ObjectMeta',
  ],
  [
    'an unknown field, strictly',
    'POST',
    `${maps}?fieldValidation=Strict`,
    { body: { ...configMap('x'), dato: {} } },
    400,
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dato"',
  ],
  [
    'a field given twice, strictly',
    'POST',
    `${maps}?fieldValidation=Strict`,
    { body: '{"metadata":{"name":"x"},"data":{"a":"1","a":"2"}}' },
    400,
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.a"',
  ],
  [
    'YAML that is none',
    'POST',
    maps,
    { body: 'a: [', contentType: 'application/yaml' },
    400,
    /^the object provided is unrecognized \(must be of type ConfigMap\): error converting YAML to JSON: yaml: line 1: .*\(613a205b\)$/,
  ],
  [
    'a type that nobody reads',
    'POST',
    maps,
    { body: 'x', contentType: 'text/plain' },
    415,
    'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
  ],
  [
    'CBOR',
    'POST',
    maps,
    { body: Buffer.from([0xd9, 0xd9, 0xf7]), contentType: 'application/cbor' },
    415,
    /^the body of the request was in an unknown format/,
  ],
  [
    'three megabytes',
    'POST',
    maps,
    { body: 'x'.repeat(3 * 1024 * 1024 + 1) },
    413,
    'Request entity too large: limit is 3145728',
  ],
];

const writes: Case[] = [
  [
    'a namespace other than the URL’s',
    'POST',
    maps,
    { body: configMap('x', { namespace: 'other' }) },
    400,
    'the namespace of the provided object does not match the namespace sent on the request',
  ],
  [
    'no name',
    'POST',
    maps,
    { body: configMap('') },
    422,
    'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
  ],
  ['a name that is taken', 'POST', maps, { body: configMap('a') }, 409, 'configmaps "a" already exists'],
  [
    'a resourceVersion on create',
    'POST',
    maps,
    { body: configMap('x', { resourceVersion: '5' }) },
    400,
    'resourceVersion should not be set on objects to be created',
  ],
  [
    'a namespace that does not exist',
    'POST',
    '/api/v1/namespaces/nope/configmaps',
    { body: configMap('x') },
    404,
    'namespaces "nope" not found',
  ],
  [
    'no name on update',
    'PUT',
    one,
    { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: {} } },
    400,
    'the name of the object (a based on URL) was undeterminable: name must be provided',
  ],
  [
    'another name on update',
    'PUT',
    one,
    { body: configMap('b') },
    400,
    'the name of the object (b) does not match the name on the URL (a)',
  ],
  [
    'an update of what is not there',
    'PUT',
    `${maps}/nobody`,
    { body: configMap('nobody') },
    404,
    'configmaps "nobody" not found',
  ],
  [
    'an update with an old resourceVersion',
    'PUT',
    one,
    { body: configMap('a', { resourceVersion: '1' }) },
    409,
    'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
  ],
  [
    'an update with another uid',
    'PUT',
    one,
    { body: configMap('a', { uid: 'nope' }) },
    409,
    /^Operation cannot be fulfilled on configmaps "a": StorageError: invalid object, Code: 4, Key: \/registry\/configmaps\/default\/a, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: nope, UID in object meta: /,
  ],
  [
    'an unknown dryRun',
    'POST',
    `${maps}?dryRun=Some`,
    { body: configMap('x') },
    422,
    'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
  ],
  [
    'an unknown fieldValidation',
    'POST',
    `${maps}?fieldValidation=Nope`,
    { body: configMap('x') },
    422,
    'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Nope": supported values: "", "Ignore", "Strict", "Warn"',
  ],
  [
    'a field manager beyond 128 bytes',
    'POST',
    `${maps}?fieldManager=${'x'.repeat(129)}`,
    { body: configMap('x') },
    422,
    'CreateOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes',
  ],
  [
    'a field manager that cannot be printed',
    'POST',
    `${maps}?fieldManager=%C3%BC%01`,
    { body: configMap('x') },
    422,
    'CreateOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "ü\\u0001": invalid character U+0001 (at position 2)',
  ],
];

const patches: Case[] = [
  [
    'half a merge patch',
    'PATCH',
    one,
    { body: '{"data":', contentType: merge },
    400,
    'error decoding patch: unexpected end of JSON input',
  ],
  [
    'half a strategic patch',
    'PATCH',
    one,
    { body: '{"data":', contentType: strategic },
    400,
    'unexpected end of JSON input',
  ],
  [
    'a merge patch that is a list',
    'PATCH',
    one,
    { body: '[]', contentType: merge },
    400,
    'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}',
  ],
  [
    'a JSON patch that is an object',
    'PATCH',
    one,
    { body: '{}', contentType: operations },
    400,
    'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
  ],
  [
    'a test that fails',
    'PATCH',
    one,
    { body: '[{"op":"test","path":"/data/x","value":"1"}]', contentType: operations },
    422,
    'the server rejected our request due to an error in our request',
  ],
  [
    'ten thousand and one operations',
    'PATCH',
    one,
    {
      body: Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/kind', value: 'ConfigMap' })),
      contentType: operations,
    },
    413,
    'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
  ],
  [
    'another name',
    'PATCH',
    one,
    { body: '{"metadata":{"name":"b"}}', contentType: merge },
    400,
    'the name of the object (b) does not match the name on the URL (a)',
  ],
  [
    'another namespace',
    'PATCH',
    one,
    { body: '{"metadata":{"namespace":"b"}}', contentType: merge },
    400,
    'the namespace of the provided object does not match the namespace sent on the request',
  ],
  [
    'a kind of patch that is not there',
    'PATCH',
    one,
    { body: '{}', contentType: 'application/json' },
    415,
    'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml',
  ],
  [
    'force without apply',
    'PATCH',
    `${one}?force=true`,
    { body: '{}', contentType: merge },
    422,
    'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
  ],
  [
    'apply without a manager',
    'PATCH',
    one,
    { body: '{}', contentType: apply },
    422,
    'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
  ],
  [
    'apply of nothing',
    'PATCH',
    `${one}?fieldManager=m`,
    { body: '{}', contentType: apply },
    400,
    'invalid object type: /, Kind=',
  ],
  [
    'apply of another version',
    'PATCH',
    `${one}?fieldManager=m`,
    { body: 'apiVersion: v2\nkind: ConfigMap', contentType: apply },
    400,
    'invalid object type: /v2, Kind=ConfigMap',
  ],
  [
    'apply of no YAML',
    'PATCH',
    `${one}?fieldManager=m`,
    { body: 'a: b: c', contentType: apply },
    400,
    /^error decoding YAML: error converting YAML to JSON: yaml: line 1: /,
  ],
  [
    'apply of a scalar',
    'PATCH',
    `${one}?fieldManager=m`,
    { body: 'x', contentType: apply },
    400,
    'error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal string into Go value of type map[string]interface {}',
  ],
  [
    'apply with managedFields',
    'PATCH',
    `${one}?fieldManager=m`,
    { body: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {managedFields: [{manager: x}]}', contentType: apply },
    400,
    'metadata.managedFields must be nil',
  ],
];

const deletes: Case[] = [
  [
    'an unknown policy',
    'DELETE',
    `${one}?propagationPolicy=Nope`,
    {},
    422,
    'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Nope": supported values: "Foreground", "Background", "Orphan", "nil"',
  ],
  [
    'two policies',
    'DELETE',
    one,
    { body: { propagationPolicy: 'Orphan', orphanDependents: true } },
    422,
    'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set',
  ],
  [
    'options of another kind',
    'DELETE',
    one,
    { body: { kind: 'Pod', apiVersion: 'v1' } },
    400,
    'no kind "Pod" is registered for version "v1"',
  ],
  ['half a body', 'DELETE', one, { body: '{' }, 400, `${typeMeta} unexpected end of JSON input`],
  [
    'a grace period that is no number',
    'DELETE',
    `${one}?gracePeriodSeconds=x`,
    {},
    400,
    'strconv.ParseInt: parsing "x": invalid syntax',
  ],
  [
    'another uid',
    'DELETE',
    one,
    { body: { preconditions: { uid: 'x' } } },
    409,
    /^Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition \(x\) does not match the UID in record \(.*\)\. The object might have been deleted and then recreated$/,
  ],
  [
    'an old resourceVersion',
    'DELETE',
    one,
    { body: { preconditions: { resourceVersion: '1' } } },
    409,
    /^Operation cannot be fulfilled on ConfigMap "a": the ResourceVersion in the precondition \(1\) does not match the ResourceVersion in record \(\d+\)\. The object might have been modified$/,
  ],
  ['what is not there', 'DELETE', `${maps}/nobody`, {}, 404, 'configmaps "nobody" not found'],
];

const reads: Case[] = [
  ['a limit that is no number', 'GET', `${maps}?limit=x`, {}, 400, 'strconv.ParseInt: parsing "x": invalid syntax'],
  [
    'a limit beyond int64',
    'GET',
    `${maps}?limit=9223372036854775808`,
    {},
    400,
    'strconv.ParseInt: parsing "9223372036854775808": value out of range',
  ],
  [
    'a resourceVersion that is none',
    'GET',
    `${maps}?resourceVersion=x`,
    {},
    400,
    'invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax',
  ],
  [
    'a match without resourceVersion',
    'GET',
    `${maps}?resourceVersionMatch=Exact`,
    {},
    422,
    'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
  ],
  [
    'an unknown match',
    'GET',
    `${maps}?resourceVersionMatch=Nope&resourceVersion=1`,
    {},
    422,
    'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Unsupported value: "Nope": supported values: "Exact", "NotOlderThan", ""',
  ],
  [
    'exactly any version',
    'GET',
    `${maps}?resourceVersionMatch=Exact&resourceVersion=0`,
    {},
    422,
    'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
  ],
  [
    'initial events of a list',
    'GET',
    `${maps}?sendInitialEvents=true`,
    {},
    422,
    'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list',
  ],
  [
    'a match with continue',
    'GET',
    `${maps}?continue=abc&resourceVersionMatch=Exact&resourceVersion=1`,
    {},
    422,
    'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided',
  ],
  [
    'a token that is no token',
    'GET',
    `${maps}?continue=abcd`,
    {},
    400,
    "invalid continue token: continue key is not valid: invalid character 'i' looking for beginning of value",
  ],
  [
    'a token that is no base64',
    'GET',
    `${maps}?continue=!!`,
    {},
    400,
    'invalid continue token: continue key is not valid: illegal base64 data at input byte 0',
  ],
  [
    'a version beside a token',
    'GET',
    `${maps}?resourceVersion=1&continue=${Buffer.from('{"v":"meta.k8s.io/v1","rv":1,"start":"a"}').toString('base64url')}`,
    {},
    400,
    'specifying resource version is not allowed when using continue',
  ],
  [
    'a match for a plain watch',
    'GET',
    `${maps}?watch=1&resourceVersionMatch=NotOlderThan`,
    {},
    422,
    'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
  ],
  [
    'initial events without a match',
    'GET',
    `${maps}?watch=1&sendInitialEvents=true`,
    {},
    422,
    'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
  ],
  [
    'initial events that match exactly',
    'GET',
    `${maps}?watch=1&sendInitialEvents=true&resourceVersionMatch=Exact`,
    {},
    422,
    'ListOptions.meta.k8s.io "" is invalid: [resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"]',
  ],
  [
    'a label selector that cannot be read',
    'GET',
    `${maps}?labelSelector=a%20b`,
    {},
    400,
    "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
  ],
  [
    'a field that cannot be selected',
    'GET',
    `${maps}?fieldSelector=nope=1`,
    {},
    400,
    '"nope" is not a known field selector: only "metadata.name", "metadata.namespace"',
  ],
  [
    'a field of pods that cannot be selected',
    'GET',
    `${pods}?fieldSelector=nope=1`,
    {},
    400,
    'field label not supported: nope',
  ],
  [
    'a field selector that cannot be read',
    'GET',
    `${maps}?fieldSelector=nope`,
    {},
    400,
    "invalid selector: 'nope'; can't understand 'nope'",
  ],
  [
    'a selector beside another name',
    'GET',
    '/api/v1/watch/namespaces/default/configmaps/a?fieldSelector=metadata.name=b',
    {},
    400,
    "fieldSelector metadata.name doesn't match requested name",
  ],
  [
    'a time-out that is none',
    'GET',
    `${maps}?timeout=5`,
    {},
    400,
    'invalid timeout specified in the request URL - time: missing unit in duration "5"',
  ],
  [
    'what nobody writes',
    'GET',
    one,
    { headers: { accept: 'text/html' } },
    406,
    'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
  ],
  [
    'CBOR',
    'GET',
    one,
    { headers: { accept: 'application/cbor' } },
    406,
    /^only the following media types are accepted/,
  ],
];

const methodNotAllowed = 'the server does not allow this method on the requested resource';
const pathNotFound = 'the server could not find the requested resource';

const paths: Case[] = [
  ['creating across namespaces', 'POST', '/api/v1/configmaps', { body: configMap('x') }, 405, methodNotAllowed],
  ['deleting across namespaces', 'DELETE', '/api/v1/configmaps', {}, 405, methodNotAllowed],
  ['creating below a name', 'POST', one, { body: configMap('a') }, 405, methodNotAllowed],
  ['updating a collection', 'PUT', maps, { body: configMap('a') }, 405, methodNotAllowed],
  ['patching a collection', 'PATCH', maps, { body: '{}', contentType: merge }, 405, methodNotAllowed],
  ['OPTIONS', 'OPTIONS', maps, {}, 405, methodNotAllowed],
  ['writing the version', 'POST', '/version', {}, 405, methodNotAllowed],
  ['an unknown resource', 'GET', '/api/v1/nopes', {}, 404, pathNotFound],
  ['an unknown version', 'GET', '/api/v9/pods', {}, 404, pathNotFound],
  ['an unknown group', 'GET', '/apis/nope.io/v1/x', {}, 404, pathNotFound],
  ['an unknown path', 'GET', '/nope', {}, 404, pathNotFound],
  ['an unknown subresource', 'GET', `${one}/nope`, {}, 404, pathNotFound],
  ['a subresource that the kind has not', 'GET', `${one}/status`, {}, 404, pathNotFound],
  ['something below a subresource', 'GET', `${pods}/a/log/b`, {}, 404, pathNotFound],
  ['a name that is a dot', 'GET', `${maps}/.`, {}, 400, 'Name parameter invalid: ".": may not be \'.\''],
  ['a name that is two dots', 'GET', `${maps}/%2e%2e`, {}, 400, 'Name parameter invalid: "..": may not be \'..\''],
  [
    'a name with a percent sign',
    'GET',
    `${maps}/a%25b`,
    {},
    400,
    'Name parameter invalid: "a%b": may not contain \'%\'',
  ],
  ['a way out of the API', 'GET', '/api/v1/namespaces/../../etc/passwd', {}, 404, pathNotFound],
  ['a broken escape', 'GET', `${maps}/%zz`, {}, 400, /^invalid URL escape/],
];

let server: HttpsServer;
beforeAll(async () => {
  server = await startHttpsServer();
  await server.ask('POST', maps, { body: configMap('a') });
});
afterAll(() => server.close());

describe.each([
  ['bodies', bodies],
  ['writes', writes],
  ['patches', patches],
  ['deletes', deletes],
  ['reads', reads],
  ['paths', paths],
])('%s', (_, cases) => {
  it.each(cases)('%s', async (_what, method, path, ask, code, message) => {
    const answer = await server.ask(method, path, ask);
    if (typeof message === 'string') expect(answer.body?.message).toBe(message);
    else expect(answer.body?.message).toMatch(message);
    expect(answer.code).toBe(code);
    expect(answer.body).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code });
  });
});

it('nothing of all that was done', async () => {
  const { items } = (await server.ask('GET', maps)).body;
  expect(items.map(({ metadata }: any) => metadata.name)).toEqual(['a']);
  expect(items[0].metadata.deletionTimestamp).toBeUndefined();
});

it('HEAD of a resource is refused without a body', async () => {
  const answer = await server.ask('HEAD', maps);
  expect([answer.code, answer.text]).toEqual([405, '']);
});

it('bad UTF-8 is read as Go reads it', async () => {
  const body = Buffer.concat([
    Buffer.from('{"metadata":{"name":"utf"},"data":{"k":"'),
    Buffer.from([0xff]),
    Buffer.from('"}}'),
  ]);
  expect((await server.ask('POST', maps, { body })).body.data.k).toBe('\ufffd');
});

it('a field given twice is told of, the last value wins', async () => {
  const answer = await server.ask('POST', maps, { body: '{"metadata":{"name":"twice"},"data":{"a":"1","a":"2"}}' });
  expect(answer.body.data).toEqual({ a: '2' });
  expect(answer.headers['warning']).toBe('299 - "duplicate field \\"data.a\\""');
});

it('a billion laughs are not laughed', async () => {
  const lines = ['a: &a [x,x,x,x,x,x,x,x,x]'];
  for (let i = 0; i < 12; i++) {
    const [from, to] = [String.fromCharCode(97 + i), String.fromCharCode(98 + i)];
    lines.push(`${to}: &${to} [${Array(9).fill(`*${from}`).join(',')}]`);
  }
  const answer = await server.ask('POST', maps, { body: lines.join('\n'), contentType: 'application/yaml' });
  expect(answer.code).toBe(400);
});
