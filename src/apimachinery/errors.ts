/**
 * API errors: one constructor and one predicate per reason; predicates never read message text.
 * Upstream: apimachinery/pkg/api/errors/errors.go (1.36); messages are equal to upstream's.
 */
import { type FieldError, fieldErrorMessage } from './field-errors.ts';
import type { GroupResource, Status, StatusCause, StatusDetails } from './types.ts';

export type StatusReason =
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Invalid'
  | 'ServerTimeout'
  | 'Timeout'
  | 'TooManyRequests'
  | 'BadRequest'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'InternalError'
  | 'Expired'
  | 'ServiceUnavailable'
  | 'StoreReadError'
  | '';

/** Carries a whole metav1.Status; thrown by the API server and by every transport. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly status: Status;

  constructor(status: Status, options?: ErrorOptions) {
    super(status.message ?? status.reason ?? 'unknown', options);
    this.status = status;
  }

  get code(): number {
    return this.status.code ?? 500;
  }

  get reason(): StatusReason {
    return (this.status.reason ?? '') as StatusReason;
  }
}

/** `deployments.apps`, or `pods` for the core group. */
export function qualifiedResource(resource: GroupResource): string {
  return resource.group === '' ? resource.resource : `${resource.resource}.${resource.group}`;
}

function failure(code: number, reason: StatusReason, message: string, details?: StatusDetails): StatusError {
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message };
  if (reason !== '') status.reason = reason;
  if (details) status.details = details;
  status.code = code;
  return new StatusError(status);
}

/** Upstream keeps the resource's plural in `details.kind`. */
function detailsOf(resource: GroupResource, name: string): StatusDetails {
  const details: StatusDetails = {};
  if (name !== '') details.name = name;
  if (resource.group !== '') details.group = resource.group;
  if (resource.resource !== '') details.kind = resource.resource;
  return details;
}

export function newNotFound(resource: GroupResource, name: string): StatusError {
  return failure(404, 'NotFound', `${qualifiedResource(resource)} "${name}" not found`, detailsOf(resource, name));
}

/** No such path: what the server answers for resources it does not serve. */
export function newPathNotFound(): StatusError {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function newAlreadyExists(resource: GroupResource, name: string): StatusError {
  return failure(
    409,
    'AlreadyExists',
    `${qualifiedResource(resource)} "${name}" already exists`,
    detailsOf(resource, name),
  );
}

/** Only for generateName: asks the client to try again. */
export function newGenerateNameConflict(resource: GroupResource, name: string, retryAfterSeconds: number): StatusError {
  return failure(
    409,
    'AlreadyExists',
    `${qualifiedResource(resource)} "${name}" already exists, the server was not able to generate a unique name for the object`,
    { ...detailsOf(resource, name), retryAfterSeconds },
  );
}

export function newConflict(resource: GroupResource, name: string, cause: string): StatusError {
  return failure(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualifiedResource(resource)} "${name}": ${cause}`,
    detailsOf(resource, name),
  );
}

/** The message of an update against an old resourceVersion. */
export const optimisticLockMessage =
  'the object has been modified; please apply your changes to the latest version and try again';

/** Server-side apply conflict; one cause a field. */
export function newApplyConflict(causes: StatusCause[], message: string): StatusError {
  return failure(409, 'Conflict', message, { causes });
}

export function newUnauthorized(message = 'Unauthorized'): StatusError {
  return failure(401, 'Unauthorized', message);
}

export function newForbidden(resource: GroupResource, name: string, cause: string): StatusError {
  let message: string;
  const qualified = qualifiedResource(resource);
  if (qualified === '') message = `forbidden: ${cause}`;
  else if (name === '') message = `${qualified} is forbidden: ${cause}`;
  else message = `${qualified} "${name}" is forbidden: ${cause}`;
  return failure(403, 'Forbidden', message, detailsOf(resource, name));
}

/** `kind` is the qualified kind, e.g. `Deployment.apps`. Upstream puts the kind, not the resource, into details. */
export function newInvalid(
  groupKind: { group: string; kind: string },
  name: string,
  errors: readonly FieldError[],
): StatusError {
  const kind = groupKind.group === '' ? groupKind.kind : `${groupKind.kind}.${groupKind.group}`;
  const messages = errors.map((error) => `${error.field}: ${fieldErrorMessage(error)}`);
  const unique = [...new Set(messages)];
  const text = unique.length === 1 ? unique[0] : `[${unique.join(', ')}]`;
  const details: StatusDetails = {};
  if (name !== '') details.name = name;
  if (groupKind.group !== '') details.group = groupKind.group;
  details.kind = groupKind.kind;
  details.causes = errors.map((error) => ({
    reason: error.type,
    message: fieldErrorMessage(error),
    field: error.field,
  }));
  const message = errors.length === 0 ? `${kind} "${name}" is invalid` : `${kind} "${name}" is invalid: ${text}`;
  return failure(422, 'Invalid', message, details);
}

export function newBadRequest(message: string): StatusError {
  return failure(400, 'BadRequest', message);
}

/** For paths that are served with other methods. */
export function newMethodNotAllowed(): StatusError {
  return failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

export function newMethodNotSupported(resource: GroupResource, action: string): StatusError {
  return failure(
    405,
    'MethodNotAllowed',
    `${action} is not supported on resources of kind "${qualifiedResource(resource)}"`,
    detailsOf(resource, ''),
  );
}

export function newNotAcceptable(accepted: readonly string[]): StatusError {
  return failure(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);
}

export function newUnsupportedMediaType(accepted: readonly string[]): StatusError {
  return failure(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}

export function newRequestEntityTooLarge(message: string): StatusError {
  return failure(413, 'RequestEntityTooLarge', `Request entity too large: ${message}`);
}

export function newTooManyRequests(message: string, retryAfterSeconds: number): StatusError {
  return failure(429, 'TooManyRequests', message, { retryAfterSeconds });
}

/** 429 of an eviction that a disruption budget does not allow. */
export function newDisruptionBudget(message: string, causeMessage: string): StatusError {
  return failure(429, 'TooManyRequests', message, {
    causes: [{ reason: 'DisruptionBudget', message: causeMessage }],
  });
}

export function newInternalError(message: string): StatusError {
  return failure(500, 'InternalError', `Internal error occurred: ${message}`, {
    causes: [{ message }],
  });
}

export function newServiceUnavailable(message: string): StatusError {
  return failure(503, 'ServiceUnavailable', message);
}

export function newServerTimeout(resource: GroupResource, operation: string, retryAfterSeconds: number): StatusError {
  return failure(
    500,
    'ServerTimeout',
    `The ${operation} operation against ${qualifiedResource(resource)} could not be completed at this time, please try again.`,
    { ...detailsOf(resource, operation), retryAfterSeconds },
  );
}

export function newTimeout(message: string, retryAfterSeconds = 0): StatusError {
  return failure(504, 'Timeout', `Timeout: ${message}`, retryAfterSeconds > 0 ? { retryAfterSeconds } : {});
}

/** 504 for a resourceVersion that is ahead of the store. */
export function newTooLargeResourceVersion(requested: number, current: number): StatusError {
  return failure(504, 'Timeout', `Timeout: Too large resource version: ${requested}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

/** 410: the resourceVersion or continue token is too old. */
export function newResourceExpired(message: string): StatusError {
  return failure(410, 'Expired', message);
}

export function newGone(message: string): StatusError {
  return failure(410, 'Gone', message);
}

export function statusReasonOf(error: unknown): StatusReason | undefined {
  return error instanceof StatusError ? error.reason : undefined;
}

function has(error: unknown, reason: StatusReason, code: number): error is StatusError {
  if (!(error instanceof StatusError)) return false;
  return error.reason !== '' ? error.reason === reason : error.code === code;
}

export const isNotFound = (error: unknown): error is StatusError => has(error, 'NotFound', 404);
export const isAlreadyExists = (error: unknown): error is StatusError => has(error, 'AlreadyExists', 409);
export const isConflict = (error: unknown): error is StatusError => has(error, 'Conflict', 409);
export const isInvalid = (error: unknown): error is StatusError => has(error, 'Invalid', 422);
export const isForbidden = (error: unknown): error is StatusError => has(error, 'Forbidden', 403);
export const isUnauthorized = (error: unknown): error is StatusError => has(error, 'Unauthorized', 401);
export const isBadRequest = (error: unknown): error is StatusError => has(error, 'BadRequest', 400);
export const isTooManyRequests = (error: unknown): error is StatusError => has(error, 'TooManyRequests', 429);
export const isTimeout = (error: unknown): error is StatusError => has(error, 'Timeout', 504);
export const isServiceUnavailable = (error: unknown): error is StatusError => has(error, 'ServiceUnavailable', 503);
export const isMethodNotSupported = (error: unknown): error is StatusError => has(error, 'MethodNotAllowed', 405);

/** 410 of either reason: relist. */
export function isResourceExpired(error: unknown): error is StatusError {
  return has(error, 'Expired', 410) || has(error, 'Gone', 410);
}

/** True when the namespace is being deleted (a create was refused for it). */
export function hasNamespaceTerminatingCause(error: unknown): boolean {
  return (
    error instanceof StatusError &&
    (error.status.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating')
  );
}
