/** Upstream: pkg/registry/admissionregistration, pkg/apis/admissionregistration/v1/defaults.go (1.36). */
import type { KubeObject } from '../../../apimachinery/index.ts';
import { setIfAbsent } from '../../defaulting.ts';
import type { Strategy } from '../../definition.ts';
import { rules } from '../../place.ts';
import {
  validateMutatingBinding,
  validateMutatingPolicy,
  validatePolicyStatus,
  validateValidatingBinding,
  validateValidatingPolicy,
  validateWebhooks,
} from './validation.ts';

type Fields = Record<string, any>;

function defaultRules(rules: readonly Fields[] | undefined): void {
  for (const rule of rules ?? []) setIfAbsent(rule, 'scope', '*');
}

function defaultSelectors(holder: Fields): void {
  setIfAbsent(holder, 'matchPolicy', 'Equivalent');
  setIfAbsent(holder, 'namespaceSelector', {});
  setIfAbsent(holder, 'objectSelector', {});
}

function webhookDefaults(mutating: boolean): (object: KubeObject) => void {
  return (object) => {
    for (const webhook of (object['webhooks'] ?? []) as Fields[]) {
      setIfAbsent(webhook, 'failurePolicy', 'Fail');
      defaultSelectors(webhook);
      setIfAbsent(webhook, 'timeoutSeconds', 10);
      if (mutating) setIfAbsent(webhook, 'reinvocationPolicy', 'Never');
      defaultRules(webhook['rules']);
      if (webhook['clientConfig']?.service) setIfAbsent(webhook['clientConfig'].service, 'port', 443);
    }
  };
}

function defaultMatch(match: Fields | undefined): void {
  if (!match) return;
  defaultSelectors(match);
  defaultRules(match['resourceRules']);
  defaultRules(match['excludeResourceRules']);
}

function policyDefaults(object: KubeObject): void {
  setIfAbsent(object, 'spec', {});
  setIfAbsent(object['spec'], 'failurePolicy', 'Fail');
  defaultMatch(object['spec'].matchConstraints);
}

/** Webhooks hang off the object's root, so the generic generation covers them too. */
function strategy(applyDefaults: (object: KubeObject) => void, validation: ReturnType<typeof rules>): Strategy {
  return { generation: 'spec', allowUnconditionalUpdate: false, applyDefaults, ...validation };
}

const bindingDefaults = (object: KubeObject): void => defaultMatch(object['spec']?.matchResources);
const webhookRules = rules((object) => validateWebhooks(object), validateWebhooks);

export const validatingWebhookStrategy = strategy(webhookDefaults(false), webhookRules);
export const mutatingWebhookStrategy = strategy(webhookDefaults(true), webhookRules);
export const validatingPolicyStrategy = strategy(
  policyDefaults,
  rules(validateValidatingPolicy, validateValidatingPolicy, validatePolicyStatus),
);
export const validatingBindingStrategy = strategy(bindingDefaults, rules(validateValidatingBinding));
export const mutatingPolicyStrategy = strategy((object) => {
  policyDefaults(object);
  setIfAbsent(object['spec'], 'reinvocationPolicy', 'Never');
}, rules(validateMutatingPolicy));
export const mutatingBindingStrategy = strategy(bindingDefaults, rules(validateMutatingBinding));
