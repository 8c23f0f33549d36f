/** Volumes of a pod. Upstream: pkg/apis/core/validation/validation.go (1.36). */
import {
  type FieldErrorList,
  type FieldPath,
  isDns1123Label,
  nameIsDnsSubdomain,
  validateAnnotations,
  validateLabels,
} from '../../../../apimachinery/index.ts';
import { Place } from '../../../place.ts';
import type { Volume } from '../../../types.ts';
import { invalidEach, quantityAt } from '../../../validation.ts';
import { validateClaimSpec } from '../persistentvolumeclaim/validation.ts';
import { localDescending, type SourceCheck, validateOneSource, volumeSourceChecks } from '../volumes/sources.ts';
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

function validateNonReservedPath(path: string, at: FieldPath, errors: FieldErrorList): void {
  validateDescendingPath(path, at, errors);
  if (path.startsWith('..') && !path.startsWith('../')) errors.invalid(at, path, "must not start with '..'");
}

function validateMode(mode: number | undefined, at: FieldPath, errors: FieldErrorList): void {
  if (mode !== undefined && (mode > 0o777 || mode < 0)) errors.invalid(at, mode, fileModeMessage);
}

function validateItems(items: readonly Item[] | undefined, path: FieldPath, errors: FieldErrorList): void {
  for (const [index, item] of (items ?? []).entries()) {
    const at = path.index(index);
    if (!item.key) errors.required(at.child('key'));
    if (!item.path) errors.required(at.child('path'));
    validateNonReservedPath(item.path ?? '', at.child('path'), errors);
    validateMode(item.mode, at.child('mode'), errors);
  }
}

function validateDownwardItems(
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

function validateProjected(source: NonNullable<Volume['projected']>, path: FieldPath, errors: FieldErrorList): void {
  validateMode(source.defaultMode, path.child('defaultMode'), errors);
  const paths = new Set<string>();
  const claimPath = (file: string | undefined, badValue: unknown) => {
    if (!file) return;
    if (paths.has(file)) errors.invalid(path, badValue, 'conflicting duplicate paths');
    paths.add(file);
  };
  for (const [index, projection] of (source.sources ?? []).entries()) {
    const at = path.child('sources').index(index);
    for (const kind of ['secret', 'configMap'] as const) {
      const named = projection[kind];
      if (!named) continue;
      if (!named.name) errors.required(at.child(kind, 'name'));
      validateItems(named.items, at.child(kind, 'items'), errors);
      for (const item of named.items ?? []) claimPath(item.path, named.name);
    }
    if (projection.downwardAPI) {
      validateDownwardItems(projection.downwardAPI.items, at.child('downwardAPI'), errors);
      for (const item of projection.downwardAPI.items ?? []) claimPath(item.path, item.path);
    }
    const token = projection.serviceAccountToken;
    if (token) {
      const seconds = token.expirationSeconds ?? 0;
      const secondsPath = at.child('serviceAccountToken', 'expirationSeconds');
      if (seconds < 600) errors.invalid(secondsPath, seconds, 'may not specify a duration less than 10 minutes');
      if (seconds > 2 ** 32)
        errors.invalid(secondsPath, seconds, 'may not specify a duration larger than 2^32 seconds');
      if (!token.path) errors.required(path.child('path'));
      else validateNonReservedPath(token.path, path.child('path'), errors);
    }
    if (Object.keys(projection).length > 1) {
      errors.forbidden(at, 'may not specify more than 1 volume type per source');
    }
  }
}

/** Adapts a check that takes value, path and errors. */
const plain =
  (check: (source: any, at: FieldPath, errors: FieldErrorList) => void): SourceCheck =>
  ({ value, path, errors }) =>
    check(value, path, errors);

/** Sources of pods only come on top of those that persistent volumes have too. */
const sourceChecks: Readonly<Record<string, SourceCheck>> = {
  emptyDir: plain((source, at, errors) => {
    if (source.sizeLimit === undefined) return;
    const limit = quantityAt(source.sizeLimit, at.child('sizeLimit'), errors);
    if (limit !== undefined && limit.sign < 0) {
      errors.forbidden(at.child('sizeLimit'), 'SizeLimit field must be a valid resource quantity');
    }
  }),
  ...volumeSourceChecks,
  gitRepo(source) {
    source.child('repository').named();
    localDescending(source.child('directory'));
  },
  secret: plain((source, at, errors) => {
    if (!source.secretName) errors.required(at.child('secretName'));
    validateMode(source.defaultMode, at.child('defaultMode'), errors);
    validateItems(source.items, at.child('items'), errors);
  }),
  configMap: plain((source, at, errors) => {
    if (!source.name) errors.required(at.child('name'));
    validateMode(source.defaultMode, at.child('defaultMode'), errors);
    validateItems(source.items, at.child('items'), errors);
  }),
  downwardAPI: plain((source, at, errors) => {
    validateMode(source.defaultMode, at.child('defaultMode'), errors);
    validateDownwardItems(source.items, at, errors);
  }),
  projected: plain(validateProjected),
  persistentVolumeClaim: (source) => source.child('claimName').named(),
  ephemeral(source) {
    const template = source.child('volumeClaimTemplate');
    if (!template.isSet) {
      template.required();
      return;
    }
    const { labels, annotations } = template.value.metadata ?? {};
    validateLabels(labels, template.path.child('metadata', 'labels'), template.errors);
    validateAnnotations(annotations, template.path.child('metadata', 'annotations'), template.errors);
    validateClaimSpec(template.child('spec'));
  },
  image(source, owner) {
    const policy = source.child('pullPolicy');
    if (owner.isPod) source.child('reference').named();
    policy.oneOf(['Always', 'IfNotPresent', 'Never']);
  },
};

export interface VolumeOwner {
  /** Templates have none. */
  readonly podName?: string | undefined;
  readonly isPod?: boolean | undefined;
}

const longPortal =
  'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.';

function validateSource(volume: Place, owner: VolumeOwner): void {
  const name = volume.child('name');
  validateOneSource(volume, sourceChecks, { name: name.text, isPod: owner.isPod === true });
  const iscsi = volume.value.iscsi;
  if (iscsi?.initiatorName !== undefined && `${name.text}:${iscsi.targetPortal ?? ''}`.length > 64) {
    name.invalid(longPortal);
  }
  if (!volume.value.ephemeral || !owner.podName || name.text === '') return;
  const claimName = `${owner.podName}-${name.text}`;
  for (const message of nameIsDnsSubdomain(claimName, false)) name.invalid(`PVC name "${claimName}": ${message}`);
}

/** Returns the names of the volumes that are well formed: what mounts may refer to. */
export function validateVolumes(
  volumes: readonly Volume[] | undefined,
  owner: VolumeOwner,
  path: FieldPath,
  errors: FieldErrorList,
): ReadonlyMap<string, Volume> {
  const known = new Map<string, Volume>();
  for (const [index, volume] of (volumes ?? []).entries()) {
    const at = path.index(index);
    const before = errors.length;
    validateSource(new Place(volume, at, errors), owner);
    if (!volume.name) errors.required(at.child('name'));
    else invalidEach(isDns1123Label(volume.name), volume.name, at.child('name'), errors);
    if (known.has(volume.name)) errors.duplicate(at.child('name'), volume.name);
    if (errors.length === before) known.set(volume.name, volume);
  }
  return known;
}
