import { modifiedConfiguration } from '../apply/client-side.ts';
import { targetOf } from '../apply/target.ts';
import { ManyErrors } from '../errors.ts';
import { UserError } from '../exit-codes.ts';
import { durationFlag } from '../flag-values.ts';
import type { Manifest } from '../manifests/manifest.ts';
import type { Session, SessionRequest } from '../session.ts';
import { parseDryRun, parseValidation } from '../write/dry-run.ts';
import type { FileFlags, WriteFlags } from '../write/flags.ts';
import { whileDoing } from '../write/in-file.ts';
import type { WriteIo } from '../write/io.ts';
import { checkRaw, sendRaw } from '../write/raw.ts';
import { readFileFlags } from '../write/read-files.ts';
import { ResultPrinter } from '../write/result-printer.ts';

export interface ReplaceFlags extends WriteFlags, FileFlags, SessionRequest {
  readonly force?: boolean;
  readonly 'grace-period'?: number;
  readonly cascade?: string;
  readonly timeout?: string;
  /** Send the file as it is to this path. */
  readonly raw?: string;
  readonly subresource?: string;
  readonly validate?: string;
  readonly 'save-config'?: boolean;
}

/** How long deleted objects may take to go, unless `--timeout` says. */
const goneWithinMs = 5 * 60_000;

export async function replaceObjects(flags: ReplaceFlags, session: () => Promise<Session>, io: WriteIo): Promise<void> {
  const { 'grace-period': grace = -1, force = false, subresource = '' } = flags;
  if (grace >= 0 && !force) throw new UserError('--grace-period must have --force specified');
  const dryRun = parseDryRun(flags['dry-run']);
  const timeoutMs = parseTimeout(flags.timeout);
  if (timeoutMs !== 0 && !force) throw new UserError('--timeout must have --force specified');
  if (force && dryRun !== 'none') throw new UserError('--dry-run can not be used when --force is set');
  const printer = new ResultPrinter(flags, dryRun, io.write);
  if (!flags.filename?.length && !flags.kustomize) throw new UserError('must specify one of -f and -k');
  if (flags.raw) {
    checkRaw(flags, 'one');
    return sendRaw('PUT', flags, session, io);
  }
  const manifests = (await readFileFlags(flags, 'replaced', io.signal)) ?? [];
  const opened = await session();
  const { signal } = opened;
  const write = {
    fieldManager: flags['field-manager'],
    fieldValidation: parseValidation(flags.validate),
    dryRun: dryRun === 'server',
    signal,
  };
  if (force) await deleteFirst(opened, manifests, flags, timeoutMs, io);
  const errors: Error[] = [];
  for (const manifest of manifests) {
    try {
      const { resource, namespace, object: wanted } = await targetOf(opened, manifest);
      const object = flags['save-config'] ? modifiedConfiguration(wanted) : wanted;
      const calls = opened.client.resource(resource).namespace(namespace);
      if (force) {
        printer.print(await calls.create(object, write), 'replaced');
        continue;
      }
      const result =
        dryRun === 'client'
          ? object
          : await calls.update(object, { ...write, ...(subresource !== '' && { subresource }) });
      printer.print(result, 'replaced');
    } catch (error) {
      signal?.throwIfAborted();
      errors.push(force ? (error as Error) : whileDoing('replacing', error as Error, manifest));
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new ManyErrors(errors);
}

/** Deletes what is there of all objects, and waits until it is gone. */
async function deleteFirst(
  session: Session,
  manifests: readonly Manifest[],
  flags: ReplaceFlags,
  timeoutMs: number,
  io: WriteIo,
): Promise<void> {
  const { deleteObjects } = await import('../delete.ts');
  const request = {
    words: [],
    manifests,
    all: false,
    allNamespaces: false,
    now: false,
    force: false,
    gracePeriodSeconds: flags['grace-period'] ?? -1,
    cascade: flags.cascade ?? 'background',
    wait: true,
    timeoutMs: timeoutMs || goneWithinMs,
    ignoreNotFound: true,
    dryRun: 'none' as const,
    output: flags.output,
  };
  await deleteObjects(session, request, {
    print: (text) => {
      // None of them need be there.
      if (text !== 'No resources found') io.write(`${text}\n`);
    },
    say: io.say,
  });
}

/** A duration; 0 for none. @throws UserError */
function parseTimeout(text = '0s'): number {
  if (text === '0') return 0;
  return durationFlag('timeout', text);
}
