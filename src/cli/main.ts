/** The entry that bin/klab.js loads once the Node version is known to do. */

import { arrangeArguments } from './arrange.ts';

export async function main(argv: string[] = process.argv.slice(2)): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader of our output went away, as in `klab get pods | head -1`.
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  // A shell asks at every Tab: it gets its answer before anything that only commands need is loaded.
  if (argv[0] === '__complete' || argv[0] === '__completeNoDesc') {
    const { runComplete } = await import('./completion/complete.ts');
    return runComplete(argv.slice(1), argv[0] === '__complete');
  }
  const { runCommand } = await import('./run-command.ts');
  try {
    await runCommand(arrangeArguments(argv));
  } catch (error) {
    const exit = (error as { oclif?: { exit?: number } }).oclif?.exit;
    if ((error as { code?: string }).code === 'EEXIT') process.exit(exit ?? 0);
    const { renderError } = await import('./errors.ts');
    const { text, exitCode } = renderError(error);
    if (text !== '') process.stderr.write(`${text}\n`);
    process.exit(exitCode);
  }
}
