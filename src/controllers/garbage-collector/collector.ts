/**
 * What is done with an object that may be garbage. Every decision is taken on the object as the server has it now, and
 * every delete carries its uid. Upstream: pkg/controller/garbagecollector/garbagecollector.go, operations.go (1.36).
 */

import {
  deepEqual,
  isConflict,
  isNotFound,
  type KubeObject,
  type OwnerReference,
  StatusError,
} from '../../apimachinery/index.ts';
import type { Clock, Prng } from '../../base/index.ts';
import { type KubeClient, RESTMapper, type ResourceClient, retryOnConflict } from '../../client/index.ts';
import type { OwnershipGraph } from './graph.ts';
import { blockingDependents, foregroundFinalizer, type GraphNode, type Identity, orphanFinalizer } from './node.ts';

/** A kind that discovery does not know (yet): worth another try after the next discovery. */
export class UnknownKindError extends Error {
  override readonly name = 'UnknownKindError';
}

/** A cluster-scoped object names a namespaced owner: nothing can be decided, ever. */
class NamespacedOwnerError extends Error {
  override readonly name = 'NamespacedOwnerError';
}

export interface CollectorDeps {
  readonly client: KubeClient;
  readonly graph: OwnershipGraph;
  readonly clock: Clock;
  readonly prng: Prng;
  attemptToDelete(uid: string): void;
}

type ReadObject = Readonly<KubeObject>;

export class Collector {
  readonly #deps: CollectorDeps;
  /** Replaced by every discovery. */
  mapper = new RESTMapper([]);

  constructor(deps: CollectorDeps) {
    this.#deps = deps;
  }

  /** False when the node is to be looked at again. */
  async attemptToDelete(uid: string): Promise<boolean> {
    const node = this.#deps.graph.get(uid);
    if (!node) return true;
    if (node.beingDeleted && !node.deletingDependents) return true;
    const latest = await this.#live(node.identity);
    if (!latest) {
      this.#deps.graph.deleteVirtual(node.identity);
      return true;
    }
    try {
      await this.#decide(node, latest);
    } catch (error) {
      if (error instanceof NamespacedOwnerError) return true;
      if (!isNotFound(error)) throw error;
      this.#deps.graph.deleteVirtual(node.identity);
      return true;
    }
    return !node.virtual;
  }

  /** Takes the owner's references off its dependents, then lets it go. */
  async attemptToOrphan(uid: string): Promise<void> {
    const node = this.#deps.graph.get(uid);
    if (!node) return;
    await Promise.all([...node.dependents].map((dependent) => this.#removeReferences(dependent.identity, [uid])));
    await this.#removeFinalizer(node.identity, orphanFinalizer);
  }

  async #decide(node: GraphNode, latest: ReadObject): Promise<void> {
    if (node.deletingDependents) return this.#processDeletingDependents(node);
    const references = latest.metadata.ownerReferences ?? [];
    if (references.length === 0) return;
    const { solid, dangling, waiting } = await this.#classify(node, references);
    if (solid.length > 0) {
      const gone = [...dangling, ...waiting].map((reference) => reference.uid);
      if (gone.length > 0) await this.#removeReferences(node.identity, gone);
      return;
    }
    if (waiting.length > 0 && node.dependents.size > 0) {
      // A dependent that is itself waiting could wait for this one: give way, or both wait for ever.
      if ([...node.dependents].some((dependent) => dependent.deletingDependents))
        await this.#unblockOwners(node, latest);
      return this.#delete(node.identity, latest, 'Foreground');
    }
    const finalizers = latest.metadata.finalizers ?? [];
    let policy: 'Orphan' | 'Foreground' | 'Background' = 'Background';
    if (finalizers.includes(orphanFinalizer)) policy = 'Orphan';
    else if (finalizers.includes(foregroundFinalizer)) policy = 'Foreground';
    return this.#delete(node.identity, latest, policy);
  }

  async #processDeletingDependents(node: GraphNode): Promise<void> {
    const blocking = blockingDependents(node);
    if (blocking.length === 0) return this.#removeFinalizer(node.identity, foregroundFinalizer);
    for (const dependent of blocking) {
      if (!dependent.deletingDependents) this.#deps.attemptToDelete(dependent.identity.uid);
    }
  }

  async #classify(node: GraphNode, references: readonly OwnerReference[]) {
    const solid: OwnerReference[] = [];
    const dangling: OwnerReference[] = [];
    const waiting: OwnerReference[] = [];
    for (const reference of references) {
      const owner = await this.#owner(node, reference);
      if (!owner) dangling.push(reference);
      else if (
        owner.metadata.deletionTimestamp !== undefined &&
        owner.metadata.finalizers?.includes(foregroundFinalizer)
      ) {
        waiting.push(reference);
      } else solid.push(reference);
    }
    return { solid, dangling, waiting };
  }

  /** The owner as the server has it; undefined when there is none. */
  async #owner(node: GraphNode, reference: OwnerReference): Promise<ReadObject | undefined> {
    const { graph } = this.#deps;
    const { apiVersion, kind, name, uid } = reference;
    const here = { apiVersion, kind, name, uid, namespace: node.identity.namespace };
    if (graph.isKnownAbsent({ ...here, namespace: '' }) || graph.isKnownAbsent(here)) return undefined;
    const resource = this.#resource(apiVersion, kind);
    if (resource.description.namespaced && here.namespace === '') {
      throw new NamespacedOwnerError('cluster-scoped objects cannot refer to namespaced owners');
    }
    const owner = await this.#get(resource, here.namespace, name);
    if (owner?.metadata.uid === uid) return owner;
    graph.addAbsent({ ...here, namespace: resource.description.namespaced ? here.namespace : '' });
    return undefined;
  }

  #resource(apiVersion: string, kind: string): ResourceClient {
    const description = this.mapper.findKind(apiVersion, kind);
    if (!description) throw new UnknownKindError(`unable to get REST mapping for ${apiVersion}/${kind}.`);
    return this.#deps.client.resource(description);
  }

  #clientOf(identity: Identity): ResourceClient {
    const resource = this.#resource(identity.apiVersion, identity.kind);
    return resource.namespace(resource.description.namespaced ? identity.namespace : '');
  }

  async #get(resource: ResourceClient, namespace: string, name: string): Promise<ReadObject | undefined> {
    try {
      return await resource.namespace(resource.description.namespaced ? namespace : '').get(name);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** undefined when it is gone, or another object has its name. */
  async #live(identity: Identity): Promise<ReadObject | undefined> {
    const found = await this.#get(
      this.#resource(identity.apiVersion, identity.kind),
      identity.namespace,
      identity.name,
    );
    return found?.metadata.uid === identity.uid ? found : undefined;
  }

  async #delete(
    identity: Identity,
    latest: ReadObject,
    propagationPolicy: 'Orphan' | 'Foreground' | 'Background',
  ): Promise<void> {
    const client = this.#clientOf(identity);
    const { uid } = identity;
    const { resourceVersion, ownerReferences } = latest.metadata;
    try {
      await client.delete(identity.name, { propagationPolicy, preconditions: { uid, resourceVersion } });
    } catch (error) {
      if (!isConflict(error)) throw error;
      // Changed since it was read; that matters only when it was given other owners.
      const now = await client.get(identity.name);
      const same = now.metadata.uid === uid && now.metadata.resourceVersion !== resourceVersion;
      if (!same || !deepEqual(now.metadata.ownerReferences, ownerReferences)) throw error;
      await client.delete(identity.name, { propagationPolicy, preconditions: { uid } });
    }
  }

  async #removeReferences(identity: Identity, uids: readonly string[]): Promise<void> {
    const { uid } = identity;
    const ownerReferences = uids.map((owner) => ({ $patch: 'delete', uid: owner }));
    const without = (references: readonly OwnerReference[]) => references.filter((r) => !uids.includes(r.uid));
    await this.#patchOwners(identity, { metadata: { uid, ownerReferences } }, without);
  }

  async #unblockOwners(node: GraphNode, latest: ReadObject): Promise<void> {
    const blocking = (latest.metadata.ownerReferences ?? []).filter((reference) => reference.blockOwnerDeletion);
    const ownerReferences = blocking.map(({ uid }) => ({ uid, blockOwnerDeletion: false }));
    const unblock = (references: readonly OwnerReference[]) =>
      references.map((reference) =>
        reference.blockOwnerDeletion ? { ...reference, blockOwnerDeletion: false } : reference,
      );
    await this.#patchOwners(node.identity, { metadata: { uid: node.identity.uid, ownerReferences } }, unblock);
  }

  /** Strategic merge where the kind knows it, else (custom resources) a merge patch on the version read. */
  async #patchOwners(
    identity: Identity,
    patch: object,
    change: (references: readonly OwnerReference[]) => OwnerReference[],
  ): Promise<void> {
    const client = this.#clientOf(identity);
    try {
      await client.patch(identity.name, 'strategic', patch);
      return;
    } catch (error) {
      if (isNotFound(error)) return;
      if (!(error instanceof StatusError) || error.code !== 415) throw error;
    }
    await this.#changeMetadata(identity, (object) => ({
      ownerReferences: change(object.metadata.ownerReferences ?? []),
    }));
  }

  async #removeFinalizer(identity: Identity, finalizer: string): Promise<void> {
    await this.#changeMetadata(identity, (object) => {
      const finalizers = object.metadata.finalizers ?? [];
      return finalizers.includes(finalizer)
        ? { finalizers: finalizers.filter((other) => other !== finalizer) }
        : undefined;
    });
  }

  async #changeMetadata(identity: Identity, change: (object: ReadObject) => object | undefined): Promise<void> {
    const client = this.#clientOf(identity);
    const { clock, prng } = this.#deps;
    await retryOnConflict({ clock, prng }, async () => {
      const object = await this.#live(identity);
      const metadata = object && change(object);
      if (!metadata) return;
      const { resourceVersion } = object.metadata;
      await client.patch(identity.name, 'merge', { metadata: { ...metadata, resourceVersion } });
    });
  }
}
