/** Upstream: pkg/apis/core/validation/validation.go (1.36). */
import { deepEqual, nameIsDnsSubdomain } from '../../../../apimachinery/index.ts';
import { nameRule, type Place } from '../../../place.ts';
import { mustBePositive } from '../../../validation.ts';
import { validateAccessModes } from '../persistentvolumeclaim/validation.ts';
import { validateResourceQuantity } from '../pod/validation-resources.ts';
import { validateNodeSelector } from '../pod/validation-scheduling.ts';
import { noBacksteps, type SourceCheck, validateOneSource, volumeSourceChecks } from '../volumes/sources.ts';

const subdomain = nameRule(nameIsDnsSubdomain);
const inlineWords = 'in the context of inline volumes';

const sourceChecks: Readonly<Record<string, SourceCheck>> = {
  ...volumeSourceChecks,
  local(source) {
    const path = source.child('path');
    if (path.text === '') path.required();
    else noBacksteps(path);
  },
};

export interface PersistentVolumeSpecOptions {
  readonly name: string;
  /** In a VolumeAttachment. */
  readonly inline?: boolean;
}

function validateCapacity(capacity: Place): void {
  const names = Object.keys(capacity.value ?? {});
  if (names.length === 0) capacity.required();
  if (!names.includes('storage') || names.length > 1) capacity.notSupported(['storage'], capacity.value ?? null);
  for (const [name, amount] of capacity.entries()) {
    const quantity = validateResourceQuantity(name, amount.value, amount.path, amount.errors);
    if (quantity !== undefined && quantity.sign <= 0) amount.invalid(mustBePositive, quantity.toString());
  }
}

/** What a volume outside of an attachment says of itself. */
function validateOwnFields(spec: Place): void {
  validateCapacity(spec.child('capacity'));
  const policy = spec.child('persistentVolumeReclaimPolicy');
  if (policy.text !== '') policy.maybeOneOf(['Delete', 'Recycle', 'Retain']);
  const affinity = spec.child('nodeAffinity');
  if (affinity.isSet) {
    const required = affinity.child('required');
    if (required.isSet) validateNodeSelector(required.value, required.path, required.errors);
    else required.required('must specify required node constraints');
  }
  spec.child('storageClassName').maybe(subdomain);
  spec.child('volumeMode').maybeOneOf(['Block', 'Filesystem']);
}

function validateInlineFields(spec: Place): void {
  for (const field of ['claimRef', 'capacity', 'nodeAffinity', 'storageClassName']) {
    if (!spec.child(field).isEmpty) spec.child(field).forbidden(`may not be specified ${inlineWords}`);
  }
  const csi = spec.child('csi');
  if (!csi.isSet) csi.required(`has to be specified ${inlineWords}`);
  const policy = spec.child('persistentVolumeReclaimPolicy');
  if (policy.text !== '' && policy.text !== 'Retain') policy.forbidden(`may only be Retain ${inlineWords}`);
  const mode = spec.child('volumeMode');
  if (mode.isSet && mode.value !== 'Filesystem') {
    mode.forbidden(`may not specify volumeMode other than Filesystem ${inlineWords}`);
  }
}

const isRoot = (path: string): boolean => path !== '' && path.split('/').every((part) => part === '' || part === '.');

export function validatePersistentVolumeSpec(spec: Place, options: PersistentVolumeSpecOptions): void {
  const modes = spec.child('accessModes');
  if (modes.list.length === 0) modes.required();
  validateAccessModes(modes);
  if (options.inline) validateInlineFields(spec);
  else validateOwnFields(spec);
  validateOneSource(spec, sourceChecks, { name: options.name, persistent: true });
  if (spec.child('local').isSet && !spec.child('nodeAffinity').isSet) {
    spec.child('nodeAffinity').required('Local volume requires node affinity');
  }
  if (isRoot(spec.child('hostPath', 'path').text) && spec.value.persistentVolumeReclaimPolicy === 'Recycle') {
    spec.child('persistentVolumeReclaimPolicy').forbidden("may not be 'recycle' for a hostPath mount of '/'");
  }
  const attributes = spec.child('volumeAttributesClassName');
  if (!attributes.isSet) return;
  attributes.named(subdomain, 'an empty string is disallowed');
  if (!spec.child('csi').isSet) spec.child('csi').required('has to be specified when using volumeAttributesClassName');
}

/** The source alone; the secret for expansion may be added later. */
function sourceOf(spec: Record<string, any> | undefined, withoutExpandSecret: boolean): Record<string, unknown> {
  const sources = Object.fromEntries(Object.keys(sourceChecks).map((field) => [field, spec?.[field]]));
  if (withoutExpandSecret && sources['csi']) {
    const { controllerExpandSecretRef: _, ...rest } = sources['csi'];
    sources['csi'] = rest;
  }
  return sources;
}

export function validatePersistentVolumeUpdate(object: Place, old: Readonly<Record<string, any>>): void {
  const spec = object.child('spec');
  const before = old['spec'] ?? {};
  validatePersistentVolumeSpec(spec, { name: object.value.metadata.name ?? '' });
  const maySetSecret = before.csi !== undefined && before.csi.controllerExpandSecretRef === undefined;
  if (!deepEqual(sourceOf(spec.value, maySetSecret), sourceOf(before, maySetSecret))) {
    const detail = 'spec.persistentvolumesource is immutable after creation';
    spec.child('persistentvolumesource').forbidden(detail);
  }
  object.child('volumeMode').as(spec.value?.volumeMode).immutable(before.volumeMode);
  const affinity = spec.child('nodeAffinity');
  if (before.nodeAffinity !== undefined) object.child('nodeAffinity').as(affinity.value).immutable(before.nodeAffinity);
  const attributes = spec.child('volumeAttributesClassName');
  if (before.volumeAttributesClassName !== undefined && !attributes.isSet) {
    attributes.forbidden('update from non-nil value to nil is forbidden');
  }
}
