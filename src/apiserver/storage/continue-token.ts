/** Continue tokens of paged lists. Upstream: apiserver/pkg/storage/continue.go. */
import { newBadRequest } from '../../apimachinery/index.ts';

const version = 'meta.k8s.io/v1';

export interface Continuation {
  /** First key wanted, whole. */
  readonly startKey: string;
  /** Revision of the first page; −1 = whatever is newest (an inconsistent continuation). */
  readonly revision: number;
}

/** `startKey` must lie below `prefix`; only the rest of it goes into the token. */
export function encodeContinue(startKey: string, prefix: string, revision: number): string {
  const token = { v: version, rv: revision, start: startKey.slice(prefix.length) };
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

function invalid(why: string): never {
  throw newBadRequest(`invalid continue token: continue key is not valid: ${why}`);
}

/** @throws StatusError BadRequest */
export function decodeContinue(token: string, prefix: string): Continuation {
  if (!/^[A-Za-z0-9_-]*$/.test(token)) invalid(`illegal base64 data at input byte ${token.search(/[^A-Za-z0-9_-]/)}`);
  let parsed: { v?: unknown; rv?: unknown; start?: unknown };
  try {
    parsed = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
  } catch (error) {
    return invalid((error as Error).message);
  }
  if (typeof parsed !== 'object' || parsed === null || parsed.v !== version) {
    return invalid(`server does not recognize this encoded version ${JSON.stringify(parsed?.v ?? '')}`);
  }
  if (!Number.isSafeInteger(parsed.rv) || parsed.rv === 0) {
    return invalid(`incorrect encoded start resourceVersion (version ${version})`);
  }
  const start = parsed.start;
  if (typeof start !== 'string' || start === '') return invalid(`encoded start key empty (version ${version})`);
  // A token comes from outside: it must not lead out of the prefix.
  const segments = start.replace(/^\//, '').split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) return invalid(start);
  return { startKey: prefix + start, revision: parsed.rv as number };
}
