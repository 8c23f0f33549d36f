/** Which pods go first when there are too many. Upstream: controller.ActivePodsWithRanks. */
import { creationTimeOf } from '../../apimachinery/index.ts';
import { isPodActive, isPodReady, podReadyTime, type ReadPod } from './pods.ts';

const phaseOrder: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };
const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

interface Ranked {
  readonly pod: ReadPod;
  readonly node: string;
  readonly phase: number;
  readonly ready: boolean;
  readonly cost: number;
  readonly rank: number;
  readonly readyAge: number | undefined;
  readonly restarts: number;
  readonly sidecarRestarts: number;
  readonly age: number | undefined;
}

/**
 * The `count` pods to delete first: unassigned; Pending, Unknown, Running; not ready; lower deletion cost; more related
 * pods on the node; ready for less time (in powers of two, ties by uid); more restarts; younger (likewise).
 * `related`: all pods of replica sets with the same owner. `now`: ms.
 */
export function podsToDelete(
  pods: readonly ReadPod[],
  related: readonly ReadPod[],
  count: number,
  now: number,
): ReadPod[] {
  if (count >= pods.length) return [...pods];
  const perNode = new Map<string, number>();
  for (const pod of related) {
    const node = pod.spec?.nodeName ?? '';
    if (isPodActive(pod)) perNode.set(node, (perNode.get(node) ?? 0) + 1);
  }
  const ranked = pods.map((pod) => rank(pod, perNode.get(pod.spec?.nodeName ?? '') ?? 0, now));
  ranked.sort(compare);
  return ranked.slice(0, count).map((entry) => entry.pod);
}

/**
 * Order of a simple controller's pods, the first to delete first: unassigned; Pending, Unknown, Running; not ready; ready
 * for less time; more restarts; younger. Upstream: controller.ActivePods.
 */
export function compareActivePods(a: ReadPod, b: ReadPod): number {
  const [nodeA = '', nodeB = ''] = [a.spec?.nodeName, b.spec?.nodeName];
  if ((nodeA === '') !== (nodeB === '')) return nodeA === '' ? -1 : 1;
  const phases = (phaseOrder[a.status?.phase ?? ''] ?? 0) - (phaseOrder[b.status?.phase ?? ''] ?? 0);
  if (phases !== 0) return phases;
  const ready = isPodReady(a);
  if (ready !== isPodReady(b)) return ready ? 1 : -1;
  if (ready) {
    const younger = (podReadyTime(b) ?? 0) - (podReadyTime(a) ?? 0);
    if (younger !== 0) return younger;
  }
  const restarts = most(b.status?.containerStatuses ?? []) - most(a.status?.containerStatuses ?? []);
  return restarts !== 0 ? restarts : (creationTimeOf(b) ?? 0) - (creationTimeOf(a) ?? 0);
}

function rank(pod: ReadPod, related: number, now: number): Ranked {
  const readyAt = podReadyTime(pod);
  const createdAt = creationTimeOf(pod);
  const sidecars = new Set(
    (pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => c.name),
  );
  return {
    pod,
    node: pod.spec?.nodeName ?? '',
    phase: phaseOrder[pod.status?.phase ?? ''] ?? 0,
    ready: isPodReady(pod),
    cost: deletionCost(pod.metadata.annotations?.[deletionCostAnnotation]),
    rank: related,
    readyAge: readyAt === undefined ? undefined : logarithm(now - readyAt),
    restarts: most(pod.status?.containerStatuses ?? []),
    sidecarRestarts: most((pod.status?.initContainerStatuses ?? []).filter((status) => sidecars.has(status.name))),
    age: createdAt === undefined ? undefined : logarithm(now - createdAt),
  };
}

function compare(a: Ranked, b: Ranked): number {
  if ((a.node === '') !== (b.node === '')) return a.node === '' ? -1 : 1;
  if (a.phase !== b.phase) return a.phase - b.phase;
  if (a.ready !== b.ready) return a.ready ? 1 : -1;
  if (a.cost !== b.cost) return a.cost - b.cost;
  if (a.rank !== b.rank) return b.rank - a.rank;
  if (a.ready && a.readyAge !== b.readyAge) {
    if (a.readyAge === undefined) return -1;
    if (b.readyAge === undefined) return 1;
    return a.readyAge - b.readyAge;
  }
  // Equal buckets are settled by uid, so that the order does not depend on when it is asked.
  if (a.ready && readyTimesDiffer(a.pod, b.pod)) return byUid(a.pod, b.pod);
  if (a.restarts !== b.restarts) return b.restarts - a.restarts;
  if (a.sidecarRestarts !== b.sidecarRestarts) return b.sidecarRestarts - a.sidecarRestarts;
  if (a.pod.metadata.creationTimestamp === b.pod.metadata.creationTimestamp) return 0;
  if (a.age === undefined) return -1;
  if (b.age === undefined) return 1;
  return a.age !== b.age ? a.age - b.age : byUid(a.pod, b.pod);
}

function readyTimesDiffer(a: ReadPod, b: ReadPod): boolean {
  return podReadyTime(a) !== podReadyTime(b);
}

function byUid(a: ReadPod, b: ReadPod): number {
  return a.metadata.uid! < b.metadata.uid! ? -1 : 1;
}

/** floor(log2) of the age in nanoseconds, −1 for none. */
function logarithm(ageMs: number): number {
  return ageMs > 0 ? Math.floor(Math.log2(ageMs * 1e6)) : -1;
}

function most(statuses: readonly { readonly restartCount?: number }[]): number {
  let max = 0;
  for (const { restartCount = 0 } of statuses) if (restartCount > max) max = restartCount;
  return max;
}

/** An int32 without plus sign or leading zeros; anything else counts as 0. */
function deletionCost(text: string | undefined): number {
  if (text === undefined || !/^(0|-?[1-9]\d*)$/.test(text)) return 0;
  const value = Number(text);
  return Math.abs(value) <= 2 ** 31 - 1 ? value : 0;
}
