/**
 * What every klab command has: the cluster it speaks of, where output goes, how errors end.
 * stdout carries data, stderr carries talk.
 */
import { Command } from '@oclif/core/command';
import { string } from '@oclif/core/flags';
import { renderError } from './errors.ts';
import { UserError } from './exit-codes.ts';

export const clusterFlags = {
  name: string({
    summary: 'the cluster to speak to',
    default: 'default',
    env: 'KLAB_NAME',
    helpGroup: 'GLOBAL',
    helpValue: 'CLUSTER',
  }),
};

export abstract class BaseCommand extends Command {
  static override baseFlags = clusterFlags;
  /** `-h` stays free for commands that want it, as in kubectl only `--help` is universal. */
  static override enableJsonFlag = false;

  readonly #interrupt = new AbortController();

  /** Aborted by Ctrl-C. */
  protected get signal(): AbortSignal {
    return this.#interrupt.signal;
  }

  /** Data for the user or the next program: a line on stdout. */
  protected print(text: string): void {
    process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** Talk: a line on stderr. */
  protected say(text: string): void {
    process.stderr.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  protected fail(message: string, exitCode?: UserError['exitCode']): never {
    throw new UserError(message, exitCode);
  }

  override async init(): Promise<void> {
    await super.init();
    process.once('SIGINT', () => {
      this.#interrupt.abort(new DOMException('interrupted', 'AbortError'));
      // A second Ctrl-C ends a command that does not react at once.
      process.once('SIGINT', () => process.exit(130));
    });
    process.once('SIGTERM', () => process.exit(143));
  }

  override async catch(error: Error): Promise<void> {
    const { text, exitCode } = renderError(error);
    if (text !== '') this.say(text);
    process.exitCode = exitCode;
    // Sockets and watches may be open; nothing else is left to do.
    process.exit(exitCode);
  }
}
