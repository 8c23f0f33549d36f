/** `klab kustomize`. Upstream: kubectl/pkg/cmd/kustomize, kustomize/v5/commands/build. */
import { writeFileSync } from 'node:fs';
import { exitCodes, UserError } from '../exit-codes.ts';
import { ObjectPrinter } from '../printers/object-printer.ts';
import type { WriteIo } from '../write/io.ts';
import { inKustomizeOrder } from './order.ts';

export async function printKustomization(
  words: readonly string[],
  flags: { readonly output?: string },
  io: WriteIo,
): Promise<void> {
  if (words.length > 1) {
    throw new UserError('specify one path to a kustomization directory', exitCodes.usage);
  }
  const { buildKustomization } = await import('./build.ts');
  const manifests = await buildKustomization(words[0] ?? '.', { signal: io.signal });
  const printer = new ObjectPrinter({ kind: 'yaml' }, { showManagedFields: true });
  const text = inKustomizeOrder(manifests)
    .map(({ object }) => printer.text(object))
    .join('');
  if (flags.output) writeFileSync(flags.output, text);
  else io.write(text);
}
