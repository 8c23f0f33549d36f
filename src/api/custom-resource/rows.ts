/**
 * Rows of a custom resource, one a version. Upstream: apiextensions-apiserver/pkg/apiserver/customresource_handler.go
 * (getOrCreateServingInfoFor), customresource_discovery_controller.go.
 */
import type { CelSchemaValidator } from '../../apimachinery/cel/index.ts';
import {
  type JsonPath,
  type KubeObject,
  parseJsonPath,
  type Schema,
  type SchemaSet,
} from '../../apimachinery/index.ts';
import type { ResourceDefinition, ScaleSubresource, SubresourceDefinition } from '../definition.ts';
import { compareVersions } from '../discovery.ts';
import { Coercion } from './coerce.ts';
import { customPrinter, type PrinterColumn } from './printer.ts';
import { type SchemaProps, schemaFromProps } from './schema.ts';
import { customStrategy } from './strategy.ts';

export interface CrdNames {
  readonly plural: string;
  readonly singular?: string;
  readonly kind: string;
  readonly listKind?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

/** `spec.versions[*]`. */
export interface CrdVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly deprecated?: boolean;
  readonly deprecationWarning?: string;
  readonly schema?: { readonly openAPIV3Schema?: SchemaProps };
  readonly subresources?: { readonly status?: object; readonly scale?: ScaleSubresource };
  readonly additionalPrinterColumns?: readonly PrinterColumn[];
  readonly selectableFields?: readonly { readonly jsonPath: string }[];
}

export interface CrdCondition {
  readonly type: string;
  readonly status: string;
  readonly lastTransitionTime?: string;
  readonly reason?: string;
  readonly message?: string;
}

/** The fields of a CustomResourceDefinition that serving it looks at. */
export interface CustomResourceDefinitionObject extends KubeObject {
  readonly spec: {
    readonly group: string;
    readonly scope: 'Namespaced' | 'Cluster';
    readonly names: CrdNames;
    readonly versions: readonly CrdVersion[];
  };
  readonly status?: {
    readonly conditions?: readonly CrdCondition[];
    readonly acceptedNames?: CrdNames;
    readonly storedVersions?: readonly string[];
  };
}

export interface CustomRowsOptions {
  /** Definitions of built-in types: ObjectMeta. */
  readonly schemas: SchemaSet;
  /** Its own objects are being deleted. */
  readonly terminating: boolean;
  /** Compiles `x-kubernetes-validations`; absent: there are none. */
  readonly compileRules?: ((schema: SchemaProps) => CelSchemaValidator | undefined) | undefined;
}

const verbs = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'] as const;
const editVerbs = ['get', 'patch', 'update'] as const;
const objectMeta: Schema = { ref: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' };

/** Rows under the accepted names: all served versions, and the one that is stored even when it is not served. */
export function customRows(crd: CustomResourceDefinitionObject, options: CustomRowsOptions): ResourceDefinition[] {
  const { group, versions } = crd.spec;
  const coercions = new Map<string, Coercion>();
  const apply = new Map<string, Schema>();
  for (const version of versions) {
    const schema = schemaFromProps(version.schema?.openAPIV3Schema ?? {});
    coercions.set(version.name, new Coercion(schema, options.schemas));
    apply.set(`${group}/${version.name}`, withTypeAndMetadata(schema));
  }
  return versions
    .filter(({ served, storage }) => served || storage)
    .map((version) => rowOf(crd, version, { ...options, coercions, apply }));
}

/** As server-side apply and OpenAPI see the object: type and metadata are Kubernetes' own. */
function withTypeAndMetadata(schema: Schema): Schema {
  const { properties, ...rest } = schema;
  return {
    type: 'object',
    ...rest,
    properties: { ...properties, apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: objectMeta },
  };
}

interface RowDeps extends CustomRowsOptions {
  readonly coercions: ReadonlyMap<string, Coercion>;
  readonly apply: ReadonlyMap<string, Schema>;
}

function rowOf(crd: CustomResourceDefinitionObject, version: CrdVersion, deps: RowDeps): ResourceDefinition {
  const { group, scope, versions } = crd.spec;
  const names = crd.status?.acceptedNames ?? crd.spec.names;
  const { kind, plural } = names;
  const apiVersion = `${group}/${version.name}`;
  const stored = versions.find(({ storage }) => storage)?.name ?? version.name;
  const coercion = deps.coercions.get(version.name)!;
  const storedForm = deps.coercions.get(stored)!;
  const hasStatus = version.subresources?.status !== undefined;
  const scale = version.subresources?.scale;
  const props = version.schema?.openAPIV3Schema;
  const rules = props && deps.compileRules?.(props);
  return {
    group,
    version: version.name,
    kind,
    listKind: names.listKind ?? `${kind}List`,
    plural,
    singular: names.singular ?? kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: scope === 'Namespaced',
    verbs,
    schema: deps.apply.get(apiVersion)!,
    etcdPrefix: `${group}/${plural}`,
    storageVersion: `${group}/${stored}`,
    subresources: subresourcesOf(kind, hasStatus, scale !== undefined),
    ...(scale ? { scale } : {}),
    strategy: customStrategy({ schema: coercion.schema, schemas: deps.schemas, hasStatus, scale, rules }),
    printer: customPrinter(version.additionalPrinterColumns),
    selectableFields: selectable(version),
    resetFields: { '': hasStatus ? [['status']] : [], status: [['metadata'], ['spec']] },
    ...(stored === version.name
      ? {}
      : {
          conversion: {
            // The stored version knows what it knows: the rest of the object is lost.
            toStorage(object) {
              object.apiVersion = `${group}/${stored}`;
              storedForm.prune(object);
            },
            fromStorage(object) {
              object.apiVersion = apiVersion;
            },
          },
        }),
    custom: {
      fromClient: (object) => coercion.request(object),
      fromStore: (object) => coercion.stored(object, apiVersion),
      schemas: deps.apply,
    },
    ...(version.deprecated ? { deprecation: version.deprecationWarning ?? deprecationOf(crd, version, kind) } : {}),
    ...(version.served ? {} : { unserved: true as const }),
    ...(deps.terminating ? { terminating: true as const } : {}),
  };
}

function subresourcesOf(kind: string, hasStatus: boolean, hasScale: boolean): SubresourceDefinition[] {
  const result: SubresourceDefinition[] = [];
  if (hasStatus) result.push({ name: 'status', kind, verbs: editVerbs, handler: 'status' });
  if (hasScale) {
    const scale = { name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale' } as const;
    result.push({ ...scale, verbs: editVerbs, handler: 'scale' });
  }
  return result;
}

/** Names the best served version that is newer and not deprecated itself. */
function deprecationOf(crd: CustomResourceDefinitionObject, version: CrdVersion, kind: string): string {
  const { group, versions } = crd.spec;
  const better = versions
    .filter(({ served, deprecated, name }) => served && !deprecated && compareVersions(name, version.name) < 0)
    .map(({ name }) => name)
    .sort(compareVersions);
  const text = `${group}/${version.name} ${kind} is deprecated`;
  return better.length === 0 ? text : `${text}; use ${group}/${better[0]} ${kind}`;
}

/** Always there: custom resources refuse other fields in the words of kinds that have some. */
function selectable({ selectableFields = [] }: CrdVersion): NonNullable<ResourceDefinition['selectableFields']> {
  const fields: [string, JsonPath][] = selectableFields.map(({ jsonPath }) => [
    jsonPath.replace(/^\./, ''),
    parseJsonPath(`{${jsonPath}}`),
  ]);
  return (object) => {
    const result: Record<string, string> = {};
    for (const [name, path] of fields) {
      const value = path.find(object)[0]?.[0];
      result[name] = value === undefined || value === null ? '' : String(value);
    }
    return result;
  };
}
