/** Upstream: endpoints/handlers/rest.go dedupOwnerReferencesAndAddWarning. */
import { deepEqual, type KubeObject } from '../../apimachinery/index.ts';
import { warn } from './request.ts';

/** Drops owner references that stand there twice, in place, and says so. */
export function dedupOwnerReferences(
  { metadata }: KubeObject,
  warnings: string[],
  when: 'as sent' | 'after admission',
): void {
  const references = metadata.ownerReferences;
  if (!Array.isArray(references) || references.length < 2) return;
  const kept: typeof references = [];
  const duplicates: string[] = [];
  for (const reference of references) {
    if (kept.some((other) => deepEqual(other, reference))) duplicates.push(String(reference.uid));
    else kept.push(reference);
  }
  if (duplicates.length === 0) return;
  metadata.ownerReferences = kept;
  const after = when === 'as sent' ? '' : ' after mutating admission happens';
  warn(
    warnings,
    `.metadata.ownerReferences contains duplicate entries${after}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${duplicates.join(', ')}`,
  );
}
