import { expect, it } from 'vitest';
import { type AuthorizationMode, authorizerOf } from '../../../src/apiserver/authz/modes.ts';
import type { AuthorizationAttributes, Authorizer, ObjectReader } from '../../../src/apiserver/index.ts';

const reader: ObjectReader = { get: () => undefined, list: () => [] };
const rbac: Authorizer = {
  authorize: ({ verb }) => ({ decision: verb === 'get' ? 'allow' : 'noOpinion', reason: verb === 'get' ? '' : 'RBAC' }),
};
const ask = (modes: AuthorizationMode[], verb: string, groups: string[] = []) =>
  authorizerOf(modes, { reader, rbac }).authorize({
    user: { name: 'jane', groups },
    verb,
    resourceRequest: true,
  } as unknown as AuthorizationAttributes);

it('asks the modes in their order', () => {
  expect(ask(['RBAC'], 'get').decision).toBe('allow');
  expect(ask(['Node', 'RBAC'], 'list')).toEqual({ decision: 'noOpinion', reason: 'RBAC' });
  expect(ask(['RBAC', 'AlwaysAllow'], 'list').decision).toBe('allow');
  expect(ask(['RBAC', 'AlwaysDeny'], 'list')).toEqual({
    decision: 'noOpinion',
    reason: 'RBAC\nEverything is forbidden.',
  });
});

it('lets system:masters do everything under every mode', () => {
  expect(ask(['AlwaysDeny'], 'delete', ['system:masters']).decision).toBe('allow');
});
