/** Turns whatever a command threw into what its user reads, and an exit code. */
import { StatusError } from '../apimachinery/index.ts';
import { isAbort } from '../base/index.ts';
import { ConnectionError } from '../client/index.ts';
import { type ExitCode, exitCodes, UserError } from './exit-codes.ts';
import { badValue } from './flag-values.ts';

export interface RenderedError {
  readonly text: string;
  readonly exitCode: ExitCode;
}

/** Several things went wrong, each told on its own line; the rest of the work was done. */
export class ManyErrors extends Error {
  override readonly name = 'ManyErrors';
  readonly errors: readonly Error[];
  constructor(errors: readonly Error[]) {
    super(errors.map((error) => error.message).join('\n'));
    this.errors = errors;
  }
}

/** kubectl's words for an API error: `Error from server (NotFound): pods "x" not found`. */
export function renderStatusError(error: StatusError): string {
  const { reason, message = '', details } = error.status;
  if (reason === 'Unauthorized') return `error: You must be logged in to the server (${message})`;
  if (reason !== 'Invalid') {
    return reason ? `Error from server (${reason}): ${message}` : `Error from server: ${message}`;
  }
  const causes = [...new Set((details?.causes ?? []).map((cause) => `${cause.field ?? ''}: ${cause.message ?? ''}`))];
  const named = details !== undefined && (details.kind || details.name);
  const head = named
    ? `The ${details.kind ?? ''} ${JSON.stringify(details.name ?? '')} is invalid`
    : 'The request is invalid';
  if (causes.length === 0) return named || message === '' ? head : `${head}: ${message}`;
  return causes.length === 1 ? `${head}: ${causes[0]}` : `${head}: \n${causes.map((cause) => `* ${cause}`).join('\n')}`;
}

/** One error among several, without stack. */
function lineOf(error: Error): string {
  return error instanceof StatusError && error.status.reason !== 'Invalid' ? renderStatusError(error) : error.message;
}

export function renderError(error: unknown): RenderedError {
  const debug = process.env['KLAB_DEBUG'] === '1';
  const withStack = (text: string) => (debug && error instanceof Error ? `${text}\n${error.stack}` : text);
  if (error instanceof UserError) return { text: withStack(`error: ${error.message}`), exitCode: error.exitCode };
  if (error instanceof StatusError) return { text: withStack(renderStatusError(error)), exitCode: exitCodes.failed };
  if (error instanceof ManyErrors) {
    const codes = new Set(error.errors.map((one) => renderError(one).exitCode));
    const [exitCode = exitCodes.failed] = codes;
    const text = error.errors.map(lineOf).join('\n');
    return { text: withStack(text), exitCode: codes.size === 1 ? exitCode : exitCodes.failed };
  }
  if (error instanceof ConnectionError) {
    return {
      text: withStack(`${error.message}\nIs the cluster running? See: klab status, or start it with: klab up`),
      exitCode: exitCodes.failed,
    };
  }
  if (isAbort(error)) return { text: '', exitCode: exitCodes.interrupted };
  if (error instanceof Error && error.constructor.name === 'NonExistentFlagsError') {
    return { text: withStack(`error: ${unknownFlag(error)}\nSee: klab help`), exitCode: exitCodes.usage };
  }
  const integer =
    error instanceof Error &&
    /^Parsing --(\S+) \n\tExpected an integer ((?:less|greater) than or equal to \S+ )?but received: (.*)/.exec(
      error.message,
    );
  if (integer) {
    const [, flag = '', bound, text = ''] = integer;
    const why = bound
      ? `must be ${bound.trimEnd()}`
      : `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`;
    return {
      text: withStack(`error: ${badValue(flag, text, why).message}\nSee: klab help`),
      exitCode: exitCodes.usage,
    };
  }
  const unknown = error instanceof Error && /^command (\S+) not found/.exec(error.message);
  if (unknown) {
    const words = unknown[1]!.replaceAll(':', ' ');
    return {
      text: withStack(`error: unknown command "${words}" for "klab"\nSee: klab help`),
      exitCode: exitCodes.usage,
    };
  }
  if (isUsageError(error)) {
    return { text: withStack(`error: ${firstLines(error.message)}\nSee: klab help`), exitCode: exitCodes.usage };
  }
  if (error instanceof Error) {
    const code = (error as { oclif?: { exit?: number } }).oclif?.exit;
    return {
      text: withStack(`error: ${error.message}`),
      exitCode: code === 2 ? exitCodes.usage : exitCodes.failed,
    };
  }
  return { text: `error: ${String(error)}`, exitCode: exitCodes.failed };
}

/** pflag's words for a flag that is not there. */
function unknownFlag(error: Error): string {
  const [flag = ''] = (error as { flags?: string[] }).flags ?? [];
  if (flag.startsWith('--')) return `unknown flag: ${flag.replace(/=.*/s, '')}`;
  return `unknown shorthand flag: '${flag[1]}' in ${flag}`;
}

/** oclif's parser errors know what they parsed. */
function isUsageError(error: unknown): error is Error {
  return error instanceof Error && ('parse' in error || error.constructor.name === 'CommandNotFoundError');
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
