import type { AuthorizationAttributes } from '../types.ts';

/** rbac.authorization.k8s.io/v1 PolicyRule. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

const none: readonly string[] = [];

/** Upstream: pkg/apis/rbac/v1/evaluation_helpers.go and plugin/pkg/auth/authorizer/rbac/rbac.go RuleAllows. */
export function ruleAllows(attributes: AuthorizationAttributes, rule: PolicyRule): boolean {
  if (!hasOrAll(rule.verbs, attributes.verb)) return false;
  if (!attributes.resourceRequest) return urlMatches(rule.nonResourceURLs ?? none, attributes.path);
  if (!hasOrAll(rule.apiGroups ?? none, attributes.apiGroup)) return false;
  if (!resourceMatches(rule.resources ?? none, attributes.resource, attributes.subresource)) return false;
  const names = rule.resourceNames ?? none;
  return names.length === 0 || names.includes(attributes.name);
}

function hasOrAll(values: readonly string[], wanted: string): boolean {
  for (const value of values) if (value === '*' || value === wanted) return true;
  return false;
}

function resourceMatches(resources: readonly string[], resource: string, subresource: string): boolean {
  const combined = subresource === '' ? resource : `${resource}/${subresource}`;
  for (const each of resources) {
    if (each === '*' || each === combined) return true;
    if (subresource !== '' && each.length === subresource.length + 2 && each === `*/${subresource}`) return true;
  }
  return false;
}

/** `*` stands for all, a trailing `*` for any tail. */
export function urlMatches(urls: readonly string[], path: string): boolean {
  for (const url of urls) {
    if (url === '*' || url === path) return true;
    if (url.endsWith('*') && path.startsWith(url.replace(/\*+$/, ''))) return true;
  }
  return false;
}

/** One verb, group and resource (and name), or one verb and URL: what covering is decided on. */
function breakdown(rule: PolicyRule): PolicyRule[] {
  const out: PolicyRule[] = [];
  for (const group of rule.apiGroups ?? none) {
    for (const resource of rule.resources ?? none) {
      for (const verb of rule.verbs) {
        const base = { apiGroups: [group], resources: [resource], verbs: [verb] };
        if (rule.resourceNames?.length) {
          for (const name of rule.resourceNames) out.push({ ...base, resourceNames: [name] });
        } else out.push(base);
      }
    }
  }
  for (const url of rule.nonResourceURLs ?? none) {
    for (const verb of rule.verbs) out.push({ nonResourceURLs: [url], verbs: [verb] });
  }
  return out;
}

function covers(owner: PolicyRule, wanted: PolicyRule): boolean {
  if (!wanted.verbs.every((verb) => hasOrAll(owner.verbs, verb))) return false;
  if (wanted.nonResourceURLs)
    return wanted.nonResourceURLs.every((url) => urlMatches(owner.nonResourceURLs ?? none, url));
  if (!(wanted.apiGroups ?? none).every((group) => hasOrAll(owner.apiGroups ?? none, group))) return false;
  const resourcesCovered = (wanted.resources ?? none).every((path) => {
    const [resource = '', subresource = ''] = path.split('/');
    return resourceMatches(owner.resources ?? none, resource, subresource);
  });
  if (!resourcesCovered) return false;
  const names = owner.resourceNames ?? none;
  if (names.length === 0) return true;
  const wantedNames = wanted.resourceNames ?? none;
  return wantedNames.length > 0 && wantedNames.every((name) => names.includes(name));
}

/** The parts of `wanted` that `owned` does not grant. Upstream: component-helpers/auth/rbac/validation Covers. */
export function missingRules(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  const missing: PolicyRule[] = [];
  for (const rule of wanted) {
    for (const part of breakdown(rule)) if (!owned.some((each) => covers(each, part))) missing.push(part);
  }
  return missing;
}

/** Joins rules that differ only by verb. Upstream: pkg/registry/rbac/validation/policy_compact.go. */
export function compactRules(rules: readonly PolicyRule[]): PolicyRule[] {
  const out: PolicyRule[] = [];
  const simple = new Map<string, PolicyRule & { verbs: string[] }>();
  for (const rule of rules) {
    const names = rule.resourceNames ?? none;
    if (
      rule.nonResourceURLs?.length ||
      rule.apiGroups?.length !== 1 ||
      rule.resources?.length !== 1 ||
      names.length > 1
    ) {
      out.push(rule);
      continue;
    }
    const key = JSON.stringify([rule.apiGroups[0], rule.resources[0], names[0] ?? null]);
    const known = simple.get(key);
    if (known) known.verbs.push(...rule.verbs);
    else simple.set(key, { ...rule, verbs: [...rule.verbs] });
  }
  return [...out, ...simple.values()];
}

/** `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`. */
export function compactString(rule: PolicyRule): string {
  const part = (name: string, values: readonly string[] | undefined) =>
    values?.length ? [`${name}:[${values.map((value) => JSON.stringify(value)).join(' ')}]`] : [];
  return `{${[
    ...part('APIGroups', rule.apiGroups),
    ...part('Resources', rule.resources),
    ...part('NonResourceURLs', rule.nonResourceURLs),
    ...part('ResourceNames', rule.resourceNames),
    ...part('Verbs', rule.verbs),
  ].join(', ')}}`;
}
