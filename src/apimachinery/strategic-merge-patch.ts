/** Applying strategic merge patches. Upstream: apimachinery/pkg/util/strategicpatch/patch.go (mergeMap and below). */
import { deepCopy, deepEqual, getOwn, isObject, setOwn } from './json-value.ts';
import type { Schema, SchemaSet } from './schema.ts';
import {
  asMap,
  badPatch,
  badPrimitiveListFormat,
  badRetainKeysFormat,
  badSetElementOrderFormat,
  deleteFromPrimitiveList,
  directive,
  elementKind,
  goText,
  goTypeOf,
  type JsonMap,
  mergeKeyOf,
  mergeOrdered,
  PatchSchema,
  retainKeysDirective,
  setElementOrder,
  sortByOrder,
  uniqueScalars,
  unprocessablePatch,
  wrongType,
} from './strategic-merge-schema.ts';

export interface MergeOptions {
  /** Directives for parallel lists are carried out; otherwise they are kept (when patches are merged with patches). */
  readonly mergeParallelList: boolean;
  /** Nulls that match nothing are dropped; otherwise they are kept. */
  readonly ignoreUnmatchedNulls: boolean;
}

/**
 * The changed document; both arguments are left alone. A schema that keeps unknown fields merges without merge keys.
 * @throws FormatError InvalidPatch (bad directives) or UnprocessablePatch (the patch does not fit).
 */
export function applyStrategicMergePatch<T>(document: T, patch: unknown, schema: Schema, schemas: SchemaSet): T {
  if (!isObject(patch)) throw badPatch('invalid JSON document');
  const options = { mergeParallelList: true, ignoreUnmatchedNulls: true };
  return mergeMap(deepCopy(document) as JsonMap, deepCopy(patch), new PatchSchema(schema, schemas), options) as T;
}

/** Merges `patch` into `original`; both are consumed. */
export function mergeMap(original: JsonMap, patch: JsonMap, schema: PatchSchema, options: MergeOptions): JsonMap {
  if (Object.hasOwn(patch, directive)) {
    const kind = patch[directive];
    if (kind === 'replace') {
      delete patch[directive];
      return patch;
    }
    if (kind === 'delete') return {};
    throw unprocessablePatch(`unknown patch type: ${goText(kind)} in map: ${goText(patch)}`);
  }
  retainKeys(original, patch, options);
  orderLists(original, patch, schema, options);
  for (const patchKey of Object.keys(patch)) {
    const change = patch[patchKey];
    let key = patchKey;
    const deletesFromList = patchKey.startsWith(deleteFromPrimitiveList.slice(0, -1));
    if (deletesFromList) {
      if (!options.mergeParallelList) {
        setOwn(original, patchKey, change);
        continue;
      }
      if (!patchKey.startsWith(deleteFromPrimitiveList)) throw badPatch(badPrimitiveListFormat);
      key = patchKey.slice(deleteFromPrimitiveList.length);
    }
    if (change === null) {
      delete original[key];
      if (options.ignoreUnmatchedNulls) continue;
    }
    const current = getOwn(original, key);
    if (!Object.hasOwn(original, key) || goTypeOf(current) !== goTypeOf(change)) {
      if (!deletesFromList) setWithoutDirectives(original, key, change, options);
      continue;
    }
    if (isObject(current)) {
      const { strategy, inner } = schema.field(key);
      const merged = strategy === 'replace' ? change : mergeMap(current, change as JsonMap, inner, options);
      setOwn(original, key, merged);
    } else if (Array.isArray(current)) {
      const { strategy, mergeKey, inner } = schema.field(key);
      const merged =
        strategy === 'merge' || deletesFromList
          ? mergeLists(current, change as unknown[], inner, mergeKey, options, deletesFromList)
          : change;
      setOwn(original, key, merged);
    } else {
      setOwn(original, key, change);
    }
  }
  return original;
}

function setWithoutDirectives(target: JsonMap, key: string, change: unknown, options: MergeOptions): void {
  if (options.ignoreUnmatchedNulls) dropNulls(change);
  const value = withoutDirectives(change);
  if (value === undefined) delete target[key];
  else setOwn(target, key, value);
}

function dropNulls(value: unknown): void {
  if (Array.isArray(value)) for (const item of value) dropNulls(item);
  if (!isObject(value)) return;
  for (const key of Object.keys(value)) {
    if (value[key] === null) delete value[key];
    else dropNulls(value[key]);
  }
}

/** Undefined when the value itself is a directive. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isObject(value)) return value;
  if (Object.hasOwn(value, directive)) return undefined;
  for (const key of Object.keys(value)) {
    const inner = withoutDirectives(value[key]);
    if (inner === undefined) delete value[key];
    else setOwn(value, key, inner);
  }
  return value;
}

function retainKeys(original: JsonMap, patch: JsonMap, options: MergeOptions): void {
  if (!Object.hasOwn(patch, retainKeysDirective)) return;
  const list = patch[retainKeysDirective];
  delete patch[retainKeysDirective];
  if (!options.mergeParallelList) {
    const own = getOwn(original, retainKeysDirective);
    if (own !== undefined && !deepEqual(own, list)) {
      throw unprocessablePatch(
        `${goText(own)} and ${goText(list)} are not deep equal: this may happen when calculating the 3-way diff patch`,
      );
    }
    original[retainKeysDirective] = list;
    return;
  }
  if (!Array.isArray(list)) throw badPatch(badRetainKeysFormat);
  const kept = new Set<unknown>(list);
  for (const key of Object.keys(patch)) {
    if (patch[key] === null || key.startsWith(deleteFromPrimitiveList) || key.startsWith(setElementOrder)) continue;
    if (!kept.has(key)) throw badPatch(badRetainKeysFormat);
  }
  for (const key of Object.keys(original)) if (!kept.has(key)) delete original[key];
}

/** Carries out `$setElementOrder/<list>`, together with the patch of that list. */
function orderLists(original: JsonMap, patch: JsonMap, schema: PatchSchema, options: MergeOptions): void {
  for (const directiveKey of Object.keys(patch)) {
    if (!directiveKey.startsWith(setElementOrder.slice(0, -1))) continue;
    const order = patch[directiveKey];
    if (!options.mergeParallelList) {
      const own = getOwn(original, directiveKey);
      if (own !== undefined && !deepEqual(own, order)) throw badPatch(badSetElementOrderFormat);
      setOwn(original, directiveKey, order);
    }
    delete patch[directiveKey];
    if (!Array.isArray(order)) throw wrongType('[]interface {}', order);
    if (!directiveKey.startsWith(setElementOrder)) throw badPatch(badSetElementOrderFormat);
    const key = directiveKey.slice(setElementOrder.length);
    const current = getOwn(original, key);
    const change = getOwn(patch, key);
    if (current !== undefined && !Array.isArray(current)) throw wrongType('[]interface {}', current);
    if (change !== undefined && !Array.isArray(change)) throw wrongType('[]interface {}', change);
    const { strategy, mergeKey, inner } = schema.field(key);
    checkAgainstOrder(change ?? [], order, mergeKey);
    let merged: unknown[];
    if (current && change) {
      merged = strategy === 'merge' ? mergeLists(current, change, inner, mergeKey, options, false) : change;
    } else if (current) merged = current;
    else if (change) merged = withoutDirectives(change) as unknown[];
    else continue;
    const inOrder = (item: unknown): boolean =>
      order.some((wanted) =>
        mergeKey === '' ? deepEqual(wanted, item) : deepEqual(asMap(wanted)[mergeKey], mergeKeyOf(item, mergeKey)),
      );
    const patched = sortByOrder(merged.filter(inOrder), order, mergeKey);
    const serverOnly = sortByOrder(
      merged.filter((item) => !inOrder(item)),
      current ?? [],
      mergeKey,
    );
    setOwn(original, key, mergeOrdered(serverOnly, patched, current ?? [], mergeKey));
    delete patch[key];
  }
}

/** The patch of a list must be in the order that its `$setElementOrder` says. */
function checkAgainstOrder(patchList: readonly unknown[], order: readonly unknown[], mergeKey: string): void {
  if (order.length === 0 || patchList.length === 0) return;
  const items = mergeKey === '' ? patchList : patchList.filter((item) => asMap(item)[directive] !== 'delete');
  let next = 0;
  let at = 0;
  while (next < items.length && at < order.length) {
    const item = items[next];
    if (isObject(item) && Object.hasOwn(item, directive)) {
      next++;
      continue;
    }
    const same =
      mergeKey === ''
        ? deepEqual(item, order[at])
        : deepEqual(mergeKeyOf(item, mergeKey), mergeKeyOf(order[at], mergeKey));
    if (same) next++;
    at++;
  }
  if (next < items.length && at >= order.length) {
    throw unprocessablePatch(
      `The order in patch list:\n${goText(patchList)}\n doesn't match $setElementOrder list:\n${goText(order)}\n`,
    );
  }
}

function mergeLists(
  original: unknown[],
  patch: unknown[],
  schema: PatchSchema,
  mergeKey: string,
  options: MergeOptions,
  deletes: boolean,
): unknown[] {
  if (original.length === 0 && patch.length === 0) return original;
  let before = original;
  let changes = patch;
  let merged: unknown[];
  if (elementKind(original, patch) === 'scalar') {
    if (options.mergeParallelList && deletes) return original.filter((item) => !patch.includes(item));
    merged = uniqueScalars([...original, ...patch]);
  } else {
    if (mergeKey === '') throw unprocessablePatch('cannot merge lists without merge key for struct');
    const special = carryOutDirectives(original, patch, mergeKey);
    // A list that was replaced is in its own order.
    before = special.original;
    changes = special.patch;
    merged = mergeItems(before, changes, schema, mergeKey, options);
  }
  const fromPatch = (item: unknown): boolean =>
    changes.some((change) =>
      mergeKey === '' ? deepEqual(change, item) : deepEqual(asMap(change)[mergeKey], mergeKeyOf(item, mergeKey)),
    );
  const patched = sortByOrder(merged.filter(fromPatch), changes, mergeKey);
  const serverOnly = sortByOrder(
    merged.filter((item) => !fromPatch(item)),
    before,
    mergeKey,
  );
  return mergeOrdered(serverOnly, patched, before, mergeKey);
}

/** Items of a patch list may be `$patch: delete` of the item with their key, or `$patch: replace` of the whole list. */
function carryOutDirectives(
  original: unknown[],
  patch: readonly unknown[],
  mergeKey: string,
): { original: unknown[]; patch: unknown[] } {
  const plain: unknown[] = [];
  let kept = original;
  let replaces = false;
  for (const item of patch) {
    const map = asMap(item);
    switch (map[directive]) {
      case undefined:
        plain.push(item);
        break;
      case 'delete': {
        const key = mergeKeyOf(map, mergeKey);
        kept = kept.filter((candidate) => !deepEqual(getOwn(asMap(candidate), mergeKey), key));
        break;
      }
      case 'replace':
        replaces = true;
        break;
      case 'merge':
        throw unprocessablePatch('merging lists cannot yet be specified in the patch');
      default:
        throw unprocessablePatch(`unknown patch type: ${goText(map[directive])} in map: ${goText(map)}`);
    }
  }
  return replaces ? { original: plain, patch: [] } : { original: kept, patch: plain };
}

function mergeItems(
  original: readonly unknown[],
  patch: readonly unknown[],
  schema: PatchSchema,
  mergeKey: string,
  options: MergeOptions,
): unknown[] {
  const out = [...original];
  for (const change of patch) {
    const key = mergeKeyOf(change, mergeKey);
    const at = out.findIndex((item) => deepEqual(getOwn(asMap(item), mergeKey), key));
    if (at < 0) out.push(change);
    else out[at] = mergeMap(asMap(out[at]), asMap(change), schema, options);
  }
  return out;
}
