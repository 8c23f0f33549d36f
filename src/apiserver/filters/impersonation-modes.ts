/**
 * The ways to act as somebody else. Constrained modes ask twice: may the requestor do this very request while acting as
 * somebody of that sort (`impersonate-on:<mode>:<verb>`), and may it act as that user (`impersonate:<mode>`). The legacy
 * mode asks `impersonate` alone. Upstream: apiserver/pkg/endpoints/filters/impersonation/mode.go.
 */
import { nameIsDnsSubdomain, type StatusError } from '../../apimachinery/index.ts';
import {
  anonymousUser,
  authenticatedGroup,
  mastersGroup,
  nodesGroup,
  nodeUserPrefix,
  serviceAccountGroups,
  splitServiceAccountUsername,
  unauthenticatedGroup,
} from '../authn/user.ts';
import { forbidden } from '../authz/forbidden.ts';
import type { AuthorizationAttributes, Authorizer, RequestInfo, UserInfo } from '../types.ts';

/** As the headers say: nothing is added yet. */
export interface WantedUser {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export interface ImpersonationAttempt {
  readonly wanted: WantedUser;
  readonly requestor: UserInfo;
  readonly info: RequestInfo;
  readonly authorizer: Authorizer;
}

export interface ImpersonationMode {
  applies(wanted: WantedUser, requestor: UserInfo): boolean;
  /** The user the request goes on as, or why not. */
  check(attempt: ImpersonationAttempt): UserInfo | StatusError;
}

/** From so many groups or extras on, one question for all of them comes first. */
const many = 4;
const nodeNameExtra = 'authentication.kubernetes.io/node-name';
const associatedNodeKeys = 'authentication.kubernetes.io/associated-node-keys';

export const legacyMode: ImpersonationMode = {
  applies: () => true,
  check: ({ wanted, requestor, authorizer }) => checkUser(wanted, { requestor, authorizer, verb: 'impersonate' }),
};

export const constrainedModes: readonly ImpersonationMode[] = [
  constrained('associated-node', (wanted, requestor) => {
    const node = onlyName(wanted) ? nodeOf(wanted.name) : undefined;
    const own = requestor.extra?.[nodeNameExtra];
    return (
      node !== undefined &&
      splitServiceAccountUsername(requestor.name) !== undefined &&
      own?.length === 1 &&
      own[0] === node
    );
  }),
  constrained('arbitrary-node', (wanted) => onlyName(wanted) && nodeOf(wanted.name) !== undefined),
  constrained('serviceaccount', (wanted) => onlyName(wanted) && splitServiceAccountUsername(wanted.name) !== undefined),
  constrained(
    'user-info',
    (wanted) => nodeOf(wanted.name) === undefined && splitServiceAccountUsername(wanted.name) === undefined,
  ),
];

function constrained(mode: string, applies: ImpersonationMode['applies']): ImpersonationMode {
  const verb = `impersonate:${mode}`;
  return {
    applies,
    check({ wanted, info, authorizer, ...attempt }) {
      // Of a service account on its own node the authorizer learns which extras there are, not which node it is.
      const requestor =
        mode === 'associated-node'
          ? { ...attempt.requestor, extra: { [associatedNodeKeys]: Object.keys(attempt.requestor.extra ?? {}).sort() } }
          : attempt.requestor;
      const request: AuthorizationAttributes = {
        user: requestor,
        verb: `impersonate-on:${mode}:${info.verb}`,
        resourceRequest: info.isResourceRequest,
        namespace: info.namespace,
        apiGroup: info.apiGroup,
        apiVersion: info.apiVersion,
        resource: info.resource,
        subresource: info.subresource,
        name: info.name,
        path: info.path,
        ...(info.fieldSelector === undefined ? undefined : { fieldSelector: info.fieldSelector }),
        ...(info.labelSelector === undefined ? undefined : { labelSelector: info.labelSelector }),
      };
      return ask(authorizer, request) ?? checkUser(wanted, { requestor, authorizer, verb });
    },
  };
}

interface Asker {
  readonly requestor: UserInfo;
  readonly authorizer: Authorizer;
  readonly verb: string;
}

/** Every part of the wanted user is allowed on its own. */
function checkUser(wanted: WantedUser, asker: Asker): UserInfo | StatusError {
  const refusal =
    checkName(wanted, asker) ??
    (wanted.uid === '' ? undefined : ask(asker.authorizer, attributes(asker, 'uids', wanted.uid))) ??
    checkGroups(wanted.groups, asker) ??
    checkExtra(wanted.extra, asker);
  if (refusal) return refusal;
  const groups = [...wanted.groups];
  if (groups.length === 0) groups.push(...knownGroups(wanted.name, isConstrained(asker)));
  if (wanted.name === anonymousUser) {
    if (!groups.includes(unauthenticatedGroup)) groups.push(unauthenticatedGroup);
  } else if (!groups.includes(unauthenticatedGroup) && !groups.includes(authenticatedGroup)) {
    groups.push(authenticatedGroup);
  }
  return {
    name: wanted.name,
    groups,
    ...(wanted.uid === '' ? {} : { uid: wanted.uid }),
    ...(Object.keys(wanted.extra).length === 0 ? {} : { extra: wanted.extra }),
  };
}

/** Groups that go with a name. Nodes have theirs in the constrained modes only. */
function knownGroups(name: string, constrainedMode: boolean): string[] {
  if (constrainedMode && nodeOf(name) !== undefined) return [nodesGroup];
  const account = splitServiceAccountUsername(name);
  return account ? serviceAccountGroups(account.namespace) : [];
}

function checkName({ name }: WantedUser, asker: Asker): StatusError | undefined {
  const account = splitServiceAccountUsername(name);
  const node = isConstrained(asker) ? nodeOf(name) : undefined;
  if (account) {
    const { namespace, name: accountName } = account;
    return ask(asker.authorizer, { ...attributes(asker, 'serviceaccounts', accountName), namespace });
  }
  if (node === undefined) return ask(asker.authorizer, attributes(asker, 'users', name));
  // Which node it is has been looked at already: the question is about any.
  const asked = asker.verb === 'impersonate:associated-node' ? '*' : node;
  return ask(asker.authorizer, attributes(asker, 'nodes', asked));
}

function checkGroups(groups: readonly string[], asker: Asker): StatusError | undefined {
  if (groups.length === 0) return undefined;
  if (isConstrained(asker)) {
    if (groups.includes('')) {
      return forbidden(attributes(asker, 'groups', ''), 'impersonating the empty string group is not allowed');
    }
    if (groups.includes(mastersGroup)) {
      const reason = 'impersonating the system:masters group is not allowed';
      return forbidden(attributes(asker, 'groups', mastersGroup), reason);
    }
    if (groups.length >= many && !ask(asker.authorizer, attributes(asker, 'groups', '*'))) return undefined;
  }
  return firstOf(groups, (group) => ask(asker.authorizer, attributes(asker, 'groups', group)));
}

function checkExtra(extra: WantedUser['extra'], asker: Asker): StatusError | undefined {
  const entries = Object.entries(extra);
  if (entries.length === 0) return undefined;
  const userextras = (subresource: string, name: string) => ({ ...attributes(asker, 'userextras', name), subresource });
  if (isConstrained(asker)) {
    const problem = firstOf(entries, ([key, values]) => extraProblem(key, values));
    if (problem !== undefined) return forbidden(userextras('', ''), problem);
    const count = entries.reduce((sum, [, values]) => sum + values.length, 0);
    if (count >= many && !ask(asker.authorizer, userextras('*', '*'))) return undefined;
  }
  return firstOf(entries, ([key, values]) => firstOf(values, (value) => ask(asker.authorizer, userextras(key, value))));
}

function extraProblem(key: string, values: readonly string[]): string | undefined {
  if (key === '') return 'impersonating the empty string key in extra is not allowed';
  const invalid = domainPrefixedPathProblem(key);
  if (invalid !== undefined) return `impersonating an invalid key in extra is not allowed: ${invalid}`;
  if (key !== key.toLowerCase()) {
    return `impersonating a non-lowercase key in extra is not allowed: ${JSON.stringify(key)}`;
  }
  if (values.length === 0) return 'impersonating empty values in extra is not allowed';
  if (values.includes('')) return 'impersonating the empty string value in extra is not allowed';
  return undefined;
}

/** `example.com/path`. Upstream: apimachinery/pkg/util/validation IsDomainPrefixedPath. */
function domainPrefixedPathProblem(key: string): string | undefined {
  const invalid = (detail: string) => `extra.key: Invalid value: ${JSON.stringify(key)}: ${detail}`;
  const slash = key.indexOf('/');
  const domain = key.slice(0, Math.max(slash, 0));
  const path = key.slice(slash + 1);
  if (slash <= 0 || path === '') {
    return invalid('must be a domain-prefixed path (such as "acme.io/foo")');
  }
  const errors = nameIsDnsSubdomain(domain, false);
  if (errors.length > 0) return `extra.key: Invalid value: ${JSON.stringify(domain)}: ${errors.join(', ')}`;
  if (!/^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(path)) {
    return `extra.key: Invalid value: ${JSON.stringify(path)}: Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')`;
  }
  return undefined;
}

function firstOf<T, R>(items: readonly T[], look: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = look(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

const isConstrained = ({ verb }: Asker): boolean => verb !== 'impersonate';

/** Users and groups were never an API: the legacy mode asks for them in the core group. */
function attributes(asker: Asker, resource: string, name: string): AuthorizationAttributes {
  const core = !isConstrained(asker) && resource !== 'uids' && resource !== 'userextras';
  return {
    user: asker.requestor,
    verb: asker.verb,
    resourceRequest: true,
    namespace: '',
    apiGroup: core ? '' : 'authentication.k8s.io',
    apiVersion: 'v1',
    resource,
    subresource: '',
    name,
    path: '',
  };
}

function ask(authorizer: Authorizer, asked: AuthorizationAttributes): StatusError | undefined {
  const { decision, reason } = authorizer.authorize(asked);
  return decision === 'allow' ? undefined : forbidden(asked, reason);
}

/** The node of `system:node:<name>`. */
function nodeOf(username: string): string | undefined {
  if (!username.startsWith(nodeUserPrefix)) return undefined;
  const name = username.slice(nodeUserPrefix.length);
  return nameIsDnsSubdomain(name, false).length === 0 ? name : undefined;
}

function onlyName({ uid, groups, extra }: WantedUser): boolean {
  return uid === '' && groups.length === 0 && Object.keys(extra).length === 0;
}
