/** `klab scheduler watch`: the decisions as they fall, how full the queues are and, for the live screen, the nodes. */
import { rfc3339, wallClock } from '../base/index.ts';
import type { DecisionSummary, NodeUse } from '../scheduler/index.ts';
import type { Output } from './get/plan.ts';
import type { Session } from './session.ts';

export interface SchedulerNews {
  readonly decisions: readonly DecisionSummary[];
  readonly lengths: Readonly<Record<string, number>>;
  readonly running: boolean;
  /** Absent when they were not asked for. */
  readonly nodes?: readonly NodeUse[];
}

export interface SchedulerNewsOptions {
  /** Ask for the nodes as well. */
  readonly nodes?: boolean;
}

const pollMs = 300;
/** Nodes are asked for at most so often. */
const nodesEveryMs = 1000;
/** Of the time, at most this share goes into asking for nodes: thousands of them are not asked for each second. */
const nodesShare = 0.05;

/** What is new, each time something is, and the queues' lengths. Begins with what fell lately. Ends with the signal. */
export async function* schedulerNews(
  session: Session,
  signal: AbortSignal,
  options: SchedulerNewsOptions = {},
): AsyncGenerator<SchedulerNews, void, void> {
  let after = 0;
  let last = '';
  let nodesDue = 0;
  const get = (path: string, query: Record<string, string> = {}) =>
    session.client.raw(`/klab/v1/scheduler/${path}`, { query, signal });
  const askNodes = async (): Promise<readonly NodeUse[] | undefined> => {
    const start = wallClock.monotonic();
    if (!options.nodes || start < nodesDue) return undefined;
    const { items } = await get('nodes');
    const took = wallClock.monotonic() - start;
    nodesDue = start + Math.max(nodesEveryMs, took / nodesShare);
    return items as NodeUse[];
  };
  const ask = async (): Promise<SchedulerNews | undefined> => {
    const [recent, queue, nodes] = await Promise.all([
      get('recent', { after: String(after) }),
      get('queue', { lengths: 'true' }),
      askNodes(),
    ]);
    const decisions = recent.items as DecisionSummary[];
    after = decisions.at(-1)?.serial ?? after;
    const lengths = queue.lengths ?? {};
    const state = JSON.stringify([queue.running, lengths]);
    if (decisions.length === 0 && state === last && !nodes) return undefined;
    last = state;
    return { decisions, lengths, running: queue.running, ...(nodes && { nodes }) };
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

export function queueLine({ lengths, running }: Pick<SchedulerNews, 'lengths' | 'running'>): string {
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
