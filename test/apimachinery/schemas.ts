/** The part of the built-in types that these tests need, so that they run before the generated schema exists. */
import { createSchemaSet, type Schema, type SchemaSet } from '../../src/apimachinery/index.ts';

const text: Schema = { type: 'string' };
const int32: Schema = { type: 'integer', format: 'int32' };
const texts: Schema = { type: 'array', items: text, listType: 'atomic' };
const stringMap: Schema = { type: 'object', additionalProperties: text };
const quantity: Schema = { ref: 'io.k8s.apimachinery.pkg.api.resource.Quantity' };
const ref = (name: string): Schema => ({ ref: name });
const core = (name: string): string => `io.k8s.api.core.v1.${name}`;
const meta = (name: string): string => `io.k8s.apimachinery.pkg.apis.meta.v1.${name}`;
const struct = (properties: Record<string, Schema>): Schema => ({ type: 'object', properties });
const keyed = (item: Schema, ...keys: string[]): Schema => ({
  type: 'array',
  items: item,
  listType: 'map',
  listMapKeys: keys,
  patchStrategy: 'merge',
  patchMergeKey: keys[0]!,
});
const empty = struct({ medium: text });

export const schemas: SchemaSet = createSchemaSet({
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: 'string', format: 'quantity' },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { intOrString: true, format: 'int-or-string' },
  [meta('Time')]: { type: 'string', format: 'date-time', nullable: true },
  [meta('MicroTime')]: { type: 'string', format: 'date-time', nullable: true },
  [meta('LabelSelector')]: {
    ...struct({ matchLabels: stringMap, matchExpressions: { type: 'array', items: { type: 'object' } } }),
    mapType: 'atomic',
  },
  [meta('ObjectMeta')]: struct({
    name: text,
    namespace: text,
    uid: text,
    resourceVersion: text,
    generation: { type: 'integer', format: 'int64' },
    creationTimestamp: ref(meta('Time')),
    labels: stringMap,
    annotations: stringMap,
    finalizers: { type: 'array', items: text, listType: 'set', patchStrategy: 'merge' },
    ownerReferences: keyed(struct({ apiVersion: text, kind: text, name: text, uid: text }), 'uid'),
    managedFields: { type: 'array', items: { type: 'object', preserveUnknownFields: true }, listType: 'atomic' },
  }),
  [core('ContainerPort')]: struct({
    containerPort: int32,
    hostPort: int32,
    name: text,
    protocol: { type: 'string', default: 'TCP' },
  }),
  [core('EnvVar')]: struct({ name: text, value: text }),
  [core('Container')]: struct({
    name: text,
    image: text,
    args: texts,
    env: keyed(ref(core('EnvVar')), 'name'),
    ports: {
      ...keyed(ref(core('ContainerPort')), 'containerPort'),
      listMapKeys: ['containerPort', 'protocol'],
    },
    resources: struct({
      limits: { type: 'object', additionalProperties: quantity },
      requests: { type: 'object', additionalProperties: quantity },
    }),
    tty: { type: 'boolean' },
  }),
  [core('Volume')]: struct({
    name: text,
    emptyDir: empty,
    configMap: struct({ name: text }),
    hostPath: struct({ path: text }),
  }),
  [core('PodSpec')]: struct({
    containers: keyed(ref(core('Container')), 'name'),
    initContainers: keyed(ref(core('Container')), 'name'),
    volumes: { ...keyed(ref(core('Volume')), 'name'), patchStrategy: 'merge,retainKeys' },
    nodeSelector: { ...stringMap, mapType: 'atomic' },
    tolerations: { type: 'array', items: struct({ key: text, value: text }), listType: 'atomic' },
    hostAliases: keyed(struct({ ip: text, hostnames: texts }), 'ip'),
    priority: int32,
  }),
  [core('PodTemplateSpec')]: struct({ metadata: ref(meta('ObjectMeta')), spec: ref(core('PodSpec')) }),
  'io.k8s.api.apps.v1.DeploymentSpec': struct({
    replicas: int32,
    paused: { type: 'boolean' },
    selector: ref(meta('LabelSelector')),
    strategy: {
      ...struct({
        type: text,
        rollingUpdate: struct({
          maxSurge: ref('io.k8s.apimachinery.pkg.util.intstr.IntOrString'),
          maxUnavailable: ref('io.k8s.apimachinery.pkg.util.intstr.IntOrString'),
        }),
      }),
      patchStrategy: 'retainKeys',
    },
    template: ref(core('PodTemplateSpec')),
  }),
  'io.k8s.api.apps.v1.Deployment': struct({
    apiVersion: text,
    kind: text,
    metadata: ref(meta('ObjectMeta')),
    spec: ref('io.k8s.api.apps.v1.DeploymentSpec'),
    status: struct({
      replicas: int32,
      conditions: keyed(struct({ type: text, status: text, lastUpdateTime: ref(meta('Time')) }), 'type'),
    }),
  }),
  'io.k8s.api.core.v1.Secret': struct({
    apiVersion: text,
    kind: text,
    metadata: ref(meta('ObjectMeta')),
    data: { type: 'object', additionalProperties: { type: 'string', format: 'byte' } },
  }),
  'io.k8s.api.coordination.v1.LeaseSpec': struct({ renewTime: ref(meta('MicroTime')) }),
});

export const deploymentSchema: Schema = schemas.get('io.k8s.api.apps.v1.Deployment')!;

/** A Deployment with most things that merge in a special way. Each call makes a new one. */
export function makeDeployment(): Record<string, any> & { apiVersion: string; kind: string; metadata: any } {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'web',
      namespace: 'default',
      labels: { app: 'web', tier: 'front' },
      finalizers: ['a/x', 'b/x', 'c/x'],
    },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 1 } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          nodeSelector: { a: 'b' },
          tolerations: [{ key: 'a' }, { key: 'b' }],
          hostAliases: [{ ip: '1.1.1.1', hostnames: ['a'] }],
          containers: [
            {
              name: 'web',
              image: 'nginx:1.25',
              args: ['a', 'b'],
              env: [
                { name: 'A', value: '1' },
                { name: 'B', value: '2' },
                { name: 'C', value: '3' },
              ],
              ports: [
                { containerPort: 80, name: 'http' },
                { containerPort: 443, name: 'https' },
              ],
            },
            { name: 'side', image: 'busybox' },
            { name: 'third', image: 'x' },
          ],
          volumes: [
            { name: 'v', emptyDir: {} },
            { name: 'w', configMap: { name: 'c' } },
          ],
        },
      },
    },
  };
}
