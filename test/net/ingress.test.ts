import { describe, expect, it } from 'vitest';
import type { Ingress } from '../../src/api/index.ts';
import { type IngressRequest, IngressTable } from '../../src/net/index.ts';

let age = 0;
type Path = readonly [path: string, service: string, type?: 'Exact' | 'Prefix' | 'ImplementationSpecific'];
function ingress(
  name: string,
  hosts: Readonly<Record<string, readonly Path[]>>,
  more: { annotations?: Record<string, string>; spec?: Partial<NonNullable<Ingress['spec']>>; namespace?: string } = {},
): Ingress {
  const backend = (service: string) => ({ service: { name: service, port: { number: 80 } } });
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: {
      name,
      namespace: more.namespace ?? 'shop',
      creationTimestamp: `2026-01-01T00:00:${String(age++).padStart(2, '0')}Z`,
      annotations: Object.fromEntries(
        Object.entries(more.annotations ?? {}).map(([key, value]) => [`nginx.ingress.kubernetes.io/${key}`, value]),
      ),
    },
    spec: {
      rules: Object.entries(hosts).map(([host, paths]) => ({
        ...(host === '' ? {} : { host }),
        http: {
          paths: paths.map(([path, service, pathType = 'Prefix']) => ({ path, pathType, backend: backend(service) })),
        },
      })),
      ...more.spec,
    },
  };
}

const request = (url: string, more: Partial<IngressRequest> = {}): IngressRequest => {
  const { hostname, pathname, protocol } = new URL(url);
  return { host: hostname, path: pathname, tls: protocol === 'https:', headers: {}, random: 0.5, ...more };
};
function go(table: IngressTable, url: string, more: Partial<IngressRequest> = {}): string {
  const answer = table.route(request(url, more));
  return answer.kind === 'backend' ? answer.route.target.service : answer.kind;
}

describe('hosts', () => {
  const table = new IngressTable([
    ingress('a', { 'web.example.com': [['/', 'web']], '*.example.com': [['/', 'any']], '': [['/', 'all']] }),
  ]);
  it.each([
    ['http://web.example.com/', 'web'],
    ['http://WEB.example.com/', 'web'],
    ['http://other.example.com/', 'any'],
    ['http://a.b.example.com/', 'all'],
    ['http://example.com/', 'all'],
  ])('%s goes to %s', (url, service) => expect(go(table, url)).toBe(service));
});

describe('paths', () => {
  const table = new IngressTable([
    ingress('a', {
      h: [
        ['/', 'root'],
        ['/foo', 'foo'],
        ['/foo/bar/', 'bar'],
        ['/foo', 'exact', 'Exact'],
        ['/only', 'only', 'Exact'],
        ['/impl', 'impl', 'ImplementationSpecific'],
      ],
    }),
  ]);
  it.each([
    ['/', 'root'],
    ['/foo', 'exact'],
    ['/foo/', 'foo'],
    ['/foo/x', 'foo'],
    ['/foobar', 'root'],
    ['/foo/bar', 'bar'],
    ['/foo/bar/baz', 'bar'],
    ['/foo/barbaz', 'foo'],
    ['/only', 'only'],
    ['/only/', 'root'],
    ['/impl/deep', 'impl'],
  ])('%s goes to %s', (path, service) => expect(go(table, `http://h${path}`)).toBe(service));
});

it('what no rule takes goes to the default backend of the host, then of all, else nowhere', () => {
  const fallback = (service: string) => ({ defaultBackend: { service: { name: service, port: { number: 80 } } } });
  const rules = ingress('a', { 'a.com': [['/x', 'x']] }, { spec: fallback('of-a') });
  const plain = ingress('b', { 'b.com': [['/x', 'x']] });
  const all = ingress('c', {}, { spec: fallback('of-all') });
  expect(go(new IngressTable([rules, plain, all]), 'http://a.com/y')).toBe('of-a');
  expect(go(new IngressTable([rules, plain, all]), 'http://b.com/y')).toBe('of-all');
  expect(go(new IngressTable([rules, plain, all]), 'http://c.com/')).toBe('of-all');
  const none = new IngressTable([rules, plain]);
  expect(none.route(request('http://b.com/y'))).toEqual({ kind: 'none', why: 'no path of host b.com matches /y' });
  expect(none.route(request('http://c.com/'))).toEqual({ kind: 'none', why: 'no Ingress has a rule for host c.com' });
});

it('the older of two Ingresses wins a path that both have', () => {
  const older = ingress('z-older', { h: [['/', 'old']] });
  const newer = ingress('a-newer', {
    h: [
      ['/', 'new'],
      ['/more', 'more'],
    ],
  });
  const table = new IngressTable([newer, older]);
  expect(go(table, 'http://h/')).toBe('old');
  expect(go(table, 'http://h/more')).toBe('more');
});

it('a host with TLS redirects plain requests unless told not to, and has the certificate of its name or wildcard', () => {
  const tls = { tls: [{ hosts: ['s.com', '*.s.com'], secretName: 'cert' }] };
  const table = new IngressTable([ingress('a', { 's.com': [['/', 'web']], 'x.s.com': [['/', 'x']] }, { spec: tls })]);
  expect(go(table, 'http://s.com/')).toBe('redirect');
  expect(go(table, 'https://s.com/')).toBe('web');
  expect(go(table, 'http://x.s.com/')).toBe('redirect');
  expect(table.certificate('X.s.com')).toEqual({ namespace: 'shop', secret: 'cert', ingress: 'shop/a' });
  expect(table.certificate('a.b.s.com')).toBeUndefined();
  const open = ingress('b', { 's.com': [['/', 'web']] }, { spec: tls, annotations: { 'ssl-redirect': 'false' } });
  expect(go(new IngressTable([open]), 'http://s.com/')).toBe('web');
});

describe('canaries', () => {
  const main = ingress('main', { h: [['/', 'stable']] });
  const withCanary = (annotations: Record<string, string>) =>
    new IngressTable([
      main,
      ingress('canary', { h: [['/', 'canary']] }, { annotations: { canary: 'true', ...annotations } }),
    ]);
  it.each<[string, Record<string, string>, Partial<IngressRequest>, string]>([
    ['by weight, within', { 'canary-weight': '20' }, { random: 0.19 }, 'canary'],
    ['by weight, beyond', { 'canary-weight': '20' }, { random: 0.2 }, 'stable'],
    ['of another total', { 'canary-weight': '20', 'canary-weight-total': '1000' }, { random: 0.03 }, 'stable'],
    ['by header: always', { 'canary-by-header': 'X-Canary' }, { headers: { 'x-canary': 'always' } }, 'canary'],
    [
      'by header: never beats the weight',
      { 'canary-by-header': 'X-Canary', 'canary-weight': '100' },
      { headers: { 'x-canary': 'never' } },
      'stable',
    ],
    [
      'by header: anything else falls to the weight',
      { 'canary-by-header': 'X-Canary', 'canary-weight': '100' },
      { headers: { 'x-canary': 'x' } },
      'canary',
    ],
    [
      'by the header’s value',
      { 'canary-by-header': 'X-Region', 'canary-by-header-value': 'eu' },
      { headers: { 'x-region': 'eu' } },
      'canary',
    ],
    [
      'by another value',
      { 'canary-by-header': 'X-Region', 'canary-by-header-value': 'eu' },
      { headers: { 'x-region': 'always' } },
      'stable',
    ],
    ['by cookie', { 'canary-by-cookie': 'try' }, { headers: { cookie: 'a=b; try=always' } }, 'canary'],
    ['not at all', {}, { random: 0 }, 'stable'],
  ])('%s', (_, annotations, more, service) => expect(go(withCanary(annotations), 'http://h/', more)).toBe(service));

  it('alone serve nothing', () => {
    const alone = new IngressTable([
      ingress('canary', { h: [['/', 'canary']] }, { annotations: { canary: 'true', 'canary-weight': '100' } }),
    ]);
    expect(go(alone, 'http://h/')).toBe('none');
  });
});

describe('annotations', () => {
  const route = (table: IngressTable, url: string, more: Partial<IngressRequest> = {}) =>
    table.route(request(url, more));
  const sends = (table: IngressTable, url: string) => {
    const found = route(table, url);
    return found.kind === 'backend' ? `${found.route.target.service} ${found.route.sends}` : found.kind;
  };
  const anyType = 'ImplementationSpecific' as const;

  it.each([
    ['http://a.test/something', 'web /'],
    ['http://a.test/something/', 'web /'],
    ['http://a.test/something/new', 'web /new'],
    ['http://a.test/SOMETHING/new', 'web /new'],
    ['http://a.test/other', 'none'],
  ])('rewrite-target with groups: %s', (url, expected) => {
    const annotations = { 'rewrite-target': '/$2' };
    const table = new IngressTable([
      ingress('r', { 'a.test': [['/something(/|$)(.*)', 'web', anyType]] }, { annotations }),
    ]);
    expect(sends(table, url)).toBe(expected);
  });

  it('rewrite-target without groups is all that is asked for', () => {
    const table = new IngressTable([
      ingress('r', { 'a.test': [['/old', 'web']] }, { annotations: { 'rewrite-target': '/new' } }),
    ]);
    expect(sends(table, 'http://a.test/old/deep')).toBe('web /new');
  });

  it('one Ingress with expressions makes those of its host expressions, not those of others', () => {
    const table = new IngressTable([
      ingress('a', { 'a.test': [['/foo/[0-9]+', 'numbers', anyType]] }, { annotations: { 'use-regex': 'true' } }),
      ingress('b', { 'a.test': [['/bar', 'bar']], 'b.test': [['/bar', 'bar']] }),
    ]);
    expect(sends(table, 'http://a.test/foo/12')).toBe('numbers /foo/12');
    expect(sends(table, 'http://a.test/foo/x')).toBe('none');
    expect(sends(table, 'http://a.test/BARefoot')).toBe('bar /BARefoot');
    expect(sends(table, 'http://b.test/barefoot')).toBe('none');
  });

  it.each([
    [{ 'permanent-redirect': 'https://www.example.com' }, { code: 301, location: 'https://www.example.com' }],
    [
      { 'permanent-redirect': '/a', 'permanent-redirect-code': '308' },
      { code: 308, location: '/a' },
    ],
    [{ 'permanent-redirect': '/a', 'permanent-redirect-code': '200' }, { code: 301 }],
    [{ 'temporal-redirect': '/b' }, { code: 302, location: '/b' }],
    [{ 'temporal-redirect': '/b', 'temporal-redirect-code': '307' }, { code: 307 }],
    [{ 'app-root': '/app' }, { code: 302, location: '/app' }],
    [{ 'force-ssl-redirect': 'true' }, { code: 308 }],
  ])('%j redirects', (annotations, expected) => {
    const table = new IngressTable([ingress('r', { 'a.test': [['/', 'web']] }, { annotations })]);
    expect(route(table, 'http://a.test/')).toMatchObject({ kind: 'redirect', ingress: 'shop/r', ...expected });
  });

  it('app-root is of the root alone', () => {
    const table = new IngressTable([
      ingress('r', { 'a.test': [['/', 'web']] }, { annotations: { 'app-root': '/app' } }),
    ]);
    expect(sends(table, 'http://a.test/app')).toBe('web /app');
  });

  it('a canary by the pattern of a header, unless a value is there', () => {
    const canary = (more: Record<string, string>) =>
      new IngressTable([
        ingress('a', { 'a.test': [['/', 'web']] }),
        ingress(
          'c',
          { 'a.test': [['/', 'next']] },
          { annotations: { canary: 'true', 'canary-by-header': 'X-Region', ...more } },
        ),
      ]);
    const byPattern = canary({ 'canary-by-header-pattern': '^eu-.*' });
    expect(go(byPattern, 'http://a.test/', { headers: { 'x-region': 'eu-1' } })).toBe('next');
    expect(go(byPattern, 'http://a.test/', { headers: { 'x-region': 'us-1' } })).toBe('web');
    const byValue = canary({ 'canary-by-header-pattern': '^eu-.*', 'canary-by-header-value': 'asia' });
    expect(go(byValue, 'http://a.test/', { headers: { 'x-region': 'eu-1' } })).toBe('web');
    expect(go(byValue, 'http://a.test/', { headers: { 'x-region': 'asia' } })).toBe('next');
  });

  it('the older of two namespaces keeps a host and path, and the younger is told', () => {
    const table = new IngressTable([
      ingress('mine', { 'a.test': [['/', 'first']] }, { namespace: 'one' }),
      ingress('theirs', { 'a.test': [['/', 'second']] }, { namespace: 'two' }),
    ]);
    expect(go(table, 'http://a.test/')).toBe('first');
    expect(table.problems).toEqual([
      { ingress: 'two/theirs', message: 'host "a.test" and path "/" is already defined in ingress one/mine' },
    ]);
  });

  it('what cannot be done is said', () => {
    const annotations = {
      'proxy-body-size': 'much',
      'server-snippet': 'return 200;',
      'backend-protocol': 'GRPC',
      'ssl-redirect': 'false',
      'whitelist-source-range': '10.0.0.0/8, nowhere',
    };
    const table = new IngressTable([ingress('r', { 'a.test': [['/(', 'web', anyType]] }, { annotations })]);
    expect(table.problems.map(({ message }) => message.replaceAll('nginx.ingress.kubernetes.io/', ''))).toEqual([
      'annotation server-snippet is not served by klab: it does nothing here',
      'annotation backend-protocol: simulated pods speak plain HTTP only, not GRPC',
      'annotation whitelist-source-range has an invalid value "10.0.0.0/8, nowhere"',
      'annotation proxy-body-size has an invalid value "much"',
      'path "/(" is no regular expression',
    ]);
  });
});
