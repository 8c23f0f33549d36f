/** Requests for resources, by group, version, resource, subresource and verb. Upstream: endpoints/installer.go. */
import type { ResourceDefinition } from '../../api/index.ts';
import { newMethodNotAllowed, newPathNotFound } from '../../apimachinery/index.ts';
import type { Prng } from '../../base/index.ts';
import { decodeObject } from '../registry/decode.ts';
import type { ResourceRegistry } from '../registry/registry.ts';
import { warn } from '../registry/request.ts';
import { watchOverWebSocket } from '../streaming/websocket-response.ts';
import type {
  HandlerKey,
  NodeDialer,
  ObjectReader,
  RequestContext,
  ResourceKey,
  ServerResponse,
  VirtualCreate,
  VirtualRead,
} from '../types.ts';
import { requireObject } from './body.ts';
import { writeRequest } from './options.ts';
import { getHandler, listHandler } from './read.ts';
import { bindingHandler, plain, subresourceHandler } from './subresources.ts';
import { negotiateForm } from './transform.ts';
import { virtualReadHandler } from './virtual-read.ts';
import { watchHandler } from './watch.ts';
import { createHandler, deleteCollectionHandler, deleteHandler, patchHandler, updateHandler } from './write.ts';

export interface ResourceHandlerDeps {
  /** The registry that serves this version of this resource. */
  find(group: string, version: string, resource: string): ResourceRegistry | undefined;
  readonly virtual: ReadonlyMap<HandlerKey, VirtualCreate>;
  readonly reads?: ReadonlyMap<ResourceKey, VirtualRead> | undefined;
  readonly nodes: NodeDialer | undefined;
  readonly reader: ObjectReader;
  /** Chooses among endpoints. */
  readonly prng: Prng;
}

/** @throws StatusError */
export async function handleResource(deps: ResourceHandlerDeps, context: RequestContext): Promise<ServerResponse> {
  const { info } = context;
  const registry = deps.find(info.apiGroup, info.apiVersion, info.resource);
  if (!registry) throw newPathNotFound();
  const { definition } = registry;
  if (definition.deprecation !== undefined) warn(context.warnings, definition.deprecation);
  if (!pathExists(registry, context)) throw newPathNotFound();
  if (!methodExists(context)) throw newMethodNotAllowed();
  if (info.subresource !== '') {
    const subresource = definition.subresources.find((candidate) => candidate.name === info.subresource);
    if (!subresource) throw newPathNotFound();
    if (info.parts.length > 3 && subresource.handler !== 'proxy') throw newPathNotFound();
    return subresourceHandler(registry, subresource, context, deps);
  }
  if (definition.virtual) return virtualHandler(deps, registry, context);
  if (!serves(definition, info.verb) || spansNamespaces(registry, context)) throw newMethodNotAllowed();
  switch (info.verb) {
    case 'get':
      return getHandler(registry, context);
    case 'list':
      return listHandler(registry, context);
    case 'watch':
      return watchOverWebSocket(context, () => watchHandler(registry, context));
    case 'create':
      return createHandler(registry, context);
    case 'update':
      return updateHandler(registry, context);
    case 'patch':
      return patchHandler(registry, context);
    case 'delete':
      return deleteHandler(registry, context);
    case 'deletecollection':
      return deleteCollectionHandler(registry, context);
    default:
      throw newMethodNotAllowed();
  }
}

/** One object needs its namespace if it has one; cluster-scoped resources have no namespaced paths. */
function pathExists({ definition }: ResourceRegistry, { info }: RequestContext): boolean {
  if (!definition.namespaced) return info.namespace === '' || definition.plural === 'namespaces';
  const collection = info.verb === 'list' || info.verb === 'watch' || info.name === '';
  return collection || info.namespace !== '';
}

/** Collections are listed, created in and deleted; what has a name is read, changed and deleted. HEAD has no route. */
function methodExists({ info, request }: RequestContext): boolean {
  if (request.method === 'HEAD') return false;
  if (info.subresource !== '') return true;
  const named = info.parts.length > 1;
  if (info.verb === 'create') return !named;
  return named || (info.verb !== 'update' && info.verb !== 'patch');
}

/** Creating and deleting collections happens in one namespace; reading may span all. */
function spansNamespaces({ definition }: ResourceRegistry, { info }: RequestContext): boolean {
  return definition.namespaced && info.namespace === '' && (info.verb === 'create' || info.verb === 'deletecollection');
}

function serves(definition: ResourceDefinition, verb: string): boolean {
  return (definition.verbs as readonly string[]).includes(verb);
}

/** Resources that are not stored: POST is answered by code. */
async function virtualHandler(
  deps: ResourceHandlerDeps,
  registry: ResourceRegistry,
  context: RequestContext,
): Promise<ServerResponse> {
  const { definition } = registry;
  const read = deps.reads?.get(registry.key);
  if (read && serves(definition, context.info.verb)) return virtualReadHandler(registry, read, context);
  if (context.info.verb !== 'create') throw newMethodNotAllowed();
  negotiateForm(context, definition, 'one');
  if (registry.key === 'bindings') {
    const pods = deps.find('', 'v1', 'pods');
    if (!pods) throw newPathNotFound();
    return bindingHandler(pods, context, '');
  }
  const handler = deps.virtual.get(registry.key);
  if (!handler) throw newPathNotFound();
  const request = writeRequest(context, 'CreateOptions');
  const body = requireObject(context.request, registry.expected);
  const object = decodeObject(body.value, registry.expected, registry.deps.schemas, {
    validation: request.fieldValidation,
    warnings: request.warnings,
    duplicates: body.duplicates,
  });
  definition.strategy.applyDefaults?.(object);
  if (definition.namespaced) object.metadata.namespace ||= request.namespace;
  await registry.deps.admission.admit(registry.attributes('CREATE', request, '', object, undefined));
  await registry.deps.admission.validate(registry.attributes('CREATE', request, '', object, undefined));
  return plain(201, await handler(context, object));
}
