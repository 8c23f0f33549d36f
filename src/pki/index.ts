/**
 * pki: certificates, certificate requests and service-account tokens, all synchronous on node:crypto.
 *
 * Promises: private files are 0600 in 0700 folders and never half written; what exists is reused; nothing here runs in
 * a thread pool. Validity and expiry are wall-clock time, handed in as `now`.
 */
export {
  CertificateAuthority,
  type CertificateOptions,
  type ExtendedKeyUsage,
  type KeyPair,
  type Subject,
  type SubjectAltNames,
} from './certificate.ts';
export { type ClientIdentity, type VerifyOptions, verifyClientCertificate } from './client-certificate.ts';
export { type ClusterPki, type ClusterPkiOptions, ensureClusterPki, type StoredPair } from './cluster-pki.ts';
export {
  type CertificateRequest,
  createCertificateRequest,
  parseCertificateRequest,
} from './csr.ts';
export { PkiError, type PkiErrorCode } from './errors.ts';
export { signApprovedRequest } from './key-usage.ts';
export { decodeOnePem, decodePem, encodePem, writePrivateFile } from './pem.ts';
export { type Claims, createServiceAccountKey, type JsonWebKey, TokenSigner, TokenVerifier } from './token.ts';
