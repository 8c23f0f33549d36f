/**
 * `kubectl drain --ignore-daemonsets --delete-emptydir-data --force` of a node that is to go: cordon, evict, wait.
 * Upstream: kubectl/pkg/drain.
 */
import { isNotFound, isTooManyRequests, type KubeObject } from '../apimachinery/index.ts';
import type { Clock } from '../base/index.ts';
import type { KubeClient } from '../client/index.ts';

/** Wait before an eviction that a budget refused is tried again. Upstream: evictPods. */
const refusedMs = 5_000;
/** Upstream: waitForDelete's interval. */
const pollMs = 1_000;

/** Resolves when the node has no pods but mirror pods, those of DaemonSets, and finished ones. @throws StatusError */
export async function drainNode(client: KubeClient, clock: Clock, node: string, signal: AbortSignal): Promise<void> {
  await client.resource('nodes').patch(node, 'strategic', { spec: { unschedulable: true } }, { signal });
  const pods = await evictable(client, node, signal);
  await Promise.all(pods.map((pod) => evict(client, clock, pod, signal)));
}

async function evictable(client: KubeClient, node: string, signal: AbortSignal): Promise<Readonly<KubeObject>[]> {
  const { items } = await client.resource('pods').list({ fieldSelector: `spec.nodeName=${node}`, signal });
  return items.filter(
    ({ metadata }) =>
      metadata.annotations?.['kubernetes.io/config.mirror'] === undefined &&
      !metadata.ownerReferences?.some(({ controller, kind }) => controller && kind === 'DaemonSet'),
  );
}

async function evict(client: KubeClient, clock: Clock, pod: Readonly<KubeObject>, signal: AbortSignal): Promise<void> {
  const { namespace = '', name = '', uid } = pod.metadata;
  const pods = client.resource('pods').namespace(namespace);
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
  for (;;) {
    try {
      await pods.createSubresource(name, 'eviction', eviction);
      break;
    } catch (error) {
      if (isNotFound(error)) return;
      if (!isTooManyRequests(error)) throw error;
      await clock.sleep(refusedMs, signal);
    }
  }
  for (;;) {
    try {
      if ((await pods.get(name, { signal })).metadata.uid !== uid) return;
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    await clock.sleep(pollMs, signal);
  }
}
