/** `authorizer.group('').resource('pods').check('create').allowed()`. Upstream: apiserver/pkg/cel/library/authz.go. */
import type { FunctionTable } from '../functions.ts';
import { CelFailure, OpaqueValue, type Value } from '../values.ts';

export interface AuthorizationCheck {
  /** undefined: the user of the request. */
  readonly serviceAccount?: { readonly namespace: string; readonly name: string };
  readonly verb: string;
  readonly path?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

export interface AuthorizationDecision {
  readonly allowed: boolean;
  readonly reason: string;
  readonly error?: string;
}

/** Asks the server's authorizers, at once: evaluation does not wait. */
export type Authorize = (check: AuthorizationCheck) => AuthorizationDecision;

const prefix = 'kubernetes.authorization.';

/** Authorizer, PathCheck, GroupCheck or ResourceCheck: what has been said so far. */
export class CheckValue extends OpaqueValue {
  readonly typeName: string;
  readonly authorize: Authorize;
  readonly check: Omit<AuthorizationCheck, 'verb'>;

  constructor(kind: string, authorize: Authorize, check: Omit<AuthorizationCheck, 'verb'> = {}) {
    super();
    this.typeName = prefix + kind;
    this.authorize = authorize;
    this.check = check;
  }

  equals(other: Value): boolean {
    return this === other;
  }

  with(kind: string, more: Omit<AuthorizationCheck, 'verb'>): CheckValue {
    return new CheckValue(kind, this.authorize, { ...this.check, ...more });
  }
}

export class DecisionValue extends OpaqueValue {
  readonly typeName: string = `${prefix}Decision`;
  readonly decision: AuthorizationDecision;

  constructor(decision: AuthorizationDecision) {
    super();
    this.decision = decision;
  }

  equals(other: Value): boolean {
    return this === other;
  }
}

export function addAuthorizerFunctions(table: FunctionTable): void {
  table.add('path', 'authorizer_path', 'authorizer.(string): pathcheck', (value: CheckValue, path: string) =>
    path.trim() === '' ? new CelFailure('path must not be empty') : value.with('PathCheck', { path }),
  );
  table.add('group', 'authorizer_group', 'authorizer.(string): groupcheck', (value: CheckValue, group: string) =>
    value.with('GroupCheck', { group }),
  );
  table.add(
    'serviceAccount',
    'authorizer_serviceaccount',
    'authorizer.(string, string): authorizer',
    (value: CheckValue, namespace: string, name: string) => {
      if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name)) return new CelFailure('Invalid service account name');
      if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(namespace))
        return new CelFailure('Invalid service account namespace');
      return value.with('Authorizer', { serviceAccount: { namespace, name } });
    },
  );
  table.add(
    'resource',
    'groupcheck_resource',
    'groupcheck.(string): resourcecheck',
    (value: CheckValue, resource: string) =>
      resource.trim() === '' ? new CelFailure('resource must not be empty') : value.with('ResourceCheck', { resource }),
  );
  for (const field of ['subresource', 'namespace', 'name', 'fieldSelector', 'labelSelector'] as const) {
    const id = field.endsWith('Selector') ? `authorizer_${field.toLowerCase()}` : `resourcecheck_${field}`;
    table.add(field, id, 'resourcecheck.(string): resourcecheck', (value: CheckValue, text: string) =>
      value.with('ResourceCheck', { [field]: text }),
    );
  }
  const check = (value: CheckValue, verb: string): Value =>
    new DecisionValue(value.authorize({ ...value.check, verb }));
  table.add('check', 'pathcheck_check', 'pathcheck.(string): decision', check);
  table.add('check', 'resourcecheck_check', 'resourcecheck.(string): decision', check);
  const of = (run: (decision: AuthorizationDecision) => Value) => (value: DecisionValue) => run(value.decision);
  table.add(
    'errored',
    'decision_errored',
    'decision.(): bool',
    of((d) => d.error !== undefined),
  );
  table.add(
    'error',
    'decision_error',
    'decision.(): string',
    of((d) => d.error ?? ''),
  );
  table.add(
    'allowed',
    'decision_allowed',
    'decision.(): bool',
    of((d) => d.allowed),
  );
  table.add(
    'reason',
    'decision_reason',
    'decision.(): string',
    of((d) => d.reason),
  );
}
