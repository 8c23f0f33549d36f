/**
 * Fields that upstream's Go structs write even when nothing is set. Since they are there before any write, nobody comes
 * to own them: `f:spec` has no `.` entry, but `f:rollingUpdate`, a pointer, has. Custom resources have none.
 */
import { emptyFieldSet, type FieldSet, fieldSetOf } from './field-set.ts';
import type { Schema, SchemaSet } from './schema.ts';

const podTemplate = ['template', 'template.metadata', 'template.spec', 'template.spec.containers'];
const under = (prefix: string): string[] => podTemplate.map((path) => `${prefix}.${path}`);

/** Structs and lists without omitempty by kind, besides spec and status. */
const alwaysPresent: Readonly<Record<string, readonly string[]>> = {
  Pod: ['spec.containers'],
  PodTemplate: podTemplate,
  Deployment: ['spec.strategy', ...under('spec')],
  ReplicaSet: under('spec'),
  StatefulSet: ['spec.updateStrategy', ...under('spec')],
  DaemonSet: ['spec.updateStrategy', ...under('spec')],
  Job: under('spec'),
  CronJob: [
    'spec.jobTemplate',
    'spec.jobTemplate.metadata',
    'spec.jobTemplate.spec',
    ...under('spec.jobTemplate.spec'),
  ],
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

const cache = new WeakMap<Schema, FieldSet>();

/** The set for a kind; empty for custom resources and without schema. */
export function alwaysPresentFields(kind: string, raw: Schema | undefined, schemas: SchemaSet): FieldSet {
  if (raw === undefined) return emptyFieldSet;
  const schema = schemas.resolve(raw);
  let fields = cache.get(schema);
  if (!fields) {
    // Built-in types refer to ObjectMeta's definition; a CRD's schema does not.
    const builtin = schema.properties?.['metadata']?.ref !== undefined;
    const paths = ['spec', 'status', ...(alwaysPresent[kind] ?? [])];
    fields = builtin ? fieldSetOf(...paths.map((path) => path.split('.'))) : emptyFieldSet;
    cache.set(schema, fields);
  }
  return fields;
}
