/**
 * Which old pods go, and where a new pod starts beside an old one. Pods being deleted count for nothing, so that an
 * update goes on though nodes are down. Upstream: pkg/controller/daemon/update.go.
 */
import type { Node } from '../../api/index.ts';
import { isPodAvailable, type ReadPod } from '../common/pods.ts';
import { isPodUpdated, type Placement, type ReadDaemonSet, surgeCount, unavailableCount } from './nodes.ts';

export interface RollingUpdateInput {
  readonly set: ReadDaemonSet;
  readonly hash: string;
  readonly nodes: readonly Readonly<Node>[];
  readonly podsByNode: ReadonlyMap<string, readonly ReadPod[]>;
  readonly placement: (node: Readonly<Node>) => Placement;
  /** Cluster-clock ms. */
  readonly now: number;
}

export interface RollingUpdateStep {
  readonly podsToDelete: readonly ReadPod[];
  readonly nodesNeedingPods: readonly string[];
}

interface NodePods {
  readonly name: string;
  readonly newPod?: ReadPod;
  readonly oldPod?: ReadPod;
  /** More than one old or new pod: the main loop clears up first. */
  readonly excess: boolean;
}

export function rollingUpdateStep(input: RollingUpdateInput): RollingUpdateStep {
  const { set, nodes, podsByNode, placement } = input;
  const nodesByName = new Map(nodes.map((node) => [node.metadata.name!, node]));
  const shouldRun = new Set<string>();
  for (const [name, node] of nodesByName) if (placement(node).run) shouldRun.add(name);
  const desired = shouldRun.size;
  const maxSurge = surgeCount(set, desired);
  // Neither allowed would stand still.
  const maxUnavailable = unavailableCount(set, desired) || (maxSurge === 0 && desired > 0 ? 1 : 0);

  const places: NodePods[] = [];
  for (const [name, pods] of podsByNode) places.push(oldAndNew(set, name, pods, input.hash));
  for (const name of shouldRun) if (!podsByNode.has(name)) places.push({ name, excess: false });

  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const available = (pod: ReadPod) => isPodAvailable(pod, minReadySeconds, input.now);
  return maxSurge === 0
    ? withUnavailable(places, maxUnavailable, available)
    : withSurge(places, { maxSurge, desired, shouldRun, available });
}

function oldAndNew(set: ReadDaemonSet, name: string, pods: readonly ReadPod[], hash: string): NodePods {
  let newPod: ReadPod | undefined;
  let oldPod: ReadPod | undefined;
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp !== undefined) continue;
    if (isPodUpdated(set, pod, hash)) {
      if (newPod) return { name, excess: true };
      newPod = pod;
    } else {
      if (oldPod) return { name, excess: true };
      oldPod = pod;
    }
  }
  return { name, newPod, oldPod, excess: false };
}

/** The old pod goes first. Those that are not available go always; available ones while enough others are available. */
function withUnavailable(
  places: readonly NodePods[],
  maxUnavailable: number,
  available: (pod: ReadPod) => boolean,
): RollingUpdateStep {
  let unavailable = 0;
  const replaced: ReadPod[] = [];
  const candidates: ReadPod[] = [];
  for (const { newPod, oldPod, excess } of places) {
    if (excess || (newPod === undefined) === (oldPod === undefined)) unavailable++;
    else if (newPod) {
      if (!available(newPod)) unavailable++;
    } else if (!available(oldPod!)) {
      replaced.push(oldPod!);
      unavailable++;
    } else if (unavailable < maxUnavailable) candidates.push(oldPod!);
  }
  const room = Math.max(0, maxUnavailable - unavailable);
  return { podsToDelete: [...replaced, ...candidates.slice(0, room)], nodesNeedingPods: [] };
}

/** The new pod comes first. Beside an unavailable old pod at once, beside available ones while there is surge left. */
function withSurge(
  places: readonly NodePods[],
  limits: {
    readonly maxSurge: number;
    readonly desired: number;
    readonly shouldRun: ReadonlySet<string>;
    readonly available: (pod: ReadPod) => boolean;
  },
): RollingUpdateStep {
  const { maxSurge, desired, shouldRun, available } = limits;
  const podsToDelete: ReadPod[] = [];
  /** Available pods of nodes that should have none any more. */
  const misplaced: ReadPod[] = [];
  const candidates: string[] = [];
  const allowed: string[] = [];
  let surge = 0;
  let numAvailable = 0;
  for (const { name, newPod, oldPod, excess } of places) {
    if (excess) {
      surge++;
      continue;
    }
    const counted = oldPod ?? newPod;
    if (counted && available(counted)) numAvailable++;
    // The main loop sees to nodes without an old pod.
    if (!oldPod) continue;
    if (newPod) {
      if (available(newPod)) podsToDelete.push(oldPod);
      else surge++;
    } else if (!available(oldPod)) {
      if (shouldRun.has(name)) allowed.push(name);
      else podsToDelete.push(oldPod);
    } else if (!shouldRun.has(name)) misplaced.push(oldPod);
    else if (surge < maxSurge) candidates.push(name);
  }
  // Who surges expects to lose nothing: a misplaced pod goes only when enough others are available.
  podsToDelete.push(...misplaced.slice(0, Math.max(0, numAvailable - desired)));
  return { podsToDelete, nodesNeedingPods: [...allowed, ...candidates.slice(0, Math.max(0, maxSurge - surge))] };
}
