/** Upstream: pkg/registry/networking, pkg/apis/networking/{v1/defaults,validation/validation}.go (1.36). */
import {
  isDns1123Label,
  isDns1123Subdomain,
  isIpAddress,
  isPathSegmentName,
  isPortName,
  isPortNumber,
  isWildcardDns1123Subdomain,
  nameIsDnsLabel,
  nameIsDnsSubdomain,
} from '../../../apimachinery/index.ts';
import { cidrWarnings, ipWarning, isLegacyCidr, isLegacyIp, isStrictSubset, parseCidr } from '../../addresses.ts';
import { setIfAbsent } from '../../defaulting.ts';
import type { Strategy } from '../../definition.ts';
import { nameRule, type Place, rules } from '../../place.ts';
import type { Ingress, IngressClass, NetworkPolicy } from '../../types.ts';
import { supportedProtocols } from '../../validation.ts';

const invalidSequences = ['//', '/./', '/../', '%2f', '%2F'];
const invalidSuffixes = ['/..', '/.'];
const classAnnotation = 'kubernetes.io/ingress.class';
const maxControllerLength = 250;
const subdomain = nameRule(nameIsDnsSubdomain);

function validateLocalReference(reference: Place): void {
  const group = reference.child('apiGroup');
  if (group.isSet) group.matches(isDns1123Subdomain);
  reference.child('kind').named(isPathSegmentName);
  reference.child('name').named(isPathSegmentName);
}

function validateBackend(backend: Place): void {
  const service = backend.child('service');
  const resource = backend.child('resource');
  if (service.isSet && resource.isSet) backend.invalid('cannot set both resource and service backends', '');
  else if (resource.isSet) validateLocalReference(resource);
  else if (!service.isSet) backend.invalid('resource or service backend is required', '');
  else {
    service.child('name').named(nameRule(nameIsDnsLabel));
    const [name, number] = [service.child('port', 'name'), service.child('port', 'number')];
    if (name.text !== '' && number.number !== 0) backend.invalid('cannot set both port name & port number', '');
    else if (name.text !== '') name.matches(isPortName);
    else if (number.number !== 0) number.messages(isPortNumber(number.number));
    else backend.required('port name or number is required');
  }
}

function validateHttpPath(item: Place): void {
  const type = item.child('pathType');
  const path = item.child('path');
  const { text } = path;
  if (!type.isSet) {
    type.required('pathType must be specified');
    return;
  }
  switch (type.value) {
    case 'Exact':
    case 'Prefix':
      if (!text.startsWith('/')) path.invalid('must be an absolute path');
      for (const part of invalidSequences) if (text.includes(part)) path.invalid(`must not contain '${part}'`);
      for (const end of invalidSuffixes) if (text.endsWith(end)) path.invalid(`cannot end with '${end}'`);
      break;
    case 'ImplementationSpecific':
      if (text !== '' && !text.startsWith('/')) path.invalid('must be an absolute path');
      break;
    default:
      type.notSupported(['Exact', 'ImplementationSpecific', 'Prefix']);
  }
  validateBackend(item.child('backend'));
}

const hostRule = (host: string): readonly string[] =>
  host.includes('*') ? isWildcardDns1123Subdomain(host) : isDns1123Subdomain(host);

const mustBeDnsName = 'must be a DNS name, not an IP address';

function validateIngress(ingress: Place): void {
  const spec = ingress.child('spec');
  const rulesPlace = spec.child('rules');
  const backend = spec.child('defaultBackend');
  if (rulesPlace.list.length === 0 && !backend.isSet) {
    spec.invalid('either `defaultBackend` or `rules` must be specified', rulesPlace.list);
  }
  if (backend.isSet) validateBackend(backend);
  for (const rule of rulesPlace.items()) {
    const host = rule.child('host');
    if (host.text !== '') {
      if (isIpAddress(host.text).length === 0) host.invalid(mustBeDnsName);
      host.matches(hostRule);
    }
    const http = rule.child('http');
    if (!http.isSet) continue;
    const paths = http.child('paths');
    if (paths.list.length === 0) paths.required();
    for (const path of paths.items()) validateHttpPath(path);
  }
  for (const tls of spec.items('tls')) {
    for (const host of tls.items('hosts')) host.matches(hostRule);
    tls.child('secretName').maybe(subdomain);
  }
  const name = spec.child('ingressClassName');
  if (name.isSet) name.matches(subdomain);
}

function validateIngressCreate(ingress: Place): void {
  validateIngress(ingress);
  const annotation = ingress.value.metadata.annotations?.[classAnnotation];
  const name = ingress.value.spec?.ingressClassName;
  if (annotation === undefined || name === undefined || annotation === name) return;
  ingress
    .child('annotations', classAnnotation)
    .as(annotation)
    .invalid('must match `ingressClassName` when both are specified');
}

function validateIngressStatus(ingress: Place, old: Readonly<Record<string, any>>): void {
  const before: { ip?: string }[] = old['status']?.loadBalancer?.ingress ?? [];
  for (const entry of ingress.items('status', 'loadBalancer', 'ingress')) {
    const [ip, hostname] = [entry.child('ip'), entry.child('hostname')];
    if (!before.some((other) => other.ip === ip.text)) ip.maybe(isLegacyIp);
    if (hostname.text === '') continue;
    hostname.matches(isDns1123Subdomain);
    if (isIpAddress(hostname.text).length === 0) hostname.invalid(mustBeDnsName);
  }
}

export const ingressStrategy: Strategy = {
  generation: 'spec',
  applyDefaults: (object) => setIfAbsent(object, 'spec', {}),
  ...rules(validateIngressCreate, validateIngress, validateIngressStatus),
  warnings(object, old) {
    if (old !== undefined || object.metadata.annotations?.[classAnnotation] === undefined) return [];
    if ((object as Readonly<Ingress>).spec?.ingressClassName !== undefined) return [];
    return [`annotation "${classAnnotation}" is deprecated, please use 'spec.ingressClassName' instead`];
  },
  statusWarnings: (object) =>
    ((object as Readonly<Ingress>).status?.loadBalancer?.ingress ?? []).flatMap((entry, index) =>
      entry.ip ? ipWarning(`status.loadBalancer.ingress[${index}]`, entry.ip) : [],
    ),
};

function validateIngressClass(ingressClass: Place): void {
  const controller = ingressClass.child('spec', 'controller');
  if (controller.text.length > maxControllerLength) controller.tooLong(maxControllerLength);
  controller.domainPath();
  const parameters = ingressClass.child('spec', 'parameters');
  if (!parameters.isSet) return;
  validateLocalReference(parameters);
  const [scope, namespace] = [parameters.child('scope'), parameters.child('namespace')];
  if (!scope.isSet) scope.required();
  else if (scope.value === 'Namespace') {
    if (namespace.isSet) namespace.matches(isDns1123Label);
    else namespace.required("`parameters.scope` is set to 'Namespace'");
  } else if (scope.value !== 'Cluster') scope.notSupported(['Cluster', 'Namespace']);
  else if (namespace.isSet) namespace.forbidden("`parameters.scope` is set to 'Cluster'");
}

export const ingressClassStrategy: Strategy = {
  generation: 'spec',
  applyDefaults(object) {
    const parameters = (object as IngressClass).spec?.parameters;
    if (parameters) setIfAbsent(parameters, 'scope', 'Cluster');
  },
  ...rules(validateIngressClass, (object, old) => {
    object.child('spec', 'controller').immutable(old['spec']?.controller);
    validateIngressClass(object);
  }),
};

function validatePolicyPort(item: Place): void {
  item.child('protocol').maybeOneOf(supportedProtocols);
  const [port, end] = [item.child('port'), item.child('endPort')];
  if (!port.isSet) {
    if (end.isSet) end.invalid('may not be specified when `port` is not specified');
  } else if (typeof port.value === 'string') {
    if (end.isSet) end.invalid('may not be specified when `port` is non-numeric');
    port.matches(isPortName);
  } else {
    port.messages(isPortNumber(port.number));
    if (!end.isSet) return;
    if (end.number < port.number) end.invalid('must be greater than or equal to `port`', port.number);
    end.messages(isPortNumber(end.number));
  }
}

function validateIpBlock(block: Place, known: ReadonlySet<string>): void {
  const cidr = block.child('cidr');
  if (cidr.text === '') {
    cidr.required();
    return;
  }
  const legacy = (text: string) => (known.has(text) ? [] : isLegacyCidr(text));
  cidr.matches(legacy);
  const outer = parseCidr(cidr.text);
  if (outer === undefined) return;
  for (const except of block.items('except')) {
    except.matches(legacy);
    const inner = parseCidr(except.text);
    if (inner !== undefined && !isStrictSubset(inner, outer)) except.invalid('must be a strict subset of `cidr`');
  }
}

function validatePeer(peer: Place, known: ReadonlySet<string>): void {
  const [pods, namespaces, block] = ['podSelector', 'namespaceSelector', 'ipBlock'].map((name) => peer.child(name));
  pods!.selector();
  namespaces!.selector();
  if (block!.isSet) validateIpBlock(block!, known);
  if (!pods!.isSet && !namespaces!.isSet && !block!.isSet) peer.required('must specify a peer');
  else if (block!.isSet && (pods!.isSet || namespaces!.isSet)) {
    peer.forbidden('may not specify both ipBlock and another peer');
  }
}

const directions = [
  ['ingress', 'from'],
  ['egress', 'to'],
] as const;

/** Every ipBlock of a policy, with its path. */
function ipBlocks(object: Readonly<Record<string, any>>): { path: string; cidr: string; except: readonly string[] }[] {
  return directions.flatMap(([direction, peers]) =>
    (object['spec']?.[direction] ?? []).flatMap((rule: any, i: number) =>
      (rule?.[peers] ?? []).flatMap((peer: any, j: number) =>
        peer?.ipBlock
          ? [
              {
                path: `spec.${direction}[${i}].${peers}[${j}].ipBlock`,
                cidr: peer.ipBlock.cidr ?? '',
                except: peer.ipBlock.except ?? [],
              },
            ]
          : [],
      ),
    ),
  );
}

function validateNetworkPolicy(policy: Place, old: Readonly<Record<string, any>> = {}): void {
  const spec = policy.child('spec');
  const known = new Set(ipBlocks(old).flatMap((block) => [block.cidr, ...block.except]));
  spec.child('podSelector').selector();
  for (const [direction, peers] of directions) {
    for (const rule of spec.items(direction)) {
      for (const port of rule.items('ports')) validatePolicyPort(port);
      for (const peer of rule.items(peers)) validatePeer(peer, known);
    }
  }
  const types = spec.child('policyTypes');
  if (types.list.length > 2) types.invalid('may not specify more than two policyTypes');
  else for (const type of types.items()) type.maybeOneOf(['Egress', 'Ingress']);
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
  ...rules((object) => validateNetworkPolicy(object), validateNetworkPolicy),
  warnings: (object) =>
    ipBlocks(object).flatMap(({ path, cidr, except }) => [
      ...cidrWarnings(`${path}.cidr`, cidr),
      ...except.flatMap((item, index) => cidrWarnings(`${path}.except[${index}]`, item)),
    ]),
};
