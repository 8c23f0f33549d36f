import { FieldErrorList, FieldPath, type KubeObject, newBadRequest, newInvalid } from '../../apimachinery/index.ts';
import type { RequestAuthenticator } from '../authn/authenticator.ts';
import { aggregate, type RbacAuthorizer } from '../rbac/rbac-authorizer.ts';
import type { PolicyRule } from '../rbac/rules.ts';
import type {
  AuthorizationAttributes,
  Authorizer,
  HandlerKey,
  RequestContext,
  UserInfo,
  VirtualCreate,
} from '../types.ts';

export interface ReviewDeps {
  readonly authenticator: Pick<RequestAuthenticator, 'authenticateToken'>;
  readonly authorizer: Authorizer;
  readonly rbac: Pick<RbacAuthorizer, 'rulesFor'>;
  /** Audiences of this API server. */
  readonly audiences: readonly string[];
}

/** The resources that are questions: nothing is stored, the answer is in `status`. */
export function reviewHandlers(deps: ReviewDeps): [HandlerKey, VirtualCreate][] {
  const { authorizer } = deps;
  return [
    [
      'selfsubjectaccessreviews.authorization.k8s.io',
      (context, object) => accessReview(authorizer, object, context.user),
    ],
    ['subjectaccessreviews.authorization.k8s.io', (_context, object) => accessReview(authorizer, object)],
    [
      'localsubjectaccessreviews.authorization.k8s.io',
      (context, object) => accessReview(authorizer, local(context, object)),
    ],
    ['selfsubjectrulesreviews.authorization.k8s.io', (context, object) => rulesReview(deps.rbac, context, object)],
    ['selfsubjectreviews.authentication.k8s.io', selfSubjectReview],
    ['tokenreviews.authentication.k8s.io', (_context, object) => tokenReview(deps, object)],
  ];
}

/** Upstream: pkg/registry/authorization/{self,}subjectaccessreview/rest.go. `self` absent: the user named in the spec. */
function accessReview(authorizer: Authorizer, object: KubeObject, self?: UserInfo): KubeObject {
  const spec = object.spec ?? {};
  validateAccessReview(object, self === undefined);
  const user: UserInfo = self ?? {
    name: spec.user ?? '',
    groups: spec.groups ?? [],
    ...(spec.uid ? { uid: spec.uid } : {}),
    ...(spec.extra ? { extra: spec.extra } : {}),
  };
  const { decision, reason } = authorizer.authorize(attributesOf(user, spec));
  const status: Record<string, unknown> = { allowed: decision === 'allow' };
  if (decision === 'deny') status['denied'] = true;
  if (reason !== '') status['reason'] = reason;
  return { ...object, status };
}

function attributesOf(user: UserInfo, spec: any): AuthorizationAttributes {
  const resource = spec.resourceAttributes;
  return {
    user,
    verb: (resource ?? spec.nonResourceAttributes)?.verb ?? '',
    resourceRequest: resource !== undefined,
    namespace: resource?.namespace ?? '',
    apiGroup: resource?.group ?? '',
    apiVersion: resource?.version ?? (resource ? '*' : ''),
    resource: resource?.resource ?? '',
    subresource: resource?.subresource ?? '',
    name: resource?.name ?? '',
    path: spec.nonResourceAttributes?.path ?? '',
    ...(resource?.fieldSelector?.rawSelector ? { fieldSelector: resource.fieldSelector.rawSelector } : {}),
    ...(resource?.labelSelector?.rawSelector ? { labelSelector: resource.labelSelector.rawSelector } : {}),
  };
}

/** Upstream: pkg/apis/authorization/validation/validation.go. */
function validateAccessReview(object: KubeObject, namesUser: boolean): void {
  const spec = object.spec ?? {};
  const errors = new FieldErrorList();
  const path = FieldPath.root('spec');
  const { resourceAttributes, nonResourceAttributes } = spec;
  if (resourceAttributes && nonResourceAttributes) {
    errors.invalid(
      path.child('nonResourceAttributes'),
      nonResourceAttributes,
      'cannot be specified in combination with resourceAttributes',
    );
  }
  if (!resourceAttributes && !nonResourceAttributes) {
    errors.invalid(
      path.child('resourceAttributes'),
      resourceAttributes ?? null,
      'exactly one of nonResourceAttributes or resourceAttributes must be specified',
    );
  }
  if (namesUser && !spec.user && !spec.groups?.length) {
    errors.invalid(path.child('user'), spec.user ?? '', 'at least one of user or group must be specified');
  }
  if (errors.length > 0) throw newInvalid({ group: 'authorization.k8s.io', kind: object.kind }, '', errors.errors);
}

/** A LocalSubjectAccessReview asks about its own namespace. */
function local(context: RequestContext, object: KubeObject): KubeObject {
  const asked = object.spec?.resourceAttributes?.namespace ?? '';
  const { namespace } = context.info;
  if (object.spec?.nonResourceAttributes) {
    const errors = new FieldErrorList();
    errors.invalid(
      FieldPath.root('spec', 'nonResourceAttributes'),
      object.spec.nonResourceAttributes,
      'disallowed on this kind of request',
    );
    throw newInvalid({ group: 'authorization.k8s.io', kind: object.kind }, '', errors.errors);
  }
  if (asked !== namespace) {
    throw newBadRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`);
  }
  return object;
}

/** Upstream: pkg/registry/authorization/selfsubjectrulesreview/rest.go. */
function rulesReview(rbac: ReviewDeps['rbac'], context: RequestContext, object: KubeObject): KubeObject {
  const namespace: string = object.spec?.namespace ?? '';
  if (namespace === '') throw newBadRequest('no namespace on request');
  const { rules, errors } = rbac.rulesFor(context.user, namespace);
  return {
    ...object,
    status: {
      incomplete: errors.length > 0,
      nonResourceRules: rules.filter((rule) => rule.nonResourceURLs?.length).map(nonResourceRule),
      resourceRules: rules.filter((rule) => rule.resources?.length).map(resourceRule),
      ...(errors.length === 0 ? {} : { evaluationError: aggregate(errors) }),
    },
  };
}

function resourceRule({ verbs, apiGroups, resources, resourceNames }: PolicyRule): PolicyRule {
  return { verbs, apiGroups, resources, ...(resourceNames?.length ? { resourceNames } : {}) };
}

function nonResourceRule({ verbs, nonResourceURLs }: PolicyRule): PolicyRule {
  return { verbs, nonResourceURLs };
}

/** Upstream: pkg/registry/authentication/selfsubjectreview/rest.go. */
function selfSubjectReview(context: RequestContext, object: KubeObject): KubeObject {
  return { ...object, status: { userInfo: userInfoOf(context.user) } };
}

/** Upstream: pkg/registry/authentication/tokenreview/storage.go. */
function tokenReview(deps: ReviewDeps, object: KubeObject): KubeObject {
  const token: string = object.spec?.token ?? '';
  if (token === '') throw newBadRequest('token is required for TokenReview in authentication');
  const asked: string[] | undefined = object.spec.audiences?.length ? object.spec.audiences : undefined;
  const result = deps.authenticator.authenticateToken(token, asked ?? deps.audiences);
  const status =
    'error' in result
      ? { user: {}, error: result.error }
      : { authenticated: true, user: userInfoOf(result.user), audiences: result.audiences };
  return { ...object, status };
}

function userInfoOf(user: UserInfo): object {
  return {
    username: user.name,
    ...(user.uid ? { uid: user.uid } : {}),
    ...(user.groups.length === 0 ? {} : { groups: user.groups }),
    ...(user.extra && Object.keys(user.extra).length > 0 ? { extra: user.extra } : {}),
  };
}
