/** Upstream: pkg/registry/core/endpoint/strategy.go, pkg/apis/core/validation/validation.go (1.36). */
import {
  deepEqual,
  type FieldErrorList,
  FieldPath,
  isDns1123Label,
  isPortNumber,
  isQualifiedName,
  nameIsDnsSubdomain,
} from '../../../../apimachinery/index.ts';
import { ipWarning } from '../../../addresses.ts';
import { setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import type { EndpointAddress, EndpointPort, Endpoints } from '../../../types.ts';
import { invalidEach, supportedProtocols, validateEnum } from '../../../validation.ts';
import { validateEndpointIp } from '../service/validation.ts';

function validateAddress(address: EndpointAddress, path: FieldPath, errors: FieldErrorList): void {
  validateEndpointIp(address.ip ?? '', path.child('ip'), errors);
  if (address.hostname) invalidEach(isDns1123Label(address.hostname), address.hostname, path.child('hostname'), errors);
  const node = address.nodeName;
  if (node !== undefined) invalidEach(nameIsDnsSubdomain(node, false), node, path.child('nodeName'), errors);
}

function validatePort(port: EndpointPort, requireName: boolean, path: FieldPath, errors: FieldErrorList): void {
  if (port.name) invalidEach(isDns1123Label(port.name), port.name, path.child('name'), errors);
  else if (requireName) errors.required(path.child('name'));
  invalidEach(isPortNumber(port.port), port.port, path.child('port'), errors);
  validateEnum(port.protocol, supportedProtocols, path.child('protocol'), errors);
  if (port.appProtocol !== undefined) {
    invalidEach(isQualifiedName(port.appProtocol), port.appProtocol, path.child('appProtocol'), errors);
  }
}

function validateEndpoints(endpoints: Readonly<Endpoints>, errors: FieldErrorList): void {
  for (const [index, subset] of (endpoints.subsets ?? []).entries()) {
    const at = FieldPath.root('subsets').index(index);
    const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
    if (addresses.length + notReadyAddresses.length === 0) {
      errors.required(at, 'must specify `addresses` or `notReadyAddresses`');
    }
    for (const [i, address] of addresses.entries()) validateAddress(address, at.child('addresses').index(i), errors);
    for (const [i, address] of notReadyAddresses.entries()) {
      validateAddress(address, at.child('notReadyAddresses').index(i), errors);
    }
    for (const [i, port] of ports.entries()) validatePort(port, ports.length > 1, at.child('ports').index(i), errors);
  }
}

export const endpointsStrategy: Strategy = {
  allowCreateOnUpdate: true,
  applyDefaults(object) {
    for (const subset of (object as Endpoints).subsets ?? []) {
      for (const port of subset.ports ?? []) setIfZero(port, 'protocol', 'TCP');
    }
  },
  validate: (object, errors) => validateEndpoints(object as Readonly<Endpoints>, errors),
  validateUpdate(object, old, errors) {
    if (!deepEqual(object['subsets'], old['subsets'])) validateEndpoints(object as Readonly<Endpoints>, errors);
  },
  warnings(object) {
    // The controller puts right what it copies.
    if (object.metadata.labels?.['endpoints.kubernetes.io/managed-by'] === 'endpoint-controller') return [];
    return ((object as Readonly<Endpoints>).subsets ?? []).flatMap((subset, index) =>
      (['addresses', 'notReadyAddresses'] as const).flatMap((list) =>
        (subset[list] ?? []).flatMap(({ ip }, i) => ipWarning(`subsets[${index}].${list}[${i}].ip`, ip ?? '')),
      ),
    );
  },
};
