/** What strategic merge patch needs of a schema, and the rules its applying and its making share. */
import { FormatError } from './format-error.ts';
import { deepEqual, isObject } from './json-value.ts';
import type { Schema, SchemaSet } from './schema.ts';

export type JsonMap = Record<string, unknown>;

export const directive = '$patch';
export const retainKeysDirective = '$retainKeys';
export const deleteFromPrimitiveList = '$deleteFromPrimitiveList/';
export const setElementOrder = '$setElementOrder/';

export const badPatch = (message: string): FormatError => new FormatError('InvalidPatch', message);
export const unprocessablePatch = (message: string): FormatError => new FormatError('UnprocessablePatch', message);

export const badPrimitiveListFormat = 'invalid patch format of primitive list';
export const badRetainKeysFormat = 'invalid patch format of retainKeys';
export const badSetElementOrderFormat = 'invalid patch format of setElementOrder list';

/** How one field is merged. */
export interface FieldStrategy {
  readonly strategy: '' | 'merge' | 'replace';
  readonly retainKeys: boolean;
  /** Empty for lists of scalars. */
  readonly mergeKey: string;
  /** Schema of the field's value; for lists, of their items. */
  readonly inner: PatchSchema;
}

/** A place in a schema. Upstream: strategicpatch's LookupPatchMeta. */
export class PatchSchema {
  readonly #schema: Schema | undefined;
  readonly #schemas: SchemaSet;

  constructor(schema: Schema | undefined, schemas: SchemaSet) {
    this.#schemas = schemas;
    this.#schema = schema === undefined ? undefined : schemas.resolve(schema);
  }

  /** @throws FormatError when a struct has no such field. */
  field(key: string): FieldStrategy {
    const schema = this.#schema;
    let found: Schema | undefined;
    if (schema?.properties && Object.hasOwn(schema.properties, key)) found = schema.properties[key];
    else if (schema?.additionalProperties !== undefined && schema.additionalProperties !== true) {
      found = schema.additionalProperties;
    } else if (schema?.properties && !schema.preserveUnknownFields) {
      throw unprocessablePatch(`unable to find api field in struct for the json field ${JSON.stringify(key)}`);
    }
    const resolved = found === undefined ? undefined : this.#schemas.resolve(found);
    let strategy: FieldStrategy['strategy'] = '';
    let retainKeys = false;
    for (const word of resolved?.patchStrategy?.split(',') ?? []) {
      if (word === 'retainKeys') retainKeys = true;
      else if (word === 'merge' || word === 'replace') strategy = word;
      else throw unprocessablePatch(`unexpected patch strategy: ${word}`);
    }
    const inner = resolved?.type === 'array' ? resolved.items : resolved;
    return {
      strategy,
      retainKeys,
      mergeKey: resolved?.patchMergeKey ?? '',
      inner: new PatchSchema(inner, this.#schemas),
    };
  }
}

/** Go's %v, for sorting and messages. */
export function goText(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (isObject(value)) {
    return `map[${Object.keys(value)
      .sort()
      .map((key) => `${key}:${goText(value[key])}`)
      .join(' ')}]`;
  }
  return String(value);
}

export function noMergeKey(item: unknown, mergeKey: string): FormatError {
  return unprocessablePatch(`map: ${goText(item)} does not contain declared merge key: ${mergeKey}`);
}

export function goTypeOf(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (isObject(value)) return 'map[string]interface {}';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  return Number.isInteger(value) || typeof value === 'bigint' ? 'int64' : 'float64';
}

export function wrongType(expected: string, actual: unknown): FormatError {
  return unprocessablePatch(`expected a ${expected}, but received a ${goTypeOf(actual)}`);
}

/** Lists are of maps or of scalars, not mixed, not of lists. Undefined for no items at all. */
export function elementKind(...lists: (readonly unknown[])[]): 'map' | 'scalar' | undefined {
  let type: string | undefined;
  for (const item of lists.flat(1)) {
    const current = goTypeOf(item);
    if (type === undefined) {
      if (Array.isArray(item)) throw unprocessablePatch('lists of lists are not supported');
      type = current;
    } else if (current !== type) {
      throw unprocessablePatch(`list element types are not identical: ${goText(lists)}`);
    }
  }
  if (type === undefined) return undefined;
  return type === 'map[string]interface {}' ? 'map' : 'scalar';
}

export function sortScalars(list: readonly unknown[]): unknown[] {
  return [...list].sort((a, b) => {
    const [left, right] = [goText(a), goText(b)];
    return left < right ? -1 : left > right ? 1 : 0;
  });
}

export function uniqueScalars(list: readonly unknown[]): unknown[] {
  return [...new Set(list)];
}

export function asMap(item: unknown): JsonMap {
  if (!isObject(item)) throw wrongType('map[string]interface {}', item);
  return item;
}

export function mergeKeyOf(item: unknown, mergeKey: string): unknown {
  const map = asMap(item);
  if (!Object.hasOwn(map, mergeKey)) throw noMergeKey(map, mergeKey);
  return map[mergeKey];
}

/** Position in `order` of the item with the same merge key (or the same scalar). */
function positionIn(order: readonly unknown[], item: unknown, mergeKey: string): number {
  const keyOf = (value: unknown): unknown => (mergeKey === '' ? value : isObject(value) ? value[mergeKey] : undefined);
  const wanted = keyOf(item);
  return order.findIndex((candidate) => deepEqual(keyOf(candidate), wanted));
}

/**
 * Items in the order of `order`, items to delete last. What is not in `order` comes first, last one first: that is what
 * upstream's comparison makes of it.
 */
export function sortByOrder(items: readonly unknown[], order: readonly unknown[], mergeKey: string): unknown[] {
  if (mergeKey !== '') for (const item of [...items, ...order]) mergeKeyOf(item, mergeKey);
  const isDeletion = (item: unknown): boolean => mergeKey !== '' && asMap(item)[directive] === 'delete';
  const kept = items.filter((item) => !isDeletion(item));
  const known = kept.map((item) => ({ item, at: positionIn(order, item, mergeKey) }));
  const strangers = known.filter(({ at }) => at < 0).reverse();
  const ordered = known.filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at);
  return [...strangers, ...ordered].map(({ item }) => item).concat(items.filter(isDeletion));
}

/** Merges two ordered lists; where both items are in `serverOrder` that decides, otherwise the right one goes first. */
export function mergeOrdered(
  left: readonly unknown[],
  right: readonly unknown[],
  serverOrder: readonly unknown[],
  mergeKey: string,
): unknown[] {
  const out: unknown[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length || j < right.length) {
    if (i >= left.length) out.push(right[j++]);
    else if (j >= right.length) out.push(left[i++]);
    else {
      const a = positionIn(serverOrder, left[i], mergeKey);
      const b = positionIn(serverOrder, right[j], mergeKey);
      if (a >= 0 && b >= 0 && a < b) out.push(left[i++]);
      else out.push(right[j++]);
    }
  }
  return out;
}
