/** Files in volumes: their paths, modes and sources. Upstream: pkg/apis/core/validation/validation.go (1.36). */
import type { FieldErrorList, FieldPath } from '../../../../apimachinery/index.ts';
import { validateFieldRef, validateResourceFieldRef, volumeFieldPaths } from './validation-env.ts';

const fileModeMessage = 'must be a number between 0 and 0777 (octal), both inclusive';
type Item = { key?: string; path?: string; mode?: number };
type DownwardItem = { path?: string; mode?: number; fieldRef?: any; resourceFieldRef?: any };

export function validateNoBacksteps(path: string, at: FieldPath, errors: FieldErrorList): void {
  if (path.split('/').includes('..')) errors.invalid(at, path, "must not contain '..'");
}

/** Relative and without `..`. */
export function validateDescendingPath(path: string, at: FieldPath, errors: FieldErrorList): void {
  if (path.startsWith('/')) errors.invalid(at, path, 'must be a relative path');
  validateNoBacksteps(path, at, errors);
}

export function validateNonReservedPath(path: string, at: FieldPath, errors: FieldErrorList): void {
  validateDescendingPath(path, at, errors);
  if (path.startsWith('..') && !path.startsWith('../')) errors.invalid(at, path, "must not start with '..'");
}

export function validateMode(mode: number | undefined, at: FieldPath, errors: FieldErrorList): void {
  if (mode !== undefined && (mode > 0o777 || mode < 0)) errors.invalid(at, mode, fileModeMessage);
}

export function validateItems(items: readonly Item[] | undefined, path: FieldPath, errors: FieldErrorList): void {
  for (const [index, item] of (items ?? []).entries()) {
    const at = path.index(index);
    if (!item.key) errors.required(at.child('key'));
    if (!item.path) errors.required(at.child('path'));
    validateNonReservedPath(item.path ?? '', at.child('path'), errors);
    validateMode(item.mode, at.child('mode'), errors);
  }
}

export function validateDownwardItems(
  items: readonly DownwardItem[] | undefined,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  for (const item of items ?? []) {
    if (!item.path) errors.required(path.child('path'));
    validateNonReservedPath(item.path ?? '', path.child('path'), errors);
    if (item.fieldRef) {
      validateFieldRef(item.fieldRef, volumeFieldPaths, path.child('fieldRef'), errors);
      if (item.resourceFieldRef) {
        errors.invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously');
      }
    } else if (item.resourceFieldRef) {
      validateResourceFieldRef(item.resourceFieldRef, true, path.child('resourceFieldRef'), errors);
    } else {
      errors.required(path, 'one of fieldRef and resourceFieldRef is required');
    }
    validateMode(item.mode, path.child('mode'), errors);
  }
}
