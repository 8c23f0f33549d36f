/** Lease IDs on the command line. */
import { type LeaseId, leaseIdOf } from '../../etcd/index.ts';
import { UserError } from '../exit-codes.ts';

/** A lease's ID as etcdctl writes it: an int64 in hexadecimal. `what` it is on the command line. @throws UserError in etcdctl's words */
export function parseLease(text: string, what: 'arg' | 'flag' = 'arg'): LeaseId {
  const id = /^[0-9a-f]+$/i.test(text) ? BigInt(`0x${text}`) : undefined;
  if (id === undefined || id >= 2n ** 63n) {
    const wrong = id === undefined ? 'invalid syntax' : 'value out of range';
    const cause = `strconv.ParseInt: parsing ${JSON.stringify(text)}: ${wrong}`;
    throw new UserError(`bad lease ID ${what === 'arg' ? 'arg ' : ''}(${cause}), expecting ID in Hex`, 2);
  }
  return leaseIdOf(id);
}
