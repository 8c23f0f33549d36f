/** The entry that bin/klab.js loads once the Node version is known to do. */

import { flush } from '@oclif/core/flush';
import { run } from '@oclif/core/run';
import { packageRoot } from '../base/index.ts';
import { arrangeArguments } from './arrange.ts';
import { renderError } from './errors.ts';

export async function main(argv: string[] = process.argv.slice(2)): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader of our output went away, as in `klab get pods | head -1`.
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  try {
    await run(arrangeArguments(argv), { root: packageRoot() });
    await flush();
  } catch (error) {
    const exit = (error as { oclif?: { exit?: number } }).oclif?.exit;
    if ((error as { code?: string }).code === 'EEXIT') process.exit(exit ?? 0);
    const { text, exitCode } = renderError(error);
    if (text !== '') process.stderr.write(`${text}\n`);
    process.exit(exitCode);
  }
}
