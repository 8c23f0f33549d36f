/** What oclif's parser throws at a wrong command line, in cobra's and pflag's words, with where the help stands. */
import { readCommandTree } from './completion/tree.ts';
import { badValue } from './flag-values.ts';
import { didYouMean, seeHelp, suggestionsFor, unknownCommand } from './suggest.ts';

/** The command whose line was parsed. */
export interface TypedCommand {
  /** `create:secret`; empty for klab itself. */
  readonly id: string;
  /** Names of its flags, without dashes. */
  readonly flags: readonly string[];
}

const klabItself: TypedCommand = { id: '', flags: [] };

/**
 * What is wrong with the command line, or undefined when the error is of another kind.
 * @param typed by default klab itself: the words name no command
 */
export function usageError(error: unknown, typed: TypedCommand = klabItself): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const missing = typed.id === '' && /^command (\S+) not found/.exec(error.message);
  if (missing) return unknownCommand(readCommandTree(), missing[1]!.split(':'));
  const said = saidOf(error, typed);
  return said === undefined ? undefined : `${said}\n${seeHelp(typed.id)}`;
}

function saidOf(error: Error, { flags }: TypedCommand): string | undefined {
  if (error.constructor.name === 'NonExistentFlagsError') return unknownFlag(error, flags);
  if (error.constructor.name === 'RequiredArgsError') return missingArguments(error);
  const integer =
    /^Parsing --(\S+) \n\tExpected an integer ((?:less|greater) than or equal to \S+ )?but received: (.*)/;
  const [parsed, flag = '', bound, text = ''] = integer.exec(error.message) ?? [];
  if (parsed !== undefined) {
    const why = bound
      ? `must be ${bound.trimEnd()}`
      : `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`;
    return badValue(flag, text, why).message;
  }
  const needsValue = /^Flag (--\S+) expects a value/.exec(error.message);
  if (needsValue) return `flag needs an argument: ${needsValue[1]}`;
  // oclif's parser errors know what they parsed.
  return 'parse' in error ? firstLines(error.message) : undefined;
}

/** pflag's words for a flag that is not there, and the flags that are like it. */
function unknownFlag(error: Error, flags: readonly string[]): string {
  const [flag = ''] = (error as { flags?: string[] }).flags ?? [];
  if (!flag.startsWith('--')) return `unknown shorthand flag: '${flag[1]}' in ${flag}`;
  const name = flag.replace(/=.*/s, '');
  const like = suggestionsFor(name.slice(2), flags).map((one) => `--${one}`);
  return `unknown flag: ${name}${didYouMean(like)}`.trimEnd();
}

function missingArguments(error: Error): string {
  const { args = [] } = error as { args?: readonly { readonly name: string; readonly description?: string }[] };
  const named = args.map(({ name, description }) => name.toUpperCase() + (description ? ` (${description})` : ''));
  return `required argument(s) ${named.join(', ')} not given`;
}

/** oclif's words without its advice; flags that are missing in cobra's. */
function firstLines(text: string): string {
  const said = text.replace(/\nSee more help with --help$/, '').trimEnd();
  const [head, ...failures] = said.split('\n');
  if (!/^The following errors? occurred:$/.test(head!)) return said;
  const missing: string[] = [];
  const others: string[] = [];
  for (const failure of failures) {
    const flag = /^\s*Missing required flag (\S+)$/.exec(failure)?.[1];
    if (flag === undefined) others.push(failure.trim());
    else missing.push(JSON.stringify(flag));
  }
  if (missing.length > 0) others.unshift(`required flag(s) ${missing.join(', ')} not set`);
  return others.join('\n');
}
