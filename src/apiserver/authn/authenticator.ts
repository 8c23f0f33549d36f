import { newUnauthorized } from '../../apimachinery/index.ts';
import type { Authenticator, ServerRequest, UserInfo } from '../types.ts';
import { InvalidTokenError, type ServiceAccountTokenAuthenticator } from './service-account-tokens.ts';
import { anonymousUser, authenticatedGroup, unauthenticatedGroup } from './user.ts';
import { subprotocolToken } from './websocket-protocol.ts';

export interface AuthenticatorDeps {
  readonly serviceAccounts?: ServiceAccountTokenAuthenticator;
  /** Users by static token (`--token-auth-file`). */
  readonly staticTokens?: ReadonlyMap<string, UserInfo>;
}

export interface AuthenticatorOptions {
  /** `--anonymous-auth`. Default true, as upstream. */
  readonly anonymous?: boolean;
}

const anonymous: UserInfo = { name: anonymousUser, groups: [unauthenticatedGroup] };

/** Who a bearer token is, or why it is nobody. */
export type TokenResult =
  | { readonly user: UserInfo; readonly audiences: readonly string[]; readonly warning?: string }
  | { readonly error: string };

/**
 * Client certificate, then bearer token (a header, or a WebSocket's subprotocol), then anonymous. Wrong credentials are refused with 401 unless another kind of
 * credential of the same request is good; no credentials at all make `system:anonymous`.
 * Upstream: pkg/kubeapiserver/authenticator/config.go.
 */
export class RequestAuthenticator implements Authenticator {
  readonly #deps: AuthenticatorDeps;
  readonly #anonymous: boolean;
  /** Doors hand the same certificate object for every request of a connection. */
  readonly #byCertificate = new WeakMap<object, UserInfo>();

  constructor(deps: AuthenticatorDeps, options: AuthenticatorOptions = {}) {
    this.#deps = deps;
    this.#anonymous = options.anonymous ?? true;
  }

  authenticate(request: ServerRequest): UserInfo | undefined {
    if (request.user) return request.user;
    const { clientCertificate } = request;
    const badCertificate = clientCertificate?.error !== undefined;
    if (clientCertificate && !badCertificate && clientCertificate.commonName !== '') {
      return this.#certificateUser(clientCertificate);
    }
    const token =
      bearerToken(request.headers['authorization']) ??
      (request.headers['upgrade'] === undefined ? undefined : subprotocolToken(request));
    if (token !== undefined) {
      const result = this.authenticateToken(token);
      if ('error' in result) throw newUnauthorized();
      if (result.warning !== undefined) request.warnings?.push(result.warning);
      return result.user;
    }
    if (badCertificate) throw newUnauthorized();
    return this.#anonymous ? anonymous : undefined;
  }

  /** Also what a TokenReview asks for. `audiences` absent: those of this server. */
  authenticateToken(token: string, audiences?: readonly string[]): TokenResult {
    const fromFile = this.#deps.staticTokens?.get(token);
    if (fromFile) return { user: authenticated(fromFile), audiences: audiences ?? [] };
    try {
      const found = this.#deps.serviceAccounts?.authenticate(token, audiences);
      if (found) return { ...found, user: authenticated(found.user) };
    } catch (error) {
      if (error instanceof InvalidTokenError) return { error: `[invalid bearer token, ${error.message}]` };
      throw error;
    }
    return { error: 'invalid bearer token' };
  }

  #certificateUser(certificate: NonNullable<ServerRequest['clientCertificate']>): UserInfo {
    const known = this.#byCertificate.get(certificate);
    if (known) return known;
    const { commonName, organizations, fingerprint } = certificate;
    const user = authenticated({
      name: commonName,
      groups: organizations,
      ...(fingerprint === undefined
        ? {}
        : { extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint.toLowerCase()}`] } }),
    });
    this.#byCertificate.set(certificate, user);
    return user;
  }
}

/** Adds `system:authenticated`. Upstream: apiserver/pkg/authentication/group/authenticated_group_adder.go. */
function authenticated(user: UserInfo): UserInfo {
  if (user.name === anonymousUser) return user;
  if (user.groups.includes(authenticatedGroup) || user.groups.includes(unauthenticatedGroup)) return user;
  return { ...user, groups: [...user.groups, authenticatedGroup] };
}

/** The token of an `Authorization: Bearer` header; undefined for other schemes or an empty token. */
function bearerToken(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const parts = header.trim().split(' ', 3);
  if (parts.length < 2 || parts[0]!.toLowerCase() !== 'bearer' || parts[1] === '') return undefined;
  return parts[1];
}
