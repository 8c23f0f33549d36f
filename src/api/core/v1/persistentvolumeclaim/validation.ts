/** Upstream: pkg/apis/core/validation/validation.go (1.36). */
import {
  compareQuantity,
  deepCopy,
  deepEqual,
  isDns1123Subdomain,
  isQualifiedName,
  nameIsDnsLabel,
  nameIsDnsSubdomain,
} from '../../../../apimachinery/index.ts';
import { nameRule, type Place } from '../../../place.ts';
import { mustBePositive, quantityAt } from '../../../validation.ts';
import { validateResourceQuantity } from '../pod/validation-resources.ts';

type Fields = Record<string, any>;

const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const resizeStates = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
];
const subdomain = nameRule(nameIsDnsSubdomain);
const classAnnotation = 'volume.beta.kubernetes.io/storage-class';

export function validateAccessModes(modes: Place): void {
  for (const mode of modes.list) if (!accessModes.includes(mode)) modes.notSupported(accessModes, mode);
  const others = modes.list.some((mode) => mode !== 'ReadWriteOncePod' && accessModes.includes(mode));
  if (modes.list.includes('ReadWriteOncePod') && others) {
    modes.forbidden('may not use ReadWriteOncePod with other access modes');
  }
}

function validateDataSource(source: Place): void {
  if (!source.isSet) return;
  source.child('name').named();
  source.child('kind').named();
  const group = source.child('apiGroup');
  const { text: kind } = source.child('kind');
  if (group.text === '' && kind !== 'PersistentVolumeClaim') {
    source.invalid("must be 'PersistentVolumeClaim' when referencing the default apiGroup", kind);
  }
  group.maybe(isDns1123Subdomain);
}

function validateDataSources(spec: Place): void {
  const [source, reference] = [spec.child('dataSource'), spec.child('dataSourceRef')];
  validateDataSource(source);
  validateDataSource(reference);
  const namespace = reference.child('namespace');
  namespace.maybe(nameRule(nameIsDnsLabel));
  if (!source.isSet || !reference.isSet) return;
  const place = spec.as(source.path.toString());
  if (namespace.text !== '') {
    place.invalid('may not be specified when dataSourceRef.namespace is specified');
    return;
  }
  const { namespace: _, ...plain } = reference.value as Fields;
  if (!deepEqual(source.value, plain)) place.invalid('must match dataSourceRef');
}

export function validateClaimSpec(spec: Place): void {
  const modes = spec.child('accessModes');
  if (modes.list.length === 0) modes.required('at least 1 access mode is required');
  spec.child('selector').selector();
  validateAccessModes(modes);
  const storage = spec.value?.resources?.requests?.['storage'];
  const place = spec.child('resources').key('storage').as(storage);
  if (storage === undefined) place.required();
  else {
    const quantity = quantityAt(storage, place.path, place.errors);
    if (quantity !== undefined && quantity.sign <= 0) place.invalid(mustBePositive, quantity.toString());
  }
  spec.child('storageClassName').maybe(subdomain);
  spec.child('volumeMode').maybeOneOf(['Block', 'Filesystem']);
  validateDataSources(spec);
  spec.child('volumeAttributesClassName').maybe(subdomain);
}

/** The spec with everything that may change put back as it was. */
function withMutableRestored(claim: Fields, old: Fields): Fields {
  const spec = deepCopy(claim['spec'] ?? {}) as Fields;
  const before: Fields = old['spec'] ?? {};
  const put = (field: string) => {
    if (before[field] === undefined) delete spec[field];
    else spec[field] = before[field];
  };
  if (!before['volumeName']) put('volumeName');
  const annotation = old['metadata']?.annotations?.[classAnnotation];
  // A class may be given to a claim that has none, or that named it in the annotation of old.
  const fromAnnotation = annotation !== undefined && annotation === spec['storageClassName'];
  const fromNothing = before['storageClassName'] === undefined && annotation === undefined;
  if (fromAnnotation || fromNothing) put('storageClassName');
  if (claim['status']?.phase === 'Bound') {
    const size = before['resources']?.requests?.['storage'];
    if (size !== undefined && spec['resources']?.requests) spec['resources'].requests['storage'] = size;
    put('volumeAttributesClassName');
  }
  return spec;
}

const onlyMutable =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';

export function validateClaimUpdate(object: Place, old: Readonly<Fields>): void {
  const spec = object.child('spec');
  const before = old['spec'] ?? {};
  validateClaimSpec(spec);
  const comparable = before.volumeName === '' ? { ...before, volumeName: undefined } : before;
  const restored = withMutableRestored(object.value, { ...old, spec: comparable });
  if (!deepEqual(dropUnset(restored), dropUnset(comparable))) spec.forbidden(onlyMutable);
  const size = spec.value?.resources?.requests?.['storage'];
  const oldSize = before.resources?.requests?.['storage'];
  if (size !== undefined && oldSize !== undefined && compareQuantity(size, oldSize) < 0) {
    if (compareQuantity(size, old['status']?.capacity?.['storage'] ?? 0) <= 0) {
      const place = spec.child('resources', 'requests', 'storage');
      place.forbidden('field can not be less than status.capacity');
    }
  }
  object.child('volumeMode').as(spec.value?.volumeMode).immutable(before.volumeMode);
  const attributes = spec.child('volumeAttributesClassName');
  if (attributes.value === before.volumeAttributesClassName) return;
  if (old['status']?.currentVolumeAttributesClassName === undefined || attributes.text !== '') return;
  const what = attributes.isSet ? 'empty string' : 'nil';
  attributes.forbidden(`update to ${what} is forbidden when status.currentVolumeAttributesClassName is not nil`);
}

const dropUnset = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

function validateResourceKey(name: string, place: Place): boolean {
  if (!place.messages(isQualifiedName(name), name)) return false;
  const native = !name.includes('/') || name.includes('kubernetes.io/');
  if (native && name !== 'storage') {
    place.notSupported(['storage'], name);
    return false;
  }
  return true;
}

export function validateClaimStatus(object: Place): void {
  if (object.child('spec', 'accessModes').list.length === 0) object.child('Spec', 'accessModes').required();
  const status = object.child('status');
  for (const [name, amount] of status.child('capacity').entries()) {
    validateResourceQuantity(name, amount.value, amount.path, amount.errors);
  }
  const states = status.child('allocatedResourceStatuses');
  for (const [name, state] of states.entries()) {
    validateResourceKey(name, states);
    if (!resizeStates.includes(state.value)) states.notSupported(resizeStates, name);
  }
  const allocated = status.child('allocatedResources');
  for (const [name, amount] of allocated.entries()) {
    if (validateResourceKey(name, allocated)) {
      validateResourceQuantity(name, amount.value, amount.path, amount.errors);
    }
  }
}
