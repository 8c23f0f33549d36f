/** `create -f`: objects as they are written, each in order; those that exist already are errors. */
import type { KubeObject } from '../../apimachinery/index.ts';
import { modifiedConfiguration } from '../apply/client-side.ts';
import { targetOf } from '../apply/target.ts';
import type { EditFlags } from '../edit/edit.ts';
import { ManyErrors } from '../errors.ts';
import type { Manifest } from '../manifests/manifest.ts';
import type { Session } from '../session.ts';
import { parseDryRun, parseValidation } from '../write/dry-run.ts';
import { whileDoing } from '../write/in-file.ts';
import type { WriteIo } from '../write/io.ts';
import { matchesSelector } from '../write/labels.ts';
import { ResultPrinter } from '../write/result-printer.ts';
import type { CreateFlags } from './create-command.ts';

/** `--edit`: each object goes through the user's editor first. @returns false when one ended in a failure that was told. */
export async function createEditedFiles(
  session: Session,
  manifests: readonly Manifest[],
  flags: EditFlags,
  io: WriteIo,
): Promise<boolean> {
  const { editBeforeCreate } = await import('../edit/edit.ts');
  let good = true;
  for (const manifest of manifests) {
    const { resource, namespace, name, object } = await targetOf(session, manifest);
    const calls = session.client.resource(resource).namespace(namespace);
    good = (await editBeforeCreate({ resource, namespace, name, object, calls }, flags, session, io)) && good;
  }
  return good;
}

/** @throws the error, or ManyErrors when several objects failed: the others are created all the same. */
export async function createFiles(
  session: Session,
  manifests: readonly Manifest[],
  flags: CreateFlags & { readonly selector?: string },
  write: (text: string) => void,
): Promise<void> {
  const dryRun = parseDryRun(flags['dry-run']);
  const fieldValidation = parseValidation(flags.validate);
  const printer = new ResultPrinter(flags, dryRun, write);
  const errors: Error[] = [];
  for (const manifest of manifests) {
    try {
      if (flags.selector && !matchesSelector(flags.selector, manifest.object)) continue;
      const target = await targetOf(session, manifest);
      const object: KubeObject = flags['save-config'] ? modifiedConfiguration(target.object) : target.object;
      const result =
        dryRun === 'client'
          ? object
          : await session.client
              .resource(target.resource)
              .namespace(target.namespace)
              .create(object, {
                fieldManager: flags['field-manager'],
                fieldValidation,
                dryRun: dryRun === 'server',
                signal: session.signal,
              });
      printer.print(result, 'created');
    } catch (error) {
      session.signal?.throwIfAborted();
      errors.push(whileDoing('creating', error as Error, manifest));
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new ManyErrors(errors);
}
