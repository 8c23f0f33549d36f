/** What requests a webhook or policy is asked for. Upstream: pkg/apis/admissionregistration/validation (1.36). */
import {
  AdmissionCompiler,
  type AdmissionExpressionOptions,
  type AdmissionResult,
} from '../../../apimachinery/cel/index.ts';
import { isDns1035Label, isPathSegmentName } from '../../../apimachinery/index.ts';
import type { Place } from '../../place.ts';

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const reviewVersions = ['v1', 'v1beta1'];
const maxConditions = 64;

export const failurePolicies = ['Fail', 'Ignore'];
export const matchPolicies = ['Equivalent', 'Exact'];
export const reinvocationPolicies = ['IfNeeded', 'Never'];

/** Not empty; `*` stands alone. */
function validateList(list: Place, what: string): void {
  if (list.list.length === 0) list.required();
  if (list.list.length > 1 && list.list.includes('*')) {
    list.invalid(`if '*' is present, must not specify other ${what}`);
  }
}

function validateResources(resources: Place): void {
  if (resources.list.length === 0) resources.required();
  const allSubresources = new Set<string>();
  const ofAllResources = new Set<string>();
  let plain = false;
  for (const item of resources.items()) {
    const { text } = item;
    if (text === '') {
      item.required();
      continue;
    }
    const slash = text.indexOf('/');
    if (slash < 0) {
      plain = text !== '*';
      continue;
    }
    const [resource, subresource] = [text.slice(0, slash), text.slice(slash + 1)];
    const clash = (pattern: string) => item.invalid(`if '${pattern}' is present, must not specify ${text}`);
    if (allSubresources.has(resource)) clash(`${resource}/*`);
    if (ofAllResources.has(subresource)) clash(`*/${subresource}`);
    if (subresource === '*') allSubresources.add(resource);
    if (resource === '*') ofAllResources.add(subresource);
  }
  if (resources.list.length > 1 && resources.list.includes('*/*')) {
    resources.invalid("if '*/*' is present, must not specify other resources");
  }
  if (resources.list.includes('*') && plain) {
    resources.invalid("if '*' is present, must not specify other resources without subresources");
  }
}

export function validateRule(rule: Place): void {
  const verbs = rule.child('operations');
  validateList(verbs, 'operations');
  for (const verb of verbs.items()) if (!operations.includes(verb.text)) verb.notSupported(operations);
  validateList(rule.child('apiGroups'), 'API groups');
  validateList(rule.child('apiVersions'), 'API versions');
  for (const version of rule.items('apiVersions')) version.named();
  validateResources(rule.child('resources'));
  rule.child('scope').maybeOneOf(['*', 'Cluster', 'Namespaced']);
}

function validateNamedRule(rule: Place): void {
  const names = rule.child('resourceNames');
  for (const name of names.items()) name.matches(isPathSegmentName);
  names.unique();
  validateRule(rule);
}

export function validateMatchResources(match: Place): void {
  if (!match.isSet) return;
  match.child('matchPolicy').oneOf(matchPolicies);
  for (const field of ['namespaceSelector', 'objectSelector']) {
    const selector = match.child(field);
    if (selector.isSet) selector.selector();
    else selector.required();
  }
  for (const rule of match.items('resourceRules')) validateNamedRule(rule);
  for (const rule of match.items('excludeResourceRules')) validateNamedRule(rule);
}

/** Shape only: the expressions are compiled where CEL is at hand. */
/** What is wrong with an expression, if anything. */
export function validateExpression(
  expression: Place,
  compiler: AdmissionCompiler,
  result: AdmissionResult,
  options: AdmissionExpressionOptions,
): void {
  const { error } = compiler.compile(expression.text, result, options);
  if (error !== undefined) expression.invalid(error);
}

/** Webhooks have no params; policies may. */
export function validateMatchConditions(conditions: Place, hasParams = false): void {
  if (conditions.list.length > maxConditions) {
    conditions.errors.tooMany(conditions.path, conditions.list.length, maxConditions);
  }
  const seen = new Set<string>();
  for (const condition of conditions.items()) {
    const [name, expression] = [condition.child('name'), condition.child('expression')];
    if (expression.text.trim() === '') expression.required();
    else validateExpression(expression, new AdmissionCompiler(), 'bool', { hasParams });
    if (name.text === '') {
      name.required();
      continue;
    }
    name.qualified();
    if (seen.has(name.text)) name.duplicate();
    seen.add(name.text);
  }
}

export function validateReviewVersions(versions: Place, known: readonly string[] = reviewVersions): void {
  const words = known.join(', ');
  if (versions.list.length === 0) {
    versions.required(`must specify one of ${words}`);
    return;
  }
  validateVersionList(versions);
  if (!versions.list.some((version) => known.includes(version))) {
    versions.invalid(`must include at least one of ${words}`);
  }
}

export function validateVersionList(versions: Place): void {
  const seen = new Set<string>();
  for (const version of versions.items()) {
    if (seen.has(version.text)) version.invalid('duplicate version');
    else version.matches(isDns1035Label);
    seen.add(version.text);
  }
}
