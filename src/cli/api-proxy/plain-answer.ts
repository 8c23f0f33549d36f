/** Short answers of `klab proxy` itself, as Go's net/http words them. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** An error in one line. Upstream: http.Error */
export function answerError(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' });
  response.end(`${text}\n`);
}

export const notFound = (response: ServerResponse): void => answerError(response, 404, '404 page not found');

/** 301 to an encoded path, the query kept. Upstream: http.Redirect, whose page only readers of one get. */
export function moveTo(request: IncomingMessage, response: ServerResponse, path: string): void {
  const query = request.url!.indexOf('?');
  const location = path + (query < 0 ? '' : request.url!.slice(query));
  const page = request.method === 'GET' ? `<a href="${escapeHtml(location)}">Moved Permanently</a>.\n\n` : undefined;
  const readable = request.method === 'GET' || request.method === 'HEAD';
  response.writeHead(301, { ...(readable && { 'content-type': 'text/html; charset=utf-8' }), location });
  response.end(page);
}

/** A path as a URL has it; what is decoded in `path` is encoded again, slashes stand. */
export const encodePath = (path: string): string =>
  path
    .split('/')
    .map((word) => encodeURIComponent(word).replace(/%(24|26|2B|3D|3A|40)/g, decodeURIComponent))
    .join('/');

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => entities[char]!);
