/**
 * What an object of a built-in type is before anything is set: upstream's Go structs always write their struct fields, so
 * these exist in the "old" object when field ownership of a create is worked out, and nobody owns them (`f:spec` has no
 * `.` entry but `f:rollingUpdate` has). Custom resources start from nothing.
 */
import type { Schema, SchemaSet } from './schema.ts';
import type { KubeObject } from './types.ts';

/** `=` marks a list that is written as null. */
const podTemplate = ['template', 'template.metadata', 'template.spec', 'template.spec.containers='];

/** Fields without omitempty, by kind, below the top level. */
const alwaysPresent: Readonly<Record<string, readonly string[]>> = {
  Deployment: ['spec.strategy', ...podTemplate.map((path) => `spec.${path}`)],
  ReplicaSet: podTemplate.map((path) => `spec.${path}`),
  StatefulSet: ['spec.updateStrategy', ...podTemplate.map((path) => `spec.${path}`)],
  DaemonSet: ['spec.updateStrategy', ...podTemplate.map((path) => `spec.${path}`)],
  Job: podTemplate.map((path) => `spec.${path}`),
  CronJob: [
    'spec.jobTemplate',
    'spec.jobTemplate.metadata',
    'spec.jobTemplate.spec',
    ...podTemplate.map((path) => `spec.jobTemplate.spec.${path}`),
  ],
  PodTemplate: podTemplate,
  Pod: ['spec.containers='],
  NetworkPolicy: ['spec.podSelector'],
  Service: ['status.loadBalancer'],
  Ingress: ['status.loadBalancer'],
  Node: ['status.daemonEndpoints', 'status.daemonEndpoints.kubeletEndpoint', 'status.nodeInfo'],
  PersistentVolumeClaim: ['spec.resources'],
  HorizontalPodAutoscaler: ['spec.scaleTargetRef'],
  ClusterRoleBinding: ['roleRef'],
  RoleBinding: ['roleRef'],
  Event: ['involvedObject', 'source', 'regarding', 'deprecatedSource'],
  CustomResourceDefinition: ['spec.names', 'status.acceptedNames'],
  Binding: ['target'],
  ResourceClaim: ['spec.devices'],
  ResourceClaimTemplate: ['spec.metadata', 'spec.spec', 'spec.spec.devices'],
  ResourceSlice: ['spec.pool'],
};

/** An object with only what always exists. */
export function emptyObjectOf(
  object: { readonly apiVersion: string; readonly kind: string },
  schema: Schema | undefined,
  schemas: SchemaSet,
): KubeObject {
  const empty: KubeObject = { apiVersion: object.apiVersion, kind: object.kind, metadata: {} };
  const properties = schema === undefined ? undefined : schemas.resolve(schema).properties;
  // Built-in types refer to ObjectMeta's definition; a CRD's schema does not.
  if (properties?.['metadata']?.ref === undefined) return empty;
  for (const field of ['spec', 'status']) if (properties[field]) empty[field] = {};
  for (const path of alwaysPresent[object.kind] ?? []) {
    const isList = path.endsWith('=');
    const steps = (isList ? path.slice(0, -1) : path).split('.');
    const last = steps.pop()!;
    let at: any = empty;
    for (const step of steps) at = at?.[step];
    if (at !== undefined && (steps.length > 0 || properties[last])) at[last] = isList ? null : {};
  }
  return empty;
}
