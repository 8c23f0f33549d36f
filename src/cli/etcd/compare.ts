/** `klab etcd cas|cad`: compare and swap, compare and delete. One Txn each, so nothing comes between the two halves. */
import type { RemoteKV, RequestOp } from '../../etcd/index.ts';
import { UserError } from '../exit-codes.ts';
import type { EtcdIo } from './keys.ts';
import { parseLease } from './lease-id.ts';

/**
 * Prints OK when the key had the value. `old` undefined: when there was no such key.
 * @throws UserError (exit code 1) that says what the key holds instead
 */
async function compareAnd(
  kv: RemoteKV,
  key: string,
  old: string | undefined,
  then: RequestOp,
  io: EtcdIo,
): Promise<void> {
  if (key === '') throw new UserError('the key must not be empty', 2);
  const bytes = Buffer.from(key);
  const { succeeded, responses } = await kv.txn(
    {
      compare: [
        old === undefined
          ? { target: 'create', createRevision: 0, key: bytes, result: 'equal' }
          : { target: 'value', value: Buffer.from(old), key: bytes, result: 'equal' },
      ],
      success: [then],
      failure: [{ op: 'range', range: { key: bytes } }],
    },
    { signal: io.signal },
  );
  if (succeeded) return io.print('OK');
  const found = responses[0]?.op === 'range' ? responses[0].range.kvs[0] : undefined;
  const holds = found ? `is ${JSON.stringify(Buffer.from(found.value).toString('utf8'))}` : 'does not exist';
  throw new UserError(`compare failed: ${key} ${holds}`);
}

export function etcdCompareAndSwap(
  kv: RemoteKV,
  request: { readonly key: string; readonly old?: string; readonly value: string; readonly lease?: string },
  io: EtcdIo,
): Promise<void> {
  const put = {
    key: Buffer.from(request.key),
    value: Buffer.from(request.value),
    ...(request.lease !== undefined && { lease: parseLease(request.lease) }),
  };
  return compareAnd(kv, request.key, request.old, { op: 'put', put }, io);
}

export function etcdCompareAndDelete(
  kv: RemoteKV,
  request: { readonly key: string; readonly old: string },
  io: EtcdIo,
): Promise<void> {
  const deleteRange = { key: Buffer.from(request.key) };
  return compareAnd(kv, request.key, request.old, { op: 'deleteRange', deleteRange }, io);
}
