/**
 * Ownership of replicas carried between an object and its Scale, so that a write of one conflicts with owners of the
 * other. Upstream: apimachinery/pkg/util/managedfields/scalehandler.go.
 */
import { type FieldSet, fieldSetOf } from './field-set.ts';
import { decodeManagedFields, encodeManagedFields, type Owner, type Owners, ownerKey } from './managed-fields.ts';
import type { ManagedFieldsEntry } from './types.ts';

type Entries = readonly ManagedFieldsEntry[] | undefined;

/**
 * Where replicas are in each version of the object: `['spec', 'replicas']`. Undefined for a version that is not known:
 * its owners are dropped. `null`: the version has no scale.
 */
export type ReplicasPathOf = (apiVersion: string) => readonly string[] | null | undefined;

const scaleApiVersion = 'autoscaling/v1';
const replicasOfScale = fieldSetOf(['spec', 'replicas']);

function replicasIn(owner: Owner, pathOf: ReplicasPathOf): FieldSet | undefined {
  const path = pathOf(owner.apiVersion);
  if (!path) return undefined;
  const replicas = fieldSetOf(path);
  return owner.fields.intersection(replicas).empty ? undefined : replicas;
}

/** Who owns an object's replicas, as owners of its Scale. @throws FormatError */
export function managedFieldsOfScale(parent: Entries, pathOf: ReplicasPathOf): ManagedFieldsEntry[] | undefined {
  const owners: Owners = new Map();
  for (const owner of decodeManagedFields(parent).values()) {
    if (!replicasIn(owner, pathOf)) continue;
    const owning = { ...owner, apiVersion: scaleApiVersion, fields: replicasOfScale };
    owners.set(ownerKey(owning), owning);
  }
  return encodeManagedFields(owners);
}

/** Entries of the object after a write of its Scale that ended with the entries `scale`. @throws FormatError */
export function managedFieldsOfParent(
  parent: Entries,
  scale: Entries,
  apiVersion: string,
  pathOf: ReplicasPathOf,
): ManagedFieldsEntry[] | undefined {
  const before = decodeManagedFields(parent);
  const owning = decodeManagedFields(scale);
  const owners: Owners = new Map();
  for (const [key, owner] of before) {
    if (pathOf(owner.apiVersion) === undefined) continue;
    const replicas = replicasIn(owner, pathOf);
    const asScale = ownerKey({ ...owner, apiVersion: scaleApiVersion });
    if (!replicas || owning.delete(asScale)) owners.set(key, owner);
    else {
      // Somebody took the replicas from this one.
      const fields = owner.fields.difference(replicas);
      if (!fields.empty) owners.set(key, { ...owner, fields });
    }
  }
  const path = pathOf(apiVersion);
  for (const owner of owning.values()) {
    if (!path || owner.fields.intersection(replicasOfScale).empty) continue;
    const taking = { ...owner, apiVersion, fields: fieldSetOf(path) };
    const key = ownerKey(taking);
    owners.set(key, { ...taking, time: before.get(key)?.time });
  }
  return encodeManagedFields(owners);
}
