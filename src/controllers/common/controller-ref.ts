/**
 * Adoption: an owner takes what its selector matches and nobody controls, and lets go of what no longer matches.
 * Upstream: pkg/controller/controller_ref_manager.go.
 */
import {
  controllerOf,
  isInvalid,
  isNotFound,
  type KubeObject,
  newControllerRef,
  type Selector,
} from '../../apimachinery/index.ts';
import type { ResourceClient } from '../../client/index.ts';

export interface ClaimOptions<T extends KubeObject> {
  readonly owner: Readonly<KubeObject>;
  readonly selector: Selector;
  /** Client of the claimed resource in the owner's namespace. */
  readonly client: ResourceClient<T>;
  /** The owner read anew from the server; its deletion or another uid stops adoption. */
  freshOwner(): Promise<Readonly<KubeObject>>;
  /** What else must hold before an orphan is adopted. */
  filter?(object: Readonly<T>): boolean;
  /** Given to what is adopted. */
  readonly finalizers?: readonly string[];
}

/** The objects among `candidates` that are the owner's, after adopting and releasing. */
export async function claim<T extends KubeObject>(
  candidates: readonly Readonly<T>[],
  options: ClaimOptions<T>,
): Promise<Readonly<T>[]> {
  const { owner, selector, filter } = options;
  const ownerUid = owner.metadata.uid!;
  const claimed: Readonly<T>[] = [];
  const errors: unknown[] = [];
  // Asked once, and only when there is something to adopt.
  let canAdopt: Promise<void> | undefined;
  for (const object of candidates) {
    const controller = controllerOf(object);
    if (controller !== undefined) {
      if (controller.uid !== ownerUid) continue;
      if (selector.matches(object.metadata.labels)) claimed.push(object);
      else if (owner.metadata.deletionTimestamp === undefined) {
        try {
          await release(object, options);
        } catch (error) {
          if (!isNotFound(error)) errors.push(error);
        }
      }
      continue;
    }
    if (owner.metadata.deletionTimestamp !== undefined || !selector.matches(object.metadata.labels)) continue;
    if (filter && !filter(object)) continue;
    if (object.metadata.deletionTimestamp !== undefined) continue;
    try {
      canAdopt ??= checkCanAdopt(options);
      await canAdopt;
      await adopt(object, options);
      claimed.push(object);
    } catch (error) {
      if (!isNotFound(error)) errors.push(error);
    }
  }
  if (errors.length > 0) throw errors.length === 1 ? errors[0] : new AggregateError(errors, 'claiming failed');
  return claimed;
}

async function checkCanAdopt<T extends KubeObject>({ owner, freshOwner }: ClaimOptions<T>): Promise<void> {
  const fresh = await freshOwner();
  const { namespace, name, uid } = owner.metadata;
  if (fresh.metadata.uid !== uid) {
    throw new Error(
      `original ${owner.kind} ${namespace}/${name} is gone: got uid ${fresh.metadata.uid}, wanted ${uid}`,
    );
  }
  if (fresh.metadata.deletionTimestamp !== undefined) {
    throw new Error(`can't adopt: ${namespace}/${name} has just been deleted at ${fresh.metadata.deletionTimestamp}`);
  }
}

async function adopt<T extends KubeObject>(
  object: Readonly<T>,
  { owner, client, finalizers }: ClaimOptions<T>,
): Promise<void> {
  const { name, uid } = object.metadata;
  const patch = {
    metadata: { ownerReferences: [newControllerRef(owner)], uid, ...(finalizers ? { finalizers } : {}) },
  };
  await client.patch(name!, 'strategic', patch, { handOver: true });
}

async function release<T extends KubeObject>(object: Readonly<T>, { owner, client }: ClaimOptions<T>): Promise<void> {
  const { name, uid } = object.metadata;
  const patch = { metadata: { uid, ownerReferences: [{ $patch: 'delete', uid: owner.metadata.uid }] } };
  try {
    await client.patch(name!, 'strategic', patch, { handOver: true });
  } catch (error) {
    // Invalid: the object was replaced under the same name, or the reference is gone already.
    if (!isNotFound(error) && !isInvalid(error)) throw error;
  }
}
