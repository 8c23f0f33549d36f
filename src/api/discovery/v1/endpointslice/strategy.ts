/** Upstream: pkg/registry/discovery/endpointslice/strategy.go, pkg/apis/discovery (1.36). */
import {
  deepEqual,
  type FieldErrorList,
  FieldPath,
  isDns1123Label,
  isDns1123Subdomain,
  isIpAddress,
  isPortNumber,
  isQualifiedName,
  nameIsDnsSubdomain,
} from '../../../../apimachinery/index.ts';
import { validateEndpointIp } from '../../../core/v1/service/validation.ts';
import { setIfAbsent } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { DiscoveryEndpointPort, Endpoint, EndpointSlice } from '../../../types.ts';
import { invalidEach, supportedProtocols, validateEnum, validateImmutable } from '../../../validation.ts';

const addressTypes = ['FQDN', 'IPv4', 'IPv6'];
const maxEndpoints = 1000;
const maxAddresses = 100;
const maxPorts = 20_000;

function validateAddress(address: string, type: string, path: FieldPath, errors: FieldErrorList): void {
  if (type === 'FQDN') {
    invalidEach(isDns1123Subdomain(address), address, path, errors);
    return;
  }
  const messages = isIpAddress(address);
  const isIpv6 = address.includes(':');
  if (messages.length === 0 && type === 'IPv4' && isIpv6) errors.invalid(path, address, 'must be an IPv4 address');
  else if (messages.length === 0 && type === 'IPv6' && !isIpv6)
    errors.invalid(path, address, 'must be an IPv6 address');
  else validateEndpointIp(address, path, errors);
}

function validateEndpoint(endpoint: Endpoint, type: string, path: FieldPath, errors: FieldErrorList): void {
  const addresses = endpoint.addresses ?? [];
  const addressesPath = path.child('addresses');
  if (addresses.length === 0) errors.required(addressesPath, 'must contain at least 1 address');
  else if (addresses.length > maxAddresses) errors.tooMany(addressesPath, addresses.length, maxAddresses);
  for (const [index, address] of addresses.entries()) {
    validateAddress(address, type, addressesPath.index(index), errors);
  }
  const { nodeName, hostname } = endpoint;
  if (nodeName !== undefined)
    invalidEach(nameIsDnsSubdomain(nodeName, false), nodeName, path.child('nodeName'), errors);
  if (hostname !== undefined) invalidEach(isDns1123Label(hostname), hostname, path.child('hostname'), errors);
}

function validatePorts(ports: readonly DiscoveryEndpointPort[], errors: FieldErrorList): void {
  const path = FieldPath.root('ports');
  if (ports.length > maxPorts) {
    errors.tooMany(path, ports.length, maxPorts);
    return;
  }
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = path.index(index);
    const name = port.name ?? '';
    if (name !== '') invalidEach(isDns1123Label(name), name, at.child('name'), errors);
    if (names.has(name)) errors.duplicate(at.child('name'), name);
    names.add(name);
    validateEnum(port.protocol, supportedProtocols, at.child('protocol'), errors);
    if (port.port !== undefined) invalidEach(isPortNumber(port.port), port.port, at.child('port'), errors);
    if (port.appProtocol !== undefined) {
      invalidEach(isQualifiedName(port.appProtocol), port.appProtocol, at.child('appProtocol'), errors);
    }
  }
}

function validateSlice(
  slice: Readonly<EndpointSlice>,
  old: Readonly<EndpointSlice> | undefined,
  errors: FieldErrorList,
): void {
  validateEnum(slice.addressType, addressTypes, FieldPath.root('addressType'), errors);
  validatePorts(slice.ports ?? [], errors);
  const endpoints = slice.endpoints ?? [];
  // Slices hold hundreds of endpoints and mostly change in one: what was accepted is not looked at again.
  if (old !== undefined && deepEqual(endpoints, old.endpoints ?? [])) return;
  const path = FieldPath.root('endpoints');
  if (endpoints.length > maxEndpoints) {
    errors.tooMany(path, endpoints.length, maxEndpoints);
    return;
  }
  for (const [index, endpoint] of endpoints.entries()) {
    validateEndpoint(endpoint, slice.addressType, path.index(index), errors);
  }
}

export const endpointSliceStrategy: Strategy = {
  generation: 'spec',
  applyDefaults(object) {
    for (const port of (object as EndpointSlice).ports ?? []) {
      setIfAbsent(port, 'name', '');
      setIfAbsent(port, 'protocol', 'TCP');
    }
  },
  prepareForUpdate(object, old) {
    // Labels count as a new generation too: they say whose slice it is.
    if (deepEqual(object.metadata.labels ?? {}, old.metadata.labels ?? {})) return;
    object.metadata.generation = (old.metadata.generation ?? 0) + 1;
  },
  validate: (object, errors) => validateSlice(object as Readonly<EndpointSlice>, undefined, errors),
  validateUpdate(object, old, errors) {
    validateSlice(object as Readonly<EndpointSlice>, old as Readonly<EndpointSlice>, errors);
    validateImmutable(object['addressType'], old['addressType'], FieldPath.root('addressType'), errors);
  },
};
