/** How extenders are reached. */
import { type ClientRequest, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { wallClock } from '../../base/index.ts';
import type { ExtenderPost } from './extender.ts';

/** An answer may be as large as the nodes of a large cluster. */
const maxAnswer = 256 * 1024 * 1024;

export const postToExtender: ExtenderPost = (url, body, { timeoutMs, signal, tls }) =>
  new Promise((resolve, reject) => {
    const options = {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
      signal,
    };
    let late = false;
    const secure = () => ({
      rejectUnauthorized: tls?.insecure !== true,
      ...(tls?.serverName && { servername: tls.serverName }),
      ...(tls?.ca && { ca: tls.ca }),
      ...(tls?.cert && { cert: tls.cert }),
      ...(tls?.key && { key: tls.key }),
      ...tls?.identity?.(),
    });
    const fail = (error: Error) => {
      timer.cancel();
      const text = late ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)' : error.message;
      reject(signal.aborted ? error : new Error(`Post ${JSON.stringify(url)}: ${text}`));
    };
    const timer = wallClock.schedule(timeoutMs, () => {
      late = true;
      send?.destroy(new Error('timeout'));
    });
    let send: ClientRequest | undefined;
    try {
      const https = url.startsWith('https:');
      const call = https ? requestHttps(url, { ...options, ...secure() }) : requestHttp(url, options);
      send = call;
      call.once('error', fail);
      call.once('response', (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > maxAnswer) call.destroy(new Error('the answer is too large'));
          else chunks.push(chunk);
        });
        response.once('error', fail);
        response.once('end', () => {
          timer.cancel();
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') });
        });
      });
      call.end(body);
    } catch (error) {
      fail(error as Error);
    }
  });
