/** Upstream: pkg/registry/storage, pkg/apis/storage/{v1/defaults,validation/validation}.go (1.36). */
import { deepEqual, isQualifiedName, nameIsDnsSubdomain, parseQuantity } from '../../../apimachinery/index.ts';
import { validatePersistentVolumeSpec } from '../../core/v1/persistentvolume/validation.ts';
import { validateDriverName } from '../../core/v1/volumes/sources.ts';
import { canonicalField, setIfAbsent } from '../../defaulting.ts';
import type { Strategy } from '../../definition.ts';
import { nameRule, type Place, rules } from '../../place.ts';
import type { CSIDriver } from '../../types.ts';
import { fieldImmutable, inclusiveRange } from '../../validation.ts';

type Fields = Readonly<Record<string, any>>;

const kib = 1024;
const maxParameters = 512;
const maxParameterBytes = 256 * kib;
const maxMetadataBytes = 256 * kib;
const maxErrorMessage = kib;
const maxNodeId = 256;
const maxInt32 = 2 ** 31 - 1;
const subdomain = nameRule(nameIsDnsSubdomain);

function bytesOf(values: Fields | undefined): number {
  return Object.entries(values ?? {}).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(String(value)),
    0,
  );
}

function validateProvisioner(name: Place): void {
  if (name.text === '') name.required();
  else name.as(name.text.toLowerCase()).qualified();
}

function validateParameters(parameters: Place, allowEmpty: boolean): void {
  const names = Object.keys(parameters.value ?? {});
  if (names.length > maxParameters) {
    parameters.tooLong(maxParameters);
    return;
  }
  if (names.includes('')) parameters.invalid('field can not be empty.', '');
  if (bytesOf(parameters.value) > maxParameterBytes) parameters.tooLong(maxParameterBytes);
  if (!allowEmpty && names.length === 0) parameters.required('must contain at least one key/value pair');
}

/** Label name → its values, to find terms that say the same. */
function validateTopologyTerm(term: Place): Record<string, string[]> {
  const known: Record<string, string[]> = {};
  for (const expression of term.items('matchLabelExpressions')) {
    const values = expression.child('values');
    if (values.list.length === 0) values.required();
    values.unique();
    const key = expression.child('key');
    key.qualified();
    if (Object.hasOwn(known, key.text)) key.duplicate();
    known[key.text] = [...new Set(values.list)].sort();
  }
  return known;
}

function validateStorageClass(object: Place): void {
  validateProvisioner(object.child('provisioner'));
  validateParameters(object.child('parameters'), true);
  const policy = object.child('reclaimPolicy');
  if (policy.text !== '') policy.maybeOneOf(['Delete', 'Retain']);
  const mode = object.child('volumeBindingMode');
  if (!mode.isSet) mode.required();
  else mode.maybeOneOf(['Immediate', 'WaitForFirstConsumer']);
  const seen: Record<string, string[]>[] = [];
  for (const term of object.items('allowedTopologies')) {
    const known = validateTopologyTerm(term);
    if (seen.some((other) => deepEqual(other, known))) term.child('matchLabelExpressions').duplicate('');
    seen.push(known);
  }
}

export const storageClassStrategy: Strategy = {
  applyDefaults(object) {
    setIfAbsent(object, 'reclaimPolicy', 'Delete');
    setIfAbsent(object, 'volumeBindingMode', 'Immediate');
  },
  ...rules(validateStorageClass, (object, old) => {
    validateStorageClass(object);
    for (const field of ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode']) {
      object.child(field).immutable(old[field]);
    }
  }),
};

function validateDriverSpec(spec: Place): void {
  // Upstream calls it so.
  if (!spec.child('attachRequired').isSet) spec.child('attachedRequired').required();
  for (const field of ['podInfoOnMount', 'storageCapacity']) {
    if (!spec.child(field).isSet) spec.child(field).required();
  }
  spec.child('fsGroupPolicy').maybeOneOf(['File', 'None', 'ReadWriteOnceWithFSType']);
  const tokens = spec.child('tokenRequests');
  const audiences = new Set<string>();
  for (const request of tokens.items()) {
    const [audience, seconds] = [request.child('audience'), request.child('expirationSeconds')];
    if (audiences.has(audience.text)) {
      audience.duplicate(audience.text);
      continue;
    }
    audiences.add(audience.text);
    if (!seconds.isSet) continue;
    if (seconds.number < 600) seconds.invalid('may not specify a duration less than 10 minutes');
    if (seconds.number > 2 ** 32) seconds.invalid('may not specify a duration larger than 2^32 seconds');
  }
  const modes = spec.child('volumeLifecycleModes');
  for (const mode of modes.list) {
    if (mode !== 'Persistent' && mode !== 'Ephemeral') modes.notSupported(['Ephemeral', 'Persistent'], mode);
  }
  if (!spec.child('seLinuxMount').isSet) spec.child('seLinuxMount').required();
  const period = spec.child('nodeAllocatableUpdatePeriodSeconds');
  if (period.isSet && period.number < 10) period.invalid('must be greater than or equal to 10 seconds');
  const inSecrets = spec.child('serviceAccountTokenInSecrets');
  if (inSecrets.isSet && tokens.list.length === 0) {
    inSecrets.invalid('serviceAccountTokenInSecrets is set but no tokenRequests are specified');
  }
}

const tokensInSecrets =
  'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes';

function driverWarnings(object: Fields, old?: Fields): string[] {
  const spec = object['spec'] ?? {};
  const tokens = spec.tokenRequests ?? [];
  const unchanged = old !== undefined && deepEqual(tokens, old['spec']?.tokenRequests ?? []);
  return tokens.length === 0 || unchanged || spec.serviceAccountTokenInSecrets !== undefined ? [] : [tokensInSecrets];
}

export const csiDriverStrategy: Strategy = {
  generation: 'spec',
  allowUnconditionalUpdate: false,
  applyDefaults(object) {
    const driver = object as CSIDriver;
    driver.spec ??= {};
    const spec: Record<string, unknown> = driver.spec as Record<string, unknown>;
    setIfAbsent(spec, 'attachRequired', true);
    for (const field of ['podInfoOnMount', 'storageCapacity', 'requiresRepublish', 'seLinuxMount']) {
      setIfAbsent(spec, field, false);
    }
    setIfAbsent(spec, 'fsGroupPolicy', 'ReadWriteOnceWithFSType');
    if ((driver.spec.volumeLifecycleModes ?? []).length === 0) driver.spec.volumeLifecycleModes = ['Persistent'];
  },
  ...rules(
    (object) => validateDriverSpec(object.child('spec')),
    (object, old) => {
      const spec = object.child('spec');
      validateDriverSpec(spec);
      spec.child('attachedRequired').as(spec.value?.attachRequired).immutable(old['spec']?.attachRequired);
      spec.child('volumeLifecycleModes').immutable(old['spec']?.volumeLifecycleModes);
    },
  ),
  warnings: driverWarnings,
};

function validateCsiNode(object: Place): void {
  const seen = new Set<string>();
  for (const driver of object.items('spec', 'drivers')) {
    const [name, id] = [driver.child('name'), driver.child('nodeID')];
    validateDriverName(name);
    if (id.text === '') id.required();
    if (id.text.length > maxNodeId) id.invalid(`must be ${maxNodeId} characters or less`);
    driver.child('allocatable', 'count').nonNegative();
    if (seen.has(name.text)) name.duplicate();
    seen.add(name.text);
    const keys = new Set<string>();
    for (const key of driver.child('topologyKeys').list) {
      if (key === '') driver.required();
      if (keys.has(key)) driver.duplicate(key);
      keys.add(key);
      driver.messages(isQualifiedName(key), key);
    }
  }
}

export const csiNodeStrategy: Strategy = {
  allowUnconditionalUpdate: false,
  ...rules(validateCsiNode, (object, old) => {
    validateCsiNode(object);
    const drivers = object.child('spec', 'drivers');
    const without = ({ allocatable: _, ...rest }: Fields) => rest;
    for (const before of (old['spec']?.drivers ?? []) as Fields[]) {
      for (const now of drivers.list) {
        if (now.name === before['name']) drivers.as(without(now)).immutable(without(before));
      }
    }
  }),
};

function validateVolumeError(error: Place): void {
  // The limit upstream names is another than the one it checks.
  if (error.child('message').text.length > maxErrorMessage) error.child('message').tooLong(maxMetadataBytes);
  const code = error.child('errorCode');
  if (code.isSet && code.number < 0) code.invalid(inclusiveRange(0, maxInt32));
}

function validateAttachmentStatus(object: Place): void {
  const status = object.child('status');
  if (bytesOf(status.value?.attachmentMetadata) > maxMetadataBytes) {
    status.child('attachmentMetadata').tooLong(maxMetadataBytes);
  }
  validateVolumeError(status.child('attachError'));
  validateVolumeError(status.child('detachError'));
}

const exactlyOne = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';

function validateAttachment(object: Place): void {
  const spec = object.child('spec');
  validateDriverName(spec.child('attacher'));
  const source = spec.child('source');
  const [name, inline] = [source.child('persistentVolumeName'), source.child('inlineVolumeSpec')];
  if (!name.isSet && !inline.isSet) source.required(exactlyOne);
  else if (name.isSet && inline.isSet) source.forbidden(exactlyOne);
  else if (name.isSet && name.text === '') name.required('must specify non empty persistentVolumeName');
  else if (inline.isSet) validatePersistentVolumeSpec(inline, { name: '', inline: true });
  spec.child('nodeName').matches(subdomain);
  validateAttachmentStatus(object);
  if (name.isSet) name.matches(subdomain);
}

export const volumeAttachmentStrategy: Strategy = {
  allowUnconditionalUpdate: false,
  ...rules(
    validateAttachment,
    (object, old) => {
      validateAttachment(object);
      object.child('spec').immutable(old['spec']);
    },
    validateAttachmentStatus,
  ),
};

function validateCapacity(object: Place): void {
  object.child('nodeTopology').selector();
  object.child('storageClassName').matches(subdomain);
  const capacity = object.child('capacity');
  if (!capacity.isSet) return;
  const quantity = parseQuantity(capacity.value);
  if (quantity.sign < 0) capacity.invalid('must be greater than or equal to 0', quantity.toString());
}

export const csiStorageCapacityStrategy: Strategy = {
  allowUnconditionalUpdate: false,
  applyDefaults(object) {
    canonicalField(object, 'capacity');
    canonicalField(object, 'maximumVolumeSize');
  },
  ...rules(validateCapacity, (object, old) => {
    validateCapacity(object);
    for (const field of ['nodeTopology', 'storageClassName']) {
      if (!deepEqual(object.value[field], old[field])) object.child(field).invalid(fieldImmutable);
    }
  }),
};

function validateAttributesClass(object: Place): void {
  validateProvisioner(object.child('driverName'));
  validateParameters(object.child('parameters'), false);
}

export const volumeAttributesClassStrategy: Strategy = rules(validateAttributesClass, (object, old) => {
  for (const field of ['driverName', 'parameters']) {
    if (!deepEqual(object.value[field], old[field])) {
      object.child(field).forbidden(`updates to ${field} are forbidden.`);
    }
  }
  validateAttributesClass(object);
});
