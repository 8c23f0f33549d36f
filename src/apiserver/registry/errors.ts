/** What the store refused, in the API's words. Upstream: apiserver/pkg/registry/generic/rest/storage errors (storeerr). */
import type { ResourceDefinition } from '../../api/index.ts';
import { newAlreadyExists, newConflict, newInternalError, newNotFound } from '../../apimachinery/index.ts';
import { DecodeError } from '../storage/entry.ts';
import { isStorageError } from '../storage/errors.ts';
import { groupResource } from './request.ts';

/** The error to answer with; errors that are not the store's pass through. */
export function interpretStorageError(error: unknown, definition: ResourceDefinition, name: string): unknown {
  const resource = groupResource(definition);
  if (isStorageError(error, 'KeyNotFound')) return newNotFound(resource, name);
  if (isStorageError(error, 'KeyExists')) return newAlreadyExists(resource, name);
  if (isStorageError(error, 'InvalidObj') || isStorageError(error, 'ResourceVersionConflicts')) {
    return newConflict(resource, name, error.message);
  }
  if (error instanceof DecodeError) return newInternalError(error.message);
  return error;
}
