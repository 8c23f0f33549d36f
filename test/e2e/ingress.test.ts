/** Ingresses on a port of this machine: hosts, paths, TLS with SNI, canaries, what is wrong said, ports kept. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, Lab } from '../helpers/lab.ts';

const lab = new Lab();
let http: number;
let https: number;

interface Got {
  readonly code: number;
  readonly body: string;
  readonly headers: Record<string, unknown>;
  readonly certificate?: string;
}

function get(
  host: string,
  path: string,
  options: { tls?: boolean; headers?: Record<string, string>; body?: string } = {},
): Promise<Got> {
  const { tls = false, headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const make = tls ? httpsRequest : httpRequest;
    const sent = make(
      {
        host: '127.0.0.1',
        port: tls ? https : http,
        path,
        method: body === undefined ? 'GET' : 'POST',
        headers: { host, ...headers },
        agent: false,
        ...(tls ? { servername: host, rejectUnauthorized: false } : {}),
      },
      (answer) => {
        const certificate = tls ? (answer.socket as TLSSocket).getPeerCertificate().subject.CN : undefined;
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk) => {
          text += chunk;
        });
        answer.on('end', () =>
          resolve({
            code: answer.statusCode!,
            body: text,
            headers: answer.headers,
            ...(certificate ? { certificate: String(certificate) } : {}),
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

const service = (name: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  replicas: 1
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec: {containers: [{name: main, image: example.com/${name}:1, ports: [{name: web, containerPort: 8000}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: ${name}}, ports: [{name: http, port: 80, targetPort: web}]}
`;

const manifests = `
${service('shop')}
---
${service('cart')}
---
${service('next')}
---
apiVersion: v1
kind: Service
metadata: {name: nobody}
spec: {selector: {app: nobody}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop}
spec:
  tls: [{hosts: [secure.test], secretName: secure-tls}]
  rules:
  - host: shop.test
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: shop, port: {name: http}}}}
      - {path: /cart, pathType: Prefix, backend: {service: {name: cart, port: {number: 80}}}}
      - {path: /nobody, pathType: Exact, backend: {service: {name: nobody, port: {number: 80}}}}
  - host: secure.test
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop-next
  annotations:
    nginx.ingress.kubernetes.io/canary: "true"
    nginx.ingress.kubernetes.io/canary-by-header: X-Next
spec:
  rules:
  - host: shop.test
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: next, port: {number: 80}}}}]}
`;

const ports = async () => {
  const { ingress } = JSON.parse(await lab.klab('status', '-o', 'json'));
  return ingress === undefined
    ? undefined
    : { http: Number(new URL(ingress.http).port), https: Number(new URL(ingress.https).port) };
};

beforeAll(async () => {
  await lab.klab('up');
  expect(await ports()).toBeUndefined();
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-subj', '/CN=secure.test', '-addext', 'subjectAltName=DNS:secure.test'],
      ...['-keyout', join(lab.home, 'tls.key'), '-out', join(lab.home, 'tls.crt')],
    ],
    { stdio: 'ignore' },
  );
  expect(readFileSync(join(lab.home, 'tls.crt'), 'utf8')).toContain('BEGIN CERTIFICATE');
  await lab.kubectl(
    'create',
    'secret',
    'tls',
    'secure-tls',
    `--cert=${join(lab.home, 'tls.crt')}`,
    `--key=${join(lab.home, 'tls.key')}`,
  );
  const applied = await lab.tryKubectl(['apply', '-f', '-'], { input: manifests });
  expect(applied.stderr).toBe('');
  await lab.kubectl('wait', '--for=condition=Available', 'deployment', '--all', '--timeout=60s');
  const found = await eventually(ports, (seen) => seen !== undefined);
  ({ http, https } = found!);
}, 120_000);
afterAll(() => lab.dispose());

it('paths go to their Services, and backends learn where the request came from', async () => {
  const root = await get('shop.test', '/hello');
  expect(root.code).toBe(200);
  expect(root.body).toMatch(/shop-/);
  expect(root.body).toContain('x-forwarded-host');
  expect((await get('shop.test', '/cart/1')).body).toMatch(/cart-/);
  expect((await get('shop.test', '/cart', { body: 'item=1' })).code).toBe(200);
});

it('a host with TLS shows its own certificate, and sends plain requests there', async () => {
  expect(await get('secure.test', '/x', { tls: true })).toMatchObject({ code: 200, certificate: 'secure.test' });
  expect(await get('secure.test', '/x?y=1')).toMatchObject({
    code: 308,
    headers: { location: `https://secure.test:${https}/x?y=1` },
  });
  expect((await get('shop.test', '/', { tls: true })).certificate).not.toBe('secure.test');
});

it('a canary takes the requests that ask for it', async () => {
  expect((await get('shop.test', '/', { headers: { 'x-next': 'always' } })).body).toMatch(/next-/);
  expect((await get('shop.test', '/', { headers: { 'x-next': 'never' } })).body).toMatch(/shop-/);
});

it('what cannot be served is said', async () => {
  expect(await get('other.test', '/')).toMatchObject({
    code: 404,
    body: expect.stringContaining('no Ingress has a rule for host other.test'),
  });
  expect(await get('shop.test', '/nobody')).toMatchObject({
    code: 503,
    body: expect.stringContaining('Service default/nobody'),
  });
  expect((await get('shop.test', '/', { body: 'x'.repeat(2 << 20) }).catch(() => ({ code: 413 }))).code).toBe(413);
});

it('changes are served at once; after a restart on the same ports', async () => {
  await lab.kubectl(
    'patch',
    'ingress',
    'shop',
    '--type=json',
    '-p',
    '[{"op":"replace","path":"/spec/rules/0/host","value":"moved.test"}]',
  );
  await eventually(
    () => get('moved.test', '/'),
    ({ code }) => code === 200,
  );
  expect((await get('shop.test', '/')).code).toBe(404);
  await lab.klab('down');
  await lab.klab('up');
  expect(await eventually(ports, (seen) => seen !== undefined)).toEqual({ http, https });
  await eventually(
    () => get('moved.test', '/').catch(() => ({ code: 0 })),
    ({ code }) => code === 200,
  );
});
