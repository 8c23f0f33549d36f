/** Making strategic merge patches. Upstream: apimachinery/pkg/util/strategicpatch/patch.go (diffMaps and below). */
import { deepCopy, deepEqual, getOwn, isObject, setOwn } from './json-value.ts';
import { conflictMessage } from './merge-patch.ts';
import type { Schema, SchemaSet } from './schema.ts';
import { mergeMap } from './strategic-merge-patch.ts';
import {
  asMap,
  badPatch,
  deleteFromPrimitiveList,
  directive,
  elementKind,
  goText,
  goTypeOf,
  type JsonMap,
  mergeKeyOf,
  PatchSchema,
  retainKeysDirective,
  setElementOrder,
  sortByOrder,
  sortScalars,
  uniqueScalars,
} from './strategic-merge-schema.ts';

interface DiffOptions {
  readonly setElementOrder?: boolean;
  readonly ignoreChangesAndAdditions?: boolean;
  readonly ignoreDeletions?: boolean;
  /** Say which keys stay (`$retainKeys`): for unions such as a volume's source. */
  readonly retainKeys?: boolean;
}

/** The patch that makes `modified` of `original`; `{}` when they are equal. */
export function createTwoWayStrategicMergePatch(
  original: unknown,
  modified: unknown,
  schema: Schema,
  schemas: SchemaSet,
): JsonMap {
  const [before, after] = [asDocument(original), asDocument(modified)];
  return deepCopy(diffMaps(before, after, new PatchSchema(schema, schemas), { setElementOrder: true }));
}

export interface ThreeWayOptions {
  /** Changes win over what others changed meanwhile. Default true, as kubectl. */
  readonly overwrite?: boolean;
}

/**
 * What `kubectl apply` sends: deletions from the last applied configuration to the new one, the rest from the live
 * object to the new one.
 * @throws FormatError (InvalidPatch) on a conflict when not `overwrite`.
 */
export function createThreeWayStrategicMergePatch(
  original: unknown,
  modified: unknown,
  current: unknown,
  schema: Schema,
  schemas: SchemaSet,
  options: ThreeWayOptions = {},
): JsonMap {
  const [before, after, live] = [asDocument(original), asDocument(modified), asDocument(current)];
  const root = new PatchSchema(schema, schemas);
  const changes = diffMaps(live, after, root, { ignoreDeletions: true, setElementOrder: true });
  const deletions = diffMaps(before, after, root, { setElementOrder: true, ignoreChangesAndAdditions: true });
  const patch = mergeMap(deepCopy(deletions), deepCopy(changes), root, {
    mergeParallelList: false,
    ignoreUnmatchedNulls: false,
  });
  if (options.overwrite === false) {
    const others = diffMaps(before, live, root, {});
    if (haveConflicts(patch, others, root, '', '')) throw badPatch(conflictMessage(patch, others));
  }
  return patch;
}

function asDocument(value: unknown): JsonMap {
  return isObject(value) ? value : {};
}

function diffMaps(original: JsonMap, modified: JsonMap, schema: PatchSchema, options: DiffOptions): JsonMap {
  const patch: JsonMap = {};
  const retained: string[] = [];
  for (const key of Object.keys(modified)) {
    const value = modified[key];
    if (options.retainKeys && value !== null) retained.push(key);
    const old = getOwn(original, key);
    if (old === undefined || goTypeOf(old) !== goTypeOf(value)) {
      if (!options.ignoreChangesAndAdditions) setOwn(patch, key, value);
    } else if (isObject(old)) {
      diffMapField(key, old, value as JsonMap, patch, schema, options);
    } else if (Array.isArray(old)) {
      diffListField(key, old, value as unknown[], patch, schema, options);
    } else if (!options.ignoreChangesAndAdditions && !deepEqual(old, value)) {
      setOwn(patch, key, value);
    }
  }
  if (!options.ignoreDeletions) {
    for (const key of Object.keys(original)) if (!Object.hasOwn(modified, key)) setOwn(patch, key, null);
  }
  const changed = Object.keys(patch).length > 0 || Object.keys(modified).some((key) => !Object.hasOwn(original, key));
  if (retained.length > 0 && changed) patch[retainKeysDirective] = retained.sort();
  return patch;
}

function diffMapField(
  key: string,
  old: JsonMap,
  value: JsonMap,
  patch: JsonMap,
  schema: PatchSchema,
  options: DiffOptions,
): void {
  if (deepEqual(old, value)) return;
  const { strategy, retainKeys, inner } = schema.field(key);
  if (strategy === 'replace') {
    if (!options.ignoreChangesAndAdditions) setOwn(patch, key, value);
    return;
  }
  const change = diffMaps(old, value, inner, { ...options, retainKeys });
  if (Object.keys(change).length > 0) setOwn(patch, key, change);
}

function diffListField(
  key: string,
  old: readonly unknown[],
  value: readonly unknown[],
  patch: JsonMap,
  schema: PatchSchema,
  options: DiffOptions,
): void {
  if (deepEqual(old, value)) return;
  const { strategy, retainKeys, mergeKey, inner } = schema.field(key);
  if (strategy !== 'merge') {
    if (!options.ignoreChangesAndAdditions) setOwn(patch, key, value);
    return;
  }
  const { changes, deletions, order } = diffLists(old, value, inner, mergeKey, { ...options, retainKeys });
  if (changes.length > 0) setOwn(patch, key, changes);
  if (deletions.length > 0) patch[deleteFromPrimitiveList + key] = deletions;
  if (order.length > 0) patch[setElementOrder + key] = order;
}

interface ListDiff {
  readonly changes: readonly unknown[];
  readonly deletions: readonly unknown[];
  readonly order: readonly unknown[];
}

function diffLists(
  original: readonly unknown[],
  modified: readonly unknown[],
  schema: PatchSchema,
  mergeKey: string,
  options: DiffOptions,
): ListDiff {
  if (original.length === 0) {
    const changes = options.ignoreChangesAndAdditions ? [] : modified;
    return { changes, deletions: [], order: [] };
  }
  if (elementKind(original, modified) === 'scalar') return diffScalars(original, modified, options);
  const { changes, deletions } = diffItems(original, modified, schema, mergeKey, options);
  const patchList = [...sortByOrder(changes, modified, mergeKey), ...deletions];
  const sameOrder =
    original.length === modified.length &&
    original.every((item, i) => deepEqual(mergeKeyOf(item, mergeKey), mergeKeyOf(modified[i], mergeKey)));
  const ordered =
    options.setElementOrder &&
    ((!options.ignoreChangesAndAdditions && (patchList.length > 0 || !sameOrder)) ||
      (!options.ignoreDeletions && patchList.length > 0));
  const order = ordered ? modified.map((item) => ({ [mergeKey]: asMap(item)[mergeKey] })) : [];
  return { changes: patchList, deletions: [], order };
}

function diffScalars(original: readonly unknown[], modified: readonly unknown[], options: DiffOptions): ListDiff {
  const before = sortScalars(original);
  const after = sortScalars(modified);
  const additions: unknown[] = [];
  const deletions: unknown[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    const left = i < before.length ? goText(before[i]) : undefined;
    const right = j < after.length ? goText(after[j]) : undefined;
    if (left !== undefined && left === right) {
      i++;
      j++;
    } else if (left === undefined || (right !== undefined && left > right)) {
      additions.push(after[j++]);
    } else {
      deletions.push(before[i++]);
    }
  }
  const changes = options.ignoreChangesAndAdditions ? [] : sortByOrder(additions, modified, '');
  const removed = options.ignoreDeletions ? [] : uniqueScalars(deletions);
  const ordered =
    options.setElementOrder &&
    (removed.length > 0 || (!options.ignoreChangesAndAdditions && !deepEqual(original, modified)));
  return { changes, deletions: removed, order: ordered ? modified : [] };
}

function diffItems(
  original: readonly unknown[],
  modified: readonly unknown[],
  schema: PatchSchema,
  mergeKey: string,
  options: DiffOptions,
): { changes: JsonMap[]; deletions: JsonMap[] } {
  const byKey = (items: readonly unknown[]): [string, JsonMap][] =>
    items
      .map((item): [string, JsonMap] => [goText(mergeKeyOf(item, mergeKey)), asMap(item)])
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const before = byKey(original);
  const after = byKey(modified);
  const changes: JsonMap[] = [];
  const deletions: JsonMap[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    const [left, old] = before[i] ?? [];
    const [right, item] = after[j] ?? [];
    if (left !== undefined && left === right) {
      const change = diffMaps(old!, item!, schema, options);
      if (Object.keys(change).length > 0) {
        change[mergeKey] = item![mergeKey];
        changes.push(change);
      }
      i++;
      j++;
    } else if (left === undefined || (right !== undefined && left > right)) {
      if (!options.ignoreChangesAndAdditions) changes.push(item!);
      j++;
    } else {
      if (!options.ignoreDeletions) deletions.push({ [mergeKey]: old![mergeKey], [directive]: 'delete' });
      i++;
    }
  }
  return { changes, deletions };
}

/** Two patches set the same place differently. */
function haveConflicts(
  left: unknown,
  right: unknown,
  schema: PatchSchema,
  strategy: string,
  mergeKey: string,
): boolean {
  if (isObject(left)) {
    if (!isObject(right) || left[directive] !== right[directive]) return true;
    if (strategy === 'replace') return false;
    return Object.keys(left).some((key) => {
      if (key === directive || key === retainKeysDirective || !Object.hasOwn(right, key)) return false;
      const value = left[key];
      if (!isObject(value) && !Array.isArray(value)) return haveConflicts(value, right[key], schema, '', '');
      if (key.startsWith('$')) return !deepEqual(value, right[key]);
      const field = schema.field(key);
      return haveConflicts(value, right[key], field.inner, field.strategy, field.mergeKey);
    });
  }
  if (!Array.isArray(left)) return !deepEqual(left, right);
  if (!Array.isArray(right)) return true;
  const kind = elementKind(left, right);
  if (strategy === 'merge') {
    if (kind !== 'map') return false;
    const others = new Map(right.map((item) => [goText(mergeKeyOf(item, mergeKey)), item]));
    return left.some((item) => {
      const key = goText(mergeKeyOf(item, mergeKey));
      return others.has(key) && haveConflicts(item, others.get(key), schema, '', '');
    });
  }
  if (left.length !== right.length) return true;
  const [a, b] =
    kind === 'scalar' ? [sortScalars(uniqueScalars(left)), sortScalars(uniqueScalars(right))] : [left, right];
  return a.length !== b.length || a.some((item, i) => haveConflicts(item, b[i], schema, '', ''));
}
