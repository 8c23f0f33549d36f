import { generateKeyPairSync } from 'node:crypto';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { wallClock } from '../../src/base/index.ts';
import { createServiceAccountKey, TokenSigner, TokenVerifier } from '../../src/pki/index.ts';

const pair = createServiceAccountKey();
const signer = new TokenSigner(pair.key);
const seconds = Math.floor(wallClock.now() / 1000);
const claims = {
  iss: 'https://kubernetes.default.svc',
  sub: 'system:serviceaccount:default:web',
  nbf: seconds,
  exp: seconds + 60,
};

const codeOf = (fn: () => unknown) => {
  try {
    fn();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'accepted';
};

test('a token says what was signed', () => {
  const verifier = new TokenVerifier([pair.pub]);
  expect(verifier.verify(signer.sign(claims), seconds * 1000)).toEqual(claims);
});

test('jose accepts our tokens with our key set', async () => {
  const verifier = new TokenVerifier([pair.pub]);
  const keys = createLocalJWKSet(verifier.jwks() as never);
  const { payload, protectedHeader } = await jwtVerify(signer.sign(claims), keys);
  expect(payload.sub).toBe(claims.sub);
  expect(protectedHeader).toEqual({ alg: 'ES256', kid: signer.keyId });
});

test('a changed byte, a foreign key and alg none are refused', () => {
  const verifier = new TokenVerifier([pair.pub]);
  const [header, payload, signature] = signer.sign(claims).split('.') as [string, string, string];
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'system:admin' })).toString('base64url');
  expect(codeOf(() => verifier.verify(`${header}.${forged}.${signature}`))).toBe('BadSignature');
  expect(codeOf(() => verifier.verify(new TokenSigner(createServiceAccountKey().key).sign(claims)))).toBe(
    'BadSignature',
  );
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  expect(codeOf(() => verifier.verify(`${none}.${payload}.`))).toBe('BadSignature');
  expect(codeOf(() => verifier.verify('abc'))).toBe('Malformed');
  expect(codeOf(() => verifier.verify('a.b.c'))).toBe('Malformed');
});

test('the public key cannot be used as an HMAC secret or with another algorithm', () => {
  const verifier = new TokenVerifier([pair.pub]);
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rsaSigner = new TokenSigner(rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
  expect(codeOf(() => verifier.verify(rsaSigner.sign(claims)))).toBe('BadSignature');
});

test('keys that kubeadm made (RSA) sign and verify too, also beside ours', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs1', format: 'pem' }) as string;
  const verifier = new TokenVerifier([pair.pub, pem]);
  const token = new TokenSigner(pem).sign(claims);
  expect(verifier.verify(token)).toEqual(claims);
  const { payload } = await jwtVerify(token, createLocalJWKSet(verifier.jwks() as never));
  expect(payload.sub).toBe(claims.sub);
});

test('times are checked in upstream words with a minute of leeway, only when asked', () => {
  const verifier = new TokenVerifier([pair.pub]);
  const token = signer.sign(claims);
  expect(() => verifier.verify(token, (seconds + 121) * 1000)).toThrowError('service account token has expired');
  expect(verifier.verify(token, (seconds + 119) * 1000)).toEqual(claims);
  expect(() => verifier.verify(token, (seconds - 61) * 1000)).toThrowError('service account token is not valid yet');
  expect(verifier.verify(token)).toEqual(claims);
});
