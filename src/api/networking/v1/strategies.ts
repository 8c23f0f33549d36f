/** Upstream: pkg/registry/networking, pkg/apis/networking/{v1/defaults,validation/validation}.go (1.36). */
import {
  type FieldErrorList,
  FieldPath,
  isDns1035Label,
  isDns1123Subdomain,
  isIpAddress,
  isWildcardDns1123Subdomain,
  nameIsDnsSubdomain,
  validateLabelSelector,
} from '../../../apimachinery/index.ts';
import { setIfAbsent } from '../../defaulting.ts';
import type { Strategy } from '../../definition.ts';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressClass,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../../types.ts';
import { invalidEach, supportedProtocols, validateOptionalEnum, validatePortNumberOrName } from '../../validation.ts';

const invalidSequences = ['//', '/./', '/../', '%2f', '%2F'];
const invalidSuffixes = ['/..', '/.'];

function validateBackend(backend: IngressBackend | undefined, path: FieldPath, errors: FieldErrorList): void {
  const { service, resource } = backend ?? {};
  if (service && resource) errors.invalid(path, '', 'cannot set both resource and service backends');
  else if (service) {
    const at = path.child('service');
    if (!service.name) errors.required(at.child('name'));
    else invalidEach(isDns1035Label(service.name), service.name, at.child('name'), errors);
    const { name, number } = service.port ?? {};
    if (name && number) errors.invalid(at, '', 'cannot set both port name & port number');
    else if (!name && !number) errors.required(at, 'port name or number is required');
    else validatePortNumberOrName(name || number, at.child('port', name ? 'name' : 'number'), errors);
  } else if (!resource) errors.invalid(path, '', 'resource or service backend is required');
}

function validateHttpPath(path: HTTPIngressPath, at: FieldPath, errors: FieldErrorList): void {
  const text = path.path ?? '';
  switch (path.pathType as string | undefined) {
    case undefined:
      errors.required(at.child('pathType'), 'pathType must be specified');
      return;
    case 'Exact':
    case 'Prefix':
      if (!text.startsWith('/')) errors.invalid(at.child('path'), text, 'must be an absolute path');
      for (const sequence of invalidSequences) {
        if (text.includes(sequence)) errors.invalid(at.child('path'), text, `must not contain '${sequence}'`);
      }
      for (const suffix of invalidSuffixes) {
        if (text.endsWith(suffix)) errors.invalid(at.child('path'), text, `cannot end with '${suffix}'`);
      }
      break;
    case 'ImplementationSpecific':
      if (text !== '' && !text.startsWith('/')) errors.invalid(at.child('path'), text, 'must be an absolute path');
      break;
    default:
      errors.notSupported(at.child('pathType'), path.pathType, ['Exact', 'ImplementationSpecific', 'Prefix']);
  }
  validateBackend(path.backend, at.child('backend'), errors);
}

function validateHost(host: string, path: FieldPath, errors: FieldErrorList): void {
  if (isIpAddress(host).length === 0) errors.invalid(path, host, 'must be a DNS name, not an IP address');
  const messages = host.includes('*') ? isWildcardDns1123Subdomain(host) : isDns1123Subdomain(host);
  invalidEach(messages, host, path, errors);
}

function validateIngress(ingress: Readonly<Ingress>, errors: FieldErrorList): void {
  const spec = ingress.spec ?? {};
  const path = FieldPath.root('spec');
  const rules = spec.rules ?? [];
  if (rules.length === 0 && !spec.defaultBackend) {
    errors.invalid(path, rules, 'either `defaultBackend` or `rules` must be specified');
  }
  if (spec.defaultBackend) validateBackend(spec.defaultBackend, path.child('defaultBackend'), errors);
  for (const [index, rule] of rules.entries()) {
    const at = path.child('rules').index(index);
    if (rule.host) validateHost(rule.host, at.child('host'), errors);
    if (!rule.http) continue;
    const paths = rule.http.paths ?? [];
    if (paths.length === 0) errors.required(at.child('http', 'paths'));
    for (const [i, item] of paths.entries()) validateHttpPath(item, at.child('http', 'paths').index(i), errors);
  }
  for (const [index, tls] of (spec.tls ?? []).entries()) {
    for (const [i, host] of (tls.hosts ?? []).entries()) {
      validateHost(host, path.child('tls').index(index).child('hosts').index(i), errors);
    }
  }
  const name = spec.ingressClassName;
  if (name) invalidEach(nameIsDnsSubdomain(name, false), name, path.child('ingressClassName'), errors);
}

export const ingressStrategy: Strategy = {
  generation: 'spec',
  applyDefaults: (object) => setIfAbsent(object, 'spec', {}),
  validate: (object, errors) => validateIngress(object as Readonly<Ingress>, errors),
};

/** Checked by its schema only. */
export const ingressClassStrategy: Strategy = {
  generation: 'spec',
  applyDefaults(object) {
    const parameters = (object as IngressClass).spec?.parameters;
    if (parameters) setIfAbsent(parameters, 'scope', 'Cluster');
  },
};

function validatePolicyPort(port: NetworkPolicyPort, path: FieldPath, errors: FieldErrorList): void {
  validateOptionalEnum(port.protocol, supportedProtocols, path.child('protocol'), errors);
  if (port.port === undefined) {
    if (port.endPort !== undefined) {
      errors.invalid(path.child('endPort'), port.endPort, 'may not be specified when `port` is not specified');
    }
    return;
  }
  validatePortNumberOrName(port.port, path.child('port'), errors);
  if (port.endPort === undefined) return;
  if (typeof port.port === 'string') {
    errors.invalid(path.child('endPort'), port.endPort, 'may not be specified when `port` is non-numeric');
  } else if (port.endPort < port.port) {
    errors.invalid(path.child('endPort'), port.endPort, 'must be greater than or equal to `port`');
  } else {
    validatePortNumberOrName(port.endPort, path.child('endPort'), errors);
  }
}

function validatePeer(peer: NetworkPolicyPeer, path: FieldPath, errors: FieldErrorList): void {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  if (podSelector) validateLabelSelector(podSelector, path.child('podSelector'), errors);
  if (namespaceSelector) validateLabelSelector(namespaceSelector, path.child('namespaceSelector'), errors);
  if (ipBlock && !ipBlock.cidr) errors.required(path.child('ipBlock', 'cidr'));
  if (!podSelector && !namespaceSelector && !ipBlock) errors.required(path, 'must specify a peer');
  else if (ipBlock && (podSelector || namespaceSelector)) {
    errors.forbidden(path, 'may not specify both ipBlock and another peer');
  }
}

export const networkPolicyStrategy: Strategy = {
  generation: 'spec',
  applyDefaults(object) {
    setIfAbsent(object, 'spec', {});
    const spec = (object as NetworkPolicy).spec!;
    setIfAbsent(spec, 'podSelector', {});
    for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
      for (const port of rule.ports ?? []) setIfAbsent(port, 'protocol', 'TCP');
    }
    if ((spec.policyTypes ?? []).length === 0) {
      spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
    }
  },
  validate(object, errors) {
    const spec = (object as Readonly<NetworkPolicy>).spec;
    const path = FieldPath.root('spec');
    validateLabelSelector(spec?.podSelector, path.child('podSelector'), errors);
    const rules = [
      ...(spec?.ingress ?? []).map((rule, i) => ({
        rule,
        peers: rule.from,
        name: 'from',
        at: path.child('ingress').index(i),
      })),
      ...(spec?.egress ?? []).map((rule, i) => ({
        rule,
        peers: rule.to,
        name: 'to',
        at: path.child('egress').index(i),
      })),
    ];
    for (const { rule, peers, name, at } of rules) {
      for (const [i, port] of (rule.ports ?? []).entries())
        validatePolicyPort(port, at.child('ports').index(i), errors);
      for (const [i, peer] of (peers ?? []).entries()) validatePeer(peer, at.child(name).index(i), errors);
    }
    const types = spec?.policyTypes ?? [];
    if (types.length > 2) {
      errors.invalid(path.child('policyTypes'), types, 'may not specify more than two policyTypes');
    }
    for (const [i, type] of types.entries()) {
      validateOptionalEnum(type, ['Egress', 'Ingress'], path.child('policyTypes').index(i), errors);
    }
  },
};
