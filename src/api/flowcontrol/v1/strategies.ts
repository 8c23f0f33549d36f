/** Upstream: pkg/registry/flowcontrol, pkg/apis/flowcontrol/{v1/defaults,validation/validation}.go (1.36). */
import { deepEqual, nameIsDnsLabel, nameIsDnsSubdomain } from '../../../apimachinery/index.ts';
import { setIfAbsent, setIfZero } from '../../defaulting.ts';
import type { Strategy } from '../../definition.ts';
import { nameRule, type Place, rules } from '../../place.ts';
import { inclusiveRange } from '../../validation.ts';
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from './mandatory.ts';

const maxPrecedence = 10_000;
const maxQueues = 10_000_000;
/** Bits of the hash that picks queues. */
const maxHashBits = 60;
const verbs = ['get', 'list', 'create', 'update', 'delete', 'deletecollection', 'patch', 'watch', 'proxy'];
const subdomain = nameRule(nameIsDnsSubdomain);
const label = nameRule(nameIsDnsLabel);
const zeroAnnotation = 'flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares';

/** Field and rules of each kind of subject. */
const subjectKinds: Readonly<Record<string, { field: string; check: (subject: Place) => void }>> = {
  Group: { field: 'group', check: (subject) => subject.child('name').named() },
  ServiceAccount: {
    field: 'serviceAccount',
    check(subject) {
      const [name, namespace] = [subject.child('name'), subject.child('namespace')];
      if (name.text === '') name.required();
      else if (name.text !== '*') name.matches(subdomain);
      namespace.named(label, 'must specify namespace for service account');
    },
  },
  User: { field: 'user', check: (subject) => subject.child('name').named() },
};

function validateSubject(subject: Place): void {
  const kind = subject.child('kind');
  const known = Object.hasOwn(subjectKinds, kind.text) ? subjectKinds[kind.text] : undefined;
  if (known === undefined) {
    kind.notSupported(Object.keys(subjectKinds));
    return;
  }
  const own = subject.child(known.field);
  if (own.isSet) known.check(own);
  else own.required(`${known.field} is required when subject kind is '${kind.text}'`);
  for (const name of ['ServiceAccount', 'User', 'Group']) {
    const { field } = subjectKinds[name]!;
    if (field === known.field || !subject.child(field).isSet) continue;
    subject.child(field).forbidden(`${field} is forbidden when subject kind is not '${name}'`);
  }
}

/** Not empty, and `*` alone. True when there is more to look at. */
function validateWildcardList(list: Place, missing: string, others: string): boolean {
  if (list.list.length === 0) list.required(missing);
  else if (!list.list.includes('*')) return true;
  else if (list.list.length > 1) list.invalid(`if '*' is present, must not specify other ${others}`);
  return false;
}

function validateVerbs(rule: Place): void {
  const place = rule.child('verbs');
  if (!validateWildcardList(place, 'verbs must contain at least one value', 'verbs')) return;
  if (place.list.some((verb) => !verbs.includes(verb))) place.notSupported(verbs);
}

function urlProblem(path: string): string | undefined {
  if (path === '') return 'must not be empty';
  if (path === '/') return undefined;
  if (!path.startsWith('/')) return 'must start with slash';
  if (path.includes(' ')) return 'must not contain white-space';
  if (path.includes('//')) return 'must not contain double slash';
  const wildcards = path.split('*').length - 1;
  const suffix = wildcards === 0 || (wildcards === 1 && path.endsWith('/*'));
  return suffix ? undefined : 'wildcard can only do suffix matching';
}

const eachNamespace = "each member of this list must be '*' or a DNS-1123 label; ";

function validateResourceRule(rule: Place): void {
  validateVerbs(rule);
  const missing = (what: string) => `resource rules must supply at least one ${what}`;
  validateWildcardList(rule.child('apiGroups'), missing('api group'), 'api groups');
  validateWildcardList(rule.child('resources'), missing('resource'), 'resources');
  const namespaces = rule.child('namespaces');
  if (namespaces.list.length === 0 && rule.value.clusterScope === true) return;
  const notScoped = 'resource rules that are not cluster scoped must supply at least one namespace';
  if (!validateWildcardList(namespaces, notScoped, 'namespaces')) return;
  for (const name of namespaces.items()) name.matches((text) => label(text).map((message) => eachNamespace + message));
}

function validateRule(rule: Place): void {
  const subjects = rule.child('subjects');
  if (subjects.list.length === 0) subjects.required('subjects must contain at least one value');
  for (const subject of subjects.items()) validateSubject(subject);
  const [resources, others] = [rule.items('resourceRules'), rule.items('nonResourceRules')];
  if (resources.length === 0 && others.length === 0) {
    rule.required('at least one of resourceRules and nonResourceRules has to be non-empty');
  }
  for (const resource of resources) validateResourceRule(resource);
  for (const other of others) {
    validateVerbs(other);
    const urls = other.child('nonResourceURLs');
    if (!validateWildcardList(urls, 'nonResourceURLs must contain at least one value', 'non-resource URLs')) continue;
    for (const url of urls.items()) {
      const problem = urlProblem(url.text);
      if (problem !== undefined) url.invalid(problem);
    }
  }
}

function validateConditions(object: Place): void {
  const conditions = object.child('status', 'conditions');
  conditions.unique('type');
  for (const condition of conditions.items()) condition.child('type').named();
}

function validateFlowSchema(object: Place): void {
  const spec = object.child('spec');
  const name: string = object.value.metadata.name ?? '';
  const precedence = spec.child('matchingPrecedence');
  if (precedence.number <= 0) precedence.invalid('must be a positive value', precedence.number);
  if (precedence.number > maxPrecedence) precedence.invalid(`must not be greater than ${maxPrecedence}`);
  if (precedence.number === 1 && name !== 'exempt') {
    precedence.invalid("only the schema named 'exempt' may have matchingPrecedence 1");
  }
  const method = spec.child('distinguisherMethod');
  if (method.isSet && !['ByNamespace', 'ByUser'].includes(method.value.type)) {
    method.child('type').notSupported(['ByNamespace', 'ByUser'], method.value);
  }
  spec.child('priorityLevelConfiguration', 'name').named(subdomain, 'must reference a priority level');
  for (const rule of spec.items('rules')) validateRule(rule);
  const mandatory = Object.hasOwn(mandatoryFlowSchemas, name) ? mandatoryFlowSchemas[name] : undefined;
  if (mandatory !== undefined && !deepEqual(spec.value, mandatory)) {
    spec.invalid(`spec of '${name}' must equal the fixed value`);
  }
  validateConditions(object);
}

export const flowSchemaStrategy: Strategy = {
  generation: 'spec',
  applyDefaults(object) {
    setIfAbsent(object, 'spec', {});
    setIfZero(object['spec'], 'matchingPrecedence', 1000);
  },
  ...rules(validateFlowSchema, validateFlowSchema, validateConditions),
};

function validateShares(level: Place): void {
  const [shares, lendable] = [level.child('nominalConcurrencyShares'), level.child('lendablePercent')];
  if (shares.number < 0) shares.invalid('must be a non-negative integer');
  if (lendable.isSet && (lendable.number < 0 || lendable.number > 100)) lendable.invalid(inclusiveRange(0, 100));
}

function validateQueuing(queuing: Place): void {
  const [length, queues, hand] = ['queueLengthLimit', 'queues', 'handSize'].map((name) => queuing.child(name));
  if (length!.number <= 0) length!.invalid('must be positive', length!.number);
  if (queues!.number <= 0) queues!.invalid('must be positive', queues!.number);
  else if (queues!.number > maxQueues) queues!.invalid(`must not be greater than ${maxQueues}`);
  const [size, deck] = [hand!.number, queues!.number];
  if (size <= 0) hand!.invalid('must be positive', size);
  else if (size > deck) hand!.invalid(`should not be greater than queues (${deck})`);
  else if (Math.ceil(Math.log2(deck) * size) > maxHashBits) {
    hand!.invalid(
      `required entropy bits of deckSize ${deck} and handSize ${size} should not be greater than ${maxHashBits}`,
    );
  }
}

function validateLimited(limited: Place): void {
  validateShares(limited);
  const borrowing = limited.child('borrowingLimitPercent');
  if (borrowing.isSet && borrowing.number < 0) borrowing.invalid('if specified, must be a non-negative integer');
  const response = limited.child('limitResponse');
  if (!response.child('type').oneOf(['Queue', 'Reject'])) return;
  const queuing = response.child('queuing');
  if (response.value.type === 'Reject') {
    if (queuing.isSet) queuing.forbidden('must be nil if limited.limitResponse.type is not Limited');
  } else if (queuing.isSet) validateQueuing(queuing);
  else queuing.required('must not be empty if limited.limitResponse.type is Limited');
}

function validateMandatoryLevel(spec: Place, name: string): void {
  const wanted = Object.hasOwn(mandatoryPriorityLevels, name) ? mandatoryPriorityLevels[name] : undefined;
  if (wanted === undefined) return;
  const isExempt = name === 'exempt';
  const have = isExempt ? { ...spec.value, exempt: wanted['exempt'] } : spec.value;
  if (deepEqual(have, wanted)) return;
  spec.invalid(`spec of '${name}'${isExempt ? " except the 'spec.exempt' field" : ''} must equal the fixed value`);
}

function validatePriorityLevel(object: Place): void {
  const name: string = object.value.metadata.name ?? '';
  if (object.value.metadata.annotations?.[zeroAnnotation] !== undefined) {
    object.child('metadata', 'annotations').forbidden(`annotation '${zeroAnnotation}' is forbidden`);
  }
  const spec = object.child('spec');
  const [type, exempt, limited] = [spec.child('type'), spec.child('exempt'), spec.child('limited')];
  if ((name === 'exempt') !== (type.text === 'Exempt')) {
    type.invalid("must be 'Exempt' if and only if `name` is 'exempt'");
  }
  if (type.oneOf(['Exempt', 'Limited'])) {
    if (type.text === 'Exempt') {
      if (limited.isSet) limited.forbidden('must be nil if the type is not Limited');
      if (exempt.isSet) validateShares(exempt);
    } else {
      if (exempt.isSet) exempt.forbidden('must be nil if the type is Limited');
      if (limited.isSet) validateLimited(limited);
      else limited.required('must not be empty when type is Limited');
    }
  }
  validateMandatoryLevel(spec, name);
  validateConditions(object);
}

export const priorityLevelStrategy: Strategy = {
  generation: 'spec',
  applyDefaults(object) {
    setIfAbsent(object, 'spec', {});
    const { exempt, limited } = object['spec'];
    if (exempt) {
      setIfAbsent(exempt, 'nominalConcurrencyShares', 0);
      setIfAbsent(exempt, 'lendablePercent', 0);
    }
    if (!limited) return;
    setIfAbsent(limited, 'nominalConcurrencyShares', 30);
    setIfAbsent(limited, 'lendablePercent', 0);
    const queuing = limited.limitResponse?.queuing;
    if (!queuing) return;
    setIfZero(queuing, 'handSize', 8);
    setIfZero(queuing, 'queues', 64);
    setIfZero(queuing, 'queueLengthLimit', 50);
  },
  ...rules(validatePriorityLevel, validatePriorityLevel, validateConditions),
};
