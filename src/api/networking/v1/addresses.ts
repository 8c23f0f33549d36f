/** IPAddress and ServiceCIDR. Upstream: pkg/registry/networking/{ipaddress,servicecidr}, pkg/apis/networking (1.36). */
import { isDns1123Subdomain, isPathSegmentName } from '../../../apimachinery/index.ts';
import { isStrictCidr, isStrictIp, parseCidr } from '../../addresses.ts';
import type { Strategy } from '../../definition.ts';
import { type Place, rules } from '../../place.ts';
import { fieldImmutable } from '../../validation.ts';

function validateIpAddress(object: Place): void {
  const parent = object.child('spec', 'parentRef');
  if (!parent.isSet) {
    parent.required();
    return;
  }
  parent.child('group').maybe(isDns1123Subdomain);
  parent.child('resource').named(isPathSegmentName);
  parent.child('name').named(isPathSegmentName);
  parent.child('namespace').maybe(isPathSegmentName);
}

export const ipAddressStrategy: Strategy = {
  validateName: (name) => isStrictIp(name),
  ...rules(validateIpAddress, (object, old) => {
    validateIpAddress(object);
    object.child('spec', 'parentRef').immutable(old['spec']?.parentRef);
  }),
};

function validateCidrs(object: Place): void {
  const cidrs = object.child('spec', 'cidrs');
  if (cidrs.list.length === 0) {
    cidrs.required('at least one CIDR required');
    return;
  }
  if (cidrs.list.length > 2) {
    cidrs.invalid('may only hold up to 2 values', object.value.spec);
    return;
  }
  for (const cidr of cidrs.items()) cidr.matches(isStrictCidr);
  const [first, second] = cidrs.list.map((text) => parseCidr(String(text))?.address.family);
  if (cidrs.list.length === 2 && first !== undefined && first === second) {
    cidrs.invalid('may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64');
  }
}

/** A second range may be added, nothing else changes. */
function validateCidrsUpdate(object: Place, old: Readonly<Record<string, any>>): void {
  const before: string[] = old['spec']?.cidrs ?? [];
  const cidrs = object.child('spec', 'cidrs');
  const now = cidrs.list;
  if (now.length !== before.length && !(before.length === 1 && now.length === 2)) {
    cidrs.invalid(fieldImmutable, now);
    return;
  }
  for (const [index, cidr] of before.entries()) if (cidr !== now[index]) cidrs.index(index).invalid(fieldImmutable);
  if (now.length !== before.length) validateCidrs(object);
}

export const serviceCidrStrategy: Strategy = rules(validateCidrs, validateCidrsUpdate, () => {});
