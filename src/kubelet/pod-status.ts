/** The status of a pod as the API shall show it. Upstream: pkg/kubelet/kubelet_pods.go generateAPIPodStatus. */
import { containerStatuses, type StartFailure } from './container-statuses.ts';
import { sandboxChanged } from './pod-actions.ts';
import { anyAppStarted, generateConditions } from './pod-conditions.ts';
import { getPhase } from './pod-phase.ts';
import { podQOS } from './pod-resources.ts';
import { isTerminalPhase, type Pod, type PodStatus, type RuntimePodStatus } from './pod-types.ts';
import type { ProbeManager } from './prober.ts';
import type { ContainerRuntime } from './runtime/types.ts';

export interface PodStatusDeps {
  readonly runtime: ContainerRuntime;
  readonly runtimeName: string;
  readonly probes: ProbeManager;
  readonly hostIPs: readonly string[];
}

export interface PodStatusInput extends PodStatusDeps {
  /** What was reported last. */
  readonly old: PodStatus;
  readonly failure: (container: string) => StartFailure | undefined;
  readonly eviction: { readonly reason: string; readonly message: string; readonly disruption?: string } | undefined;
}

export function generatePodStatus(
  pod: Pod,
  runtime: RuntimePodStatus,
  podIsTerminal: boolean,
  input: PodStatusInput,
): PodStatus {
  const { old, hostIPs, runtimeName, failure } = input;
  const common = { pod, runtime, runtimeName, failure };
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec;
  const status: PodStatus = {
    containerStatuses: containerStatuses({ ...common, containers, previous: old.containerStatuses, isInit: false }),
  };
  if (initContainers.length > 0) {
    const previous = old.initContainerStatuses;
    status.initContainerStatuses = containerStatuses({ ...common, containers: initContainers, previous, isInit: true });
  }
  if (ephemeralContainers.length > 0) {
    const previous = old.ephemeralContainerStatuses;
    status.ephemeralContainerStatuses = containerStatuses({
      ...common,
      containers: ephemeralContainers,
      previous,
      isInit: false,
    });
  }
  input.probes.updatePodStatus(pod, status);
  if (pod.metadata.generation !== undefined) status.observedGeneration = pod.metadata.generation;
  status.qosClass = podQOS(pod.spec);
  status.hostIP = hostIPs[0];
  status.hostIPs = hostIPs.map((ip) => ({ ip }));
  const ips = podIPs(pod, runtime, old, hostIPs);
  if (ips.length > 0) {
    status.podIP = ips[0];
    status.podIPs = ips.map((ip) => ({ ip }));
  }

  const all = [...status.containerStatuses!, ...(status.initContainerStatuses ?? [])];
  status.phase = getPhase(pod.spec, all, podIsTerminal, anyAppStarted(pod, all));
  if (!isTerminalPhase(status.phase)) {
    if (isTerminalPhase(old.phase)) status.phase = old.phase;
    else if (isTerminalPhase(pod.status?.phase)) status.phase = pod.status!.phase;
  }
  if (status.phase === old.phase) {
    status.reason = old.reason || pod.status?.reason;
    status.message = old.message || pod.status?.message;
  }
  if (input.eviction) {
    status.phase = 'Failed';
    status.reason = input.eviction.reason;
    status.message = input.eviction.message;
  }
  // No way out of a terminal phase that the API shows.
  if (isTerminalPhase(pod.status?.phase)) status.phase = pod.status!.phase;
  if (!status.reason) delete status.reason;
  if (!status.message) delete status.message;
  const sandboxReady = !sandboxChanged(pod, runtime).changed;
  status.conditions = generateConditions(pod, old, status, sandboxReady, input.eviction?.disruption);
  return status;
}

/** Of the sandbox; when that is gone, what was reported: a pod keeps its last address in its status. */
function podIPs(pod: Pod, runtime: RuntimePodStatus, old: PodStatus, hostIPs: readonly string[]): readonly string[] {
  const sandbox = runtime.sandboxes.find((s) => s.state === 'ready') ?? runtime.sandboxes[0];
  if (sandbox && sandbox.ips.length > 0) return sandbox.ips;
  if (pod.spec.hostNetwork) return hostIPs;
  return (old.podIPs ?? []).map(({ ip }) => ip);
}
