/** Extenders that know the scheduler by its certificate, told by files or by data. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../../src/pki/index.ts';
import { postToExtender } from '../../src/scheduler/extender/http.ts';
import { schedulerConfig } from '../../src/scheduler/index.ts';

const dir = mkdtempSync(join(tmpdir(), 'klab-extender-'));
afterAll(() => rmSync(dir, { recursive: true }));

const now = Date.now();
const authority = CertificateAuthority.create({ commonName: 'extenders', now });
const served = authority.issue({
  subject: { commonName: 'extender' },
  usages: ['serverAuth'],
  ipAddresses: ['127.0.0.1'],
  now,
});
const identity = authority.issue({ subject: { commonName: 'system:kube-scheduler' }, usages: ['clientAuth'], now });
const other = authority.issue({ subject: { commonName: 'other' }, usages: ['clientAuth'], now });

function file(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

const files = {
  caFile: file('ca.crt', authority.pair.cert),
  certFile: file('scheduler.crt', identity.cert),
  keyFile: file('scheduler.key', identity.key),
};
const base64 = (text: string) => Buffer.from(text).toString('base64');

const configOf = (tlsConfig: object, urlPrefix = 'https://127.0.0.1:1', more: object = {}) =>
  schedulerConfig({
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    extenders: [{ urlPrefix, filterVerb: 'filter', enableHTTPS: true, tlsConfig, ...more }],
  }).extenders[0]!;

async function withExtender<T>(use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(
    { ...served, ca: authority.pair.cert, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      const { subject } = (request.socket as import('node:tls').TLSSocket).getPeerCertificate();
      response.end(JSON.stringify(subject.CN));
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const ask = (url: string, tlsConfig: object) => {
  const { tls } = configOf(tlsConfig, url);
  return postToExtender(`${url}/filter`, '{}', {
    timeoutMs: 30_000,
    signal: new AbortController().signal,
    ...(tls && { tls }),
  });
};

describe('tlsConfig of an extender', () => {
  it('takes the CA and the scheduler’s identity from files', () =>
    withExtender(async (url) => {
      expect(await ask(url, files)).toEqual({ status: 200, body: '"system:kube-scheduler"' });
      const { caFile } = files;
      await expect(ask(url, { caFile })).rejects.toThrow(/^Post "https:/);
    }));

  it('takes up a renewed identity, and fails the call while the files are no pair', () =>
    withExtender(async (url) => {
      const certFile = file('renewed.crt', identity.cert);
      const keyFile = file('renewed.key', identity.key);
      const { tls } = configOf({ ...files, certFile, keyFile }, url);
      const signal = new AbortController().signal;
      const call = async () =>
        (await postToExtender(`${url}/filter`, '{}', { timeoutMs: 30_000, signal, tls: tls! })).body;
      expect(await call()).toBe('"system:kube-scheduler"');
      file('renewed.crt', other.cert);
      await expect(call()).rejects.toThrow('tls: private key does not match public key');
      file('renewed.key', other.key);
      expect(await call()).toBe('"other"');
    }));

  it('prefers data to the file of the same', () =>
    withExtender(async (url) => {
      const tls = { ...files, certData: base64(other.cert), keyData: base64(other.key) };
      expect((await ask(url, tls)).body).toBe('"other"');
    }));

  it('does not trust an extender whose certificate the CA did not sign', () =>
    withExtender(async (url) => {
      const stranger = CertificateAuthority.create({ commonName: 'stranger', now });
      const caFile = file('stranger.crt', stranger.pair.cert);
      await expect(ask(url, { ...files, caFile })).rejects.toThrow(/unable to verify|self-signed|issuer/);
    }));

  it('verifies nobody when only HTTPS is asked for', () => {
    expect(configOf({})).toMatchObject({ tls: { insecure: true } });
    expect(configOf({ caFile: files.caFile })).toMatchObject({ tls: { insecure: false } });
  });

  const missing = join(dir, 'none.pem');
  it.each([
    [{ caFile: missing }, `open ${missing}: no such file or directory`],
    [{ ...files, keyFile: missing }, `open ${missing}: no such file or directory`],
    [
      { caFile: files.caFile, insecure: true },
      'specifying a root certificates file with the insecure flag is not allowed',
    ],
    [
      { caFile: file('words', 'no certificate') },
      'unable to load root certificates: unable to parse bytes as PEM block',
    ],
    [{ caData: base64('no certificate') }, 'unable to load root certificates: unable to parse bytes as PEM block'],
    [{ ...files, certFile: file('empty', '') }, 'tls: failed to find any PEM data in certificate input'],
    [{ ...files, keyFile: file('no-key', 'no key') }, 'tls: failed to find any PEM data in key input'],
    [{ ...files, keyFile: file('other.key', other.key) }, 'tls: private key does not match public key'],
  ])('refuses %j', (tlsConfig, why) => {
    expect(() => configOf(tlsConfig)).toThrow(`couldn't build extenders: ${why}`);
  });
});
