/** From a body to an object of the expected kind. Upstream: endpoints/handlers/{create,update}.go, serializer/json. */
import { apiVersionOf, type CustomForm, omitEmpty, type ResourceDefinition } from '../../api/index.ts';
import {
  applySchemaDefaults,
  decodeTyped,
  type FieldErrorList,
  FieldPath,
  FormatError,
  isObject,
  type KubeObject,
  newBadRequest,
  newInvalid,
  pruneUnknownFields,
  type Schema,
  type SchemaSet,
  validateSchema,
} from '../../apimachinery/index.ts';
import { type FieldValidation, warn } from './request.ts';

/** What decoding knows of the kind it expects. */
export interface ExpectedKind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly group: string;
  /** A name in the schema set for built-in kinds; a schema of its own for custom resources. */
  readonly schema: string | Schema;
  readonly custom?: CustomForm | undefined;
}

export function expectedKind(definition: ResourceDefinition): ExpectedKind {
  return {
    apiVersion: apiVersionOf(definition),
    kind: definition.kind,
    group: definition.group,
    schema: definition.schema,
    custom: definition.custom,
  };
}

export function schemaOf(expected: Pick<ExpectedKind, 'schema'>, schemas: SchemaSet): Schema | undefined {
  return typeof expected.schema === 'string' ? schemas.get(expected.schema) : expected.schema;
}

/** Go's %q of a version inside upstream's message. */
function cannotBeHandled(expected: ExpectedKind, why: string): Error {
  const version = expected.apiVersion.slice(expected.apiVersion.indexOf('/') + 1);
  return newBadRequest(`${expected.kind} in version "${version}" cannot be handled as a ${expected.kind}: ${why}`);
}

/** Go's word for what a JSON value is. */
export function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'bigint' ? 'number' : typeof value;
}

/**
 * apiVersion and kind, when given, must be those of the URL; absent ones are filled in.
 * @throws StatusError
 */
export function checkTypeMeta(
  value: unknown,
  expected: ExpectedKind,
  schemas: SchemaSet,
  malformed?: (why: string) => Error,
): KubeObject {
  if (!isObject(value)) throw newBadRequest('the request body is not an object');
  const object = value as KubeObject;
  object.apiVersion = object.apiVersion || expected.apiVersion;
  object.kind = object.kind || expected.kind;
  for (const field of ['apiVersion', 'kind'] as const) {
    if (typeof object[field] !== 'string') {
      const why = `json: cannot unmarshal ${jsonType(object[field])} into Go struct field .${field} of type string`;
      throw malformed?.(why) ?? newBadRequest(why);
    }
  }
  if (object.apiVersion !== expected.apiVersion || object.kind !== expected.kind) {
    throw wrongType(object, expected, schemas, malformed);
  }
  // Go decodes a missing or null metadata into an empty ObjectMeta.
  object.metadata ??= {};
  return object;
}

/**
 * Upstream decodes what it knows by its own name and then fails to convert it; what it does not know it cannot decode.
 */
function wrongType(
  { apiVersion, kind }: KubeObject,
  expected: ExpectedKind,
  schemas: SchemaSet,
  malformed: ((why: string) => Error) | undefined,
): Error {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  const version = apiVersion.slice(slash + 1);
  const known = isRegistered(group, version, kind, schemas);
  const sameKind = kind === expected.kind && group === expected.group;
  if (sameKind && (known || typeof expected.schema !== 'string')) {
    return newBadRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected.apiVersion})`,
    );
  }
  const why = known
    ? `converting (${version}.${kind}) to (${packageOf(expected.group)}.${expected.kind}): unknown conversion`
    : `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme "pkg/api/legacyscheme/scheme.go:30"`;
  return (
    malformed?.(why) ??
    newBadRequest(`${kind} in version ${JSON.stringify(version)} cannot be handled as a ${expected.kind}: ${why}`)
  );
}

/** `rbac.authorization.k8s.io` → `rbac`: Go's package of a group. */
function packageOf(group: string): string {
  return group === '' ? 'core' : group.replace(/\..*$/, '');
}

function isRegistered(group: string, version: string, kind: string, schemas: SchemaSet): boolean {
  if (group === '' && version === 'v1' && ['List', 'Status', 'DeleteOptions'].includes(kind)) return true;
  const prefix = `io.k8s.api.${packageOf(group)}.${version}.`;
  return schemas.get(prefix + kind) !== undefined || schemas.get(prefix + kind.replace(/List$/, '')) !== undefined;
}

export type StrictProblem = (problems: readonly string[]) => Error;

/**
 * Types checked, unknown fields dropped, in place. Unknown and duplicate fields are an error, a warning or nothing, as
 * `validation` says.
 * @throws StatusError
 */
export function decodeObject(
  value: unknown,
  expected: ExpectedKind,
  schemas: SchemaSet,
  options: {
    readonly validation: FieldValidation;
    readonly warnings: string[];
    readonly duplicates?: readonly string[];
    /** How strict problems are worded; default: as for create and update. */
    readonly strict?: StrictProblem;
    /** How a value of a wrong type is worded; default: as for create and update. */
    readonly malformed?: (why: string) => Error;
  },
): KubeObject {
  const object = checkTypeMeta(value, expected, schemas, options.malformed);
  const schema = schemaOf(expected, schemas);
  let unknown: readonly string[] = [];
  if (schema) {
    try {
      unknown = fitToSchema(object, expected, schema, schemas);
    } catch (error) {
      if (error instanceof FormatError) {
        throw options.malformed?.(error.message) ?? cannotBeHandled(expected, error.message);
      }
      throw error;
    }
    // Go's spec is a struct, which is there whether or not it was sent.
    if (typeof expected.schema === 'string' && schema.properties?.['spec'] && object['spec'] === undefined) {
      object['spec'] = {};
    }
    if (typeof expected.schema === 'string') omitEmpty(object);
    else omitEmpty({ ...partialKind, metadata: object.metadata });
  }
  if (options.validation !== 'Ignore') {
    const problems = [...(options.duplicates ?? []), ...unknown];
    if (problems.length > 0) {
      if (options.validation === 'Strict') {
        throw options.strict?.(problems) ?? cannotBeHandled(expected, strictText(problems));
      }
      for (const problem of problems) warn(options.warnings, problem);
    }
  }
  return object;
}

/** The metadata of objects that have no message of their own. */
const partialKind = { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata' };

/** What is unknown to the schema, dropped. @throws FormatError for values of wrong types. */
function fitToSchema(object: KubeObject, expected: ExpectedKind, schema: Schema, schemas: SchemaSet): string[] {
  if (expected.custom) return expected.custom.fromClient(object);
  if (typeof expected.schema === 'string') return decodeTyped(object, schema, schemas, { kind: expected.kind });
  const unknown = pruneUnknownFields(object, schema, schemas, { isResourceRoot: true });
  applySchemaDefaults(object, schema, schemas);
  return unknown;
}

export function strictText(problems: readonly string[]): string {
  return `strict decoding error: ${problems.join(', ')}`;
}

/** Kinds whose strategy has no rules are validated against their schema on every write. */
export function validateAgainstSchema(
  object: Readonly<KubeObject>,
  expected: ExpectedKind,
  schemas: SchemaSet,
  errors: FieldErrorList,
  hasOwnRules: boolean,
): void {
  if (hasOwnRules) return;
  const schema = schemaOf(expected, schemas);
  if (schema) validateSchema(object, schema, schemas, FieldPath.root(), errors);
}

export function throwIfInvalid(
  errors: FieldErrorList,
  definition: { group: string; kind: string },
  name: string,
): void {
  if (errors.length > 0) throw newInvalid(definition, name, errors.errors);
}
