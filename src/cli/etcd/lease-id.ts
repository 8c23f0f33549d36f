/** Lease IDs on the command line. */
import { UserError } from '../exit-codes.ts';

/** A lease's ID as etcdctl writes it. @throws UserError */
export function parseLease(text: string): number {
  const id = /^[0-9a-f]+$/i.test(text) ? Number.parseInt(text, 16) : Number.NaN;
  if (!Number.isSafeInteger(id)) throw new UserError(`bad lease ID (${text}), expecting ID in Hex`, 2);
  return id;
}
