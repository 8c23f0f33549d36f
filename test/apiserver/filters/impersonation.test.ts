import { describe, expect, it } from 'vitest';
import { StatusError } from '../../../src/apimachinery/index.ts';
import { impersonate } from '../../../src/apiserver/filters/impersonation.ts';
import { parseRequestInfo } from '../../../src/apiserver/filters/request-info.ts';
import type { AuthorizationAttributes, ServerRequest, UserInfo } from '../../../src/apiserver/types.ts';

type Headers = Readonly<Record<string, string | readonly string[]>>;

/** What was asked, as `verb resource/subresource name`. */
const asText = ({ verb, apiGroup, namespace, resource, subresource, name, path }: AuthorizationAttributes) =>
  [
    verb,
    `${resource || path}${subresource === '' ? '' : `/${subresource}`}${apiGroup === '' ? '' : `.${apiGroup}`}`,
    ...(namespace === '' ? [] : [`in:${namespace}`]),
    ...(name === '' ? [] : [name]),
  ].join(' ');

function attempt(
  headers: Headers,
  more: { allowed?: (asked: string) => boolean; requestor?: UserInfo; path?: string; constrained?: boolean } = {},
): { user?: UserInfo; message?: string; code?: number; asked: string[]; attributes: AuthorizationAttributes[] } {
  const asked: string[] = [];
  const attributes: AuthorizationAttributes[] = [];
  const path = more.path ?? '/api/v1/namespaces/ns/pods';
  const query = new URLSearchParams();
  const request: ServerRequest = {
    method: 'GET',
    path,
    query,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')])),
    repeatedHeaders: Object.fromEntries(
      Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' ? [] : [[name, value]])),
    ),
    signal: new AbortController().signal,
  };
  const authorizer = {
    authorize(each: AuthorizationAttributes) {
      asked.push(asText(each));
      attributes.push(each);
      return {
        decision: (more.allowed?.(asText(each)) ?? true) ? ('allow' as const) : ('noOpinion' as const),
        reason: '',
      };
    },
  };
  const requestor = more.requestor ?? { name: 'jane', groups: ['dev'] };
  const options = more.constrained === undefined ? {} : { constrained: more.constrained };
  try {
    const user = impersonate(request, parseRequestInfo('GET', path, query), requestor, authorizer, options);
    return { user, asked, attributes };
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { message: error.message, code: error.code, asked, attributes };
  }
}

const legacyOnly = (asked: string) => asked.startsWith('impersonate ');
const bob: Headers = {
  'impersonate-user': 'bob',
  'impersonate-group': ['g1', 'g2'],
  'impersonate-uid': '7',
  'impersonate-extra-example.com%2fscopes': 'view',
};

describe('impersonation', () => {
  it('is for every part of a user on its own, after the request itself', () => {
    const { user, asked } = attempt(bob);
    expect(user).toEqual({
      name: 'bob',
      groups: ['g1', 'g2', 'system:authenticated'],
      uid: '7',
      extra: { 'example.com/scopes': ['view'] },
    });
    expect(asked).toEqual([
      'impersonate-on:user-info:list pods in:ns',
      'impersonate:user-info users.authentication.k8s.io bob',
      'impersonate:user-info uids.authentication.k8s.io 7',
      'impersonate:user-info groups.authentication.k8s.io g1',
      'impersonate:user-info groups.authentication.k8s.io g2',
      'impersonate:user-info userextras/example.com/scopes.authentication.k8s.io view',
    ]);
  });

  it('goes back to the old verb, which knows users and groups of the core group', () => {
    const { user, asked } = attempt(bob, { allowed: legacyOnly });
    expect(user?.name).toBe('bob');
    expect(asked).toEqual([
      'impersonate-on:user-info:list pods in:ns',
      'impersonate users bob',
      'impersonate uids.authentication.k8s.io 7',
      'impersonate groups g1',
      'impersonate groups g2',
      'impersonate userextras/example.com/scopes.authentication.k8s.io view',
    ]);
    expect(attempt(bob, { constrained: false }).asked).toEqual(asked.slice(1));
  });

  it.each([
    ['bob', [], 'user-info', 'users.authentication.k8s.io bob', ['system:authenticated']],
    ['system:anonymous', [], 'user-info', 'users.authentication.k8s.io system:anonymous', ['system:unauthenticated']],
    ['bob', ['system:unauthenticated'], 'user-info', 'users.authentication.k8s.io bob', ['system:unauthenticated']],
    [
      'system:serviceaccount:a:bot',
      [],
      'serviceaccount',
      'serviceaccounts.authentication.k8s.io in:a bot',
      ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'],
    ],
    [
      'system:node:n1',
      [],
      'arbitrary-node',
      'nodes.authentication.k8s.io n1',
      ['system:nodes', 'system:authenticated'],
    ],
    // No name of a node: anybody's.
    ['system:node:N_1', [], 'user-info', 'users.authentication.k8s.io system:node:N_1', ['system:authenticated']],
  ])('%s %j is of mode %s', (name, groups, mode, question, expected) => {
    const headers = { 'impersonate-user': name, ...(groups.length > 0 ? { 'impersonate-group': groups } : {}) };
    const { user, asked } = attempt(headers);
    expect(asked.slice(0, 2)).toEqual([`impersonate-on:${mode}:list pods in:ns`, `impersonate:${mode} ${question}`]);
    expect(user).toMatchObject({ name, groups: expected });
  });

  it('a node or service account with groups is left to the old verb', () => {
    for (const name of ['system:node:n1', 'system:serviceaccount:a:bot']) {
      const { asked, user } = attempt({ 'impersonate-user': name, 'impersonate-group': 'g' });
      expect(asked[0]).toMatch(/^impersonate (users|serviceaccounts)/);
      expect(user!.groups).toEqual(['g', 'system:authenticated']);
    }
  });

  it('a service account acts as its own node without being told which one it is', () => {
    const requestor = {
      name: 'system:serviceaccount:kube-system:agent',
      groups: [],
      extra: { 'authentication.kubernetes.io/node-name': ['n1'], 'authentication.kubernetes.io/pod-name': ['p'] },
    };
    const { asked, attributes, user } = attempt({ 'impersonate-user': 'system:node:n1' }, { requestor });
    expect(asked).toEqual([
      'impersonate-on:associated-node:list pods in:ns',
      'impersonate:associated-node nodes.authentication.k8s.io *',
    ]);
    expect(attributes[0]!.user.extra).toEqual({
      'authentication.kubernetes.io/associated-node-keys': [
        'authentication.kubernetes.io/node-name',
        'authentication.kubernetes.io/pod-name',
      ],
    });
    expect(user).toEqual({ name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] });
    const other = attempt({ 'impersonate-user': 'system:node:n2' }, { requestor });
    expect(other.asked[0]).toBe('impersonate-on:arbitrary-node:list pods in:ns');
  });

  it('asks for all groups and extras at once when there are many', () => {
    const headers = {
      'impersonate-user': 'bob',
      'impersonate-group': ['a', 'b', 'c', 'd'],
      'impersonate-extra-x.io%2fy': ['1', '2', '3', '4'],
    };
    expect(attempt(headers).asked.slice(2)).toEqual([
      'impersonate:user-info groups.authentication.k8s.io *',
      'impersonate:user-info userextras/*.authentication.k8s.io *',
    ]);
    const each = attempt(headers, { allowed: (asked) => !asked.includes('*') });
    expect(each.asked.slice(3, 7).map((text) => text.at(-1))).toEqual(['a', 'b', 'c', 'd']);
    expect(each.user?.name).toBe('bob');
  });

  it('system:masters and odd extras are for the old verb only', () => {
    const constrainedOnly = { allowed: (asked: string) => !legacyOnly(asked) };
    const tried: [Headers, string][] = [
      [
        { 'impersonate-group': 'system:masters' },
        'groups.authentication.k8s.io "system:masters" is forbidden: User "jane" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the system:masters group is not allowed',
      ],
      [
        { 'impersonate-group': [''] },
        'groups.authentication.k8s.io is forbidden: User "jane" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the empty string group is not allowed',
      ],
      [
        { 'impersonate-extra-scopes': 'view' },
        'userextras.authentication.k8s.io is forbidden: User "jane" cannot impersonate:user-info resource "userextras" in API group "authentication.k8s.io" at the cluster scope: impersonating an invalid key in extra is not allowed: extra.key: Invalid value: "scopes": must be a domain-prefixed path (such as "acme.io/foo")',
      ],
      [
        { 'impersonate-extra-x.io%2fy': [''] },
        'userextras.authentication.k8s.io is forbidden: User "jane" cannot impersonate:user-info resource "userextras" in API group "authentication.k8s.io" at the cluster scope: impersonating the empty string value in extra is not allowed',
      ],
    ];
    for (const [headers, message] of tried) {
      expect(attempt({ 'impersonate-user': 'bob', ...headers }, constrainedOnly).message).toBe(message);
      expect(attempt({ 'impersonate-user': 'bob', ...headers }).user?.name).toBe('bob');
    }
  });

  it.each([
    [
      '/api/v1/namespaces/ns/pods',
      'pods is forbidden: User "jane" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "ns"',
    ],
    ['/version', 'forbidden: User "jane" cannot impersonate-on:user-info:get path "/version"'],
  ])('is refused in the words of the first mode that applies: %s', (path, message) => {
    expect(attempt({ 'impersonate-user': 'bob' }, { allowed: () => false, path })).toMatchObject({
      code: 403,
      message,
    });
  });

  it('is refused in the old words when the gate is off', () => {
    expect(attempt({ 'impersonate-user': 'bob' }, { allowed: () => false, constrained: false }).message).toBe(
      'users "bob" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
  });

  it.each([
    [
      { 'impersonate-group': ['a', 'b'] },
      'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"a", "b"}, Extra:map[string][]string(nil)} without impersonating a user name',
    ],
    [
      { 'impersonate-uid': '7', 'impersonate-extra-k': 'v' },
      'requested &user.DefaultInfo{Name:"", UID:"7", Groups:[]string(nil), Extra:map[string][]string{"k":[]string{"v"}}} without impersonating a user name',
    ],
  ])('needs a user: %j', (headers, message) => {
    expect(attempt(headers)).toMatchObject({ code: 400, message, asked: [] });
  });
});
