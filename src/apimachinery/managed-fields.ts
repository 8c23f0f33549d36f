/**
 * metadata.managedFields: who owns what, decoded and encoded.
 * Upstream: apimachinery/pkg/util/managedfields/internal/{managedfields,capmanagers,conflict}.go.
 */
import { parseTime } from '../base/index.ts';
import { newApplyConflict, type StatusError } from './errors.ts';
import { type FieldSet, formatSteps } from './field-set.ts';
import { decodeFieldsV1, encodeFieldsV1 } from './fields-v1.ts';
import { FormatError } from './format-error.ts';
import { compareBytes } from './json-encode.ts';
import { deepEqual } from './json-value.ts';
import type { KubeObject, ManagedFieldsEntry, StatusCause } from './types.ts';

/** Managers that update (and do not apply) are folded into one entry beyond this number. */
export const updateManagersMax = 10;
const oldUpdatesManager = 'ancient-changes';

/** One manager: who, how, through which subresource; and for updates, in which version. */
export interface Owner {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly subresource: string;
  readonly apiVersion: string;
  readonly fields: FieldSet;
  readonly time: string | undefined;
}

/** By `ownerKey`. */
export type Owners = Map<string, Owner>;

export function ownerKey(owner: Pick<Owner, 'manager' | 'operation' | 'subresource' | 'apiVersion'>): string {
  const version = owner.operation === 'Update' ? owner.apiVersion : '';
  return `${owner.manager}\0${owner.operation}\0${version}\0${owner.subresource}`;
}

/** @throws FormatError (InvalidFieldsV1) with upstream's text. */
export function decodeManagedFields(entries: readonly ManagedFieldsEntry[] | undefined): Owners {
  const owners: Owners = new Map();
  for (const [i, entry] of (entries ?? []).entries()) {
    if (entry.operation !== 'Apply' && entry.operation !== 'Update') {
      throw new FormatError('InvalidFieldsV1', 'operation must be `Apply` or `Update`');
    }
    if (!entry.apiVersion) throw new FormatError('InvalidFieldsV1', 'apiVersion must not be empty');
    if (!entry.fieldsType) {
      throw new FormatError('InvalidFieldsV1', `missing fieldsType in managed fields entry ${i}`);
    }
    if (entry.fieldsType !== 'FieldsV1') {
      throw new FormatError(
        'InvalidFieldsV1',
        `invalid fieldsType ${JSON.stringify(entry.fieldsType)} in managed fields entry ${i}`,
      );
    }
    const owner: Owner = {
      manager: entry.manager ?? '',
      operation: entry.operation,
      subresource: entry.subresource ?? '',
      apiVersion: entry.apiVersion,
      fields: decodeFieldsV1(entry.fieldsV1),
      time: entry.time,
    };
    owners.set(ownerKey(owner), owner);
  }
  return owners;
}

const seconds = (time: string | undefined): number =>
  time === undefined ? 0 : Math.floor(parseTime(time) / 1000) || 0;

/** Sorted as upstream: applies first, then by time, manager, version, subresource. Undefined for none. */
export function encodeManagedFields(owners: Owners): ManagedFieldsEntry[] | undefined {
  if (owners.size === 0) return undefined;
  const sorted = [...owners.values()].sort(
    (a, b) =>
      compareBytes(a.operation, b.operation) ||
      seconds(a.time) - seconds(b.time) ||
      compareBytes(a.manager, b.manager) ||
      compareBytes(a.apiVersion, b.apiVersion) ||
      compareBytes(a.subresource, b.subresource),
  );
  return sorted.map((owner) => {
    const entry: ManagedFieldsEntry = { manager: owner.manager, operation: owner.operation };
    entry.apiVersion = owner.apiVersion;
    if (owner.time !== undefined) entry.time = owner.time;
    entry.fieldsType = 'FieldsV1';
    entry.fieldsV1 = encodeFieldsV1(owner.fields);
    if (owner.subresource !== '') entry.subresource = owner.subresource;
    return entry;
  });
}

/** Folds the oldest updating managers of each version together when there are too many. */
export function capUpdateManagers(owners: Owners): void {
  const updaters = [...owners].filter(([, owner]) => owner.operation === 'Update');
  if (updaters.length <= updateManagersMax) return;
  updaters.sort(([keyA, a], [keyB, b]) => seconds(a.time) - seconds(b.time) || compareBytes(keyA, keyB));
  let count = updaters.length;
  const firstOfVersion = new Map<string, string>();
  for (const [key, owner] of updaters) {
    if (count <= updateManagersMax) return;
    const first = firstOfVersion.get(owner.apiVersion);
    if (first === undefined) {
      firstOfVersion.set(owner.apiVersion, key);
      continue;
    }
    const identity = {
      manager: oldUpdatesManager,
      operation: 'Update',
      subresource: '',
      apiVersion: owner.apiVersion,
    } as const;
    const bucketKey = ownerKey(identity);
    let bucket = owners.get(bucketKey);
    if (!bucket) {
      bucket = { ...identity, fields: owners.get(first)!.fields, time: undefined };
      owners.delete(first);
    }
    owners.delete(key);
    owners.set(bucketKey, { ...bucket, fields: owner.fields.union(bucket.fields), time: owner.time });
    count--;
  }
}

/** A field that an apply would take from another manager. */
export interface Conflict {
  readonly owner: Owner;
  readonly steps: readonly string[];
}

function describeOwner(owner: Owner): string {
  let text = JSON.stringify(owner.manager);
  if (owner.subresource !== '') text += ` with subresource ${JSON.stringify(owner.subresource)}`;
  return owner.operation === 'Update' ? `${text} using ${owner.apiVersion}` : text;
}

/** 409 with one cause a field: `Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas`. */
export function conflictError(conflicts: readonly Conflict[]): StatusError {
  const causes: StatusCause[] = conflicts.map(({ owner, steps }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${describeOwner(owner)}`,
    field: formatSteps(steps),
  }));
  if (conflicts.length === 1) {
    const { owner, steps } = conflicts[0]!;
    const text = `Apply failed with 1 conflict: conflict with ${describeOwner(owner)}: ${formatSteps(steps)}`;
    return newApplyConflict(causes, text);
  }
  const byOwner = Map.groupBy(conflicts, ({ owner }) => owner);
  const owners = [...byOwner].sort(([a], [b]) => compareBytes(ownerKey(a), ownerKey(b)));
  const lines = owners.flatMap(([owner, list]) => [
    `conflicts with ${describeOwner(owner)}:`,
    ...list.map(({ steps }) => `- ${formatSteps(steps)}`),
  ]);
  return newApplyConflict(causes, `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`);
}

/**
 * When an update changed nothing but times in managedFields, the object with its old managedFields: so it is not
 * written, and resourceVersion stays. Otherwise `object` itself.
 * Upstream: apiserver/pkg/endpoints/handlers/fieldmanager/equality.go.
 */
export function keepManagedFieldsTimes<T extends KubeObject>(object: T, live: Readonly<KubeObject>): T {
  const [now, before] = [object.metadata.managedFields, live.metadata.managedFields];
  if (now === before || now === undefined || before === undefined || now.length !== before.length) return object;
  const untimed = (entries: readonly ManagedFieldsEntry[]): unknown => entries.map((entry) => ({ ...entry, time: '' }));
  if (!deepEqual(untimed(now), untimed(before))) return object;
  const withOldTimes = { ...object, metadata: { ...object.metadata, managedFields: before } };
  const unchanged = deepEqual(
    { ...withOldTimes, metadata: { ...withOldTimes.metadata, resourceVersion: '' } },
    { ...live, metadata: { ...live.metadata, resourceVersion: '' } },
  );
  return unchanged ? withOldTimes : object;
}
