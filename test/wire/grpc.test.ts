import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Deferred, wallClock } from '../../src/base/index.ts';
import { type ClusterPki, ensureClusterPki } from '../../src/pki/index.ts';
import {
  bidiStream,
  bytes,
  GrpcChannel,
  GrpcError,
  GrpcServer,
  grpcCode,
  int32,
  message,
  type ServerCall,
  serverStream,
  service,
  string,
  unary,
} from '../../src/wire/index.ts';

const Text = message('test.Text', { text: string(1), n: int32(2), blob: bytes(3) });
const echo = service('test.Echo', {
  say: unary('Say', Text, Text),
  count: serverStream('Count', Text, Text),
  chat: bidiStream('Chat', Text, Text),
  never: unary('Never', Text, Text),
});

let dir: string;
let pki: ClusterPki;
const closers: (() => unknown)[] = [];
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'klab-wire-'));
  pki = ensureClusterPki(join(dir, 'pki'), { hosts: [], now: wallClock.now() });
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let lastCall: ServerCall | undefined;
const cancelled = { signal: new Deferred<void>() };

function server(options: { maxReceiveBytes?: number } = {}) {
  const created = new GrpcServer(options).addService(echo, {
    say: async (request, call) => {
      lastCall = call;
      if (request.text === 'fail') throw new GrpcError(grpcCode.notFound, 'no such thing: 100% „weg“');
      if (request.text === 'bug') throw new TypeError('a bug');
      if (request.text === 'hang') {
        await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve()));
        cancelled.signal.resolve();
      }
      return { text: `${request.text}!`, n: request.n, blob: request.blob };
    },
    count: async (stream) => {
      for await (const { n } of stream.requests()) {
        for (let i = 0; i < n; i++) {
          if (!stream.write({ n: i, blob: new Uint8Array(1000) })) await stream.drained();
          if (stream.gone) return;
        }
      }
    },
    chat: async (stream) => {
      for await (const { text } of stream.requests()) {
        if (text === 'fail') throw new GrpcError(grpcCode.outOfRange, 'too far');
        stream.write({ text: text.toUpperCase() });
      }
    },
  });
  closers.push(() => created.close());
  return created;
}

function channel(target: string, options = {}) {
  const created = new GrpcChannel(target, options);
  closers.push(() => created.close());
  return created;
}

const failure = async (promise: Promise<unknown>): Promise<GrpcError> => {
  try {
    await promise;
  } catch (error) {
    return error as GrpcError;
  }
  throw new Error('it did not fail');
};

const tlsOf = (pair: { certPath: string; keyPath: string }) => ({
  cert: pair.certPath,
  key: pair.keyPath,
  ca: pki.etcdCa.certPath,
});

async function plain(options: { maxReceiveBytes?: number } = {}) {
  const port = await server(options).listen({ host: '127.0.0.1', port: 0 });
  return channel(`127.0.0.1:${port}`);
}

test('a unary call answers, also with messages larger than any window', async () => {
  const client = await plain();
  expect(await client.unary(echo.say, { text: 'hi', n: 5 })).toMatchObject({ text: 'hi!', n: 5 });
  const blob = new Uint8Array(3_900_000).fill(7);
  expect(Buffer.compare((await client.unary(echo.say, { blob })).blob, blob)).toBe(0);
});

test('many calls share one connection', async () => {
  const client = await plain();
  const answers = await Promise.all(Array.from({ length: 500 }, (_, n) => client.unary(echo.say, { n })));
  expect(answers.map(({ n }) => n)).toEqual(Array.from({ length: 500 }, (_, n) => n));
});

test.each(['plain', 'TLS'])('long answers at once come whole, whoever gives up meanwhile: %s', async (kind) => {
  const created = server();
  const port = await created.listen({
    host: '127.0.0.1',
    port: 0,
    ...(kind === 'TLS' && { tls: tlsOf(pki.etcdServer) }),
  });
  const target = kind === 'TLS' ? `https://localhost:${port}` : `127.0.0.1:${port}`;
  const clients = [1, 2].map(() => channel(target, kind === 'TLS' ? { tls: tlsOf(pki.etcdHealthcheckClient) } : {}));
  const calls = Array.from({ length: 60 }, async (_, i) => {
    const blob = new Uint8Array(40_000 + ((i * 104_729) % 1_000_000)).fill(i);
    const abort = new AbortController();
    const call = clients[i % 2]!.unary(echo.say, { n: i, blob }, { signal: abort.signal });
    if (i % 3 === 0) setTimeout(() => abort.abort(), i % 20);
    const answer = await call.catch((error: Error) => error);
    if (answer instanceof Error) return abort.signal.aborted ? 'given up' : answer.message;
    return answer.n === i && Buffer.compare(answer.blob, blob) === 0 ? 'whole' : `call ${i} has other bytes`;
  });
  const outcomes = await Promise.all(calls);
  expect([...new Set(outcomes)].filter((outcome) => outcome !== 'given up')).toEqual(['whole']);
  expect(outcomes.filter((outcome) => outcome === 'whole').length).toBeGreaterThanOrEqual(40);
});

test('errors carry code and message, whatever their characters', async () => {
  const client = await plain();
  expect(await failure(client.unary(echo.say, { text: 'fail' }))).toMatchObject({
    code: grpcCode.notFound,
    message: 'no such thing: 100% „weg“',
  });
  expect(await failure(client.unary(echo.say, { text: 'bug' }))).toMatchObject({
    code: grpcCode.unknown,
    message: 'a bug',
  });
  expect(await failure(client.unary(echo.never, {}))).toMatchObject({
    code: grpcCode.unimplemented,
    message: 'method Never not implemented',
  });
  const other = service('test.Other', { say: unary('Say', Text, Text) });
  expect(await failure(client.unary(other.say, {}))).toMatchObject({
    code: grpcCode.unimplemented,
    message: 'unknown service test.Other',
  });
});

test('a request above the limit is refused in grpc-go words', async () => {
  const client = await plain({ maxReceiveBytes: 1000 });
  expect(await failure(client.unary(echo.say, { blob: new Uint8Array(2000) }))).toMatchObject({
    code: grpcCode.resourceExhausted,
    message: 'grpc: received message larger than max (2003 vs. 1000)',
  });
});

test('a deadline ends the call on both sides', async () => {
  const client = await plain();
  cancelled.signal = new Deferred();
  expect(await failure(client.unary(echo.say, { text: 'hang' }, { timeoutMs: 30 }))).toMatchObject({
    code: grpcCode.deadlineExceeded,
  });
  await cancelled.signal.promise;
});

test('aborting a call rejects with the reason and tells the server', async () => {
  const client = await plain();
  cancelled.signal = new Deferred();
  const abort = new AbortController();
  const call = failure(client.unary(echo.say, { text: 'hang' }, { signal: abort.signal }));
  await client.unary(echo.say, {});
  abort.abort(new Error('enough'));
  expect((await call).message).toBe('enough');
  await cancelled.signal.promise;
});

test('a server stream is read to its end, in order, however slow the reader', async () => {
  const client = await plain();
  const stream = await client.open(echo.count);
  stream.end({ n: 20_000 });
  let seen = 0;
  for await (const { n } of stream) expect(n).toBe(seen++);
  expect(seen).toBe(20_000);
});

test('leaving a stream early cancels it', async () => {
  const client = await plain();
  const stream = await client.open(echo.count);
  stream.end({ n: 1_000_000 });
  for await (const { n } of stream) if (n === 10) break;
  expect(await client.unary(echo.say, { text: 'alive' })).toMatchObject({ text: 'alive!' });
});

test('both directions stream; a status after messages comes through', async () => {
  const client = await plain();
  const stream = await client.open(echo.chat);
  stream.write({ text: 'a' });
  expect((await stream.next())?.text).toBe('A');
  stream.write({ text: 'b' });
  expect((await stream.next())?.text).toBe('B');
  stream.write({ text: 'fail' });
  expect(await failure(stream.next())).toMatchObject({ code: grpcCode.outOfRange, message: 'too far' });
});

test('no server: Unavailable, certainly not sent; a server that dies: Unavailable, perhaps sent', async () => {
  const gone = server();
  const port = await gone.listen({ host: '127.0.0.1', port: 0 });
  const client = channel(`127.0.0.1:${port}`);
  await client.unary(echo.say, {});
  const pending = failure(client.unary(echo.say, { text: 'hang' }));
  await client.unary(echo.say, {});
  await gone.close();
  expect(await pending).toMatchObject({ code: grpcCode.unavailable, unsent: false });
  expect(await failure(client.unary(echo.say, {}))).toMatchObject({ code: grpcCode.unavailable, unsent: true });

  const again = server();
  await again.listen({ host: '127.0.0.1', port });
  expect(await client.unary(echo.say, { text: 'back' })).toMatchObject({ text: 'back!' });
});

test('a taken port is an error', async () => {
  const port = await server().listen({ host: '127.0.0.1', port: 0 });
  await expect(server().listen({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test.skipIf(process.platform === 'win32')('unix sockets', async () => {
  const path = join(dir, 'echo.sock');
  await server().listen({ path });
  expect(await channel(`unix:${path}`).unary(echo.say, { text: 'hi' })).toMatchObject({ text: 'hi!' });
});

describe('TLS', () => {
  const start = async () =>
    `https://localhost:${await server().listen({ host: '127.0.0.1', port: 0, tls: tlsOf(pki.etcdServer) })}`;

  test('both ends know each other', async () => {
    const client = channel(await start(), { tls: tlsOf(pki.etcdHealthcheckClient) });
    expect(await client.unary(echo.say, { text: 'hi' })).toMatchObject({ text: 'hi!' });
    expect(lastCall?.peer.certificate?.subject).toContain('CN=kube-etcd-healthcheck-client');
  });

  test('a client without certificate, with a foreign one, or of a foreign server gets nowhere', async () => {
    const target = await start();
    const ca = pki.etcdCa.certPath;
    const foreign = { cert: pki.admin.certPath, key: pki.admin.keyPath, ca };
    const known = tlsOf(pki.etcdHealthcheckClient);
    const verify = 'authentication handshake failed: tls: failed to verify certificate: x509:';
    const why = [
      [{ ca }, 'connection error'],
      [foreign, 'connection error'],
      [{ ...known, ca: pki.ca.certPath }, `${verify} certificate signed by unknown authority`],
      [
        { ...known, serverName: 'elsewhere.example' },
        `${verify} Host: elsewhere.example. is not in the cert's altnames`,
      ],
    ] as const;
    for (const [tls, words] of why) {
      const error = await failure(channel(target, { tls }).unary(echo.say, {}));
      expect(error).toMatchObject({ code: grpcCode.unavailable, message: expect.stringContaining(words) });
    }
  });
});

describe('against @grpc/grpc-js, an independent implementation', () => {
  const serialize = (value: object) => Buffer.from(Text.encode(value));
  const deserialize = (data: Buffer) => Text.decode(data);

  test('its client talks to our server', async () => {
    const port = await server().listen({ host: '127.0.0.1', port: 0 });
    const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    closers.push(() => client.close());
    const say = (request: object) =>
      new Promise<any>((resolve, reject) => {
        client.makeUnaryRequest(echo.say.path, serialize, deserialize, request, (error, value) =>
          error ? reject(error) : resolve(value),
        );
      });
    expect(await say({ text: 'hi' })).toMatchObject({ text: 'hi!' });
    await expect(say({ text: 'fail' })).rejects.toMatchObject({ code: 5, details: 'no such thing: 100% „weg“' });

    const chat = client.makeBidiStreamRequest(echo.chat.path, serialize, deserialize);
    const answers: string[] = [];
    chat.on('data', (answer: { text: string }) => answers.push(answer.text));
    chat.write({ text: 'a' });
    chat.write({ text: 'b' });
    chat.end();
    const status = await new Promise<grpc.StatusObject>((resolve) => chat.on('status', resolve));
    expect(status.code).toBe(0);
    expect(answers).toEqual(['A', 'B']);
  });

  test('our client talks to its server', async () => {
    const theirs = new grpc.Server();
    const definition = (method: { path: string; clientStreaming: boolean; serverStreaming: boolean }) => ({
      path: method.path,
      requestStream: method.clientStreaming,
      responseStream: method.serverStreaming,
      requestSerialize: serialize,
      requestDeserialize: deserialize,
      responseSerialize: serialize,
      responseDeserialize: deserialize,
    });
    theirs.addService(
      { say: definition(echo.say), chat: definition(echo.chat) },
      {
        say: (call: any, done: any) =>
          call.request.text === 'fail'
            ? done({ code: 5, details: 'weg ü' })
            : done(null, { text: `${call.request.text}?` }),
        chat: (call: any) => {
          call.on('data', (request: { text: string }) => call.write({ text: request.text.repeat(2) }));
          call.on('end', () => call.end());
        },
      },
    );
    const port = await new Promise<number>((resolve, reject) =>
      theirs.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    closers.push(() => theirs.forceShutdown());
    const client = channel(`127.0.0.1:${port}`);
    expect(await client.unary(echo.say, { text: 'hi' })).toMatchObject({ text: 'hi?' });
    expect(await failure(client.unary(echo.say, { text: 'fail' }))).toMatchObject({ code: 5, message: 'weg ü' });
    const stream = await client.open(echo.chat);
    stream.write({ text: 'a' });
    stream.end({ text: 'b' });
    const answers: string[] = [];
    for await (const { text } of stream) answers.push(text);
    expect(answers).toEqual(['aa', 'bb']);
  });
});
