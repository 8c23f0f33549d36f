/** A shell that takes commands from its standard input one by one: at a terminal with a prompt, else silently. */
import { Killed, type Process } from '../process.ts';
import { ShellSyntaxError } from './ast.ts';
import type { Shell } from './interpreter.ts';
import { parseScript } from './parser.ts';

/** Text of one command at most. */
const maxCommand = 1024 * 1024;

/** The status of `exit`, or of the last command at end of input. @throws Killed */
export async function commandLoop(shell: Shell, process: Process): Promise<number> {
  const { terminal } = process;
  let job: Process | undefined;
  let interrupted: (() => void) | undefined;
  if (terminal) {
    // ^C is for the command that runs; at the prompt it begins a new line.
    process.onSignal('INT', () => {
      job?.kill(130);
      interrupted?.();
    });
  }
  let text = '';
  let status = 0;
  for (;;) {
    if (terminal) await process.print(text === '' ? prompt(shell) : '> ');
    const typed = process.stdin.readLine();
    const line = await process.until(
      terminal
        ? Promise.race([typed, new Promise<typeof abandoned>((resolve) => (interrupted = () => resolve(abandoned)))])
        : typed,
    );
    interrupted = undefined;
    if (line === abandoned) {
      text = '';
      await process.print('\n');
      continue;
    }
    if (line === undefined) {
      if (text !== '') await shell.interpret(text, process);
      if (terminal) await process.print('\n');
      return shell.exitTrap(shell.state.lastStatus);
    }
    text += `${line}\n`;
    if (text.length < maxCommand && isUnfinished(text)) continue;
    job = terminal ? process.job() : process;
    try {
      const result = await shell.interpret(text, job);
      status = result.status;
      if (result.exited) return shell.exitTrap(status);
    } catch (error) {
      if (!(error instanceof Killed) || process.killed) throw error;
      shell.state.lastStatus = error.exitCode;
      await process.print('\n');
    }
    process.rested();
    job = undefined;
    text = '';
  }
}

const abandoned = Symbol('abandoned');

/** busybox's default prompt. */
function prompt(shell: Shell): string {
  const set = shell.state.get('PS1');
  return set === undefined ? `${shell.state.cwd} # ` : set.replaceAll('\\w', shell.state.cwd).replaceAll('\\$', '#');
}

/** More lines are needed: an open quote, an open block, a here-document. */
function isUnfinished(text: string): boolean {
  if (/\\\n$/.test(text)) return true;
  try {
    parseScript(text);
    return false;
  } catch (error) {
    return (
      error instanceof ShellSyntaxError &&
      /unterminated|unexpected (end of file|"?EOF)|here-?document/i.test(error.message)
    );
  }
}
