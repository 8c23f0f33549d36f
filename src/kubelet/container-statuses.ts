/**
 * Container statuses for the API from what the runtime says, what was reported before and why a start failed.
 * Upstream: pkg/kubelet/kubelet_pods.go convertToAPIContainerStatuses.
 */
import { rfc3339 } from '../base/index.ts';
import {
  type Container,
  type ContainerState,
  type ContainerStatus,
  containerShouldRestart,
  findRuntimeStatus,
  findStatus,
  isSidecar,
  type Pod,
  type RuntimePodStatus,
} from './pod-types.ts';
import type { RuntimeContainerStatus } from './runtime/types.ts';

/** Why a container's last start failed: `ErrImagePull`, `CrashLoopBackOff`, … */
export interface StartFailure {
  readonly reason: string;
  readonly message: string;
}

export interface ConvertInput {
  readonly pod: Pod;
  readonly runtime: RuntimePodStatus;
  readonly runtimeName: string;
  readonly previous: readonly ContainerStatus[] | undefined;
  readonly containers: readonly Container[];
  readonly isInit: boolean;
  readonly failure: (container: string) => StartFailure | undefined;
}

export function containerStatuses(input: ConvertInput): ContainerStatus[] {
  const { pod, runtime, containers } = input;
  const hasInit = (pod.spec.initContainers?.length ?? 0) > 0;
  const waiting: ContainerState = { waiting: { reason: hasInit ? 'PodInitializing' : 'ContainerCreating' } };
  const out: ContainerStatus[] = [];
  for (const container of containers) {
    const old = findStatus(input.previous, container.name);
    const instances = runtime.containers.filter((c) => c.metadata.name === container.name);
    const status =
      instances.length > 0 ? fromRuntime(input, container, instances, old) : absent(container, old, waiting, pod);
    out.push(withFailure(input, container, status));
  }
  if (!input.isInit) out.sort((a, b) => (a.name < b.name ? -1 : 1));
  return out;
}

/** No instance of it in the runtime. */
function absent(
  container: Container,
  old: ContainerStatus | undefined,
  waiting: ContainerState,
  pod: Pod,
): ContainerStatus {
  if (old?.state.terminated) return { ...old };
  const status: ContainerStatus = {
    name: container.name,
    state: waiting,
    lastState: old?.lastState ?? {},
    ready: false,
    restartCount: old?.restartCount ?? 0,
    image: container.image ?? '',
    imageID: '',
    started: false,
  };
  const mounts = mountStatuses(container);
  if (mounts) status.volumeMounts = mounts;
  if (old?.state.running && !old.lastState.terminated) {
    // It ran and is gone without a trace: say so rather than fall back to Pending.
    status.lastState = {
      terminated: {
        exitCode: 137,
        reason: 'ContainerStatusUnknown',
        message: 'The container could not be located when the pod was deleted.  The container used to be Running',
      },
    };
    if (!pod.metadata.deletionTimestamp) status.restartCount++;
  }
  return status;
}

function fromRuntime(
  input: ConvertInput,
  container: Container,
  instances: readonly RuntimeContainerStatus[],
  old: ContainerStatus | undefined,
): ContainerStatus {
  const current = instances[0]!;
  const containerID = `${input.runtimeName}://${current.id}`;
  const status: ContainerStatus = {
    name: container.name,
    state: stateOf(input.runtimeName, current),
    lastState: {},
    ready: false,
    restartCount: current.metadata.attempt,
    image: current.image,
    imageID: current.imageRef,
    containerID,
  };
  const mounts = old?.volumeMounts ?? mountStatuses(container);
  if (mounts) status.volumeMounts = mounts;
  if (instances[1]) status.lastState = stateOf(input.runtimeName, instances[1]);
  else if (old && old.containerID !== containerID && old.state.terminated)
    status.lastState = { terminated: old.state.terminated };
  else if (old?.lastState.terminated) status.lastState = old.lastState;
  if (old && old.restartCount > status.restartCount) status.restartCount = old.restartCount;
  if (current.state === 'running' && old?.started !== undefined && old.containerID === containerID)
    status.started = old.started;
  if (container.resources) {
    status.resources = container.resources;
    if (container.resources.requests) status.allocatedResources = container.resources.requests;
  } else {
    status.resources = {};
  }
  if (current.user) {
    const { uid, gid, supplementalGroups } = current.user;
    status.user = { linux: { uid, gid, supplementalGroups: [...supplementalGroups] } };
  }
  return status;
}

function stateOf(runtimeName: string, status: RuntimeContainerStatus): ContainerState {
  switch (status.state) {
    case 'running':
      return { running: { startedAt: rfc3339(status.startedAt) } };
    case 'exited': {
      const terminated: ContainerState['terminated'] = {
        exitCode: status.exitCode,
        reason: status.reason,
        startedAt: rfc3339(status.startedAt),
        finishedAt: rfc3339(status.finishedAt),
        containerID: `${runtimeName}://${status.id}`,
      };
      if (status.message !== '') terminated.message = status.message;
      return { terminated };
    }
    default:
      return { waiting: {} };
  }
}

/** A container that is to be started and could not be is Waiting, with the reason. */
function withFailure(input: ConvertInput, container: Container, status: ContainerStatus): ContainerStatus {
  const latest = findRuntimeStatus(input.runtime, container.name);
  if (input.isInit && latest?.state === 'exited' && latest.exitCode === 0 && !isSidecar(container)) return status;
  if (input.isInit && !latest && !isSidecar(container) && anyAppCreated(input) && status.state.waiting) {
    const message =
      'Unable to get init container status from container runtime and pod has been initialized, treat it as exited normally';
    return { ...status, state: { terminated: { exitCode: 0, reason: 'Completed', message } } };
  }
  if (!shouldBeRestarted(container, input.pod, input.runtime)) return status;
  const failure = input.failure(container.name);
  if (!failure) return status;
  const next = { ...status };
  if (status.state.terminated) next.lastState = { terminated: status.state.terminated };
  next.state = { waiting: { reason: failure.reason } };
  if (failure.message !== '') next.state.waiting!.message = failure.message;
  return next;
}

function anyAppCreated(input: ConvertInput): boolean {
  return input.pod.spec.containers.some((container) => findRuntimeStatus(input.runtime, container.name) !== undefined);
}

/** Whether the container, which does not run, is one to start. Upstream: kubecontainer.ShouldContainerBeRestarted. */
export function shouldBeRestarted(container: Container, pod: Pod, runtime: RuntimePodStatus): boolean {
  if (pod.metadata.deletionTimestamp) return false;
  const status = findRuntimeStatus(runtime, container.name);
  if (!status) return true;
  if (status.state === 'running') return false;
  if (status.state === 'unknown' || status.state === 'created') return true;
  if (pod.spec.ephemeralContainers?.some((c) => c.name === container.name)) return false;
  return containerShouldRestart(container, pod.spec, status.exitCode);
}

function mountStatuses(container: Container): ContainerStatus['volumeMounts'] {
  if (!container.volumeMounts || container.volumeMounts.length === 0) return undefined;
  return container.volumeMounts.map((mount) => {
    const out: NonNullable<ContainerStatus['volumeMounts']>[number] = { name: mount.name, mountPath: mount.mountPath };
    if (mount.readOnly) {
      out.readOnly = true;
      out.recursiveReadOnly = 'Disabled';
    }
    return out;
  });
}
