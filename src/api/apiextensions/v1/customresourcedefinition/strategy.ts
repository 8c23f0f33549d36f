/** Upstream: apiextensions-apiserver/pkg/{registry/customresourcedefinition,apis/apiextensions/v1/defaults.go} (1.36). */
import type { KubeObject } from '../../../../apimachinery/index.ts';
import { setIfAbsent, setIfZero } from '../../../defaulting.ts';
import type { Strategy } from '../../../definition.ts';
import { rules } from '../../../place.ts';
import type { CustomResourceDefinition } from '../../../types.ts';
import { validateDefinition, validateDefinitionStatus, validateDefinitionUpdate } from './validation.ts';

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

export const customResourceDefinitionStrategy: Strategy = {
  generation: 'spec',
  applyDefaults,
  prepareForCreate: keepStoredVersion,
  prepareForUpdate(object, _old, context) {
    if (context.subresource === '') keepStoredVersion(object);
  },
  ...rules(validateDefinition, validateDefinitionUpdate, validateDefinitionStatus),
};
