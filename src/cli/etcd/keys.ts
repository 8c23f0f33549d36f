/** `klab etcd get|compact`: etcdctl's words, with values decoded. */
import type { KeyValue, RangeRequest, RemoteKV } from '../../etcd/index.ts';
import { UserError } from '../exit-codes.ts';
import { printData } from '../output.ts';
import { isOneKey, type KeyRange, rangeOf } from './key-range.ts';
import { type DecodeOptions, decodeStored, protobufFor, storedData, storedText } from './value.ts';

export type EtcdOutput = 'simple' | 'json' | 'yaml';

type SortTarget = NonNullable<RangeRequest['sortTarget']>;
type SortOrder = NonNullable<RangeRequest['sortOrder']>;

export interface EtcdGetRequest extends KeyRange {
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /** Values without their keys. */
  readonly valuesOnly?: boolean;
  readonly sort?: Pick<RangeRequest, 'sortTarget' | 'sortOrder'>;
  /** Any member may answer, with what it has. */
  readonly serializable?: boolean;
  readonly limit?: number;
  readonly revision?: number;
  readonly output: EtcdOutput;
  readonly showSecrets: boolean;
  /** The stored bytes, undecoded: of one key without anything around them, else in base64. Needs `showSecrets` for Secrets. */
  readonly raw?: boolean;
}

export const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');

const sortTargets: Readonly<Record<string, SortTarget>> = {
  CREATE: 'create',
  KEY: 'key',
  MODIFY: 'mod',
  VALUE: 'value',
  VERSION: 'version',
};
const sortOrders: Readonly<Record<string, SortOrder>> = { ASCEND: 'ascend', DESCEND: 'descend' };

/** `--sort-by` and `--order`, in any case. @throws UserError in etcdctl's words */
export function etcdSort(by: string | undefined, order: string | undefined): EtcdGetRequest['sort'] {
  if (by === undefined && order === undefined) return undefined;
  const sortTarget = sortTargets[(by ?? 'KEY').toUpperCase()];
  if (!sortTarget) throw new UserError(`bad sort target ${by}`, 2);
  const sortOrder = sortOrders[(order ?? 'ASCEND').toUpperCase()];
  if (!sortOrder) throw new UserError(`bad sort order ${order}`, 2);
  return sortTarget === 'key' && sortOrder === 'ascend' ? undefined : { sortTarget, sortOrder };
}

const pageSize = 1000;

/** Pairs of a range in pages from one revision, so that a large store never makes a large message; sorted ones in one. */
async function* pages(kv: Pick<RemoteKV, 'range'>, request: EtcdGetRequest, signal?: AbortSignal) {
  const { keysOnly, serializable, sort, limit = 0 } = request;
  const range = { ...rangeOf(request), keysOnly, serializable };
  let { revision } = request;
  if (sort) {
    yield await kv.range({ ...range, ...sort, revision, limit }, { signal });
    return;
  }
  let { key } = range;
  let left = limit || Number.POSITIVE_INFINITY;
  for (;;) {
    const answer = await kv.range({ ...range, key, revision, limit: Math.min(left, pageSize) }, { signal });
    yield answer;
    left -= answer.kvs.length;
    const last = answer.kvs.at(-1);
    if (!answer.more || !last || left <= 0) return;
    key = Buffer.concat([last.key, Uint8Array.of(0)]);
    revision ??= answer.header.revision;
  }
}

/** Every key with a prefix, in order. */
export async function* keysOf(
  kv: RemoteKV,
  { prefix: key, revision }: { readonly prefix: string; readonly revision?: number },
  signal?: AbortSignal,
): AsyncGenerator<string, void, void> {
  const request = { key, prefix: true, keysOnly: true, countOnly: false, revision } as const;
  for await (const page of pages(kv, { ...request, output: 'simple', showSecrets: false }, signal)) {
    for (const pair of page.kvs) yield text(pair.key);
  }
}

/** Prints `compacted revision 12`, as etcdctl. */
export async function etcdCompact(
  kv: RemoteKV,
  request: { readonly revision: number; readonly physical: boolean },
  io: EtcdIo,
): Promise<void> {
  await kv.compact(request.revision, { physical: request.physical, signal: io.signal });
  io.print(`compacted revision ${request.revision}`);
}

export interface EtcdIo {
  readonly print: (text: string) => void;
  readonly say: (text: string) => void;
  /** Bytes as they are. */
  readonly write?: (bytes: Uint8Array) => void;
  readonly signal?: AbortSignal;
}

export async function etcdGet(kv: Pick<RemoteKV, 'range'>, request: EtcdGetRequest, io: EtcdIo): Promise<void> {
  const { output } = request;
  if (request.countOnly) {
    const { count, header } = await kv.range(
      { ...rangeOf(request), revision: request.revision, serializable: request.serializable, countOnly: true },
      { signal: io.signal },
    );
    io.print(output === 'simple' ? String(count) : printData({ revision: header.revision, count }, output));
    return;
  }
  const kvs: unknown[] = [];
  let revision = 0;
  let count = 0;
  let seen = 0;
  for await (const page of pages(kv, request, io.signal)) {
    revision ||= page.header.revision;
    count ||= page.count;
    seen += page.kvs.length;
    const protobuf = request.keysOnly ? undefined : await protobufFor(page.kvs.map(({ value }) => value));
    const decode = { ...request, protobuf };
    for (const pair of page.kvs) {
      if (request.raw && !request.keysOnly) {
        refuseSecret(pair, decode);
        if (output !== 'simple')
          kvs.push({ ...pairData(pair, { ...decode, keysOnly: true }), value: base64(pair.value) });
        else if (!isOneKey(request)) io.print(`${text(pair.key)}\n${base64(pair.value)}`);
        else io.write?.(pair.value);
      } else if (output !== 'simple') kvs.push(pairData(pair, decode));
      else if (request.keysOnly) io.print(text(pair.key));
      else io.print(pairText(pair, decode, request.valuesOnly));
    }
  }
  if (output !== 'simple') io.print(printData({ revision, count, kvs }, output));
  else if (seen === 0 && isOneKey(request)) io.say(`there is no key "${request.key}"`);
}

/** The key, and its value decoded on the lines below. */
export function pairText(pair: KeyValue, options: DecodeOptions, valueOnly = false): string {
  const value = storedText(decodeStored(pair.value, options));
  return valueOnly ? value : `${text(pair.key)}\n${value}`;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Bytes cannot be masked. An object that cannot be read might be a Secret too. */
function refuseSecret(pair: KeyValue, options: DecodeOptions): void {
  if (options.showSecrets) return;
  const value = decodeStored(pair.value, options);
  const kind = value.form === 'object' ? value.object['kind'] : value.form === 'protobuf' ? value.kind : undefined;
  if (kind === 'Secret') throw new UserError(`${text(pair.key)} is a Secret; add --show-secrets to see its bytes`);
}

export function pairData(pair: KeyValue, request: DecodeOptions & { readonly keysOnly?: boolean }): object {
  const { createRevision, modRevision, version, lease } = pair;
  return {
    key: text(pair.key),
    createRevision,
    modRevision,
    version,
    ...(lease !== 0 && { lease: lease.toString(16) }),
    ...(!request.keysOnly && { value: storedData(decodeStored(pair.value, request)) }),
  };
}
