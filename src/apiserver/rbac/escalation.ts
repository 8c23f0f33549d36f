import { deepEqual, type KubeObject, newForbidden, newNotFound } from '../../apimachinery/index.ts';
import { mastersGroup } from '../authn/user.ts';
import type { AdmissionAttributes, AdmissionPlugin, Authorizer } from '../types.ts';
import type { RbacAuthorizer } from './rbac-authorizer.ts';
import { compactRules, compactString, missingRules, type PolicyRule } from './rules.ts';

const group = 'rbac.authorization.k8s.io';
const fullAuthority: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

export interface EscalationDeps {
  readonly rbac: Pick<RbacAuthorizer, 'rulesFor' | 'rulesOfRole'>;
  readonly authorizer: Authorizer;
}

/**
 * Nobody hands out more than they have: who writes a role must hold its rules (or `escalate`), who writes a binding the
 * rules of its role (or `bind`). Upstream keeps this in the registries of the four kinds; here it runs with validating
 * admission, cannot be disabled, and goes first. Upstream: pkg/registry/rbac/{escalation_check.go,*\/policybased}.
 */
export function escalationCheck(deps: EscalationDeps): AdmissionPlugin {
  return {
    name: 'RBACEscalationCheck',
    handles: (operation) => operation === 'CREATE' || operation === 'UPDATE',
    validate(attributes) {
      const { definition, object, oldObject, user } = attributes;
      if (definition.group !== group || !object || user.groups.includes(mastersGroup)) return;
      if (oldObject && onlyGarbageCollectionFieldsDiffer(object, oldObject)) return;
      if (definition.plural === 'roles' || definition.plural === 'clusterroles') checkRole(deps, attributes);
      else if (definition.plural === 'rolebindings' || definition.plural === 'clusterrolebindings') {
        checkBinding(deps, attributes);
      }
    },
  };
}

function checkRole(deps: EscalationDeps, attributes: AdmissionAttributes): void {
  const { definition, object, oldObject, namespace, name } = attributes;
  if (isAllowed(deps, attributes, 'escalate', definition.plural, name, namespace)) return;
  const problem = lackedRights(deps, attributes, object!.rules ?? []);
  if (problem !== undefined) throw refusal(attributes, problem);
  if (!aggregates(object!) && !(oldObject && aggregates(oldObject))) return;
  if (lackedRights(deps, attributes, fullAuthority) !== undefined) {
    throw refusal(attributes, 'must have cluster-admin privileges to use the aggregationRule');
  }
}

function checkBinding(deps: EscalationDeps, attributes: AdmissionAttributes): void {
  const { object, namespace } = attributes;
  const roleRef = object!.roleRef ?? {};
  const resource = roleRef.kind === 'ClusterRole' ? 'clusterroles' : roleRef.kind === 'Role' ? 'roles' : '';
  if (resource !== '' && isAllowed(deps, attributes, 'bind', resource, roleRef.name, namespace)) return;
  const rules = deps.rbac.rulesOfRole(roleRef, namespace);
  if (typeof rules === 'string') throw newNotFound({ group, resource: resource.slice(0, -1) }, roleRef.name ?? '');
  const problem = lackedRights(deps, attributes, rules);
  if (problem !== undefined) throw refusal(attributes, problem);
}

function isAllowed(
  { authorizer }: EscalationDeps,
  { user }: AdmissionAttributes,
  verb: string,
  resource: string,
  name: string,
  namespace: string,
): boolean {
  const { decision } = authorizer.authorize({
    user,
    verb,
    resourceRequest: true,
    namespace,
    apiGroup: group,
    apiVersion: '*',
    resource,
    subresource: '',
    name,
    path: '',
  });
  return decision === 'allow';
}

/** Why the user may not grant these rules; undefined when they hold them all. */
function lackedRights(
  { rbac }: EscalationDeps,
  { user, namespace }: AdmissionAttributes,
  wanted: readonly PolicyRule[],
): string | undefined {
  const { rules, errors } = rbac.rulesFor(user, namespace);
  const missing = missingRules(rules, wanted);
  if (missing.length === 0) return undefined;
  const lines = [...new Set(compactRules(missing).map(compactString))].sort();
  const groups = user.groups.map((each) => JSON.stringify(each)).join(' ');
  const resolution = errors.length === 0 ? '' : `; resolution errors: [${errors.join(', ')}]`;
  return `user ${JSON.stringify(user.name)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${lines.join('\n')}${resolution}`;
}

function refusal({ definition, object, name }: AdmissionAttributes, cause: string): Error {
  return newForbidden({ group, resource: definition.plural }, object?.metadata.name ?? name, cause);
}

function aggregates(role: Readonly<KubeObject>): boolean {
  return (role.aggregationRule?.clusterRoleSelectors ?? []).length > 0;
}

/** The garbage collector takes owner references and finalizers off whatever the object grants. */
function onlyGarbageCollectionFieldsDiffer(object: KubeObject, old: Readonly<KubeObject>): boolean {
  const rest = ({ metadata, ...others }: Readonly<KubeObject>) => {
    const { ownerReferences: _owners, finalizers: _finalizers, managedFields: _fields, ...kept } = metadata;
    return { ...others, metadata: kept };
  };
  return deepEqual(rest(object), rest(old));
}
