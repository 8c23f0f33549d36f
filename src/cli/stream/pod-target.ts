/** From the words of exec, attach and port-forward to a pod. Upstream: polymorphichelpers/attachablepodforobject.go. */
import type { Pod } from '../../api/index.ts';
import type { KubeObject } from '../../apimachinery/index.ts';
import { podRunningTimeout } from '../flag-values.ts';
import { byActivity, podSelectorOf, untilPods } from '../logs/pods-of.ts';
import { selectResources } from '../resource-args.ts';
import type { Session } from '../session.ts';

export interface PodTarget {
  readonly pod: Pod;
  readonly namespace: string;
  /** What was named: the pod itself, or its service or workload. */
  readonly object: KubeObject;
}

/**
 * A workload that has no pod yet is waited for.
 * @throws UserError when none comes within `timeout`, a duration; default 1m0s
 */
export async function podTarget(session: Session, word: string, command: string, timeout = '1m0s'): Promise<PodTarget> {
  const timeoutMs = podRunningTimeout(timeout);
  const named = word.includes('/') ? word : `pods/${word}`;
  const { targets } = await selectResources(session, [named], { command });
  const { resource, namespace, name } = targets[0]!;
  const calls = session.client.resource(resource).namespace(namespace);
  const object = (await calls.get(name!, { signal: session.signal })) as KubeObject;
  if (object.kind === 'Pod') return { pod: object as Pod, namespace, object };
  const selector = podSelectorOf(object, 'attach to');
  const [pod] = (await untilPods(session, namespace, selector, byActivity, timeoutMs)) as [Pod];
  return { pod, namespace, object };
}

/** `-c`, else the annotated default, else the first; says which when there are several. */
export function containerOf(pod: Pod, wanted: string | undefined, say: (text: string) => void): string {
  const containers = pod.spec?.containers ?? [];
  const names = [
    ...containers,
    ...(pod.spec?.initContainers ?? []),
    ...((pod.spec?.ephemeralContainers as { name: string }[] | undefined) ?? []),
  ].map(({ name }) => name);
  // Whether there is such a container is for the server to say.
  if (wanted) return wanted;
  const annotated = pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'];
  if (annotated && names.includes(annotated)) return annotated;
  const first = containers[0]!.name;
  if (names.length > 1) {
    say(
      `Defaulted container ${JSON.stringify(first)} out of: ${names.map((name, i) => label(pod, name, i)).join(', ')}`,
    );
  }
  return first;
}

function label(pod: Pod, name: string, index: number): string {
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  if (index < containers.length) return name;
  return index < containers.length + initContainers.length ? `${name} (init)` : `${name} (ephem)`;
}
