/** Lease IDs on the command line. */
import { type LeaseId, leaseIdOf } from '../../etcd/index.ts';
import { UserError } from '../exit-codes.ts';

/** A lease's ID as etcdctl writes it: an int64 in hexadecimal. @throws UserError */
export function parseLease(text: string): LeaseId {
  const id = /^[0-9a-f]+$/i.test(text) ? BigInt(`0x${text}`) : undefined;
  if (id === undefined || id >= 2n ** 63n) throw new UserError(`bad lease ID (${text}), expecting ID in Hex`, 2);
  return leaseIdOf(id);
}
