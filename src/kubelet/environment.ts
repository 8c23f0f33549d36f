/** A container's environment. Upstream: pkg/kubelet/kubelet_pods.go makeEnvironmentVariables. */
import type { KubeObject } from '../apimachinery/index.ts';
import { type DownwardContext, fieldValue, resourceValue } from './downward.ts';
import { expand } from './expansion.ts';
import { decodeBase64, type ObjectCache } from './object-cache.ts';
import type { Container, EnvVar } from './pod-types.ts';

/** @throws Error or StatusError when something it refers to is missing: CreateContainerConfigError. */
export async function makeEnvironment(
  container: Container,
  context: DownwardContext,
  objects: ObjectCache,
  services: ReadonlyMap<string, string>,
): Promise<{ name: string; value: string }[]> {
  const namespace = context.pod.metadata.namespace ?? '';
  const own = new Map<string, string>();
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const ref = configMapRef ?? secretRef;
    if (!ref) continue;
    const kind = configMapRef ? 'configmaps' : 'secrets';
    const object = await objects.find(kind, namespace, ref.name ?? '', ref.optional === true);
    const data: Record<string, string> = object?.['data'] ?? {};
    for (const key of Object.keys(data)) {
      own.set(prefix + key, configMapRef ? data[key]! : decodeBase64(data[key]!).toString());
    }
  }
  const lookup = (name: string) => own.get(name) ?? services.get(name);
  for (const variable of container.env ?? []) {
    const value = variable.value
      ? expand(variable.value, lookup)
      : await sourceValue(variable, container, context, objects, namespace);
    if (value !== undefined) own.set(variable.name, value);
  }
  const out = [...own].map(([name, value]) => ({ name, value }));
  for (const [name, value] of services) if (!own.has(name)) out.push({ name, value });
  return out;
}

/** Undefined: optional and not there, so the variable is not set. */
async function sourceValue(
  variable: EnvVar,
  container: Container,
  context: DownwardContext,
  objects: ObjectCache,
  namespace: string,
): Promise<string | undefined> {
  const source = variable.valueFrom;
  if (!source) return '';
  if (source.fieldRef) return fieldValue(source.fieldRef.fieldPath, context);
  if (source.resourceFieldRef) return resourceValue(source.resourceFieldRef, container, context);
  const ref = source.configMapKeyRef ?? source.secretKeyRef;
  if (!ref) return '';
  const isConfigMap = source.configMapKeyRef !== undefined;
  const name = ref.name ?? '';
  const object: Readonly<KubeObject> | undefined = await objects.find(
    isConfigMap ? 'configmaps' : 'secrets',
    namespace,
    name,
    ref.optional === true,
  );
  if (!object) return undefined;
  const value: string | undefined = object['data']?.[ref.key];
  if (value === undefined) {
    if (ref.optional) return undefined;
    throw new Error(`couldn't find key ${ref.key} in ${isConfigMap ? 'ConfigMap' : 'Secret'} ${namespace}/${name}`);
  }
  return isConfigMap ? value : decodeBase64(value).toString();
}
