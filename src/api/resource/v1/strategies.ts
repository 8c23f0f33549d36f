/** Upstream: pkg/registry/resource, pkg/apis/resource/v1/defaults.go (1.36). */
import { isDns1123Label, type KubeObject } from '../../../apimachinery/index.ts';
import { setIfAbsent, setIfZero } from '../../defaulting.ts';
import type { Strategy } from '../../definition.ts';
import { type Place, rules } from '../../place.ts';
import { mustBePositive } from '../../validation.ts';
import { claimRules, claimTemplateRules, deviceClassRules } from './validation-claim.ts';
import {
  nodeChoices,
  validateCounters,
  validateDevice,
  validateDriver,
  validatePoolName,
} from './validation-device.ts';

type Fields = Record<string, any>;

const maxDevices = 128;
/** With taints or shared counters. */
const maxAdvancedDevices = 64;
const maxCounterSets = 8;

function defaultRequest(request: Fields | undefined): void {
  if (request === undefined) return;
  setIfZero(request, 'allocationMode', 'ExactCount');
  if (request['allocationMode'] === 'ExactCount') setIfZero(request, 'count', 1);
  for (const toleration of (request['tolerations'] ?? []) as Fields[]) setIfZero(toleration, 'operator', 'Equal');
}

function defaultClaimSpec(spec: Fields | undefined): void {
  for (const request of (spec?.['devices']?.requests ?? []) as Fields[]) {
    defaultRequest(request['exactly']);
    for (const alternative of (request['firstAvailable'] ?? []) as Fields[]) defaultRequest(alternative);
  }
}

const defaultSpec = (object: KubeObject): void => setIfAbsent(object, 'spec', {});

export const deviceClassStrategy: Strategy = { generation: 'spec', applyDefaults: defaultSpec, ...deviceClassRules };

export const resourceClaimStrategy: Strategy = {
  applyDefaults(object) {
    defaultSpec(object);
    defaultClaimSpec(object['spec']);
  },
  ...claimRules,
};

export const resourceClaimTemplateStrategy: Strategy = {
  applyDefaults(object) {
    defaultSpec(object);
    setIfAbsent(object['spec'], 'spec', {});
    defaultClaimSpec(object['spec'].spec);
  },
  ...claimTemplateRules,
};

const oneChoice = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';

function validateSlice(object: Place, old?: Readonly<Fields>): void {
  const spec = object.child('spec');
  const pool = spec.child('pool');
  validateDriver(spec.child('driver'));
  validatePoolName(pool.child('name'));
  const count = pool.child('resourceSliceCount');
  if (count.number <= 0) count.invalid(mustBePositive, count.number);
  if (pool.child('generation').number < 0) {
    pool.child('generation').invalid('must be greater than or equal to zero');
  }
  if (old !== undefined) {
    pool.child('name').immutable(old['spec']?.pool?.name);
    for (const field of ['driver', 'nodeName']) spec.child(field).immutable(old['spec']?.[field]);
  }
  const chosen = nodeChoices(spec, 'must be either unset or set to a non-empty string');
  const terms = spec.child('nodeSelector', 'nodeSelectorTerms');
  if (spec.child('nodeSelector').isSet && terms.list.length !== 1) {
    terms.invalid('must have exactly one node selector term');
  }
  const perDevice = spec.child('perDeviceNodeSelection');
  if (perDevice.isSet && perDevice.value !== true) perDevice.invalid('must be either unset or set to true', false);
  else if (perDevice.isSet) chosen.push('`perDeviceNodeSelection`');
  if (chosen.length === 0) spec.required(oneChoice);
  else if (chosen.length > 1) spec.invalid(`${oneChoice}, but multiple fields are set`, `{${chosen.join(', ')}}`);
  const [devices, counters] = [spec.child('devices'), spec.child('sharedCounters')];
  if (devices.isSet && counters.isSet) spec.invalid('only one of `sharedCounters` or `devices` is allowed', '');
  const advanced = devices.list.some(
    (device: Fields) => device['taints']?.length || device['consumesCounters']?.length,
  );
  if (devices.atMost(advanced ? maxAdvancedDevices : maxDevices)) {
    const seen = new Set<string>();
    for (const device of devices.items()) {
      validateDevice(device, perDevice.value === true);
      const { text } = device.child('name');
      if (seen.has(text)) device.duplicate(text);
      seen.add(text);
    }
  }
  if (!counters.atMost(maxCounterSets)) return;
  for (const set of counters.items()) {
    set.child('name').named(isDns1123Label);
    validateCounters(set);
  }
}

export const resourceSliceStrategy: Strategy = {
  generation: 'spec',
  applyDefaults: defaultSpec,
  ...rules((object) => validateSlice(object), validateSlice),
};
