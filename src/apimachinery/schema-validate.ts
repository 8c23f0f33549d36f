/**
 * OpenAPI validation of custom resources in upstream's words.
 * Upstream: kube-openapi/pkg/validation/validate, apiextensions-apiserver/pkg/apiserver/{validation,schema/listtype}.
 */
import type { FieldError, FieldErrorList, FieldPath } from './field-errors.ts';
import { stringifyJson } from './json-encode.ts';
import { deepEqual, isObject } from './json-value.ts';
import { compilePattern } from './pattern.ts';
import type { Schema, SchemaSet } from './schema.ts';
import { isKnownFormat, matchesFormat } from './schema-formats.ts';

/** Outcome of one schema: the errors, and how many checks were made (to choose the best alternative of anyOf). */
interface Result {
  readonly errors: FieldError[];
  matches: number;
}

export interface ValidateSchemaOptions {
  /** The value this one replaces: what is wrong with an unchanged part of it is not held against the new one. */
  readonly old?: unknown;
  /** false: lists that are sets or maps are not looked at; see `validateListTypes`. Default true. */
  readonly listTypes?: boolean;
}

/** Appends what is wrong to `errors`; `path` is where `value` stands (FieldPath.root() for whole objects). */
export function validateSchema(
  value: unknown,
  schema: Schema,
  schemas: SchemaSet,
  path: FieldPath,
  errors: FieldErrorList,
  options: ValidateSchemaOptions = {},
): void {
  const result: Result = { errors: [], matches: 0 };
  const validator = new Validator(schemas, path.toString(), options.listTypes ?? true);
  const old = options.old === undefined ? undefined : { value: options.old };
  validator.validate(value, schema, path.toString(), result, old);
  for (const error of result.errors) errors.add(error);
}

/**
 * Duplicates in lists that are sets or maps, wherever they are.
 * Upstream: apiextensions-apiserver/pkg/apiserver/schema/listtype/validation.go.
 */
export function validateListTypes(
  value: unknown,
  schema: Schema,
  schemas: SchemaSet,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const result: Result = { errors: [], matches: 0 };
  new Validator(schemas, path.toString(), true).listTypes(value, schema, path.toString(), result);
  for (const error of result.errors) errors.add(error);
}

/** What stood at a place before; only where the places of two revisions can be told to be the same one. */
interface Old {
  readonly value: unknown;
}

function oldField(old: Old | undefined, schema: Schema, key: string): Old | undefined {
  if (!old || schema.mapType === 'atomic' || !isObject(old.value) || !Object.hasOwn(old.value, key)) return undefined;
  return { value: old.value[key] };
}

/** Entries of lists of type map are the same when their keys are. */
function oldItem(old: Old | undefined, schema: Schema, item: unknown): Old | undefined {
  if (!old || schema.listType !== 'map' || !Array.isArray(old.value) || !isObject(item)) return undefined;
  const keys = schema.listMapKeys ?? [];
  const found = old.value.find((other) => isObject(other) && keys.every((key) => deepEqual(other[key], item[key])));
  return found === undefined ? undefined : { value: found };
}

function typeName(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'boolean';
    case 'bigint':
      return 'integer';
    case 'number':
      return Number.isInteger(value) ? 'integer' : 'number';
    default:
      return value === null ? 'null' : Array.isArray(value) ? 'array' : 'object';
  }
}

/** Go's %v of a float64. */
function goNumber(value: number): string {
  if (value === 0) return '0';
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent >= -4 && exponent < 21) return String(value);
  return value.toExponential().replace(/e([-+])(\d)$/, 'e$10$2');
}

class Validator {
  readonly #schemas: SchemaSet;
  readonly #root: string;
  readonly #lists: boolean;

  constructor(schemas: SchemaSet, root: string, lists: boolean) {
    this.#schemas = schemas;
    this.#root = root === '' ? '<nil>' : root;
    this.#lists = lists;
  }

  validate(value: unknown, raw: Schema, path: string, result: Result, old?: Old): void {
    const before = result.errors.length;
    this.#node(value, this.#schemas.resolve(raw), path, result, old);
    // Upstream: pkg/apiserver/validation/ratcheting.go.
    if (old && result.errors.length > before && deepEqual(value, old.value)) result.errors.length = before;
  }

  listTypes(value: unknown, raw: Schema | undefined, path: string, result: Result): void {
    if (raw === undefined || value === null || typeof value !== 'object') return;
    const schema = this.#schemas.resolve(raw);
    if (Array.isArray(value)) {
      this.#listType(value, schema, path, result);
      for (const [i, item] of value.entries()) this.listTypes(item, schema.items, `${path}[${i}]`, result);
      return;
    }
    const { properties, additionalProperties: additional } = schema;
    for (const [key, field] of Object.entries(value)) {
      if (properties && Object.hasOwn(properties, key)) {
        this.listTypes(field, properties[key], path === '' ? key : `${path}.${key}`, result);
      } else if (additional !== true) this.listTypes(field, additional, `${path}[${key}]`, result);
    }
  }

  #node(value: unknown, schema: Schema, path: string, result: Result, old: Old | undefined): void {
    this.#type(value, schema, path, result);
    if (value === null || value === undefined) {
      this.#enum(value, schema, path, result);
      return;
    }
    this.#composed(value, schema, path, result, old);
    if (typeof value === 'string') this.#string(value, schema, path, result);
    else if (typeof value === 'number' || typeof value === 'bigint') this.#number(value, schema, path, result);
    else if (Array.isArray(value)) this.#array(value, schema, path, result, old);
    this.#enum(value, schema, path, result);
    if (isObject(value)) this.#object(value, schema, path, result, old);
    result.matches++;
  }

  #invalid(
    result: Result,
    path: string,
    badValue: unknown,
    text: string,
    type: FieldError['type'] = 'FieldValueInvalid',
  ) {
    result.errors.push({ type, field: path === '' ? this.#root : path, badValue, detail: `${path} in body ${text}` });
  }

  #type(value: unknown, schema: Schema, path: string, result: Result): void {
    result.matches++;
    const types = schema.intOrString ? ['integer', 'string'] : schema.type === undefined ? [] : [schema.type];
    if (types.length === 0) return;
    const actual = typeName(value);
    if (actual === 'null') {
      if (schema.nullable) return;
    } else {
      if (types.includes(actual) || (actual === 'integer' && types.includes('number'))) return;
      // Upstream leaves strings and lists with a format to the format check.
      const formatted = schema.format !== undefined && isKnownFormat(schema.format);
      const numeric = types.includes('number') || types.includes('integer');
      if (formatted && !numeric && (actual === 'string' || actual === 'array')) return;
    }
    const text = `must be of type ${types.join(',')}: ${JSON.stringify(actual)}`;
    this.#invalid(result, path, actual, text, 'FieldValueTypeInvalid');
  }

  #enum(value: unknown, schema: Schema, path: string, result: Result): void {
    if (!schema.enum || schema.enum.some((allowed) => deepEqual(allowed, value))) return;
    const values = schema.enum.map((allowed) =>
      JSON.stringify(typeof allowed === 'string' ? allowed : stringifyJson(allowed)),
    );
    result.errors.push({
      type: 'FieldValueNotSupported',
      field: path === '' ? this.#root : path,
      badValue: value,
      detail: values.length === 0 ? '' : `supported values: ${values.join(', ')}`,
    });
  }

  #string(value: string, schema: Schema, path: string, result: Result): void {
    if (schema.maxLength !== undefined || schema.minLength !== undefined) {
      const length = [...value].length;
      if (schema.maxLength !== undefined && length > schema.maxLength) {
        result.errors.push({
          type: 'FieldValueTooLong',
          field: path,
          badValue: '<value omitted>',
          detail: `may not be more than ${schema.maxLength} ${schema.maxLength === 1 ? 'byte' : 'bytes'}`,
        });
      }
      if (schema.minLength !== undefined && length < schema.minLength) {
        this.#invalid(result, path, value, `should be at least ${schema.minLength} chars long`);
      }
    }
    if (schema.pattern !== undefined) this.#pattern(value, schema.pattern, path, result);
    if (schema.format !== undefined && schema.type !== 'integer' && schema.type !== 'number') {
      if (!matchesFormat(schema.format, value)) {
        const text = `must be of type ${schema.format}: ${JSON.stringify(value)}`;
        this.#invalid(result, path, value, text, 'FieldValueTypeInvalid');
      }
    }
  }

  #pattern(value: string, source: string, path: string, result: Result): void {
    let matched = false;
    let shown = source;
    try {
      matched = compilePattern(source).test(value);
    } catch (error) {
      shown = `${source}, but pattern is invalid: ${(error as Error).message}`;
    }
    if (!matched) this.#invalid(result, path, value, `should match '${shown}'`);
  }

  #number(value: number | bigint, schema: Schema, path: string, result: Result): void {
    const { minimum, maximum, multipleOf } = schema;
    const whole = typeof value === 'bigint' || Number.isInteger(value);
    const shown = (bound: number): string => (whole ? String(Math.trunc(bound)) : goNumber(bound));
    if (maximum !== undefined && (schema.exclusiveMaximum ? value >= maximum : value > maximum)) {
      const relation = schema.exclusiveMaximum ? 'less than' : 'less than or equal to';
      this.#invalid(result, path, value, `should be ${relation} ${shown(maximum)}`);
    }
    if (minimum !== undefined && (schema.exclusiveMinimum ? value <= minimum : value < minimum)) {
      const relation = schema.exclusiveMinimum ? 'greater than' : 'greater than or equal to';
      this.#invalid(result, path, value, `should be ${relation} ${shown(minimum)}`);
    }
    if (multipleOf !== undefined && multipleOf > 0) {
      const quotient = multipleOf < 1 ? (1 / multipleOf) * Number(value) : Number(value) / multipleOf;
      if (Math.abs(quotient - Math.round(quotient)) > 1e-9 * Math.max(1, Math.abs(quotient))) {
        this.#invalid(result, path, value, `should be a multiple of ${goNumber(multipleOf)}`);
      }
    }
    if ((schema.format === 'int32' && whole && BigInt(value) !== BigInt.asIntN(32, BigInt(value))) === true) {
      const text = `must be of type int32: "int64"`;
      this.#invalid(result, path, 'int64', text, 'FieldValueTypeInvalid');
    }
  }

  #array(value: readonly unknown[], schema: Schema, path: string, result: Result, old: Old | undefined): void {
    if (schema.items) {
      const items = schema.items;
      for (const [i, item] of value.entries()) {
        this.validate(item, items, `${path}[${i}]`, result, oldItem(old, schema, item));
      }
    }
    if (schema.minItems !== undefined && value.length < schema.minItems) {
      this.#invalid(result, path, value.length, `should have at least ${schema.minItems} items`);
    }
    if (schema.maxItems !== undefined && value.length > schema.maxItems) {
      result.errors.push({
        type: 'FieldValueTooMany',
        field: path,
        badValue: value.length,
        detail: `must have at most ${schema.maxItems} ${schema.maxItems === 1 ? 'item' : 'items'}`,
      });
    }
    if (schema.uniqueItems && value.some((item, i) => value.slice(0, i).some((other) => deepEqual(item, other)))) {
      this.#invalid(result, path, '', "shouldn't contain duplicates");
    }
    if (this.#lists) this.#listType(value, schema, path, result);
  }

  #listType(value: readonly unknown[], schema: Schema, path: string, result: Result): void {
    if (schema.listType === 'set') this.#duplicates(value, value, path, result);
    else if (schema.listType === 'map') this.#listMap(value, schema, path, result);
  }

  #duplicates(keys: readonly unknown[], shown: readonly unknown[], path: string, result: Result): void {
    const counts = new Map<string, number>();
    for (const [i, key] of keys.entries()) {
      const text = key === undefined ? 'undefined' : stringifyJson(key);
      const seen = counts.get(text) ?? 0;
      counts.set(text, seen + 1);
      // Reported once, at the second appearance.
      if (seen !== 1) continue;
      result.errors.push({ type: 'FieldValueDuplicate', field: `${path}[${i}]`, badValue: shown[i], detail: '' });
    }
  }

  #listMap(value: readonly unknown[], schema: Schema, path: string, result: Result): void {
    for (const [i, item] of value.entries()) {
      if (item === null || isObject(item)) continue;
      result.errors.push({
        type: 'FieldValueInvalid',
        field: `${path}[${i}]`,
        badValue: item,
        detail: 'must be an object for an array of list-type map',
      });
      return;
    }
    const names = schema.listMapKeys ?? [];
    const keys = value.map((item) => {
      const picked: Record<string, unknown> = {};
      for (const name of names) if (isObject(item) && Object.hasOwn(item, name)) picked[name] = item[name];
      return picked;
    });
    this.#duplicates(keys, keys, path, result);
  }

  #object(value: Record<string, unknown>, schema: Schema, path: string, result: Result, old: Old | undefined): void {
    const keys = Object.keys(value);
    if (schema.minProperties !== undefined && keys.length < schema.minProperties) {
      this.#invalid(result, path, keys.length, `should have at least ${schema.minProperties} properties`);
    }
    if (schema.maxProperties !== undefined && keys.length > schema.maxProperties) {
      result.errors.push({
        type: 'FieldValueTooMany',
        field: path,
        badValue: keys.length,
        detail: `must have at most ${schema.maxProperties} ${schema.maxProperties === 1 ? 'item' : 'items'}`,
      });
    }
    const properties = schema.properties;
    const additional = schema.additionalProperties;
    for (const key of keys) {
      const at = path === '' ? key : `${path}.${key}`;
      const known = properties && Object.hasOwn(properties, key) ? properties[key]! : additional;
      if (known === undefined || known === true) continue;
      // apiVersion and kind are those of the request whatever was stored.
      const before = path === '' && (key === 'apiVersion' || key === 'kind') ? undefined : oldField(old, schema, key);
      this.validate(value[key], known, at, result, before);
    }
    for (const name of schema.required ?? []) {
      if (Object.hasOwn(value, name)) continue;
      const at = path === '' ? name : `${path}.${name}`;
      result.errors.push({ type: 'FieldValueRequired', field: at, badValue: '', detail: '' });
    }
  }

  /** Errors of allOf, anyOf, oneOf, not themselves stand at the root, as upstream's. */
  #composedError(result: Result, text: string): void {
    result.errors.push({ type: 'FieldValueInvalid', field: this.#root, badValue: '', detail: text });
  }

  #composed(value: unknown, schema: Schema, path: string, result: Result, old: Old | undefined): void {
    const attempt = (alternative: Schema): Result => {
      const inner: Result = { errors: [], matches: 0 };
      this.#node(value, this.#schemas.resolve(alternative), path, inner, old);
      return inner;
    };
    const quoted = JSON.stringify(path);
    if (schema.anyOf?.length) {
      let best: Result | undefined;
      let valid = false;
      for (const alternative of schema.anyOf) {
        const inner = attempt(alternative);
        if (inner.errors.length === 0) {
          valid = true;
          break;
        }
        if (!best || inner.matches > best.matches) best = inner;
      }
      if (!valid) {
        this.#composedError(result, `${quoted} must validate at least one schema (anyOf)`);
        result.errors.push(...best!.errors);
      }
    }
    if (schema.oneOf?.length) {
      const results = schema.oneOf.map(attempt);
      const valid = results.filter((inner) => inner.errors.length === 0).length;
      if (valid !== 1) {
        const found = valid === 0 ? 'Found none valid' : `Found ${valid} valid alternatives`;
        this.#composedError(result, `${quoted} must validate one and only one schema (oneOf). ${found}`);
        if (valid === 0) {
          const best = results.reduce((left, right) => (right.matches > left.matches ? right : left));
          result.errors.push(...best.errors);
        }
      }
    }
    if (schema.allOf?.length) {
      const results = schema.allOf.map(attempt);
      for (const inner of results) result.errors.push(...inner.errors);
      const valid = results.filter((inner) => inner.errors.length === 0).length;
      if (valid !== results.length) {
        const none = valid === 0 ? '. None validated' : '';
        this.#composedError(result, `${quoted} must validate all the schemas (allOf)${none}`);
      }
    }
    if (schema.not && attempt(schema.not).errors.length === 0) {
      this.#composedError(result, `${quoted} must not validate the schema (not)`);
    }
  }
}
