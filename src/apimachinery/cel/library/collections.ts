/**
 * Lists (Kubernetes' and the extension's version 3), sets, optionals, insertion for transformMap.
 * Upstream: apiserver/pkg/cel/library/lists.go, cel-go ext/{lists,sets,comprehensions}.go, cel/library.go.
 */
import type { FunctionTable } from '../functions.ts';
import {
  ArrayList,
  CelFailure,
  CelList,
  CelMap,
  compareValues,
  Duration,
  noSuchOverload,
  OpaqueValue,
  Optional,
  TableMap,
  Timestamp,
  typeNameOf,
  Uint,
  type Value,
  valuesEqual,
} from '../values.ts';
import { duration, int } from './standard.ts';

const summable = ['int', 'uint', 'double', 'duration'] as const;
const comparable = ['int', 'uint', 'double', 'bool', 'duration', 'timestamp', 'string', 'bytes'] as const;

function sum(list: CelList, zero: Value): Value {
  let total = zero;
  for (const item of list.items) {
    if (typeof total === 'bigint' && typeof item === 'bigint') total = int(total + item);
    else if (typeof total === 'number' && typeof item === 'number') total += item;
    else if (total instanceof Uint && item instanceof Uint) {
      const value: bigint = total.value + item.value;
      if (value >= 2n ** 64n) return new CelFailure('unsigned integer overflow');
      total = new Uint(value);
    } else if (total instanceof Duration && item instanceof Duration) total = duration(total.ns + item.ns);
    else return total instanceof CelFailure ? total : noSuchOverload;
  }
  return total;
}

function extreme(list: CelList, name: 'min' | 'max'): Value {
  let best: Value | undefined;
  for (const item of list.items) {
    if (best === undefined) best = item;
    else {
      const order = compareValues(item, best);
      if (order === undefined) return noSuchOverload;
      if (name === 'min' ? order < 0 : order > 0) best = item;
    }
  }
  return best ?? new CelFailure(`${name} called on empty list`);
}

function isSorted(list: CelList): Value {
  const { items } = list;
  for (let i = 1; i < items.length; i++) {
    const order = compareValues(items[i - 1]!, items[i]!);
    if (order === undefined) return noSuchOverload;
    if (order > 0) return false;
  }
  return true;
}

function addKubernetesLists(table: FunctionTable): void {
  const zero = { int: 0n, uint: new Uint(0n), double: 0, duration: new Duration(0n) } as const;
  for (const type of comparable) {
    table.add('isSorted', `list_${type}_is_sorted_bool`, `list<${type}>.(): bool`, isSorted);
    table.add('min', `list_${type}_min_${type}`, `list<${type}>.(): ${type}`, (list: CelList) => extreme(list, 'min'));
    table.add('max', `list_${type}_max_${type}`, `list<${type}>.(): ${type}`, (list: CelList) => extreme(list, 'max'));
  }
  for (const type of summable) {
    table.add('sum', `list_${type}_sum_${type}`, `list<${type}>.(): ${type}`, (list: CelList) => sum(list, zero[type]));
  }
  table.add('indexOf', 'list_a_index_of_int', 'list<A>.(A): int', (list: CelList, item: Value) =>
    BigInt(list.items.findIndex((other) => valuesEqual(other, item))),
  );
  table.add('lastIndexOf', 'list_a_last_index_of_int', 'list<A>.(A): int', (list: CelList, item: Value) =>
    BigInt(list.items.findLastIndex((other) => valuesEqual(other, item))),
  );
}

function flatten(list: CelList, depth: number): readonly Value[] {
  return list.items.flatMap((item) => (item instanceof CelList && depth > 0 ? flatten(item, depth - 1) : [item]));
}

function slice(list: CelList, start: bigint, end: bigint): Value {
  if (start < 0n || end < 0n) return new CelFailure(`cannot slice(${start}, ${end}), negative indexes not supported`);
  if (start > end)
    return new CelFailure(`cannot slice(${start}, ${end}), start index must be less than or equal to end index`);
  if (end > BigInt(list.length)) {
    return new CelFailure(`cannot slice(${start}, ${end}), list is length ${list.length}`);
  }
  return new ArrayList(list.items.slice(Number(start), Number(end)));
}

function sortBy(list: CelList, keys: CelList): Value {
  if (list.length !== keys.length) {
    return new CelFailure(
      `@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got ${list.length} and ${keys.length} elements respectively`,
    );
  }
  const first = keys.items[0];
  if (first !== undefined && compareValues(first, first) === undefined)
    return new CelFailure('list elements must be comparable');
  if (keys.items.some((key) => typeNameOf(key) !== typeNameOf(first!))) {
    return new CelFailure('list elements must have the same type');
  }
  const order = keys.items.map((_key, i) => i).sort((a, b) => compareValues(keys.items[a]!, keys.items[b]!)!);
  return new ArrayList(order.map((i) => list.items[i]!));
}

function distinct(list: CelList): Value {
  const kept: Value[] = [];
  for (const item of list.items) if (!kept.some((other) => valuesEqual(other, item))) kept.push(item);
  return new ArrayList(kept);
}

const maxRange = 1_000_000n;

function addListExtension(table: FunctionTable): void {
  table.add('slice', 'list_slice', 'list<T>.(int, int): list<T>', slice);
  table.add('flatten', 'list_flatten', 'list<list<T>>.(): list<T>', (list: CelList) => new ArrayList(flatten(list, 1)));
  table.add('flatten', 'list_flatten_int', 'list<dyn>.(int): list<dyn>', (list: CelList, depth: bigint) =>
    depth < 0n ? new CelFailure('level must be non-negative') : new ArrayList(flatten(list, Number(depth))),
  );
  for (const type of comparable) {
    table.add('sort', `list_${type}_sort`, `list<${type}>.(): list<${type}>`, (list: CelList) => sortBy(list, list));
    table.add('@sortByAssociatedKeys', `list_${type}_sortByAssociatedKeys`, `list<T>.(list<${type}>): list<T>`, sortBy);
  }
  table.add('lists.range', 'lists_range', '(int): list<int>', (count: bigint) => {
    if (count > maxRange) return new CelFailure(`lists.range(${count}) is too large`);
    return new ArrayList(Array.from({ length: Math.max(0, Number(count)) }, (_none, i) => BigInt(i)));
  });
  table.add(
    'reverse',
    'list_reverse',
    'list<T>.(): list<T>',
    (list: CelList) => new ArrayList(list.items.toReversed()),
  );
  table.add('distinct', 'list_distinct', 'list<T>.(): list<T>', distinct);
}

const containsAll = (list: CelList, sub: CelList): boolean =>
  sub.items.every((item) => list.items.some((other) => valuesEqual(item, other)));

function addSets(table: FunctionTable): void {
  table.add('sets.contains', 'list_sets_contains_list', '(list<T>, list<T>): bool', containsAll);
  table.add(
    'sets.equivalent',
    'list_sets_equivalent_list',
    '(list<T>, list<T>): bool',
    (a: CelList, b: CelList) => containsAll(a, b) && containsAll(b, a),
  );
  table.add('sets.intersects', 'list_sets_intersects_list', '(list<T>, list<T>): bool', (a: CelList, b: CelList) =>
    a.items.some((item) => b.items.some((other) => valuesEqual(item, other))),
  );
}

function isZero(value: Value): boolean {
  if (value === null || value === false || value === '' || value === 0n || value === 0) return true;
  if (value instanceof Uint) return value.value === 0n;
  if (value instanceof Uint8Array || value instanceof CelList) return value.length === 0;
  if (value instanceof CelMap) return value.size === 0;
  if (value instanceof Duration) return value.ns === 0n;
  if (value instanceof Timestamp || value instanceof OpaqueValue) return false;
  return value instanceof Optional && value.value === undefined;
}

function present(list: CelList): Value {
  return new ArrayList(
    list.items.flatMap((item) => (item instanceof Optional && item.value !== undefined ? [item.value] : [])),
  );
}

function addOptionals(table: FunctionTable): void {
  const planned = (): Value => noSuchOverload;
  const of = (value: Value | undefined): Value => (value === undefined ? Optional.none : new Optional(value));
  table.add('optional.of', 'optional_of', '(V): optional<V>', of);
  table.add('optional.ofNonZeroValue', 'optional_ofNonZeroValue', '(V): optional<V>', (value: Value) =>
    isZero(value) ? Optional.none : of(value),
  );
  table.add('optional.none', 'optional_none', '(): optional<V>', () => Optional.none);
  table.add('value', 'optional_value', 'optional<V>.(): V', (optional: Optional) =>
    optional.value === undefined ? new CelFailure('optional.none() dereference') : optional.value,
  );
  table.add(
    'hasValue',
    'optional_hasValue',
    'optional<V>.(): bool',
    (optional: Optional) => optional.value !== undefined,
  );
  table.add('or', 'optional_or_optional', 'optional<V>.(optional<V>): optional<V>', (a: Optional, b: Optional) =>
    a.value === undefined ? b : a,
  );
  table.add('orValue', 'optional_orValue_value', 'optional<V>.(V): V', (a: Optional, b: Value) =>
    a.value === undefined ? b : a.value,
  );
  table.add('_?._', 'select_optional_field', '(dyn, string): optional<V>', planned);
  table.add('_[?_]', 'list_optindex_optional_int', '(list<V>, int): optional<V>', planned);
  table.add('_[?_]', 'optional_list_optindex_optional_int', '(optional<list<V>>, int): optional<V>', planned);
  table.add('_[?_]', 'map_optindex_optional_value', '(map<K, V>, K): optional<V>', planned);
  table.add('_[?_]', 'optional_map_optindex_optional_value', '(optional<map<K, V>>, K): optional<V>', planned);
  table.add('first', 'list_first', 'list<V>.(): optional<V>', (list: CelList) => of(list.items[0]));
  table.add('last', 'list_last', 'list<V>.(): optional<V>', (list: CelList) => of(list.items.at(-1)));
  table.add('optional.unwrap', 'optional_unwrap', '(list<optional<V>>): list<V>', present);
  table.add('unwrapOpt', 'optional_unwrapOpt', 'list<optional<V>>.(): list<V>', present);
}

function addMapInsert(table: FunctionTable): void {
  const copy = (map: CelMap): TableMap =>
    map instanceof TableMap ? map : TableMap.of(map.keys().map((key) => [key, map.get(key)!]));
  table.add(
    'cel.@mapInsert',
    '@mapInsert_map_key_value',
    '(map<K, V>, K, V): map<K, V>',
    (map: CelMap, key: Value, value: Value) => copy(map).with([[key, value]]),
  );
  table.add('cel.@mapInsert', '@mapInsert_map_map', '(map<K, V>, map<K, V>): map<K, V>', (map: CelMap, other: CelMap) =>
    copy(map).with(other.keys().map((key) => [key, other.get(key)!])),
  );
}

export function addCollectionFunctions(table: FunctionTable): void {
  addKubernetesLists(table);
  addListExtension(table);
  addSets(table);
  addOptionals(table);
  addMapInsert(table);
}
