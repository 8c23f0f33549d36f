/**
 * Schemas made ready for walking: references followed, properties in maps (so that a field named `constructor` is not
 * found on Object.prototype), Go type names worked out. One node a schema, made on first use and cached.
 */
import type { Schema, SchemaSet } from './schema.ts';

export type NodeKind =
  | 'any'
  | 'struct'
  | 'map'
  | 'array'
  | 'string'
  | 'integer'
  | 'number'
  | 'boolean'
  | 'quantity'
  | 'time'
  | 'microTime'
  | 'bytes'
  | 'intOrString';

export interface SchemaNode {
  readonly kind: NodeKind;
  /** As Go prints it: `int32`, `v1.PodSpec`, `[]v1.Container`, `map[string]string`. */
  readonly goType: string;
  /** For kind struct: the type's name without package. */
  readonly structName: string;
  /** A struct that keeps what it does not know. */
  readonly open: boolean;
  /** For kind integer: range. */
  readonly bits: 32 | 64;
  field(name: string): SchemaNode | undefined;
  /** Items of an array, values of a map; undefined = anything. */
  element(): SchemaNode | undefined;
}

const compiled = new WeakMap<Schema, SchemaNode>();

/** `raw` may be a reference; `name` names a definition that was looked up by hand. */
export function compileSchema(raw: Schema, schemas: SchemaSet, name?: string): SchemaNode {
  let node = compiled.get(raw);
  if (!node) {
    node = new CompiledNode(raw, schemas, name);
    compiled.set(raw, node);
  }
  return node;
}

/** `io.k8s.api.core.v1.PodSpec` → `v1.PodSpec`. */
function goTypeOfDefinition(name: string): string {
  return name.split('.').slice(-2).join('.');
}

function kindOf(schema: Schema, definition: string): NodeKind {
  if (schema.intOrString) return 'intOrString';
  switch (schema.type) {
    case 'object':
      if (schema.properties) return 'struct';
      if (schema.additionalProperties !== undefined) return schema.preserveUnknownFields ? 'any' : 'map';
      return schema.preserveUnknownFields || definition === '' ? 'any' : 'struct';
    case 'array':
      return 'array';
    case 'integer':
      return 'integer';
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'string':
      if (schema.format === 'quantity') return 'quantity';
      if (schema.format === 'byte') return 'bytes';
      if (schema.format === 'date-time') return definition.endsWith('.MicroTime') ? 'microTime' : 'time';
      return 'string';
    default:
      return 'any';
  }
}

class CompiledNode implements SchemaNode {
  readonly kind: NodeKind;
  readonly structName: string;
  readonly open: boolean;
  readonly bits: 32 | 64;
  readonly #schemas: SchemaSet;
  readonly #schema: Schema;
  readonly #definition: string;
  readonly #fields = new Map<string, SchemaNode | undefined>();
  #goType: string | undefined;
  #element: SchemaNode | undefined;

  constructor(raw: Schema, schemas: SchemaSet, name: string | undefined) {
    this.#schemas = schemas;
    this.#schema = schemas.resolve(raw);
    this.#definition = raw.ref ?? name ?? '';
    this.kind = kindOf(this.#schema, this.#definition);
    this.structName = this.#definition === '' ? '' : this.#definition.slice(this.#definition.lastIndexOf('.') + 1);
    this.open = this.#schema.preserveUnknownFields === true;
    this.bits = this.#schema.format === 'int32' ? 32 : 64;
  }

  get goType(): string {
    this.#goType ??= this.#makeGoType();
    return this.#goType;
  }

  #makeGoType(): string {
    if (this.kind === 'array') return `[]${this.element()?.goType ?? 'interface {}'}`;
    if (this.kind === 'map') return `map[string]${this.element()?.goType ?? 'interface {}'}`;
    if (this.#definition !== '') return goTypeOfDefinition(this.#definition);
    switch (this.kind) {
      case 'integer':
        return `int${this.bits}`;
      case 'number':
        return 'float64';
      case 'boolean':
        return 'bool';
      case 'bytes':
        return '[]uint8';
      case 'string':
        return 'string';
      default:
        return 'interface {}';
    }
  }

  field(name: string): SchemaNode | undefined {
    const known = this.#fields.get(name);
    if (known !== undefined) return known;
    const properties = this.#schema.properties;
    if (!properties || !Object.hasOwn(properties, name)) return undefined;
    const node = compileSchema(properties[name]!, this.#schemas);
    this.#fields.set(name, node);
    return node;
  }

  element(): SchemaNode | undefined {
    if (this.#element) return this.#element;
    const schema = this.kind === 'array' ? this.#schema.items : this.#schema.additionalProperties;
    if (schema === undefined || schema === true) return undefined;
    this.#element = compileSchema(schema, this.#schemas);
    return this.#element;
  }
}
