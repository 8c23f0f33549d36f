/** Upstream: pkg/apis/core/validation/validation.go (1.36), ValidateLoadBalancerStatus. */
import { type FieldErrorList, FieldPath, isDns1123Subdomain } from '../../../../apimachinery/index.ts';
import { isLegacyIp, parseAddress } from '../../../addresses.ts';
import type { Service } from '../../../types.ts';
import { invalidEach, validateEnum } from '../../../validation.ts';

/** Writes through `/status`: addresses that were there before stay valid however they are written. */
export function validateServiceStatus(
  service: Readonly<Service>,
  old: Readonly<Service>,
  errors: FieldErrorList,
): void {
  const path = FieldPath.root('status', 'loadBalancer', 'ingress');
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  if (service.spec?.type !== 'LoadBalancer') {
    if (ingress.length > 0) errors.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'");
    return;
  }
  const before = new Set((old.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip));
  for (const [index, { ip = '', ipMode, hostname = '' }] of ingress.entries()) {
    const at = path.index(index);
    if (ip !== '' && !before.has(ip)) invalidEach(isLegacyIp(ip), ip, at.child('ip'), errors);
    if (ipMode === undefined) {
      if (ip !== '') errors.required(at.child('ipMode'), 'must be specified when `ip` is set');
    } else if (ip === '') errors.forbidden(at.child('ipMode'), 'may not be specified when `ip` is not set');
    else validateEnum(ipMode, ['Proxy', 'VIP'], at.child('ipMode'), errors);
    if (hostname === '') continue;
    invalidEach(isDns1123Subdomain(hostname), hostname, at.child('hostname'), errors);
    if (parseAddress(hostname)) {
      errors.invalid(at.child('hostname'), hostname, 'must be a DNS name, not an IP address');
    }
  }
}
