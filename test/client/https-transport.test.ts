import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { isNotFound, isServiceUnavailable, newNotFound, StatusError } from '../../src/apimachinery/index.ts';
import { wallClock } from '../../src/base/index.ts';
import { type ClientConfig, ConnectionError, ExecCredentialError, HttpsTransport } from '../../src/client/index.ts';
import { CertificateAuthority } from '../../src/pki/index.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;
const cleanUps: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function serve(handler: Handler, config: Partial<ClientConfig> = {}, secure = false) {
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => handler(request, response, Buffer.concat(chunks).toString()));
  };
  const now = wallClock.now();
  let server: Server;
  const tls: Partial<ClientConfig> = {};
  if (secure) {
    const ca = CertificateAuthority.create({ commonName: 'test-ca', now });
    const serving = ca.issue({
      subject: { commonName: 'server' },
      usages: ['serverAuth'],
      dnsNames: ['kubernetes'],
      now,
    });
    const client = ca.issue({ subject: { commonName: 'me', organizations: ['devs'] }, usages: ['clientAuth'], now });
    server = createTlsServer({ ...serving, ca: ca.pair.cert, requestCert: true }, listener);
    Object.assign(tls, { ca: ca.pair.cert, cert: client.cert, key: client.key, tlsServerName: 'kubernetes' });
  } else server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const transport = new HttpsTransport({
    server: `${secure ? 'https' : 'http'}://127.0.0.1:${port}`,
    ...tls,
    ...config,
  });
  cleanUps.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
  cleanUps.push(() => transport.close());
  return { transport, server, port };
}

const json = (response: ServerResponse, code: number, body: unknown, headers: Record<string, string> = {}) => {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
};

describe('the HTTPS transport', () => {
  it('sends method, path, query, headers and body, and decodes the answer with its warnings', async () => {
    const seen: unknown[] = [];
    const { transport } = await serve(
      (request, response, body) => {
        const { accept, authorization } = request.headers;
        seen.push(
          request.method,
          request.url,
          request.headers['content-type'],
          accept,
          authorization,
          JSON.parse(body),
        );
        json(response, 200, { ok: true, big: 1 }, { warning: '299 - "use \\"v2\\"", 299 - "second"' });
      },
      { token: 'secret' },
    );
    const answer = await transport.request({
      method: 'PATCH',
      path: '/apis/apps/v1/namespaces/n/deployments/web',
      query: { fieldManager: 'a b', dryRun: undefined },
      contentType: 'application/merge-patch+json',
      body: { spec: { replicas: 2 } },
    });
    expect(seen).toEqual([
      'PATCH',
      '/apis/apps/v1/namespaces/n/deployments/web?fieldManager=a+b',
      'application/merge-patch+json',
      'application/json',
      'Bearer secret',
      { spec: { replicas: 2 } },
    ]);
    expect(answer).toEqual({ code: 200, body: { ok: true, big: 1 }, warnings: ['use "v2"', 'second'] });
  });

  it('throws the Status a server answers, or makes one of what it says', async () => {
    const answers: Handler[] = [
      (_, response) => json(response, 404, newNotFound({ group: '', resource: 'pods' }, 'web').status),
      (_, response) => {
        response.writeHead(503, { 'content-type': 'text/plain' });
        response.end('overloaded');
      },
    ];
    const { transport } = await serve((request, response, body) => answers.shift()!(request, response, body));
    const get = () => transport.request({ method: 'GET', path: '/api/v1/namespaces/n/pods/web' });
    await expect(get()).rejects.toSatisfy((error) => isNotFound(error) && error.message === 'pods "web" not found');
    const failure = await get().catch((error) => error as StatusError);
    expect(failure).toBeInstanceOf(StatusError);
    expect(isServiceUnavailable(failure)).toBe(true);
    expect((failure as StatusError).message).toBe(
      'an error on the server ("overloaded") has prevented the request from succeeding',
    );
  });

  it('waits and tries again when the server says when', async () => {
    let calls = 0;
    const { transport } = await serve((_, response) => {
      if (++calls < 3)
        json(
          response,
          429,
          { kind: 'Status', message: 'slow down', reason: 'TooManyRequests' },
          { 'retry-after': '0' },
        );
      else json(response, 200, { calls });
    });
    expect((await transport.request({ method: 'GET', path: '/' })).body).toEqual({ calls: 3 });
  });

  it('keeps its connection, and survives one that the server closed meanwhile', async () => {
    const sockets = new Set<unknown>();
    const { transport, server } = await serve((request, response) => {
      sockets.add(request.socket);
      json(response, 200, {});
    });
    for (let i = 0; i < 3; i++) await transport.request({ method: 'GET', path: '/' });
    expect(sockets.size).toBe(1);
    (server as import('node:http').Server).closeAllConnections();
    await transport.request({ method: 'GET', path: '/' });
    expect(sockets.size).toBe(2);
  });

  it('reads integers that a double cannot hold', async () => {
    const { transport } = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"value":9007199254740993}');
    });
    expect((await transport.request({ method: 'GET', path: '/' })).body).toEqual({ value: 9007199254740993n });
  });

  it('says that nothing listens', async () => {
    const { transport, server, port } = await serve(() => {});
    await new Promise<void>((resolve) => server.close(() => resolve()));
    const error = await transport.request({ method: 'GET', path: '/' }).catch((e) => e);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toBe(
      `The connection to the server 127.0.0.1:${port} was refused - did you specify the right host or port?`,
    );
  });

  it('proves itself with its certificate and checks the server’s name', async () => {
    const { transport, port } = await serve(
      (request, response) => json(response, 200, (request.socket as TLSSocket).getPeerCertificate().subject),
      {},
      true,
    );
    expect((await transport.request({ method: 'GET', path: '/' })).body).toMatchObject({ CN: 'me', O: 'devs' });
    const stranger = new HttpsTransport({ server: `https://127.0.0.1:${port}` });
    cleanUps.push(() => stranger.close());
    await expect(stranger.request({ method: 'GET', path: '/' })).rejects.toThrow(ConnectionError);
  });

  it('sends impersonation headers', async () => {
    const { transport } = await serve((request, response) => json(response, 200, request.headers), {
      impersonate: { user: 'alice', groups: ['devs', 'ops'], extra: { 'example.com/scope': ['a'] } },
    });
    expect((await transport.request({ method: 'GET', path: '/' })).body).toMatchObject({
      'impersonate-user': 'alice',
      'impersonate-group': 'devs, ops',
      'impersonate-extra-example.com%2fscope': 'a',
    });
  });
});

describe('a watch over HTTPS', () => {
  it('gives events as they come, however the bytes are cut, and ends with the server', async () => {
    const { transport } = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const text = ['ADDED', 'MODIFIED', 'DELETED']
        .map((type) => `${JSON.stringify({ type, object: { metadata: { name: 'ü' } } })}\n`)
        .join('');
      const bytes = Buffer.from(text);
      for (let i = 0; i < bytes.length; i += 7) response.write(bytes.subarray(i, i + 7));
      response.end();
    });
    const types: string[] = [];
    for await (const event of await transport.watch({ method: 'GET', path: '/' }))
      types.push(`${event.type} ${(event.object as any).metadata.name}`);
    expect(types).toEqual(['ADDED ü', 'MODIFIED ü', 'DELETED ü']);
  });

  it('ends quietly when aborted, loudly when the connection breaks', async () => {
    const responses: ServerResponse[] = [];
    const { transport } = await serve((_, response) => {
      responses.push(response);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"type":"ADDED","object":{}}\n');
    });
    const stop = new AbortController();
    let seen = 0;
    for await (const _ of await transport.watch({ method: 'GET', path: '/', signal: stop.signal })) {
      seen++;
      stop.abort();
    }
    expect(seen).toBe(1);
    const broken = await transport.watch({ method: 'GET', path: '/' });
    const read = (async () => {
      for await (const _ of broken) responses.at(-1)!.destroy();
    })();
    await expect(read).rejects.toThrow(ConnectionError);
  });

  it('refuses with the Status before the first event', async () => {
    const { transport } = await serve((_, response) =>
      json(response, 410, { kind: 'Status', reason: 'Expired', code: 410, message: 'too old' }),
    );
    await expect(transport.watch({ method: 'GET', path: '/' })).rejects.toThrow('too old');
  });
});

describe('credentials from a program', () => {
  function plugin(script: string): { command: string; runs: () => number } {
    const folder = mkdtempSync(join(tmpdir(), 'klab-exec-'));
    cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
    const command = join(folder, 'plugin');
    writeFileSync(join(folder, 'runs'), '');
    writeFileSync(command, `#!/bin/sh\necho x >> ${folder}/runs\n${script}\n`);
    chmodSync(command, 0o755);
    return { command, runs: () => readFileSync(join(folder, 'runs'), 'utf8').length / 2 };
  }
  const apiVersion = 'client.authentication.k8s.io/v1';
  const credential = (token: string) =>
    `echo '{"apiVersion":"${apiVersion}","kind":"ExecCredential","status":{"token":"${token}"}}'`;

  it('are asked for once, and again after a 401', async () => {
    const { command, runs } = plugin(credential('t'));
    let refuse = false;
    const { transport } = await serve(
      (request, response) => {
        if (refuse) {
          refuse = false;
          json(response, 401, { kind: 'Status', message: 'Unauthorized', reason: 'Unauthorized' });
        } else json(response, 200, { authorization: request.headers.authorization });
      },
      { exec: { apiVersion, command, interactiveMode: 'Never' } },
    );
    const get = () => transport.request({ method: 'GET', path: '/' });
    await Promise.all([get(), get()]);
    expect((await get()).body).toEqual({ authorization: 'Bearer t' });
    expect(runs()).toBe(1);
    refuse = true;
    await get();
    expect(runs()).toBe(2);
  });

  it('say how to install the program when it is missing', async () => {
    const transport = new HttpsTransport({
      server: 'http://127.0.0.1:1',
      exec: {
        apiVersion,
        command: 'klab-no-such-plugin',
        installHint: 'Install it from the vendor.',
        interactiveMode: 'Never',
      },
    });
    const error = await transport.request({ method: 'GET', path: '/' }).catch((e) => e);
    expect(error).toBeInstanceOf(ExecCredentialError);
    expect(error.message).toBe(
      'getting credentials: exec: executable klab-no-such-plugin not found\n\nInstall it from the vendor.',
    );
  });
});
