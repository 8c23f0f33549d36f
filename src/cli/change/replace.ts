/** `klab replace`, and with `--force` delete and create. Upstream: kubectl/pkg/cmd/replace/replace.go. */
import { isNotFound } from '../../apimachinery/index.ts';
import { wallClock } from '../../base/index.ts';
import { modifiedConfiguration } from '../apply/client-side.ts';
import { targetOf, typeName } from '../apply/target.ts';
import { ManyErrors } from '../errors.ts';
import { UserError } from '../exit-codes.ts';
import type { Session, SessionRequest } from '../session.ts';
import { parseDryRun, parseValidation } from '../write/dry-run.ts';
import type { FileFlags, WriteFlags } from '../write/flags.ts';
import { whileDoing } from '../write/in-file.ts';
import type { WriteIo } from '../write/io.ts';
import { readFileFlags } from '../write/read-files.ts';
import { ResultPrinter } from '../write/result-printer.ts';

export interface ReplaceFlags extends WriteFlags, FileFlags, SessionRequest {
  readonly force?: boolean;
  readonly 'grace-period'?: number;
  readonly subresource?: string;
  readonly validate?: string;
  readonly 'save-config'?: boolean;
}

/** How often a deleted object is looked for. */
const goneEveryMs = 200;

export async function replaceObjects(flags: ReplaceFlags, session: () => Promise<Session>, io: WriteIo): Promise<void> {
  const { 'grace-period': grace = -1, force = false, subresource = '' } = flags;
  if (grace >= 0 && !force) throw new UserError('--grace-period must have --force specified');
  const dryRun = parseDryRun(flags['dry-run']);
  if (force && dryRun !== 'none') throw new UserError('--dry-run can not be used when --force is set');
  const printer = new ResultPrinter(flags, dryRun, io.write);
  const manifests = await readFileFlags(flags, 'replaced', io.signal);
  if (!manifests) throw new UserError('must specify one of -f and -k');
  const opened = await session();
  const { signal } = opened;
  const write = {
    fieldManager: flags['field-manager'],
    fieldValidation: parseValidation(flags.validate),
    dryRun: dryRun === 'server',
    signal,
  };
  const errors: Error[] = [];
  for (const manifest of manifests) {
    try {
      const target = await targetOf(opened, manifest);
      const { resource, namespace, name } = target;
      const object = flags['save-config'] ? modifiedConfiguration(target.object) : target.object;
      const calls = opened.client.resource(resource).namespace(namespace);
      if (force) {
        await calls
          .delete(name, { ...(grace >= 0 && { gracePeriodSeconds: grace }), propagationPolicy: 'Background', signal })
          .then(
            () => {
              const where = namespace === '' ? '' : ` from ${namespace} namespace`;
              io.write(`${typeName(resource)} ${JSON.stringify(name)} deleted${where}\n`);
            },
            (error: unknown) => {
              if (!isNotFound(error)) throw error;
            },
          );
        for (;;) {
          const live = await calls.get(name, { signal }).catch((error: unknown) => {
            if (isNotFound(error)) return undefined;
            throw error;
          });
          if (!live) break;
          await wallClock.sleep(goneEveryMs, signal);
        }
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
      errors.push(whileDoing('replacing', error as Error, manifest));
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new ManyErrors(errors);
}
