/**
 * Service-account tokens: compact JWS, ES256 (RS256 is verified too, for keys that kubeadm made). Synchronous, so that
 * authentication does not reorder requests.
 * Upstream: pkg/serviceaccount/jwt.go, openidmetadata.go.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { exportKey } from './certificate.ts';
import { PkiError } from './errors.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** One public key as RFC 7517 writes it. */
export interface JsonWebKey {
  readonly use: 'sig';
  readonly kty: string;
  readonly kid: string;
  readonly alg: 'ES256' | 'RS256';
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly n?: string;
  readonly e?: string;
}

/** A new pair for `sa.key` and `sa.pub`. */
export function createServiceAccountKey(): { key: string; pub: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { key: exportKey(privateKey), pub: publicKey.export({ type: 'spki', format: 'pem' }) as string };
}

export class TokenSigner {
  readonly keyId: string;
  readonly #key: KeyObject;
  readonly #header: string;
  readonly #algorithm: 'ES256' | 'RS256';

  constructor(privateKeyPem: string) {
    this.#key = createPrivateKey(privateKeyPem);
    const publicKey = createPublicKey(this.#key);
    this.keyId = keyIdOf(publicKey);
    this.#algorithm = algorithmOf(publicKey);
    this.#header = base64Json({ alg: this.#algorithm, kid: this.keyId });
  }

  /** A signed token with exactly these claims; `iss`, `aud`, `exp` and the like are the caller's. */
  sign(claims: Claims): string {
    const input = `${this.#header}.${base64Json(claims)}`;
    const signature = sign('sha256', Buffer.from(input), signingKey(this.#key));
    return `${input}.${signature.toString('base64url')}`;
  }
}

export class TokenVerifier {
  readonly #keys = new Map<string, { key: KeyObject; algorithm: 'ES256' | 'RS256' }>();

  /** Public (or private) keys as PEM; any of them may have signed. */
  constructor(keyPems: readonly string[]) {
    for (const pem of keyPems) {
      const key = createPublicKey(pem);
      this.#keys.set(keyIdOf(key), { key, algorithm: algorithmOf(key) });
    }
  }

  /**
   * The claims of a token whose signature one of the keys made. Throws `Malformed`, `BadSignature`, and with
   * `now` (wall-clock ms) `Expired` or `NotYetValid`, in upstream's words. Audience, issuer and the bound objects are
   * the authenticator's to check.
   */
  verify(token: string, now?: number): Claims {
    const parts = token.split('.');
    if (parts.length !== 3)
      throw new PkiError('Malformed', 'go-jose/go-jose: compact JWS format must have three parts');
    const [header, payload, signature] = parts as [string, string, string];
    const { alg, kid } = parseJson(header);
    const input = Buffer.from(`${header}.${payload}`);
    const bytes = Buffer.from(signature, 'base64url');
    const named = typeof kid === 'string' ? this.#keys.get(kid) : undefined;
    const candidates = named ? [named] : this.#keys.values();
    for (const { key, algorithm } of candidates) {
      // The key decides the algorithm, never the token.
      if (alg !== algorithm || !verify('sha256', input, signingKey(key), bytes)) continue;
      const claims = parseJson(payload);
      if (now !== undefined) checkTimes(claims, now);
      return claims;
    }
    throw new PkiError('BadSignature', 'invalid bearer token');
  }

  /** The document of `/openid/v1/jwks`. */
  jwks(): { readonly keys: readonly JsonWebKey[] } {
    const keys = [...this.#keys].map(([kid, { key, algorithm }]) => {
      const { kty, crv, x, y, n, e } = key.export({ format: 'jwk' });
      const curve = algorithm === 'ES256' ? { crv, x, y } : { n, e };
      return { use: 'sig' as const, kty: kty as string, kid, alg: algorithm, ...curve };
    });
    return { keys };
  }
}

/** go-jose's DefaultLeeway, which upstream validates with. */
const leewaySeconds = 60;

function checkTimes(claims: Claims, now: number): void {
  const seconds = Math.floor(now / 1000);
  if (typeof claims['nbf'] === 'number' && seconds + leewaySeconds < claims['nbf']) {
    throw new PkiError('NotYetValid', 'service account token is not valid yet');
  }
  if (typeof claims['exp'] === 'number' && seconds - leewaySeconds > claims['exp']) {
    throw new PkiError('Expired', 'service account token has expired');
  }
}

const signingKey = (key: KeyObject) =>
  key.asymmetricKeyType === 'ec' ? { key, dsaEncoding: 'ieee-p1363' as const } : { key };

/** Upstream's key ID: base64url of the SHA-256 of the public key's DER. */
const keyIdOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');

function algorithmOf(key: KeyObject): 'ES256' | 'RS256' {
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  throw new PkiError('Unsupported', 'service account keys must be RSA or ECDSA P-256');
}

const base64Json = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function parseJson(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // falls through to the one error below
  }
  throw new PkiError('Malformed', 'invalid bearer token');
}
