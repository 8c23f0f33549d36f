/** Which keys a command means: one, a range, those with a prefix, all from one on. Upstream: etcdctl get_command.go. */
import type { RangeRequest } from '../../etcd/index.ts';
import { UserError } from '../exit-codes.ts';
import { prefixEnd } from './connection.ts';

export interface KeyRange {
  readonly key: string;
  /** Exclusive. */
  readonly rangeEnd?: string | undefined;
  readonly prefix?: boolean;
  readonly fromKey?: boolean;
}

/** @throws UserError when it is not clear which keys are meant; in etcdctl's words where it has some. */
export function rangeOf(
  { key, rangeEnd, prefix = false, fromKey = false }: KeyRange,
  verb = 'get',
): Pick<RangeRequest, 'key' | 'rangeEnd'> {
  if (prefix && fromKey)
    throw new UserError('`--prefix` and `--from-key` cannot be set at the same time, choose one', 2);
  if (rangeEnd !== undefined && (prefix || fromKey))
    throw new UserError('too many arguments, only accept one argument when `--prefix` or `--from-key` is set', 2);
  const bytes = Buffer.from(key);
  // etcd has no empty key, so a range that has no beginning starts at \0.
  if (prefix) return { key: key === '' ? Uint8Array.of(0) : bytes, rangeEnd: prefixEnd(bytes) };
  if (fromKey) return { key: key === '' ? Uint8Array.of(0) : bytes, rangeEnd: Uint8Array.of(0) };
  if (key === '') throw new UserError(`etcd ${verb} needs a key; all keys come with --prefix`, 2);
  return rangeEnd === undefined ? { key: bytes } : { key: bytes, rangeEnd: Buffer.from(rangeEnd) };
}

/** Does it mean one key alone? */
export function isOneKey({ rangeEnd, prefix = false, fromKey = false }: KeyRange): boolean {
  return rangeEnd === undefined && !prefix && !fromKey;
}
