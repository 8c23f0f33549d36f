import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { wallClock } from '../../src/base/index.ts';
import {
  CertificateAuthority,
  createCertificateRequest,
  decodeOnePem,
  encodePem,
  parseCertificateRequest,
  signApprovedRequest,
  verifyClientCertificate,
} from '../../src/pki/index.ts';

const now = wallClock.now();
const subject = { commonName: 'system:node:node-1', organizations: ['system:nodes'] };

test('a request is parsed, verified and signed into a certificate of its key and names', () => {
  const { csr, key } = createCertificateRequest({
    subject,
    dnsNames: ['node-1'],
    ipAddresses: ['10.0.0.4', 'fd00::4'],
  });
  const request = parseCertificateRequest(csr);
  expect(request.subject).toEqual(subject);
  expect(request.dnsNames).toEqual(['node-1']);
  expect(request.ipAddresses).toEqual(['10.0.0.4', 'fd00::4']);

  const authority = CertificateAuthority.create({ commonName: 'kubernetes', now });
  const pem = signApprovedRequest(authority, request, {
    usages: ['client auth', 'digital signature'],
    now,
    ttlMs: 3600_000,
  });
  const certificate = new X509Certificate(pem);
  expect(certificate.publicKey.export({ type: 'spki', format: 'pem' })).toBe(
    request.publicKey.export({ type: 'spki', format: 'pem' }),
  );
  expect(key).toContain('PRIVATE KEY');
  expect(Math.abs(certificate.validToDate.getTime() - now - 3600_000)).toBeLessThan(1000);
  expect(verifyClientCertificate(certificate, { cas: [authority.pair.cert], now })).toMatchObject(subject);
});

test('a request whose signature does not fit is refused', () => {
  const { csr } = createCertificateRequest({ subject });
  const der = Buffer.from(decodeOnePem(csr, 'CERTIFICATE REQUEST'));
  der[der.indexOf('node-1')]! ^= 1;
  expect(() => parseCertificateRequest(encodePem('CERTIFICATE REQUEST', der))).toThrowError(
    'certificate request signature verification failure',
  );
});

test('garbage and truncation are Malformed, whatever the cut', () => {
  const { csr } = createCertificateRequest({ subject, dnsNames: ['a.example'] });
  const der = decodeOnePem(csr, 'CERTIFICATE REQUEST');
  expect(() => parseCertificateRequest('hello')).toThrowError('no CERTIFICATE REQUEST block');
  for (let cut = 0; cut < der.length; cut += 7) {
    expect(() => parseCertificateRequest(encodePem('CERTIFICATE REQUEST', der.subarray(0, cut)))).toThrowError();
  }
});

test('an independent implementation reads our requests and we read its', async () => {
  const x509 = await import('@peculiar/x509');
  const ours = new x509.Pkcs10CertificateRequest(createCertificateRequest({ subject, dnsNames: ['node-1'] }).csr);
  expect(await ours.verify()).toBe(true);
  expect(ours.subject).toContain('CN=system:node:node-1');

  const algorithm = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const theirs = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'O=dev, O=ops, CN=jane',
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'jane.example' }])],
  });
  const request = parseCertificateRequest(theirs.toString('pem'));
  expect(request.subject).toEqual({ commonName: 'jane', organizations: ['dev', 'ops'] });
  expect(request.dnsNames).toEqual(['jane.example']);
});

test('a signed request keeps all its names, has the usages asked for, and ends five minutes early when it is long', async () => {
  const authority = CertificateAuthority.create({ commonName: 'kubernetes', now });
  const { csr } = createCertificateRequest({
    subject,
    dnsNames: ['a.example'],
    ipAddresses: ['10.0.0.4'],
    emailAddresses: ['me@a.example'],
    uris: ['spiffe://a/b'],
  });
  const request = parseCertificateRequest(csr);
  const usages = ['key encipherment', 'server auth', 'client auth', 'decipher only'];
  const certificate = new X509Certificate(signApprovedRequest(authority, request, { usages, now, ttlMs: 86_400_000 }));
  expect(certificate.subjectAltName).toBe('DNS:a.example, email:me@a.example, IP Address:10.0.0.4, URI:spiffe://a/b');
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  expect(certificate.raw.includes(Buffer.from([0x03, 0x03, 0x07, 0x20, 0x80]))).toBe(true);
  expect(certificate.validToDate.getTime()).toBe(Math.floor((now + 86_400_000 - 300_000) / 1000) * 1000);
  expect(certificate.validFromDate.getTime()).toBe(Math.floor((now - 300_000) / 1000) * 1000);
  expect(() => signApprovedRequest(authority, request, { usages: ['anything'], now, ttlMs: 1 })).toThrow(
    'unrecognized usage values: ["anything"]',
  );
});
