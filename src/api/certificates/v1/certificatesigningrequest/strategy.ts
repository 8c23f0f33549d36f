/** Upstream: pkg/registry/certificates/certificates/strategy.go, pkg/apis/certificates/validation/validation.go (1.36). */
import { deepEqual, type KubeObject } from '../../../../apimachinery/index.ts';
import { rfc3339 } from '../../../../base/index.ts';
import { setIfAbsent } from '../../../defaulting.ts';
import type { Strategy, StrategyContext } from '../../../definition.ts';
import { type Place, rules } from '../../../place.ts';
import { chainProblem, requestProblem } from '../../pkcs10.ts';
import { validateSignerName } from '../../signer.ts';

type Fields = Readonly<Record<string, any>>;
type Condition = Record<string, any>;

const usages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
const onlyTrue = new Set(['Approved', 'Denied', 'Failed']);
const legacySigner = 'kubernetes.io/legacy-unknown';
const minSeconds = 600;

const conditionsOf = (object: Fields): Condition[] => object['status']?.conditions ?? [];
const ofType = (object: Fields, type: string): Condition[] =>
  conditionsOf(object).filter((condition) => condition['type'] === type);

function validateConditions(object: Place, old: Fields | undefined): void {
  const before = old === undefined ? [] : conditionsOf(old).map((condition) => condition['type']);
  const mayBeBoth = before.includes('Approved') && before.includes('Denied');
  const mayRepeat = new Set(before).size < before.length;
  const mayBeEmpty = before.some((type) => !type);
  const conditions = object.child('status', 'conditions');
  const seen = new Set<string>();
  for (const condition of conditions.items()) {
    const [type, status] = [condition.child('type'), condition.child('status')];
    if (type.text === '' && !mayBeEmpty) type.required();
    status.oneOf(onlyTrue.has(type.text) ? ['True'] : ['False', 'True', 'Unknown']);
    const other = { Approved: 'Denied', Denied: 'Approved' }[type.text];
    if (!mayBeBoth && other !== undefined && seen.has(other)) {
      conditions.invalid('Approved and Denied conditions are mutually exclusive', type.text);
    }
    if (!mayRepeat && seen.has(type.text)) type.duplicate(type.text);
    seen.add(type.text);
  }
}

function validateRequest(object: Place, old?: Fields): void {
  const spec = object.child('spec');
  const before: Fields = old?.['spec'] ?? {};
  const problem = requestProblem(spec.child('request').text);
  if (problem !== undefined) spec.child('request').invalid(problem, spec.child('request').text);
  const list = spec.child('usages');
  const oldUsages: string[] = before['usages'] ?? [];
  if (list.list.length === 0) list.required();
  if (!oldUsages.some((usage) => !usages.includes(usage))) for (const usage of list.items()) usage.maybeOneOf(usages);
  if (new Set(oldUsages).size === oldUsages.length) list.unique();
  const signer = spec.child('signerName');
  if (signer.text === legacySigner && before['signerName'] !== legacySigner) {
    signer.invalid('the legacy signerName is not allowed via this API version');
  } else validateSignerName(signer);
  const seconds = spec.child('expirationSeconds');
  if (seconds.isSet && seconds.number < minSeconds) {
    seconds.invalid('may not specify a duration less than 600 seconds (10 minutes)');
  }
  validateConditions(object, old);
  const certificate = object.child('status', 'certificate');
  const oldCertificate: string = old?.['status']?.certificate ?? '';
  const tolerated = old !== undefined && (certificate.text === oldCertificate || chainProblem(oldCertificate));
  const chain = tolerated ? undefined : chainProblem(certificate.text);
  if (chain !== undefined) certificate.invalid(chain, '<certificate data>');
}

function validateChange(object: Place, old: Fields, subresource: string): void {
  validateRequest(object, old);
  const conditions = object.child('status', 'conditions');
  for (const type of ['Approved', 'Denied', 'Failed']) {
    if (ofType(object.value, type).length < ofType(old, type).length) {
      conditions.forbidden(`updates may not remove a condition of type "${type}"`);
    }
  }
  for (const type of subresource === 'approval' ? [] : ['Approved', 'Denied']) {
    const [now, before] = [ofType(object.value, type), ofType(old, type)];
    if (now.length > before.length) conditions.forbidden(`updates may not add a condition of type "${type}"`);
    else if (now.length === before.length && !deepEqual(now, before)) {
      conditions.forbidden(`updates may not modify a condition of type "${type}"`);
    }
  }
  const certificate = object.child('status', 'certificate');
  const before: string = old['status']?.certificate ?? '';
  if (certificate.text === before) return;
  if (subresource !== 'status') certificate.forbidden('updates may not set certificate content');
  else if (before !== '') certificate.forbidden('updates may not modify existing certificate content');
}

/** Conditions get their times from the server when the client left them out. */
function stampConditions(object: KubeObject, old: Fields, now: number): void {
  for (const condition of conditionsOf(object)) {
    condition['lastUpdateTime'] ??= rfc3339(now);
    const same = conditionsOf(old).find(
      (other) => other['type'] === condition['type'] && other['status'] === condition['status'],
    );
    condition['lastTransitionTime'] ??= same?.['lastTransitionTime'] ?? rfc3339(now);
  }
}

/** Approval has its own subresource: whoever writes status keeps what was decided. */
function keepDecisions(object: KubeObject, old: Fields): void {
  for (const type of ['Approved', 'Denied']) {
    const [now, before] = [ofType(object, type), ofType(old, type)];
    if (now.length !== before.length) continue;
    for (const [index, condition] of now.entries()) Object.assign(condition, before[index]);
  }
}

function prepareForUpdate(object: KubeObject, old: Readonly<KubeObject>, context: StrategyContext): void {
  if (context.subresource === '') {
    object['spec'] = old['spec'];
    return;
  }
  if (context.subresource === 'status') keepDecisions(object, old);
  stampConditions(object, old, context.now);
}

export const certificateSigningRequestStrategy: Strategy = {
  validateName: () => [],
  applyDefaults: (object) => setIfAbsent(object, 'spec', {}),
  prepareForCreate(object, context) {
    const spec = object['spec'];
    for (const field of ['username', 'uid', 'groups', 'extra']) delete spec[field];
    const { user } = context;
    if (user === undefined) return;
    if (user.name) spec.username = user.name;
    if (user.uid) spec.uid = user.uid;
    if (user.groups && user.groups.length > 0) spec.groups = [...user.groups];
    if (user.extra && Object.keys(user.extra).length > 0) spec.extra = user.extra;
  },
  prepareForUpdate,
  ...rules(
    (object) => validateRequest(object),
    validateChange,
    (object, old) => validateChange(object, old, 'status'),
  ),
};
