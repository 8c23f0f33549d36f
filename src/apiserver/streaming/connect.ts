/** CONNECT subresources of pods: authorization beyond the verb, admission, then the protocol. */
import { newForbidden, newServiceUnavailable } from '../../apimachinery/index.ts';
import { readEntry } from '../handlers/read.ts';
import type { ResourceRegistry } from '../registry/registry.ts';
import type { NodeDialer, RequestContext, ServerResponse } from '../types.ts';
import { locatePod } from './pod-location.ts';
import { portForwardHandler } from './port-forward.ts';
import { remoteCommandHandler } from './remote-command.ts';

/** @throws StatusError */
export async function streamingHandler(
  kind: 'exec' | 'attach' | 'portforward',
  registry: ResourceRegistry,
  context: RequestContext,
  nodes: NodeDialer | undefined,
): Promise<ServerResponse> {
  requireCreate(registry, context);
  const { object } = await readEntry(registry, context);
  await admitConnect(registry, context);
  const container = kind === 'portforward' ? undefined : (context.request.query.get('container') ?? '');
  const location = locatePod(object, container);
  if (!nodes) throw newServiceUnavailable('this API server has no way to reach nodes');
  if (kind === 'portforward') return portForwardHandler(location, context, nodes);
  return remoteCommandHandler(kind, location, context, nodes);
}

/**
 * A WebSocket's GET needs the right to `create` too, as the POST of SPDY does: policies must not depend on the protocol.
 * Upstream: AuthorizePodWebsocketUpgradeCreatePermission (on since 1.35), pkg/registry/core/pod/rest/authorize.go.
 */
function requireCreate(registry: ResourceRegistry, { info, user }: RequestContext): void {
  if (info.verb === 'create') return;
  const { apiGroup, apiVersion, namespace, resource, subresource, name, path } = info;
  const attributes = {
    user,
    verb: 'create',
    resourceRequest: true,
    namespace,
    apiGroup,
    apiVersion,
    resource,
    subresource,
    name,
    path,
  };
  const answer = registry.deps.authorizer?.authorize(attributes);
  if (answer && answer.decision !== 'allow') {
    throw newForbidden({ group: apiGroup, resource }, name, answer.reason);
  }
}

/** Upstream: endpoints/handlers/rest.go ConnectResource. */
export async function admitConnect(registry: ResourceRegistry, context: RequestContext): Promise<void> {
  const { info, user, warnings } = context;
  const attributes = {
    operation: 'CONNECT',
    definition: registry.definition,
    subresource: info.subresource,
    namespace: info.namespace,
    name: info.name,
    user,
    dryRun: false,
    warnings,
  } as const;
  await registry.deps.admission.admit(attributes);
  await registry.deps.admission.validate(attributes);
}
