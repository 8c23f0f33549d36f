import { newBadRequest } from '../../apimachinery/index.ts';
import {
  anonymousUser,
  authenticatedGroup,
  serviceAccountGroups,
  splitServiceAccountUsername,
  unauthenticatedGroup,
} from '../authn/user.ts';
import { forbidden } from '../authz/forbidden.ts';
import type { AuthorizationAttributes, Authorizer, ServerRequest, UserInfo } from '../types.ts';

const extraPrefix = 'impersonate-extra-';

/** One thing a requestor wants to act as; each must be allowed on its own. */
interface Target {
  readonly apiGroup: string;
  readonly apiVersion: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

/**
 * The user a request acts as: `requestor`, or whom its Impersonate-* headers name when `requestor` may impersonate all
 * of that. Upstream: apiserver/pkg/endpoints/filters/impersonation/impersonation.go.
 */
export function impersonate(request: ServerRequest, requestor: UserInfo, authorizer: Authorizer): UserInfo {
  const name = request.headers['impersonate-user'] ?? '';
  const groupsAsked = headerValues(request, 'impersonate-group');
  const uid = request.headers['impersonate-uid'] ?? '';
  const extras = extraHeaders(request);
  if (name === '' && groupsAsked.length === 0 && uid === '' && extras.length === 0) return requestor;
  if (name === '') {
    const asked = [...groupsAsked, ...extras.map(([key, value]) => `${key}=${value}`), ...(uid === '' ? [] : [uid])];
    throw newBadRequest(`requested [${asked.join(' ')}] without impersonating a user`);
  }

  const serviceAccount = splitServiceAccountUsername(name);
  const targets: Target[] = [
    serviceAccount
      ? target('', 'v1', 'serviceaccounts', serviceAccount.name, serviceAccount.namespace)
      : target('', 'v1', 'users', name),
    ...groupsAsked.map((group) => target('', 'v1', 'groups', group)),
    ...extras.map(([key, value]) => ({
      ...target('authentication.k8s.io', 'v1', 'userextras', value),
      subresource: key,
    })),
  ];
  if (uid !== '') targets.push(target('authentication.k8s.io', 'v1', 'uids', uid));
  for (const each of targets) {
    const attributes: AuthorizationAttributes = {
      ...each,
      user: requestor,
      verb: 'impersonate',
      resourceRequest: true,
      path: '',
    };
    const { decision, reason } = authorizer.authorize(attributes);
    if (decision !== 'allow') throw forbidden(attributes, reason);
  }

  const groups = [...groupsAsked];
  if (serviceAccount && groups.length === 0) groups.push(...serviceAccountGroups(serviceAccount.namespace));
  if (name === anonymousUser) {
    if (!groups.includes(unauthenticatedGroup)) groups.push(unauthenticatedGroup);
  } else if (!groups.includes(authenticatedGroup) && !groups.includes(unauthenticatedGroup)) {
    groups.push(authenticatedGroup);
  }
  const extra: Record<string, string[]> = {};
  for (const [key, value] of extras) extra[key] = [...(extra[key] ?? []), value];
  return {
    name,
    groups,
    ...(uid === '' ? {} : { uid }),
    ...(extras.length === 0 ? {} : { extra }),
  };
}

function target(apiGroup: string, apiVersion: string, resource: string, name: string, namespace = ''): Target {
  return { apiGroup, apiVersion, resource, subresource: '', namespace, name };
}

function headerValues(request: ServerRequest, name: string): readonly string[] {
  const repeated = request.repeatedHeaders?.[name];
  if (repeated) return repeated;
  const value = request.headers[name];
  return value === undefined ? [] : [value];
}

/** Extra keys are percent-encoded in header names; malformed ones are taken as they are. */
function extraHeaders(request: ServerRequest): [string, string][] {
  const out: [string, string][] = [];
  for (const header in request.headers) {
    if (!header.startsWith(extraPrefix)) continue;
    let key = header.slice(extraPrefix.length);
    try {
      key = decodeURIComponent(key);
    } catch {
      // as it is
    }
    for (const value of headerValues(request, header)) out.push([key, value]);
  }
  return out;
}
