/** Turns whatever a command threw into what its user reads, and an exit code. */
import { StatusError } from '../apimachinery/index.ts';
import { isAbort } from '../base/index.ts';
import { ConnectionError } from '../client/index.ts';
import { type ExitCode, exitCodes, UserError } from './exit-codes.ts';
import { type TypedCommand, usageError } from './usage-errors.ts';

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

/** @param typed the command that was run, which a wrong command line is compared with */
export function renderError(error: unknown, typed?: TypedCommand): RenderedError {
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
  const usage = usageError(error, typed);
  if (usage !== undefined) return { text: withStack(`error: ${usage}`), exitCode: exitCodes.usage };
  if (error instanceof Error) {
    const code = (error as { oclif?: { exit?: number } }).oclif?.exit;
    return {
      text: withStack(`error: ${error.message}`),
      exitCode: code === 2 ? exitCodes.usage : exitCodes.failed,
    };
  }
  return { text: `error: ${String(error)}`, exitCode: exitCodes.failed };
}
