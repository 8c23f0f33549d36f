import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { newBadRequest, newRequestEntityTooLarge, newTimeout } from '../../apimachinery/index.ts';
import type { Clock } from '../../base/index.ts';

export type Incoming = IncomingMessage | Http2ServerRequest;

/** Upstream: MaxRequestBodyBytes. */
export const maxRequestBodyBytes = 3 * 1024 * 1024;

/** Path and query of a request target. Throws StatusError 400 when the path is not valid percent-encoding. */
export function parseTarget(target: string): { path: string; query: URLSearchParams } {
  const mark = target.indexOf('?');
  const raw = mark < 0 ? target : target.slice(0, mark);
  let path = raw;
  if (raw.includes('%')) {
    try {
      path = decodeURIComponent(raw);
    } catch {
      throw newBadRequest(`invalid URL escape in ${JSON.stringify(raw)}`);
    }
  }
  return { path, query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)) };
}

export interface ReadBodyOptions {
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly wallClock: Clock;
}

/**
 * The whole body; undefined when there is none. Throws StatusError 413 over the limit (the rest is then not read), 504
 * when it does not arrive in time, 400 when the client breaks off.
 */
export function readBody(incoming: Incoming, options: ReadBodyOptions): Promise<Uint8Array | undefined> {
  const announced = Number(incoming.headers['content-length'] ?? Number.NaN);
  const chunked = incoming.headers['transfer-encoding'] !== undefined;
  const http2 = incoming.httpVersionMajor === 2;
  if (announced === 0 || (!http2 && !chunked && Number.isNaN(announced))) {
    incoming.resume();
    return Promise.resolve(undefined);
  }
  const tooLarge = () => newRequestEntityTooLarge(`limit is ${options.maxBytes}`);
  if (announced > options.maxBytes) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = options.wallClock.schedule(options.timeoutMs, () =>
      finish(() => reject(newTimeout('request did not complete within the allotted timeout'))),
    );
    const finish = (settle: () => void) => {
      timer.cancel();
      incoming.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      settle();
    };
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size > options.maxBytes) {
        incoming.pause();
        finish(() => reject(tooLarge()));
      } else chunks.push(chunk);
    };
    const onEnd = () =>
      finish(() => resolve(size === 0 ? undefined : chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size)));
    const onClose = () => finish(() => reject(newBadRequest('unexpected EOF')));
    incoming.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}

/** Header values by lower-case name; HTTP/2 pseudo headers are left out. */
export function readHeaders(incoming: Incoming): {
  headers: Record<string, string | undefined>;
  repeatedHeaders?: Record<string, string[]>;
} {
  const headers: Record<string, string | undefined> = {};
  let repeatedHeaders: Record<string, string[]> | undefined;
  const { rawHeaders } = incoming;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    if (name.startsWith(':')) continue;
    const value = rawHeaders[i + 1]!;
    const known = headers[name];
    if (known === undefined) {
      headers[name] = value;
      continue;
    }
    headers[name] = `${known}, ${value}`;
    repeatedHeaders ??= {};
    const values = repeatedHeaders[name] ?? [known];
    values.push(value);
    repeatedHeaders[name] = values;
  }
  return repeatedHeaders ? { headers, repeatedHeaders } : { headers };
}
