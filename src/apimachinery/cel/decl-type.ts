/**
 * The CEL type of a schema, with bounds on sizes that cost estimates use.
 * Upstream: apiserver/pkg/cel/common/schemas.go (SchemaDeclType), apiserver/pkg/cel/types.go, limits.go.
 */
import {
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  stringType,
  structType,
  timestampType,
} from './cel-types.ts';
import { escapeName, reservedWords } from './escaping.ts';
import type { JSONSchemaProps } from './types.ts';

export interface DeclType {
  readonly type: CelType;
  /** Fields by their names in CEL; only of objects. */
  readonly fields?: ReadonlyMap<string, DeclType>;
  /** Of lists and maps. */
  readonly element?: DeclType;
  readonly key?: DeclType;
  /** Most items, entries, characters or bytes there can be; 0 for other values. */
  readonly maxElements: number;
  /** The least a JSON value of the type takes, in bytes. */
  readonly minSize: number;
}

const maxRequestSize = 3 * 1024 * 1024;

const scalar = (type: CelType, minSize: number, maxElements = 0): DeclType => ({ type, minSize, maxElements });
const boolDecl = scalar(boolType, 4);
const intDecl = scalar(intType, 1);
const doubleDecl = scalar(doubleType, 1);
const keyDecl: DeclType = { type: stringType, minSize: 2, maxElements: 0 };

export const typeMeta: Readonly<Record<string, JSONSchemaProps>> = {
  kind: { type: 'string' },
  apiVersion: { type: 'string' },
  metadata: { type: 'object', properties: { name: { type: 'string' }, generateName: { type: 'string' } } },
};

const resourceRoots = new WeakMap<JSONSchemaProps, JSONSchemaProps>();

/** With what every object has: a schema of a whole resource need not say it. Upstream: WithTypeAndObjectMeta. */
export function withTypeMeta(schema: JSONSchemaProps): JSONSchemaProps {
  const p = schema.properties;
  const meta = p?.metadata;
  const isString = (s: JSONSchemaProps | undefined): boolean => s?.type === 'string';
  if (isString(p?.kind) && isString(p?.apiVersion) && meta?.type === 'object') {
    if (isString(meta.properties?.name) && isString(meta.properties?.generateName)) return schema;
  }
  let root = resourceRoots.get(schema);
  if (!root) {
    root = { ...schema, properties: { ...p, ...typeMeta } };
    resourceRoots.set(schema, root);
  }
  return root;
}

function textBound(schema: JSONSchemaProps): number {
  if (schema.maxLength !== undefined) return Math.max(0, schema.maxLength) * 4;
  if (schema.enum && schema.enum.length > 0 && !schema['x-kubernetes-int-or-string']) {
    return Math.max(0, ...schema.enum.map((v) => (typeof v === 'string' ? Buffer.byteLength(v) : 0)));
  }
  return maxRequestSize - 2;
}

function stringDecl(schema: JSONSchemaProps): DeclType {
  switch (schema.format) {
    case 'byte':
      return scalar(bytesType, 2, schema.maxLength === undefined ? maxRequestSize - 2 : Math.max(0, schema.maxLength));
    case 'duration':
      return scalar(durationType, 3, 32);
    case 'date':
      return scalar(timestampType, 12, 12);
    case 'date-time':
      return scalar(timestampType, 21, 32);
    default:
      return scalar(stringType, 2, textBound(schema));
  }
}

/** `name` is what messages call the type of an object. undefined: the schema has no type that CEL can see. */
export function declTypeOf(schema: JSONSchemaProps, isResourceRoot: boolean, name = 'selfType'): DeclType | undefined {
  if (schema['x-kubernetes-int-or-string']) {
    const bound = schema.maxLength === undefined ? maxRequestSize - 2 : Math.max(0, schema.maxLength) * 4;
    return scalar(dynType, 1, bound);
  }
  const node = isResourceRoot ? withTypeMeta(schema) : schema;
  const child = (s: JSONSchemaProps, suffix: string): DeclType | undefined =>
    declTypeOf(s, s['x-kubernetes-embedded-resource'] === true, `${name}.${suffix}`);
  switch (node.type) {
    case 'array': {
      const element = node.items && child(node.items, '@idx');
      if (!element) return undefined;
      const maxElements =
        node.maxItems === undefined
          ? Math.floor((maxRequestSize - 2) / (element.minSize + 1))
          : Math.max(0, node.maxItems);
      return { type: listType(element.type), element, maxElements, minSize: 2 };
    }
    case 'object':
      return typeof node.additionalProperties === 'object'
        ? mapDecl(node, child(node.additionalProperties, '@elem'))
        : objectDecl(node, name, child);
    case 'string':
      return stringDecl(node);
    case 'boolean':
      return boolDecl;
    case 'number':
      return doubleDecl;
    case 'integer':
      return intDecl;
    default:
      return undefined;
  }
}

function mapDecl(node: JSONSchemaProps, element: DeclType | undefined): DeclType | undefined {
  if (!element) return undefined;
  // Each entry has a key of two quotes at least, a colon and a comma.
  const bound = Math.floor((maxRequestSize - 2) / (element.minSize + 6));
  const maxElements = node.maxProperties === undefined ? bound : Math.max(0, node.maxProperties);
  return { type: mapType(stringType, element.type), key: keyDecl, element, maxElements, minSize: 2 };
}

function objectDecl(
  node: JSONSchemaProps,
  name: string,
  child: (schema: JSONSchemaProps, suffix: string) => DeclType | undefined,
): DeclType {
  const fields = new Map<string, DeclType>();
  const required = new Set(node.required);
  let minSize = 2;
  for (const [property, schema] of Object.entries(node.properties ?? {})) {
    const escaped = escapeName(property);
    const decl = child(schema, escaped ?? property);
    if (!decl) continue;
    if (escaped !== undefined) fields.set(escaped, decl);
    if (required.has(property) && schema.default === undefined)
      minSize += Buffer.byteLength(property) + decl.minSize + 4;
  }
  return { type: structType(name), fields, maxElements: 0, minSize };
}

/** A field of an object; words of the language are found by themselves too: `self.namespace`. */
export function fieldOf(decl: DeclType, field: string): DeclType | undefined {
  const found = decl.fields?.get(field);
  return found ?? (reservedWords.has(field) ? decl.fields?.get(`__${field}__`) : undefined);
}

/** All object types in a type, by name. */
export function objectTypesIn(decl: DeclType, into: Map<string, DeclType> = new Map()): Map<string, DeclType> {
  if (decl.fields && !into.has(decl.type.name)) {
    into.set(decl.type.name, decl);
    for (const field of decl.fields.values()) objectTypesIn(field, into);
  }
  if (decl.element) objectTypesIn(decl.element, into);
  return into;
}
