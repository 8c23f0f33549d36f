import { createHash } from 'node:crypto';
import type { RequestContext, ServerResponse } from '../types.ts';

/** Upper-case hex SHA-512, as upstream hashes discovery and OpenAPI documents. */
export function hashOf(bytes: Uint8Array): string {
  return createHash('sha512').update(bytes).digest('hex').toUpperCase();
}

/** 304 when the client has this document already, else the document with its ETag. */
export function withEtag(
  context: RequestContext,
  document: { readonly hash: string; readonly bytes: Uint8Array },
  contentType: string,
  headers: Readonly<Record<string, string>> = {},
): ServerResponse {
  const etag = `"${document.hash}"`;
  const known = (context.request.headers['if-none-match'] ?? '')
    .split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''));
  const all = { ETag: etag, ...headers };
  if (known.includes(etag) || known.includes('*')) {
    return { code: 304, headers: all, body: { kind: 'bytes', contentType, bytes: new Uint8Array() } };
  }
  return { code: 200, headers: all, body: { kind: 'bytes', contentType, bytes: document.bytes } };
}
