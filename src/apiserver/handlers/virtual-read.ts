/** get and list of resources that are computed when read. Upstream: rest.Getter and rest.Lister without a store. */
import { apiVersionOf } from '../../api/index.ts';
import { parseLabelSelector } from '../../apimachinery/index.ts';
import type { ResourceRegistry } from '../registry/registry.ts';
import type { RequestContext, ServerResponse, VirtualRead } from '../types.ts';
import { includeObject, negotiateForm, partialMetadata, tableOf } from './transform.ts';

/** @throws StatusError */
export async function virtualReadHandler(
  registry: ResourceRegistry,
  read: VirtualRead,
  context: RequestContext,
): Promise<ServerResponse> {
  const { definition } = registry;
  const { info, request } = context;
  const one = info.verb === 'get';
  const form = negotiateForm(context, definition, one ? 'one' : 'list');
  const respond = (object: object): ServerResponse => ({ code: 200, body: { kind: 'object', object } });
  const table = (objects: Parameters<typeof tableOf>[1]) => {
    const include = includeObject(request.query);
    return respond(tableOf(definition, objects, {}, { include, now: registry.deps.clock.now() }));
  };
  if (one) {
    const object = await read.get(info.namespace, info.name);
    if (!object) throw registry.notFound(info.name);
    if (form === 'table') return table([object]);
    return respond(form === 'partial' ? partialMetadata(object) : object);
  }
  const text = request.query.get('labelSelector') ?? '';
  const selector = text === '' ? undefined : parseLabelSelector(text);
  const objects = await read.list(info.namespace, (labels) => selector?.matches(labels) ?? true);
  if (form === 'table') return table(objects);
  if (form === 'partial') {
    const items = objects.map(partialMetadata);
    return respond({ kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata: {}, items });
  }
  return respond({ kind: definition.listKind, apiVersion: apiVersionOf(definition), metadata: {}, items: objects });
}
