/**
 * What happens in the cluster, as plugins listen to it. Upstream: scheduler/framework/events.go,
 * kube-scheduler/framework/types.go (1.36).
 */
import type { Node, Pod } from '../../api/index.ts';
import { deepEqual, type KubeObject } from '../../apimachinery/index.ts';
import type { PodInfo } from './node-info.ts';
import { podRequests, type Resources } from './resources.ts';

export type ClusterResource =
  | 'pods'
  | 'nodes'
  | 'persistentvolumeclaims'
  | 'persistentvolumes'
  | 'services'
  | 'storageclasses'
  | 'csinodes'
  | 'csidrivers'
  | 'csistoragecapacities'
  | 'volumeattachments'
  | 'resourceclaims'
  | 'resourceslices'
  | 'deviceclasses';

export type ClusterEventAction = 'add' | 'update' | 'delete';

/** What an update changed. A plugin that listens to `update` hears of all. */
export type NodeChange =
  | 'updateAllocatable'
  | 'updateLabel'
  /** Or `spec.unschedulable` ended. */
  | 'updateTaint'
  | 'updateCondition'
  | 'updateAnnotation'
  | 'updateDeclaredFeature';

export type PodChange =
  | 'updateLabel'
  /** Some request is less than it was. */
  | 'updateScaleDown'
  | 'updateToleration'
  /** The last gate is gone. */
  | 'updateGatesEliminated'
  | 'updateGeneratedClaim';

export type Change = NodeChange | PodChange;

/** Events that may make a pod schedulable that this plugin refused. */
export interface EventInterest {
  readonly resource: ClusterResource;
  readonly actions: readonly (ClusterEventAction | Change)[];
  /**
   * `false` when this very event cannot help. Absent: it may. `old` is absent when something came, `now` when it went; an
   * update has both. Of pods, those on a node (or nominated to one) come, change and go; a waiting pod hears only of its own
   * updates.
   */
  hint?(pod: PodInfo, old: Readonly<KubeObject> | undefined, now: Readonly<KubeObject> | undefined): boolean;
}

export interface ClusterEvent {
  readonly resource: ClusterResource;
  readonly action: ClusterEventAction;
  /** Of updates of pods and nodes: what changed of what scheduling looks at. */
  readonly changes?: readonly Change[];
  readonly old?: Readonly<KubeObject> | undefined;
  readonly now?: Readonly<KubeObject> | undefined;
}

export function isOfInterest({ actions }: EventInterest, { action, changes }: ClusterEvent): boolean {
  return actions.includes(action) || (changes?.some((change) => actions.includes(change)) ?? false);
}

type Maybe<T> = T | undefined;

const statuses = ({ status }: Readonly<Node>) =>
  Object.fromEntries((status?.conditions ?? []).map((condition) => [condition.type, condition.status]));

/** Heartbeats of a node's status are no news: then nothing changed. */
export function changesOfNode(old: Readonly<Node>, now: Readonly<Node>): NodeChange[] {
  const changes: NodeChange[] = [];
  if (!same(old.status?.allocatable, now.status?.allocatable)) changes.push('updateAllocatable');
  if (!same(old.metadata.labels, now.metadata.labels)) changes.push('updateLabel');
  const freed = old.spec?.unschedulable === true && !now.spec?.unschedulable;
  if (freed || !same(old.spec?.taints, now.spec?.taints)) changes.push('updateTaint');
  if (!same(old.status?.conditions, now.status?.conditions) && !deepEqual(statuses(old), statuses(now))) {
    changes.push('updateCondition');
  }
  if (!same(old.metadata.annotations, now.metadata.annotations)) changes.push('updateAnnotation');
  if (!same(old.status?.declaredFeatures, now.status?.declaredFeatures)) changes.push('updateDeclaredFeature');
  return changes;
}

export function changesOfPod(old: Readonly<Pod>, now: Readonly<Pod>): PodChange[] {
  const changes: PodChange[] = [];
  if (!same(old.metadata.labels, now.metadata.labels)) changes.push('updateLabel');
  if (isScaledDown(old, now)) changes.push('updateScaleDown');
  if (old.spec?.schedulingGates?.length && !now.spec?.schedulingGates?.length) changes.push('updateGatesEliminated');
  // They can be added, nothing else.
  if ((old.spec?.tolerations?.length ?? 0) !== (now.spec?.tolerations?.length ?? 0)) changes.push('updateToleration');
  const claims = ({ status }: Readonly<Pod>) => [
    ...(status?.resourceClaimStatuses ?? []),
    (status as Maybe<{ extendedResourceClaimStatus?: unknown }>)?.extendedResourceClaimStatus,
  ];
  if (old.status !== now.status && !deepEqual(claims(old), claims(now))) changes.push('updateGeneratedClaim');
  return changes;
}

/** Absent and empty are the same. */
function same(a: Maybe<object>, b: Maybe<object>): boolean {
  return a === b || deepEqual(a ?? {}, b ?? {}) || (isEmpty(a) && isEmpty(b));
}

function isEmpty(value: Maybe<object>): boolean {
  return value === undefined || Object.keys(value).length === 0;
}

function isScaledDown(old: Readonly<Pod>, now: Readonly<Pod>): boolean {
  const asked = ({ spec, status }: Readonly<Pod>) => [
    spec?.containers,
    spec?.initContainers,
    (spec as Maybe<{ resources?: unknown }>)?.resources,
    status?.containerStatuses?.map(({ resources }) => resources),
  ];
  if (old.spec === now.spec && old.status === now.status) return false;
  if (deepEqual(asked(old), asked(now))) return false;
  return someIsLess(podRequests(old), podRequests(now));
}

const amounts = ['milliCPU', 'memory', 'ephemeralStorage'] as const;

/** Is some amount of `now` less than in `old`? */
function someIsLess(old: Resources, now: Resources): boolean {
  if (amounts.some((name) => old[name] > now[name])) return true;
  for (const [name, value] of old.scalar) if (value > (now.scalar.get(name) ?? 0)) return true;
  return false;
}

/** Of what `wanted` asks for, is there more in `after` than in `before`? */
export function hasMoreOf(wanted: Resources, before: Resources, after: Resources): boolean {
  if (amounts.some((name) => wanted[name] > 0 && after[name] > before[name])) return true;
  for (const [name, value] of wanted.scalar) {
    if (value > 0 && (after.scalar.get(name) ?? 0) > (before.scalar.get(name) ?? 0)) return true;
  }
  return false;
}

/** Is the pod on a node, or nominated to one? Others that wait are nothing to a waiting pod. */
export function hasPlace(pod: Readonly<KubeObject> | undefined): boolean {
  const { spec, status } = pod as Readonly<Pod>;
  return Boolean(spec?.nodeName || status?.nominatedNodeName);
}
