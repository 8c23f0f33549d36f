/** oclif's run, apart from the entry: completion answers without loading it. */
import { flush } from '@oclif/core/flush';
import { run } from '@oclif/core/run';
import { packageRoot } from '../base/index.ts';

export async function runCommand(argv: string[]): Promise<void> {
  await run(argv, { root: packageRoot() });
  await flush();
}
