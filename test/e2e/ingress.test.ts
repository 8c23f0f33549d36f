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
  expect((await get('shop.test', '/', { body: 'x'.repeat(2 << 20) })).code).toBe(413);
});

const annotated = async (
  name: string,
  host: string,
  path: string,
  service: string,
  annotations: Record<string, string>,
) => {
  const manifest = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: {
      name,
      annotations: Object.fromEntries(
        Object.entries(annotations).map(([key, value]) => [`nginx.ingress.kubernetes.io/${key}`, value]),
      ),
    },
    spec: {
      rules: [
        {
          host,
          http: {
            paths: [
              {
                path,
                pathType: 'ImplementationSpecific',
                backend: { service: { name: service, port: { number: 80 } } },
              },
            ],
          },
        },
      ],
    },
  };
  expect((await lab.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify(manifest) })).stderr).toBe('');
};
const curl = async (...words: string[]) =>
  execFileSync('curl', ['-sS', '--max-time', '10', ...words], { encoding: 'utf8' });

it('rewrites, redirects and limits are those of the annotations', async () => {
  await annotated('rewrite', 'rewrite.test', '/api(/|$)(.*)', 'shop', { 'rewrite-target': '/v1/$2' });
  const rewritten = await eventually(
    () => get('rewrite.test', '/api/users?id=7'),
    ({ code }) => code === 200,
  );
  expect(rewritten.body).toContain('/v1/users?id=7');
  await annotated('moved', 'gone.test', '/', 'shop', { 'permanent-redirect': 'https://new.example/x' });
  await annotated('root', 'root.test', '/', 'shop', { 'app-root': '/start', 'proxy-body-size': '8k' });
  await eventually(
    () => get('root.test', '/'),
    ({ code }) => code === 302,
  );
  expect(await get('gone.test', '/a')).toMatchObject({ code: 301, headers: { location: 'https://new.example/x' } });
  expect(await get('root.test', '/')).toMatchObject({ headers: { location: 'http://root.test/start' } });
  expect((await get('root.test', '/x', { body: 'x'.repeat(8192) })).code).toBe(200);
  expect((await get('root.test', '/x', { body: 'x'.repeat(8193) })).code).toBe(413);
});

it('a browser comes back to its pod, and a password opens what is closed', async () => {
  await lab.kubectl('scale', 'deployment', 'cart', '--replicas=3');
  await lab.kubectl('wait', '--for=condition=Available', 'deployment', 'cart', '--timeout=60s');
  await lab.kubectl('rollout', 'status', 'deployment', 'cart');
  await annotated('sticky', 'sticky.test', '/', 'cart', {
    affinity: 'cookie',
    'session-cookie-name': 'route',
    'session-cookie-max-age': '60',
  });
  const first = await eventually(
    () => get('sticky.test', '/'),
    ({ code }) => code === 200,
  );
  const line = String(first.headers['set-cookie']);
  expect(line).toMatch(/^route=[0-9a-f]{32}; Max-Age=60; Path=\/; HttpOnly$/);
  const pod = /cart-\w+-\w+/.exec(first.body)![0];
  for (let i = 0; i < 8; i++) {
    const again = await get('sticky.test', '/', { headers: { cookie: line.split(';')[0]! } });
    expect(again.body).toContain(pod);
    expect(again.headers['set-cookie']).toBeUndefined();
  }
  const hash = execFileSync('openssl', ['passwd', '-apr1', 's3cret'], { encoding: 'utf8' }).trim();
  await lab.kubectl('create', 'secret', 'generic', 'users', `--from-literal=auth=eve:${hash}`);
  await annotated('closed', 'closed.test', '/', 'shop', {
    'auth-type': 'basic',
    'auth-secret': 'users',
    'auth-realm': 'Staff only',
  });
  const closed = await eventually(
    () => get('closed.test', '/'),
    ({ code }) => code === 401,
  );
  expect(closed.headers['www-authenticate']).toBe('Basic realm="Staff only"');
  const as = (user: string) =>
    get('closed.test', '/', { headers: { authorization: `Basic ${Buffer.from(user).toString('base64')}` } });
  expect((await as('eve:s3cret')).code).toBe(200);
  expect((await as('eve:wrong')).code).toBe(401);
});

it('HTTP/2, upgrades, and the address that kubectl shows', async () => {
  const secure = ['-k', '--resolve', `shop.test:${https}:127.0.0.1`];
  expect(
    await curl(
      '--http2',
      ...secure,
      '-o',
      '/dev/null',
      '-w',
      '%{http_version} %{http_code}',
      `https://shop.test:${https}/`,
    ),
  ).toBe('2 200');
  expect(
    await curl(
      '--http1.1',
      ...secure,
      '-o',
      '/dev/null',
      '-w',
      '%{http_version} %{http_code}',
      `https://shop.test:${https}/`,
    ),
  ).toBe('1.1 200');
  // Simulated servers speak no WebSocket: their plain answer comes through the tunnel.
  const upgraded = await curl(
    '-i',
    '-H',
    'Host: shop.test',
    '-H',
    'Connection: Upgrade',
    '-H',
    'Upgrade: websocket',
    `http://127.0.0.1:${http}/socket`,
  );
  expect(upgraded).toMatch(/^HTTP\/1\.1 200/);
  expect(upgraded).toMatch(/shop-/);
  const address = await eventually(
    () => lab.kubectl('get', 'ingress', 'shop', '-o', 'jsonpath={.status.loadBalancer.ingress[0].ip}'),
    (ip) => ip !== '',
  );
  expect(address).toMatch(/^127\./);
  if (process.getuid?.() === 0) {
    expect(await curl('-H', 'Host: shop.test', `http://${address}/`)).toMatch(/shop-/);
    expect(
      await curl('-o', '/dev/null', '-w', '%{redirect_url}', '-H', 'Host: secure.test', `http://${address}/x`),
    ).toBe('https://secure.test/x');
  }
});

it('a certificate that changes is shown at once', async () => {
  await lab.kubectl('delete', 'secret', 'secure-tls');
  expect((await get('secure.test', '/', { tls: true })).certificate).not.toBe('secure.test');
  await lab.kubectl(
    'create',
    'secret',
    'tls',
    'secure-tls',
    `--cert=${join(lab.home, 'tls.crt')}`,
    `--key=${join(lab.home, 'tls.key')}`,
  );
  expect((await get('secure.test', '/', { tls: true })).certificate).toBe('secure.test');
});

it('an Ingress that takes what another has is told', async () => {
  await annotated('twin', 'sticky.test', '/', 'shop', { 'server-snippet': 'return 200;' });
  const events = await eventually(
    async () => {
      await get('sticky.test', '/');
      return lab.kubectl(
        'get',
        'events',
        '--field-selector=reason=IngressProblem',
        '-o',
        'jsonpath={.items[*].message}',
      );
    },
    (text) => text.includes('server-snippet') && text.includes('already defined'),
  );
  expect(events).toContain('host "sticky.test" and path "/" is already defined in ingress default/sticky');
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
