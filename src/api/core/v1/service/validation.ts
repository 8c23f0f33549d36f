/** Upstream: pkg/apis/core/validation/validation.go (1.36). */
import {
  deepEqual,
  type FieldErrorList,
  FieldPath,
  isDns1123Label,
  isDns1123Subdomain,
  isIpAddress,
  isPortNumber,
  isQualifiedName,
  validateLabels,
} from '../../../../apimachinery/index.ts';
import type { Service, ServicePort, ServiceSpec } from '../../../types.ts';
import {
  invalidEach,
  supportedProtocols,
  validateEnum,
  validateOptionalEnum,
  validatePortNumberOrName,
} from '../../../validation.ts';
import { isExternallyAccessible, isHeadless, needsHealthCheck } from './defaults.ts';

const specPath = FieldPath.root('spec');
const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const onlyLoadBalancer = "may only be used when `type` is 'LoadBalancer'";
const setOnce = 'may not change once set';
const maxAffinitySeconds = 86_400;

const isIpv6 = (address: string): boolean => address.includes(':');

function validatePort(
  port: ServicePort,
  requireName: boolean,
  names: Set<string>,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  if (port.name) {
    invalidEach(isDns1123Label(port.name), port.name, path.child('name'), errors);
    if (names.has(port.name)) errors.duplicate(path.child('name'), port.name);
    names.add(port.name);
  } else if (requireName) errors.required(path.child('name'));
  invalidEach(isPortNumber(port.port), port.port, path.child('port'), errors);
  validateEnum(port.protocol, supportedProtocols, path.child('protocol'), errors);
  validatePortNumberOrName(port.targetPort, path.child('targetPort'), errors);
  if (port.appProtocol !== undefined) {
    invalidEach(isQualifiedName(port.appProtocol), port.appProtocol, path.child('appProtocol'), errors);
  }
}

function validatePorts(spec: Readonly<ServiceSpec>, errors: FieldErrorList): void {
  const path = specPath.child('ports');
  const ports = spec.ports ?? [];
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName') errors.required(path);
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) validatePort(port, ports.length > 1, names, path.index(index), errors);
  const nodePorts = new Set<string>();
  const seen = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = path.index(index);
    const { protocol = '', nodePort = 0 } = port;
    if (nodePort !== 0) {
      if (spec.type === 'ClusterIP')
        errors.forbidden(at.child('nodePort'), "may not be used when `type` is 'ClusterIP'");
      if (nodePorts.has(`${protocol}/${nodePort}`)) errors.duplicate(at.child('nodePort'), nodePort);
      nodePorts.add(`${protocol}/${nodePort}`);
    }
    if (seen.has(`${protocol}/${port.port}`)) errors.duplicate(at, { port: port.port, protocol });
    seen.add(`${protocol}/${port.port}`);
  }
}

function validateType(spec: Readonly<ServiceSpec>, errors: FieldErrorList): void {
  if (spec.type === 'LoadBalancer' || spec.type === 'NodePort') {
    if (isHeadless(spec)) {
      const detail = `may not be set to 'None' for ${spec.type} services`;
      errors.invalid(specPath.child('clusterIPs').index(0), 'None', detail);
    }
  } else if (spec.type === 'ExternalName') {
    const detail = 'may not be set for ExternalName services';
    if ((spec.clusterIPs ?? []).length > 0) errors.forbidden(specPath.child('clusterIPs'), detail);
    if ((spec.ipFamilies ?? []).length > 0) errors.forbidden(specPath.child('ipFamilies'), detail);
    if (spec.ipFamilyPolicy !== undefined) errors.forbidden(specPath.child('ipFamilyPolicy'), detail);
    const name = (spec.externalName ?? '').replace(/\.$/, '');
    if (name === '') errors.required(specPath.child('externalName'));
    else invalidEach(isDns1123Subdomain(name), name, specPath.child('externalName'), errors);
  }
  validateEnum(spec.type, types, specPath.child('type'), errors);
}

function validateAffinity(spec: Readonly<ServiceSpec>, errors: FieldErrorList): void {
  validateEnum(spec.sessionAffinity, ['ClientIP', 'None'], specPath.child('sessionAffinity'), errors);
  const path = specPath.child('sessionAffinityConfig');
  if (spec.sessionAffinity === 'None') {
    if (spec.sessionAffinityConfig) errors.forbidden(path, 'must not be set when session affinity is None');
  } else if (spec.sessionAffinity === 'ClientIP') {
    const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
    const at = path.child('clientIP', 'timeoutSeconds');
    if (seconds === undefined) errors.required(path, 'when session affinity type is ClientIP');
    else if (seconds <= 0 || seconds > maxAffinitySeconds) {
      errors.invalid(at, seconds, `must be greater than 0 and less than or equal to ${maxAffinitySeconds}`);
    }
  }
}

/** Addresses and families of a service; allocators ask before they act. Upstream: ValidateServiceClusterIPsRelatedFields. */
export function validateServiceClusterIps(spec: Readonly<ServiceSpec>, errors: FieldErrorList): void {
  if (spec.type === 'ExternalName') return;
  const path = specPath.child('clusterIPs');
  const addresses = spec.clusterIPs ?? [];
  const families: readonly string[] = spec.ipFamilies ?? [];
  if (spec.clusterIP) {
    if (addresses.length === 0) errors.required(path);
    else if (addresses[0] !== spec.clusterIP) errors.invalid(path, addresses, 'first value must match `clusterIP`');
  } else if (addresses.length > 0) {
    errors.invalid(path, addresses, 'must be empty when `clusterIP` is not specified');
  }
  for (const [index, family] of families.entries()) {
    const at = specPath.child('ipFamilies').index(index);
    validateOptionalEnum(family, ['IPv4', 'IPv6'], at, errors);
    if (families.indexOf(family) < index) errors.duplicate(at, family);
  }
  const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
  validateOptionalEnum(spec.ipFamilyPolicy, policies, specPath.child('ipFamilyPolicy'), errors);
  const before = errors.length;
  for (const [index, address] of addresses.entries()) {
    if (index === 0 && address === 'None') {
      if (addresses.length > 1) errors.invalid(path, addresses, "'None' must be the first and only value");
    } else invalidEach(isIpAddress(address), address, path.index(index), errors);
  }
  if (addresses.length > 2) errors.invalid(path, addresses, 'may only hold up to 2 values');
  if (errors.length > before) return;
  if (addresses.length === 2 && isIpv6(addresses[0]!) === isIpv6(addresses[1]!)) {
    errors.invalid(path, addresses, 'may specify no more than one IP for each IP family');
  }
  if (isHeadless(spec)) return;
  for (const [index, address] of addresses.entries()) {
    const family = families[index];
    if (family === undefined || (family === 'IPv6') === isIpv6(address)) continue;
    errors.invalid(path.index(index), address, `expected an ${family} value as indicated by \`ipFamilies[${index}]\``);
  }
}

/** Addresses that lead to the node itself or nowhere. */
export function endpointIpProblem(address: string): string | undefined {
  if (address === '0.0.0.0' || address === '::') return 'may not be unspecified';
  if (address.startsWith('127.') || address === '::1') return 'may not be in the loopback range (127.0.0.0/8, ::1/128)';
  if (address.startsWith('169.254.') || /^fe[89ab]/i.test(address)) {
    return 'may not be in the link-local range (169.254.0.0/16, fe80::/10)';
  }
  return undefined;
}

export function validateEndpointIp(address: string, path: FieldPath, errors: FieldErrorList): void {
  const messages = isIpAddress(address);
  invalidEach(messages, address, path, errors);
  const problem = messages.length === 0 ? endpointIpProblem(address) : undefined;
  if (problem !== undefined) errors.invalid(path, address, problem);
}

function validateCidr(text: string, path: FieldPath, errors: FieldErrorList): void {
  const [address = '', bits = '', ...rest] = text.split('/');
  const limit = isIpv6(address) ? 128 : 32;
  const valid =
    rest.length === 0 && isIpAddress(address).length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= limit;
  if (!valid) errors.invalid(path, text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)');
}

function validateLoadBalancer(spec: Readonly<ServiceSpec>, errors: FieldErrorList): void {
  const isLoadBalancer = spec.type === 'LoadBalancer';
  const ranges = spec.loadBalancerSourceRanges ?? [];
  const rangesPath = specPath.child('LoadBalancerSourceRanges');
  if (ranges.length > 0 && !isLoadBalancer) errors.forbidden(rangesPath, onlyLoadBalancer);
  for (const [index, range] of ranges.entries()) validateCidr(range.trim(), rangesPath.index(index), errors);
  if (spec.allocateLoadBalancerNodePorts !== undefined && !isLoadBalancer) {
    errors.forbidden(specPath.child('allocateLoadBalancerNodePorts'), onlyLoadBalancer);
  }
  if (spec.loadBalancerClass === undefined) return;
  const at = specPath.child('loadBalancerClass');
  if (isLoadBalancer) invalidEach(isQualifiedName(spec.loadBalancerClass), spec.loadBalancerClass, at, errors);
  else errors.forbidden(at, onlyLoadBalancer);
}

function validateTrafficPolicies(spec: Readonly<ServiceSpec>, errors: FieldErrorList): void {
  const external = specPath.child('externalTrafficPolicy');
  if (isExternallyAccessible(spec)) validateEnum(spec.externalTrafficPolicy, ['Cluster', 'Local'], external, errors);
  else if (spec.externalTrafficPolicy) {
    errors.invalid(external, spec.externalTrafficPolicy, 'may only be set for externally-accessible services');
  }
  const port = spec.healthCheckNodePort ?? 0;
  const portPath = specPath.child('healthCheckNodePort');
  if (port !== 0) {
    if (needsHealthCheck(spec)) invalidEach(isPortNumber(port), port, portPath, errors);
    else {
      const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
      errors.invalid(portPath, port, detail);
    }
  }
  const internal = specPath.child('internalTrafficPolicy');
  const policies = ['Cluster', 'Local'];
  if (spec.type === 'ExternalName') validateOptionalEnum(spec.internalTrafficPolicy, policies, internal, errors);
  else validateEnum(spec.internalTrafficPolicy, policies, internal, errors);
  const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
  validateOptionalEnum(spec.trafficDistribution, distributions, specPath.child('trafficDistribution'), errors);
}

export function validateService(service: Readonly<Service>, errors: FieldErrorList): void {
  const spec = service.spec ?? {};
  validateType(spec, errors);
  validatePorts(spec, errors);
  validateLabels(spec.selector, specPath.child('selector'), errors);
  validateAffinity(spec, errors);
  validateServiceClusterIps(spec, errors);
  for (const [index, address] of (spec.externalIPs ?? []).entries()) {
    validateEndpointIp(address, specPath.child('externalIPs').index(index), errors);
  }
  validateLoadBalancer(spec, errors);
  validateTrafficPolicies(spec, errors);
}

/** The first address and family stay; a second may come and go. */
function validatePinnedList(
  lists: { now: readonly string[]; before: readonly string[] },
  words: { field: 'clusterIPs' | 'ipFamilies'; one: string },
  spec: Readonly<ServiceSpec>,
  errors: FieldErrorList,
): void {
  const path = specPath.child(words.field);
  const { now, before } = lists;
  if (now.length === before.length) {
    for (const [index, value] of before.entries()) {
      if (value === now[index]) continue;
      errors.invalid(path.index(words.field === 'clusterIPs' ? index : 0), now, setOnce);
    }
    return;
  }
  if (now.length < before.length) {
    if (now.length === 0) errors.invalid(path.index(0), now, `primary ${words.one} can not be unset`);
    else if (now[0] !== before[0]) errors.invalid(path.index(0), now, setOnce);
    if (now.length === 1 && spec.ipFamilyPolicy !== 'SingleStack') {
      const detail = `must be set to 'SingleStack' when releasing the secondary ${words.one}`;
      errors.invalid(specPath.child('ipFamilyPolicy'), spec.ipFamilyPolicy ?? null, detail);
    }
  } else if (before.length > 0 && now[0] !== before[0]) {
    errors.invalid(path.index(0), now, setOnce);
  }
}

export function validateServiceUpdate(
  service: Readonly<Service>,
  old: Readonly<Service>,
  errors: FieldErrorList,
): void {
  const spec = service.spec ?? {};
  const before = old.spec ?? {};
  if (spec.type !== 'ExternalName' && before.type !== 'ExternalName') {
    const headless = isHeadless(spec);
    const wasHeadless = isHeadless(before);
    if (!headless || !wasHeadless) {
      const lists = { now: spec.clusterIPs ?? [], before: before.clusterIPs ?? [] };
      validatePinnedList(lists, { field: 'clusterIPs', one: 'clusterIP' }, spec, errors);
    }
    if (!headless && !wasHeadless) {
      const lists = { now: spec.ipFamilies ?? [], before: before.ipFamilies ?? [] };
      validatePinnedList(lists, { field: 'ipFamilies', one: 'ipFamily' }, spec, errors);
    }
  }
  const bothLoadBalancers = spec.type === 'LoadBalancer' && before.type === 'LoadBalancer';
  if (bothLoadBalancers && !deepEqual(spec.loadBalancerClass, before.loadBalancerClass)) {
    errors.invalid(specPath.child('loadBalancerClass'), spec.loadBalancerClass ?? null, setOnce);
  }
  if (needsHealthCheck(spec) && needsHealthCheck(before) && spec.healthCheckNodePort !== before.healthCheckNodePort) {
    errors.forbidden(specPath.child('healthCheckNodePort'), 'field is immutable');
  }
  validateService(service, errors);
}
