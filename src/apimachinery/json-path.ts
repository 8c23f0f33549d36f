/** kubectl's JSONPath dialect. Upstream: client-go/util/jsonpath/jsonpath.go. */
import { FormatError } from './format-error.ts';
import { compareBytes, stringifyJson } from './json-encode.ts';
import { type JsonPathNode, parseJsonPathTemplate } from './json-path-parser.ts';
import { deepEqual, isObject } from './json-value.ts';

export interface JsonPathOptions {
  /** Missing keys give nothing instead of an error. Default true, as kubectl. */
  readonly allowMissingKeys?: boolean;
  /** Accept `.spec.x`, `spec.x`, `{spec.x}` besides `{.spec.x}`. Default false. */
  readonly relaxed?: boolean;
}

/** A parsed template; may be used any number of times. */
export interface JsonPath {
  /** Results of every part of the template in order. @throws FormatError (InvalidJsonPath). */
  find(data: unknown): unknown[][];
  /** What kubectl prints. @throws FormatError (InvalidJsonPath). */
  render(data: unknown): string;
}

const fail = (message: string): FormatError => new FormatError('InvalidJsonPath', message);

/** @throws FormatError (InvalidJsonPath) with upstream's text. */
export function parseJsonPath(text: string, options: JsonPathOptions = {}): JsonPath {
  const nodes = parseJsonPathTemplate(options.relaxed ? relaxedJsonPath(text) : text);
  const find = (data: unknown): unknown[][] => new Evaluation(nodes, options.allowMissingKeys ?? true).find(0, data);
  return {
    find,
    render: (data) =>
      find(data)
        .map((results) => results.map(printJsonPathResult).join(' '))
        .join(''),
  };
}

/** The full form of a path without braces or leading point. Upstream: get.RelaxedJSONPathExpression. */
export function relaxedJsonPath(text: string): string {
  if (text === '') return text;
  const match = /^\{\.?([^{}]+)\}$|^\.?([^{}]+)$/.exec(text);
  if (!match) {
    throw fail(
      "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'",
    );
  }
  return `{.${match[1] ?? match[2]}}`;
}

/** Objects and lists as sorted JSON on one line, the rest as plain text. */
export function printJsonPathResult(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    return compactSorted(value).replace(
      /[<>&\u2028\u2029]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
  }
  return value === null ? 'null' : String(value);
}

function compactSorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(compactSorted).join(',')}]`;
  if (!isObject(value)) return stringifyJson(value) ?? 'null';
  const fields = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort(compareBytes)
    .map((key) => `${JSON.stringify(key)}:${compactSorted(value[key])}`);
  return `{${fields.join(',')}}`;
}

/** Values one step below: of lists in order, of objects by sorted key. */
function childrenOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  if (typeof value === 'string') return [...value];
  if (!isObject(value)) return [];
  return Object.keys(value)
    .sort(compareBytes)
    .map((key) => value[key])
    .filter((child) => child !== undefined);
}

function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (isObject(value)) return 'map[string]interface {}';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return typeof value;
}

/** One run of a template: `{range}` and `{end}` are state, as upstream keeps them. */
class Evaluation {
  readonly #nodes: readonly JsonPathNode[];
  readonly #allowMissing: boolean;
  #beginRange = 0;
  #inRange = 0;
  #endRange = 0;
  #lastEnd = -1;

  constructor(nodes: readonly JsonPathNode[], allowMissing: boolean) {
    this.#nodes = nodes;
    this.#allowMissing = allowMissing;
  }

  /** Results of the nodes from `first` on, up to the `{end}` that closes the range they are in. */
  find(first: number, data: unknown): unknown[][] {
    const out: unknown[][] = [];
    for (let i = first; i < this.#nodes.length; i++) {
      const results = this.#walk([data], this.#nodes[i]!);
      if (this.#endRange > 0 && this.#endRange <= this.#inRange) {
        this.#endRange--;
        this.#lastEnd = i;
        break;
      }
      if (this.#beginRange === 0) {
        out.push(results);
        continue;
      }
      this.#beginRange--;
      this.#inRange++;
      if (results.length === 0) this.find(i + 1, null);
      else for (const value of results) out.push(...this.find(i + 1, value));
      this.#inRange--;
      if (this.#lastEnd > i) i = this.#lastEnd;
    }
    return out;
  }

  #walk(input: unknown[], node: JsonPathNode): unknown[] {
    switch (node.kind) {
      case 'list':
        return node.nodes.reduce<unknown[]>((current, inner) => this.#walk(current, inner), input);
      case 'text':
        return [node.text];
      case 'literal':
        return input.map(() => node.value);
      case 'field':
        return this.#field(input, node.name);
      case 'wildcard':
        return input.flatMap(childrenOf);
      case 'recursive':
        return input.flatMap((value) => this.#recursive(value));
      case 'union':
        return node.nodes.flatMap((inner) => this.#walk(input, inner));
      case 'slice':
        return this.#slice(input, node);
      case 'filter':
        return this.#filter(input, node);
      case 'identifier':
        if (node.name === 'range') {
          this.#beginRange++;
          return input;
        }
        if (node.name !== 'end') throw fail(`unrecognized identifier ${node.name}`);
        if (this.#inRange === 0) throw fail('not in range, nothing to end');
        this.#endRange++;
        return [];
    }
  }

  #field(input: readonly unknown[], name: string): unknown[] {
    if (input.length === 0) return [];
    const results: unknown[] = [];
    for (const value of input) {
      if (isObject(value) && Object.hasOwn(value, name) && value[name] !== undefined) results.push(value[name]);
    }
    if (results.length === 0 && !this.#allowMissing) throw fail(`${name} is not found`);
    return results;
  }

  #recursive(value: unknown): unknown[] {
    const children = childrenOf(value);
    if (children.length === 0 || (typeof value === 'string' && value.length <= 1)) return [];
    return [value, ...children.flatMap((child) => (typeof value === 'string' ? [] : this.#recursive(child)))];
  }

  #slice(input: readonly unknown[], node: Extract<JsonPathNode, { kind: 'slice' }>): unknown[] {
    const out: unknown[] = [];
    for (const list of input) {
      if (list === null) continue;
      if (!Array.isArray(list)) throw fail(`${goType(list)} is not array or slice`);
      const length = list.length;
      let start = node.start.known ? node.start.value : 0;
      if (start < 0) start += length;
      let end = node.end.known ? node.end.value : length;
      if (end < 0 || (end === 0 && node.end.derived)) end += length;
      if (start === end) return out;
      if (start >= length || start < 0) throw fail(`array index out of bounds: index ${start}, length ${length}`);
      if (end > length || end < 0) throw fail(`array index out of bounds: index ${end - 1}, length ${length}`);
      if (start > end) throw fail(`starting index ${start} is greater than ending index ${end}`);
      const step = node.step.known ? node.step.value : 1;
      if (step <= 0) throw fail('step must be > 0');
      for (let i = start; i < end; i += step) out.push(list[i]);
    }
    return out;
  }

  #filter(input: readonly unknown[], node: Extract<JsonPathNode, { kind: 'filter' }>): unknown[] {
    const out: unknown[] = [];
    for (const list of input) {
      if (!Array.isArray(list)) {
        throw fail(`${printJsonPathResult(list)} is not array or slice and cannot be filtered`);
      }
      for (const item of list) if (this.#passes(item, node)) out.push(item);
    }
    return out;
  }

  #passes(item: unknown, node: Extract<JsonPathNode, { kind: 'filter' }>): boolean {
    if (node.operator === 'exists') {
      try {
        return this.#walk([item], node.left).length > 0;
      } catch (error) {
        if (error instanceof FormatError) return false;
        throw error;
      }
    }
    const operands: unknown[] = [];
    for (const side of [node.left, node.right]) {
      const values = this.#walk([item], side);
      if (values.length === 0) return false;
      if (values.length > 1) throw fail('can only compare one element at a time');
      operands.push(values[0]);
    }
    return compare(operands[0], operands[1], node.operator);
  }
}

function compare(left: unknown, right: unknown, operator: string): boolean {
  const kind = (value: unknown): string => (typeof value === 'bigint' ? 'number' : typeof value);
  if (!['<', '>', '==', '!=', '<=', '>='].includes(operator)) throw fail(`unrecognized filter operator ${operator}`);
  if (typeof left === 'object' || typeof right === 'object') throw fail('invalid type for comparison');
  if (kind(left) !== kind(right)) throw fail('incompatible types for comparison');
  const equal = deepEqual(left, right);
  if (operator === '==') return equal;
  if (operator === '!=') return !equal;
  if (kind(left) === 'boolean') throw fail('invalid type for comparison');
  const less =
    typeof left === 'string' ? compareBytes(left, right as string) < 0 : (left as number) < (right as number);
  switch (operator) {
    case '<':
      return less;
    case '<=':
      return less || equal;
    case '>':
      return !less && !equal;
    default:
      return !less;
  }
}
