/**
 * Validation as small steps: a `Place` is a value, where it stands, and the list that takes its errors. Absent values are
 * places too, so that rules need no guards. Messages are upstream's: apimachinery/pkg/{api,util}/validation (1.36).
 */
import {
  deepEqual,
  type FieldErrorList,
  FieldPath,
  isDns1123Subdomain,
  isQualifiedName,
  type KubeObject,
  type NameValidator,
  omittedValue,
  regexError,
  validateLabelSelector,
} from '../apimachinery/index.ts';
import type { Strategy } from './definition.ts';
import { fieldImmutable, inclusiveRange, mustBeNonNegative } from './validation.ts';

type Fields = Record<string, any>;

/** Messages for a text, none when it is fine. */
export type TextRule = (text: string) => readonly string[];

/** A rule for names as one for text: the whole name, no prefix. */
export const nameRule =
  (validator: NameValidator): TextRule =>
  (text) =>
    validator(text, false);

const httpPathPattern = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const httpPath = new RegExp(`^${httpPathPattern}$`);

export class Place {
  readonly value: any;
  readonly path: FieldPath;
  readonly errors: FieldErrorList;

  constructor(value: unknown, path: FieldPath, errors: FieldErrorList) {
    this.value = value;
    this.path = path;
    this.errors = errors;
  }

  static of(object: Readonly<KubeObject>, errors: FieldErrorList): Place {
    return new Place(object, FieldPath.root(), errors);
  }

  child(...names: string[]): Place {
    let value = this.value;
    for (const name of names) value = value?.[name];
    return new Place(value, this.path.child(...names), this.errors);
  }

  /** The same place for another value: what upstream puts into a message. */
  as(value: unknown): Place {
    return new Place(value, this.path, this.errors);
  }

  index(index: number): Place {
    return new Place(this.value?.[index], this.path.index(index), this.errors);
  }

  key(key: string): Place {
    return new Place(this.value?.[key], this.path.key(key), this.errors);
  }

  get list(): readonly any[] {
    return Array.isArray(this.value) ? this.value : [];
  }

  items(...names: string[]): Place[] {
    const place = names.length === 0 ? this : this.child(...names);
    return place.list.map((_, index) => place.index(index));
  }

  /** Of a map, each at `path[key]`. */
  entries(): [string, Place][] {
    return Object.keys(this.value ?? {}).map((key) => [key, this.key(key)]);
  }

  get isSet(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  /** Go's zero value counts as unset: absent, empty text, zero, false, empty list or map. */
  get isEmpty(): boolean {
    const { value } = this;
    if (value === undefined || value === null || value === '' || value === 0 || value === false) return true;
    return typeof value === 'object' && Object.keys(value).length === 0;
  }

  get text(): string {
    return typeof this.value === 'string' ? this.value : '';
  }

  get number(): number {
    return typeof this.value === 'number' ? this.value : 0;
  }

  required(detail = ''): void {
    this.errors.required(this.path, detail);
  }

  invalid(detail: string, value: unknown = this.value ?? ''): void {
    this.errors.invalid(this.path, value, detail);
  }

  /** Invalid without the value in its message. */
  wrong(detail: string): void {
    this.errors.invalid(this.path, omittedValue, detail);
  }

  forbidden(detail: string): void {
    this.errors.forbidden(this.path, detail);
  }

  duplicate(value: unknown = this.value): void {
    this.errors.duplicate(this.path, value);
  }

  notSupported(supported: readonly string[], value: unknown = this.value ?? ''): void {
    this.errors.notSupported(this.path, value, supported);
  }

  tooLong(limit: number): void {
    this.errors.tooLong(this.path, limit);
  }

  /** Error when the list is longer; true when it is not. */
  atMost(limit: number): boolean {
    if (this.list.length <= limit) return true;
    this.errors.tooMany(this.path, this.list.length, limit);
    return false;
  }

  /** One Invalid a message. */
  messages(messages: readonly string[], value: unknown = this.value ?? ''): boolean {
    for (const message of messages) this.errors.invalid(this.path, value, message);
    return messages.length === 0;
  }

  /** Text that must be there and follow `rule`. */
  named(rule?: TextRule, missing = ''): void {
    if (this.text === '') this.required(missing);
    else if (rule !== undefined) this.messages(rule(this.text));
  }

  /** Text that follows `rule` if there is some. */
  maybe(rule: TextRule): void {
    if (this.text !== '') this.messages(rule(this.text));
  }

  /** `rule` holds for the text, the empty one too. */
  matches(rule: TextRule): void {
    this.messages(rule(this.text), this.text);
  }

  qualified(): void {
    this.matches(isQualifiedName);
  }

  /** `acme.io/foo`, required; each part is named in its own message. */
  domainPath(): void {
    const { text } = this;
    if (text === '') {
      this.required();
      return;
    }
    const slash = text.indexOf('/');
    if (slash <= 0 || slash === text.length - 1) {
      this.invalid('must be a domain-prefixed path (such as "acme.io/foo")');
      return;
    }
    const host = text.slice(0, slash);
    this.messages(isDns1123Subdomain(host), host);
    const path = text.slice(slash + 1);
    if (!httpPath.test(path)) this.invalid(regexError('Invalid path', httpPathPattern), path);
  }

  /** One of `supported`; empty is Required. */
  oneOf(supported: readonly string[], missing = ''): boolean {
    if (this.text === '') this.required(missing);
    else if (supported.includes(this.text)) return true;
    else this.notSupported(supported);
    return false;
  }

  /** One of `supported` when set: Go pointers, where the empty text is a value too. */
  maybeOneOf(supported: readonly string[]): void {
    if (this.isSet && !supported.includes(this.value)) this.notSupported(supported);
  }

  nonNegative(): void {
    if (this.number < 0) this.invalid(mustBeNonNegative);
  }

  /** When set. */
  between(low: number, high: number): void {
    if (this.isSet && (this.value < low || this.value > high)) this.invalid(inclusiveRange(low, high));
  }

  immutable(old: unknown): void {
    if (!deepEqual(this.value, old)) this.invalid(fieldImmutable, this.value ?? null);
  }

  selector(): void {
    if (this.isSet) validateLabelSelector(this.value, this.path, this.errors);
  }

  /** Duplicate for every item whose `field` came before. */
  unique(field?: string): void {
    const seen = new Set<unknown>();
    for (const item of this.items()) {
      const place = field === undefined ? item : item.child(field);
      if (seen.has(place.value)) place.duplicate();
      seen.add(place.value);
    }
  }
}

export type Check = (object: Place) => void;
export type UpdateCheck = (object: Place, old: Readonly<Fields>, subresource: string) => void;

type ValidationHooks = Pick<Strategy, 'validate' | 'validateUpdate' | 'validateStatusUpdate'>;

/** Hooks of a strategy: `check` at creation, `update` (or else `check`) at updates, `status` at writes of status. */
export function rules(check: Check, update?: UpdateCheck, status?: UpdateCheck): ValidationHooks {
  return {
    validate: (object, errors) => check(Place.of(object, errors)),
    validateUpdate(object, old, errors, subresource = '') {
      const place = Place.of(object, errors);
      if (update === undefined) check(place);
      else update(place, old, subresource);
    },
    ...(status === undefined
      ? {}
      : { validateStatusUpdate: (object, old, errors) => status(Place.of(object, errors), old, 'status') }),
  };
}
