import type { Authorizer, ObjectReader } from '../types.ts';
import { NodeAuthorizer } from './node-authorizer.ts';
import { mastersAuthorizer, unionAuthorizer } from './union.ts';

const modes = ['AlwaysAllow', 'AlwaysDeny', 'Node', 'RBAC'] as const;

/** What `--authorization-mode` may name. */
export type AuthorizationMode = (typeof modes)[number];

export function isAuthorizationMode(text: string): text is AuthorizationMode {
  return (modes as readonly string[]).includes(text);
}

const alwaysAllow: Authorizer = { authorize: () => ({ decision: 'allow', reason: '' }) };
const alwaysDeny: Authorizer = { authorize: () => ({ decision: 'noOpinion', reason: 'Everything is forbidden.' }) };

/**
 * The authorizer of `--authorization-mode`, in the order given; `system:masters` come first whatever it says.
 * Upstream: pkg/kubeapiserver/authorizer/config.go.
 */
export function authorizerOf(
  wanted: readonly AuthorizationMode[],
  deps: { readonly reader: ObjectReader; readonly rbac: Authorizer },
): Authorizer {
  return unionAuthorizer([mastersAuthorizer, ...wanted.map((mode) => authorizerFor(mode, deps))]);
}

function authorizerFor(mode: AuthorizationMode, deps: Parameters<typeof authorizerOf>[1]): Authorizer {
  switch (mode) {
    case 'AlwaysAllow':
      return alwaysAllow;
    case 'AlwaysDeny':
      return alwaysDeny;
    case 'Node':
      return new NodeAuthorizer(deps.reader);
    case 'RBAC':
      return deps.rbac;
  }
}
