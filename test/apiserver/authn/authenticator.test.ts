import { describe, expect, it } from 'vitest';
import { RequestAuthenticator } from '../../../src/apiserver/authn/authenticator.ts';
import { ServiceAccountTokenAuthenticator } from '../../../src/apiserver/authn/service-account-tokens.ts';
import { parseTokenFile } from '../../../src/apiserver/authn/token-file.ts';
import { splitServiceAccountUsername } from '../../../src/apiserver/authn/user.ts';
import type { ServerRequest } from '../../../src/apiserver/index.ts';
import { rfc3339 } from '../../../src/base/index.ts';
import { createServiceAccountKey, TokenSigner, TokenVerifier } from '../../../src/pki/index.ts';
import { FakeReader } from '../fake-reader.ts';

const { key, pub } = createServiceAccountKey();
const signer = new TokenSigner(key);
const verifier = new TokenVerifier([pub]);
const issuer = 'https://issuer';
const now = 1_800_000_000;

function account(uid = 'sa-uid', extra: object = {}) {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'bot', namespace: 'a', uid, ...extra } };
}

function pod(extra: object = {}) {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'a', uid: 'pod-uid', ...extra }, spec: {} };
}

function setup(reader = new FakeReader().set('serviceaccounts', account()).set('pods', pod())) {
  const clock = { wall: now * 1000, cluster: now * 1000 };
  const serviceAccounts = new ServiceAccountTokenAuthenticator(
    {
      keys: { sign: (claims) => signer.sign(claims), verify: (token) => verifier.verify(token) },
      reader,
      wallNow: () => clock.wall,
      clusterNow: () => clock.cluster,
    },
    { issuer, audiences: [issuer] },
  );
  const staticTokens = parseTokenFile('s3cret,jane,42,"dev,ops"\n');
  return { reader, clock, authenticator: new RequestAuthenticator({ serviceAccounts, staticTokens }) };
}

function token(extra: object = {}, kubernetes: object = {}): string {
  return signer.sign({
    iss: issuer,
    aud: [issuer],
    sub: 'system:serviceaccount:a:bot',
    iat: now,
    nbf: now,
    exp: now + 3600,
    jti: 'j-1',
    'kubernetes.io': { namespace: 'a', serviceaccount: { name: 'bot', uid: 'sa-uid' }, ...kubernetes },
    ...extra,
  });
}

function request(headers: Record<string, string> = {}, rest: Partial<ServerRequest> = {}): ServerRequest {
  return {
    method: 'GET',
    path: '/',
    query: new URLSearchParams(),
    headers,
    signal: new AbortController().signal,
    ...rest,
  };
}
const bearer = (text: string) => request({ authorization: `Bearer ${text}` });

describe('authentication', () => {
  it('takes user and groups from a client certificate and adds system:authenticated', () => {
    const clientCertificate = { commonName: 'admin', organizations: ['system:masters'], fingerprint: 'AB' };
    expect(setup().authenticator.authenticate(request({}, { clientCertificate }))).toEqual({
      name: 'admin',
      groups: ['system:masters', 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': ['X509SHA256=ab'] },
    });
  });

  it('refuses a certificate that proves nothing, unless a token does', () => {
    const clientCertificate = { commonName: '', organizations: [], error: 'x509: unknown authority' };
    const { authenticator } = setup();
    expect(() => authenticator.authenticate(request({}, { clientCertificate }))).toThrow('Unauthorized');
    const both = request({ authorization: 'Bearer s3cret' }, { clientCertificate });
    expect(authenticator.authenticate(both)?.name).toBe('jane');
  });

  it('knows users of the token file', () => {
    expect(setup().authenticator.authenticate(bearer('s3cret'))).toEqual({
      name: 'jane',
      uid: '42',
      groups: ['dev', 'ops', 'system:authenticated'],
    });
  });

  it('is anonymous without credentials and refuses wrong ones', () => {
    const { authenticator } = setup();
    expect(authenticator.authenticate(request())).toEqual({
      name: 'system:anonymous',
      groups: ['system:unauthenticated'],
    });
    expect(() => authenticator.authenticate(bearer('nonsense'))).toThrow('Unauthorized');
    expect(new RequestAuthenticator({}, { anonymous: false }).authenticate(request())).toBeUndefined();
  });

  it('makes a service account of a bound token', () => {
    const { authenticator } = setup();
    const bound = token({}, { pod: { name: 'p', uid: 'pod-uid' }, node: { name: 'n', uid: 'n-uid' } });
    expect(authenticator.authenticate(bearer(bound))).toEqual({
      name: 'system:serviceaccount:a:bot',
      uid: 'sa-uid',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/credential-id': ['JTI=j-1'],
        'authentication.kubernetes.io/pod-name': ['p'],
        'authentication.kubernetes.io/pod-uid': ['pod-uid'],
        'authentication.kubernetes.io/node-name': ['n'],
        'authentication.kubernetes.io/node-uid': ['n-uid'],
      },
    });
  });

  it.each([
    ['of another audience', { aud: ['vault'] }, {}, 'is invalid for the target audiences'],
    ['that has expired', { exp: now - 120 }, {}, 'service account token has expired'],
    ['that is not valid yet', { nbf: now + 120 }, {}, 'service account token is not valid yet'],
    ['of an account made anew', {}, { serviceaccount: { name: 'bot', uid: 'old' } }, 'does not match claim (old)'],
    ['of an account that is gone', {}, { serviceaccount: { name: 'no', uid: 'x' } }, 'serviceaccount "no" not found'],
    ['of a pod that is gone', {}, { pod: { name: 'gone', uid: 'x' } }, 'service account token has been invalidated'],
    [
      'of a pod made anew',
      {},
      { pod: { name: 'p', uid: 'x' } },
      'pod UID (pod-uid) does not match service account pod ref claim (x)',
    ],
  ])('refuses a token %s', (_what, claims, kubernetes, message) => {
    const result = setup().authenticator.authenticateToken(token(claims, kubernetes));
    expect('error' in result && result.error).toContain(message);
  });

  it('lets a pod being deleted use its token for a minute more, by the cluster clock', () => {
    const reader = new FakeReader()
      .set('serviceaccounts', account())
      .set('pods', pod({ deletionTimestamp: rfc3339(now * 1000) }));
    const { authenticator, clock } = setup(reader);
    const bound = token({}, { pod: { name: 'p', uid: 'pod-uid' } });
    clock.cluster = (now + 59) * 1000;
    expect('user' in authenticator.authenticateToken(bound)).toBe(true);
    clock.cluster = (now + 61) * 1000;
    expect(authenticator.authenticateToken(bound)).toEqual({
      error: '[invalid bearer token, service account token has been invalidated]',
    });
  });

  it('does not trust a token whose payload was changed', () => {
    const [header, , signature] = token().split('.');
    const forged = Buffer.from(JSON.stringify({ iss: issuer, aud: [issuer], sub: 'root' })).toString('base64url');
    const result = setup().authenticator.authenticateToken(`${header}.${forged}.${signature}`);
    expect(result).toEqual({ error: 'invalid bearer token' });
  });

  it('names a token file that is short of columns', () => {
    expect(() => parseTokenFile('a,b,c\nbroken,x', '/etc/tokens')).toThrow(
      "token file '/etc/tokens' must have at least 3 columns (token, user name, user uid), found 2",
    );
  });

  it('splits user names of service accounts only', () => {
    expect(splitServiceAccountUsername('system:serviceaccount:a:b')).toEqual({ namespace: 'a', name: 'b' });
    expect(splitServiceAccountUsername('system:serviceaccount:a')).toBeUndefined();
    expect(splitServiceAccountUsername('system:serviceaccount:A:b')).toBeUndefined();
    expect(splitServiceAccountUsername('jane')).toBeUndefined();
  });
});
