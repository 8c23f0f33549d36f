/** `klab scheduler why`: one paragraph about a pod, from the scheduler's records or, where there are none, a dry run. */
import { isNotFound, type KubeObject } from '../apimachinery/index.ts';
import { type Decision, type DecisionByColumns, decisionFromWire, type Why, whyDecision } from '../scheduler/index.ts';
import { paragraph, printData } from './output.ts';
import { heldBack, noDecisionReason, nodeMissing } from './scheduler-explain.ts';
import { byDefaults, rehearsed, type SchedulerSetup, schedulerSetup, worldOf } from './scheduler-setup.ts';
import { isGuess } from './scheduler-what-if.ts';
import { readPod, readWorld } from './scheduler-world.ts';
import type { Session } from './session.ts';

export interface WhyAnswer extends Partial<Omit<Why, 'pod' | 'sentence'>> {
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid?: string };
  /** `record`: what the scheduler decided. `dry-run`: what it would decide now. `none`: nothing to decide. */
  readonly source: 'record' | 'dry-run' | 'none';
  /** Whose rules a dry run went by. */
  readonly configuration?: SchedulerSetup['source'];
  readonly sentence: string;
}

/** The newest decision about this very pod, if the cluster keeps any. */
async function decisionAbout(session: Session, pod: Readonly<KubeObject>): Promise<Decision | undefined> {
  if (!session.server) return undefined;
  const { namespace, name, uid } = pod.metadata;
  const path = `/klab/v1/scheduler/decisions/${encodeURIComponent(namespace!)}/${encodeURIComponent(name!)}`;
  try {
    const answer = await session.client.raw(path, { query: { columns: 'true' }, signal: session.signal });
    const sent: Decision | DecisionByColumns | undefined = answer.items.at(-1);
    if (!sent || sent.pod.uid !== uid) return undefined;
    return decisionFromWire(sent);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Is it this scheduler's to decide, and nothing else in the way? */
function isWaiting({ spec, status }: Readonly<KubeObject>, schedulers: readonly string[]): boolean {
  const { nodeName, schedulerName = 'default-scheduler', schedulingGates = [] } = spec ?? {};
  const over = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  return !nodeName && !over && schedulers.includes(schedulerName) && schedulingGates.length === 0;
}

export interface WhyRequest {
  readonly pod: string;
  /** Of dry runs, in place of the cluster's own. */
  readonly config?: string;
  readonly output?: string;
  /** Of the terminal, in cells; absent in a pipe. */
  readonly width?: number | undefined;
}

export async function schedulerWhy(
  session: Session,
  { pod: name, config, output, width }: WhyRequest,
): Promise<string> {
  const pod = await readPod(session, name);
  const { namespace, uid } = pod.metadata;
  const about = { namespace: namespace!, name, ...(uid !== undefined && { uid }) };
  const say = (answer: WhyAnswer): string => {
    if (output === 'json' || output === 'yaml') return printData(answer, output);
    return paragraph(`pod ${about.namespace}/${name}: ${answer.sentence}`, width);
  };
  // A configuration that is given is asked about, whatever the cluster decided by its own.
  const decision = config === undefined ? await decisionAbout(session, pod) : undefined;
  if (decision && !(pod['spec']?.schedulingGates?.length > 0)) {
    const why = whyDecision(decision);
    const attempts =
      decision.attempt > 1 && decision.result !== 'Scheduled' ? ` It has been tried ${decision.attempt} times.` : '';
    return say({ ...why, pod: about, source: 'record', sentence: why.sentence + attempts });
  }
  const setup = await schedulerSetup(session, config);
  if (!isWaiting(pod, setup.schedulers)) {
    const sentence = `${noDecisionReason(pod, setup.schedulers, { missing: await nodeMissing(session, pod) }).replace(`the scheduler has no decision about pod "${name}": `, '')}.`;
    return say({ pod: about, source: 'none', sentence });
  }
  const world = await worldOf(await readWorld(session), setup);
  const signal = session.signal ?? new AbortController().signal;
  const why = whyDecision((await rehearsed(setup, () => world.ask(pod as never, signal))).decision);
  const held = (await heldBack(session, pod))?.replace(/^.*?: /, '');
  const begin = held ?? (config === undefined ? 'no attempt is recorded' : `with ${config}`);
  const sentence =
    why.result === 'Scheduled'
      ? `${begin}; on a copy of the cluster it would be scheduled: ${why.sentence}`
      : `${begin}; on a copy of the cluster: ${why.sentence}`;
  const answer = say({ ...why, pod: about, source: 'dry-run', configuration: setup.source, sentence });
  return output === undefined && isGuess(session, setup) ? `${answer}\n${byDefaults}` : answer;
}
