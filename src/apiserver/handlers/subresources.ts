/** What lies below an object. Upstream: pkg/registry/<group>/<resource>/storage, endpoints/installer.go. */
import type { SubresourceDefinition } from '../../api/index.ts';
import {
  deepCopy,
  type FieldManager,
  type KubeObject,
  newBadRequest,
  newMethodNotAllowed,
  newPathNotFound,
  type Status,
} from '../../apimachinery/index.ts';
import type { Prng } from '../../base/index.ts';
import { checkTypeMeta, decodeObject } from '../registry/decode.ts';
import { finalizeNamespace } from '../registry/finalize.ts';
import { patchFunction } from '../registry/patch.ts';
import { bindingKind, bindPod } from '../registry/pod-binding.ts';
import type { ResourceRegistry } from '../registry/registry.ts';
import type { WriteRequest } from '../registry/request.ts';
import { type NextScale, readScale, scaleKind, scaleOf, updateScale } from '../registry/scale.ts';
import { streamingHandler } from '../streaming/connect.ts';
import { proxyHandler } from '../streaming/proxy.ts';
import { streamOverWebSocket } from '../streaming/websocket-response.ts';
import type { HandlerKey, NodeDialer, ObjectReader, RequestContext, ServerResponse, VirtualCreate } from '../types.ts';
import { type Body, requireObject } from './body.ts';
import { evictionHandler } from './eviction.ts';
import { podLogHandler } from './logs.ts';
import { boolParameter, writeRequest } from './options.ts';
import { checkApplied, readPatch } from './patch-body.ts';
import { getHandler, readEntry, respondWith, respondWithScale } from './read.ts';
import { subresourceKind } from './subresource-kind.ts';
import { patchHandler, patchTypeOf, updateHandler } from './write.ts';

export interface SubresourceDeps {
  readonly virtual: ReadonlyMap<HandlerKey, VirtualCreate>;
  readonly nodes: NodeDialer | undefined;
  /** The registry that serves this version of this resource. */
  find(group: string, version: string, resource: string): ResourceRegistry | undefined;
  readonly reader: ObjectReader;
  readonly prng: Prng;
}

/** @throws StatusError */
export async function subresourceHandler(
  registry: ResourceRegistry,
  subresource: SubresourceDefinition,
  context: RequestContext,
  deps: SubresourceDeps,
): Promise<ServerResponse> {
  const { verb } = context.info;
  switch (subresource.handler) {
    case 'status':
    case 'approval':
    case 'ephemeralcontainers':
    case 'resize':
      if (verb === 'get') return getHandler(registry, context);
      if (verb === 'update') return updateHandler(registry, context);
      if (verb === 'patch') return patchHandler(registry, context);
      break;
    case 'scale':
      return scaleHandler(registry, context);
    case 'binding':
      if (verb === 'create') return bindingHandler(registry, context, context.info.name);
      break;
    case 'finalize':
      if (verb === 'update') return finalizeHandler(registry, context);
      break;
    case 'log':
      if (verb === 'get') return streamOverWebSocket(context, () => podLogHandler(registry, context, deps.nodes));
      break;
    case 'exec':
    case 'attach':
    case 'portforward':
      if (verb === 'get' || verb === 'create') {
        return streamingHandler(subresource.handler, registry, context, deps.nodes);
      }
      break;
    case 'proxy':
      return proxyHandler(registry, context, deps);
    case 'eviction':
      if (verb === 'create') return evictionHandler(registry, subresource, context, deps);
      break;
    default: {
      const handler = deps.virtual.get(`${registry.key}/${subresource.name}`);
      if (!handler) throw newPathNotFound();
      if (verb === 'create') return virtualSubresource(registry, subresource, context, handler);
    }
  }
  throw newMethodNotAllowed();
}

async function scaleHandler(registry: ResourceRegistry, context: RequestContext): Promise<ServerResponse> {
  const { scale } = registry.definition;
  if (!scale) throw newPathNotFound();
  const { verb, name } = context.info;
  if (verb === 'get') {
    const entry = await readEntry(registry, context);
    return respondWithScale(context, registry, readScale(registry, scale, registry.served(entry)));
  }
  const { next, request } = verb === 'update' ? replacedScale(registry, context) : patchedScale(registry, context);
  const result = await updateScale(
    registry,
    scale,
    (current, fields) => {
      const wanted = next(current, fields);
      if ((wanted.metadata.name ?? name) !== name) {
        throw newBadRequest(
          `the name of the object (${wanted.metadata.name}) does not match the name on the URL (${name})`,
        );
      }
      return wanted;
    },
    request,
  );
  return respondWithScale(context, registry, scaleOf(registry.served(result.entry), scale));
}

interface ScaleWrite {
  readonly next: NextScale;
  readonly request: WriteRequest;
}

function decodeScale(registry: ResourceRegistry, body: Body, request: WriteRequest): KubeObject {
  return decodeObject(body.value, scaleKind, registry.deps.schemas, {
    validation: request.fieldValidation,
    warnings: request.warnings,
    duplicates: body.duplicates,
  });
}

/** The scale with managedFields that say what the request changed. */
function trackScale(current: KubeObject, object: KubeObject, fields: FieldManager, at: TrackedAt): KubeObject {
  return fields.update({ live: current, object, ...at, options: { subresource: 'scale' } });
}

interface TrackedAt {
  readonly manager: string;
  readonly now: number;
}

function replacedScale(registry: ResourceRegistry, context: RequestContext): ScaleWrite {
  const request = writeRequest(context, 'UpdateOptions');
  const wanted = decodeScale(registry, requireObject(context.request, scaleKind), request);
  const at = { manager: request.manager, now: registry.deps.clock.now() };
  return { request, next: (current, fields) => trackScale(current, wanted, fields, at) };
}

function patchedScale(registry: ResourceRegistry, context: RequestContext): ScaleWrite {
  if (context.info.verb !== 'patch') throw newMethodNotAllowed();
  const type = patchTypeOf(registry, context);
  const applied = type === 'application/apply-patch+yaml';
  const request = writeRequest(context, 'PatchOptions', { apply: applied });
  const body = readPatch(context.request, type);
  const at = { manager: request.manager, now: registry.deps.clock.now() };
  if (!applied) {
    const apply = patchFunction(registry, type, body.value, scaleKind);
    const next: NextScale = (current, fields) => {
      const value = deepCopy(apply(current)) as KubeObject;
      return trackScale(current, decodeScale(registry, { value, duplicates: body.duplicates }, request), fields, at);
    };
    return { request, next };
  }
  const configuration = checkApplied(body.value, scaleKind);
  const force = boolParameter(context.request.query, 'force') ?? false;
  const options = { subresource: 'scale' };
  const next: NextScale = (current, fields) => {
    const value = deepCopy(fields.apply({ live: current, applied: configuration, force, ...at, options }));
    return decodeScale(registry, { value, duplicates: body.duplicates }, request);
  };
  return { request, next };
}

/** `pods/<name>/binding`, and POST to `bindings` with the name in the body. */
export async function bindingHandler(
  registry: ResourceRegistry,
  context: RequestContext,
  name: string,
): Promise<ServerResponse> {
  const request = writeRequest(context, 'CreateOptions');
  const body = requireObject(context.request, bindingKind);
  const binding = decodeObject(body.value, bindingKind, registry.deps.schemas, {
    validation: request.fieldValidation,
    warnings: request.warnings,
    duplicates: body.duplicates,
  });
  const pod = name || binding.metadata.name || '';
  await bindPod(registry, binding, { ...request, name: pod, subresource: 'binding' });
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
  return plain(201, status);
}

async function finalizeHandler(registry: ResourceRegistry, context: RequestContext): Promise<ServerResponse> {
  const request = writeRequest(context, 'UpdateOptions');
  const body = requireObject(context.request, registry.expected);
  const namespace = checkTypeMeta(body.value, registry.expected, registry.deps.schemas);
  const result = await finalizeNamespace(registry, namespace, request);
  return respondWith(context, registry, 200, result.entry);
}

async function virtualSubresource(
  registry: ResourceRegistry,
  subresource: SubresourceDefinition,
  context: RequestContext,
  handler: VirtualCreate,
): Promise<ServerResponse> {
  const request = writeRequest(context, 'CreateOptions');
  const expected = subresourceKind(registry, subresource);
  const body = requireObject(context.request, expected);
  const object = decodeObject(body.value, expected, registry.deps.schemas, {
    validation: request.fieldValidation,
    warnings: request.warnings,
    duplicates: body.duplicates,
  });
  const { admission } = registry.deps;
  await admission.admit(registry.attributes('CREATE', request, request.name, object, undefined));
  await admission.validate(registry.attributes('CREATE', request, request.name, object, undefined));
  return plain(201, await handler(context, object));
}

export function plain(code: number, object: object): ServerResponse {
  return { code, body: { kind: 'object', object } };
}
