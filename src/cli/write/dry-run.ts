import { UserError } from '../exit-codes.ts';

export type DryRun = 'none' | 'client' | 'server';

/** @throws UserError for any other word. Upstream: kubectl/pkg/cmd/util, GetDryRunStrategy. */
export function parseDryRun(text = 'none'): DryRun {
  if (text === 'none' || text === 'client' || text === 'server') return text;
  throw new UserError(`Invalid dry-run value (${text}). Must be "none", "server", or "client".`);
}

export function parseValidation(text = 'strict'): 'Strict' | 'Warn' | 'Ignore' {
  if (text === 'strict' || text === 'true') return 'Strict';
  if (text === 'warn') return 'Warn';
  if (text === 'ignore' || text === 'false') return 'Ignore';
  throw new UserError(`invalid - validate option "${text}"; must be one of: strict (or true), warn, ignore (or false)`);
}
