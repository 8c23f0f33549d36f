import type { KubeObject } from '../../apimachinery/index.ts';
import type { AuthorizationAttributes, Authorizer, ObjectReader, UserInfo } from '../types.ts';
import { type PolicyRule, ruleAllows } from './rules.ts';
import { type AppliedBinding, SubjectIndex } from './subject-index.ts';

export const clusterRoles = 'clusterroles.rbac.authorization.k8s.io';
export const clusterRoleBindings = 'clusterrolebindings.rbac.authorization.k8s.io';
export const roles = 'roles.rbac.authorization.k8s.io';
export const roleBindings = 'rolebindings.rbac.authorization.k8s.io';
const resources = [clusterRoles, clusterRoleBindings, roles, roleBindings] as const;

/** The rules a user has in a scope, by the binding that grants them, in upstream's order of visiting. */
export interface GrantedRules {
  readonly grants: readonly { readonly via: AppliedBinding; readonly rules: readonly PolicyRule[] }[];
  /** Roles that are bound but do not exist: `clusterrole.rbac.authorization.k8s.io "x" not found`. */
  readonly errors: readonly string[];
}

const noGrants: GrantedRules = { grants: [], errors: [] };

/**
 * Role based access control over the watch cache. A user's rules are resolved once a scope and kept until any RBAC
 * object changes; a request then costs a walk over that user's own rules.
 * Upstream: plugin/pkg/auth/authorizer/rbac/rbac.go, pkg/registry/rbac/validation/rule.go.
 */
export class RbacAuthorizer implements Authorizer {
  readonly #reader: ObjectReader;
  #versions: readonly unknown[] = [];
  #cluster: SubjectIndex | undefined;
  #namespaces = new Map<string, SubjectIndex>();
  /** User → namespace (empty: cluster) → rules. Keyed by name and groups, which is all that bindings see. */
  #granted = new Map<string, GrantedRules>();
  /** Bound of `#granted`; over it the cache starts anew. */
  static readonly maxGranted = 10_000;

  constructor(reader: ObjectReader) {
    this.#reader = reader;
  }

  authorize(attributes: AuthorizationAttributes): { decision: 'allow' | 'noOpinion'; reason: string } {
    this.#refresh();
    const errors: string[] = [];
    for (const granted of this.#scopes(attributes.user, attributes.namespace)) {
      for (const { via, rules } of granted.grants) {
        for (const rule of rules) {
          if (ruleAllows(attributes, rule)) {
            return { decision: 'allow', reason: `RBAC: allowed by ${describe(via)}` };
          }
        }
      }
      errors.push(...granted.errors);
    }
    return { decision: 'noOpinion', reason: errors.length === 0 ? '' : `RBAC: ${aggregate(errors)}` };
  }

  /** All rules of a user, cluster-wide ones first; `namespace` empty = cluster-wide only. */
  rulesFor(user: UserInfo, namespace: string): { rules: PolicyRule[]; errors: string[] } {
    this.#refresh();
    const scopes = this.#scopes(user, namespace);
    return {
      rules: scopes.flatMap((granted) => granted.grants.flatMap((grant) => grant.rules)),
      errors: scopes.flatMap((granted) => granted.errors),
    };
  }

  /** The rules behind a roleRef, or why there are none. */
  rulesOfRole(roleRef: { kind?: string; name?: string }, namespace: string): readonly PolicyRule[] | string {
    const name = roleRef.name ?? '';
    if (roleRef.kind === 'ClusterRole') {
      const role = this.#reader.get(clusterRoles, '', name);
      return role ? ruleList(role) : `clusterrole.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`;
    }
    if (roleRef.kind === 'Role') {
      const role = this.#reader.get(roles, namespace, name);
      return role ? ruleList(role) : `role.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`;
    }
    return `unsupported role reference kind: ${JSON.stringify(roleRef.kind ?? '')}`;
  }

  #scopes(user: UserInfo, namespace: string): GrantedRules[] {
    const cluster = this.#resolve(user, '');
    return namespace === '' ? [cluster] : [cluster, this.#resolve(user, namespace)];
  }

  #resolve(user: UserInfo, namespace: string): GrantedRules {
    const key = `${namespace}\n${user.name}\n${user.groups.join('\n')}`;
    const known = this.#granted.get(key);
    if (known) return known;
    const bindings = this.#index(namespace).bindingsOf(user);
    const result = bindings.length === 0 ? noGrants : this.#grantsOf(bindings, namespace);
    if (this.#granted.size >= RbacAuthorizer.maxGranted) this.#granted.clear();
    this.#granted.set(key, result);
    return result;
  }

  #grantsOf(bindings: readonly AppliedBinding[], namespace: string): GrantedRules {
    const grants: { via: AppliedBinding; rules: readonly PolicyRule[] }[] = [];
    const errors: string[] = [];
    for (const via of bindings) {
      const rules = this.rulesOfRole(via.binding.roleRef ?? {}, namespace);
      if (typeof rules === 'string') errors.push(rules);
      else grants.push({ via, rules });
    }
    return { grants, errors };
  }

  #index(namespace: string): SubjectIndex {
    if (namespace === '') {
      this.#cluster ??= new SubjectIndex(this.#reader.list(clusterRoleBindings), '');
      return this.#cluster;
    }
    let index = this.#namespaces.get(namespace);
    if (!index) {
      index = new SubjectIndex(this.#reader.list(roleBindings, namespace), namespace);
      this.#namespaces.set(namespace, index);
    }
    return index;
  }

  /** Forgets what is derived when an RBAC object changed. A reader without versions is never trusted to be unchanged. */
  #refresh(): void {
    const { version } = this.#reader;
    if (version) {
      let same = this.#versions.length === resources.length;
      for (let i = 0; same && i < resources.length; i++) {
        same = this.#reader.version!(resources[i]!) === this.#versions[i];
      }
      if (same) return;
      this.#versions = resources.map((resource) => this.#reader.version!(resource));
    }
    this.#cluster = undefined;
    this.#namespaces = new Map();
    this.#granted = new Map();
  }
}

function ruleList(role: Readonly<KubeObject>): readonly PolicyRule[] {
  return (role.rules ?? []) as PolicyRule[];
}

function describe({ binding, subject }: AppliedBinding): string {
  const { name, namespace } = binding.metadata;
  const quoted = JSON.stringify(namespace ? `${name}/${namespace}` : name);
  const who =
    subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace || (namespace ?? '')}` : subject.name;
  return `${binding.kind} ${quoted} of ${binding.roleRef.kind} ${JSON.stringify(binding.roleRef.name)} to ${subject.kind} ${JSON.stringify(who)}`;
}

/** Several errors as Go's aggregate prints them: without repeats, in brackets when more than one. */
export function aggregate(errors: readonly string[]): string {
  const unique = [...new Set(errors)];
  return unique.length === 1 ? unique[0]! : `[${unique.join(', ')}]`;
}
