/**
 * The word in STATUS and how it comes about. Upstream: printPod in pkg/printers/internalversion/printers.go (1.36).
 * The same derivation feeds the table and `klab describe`.
 */
import { humanDuration } from '../../../../apimachinery/index.ts';
import { parseTime } from '../../../../base/index.ts';
import type { Container, ContainerStatus, Pod } from '../../../types.ts';

/** One step of the derivation: what was seen, and the word after it. The last step's word is the status. */
export interface PodStatusStep {
  /** Field that was looked at, e.g. `status.containerStatuses[web].state.waiting`. */
  readonly field: string;
  /** What it says, e.g. `CrashLoopBackOff`. */
  readonly value: string;
  /** STATUS after this step. */
  readonly word: string;
  readonly message?: string;
}

export interface PodStatusSummary {
  /** STATUS. */
  readonly word: string;
  readonly readyContainers: number;
  readonly totalContainers: number;
  readonly restarts: number;
  /** When a container last ended before a restart, in ms since the epoch. */
  readonly lastRestartAt?: number;
  readonly steps: readonly PodStatusStep[];
}

/** An init container that keeps running beside the others. */
export function isRestartableInitContainer(container: Container | undefined): boolean {
  return container?.restartPolicy === 'Always';
}

function endReason(terminated: { reason?: string; signal?: number; exitCode?: number }, prefix: string): string {
  if (terminated.reason) return prefix + terminated.reason;
  if (terminated.signal) return `${prefix}Signal:${terminated.signal}`;
  return `${prefix}ExitCode:${terminated.exitCode ?? 0}`;
}

/** Collects restarts and the time of the latest one. */
class RestartCount {
  count = 0;
  lastAt: number | undefined;

  add(status: ContainerStatus): void {
    this.count += status.restartCount ?? 0;
    const finishedAt = status.lastState?.terminated?.finishedAt;
    if (!finishedAt) return;
    const at = parseTime(finishedAt);
    if (this.lastAt === undefined || this.lastAt < at) this.lastAt = at;
  }
}

function conditionIsTrue(pod: Readonly<Pod>, type: string): boolean {
  return pod.status?.conditions?.find((condition) => condition.type === type)?.status === 'True';
}

/** Derives STATUS, READY and RESTARTS. Pure. */
export function podStatus(pod: Readonly<Pod>): PodStatusSummary {
  const status = pod.status;
  const steps: PodStatusStep[] = [];
  let word: string = status?.phase ?? '';
  const step = (field: string, value: string, message?: string) => {
    steps.push(message ? { field, value, word, message } : { field, value, word });
  };
  step('status.phase', word);
  if (status?.reason) {
    word = status.reason;
    step('status.reason', word, status.message);
  }
  for (const condition of status?.conditions ?? []) {
    if (condition.type !== 'PodScheduled' || condition.reason !== 'SchedulingGated') continue;
    word = 'SchedulingGated';
    step('status.conditions[PodScheduled].reason', word, condition.message);
  }

  const initContainers = new Map((pod.spec?.initContainers ?? []).map((container) => [container.name, container]));
  const restartable = [...initContainers.values()].filter(isRestartableInitContainer).length;
  const totalContainers = (pod.spec?.containers?.length ?? 0) + restartable;
  let readyContainers = 0;
  let restarts = new RestartCount();
  const restartableRestarts = new RestartCount();
  let initializing = false;
  for (const [index, container] of (status?.initContainerStatuses ?? []).entries()) {
    const place = `status.initContainerStatuses[${container.name}].state`;
    const isRestartable = isRestartableInitContainer(initContainers.get(container.name));
    restarts.add(container);
    if (isRestartable) restartableRestarts.add(container);
    const { terminated, waiting } = container.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (isRestartable && container.started === true) {
      if (container.ready) readyContainers++;
      continue;
    }
    initializing = true;
    if (terminated) {
      word = endReason(terminated, 'Init:');
      step(`${place}.terminated`, word.slice('Init:'.length), terminated.message);
    } else if (waiting?.reason && waiting.reason !== 'PodInitializing') {
      word = `Init:${waiting.reason}`;
      step(`${place}.waiting`, waiting.reason, waiting.message);
    } else {
      word = `Init:${index}/${initContainers.size}`;
      step(place, waiting?.reason ?? (container.state?.running ? 'running' : 'not started'));
    }
    break;
  }

  if (!initializing || conditionIsTrue(pod, 'Initialized')) {
    restarts = restartableRestarts;
    let hasRunning = false;
    let errorReason = '';
    for (const container of [...(status?.containerStatuses ?? [])].reverse()) {
      const place = `status.containerStatuses[${container.name}].state`;
      restarts.add(container);
      const { terminated, waiting, running } = container.state ?? {};
      if (waiting?.reason) {
        word = waiting.reason;
        step(`${place}.waiting`, word, waiting.message);
      } else if (terminated) {
        word = endReason(terminated, '');
        if (terminated.exitCode !== 0) errorReason = word;
        step(`${place}.terminated`, word, terminated.message);
      } else if (container.ready && running) {
        hasRunning = true;
        readyContainers++;
        step(`${place}.running`, 'ready');
      }
    }
    if (word === 'Completed') {
      if (hasRunning && conditionIsTrue(pod, 'Ready')) {
        word = 'Running';
        step('status.conditions[Ready]', 'True');
      } else if (errorReason !== '') {
        word = errorReason;
        step('status.containerStatuses', `a container ended with ${errorReason}`);
      } else if (hasRunning) {
        word = 'NotReady';
        step('status.conditions[Ready]', 'not True while a container runs');
      }
    }
  }

  if (pod.metadata.deletionTimestamp) {
    if (status?.reason === 'NodeLost') word = 'Unknown';
    else if (status?.phase !== 'Succeeded' && status?.phase !== 'Failed') word = 'Terminating';
    step('metadata.deletionTimestamp', pod.metadata.deletionTimestamp);
  }
  const summary = { word, readyContainers, totalContainers, restarts: restarts.count, steps };
  return restarts.lastAt === undefined ? summary : { ...summary, lastRestartAt: restarts.lastAt };
}

/** RESTARTS: the number, and how long ago the last one was. */
export function restartsText(summary: PodStatusSummary, now: number): string {
  if (summary.restarts === 0 || summary.lastRestartAt === undefined) return String(summary.restarts);
  return `${summary.restarts} (${humanDuration(now - summary.lastRestartAt)} ago)`;
}
