/** One try of one pod: what was decided and what is told of it. Upstream: scheduler/schedule_one.go (1.36). */
import type { Pod } from '../api/index.ts';
import type { Clock } from '../base/index.ts';
import { causeOf, type RequestCause, withCause } from '../client/index.ts';
import type { CycleOutcome } from './cycle.ts';
import { type Decision, DecisionBuilder, type PreemptionRecord } from './decision/record.ts';
import type { DecisionStore } from './decision/store.ts';
import type { PodInfo } from './framework/node-info.ts';
import type { QueuedPod } from './framework/types.ts';
import { preemptionReport } from './plugins/default-preemption.ts';

const podResource = { group: '', plural: 'pods' };

interface AttemptDeps {
  readonly clock: Clock;
  readonly decisions: DecisionStore;
}

/** One try of one pod, from the decision to its record. */
export class Attempt {
  readonly queued: QueuedPod;
  readonly info: PodInfo;
  readonly schedulerName: string;
  readonly cause: RequestCause;
  outcome: CycleOutcome | undefined;
  /** The node that the API was told of before the binding. */
  nominatedTo: string | undefined;
  readonly #deps: AttemptDeps;
  readonly #startedAt: number;

  constructor(queued: QueuedPod, deps: AttemptDeps, schedulerName: string) {
    this.queued = queued;
    this.info = queued.info;
    this.schedulerName = schedulerName;
    this.cause = causeOf(podResource, queued.info.pod);
    this.#deps = deps;
    this.#startedAt = deps.clock.now();
  }

  say(work: () => void): void {
    withCause(this.cause, work);
  }

  record(
    result: Decision['result'],
    message: string,
    more: Partial<Pick<Decision, 'bindError' | 'preemption' | 'nominatedNode'>> = {},
  ): void {
    const { info, outcome } = this;
    const builder = outcome?.builder ?? new DecisionBuilder([]);
    this.#deps.decisions.record(
      builder.finish({
        pod: { namespace: info.namespace, name: info.pod.metadata.name!, uid: info.uid },
        attempt: this.queued.attempts,
        scheduler: this.schedulerName,
        queuedAt: this.queued.timestamp,
        startedAt: this.#startedAt,
        finishedAt: this.#deps.clock.now(),
        result,
        message,
        ...(outcome?.node !== undefined && { node: outcome.node }),
        ...(outcome?.tiedWith && { tiedWith: outcome.tiedWith }),
        ...more,
      }),
    );
  }
}

export function preemptionOf({ state }: CycleOutcome): PreemptionRecord | undefined {
  const report = preemptionReport(state);
  if (!report || report.candidates.length === 0) return undefined;
  return {
    ...(report.chosen && { chosen: report.chosen.node }),
    candidates: report.candidates.map(({ node, pdbViolations, victims }) => ({
      node,
      pdbViolations,
      victims: victims.map(({ namespace, pod, priority }) => ({ namespace, name: pod.metadata.name!, priority })),
    })),
  };
}

export function schedulerNameOf(pod: Readonly<Pod>): string {
  return pod.spec?.schedulerName ?? 'default-scheduler';
}

/** Events hold 1024 bytes. Upstream: truncateMessage. */
export function eventText(message: string): string {
  return message.length <= 1024 ? message : `${message.slice(0, 1024 - 4)} ...`;
}
