/** Taint rules and status requests of device pools. Upstream: pkg/apis/resource/validation/validation.go (1.36). */

import { deepEqual, validateConditions } from '../../../apimachinery/index.ts';
import { rfc3339 } from '../../../base/index.ts';
import { setIfAbsent } from '../../defaulting.ts';
import type { ResourceDefinition, Strategy } from '../../definition.ts';
import { type Place, rules } from '../../place.ts';
import { defaultPrinter } from '../../printing.ts';
import { type GroupVersionRows, type RowInput, row } from '../../row.ts';
import { validateDeviceName, validateDriver, validatePoolName, validateTaint } from '../v1/validation-device.ts';

const place: GroupVersionRows = {
  group: 'resource.k8s.io',
  version: 'v1alpha3',
  schemaPrefix: 'io.k8s.api.resource.v1alpha3',
};

const optional = {
  cluster: true,
  default: false,
  returnsDeletedObject: true,
  subresources: ['status'],
  resetFields: { '': [['status']], status: [['spec'], ['metadata']] },
} as const;

function validateTaintRule(object: Place): void {
  const selector = object.child('spec', 'deviceSelector');
  if (selector.isSet) {
    if (selector.child('driver').isSet) validateDriver(selector.child('driver'));
    if (selector.child('pool').isSet) validatePoolName(selector.child('pool'));
    if (selector.child('device').isSet) validateDeviceName(selector.child('device'));
  }
  validateTaint(object.child('spec', 'taint'));
}

function validateStatusConditions(object: Place): void {
  const conditions = object.child('status', 'conditions');
  conditions.atMost(8);
  validateConditions(conditions.value ?? [], conditions.path, conditions.errors);
}

const deviceTaintRuleStrategy: Strategy = {
  generation: 'spec',
  prepareForCreate(object, context) {
    if (object['spec']?.taint) setIfAbsent(object['spec'].taint, 'timeAdded', rfc3339(context.now));
  },
  prepareForUpdate(object, old, context) {
    const [taint, before] = [object['spec']?.taint, old['spec']?.taint];
    // An effect that changes counts as a new taint, unless the client names the time itself.
    if (context.subresource !== '' || !taint) return;
    const changed = taint.effect !== before?.effect && taint.timeAdded === before?.timeAdded;
    if (changed || taint.timeAdded === undefined) taint.timeAdded = rfc3339(context.now);
  },
  ...rules(validateTaintRule, validateTaintRule, validateStatusConditions),
};

const maxPools = 1000;

function validatePoolRequest(object: Place): void {
  const spec = object.child('spec');
  validateDriver(spec.child('driver'));
  if (spec.child('poolName').isSet) validatePoolName(spec.child('poolName'));
  const limit = spec.child('limit');
  if (!limit.isSet) return;
  if (limit.number < 1) limit.invalid('must be greater than or equal to 1');
  if (limit.number > maxPools) limit.invalid(`must be less than or equal to ${maxPools}`);
}

const poolRequestStrategy: Strategy = {
  generation: 'spec',
  applyDefaults(object) {
    setIfAbsent(object, 'spec', {});
    setIfAbsent(object['spec'], 'limit', 100);
  },
  prepareForCreate(object) {
    delete object['status'];
  },
  ...rules(
    validatePoolRequest,
    (object, old) => object.child('spec').immutable(old['spec']),
    (object, old) => {
      validateStatusConditions(object);
      if (old['status'] !== undefined && !deepEqual(object.value.status, old['status'])) {
        object.child('status').wrong('field is immutable');
      }
    },
  ),
};

const inputs: readonly RowInput[] = [
  {
    ...optional,
    kind: 'DeviceTaintRule',
    idle: 'device-taint-eviction goes by the taints of slices, not by rules',
    plural: 'devicetaintrules',
    featureGate: 'DRADeviceTaintRules',
    strategy: deviceTaintRuleStrategy,
    printer: defaultPrinter,
  },
  {
    ...optional,
    kind: 'ResourcePoolStatusRequest',
    idle: 'no controller answers it',
    plural: 'resourcepoolstatusrequests',
    featureGate: 'DRAResourcePoolStatus',
    strategy: poolRequestStrategy,
    printer: defaultPrinter,
  },
];

export const resourceV1alpha3Resources: readonly ResourceDefinition[] = inputs.map((input) => row(place, input));
