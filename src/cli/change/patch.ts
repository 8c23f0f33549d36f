/** `klab patch`. Upstream: kubectl/pkg/cmd/patch/patch.go. */
import { readFileSync } from 'node:fs';
import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  decodeYaml,
  deepEqual,
  type KubeObject,
} from '../../apimachinery/index.ts';
import { builtinTypeOf } from '../apply/client-side.ts';
import { exitCodes, UserError } from '../exit-codes.ts';
import type { Session, SessionRequest } from '../session.ts';
import { parseDryRun } from '../write/dry-run.ts';
import type { FileFlags, WriteFlags } from '../write/flags.ts';
import type { WriteIo } from '../write/io.ts';
import { eachLiveObject, type LiveObject } from '../write/live-objects.ts';
import { readFileFlags } from '../write/read-files.ts';
import { ResultPrinter } from '../write/result-printer.ts';

export interface PatchFlags extends WriteFlags, FileFlags, SessionRequest {
  readonly patch?: string;
  readonly 'patch-file'?: string;
  readonly type?: string;
  readonly subresource?: string;
  readonly local?: boolean;
}

type Type = 'json' | 'merge' | 'strategic';

/** A patch written as JSON or YAML; text that is neither is left to the server to refuse. */
function readPatch(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (/^\s*[{[]/.test(text)) return text;
    return decodeYaml(text, { file: 'patch' })[0]?.value ?? null;
  }
}

export async function patchObjects(
  words: readonly string[],
  flags: PatchFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const type = (flags.type ?? 'strategic').toLowerCase();
  if (flags.patch && flags['patch-file']) throw new UserError('cannot specify --patch and --patch-file together');
  if (!flags.patch && !flags['patch-file']) {
    throw new UserError('must specify --patch or --patch-file containing the contents of the patch', exitCodes.usage);
  }
  if (type !== 'json' && type !== 'merge' && type !== 'strategic') {
    throw new UserError(
      `--type must be one of [json merge strategic], not ${JSON.stringify(flags.type)}`,
      exitCodes.usage,
    );
  }
  const dryRun = parseDryRun(flags['dry-run']);
  if (flags.local && dryRun === 'server')
    throw new UserError('cannot specify --local and --dry-run=server - did you mean --dry-run=client?');
  // Upstream's lines of a patch never say that it was a dry run.
  const printer = new ResultPrinter(flags, 'none', io.write);
  let text = flags.patch ?? '';
  if (flags['patch-file']) {
    const file = flags['patch-file'];
    try {
      text = readFileSync(file === '-' ? 0 : file, 'utf8');
    } catch (error) {
      throw new UserError(
        `unable to read patch file: open ${file}: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file or directory' : (error as Error).message}`,
      );
    }
  }
  const patch = readPatch(text);
  const manifests = await readFileFlags(flags, 'patched', io.signal);
  const opened = await session();
  const subresource = flags.subresource || undefined;
  const one = async ({ resource, calls, name, object }: Omit<LiveObject, 'namespace'>) => {
    const before = subresource === undefined ? object : await calls.getSubresource(name, subresource);
    const after =
      dryRun === 'client' || flags.local
        ? await patchLocally(before, type, patch, resource)
        : await calls.patch(name, type, patch, {
            fieldManager: flags['field-manager'],
            dryRun: dryRun === 'server',
            subresource,
            signal: opened.signal,
          });
    printer.print(after, deepEqual(before, after) ? 'patched (no change)' : 'patched');
  };
  if (flags.local && manifests) {
    for (const { object } of manifests) {
      const resource = await opened.resolveKind(object.apiVersion, object.kind);
      await one({ resource, calls: opened.client.resource(resource), name: object.metadata.name ?? '', object });
    }
    return;
  }
  const count = await eachLiveObject(opened, { command: 'patch', words, manifests }, one);
  if (count === 0) throw new UserError('no objects passed to patch');
}

async function patchLocally(
  object: KubeObject,
  type: Type,
  patch: unknown,
  resource: LiveObject['resource'],
): Promise<KubeObject> {
  if (type === 'json') return applyJsonPatch(object, patch as never) as KubeObject;
  if (type === 'merge') return applyMergePatch(object, patch as never) as KubeObject;
  const known = await builtinTypeOf(resource);
  if (!known) {
    throw new UserError(
      `strategic merge patch is not supported for ${object.apiVersion}, Kind=${object.kind} locally, try --type merge`,
    );
  }
  return applyStrategicMergePatch(object, patch as never, known.schema, known.schemas) as KubeObject;
}
