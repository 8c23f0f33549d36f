/** `klab etcd put|del`: etcdctl's words. Upstream: etcdctl/ctlv3/command/{put,del}_command.go. */
import type { KeyValue, RemoteKV } from '../../etcd/index.ts';
import { UserError } from '../exit-codes.ts';
import { type KeyRange, rangeOf } from './key-range.ts';
import { type EtcdIo, pairText } from './keys.ts';
import { parseLease } from './lease-id.ts';
import { protobufFor } from './value.ts';

export interface EtcdPutRequest {
  readonly key: string;
  /** Absent: what `input` has, or with `ignoreValue` what the key has. */
  readonly value?: string | undefined;
  readonly lease?: string | undefined;
  readonly ignoreValue?: boolean;
  readonly ignoreLease?: boolean;
  /** Prints the pair as it was. */
  readonly previous?: boolean;
  readonly showSecrets?: boolean;
}

/** Prints OK, as etcdctl. `input` reads standard input. @throws UserError in etcdctl's words */
export async function etcdPut(
  kv: RemoteKV,
  request: EtcdPutRequest,
  input: () => Promise<Uint8Array>,
  io: EtcdIo,
): Promise<void> {
  const { ignoreValue = false, ignoreLease = false, previous = false } = request;
  if (ignoreValue && request.value !== undefined)
    throw new UserError("put command needs only 1 argument when 'ignore-value' is set", 2);
  const lease = request.lease === undefined ? undefined : parseLease(request.lease, 'flag');
  const given = request.value === undefined ? undefined : Buffer.from(request.value);
  const value = ignoreValue ? new Uint8Array() : (given ?? (await input()));
  const { prevKv } = await kv.put(
    { key: Buffer.from(request.key), value, lease, ignoreValue, ignoreLease, prevKv: previous },
    { signal: io.signal },
  );
  io.print('OK');
  if (prevKv) await printPairs([prevKv], request.showSecrets ?? false, io);
}

export interface EtcdDeleteRequest extends KeyRange {
  /** Prints the pairs that went. */
  readonly previous?: boolean;
  readonly showSecrets?: boolean;
}

/** Prints how many keys went, as etcdctl. */
export async function etcdDelete(kv: RemoteKV, request: EtcdDeleteRequest, io: EtcdIo): Promise<void> {
  const { previous = false, showSecrets = false } = request;
  const range = { ...rangeOf(request, 'del'), prevKv: previous };
  const { deleted, prevKvs } = await kv.deleteRange(range, { signal: io.signal });
  io.print(String(deleted));
  if (previous) await printPairs(prevKvs ?? [], showSecrets, io);
}

async function printPairs(pairs: readonly KeyValue[], showSecrets: boolean, io: EtcdIo): Promise<void> {
  const protobuf = await protobufFor(pairs.map(({ value }) => value));
  for (const pair of pairs) io.print(pairText(pair, { showSecrets, protobuf }));
}
