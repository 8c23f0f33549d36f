/** The main loop: one pod on every node that should have one. Upstream: pkg/controller/daemon/daemon_controller.go (manage). */
import type { Node } from '../../api/index.ts';
import { isPodAvailable, isPodReady, type ReadPod } from '../common/pods.ts';
import type { FailedPodsBackoff } from './backoff.ts';
import { compareDaemonPods, hashLabel, type Placement, type ReadDaemonSet, surgeCount } from './nodes.ts';

export interface ManageInput {
  readonly set: ReadDaemonSet;
  readonly hash: string;
  readonly nodes: readonly Readonly<Node>[];
  readonly podsByNode: ReadonlyMap<string, readonly ReadPod[]>;
  readonly placement: (node: Readonly<Node>) => Placement;
  readonly backoff: FailedPodsBackoff;
  readonly now: number;
  event(type: 'Normal' | 'Warning', reason: string, message: string): void;
  /** A failed pod waits that long before it is replaced. */
  requeue(ms: number): void;
}

export interface ManageStep {
  readonly nodesNeedingPods: string[];
  readonly podsToDelete: ReadPod[];
}

export function manageStep(input: ManageInput): ManageStep {
  const step: ManageStep = { nodesNeedingPods: [], podsToDelete: [] };
  const known = new Set<string>();
  for (const node of input.nodes) {
    known.add(node.metadata.name!);
    visitNode(input, node, step);
  }
  // Pods that wait for a node that is gone.
  for (const [name, pods] of input.podsByNode) {
    if (known.has(name)) continue;
    for (const pod of pods) if (!pod.spec?.nodeName) step.podsToDelete.push(pod);
  }
  return step;
}

function visitNode(input: ManageInput, node: Readonly<Node>, step: ManageStep): void {
  const name = node.metadata.name!;
  const pods = input.podsByNode.get(name);
  const { run, stay } = input.placement(node);
  if (run && !pods) step.nodesNeedingPods.push(name);
  else if (stay && pods) {
    const running = runningPods(input, name, pods, step).sort(compareDaemonPods);
    if (surgeCount(input.set, 1) === 0) {
      step.podsToDelete.push(...running.slice(1));
    } else if (running.length === 0) {
      if (run) step.nodesNeedingPods.push(name);
    } else if (running.length > 1) keepOldAndNew(input, running, step);
  } else if (!stay && pods) {
    for (const pod of pods) if (pod.metadata.deletionTimestamp === undefined) step.podsToDelete.push(pod);
  }
}

/** The node's pods that run or may yet; ended ones are deleted, failed ones not too fast. */
function runningPods(input: ManageInput, node: string, pods: readonly ReadPod[], step: ManageStep): ReadPod[] {
  const { set, backoff, now } = input;
  const running: ReadPod[] = [];
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp !== undefined) continue;
    const where = `${pod.metadata.namespace}/${pod.metadata.name} on node ${node}`;
    if (pod.status?.phase === 'Failed') {
      const key = `${set.metadata.uid}/${set.status?.observedGeneration ?? 0}/${node}`;
      if (backoff.isWaiting(key, now)) {
        input.requeue(backoff.get(key));
        continue;
      }
      backoff.next(key, now);
      input.event('Warning', 'FailedDaemonPod', `Found failed daemon pod ${where}, will try to kill it`);
      step.podsToDelete.push(pod);
    } else if (pod.status?.phase === 'Succeeded') {
      input.event('Normal', 'SucceededDaemonPod', `Found succeeded daemon pod ${where}, will try to delete it`);
      step.podsToDelete.push(pod);
    } else running.push(pod);
  }
  return running;
}

/** With surge a node has the oldest old and the oldest new pod, until the new one is available. */
function keepOldAndNew({ set, hash, now }: ManageInput, running: readonly ReadPod[], step: ManageStep): void {
  let newPod: ReadPod | undefined;
  let oldPod: ReadPod | undefined;
  for (const pod of running) {
    if (pod.metadata.labels?.[hashLabel] === hash) {
      if (newPod) step.podsToDelete.push(pod);
      else newPod = pod;
    } else if (oldPod) step.podsToDelete.push(pod);
    else oldPod = pod;
  }
  if (!newPod || !oldPod) return;
  if (!isPodReady(oldPod) || isPodAvailable(newPod, set.spec?.minReadySeconds ?? 0, now))
    step.podsToDelete.push(oldPod);
}
