/** `klab scheduler what-if`: what would let a pod schedule, or move it; worked out in this process on a copy of the cluster. */
import type { Change, WhatIf } from '../scheduler/index.ts';
import { UserError } from './exit-codes.ts';
import { printData } from './output.ts';
import { ownerOfPod, readPod, readWorld } from './scheduler-world.ts';
import type { Session } from './session.ts';

export interface WhatIfRequest {
  readonly pod: string;
  readonly node?: string;
  readonly output?: string;
}

/** @throws UserError, StatusError NotFound */
export async function schedulerWhatIf(session: Session, request: WhatIfRequest): Promise<string> {
  const { node, output } = request;
  const pod = await readPod(session, request.pod);
  const [objects, owner] = await Promise.all([readWorld(session), ownerOfPod(session, pod)]);
  const { whatIf, whyDecision, World } = await import('../scheduler/index.ts');
  let result: WhatIf;
  try {
    result = whatIf(new World(objects), pod as never, {
      ...(node !== undefined && { node }),
      ...(owner && { owner }),
    });
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(error.message);
    throw error;
  }
  const mine = pod['spec'].schedulerName ?? 'default-scheduler';
  const sentence =
    mine === result.now.scheduler ? whyDecision(result.now).sentence : `it asks for another scheduler, "${mine}".`;
  if (output === 'json' || output === 'yaml') {
    const { pod: of, wanted, changes, beyond, now } = result;
    const at = pod['spec'].nodeName as string | undefined;
    return printData(
      {
        pod: of,
        ...(at && { node: at }),
        ...(wanted && { wanted }),
        now: { result: now.result, ...(now.node && { node: now.node }), sentence },
        changes,
        ...(beyond !== undefined && { beyond }),
      },
      output,
    );
  }
  return whatIfText(result, sentence, pod['spec'].nodeName, pod['spec'].schedulingGates?.length > 0);
}

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
  const head = gated ? `${about} waits behind its scheduling gates.` : `${about}: ${at ? `is on ${at}.` : why}`;
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
