/**
 * The generated schema of the built-in types, read lazily: `types.json` on the first look-up, docs when something asks.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import type { Schema, SchemaSet } from '../../apimachinery/index.ts';

/** What explain and OpenAPI add to a definition. `required` and `enums` hold for every definition here. */
export interface DefinitionDocs {
  readonly description: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly required: readonly string[];
  readonly enums: Readonly<Record<string, readonly string[]>>;
}

export interface DocsSet {
  get(name: string): DefinitionDocs | undefined;
}

/** Definitions of versions that are off by default stand in a file of their own, read when one is asked for. */
export const optionalDefinition = /^io\.k8s\.api\.[a-z]+\.v\d+(?:alpha|beta)\d+\./;

/** The built-in types with their docs. */
export interface BuiltinSchema extends SchemaSet {
  readonly docs: DocsSet;
}

/** `dist/schema` of the package this file is in, whether it runs from `src` or bundled into `dist`. */
function findSchemaFolder(from: string): string {
  for (let at = from; ; at = dirname(at)) {
    const candidate = join(at, 'dist', 'schema');
    if (existsSync(join(candidate, 'types.json'))) return candidate;
    if (at === dirname(at)) throw new Error('the generated schema (dist/schema) is missing: run `npm run build`');
  }
}

/** Follows `ref`; what stands beside it (patch strategy, map type, default) overrides the definition. */
export function resolveWith(get: (name: string) => Schema | undefined, cache: WeakMap<Schema, Schema>) {
  return (schema: Schema): Schema => {
    if (schema.ref === undefined) return schema;
    const known = cache.get(schema);
    if (known !== undefined) return known;
    const { ref, ...beside } = schema;
    const target = get(ref);
    if (target === undefined) throw new Error(`no definition ${ref}`);
    const resolved = Object.keys(beside).length === 0 ? target : { ...target, ...beside };
    cache.set(schema, resolved);
    return resolved;
  };
}

class FileSchema implements BuiltinSchema {
  readonly #root: string | undefined;
  readonly resolve: (schema: Schema) => Schema;
  readonly docs: DocsSet;
  #folder: string | undefined;
  #types: Readonly<Record<string, Schema>> | undefined;
  #optional: Readonly<Record<string, Schema>> | undefined;
  #docs: Readonly<Record<string, DefinitionDocs>> | undefined;

  constructor(root: string | undefined) {
    this.#root = root;
    this.resolve = resolveWith((name) => this.get(name), new WeakMap());
    this.docs = { get: (name) => this.#readDocs()[name] };
  }

  get(name: string): Schema | undefined {
    const types = optionalDefinition.test(name) ? this.#readOptional() : this.#readTypes();
    return Object.hasOwn(types, name) ? types[name] : undefined;
  }

  names(): Iterable<string> {
    return [...Object.keys(this.#readTypes()), ...Object.keys(this.#readOptional())];
  }

  #path(file: string): string {
    this.#folder ??=
      this.#root === undefined ? findSchemaFolder(import.meta.dirname) : join(this.#root, 'dist', 'schema');
    return join(this.#folder, file);
  }

  #readOptional(): Readonly<Record<string, Schema>> {
    this.#optional ??= JSON.parse(readFileSync(this.#path('optional.json'), 'utf8')) as Record<string, Schema>;
    return this.#optional;
  }

  #readTypes(): Readonly<Record<string, Schema>> {
    this.#types ??= JSON.parse(readFileSync(this.#path('types.json'), 'utf8')) as Record<string, Schema>;
    return this.#types;
  }

  #readDocs(): Readonly<Record<string, DefinitionDocs>> {
    this.#docs ??= JSON.parse(
      brotliDecompressSync(readFileSync(this.#path('docs.json.br'))).toString('utf8'),
    ) as Record<string, DefinitionDocs>;
    return this.#docs;
  }
}

/**
 * Schemas of the built-in types. Nothing is read before the first use; definitions are shared and must not be changed.
 * `packageRoot` is the folder that has `dist/`; found upwards from this file when absent.
 */
export function loadBuiltinSchema(packageRoot?: string): BuiltinSchema {
  return new FileSchema(packageRoot);
}
