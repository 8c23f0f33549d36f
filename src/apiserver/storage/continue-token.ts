/** Continue tokens of paged lists. Upstream: apiserver/pkg/storage/continue.go. */
import { decodeJson, FormatError, isObject, newBadRequest } from '../../apimachinery/index.ts';

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
  throw newBadRequest(`invalid continue token: continue key is not valid${why}`);
}

/** @throws StatusError BadRequest */
export function decodeContinue(token: string, prefix: string): Continuation {
  const bad = token.search(/[^A-Za-z0-9_-]/);
  if (bad >= 0) invalid(`: illegal base64 data at input byte ${bad}`);
  // A lone character at the end carries no byte.
  if (token.length % 4 === 1) invalid(`: illegal base64 data at input byte ${token.length - 1}`);
  let parsed: unknown;
  try {
    parsed = decodeJson(Buffer.from(token, 'base64url')).value;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return invalid(`: ${error.message}`);
  }
  const { v, rv, start } = isObject(parsed) ? parsed : {};
  if (v !== version) return invalid(`: server does not recognize this encoded version ${v ?? ''}`);
  if (!Number.isSafeInteger(rv) || rv === 0) {
    return invalid(`: incorrect encoded start resourceVersion (version ${version})`);
  }
  if (typeof start !== 'string' || start === '') return invalid(`: encoded start key empty (version ${version})`);
  // A token comes from outside: it must not lead out of the prefix.
  const relative = start.replace(/^\//, '');
  const segments = relative.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) return invalid(`: ${start}`);
  return { startKey: prefix + relative, revision: rv as number };
}
