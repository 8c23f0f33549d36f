/**
 * Templates of old, as ControllerRevisions: what StatefulSet and DaemonSet keep for rollbacks.
 * Upstream: pkg/controller/history/controller_history.go. Differs: two templates are the same when they mean the same,
 * not when their bytes are equal (as gate StatefulSetSemanticRevisionComparison has it); the hash is over JSON.
 */
import type { ControllerRevision, PodTemplateSpec } from '../../api/index.ts';
import { isAlreadyExists, isNotFound, type KubeObject, newControllerRef } from '../../apimachinery/index.ts';
import type { KubeClient } from '../../client/index.ts';
import { templateHash, templatesEqual } from './template-hash.ts';

export type ReadRevision = Readonly<ControllerRevision>;

/** Longest prefix of a revision's name. */
const maxPrefix = 223;

export interface RevisionOwner extends KubeObject {
  spec?: { template?: PodTemplateSpec };
}

/** Oldest first. */
export function sortRevisions(revisions: readonly ReadRevision[]): ReadRevision[] {
  return [...revisions].sort((a, b) => {
    if (a.revision !== b.revision) return a.revision - b.revision;
    const [x = '', y = ''] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
    if (x !== y) return x < y ? -1 : 1;
    return a.metadata.name! < b.metadata.name! ? -1 : 1;
  });
}

/** The pod template that a revision holds. */
export function templateOfRevision(revision: ReadRevision): PodTemplateSpec {
  const data = revision.data as { spec?: { template?: PodTemplateSpec & { $patch?: string } } } | undefined;
  const { $patch: _, ...template } = data?.spec?.template ?? {};
  return template;
}

export function revisionMatches(owner: Readonly<RevisionOwner>, revision: ReadRevision): boolean {
  return templatesEqual(templateOfRevision(revision), owner.spec?.template);
}

export interface NewRevision {
  readonly owner: Readonly<RevisionOwner>;
  readonly revision: number;
  readonly collisionCount: number | undefined;
  /** Label that holds the hash. */
  readonly hashLabel: string;
}

/** A revision of the owner's template; its data is the patch that brings the template back. */
export function newRevision({ owner, revision, collisionCount, hashLabel }: NewRevision): ControllerRevision {
  const template = owner.spec!.template!;
  const hash = templateHash(template, collisionCount);
  const { annotations } = owner.metadata;
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${owner.metadata.name!.slice(0, maxPrefix)}-${hash}`,
      namespace: owner.metadata.namespace,
      labels: { ...template.metadata?.labels, [hashLabel]: hash },
      ...(annotations ? { annotations: { ...annotations } } : {}),
      ownerReferences: [newControllerRef(owner)],
    },
    data: { spec: { template: { ...template, $patch: 'replace' } } },
    revision,
  } as ControllerRevision;
}

/**
 * Creates the revision. `collision`: another template has its name already; the caller raises its collision count.
 * @throws StatusError
 */
export async function createRevision(
  client: KubeClient,
  wanted: NewRevision,
): Promise<{ readonly revision: ReadRevision } | 'collision'> {
  const revision = newRevision(wanted);
  const revisions = client.resource<ControllerRevision>('controllerrevisions.apps');
  try {
    return { revision: await revisions.create(revision) };
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  const found = await revisions.namespace(revision.metadata.namespace).get(revision.metadata.name!);
  return revisionMatches(wanted.owner, found) ? { revision: found } : 'collision';
}

/** @throws StatusError */
export async function renumberRevision(
  client: KubeClient,
  found: ReadRevision,
  revision: number,
): Promise<ReadRevision> {
  if (found.revision === revision) return found;
  return client.resource<ControllerRevision>('controllerrevisions.apps').update({ ...found, revision });
}

/** One that is gone is no error. @throws StatusError */
export async function deleteRevision(client: KubeClient, revision: ReadRevision): Promise<void> {
  const { namespace, name } = revision.metadata;
  try {
    await client.resource<ControllerRevision>('controllerrevisions.apps').namespace(namespace).delete(name!);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
