/**
 * Usages as the certificates API names them, in X.509. Upstream: pkg/controller/certificates/authority/policies.go.
 */
import type { CertificateAuthority } from './certificate.ts';
import type { CertificateRequest } from './csr.ts';
import * as der from './der.ts';
import { PkiError } from './errors.ts';

/** Bit of the KeyUsage extension, most significant first. */
const keyUsageBits: Readonly<Record<string, number>> = {
  signing: 0,
  'digital signature': 0,
  'content commitment': 1,
  'key encipherment': 2,
  'data encipherment': 3,
  'key agreement': 4,
  'cert sign': 5,
  'crl sign': 6,
  'encipher only': 7,
  'decipher only': 8,
};

/** In Go's order of extended key usages, which is the order they are written in. */
const extendedKeyUsages: readonly (readonly [usage: string, oid: string])[] = [
  ['any', '2.5.29.37.0'],
  ['server auth', '1.3.6.1.5.5.7.3.1'],
  ['client auth', '1.3.6.1.5.5.7.3.2'],
  ['code signing', '1.3.6.1.5.5.7.3.3'],
  ['email protection', '1.3.6.1.5.5.7.3.4'],
  ['s/mime', '1.3.6.1.5.5.7.3.4'],
  ['ipsec end system', '1.3.6.1.5.5.7.3.5'],
  ['ipsec tunnel', '1.3.6.1.5.5.7.3.6'],
  ['ipsec user', '1.3.6.1.5.5.7.3.7'],
  ['timestamping', '1.3.6.1.5.5.7.3.8'],
  ['ocsp signing', '1.3.6.1.5.5.7.3.9'],
  ['microsoft sgc', '1.3.6.1.4.1.311.10.3.3'],
  ['netscape sgc', '2.16.840.1.113730.4.1'],
];

/** The KeyUsage bit string, absent without bits, and the object identifiers of the extended ones. */
function usagesOf(usages: readonly string[]): { keyUsage: Buffer | undefined; extendedKeyUsageOids: string[] } {
  const known = new Set(extendedKeyUsages.map(([usage]) => usage));
  const unrecognized = usages.filter((usage) => keyUsageBits[usage] === undefined && !known.has(usage));
  if (unrecognized.length > 0) {
    const list = unrecognized.map((usage) => JSON.stringify(usage)).join(' ');
    throw new PkiError('Unsupported', `unrecognized usage values: [${list}]`);
  }
  const bits = new Set(usages.flatMap((usage) => keyUsageBits[usage] ?? []));
  const oids = new Set(extendedKeyUsages.flatMap(([usage, oid]) => (usages.includes(usage) ? [oid] : [])));
  return { keyUsage: bits.size === 0 ? undefined : namedBits(bits), extendedKeyUsageOids: [...oids] };
}

/** DER's form of a list of named bits: no trailing zeros. */
function namedBits(bits: ReadonlySet<number>): Buffer {
  const last = Math.max(...bits);
  const bytes = new Uint8Array((last >> 3) + 1);
  for (const bit of bits) bytes[bit >> 3]! |= 0x80 >> (bit & 7);
  return der.bitString(bytes, 7 - (last & 7));
}

/** How far a certificate's start lies before its making. */
const backdateMs = 5 * 60 * 1000;
/** Shorter ones keep their whole length: five minutes would be too much of them. */
const shortMs = 8 * 3600 * 1000;

/**
 * Signs what `parseCertificateRequest` read as the cluster's signers do: its names, the usages asked for (in the API's
 * words), `ttlMs` from now less the backdating, never beyond the CA's end. Returns PEM.
 * @throws PkiError `Unsupported` for an unknown usage, `Expired` when the CA has ended
 */
export function signApprovedRequest(
  authority: CertificateAuthority,
  request: CertificateRequest,
  options: { readonly usages: readonly string[]; readonly now: number; readonly ttlMs: number },
): string {
  const { now, ttlMs } = options;
  const caEnd = authority.certificate.validToDate.getTime();
  if (now >= caEnd) {
    const end = authority.certificate.validTo;
    throw new PkiError('Expired', `refusing to sign a certificate that expired in the past: NotAfter=${end}`);
  }
  return authority.sign({
    ...request,
    ...usagesOf(options.usages),
    notBefore: now - backdateMs,
    notAfter: Math.min(ttlMs < shortMs ? now + ttlMs : now + ttlMs - backdateMs, caEnd),
  });
}
