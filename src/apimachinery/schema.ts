/**
 * The one schema form in klab: built-in types (generated from Kubernetes' models plus our overlay) and CRDs both become
 * `Schema`, and one walker validates, prunes, defaults, and finds unknown fields; merge keys and list types drive
 * strategic merge patch and server-side apply. Follows OpenAPI v3 as Kubernetes' structural schemas restrict it.
 */
export interface Schema {
  /** Name of a definition in the SchemaSet (`io.k8s.api.core.v1.Container`); all else but `description` is then absent. */
  readonly ref?: string;
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  /** int32, int64, double, byte, date-time, int-or-string, quantity … */
  readonly format?: string;
  readonly description?: string;
  readonly title?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  /** Schema of map values; `true` = anything. */
  readonly additionalProperties?: Schema | true;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly nullable?: boolean;
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly listMapKeys?: readonly string[];
  readonly mapType?: 'atomic' | 'granular';
  /** Strategic merge patch: `merge`, `replace`, `retainKeys` or `merge,retainKeys`. */
  readonly patchStrategy?: string;
  readonly patchMergeKey?: string;
  readonly preserveUnknownFields?: boolean;
  readonly embeddedResource?: boolean;
  readonly intOrString?: boolean;
  /** CRD value validations, as in apiextensions/v1 JSONSchemaProps. */
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly multipleOf?: number;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly not?: Schema;
  readonly validations?: readonly Readonly<Record<string, unknown>>[];
}

/** Named definitions; `resolve` follows `ref`. */
export interface SchemaSet {
  get(name: string): Schema | undefined;
  resolve(schema: Schema): Schema;
  names(): Iterable<string>;
}
