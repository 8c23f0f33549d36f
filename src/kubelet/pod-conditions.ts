/** The kubelet's pod conditions. Upstream: pkg/kubelet/status/generate.go (1.36). */
import {
  type ContainerStatus,
  findStatus,
  isSidecar,
  type Pod,
  type PodCondition,
  type PodPhase,
  type PodStatus,
} from './pod-types.ts';

/** Conditions that only the kubelet writes; others on the pod are kept as they are. */
const ownTypes = new Set([
  'PodScheduled',
  'Ready',
  'Initialized',
  'ContainersReady',
  'PodReadyToStartContainers',
  'PodResizePending',
  'PodResizeInProgress',
  'AllContainersRestarting',
]);

export function conditionByKubelet(type: string): boolean {
  return ownTypes.has(type);
}

type Verdict = Omit<PodCondition, 'type' | 'observedGeneration'>;

const yes: Verdict = { status: 'True' };

/**
 * All conditions of a pod, the foreign ones first. `lastTransitionTime` is the status manager's business.
 * `disruptionMessage`: why the kubelet ends it.
 */
export function generateConditions(
  pod: Pod,
  old: PodStatus,
  status: PodStatus,
  sandboxReady: boolean,
  disruptionMessage?: string,
): PodCondition[] {
  const foreign = (pod.status?.conditions ?? []).filter((condition) => !conditionByKubelet(condition.type));
  const statuses = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const phase = status.phase ?? 'Pending';
  const ready = containersReady(pod, statuses, phase);
  const generation = pod.metadata.generation;
  const own = (type: string, verdict: Verdict): PodCondition => {
    const condition: PodCondition = { type, ...verdict };
    if (generation !== undefined) condition.observedGeneration = generation;
    return condition;
  };
  const disruption =
    disruptionMessage === undefined
      ? old.conditions?.find((condition) => condition.type === 'DisruptionTarget')
      : own('DisruptionTarget', { status: 'True', reason: 'TerminationByKubelet', message: disruptionMessage });
  const conditions = foreign.filter((condition) => condition.type !== 'DisruptionTarget' || !disruption);
  if (disruption) conditions.push(disruption);
  conditions.push(
    own('PodReadyToStartContainers', sandboxReady ? yes : { status: 'False' }),
    own('Initialized', initialized(pod, old, statuses, phase)),
    own('Ready', ready.status === 'True' ? gates(pod, conditions) : ready),
    own('ContainersReady', ready),
    own('PodScheduled', yes),
  );
  return conditions;
}

/** True, or the names of app containers and sidecars that are not ready. */
export function containersReady(pod: Pod, statuses: readonly ContainerStatus[], phase: PodPhase): Verdict {
  const unknown: string[] = [];
  const unready: string[] = [];
  const { initContainers = [], containers } = pod.spec;
  for (const container of [...initContainers.filter(isSidecar), ...containers]) {
    const status = findStatus(statuses, container.name);
    if (!status) unknown.push(container.name);
    else if (!status.ready) unready.push(container.name);
  }
  if (phase === 'Succeeded' && unknown.length === 0) return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const message = names(unknown, unready, 'unready');
  return message === '' ? yes : { status: 'False', reason: 'ContainersNotReady', message };
}

function initialized(pod: Pod, old: PodStatus, statuses: readonly ContainerStatus[], phase: PodPhase): Verdict {
  const unknown: string[] = [];
  const incomplete: string[] = [];
  for (const container of pod.spec.initContainers ?? []) {
    const status = findStatus(statuses, container.name);
    if (!status) unknown.push(container.name);
    else if (isSidecar(container) ? !status.started : !status.ready) incomplete.push(container.name);
  }
  if (phase === 'Succeeded' && unknown.length === 0) return { status: 'True', reason: 'PodCompleted' };
  if (anyAppStarted(pod, statuses)) return yes;
  const message = names(unknown, incomplete, 'incomplete');
  if (message === '') return yes;
  // Once initialised a pod stays so, even while RestartAllContainers runs its init containers again.
  if (old.conditions?.some((condition) => condition.type === 'Initialized' && condition.status === 'True')) return yes;
  return { status: 'False', reason: 'ContainersNotInitialized', message };
}

/** An app container runs or has run. */
export function anyAppStarted(pod: Pod, statuses: readonly ContainerStatus[]): boolean {
  return pod.spec.containers.some((container) => {
    const status = findStatus(statuses, container.name);
    if (!status) return false;
    return Boolean(status.lastState.terminated || status.state.terminated || (status.state.running && status.started));
  });
}

function gates(pod: Pod, conditions: readonly PodCondition[]): Verdict {
  const messages: string[] = [];
  for (const { conditionType } of pod.spec.readinessGates ?? []) {
    const condition = conditions.find((c) => c.type === conditionType);
    if (!condition) messages.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`);
    else if (condition.status !== 'True')
      messages.push(`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`);
  }
  if (messages.length === 0) return yes;
  return { status: 'False', reason: 'ReadinessGatesNotReady', message: messages.join(', ') };
}

/** Go prints a string slice as `[a b]`. */
function names(unknown: string[], bad: string[], word: string): string {
  const parts: string[] = [];
  if (unknown.length > 0) parts.push(`containers with unknown status: [${unknown.join(' ')}]`);
  if (bad.length > 0) parts.push(`containers with ${word} status: [${bad.join(' ')}]`);
  return parts.join(', ');
}
