/** What all of `klab set` does: change live objects, or files with `--local`. Upstream: kubectl/pkg/cmd/set. */
import { deepCopy, type KubeObject } from '../../apimachinery/index.ts';
import { resourceName } from '../../client/index.ts';
import { UserError } from '../exit-codes.ts';
import type { Session, SessionRequest } from '../session.ts';
import { parseDryRun } from '../write/dry-run.ts';
import type { FileFlags, WriteFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { eachLiveObject } from '../write/live-objects.ts';
import { patchLive } from '../write/patch-live.ts';
import { readFileFlags } from '../write/read-files.ts';
import { ResultPrinter } from '../write/result-printer.ts';

/** An object without containers; told with the resource's name in front where that is known. */
class NoPodTemplate extends UserError {
  constructor({ apiVersion, kind }: KubeObject) {
    const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
    super(`the object is not a pod or does not have a pod template: *${version}.${kind}`);
  }
}

export interface SetFlags extends WriteFlags, FileFlags, SessionRequest {
  readonly all?: boolean;
  readonly selector?: string;
  readonly local?: boolean;
}

export interface Container {
  name: string;
  image?: string;
  env?: EnvVar[];
  resources?: { limits?: Record<string, string>; requests?: Record<string, string> };
}

export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: object;
}

export interface PodSpec {
  containers: Container[];
  initContainers?: Container[];
  serviceAccountName?: string;
  serviceAccount?: string;
}

/** The pod spec inside an object, wherever its kind keeps it. Upstream: polymorphichelpers/updatepodspec.go. */
export function podSpecOf(object: KubeObject): PodSpec {
  const spec = object['spec'] as any;
  const found = object.kind === 'Pod' ? spec : (spec?.template?.spec ?? spec?.jobTemplate?.spec?.template?.spec);
  if (!found?.containers) throw new NoPodTemplate(object);
  return found;
}

/**
 * Lets `change` alter a copy of each object and sends what differs; nothing is printed for an object that stays as it is.
 * @throws UserError, StatusError, ManyErrors
 */
export async function setOn(
  words: readonly string[],
  flags: SetFlags,
  session: () => Promise<Session>,
  io: WriteIo,
  operation: string,
  change: (object: KubeObject) => void | Promise<void>,
  prints: 'changed' | 'all' = 'changed',
): Promise<void> {
  const dryRun = parseDryRun(flags['dry-run']);
  if (flags.local && dryRun === 'server')
    throw new UserError('cannot specify --local and --dry-run=server - did you mean --dry-run=client?');
  const printer = new ResultPrinter(flags, dryRun, io.write);
  const manifests = await readFileFlags(flags, 'changed', io.signal);
  if (flags.local) {
    if (!manifests) throw new UserError('one or more files must be specified as -f when --local is set');
    for (const { object } of manifests) {
      const after = deepCopy(object);
      await change(after);
      printer.print(after, operation);
    }
    return;
  }
  const opened = await session();
  const request = { command: 'set', words, manifests, selector: flags.selector, all: flags.all };
  await eachLiveObject(opened, request, async (live) => {
    const after = deepCopy(live.object);
    try {
      await change(after);
    } catch (error) {
      if (!(error instanceof NoPodTemplate)) throw error;
      const { resource, name } = live;
      throw new UserError(`${resourceName(resource)}/${name} ${error.message}`);
    }
    const result = await patchLive(live, after, {
      dryRun,
      fieldManager: flags['field-manager'],
      signal: opened.signal,
    });
    if (result) printer.print(result, operation);
    else if (prints === 'all') printer.print(live.object, operation);
  });
}
