/** `klab scheduler watch`: the decisions as they fall, and how full the queues are. */
import { rfc3339, wallClock } from '../base/index.ts';
import type { DecisionSummary } from '../scheduler/index.ts';
import type { Output } from './get/plan.ts';
import type { Session } from './session.ts';

export interface SchedulerNews {
  readonly decisions: readonly DecisionSummary[];
  readonly lengths: Readonly<Record<string, number>>;
  readonly running: boolean;
}

const pollMs = 300;

/** What is new, each time something is, and the queues' lengths. Begins with what fell lately. Ends with the signal. */
export async function* schedulerNews(session: Session, signal: AbortSignal): AsyncGenerator<SchedulerNews, void, void> {
  let after = 0;
  let last = '';
  const ask = async (): Promise<SchedulerNews | undefined> => {
    const [recent, queue] = await Promise.all([
      session.client.raw('/klab/v1/scheduler/recent', { query: { after: String(after) }, signal }),
      session.client.raw('/klab/v1/scheduler/queue', { signal }),
    ]);
    const decisions = recent.items as DecisionSummary[];
    after = decisions.at(-1)?.serial ?? after;
    const lengths = queue.lengths ?? {};
    const state = JSON.stringify([queue.running, lengths]);
    if (decisions.length === 0 && state === last) return undefined;
    last = state;
    return { decisions, lengths, running: queue.running };
  };
  const first = await ask();
  if (first) yield first;
  for await (const _ of wallClock.every(pollMs, signal)) {
    const news = await ask();
    if (news) yield news;
  }
}

/** `12:00:01 default/web → node-2 (attempt 1, 3 feasible)` */
export function decisionLine({ pod, result, node, attempt, feasible, message, finishedAt }: DecisionSummary): string {
  const time = rfc3339(finishedAt).slice(11, 19);
  const name = `${pod.namespace}/${pod.name}`;
  const rest = `(attempt ${attempt}, ${feasible} feasible)`;
  if (result === 'Scheduled') return `${time} ${name} → ${node} ${rest}`;
  return `${time} ${name} ✗ ${message} (attempt ${attempt})`;
}

export function queueLine({ lengths, running }: SchedulerNews): string {
  if (!running) return 'the scheduler does not run';
  return `queues: ${Object.entries(lengths)
    .map(([queue, length]) => `${queue} ${length}`)
    .join(', ')}`;
}

/** One line for each decision and each change of the queues' lengths; `json`: one object a line. */
export async function printSchedulerNews(
  session: Session,
  format: string | undefined,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  let queues = '';
  for await (const news of schedulerNews(session, signal)) {
    for (const decision of news.decisions) {
      output.out(`${format === 'json' ? JSON.stringify(decision) : decisionLine(decision)}\n`);
    }
    const line = queueLine(news);
    if (format !== 'json' && line !== queues) output.out(`${line}\n`);
    queues = line;
  }
}
