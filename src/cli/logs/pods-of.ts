/** From a workload or service to its pods. Upstream: kubectl/pkg/polymorphichelpers (1.36). */
import type { Pod } from '../../api/index.ts';
import { formatLabelSelector, isObject, type KubeObject, type LabelSelectorObject } from '../../apimachinery/index.ts';
import { parseTime, wallClock } from '../../base/index.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import type { Session } from '../session.ts';

/**
 * Label selector of the pods an object owns or serves.
 * @param doing `attach to`: what cannot be done with other kinds
 * @throws UserError for them
 */
export function podSelectorOf(object: Readonly<KubeObject>, doing: string): string {
  const selector = object['spec']?.selector;
  switch (object.kind) {
    case 'ReplicaSet':
    case 'Deployment':
    case 'StatefulSet':
    case 'DaemonSet':
    case 'Job':
      if (isObject(selector)) return formatLabelSelector(selector as LabelSelectorObject);
      break;
    case 'Service':
    case 'ReplicationController':
      if (isObject(selector) && Object.keys(selector).length > 0) {
        return formatLabelSelector({ matchLabels: selector as Record<string, string> });
      }
      if (object.kind === 'Service') {
        throw new UserError(
          `cannot ${doing} *v1.Service: invalid service '${object.metadata.name}': Service is defined without a selector`,
        );
      }
  }
  throw new UserError(`cannot ${doing} ${goType(object)}: selector for ${goType(object)} not implemented`);
}

/** `*v1.ConfigMap`, as kubectl names types in its errors. */
function goType(object: Readonly<KubeObject>): string {
  return `*${object.apiVersion.replace(/^.*\//, '')}.${object.kind}`;
}

type Order = (a: Pod, b: Pod) => number;

async function podCalls(session: Session, namespace: string) {
  return session.client.resource<Pod>(await session.resolve('pods')).namespace(namespace);
}

const asPod = (pod: object) => ({ ...pod, apiVersion: 'v1' as const, kind: 'Pod' as const }) as Pod;

/** Pods of a selector, the one to be taken first. */
export async function podsBySelector(
  session: Session,
  namespace: string,
  labelSelector: string,
  order: Order,
): Promise<Pod[]> {
  const list = await (await podCalls(session, namespace)).list({ labelSelector, signal: session.signal });
  return list.items.map(asPod).sort(order);
}

/** As `podsBySelector`; where there is no pod yet, the first that comes. @throws UserError not in time */
export async function untilPods(
  session: Session,
  namespace: string,
  labelSelector: string,
  order: Order,
  timeoutMs: number,
): Promise<Pod[]> {
  const calls = await podCalls(session, namespace);
  const list = await calls.list({ labelSelector, signal: session.signal });
  if (list.items.length > 0) return list.items.map(asPod).sort(order);
  const limit = new AbortController();
  const timer = wallClock.schedule(timeoutMs, () => limit.abort());
  try {
    const signal = session.signal ? AbortSignal.any([session.signal, limit.signal]) : limit.signal;
    const { resourceVersion } = list.metadata;
    for await (const { type, object } of await calls.watch({ labelSelector, resourceVersion, signal })) {
      if (type === 'ADDED' || type === 'MODIFIED') return [object as Pod];
    }
  } finally {
    timer.cancel();
    limit.abort();
  }
  session.signal?.throwIfAborted();
  throw new UserError('timed out waiting for the condition', exitCodes.notInTime);
}

/** Other phases count as Running, as a lookup in Go's map has it. */
const phaseRank: Readonly<Record<string, number>> = { Running: 0, Unknown: 1, Pending: 2 };
const rankOf = (pod: Pod) => phaseRank[pod.status?.phase ?? ''] ?? 0;

/** Placed before unplaced, running before pending, ready before unready. */
function byLife(a: Pod, b: Pod): number {
  return (
    Number(!a.spec?.nodeName) - Number(!b.spec?.nodeName) ||
    rankOf(a) - rankOf(b) ||
    Number(isReady(b)) - Number(isReady(a))
  );
}

/** Ready for longer first; times that are missing come last. */
const byReadyTime = (a: Pod, b: Pod) => (isReady(a) && isReady(b) ? compareTimes(readySince(a), readySince(b)) : 0);
const byAge = (a: Pod, b: Pod) =>
  compareTimes(timeOrNone(a.metadata.creationTimestamp), timeOrNone(b.metadata.creationTimestamp));
const compareTimes = (a: number, b: number) => (a === b ? 0 : a - b);

/** More restarts first, of containers and then of sidecars. */
function byRestarts(a: Pod, b: Pod): number {
  const [ofA, ofB] = [restartsOf(a), restartsOf(b)];
  return ofB.containers - ofA.containers || ofB.sidecars - ofA.sidecars;
}

/** Whose log is most worth reading. Upstream: podutils.ByLogging. */
export const byLogging: Order = (a, b) => byLife(a, b) || byReadyTime(a, b) || byRestarts(a, b) || byAge(a, b);

/** Into which to go: what is about to end comes late, and so does what restarts. Upstream: podutils.ActivePods, reversed. */
export const byActivity: Order = (a, b) =>
  byLife(a, b) || byDeletion(a, b) || byReadyTime(a, b) || byRestarts(b, a) || byAge(a, b);

/** Those that live on first, then those whose end is furthest. */
function byDeletion(a: Pod, b: Pod): number {
  const [endOfA, endOfB] = [timeOrNone(a.metadata.deletionTimestamp), timeOrNone(b.metadata.deletionTimestamp)];
  return compareTimes(endOfB, endOfA);
}

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
}

function readySince(pod: Pod): number {
  const condition = pod.status?.conditions?.find((c) => c.type === 'Ready' && c.status === 'True');
  return timeOrNone(condition?.lastTransitionTime);
}

/** Infinity for a time that is not there. */
const timeOrNone = (text: string | null | undefined): number => (text ? parseTime(text) : Number.POSITIVE_INFINITY);

function restartsOf(pod: Pod): { readonly containers: number; readonly sidecars: number } {
  const sidecars = new Set(
    pod.spec?.initContainers?.filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name),
  );
  const most = (statuses: readonly { readonly restartCount?: number }[] = []) =>
    Math.max(0, ...statuses.map(({ restartCount = 0 }) => restartCount));
  const { containerStatuses, initContainerStatuses } = pod.status ?? {};
  return {
    containers: most(containerStatuses),
    sidecars: most(initContainerStatuses?.filter(({ name }) => sidecars.has(name))),
  };
}
