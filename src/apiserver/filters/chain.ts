import {
  newBadRequest,
  newInternalError,
  newTimeout,
  newUnauthorized,
  parseDuration,
  StatusError,
} from '../../apimachinery/index.ts';
import { type Clock, isAbort, type Logger } from '../../base/index.ts';
import type { Provenance } from '../../etcd/index.ts';
import { nodeNameOf, splitServiceAccountUsername } from '../authn/user.ts';
import { forbidden } from '../authz/forbidden.ts';
import type {
  Authenticator,
  Authorizer,
  Dispatch,
  Handler,
  RequestContext,
  RequestInfo,
  ServerRequest,
  ServerResponse,
  UserInfo,
} from '../types.ts';
import { type ImpersonationOptions, impersonate } from './impersonation.ts';
import { isLongRunning, parseRequestInfo } from './request-info.ts';

/** Sees every request that was authenticated, before and after it is answered. */
export interface AuditHook {
  received?(context: RequestContext): void;
  /** Called once the answer (or its first byte) is known; `code` is the HTTP status, `elapsedMs` wall time. */
  completed(context: RequestContext, requestor: UserInfo, code: number, elapsedMs: number): void;
}

/** Priority and fairness: may hold a request back or refuse it (429); what it returns is called when the request is over. */
export interface FlowControlHook {
  admit(context: RequestContext): Promise<() => void> | (() => void) | undefined;
}

export interface ChainDeps {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  /** Requests for resources. */
  readonly resources: Handler;
  /** All other paths. */
  readonly nonResource: Handler;
  /** Cluster clock: dates requests. */
  readonly clock: Clock;
  /** Times requests out. */
  readonly wallClock: Clock;
  readonly log: Logger;
  readonly audit?: AuditHook;
  readonly flowControl?: FlowControlHook;
  /** A text every client should be told now, e.g. that the clock is paused. */
  notice?(): string | undefined;
}

export interface ChainOptions {
  /** `--request-timeout` in ms. Default 60 s. */
  readonly requestTimeoutMs?: number;
  readonly impersonation?: ImpersonationOptions;
}

/**
 * The filters around every request, in upstream's order: request info, authentication, audit, impersonation, flow
 * control, authorization, handler. Failures are StatusErrors; anything else that is thrown becomes a 500.
 * Upstream: apiserver/pkg/server/config.go DefaultBuildHandlerChain.
 */
export function buildChain(deps: ChainDeps, options: ChainOptions = {}): Dispatch {
  const timeoutMs = options.requestTimeoutMs ?? 60_000;

  const handle = async (request: ServerRequest, info: RequestInfo): Promise<ServerResponse> => {
    const requestor = deps.authenticator.authenticate(request);
    if (requestor === undefined) throw newUnauthorized();
    const warnings = request.warnings ?? [];
    const startedAt = deps.clock.now();
    let context: RequestContext = {
      request,
      info,
      user: requestor,
      provenance: provenanceOf(request, requestor),
      warnings,
      startedAt,
    };
    const began = deps.wallClock.monotonic();
    deps.audit?.received?.(context);
    let code = 500;
    try {
      const user = impersonate(request, info, requestor, deps.authorizer, options.impersonation);
      if (user !== requestor) context = { ...context, user, provenance: provenanceOf(request, user) };
      const notice = deps.notice?.();
      if (notice !== undefined) warnings.push(notice);
      const release = await deps.flowControl?.admit(context);
      try {
        authorize(deps.authorizer, context);
        const response = await (info.isResourceRequest ? deps.resources(context) : deps.nonResource(context));
        code = response.code;
        return warnings.length === 0 || response.warnings ? response : { ...response, warnings };
      } finally {
        release?.();
      }
    } catch (error) {
      const failure = asStatusError(error, context, deps.log);
      if (failure instanceof StatusError) code = failure.code;
      throw failure;
    } finally {
      deps.audit?.completed(context, requestor, code, deps.wallClock.monotonic() - began);
    }
  };

  return async (request) => {
    const info = parseRequestInfo(request.method, request.path, request.query);
    // In process there is no socket to hold: such callers bring their own signal, and no wall-clock timer is set.
    if (request.user !== undefined || isLongRunning(info)) return handle(request, info);
    return inTime(handle(request, info), request, requestTimeout(request.query, timeoutMs), deps.wallClock);
  };
}

function authorize(authorizer: Authorizer, { user, info }: RequestContext): void {
  const attributes = {
    user,
    verb: info.verb,
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
  const { decision, reason } = authorizer.authorize(attributes);
  if (decision !== 'allow') throw forbidden(attributes, reason);
}

/** A handler that throws something else has a bug: the client gets a 500, the log the stack. Aborts pass as they are. */
function asStatusError(error: unknown, context: RequestContext, log: Logger): unknown {
  if (error instanceof StatusError) return error;
  if (context.request.signal.aborted && (isAbort(error) || error === context.request.signal.reason)) return error;
  const { verb, path } = context.info;
  log.error('request handler failed', {
    verb,
    path,
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  return newInternalError(error instanceof Error ? error.message : String(error));
}

/** The client's `timeout` when it is shorter than the server's. Upstream: endpoints/filters/request_deadline.go. */
function requestTimeout(query: URLSearchParams, maxMs: number): number {
  const text = query.get('timeout');
  if (text === null || text === '') return maxMs;
  let ms: number;
  try {
    ms = parseDuration(text);
  } catch (error) {
    throw newBadRequest(`invalid timeout specified in the request URL - ${(error as Error).message}`);
  }
  return ms > 0 && ms < maxMs ? ms : maxMs;
}

function inTime(
  work: Promise<ServerResponse>,
  request: ServerRequest,
  ms: number,
  wallClock: Clock,
): Promise<ServerResponse> {
  return new Promise((resolve, reject) => {
    const timer = wallClock.schedule(ms, () => {
      const error = newTimeout('request did not complete within the allotted timeout');
      reject(error);
      request.cancel?.(error);
    });
    work.then(
      (response) => {
        timer.cancel();
        resolve(response);
      },
      (error) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}

/** Over HTTP who and with what is all there is to know of a write's origin. */
function provenanceOf(request: ServerRequest, user: UserInfo): Provenance {
  if (request.provenance) return request.provenance;
  const agent = request.headers['user-agent'];
  const space = agent?.indexOf(' ') ?? -1;
  return {
    actor: actorOf(user),
    ...(agent ? { agent: space < 0 ? agent : agent.slice(0, space) } : {}),
  };
}

function actorOf(user: UserInfo): string {
  const node = nodeNameOf(user);
  if (node !== undefined) return `kubelet:${node}`;
  const account = splitServiceAccountUsername(user.name);
  return account ? `serviceaccount:${account.namespace}/${account.name}` : `user:${user.name}`;
}
