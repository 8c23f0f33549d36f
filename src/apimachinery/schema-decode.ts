/**
 * What decoding JSON into a Go type of Kubernetes and writing it again does to an object: wrong types are refused in
 * the words of encoding/json, unknown fields are dropped and reported, nulls go, quantities and times get their
 * canonical form. Upstream: sigs.k8s.io/json, apimachinery/pkg/runtime/serializer/json.
 */
import { parseTime, rfc3339, rfc3339Micro } from '../base/index.ts';
import { FormatError } from './format-error.ts';
import { setOwn } from './json-value.ts';
import { parseQuantity } from './quantity.ts';
import type { Schema, SchemaSet } from './schema.ts';
import { compileSchema, type SchemaNode } from './schema-compile.ts';

export interface DecodeTypedOptions {
  /** The Go type's name for messages, e.g. `Deployment`. Default: the last part of the schema's `ref`. */
  readonly kind?: string;
}

/** One step down from the root; made only for objects and lists. */
interface Frame {
  readonly parent: Frame | undefined;
  readonly key: string | number;
  /** The struct that `key` is a field of, when it is one. */
  readonly struct: string;
}

/** Upstream stops collecting strict errors here. */
const strictErrorsMax = 100;

/**
 * Checks and cleans `object` in place. Empty lists and maps are dropped as Go's `omitempty` does; empty structs stay.
 * @returns `unknown field "spec.foo"` for every field that was dropped, in order.
 * @throws FormatError (InvalidTyped), e.g.
 * `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`.
 */
export function decodeTyped(
  object: Record<string, unknown>,
  schema: Schema,
  schemas: SchemaSet,
  options: DecodeTypedOptions = {},
): string[] {
  const decoder = new TypedDecoder();
  const node = compileSchema(schema, schemas, options.kind === undefined ? undefined : `.${options.kind}`);
  decoder.value(object, node, undefined, '', '');
  return decoder.unknown;
}

function jsonKind(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'bool';
    case 'number':
    case 'bigint':
      return 'number';
    default:
      return Array.isArray(value) ? 'array' : 'object';
  }
}

function pathOf(frame: Frame | undefined, key: string | number, withIndexes: boolean): string {
  const parts: (string | number)[] = key === '' ? [] : [key];
  for (let at = frame; at; at = at.parent) parts.push(at.key);
  let text = '';
  for (const part of parts.reverse()) {
    if (typeof part === 'number') text += withIndexes ? `[${part}]` : '';
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

class TypedDecoder {
  readonly unknown: string[] = [];

  /**
   * Returns the cleaned value, or undefined when the field is to be dropped. `key` is the step from `frame` to the value,
   * `struct` the type that has it as a field.
   */
  value(value: unknown, node: SchemaNode, frame: Frame | undefined, key: string | number, struct: string): unknown {
    switch (node.kind) {
      case 'any':
        return value;
      case 'struct':
        return this.#struct(value, node, frame, key, struct);
      case 'map':
        return this.#map(value, node, frame, key, struct);
      case 'array':
        return this.#array(value, node, frame, key, struct);
      case 'string':
        if (typeof value === 'string') return value;
        break;
      case 'boolean':
        if (typeof value === 'boolean') return value;
        break;
      case 'integer':
        if (typeof value === 'number' ? fits(value, node.bits) : typeof value === 'bigint' && node.bits === 64) {
          return value;
        }
        if (typeof value === 'number' || typeof value === 'bigint') {
          throw this.#mismatch(`number ${value}`, node, frame, key, struct);
        }
        break;
      case 'number':
        if (typeof value === 'number' || typeof value === 'bigint') return value;
        break;
      case 'intOrString':
        if (typeof value === 'string' || (typeof value === 'number' && fits(value, 32))) return value;
        throw new FormatError('InvalidTyped', `json: cannot unmarshal ${jsonKind(value)} into Go value of type int32`);
      case 'quantity':
        return quantityText(value);
      case 'time':
      case 'microTime':
        return timeText(value, node.kind);
      case 'bytes':
        if (typeof value === 'string') return checkBase64(value);
        break;
    }
    throw this.#mismatch(jsonKind(value), node, frame, key, struct);
  }

  #mismatch(
    found: string,
    node: SchemaNode,
    frame: Frame | undefined,
    key: string | number,
    struct: string,
  ): FormatError {
    let owner = struct;
    for (let at = frame; at && owner === ''; at = at.parent) owner = at.struct;
    const path = pathOf(frame, key, false);
    const into =
      owner === '' || path === ''
        ? `Go value of type ${node.goType}`
        : `Go struct field ${owner}.${path} of type ${node.goType}`;
    return new FormatError('InvalidTyped', `json: cannot unmarshal ${found} into ${into}`);
  }

  #struct(value: unknown, node: SchemaNode, frame: Frame | undefined, key: string | number, struct: string): unknown {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.#mismatch(jsonKind(value), node, frame, key, struct);
    }
    const object = value as Record<string, unknown>;
    const inner: Frame | undefined = key === '' ? frame : { parent: frame, key, struct };
    for (const name in object) {
      const item = object[name];
      const child = node.field(name);
      if (child === undefined) {
        if (node.open) continue;
        if (this.unknown.length < strictErrorsMax) {
          this.unknown.push(`unknown field ${JSON.stringify(pathOf(inner, name, true))}`);
        }
        delete object[name];
        continue;
      }
      if (item === null || item === undefined) {
        if (child.kind !== 'any') delete object[name];
        continue;
      }
      const cleaned = this.value(item, child, inner, name, node.structName);
      if (cleaned === undefined) delete object[name];
      else if (cleaned !== item) object[name] = cleaned;
    }
    return object;
  }

  #map(value: unknown, node: SchemaNode, frame: Frame | undefined, key: string | number, struct: string): unknown {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.#mismatch(jsonKind(value), node, frame, key, struct);
    }
    const object = value as Record<string, unknown>;
    const element = node.element();
    let empty = true;
    let inner: Frame | undefined;
    for (const name in object) {
      empty = false;
      if (!element) return object;
      const item = object[name];
      if (typeof item === 'string' && element.kind === 'string') continue;
      inner ??= { parent: frame, key, struct };
      const cleaned = item === null ? zeroOf(element) : this.value(item, element, inner, name, '');
      if (cleaned !== item) setOwn(object, name, cleaned ?? zeroOf(element));
    }
    return empty ? undefined : object;
  }

  #array(value: unknown, node: SchemaNode, frame: Frame | undefined, key: string | number, struct: string): unknown {
    if (!Array.isArray(value)) throw this.#mismatch(jsonKind(value), node, frame, key, struct);
    if (value.length === 0) return undefined;
    const element = node.element();
    if (!element) return value;
    const inner: Frame = { parent: frame, key, struct };
    for (let i = 0; i < value.length; i++) {
      const item = value[i];
      if (typeof item === 'string' && element.kind === 'string') continue;
      const cleaned = item === null ? zeroOf(element) : this.value(item, element, inner, i, '');
      if (cleaned !== item) value[i] = cleaned ?? zeroOf(element);
    }
    return value;
  }
}

function fits(value: number, bits: 32 | 64): boolean {
  return bits === 32 ? value === (value | 0) : Number.isInteger(value) && Math.abs(value) <= 2 ** 63;
}

/** What a null element becomes. */
function zeroOf(node: SchemaNode): unknown {
  switch (node.kind) {
    case 'struct':
    case 'map':
      return {};
    case 'array':
      return [];
    case 'integer':
    case 'number':
    case 'intOrString':
      return 0;
    case 'boolean':
      return false;
    case 'quantity':
      return '0';
    case 'any':
    case 'time':
    case 'microTime':
      return null;
    default:
      return '';
  }
}

function quantityText(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number') return parseQuantity(value).toString();
  // Upstream hands the raw JSON text to the quantity parser.
  return parseQuantity(typeof value === 'bigint' ? value.toString() : JSON.stringify(value)).toString();
}

const canonicalTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const canonicalMicroTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const anyTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[-+]\d\d:\d\d)$/;
const microTimeLayout = '2006-01-02T15:04:05.000000Z07:00';

function timeText(value: unknown, kind: 'time' | 'microTime'): string {
  if (typeof value !== 'string') {
    throw new FormatError('InvalidTyped', `json: cannot unmarshal ${jsonKind(value)} into Go value of type string`);
  }
  if ((kind === 'time' ? canonicalTime : canonicalMicroTime).test(value)) {
    if (!Number.isNaN(parseTime(value))) return value;
  }
  const ms = anyTime.test(value) ? parseTime(value) : Number.NaN;
  if (Number.isNaN(ms)) {
    const layout = kind === 'time' ? '2006-01-02T15:04:05Z07:00' : microTimeLayout;
    throw new FormatError(
      'InvalidTyped',
      `parsing time ${JSON.stringify(value)} as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(timeRest(value))} as ${JSON.stringify(timeElement(value))}`,
    );
  }
  return kind === 'time' ? rfc3339(ms) : rfc3339Micro(ms);
}

const timeElements: readonly (readonly [RegExp, string])[] = [
  [/^\d{4}/, '2006'],
  [/^-/, '-'],
  [/^\d\d/, '01'],
  [/^-/, '-'],
  [/^\d\d/, '02'],
  [/^T/, 'T'],
  [/^\d\d/, '15'],
  [/^:/, ':'],
  [/^\d\d/, '04'],
  [/^:/, ':'],
  [/^\d\d(?:\.\d+)?/, '05'],
  [/^(?:Z|[-+]\d\d:\d\d)/, 'Z07:00'],
];

/** Where Go's time parser stops, and the layout element it wanted there. */
function firstBadElement(text: string): { rest: string; element: string } {
  let rest = text;
  for (const [pattern, element] of timeElements) {
    const match = pattern.exec(rest);
    if (!match) return { rest, element };
    rest = rest.slice(match[0].length);
  }
  return { rest, element: '' };
}

const timeRest = (text: string): string => firstBadElement(text).rest;
const timeElement = (text: string): string => firstBadElement(text).element;

const standardBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Standard base64 with padding; Go ignores line ends in it. */
function checkBase64(text: string): string {
  if (standardBase64.test(text)) return text;
  const joined = text.replace(/[\r\n]/g, '');
  if (standardBase64.test(joined)) return joined;
  throw new FormatError('InvalidTyped', `illegal base64 data at input byte ${base64ErrorAt(text)}`);
}

function base64ErrorAt(text: string): number {
  const bytes = Buffer.from(text);
  let inQuantum = 0;
  for (let i = 0; i < bytes.length; i++) {
    const character = String.fromCharCode(bytes[i]!);
    if (character === '\n' || character === '\r') continue;
    if (/[A-Za-z0-9+/]/.test(character)) {
      inQuantum = (inQuantum + 1) % 4;
      continue;
    }
    if (character !== '=' || inQuantum < 2) return i;
    let next = i + 1;
    const skipLines = (): void => {
      while (bytes[next] === 10 || bytes[next] === 13) next++;
    };
    skipLines();
    if (inQuantum === 2) {
      if (next === bytes.length) return bytes.length;
      if (bytes[next] !== 61) return next;
      next++;
      skipLines();
    }
    return next;
  }
  return bytes.length - inQuantum;
}
