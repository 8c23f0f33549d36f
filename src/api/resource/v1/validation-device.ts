/** Devices and what names them. Upstream: pkg/apis/resource/validation/validation.go (1.36). */
import {
  isCIdentifier,
  isDns1123Label,
  isDns1123Subdomain,
  isLabelValue,
  nameIsDnsSubdomain,
  parseQuantity,
} from '../../../apimachinery/index.ts';
import { validateNodeSelector } from '../../core/v1/pod/validation-scheduling.ts';
import { validateDriverName } from '../../core/v1/volumes/sources.ts';
import { nameRule, type Place } from '../../place.ts';

const maxPoolName = 253;
const maxId = 32;
const maxValue = 64;
const maxAttributes = 32;
const maxAttributeValues = 48;
const maxTaints = 16;
const maxConsumptions = 2;
const maxCounters = 32;
const maxBindingConditions = 4;
const maxPolicyValues = 10;
const taintEffects = ['NoExecute', 'NoSchedule', 'None'];

export const validateDriver = validateDriverName;

export function validatePoolName(name: Place): void {
  if (name.text === '') {
    name.required();
    return;
  }
  if (name.text.length > maxPoolName) name.tooLong(maxPoolName);
  for (const part of name.text.split('/')) name.messages(isDns1123Subdomain(part), part);
}

export const validateDeviceName = (name: Place): void => name.matches(isDns1123Label);

export function validateTaint(taint: Place): void {
  taint.child('key').qualified();
  taint.child('value').maybe(isLabelValue);
  taint.child('effect').oneOf(taintEffects);
}

export function validateToleration(toleration: Place): void {
  const [key, value, operator, effect] = ['key', 'value', 'operator', 'effect'].map((name) => toleration.child(name));
  if (key!.text !== '') key!.qualified();
  if (operator!.text === 'Exists') {
    if (value!.text !== '') value!.invalid('must be empty for operator `Exists`');
  } else if (operator!.oneOf(['Equal', 'Exists'])) value!.matches(isLabelValue);
  if (effect!.text !== '') effect!.maybeOneOf(taintEffects);
}

function validateIdentifier(id: string, place: Place): void {
  if (id.length > maxId) place.tooLong(maxId);
  place.messages(isCIdentifier(id), id);
}

/** `name` or `domain/name`. */
function validateQualified(name: string, place: Place): void {
  const [first = '', second, ...rest] = name.split('/');
  if (rest.length > 0) return;
  if (second === undefined) {
    validateIdentifier(first, place);
    return;
  }
  if (first === '') place.invalid('the domain must not be empty', '');
  else validateDriverName(place.as(first));
  if (second === '') place.invalid('the name must not be empty', '');
  else validateIdentifier(second, place);
}

export function validateFullyQualified(name: Place): void {
  validateQualified(name.text, name);
  if (!name.text.includes('/')) {
    name.invalid('a fully qualified name must be a domain and a name separated by a slash');
  }
}

const semanticVersion =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;

function validateAttribute(attribute: Place): void {
  const text = (place: Place): void => {
    if (place.text.length > maxValue) place.tooLong(maxValue);
  };
  const version = (place: Place): void => {
    if (!semanticVersion.test(place.text)) place.invalid('must be a string compatible with semver.org spec 2.0.0');
    text(place);
  };
  if (attribute.child('string').isSet) text(attribute.child('string'));
  if (attribute.child('version').isSet) version(attribute.child('version'));
  for (const field of ['bools', 'ints', 'strings', 'versions']) {
    const list = attribute.child(field);
    if (list.isSet && list.list.length === 0) list.invalid('must not be empty if specified');
  }
  for (const item of attribute.items('strings')) text(item);
  for (const item of attribute.items('versions')) version(item);
  const set = ['bool', 'int', 'string', 'version', 'bools', 'ints', 'strings', 'versions'].filter(
    (field) => attribute.child(field).isSet,
  );
  if (set.length !== 1)
    attribute.invalid('exactly one value must be specified', set.length === 0 ? '' : attribute.value);
}

function attributeValues(attribute: Record<string, any>): number {
  const lists = ['bools', 'ints', 'strings', 'versions'].map((field) => (attribute[field] ?? []).length as number);
  return Math.max(
    1,
    lists.reduce((sum, length) => sum + length, 0),
  );
}

const quantity = (place: Place) => (place.isSet ? parseQuantity(place.value) : undefined);

function validateValidValues(policy: Place, limit: Place): void {
  const [values, fallback] = [policy.child('validValues'), quantity(policy.child('default'))];
  if (fallback === undefined) {
    policy.child('default').required('required when validValues is defined');
    return;
  }
  const most = parseQuantity(limit.value);
  const amounts = values.list.map((value) => parseQuantity(value));
  for (const [index, amount] of amounts.entries()) {
    if (index > 0 && amounts[index - 1]!.compare(amount) > 0) {
      values.index(index).invalid('values must be sorted in ascending order', amount.toString());
    }
  }
  if (values.atMost(maxPolicyValues)) {
    for (const [index, amount] of amounts.entries()) {
      const place = values.index(index);
      if (amount.compare(most) > 0) {
        place.invalid(`option is larger than capacity value: ${most.toString()}`, amount.toString());
      }
      if (amounts.slice(0, index).some((other) => other.compare(amount) === 0)) place.duplicate(amount.toString());
    }
  }
  if (!amounts.some((amount) => amount.compare(fallback) === 0)) {
    values.invalid('default value is not valid according to the requestPolicy', fallback.toString());
  }
}

function validateValidRange(policy: Place, limit: Place): void {
  const range = policy.child('validRange');
  const [min, max, step] = ['min', 'max', 'step'].map((name) => range.child(name));
  const [least, most, stride] = [quantity(min!), quantity(max!), quantity(step!)];
  const fallback = quantity(policy.child('default'));
  const capacity = parseQuantity(limit.value);
  if (fallback === undefined) {
    policy.child('default').required('required when validRange is defined');
    return;
  }
  if (least === undefined) {
    min!.required('required when validRange is defined');
    return;
  }
  const larger = (what: string) => `${what} is larger than capacity value: ${capacity.toString()}`;
  if (least.compare(capacity) > 0) min!.invalid(larger('min'), least.toString());
  if (fallback.compare(least) < 0) min!.invalid(`default is less than min: ${least.toString()}`, fallback.toString());
  if (most !== undefined) {
    if (least.compare(most) > 0) max!.invalid(`min is larger than max: ${most.toString()}`, least.toString());
    if (most.compare(capacity) > 0) max!.invalid(larger('max'), most.toString());
    if (fallback.compare(most) > 0) max!.invalid(`default is more than max: ${most.toString()}`, fallback.toString());
  }
  if (stride === undefined) return;
  for (const value of most === undefined ? [fallback] : [fallback, most]) {
    if (stride.nano === 0n || (value.nano - least.nano) % stride.nano === 0n) continue;
    const detail = `value is not a multiple of a given step (${stride.toString()}) from (${least.toString()})`;
    step!.invalid(detail, value.toString());
  }
}

function validateCapacity(capacity: Place, shared: boolean): void {
  const policy = capacity.child('requestPolicy');
  if (!policy.isSet) return;
  if (!shared) {
    policy.forbidden('allowMultipleAllocations must be true');
    return;
  }
  const [values, range] = [policy.child('validValues'), policy.child('validRange')];
  if (values.list.length > 0 && range.isSet) {
    policy.forbidden(
      'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time',
    );
  } else if (values.list.length > 0) validateValidValues(policy, capacity.child('value'));
  else if (range.isSet) validateValidRange(policy, capacity.child('value'));
}

export function validateCounters(holder: Place): void {
  const counters = holder.child('counters');
  const names = Object.keys(counters.value ?? {});
  if (names.length === 0) counters.required();
  else if (names.length > maxCounters) counters.errors.tooMany(counters.path, names.length, maxCounters);
  else for (const name of names) counters.messages(isDns1123Label(name), name);
}

export function validateBinding(holder: Place): void {
  const [conditions, failures] = [holder.child('bindingConditions'), holder.child('bindingFailureConditions')];
  for (const list of [conditions, failures]) {
    if (list.atMost(maxBindingConditions)) for (const item of list.items()) item.qualified();
    list.unique();
  }
  for (const failure of failures.items()) {
    if (conditions.list.includes(failure.value)) {
      failure.invalid('bindingFailureConditions must not overlap with bindingConditions');
    }
  }
  if (conditions.list.length === 0 && failures.list.length > 0) {
    conditions.invalid('bindingConditions are required to use bindingFailureConditions', conditions.value ?? null);
  }
  if (failures.list.length === 0 && conditions.list.length > 0) {
    failures.invalid('bindingFailureConditions are required to use bindingConditions', failures.value ?? null);
  }
}

/** Which of the ways to name nodes are used, each checked. */
export function nodeChoices(holder: Place, empty: string): string[] {
  const chosen: string[] = [];
  const [name, selector, all] = ['nodeName', 'nodeSelector', 'allNodes'].map((field) => holder.child(field));
  if (name!.isSet && name!.text === '') name!.invalid(empty, '');
  else if (name!.isSet) {
    chosen.push('`nodeName`');
    name!.matches(nameRule(nameIsDnsSubdomain));
  }
  if (selector!.isSet) {
    chosen.push('`nodeSelector`');
    validateNodeSelector(selector!.value, selector!.path, selector!.errors);
  }
  if (all!.isSet && all!.value !== true) all!.invalid('must be either unset or set to true', false);
  else if (all!.isSet) chosen.push('`allNodes`');
  return chosen;
}

const perDevice =
  'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec';

export function validateDevice(device: Place, perDeviceNodes: boolean): void {
  validateDeviceName(device.child('name'));
  const [attributes, capacity] = [device.child('attributes'), device.child('capacity')];
  const total = Object.keys(attributes.value ?? {}).length + Object.keys(capacity.value ?? {}).length;
  if (total > maxAttributes) {
    device.invalid(`the total number of attributes and capacities must not exceed ${maxAttributes}`, total);
  }
  const values = Object.values((attributes.value ?? {}) as Record<string, any>).reduce(
    (sum: number, attribute) => sum + attributeValues(attribute ?? {}),
    0,
  );
  if (values > maxAttributeValues) {
    device.invalid(`the total number of attribute values must not exceed ${maxAttributeValues}`, values);
  }
  for (const [name, attribute] of attributes.entries()) {
    validateQualified(name, attributes);
    validateAttribute(attribute);
  }
  for (const [name, amount] of capacity.entries()) {
    validateQualified(name, capacity);
    validateCapacity(amount, device.value.allowMultipleAllocations === true);
  }
  const taints = device.child('taints');
  if (taints.atMost(maxTaints)) for (const taint of taints.items()) validateTaint(taint);
  const consumed = device.child('consumesCounters');
  if (consumed.atMost(maxConsumptions)) {
    for (const item of consumed.items()) {
      item.child('counterSet').named(isDns1123Label);
      validateCounters(item);
    }
  }
  const fields = ['nodeName', 'nodeSelector', 'allNodes'].filter((field) => device.child(field).isSet);
  if (perDeviceNodes) {
    const chosen = nodeChoices(device, 'must not be empty');
    if (chosen.length === 0) device.required(perDevice);
    else if (chosen.length > 1) device.invalid(perDevice, `{${chosen.join(', ')}}`);
  } else if (fields.length > 0) {
    const detail =
      '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
    device.errors.invalid(device.path, null, detail);
  }
  validateBinding(device);
}
