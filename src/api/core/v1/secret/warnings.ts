/**
 * TLS secrets whose key does not belong to their certificate. Upstream: warningsForSecret of
 * pkg/registry/core/secret/strategy.go (1.36), which says what Go's tls.X509KeyPair says.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { Secret } from '../../../types.ts';

/** Types of the PEM blocks of a text, in order. */
function blocksOf(text: string): { readonly type: string; readonly pem: string }[] {
  const pattern = /-----BEGIN ([^\n]*?)-----\r?\n[\s\S]*?-----END \1-----/g;
  return [...text.matchAll(pattern)].map(([pem, type = '']) => ({ type, pem }));
}

function missingBlock(types: readonly string[], kind: 'certificate' | 'key'): string {
  if (types.length === 0) return `tls: failed to find any PEM data in ${kind} input`;
  const skipped = `after skipping PEM blocks of the following types: [${types.join(' ')}]`;
  const [only = ''] = types.length === 1 ? types : [];
  if (kind === 'certificate') {
    if (only.endsWith('PRIVATE KEY')) {
      return 'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched';
    }
    return `tls: failed to find "CERTIFICATE" PEM block in certificate input ${skipped}`;
  }
  if (only === 'CERTIFICATE') return 'tls: found a certificate rather than a key in the PEM for the private key';
  return `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input ${skipped}`;
}

function keyPairProblem(certificateText: string, keyText: string): string | undefined {
  const certificates = blocksOf(certificateText);
  const leaf = certificates.find(({ type }) => type === 'CERTIFICATE');
  if (leaf === undefined)
    return missingBlock(
      certificates.map(({ type }) => type),
      'certificate',
    );
  const keys = blocksOf(keyText);
  const private_ = keys.find(({ type }) => type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY'));
  if (private_ === undefined)
    return missingBlock(
      keys.map(({ type }) => type),
      'key',
    );
  let certificate: X509Certificate;
  let key: KeyObject;
  try {
    certificate = new X509Certificate(leaf.pem);
  } catch {
    return 'x509: malformed certificate';
  }
  try {
    key = createPrivateKey(private_.pem);
  } catch {
    return 'tls: failed to parse private key';
  }
  if (certificate.publicKey.asymmetricKeyType !== key.asymmetricKeyType) {
    return 'tls: private key type does not match public key type';
  }
  return certificate.checkPrivateKey(key) ? undefined : 'tls: private key does not match public key';
}

export function secretWarnings({ type, data }: Readonly<Secret>): string[] {
  if (type !== 'kubernetes.io/tls') return [];
  const text = (key: string) => Buffer.from(data?.[key] ?? '', 'base64').toString('latin1');
  const problem = keyPairProblem(text('tls.crt'), text('tls.key'));
  return problem === undefined ? [] : [problem];
}
