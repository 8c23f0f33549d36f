/** `klab scheduler what-if`: what would let a pod schedule, or move it; worked out in this process on a copy of the cluster. */
import type { Change, WhatIf } from '../scheduler/index.ts';
import { UserError } from './exit-codes.ts';
import { printData } from './output.ts';
import { byDefaults, rehearsed, type SchedulerSetup, schedulerSetup, worldOf } from './scheduler-setup.ts';
import { ownerOfPod, readPod, readWorld } from './scheduler-world.ts';
import type { Session } from './session.ts';

export interface WhatIfRequest {
  readonly pod: string;
  readonly node?: string;
  /** A KubeSchedulerConfiguration in place of the cluster's own. */
  readonly config?: string;
  readonly output?: string;
}

/** @throws UserError, StatusError NotFound */
export async function schedulerWhatIf(session: Session, request: WhatIfRequest): Promise<string> {
  const { node, output } = request;
  const pod = await readPod(session, request.pod);
  const [objects, owner, setup] = await Promise.all([
    readWorld(session),
    ownerOfPod(session, pod),
    schedulerSetup(session, request.config),
  ]);
  const { whatIf, whyDecision } = await import('../scheduler/index.ts');
  const world = await worldOf(objects, setup);
  const at = pod['spec'].nodeName as string | undefined;
  if (at !== undefined && !world.cache.get(at)) {
    throw new UserError(
      `pod "${request.pod}" is bound to ${at}, but there is no such node: make it anew without spec.nodeName, or add the node`,
    );
  }
  let result: WhatIf;
  try {
    result = await rehearsed(setup, () =>
      whatIf(world, pod as never, {
        ...(node !== undefined && { node }),
        ...(owner && { owner }),
        signal: session.signal,
      }),
    );
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(error.message);
    throw error;
  }
  const mine = pod['spec'].schedulerName ?? 'default-scheduler';
  const sentence = setup.schedulers.includes(mine)
    ? whyDecision(result.now).sentence
    : otherSchedulers(mine, setup.schedulers);
  if (output === 'json' || output === 'yaml') {
    const { pod: of, wanted, changes, beyond, now } = result;
    return printData(
      {
        pod: of,
        ...(at && { node: at }),
        ...(wanted && { wanted }),
        now: { result: now.result, ...(now.node && { node: now.node }), sentence },
        configuration: setup.source,
        changes,
        ...(beyond !== undefined && { beyond }),
      },
      output,
    );
  }
  const text = whatIfText(result, sentence, at, pod['spec'].schedulingGates?.length > 0);
  return isGuess(session, setup) ? `${text}\n\n${byDefaults}` : text;
}

/** Is the configuration that was used perhaps not the cluster's? */
export const isGuess = (session: Session, { source }: SchedulerSetup): boolean =>
  source === 'default' && session.server === undefined;

/** Pure. */
export const otherSchedulers = (name: string, known: readonly string[]): string =>
  known.length === 1 && known[0] === 'default-scheduler'
    ? `it asks for another scheduler, "${name}".`
    : `it asks for another scheduler, "${name}"; the one here answers to ${known.join(', ')}.`;

/** Pure. */
export function whatIfText(result: WhatIf, why: string, at: string | undefined, gated: boolean): string {
  const { namespace, name } = result.pod;
  const about = `pod ${namespace}/${name}`;
  const { changes, beyond, wanted, now } = result;
  const also = beyond === undefined ? '' : `\nBeyond what-if: ${beyond}.`;
  if (wanted !== undefined && at === wanted) return `${about} is on ${wanted} already.`;
  if (changes.length === 0) {
    if (wanted === undefined && at) return `${about} is on ${at}. To see what would move it: --node NODE`;
    if (wanted === undefined && now.node) return `${about} needs no change: it would go to ${now.node}. ${why}`;
    if (wanted !== undefined && now.node === wanted) {
      return `${about} needs no change: it would go to ${wanted}${at ? ' were it made anew' : ''}. ${why}`;
    }
    return `${about}: no single change that was tried ${wanted ? `brings it to ${wanted}` : 'lets it schedule'}. ${why}${also}`;
  }
  const aim = wanted === undefined ? 'lets it schedule' : `brings it to ${wanted}`;
  const head = gated
    ? `${about} waits behind its scheduling gates.`
    : at
      ? `${about} is on ${at}.`
      : `${about}: ${why}`;
  const shown = changes.map((change, i) => changeText(change, i + 1));
  const title =
    changes.length === 1
      ? `This change ${aim}, as a dry run shows:`
      : `Any one of these changes ${aim}, as dry runs show:`;
  return [head, '', title, ...shown].join('\n') + (also && `\n${also}`);
}

function changeText({ summary, node, note, commands }: Change, number: number): string {
  const more = note ? ` (${note})` : '';
  return [`\n${number}. ${summary}: it goes to ${node}${more}`, ...commands.map((command) => `   ${command}`)].join(
    '\n',
  );
}
