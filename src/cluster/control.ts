/**
 * The control door: `klab node` and `klab component`. It is no part of the API server, so that a stopped API server can
 * be started through it: a port of its own on loopback, in `server.json`, for holders of a client certificate of
 * system:masters.
 *
 *   GET    /klab/v1/nodes                                 GET  /klab/v1/components
 *   POST   /klab/v1/nodes           {count, name, …}      POST /klab/v1/components/{name} {action: start|stop, node}
 *   POST   /klab/v1/nodes/{name}    {action: start|stop}
 *                                   {action: pressure, resource: memory|disk|pid, available, lift}
 *   DELETE /klab/v1/nodes/{name}    ?drain=true
 */
import {
  newBadRequest,
  newForbidden,
  newMethodNotAllowed,
  newPathNotFound,
  newUnauthorized,
} from '../apimachinery/index.ts';
import type { Dispatch } from '../apiserver/index.ts';
import type { Components } from './components.ts';
import type { NodeSpec } from './node-record.ts';
import type { NodeFleet } from './nodes.ts';

type ControlRequest = Parameters<Dispatch>[0];

const mastersGroup = 'system:masters';

export function controlDispatch(deps: { readonly nodes: NodeFleet; readonly components: Components }): Dispatch {
  return async (request) => {
    authorize(request);
    const object = await answer(deps, request);
    return { code: 200, body: { kind: 'object', object } };
  };
}

/** @throws StatusError Unauthorized, Forbidden */
function authorize({ clientCertificate, path }: ControlRequest): void {
  if (!clientCertificate || clientCertificate.error !== undefined) throw newUnauthorized();
  if (clientCertificate.organizations.includes(mastersGroup)) return;
  const cause = `User "${clientCertificate.commonName}" cannot use the control door at "${path}"`;
  throw newForbidden({ group: '', resource: '' }, '', cause);
}

async function answer(
  { nodes, components }: { readonly nodes: NodeFleet; readonly components: Components },
  request: ControlRequest,
): Promise<object> {
  const [root, version, collection, name, ...rest] = request.path.split('/').slice(1);
  if (root !== 'klab' || version !== 'v1' || rest.length > 0) throw newPathNotFound();
  const route = `${request.method} ${collection}${name === undefined ? '' : '/'}`;
  switch (route) {
    case 'GET nodes':
      return { kind: 'MachineList', items: nodes.list() };
    case 'POST nodes':
      return { kind: 'MachineList', items: await nodes.add(bodyOf(request) as NodeSpec) };
    case 'POST nodes/': {
      const { action, resource, available, lift } = bodyOf(request);
      if (action === 'pressure') return nodes.press(name!, { resource, available, lift: lift === true });
      return started(action) ? nodes.start(name!) : nodes.stop(name!);
    }
    case 'DELETE nodes/': {
      const drain = request.query.get('drain') === 'true';
      await nodes.remove(name!, { drain, signal: request.signal });
      return { name, state: 'removed' };
    }
    case 'GET components':
      return { kind: 'ComponentList', items: components.list() };
    case 'POST components/': {
      const { action, node } = bodyOf(request);
      if (node !== undefined && typeof node !== 'string') throw newBadRequest('node must be a string');
      return started(action) ? components.start(name!, node) : components.stop(name!, node);
    }
    default:
      if (collection === 'nodes' || collection === 'components') throw newMethodNotAllowed();
      throw newPathNotFound();
  }
}

/** @throws StatusError BadRequest */
function started(action: unknown): boolean {
  if (action === 'start' || action === 'stop') return action === 'start';
  throw newBadRequest(`action must be start or stop, not "${String(action)}"`);
}

function bodyOf({ body }: ControlRequest): Record<string, unknown> {
  if (!body?.bytes || body.bytes.length === 0) return {};
  try {
    const value: unknown = JSON.parse(Buffer.from(body.bytes).toString('utf8'));
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw newBadRequest('the body is not a JSON object');
}
