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
import { validateDownwardItems, validateItems, validateMode } from './validation-files.ts';
import { validateProjected } from './validation-projected.ts';

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
  const ephemeral = owner.podName ? (volumes ?? []).filter((volume) => volume.ephemeral) : [];
  const created = new Set(ephemeral.map((volume) => `${owner.podName}-${volume.name}`));
  for (const [index, volume] of (volumes ?? []).entries()) {
    const at = path.index(index);
    const before = errors.length;
    validateSource(new Place(volume, at, errors), owner);
    if (!volume.name) errors.required(at.child('name'));
    else invalidEach(isDns1123Label(volume.name), volume.name, at.child('name'), errors);
    if (known.has(volume.name)) errors.duplicate(at.child('name'), volume.name);
    if (errors.length === before) known.set(volume.name, volume);
    const claim = volume.persistentVolumeClaim?.claimName;
    if (claim !== undefined && created.has(claim)) {
      const detail = 'must not reference a PVC that gets created for an ephemeral volume';
      errors.invalid(at.child('persistentVolumeClaim', 'claimName'), claim, detail);
    }
  }
  return known;
}
