/** Upstream: apiextensions-apiserver/pkg/{registry/customresourcedefinition,apis/apiextensions/v1/defaults.go} (1.36). */
import type { KubeObject } from '../../../../apimachinery/index.ts';
import { rfc3339 } from '../../../../base/index.ts';
import { setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import { rules } from '../../../place.ts';
import type { CustomResourceDefinition } from '../../../types.ts';
import {
  definitionWarnings,
  validateDefinition,
  validateDefinitionStatus,
  validateDefinitionUpdate,
} from './validation.ts';

function applyDefaults(object: KubeObject): void {
  setIfAbsent(object, 'spec', {});
  const { spec } = object as CustomResourceDefinition;
  setIfAbsent(spec, 'names', {});
  const { names } = spec;
  if (names.kind) {
    setIfZero(names, 'singular', names.kind.toLowerCase());
    setIfZero(names, 'listKind', `${names.kind}List`);
  }
  setIfAbsent(spec, 'conversion', { strategy: 'None' });
  const service = spec.conversion?.webhook?.clientConfig?.service;
  if (service) setIfAbsent(service, 'port', 443);
  // An inconsistent flag of old; absent and false are the same.
  if (spec.preserveUnknownFields === false) delete spec.preserveUnknownFields;
}

/** Versions that objects may still be stored as grow with the storage version; removing one is a client's decision. */
function keepStoredVersion(object: KubeObject): void {
  const definition = object as CustomResourceDefinition;
  const current = definition.spec.versions?.find((version) => version.storage)?.name;
  const stored = definition.status?.storedVersions ?? [];
  if (current === undefined || stored.includes(current)) return;
  object['status'] = { ...object['status'], storedVersions: [...stored, current] };
}

export const crdCleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

/** A definition waits for its objects: the server's own controller takes the finalizer off again. */
function beginDeletion(object: KubeObject, { now }: { readonly now: number }): void {
  const { metadata } = object;
  const finalizers = metadata.finalizers ?? [];
  if (!finalizers.includes(crdCleanupFinalizer)) metadata.finalizers = [...finalizers, crdCleanupFinalizer];
  const conditions: { type: string }[] = object['status']?.conditions ?? [];
  const terminating = {
    type: 'Terminating',
    status: 'True',
    lastTransitionTime: rfc3339(now),
    reason: 'InstanceDeletionPending',
    message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
  };
  const others = conditions.filter(({ type }) => type !== terminating.type);
  object['status'] = { ...object['status'], conditions: [...others, terminating] };
}

export const customResourceDefinitionStrategy: Strategy = {
  allowUnconditionalUpdate: false,
  beginDeletion,
  warnings: definitionWarnings,
  generation: 'spec',
  applyDefaults,
  prepareForCreate: keepStoredVersion,
  prepareForUpdate(object, _old, context) {
    if (context.subresource === '') keepStoredVersion(object);
  },
  ...rules(validateDefinition, validateDefinitionUpdate, validateDefinitionStatus),
};
