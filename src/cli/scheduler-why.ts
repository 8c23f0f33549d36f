/** `klab scheduler why`: one paragraph about a pod, from the scheduler's records or, where there are none, a dry run. */
import { isNotFound, type KubeObject } from '../apimachinery/index.ts';
import type { Decision, Why } from '../scheduler/index.ts';
import { printData } from './output.ts';
import { heldBack, noDecisionReason } from './scheduler-explain.ts';
import { readPod, readWorld } from './scheduler-world.ts';
import type { Session } from './session.ts';

export interface WhyAnswer extends Partial<Omit<Why, 'pod' | 'sentence'>> {
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid?: string };
  /** `record`: what the scheduler decided. `dry-run`: what it would decide now. `none`: nothing to decide. */
  readonly source: 'record' | 'dry-run' | 'none';
  readonly sentence: string;
}

/** The newest decision about this very pod, if the cluster keeps any. */
async function decisionAbout(session: Session, pod: Readonly<KubeObject>): Promise<Decision | undefined> {
  if (!session.server) return undefined;
  const { namespace, name, uid } = pod.metadata;
  const path = `/klab/v1/scheduler/decisions/${encodeURIComponent(namespace!)}/${encodeURIComponent(name!)}`;
  try {
    const decision: Decision | undefined = (await session.client.raw(path, { signal: session.signal })).items.at(-1);
    return decision?.pod.uid === uid ? decision : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Is it the default scheduler's to decide, and nothing else in the way? */
function isWaiting({ spec, status }: Readonly<KubeObject>): boolean {
  const { nodeName, schedulerName = 'default-scheduler', schedulingGates = [] } = spec ?? {};
  const over = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  return !nodeName && !over && schedulerName === 'default-scheduler' && schedulingGates.length === 0;
}

export async function schedulerWhy(session: Session, name: string, output: string | undefined): Promise<string> {
  const pod = await readPod(session, name);
  const { namespace, uid } = pod.metadata;
  const about = { namespace: namespace!, name, ...(uid !== undefined && { uid }) };
  const say = (answer: WhyAnswer): string => {
    if (output === 'json' || output === 'yaml') return printData(answer, output);
    return `pod ${about.namespace}/${name}: ${answer.sentence}`;
  };
  const { whyDecision, World } = await import('../scheduler/index.ts');
  const decision = await decisionAbout(session, pod);
  if (decision && !(pod['spec']?.schedulingGates?.length > 0)) {
    const why = whyDecision(decision);
    const attempts =
      decision.attempt > 1 && decision.result !== 'Scheduled' ? ` It has been tried ${decision.attempt} times.` : '';
    return say({ ...why, pod: about, source: 'record', sentence: why.sentence + attempts });
  }
  if (!isWaiting(pod)) {
    const sentence = `${noDecisionReason(pod).replace(`the scheduler has no decision about pod "${name}": `, '')}.`;
    return say({ pod: about, source: 'none', sentence });
  }
  const world = new World(await readWorld(session));
  const why = whyDecision(world.try(pod as never).decision);
  const held = (await heldBack(session, pod))?.replace(/^.*?: /, '');
  const begin = held ?? 'no attempt is recorded';
  const sentence =
    why.result === 'Scheduled'
      ? `${begin}; on a copy of the cluster it would be scheduled: ${why.sentence}`
      : `${begin}; on a copy of the cluster: ${why.sentence}`;
  return say({ ...why, pod: about, source: 'dry-run', sentence });
}
