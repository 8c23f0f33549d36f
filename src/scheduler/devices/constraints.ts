/**
 * What the devices of a claim must have in common, or must not.
 * Upstream: dynamic-resource-allocation/structured/internal/incubating/{allocator_incubating,constraint}.go (1.36).
 */
import type { DeviceAttributeValue } from '../../apimachinery/cel/index.ts';
import type { Device } from './catalog.ts';

/** Grows by one device at a time; once it says no, more devices do not make it say yes. */
export interface Constraint {
  /** `request`: its name; `full`: with the alternative's, `request/alternative`. False: the device may not join. */
  add(request: string, full: string, device: Device): boolean;
  /** Takes back an `add` that was true. */
  remove(request: string, full: string, device: Device): void;
}

interface ConstraintFields {
  readonly requests?: readonly string[];
  readonly matchAttribute?: string;
  readonly distinctAttribute?: string;
}

function attributeOf({ driver, spec }: Device, name: string): DeviceAttributeValue | undefined {
  const attributes = spec.attributes ?? {};
  if (Object.hasOwn(attributes, name)) return attributes[name];
  const slash = name.indexOf('/');
  const own = slash >= 0 && name.slice(0, slash) === driver ? name.slice(slash + 1) : undefined;
  return own !== undefined && Object.hasOwn(attributes, own) ? attributes[own] : undefined;
}

/** Of the same kind and equal. */
function same(a: DeviceAttributeValue, b: DeviceAttributeValue): boolean {
  for (const kind of ['string', 'int', 'bool', 'version'] as const)
    if (a[kind] !== undefined) return a[kind] === b[kind];
  return false;
}

const isKnown = ({ string, int, bool, version }: DeviceAttributeValue): boolean =>
  string !== undefined || int !== undefined || bool !== undefined || version !== undefined;

/** Undefined: of a kind nobody knows. */
export function constraintOf({ requests = [], matchAttribute, distinctAttribute }: ConstraintFields) {
  const applies = (request: string, full: string) =>
    requests.length === 0 || requests.includes(request) || requests.includes(full);
  if (matchAttribute !== undefined) return allEqual(matchAttribute, applies);
  return distinctAttribute === undefined ? undefined : allDifferent(distinctAttribute, applies);
}

type Applies = (request: string, full: string) => boolean;

function allEqual(name: string, applies: Applies): Constraint {
  let common: DeviceAttributeValue | undefined;
  let devices = 0;
  return {
    add(request, full, device) {
      if (!applies(request, full)) return true;
      const attribute = attributeOf(device, name);
      if (!attribute) return false;
      if (devices === 0) common = attribute;
      else if (!same(attribute, common!)) return false;
      devices++;
      return true;
    },
    remove(request, full) {
      if (applies(request, full)) devices--;
    },
  };
}

/** Upstream keeps one value a request; so only its last device is compared with those of other requests. */
function allDifferent(name: string, applies: Applies): Constraint {
  const values = new Map<string, DeviceAttributeValue>();
  let devices = 0;
  return {
    add(request, full, device) {
      if (!applies(request, full)) return true;
      const attribute = attributeOf(device, name);
      if (!attribute) return false;
      const clash = () => !isKnown(attribute) || [...values.values()].some((other) => same(attribute, other));
      if (devices > 0 && clash()) return false;
      values.set(request, attribute);
      devices++;
      return true;
    },
    remove(request, full) {
      if (!applies(request, full)) return;
      values.delete(request);
      devices--;
    },
  };
}
