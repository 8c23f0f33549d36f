import { exitCodes, UserError } from '../exit-codes.ts';

/** kubectl's UsageErrorf: the message and where help is. */
export function usageError(command: string, message: string): UserError {
  return new UserError(`${message}\nSee 'klab ${command} -h' for help and examples`, exitCodes.usage);
}

/** @throws UserError unless there is exactly one word. */
export function exactlyOneName(command: string, words: readonly string[]): string {
  if (words.length !== 1) throw usageError(command, `exactly one NAME is required, got ${words.length}`);
  return words[0]!;
}

/** cobra's words for flags without which there is nothing to do, in the order of their names. */
export function requireFlags(flags: object, ...names: string[]): void {
  const missing = names.filter((name) => (flags as Record<string, unknown>)[name] === undefined).sort();
  if (missing.length === 0) return;
  const list = missing.map((name) => JSON.stringify(name)).join(', ');
  throw new UserError(`required flag(s) ${list} not set`, exitCodes.usage);
}
