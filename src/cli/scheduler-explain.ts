/** `klab scheduler explain|queue`: why a pod is where it is, from the scheduler's own records. */
import { isForbidden, isNotFound, type KubeObject } from '../apimachinery/index.ts';
import { rfc3339Micro } from '../base/index.ts';
import {
  type Decision,
  type DecisionByColumns,
  decisionFromWire,
  explainDecision,
  unseenBecause,
} from '../scheduler/index.ts';
import { UserError } from './exit-codes.ts';
import { paragraph, printData, renderTable } from './output.ts';
import { schedulerSetup } from './scheduler-setup.ts';
import type { Session } from './session.ts';

export interface SchedulerExplainRequest {
  readonly pod: string;
  readonly attempt?: number;
  readonly node?: string;
  readonly output?: string;
  /** Of the terminal, in cells; absent in a pipe. */
  readonly width?: number | undefined;
}

/** `NAME`, `pod/NAME` or `pod NAME`. @throws UserError */
export function podName(words: readonly string[]): string {
  const rest = words.length === 2 && isPodWord(words[0]!) ? words.slice(1) : words;
  const [word] = rest;
  if (rest.length !== 1 || !word) throw new UserError('give one pod: NAME, pod/NAME or pod NAME', 2);
  const slash = word.indexOf('/');
  if (slash < 0) return word;
  if (!isPodWord(word.slice(0, slash))) throw new UserError(`only pods are scheduled, not ${word}`, 2);
  return word.slice(slash + 1);
}

const isPodWord = (word: string): boolean => ['pod', 'pods', 'po'].includes(word.toLowerCase());

/** @throws UserError for a pod that is not there or about which the scheduler has nothing to say. */
export async function schedulerExplain(session: Session, request: SchedulerExplainRequest): Promise<string> {
  const { namespace } = session;
  const { pod: name, attempt, node, output, width } = request;
  const path = `/klab/v1/scheduler/decisions/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
  const query = { columns: 'true', ...(attempt !== undefined && { attempt: String(attempt) }) };
  const answer = await session.client.raw(path, { query, signal: session.signal });
  const attempts: { attempt: number; result: string }[] = answer.attempts;
  const sent: Decision | DecisionByColumns | undefined = answer.items.at(-1);
  const decision = sent && decisionFromWire(sent);
  if (attempts.length === 0) throw new UserError(await silence(session, name));
  if (!decision) {
    const known = attempts.map((entry) => entry.attempt).join(', ');
    throw new UserError(`pod "${name}" has no attempt ${attempt}; there are: ${known}`);
  }
  if (node !== undefined && !decision.nodes.some((entry) => entry.name === node)) {
    const known = decision.nodes
      .map((entry) => entry.name)
      .slice(0, 10)
      .join(', ');
    throw new UserError(
      `attempt ${decision.attempt} of pod "${name}" did not know a node "${node}"; it knew: ${known}`,
    );
  }
  if (output === 'json' || output === 'yaml') return printData(decisionData(decision, unseenBecause, node), output);
  const { headline, story, tables } = explainDecision(decision, {
    nodesMax: output === 'wide' ? Number.POSITIVE_INFINITY : undefined,
    node,
  });
  const parts = [[headline, ...story.map((sentence) => paragraph(sentence, width, 2))].join('\n')];
  for (const { title, columns, rows } of tables) parts.push(`${title}\n${renderTable(columns, rows)}`);
  const others = attempts.filter((entry) => entry.attempt !== decision.attempt);
  if (others.length > 0) {
    const listed = others
      .slice(-5)
      .map((entry) => `${entry.attempt} (${entry.result})`)
      .join(', ');
    parts.push(`Other attempts: ${listed}; see them with --attempt N`);
  }
  return parts.join('\n\n');
}

type UnseenBecause = typeof unseenBecause;

/** The data of `-o json`, its shape a promise to scripts: the schema in the scheduler's README. */
export function decisionData(decision: Decision, unseenBecause: UnseenBecause, node?: string): object {
  const { nodes } = decision;
  const because = unseenBecause(decision, nodes);
  const { pod, attempt, result, message, scheduler, feasible, tiedWith, preFilter, bindError, preemption } = decision;
  const { queuedAt, startedAt, finishedAt, nominatedNode } = decision;
  return {
    pod,
    attempt,
    scheduler,
    ...(decision.node !== undefined && { node: decision.node }),
    result,
    message,
    ...(bindError !== undefined && { bindError }),
    ...(nominatedNode !== undefined && { nominatedNode }),
    queuedAt: rfc3339Micro(queuedAt),
    startedAt: rfc3339Micro(startedAt),
    finishedAt: rfc3339Micro(finishedAt),
    feasible,
    ...(preemption && { preemption }),
    ...(tiedWith && { tiedWith }),
    preFilter,
    nodes: nodes
      .filter((entry) => node === undefined || entry.name === node)
      .map(({ name, filter, skipped, scores, total }) => ({
        name,
        ...(filter && { filter }),
        ...(skipped && { skipped: because }),
        ...(scores && { scores }),
        ...(total !== undefined && { total }),
      })),
  };
}

/** Why the scheduler has no record of a pod. @throws StatusError when there is no such pod. */
async function silence(session: Session, name: string): Promise<string> {
  const pods = session.client.resource(await session.resolve('pods')).namespace(session.namespace);
  const pod = await pods.get(name, { signal: session.signal });
  const held = await heldBack(session, pod);
  return (
    held ??
    noDecisionReason(pod, (await schedulerSetup(session)).schedulers, { missing: await nodeMissing(session, pod) })
  );
}

/** A plugin that lets the pod into no queue yet, gates of the pod's own aside. */
export async function heldBack(session: Session, pod: Readonly<KubeObject>): Promise<string | undefined> {
  const { namespace, name } = pod.metadata;
  if (!session.server || pod['spec']?.nodeName || pod['spec']?.schedulingGates?.length > 0) return undefined;
  const { items = [] } = await session.client.raw('/klab/v1/scheduler/queue', { signal: session.signal });
  const entry = (items as QueueEntry[]).find(({ pod: key }) => key === `${namespace}/${name}`);
  if (entry?.queue !== 'gated') return undefined;
  return `the scheduler has no decision about pod "${name}": ${entry.refusedBy.join(', ')} holds it back before the queue`;
}

/** Is the pod bound to a node that there is not? */
export async function nodeMissing(session: Session, pod: Readonly<KubeObject>): Promise<boolean> {
  const name = pod['spec']?.nodeName;
  if (!name) return false;
  try {
    await session.client.resource(await session.resolve('nodes')).get(name, { signal: session.signal });
    return false;
  } catch (error) {
    if (isForbidden(error)) return false;
    if (isNotFound(error)) return true;
    throw error;
  }
}

/** Pure. `missing`: there is no node of the name that the pod is bound to. */
export function noDecisionReason(
  pod: Readonly<KubeObject>,
  schedulers: readonly string[] = ['default-scheduler'],
  { missing = false }: { readonly missing?: boolean } = {},
): string {
  const { name, annotations = {} } = pod.metadata;
  const { nodeName, schedulerName = 'default-scheduler', schedulingGates = [] } = pod['spec'] ?? {};
  const about = `the scheduler has no decision about pod "${name}"`;
  if (annotations['kubernetes.io/config.mirror'] !== undefined) {
    return `${about}: it is a static pod, which the kubelet of ${nodeName} runs from a file`;
  }
  if (!schedulers.includes(schedulerName)) {
    const put = nodeName ? `, which put it on ${nodeName}` : '';
    const here = schedulers.length === 1 ? '' : `; the one here answers to ${schedulers.join(', ')}`;
    return `${about}: it asks for another scheduler, "${schedulerName}"${put}${here}`;
  }
  if (nodeName) {
    if (missing) return `${about}: it is bound to ${nodeName}, but there is no such node, so nobody runs it`;
    return `${about}: it was put on ${nodeName} directly (spec.nodeName), past every scheduler, or its records are gone`;
  }
  if (schedulingGates.length > 0) {
    const gates = schedulingGates.map((gate: { name: string }) => gate.name).join(', ');
    return `${about}: it waits behind its scheduling gates (${gates})`;
  }
  return `${about} yet; see: klab scheduler queue`;
}

interface QueueEntry {
  readonly pod: string;
  readonly queue: string;
  readonly priority: number;
  readonly attempts: number;
  readonly since: string;
  readonly refusedBy: readonly string[];
}

export async function schedulerQueue(session: Session, output: string | undefined): Promise<string> {
  const answer = await session.client.raw('/klab/v1/scheduler/queue', { signal: session.signal });
  if (output === 'json' || output === 'yaml') return printData(answer, output);
  if (!answer.running) return 'the scheduler does not run (klab up --no-scheduler)';
  const items = answer.items as QueueEntry[];
  if (items.length === 0) return 'no pod waits to be scheduled';
  return renderTable(
    ['POD', 'QUEUE', 'PRIORITY', 'ATTEMPTS', 'SINCE', 'REFUSED BY'],
    items.map((entry) => [
      entry.pod,
      entry.queue,
      String(entry.priority),
      String(entry.attempts),
      entry.since,
      entry.refusedBy.join(', ') || '-',
    ]),
  );
}
