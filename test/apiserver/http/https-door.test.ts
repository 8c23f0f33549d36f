import { mkdtempSync, rmSync } from 'node:fs';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { newForbidden, newTooManyRequests } from '../../../src/apimachinery/index.ts';
import {
  type Dispatch,
  HttpsDoor,
  type HttpsDoorOptions,
  ListenError,
  type ServerRequest,
} from '../../../src/apiserver/index.ts';
import type { EncodedWatchEvent } from '../../../src/apiserver/types.ts';
import { BoundedQueue, Deferred, silentLogger, wallClock } from '../../../src/base/index.ts';
import { CertificateAuthority, ensureClusterPki } from '../../../src/pki/index.ts';

const dir = mkdtempSync(join(tmpdir(), 'klab-door-'));
const pki = ensureClusterPki(dir, { hosts: ['localhost'], now: wallClock.now() });
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const open: HttpsDoor[] = [];
afterEach(async () => {
  for (const door of open.splice(0)) await door.close(50);
});

async function serve(dispatch: Dispatch, options: Partial<HttpsDoorOptions> = {}) {
  const door = new HttpsDoor(
    { dispatch, wallClock, log: silentLogger },
    { port: 0, cert: pki.apiserver.cert, key: pki.apiserver.key, clientCa: pki.ca.cert, ...options },
  );
  open.push(door);
  return { door, ...(await door.listen()) };
}

interface Options {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  client?: { cert: string; key: string };
}

function send(port: number, options: Options = {}): { request: ClientRequest; response: Promise<IncomingMessage> } {
  const answered = new Deferred<IncomingMessage>();
  const request = httpsRequest(
    {
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ca: pki.ca.cert,
      agent: false,
      method: options.method ?? 'GET',
      path: options.path ?? '/',
      ...(options.headers ? { headers: options.headers } : {}),
      ...(options.client ?? {}),
    },
    (response) => answered.resolve(response),
  );
  request.on('error', (error) => answered.reject(error));
  request.end(options.body);
  return { request, response: answered.promise };
}

async function ask(port: number, options: Options = {}) {
  const response = await send(port, options).response;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return { code: response.statusCode, headers: response.headers, bytes, text: bytes.toString() };
}

const neverAsked = (): never => {
  throw new Error('nobody asked for protobuf');
};

const object = (value: object): ReturnType<Dispatch> =>
  Promise.resolve({ code: 200, body: { kind: 'object', object: value } });

describe('HTTPS door', () => {
  it('hands over the request and writes the object with upstream’s headers', async () => {
    let seen: ServerRequest | undefined;
    const { port } = await serve((request) => {
      seen = request;
      return object({ kind: 'Pod' });
    });
    const answer = await ask(port, {
      method: 'POST',
      path: '/api/v1/pods?dryRun=All',
      headers: { 'content-type': 'application/json', 'audit-id': 'abc' },
      body: '{"a":1}',
      client: pki.admin,
    });
    expect(answer).toMatchObject({ code: 200, text: '{"kind":"Pod"}\n' });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'audit-id': 'abc',
      'cache-control': 'no-cache, private',
    });
    expect(seen).toMatchObject({
      method: 'POST',
      path: '/api/v1/pods',
      clientCertificate: { commonName: 'kubernetes-admin', organizations: ['system:masters'] },
    });
    expect(seen!.query.get('dryRun')).toBe('All');
    expect(Buffer.from(seen!.body!.bytes!).toString()).toBe('{"a":1}');
  });

  it('speaks HTTP/2 on the same port', async () => {
    const { port } = await serve((request) => object({ who: request.clientCertificate?.commonName }));
    const session = connectHttp2(`https://localhost:${port}`, {
      ca: pki.ca.cert,
      cert: pki.admin.cert,
      key: pki.admin.key,
    });
    const stream = session.request({ ':path': '/api', ':method': 'GET' });
    let text = '';
    for await (const chunk of stream) text += chunk;
    session.close();
    expect(text).toBe('{"who":"kubernetes-admin"}\n');
  });

  it('passes on why a certificate of another authority proves nothing', async () => {
    const now = wallClock.now();
    const leaf = CertificateAuthority.create({ commonName: 'stranger', now }).issue({
      subject: { commonName: 'root', organizations: ['system:masters'] },
      usages: ['clientAuth'],
      now,
    });
    const { port } = await serve((request) => object({ certificate: request.clientCertificate }));
    const { text } = await ask(port, { client: leaf });
    expect(JSON.parse(text).certificate).toEqual({
      commonName: '',
      organizations: [],
      error: 'x509: certificate signed by unknown authority',
    });
  });

  it('writes failures as Status, with retry and warnings', async () => {
    const { port } = await serve(async (request) => {
      request.warnings!.push('old API', 'old API');
      if (request.path === '/busy') throw newTooManyRequests('slow down', 7);
      throw newForbidden({ group: '', resource: 'pods' }, 'a', 'no');
    });
    const busy = await ask(port, { path: '/busy' });
    expect(busy).toMatchObject({ code: 429 });
    expect(busy.headers).toMatchObject({ 'retry-after': '7', warning: '299 - "old API"' });
    const refused = await ask(port);
    expect(refused.headers['x-content-type-options']).toBe('nosniff');
    expect(JSON.parse(refused.text)).toMatchObject({ kind: 'Status', code: 403, reason: 'Forbidden' });
  });

  it('answers 500 for what is no StatusError and 400 for a broken path', async () => {
    const { port } = await serve(() => Promise.reject(new TypeError('boom')));
    expect(JSON.parse((await ask(port)).text)).toMatchObject({ code: 500, reason: 'InternalError' });
    expect(JSON.parse((await ask(port, { path: '/a%zz' })).text)).toMatchObject({ code: 400, reason: 'BadRequest' });
  });

  it('refuses bodies over the limit, announced or not', async () => {
    const { port } = await serve(() => object({}), { maxRequestBodyBytes: 10 });
    const message = 'Request entity too large: limit is 10';
    const announced = await ask(port, { method: 'POST', headers: { 'content-length': '11' }, body: 'x'.repeat(11) });
    expect(JSON.parse(announced.text)).toMatchObject({ code: 413, message });
    const chunked = await ask(port, {
      method: 'POST',
      headers: { 'transfer-encoding': 'chunked' },
      body: 'x'.repeat(11),
    });
    expect(JSON.parse(chunked.text)).toMatchObject({ code: 413, message });
  });

  it('writes YAML, and JSON with indents for curl', async () => {
    const { port } = await serve(() => object({ a: { b: 1 } }));
    expect((await ask(port, { headers: { accept: 'application/yaml' } })).text).toBe('a:\n  b: 1\n');
    expect((await ask(port, { headers: { 'user-agent': 'curl/8' } })).text).toBe('{\n  "a": {\n    "b": 1\n  }\n}\n');
  });

  it('sends no body for HEAD', async () => {
    const { port } = await serve(() => object({ a: 1 }));
    const answer = await ask(port, { method: 'HEAD' });
    expect(answer).toMatchObject({ code: 200, text: '' });
    expect(answer.headers['content-length']).toBe('8');
  });

  it.each([0, 3, 20_000])('joins a list of %i cached items', async (count) => {
    const items = Array.from({ length: count }, (_, i) => ({
      object: { i },
      encoded: () => Buffer.from(JSON.stringify({ i })),
      protobuf: neverAsked,
    }));
    const head = { apiVersion: 'v1', kind: 'PodList', metadata: { resourceVersion: '7' } };
    const { port } = await serve(async () => ({ code: 200, body: { kind: 'list', head, items } }), {
      compression: 'always',
    });
    const plain = await ask(port);
    expect(JSON.parse(plain.text)).toEqual({ ...head, items: items.map((item) => item.object) });
    const packed = await ask(port, { headers: { 'accept-encoding': 'gzip' } });
    expect(packed.headers['content-encoding']).toBe(count > 10_000 ? 'gzip' : undefined);
    const bytes = count > 10_000 ? gunzipSync(packed.bytes) : packed.bytes;
    expect(bytes.equals(plain.bytes)).toBe(true);
  });

  it('starts a watch at once, streams its events, and ends it when the client goes', async () => {
    const queue = new BoundedQueue<EncodedWatchEvent>(10);
    const aborted = new Deferred<void>();
    const { port } = await serve(async (request) => {
      request.signal.addEventListener('abort', () => {
        queue.close();
        aborted.resolve();
      });
      return { code: 200, body: { kind: 'watch', events: queue } };
    });
    const { request, response } = send(port, { path: '/api/v1/pods?watch=1' });
    const incoming = await response;
    expect(incoming.headers).toMatchObject({ 'transfer-encoding': 'chunked', 'content-type': 'application/json' });
    const lines = incoming[Symbol.asyncIterator]();
    queue.push({ event: {} as any, encoded: () => Buffer.from('{"type":"ADDED"}'), protobuf: neverAsked });
    expect(String((await lines.next()).value)).toBe('{"type":"ADDED"}\n');
    request.on('error', () => {});
    request.destroy();
    await aborted.promise;
  });

  it('tells of a failed watch as its last event', async () => {
    const { port } = await serve(async () => ({
      code: 200,
      body: {
        kind: 'watch',
        events: (async function* () {
          yield { event: {} as any, encoded: () => Buffer.from('{"type":"ADDED"}'), protobuf: neverAsked };
          throw newForbidden({ group: '', resource: 'pods' }, '', 'later');
        })(),
      },
    }));
    const lines = (await ask(port)).text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[1]).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 403 } });
  });

  it('holds nothing for a watcher that does not read beyond the socket, and serves others meanwhile', async () => {
    const event = { event: {} as any, encoded: () => Buffer.alloc(64 * 1024, 'x'), protobuf: neverAsked };
    let taken = 0;
    const { port } = await serve(async (request) => {
      if (request.path !== '/watch') return object({ ok: true });
      return {
        code: 200,
        body: {
          kind: 'watch',
          events: (async function* () {
            for (; taken < 10_000; taken++) yield event;
          })(),
        },
      };
    });
    const slow = await send(port, { path: '/watch' }).response;
    slow.pause();
    let before = -1;
    while (taken !== before) {
      before = taken;
      await wallClock.sleep(100);
    }
    expect(taken).toBeLessThan(2000);
    expect((await ask(port)).code).toBe(200);
    slow.destroy();
  });

  it('cuts off a client that takes nothing for too long', async () => {
    const ended = new Deferred<void>();
    const { port } = await serve(
      async () => ({
        code: 200,
        body: {
          kind: 'watch',
          events: (async function* () {
            try {
              for (;;) yield { event: {} as any, encoded: () => Buffer.alloc(64 * 1024, 'x'), protobuf: neverAsked };
            } finally {
              ended.resolve();
            }
          })(),
        },
      }),
      { stallMs: 100 },
    );
    const stalled = await send(port).response;
    stalled.on('error', () => {});
    stalled.pause();
    await ended.promise;
  });

  it('ends watches and answers the rest when it closes', async () => {
    const entered = new Deferred<void>();
    const go = new Deferred<void>();
    const { port, door } = await serve(async (request) => {
      if (request.path === '/watch') {
        const queue = new BoundedQueue<any>(1);
        request.signal.addEventListener('abort', () => queue.close());
        return { code: 200, body: { kind: 'watch', events: queue } };
      }
      entered.resolve();
      await go.promise;
      return object({ late: true });
    });
    const watch = await send(port, { path: '/watch' }).response;
    const late = ask(port, { path: '/late' });
    await entered.promise;
    const closed = door.close(5000);
    watch.on('error', () => {});
    watch.resume();
    go.resolve();
    expect((await late).text).toBe('{"late":true}\n');
    await closed;
    await expect(ask(port)).rejects.toThrow('ECONNREFUSED');
  });

  it('names a port that is taken', async () => {
    const { port } = await serve(() => object({}));
    const failure = await serve(() => object({}), { port }).catch((error) => error);
    expect(failure).toBeInstanceOf(ListenError);
    expect(failure).toMatchObject({ code: 'AddressInUse', port });
    expect(failure.message).toContain(`listen tcp 127.0.0.1:${port}: bind: address already in use`);
    open.pop();
  });
});
