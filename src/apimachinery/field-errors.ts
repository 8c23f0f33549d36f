/**
 * Field errors of validation. Upstream: apimachinery/pkg/util/validation/field/{errors,path}.go (1.36).
 */
import { stringifyJson } from './json-encode.ts';

export type FieldErrorType =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTooFew'
  | 'FieldValueTooShort'
  | 'InternalError'
  | 'FieldValueTypeInvalid';

export interface FieldError {
  readonly type: FieldErrorType;
  /** `spec.containers[0].image`; `<nil>` never appears. */
  readonly field: string;
  readonly badValue?: unknown;
  readonly detail: string;
}

const words: Record<FieldErrorType, string> = {
  FieldValueNotFound: 'Not found',
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueInvalid: 'Invalid value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueForbidden: 'Forbidden',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  FieldValueTooFew: 'Too few',
  FieldValueTooShort: 'Too short',
  InternalError: 'Internal error',
  FieldValueTypeInvalid: 'Invalid value',
};

/** As the bad value of an Invalid error: the message does not show it. Upstream: field.OmitValueType. */
export const omittedValue: unique symbol = Symbol('omitted value');

/** Go's `%v`/`%q`-like rendering of a bad value, as upstream's ErrorBody does. */
function renderBadValue(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  // Go's encoder escapes what could end a script element.
  return stringifyJson(value).replace(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}

/** The error without its field, as in Status causes: `Invalid value: "x": must be …`. */
export function fieldErrorMessage(error: FieldError): string {
  const word = words[error.type];
  let text: string;
  switch (error.type) {
    case 'FieldValueRequired':
    case 'FieldValueForbidden':
    case 'FieldValueTooLong':
    case 'FieldValueTooShort':
    case 'InternalError':
      text = word;
      break;
    default:
      text = error.badValue === omittedValue ? word : `${word}: ${renderBadValue(error.badValue)}`;
  }
  return error.detail === '' ? text : `${text}: ${error.detail}`;
}

/** A place in an object; immutable, cheap to extend. */
export class FieldPath {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  static root(...names: string[]): FieldPath {
    return new FieldPath(names.join('.'));
  }

  child(...names: string[]): FieldPath {
    const tail = names.join('.');
    return new FieldPath(this.#text === '' ? tail : `${this.#text}.${tail}`);
  }

  index(i: number): FieldPath {
    return new FieldPath(`${this.#text}[${i}]`);
  }

  key(key: string): FieldPath {
    return new FieldPath(`${this.#text}[${key}]`);
  }

  toString(): string {
    return this.#text;
  }
}

/** Collects the errors of one validation. */
export class FieldErrorList {
  readonly #errors: FieldError[] = [];

  get errors(): readonly FieldError[] {
    return this.#errors;
  }

  get length(): number {
    return this.#errors.length;
  }

  add(error: FieldError): void {
    this.#errors.push(error);
  }

  required(path: FieldPath, detail = ''): void {
    this.add({ type: 'FieldValueRequired', field: path.toString(), badValue: '', detail });
  }

  invalid(path: FieldPath, badValue: unknown, detail: string): void {
    this.add({ type: 'FieldValueInvalid', field: path.toString(), badValue, detail });
  }

  /** `supported` is shown sorted, as upstream's sets are, unless its order is the point. */
  notSupported(
    path: FieldPath,
    badValue: unknown,
    supported: readonly string[],
    options: { readonly inOrder?: boolean } = {},
  ): void {
    const values = options.inOrder ? supported : [...supported].sort();
    const list = values.map((value) => JSON.stringify(value));
    const detail = supported.length === 0 ? '' : `supported values: ${list.join(', ')}`;
    this.add({ type: 'FieldValueNotSupported', field: path.toString(), badValue, detail });
  }

  duplicate(path: FieldPath, badValue: unknown): void {
    this.add({ type: 'FieldValueDuplicate', field: path.toString(), badValue, detail: '' });
  }

  forbidden(path: FieldPath, detail: string): void {
    this.add({ type: 'FieldValueForbidden', field: path.toString(), badValue: '', detail });
  }

  notFound(path: FieldPath, badValue: unknown): void {
    this.add({ type: 'FieldValueNotFound', field: path.toString(), badValue, detail: '' });
  }

  typeInvalid(path: FieldPath, badValue: unknown, detail: string): void {
    this.add({ type: 'FieldValueTypeInvalid', field: path.toString(), badValue, detail });
  }

  tooLong(path: FieldPath, maxLength: number): void {
    const detail =
      maxLength >= 0 ? `may not be more than ${maxLength} ${maxLength === 1 ? 'byte' : 'bytes'}` : 'value is too long';
    this.add({ type: 'FieldValueTooLong', field: path.toString(), badValue: '', detail });
  }

  tooMany(path: FieldPath, actual: number, max: number): void {
    const detail = max >= 0 ? `must have at most ${max} ${max === 1 ? 'item' : 'items'}` : 'has too many items';
    this.add({ type: 'FieldValueTooMany', field: path.toString(), badValue: actual, detail });
  }
}
