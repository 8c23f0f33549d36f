import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import { PkiError } from './errors.ts';

export interface ClientIdentity {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** Upper-case hex SHA-256 of the certificate, without colons: the API server's credential-id. */
  readonly fingerprint: string;
}

export interface VerifyOptions {
  /** CA certificates (PEM) one of which must have signed it. Absent: the TLS layer has verified the chain already. */
  readonly cas?: readonly string[];
  /** Wall-clock ms; absent: validity is not looked at again. */
  readonly now?: number;
}

const clientAuth = '1.3.6.1.5.5.7.3.2';
const anyExtendedKeyUsage = '2.5.29.37.0';

/**
 * Who a TLS client is: common name = user, organizations = groups.
 * Throws PkiError (`UnknownAuthority`, `Expired`, `NotYetValid`, `WrongUsage`, `Malformed`) in Go's crypto/x509 words.
 *
 * Upstream: apiserver/pkg/authentication/request/x509.
 */
export function verifyClientCertificate(
  peer: PeerCertificate | X509Certificate,
  options: VerifyOptions = {},
): ClientIdentity {
  const certificate = peer instanceof X509Certificate ? peer : parse(peer);
  const usages = certificate.keyUsage as string[] | undefined;
  if (usages?.length && !usages.includes(clientAuth) && !usages.includes(anyExtendedKeyUsage)) {
    throw new PkiError('WrongUsage', 'x509: certificate specifies an incompatible key usage');
  }
  if (options.now !== undefined) {
    const expired = options.now > certificate.validToDate.getTime();
    if (expired || options.now < certificate.validFromDate.getTime()) {
      const message = 'x509: certificate has expired or is not yet valid';
      throw new PkiError(expired ? 'Expired' : 'NotYetValid', message);
    }
  }
  if (options.cas && !options.cas.some((pem) => signedBy(certificate, new X509Certificate(pem)))) {
    throw new PkiError('UnknownAuthority', 'x509: certificate signed by unknown authority');
  }
  const subject = certificate.toLegacyObject().subject as unknown as Record<string, string | string[] | undefined>;
  return {
    commonName: asList(subject['CN']).at(-1) ?? '',
    organizations: asList(subject['O']),
    fingerprint: certificate.fingerprint256.replaceAll(':', ''),
  };
}

function parse(peer: PeerCertificate): X509Certificate {
  if (!peer.raw) throw new PkiError('Malformed', 'the client sent no certificate');
  return new X509Certificate(peer.raw);
}

const signedBy = (certificate: X509Certificate, ca: X509Certificate): boolean =>
  ca.ca && certificate.checkIssued(ca) && certificate.verify(ca.publicKey);

const asList = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];
