/** Nodes of the ownership graph. Upstream: pkg/controller/garbagecollector/graph.go. */
import type { KubeObject, OwnerReference } from '../../apimachinery/index.ts';

/** What an owner reference says about its owner, and where the owner must be. */
export interface Identity {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  /** '' for cluster-scoped objects. */
  readonly namespace: string;
}

export interface GraphNode {
  identity: Identity;
  owners: readonly OwnerReference[];
  readonly dependents: Set<GraphNode>;
  /** Being deleted in the foreground: waits for its dependents. */
  deletingDependents: boolean;
  beingDeleted: boolean;
  /** Known only from the references of others; never seen itself. */
  virtual: boolean;
}

export const orphanFinalizer = 'orphan';
export const foregroundFinalizer = 'foregroundDeletion';

export function identityOf(object: Readonly<KubeObject>): Identity {
  const { name = '', uid = '', namespace = '' } = object.metadata;
  return { apiVersion: object.apiVersion, kind: object.kind, name, uid, namespace };
}

export function sameIdentity(a: Identity, b: Identity): boolean {
  return matchesCoordinates(a, b) && a.namespace === b.namespace;
}

/** Equal but for the namespace. */
export function matchesCoordinates(
  a: Pick<Identity, 'apiVersion' | 'kind' | 'name' | 'uid'>,
  b: Pick<Identity, 'apiVersion' | 'kind' | 'name' | 'uid'>,
): boolean {
  return a.uid === b.uid && a.name === b.name && a.kind === b.kind && a.apiVersion === b.apiVersion;
}

/** As upstream prints it in events. */
export function identityText(identity: Identity): string {
  const { apiVersion, kind, namespace, name, uid } = identity;
  return `[${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}]`;
}

/** Dependents whose references hold their owner back from a foreground deletion. */
export function blockingDependents(node: GraphNode): GraphNode[] {
  const out: GraphNode[] = [];
  for (const dependent of node.dependents) {
    if (dependent.owners.some((owner) => owner.uid === node.identity.uid && owner.blockOwnerDeletion === true)) {
      out.push(dependent);
    }
  }
  return out;
}

/** Dependents whose references agree with an identity, and those that name the same uid but something else. */
export function partitionDependents(
  dependents: Iterable<GraphNode>,
  owner: Identity,
): { readonly matching: GraphNode[]; readonly other: GraphNode[] } {
  const matching: GraphNode[] = [];
  const other: GraphNode[] = [];
  for (const dependent of dependents) {
    let match = false;
    let mismatch = false;
    if (owner.namespace !== '' && owner.namespace !== dependent.identity.namespace) mismatch = true;
    else {
      for (const reference of dependent.owners) {
        if (reference.uid !== owner.uid) continue;
        if (matchesCoordinates(reference, owner)) match = true;
        else mismatch = true;
      }
    }
    if (match) matching.push(dependent);
    if (mismatch) other.push(dependent);
  }
  return { matching, other };
}

/**
 * Another identity that dependents give for a uid that is verified not to exist as `absent`: the next one in order, so
 * that every claim is checked in turn.
 */
export function alternateIdentity(dependents: Iterable<GraphNode>, absent: Identity): Identity | undefined {
  let first: Identity | undefined;
  let following: Identity | undefined;
  for (const dependent of dependents) {
    for (const reference of dependent.owners) {
      if (reference.uid !== absent.uid) continue;
      const cluster = absent.namespace === '';
      const known = matchesCoordinates(reference, absent);
      if (known && (cluster || absent.namespace === dependent.identity.namespace)) continue;
      const { apiVersion, kind, name, uid } = reference;
      const clusterKind = cluster && apiVersion === absent.apiVersion && kind === absent.kind;
      const candidate = { apiVersion, kind, name, uid, namespace: clusterKind ? '' : dependent.identity.namespace };
      if (sameIdentity(candidate, absent)) continue;
      if (!first || compare(candidate, first) < 0) first = candidate;
      if (compare(absent, candidate) < 0 && (!following || compare(candidate, following) < 0)) following = candidate;
    }
  }
  return following ?? first;
}

function compare(a: Identity, b: Identity): number {
  for (const field of ['kind', 'apiVersion', 'namespace', 'name', 'uid'] as const) {
    if (a[field] !== b[field]) return a[field] < b[field] ? -1 : 1;
  }
  return 0;
}
