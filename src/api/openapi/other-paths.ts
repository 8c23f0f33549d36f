/**
 * Paths beside the resources': discovery of versions and groups, the server's version, its keys, and klab's own door.
 * Upstream: apiserver/pkg/server/routes, apiserver/pkg/endpoints/discovery, pkg/routes/openidmetadata.go.
 */
import type { ResourceDefinition } from '../definition.ts';
import type { Dialect } from './schemas.ts';

type Json = Record<string, unknown>;

/** A route of the server that no resource stands for, e.g. klab's. */
export interface OpenApiRoute {
  /** Segments in braces are parameters. */
  readonly path: string;
  /** HTTP method in lower case. */
  readonly verb: string;
  readonly description?: string | undefined;
}

interface OtherPath {
  /** The v3 document it is in: its path without slashes at the ends; klab's share one. */
  readonly document: string;
  readonly path: string;
  readonly method: string;
  readonly id: string;
  readonly description: string;
  readonly tag: string;
  readonly types: readonly string[];
  readonly consumes?: readonly string[];
  /** Name of a definition, `string`, or `object`. */
  readonly returns: string;
}

const metaPrefix = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
export const versionInfo = 'io.k8s.apimachinery.pkg.version.Info';
const discoveryTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const jsonOnly = ['application/json'];

const words = (text: string, mark: RegExp | string): string[] => text.split(mark).filter((word) => word !== '');
const capital = (word: string): string => word[0]!.toUpperCase() + word.slice(1);

/** `flowcontrol.apiserver.k8s.io` → `FlowcontrolApiserver`. */
const groupTag = (group: string): string =>
  words(group.replace(/\.k8s\.io$/, ''), '.')
    .map(capital)
    .join('');

/** `storage.k8s.io` → `storage`. */
function groupTagName(group: string): string {
  const tag = groupTag(group);
  return tag[0]!.toLowerCase() + tag.slice(1);
}

const serverPaths: readonly OtherPath[] = [
  {
    document: 'version',
    path: '/version/',
    method: 'get',
    id: 'getCodeVersion',
    description: 'get the version information for this server',
    tag: 'version',
    types: jsonOnly,
    consumes: jsonOnly,
    returns: versionInfo,
  },
  {
    document: '.well-known/openid-configuration',
    path: '/.well-known/openid-configuration/',
    method: 'get',
    id: 'getServiceAccountIssuerOpenIDConfiguration',
    description: "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'",
    tag: 'WellKnown',
    types: jsonOnly,
    returns: 'string',
  },
  {
    document: 'openid/v1/jwks',
    path: '/openid/v1/jwks/',
    method: 'get',
    id: 'getServiceAccountIssuerOpenIDKeyset',
    description: 'get service account issuer OpenID JSON Web Key Set (contains public token verification keys)',
    tag: 'openid',
    types: ['application/jwk-set+json'],
    returns: 'string',
  },
];

function discovery(path: string, id: string, tag: string, what: 'versions' | 'group'): OtherPath {
  const returns = what === 'group' ? 'APIGroup' : path === '/api/' ? 'APIVersions' : 'APIGroupList';
  return {
    document: path.slice(1, -1),
    path,
    method: 'get',
    id,
    description: what === 'group' ? 'get information of a group' : 'get available API versions',
    tag,
    types: discoveryTypes,
    consumes: discoveryTypes,
    returns: metaPrefix + returns,
  };
}

function fromRoute({ path, verb, description }: OpenApiRoute): OtherPath {
  const [prefix = '', version = '', ...rest] = words(path, '/');
  const name = rest.map((part) => capital(part.replace(/[{}]/g, ''))).join('');
  return {
    document: `${prefix}/${version}`,
    path,
    method: verb,
    id: `${verb}${capital(prefix)}${capital(version)}${name}`,
    description: description ?? `${verb === 'get' ? 'read' : 'change'} ${rest.join(' ')}`,
    tag: `${prefix}_${version}`,
    types: jsonOnly,
    returns: 'object',
  };
}

/** All of them, for these rows and routes. */
export function otherPathsOf(rows: Iterable<ResourceDefinition>, routes: Iterable<OpenApiRoute>): OtherPath[] {
  const groups = new Set([...rows].map(({ group }) => group));
  const paths = [...serverPaths, discovery('/apis/', 'getAPIVersions', 'apis', 'versions')];
  for (const group of groups) {
    if (group === '') paths.push(discovery('/api/', 'getCoreAPIVersions', 'core', 'versions'));
    else paths.push(discovery(`/apis/${group}/`, `get${groupTag(group)}APIGroup`, groupTagName(group), 'group'));
  }
  return [...paths, ...[...routes].map(fromRoute)];
}

function answer(returns: string, dialect: Dialect): Json {
  if (returns === 'string' || returns === 'object') return { type: returns };
  return { $ref: `${dialect === 'v2' ? '#/definitions/' : '#/components/schemas/'}${returns}` };
}

/** Entries of the document's `paths`. */
export function otherPathItems(paths: readonly OtherPath[], dialect: Dialect): Record<string, Json> {
  const items: Record<string, Json> = {};
  for (const { path, method, id, description, tag, types, consumes, returns } of paths) {
    const schema = answer(returns, dialect);
    const ok =
      dialect === 'v2'
        ? { description: 'OK', schema }
        : { description: 'OK', content: Object.fromEntries(types.map((type) => [type, { schema }])) };
    const operation: Json = {
      description,
      operationId: id,
      tags: [tag],
      responses: { 200: ok, 401: { description: 'Unauthorized' } },
    };
    if (dialect === 'v2') {
      Object.assign(operation, consumes ? { consumes } : {}, { produces: types, schemes: ['https'] });
    }
    items[path] ??= pathParameters(path, dialect);
    items[path][method] = operation;
  }
  return items;
}

function pathParameters(path: string, dialect: Dialect): Json {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  if (names.length === 0) return {};
  const type = { type: 'string', uniqueItems: true };
  const typed = dialect === 'v2' ? type : { schema: type };
  return { parameters: names.map((name) => ({ in: 'path', name, required: true, ...typed })) };
}

/** Definitions that these paths refer to. */
export const refsOfPaths = (paths: readonly OtherPath[]): string[] =>
  paths.map(({ returns }) => returns).filter((name) => name.includes('.'));

/** `/version`'s answer, which the published models lack. */
export const versionInfoSchema = {
  type: 'object' as const,
  description: 'What the server was built of and which versions it emulates.',
  required: [
    'major',
    'minor',
    'gitVersion',
    'gitCommit',
    'gitTreeState',
    'buildDate',
    'goVersion',
    'compiler',
    'platform',
  ],
  properties: Object.fromEntries(
    [
      ...['buildDate', 'compiler', 'emulationMajor', 'emulationMinor', 'gitCommit', 'gitTreeState', 'gitVersion'],
      ...['goVersion', 'major', 'minCompatibilityMajor', 'minCompatibilityMinor', 'minor', 'platform'],
    ].map((name) => [name, { type: 'string' as const }]),
  ),
};
