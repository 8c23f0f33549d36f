/** `/finalize` of namespaces. Upstream: pkg/registry/core/namespace/storage (FinalizeREST). */
import type { KubeObject } from '../../apimachinery/index.ts';
import type { ResourceRegistry } from './registry.ts';
import type { WriteRequest } from './request.ts';
import { type UpdateResult, updateObject } from './update.ts';

/** Sets spec.finalizers and nothing else; without any left, a namespace in deletion goes. */
export async function finalizeNamespace(
  registry: ResourceRegistry,
  namespace: KubeObject,
  request: WriteRequest,
): Promise<UpdateResult> {
  const { uid } = namespace.metadata;
  return updateObject(
    registry,
    {
      unconditional: true,
      ...(uid ? { preconditions: { uid } } : {}),
      next(current) {
        if (!current) throw registry.notFound(request.name);
        const { resourceVersion } = namespace.metadata;
        const object = {
          ...current,
          metadata: { ...current.metadata, ...(resourceVersion ? { resourceVersion } : {}) },
          spec: { ...current['spec'], finalizers: namespace['spec']?.finalizers ?? [] },
        } as KubeObject;
        return registry.trackFields(current, object, request);
      },
    },
    request,
  );
}
