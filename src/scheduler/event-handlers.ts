/**
 * What the informers tell, brought to the cache and the queue. Upstream: scheduler/eventhandlers.go (1.36).
 */
import type { Node, Pod } from '../api/index.ts';
import type { SharedInformer } from '../client/index.ts';
import type { SchedulerCache } from './cache.ts';
import { type ClusterResource, changesOfNode, changesOfPod } from './framework/events.ts';
import { podInfoOf } from './framework/node-info.ts';
import type { Nominator } from './framework/nominator.ts';
import type { SchedulingQueue } from './queue.ts';
import type { WaitingPods } from './waiting-pods.ts';

export interface Followers {
  readonly cache: SchedulerCache;
  readonly queue: SchedulingQueue;
  readonly nominator: Nominator;
  readonly waiting: WaitingPods;
  readonly pods: SharedInformer<Pod>;
  readonly nodes: SharedInformer<Node>;
  /** Whose changes may help waiting pods. */
  readonly watched: ReadonlyMap<ClusterResource, SharedInformer<any>>;
  /** Does one of the profiles schedule the pod? */
  isMine(pod: Readonly<Pod>): boolean;
  /** The pod is new and its scheduling gates hold it. */
  gated(pod: Readonly<Pod>): void;
}

export function followCluster({
  cache,
  queue,
  nominator,
  waiting,
  pods,
  nodes,
  watched,
  isMine,
  gated,
}: Followers): void {
  const podChanged = (old: Readonly<Pod> | undefined, pod: Readonly<Pod>): void => {
    const uid = pod.metadata.uid!;
    const phase = pod.status?.phase;
    if (phase === 'Succeeded' || phase === 'Failed') {
      queue.delete(uid);
      nominator.delete(uid);
      leave(pod);
      return;
    }
    if (pod.spec?.nodeName) {
      queue.delete(uid);
      nominator.delete(uid);
      cache.setPod(pod);
      if (!old?.spec?.nodeName) {
        queue.onEvent({ resource: 'pods', action: 'add', now: pod });
        return;
      }
      const changes = changesOfPod(old, pod);
      if (changes.length > 0) queue.onEvent({ resource: 'pods', action: 'update', changes, old, now: pod });
      return;
    }
    if (!isMine(pod)) return;
    if (cache.isAssumed(uid)) {
      if (pod.metadata.deletionTimestamp && !old?.metadata.deletionTimestamp) assumedPodGoes(pod);
      return;
    }
    trackNomination(old, pod);
    if (old) {
      queue.update(old, pod);
      const nominated = old.status?.nominatedNodeName;
      if (nominated && nominated !== pod.status?.nominatedNodeName) nominationEnded(old);
      return;
    }
    if (queue.add(pod)?.plugin === 'SchedulingGates') gated(pod);
  };

  /** It will not be bound any more: its place is free at once. */
  const assumedPodGoes = (pod: Readonly<Pod>): void => {
    const waits = waiting.get(pod.metadata.uid!);
    if (waits) waits.reject('', 'removed');
    else leave(pod);
  };

  /** A nomination of our own is kept until the API has shown it and taken it back. */
  const trackNomination = (old: Readonly<Pod> | undefined, pod: Readonly<Pod>): void => {
    const uid = pod.metadata.uid!;
    const known = nominator.nodeOf(uid);
    const node = pod.status?.nominatedNodeName;
    if (node) nominator.set(podInfoOf(pod), node);
    else if (old?.status?.nominatedNodeName) nominator.delete(uid);
    else if (known !== undefined) nominator.set(podInfoOf(pod), known);
  };

  /** The place that was kept for the pod is free for those that are no more important. */
  const nominationEnded = (pod: Readonly<Pod>): void => {
    const { priority } = podInfoOf(pod);
    queue.onEvent({ resource: 'pods', action: 'delete', old: pod }, (other) => other.priority <= priority);
  };

  const podGone = (pod: Readonly<Pod>): void => {
    const uid = pod.metadata.uid!;
    queue.delete(uid);
    nominator.delete(uid);
    waiting.get(uid)?.reject('', 'removed');
    if (!leave(pod) && pod.status?.nominatedNodeName) nominationEnded(pod);
  };

  /** Was it on a node, or about to be? */
  const leave = (pod: Readonly<Pod>): boolean => {
    const node = cache.nodeOf(pod.metadata.uid!);
    if (node === undefined) return false;
    cache.removePod(pod.metadata.uid!);
    queue.onEvent({ resource: 'pods', action: 'delete', old: placedOn(pod, node) });
    return true;
  };

  pods.addHandler({ onAdd: (pod) => podChanged(undefined, pod), onUpdate: podChanged, onDelete: podGone });
  nodes.addHandler({
    onAdd: (node) => {
      cache.setNode(node);
      queue.onEvent({ resource: 'nodes', action: 'add', now: node });
    },
    onUpdate: (old, node) => {
      cache.setNode(node);
      const changes = changesOfNode(old, node);
      if (changes.length > 0) queue.onEvent({ resource: 'nodes', action: 'update', changes, old, now: node });
    },
    onDelete: (node) => {
      cache.removeNode(node.metadata.name!);
      queue.onEvent({ resource: 'nodes', action: 'delete', old: node });
    },
  });
  for (const [resource, informer] of watched) {
    informer.addHandler({
      onAdd: (now) => queue.onEvent({ resource, action: 'add', now }),
      onUpdate: (old, now) => queue.onEvent({ resource, action: 'update', old, now }),
      onDelete: (old) => queue.onEvent({ resource, action: 'delete', old }),
    });
  }
}

/** The pod as it is counted there. */
export function placedOn(pod: Readonly<Pod>, nodeName: string): Readonly<Pod> {
  return pod.spec?.nodeName === nodeName ? pod : { ...pod, spec: { ...pod.spec!, nodeName } };
}
