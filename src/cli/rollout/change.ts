/** `klab rollout restart|pause|resume`. Upstream: kubectl/pkg/cmd/rollout, polymorphichelpers/object{restarter,pauser,resumer}.go. */
import { deepCopy, type KubeObject } from '../../apimachinery/index.ts';
import { rfc3339, wallClock } from '../../base/index.ts';
import { UserError } from '../exit-codes.ts';
import type { Session, SessionRequest } from '../session.ts';
import type { FileFlags, WriteFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { eachLiveObject } from '../write/live-objects.ts';
import { patchLive } from '../write/patch-live.ts';
import { readFileFlags } from '../write/read-files.ts';
import { ResultPrinter } from '../write/result-printer.ts';

export interface RolloutFlags extends WriteFlags, FileFlags, SessionRequest {
  readonly selector?: string;
}

export type RolloutVerb = 'restart' | 'pause' | 'resume';
type Workload = KubeObject & {
  spec: { paused?: boolean; template: { metadata?: { annotations?: Record<string, string> } } };
};

const done = { restart: 'restarted', pause: 'paused', resume: 'resumed' } as const;
const restartable = new Set(['Deployment', 'DaemonSet', 'StatefulSet']);

/** The words of `rollout` name something. @throws UserError `required resource not specified` */
export function needWords(words: readonly string[], flags: FileFlags): void {
  if (words.length === 0 && !flags.filename?.length && !flags.kustomize) {
    throw new UserError('required resource not specified');
  }
}

function change(verb: RolloutVerb, object: Workload): void {
  const { kind } = object;
  if (verb === 'restart') {
    if (!restartable.has(kind)) throw new UserError(`restarting is not supported`);
    if (object.spec.paused) throw new UserError("can't restart paused deployment (run rollout resume first)");
    const { template } = object.spec;
    const at = rfc3339(wallClock.now());
    const annotations = { ...template.metadata?.annotations, 'kubectl.kubernetes.io/restartedAt': at };
    template.metadata = { ...template.metadata, annotations };
    return;
  }
  if (kind !== 'Deployment') throw new UserError(`${verb === 'pause' ? 'pausing' : 'resuming'} is not supported`);
  if (verb === 'pause') {
    if (object.spec.paused) throw new UserError('is already paused');
    object.spec.paused = true;
  } else {
    if (!object.spec.paused) throw new UserError('is not paused');
    delete object.spec.paused;
  }
}

export async function changeRollout(
  verb: RolloutVerb,
  words: readonly string[],
  flags: RolloutFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  needWords(words, flags);
  const printer = new ResultPrinter(flags, 'none', io.write);
  const manifests = await readFileFlags(flags, done[verb], io.signal);
  const opened = await session();
  const request = { command: `rollout ${verb}`, words, manifests, selector: flags.selector, kindAlone: true };
  const count = await eachLiveObject(opened, request, async (live) => {
    const after = deepCopy(live.object) as Workload;
    try {
      change(verb, after);
    } catch (error) {
      const { group, plural } = live.resource;
      const type = group === '' ? plural : `${plural}.${group}`;
      throw new UserError(`${type} ${JSON.stringify(live.name)} ${(error as Error).message}`);
    }
    const { 'field-manager': fieldManager } = flags;
    const result = await patchLive(live, after, { dryRun: 'none', fieldManager, signal: opened.signal });
    printer.print(result ?? live.object, done[verb]);
  });
  if (count === 0) io.say(`No resources found in ${opened.namespace} namespace.`);
}
