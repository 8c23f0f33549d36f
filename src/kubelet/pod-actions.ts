/**
 * What has to happen to bring a pod from its runtime state to its spec: a pure decision.
 * Upstream: pkg/kubelet/kuberuntime computePodActions, computeInitContainerActions.
 */
import { shouldBeRestarted } from './container-statuses.ts';
import { type Container, findRuntimeStatus, isSidecar, type Pod, type RuntimePodStatus } from './pod-types.ts';
import type { ProbeResult, ProbeType } from './prober.ts';
import type { PodSandboxStatus, RuntimeContainerStatus } from './runtime/types.ts';

export type KillReason = 'StartupProbe' | 'LivenessProbe' | 'FailedPostStartHook' | 'Unknown' | '';

export interface KillAction {
  readonly containerId: string;
  readonly container: Container;
  readonly message: string;
  readonly reason: KillReason;
}

export interface PodActions {
  /** Everything goes: the sandbox is not there any more, or nothing is left to run. */
  killPod: boolean;
  createSandbox: boolean;
  sandboxId: string;
  attempt: number;
  initToStart: Container[];
  toStart: Container[];
  ephemeralToStart: Container[];
  toKill: KillAction[];
}

export type ProbeLookup = (type: ProbeType, containerId: string) => ProbeResult | undefined;

/** The sandbox to use, or the attempt number of the one to create. Upstream: runtimeutil.PodSandboxChanged. */
export function sandboxChanged(pod: Pod, runtime: RuntimePodStatus): { changed: boolean; attempt: number; id: string } {
  const [newest]: readonly PodSandboxStatus[] = runtime.sandboxes;
  if (!newest) return { changed: true, attempt: 0, id: '' };
  const ready = runtime.sandboxes.filter((sandbox) => sandbox.state === 'ready').length;
  const attempt = newest.metadata.attempt + 1;
  if (ready > 1 || newest.state !== 'ready') return { changed: true, attempt, id: newest.id };
  if (newest.hostNetwork !== (pod.spec.hostNetwork === true)) return { changed: true, attempt, id: '' };
  if (!newest.hostNetwork && newest.ips.length === 0) return { changed: true, attempt, id: newest.id };
  return { changed: false, attempt: newest.metadata.attempt, id: newest.id };
}

export function computePodActions(pod: Pod, runtime: RuntimePodStatus, probe: ProbeLookup): PodActions {
  const { changed, attempt, id } = sandboxChanged(pod, runtime);
  const actions: PodActions = {
    killPod: changed,
    createSandbox: changed,
    sandboxId: id,
    attempt,
    initToStart: [],
    toStart: [],
    ephemeralToStart: [],
    toKill: [],
  };
  if (changed) return newSandboxActions(pod, runtime, actions);
  for (const container of pod.spec.ephemeralContainers ?? []) {
    if (!findRuntimeStatus(runtime, container.name)) actions.ephemeralToStart.push(container);
  }
  const initialized = initActions(pod, runtime, probe, actions);
  if (actions.killPod || !initialized) return actions;
  appActions(pod, runtime, probe, actions);
  return actions;
}

function newSandboxActions(pod: Pod, runtime: RuntimePodStatus, actions: PodActions): PodActions {
  const policy = pod.spec.restartPolicy ?? 'Always';
  if (policy === 'Never' && actions.attempt !== 0 && runtime.containers.length !== 0) {
    actions.createSandbox = false;
    return actions;
  }
  const toStart = pod.spec.containers.filter((container) => {
    const once = (container.restartPolicy ?? policy) === 'OnFailure';
    const status = findRuntimeStatus(runtime, container.name);
    return !(once && status?.state === 'exited' && status.exitCode === 0);
  });
  if (toStart.length === 0 && pod.spec.containers.some((container) => findRuntimeStatus(runtime, container.name))) {
    actions.createSandbox = false;
    return actions;
  }
  const [first] = pod.spec.initContainers ?? [];
  if (first) actions.initToStart = [first];
  else actions.toStart = toStart;
  return actions;
}

/** Walks the init containers from the last to the first. Returns whether app containers may run. */
function initActions(pod: Pod, runtime: RuntimePodStatus, probe: ProbeLookup, actions: PodActions): boolean {
  const init = pod.spec.initContainers ?? [];
  if (init.length === 0) return true;
  let initialized = pod.spec.containers.some((container) => {
    const state = findRuntimeStatus(runtime, container.name)?.state;
    return state === 'created' || state === 'running';
  });
  let previously = initialized;
  for (let i = init.length - 1; i >= 0; i--) {
    const container = init[i]!;
    const sidecar = isSidecar(container);
    const status = findRuntimeStatus(runtime, container.name);
    if (!status) {
      if (previously && sidecar) actions.initToStart.push(container);
      continue;
    }
    if (previously && !sidecar) continue;
    const done = sidecar
      ? sidecarStep(container, status, probe, actions)
      : initStep(container, status, pod, runtime, actions);
    if (done === 'fail') return false;
    if (done === 'done') {
      if (i === init.length - 1) initialized = true;
      else if (!previously) actions.initToStart.push(init[i + 1]!);
    }
    previously = true;
  }
  if (!previously) actions.initToStart.push(init[0]!);
  actions.initToStart.reverse();
  return initialized;
}

/** `done`: the next one may start. `wait`: it is under way or starts (again). `fail`: the pod is over. */
type Step = 'done' | 'wait' | 'fail';

function initStep(
  container: Container,
  status: RuntimeContainerStatus,
  pod: Pod,
  runtime: RuntimePodStatus,
  actions: PodActions,
): Step {
  if (status.state === 'running') return 'wait';
  if (status.state === 'exited' && status.exitCode === 0) return 'done';
  if (status.state === 'exited' && !shouldBeRestarted(container, pod, runtime)) {
    actions.killPod = true;
    actions.initToStart = [];
    return 'fail';
  }
  if (status.state === 'unknown') actions.toKill.push(unknownKill(container, status, 'Init container'));
  actions.initToStart.push(container);
  return 'wait';
}

function sidecarStep(
  container: Container,
  status: RuntimeContainerStatus,
  probe: ProbeLookup,
  actions: PodActions,
): Step {
  if (status.state !== 'running') {
    if (status.state === 'unknown') actions.toKill.push(unknownKill(container, status, 'Init container'));
    actions.initToStart.push(container);
    return 'wait';
  }
  if (container.startupProbe) {
    const startup = probe('startup', status.id);
    if (startup === 'failure') restartForProbe(container, status, 'StartupProbe', 'startup', actions);
    if (startup !== 'success') return 'wait';
  }
  if (container.livenessProbe && probe('liveness', status.id) === 'failure') {
    restartForProbe(container, status, 'LivenessProbe', 'liveness', actions);
  }
  return 'done';
}

function restartForProbe(
  container: Container,
  status: RuntimeContainerStatus,
  reason: KillReason,
  word: string,
  actions: PodActions,
): void {
  const message = `Init container ${container.name} failed ${word} probe`;
  actions.toKill.push({ containerId: status.id, container, message, reason });
  actions.initToStart.push(container);
}

function unknownKill(container: Container, status: RuntimeContainerStatus, word: string): KillAction {
  const message = `${word} is in "${status.state}" state, try killing it before restart`;
  return { containerId: status.id, container, message, reason: 'Unknown' };
}

function appActions(pod: Pod, runtime: RuntimePodStatus, probe: ProbeLookup, actions: PodActions): void {
  let keep = 0;
  for (const container of pod.spec.containers) {
    const status = findRuntimeStatus(runtime, container.name);
    if (status?.state !== 'running') {
      if (!shouldBeRestarted(container, pod, runtime)) continue;
      actions.toStart.push(container);
      if (status?.state === 'unknown') actions.toKill.push(unknownKill(container, status, 'Container'));
      continue;
    }
    let message: string;
    let reason: KillReason = '';
    let restart = (container.restartPolicy ?? pod.spec.restartPolicy ?? 'Always') !== 'Never';
    if (imageChanged(container, status)) {
      message = `Container ${container.name} definition changed`;
      restart = true;
    } else if (probe('liveness', status.id) === 'failure') {
      message = `Container ${container.name} failed liveness probe`;
      reason = 'LivenessProbe';
    } else if (probe('startup', status.id) === 'failure') {
      message = `Container ${container.name} failed startup probe`;
      reason = 'StartupProbe';
    } else {
      keep++;
      continue;
    }
    if (restart) {
      message += ', will be restarted';
      actions.toStart.push(container);
    }
    actions.toKill.push({ containerId: status.id, container, message, reason });
  }
  if (keep === 0 && actions.toStart.length === 0) {
    actions.killPod = true;
    actions.initToStart = [];
  }
}

/** The image is the only field of a running container that may change. The runtime keeps what it was created with. */
function imageChanged(container: Container, status: RuntimeContainerStatus): boolean {
  return status.requestedImage !== undefined && status.requestedImage !== container.image;
}
