import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtinResources, loadBuiltinSchema } from '../../src/api/index.ts';
import {
  ApiServer,
  HttpsDoor,
  type HttpsDoorOptions,
  type NodeDialer,
  newServerParts,
  type ServerPartsOptions,
} from '../../src/apiserver/index.ts';
import { Prng, silentLogger, wallClock } from '../../src/base/index.ts';
import { type ClusterPki, ensureClusterPki, TokenSigner, TokenVerifier } from '../../src/pki/index.ts';
import { MemoryKV } from './memory-kv.ts';

export interface Answer {
  readonly code: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly bytes: Buffer;
  readonly text: string;
  readonly body: any;
}

export interface Ask {
  readonly headers?: Record<string, string | string[]>;
  readonly body?: unknown;
  readonly contentType?: string;
  /** Default: the admin's certificate. `null`: none. */
  readonly certificate?: { cert: string; key: string } | null;
}

/** A whole API server behind its HTTPS door, on a store in memory. */
export interface HttpsServer {
  readonly server: ApiServer;
  readonly door: HttpsDoor;
  readonly kv: MemoryKV;
  readonly pki: ClusterPki;
  readonly port: number;
  ask(method: string, path: string, options?: Ask): Promise<Answer>;
  close(): Promise<void>;
}

export async function startHttpsServer(
  parts: Partial<ServerPartsOptions> = {},
  door: Partial<HttpsDoorOptions> = {},
  kv = new MemoryKV(),
  nodes?: NodeDialer,
): Promise<HttpsServer> {
  const dir = mkdtempSync(join(tmpdir(), 'klab-apiserver-'));
  const pki = ensureClusterPki(dir, { hosts: ['localhost'], now: wallClock.now() });
  const signer = new TokenSigner(pki.serviceAccount.key);
  const verifier = new TokenVerifier([pki.serviceAccount.pub]);
  const keys = {
    sign: (claims: Readonly<Record<string, unknown>>) => signer.sign(claims),
    verify: (token: string) => verifier.verify(token),
    jwks: () => verifier.jwks(),
  };
  const server = await ApiServer.start(
    {
      kv,
      clock: wallClock,
      prng: new Prng('https'),
      log: silentLogger,
      ...(nodes ? { nodes } : {}),
      parts: (core) =>
        newServerParts(core, {
          version: '0.0.0',
          wallClock,
          serviceAccountKeys: keys,
          clientCa: pki.ca.cert,
          advertise: () => ({ address: '192.0.2.1', port: 6443 }),
          ...parts,
        }),
    },
    { definitions: builtinResources, schemas: loadBuiltinSchema() },
  );
  const https = new HttpsDoor(
    { dispatch: server.handle, wallClock, log: silentLogger },
    { port: 0, cert: pki.apiserver.cert, key: pki.apiserver.key, clientCa: pki.ca.cert, ...door },
  );
  const { port } = await https.listen();
  return {
    server,
    door: https,
    kv,
    pki,
    port,
    ask: (method, path, options = {}) => ask(pki, port, method, path, options),
    async close() {
      await https.close(100);
      await server.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function ask(pki: ClusterPki, port: number, method: string, path: string, options: Ask): Promise<Answer> {
  const certificate = options.certificate === undefined ? pki.admin : options.certificate;
  const payload =
    options.body === undefined
      ? undefined
      : typeof options.body === 'string' || options.body instanceof Uint8Array
        ? options.body
        : JSON.stringify(options.body);
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        ca: pki.ca.cert,
        servername: 'localhost',
        agent: false,
        ...(certificate ? { cert: certificate.cert, key: certificate.key } : {}),
        headers: {
          ...(payload === undefined
            ? {}
            : {
                'content-type': options.contentType ?? 'application/json',
                'content-length': Buffer.byteLength(payload),
              }),
          ...options.headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          const text = bytes.toString('utf8');
          const isJson = (response.headers['content-type'] ?? '').startsWith('application/json');
          const plain = response.headers['content-encoding'] === undefined;
          resolve({
            code: response.statusCode!,
            headers: response.headers,
            bytes,
            text,
            body: isJson && plain && text !== '' ? JSON.parse(text) : undefined,
          });
        });
      },
    );
    request.on('error', reject);
    request.end(payload);
  });
}
