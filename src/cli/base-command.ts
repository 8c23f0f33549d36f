/**
 * What every klab command has: the cluster it speaks of, where output goes, how errors end.
 * stdout carries data, stderr carries talk.
 */
import { Command } from '@oclif/core/command';
import { string } from '@oclif/core/flags';
import type { Input, ParserOutput } from '@oclif/core/interfaces';
import { type FlagShape, normalizeArgv } from './argv.ts';
import { type RenderedError, renderError } from './errors.ts';
import { UserError } from './exit-codes.ts';
import type { WriteIo } from './write/io.ts';

export const clusterFlags = {
  name: string({
    summary: 'the cluster to speak to',
    default: 'default',
    env: 'KLAB_NAME',
    helpGroup: 'GLOBAL',
    helpValue: 'CLUSTER',
  }),
};

/** The cluster for commands in which `--name` is an object's, as in kubectl. */
export const clusterName = (): string => process.env['KLAB_NAME'] || 'default';

/** What a parser makes of flags and arguments, by name. */
type Values = Record<string, any>;

export abstract class BaseCommand extends Command {
  static override baseFlags = clusterFlags;
  /** `-h` stays free for commands that want it, as in kubectl only `--help` is universal. */
  static override enableJsonFlag = false;

  readonly #interrupt = new AbortController();

  /** Aborted by Ctrl-C. */
  protected get signal(): AbortSignal {
    return this.#interrupt.signal;
  }

  /** Takes command lines as kubectl does: see normalizeArgv. */
  protected override parse<F extends Values, B extends Values, A extends Values>(
    options?: Input<F, B, A>,
    argv: string[] = this.argv,
  ): Promise<ParserOutput<F, B, A>> {
    const flags = { ...options?.baseFlags, ...options?.flags } as Record<string, FlagShape>;
    return super.parse(options, normalizeArgv(argv, flags));
  }

  /** Positional words in the order they were typed, for commands that take any number of them. */
  protected wordsOf(parsed: { readonly raw: readonly { readonly type: string; readonly input: string }[] }): string[] {
    return parsed.raw.filter((token) => token.type === 'arg').map((token) => token.input);
  }

  /** Flags, positional words before `--`, and everything after it; `dashed` tells whether there was one. */
  protected async parseWords<F extends Values, B extends Values, A extends Values>(
    options: Input<F, B, A>,
  ): Promise<ParserOutput<F, B, A> & { words: string[]; afterDash: string[]; dashed: boolean }> {
    const dash = this.argv.indexOf('--');
    const before = dash < 0 ? this.argv : this.argv.slice(0, dash);
    const afterDash = dash < 0 ? [] : this.argv.slice(dash + 1);
    const parsed = await this.parse(options, before);
    return { ...parsed, words: this.wordsOf(parsed), afterDash, dashed: dash >= 0 };
  }

  /** Data exactly as it is, on stdout. */
  protected write(text: string): void {
    process.stdout.write(text);
  }

  /** Data for the user or the next program: a line on stdout. */
  protected print(text: string): void {
    process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** Talk: a line on stderr. */
  protected say(text: string): void {
    process.stderr.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** stdout, stderr and Ctrl-C for calls that write as they go. */
  protected get streams(): WriteIo {
    return { write: (text) => this.write(text), say: (text) => this.say(text), signal: this.signal };
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

  /** What to tell of an error of this command. */
  protected rendered(error: Error): RenderedError {
    const flags = Object.entries({ ...this.ctor.baseFlags, ...this.ctor.flags });
    return renderError(error, {
      id: this.id ?? '',
      flags: flags.filter(([, flag]) => !flag.hidden).map(([name]) => name),
    });
  }

  override async catch(error: Error): Promise<void> {
    const { text, exitCode } = this.rendered(error);
    if (text !== '') this.say(text);
    process.exitCode = exitCode;
    // Sockets and watches may be open; nothing else is left to do.
    process.exit(exitCode);
  }
}
