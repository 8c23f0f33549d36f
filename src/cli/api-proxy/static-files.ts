/** The files of `klab proxy --www`. Upstream: Go's http.FileServer; ranges of bytes are left out. */
import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { basename, extname, join } from 'node:path';
import { pipeline } from 'node:stream';
import { answerError, encodePath, escapeHtml, notFound } from './plain-answer.ts';

const types: Record<string, string> = {
  '.avif': 'image/avif',
  '.css': 'text/css; charset=utf-8',
  '.gif': 'image/gif',
  '.htm': 'text/html; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/vnd.microsoft.icon',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webp': 'image/webp',
  '.xml': 'text/xml; charset=utf-8',
};

/**
 * Answers with a file of a folder, its index.html, or the names in it.
 * @param path decoded, begins with a slash, without `.` and `..`
 */
export async function answerFile(
  root: string,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    if (path.endsWith('/index.html')) return redirect(request, response, './');
    // A backslash would part names on Windows, and so climb out of the folder.
    if (path.includes('\0') || path.includes('\\')) return notFound(response);
    const file = join(root, path.replace(/\/$/, ''));
    const found = await stat(file);
    if (!found.isDirectory()) {
      if (path.endsWith('/')) return redirect(request, response, `../${basename(path)}`);
      return await sendFile(file, request, response);
    }
    if (!path.endsWith('/')) return redirect(request, response, `${basename(path)}/`);
    const index = join(file, 'index.html');
    if (await stat(index).catch(() => undefined)) return await sendFile(index, request, response);
    await sendNames(file, response, found.mtime.toUTCString());
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (response.headersSent) response.destroy();
    else if (code === 'ENOENT' || code === 'ENOTDIR') notFound(response);
    else if (code === 'EACCES' || code === 'EPERM') answerError(response, 403, '403 Forbidden');
    else answerError(response, 500, '500 Internal Server Error');
  }
}

/** To a place beside this one, without a page. */
function redirect(request: IncomingMessage, response: ServerResponse, to: string): void {
  const query = request.url!.indexOf('?');
  response.writeHead(301, { location: encodePath(to) + (query < 0 ? '' : request.url!.slice(query)) }).end();
}

async function sendFile(file: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const handle = await open(file);
  try {
    const { size, mtime } = await handle.stat();
    const since = Date.parse(request.headers['if-modified-since'] ?? '');
    const headers = { 'last-modified': mtime.toUTCString() };
    if (Math.floor(mtime.getTime() / 1000) * 1000 <= since) {
      response.writeHead(304, headers).end();
      return;
    }
    let type = types[extname(file).toLowerCase()];
    if (type === undefined) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(512), 0, 512, 0);
      type = sniff(buffer.subarray(0, bytesRead));
    }
    response.writeHead(200, { ...headers, 'content-type': type, 'content-length': size });
    if (request.method === 'HEAD' || size === 0) return void response.end();
    // As long as was promised, even if the file grows meanwhile.
    pipeline(createReadStream(file, { end: size - 1 }), response, () => {});
  } finally {
    await handle.close();
  }
}

/** Text or not, by its first bytes. */
function sniff(bytes: Uint8Array): string {
  const binary = bytes.some((byte) => byte < 0x20 && !(byte >= 9 && byte <= 13 && byte !== 11) && byte !== 0x1b);
  return binary ? 'application/octet-stream' : 'text/plain; charset=utf-8';
}

async function sendNames(folder: string, response: ServerResponse, modified: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  const links = names.map((name) => {
    const link = encodePath(name);
    // What stands before a colon would be taken for a scheme.
    return `<a href="${link.includes(':') ? `./${link}` : link}">${escapeHtml(name)}</a>\n`;
  });
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'last-modified': modified });
  response.end(
    `<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${links.join('')}</pre>\n`,
  );
}
