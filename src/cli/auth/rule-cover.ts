/** Which permissions of rules other rules do not grant. Upstream: component-helpers/auth/rbac/validation/policy_comparator.go. */

export interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

/** The parts of `wanted` that `owned` does not grant, one verb of one resource or URL each. */
export function missingRules(owned: readonly Rule[], wanted: readonly Rule[]): Rule[] {
  return wanted.flatMap(parts).filter((part) => !owned.some((rule) => grants(rule, part)));
}

/** One verb, group, resource (and name), or one verb and URL. */
function parts({ verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: Rule): Rule[] {
  const onResources = apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      verbs.flatMap((verb): Rule[] => {
        const rule = { verbs: [verb], apiGroups: [group], resources: [resource] };
        return resourceNames.length === 0 ? [rule] : resourceNames.map((name) => ({ ...rule, resourceNames: [name] }));
      }),
    ),
  );
  const onUrls = nonResourceURLs.flatMap((url) => verbs.map((verb) => ({ verbs: [verb], nonResourceURLs: [url] })));
  return [...onResources, ...onUrls];
}

function grants(rule: Rule, part: Rule): boolean {
  const all = (values: readonly string[] = [], wanted: readonly string[] = []) =>
    values.includes('*') || wanted.every((value) => values.includes(value));
  if (!all(rule.verbs, part.verbs)) return false;
  if (part.nonResourceURLs) return part.nonResourceURLs.every((url) => coversUrl(rule.nonResourceURLs ?? [], url));
  if (!all(rule.apiGroups, part.apiGroups)) return false;
  if (!part.resources!.every((resource) => coversResource(rule.resources ?? [], resource))) return false;
  const { resourceNames: names = [] } = rule;
  return names.length === 0 || (part.resourceNames?.every((name) => names.includes(name)) ?? false);
}

// `*` stands for all resources; before a slash, for that subresource of all of them.
function coversResource(resources: readonly string[], resource: string): boolean {
  if (resources.includes('*') || resources.includes(resource)) return true;
  const [, subresource] = resource.split('/');
  return subresource !== undefined && resources.includes(`*/${subresource}`);
}

function coversUrl(urls: readonly string[], url: string): boolean {
  return urls.some((each) => each === url || (each.endsWith('*') && url.startsWith(each.slice(0, -1))));
}
