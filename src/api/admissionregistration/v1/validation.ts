/**
 * Webhook configurations, policies and bindings. Upstream: pkg/apis/admissionregistration/validation/validation.go (1.36).
 * CEL expressions are held against the grammar by what evaluates them.
 */
import { AdmissionCompiler } from '../../../apimachinery/cel/index.ts';
import {
  isDns1035Label,
  isDns1123Subdomain,
  isFullyQualifiedName,
  isPathSegmentName,
  isQualifiedName,
  nameIsDnsSubdomain,
  validateConditions,
} from '../../../apimachinery/index.ts';
import { nameRule, type Place } from '../../place.ts';
import { validateWebhookClient } from '../../webhook-client.ts';
import {
  failurePolicies,
  matchPolicies,
  reinvocationPolicies,
  validateExpression,
  validateMatchConditions,
  validateMatchResources,
  validateReviewVersions,
  validateRule,
} from './validation-match.ts';

type Fields = Readonly<Record<string, any>>;

const sideEffects = ['None', 'NoneOnDryRun'];
const allSideEffects = ['None', 'NoneOnDryRun', 'Some', 'Unknown'];
const mutatingOperations = ['*', 'CONNECT', 'CREATE', 'UPDATE'];
const subdomain = nameRule(nameIsDnsSubdomain);
const maxAuditAnnotations = 20;
const maxValueExpression = 5 * 1024;
const identifier = /^[_a-zA-Z][_a-zA-Z0-9]*$/;
const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

function validateWebhook(hook: Place, effects: readonly string[]): void {
  hook.child('name').named(isFullyQualifiedName);
  for (const rule of hook.items('rules')) validateRule(rule);
  hook.child('failurePolicy').maybeOneOf(failurePolicies);
  hook.child('matchPolicy').maybeOneOf(matchPolicies);
  const effect = hook.child('sideEffects');
  if (effect.isSet) effect.maybeOneOf(effects);
  else effect.required(`must specify one of ${effects.join(', ')}`);
  const timeout = hook.child('timeoutSeconds');
  if (timeout.isSet && (timeout.number < 1 || timeout.number > 30)) {
    timeout.invalid('the timeout value must be between 1 and 30 seconds');
  }
  hook.child('namespaceSelector').selector();
  hook.child('objectSelector').selector();
  hook.child('reinvocationPolicy').maybeOneOf(reinvocationPolicies);
  validateWebhookClient(hook.child('clientConfig'));
  validateMatchConditions(hook.child('matchConditions'));
}

/** What an older object already has wrong stays allowed. */
export function validateWebhooks(object: Place, old?: Fields): void {
  const before: Fields[] = old?.['webhooks'] ?? [];
  const lenient = before.some((hook) => !sideEffects.includes(hook['sideEffects']));
  const names = new Set<string>();
  const oldNames = before.map((hook) => hook['name']);
  const mayRepeat = new Set(oldNames).size < oldNames.length;
  for (const hook of object.items('webhooks')) {
    validateWebhook(hook, lenient ? allSideEffects : sideEffects);
    validateReviewVersions(hook.child('admissionReviewVersions'));
    const name = hook.child('name');
    if (!mayRepeat && name.text !== '' && names.has(name.text)) name.duplicate();
    names.add(name.text);
  }
}

function validateParamKind(kind: Place): void {
  if (!kind.isSet) return;
  const version = kind.child('apiVersion');
  const parts = version.text.split('/');
  const joined = (messages: readonly string[], value: string) => {
    if (messages.length > 0) version.invalid(messages.join(','), value);
  };
  if (version.text === '') version.required();
  else if (parts.length > 2) version.invalid(`unexpected GroupVersion string: ${version.text}`);
  else {
    const [group, name] = parts.length === 2 ? [parts[0]!, parts[1]!] : ['', parts[0]!];
    if (group !== '') joined(isDns1123Subdomain(group), group);
    if (name === '') version.invalid('version must be specified');
    else joined(isDns1035Label(name), name);
  }
  const name = kind.child('kind');
  if (name.text === '') {
    name.required();
    return;
  }
  const messages = isDns1035Label(name.text.toLowerCase());
  if (messages.length > 0) name.invalid(`may have mixed case, but should otherwise match: ${messages.join(',')}`);
}

function validateVariable(variable: Place, compiler: AdmissionCompiler, hasParams: boolean): void {
  const [name, expression] = [variable.child('name'), variable.child('expression')];
  if (name.text.trim() === '') name.required('name is not specified');
  else if (!identifier.test(name.text) || reserved.has(name.text)) name.invalid('must be a valid CEL identifier');
  if (expression.text.trim() === '') expression.required('expression is not specified');
  else {
    const { error } = compiler.addVariable(name.text, expression.text, { hasParams });
    if (error !== undefined) expression.invalid(error);
  }
}

/** The part that both kinds of policies share. @returns what compiles the expressions that see the variables. */
function validatePolicy(spec: Place): AdmissionCompiler {
  const hasParams = spec.child('paramKind').isSet;
  const compiler = new AdmissionCompiler();
  spec.child('failurePolicy').oneOf(failurePolicies);
  validateParamKind(spec.child('paramKind'));
  const match = spec.child('matchConstraints');
  if (match.isSet) {
    validateMatchResources(match);
    if (match.child('resourceRules').list.length === 0) match.child('resourceRules').required();
  } else match.required();
  validateMatchConditions(spec.child('matchConditions'), hasParams);
  for (const variable of spec.items('variables')) validateVariable(variable, compiler, hasParams);
  return compiler;
}

function validateValidation(validation: Place, compiler: AdmissionCompiler, hasParams: boolean): void {
  const [expression, message, messageExpression] = ['expression', 'message', 'messageExpression'].map((name) =>
    validation.child(name),
  );
  if (expression!.text.trim() === '') expression!.required('expression is not specified');
  else validateExpression(expression!, compiler, 'bool', { hasParams });
  if (messageExpression!.text.trim() !== '') {
    validateExpression(messageExpression!, compiler, 'string', { hasParams, hasAuthorizer: false });
  }
  for (const place of [messageExpression!, message!]) {
    if (place.text !== '' && place.text.trim() === '') place.invalid('must be non-empty if specified');
  }
  if (/[\n\r]/.test(message!.text.trim())) message!.invalid('must not contain line breaks');
  validation.child('reason').maybeOneOf(['Forbidden', 'Invalid', 'RequestEntityTooLarge']);
}

function validateAuditAnnotation(
  annotation: Place,
  policy: string,
  compiler: AdmissionCompiler,
  hasParams: boolean,
): void {
  const [key, value] = [annotation.child('key'), annotation.child('valueExpression')];
  if (policy === '') key.invalid('requires metadata.name be non-empty', key.text);
  else key.messages(isQualifiedName(`${policy}/${key.text}`), `${policy}/${key.text}`);
  if (value.text.trim() === '') value.required('valueExpression is not specified');
  else if (value.text.trim().length > maxValueExpression) {
    value.required(`must not exceed ${maxValueExpression} bytes in length`);
  } else {
    const { error } = compiler.compile(value.text.trim(), 'string-or-null', { hasParams });
    if (error !== undefined) value.invalid(error);
  }
}

const oneOfBoth = 'validations or auditAnnotations must contain at least one item';

export function validateValidatingPolicy(object: Place): void {
  const spec = object.child('spec');
  const compiler = validatePolicy(spec);
  const hasParams = spec.child('paramKind').isSet;
  const [validations, annotations] = [spec.child('validations'), spec.child('auditAnnotations')];
  if (validations.list.length === 0 && annotations.list.length === 0) {
    validations.required(oneOfBoth);
    annotations.required(oneOfBoth);
    return;
  }
  for (const validation of validations.items()) validateValidation(validation, compiler, hasParams);
  if (annotations.list.length > maxAuditAnnotations) {
    annotations.invalid(`must not have more than ${maxAuditAnnotations} auditAnnotations`);
  }
  const policy: string = object.value.metadata.name ?? '';
  for (const annotation of annotations.items()) validateAuditAnnotation(annotation, policy, compiler, hasParams);
  annotations.unique('key');
}

export function validatePolicyStatus(object: Place): void {
  for (const warning of object.items('status', 'typeChecking', 'expressionWarnings')) {
    warning.child('warning').named();
    if (warning.child('fieldRef').text.trim() === '') warning.child('fieldRef').required();
  }
  const conditions = object.child('status', 'conditions');
  validateConditions(conditions.value ?? [], conditions.path, conditions.errors);
}

const patchFields: Readonly<Record<string, string>> = {
  ApplyConfiguration: 'applyConfiguration',
  JSONPatch: 'jsonPatch',
};

function validateMutation(mutation: Place, compiler: AdmissionCompiler, hasParams: boolean): void {
  const type = mutation.child('patchType');
  if (!type.oneOf(Object.keys(patchFields))) return;
  for (const [name, field] of Object.entries(patchFields)) {
    const place = mutation.child(field);
    if (name !== type.text) {
      if (place.isSet) place.invalid(`must not be specified when patchType is ${type.text}`, `{${field}}`);
    } else if (!place.isSet) place.required(`must be specified when patchType is ${type.text}`);
    else if (place.child('expression').text.trim() === '') place.child('expression').required();
    else {
      const expression = place.child('expression');
      const result = name === 'JSONPatch' ? 'json-patch' : 'apply-configuration';
      validateExpression(expression, compiler, result, { hasParams });
    }
  }
}

/** Nothing can be changed in what is being deleted. Upstream's path leaves the index out. */
function validateMutatingOperations(match: Place): void {
  const place = match.child('resourceRules', 'operations');
  for (const rule of match.items('resourceRules')) {
    for (const verb of rule.child('operations').list) {
      if (!mutatingOperations.includes(verb)) place.notSupported(mutatingOperations, verb);
    }
  }
}

export function validateMutatingPolicy(object: Place): void {
  const spec = object.child('spec');
  const compiler = validatePolicy(spec);
  validateMutatingOperations(spec.child('matchConstraints'));
  const mutations = spec.child('mutations');
  if (mutations.list.length === 0) mutations.required('mutations must contain at least one item');
  for (const mutation of mutations.items()) validateMutation(mutation, compiler, spec.child('paramKind').isSet);
  spec.child('reinvocationPolicy').oneOf(reinvocationPolicies);
}

const nameOrSelector = 'name and selector are mutually exclusive';

function validateBinding(spec: Place): void {
  spec.child('policyName').named(subdomain);
  const reference = spec.child('paramRef');
  if (reference.isSet) {
    const [name, selector] = [reference.child('name'), reference.child('selector')];
    name.maybe(isPathSegmentName);
    if (name.text !== '' && selector.isSet) name.forbidden(nameOrSelector);
    selector.selector();
    if (name.text !== '' && selector.isSet) selector.forbidden(nameOrSelector);
    if (name.text === '' && !selector.isSet) reference.required('one of name or selector must be specified');
    reference.child('parameterNotFoundAction').oneOf(['Allow', 'Deny']);
  }
  validateMatchResources(spec.child('matchResources'));
}

const denyAndWarn =
  'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';

export function validateValidatingBinding(object: Place): void {
  const spec = object.child('spec');
  validateBinding(spec);
  const actions = spec.child('validationActions');
  for (const action of actions.items()) action.maybeOneOf(['Audit', 'Deny', 'Warn']);
  actions.unique();
  if (actions.list.includes('Deny') && actions.list.includes('Warn')) actions.invalid(denyAndWarn);
  if (actions.list.length === 0) actions.required('at least one validation action is required');
}

export function validateMutatingBinding(object: Place): void {
  validateBinding(object.child('spec'));
  validateMutatingOperations(object.child('spec', 'matchResources'));
}
