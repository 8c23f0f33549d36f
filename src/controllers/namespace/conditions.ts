/** What a dying namespace says of itself. Upstream: pkg/controller/namespace/deletion/status_condition_utils.go. */
import type { NamespaceCondition } from '../../api/index.ts';
import type { Remaining } from './content.ts';

const fine: readonly (readonly [type: string, reason: string, message: string])[] = [
  ['NamespaceDeletionDiscoveryFailure', 'ResourcesDiscovered', 'All resources successfully discovered'],
  ['NamespaceDeletionGroupVersionParsingFailure', 'ParsedGroupVersions', 'All legacy kube types successfully parsed'],
  [
    'NamespaceDeletionContentFailure',
    'ContentDeleted',
    'All content successfully deleted, may be waiting on finalization',
  ],
  ['NamespaceContentRemaining', 'ContentRemoved', 'All content successfully removed'],
  ['NamespaceFinalizersRemaining', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
];

/** The conditions after a pass; the same array when nothing changed. `at`: RFC 3339. */
export function namespaceConditions(
  old: readonly NamespaceCondition[] | undefined,
  remaining: Remaining,
  at: string,
): readonly NamespaceCondition[] {
  const trouble = troubles(remaining);
  const out = [...(old ?? [])];
  let changed = false;
  for (const [type, okReason, okMessage] of fine) {
    const found = trouble.get(type);
    const [status, reason, message] = found ? ['True', ...found] : ['False', okReason, okMessage];
    const index = out.findIndex((condition) => condition.type === type);
    const current = out[index];
    if (current && current.status === status && current.reason === reason && current.message === message) continue;
    changed = true;
    const lastTransitionTime = current?.status === status ? current?.lastTransitionTime : at;
    const next = { type, status: status!, reason, message, lastTransitionTime };
    if (index >= 0) out[index] = next;
    else out.push(next);
  }
  return changed ? out : (old ?? []);
}

function troubles(remaining: Remaining): Map<string, readonly [reason: string, message: string]> {
  const out = new Map<string, readonly [string, string]>();
  const { discoveryError, errors, resources, finalizers } = remaining;
  if (discoveryError) out.set('NamespaceDeletionDiscoveryFailure', ['DiscoveryFailed', discoveryError.message]);
  const failures = errors.filter((error) => !discoveryError?.message.endsWith(error.message));
  if (failures.length > 0) {
    const text = failures
      .map((error) => error.message)
      .sort()
      .join(', ');
    const message = `Failed to delete all resource types, ${failures.length} remaining: ${text}`;
    out.set('NamespaceDeletionContentFailure', ['ContentDeletionFailed', message]);
  }
  // While pods are awaited the rest has not been counted, and upstream says nothing of what remains.
  if (remaining.waitsForPods) return out;
  if (resources.size > 0) {
    const list = [...resources].map(([name, count]) => `${name} has ${count} resource instances`).sort();
    const message = `Some resources are remaining: ${list.join(', ')}`;
    out.set('NamespaceContentRemaining', ['SomeResourcesRemain', message]);
  }
  if (finalizers.size > 0) {
    const list = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`).sort();
    const message = `Some content in the namespace has finalizers remaining: ${list.join(', ')}`;
    out.set('NamespaceFinalizersRemaining', ['SomeFinalizersRemain', message]);
  }
  return out;
}
