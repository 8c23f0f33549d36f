/** The scale subresource of any resource that names its paths. Upstream: registry/apps/deployment/storage (ScaleREST). */

import type { ScaleSubresource } from '../../api/index.ts';
import {
  FieldManager,
  getIn,
  isObject,
  type KubeObject,
  managedFieldsOfParent,
  managedFieldsOfScale,
  newBadRequest,
  newConflict,
  newInternalError,
  newInvalid,
  optimisticLockMessage,
  parseGroupVersion,
  selectorFromLabelSelector,
  selectorFromSet,
  withIn,
} from '../../apimachinery/index.ts';
import { type ExpectedKind, schemaOf } from './decode.ts';
import type { ResourceRegistry } from './registry.ts';
import { groupResource, type WriteRequest } from './request.ts';
import { type UpdateResult, updateObject } from './update.ts';

export const scaleKind: ExpectedKind = {
  apiVersion: 'autoscaling/v1',
  kind: 'Scale',
  group: 'autoscaling',
  schema: 'io.k8s.api.autoscaling.v1.Scale',
};

/** `.spec.replicas` → `['spec', 'replicas']`. */
function pathOf(text: string): string[] {
  return text.split('.').filter((part) => part !== '');
}

function selectorText(object: Readonly<KubeObject>, scale: ScaleSubresource): string | undefined {
  if (scale.labelSelectorPath === undefined) return undefined;
  const selector = getIn(object, pathOf(scale.labelSelectorPath));
  if (typeof selector === 'string') return selector;
  if (!isObject(selector)) return undefined;
  const whole = 'matchLabels' in selector || 'matchExpressions' in selector;
  return (whole ? selectorFromLabelSelector(selector) : selectorFromSet(selector)).toString();
}

/** What an object's scale is. */
export function scaleOf(object: Readonly<KubeObject>, scale: ScaleSubresource): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const desired = getIn(object, pathOf(scale.specReplicasPath));
  const selector = selectorText(object, scale);
  return {
    kind: scaleKind.kind,
    apiVersion: scaleKind.apiVersion,
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: desired ? { replicas: desired } : {},
    status: {
      replicas: getIn(object, pathOf(scale.statusReplicasPath)) ?? 0,
      ...(selector === undefined || selector === '' ? {} : { selector }),
    },
  };
}

function hasReplicas(object: Readonly<KubeObject>, scale: ScaleSubresource): boolean {
  return getIn(object, pathOf(scale.specReplicasPath)) !== undefined;
}

/** The scale as it is read: custom resources must have the field. @throws StatusError 500 */
export function readScale(
  { definition }: ResourceRegistry,
  scale: ScaleSubresource,
  object: Readonly<KubeObject>,
): KubeObject {
  if (definition.custom && !hasReplicas(object, scale)) {
    throw newInternalError(`the spec replicas field ${JSON.stringify(scale.specReplicasPath)} does not exist`);
  }
  return scaleOf(object, scale);
}

/** What a request makes of the present scale. Its managedFields say who owns the replicas before and after. */
export type NextScale = (current: KubeObject, fields: FieldManager) => KubeObject;

/**
 * Sets the replicas of the object as `next` makes them of its present scale.
 * @throws StatusError
 */
export async function updateScale(
  registry: ResourceRegistry,
  scale: ScaleSubresource,
  next: NextScale,
  request: WriteRequest,
): Promise<UpdateResult> {
  const replicasPath = pathOf(scale.specReplicasPath);
  const fields = new FieldManager({
    schemas: registry.deps.schemas,
    schemaOf: () => schemaOf(scaleKind, registry.deps.schemas),
  });
  // A manager of a version of another group has nothing to do with this kind.
  const replicasPathOf = (apiVersion: string) =>
    parseGroupVersion(apiVersion).group === registry.definition.group ? replicasPath : undefined;
  return updateObject(
    registry,
    {
      unconditional: true,
      next(current) {
        if (!current) throw registry.notFound(request.name);
        const owners = current.metadata.managedFields;
        const wanted = next(
          withManagedFields(scaleOf(current, scale), managedFieldsOfScale(owners, replicasPathOf)),
          fields,
        );
        if (!registry.definition.custom) validateScale(registry, wanted, request.name);
        else if (wanted['spec']?.replicas === undefined && !hasReplicas(current, scale)) {
          throw newBadRequest(`the spec replicas field ${JSON.stringify(scale.specReplicasPath)} cannot be empty`);
        }
        const { resourceVersion, uid } = wanted.metadata;
        const stale =
          resourceVersion !== undefined &&
          resourceVersion !== '' &&
          resourceVersion !== current.metadata.resourceVersion;
        if (stale || (uid !== undefined && uid !== '' && uid !== current.metadata.uid)) {
          throw newConflict(groupResource(registry.definition), request.name, optimisticLockMessage);
        }
        const replicas = wanted['spec']?.replicas ?? 0;
        const object = withIn(current, replicasPath, replicas) as KubeObject;
        const { apiVersion } = registry.view;
        return withManagedFields(
          object,
          managedFieldsOfParent(owners, wanted.metadata.managedFields, apiVersion, replicasPathOf),
        );
      },
    },
    request,
  );
}

function withManagedFields(object: KubeObject, managedFields: KubeObject['metadata']['managedFields']): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata: managedFields === undefined ? metadata : { ...metadata, managedFields } };
}

function validateScale(_registry: ResourceRegistry, scale: KubeObject, name: string): void {
  const replicas = scale['spec']?.replicas ?? 0;
  if (typeof replicas === 'number' && replicas >= 0) return;
  throw newInvalid({ group: scaleKind.group, kind: scaleKind.kind }, name, [
    {
      type: 'FieldValueInvalid',
      field: 'spec.replicas',
      badValue: replicas,
      detail: 'must be greater than or equal to 0',
    },
  ]);
}
