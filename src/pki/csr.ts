/** PKCS #10 certificate requests: made (kubelet), parsed and verified (CSR API, signer). */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { encodeAltNames, encodeName, exportKey, extension, type Subject, type SubjectAltNames } from './certificate.ts';
import * as der from './der.ts';
import { PkiError } from './errors.ts';
import { decodeOnePem, encodePem } from './pem.ts';

export interface CertificateRequest {
  readonly subject: Subject;
  readonly subjectDer: Uint8Array;
  readonly publicKey: KeyObject;
  readonly spki: Uint8Array;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
}

const extensionRequest = '1.2.840.113549.1.9.14';
const subjectAltName = '2.5.29.17';
const commonName = '2.5.4.3';
const organization = '2.5.4.10';

/** Hash of each signature algorithm; null = the algorithm hashes itself. */
const signatureHashes: Readonly<Record<string, string | null>> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.3.101.112': null,
};

/** A new P-256 key and a request for it, as PEM. */
export function createCertificateRequest(options: { subject: Subject } & SubjectAltNames): {
  csr: string;
  key: string;
} {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const names =
    options.dnsNames?.length || options.ipAddresses?.length || options.emailAddresses?.length || options.uris?.length;
  const attributes = names
    ? [
        der.sequence(
          der.oid(extensionRequest),
          der.tlv(der.tag.set, der.sequence(extension(subjectAltName, false, encodeAltNames(options)))),
        ),
      ]
    : [];
  const info = der.sequence(
    der.integer(Uint8Array.of(0)),
    encodeName(options.subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der.tlv(der.context(0), ...attributes),
  );
  const algorithm = der.sequence(der.oid('1.2.840.10045.4.3.2'));
  const request = der.sequence(info, algorithm, der.bitString(sign('sha256', info, privateKey)));
  return { csr: encodePem('CERTIFICATE REQUEST', request), key: exportKey(privateKey) };
}

/** Reads a PEM request and checks that its sender holds the key. Throws `Malformed`, `Unsupported`, `BadSignature`. */
export function parseCertificateRequest(pem: string): CertificateRequest {
  const [info, algorithm, signature] = der.children(
    der.readOne(decodeOnePem(pem, 'CERTIFICATE REQUEST'), der.tag.sequence),
  );
  const [, subject, spki, attributes] = der.children(info);
  if (!info || !subject || !spki)
    throw new PkiError('Malformed', 'asn1: structure error: malformed certificate request');
  const algorithmOid = der.readOid(der.children(algorithm)[0]);
  const hash = signatureHashes[algorithmOid];
  if (hash === undefined) throw new PkiError('Unsupported', `x509: unsupported signature algorithm ${algorithmOid}`);
  const publicKey = createPublicKey({ key: Buffer.from(spki.raw), format: 'der', type: 'spki' });
  if (!verify(hash, info.raw, publicKey, der.readBitString(signature))) {
    throw new PkiError('BadSignature', 'x509: certificate request signature verification failure');
  }
  return {
    subject: readName(subject),
    subjectDer: subject.raw,
    publicKey,
    spki: spki.raw,
    ...readAltNames(attributes),
  };
}

function readName(element: der.Element): Subject {
  let name = '';
  const organizations: string[] = [];
  for (const set of der.children(element)) {
    for (const attribute of der.children(set)) {
      const [id, value] = der.children(attribute);
      if (!value) continue;
      const type = der.readOid(id);
      if (type === commonName) name = der.readText(value);
      else if (type === organization) organizations.push(der.readText(value));
    }
  }
  return { commonName: name, organizations };
}

function readAltNames(attributes: der.Element | undefined) {
  const dnsNames: string[] = [];
  const ipAddresses: string[] = [];
  const emailAddresses: string[] = [];
  const uris: string[] = [];
  for (const attribute of attributes ? der.children(attributes) : []) {
    const [id, values] = der.children(attribute);
    if (der.readOid(id) !== extensionRequest) continue;
    for (const requested of der.children(der.children(values)[0])) {
      const parts = der.children(requested);
      if (der.readOid(parts[0]) !== subjectAltName) continue;
      for (const name of der.children(der.readOne(parts.at(-1)!.content, der.tag.sequence))) {
        if (name.tag === der.context(1, false)) emailAddresses.push(der.readText(name));
        else if (name.tag === der.context(2, false)) dnsNames.push(der.readText(name));
        else if (name.tag === der.context(6, false)) uris.push(der.readText(name));
        else if (name.tag === der.context(7, false)) ipAddresses.push(formatAddress(name.content));
      }
    }
  }
  return { dnsNames, ipAddresses, emailAddresses, uris };
}

function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw new PkiError('Malformed', `x509: cannot parse IP address of length ${bytes.length}`);
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! * 256 + bytes[2 * i + 1]!).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
