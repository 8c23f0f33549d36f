/** Paths and operations of resource rows. Upstream: apiserver/pkg/endpoints/installer.go, kube-openapi/pkg/builder{,3}. */
import type { ResourceDefinition, SubresourceDefinition, Verb } from '../definition.ts';
import {
  connectParameters,
  deleteCollectionParameters,
  deleteParameters,
  listParameters,
  patchParameters,
  pathParameter,
  queryParameter,
  writeParameters,
} from './parameters.ts';
import type { Dialect, GroupVersionKindEntry } from './schemas.ts';

type Json = Record<string, unknown>;

const metaPrefix = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
const json = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const watchable = [...json, 'application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];
const builtinPatches = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const customPatches = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'];

/** What one operation is, before its dialect. */
interface OperationInput {
  readonly action: string;
  readonly description: string;
  readonly id: string;
  readonly kind: GroupVersionKindEntry;
  readonly parameters: readonly string[];
  /** Definition name of the body, if it takes one. */
  readonly body?: string;
  readonly bodyOptional?: boolean;
  readonly consumes?: readonly string[];
  readonly produces?: readonly string[];
  /** Definition name of the answer, `string` for streams. */
  readonly returns: string;
  readonly codes: readonly number[];
}

const codeWords: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted' };

/** `apps`, `v1` → `AppsV1`; the core group is `CoreV1`. */
function tagOf(row: Pick<ResourceDefinition, 'group' | 'version'>): string {
  const group = row.group === '' ? 'core' : row.group.replace(/\.k8s\.io$/, '');
  const camel = group
    .split('.')
    .map((part) => part[0]!.toUpperCase() + part.slice(1))
    .join('');
  return camel + row.version[0]!.toUpperCase() + row.version.slice(1);
}

function tagName(row: Pick<ResourceDefinition, 'group' | 'version'>): string {
  const group = row.group === '' ? 'core' : row.group.replace(/\.k8s\.io$/, '');
  const [first = '', ...rest] = group.split('.');
  return `${first}${rest.map((part) => part[0]!.toUpperCase() + part.slice(1)).join('')}_${row.version}`;
}

export function rootPath(row: Pick<ResourceDefinition, 'group' | 'version'>): string {
  return row.group === '' ? `/api/${row.version}` : `/apis/${row.group}/${row.version}`;
}

/** `a Pod`, `an Ingress`, `Endpoints`. */
const withArticle = (kind: string): string =>
  kind === 'Endpoints' ? kind : `${/^[AEIOU]/.test(kind) ? 'an' : 'a'} ${kind}`;

const camel = (name: string): string => name[0]!.toUpperCase() + name.slice(1);

function schemaRef(name: string, dialect: Dialect): Json {
  if (name === 'string') return { type: 'string' };
  return { $ref: dialect === 'v2' ? `#/definitions/${name}` : `#/components/schemas/${name}` };
}

function operation(input: OperationInput, row: ResourceDefinition, dialect: Dialect): Json {
  const produces = input.produces ?? json;
  const parameters: Json[] = input.parameters.map((name) => queryParameter(name, dialect));
  const schema = schemaRef(input.returns, dialect);
  const responses: Json = {};
  for (const code of input.codes) {
    responses[code] =
      dialect === 'v2'
        ? { description: codeWords[code], schema }
        : { description: codeWords[code], content: Object.fromEntries(produces.map((type) => [type, { schema }])) };
  }
  responses['401'] = { description: 'Unauthorized' };
  const result: Json = {
    description: input.description,
    operationId: input.id,
    tags: [tagName(row)],
    responses,
    'x-kubernetes-action': input.action,
    'x-kubernetes-group-version-kind': input.kind,
  };
  const consumes = input.consumes ?? ['*/*'];
  if (dialect === 'v2') {
    result['consumes'] = consumes;
    result['produces'] = produces;
    result['schemes'] = ['https'];
    if (input.body !== undefined) {
      const body: Json = { in: 'body', name: 'body', schema: schemaRef(input.body, dialect) };
      parameters.unshift(input.bodyOptional ? body : { ...body, required: true });
    }
  } else if (input.body !== undefined) {
    const bodySchema = { schema: schemaRef(input.body, dialect) };
    result['requestBody'] = {
      content: Object.fromEntries(consumes.map((type) => [type, bodySchema])),
      ...(input.bodyOptional ? {} : { required: true }),
    };
  }
  if (parameters.length > 0) result['parameters'] = parameters;
  return result;
}

/** Names of definitions a row's operations use. */
export interface RowSchemas {
  readonly object: string;
  readonly list: string;
}

class PathBuilder {
  readonly paths: Record<string, Json> = {};
  readonly #row: ResourceDefinition;
  readonly #schemas: RowSchemas;
  readonly #kindSchema: (group: string, version: string, kind: string) => string | undefined;
  readonly #dialect: Dialect;
  readonly #scope: string;
  readonly #tag: string;
  readonly #kind: GroupVersionKindEntry;

  constructor(
    row: ResourceDefinition,
    schemas: RowSchemas,
    kindSchema: (group: string, version: string, kind: string) => string | undefined,
    dialect: Dialect,
  ) {
    this.#row = row;
    this.#schemas = schemas;
    this.#kindSchema = kindSchema;
    this.#dialect = dialect;
    this.#scope = row.namespaced ? 'Namespaced' : '';
    this.#tag = tagOf(row);
    this.#kind = { group: row.group, kind: row.kind, version: row.version };
  }

  build(): Record<string, Json> {
    const row = this.#row;
    const root = rootPath(row);
    const collection = row.namespaced ? `${root}/namespaces/{namespace}/${row.plural}` : `${root}/${row.plural}`;
    this.#collection(collection);
    if (row.namespaced && row.verbs.includes('list')) this.#allNamespaces(`${root}/${row.plural}`);
    if (row.verbs.includes('get')) this.#object(`${collection}/{name}`);
    if (row.verbs.includes('watch')) this.#watches(root, collection);
    for (const subresource of row.subresources)
      this.#subresource(`${collection}/{name}/${subresource.name}`, subresource);
    return this.paths;
  }

  #put(path: string, method: string, input: Omit<OperationInput, 'kind'> & { kind?: GroupVersionKindEntry }): void {
    this.paths[path] ??= { parameters: this.#pathParameters(path) };
    this.paths[path][method] = operation({ kind: this.#kind, ...input }, this.#row, this.#dialect);
  }

  #pathParameters(path: string): Json[] {
    const result: Json[] = [];
    if (path.includes('{name}')) result.push(pathParameter('name', `name of the ${this.#row.kind}`, this.#dialect));
    if (path.includes('{namespace}')) {
      result.push(
        pathParameter('namespace', 'object name and auth scope, such as for teams and projects', this.#dialect),
      );
    }
    if (path.includes('{path}')) result.push(pathParameter('path', 'path to the resource', this.#dialect));
    result.push(queryParameter('pretty', this.#dialect));
    return result;
  }

  #collection(path: string): void {
    const { kind, verbs } = this.#row;
    const { object, list } = this.#schemas;
    if (verbs.includes('list')) {
      this.#put(path, 'get', {
        action: 'list',
        description: verbs.includes('watch') ? `list or watch objects of kind ${kind}` : `list objects of kind ${kind}`,
        id: `list${this.#tag}${this.#scope}${kind}`,
        parameters: listParameters,
        produces: watchable,
        returns: list,
        codes: [200],
      });
    }
    if (verbs.includes('create')) {
      this.#put(path, 'post', {
        action: 'post',
        description: `create ${withArticle(kind)}`,
        id: `create${this.#tag}${this.#scope}${kind}`,
        parameters: writeParameters,
        body: object,
        returns: object,
        codes: [200, 201, 202],
      });
    }
    if (verbs.includes('deletecollection')) {
      this.#put(path, 'delete', {
        action: 'deletecollection',
        description: `delete collection of ${kind}`,
        id: `delete${this.#tag}Collection${this.#scope}${kind}`,
        parameters: deleteCollectionParameters,
        body: `${metaPrefix}DeleteOptions`,
        bodyOptional: true,
        returns: `${metaPrefix}Status`,
        codes: [200],
      });
    }
  }

  #allNamespaces(path: string): void {
    const { kind } = this.#row;
    this.#put(path, 'get', {
      action: 'list',
      description: `list or watch objects of kind ${kind}`,
      id: `list${this.#tag}${kind}ForAllNamespaces`,
      parameters: listParameters,
      produces: watchable,
      returns: this.#schemas.list,
      codes: [200],
    });
  }

  /** Served as ever, though deprecated long since. */
  #watches(root: string, collection: string): void {
    const { kind, plural, namespaced, verbs } = this.#row;
    const below = (path: string) => `${root}/watch${path.slice(root.length)}`;
    const instead = "deprecated: use the 'watch' parameter with a list operation instead";
    const list = `watch individual changes to a list of ${kind}. ${instead}.`;
    const one = `watch changes to an object of kind ${kind}. ${instead}, filtered to a single item with the 'fieldSelector' parameter.`;
    const name = `watch${this.#tag}${this.#scope}${kind}`;
    this.#watch(below(collection), 'watchlist', list, `${name}List`);
    if (namespaced) {
      this.#watch(`${root}/watch/${plural}`, 'watchlist', list, `watch${this.#tag}${kind}ListForAllNamespaces`);
    }
    if (verbs.includes('get')) this.#watch(below(`${collection}/{name}`), 'watch', one, name);
  }

  /** Parameters stand beside the operation here, as upstream has them. */
  #watch(path: string, action: string, description: string, id: string): void {
    const returns = `${metaPrefix}WatchEvent`;
    this.#put(path, 'get', { action, description, id, parameters: [], produces: watchable, returns, codes: [200] });
    const query = listParameters.map((name) => queryParameter(name, this.#dialect));
    this.paths[path]!['parameters'] = [...query, ...this.#pathParameters(path)];
  }

  #object(path: string): void {
    const { kind, verbs } = this.#row;
    const { object } = this.#schemas;
    this.#edits(path, { word: `the specified ${kind}`, idSuffix: '', schema: object, verbs, kind: this.#kind });
    if (!verbs.includes('delete')) return;
    this.#put(path, 'delete', {
      action: 'delete',
      description: `delete ${withArticle(kind)}`,
      id: `delete${this.#tag}${this.#scope}${kind}`,
      parameters: deleteParameters,
      body: `${metaPrefix}DeleteOptions`,
      bodyOptional: true,
      returns: this.#row.returnsDeletedObject ? object : `${metaPrefix}Status`,
      codes: [200, 202],
    });
  }

  #edits(
    path: string,
    what: {
      word: string;
      idSuffix: string;
      schema: string;
      verbs: readonly Verb[];
      kind: GroupVersionKindEntry;
    },
  ): void {
    const { word, idSuffix, schema, verbs, kind } = what;
    const name = `${this.#tag}${this.#scope}${this.#row.kind}${idSuffix}`;
    const common = { returns: schema, kind };
    if (verbs.includes('get')) {
      const id = `read${name}`;
      this.#put(path, 'get', {
        ...common,
        action: 'get',
        description: `read ${word}`,
        id,
        parameters: [],
        codes: [200],
      });
    }
    if (verbs.includes('update')) {
      this.#put(path, 'put', {
        ...common,
        action: 'put',
        description: `replace ${word}`,
        id: `replace${name}`,
        parameters: writeParameters,
        body: schema,
        codes: [200, 201],
      });
    }
    if (verbs.includes('patch')) {
      this.#put(path, 'patch', {
        ...common,
        action: 'patch',
        description: `partially update ${word}`,
        id: `patch${name}`,
        parameters: patchParameters,
        body: `${metaPrefix}Patch`,
        consumes: typeof this.#row.schema === 'string' ? builtinPatches : customPatches,
        codes: [200, 201],
      });
    }
  }

  #subresource(path: string, subresource: SubresourceDefinition): void {
    const group = subresource.group ?? this.#row.group;
    const version = subresource.version ?? this.#row.version;
    const kind = { group, kind: subresource.kind, version };
    const suffix = camel(subresource.name);
    if (subresource.handler === 'proxy') {
      this.#connect(path, suffix, subresource);
      this.#connect(`${path}/{path}`, `${suffix}WithPath`, subresource);
      return;
    }
    if (subresource.handler in connectParameters && subresource.name !== 'log') {
      this.#connect(path, suffix, subresource);
      return;
    }
    if (subresource.name === 'log') {
      this.#put(path, 'get', {
        action: 'get',
        description: `read log of the specified ${this.#row.kind}`,
        id: `read${this.#tag}${this.#scope}${this.#row.kind}Log`,
        parameters: connectParameters['log']!,
        produces: ['text/plain', ...json],
        returns: 'string',
        codes: [200],
      });
      return;
    }
    const schema =
      subresource.kind === this.#row.kind ? this.#schemas.object : this.#kindSchema(group, version, subresource.kind);
    if (schema === undefined) return;
    const word = `${subresource.name} of the specified ${this.#row.kind}`;
    this.#edits(path, { word, idSuffix: suffix, schema, verbs: subresource.verbs, kind });
    if (!subresource.verbs.includes('create')) return;
    this.#put(path, 'post', {
      action: 'post',
      description: `create ${subresource.name} of ${withArticle(this.#row.kind)}`,
      id: `create${this.#tag}${this.#scope}${this.#row.kind}${suffix}`,
      kind,
      parameters: writeParameters,
      body: schema,
      returns: schema,
      codes: [200, 201, 202],
    });
  }

  #connect(path: string, suffix: string, subresource: SubresourceDefinition): void {
    const kind = { group: this.#row.group, kind: subresource.kind, version: this.#row.version };
    const methods =
      subresource.handler === 'proxy' ? ['delete', 'get', 'head', 'options', 'patch', 'post', 'put'] : ['get', 'post'];
    for (const method of methods) {
      this.#put(path, method, {
        action: 'connect',
        description: `connect ${method.toUpperCase()} requests to ${subresource.name} of ${this.#row.kind}`,
        id: `connect${this.#tag}${camel(method)}${this.#scope}${this.#row.kind}${suffix}`,
        kind,
        parameters: connectParameters[subresource.handler] ?? [],
        produces: ['*/*'],
        returns: 'string',
        codes: [200],
      });
    }
  }
}

/** `kindSchema` names the definition of a subresource's own kind. */
export function pathsOf(
  row: ResourceDefinition,
  schemas: RowSchemas,
  kindSchema: (group: string, version: string, kind: string) => string | undefined,
  dialect: Dialect,
): Record<string, Json> {
  return new PathBuilder(row, schemas, kindSchema, dialect).build();
}

/** Paths of a group version's discovery. */
export function discoveryPath(
  row: Pick<ResourceDefinition, 'group' | 'version'>,
  dialect: Dialect,
): Record<string, Json> {
  const schema = schemaRef(`${metaPrefix}APIResourceList`, dialect);
  const ok =
    dialect === 'v2'
      ? { description: 'OK', schema }
      : { description: 'OK', content: Object.fromEntries(json.map((type) => [type, { schema }])) };
  const get: Json = {
    description: 'get available resources',
    operationId: `get${tagOf(row)}APIResources`,
    tags: [tagName(row)],
    responses: { 200: ok, 401: { description: 'Unauthorized' } },
  };
  if (dialect === 'v2') Object.assign(get, { consumes: json, produces: json, schemes: ['https'] });
  return { [`${rootPath(row)}/`]: { get } };
}
