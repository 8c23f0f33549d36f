/** Secrets with which nodes join. Upstream: k8s.io/cluster-bootstrap/token/api, util/secrets (1.36). */
import type { Secret } from '../../api/index.ts';
import { parseTime } from '../../base/index.ts';

export const bootstrapTokenType = 'bootstrap.kubernetes.io/token';
export const tokenNamespace = 'kube-system';

export function isBootstrapToken(secret: Readonly<Secret>): boolean {
  return secret.type === bootstrapTokenType && secret.metadata.namespace === tokenNamespace;
}

export function tokenData(secret: Readonly<Secret>, key: string): string {
  return Buffer.from(secret.data?.[key] ?? '', 'base64').toString();
}

/** Milliseconds until it ends: 0 or less when it has, also when its time cannot be read; undefined: never. */
export function tokenLifetime(secret: Readonly<Secret>, now: number): number | undefined {
  const expiration = tokenData(secret, 'expiration');
  if (expiration === '') return undefined;
  try {
    return parseTime(expiration) - now;
  } catch {
    return 0;
  }
}

/** ID and secret of a token that may sign. */
export function signingToken(secret: Readonly<Secret>, now: number): { id: string; secret: string } | undefined {
  const id = /^bootstrap-token-([a-z0-9]{6})$/.exec(secret.metadata.name!)?.[1];
  const tokenSecret = tokenData(secret, 'token-secret');
  if (id === undefined || tokenData(secret, 'token-id') !== id || tokenSecret === '') return undefined;
  if ((tokenLifetime(secret, now) ?? 1) <= 0 || tokenData(secret, 'usage-bootstrap-signing') !== 'true')
    return undefined;
  return { id, secret: tokenSecret };
}
