import {
  FieldErrorList,
  FieldPath,
  type KubeObject,
  newBadRequest,
  newConflict,
  newInvalid,
  newNotFound,
} from '../../apimachinery/index.ts';
import { type Prng, rfc3339 } from '../../base/index.ts';
import type { ObjectRef, ServiceAccountClaims, TokenKeys } from '../authn/service-account-tokens.ts';
import { serviceAccountUsername } from '../authn/user.ts';
import type { ObjectReader, RequestContext, VirtualCreate } from '../types.ts';

const groupKind = { group: 'authentication.k8s.io', kind: 'TokenRequest' };
const minSeconds = 600;
const maxSeconds = 2 ** 32;
/** The lifetime kubelets ask for; it is extended so that old clients that never reload keep working. */
const warnOnlySeconds = 3607;
const extendedSeconds = 365 * 24 * 3600;

export interface TokenRequestOptions {
  readonly issuer: string;
  /** Audiences of this API server: what a request without audiences gets. */
  readonly audiences: readonly string[];
  /** `--service-account-max-token-expiration` in seconds; absent = unlimited. */
  readonly maxExpirationSeconds?: number;
  /** `--service-account-extend-token-expiration`. Default true. */
  readonly extendExpiration?: boolean;
}

export interface TokenRequestDeps {
  readonly keys: Pick<TokenKeys, 'sign'>;
  readonly reader: ObjectReader;
  readonly prng: Prng;
  /** Wall-clock ms: tokens are checked against the wall clock. */
  readonly wallNow: () => number;
}

/** POST of `serviceaccounts/token`. Upstream: pkg/registry/core/serviceaccount/storage/token.go. */
export function tokenRequest(deps: TokenRequestDeps, options: TokenRequestOptions): VirtualCreate {
  return (context, object) => {
    const { name, namespace } = context.info;
    const account = deps.reader.get('serviceaccounts', namespace, name);
    checkAddress(object, name, namespace);
    if (!account) throw newNotFound({ group: '', resource: 'serviceaccounts' }, name);
    const accountUid = account.metadata.uid!;
    if (object.metadata?.uid && object.metadata.uid !== accountUid) {
      throw newConflict(
        { group: groupKind.group, resource: groupKind.kind },
        name,
        `the UID in the token request (${object.metadata.uid}) does not match the UID of the service account (${accountUid})`,
      );
    }
    const spec = { ...object.spec };
    if (!spec.audiences?.length) spec.audiences = [...options.audiences];
    spec.expirationSeconds ??= 3600;
    validateExpiration(spec.expirationSeconds);

    const bound = boundObject(deps.reader, spec.boundObjectRef, name, namespace);
    const { maxExpirationSeconds = 0 } = options;
    if (maxExpirationSeconds > 0 && spec.expirationSeconds > maxExpirationSeconds) {
      warn(
        context,
        `requested expiration of ${spec.expirationSeconds} seconds shortened to ${maxExpirationSeconds} seconds`,
      );
      spec.expirationSeconds = maxExpirationSeconds;
    }
    const extended =
      (options.extendExpiration ?? true) &&
      bound.pod !== undefined &&
      spec.expirationSeconds === warnOnlySeconds &&
      spec.audiences.every((audience: string) => options.audiences.includes(audience));

    const now = Math.floor(deps.wallNow() / 1000);
    const claims: ServiceAccountClaims = {
      aud: spec.audiences,
      exp: now + (extended ? extendedSeconds : spec.expirationSeconds),
      iat: now,
      iss: options.issuer,
      jti: deps.prng.uuid(),
      'kubernetes.io': {
        namespace,
        ...bound,
        serviceaccount: { name, uid: accountUid },
        ...(extended ? { warnafter: now + spec.expirationSeconds } : {}),
      },
      nbf: now,
      sub: serviceAccountUsername(namespace, name),
    };
    return {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: { name, namespace, uid: accountUid, creationTimestamp: rfc3339(now * 1000) },
      spec,
      status: {
        token: deps.keys.sign(claims as unknown as Record<string, unknown>),
        expirationTimestamp: rfc3339((now + spec.expirationSeconds) * 1000),
      },
    };
  };
}

/** Name and namespace in the body must be those of the URL. */
function checkAddress(object: KubeObject, name: string, namespace: string): void {
  const errors = new FieldErrorList();
  const metadata = FieldPath.root('metadata');
  if (object.metadata?.name && object.metadata.name !== name) {
    errors.invalid(metadata.child('name'), object.metadata.name, 'must match the service account name if specified');
  } else if (object.metadata?.namespace && object.metadata.namespace !== namespace) {
    errors.invalid(
      metadata.child('namespace'),
      object.metadata.namespace,
      'must match the service account namespace if specified',
    );
  }
  if (errors.length > 0) throw newInvalid(groupKind, name, errors.errors);
}

function validateExpiration(seconds: number): void {
  const errors = new FieldErrorList();
  const path = FieldPath.root('spec', 'expirationSeconds');
  if (seconds < minSeconds) errors.invalid(path, seconds, 'may not specify a duration less than 10 minutes');
  if (seconds > maxSeconds) errors.invalid(path, seconds, 'may not specify a duration larger than 2^32 seconds');
  if (errors.length > 0) throw newInvalid(groupKind, '', errors.errors);
}

interface BoundObjects {
  pod?: ObjectRef;
  node?: ObjectRef;
  secret?: ObjectRef;
}

function boundObject(
  reader: ObjectReader,
  ref: { apiVersion?: string; kind?: string; name?: string; uid?: string } | undefined,
  account: string,
  namespace: string,
): BoundObjects {
  if (!ref) return {};
  const name = ref.name ?? '';
  const find = (resource: string, where: string): Readonly<KubeObject> => {
    const object = reader.get(resource, where, name);
    if (!object) throw newNotFound({ group: '', resource }, name);
    return object;
  };
  const isCore = ref.apiVersion === 'v1';
  const bound: BoundObjects = {};
  let uid: string | undefined;
  if (isCore && ref.kind === 'Pod') {
    const pod = find('pods', namespace);
    if (pod.spec?.serviceAccountName !== account) {
      throw newBadRequest(
        `cannot bind token for serviceaccount ${JSON.stringify(account)} to pod running with different serviceaccount name.`,
      );
    }
    uid = pod.metadata.uid;
    const nodeName: string = pod.spec?.nodeName ?? '';
    if (nodeName !== '') bound.node = refOf(reader.get('nodes', '', nodeName), nodeName);
    bound.pod = refOf(pod, name);
  } else if (isCore && ref.kind === 'Node') {
    const node = find('nodes', '');
    uid = node.metadata.uid;
    bound.node = refOf(node, name);
  } else if (isCore && ref.kind === 'Secret') {
    const secret = find('secrets', namespace);
    uid = secret.metadata.uid;
    bound.secret = refOf(secret, name);
  } else {
    const [version = '', group = ''] = (ref.apiVersion ?? '').split('/').reverse();
    throw newBadRequest(`cannot bind token to object of type ${group}/${version}, Kind=${ref.kind ?? ''}`);
  }
  if (ref.uid && uid !== ref.uid) {
    throw newConflict(
      { group: '', resource: ref.kind! },
      name,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  return bound;
}

/** A node that is gone is named without a UID. */
function refOf(object: Readonly<KubeObject> | undefined, name: string): ObjectRef {
  const uid = object?.metadata.uid;
  return (uid === undefined ? { name } : { name, uid }) as ObjectRef;
}

function warn(context: RequestContext, text: string): void {
  context.warnings.push(text);
}
