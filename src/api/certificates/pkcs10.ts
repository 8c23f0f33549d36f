/**
 * Certificate requests and PEM blocks, as far as validation looks into them. Upstream: crypto/x509 of Go through
 * pkg/apis/certificates/helpers.go. Parsing messages of Go's ASN.1 reader are not repeated word for word.
 */
import { createPublicKey, type KeyObject, verify, X509Certificate } from 'node:crypto';

export interface PemBlock {
  readonly type: string;
  readonly hasHeaders: boolean;
  readonly bytes: Buffer;
}

const block = /-----BEGIN ([^-\r\n]+)-----\r?\n([\s\S]*?)-----END \1-----/g;

/** Blocks of a text; what is no block is skipped, as Go does. */
export function pemBlocks(text: string): PemBlock[] {
  return [...text.matchAll(block)].map(([, type = '', body = '']) => {
    const hasHeaders = /^[^\r\n]*:/.test(body);
    const base64 = hasHeaders ? body.slice(body.search(/\r?\n\r?\n/)) : body;
    return { type, hasHeaders, bytes: Buffer.from(base64, 'base64') };
  });
}

interface Element {
  readonly tag: number;
  /** With its header. */
  readonly whole: Buffer;
  readonly content: Buffer;
}

function elements(bytes: Buffer): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]!;
    let length = bytes[at + 1];
    let start = at + 2;
    if (length === undefined) throw new Error('asn1: syntax error: truncated tag or length');
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0 || count > 4 || start + count > bytes.length) {
        throw new Error('asn1: syntax error: invalid length');
      }
      length = bytes.readUIntBE(start, count);
      start += count;
    }
    const end = start + length;
    if (end > bytes.length) throw new Error('asn1: syntax error: data truncated');
    found.push({ tag, whole: bytes.subarray(at, end), content: bytes.subarray(start, end) });
    at = end;
  }
  return found;
}

/** Digest by the signature's object identifier, in hexadecimal. Absent: the key's own (Ed25519). */
const digests: Readonly<Record<string, string | undefined>> = {
  '2a864886f70d010105': 'sha1',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d0401': 'sha1',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
};

/** Public key of a DER request. @throws Error when it cannot be read or its signature is wrong. */
export function readCertificateRequest(der: Buffer): KeyObject {
  const [outer, ...trailing] = elements(der);
  if (outer === undefined || outer.tag !== 0x30) throw new Error("asn1: structure error: tags don't match");
  if (trailing.length > 0) throw new Error('asn1: syntax error: trailing data');
  const [info, algorithm, signature] = elements(outer.content);
  if (!info || !algorithm || signature?.tag !== 3) throw new Error("asn1: structure error: tags don't match");
  const spki = elements(info.content)[2];
  if (spki === undefined) throw new Error("asn1: structure error: tags don't match");
  const key = createPublicKey({ key: spki.whole, format: 'der', type: 'spki' });
  const identifier = elements(algorithm.content)[0]?.content.toString('hex') ?? '';
  if (!verify(digests[identifier], info.whole, key, signature.content.subarray(1))) {
    throw new Error('x509: signature verification failed');
  }
  return key;
}

/** Why a PEM request is refused, undefined when it is fine. `request` is base64, as the field is. */
export function requestProblem(request: string): string | undefined {
  const first = pemBlocks(Buffer.from(request, 'base64').toString('latin1'))[0];
  if (first?.type !== 'CERTIFICATE REQUEST') return 'PEM block type must be CERTIFICATE REQUEST';
  try {
    readCertificateRequest(first.bytes);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

export function readCertificate(der: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}

/** Why an issued chain is refused, undefined when it is fine. `chain` is base64. */
export function chainProblem(chain: string): string | undefined {
  if (chain === '') return undefined;
  const blocks = pemBlocks(Buffer.from(chain, 'base64').toString('latin1'));
  for (const { type, hasHeaders, bytes } of blocks) {
    if (type !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(type)}`;
    if (hasHeaders) return 'no PEM block headers are permitted';
    if (bytes.length === 0) return 'found CERTIFICATE PEM block containing 0 certificates';
    if (readCertificate(bytes) === undefined) return 'x509: malformed certificate';
  }
  return blocks.length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined;
}
