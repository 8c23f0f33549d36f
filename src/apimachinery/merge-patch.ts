/** JSON Merge Patch (RFC 7386). Upstream: evanphx/json-patch merge.go, apimachinery/pkg/util/jsonmergepatch. */
import { FormatError } from './format-error.ts';
import { deepCopy, deepEqual, getOwn, isObject, setOwn } from './json-value.ts';
import { encodeYaml } from './yaml-encode.ts';

type JsonMap = Record<string, unknown>;

/** The changed document; what the patch does not touch is shared with the given one, the patch is copied. */
export function applyMergePatch<T>(document: T, patch: unknown): T {
  if (!isObject(patch)) return deepCopy(patch) as T;
  const out: JsonMap = isObject(document) ? { ...document } : {};
  for (const key of Object.keys(patch)) {
    const change = patch[key];
    if (change === null) delete out[key];
    else if (change !== undefined) setOwn(out, key, applyMergePatch(getOwn(out, key), change));
  }
  return out as T;
}

/** The patch that makes `modified` of `original`. */
export function createMergePatch(original: unknown, modified: unknown): JsonMap {
  const before: JsonMap = isObject(original) ? original : {};
  const after: JsonMap = isObject(modified) ? modified : {};
  const patch: JsonMap = {};
  for (const key of Object.keys(after)) {
    const value = after[key];
    const old = getOwn(before, key);
    if (isObject(old) && isObject(value)) {
      const inner = createMergePatch(old, value);
      if (Object.keys(inner).length > 0) setOwn(patch, key, inner);
    } else if (!Object.hasOwn(before, key) || !deepEqual(old, value)) {
      setOwn(patch, key, deepCopy(value));
    }
  }
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) setOwn(patch, key, null);
  return patch;
}

/**
 * Client-side apply of kinds without merge keys: deletions from original to modified, the rest from current to modified.
 * @throws FormatError (InvalidPatch) when both touch the same field differently.
 */
export function createThreeWayMergePatch(original: unknown, modified: unknown, current: unknown): JsonMap {
  const changes = filterNulls(createMergePatch(current, modified), false);
  const deletions = filterNulls(createMergePatch(original, modified), true);
  if (haveConflicts(changes, deletions)) {
    throw new FormatError('InvalidPatch', conflictMessage(changes, deletions));
  }
  return mergePatches(deletions, changes);
}

export function conflictMessage(patch: unknown, current: unknown): string {
  return `patch:\n${encodeYaml(patch)}\nconflicts with changes made from original to current:\n${encodeYaml(current)}\n`;
}

/** Either only the deletions of a patch, or all but them. */
function filterNulls(patch: JsonMap, deletionsOnly: boolean): JsonMap {
  const out: JsonMap = {};
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    if (value === null) {
      if (deletionsOnly) setOwn(out, key, null);
    } else if (isObject(value) && Object.keys(value).length > 0) {
      const inner = filterNulls(value, deletionsOnly);
      if (Object.keys(inner).length > 0) setOwn(out, key, inner);
    } else if (!deletionsOnly) {
      setOwn(out, key, value);
    }
  }
  return out;
}

function haveConflicts(left: unknown, right: unknown): boolean {
  if (isObject(left)) {
    if (!isObject(right)) return true;
    return Object.keys(left).some((key) => Object.hasOwn(right, key) && haveConflicts(left[key], right[key]));
  }
  if (Array.isArray(left)) {
    if (!Array.isArray(right) || left.length !== right.length) return true;
    return left.some((item, i) => haveConflicts(item, right[i]));
  }
  return !deepEqual(left, right);
}

/** Two patches as one; unlike applying, nulls stay. */
function mergePatches(first: JsonMap, second: JsonMap): JsonMap {
  const out: JsonMap = { ...first };
  for (const key of Object.keys(second)) {
    const [a, b] = [getOwn(out, key), second[key]];
    setOwn(out, key, isObject(a) && isObject(b) ? mergePatches(a, b) : b);
  }
  return out;
}
