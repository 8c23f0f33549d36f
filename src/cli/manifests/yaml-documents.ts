/** The `yaml` package as kubectl's reader: its tree with offsets, our table of what plain scalars mean. */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import {
  isObject,
  resolvePlain,
  type SourcePosition,
  setOwn,
  splitFieldPath,
  type YamlDocument,
} from '../../apimachinery/index.ts';
import type { ReadYaml, YamlProblem } from './yaml.ts';

/** Values that aliases may copy into one file: a billion laughs stop here. */
const aliasNodesMax = 1_000_000;

/** All documents of a text; each that cannot be read is a problem. */
export function readDocuments(text: string, file: string): ReadYaml {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, {
    schema: 'failsafe',
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: 'silent',
  });
  const position = (offset: number): SourcePosition => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const documents: YamlDocument[] = [];
  const problems: YamlProblem[] = [];
  for (const document of Array.isArray(parsed) ? parsed : []) {
    const error = document.errors[0];
    if (error) {
      problems.push({ position: position(error.pos[0]), reason: reasonOf(error.code, error.message) });
      continue;
    }
    try {
      const read = new DocumentReader(document, position).read();
      if (read) documents.push(read);
    } catch (error) {
      if (!(error instanceof PlacedError)) throw error;
      problems.push({ position: position(error.offset), reason: error.message });
    }
  }
  return { documents, problems };
}

/** The parser's words, where kubectl's users know better ones. */
function reasonOf(code: string, message: string): string {
  switch (code) {
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'mapping values are not allowed in this context';
    case 'TAB_AS_INDENT':
      return 'found character that cannot start any token: tabs are not allowed as indentation';
    default:
      return message.charAt(0).toLowerCase() + message.slice(1);
  }
}

class PlacedError extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

class DocumentReader {
  readonly #document: { readonly contents: unknown };
  readonly #position: (offset: number) => SourcePosition;
  readonly #anchors = new Map<string, unknown>();
  readonly #path: string[] = [];
  readonly #duplicates = new Set<string>();
  #copied = 0;

  constructor(document: { readonly contents: unknown }, position: (offset: number) => SourcePosition) {
    this.#document = document;
    this.#position = position;
  }

  read(): YamlDocument | undefined {
    const root = this.#document.contents as Node | null;
    const value = this.#node(root);
    if (value === null || !root) return undefined;
    return {
      value,
      duplicates: [...this.#duplicates],
      position: this.#position(offsetOf(root)),
      locate: (path) => this.#position(locate(root, typeof path === 'string' ? splitFieldPath(path) : path)),
    };
  }

  #node(node: Node | null): unknown {
    if (!node) return null;
    if (isAlias(node)) {
      const { source } = node;
      if (!this.#anchors.has(source)) throw new PlacedError(`unknown anchor '${source}' referenced`, offsetOf(node));
      const aliased = this.#anchors.get(source);
      this.#copied += countNodes(aliased);
      if (this.#copied > aliasNodesMax) {
        throw new PlacedError('document contains excessive aliasing', offsetOf(node));
      }
      return structuredClone(aliased);
    }
    let value: unknown;
    if (isMap(node)) value = this.#map(node as YAMLMap<Node, Node | null>);
    else if (isSeq(node)) value = this.#sequence(node as YAMLSeq<Node>);
    else value = scalarValue(node as Scalar);
    if (node.anchor) this.#anchors.set(node.anchor, value);
    return value;
  }

  #sequence(node: { items: Node[] }): unknown[] {
    return node.items.map((item, i) => {
      this.#path.push(`[${i}]`);
      const value = this.#node(item);
      this.#path.pop();
      return value;
    });
  }

  #map(node: { items: Pair<Node, Node | null>[] }): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    const merged: Record<string, unknown>[] = [];
    for (const { key: keyNode, value: valueNode } of node.items) {
      const key = this.#node(keyNode);
      if (typeof key === 'object' && key !== null) {
        throw new PlacedError('a mapping key must be a scalar', offsetOf(keyNode));
      }
      const text = key === null ? 'null' : String(key);
      if (text === '<<' && (keyNode as unknown as Scalar).type === 'PLAIN') {
        merged.push(...this.#mergeSources(valueNode, keyNode));
        continue;
      }
      const path = this.#path.length === 0 ? text : `.${text}`;
      if (Object.hasOwn(out, text))
        this.#duplicates.add(`duplicate field ${JSON.stringify(this.#path.join('') + path)}`);
      this.#path.push(path);
      setOwn(out, text, this.#node(valueNode));
      this.#path.pop();
    }
    for (const source of merged) {
      for (const key of Object.keys(source)) if (!Object.hasOwn(out, key)) setOwn(out, key, source[key]);
    }
    return out;
  }

  #mergeSources(node: Node | null, key: Node): Record<string, unknown>[] {
    const value = this.#node(node);
    const sources = Array.isArray(value) ? value : [value];
    if (!sources.every(isObject)) {
      throw new PlacedError('map merge requires map or sequence of maps as the value', offsetOf(key));
    }
    return sources as Record<string, unknown>[];
  }
}

function scalarValue(node: Scalar): unknown {
  const { value } = node;
  if (typeof value !== 'string') return value ?? null;
  const tag = node.tag ?? '';
  const resolves = tag === '' ? node.type === 'PLAIN' : /^tag:yaml\.org,2002:(null|bool|int|float)$/.test(tag);
  if (!resolves) return value;
  const scalar = resolvePlain(value);
  switch (scalar.kind) {
    case 'null':
      return null;
    case 'boolean':
      return scalar.value;
    case 'number':
      if (typeof scalar.value === 'number' && !Number.isFinite(scalar.value)) {
        throw new PlacedError(`json: unsupported value: ${value}`, offsetOf(node as unknown as Node));
      }
      return scalar.value;
    default:
      return value;
  }
}

function offsetOf(node: Node): number {
  return (node as { range?: [number, number, number] }).range?.[0] ?? 0;
}

function countNodes(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((count: number, item) => count + countNodes(item), 1);
  return isObject(value) ? Object.values(value).reduce((count: number, item) => count + countNodes(item), 1) : 1;
}

/** Offset of the field's key (or the item) at the end of the path, as far as the path exists. */
function locate(root: Node, steps: readonly (string | number)[]): number {
  let node: Node | null = root;
  let offset = offsetOf(root);
  for (const step of steps) {
    if (isMap<Node, Node | null>(node)) {
      const pair: Pair<Node, Node | null> | undefined = node.items.findLast(
        ({ key }) => isScalar(key) && key.value === String(step),
      );
      if (!pair) return offset;
      offset = offsetOf(pair.key);
      node = pair.value;
    } else if (isSeq<Node>(node)) {
      const item: Node | undefined = node.items[Number(step)];
      if (!item) return offset;
      offset = offsetOf(item);
      node = item;
    } else return offset;
  }
  return offset;
}
