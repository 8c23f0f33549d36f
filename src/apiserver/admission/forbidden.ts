import { groupResourceName } from '../../api/index.ts';
import { newForbidden, type StatusError } from '../../apimachinery/index.ts';
import type { AdmissionAttributes, ResourceKey } from '../types.ts';

/** A refusal by a plugin. Upstream: apiserver/pkg/admission/errors.go. */
export function admissionForbidden(attributes: AdmissionAttributes, cause: string): StatusError {
  const { definition, object } = attributes;
  const name = attributes.name || object?.metadata?.name || object?.metadata?.generateName || (object ? 'Unknown' : '');
  return newForbidden({ group: definition.group, resource: definition.plural }, name || 'Unknown', cause);
}

/** `pods`, `ingresses.networking.k8s.io`. */
export function resourceOf(attributes: AdmissionAttributes): ResourceKey {
  return groupResourceName(attributes.definition);
}

/** The pod of a create (or other `operations`) of pods themselves, not of a subresource. */
export function isPod(attributes: AdmissionAttributes): boolean {
  const { definition, subresource } = attributes;
  return definition.group === '' && definition.plural === 'pods' && subresource === '';
}
