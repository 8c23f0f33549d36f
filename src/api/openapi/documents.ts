/**
 * The OpenAPI documents of what is served: one v2 document, one v3 document a group version. Built when asked for; the
 * caller keeps them until the rows change.
 */
import type { Schema } from '../../apimachinery/index.ts';
import type { ResourceDefinition } from '../definition.ts';
import type { BuiltinSchema, DocsSet } from '../schema/builtin.ts';
import { customListSchema, customObjectSchema, type MetaTexts } from './custom.ts';
import {
  type OpenApiRoute,
  otherPathItems,
  otherPathsOf,
  refsOfPaths,
  versionInfo,
  versionInfoSchema,
} from './other-paths.ts';
import { discoveryPath, pathsOf, type RowSchemas, rootPath } from './paths.ts';
import { collectRefs, type Dialect, definitionForm, type GroupVersionKindEntry } from './schemas.ts';

type Json = Record<string, unknown>;

const metaPrefix = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
/** Meta kinds that belong to v1 alone. */
const metaKinds = ['APIGroup', 'APIGroupList', 'APIResourceList', 'APIVersions', 'Status'];
/** Meta kinds that every group version has. */
const everywhere = ['DeleteOptions', 'WatchEvent'];

export interface OpenApiInput {
  /** Rows as they are served now. */
  readonly definitions: () => Iterable<ResourceDefinition>;
  readonly schemas: BuiltinSchema;
  /** Routes that no resource stands for: klab's own. They are in `v2` and in a document a version, `klab/v1`. */
  readonly routes?: () => Iterable<OpenApiRoute>;
  /** Shown in `info`. Default `unversioned`. */
  readonly version?: string;
}

/** `stable.example.com`, `v1`, `CronTab` → `com.example.stable.v1.CronTab`. Upstream: apiextensions' openapi builder. */
function customName(row: ResourceDefinition, kind: string): string {
  return [...row.group.split('.').reverse(), row.version, kind].join('.');
}

function rowSchemas(row: ResourceDefinition): RowSchemas {
  if (typeof row.schema !== 'string') {
    return { object: customName(row, row.kind), list: customName(row, row.listKind) };
  }
  const prefix = row.schema.slice(0, row.schema.lastIndexOf('.') + 1);
  return { object: row.schema, list: prefix + row.listKind };
}

/** Schemas of custom resources by definition name: the object and its list. */
function customSchemas(rows: readonly ResourceDefinition[], dialect: Dialect, docs: DocsSet): Map<string, Schema> {
  const result = new Map<string, Schema>();
  const custom = rows.filter((row) => typeof row.schema !== 'string');
  if (custom.length === 0) return result;
  const object = docs.get('io.k8s.api.core.v1.ConfigMap')?.properties;
  const listMetadata = docs.get('io.k8s.api.core.v1.ConfigMapList')?.properties['metadata'];
  const texts: MetaTexts = { ...object, ...(listMetadata === undefined ? {} : { listMetadata }) };
  for (const row of custom) {
    const names = rowSchemas(row);
    result.set(names.object, customObjectSchema(row.schema as Schema, dialect, texts));
    result.set(names.list, customListSchema(row, names.object, texts));
  }
  return result;
}

export class OpenApiDocumentBuilder {
  readonly #input: OpenApiInput;

  constructor(input: OpenApiInput) {
    this.#input = input;
  }

  /** `api/v1`, `apis/apps/v1`, …: what `v3` takes. */
  v3Paths(): readonly string[] {
    const rows = [...this.#input.definitions()];
    const others = this.#others(rows).map(({ document }) => document);
    return [...new Set([...rows.map((row) => rootPath(row).slice(1)), ...others])].sort();
  }

  #others(rows: readonly ResourceDefinition[]) {
    return otherPathsOf(rows, this.#input.routes?.() ?? []);
  }

  /** What the document of a group version is made of: equal lists, equal documents. Empty for other paths. */
  v3Rows(path: string): readonly ResourceDefinition[] {
    return [...this.#input.definitions()].filter((row) => rootPath(row) === `/${path}`);
  }

  /** The document of one group version; undefined when nothing is served there. */
  v3(path: string): object | undefined {
    return finish(this.v3Steps(path));
  }

  v2(): object {
    return finish(this.v2Steps());
  }

  /** Like `v3`, in steps of about a resource each: whoever drives it may let others run in between. */
  *v3Steps(path: string): Generator<undefined, object | undefined, undefined> {
    const served = [...this.#input.definitions()];
    const rows = this.v3Rows(path);
    if (rows.length === 0) return this.#otherDocument(served, path);
    return {
      openapi: '3.0.0',
      info: this.#info(),
      paths: yield* this.#paths(rows, 'v3'),
      components: {
        schemas: yield* this.#definitions(rows, 'v3'),
        securitySchemes: { BearerToken: bearerToken },
      },
    };
  }

  /** Of a path that is no group version's. */
  #otherDocument(rows: readonly ResourceDefinition[], path: string): object | undefined {
    const paths = this.#others(rows).filter(({ document }) => document === path);
    if (paths.length === 0) return undefined;
    const names = new Set(refsOfPaths(paths));
    for (const name of names) collectRefs(this.#find(name) ?? {}, names);
    const schemas: Json = {};
    const kinds = this.#kinds([]);
    for (const name of [...names].sort()) {
      schemas[name] = definitionForm(
        name,
        this.#find(name)!,
        this.#input.schemas.docs.get(name),
        kinds.get(name),
        'v3',
      );
    }
    return {
      openapi: '3.0.0',
      info: this.#info(),
      paths: otherPathItems(paths, 'v3'),
      components: { schemas, securitySchemes: { BearerToken: bearerToken } },
    };
  }

  #find(name: string): Schema | undefined {
    return name === versionInfo ? versionInfoSchema : this.#input.schemas.get(name);
  }

  /** Like `v2`, in steps. */
  *v2Steps(): Generator<undefined, object, undefined> {
    const rows = [...this.#input.definitions()];
    return {
      swagger: '2.0',
      info: this.#info(),
      paths: yield* this.#paths(rows, 'v2'),
      definitions: yield* this.#definitions(rows, 'v2'),
      security: [{ BearerToken: [] }],
      securityDefinitions: { BearerToken: bearerToken },
    };
  }

  #info(): object {
    return { title: 'Kubernetes', version: this.#input.version ?? 'unversioned' };
  }

  *#paths(rows: readonly ResourceDefinition[], dialect: Dialect): Generator<undefined, Json, undefined> {
    const paths: Json = {};
    const seen = new Set<string>();
    for (const row of rows) {
      if (!seen.has(rootPath(row))) Object.assign(paths, discoveryPath(row, dialect));
      seen.add(rootPath(row));
      Object.assign(
        paths,
        pathsOf(row, rowSchemas(row), (...of) => this.#subresourceSchema(...of), dialect),
      );
      yield;
    }
    if (dialect === 'v2') Object.assign(paths, otherPathItems(this.#others(rows), dialect));
    return Object.fromEntries(Object.entries(paths).sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  /** Definition of a kind that only subresources use. */
  #subresourceSchema(group: string, version: string, kind: string): string | undefined {
    const short = group === '' ? 'core' : group.split('.')[0];
    const name = `io.k8s.api.${short}.${version}.${kind}`;
    return this.#input.schemas.get(name) === undefined ? undefined : name;
  }

  *#definitions(rows: readonly ResourceDefinition[], dialect: Dialect): Generator<undefined, Json, undefined> {
    const { schemas } = this.#input;
    const custom = customSchemas(rows, dialect, schemas.docs);
    const find = (name: string): Schema | undefined => custom.get(name) ?? this.#find(name);
    const names = new Set<string>([...metaKinds, ...everywhere, 'Patch'].map((kind) => metaPrefix + kind));
    if (dialect === 'v2') names.add(versionInfo);
    for (const row of rows) {
      const { object, list } = rowSchemas(row);
      names.add(object);
      if (row.verbs.includes('list')) names.add(list);
      for (const { group = row.group, version = row.version, kind } of row.subresources) {
        const name = this.#subresourceSchema(group, version, kind);
        if (name !== undefined) names.add(name);
      }
    }
    // The set grows while it is walked: everything referred to follows.
    for (const name of names) {
      const schema = find(name);
      if (schema !== undefined) collectRefs(schema, names);
    }
    const kinds = this.#kinds(rows);
    const result: Json = {};
    for (const name of [...names].sort()) {
      const schema = find(name);
      if (schema === undefined) continue;
      const docs = custom.has(name) ? undefined : schemas.docs.get(name);
      result[name] = definitionForm(name, schema, docs, kinds.get(name), dialect);
      yield;
    }
    return result;
  }

  #kinds(rows: readonly ResourceDefinition[]): Map<string, GroupVersionKindEntry[]> {
    const kinds = new Map<string, GroupVersionKindEntry[]>();
    const add = (name: string, entry: GroupVersionKindEntry) => {
      const list = kinds.get(name);
      if (list === undefined) kinds.set(name, [entry]);
      else if (!list.some((other) => other.group === entry.group && other.version === entry.version)) list.push(entry);
    };
    for (const kind of metaKinds) add(metaPrefix + kind, { group: '', kind, version: 'v1' });
    for (const kind of everywhere) {
      add(metaPrefix + kind, { group: '', kind, version: 'v1' });
      for (const { group, version } of rows) add(metaPrefix + kind, { group, kind, version });
    }
    for (const row of rows) {
      const { group, version } = row;
      const { object, list } = rowSchemas(row);
      add(object, { group, kind: row.kind, version });
      if (row.verbs.includes('list')) add(list, { group, kind: row.listKind, version });
      for (const subresource of row.subresources) {
        const own = { group: subresource.group ?? group, version: subresource.version ?? version };
        const name = this.#subresourceSchema(own.group, own.version, subresource.kind);
        if (name !== undefined) add(name, { group: own.group, kind: subresource.kind, version: own.version });
      }
    }
    return kinds;
  }
}

function finish<T>(steps: Generator<undefined, T, undefined>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

const bearerToken = {
  type: 'apiKey',
  description: 'Bearer Token authentication',
  name: 'authorization',
  in: 'header',
};
