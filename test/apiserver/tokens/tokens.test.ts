import { describe, expect, it } from 'vitest';
import { type KubeObject, StatusError } from '../../../src/apimachinery/index.ts';
import { RequestAuthenticator } from '../../../src/apiserver/authn/authenticator.ts';
import { ServiceAccountTokenAuthenticator } from '../../../src/apiserver/authn/service-account-tokens.ts';
import type { RequestContext } from '../../../src/apiserver/index.ts';
import { RbacAuthorizer } from '../../../src/apiserver/rbac/rbac-authorizer.ts';
import { reviewHandlers } from '../../../src/apiserver/tokens/reviews.ts';
import { tokenRequest } from '../../../src/apiserver/tokens/token-request.ts';
import { Prng } from '../../../src/base/index.ts';
import { createServiceAccountKey, TokenSigner, TokenVerifier } from '../../../src/pki/index.ts';
import { FakeReader } from '../fake-reader.ts';

const now = 1_800_000_000;
const issuer = 'https://kubernetes.default.svc.cluster.local';
const { key, pub } = createServiceAccountKey();
const signer = new TokenSigner(key);
const verifier = new TokenVerifier([pub]);
const keys = { sign: (claims: any) => signer.sign(claims), verify: (token: string) => verifier.verify(token) };

const reader = new FakeReader()
  .set('serviceaccounts', {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'bot', namespace: 'a', uid: 'sa' },
  })
  .set('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', uid: 'node' } })
  .set('pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'a', uid: 'pod' },
    spec: { serviceAccountName: 'bot', nodeName: 'n1' },
  })
  .set('clusterroles.rbac.authorization.k8s.io', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'reader' },
    rules: [
      { verbs: ['get'], apiGroups: [''], resources: ['pods'] },
      { verbs: ['get'], nonResourceURLs: ['/healthz'] },
    ],
  })
  .set('clusterrolebindings.rbac.authorization.k8s.io', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'readers' },
    roleRef: { kind: 'ClusterRole', name: 'reader' },
    subjects: [{ kind: 'User', name: 'jane' }],
  });

const request = tokenRequest(
  { keys, reader, prng: new Prng('t'), wallNow: () => now * 1000 },
  { issuer, audiences: [issuer] },
);
const rbac = new RbacAuthorizer(reader);
const authenticator = new RequestAuthenticator({
  serviceAccounts: new ServiceAccountTokenAuthenticator(
    { keys, reader, wallNow: () => now * 1000, clusterNow: () => now * 1000 },
    { issuer, audiences: [issuer] },
  ),
});
const reviews = new Map(reviewHandlers({ authenticator, authorizer: rbac, rbac, audiences: [issuer] }));

function context(rest: { name?: string; namespace?: string; user?: string } = {}): RequestContext {
  return {
    info: { name: rest.name ?? 'bot', namespace: rest.namespace ?? 'a' },
    user: { name: rest.user ?? 'jane', groups: ['dev'], uid: '7' },
    warnings: [],
  } as unknown as RequestContext;
}

function object(kind: string, spec: object, metadata: object = {}): KubeObject {
  return { apiVersion: 'x/v1', kind, metadata, spec };
}

function claimsOf(answer: any): any {
  return verifier.verify(answer.status.token);
}

async function refusal(work: () => unknown) {
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(StatusError);
    return (error as StatusError).status;
  }
  throw new Error('was not refused');
}

describe('TokenRequest', () => {
  it('makes a token for the API server that lives an hour', async () => {
    const answer: any = await request(context(), object('TokenRequest', {}));
    expect(answer).toMatchObject({
      kind: 'TokenRequest',
      metadata: { name: 'bot', namespace: 'a' },
      spec: { audiences: [issuer], expirationSeconds: 3600 },
      status: { expirationTimestamp: '2027-01-15T09:00:00Z' },
    });
    expect(claimsOf(answer)).toMatchObject({
      iss: issuer,
      sub: 'system:serviceaccount:a:bot',
      aud: [issuer],
      iat: now,
      nbf: now,
      exp: now + 3600,
      'kubernetes.io': { namespace: 'a', serviceaccount: { name: 'bot', uid: 'sa' } },
    });
  });

  it('binds to a pod and its node, and extends what a kubelet asks for', async () => {
    const spec = { expirationSeconds: 3607, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'pod' } };
    const answer: any = await request(context(), object('TokenRequest', spec));
    expect(claimsOf(answer)).toMatchObject({
      exp: now + 365 * 24 * 3600,
      'kubernetes.io': { pod: { name: 'p', uid: 'pod' }, node: { name: 'n1', uid: 'node' }, warnafter: now + 3607 },
    });
    expect(answer.status.expirationTimestamp).toBe('2027-01-15T09:00:07Z');
  });

  it.each([
    [
      { expirationSeconds: 599 },
      422,
      'spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes',
    ],
    [{ boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'no' } }, 404, 'pods "no" not found'],
    [
      { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'x' } },
      409,
      'the UID in the bound object reference (x) does not match the UID in record',
    ],
    [
      { boundObjectRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' } },
      400,
      'cannot bind token to object of type apps/v1, Kind=Deployment',
    ],
  ])('refuses %j', async (spec, code, message) => {
    const status = await refusal(() => request(context(), object('TokenRequest', spec)));
    expect(status.code).toBe(code);
    expect(status.message).toContain(message);
  });

  it('refuses accounts that do not exist and names that do not match', async () => {
    expect((await refusal(() => request(context({ name: 'no' }), object('TokenRequest', {})))).message).toBe(
      'serviceaccounts "no" not found',
    );
    expect((await refusal(() => request(context(), object('TokenRequest', {}, { name: 'x' })))).message).toContain(
      'metadata.name: Invalid value: "x": must match the service account name if specified',
    );
  });
});

describe('reviews', () => {
  const review = async (resource: string, kind: string, spec: object, at = context()): Promise<any> =>
    (await reviews.get(resource)!(at, object(kind, spec))).status;

  it('answer what a user may do', async () => {
    const self = (verb: string) =>
      review('selfsubjectaccessreviews.authorization.k8s.io', 'SelfSubjectAccessReview', {
        resourceAttributes: { verb, resource: 'pods', namespace: 'a' },
      });
    expect(await self('get')).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to User "jane"',
    });
    expect(await self('delete')).toEqual({ allowed: false });
    const other = { user: 'bob', nonResourceAttributes: { verb: 'get', path: '/healthz' } };
    expect(await review('subjectaccessreviews.authorization.k8s.io', 'SubjectAccessReview', other)).toEqual({
      allowed: false,
    });
  });

  it('refuse a question about nothing or nobody', async () => {
    const status = await refusal(() => review('subjectaccessreviews.authorization.k8s.io', 'SubjectAccessReview', {}));
    expect(status.message).toContain('exactly one of nonResourceAttributes or resourceAttributes must be specified');
    expect(status.message).toContain('spec.user: Invalid value: "": at least one of user or group must be specified');
  });

  it('keep a local review in its namespace', async () => {
    const spec = { user: 'jane', resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'b' } };
    const status = await refusal(() =>
      review('localsubjectaccessreviews.authorization.k8s.io', 'LocalSubjectAccessReview', spec),
    );
    expect(status.message).toBe('spec.resourceAttributes.namespace must match namespace: a');
  });

  it('list a user’s rules', async () => {
    expect(
      await review('selfsubjectrulesreviews.authorization.k8s.io', 'SelfSubjectRulesReview', { namespace: 'a' }),
    ).toEqual({
      incomplete: false,
      resourceRules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }],
      nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz'] }],
    });
  });

  it('tell who a token is', async () => {
    const made: any = await request(context(), object('TokenRequest', {}));
    const ask = (spec: object) => review('tokenreviews.authentication.k8s.io', 'TokenReview', spec);
    expect(await ask({ token: made.status.token })).toMatchObject({
      authenticated: true,
      user: { username: 'system:serviceaccount:a:bot', uid: 'sa' },
      audiences: [issuer],
    });
    expect(await ask({ token: 'x' })).toEqual({ user: {}, error: 'invalid bearer token' });
    expect((await ask({ token: made.status.token, audiences: ['vault'] })).error).toContain('token audiences');
    expect((await refusal(() => ask({}))).message).toBe('token is required for TokenReview in authentication');
  });

  it('tell who asks', async () => {
    expect(await review('selfsubjectreviews.authentication.k8s.io', 'SelfSubjectReview', {})).toEqual({
      userInfo: { username: 'jane', uid: '7', groups: ['dev'] },
    });
  });
});
