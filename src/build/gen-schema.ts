/**
 * Generates klab's schema of the built-in types out of the development packages and our overlay:
 *
 *   types.json      { "<definition>": Schema }: what every start reads; no docs, no enums
 *   optional.json   the same for what only alpha and beta versions use
 *   docs.json.br    { "<definition>": { description, properties, required, enums } }: for explain and OpenAPI
 *
 * `required` stands in types.json only for definitions that nothing but the schema validates, and only for text.
 * Upstream's decoder does not know required fields or enums; its validation code does, and so does ours for the kinds
 * that have some.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { allResources } from '../api/index.ts';
import { type DefinitionDocs, optionalDefinition } from '../api/schema/builtin.ts';
import { publishedDefaults, schemaOverlay, specialDefinitions } from '../api/schema/overlay.ts';
import type { Schema } from '../apimachinery/index.ts';
import { findNodeModules, type Model, type ModelProperty, ModelReader, type ModelType } from './model-reader.ts';

const metaPrefix = 'io.k8s.apimachinery.pkg.apis.meta.v1.';

/** Definitions that no row names but clients ask for. */
const extraRoots = [
  ...[
    'APIGroup',
    'APIGroupList',
    'APIResourceList',
    'APIVersions',
    'DeleteOptions',
    'Patch',
    'Status',
    'WatchEvent',
  ].map((kind) => metaPrefix + kind),
  'io.k8s.apimachinery.pkg.version.Info',
  'io.k8s.api.autoscaling.v1.Scale',
  'io.k8s.api.policy.v1.Eviction',
  'io.k8s.api.core.v1.Binding',
  'io.k8s.api.authentication.v1.TokenRequest',
];

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type OverlayEntry = ReadonlyMap<string, readonly string[]>;

export interface GeneratedSchema {
  readonly types: Readonly<Record<string, Schema>>;
  readonly docs: Readonly<Record<string, DefinitionDocs>>;
}

/** Text table → definition → property → codes. */
function parseOverlay(text: string): Map<string, OverlayEntry> {
  const entries = new Map<string, OverlayEntry>();
  for (const line of text.trim().replaceAll(/\n\s+/g, ' ').split('\n')) {
    const [name, ...properties] = line.split(' ');
    const entry = new Map<string, readonly string[]>();
    for (const property of properties) {
      const equals = property.indexOf('=');
      entry.set(property.slice(0, equals), property.slice(equals + 1).split('+'));
    }
    entries.set(`io.k8s.${name}`, entry);
  }
  return entries;
}

/** The definition's own line, else that of its stable version. */
function overlayOf(overlay: ReadonlyMap<string, OverlayEntry>, name: string): OverlayEntry | undefined {
  return overlay.get(name) ?? overlay.get(name.replace(/\.v\d+(?:alpha|beta)\d+\./, '.v1.'));
}

function applyCodes(schema: Mutable<Schema>, codes: readonly string[], place: string): void {
  for (const code of codes) {
    const match = /^([a-zA-Z,]+)(?:\((.+)\))?$/.exec(code);
    if (match === null) throw new Error(`overlay: ${place}: ${code}`);
    const [, word, argument] = match;
    switch (word) {
      case 'atomic':
        if (schema.type === 'object' || schema.ref !== undefined) schema.mapType = 'atomic';
        else schema.listType = 'atomic';
        break;
      case 'granular':
        schema.mapType = 'granular';
        break;
      case 'set':
        schema.listType = 'set';
        break;
      case 'map':
        schema.listType = 'map';
        schema.listMapKeys = argument!.split(',');
        break;
      case 'merge':
      case 'merge,retainKeys':
      case 'retainKeys':
      case 'replace':
        schema.patchStrategy = word;
        if (argument !== undefined) schema.patchMergeKey = argument;
        break;
      default:
        throw new Error(`overlay: ${place}: ${code}`);
    }
  }
}

function schemaOf(type: ModelType, format: string): Mutable<Schema> {
  switch (type.kind) {
    case 'array':
      return { type: 'array', items: schemaOf(type.items, format) };
    case 'map':
      return {
        type: 'object',
        additionalProperties: type.values.kind === 'any' ? true : schemaOf(type.values, format),
      };
    case 'ref':
      return { ref: type.name };
    case 'any':
      return { preserveUnknownFields: true };
    case 'boolean':
      return { type: 'boolean' };
    case 'number':
      if (format === '') throw new Error('a number without a format');
      return { type: format.startsWith('int') ? 'integer' : 'number', format };
    case 'enum':
    case 'string':
      return format === '' ? { type: 'string' } : { type: 'string', format };
  }
}

function enumOf(type: ModelType): readonly string[] | undefined {
  if (type.kind === 'enum') return type.values;
  return type.kind === 'array' ? enumOf(type.items) : undefined;
}

function refsOf(type: ModelType): string[] {
  if (type.kind === 'ref') return [type.name];
  if (type.kind === 'array') return refsOf(type.items);
  return type.kind === 'map' ? refsOf(type.values) : [];
}

/** apiVersion and kind of real objects: literal types there, plain optional strings in OpenAPI. */
function isTypeMeta(model: Model, property: string): boolean {
  return model.isKind && (property === 'apiVersion' || property === 'kind');
}

/** Everything reachable from `roots`, in name order. */
function readReachable(reader: ModelReader, roots: Iterable<string>): Map<string, Model> {
  const models = new Map<string, Model>();
  const queue = [...roots];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (models.has(name)) continue;
    const model = reader.read(name) ?? (name in specialDefinitions ? { description: '', isKind: false } : undefined);
    if (model === undefined) throw new Error(`no model of ${name} in the packages`);
    models.set(name, model);
    if (name in specialDefinitions) continue;
    for (const property of model.properties?.values() ?? []) queue.push(...refsOf(property.type));
  }
  return new Map([...models].sort(([left], [right]) => (left < right ? -1 : 1)));
}

function reachableFrom(models: ReadonlyMap<string, Model>, roots: Iterable<string>): Set<string> {
  const seen = new Set<string>();
  const queue = [...roots];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    for (const property of models.get(name)?.properties?.values() ?? []) queue.push(...refsOf(property.type));
  }
  return seen;
}

function definitionSchema(name: string, model: Model, overlay: OverlayEntry | undefined, required: boolean): Schema {
  const special = specialDefinitions[name];
  if (special !== undefined) return special;
  const schema: Mutable<Schema> = { type: 'object' };
  if (overlay?.has('*')) applyCodes(schema, overlay.get('*')!, name);
  if (model.properties === undefined) return schema;
  const properties: Record<string, Schema> = {};
  for (const [property, value] of model.properties) {
    const propertySchema = schemaOf(value.type, value.format);
    const codes = overlay?.get(property);
    if (codes !== undefined) applyCodes(propertySchema, codes, `${name}.${property}`);
    const fallback = publishedDefaults[name]?.[property];
    if (fallback !== undefined) propertySchema.default = fallback;
    properties[property] = propertySchema;
  }
  schema.properties = properties;
  // Go decodes absent numbers, flags and structs to zero values and takes them; only text that must be there is missed.
  const names = required ? requiredOf(model).filter((property) => properties[property]?.type === 'string') : [];
  if (names.length > 0) schema.required = names;
  return schema;
}

function requiredOf(model: Model): string[] {
  const entries: [string, ModelProperty][] = [...(model.properties ?? [])];
  return entries.filter(([property, value]) => value.required && !isTypeMeta(model, property)).map(([name]) => name);
}

function definitionDocs(model: Model, typeMetaDocs: Readonly<Record<string, string>>): DefinitionDocs {
  const properties: Record<string, string> = {};
  const enums: Record<string, readonly string[]> = {};
  for (const [property, value] of model.properties ?? []) {
    const text = value.description === '' ? (typeMetaDocs[property] ?? '') : value.description;
    if (text !== '') properties[property] = text;
    const values = isTypeMeta(model, property) ? undefined : enumOf(value.type);
    if (values !== undefined) enums[property] = values;
  }
  return { description: model.description, properties, required: requiredOf(model), enums };
}

/** Checks that the overlay names nothing that is not there: a renamed field must not lose its merge key silently. */
function checkOverlay(overlay: ReadonlyMap<string, OverlayEntry>, models: ReadonlyMap<string, Model>): void {
  for (const [name, entry] of overlay) {
    const model = models.get(name);
    if (model === undefined) throw new Error(`overlay: no definition ${name}`);
    for (const property of entry.keys()) {
      if (property !== '*' && !model.properties?.has(property)) throw new Error(`overlay: no ${name}.${property}`);
    }
  }
}

export function buildSchema(nodeModules: string): GeneratedSchema {
  const overlay = parseOverlay(schemaOverlay);
  const stored = allResources.filter((row) => typeof row.schema === 'string');
  const roots = stored.flatMap((row) => {
    const name = row.schema as string;
    return !row.verbs.includes('list') ? [name] : [name, name.slice(0, name.lastIndexOf('.') + 1) + row.listKind];
  });
  const models = readReachable(new ModelReader(nodeModules), [...roots, ...extraRoots]);
  checkOverlay(overlay, models);
  // ObjectMeta and the like are validated by code for everybody.
  const validated = reachableFrom(models, [
    ...stored.filter((row) => row.strategy.validate !== undefined || row.virtual).map((row) => row.schema as string),
    ...extraRoots,
  ]);
  const documented = models.get(`${metaPrefix}DeleteOptions`)?.properties;
  const typeMetaDocs = {
    apiVersion: documented?.get('apiVersion')?.description ?? '',
    kind: documented?.get('kind')?.description ?? '',
  };
  const types: Record<string, Schema> = {};
  const docs: Record<string, DefinitionDocs> = {};
  for (const [name, model] of models) {
    types[name] = definitionSchema(name, model, overlayOf(overlay, name), !validated.has(name));
    docs[name] = definitionDocs(model, model.isKind ? typeMetaDocs : {});
  }
  return { types, docs };
}

/** Writes `types.json`, `optional.json` and `docs.json.br` into `outDir`; node_modules is looked for upwards from `packageRoot`. */
export function generateSchema(outDir: string, packageRoot: string = join(import.meta.dirname, '../..')): void {
  const { types, docs } = buildSchema(findNodeModules(packageRoot));
  mkdirSync(outDir, { recursive: true });
  const entries = Object.entries(types);
  const isOptional = ([name]: [string, Schema]) => optionalDefinition.test(name);
  writeFileSync(
    join(outDir, 'types.json'),
    JSON.stringify(Object.fromEntries(entries.filter((entry) => !isOptional(entry)))),
  );
  writeFileSync(join(outDir, 'optional.json'), JSON.stringify(Object.fromEntries(entries.filter(isOptional))));
  const bytes = Buffer.from(JSON.stringify(docs));
  writeFileSync(
    join(outDir, 'docs.json.br'),
    brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
  );
}
