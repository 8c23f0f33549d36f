import { mastersGroup } from '../authn/user.ts';
import type { Authorizer } from '../types.ts';

/** Members of `system:masters` may do anything. Upstream: authorizerfactory.NewPrivilegedGroups. */
export const mastersAuthorizer: Authorizer = {
  authorize({ user }) {
    return { decision: user.groups.includes(mastersGroup) ? 'allow' : 'noOpinion', reason: '' };
  },
};

/**
 * Asks each in order; the first allow or deny decides, else their reasons are joined.
 * Upstream: apiserver/pkg/authorization/union.
 */
export function unionAuthorizer(authorizers: readonly Authorizer[]): Authorizer {
  return {
    authorize(attributes) {
      let reasons = '';
      for (const authorizer of authorizers) {
        const { decision, reason } = authorizer.authorize(attributes);
        if (decision !== 'noOpinion') return { decision, reason };
        if (reason !== '') reasons = reasons === '' ? reason : `${reasons}\n${reason}`;
      }
      return { decision: 'noOpinion', reason: reasons };
    },
  };
}
