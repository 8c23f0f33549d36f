/** Environment of a container. Upstream: pkg/apis/core/validation/validation.go (1.36). */
import {
  type FieldErrorList,
  type FieldPath,
  isConfigMapKey,
  isDns1123Label,
  isQualifiedName,
  isRelaxedEnvVarName,
  nameIsDnsSubdomain,
} from '../../../../apimachinery/index.ts';
import type { EnvFromSource, EnvVar } from '../../../types.ts';
import { invalidEach, quantityAt } from '../../../validation.ts';

export const envFieldPaths: readonly string[] = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

export const volumeFieldPaths: readonly string[] = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

/** Everything the downward API knows; which part is allowed depends on the place. */
const knownFieldPaths = new Set([
  ...envFieldPaths,
  ...volumeFieldPaths,
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
]);

const resourceFields = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];

const byteDivisors = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

export function validateFieldRef(
  reference: { apiVersion?: string; fieldPath?: string },
  supported: readonly string[],
  path: FieldPath,
  errors: FieldErrorList,
): void {
  if (!reference.apiVersion) {
    errors.required(path.child('apiVersion'));
    return;
  }
  const fieldPath = reference.fieldPath ?? '';
  if (fieldPath === '') {
    errors.required(path.child('fieldPath'));
    return;
  }
  const subscripted = /^(.*)\['(.*)'\]$/.exec(fieldPath);
  const problem = conversionProblem(reference.apiVersion, fieldPath, subscripted?.[1]);
  if (problem !== undefined) {
    errors.invalid(path.child('fieldPath'), fieldPath, `error converting fieldPath: ${problem}`);
  } else if (subscripted !== null) {
    const [, base, key = ''] = subscripted;
    const name = base === 'metadata.annotations' ? key.toLowerCase() : key;
    invalidEach(isQualifiedName(name), name, path, errors);
  } else if (!supported.includes(fieldPath)) {
    errors.notSupported(path.child('fieldPath'), fieldPath, supported);
  }
}

function conversionProblem(apiVersion: string, fieldPath: string, base: string | undefined): string | undefined {
  if (apiVersion !== 'v1') return `unsupported pod version: ${apiVersion}`;
  if (base !== undefined) {
    const subscriptable = base === 'metadata.annotations' || base === 'metadata.labels';
    return subscriptable ? undefined : `field label does not support subscript: ${fieldPath}`;
  }
  return knownFieldPaths.has(fieldPath) ? undefined : `field label not supported: ${fieldPath}`;
}

function divisorProblem(resource: string, divisor: string): string | undefined {
  const name = resource.slice(resource.indexOf('.') + 1);
  if (name === 'cpu') {
    return ['1', '1m'].includes(divisor)
      ? undefined
      : "only divisor's values 1m and 1 are supported with the cpu resource";
  }
  if (byteDivisors.includes(divisor)) return undefined;
  const words: Record<string, string> = { memory: 'memory', 'ephemeral-storage': 'local ephemeral storage' };
  const word = words[name] ?? (name.startsWith('hugepages-') ? 'hugepages' : undefined);
  if (word === undefined) return undefined;
  return `only divisor's values ${byteDivisors.join(', ')} are supported with the ${word} resource`;
}

/** `inVolume`: the container must be named. */
export function validateResourceFieldRef(
  reference: { containerName?: string; resource?: string; divisor?: string | number },
  inVolume: boolean,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  const resource = reference.resource ?? '';
  if (inVolume && !reference.containerName) errors.required(path.child('containerName'));
  else if (resource === '') errors.required(path.child('resource'));
  else if (!resourceFields.includes(resource) && !/^(limits|requests)\.hugepages-/.test(resource)) {
    errors.notSupported(path.child('resource'), resource, resourceFields);
  }
  if (reference.divisor === undefined) return;
  const divisor = quantityAt(reference.divisor, path.child('divisor'), errors);
  if (divisor === undefined || divisor.isZero) return;
  const problem = divisorProblem(resource, divisor.toString());
  if (problem !== undefined) errors.invalid(path.child('divisor'), resource, problem);
}

function validateKeySelector(selector: { name?: string; key?: string }, path: FieldPath, errors: FieldErrorList): void {
  const name = selector.name ?? '';
  invalidEach(nameIsDnsSubdomain(name, false), name, path.child('name'), errors);
  if (!selector.key) errors.required(path.child('key'));
  else invalidEach(isConfigMapKey(selector.key), selector.key, path.child('key'), errors);
}

function validateFileKey(
  reference: { key?: string; volumeName?: string; path?: string },
  path: FieldPath,
  errors: FieldErrorList,
): void {
  if (!reference.key) errors.required(path.child('key'));
  else invalidEach(isRelaxedEnvVarName(reference.key), reference.key, path.child('key'), errors);
  if (!reference.volumeName) errors.required(path.child('volumeName'));
  else invalidEach(isDns1123Label(reference.volumeName), reference.volumeName, path.child('volumeName'), errors);
  if (!reference.path) errors.required(path.child('path'));
  else if (reference.path.split('/').includes('..')) {
    errors.invalid(path.child('path'), reference.path, "must not contain '..'");
  }
}

function validateValueFrom(variable: EnvVar, path: FieldPath, errors: FieldErrorList): void {
  const source = variable.valueFrom;
  if (!source) return;
  let sources = 0;
  if (source.fieldRef) {
    sources++;
    validateFieldRef(source.fieldRef, envFieldPaths, path.child('fieldRef'), errors);
  }
  if (source.resourceFieldRef) {
    sources++;
    validateResourceFieldRef(source.resourceFieldRef, false, path.child('resourceFieldRef'), errors);
  }
  for (const kind of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const selector = source[kind];
    if (!selector) continue;
    sources++;
    validateKeySelector(selector, path.child(kind), errors);
  }
  if (source.fileKeyRef) {
    sources++;
    validateFileKey(source.fileKeyRef, path.child('fileKeyRef'), errors);
  }
  if (sources === 0) {
    const detail =
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
    errors.invalid(path, '', detail);
  } else if (variable.value) {
    errors.invalid(path, '', 'may not be specified when `value` is not empty');
  } else if (sources > 1) {
    errors.invalid(path, '', 'may not have more than one field specified at a time');
  }
}

export function validateEnv(variables: readonly EnvVar[] | undefined, path: FieldPath, errors: FieldErrorList): void {
  for (const [index, variable] of (variables ?? []).entries()) {
    const at = path.index(index);
    if (!variable.name) errors.required(at.child('name'));
    else invalidEach(isRelaxedEnvVarName(variable.name), variable.name, at.child('name'), errors);
    validateValueFrom(variable, at.child('valueFrom'), errors);
  }
}

export function validateEnvFrom(
  sources: readonly EnvFromSource[] | undefined,
  path: FieldPath,
  errors: FieldErrorList,
): void {
  for (const [index, source] of (sources ?? []).entries()) {
    const at = path.index(index);
    if (source.prefix) invalidEach(isRelaxedEnvVarName(source.prefix), source.prefix, at.child('prefix'), errors);
    let count = 0;
    for (const kind of ['configMapRef', 'secretRef'] as const) {
      const reference = source[kind];
      if (!reference) continue;
      count++;
      if (!reference.name) errors.required(at.child(kind, 'name'));
      else invalidEach(nameIsDnsSubdomain(reference.name, false), reference.name, at.child(kind, 'name'), errors);
    }
    if (count === 0) errors.invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`');
    else if (count > 1) errors.invalid(path, '', 'may not have more than one field specified at a time');
  }
}
