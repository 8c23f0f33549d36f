/** Which container's log is meant, and the log. Upstream: kubelet_pods.go validateContainerLogStatus. */
import { newBadRequest, newNotFound } from '../apimachinery/index.ts';
import { type Clock, parseTime } from '../base/index.ts';
import { type ContainerStatus, findContainer, findStatus, type Pod, type PodStatus } from './pod-types.ts';
import type { ContainerRuntime } from './runtime/types.ts';

export interface ContainerLogOptions {
  readonly container: string;
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly sinceSeconds?: number;
  readonly sinceTime?: string;
  readonly tailLines?: number;
  readonly limitBytes?: number;
}

/** @throws StatusError: NotFound for the pod, BadRequest with the kubelet's sentence. */
export async function containerLogs(
  deps: { readonly clock: Clock; readonly runtime: ContainerRuntime },
  podName: string,
  pod: Pod | undefined,
  status: PodStatus | undefined,
  options: ContainerLogOptions,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  if (!pod) throw newNotFound({ group: '', resource: 'pods' }, podName);
  const container = options.container || pod.spec.containers[0]!.name;
  if (!findContainer(pod, container)) throw newBadRequest(`container ${container} is not valid for pod ${podName}`);
  const id = logContainerId(podName, status ?? {}, container, options.previous);
  const { sinceSeconds, sinceTime } = options;
  let sinceMs: number | undefined;
  if (sinceSeconds !== undefined) sinceMs = deps.clock.now() - sinceSeconds * 1000;
  else if (sinceTime !== undefined) sinceMs = parseTime(sinceTime);
  const { follow, timestamps, tailLines, limitBytes } = options;
  return deps.runtime.containerLogs(
    id,
    { follow: follow && !options.previous, timestamps, sinceMs, tailLines, limitBytes },
    signal,
  );
}

function statusOf(status: PodStatus, name: string): ContainerStatus | undefined {
  return (
    findStatus(status.containerStatuses, name) ??
    findStatus(status.initContainerStatuses, name) ??
    findStatus(status.ephemeralContainerStatuses, name)
  );
}

function logContainerId(podName: string, podStatus: PodStatus, name: string, previous: boolean): string {
  const prefix = `container "${name}" in pod "${podName}"`;
  const status = statusOf(podStatus, name);
  if (!status) throw newBadRequest(`${prefix} is not available`);
  const { waiting, running, terminated } = status.state;
  const last = status.lastState.terminated;
  const bare = (id: string) => id.replace(/^[^:]*:\/\//, '');
  if (previous) {
    if (!last?.containerID) throw newBadRequest(`previous terminated ${prefix} not found`);
    return bare(last.containerID);
  }
  if (running) return bare(status.containerID ?? '');
  if (terminated) {
    const id = terminated.containerID || last?.containerID;
    if (!id) throw newBadRequest(`${prefix} is terminated`);
    return bare(id);
  }
  if (last) {
    if (!last.containerID) throw newBadRequest(`${prefix} is terminated`);
    return bare(last.containerID);
  }
  const reason = waiting?.reason ?? '';
  if (reason === 'ErrImagePull') throw newBadRequest(`${prefix} is waiting to start: image can't be pulled`);
  if (reason === 'ImagePullBackOff') {
    throw newBadRequest(`${prefix} is waiting to start: trying and failing to pull image`);
  }
  throw newBadRequest(
    waiting ? `${prefix} is waiting to start: ${reason}` : `${prefix} is waiting to start - no logs yet`,
  );
}

/** Runtime id of a running container, for exec and attach. @throws StatusError */
export function findRunningContainer(status: PodStatus | undefined, name: string): string {
  const found = status && statusOf(status, name);
  if (!found?.containerID || !found.state.running) throw newBadRequest(`container not found ("${name}")`);
  return found.containerID.replace(/^[^:]*:\/\//, '');
}
