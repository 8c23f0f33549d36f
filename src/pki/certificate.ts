/**
 * X.509 certificates as kubeadm makes them (ECDSA P-256, SHA-256), issued synchronously.
 * Upstream: client-go/util/cert/cert.go, cmd/kubeadm/app/util/pkiutil.
 */
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
import { rfc3339 } from '../base/index.ts';
import * as der from './der.ts';
import { PkiError } from './errors.ts';
import { encodePem } from './pem.ts';

/** PEM texts; the key is PKCS #8. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface Subject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
}

export type ExtendedKeyUsage = 'serverAuth' | 'clientAuth';

export interface SubjectAltNames {
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly emailAddresses?: readonly string[];
  readonly uris?: readonly string[];
}

export interface CertificateOptions extends SubjectAltNames {
  readonly subject: Subject;
  readonly usages: readonly ExtendedKeyUsage[];
  /** Wall-clock ms since the epoch. */
  readonly now: number;
  /** Default one year, as kubeadm's. Never beyond the CA's own end. */
  readonly validityMs?: number;
}

/** Subject and key as DER; times in wall-clock ms. */
export interface SigningOptions extends SubjectAltNames {
  readonly subjectDer: Uint8Array;
  readonly spki: Uint8Array;
  /** KeyUsage as a DER bit string; undefined: no such extension. */
  readonly keyUsage: Uint8Array | undefined;
  readonly extendedKeyUsageOids: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
}

const dayMs = 24 * 3600 * 1000;
/** kubeadm's CertificateBackdate: clocks of clients may be a little behind. */
const backdateMs = 5 * 60 * 1000;
export const caValidityMs = 10 * 365 * dayMs;
export const certificateValidityMs = 365 * dayMs;

const oids = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** KeyUsage bits, most significant first: digitalSignature, keyEncipherment (bit 2), keyCertSign (bit 5). */
const leafKeyUsage = der.bitString(Uint8Array.of(0xa0), 5);
const caKeyUsage = der.bitString(Uint8Array.of(0xa4), 2);
const signatureAlgorithm = der.sequence(der.oid(oids.ecdsaWithSha256));

/** A CA as issuing needs it: parsed once, used many times. */
export class CertificateAuthority {
  readonly pair: KeyPair;
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  /** Subject as DER, byte for byte: what the issuer field of its certificates must equal. */
  readonly subjectDer: Uint8Array;
  readonly keyId: Uint8Array;

  constructor(pair: KeyPair) {
    this.pair = pair;
    this.certificate = new X509Certificate(pair.cert);
    this.key = createPrivateKey(pair.key);
    if (!this.certificate.checkPrivateKey(this.key)) {
      throw new PkiError('Incomplete', `the key does not belong to the CA certificate ${this.certificate.subject}`);
    }
    const tbs = der.children(der.children(der.readOne(this.certificate.raw, der.tag.sequence))[0]);
    this.subjectDer = tbs[5]!.raw;
    this.keyId = keyIdOf(this.certificate.publicKey);
  }

  /** A new self-signed CA. Default validity: ten years. */
  static create(options: { commonName: string; now: number; validityMs?: number }): CertificateAuthority {
    const { privateKey, publicKey } = newKey();
    const name = encodeName({ commonName: options.commonName });
    const keyId = keyIdOf(publicKey);
    const cert = signCertificate({
      issuer: name,
      subject: name,
      spki: publicKey.export({ type: 'spki', format: 'der' }),
      notBefore: options.now - backdateMs,
      notAfter: options.now + (options.validityMs ?? caValidityMs),
      extensions: [
        extension(oids.keyUsage, true, caKeyUsage),
        extension(oids.basicConstraints, true, der.sequence(der.boolean(true))),
        extension(oids.subjectKeyId, false, der.tlv(der.tag.octetString, keyId)),
        extension(oids.subjectAltName, false, encodeAltNames({ dnsNames: [options.commonName] })),
      ],
      key: privateKey,
    });
    return new CertificateAuthority({ cert, key: exportKey(privateKey) });
  }

  /** A new key and its certificate. */
  issue(options: CertificateOptions): KeyPair {
    const { privateKey, publicKey } = newKey();
    const cert = this.sign({
      ...options,
      subjectDer: encodeName(options.subject),
      spki: publicKey.export({ type: 'spki', format: 'der' }),
      keyUsage: leafKeyUsage,
      extendedKeyUsageOids: options.usages.map((usage) => oids[usage]),
      notBefore: Math.max(options.now - backdateMs, this.certificate.validFromDate.getTime()),
      notAfter: Math.min(
        options.now + (options.validityMs ?? certificateValidityMs),
        this.certificate.validToDate.getTime(),
      ),
    });
    return { cert, key: exportKey(privateKey) };
  }

  /** A certificate for somebody else's public key (CSR signing). Returns PEM. */
  sign(options: SigningOptions): string {
    const extensions: Uint8Array[] = [];
    if (options.keyUsage) extensions.push(extension(oids.keyUsage, true, options.keyUsage));
    if (options.extendedKeyUsageOids.length > 0) {
      const usages = options.extendedKeyUsageOids.map((id) => der.oid(id));
      extensions.push(extension(oids.extendedKeyUsage, false, der.sequence(...usages)));
    }
    extensions.push(
      extension(oids.basicConstraints, true, der.sequence()),
      extension(oids.authorityKeyId, false, der.sequence(der.tlv(der.context(0, false), this.keyId))),
    );
    const { dnsNames, ipAddresses, emailAddresses, uris } = options;
    if (dnsNames?.length || ipAddresses?.length || emailAddresses?.length || uris?.length) {
      extensions.push(extension(oids.subjectAltName, false, encodeAltNames(options)));
    }
    return signCertificate({
      issuer: this.subjectDer,
      subject: options.subjectDer,
      spki: options.spki,
      notBefore: options.notBefore,
      notAfter: options.notAfter,
      extensions,
      key: this.key,
    });
  }
}

function newKey(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

export const exportKey = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }) as string;

interface Unsigned {
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly spki: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly extensions: readonly Uint8Array[];
  readonly key: KeyObject;
}

function signCertificate(options: Unsigned): string {
  const tbs = der.sequence(
    der.tlv(der.context(0), der.integer(Uint8Array.of(2))),
    der.integer(serialNumber()),
    signatureAlgorithm,
    options.issuer,
    der.sequence(der.time(rfc3339(options.notBefore)), der.time(rfc3339(options.notAfter))),
    options.subject,
    options.spki,
    der.tlv(der.context(3), der.sequence(...options.extensions)),
  );
  if (options.key.asymmetricKeyType !== 'ec') {
    throw new PkiError('Unsupported', `only ECDSA CAs can sign, this one is ${options.key.asymmetricKeyType}`);
  }
  const signature = sign('sha256', tbs, options.key);
  return encodePem('CERTIFICATE', der.sequence(tbs, signatureAlgorithm, der.bitString(signature)));
}

/** 63 random bits and never zero, as kubeadm draws them. */
function serialNumber(): Uint8Array {
  const bytes = randomBytes(8);
  bytes[0] = bytes[0]! & 0x7f;
  bytes[7] = bytes[7]! | 1;
  return bytes;
}

/** Organizations in one set, then the common name: Go's order. */
export function encodeName(subject: Subject): Buffer {
  const attribute = (id: string, value: string) => der.sequence(der.oid(id), der.directoryString(value));
  const parts: Uint8Array[] = [];
  if (subject.organizations?.length) {
    const values = subject.organizations.map((value) => attribute(oids.organization, value));
    // DER wants the members of a SET in the order of their encodings.
    parts.push(der.tlv(der.tag.set, ...values.sort(Buffer.compare)));
  }
  if (subject.commonName) parts.push(der.tlv(der.tag.set, attribute(oids.commonName, subject.commonName)));
  return der.sequence(...parts);
}

export function encodeAltNames(names: SubjectAltNames): Buffer {
  const text = (tag: number, values: readonly string[] = []) =>
    values.map((value) => der.tlv(der.context(tag, false), Buffer.from(value, 'latin1')));
  return der.sequence(
    ...text(2, names.dnsNames),
    ...text(1, names.emailAddresses),
    ...(names.ipAddresses ?? []).map((address) => der.tlv(der.context(7, false), addressBytes(address))),
    ...text(6, names.uris),
  );
}

export function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  const body = der.tlv(der.tag.octetString, value);
  return critical ? der.sequence(der.oid(id), der.boolean(true), body) : der.sequence(der.oid(id), body);
}

/** RFC 5280's first method: SHA-1 of the public key's bits. */
function keyIdOf(publicKey: KeyObject): Uint8Array {
  const spki = der.children(der.readOne(publicKey.export({ type: 'spki', format: 'der' }), der.tag.sequence));
  return createHash('sha1').update(der.readBitString(spki[1])).digest();
}

function addressBytes(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split('.').map(Number));
  if (!isIPv6(address)) throw new PkiError('Malformed', `not an IP address: ${JSON.stringify(address)}`);
  // An embedded IPv4 tail counts as two groups.
  const text = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, a, b, c, d) =>
    [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map((group) => group.toString(16)).join(':'),
  );
  const [left = '', right] = text.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const head = groups(left);
  const tail = right === undefined ? [] : groups(right);
  const all = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return Uint8Array.from(all.flatMap((group) => [group >>> 8, group & 0xff]));
}
