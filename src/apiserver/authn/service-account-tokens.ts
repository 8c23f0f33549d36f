import type { KubeObject } from '../../apimachinery/index.ts';
import { parseTime } from '../../base/index.ts';
import type { ObjectReader, UserInfo } from '../types.ts';
import { serviceAccountGroups, serviceAccountUsername } from './user.ts';

/** Signs and verifies compact JWTs; `pki` supplies both. `verify` throws when no key made the signature. */
export interface TokenKeys {
  sign(claims: Readonly<Record<string, unknown>>): string;
  verify(token: string): Readonly<Record<string, unknown>>;
}

export interface ObjectRef {
  readonly name: string;
  readonly uid: string;
}

/** Claims of a bound service account token. Upstream: pkg/serviceaccount/claims.go. */
export interface ServiceAccountClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string | readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly nbf: number;
  readonly jti?: string;
  readonly 'kubernetes.io': {
    readonly namespace: string;
    readonly serviceaccount: ObjectRef;
    readonly pod?: ObjectRef;
    readonly node?: ObjectRef;
    readonly secret?: ObjectRef;
    readonly warnafter?: number;
  };
}

/** Claims of the token in a Secret, which lives as long as that. Upstream: pkg/serviceaccount/legacy.go. */
interface LegacyClaims {
  readonly sub: string;
  readonly 'kubernetes.io/serviceaccount/namespace': string;
  readonly 'kubernetes.io/serviceaccount/secret.name': string;
  readonly 'kubernetes.io/serviceaccount/service-account.name': string;
  readonly 'kubernetes.io/serviceaccount/service-account.uid': string;
}

const legacyIssuer = 'kubernetes/serviceaccount';
const invalidSinceLabel = 'kubernetes.io/legacy-token-invalid-since';

/** go-jose's leeway on times, and how long a deleted object still vouches for its tokens. */
const leewaySeconds = 60;

/** Thrown for tokens that are ours but no longer (or not yet) good; the text is for TokenReview, clients see 401. */
export class InvalidTokenError extends Error {
  override readonly name = 'InvalidTokenError';
}

export interface ServiceAccountTokensOptions {
  readonly issuer: string;
  /** Audiences of this API server; a token needs one of them. */
  readonly audiences: readonly string[];
}

/**
 * Authenticates service account tokens, bound ones and those of Secrets. Signatures are remembered; whether the objects a token is bound to still
 * exist is looked up on every request.
 */
export class ServiceAccountTokenAuthenticator {
  readonly #keys: TokenKeys;
  readonly #reader: ObjectReader;
  readonly #options: ServiceAccountTokensOptions;
  readonly #wallNow: () => number;
  readonly #clusterNow: () => number;
  /** Tokens whose signature is known to be good. */
  #verified = new Map<string, ServiceAccountClaims>();
  #verifiedLegacy = new Map<string, LegacyClaims>();
  static readonly maxVerified = 4096;

  constructor(
    deps: { keys: TokenKeys; reader: ObjectReader; wallNow: () => number; clusterNow: () => number },
    options: ServiceAccountTokensOptions,
  ) {
    this.#keys = deps.keys;
    this.#reader = deps.reader;
    this.#wallNow = deps.wallNow;
    this.#clusterNow = deps.clusterNow;
    this.#options = options;
  }

  /**
   * The user of a token and which of `audiences` it is for. Undefined: not a token of this issuer.
   * Throws InvalidTokenError.
   */
  authenticate(
    token: string,
    audiences: readonly string[] = this.#options.audiences,
  ): { user: UserInfo; audiences: string[] } | undefined {
    const legacy = this.#legacyClaimsOf(token);
    if (legacy !== undefined) {
      // Such a token names no audience: it is for this server's own.
      const matching = audiences.filter((audience) => this.#options.audiences.includes(audience));
      if (matching.length === 0) throw new InvalidTokenError('service account token has no matching audience');
      return { user: this.#legacyUserOf(legacy, token), audiences: matching };
    }
    const claims = this.#claimsOf(token);
    if (claims === undefined) return undefined;
    const held = typeof claims.aud === 'string' ? [claims.aud] : claims.aud;
    const matching = audiences.filter((audience) => held.includes(audience));
    if (matching.length === 0) {
      throw new InvalidTokenError(
        `token audiences [${held.map((each) => JSON.stringify(each)).join(' ')}] is invalid for the target audiences [${audiences.map((each) => JSON.stringify(each)).join(' ')}]`,
      );
    }
    this.#checkTimes(claims);
    return { user: this.#userOf(claims), audiences: matching };
  }

  #claimsOf(token: string): ServiceAccountClaims | undefined {
    const known = this.#verified.get(token);
    if (known) return known;
    if (peekIssuer(token) !== this.#options.issuer) return undefined;
    let claims: ServiceAccountClaims;
    try {
      claims = this.#keys.verify(token) as unknown as ServiceAccountClaims;
    } catch {
      return undefined;
    }
    if (!claims['kubernetes.io']?.namespace || !claims['kubernetes.io'].serviceaccount?.name) return undefined;
    if (this.#verified.size >= ServiceAccountTokenAuthenticator.maxVerified) this.#verified = new Map();
    this.#verified.set(token, claims);
    return claims;
  }

  #legacyClaimsOf(token: string): LegacyClaims | undefined {
    const known = this.#verifiedLegacy.get(token);
    if (known) return known;
    if (this.#verified.has(token) || peekIssuer(token) !== legacyIssuer) return undefined;
    let claims: LegacyClaims;
    try {
      claims = this.#keys.verify(token) as unknown as LegacyClaims;
    } catch {
      return undefined;
    }
    if (this.#verifiedLegacy.size >= ServiceAccountTokenAuthenticator.maxVerified) this.#verifiedLegacy = new Map();
    this.#verifiedLegacy.set(token, claims);
    return claims;
  }

  #legacyUserOf(claims: LegacyClaims, token: string): UserInfo {
    const {
      'kubernetes.io/serviceaccount/namespace': namespace,
      'kubernetes.io/serviceaccount/secret.name': secretName,
      'kubernetes.io/serviceaccount/service-account.name': name,
      'kubernetes.io/serviceaccount/service-account.uid': uid,
    } = claims;
    if (claims.sub !== serviceAccountUsername(namespace, name)) throw new InvalidTokenError('sub claim is invalid');
    const secret = this.#reader.get('secrets', namespace, secretName);
    if (!secret || secret.metadata.deletionTimestamp !== undefined) {
      throw new InvalidTokenError('service account token has been invalidated');
    }
    if (Buffer.from(secret['data']?.token ?? '', 'base64').toString() !== token) {
      throw new InvalidTokenError("service account token does not match server's copy");
    }
    const account = this.#reader.get('serviceaccounts', namespace, name);
    if (!account) throw new InvalidTokenError(`serviceaccount "${name}" not found`);
    if (account.metadata.deletionTimestamp !== undefined) {
      throw new InvalidTokenError(`service account ${namespace}/${name} has been deleted`);
    }
    if (account.metadata.uid !== uid) {
      throw new InvalidTokenError(`service account UID (${account.metadata.uid}) does not match claim (${uid})`);
    }
    if (secret.metadata.labels?.[invalidSinceLabel]) {
      throw new InvalidTokenError('the token in Secret is no longer valid');
    }
    return { name: claims.sub, uid, groups: serviceAccountGroups(namespace) };
  }

  #checkTimes(claims: ServiceAccountClaims): void {
    const now = Math.floor(this.#wallNow() / 1000);
    if (now - leewaySeconds > claims.exp) throw new InvalidTokenError('service account token has expired');
    if (now + leewaySeconds < claims.nbf) throw new InvalidTokenError('service account token is not valid yet');
    if (now + leewaySeconds < claims.iat) throw new InvalidTokenError('service account token is issued in the future');
  }

  #userOf(claims: ServiceAccountClaims): UserInfo {
    const { namespace, serviceaccount, pod, node, secret } = claims['kubernetes.io'];
    const account = this.#reader.get('serviceaccounts', namespace, serviceaccount.name);
    if (!account) throw new InvalidTokenError(`serviceaccount "${serviceaccount.name}" not found`);
    if (account.metadata.uid !== serviceaccount.uid) {
      throw new InvalidTokenError(
        `service account UID (${account.metadata.uid}) does not match claim (${serviceaccount.uid})`,
      );
    }
    if (this.#deletedLongAgo(account)) {
      throw new InvalidTokenError(`service account ${namespace}/${serviceaccount.name} has been deleted`);
    }
    if (secret) this.#checkBound('secrets', 'secret', namespace, secret);
    if (pod) this.#checkBound('pods', 'pod', namespace, pod);
    if (node && !pod) this.#checkBound('nodes', 'node', '', node);
    const extra: Record<string, string[]> = {};
    if (claims.jti) extra['authentication.kubernetes.io/credential-id'] = [`JTI=${claims.jti}`];
    if (pod) {
      extra['authentication.kubernetes.io/pod-name'] = [pod.name];
      extra['authentication.kubernetes.io/pod-uid'] = [pod.uid];
    }
    if (node) {
      extra['authentication.kubernetes.io/node-name'] = [node.name];
      if (node.uid) extra['authentication.kubernetes.io/node-uid'] = [node.uid];
    }
    return {
      name: serviceAccountUsername(namespace, serviceaccount.name),
      uid: serviceaccount.uid,
      groups: serviceAccountGroups(namespace),
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
    };
  }

  #checkBound(resource: string, kind: string, namespace: string, ref: ObjectRef): void {
    const object = this.#reader.get(resource, namespace, ref.name);
    if (!object) throw new InvalidTokenError('service account token has been invalidated');
    if (object.metadata.uid !== ref.uid) {
      throw new InvalidTokenError(
        `${kind} UID (${object.metadata.uid}) does not match service account ${kind} ref claim (${ref.uid})`,
      );
    }
    if (this.#deletedLongAgo(object)) throw new InvalidTokenError('service account token has been invalidated');
  }

  #deletedLongAgo(object: Readonly<KubeObject>): boolean {
    const { deletionTimestamp } = object.metadata;
    return deletionTimestamp !== undefined && parseTime(deletionTimestamp) < this.#clusterNow() - leewaySeconds * 1000;
  }
}

/** The issuer a token claims, read without trust: foreign tokens cost no signature check. */
function peekIssuer(token: string): unknown {
  const payload = token.split('.', 3)[1];
  if (payload === undefined) return undefined;
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))?.iss;
  } catch {
    return undefined;
  }
}
