/** Upstream: pkg/registry/discovery/endpointslice/strategy.go, pkg/apis/discovery (1.36). */
import {
  deepEqual,
  isDns1123Label,
  isDns1123Subdomain,
  isLabelValue,
  nameIsDnsSubdomain,
  validateLabels,
} from '../../../../apimachinery/index.ts';
import { ipWarning, isLegacyIp, isStrictIp, parseAddress } from '../../../addresses.ts';
import { endpointIpProblem } from '../../../core/v1/service/validation.ts';
import { setIfAbsent } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import { nameRule, type Place, rules } from '../../../place.ts';
import type { EndpointSlice } from '../../../types.ts';
import { supportedProtocols } from '../../../validation.ts';

const addressTypes = ['FQDN', 'IPv4', 'IPv6'];
const maxEndpoints = 1000;
const maxAddresses = 100;
const maxPorts = 20_000;
const maxHints = 8;
const maxTopologyLabels = 16;
/** What these write is in canonical form. */
const controllers = new Set(['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io']);
const subdomain = nameRule(nameIsDnsSubdomain);

function fqdnProblem(text: string): { value: string; detail: string } | undefined {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  const errors = isDns1123Subdomain(name);
  if (errors.length > 0) return { value: name, detail: errors.join(',') };
  const labels = name.split('.');
  if (labels.length < 2) {
    return { value: name, detail: 'should be a domain with at least two segments separated by dots' };
  }
  const bad = labels.find((part) => isDns1123Label(part).length > 0);
  return bad === undefined ? undefined : { value: bad, detail: isDns1123Label(bad).join(',') };
}

function validateAddress(address: Place, type: string, list: Place): void {
  if (type === 'FQDN') {
    if (address.text === '') address.required();
    const problem = address.text === '' ? undefined : fqdnProblem(address.text);
    if (problem !== undefined) address.invalid(problem.detail, problem.value);
    return;
  }
  if (type !== 'IPv4' && type !== 'IPv6') return;
  const family = type === 'IPv4' ? 4 : 6;
  if (!address.messages((family === 4 ? isLegacyIp : isStrictIp)(address.text))) return;
  if (parseAddress(address.text)?.family !== family) list.as(address.text).invalid(`must be an ${type} address`);
  const problem = endpointIpProblem(address.text);
  if (problem !== undefined) address.invalid(problem);
}

function validateHints(hints: Place): void {
  const named = (list: Place, rule: (text: string) => readonly string[]): boolean => {
    if (!list.atMost(maxHints)) return false;
    list.unique('name');
    for (const hint of list.items()) hint.child('name').matches(rule);
    return true;
  };
  if (named(hints.child('forZones'), isLabelValue)) named(hints.child('forNodes'), subdomain);
}

function validateEndpoint(endpoint: Place, type: string): void {
  const addresses = endpoint.child('addresses');
  if (addresses.list.length === 0) addresses.required('must contain at least 1 address');
  else addresses.atMost(maxAddresses);
  for (const address of addresses.items()) validateAddress(address, type, addresses);
  const [node, hostname] = [endpoint.child('nodeName'), endpoint.child('hostname')];
  if (node.isSet) node.matches(subdomain);
  const topology = endpoint.child('deprecatedTopology');
  const labels = Object.keys(topology.value ?? {}).length;
  if (labels > maxTopologyLabels) topology.errors.tooMany(topology.path, labels, maxTopologyLabels);
  validateLabels(topology.value, topology.path, topology.errors);
  if (hostname.isSet) hostname.matches(isDns1123Label);
  if (endpoint.child('hints').isSet) validateHints(endpoint.child('hints'));
}

function validatePorts(ports: Place): void {
  if (!ports.atMost(maxPorts)) return;
  const names = new Set<string>();
  for (const port of ports.items()) {
    const name = port.child('name');
    name.maybe(isDns1123Label);
    if (names.has(name.text)) name.duplicate(name.text);
    names.add(name.text);
    if (port.child('protocol').isSet) port.child('protocol').maybeOneOf(supportedProtocols);
    else port.child('protocol').required();
    if (port.child('appProtocol').isSet) port.child('appProtocol').qualified();
  }
}

function validateSlice(object: Place, old?: Readonly<Record<string, any>>): void {
  const type = object.child('addressType');
  type.oneOf(addressTypes);
  validatePorts(object.child('ports'));
  const endpoints = object.child('endpoints');
  // Slices hold hundreds of endpoints and mostly change in one: what was accepted is not looked at again.
  if (old !== undefined && deepEqual(endpoints.list, old['endpoints'] ?? [])) return;
  if (!endpoints.atMost(maxEndpoints)) return;
  for (const endpoint of endpoints.items()) validateEndpoint(endpoint, type.text);
}

/** Topology labels are those of v1beta1; new objects cannot have them. */
function dropTopology(object: Readonly<EndpointSlice>): void {
  for (const endpoint of object.endpoints ?? []) {
    if (endpoint.deprecatedTopology !== undefined) delete endpoint.deprecatedTopology;
  }
}

function badIps(slice: Readonly<EndpointSlice>): string[] {
  if (controllers.has(slice.metadata.labels?.['endpointslice.kubernetes.io/managed-by'] ?? '')) return [];
  return (slice.endpoints ?? []).flatMap((endpoint, i) =>
    (endpoint.addresses ?? []).flatMap((address, j) => ipWarning(`endpoints[${i}].addresses[${j}]`, address)),
  );
}

export const endpointSliceStrategy: Strategy = {
  generation: 'spec',
  applyDefaults(object) {
    for (const port of (object as EndpointSlice).ports ?? []) {
      setIfAbsent(port, 'name', '');
      setIfAbsent(port, 'protocol', 'TCP');
    }
  },
  prepareForCreate: (object) => dropTopology(object as EndpointSlice),
  prepareForUpdate(object, old) {
    if (!deepEqual(object['endpoints'], old['endpoints'])) dropTopology(object as EndpointSlice);
    // Labels count as a new generation too: they say whose slice it is.
    if (deepEqual(object.metadata.labels ?? {}, old.metadata.labels ?? {})) return;
    object.metadata.generation = (old.metadata.generation ?? 0) + 1;
  },
  ...rules(
    (object) => validateSlice(object),
    (object, old) => {
      validateSlice(object, old);
      object.child('addressType').immutable(old['addressType']);
    },
  ),
  warnings(object, old) {
    const slice = object as Readonly<EndpointSlice>;
    const deprecated = old === undefined && slice.addressType === 'FQDN';
    return [...(deprecated ? ['spec.addressType: FQDN endpoints are deprecated'] : []), ...badIps(slice)];
  },
};
