import type { ResourceDefinition } from '../../api/index.ts';
import { type KubeObject, newBadRequest } from '../../apimachinery/index.ts';
import type { Provenance } from '../../etcd/index.ts';
import type { UserInfo } from '../types.ts';

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/** One write on its way through the registry: the request's facts and its options, already checked. */
export interface WriteRequest {
  readonly user: UserInfo;
  readonly provenance: Provenance;
  /** Collects Warning headers. */
  readonly warnings: string[];
  readonly namespace: string;
  /** From the URL; empty for create. */
  readonly name: string;
  /** Empty, or `status`, `scale`, … */
  readonly subresource: string;
  readonly dryRun: boolean;
  /** Who owns the fields this write sets. */
  readonly manager: string;
  readonly fieldValidation: FieldValidation;
}

/** metav1.DeleteOptions, checked. */
export interface DeleteRequestOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly orphanDependents?: boolean;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export function groupResource(definition: ResourceDefinition): { group: string; resource: string } {
  return { group: definition.group, resource: definition.plural };
}

/** Adds a warning once. */
export function warn(warnings: string[], text: string): void {
  if (text !== '' && !warnings.includes(text)) warnings.push(text);
}

/** The name in the object must be that of the URL; fills it in. @throws StatusError 400 */
export function checkName(object: KubeObject, name: string): void {
  object.metadata.name ||= name;
  if (object.metadata.name !== name) {
    throw newBadRequest(
      `the name of the object (${object.metadata.name}) does not match the name on the URL (${name})`,
    );
  }
}
