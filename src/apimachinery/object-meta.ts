/** Reading and path-copying object metadata. Upstream: apimachinery/pkg/apis/meta/v1/{meta,controller_ref}.go. */
import { parseTime } from '../base/index.ts';
import type { GroupVersion, GroupVersionKind, KubeObject, ObjectMeta, OwnerReference } from './types.ts';

type ReadObject = Readonly<KubeObject>;
const noLabels: Readonly<Record<string, string>> = Object.freeze({});
const noOwners: readonly OwnerReference[] = Object.freeze([]);
const noFinalizers: readonly string[] = Object.freeze([]);

export const nameOf = (object: ReadObject): string => object.metadata.name ?? '';
export const namespaceOf = (object: ReadObject): string => object.metadata.namespace ?? '';
export const uidOf = (object: ReadObject): string => object.metadata.uid ?? '';
export const resourceVersionOf = (object: ReadObject): string => object.metadata.resourceVersion ?? '';
export const labelsOf = (object: ReadObject): Readonly<Record<string, string>> => object.metadata.labels ?? noLabels;
export const annotationsOf = (object: ReadObject): Readonly<Record<string, string>> =>
  object.metadata.annotations ?? noLabels;
export const ownerReferencesOf = (object: ReadObject): readonly OwnerReference[] =>
  object.metadata.ownerReferences ?? noOwners;
export const finalizersOf = (object: ReadObject): readonly string[] => object.metadata.finalizers ?? noFinalizers;
export const hasFinalizer = (object: ReadObject, finalizer: string): boolean =>
  finalizersOf(object).includes(finalizer);
export const isBeingDeleted = (object: ReadObject): boolean => object.metadata.deletionTimestamp !== undefined;

/** Milliseconds since the epoch; undefined before the object is stored. */
export function creationTimeOf(object: ReadObject): number | undefined {
  const text = object.metadata.creationTimestamp;
  return text ? parseTime(text) : undefined;
}

/** The owner that manages this object, if any. */
export function controllerOf(object: ReadObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

export function isControlledBy(object: ReadObject, owner: ReadObject): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid && owner.metadata.uid !== undefined;
}

/** The reference a controller puts on what it creates. */
export function newControllerRef(owner: ReadObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: nameOf(owner),
    uid: uidOf(owner),
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** `namespace/name`, or `name` for cluster-scoped objects: keys of caches and workqueues. */
export function objectKey(object: ReadObject): string {
  const { namespace, name } = object.metadata;
  return namespace ? `${namespace}/${name}` : (name ?? '');
}

export function splitObjectKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  return slash < 0 ? { namespace: '', name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** `apps/v1` → group apps, version v1; `v1` → the core group. */
export function parseGroupVersion(apiVersion: string): GroupVersion {
  const slash = apiVersion.indexOf('/');
  return slash < 0
    ? { group: '', version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

export function formatGroupVersion({ group, version }: GroupVersion): string {
  return group === '' ? version : `${group}/${version}`;
}

export function groupVersionKindOf(object: { apiVersion: string; kind: string }): GroupVersionKind {
  return { ...parseGroupVersion(object.apiVersion), kind: object.kind };
}

/** A copy with some metadata changed; the rest is shared. A field set to `undefined` is removed. */
export function withMetadata<T extends KubeObject>(object: Readonly<T>, change: Partial<ObjectMeta>): T {
  const metadata = { ...object.metadata, ...change } as Record<string, unknown>;
  for (const key in change) if (change[key as keyof ObjectMeta] === undefined) delete metadata[key];
  return { ...object, metadata } as T;
}

/** A copy with labels added (value) or removed (undefined). */
export function withLabels<T extends KubeObject>(object: Readonly<T>, change: Record<string, string | undefined>): T {
  return withMetadata(object, { labels: withEntries(object.metadata.labels, change) });
}

/** A copy with annotations added (value) or removed (undefined). */
export function withAnnotations<T extends KubeObject>(
  object: Readonly<T>,
  change: Record<string, string | undefined>,
): T {
  return withMetadata(object, { annotations: withEntries(object.metadata.annotations, change) });
}

function withEntries(
  entries: Readonly<Record<string, string>> | undefined,
  change: Readonly<Record<string, string | undefined>>,
): Record<string, string> | undefined {
  const out: Record<string, string> = { ...entries };
  for (const key in change) {
    const value = change[key];
    if (value === undefined) delete out[key];
    else out[key] = value;
  }
  return Object.keys(out).length === 0 ? undefined : out;
}

/** A copy with another status; the rest is shared. */
export function withStatus<T extends KubeObject>(object: Readonly<T>, status: unknown): T {
  return { ...object, status } as T;
}

/** A copy with another spec; the rest is shared. */
export function withSpec<T extends KubeObject>(object: Readonly<T>, spec: unknown): T {
  return { ...object, spec } as T;
}
