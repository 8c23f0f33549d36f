/** What the scheduler writes to a pod's status. Upstream: scheduler/schedule_one.go (updatePod) (1.36). */
import type { Pod } from '../api/index.ts';
import { isNotFound, type KubeObject } from '../apimachinery/index.ts';
import { type Clock, isAbort, type Logger, rfc3339 } from '../base/index.ts';
import type { KubeClient, SharedInformer } from '../client/index.ts';

export interface ConditionDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly pods: SharedInformer<Pod>;
}

/** Sets PodScheduled=False and the nominated node, when they say something new. '' takes a nomination back. */
export async function setPodCondition(
  { client, clock, log, pods }: ConditionDeps,
  pod: Readonly<Pod>,
  reason: string,
  message: string,
  nominatedNode?: string,
  /** The node it was nominated to a moment ago, which the cache may not show yet. */
  lately?: string,
): Promise<void> {
  const current = pods.lister.get(pod.metadata.namespace!, pod.metadata.name!) ?? pod;
  const old = current.status?.conditions?.find((condition) => condition.type === 'PodScheduled');
  const same = old?.status === 'False' && old.reason === reason && old.message === message;
  const nominated = lately ?? current.status?.nominatedNodeName ?? '';
  const renominated = nominatedNode !== undefined && nominatedNode !== nominated;
  if (same && !renominated) return;
  const condition = {
    type: 'PodScheduled',
    status: 'False',
    reason,
    message,
    lastProbeTime: null,
    lastTransitionTime: old?.status === 'False' ? old.lastTransitionTime : rfc3339(clock.now()),
    observedGeneration: current.metadata.generation,
  };
  const status = {
    ...(!same && { conditions: [condition] }),
    ...(renominated && { nominatedNodeName: nominatedNode === '' ? null : nominatedNode }),
  };
  try {
    await client
      .resource('pods')
      .namespace(pod.metadata.namespace!)
      .patch(
        pod.metadata.name!,
        'strategic',
        { metadata: { uid: pod.metadata.uid }, status },
        { subresource: 'status' },
      );
  } catch (error) {
    if (isNotFound(error) || isAbort(error)) return;
    log.warn('the PodScheduled condition could not be written', { pod: podName(pod), error: String(error) });
  }
}

/** Tells others that the pod is about to go to the node. Upstream: the binding cycle, NominatedNodeNameForExpectation. */
export async function nominate({ client, log }: ConditionDeps, pod: Readonly<Pod>, node: string): Promise<void> {
  const { namespace, name, uid } = pod.metadata;
  try {
    const patch = { metadata: { uid }, status: { nominatedNodeName: node } };
    await client.resource('pods').namespace(namespace!).patch(name!, 'strategic', patch, { subresource: 'status' });
  } catch (error) {
    if (isNotFound(error) || isAbort(error)) return;
    // It is bound without: nothing but the forecast is missing.
    log.warn('the nominated node could not be written', { pod: podName(pod), error: String(error) });
  }
}

function podName(pod: Readonly<KubeObject>): string {
  return `${pod.metadata.namespace}/${pod.metadata.name}`;
}
