/**
 * The phase of a pod from its containers' states.
 * Upstream: pkg/kubelet/kubelet_pods.go getPhase (1.36, ContainerRestartRules on).
 */
import {
  type Container,
  type ContainerStatus,
  containerShouldRestart,
  findStatus,
  isSidecar,
  type PodPhase,
  type PodSpec,
} from './pod-types.ts';

interface Tally {
  pendingInit: number;
  pendingSidecars: number;
  failedInit: number;
  unknown: number;
  running: number;
  waiting: number;
  stopped: number;
  notRestartable: number;
  succeeded: number;
}

/**
 * @param statuses of init and app containers.
 * @param podIsTerminal nothing of it will be restarted, whatever the restart policy.
 * @param podHasInitialized an app container has been started in the current sandbox.
 */
export function getPhase(
  spec: PodSpec,
  statuses: readonly ContainerStatus[],
  podIsTerminal: boolean,
  podHasInitialized: boolean,
): PodPhase {
  const t: Tally = {
    pendingInit: 0,
    pendingSidecars: 0,
    failedInit: 0,
    unknown: 0,
    running: 0,
    waiting: 0,
    stopped: 0,
    notRestartable: 0,
    succeeded: 0,
  };
  for (const container of spec.initContainers ?? []) {
    const status = findStatus(statuses, container.name);
    if (isSidecar(container)) tallySidecar(t, status);
    else tallyInit(t, container, spec, status);
  }
  for (const container of spec.containers) tallyApp(t, container, spec, findStatus(statuses, container.name));

  if (t.failedInit > 0) return 'Failed';
  if (t.pendingInit > 0 || (t.pendingSidecars > 0 && !podHasInitialized) || t.waiting > 0) return 'Pending';
  if (t.running > 0 && t.unknown === 0) return 'Running';
  if (t.running === 0 && t.stopped > 0 && t.unknown === 0) {
    if (!podIsTerminal && t.stopped !== t.notRestartable) return 'Running';
    return t.stopped === t.succeeded ? 'Succeeded' : 'Failed';
  }
  return 'Pending';
}

function tallyInit(t: Tally, container: Container, spec: PodSpec, status: ContainerStatus | undefined): void {
  const terminated = status?.state.terminated ?? (status?.state.waiting ? status.lastState.terminated : undefined);
  if (!terminated) {
    t.pendingInit++;
  } else if (terminated.exitCode !== 0 && !containerShouldRestart(container, spec, terminated.exitCode)) {
    t.failedInit++;
  }
}

/** A terminated sidecar has no say. */
function tallySidecar(t: Tally, status: ContainerStatus | undefined): void {
  if (!status) {
    t.unknown++;
  } else if (status.state.running) {
    if (!status.started) t.pendingSidecars++;
    t.running++;
  } else if (status.state.terminated) {
    return;
  } else if (status.state.waiting) {
    if (status.lastState.terminated) return;
    t.pendingSidecars++;
    t.waiting++;
  } else {
    t.pendingSidecars++;
    t.unknown++;
  }
}

function tallyApp(t: Tally, container: Container, spec: PodSpec, status: ContainerStatus | undefined): void {
  if (!status) {
    t.unknown++;
  } else if (status.state.running) {
    t.running++;
  } else if (status.state.terminated) {
    const { exitCode } = status.state.terminated;
    t.stopped++;
    if (!containerShouldRestart(container, spec, exitCode)) t.notRestartable++;
    if (exitCode === 0) t.succeeded++;
  } else if (status.state.waiting) {
    const last = status.lastState.terminated;
    if (!last) {
      t.waiting++;
      return;
    }
    t.stopped++;
    if (!containerShouldRestart(container, spec, last.exitCode)) t.notRestartable++;
  } else {
    t.unknown++;
  }
}
