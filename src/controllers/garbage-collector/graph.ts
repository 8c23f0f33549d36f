/**
 * Who owns whom, kept from the events of all resources; decides which objects are to be looked at.
 * Upstream: pkg/controller/garbagecollector/graph_builder.go (1.36). Differs: changes are applied at once, in the order
 * the informers bring them, instead of through a queue.
 */
import { deepEqual, type KubeObject, type OwnerReference } from '../../apimachinery/index.ts';
import { causeOf, type RequestCause, type ResourceDescription } from '../../client/index.ts';
import {
  alternateIdentity,
  foregroundFinalizer,
  type GraphNode,
  type Identity,
  identityOf,
  matchesCoordinates,
  orphanFinalizer,
  partitionDependents,
  sameIdentity,
} from './node.ts';

/** Owners verified to be absent, newest 500; spares asking again for each dependent. */
const absentOwners = 500;

export interface GraphListener {
  attemptToDelete(uid: string, cause: RequestCause): void;
  attemptToDeleteRateLimited(uid: string): void;
  attemptToOrphan(uid: string, cause: RequestCause): void;
  invalidNamespace(dependent: Identity, owner: Identity): void;
}

type ReadObject = Readonly<KubeObject>;

export class OwnershipGraph {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #absent = new Set<string>();
  readonly #listener: GraphListener;

  constructor(listener: GraphListener) {
    this.#listener = listener;
  }

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  get size(): number {
    return this.#nodes.size;
  }

  addAbsent(identity: Identity): void {
    const key = keyOf(identity);
    this.#absent.delete(key);
    this.#absent.add(key);
    if (this.#absent.size > absentOwners) this.#absent.delete(this.#absent.values().next().value!);
  }

  isKnownAbsent(identity: Identity): boolean {
    return this.#absent.has(keyOf(identity));
  }

  /** An object was added or changed. `old`: its state before, if known. */
  put(resource: ResourceDescription, object: ReadObject, old?: ReadObject): void {
    const uid = object.metadata.uid!;
    const cause = causeOf(resource, object);
    const owners = object.metadata.ownerReferences ?? [];
    const found = this.#observe(this.#nodes.get(uid), object, cause);
    const beingDeleted = object.metadata.deletionTimestamp !== undefined;
    if (!found) {
      const node: GraphNode = {
        identity: identityOf(object),
        owners,
        dependents: new Set(),
        deletingDependents: beingDeleted && hasFinalizer(object, foregroundFinalizer),
        beingDeleted,
        virtual: false,
      };
      this.#nodes.set(uid, node);
      this.#addToOwners(node, owners, cause);
      this.#transition(old, object, node, cause);
      return;
    }
    if (found.owners !== owners && !deepEqual(found.owners, owners)) this.#setOwners(found, owners, cause);
    if (beingDeleted) found.beingDeleted = true;
    this.#transition(old, object, found, cause);
  }

  /** An object is gone. */
  delete(resource: ResourceDescription, object: ReadObject): void {
    const cause = causeOf(resource, object);
    const node = this.#observe(this.#nodes.get(object.metadata.uid!), object, cause);
    if (node) this.#remove(node, identityOf(object), cause);
  }

  /** Asking the server showed that there is no such object. */
  deleteVirtual(identity: Identity): void {
    const node = this.#nodes.get(identity.uid);
    if (!node) return;
    const cause: RequestCause = { timer: 'absent-owner' };
    const { matching, other } = partitionDependents(node.dependents, identity);
    const wakeMatching = () => {
      if (matching.length > 0) this.addAbsent(identity);
      for (const dependent of matching) this.#wake(dependent, cause);
    };
    if (node.virtual && other.length > 0) {
      // Some dependents mean another object under this uid: their claim is checked next.
      wakeMatching();
      if (!sameIdentity(node.identity, identity)) return;
      const alternate = alternateIdentity(other, identity);
      if (!alternate) return;
      node.identity = alternate;
      this.#listener.attemptToDeleteRateLimited(identity.uid);
      return;
    }
    if (!node.virtual && !sameIdentity(node.identity, identity)) {
      wakeMatching();
      return;
    }
    this.#remove(node, identity, cause);
  }

  #remove(node: GraphNode, identity: Identity, cause: RequestCause): void {
    this.#nodes.delete(node.identity.uid);
    for (const owner of node.owners) this.#nodes.get(owner.uid)?.dependents.delete(node);
    if (node.dependents.size > 0) this.addAbsent(identity);
    for (const dependent of node.dependents) this.#wake(dependent, cause);
    for (const owner of node.owners) {
      const ownerNode = this.#nodes.get(owner.uid);
      if (ownerNode?.deletingDependents) this.#wake(ownerNode, cause);
    }
  }

  /** A node known only from references turns out to be this object. */
  #observe(node: GraphNode | undefined, object: ReadObject, cause: RequestCause): GraphNode | undefined {
    if (!node?.virtual) return node;
    const observed = identityOf(object);
    if (!sameIdentity(observed, node.identity)) {
      for (const dependent of partitionDependents(node.dependents, observed).other) {
        if (observed.namespace !== '' && dependent.identity.namespace !== observed.namespace) {
          this.#reportInvalidNamespace(dependent, observed.uid);
        }
        this.#wake(dependent, cause);
      }
      node.identity = observed;
    }
    node.virtual = false;
    return node;
  }

  #addToOwners(node: GraphNode, owners: readonly OwnerReference[], cause: RequestCause): void {
    let suspicious = false;
    for (const owner of owners) {
      const known = this.#nodes.get(owner.uid);
      if (!known) {
        const { apiVersion, kind, name, uid } = owner;
        const virtual: GraphNode = {
          identity: { apiVersion, kind, name, uid, namespace: node.identity.namespace },
          owners: [],
          dependents: new Set([node]),
          deletingDependents: false,
          beingDeleted: false,
          virtual: true,
        };
        this.#nodes.set(uid, virtual);
        // It may never come: somebody has to ask for it.
        this.#wake(virtual, cause);
        continue;
      }
      known.dependents.add(node);
      if (suspicious) continue;
      const { namespace } = known.identity;
      if (namespace !== '' && namespace !== node.identity.namespace) {
        if (!known.virtual) this.#reportInvalidNamespace(node, owner.uid);
        suspicious = true;
      } else if (!matchesCoordinates(owner, known.identity)) suspicious = true;
      else if (namespace === '' && node.identity.namespace !== '' && known.virtual) suspicious = true;
    }
    if (suspicious) this.#wake(node, cause);
  }

  #setOwners(node: GraphNode, owners: readonly OwnerReference[], cause: RequestCause): void {
    const before = new Map(node.owners.map((owner) => [owner.uid, owner]));
    const after = new Map(owners.map((owner) => [owner.uid, owner]));
    node.owners = owners;
    for (const [uid, owner] of before) {
      // A dependent that no longer blocks its owner may be the last one the owner waited for.
      if (owner.blockOwnerDeletion && !after.get(uid)?.blockOwnerDeletion) {
        const ownerNode = this.#nodes.get(uid);
        if (ownerNode) this.#wake(ownerNode, cause);
      }
    }
    this.#addToOwners(
      node,
      owners.filter((owner) => !before.has(owner.uid)),
      cause,
    );
    for (const uid of before.keys()) if (!after.has(uid)) this.#nodes.get(uid)?.dependents.delete(node);
  }

  #transition(old: ReadObject | undefined, object: ReadObject, node: GraphNode, cause: RequestCause): void {
    if (object.metadata.deletionTimestamp === undefined) return;
    if (starts(old, object, orphanFinalizer)) {
      this.#listener.attemptToOrphan(node.identity.uid, cause);
    } else if (starts(old, object, foregroundFinalizer)) {
      node.deletingDependents = true;
      for (const dependent of node.dependents) this.#wake(dependent, cause);
      this.#wake(node, cause);
    }
  }

  #wake(node: GraphNode, cause: RequestCause): void {
    this.#listener.attemptToDelete(node.identity.uid, cause);
  }

  #reportInvalidNamespace(dependent: GraphNode, ownerUid: string): void {
    const reference = dependent.owners.find((owner) => owner.uid === ownerUid);
    if (!reference) return;
    const { apiVersion, kind, name, uid } = reference;
    const owner = { apiVersion, kind, name, uid, namespace: dependent.identity.namespace };
    this.#listener.invalidNamespace(dependent.identity, owner);
  }
}

/** The deletion with that finalizer is new. */
function starts(old: ReadObject | undefined, object: ReadObject, finalizer: string): boolean {
  if (!hasFinalizer(object, finalizer)) return false;
  return old === undefined || old.metadata.deletionTimestamp === undefined || !hasFinalizer(old, finalizer);
}

function hasFinalizer(object: ReadObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) ?? false;
}

function keyOf({ apiVersion, kind, namespace, name, uid }: Identity): string {
  return `${apiVersion}/${kind}/${namespace}/${name}/${uid}`;
}
