/** From client-side to server-side apply. Upstream: client-go/util/csaupgrade/upgrade.go. */
import { decodeFieldsV1, encodeFieldsV1 } from './fields-v1.ts';
import type { KubeObject, ManagedFieldsEntry } from './types.ts';

/**
 * Moves what client-side apply's managers (`kubectl-client-side-apply`, …) own to a server-side apply manager, as
 * `kubectl apply --server-side` does on its first use. Returns the object itself when there is nothing to move.
 */
export function upgradeManagedFields(
  object: Readonly<KubeObject>,
  csaManagers: readonly string[],
  ssaManager: string,
  options: { readonly subresource?: string } = {},
): KubeObject {
  let entries = object.metadata.managedFields;
  for (const manager of csaManagers) entries = upgradeOne(entries, manager, ssaManager, options.subresource ?? '');
  if (entries === object.metadata.managedFields) return object as KubeObject;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata: entries === undefined ? metadata : { ...metadata, managedFields: entries } };
}

function upgradeOne(
  entries: ManagedFieldsEntry[] | undefined,
  csaManager: string,
  ssaManager: string,
  subresource: string,
): ManagedFieldsEntry[] | undefined {
  if (!entries) return entries;
  const isCsa = (entry: ManagedFieldsEntry): boolean =>
    entry.manager === csaManager && entry.operation === 'Update' && (entry.subresource ?? '') === subresource;
  const isSsa = (entry: ManagedFieldsEntry): boolean =>
    entry.manager === ssaManager && entry.operation === 'Apply' && (entry.subresource ?? '') === subresource;
  const out = [...entries];
  let target = out.findIndex(isSsa);
  const csa = out.find((entry) => isCsa(entry) && (target < 0 || entry.apiVersion === out[target]!.apiVersion));
  if (target < 0) {
    target = out.findIndex(isCsa);
    if (target < 0) return entries;
    out[target] = { ...out[target]!, operation: 'Apply', manager: ssaManager };
  } else if (!out.some(isCsa)) {
    return entries;
  }
  if (csa) {
    const union = decodeFieldsV1(out[target]!.fieldsV1).union(decodeFieldsV1(csa.fieldsV1));
    out[target] = { ...out[target]!, fieldsV1: encodeFieldsV1(union) };
  }
  return out.filter((entry) => !isCsa(entry));
}
