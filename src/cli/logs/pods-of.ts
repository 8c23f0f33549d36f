/** From a workload or service to its pods. Upstream: kubectl/pkg/polymorphichelpers (1.36). */
import type { Pod } from '../../api/index.ts';
import { formatLabelSelector, isObject, type KubeObject, type LabelSelectorObject } from '../../apimachinery/index.ts';
import { parseTime } from '../../base/index.ts';
import { UserError } from '../exit-codes.ts';
import type { Session } from '../session.ts';

/** Label selector of the pods an object owns or serves. @throws UserError for kinds that have none. */
export function podSelectorOf(object: Readonly<KubeObject>): string {
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
          `cannot get the logs from *v1.Service: invalid service '${object.metadata.name}': Service is defined without a selector`,
        );
      }
  }
  throw new UserError(`cannot get the logs from ${goType(object)}: selector for ${goType(object)} not implemented`);
}

/** `*v1.ConfigMap`, as kubectl names types in its errors. */
function goType(object: Readonly<KubeObject>): string {
  return `*${object.apiVersion.replace(/^.*\//, '')}.${object.kind}`;
}

/** Pods of a selector, the one most worth reading first: placed before unplaced, ready, running, oldest ready first. */
export async function podsBySelector(session: Session, namespace: string, labelSelector: string): Promise<Pod[]> {
  const pods = session.client.resource<Pod>(await session.resolve('pods')).namespace(namespace);
  const list = await pods.list({ labelSelector, signal: session.signal });
  const items = list.items.map((pod) => ({ ...pod, apiVersion: 'v1' as const, kind: 'Pod' as const })) as Pod[];
  return items.sort(byLogging);
}

const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/** Upstream: podutils.ByLogging. */
export function byLogging(a: Pod, b: Pod): number {
  const placed = Number(!a.spec?.nodeName) - Number(!b.spec?.nodeName);
  if (placed !== 0) return placed;
  const phase = (phaseRank[b.status?.phase ?? ''] ?? 0) - (phaseRank[a.status?.phase ?? ''] ?? 0);
  if (phase !== 0) return phase;
  const ready = Number(isReady(b)) - Number(isReady(a));
  if (ready !== 0) return ready;
  if (isReady(a)) {
    const since = readySince(b) - readySince(a);
    if (since !== 0) return since;
  }
  const restarts = maxRestarts(b) - maxRestarts(a);
  if (restarts !== 0) return restarts;
  return parseTime(a.metadata.creationTimestamp ?? '') - parseTime(b.metadata.creationTimestamp ?? '') || 0;
}

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
}

function readySince(pod: Pod): number {
  const condition = pod.status?.conditions?.find((c) => c.type === 'Ready' && c.status === 'True');
  return parseTime(condition?.lastTransitionTime ?? '') || 0;
}

function maxRestarts(pod: Pod): number {
  return Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount ?? 0));
}
