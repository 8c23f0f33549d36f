import { newInternalError } from '../../apimachinery/index.ts';
import type { RequestInfo } from '../types.ts';

const namespaceSubresources = new Set(['status', 'finalize']);
const specialVerbs = new Set(['proxy', 'watch']);
const longRunningVerbs = new Set(['watch', 'proxy']);
const longRunningSubresources = new Set(['attach', 'exec', 'proxy', 'log', 'portforward']);

const verbOfMethod: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/**
 * What a request asks for, read from method, path and query alone.
 * Upstream: apiserver/pkg/endpoints/request/requestinfo.go.
 */
export function parseRequestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const segments = splitPath(path);
  const prefix = segments[0];
  const groupless = prefix === 'api';
  if (segments.length < 3 || (prefix !== 'api' && prefix !== 'apis') || (!groupless && segments.length < 4)) {
    return nonResource(method, path);
  }
  const apiGroup = groupless ? '' : segments[1]!;
  const apiVersion = segments[groupless ? 1 : 2]!;
  let parts = segments.slice(groupless ? 2 : 3);

  let verb = verbOfMethod[method] ?? '';
  let verbInPath = false;
  if (specialVerbs.has(parts[0]!)) {
    if (parts.length < 2) {
      throw newInternalError(`failed to create RequestInfo: unable to determine kind and namespace from url, ${path}`);
    }
    verb = parts[0]!;
    verbInPath = true;
    parts = parts.slice(1);
  }

  let namespace = '';
  if (parts[0] === 'namespaces' && parts.length > 1) {
    namespace = parts[1]!;
    if (parts.length > 2 && !namespaceSubresources.has(parts[2]!)) parts = parts.slice(2);
  }

  const resource = parts[0] ?? '';
  let name = parts[1] ?? '';
  // The special verb `proxy` has no subresources: what follows the name is the proxied path.
  const subresource = verb === 'proxy' ? '' : (parts[2] ?? '');

  if (name === '' && verb === 'get') {
    verb = isTrue(query, 'watch') ? 'watch' : 'list';
    name = exactName(query.get('fieldSelector'));
  }
  if (name === '' && verb === 'delete') verb = 'deletecollection';

  return {
    isResourceRequest: true,
    path,
    verb,
    apiPrefix: prefix,
    apiGroup,
    apiVersion,
    namespace,
    resource,
    subresource,
    name,
    parts,
    ...(verbInPath ? undefined : selectors(verb, query)),
  };
}

function selectors(
  verb: string,
  query: URLSearchParams,
): { fieldSelector?: string; labelSelector?: string } | undefined {
  if (verb !== 'list' && verb !== 'watch' && verb !== 'deletecollection') return undefined;
  const fieldSelector = query.get('fieldSelector');
  const labelSelector = query.get('labelSelector');
  return {
    ...(fieldSelector ? { fieldSelector } : undefined),
    ...(labelSelector ? { labelSelector } : undefined),
  };
}

/** Requests that may outlive the request timeout. Upstream: the BasicLongRunningRequestCheck of kube-apiserver. */
export function isLongRunning(info: RequestInfo): boolean {
  if (!info.isResourceRequest) return false;
  return longRunningVerbs.has(info.verb) || longRunningSubresources.has(info.subresource);
}

function nonResource(method: string, path: string): RequestInfo {
  return {
    isResourceRequest: false,
    path,
    verb: method.toLowerCase(),
    apiPrefix: '',
    apiGroup: '',
    apiVersion: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    parts: [],
  };
}

function splitPath(path: string): string[] {
  const trimmed = path.replace(/^\/+|\/+$/g, '');
  return trimmed === '' ? [] : trimmed.split('/');
}

/** Query booleans as upstream's conversion reads them: present and neither `false` nor `0`. */
export function isTrue(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value.toLowerCase() !== 'false' && value !== '0';
}

/**
 * The name that a field selector pins with `metadata.name=x`, empty when it pins none. A name that could not be a path
 * segment is left to the selector.
 */
function exactName(selector: string | null): string {
  if (selector === null) return '';
  const match = /(?:^|,)metadata\.name==?([^,=!\\]+)(?=,|$)/.exec(selector);
  const name = match?.[1] ?? '';
  return name === '.' || name === '..' || name.includes('/') || name.includes('%') ? '' : name;
}
