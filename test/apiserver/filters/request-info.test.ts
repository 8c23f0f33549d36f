import { describe, expect, it } from 'vitest';
import { isLongRunning, parseRequestInfo } from '../../../src/apiserver/filters/request-info.ts';

function parse(method: string, target: string) {
  const [path, query] = target.split('?');
  return parseRequestInfo(method, path!, new URLSearchParams(query));
}

// method, target, verb, group, version, namespace, resource, subresource, name
const resourceRequests: [string, string, string, string, string, string, string, string, string][] = [
  ['GET', '/api/v1/namespaces', 'list', '', 'v1', '', 'namespaces', '', ''],
  ['GET', '/api/v1/namespaces/other', 'get', '', 'v1', 'other', 'namespaces', '', 'other'],
  ['PUT', '/api/v1/namespaces/other/finalize', 'update', '', 'v1', 'other', 'namespaces', 'finalize', 'other'],
  ['PATCH', '/api/v1/namespaces/other/status', 'patch', '', 'v1', 'other', 'namespaces', 'status', 'other'],
  ['GET', '/api/v1/namespaces/other/pods', 'list', '', 'v1', 'other', 'pods', '', ''],
  ['GET', '/api/v1/namespaces/other/pods/foo', 'get', '', 'v1', 'other', 'pods', '', 'foo'],
  ['HEAD', '/api/v1/namespaces/other/pods/foo', 'get', '', 'v1', 'other', 'pods', '', 'foo'],
  ['GET', '/api/v1/namespaces/other/pods/foo/log', 'get', '', 'v1', 'other', 'pods', 'log', 'foo'],
  ['POST', '/api/v1/namespaces/other/pods', 'create', '', 'v1', 'other', 'pods', '', ''],
  ['DELETE', '/api/v1/namespaces/other/pods', 'deletecollection', '', 'v1', 'other', 'pods', '', ''],
  ['GET', '/api/v1/pods?watch=true', 'watch', '', 'v1', '', 'pods', '', ''],
  ['GET', '/api/v1/pods?watch=false', 'list', '', 'v1', '', 'pods', '', ''],
  ['GET', '/api/v1/watch/pods', 'watch', '', 'v1', '', 'pods', '', ''],
  ['GET', '/api/v1/watch/namespaces/other/pods/foo', 'watch', '', 'v1', 'other', 'pods', '', 'foo'],
  ['GET', '/api/v1/proxy/namespaces/other/pods/foo/a/b', 'proxy', '', 'v1', 'other', 'pods', '', 'foo'],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name%3Dfoo&watch=1', 'watch', '', 'v1', '', 'pods', '', 'foo'],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name!%3Dfoo', 'list', '', 'v1', '', 'pods', '', ''],
  [
    'GET',
    '/apis/apps/v1/namespaces/other/deployments/web/scale',
    'get',
    'apps',
    'v1',
    'other',
    'deployments',
    'scale',
    'web',
  ],
  ['OPTIONS', '/api/v1/pods', '', '', 'v1', '', 'pods', '', ''],
];

describe('request info', () => {
  it.each(resourceRequests)(
    'reads %s %s as %s',
    (method, target, verb, apiGroup, apiVersion, namespace, resource, subresource, name) => {
      expect(parse(method, target)).toMatchObject({
        isResourceRequest: true,
        verb,
        apiGroup,
        apiVersion,
        namespace,
        resource,
        subresource,
        name,
      });
    },
  );

  it.each([
    '/',
    '/api',
    '/api/v1',
    '/apis',
    '/apis/apps',
    '/apis/apps/v1',
    '/healthz',
    '/other/v1/pods',
    '/klab/v1/why',
  ])('takes %s for no resource', (path) => {
    expect(parse('GET', path)).toMatchObject({ isResourceRequest: false, verb: 'get', path });
  });

  it('refuses a watch prefix without a resource', () => {
    expect(() => parse('GET', '/api/v1/watch')).toThrow('unable to determine kind and namespace from url');
  });

  it('hands on selectors of collections, but not of watches by path', () => {
    expect(parse('GET', '/api/v1/pods?fieldSelector=spec.nodeName%3Dn1').fieldSelector).toBe('spec.nodeName=n1');
    expect(parse('GET', '/api/v1/watch/pods?fieldSelector=spec.nodeName%3Dn1').fieldSelector).toBeUndefined();
  });

  it('knows which requests may outlive the request timeout', () => {
    const long = (target: string) => isLongRunning(parse('GET', target));
    expect(long('/api/v1/pods?watch=1')).toBe(true);
    expect(long('/api/v1/namespaces/a/pods/b/log')).toBe(true);
    expect(long('/api/v1/namespaces/a/pods/b/exec')).toBe(true);
    expect(long('/api/v1/pods')).toBe(false);
    expect(long('/readyz')).toBe(false);
  });
});
