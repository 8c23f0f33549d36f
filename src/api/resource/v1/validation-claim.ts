/** Claims, their templates and device classes. Upstream: pkg/apis/resource/validation/validation.go (1.36). */
import { compileDeviceSelector, deviceSelectorCostLimit } from '../../../apimachinery/cel/index.ts';
import {
  deepEqual,
  isDns1123Label,
  isDns1123Subdomain,
  validateAnnotations,
  validateConditions,
  validateLabels,
} from '../../../apimachinery/index.ts';
import { isExtendedResource } from '../../core/v1/pod/validation-resources.ts';
import { validateNodeSelector } from '../../core/v1/pod/validation-scheduling.ts';
import { type Place, rules } from '../../place.ts';
import { mustBePositive } from '../../validation.ts';
import {
  validateBinding,
  validateDeviceName,
  validateDriver,
  validateFullyQualified,
  validatePoolName,
  validateToleration,
} from './validation-device.ts';

type Fields = Readonly<Record<string, any>>;

const maxRequests = 32;
const maxAlternatives = 8;
const maxSelectors = 32;
const maxExpression = 10 * 1024;
const maxParameters = 10 * 1024;
const maxReservations = 256;

/** Runs `check` on each item unless there are too many. */
function each(list: Place, limit: number, check: (item: Place) => void): void {
  if (list.atMost(limit)) for (const item of list.items()) check(item);
}

/** The same, and no two of a name; upstream names the item, not its name. */
function eachNamed(list: Place, limit: number, nameOf: (item: Place) => string, check: (item: Place) => void): void {
  if (!list.atMost(limit)) return;
  const items = list.items();
  for (const item of items) check(item);
  const seen = new Set<string>();
  for (const item of items) {
    const name = nameOf(item);
    if (seen.has(name)) item.duplicate(name);
    seen.add(name);
  }
}

const byName = (item: Place): string => item.child('name').text;

function validateSelector(expression: Place): void {
  if (expression.text.length > maxExpression) {
    expression.tooLong(maxExpression);
    return;
  }
  const { error, maxCost } = compileDeviceSelector(expression.text);
  if (error !== undefined) expression.invalid(error);
  else if (maxCost > deviceSelectorCostLimit) expression.forbidden('too complex, exceeds cost limit');
}

function validateSelectors(selectors: Place): void {
  each(selectors, maxSelectors, (selector) => {
    const cel = selector.child('cel');
    if (!cel.isSet) cel.required();
    else validateSelector(cel.child('expression'));
  });
}

function validateParameters(parameters: Place): void {
  const { value } = parameters;
  if (value === undefined || value === null) parameters.required();
  else if (JSON.stringify(value).length > maxParameters) parameters.tooLong(maxParameters);
  else if (typeof value !== 'object' || Array.isArray(value)) {
    parameters.invalid('must be a valid JSON object', '<value omitted>');
  }
}

function validateConfiguration(config: Place): void {
  const opaque = config.child('opaque');
  if (!opaque.isSet) {
    opaque.required();
    return;
  }
  validateDriver(opaque.child('driver'));
  validateParameters(opaque.child('parameters'));
}

function validateDevicesWanted(request: Place): void {
  request.child('deviceClassName').named(isDns1123Subdomain);
  validateSelectors(request.child('selectors'));
  const [mode, count] = [request.child('allocationMode'), request.child('count')];
  if (mode.text === 'All') {
    if (count.number !== 0) count.invalid("must not be specified when allocationMode is 'All'");
  } else if (mode.text === 'ExactCount') {
    if (count.number <= 0) count.invalid(mustBePositive, count.number);
  } else mode.notSupported(['All', 'ExactCount']);
  for (const toleration of request.items('tolerations')) validateToleration(toleration);
}

const oneKind = 'exactly one of `exactly` or `firstAvailable` is required';

function validateRequest(request: Place): void {
  request.child('name').matches(isDns1123Label);
  const [exactly, alternatives] = [request.child('exactly'), request.child('firstAvailable')];
  const hasAlternatives = alternatives.list.length > 0;
  if (!exactly.isSet && !hasAlternatives) request.required(oneKind);
  else if (exactly.isSet && hasAlternatives) {
    request.errors.invalid(request.path, null, `${oneKind}, but multiple fields are set`);
  } else if (exactly.isSet) validateDevicesWanted(exactly);
  else {
    eachNamed(alternatives, maxAlternatives, byName, (alternative) => {
      alternative.child('name').matches(isDns1123Label);
      validateDevicesWanted(alternative);
    });
  }
}

/** Names that configurations and results may refer to: `request` and `request/alternative`. */
function requestNames(devices: Fields | undefined): ReadonlySet<string> {
  return new Set(
    ((devices?.['requests'] ?? []) as Fields[]).flatMap((request) => [
      request['name'],
      ...((request['firstAvailable'] ?? []) as Fields[]).map((other) => `${request['name']}/${other['name']}`),
    ]),
  );
}

const unknownRequest =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

function validateRequestRef(place: Place, names: ReadonlySet<string>): void {
  const segments = place.text.split('/');
  if (segments.length <= 2) for (const segment of segments) place.messages(isDns1123Label(segment), segment);
  if (!names.has(place.text)) place.invalid(unknownRequest, place.text);
}

const validateRequestRefs = (list: Place, names: ReadonlySet<string>): void =>
  eachNamed(
    list,
    maxRequests,
    (item) => item.text,
    (item) => validateRequestRef(item, names),
  );

const oneAttribute = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set';

function validateClaimSpec(spec: Place): void {
  const devices = spec.child('devices');
  const names = requestNames(devices.value);
  eachNamed(devices.child('requests'), maxRequests, byName, validateRequest);
  each(devices.child('constraints'), maxRequests, (constraint) => {
    validateRequestRefs(constraint.child('requests'), names);
    const [match, distinct] = [constraint.child('matchAttribute'), constraint.child('distinctAttribute')];
    if (match.isSet) validateFullyQualified(match);
    else if (distinct.isSet) validateFullyQualified(distinct);
    else constraint.required(oneAttribute);
  });
  each(devices.child('config'), maxRequests, (config) => {
    validateRequestRefs(config.child('requests'), names);
    validateConfiguration(config);
  });
}

function validateResult(result: Place, names: ReadonlySet<string>): void {
  validateRequestRef(result.child('request'), names);
  validateDriver(result.child('driver'));
  validatePoolName(result.child('pool'));
  validateDeviceName(result.child('device'));
  validateBinding(result);
}

function validateAllocation(allocation: Place, names: ReadonlySet<string>): void {
  const devices = allocation.child('devices');
  each(devices.child('results'), maxRequests, (result) => validateResult(result, names));
  each(devices.child('config'), 2 * maxRequests, (config) => {
    config.child('source').oneOf(['FromClaim', 'FromClass']);
    validateRequestRefs(config.child('requests'), names);
    validateConfiguration(config);
  });
  const selector = allocation.child('nodeSelector');
  if (selector.isSet) validateNodeSelector(selector.value, selector.path, selector.errors);
}

const deviceId = (device: Fields): string =>
  [device['driver'], device['pool'], device['device'], device['shareID']]
    .filter((part) => part !== undefined)
    .join('/');

function validateDeviceStatus(device: Place, allocated: ReadonlySet<string>): void {
  validateDriver(device.child('driver'));
  validatePoolName(device.child('pool'));
  validateDeviceName(device.child('device'));
  if (!allocated.has(deviceId(device.value))) {
    device.invalid('must be an allocated device in the claim', deviceId(device.value));
  }
  const conditions = device.child('conditions');
  conditions.atMost(8);
  validateConditions(conditions.value ?? [], conditions.path, conditions.errors);
  if (device.child('data').isSet) validateParameters(device.child('data'));
}

function validateClaimStatus(object: Place, old: Fields): void {
  const status = object.child('status');
  const [reserved, allocation] = [status.child('reservedFor'), status.child('allocation')];
  eachNamed(
    reserved,
    maxReservations,
    (item) => item.child('uid').text,
    (consumer) => {
      for (const field of ['resource', 'name', 'uid']) consumer.child(field).named();
    },
  );
  const results: Fields[] = allocation.value?.devices?.results ?? [];
  const allocated = new Set(results.map(deviceId));
  eachNamed(
    status.child('devices'),
    Number.POSITIVE_INFINITY,
    (item) => deviceId(item.value),
    (device) => validateDeviceStatus(device, allocated),
  );
  const before: Fields = old['status'] ?? {};
  if (reserved.list.length > 0 && !allocation.isSet) {
    reserved.forbidden('may not be specified when `allocated` is not set');
  } else if (object.value.metadata.deletionTimestamp !== undefined) {
    const known: unknown[] = before['reservedFor'] ?? [];
    if (reserved.list.some((item) => !known.some((other) => deepEqual(item, other)))) {
      reserved.forbidden('new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set');
    }
  }
  if (!allocation.isSet) return;
  if (before['allocation'] !== undefined) allocation.immutable(before['allocation']);
  else validateAllocation(allocation, requestNames(object.value.spec?.devices));
}

export const claimRules = rules(
  (object) => validateClaimSpec(object.child('spec')),
  (object, old) => object.child('spec').immutable(old['spec']),
  validateClaimStatus,
);

export const claimTemplateRules = rules(
  (object) => {
    const metadata = object.child('spec', 'metadata');
    validateLabels(metadata.value?.labels, metadata.path.child('labels'), metadata.errors);
    validateAnnotations(metadata.value?.annotations, metadata.path.child('annotations'), metadata.errors);
    validateClaimSpec(object.child('spec', 'spec'));
  },
  (object, old) => object.child('spec').immutable(old['spec']),
);

export const deviceClassRules = rules((object) => {
  const spec = object.child('spec');
  validateSelectors(spec.child('selectors'));
  each(spec.child('config'), maxRequests, validateConfiguration);
  const name = spec.child('extendedResourceName');
  if (name.isSet && !isExtendedResource(name.text)) name.invalid('must be a valid extended resource name');
});
