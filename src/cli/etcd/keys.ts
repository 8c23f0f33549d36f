/** `klab etcd get|put|del|watch`: etcdctl's words, with values decoded. */
import { wallClock } from '../../base/index.ts';
import type { KeyValue, RemoteKV, StoreEvent, WatchResponse } from '../../etcd/index.ts';
import { UserError } from '../exit-codes.ts';
import { printData } from '../output.ts';
import { prefixEnd } from './connection.ts';
import { parseLease } from './lease-id.ts';
import { type DecodeOptions, decodeStored, protobufFor, storedData, storedSummary, storedText } from './value.ts';

export type EtcdOutput = 'simple' | 'json' | 'yaml';

export interface KeyRange {
  readonly key: string;
  readonly prefix: boolean;
}

export interface EtcdGetRequest extends KeyRange {
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  readonly limit?: number;
  readonly revision?: number;
  readonly output: EtcdOutput;
  readonly showSecrets: boolean;
  /** The stored bytes, undecoded: of one key without anything around them, else in base64. Needs `showSecrets` for Secrets. */
  readonly raw?: boolean;
}

const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');

/** @throws UserError when there is neither a key nor a prefix. */
export function rangeOf({ key, prefix }: KeyRange): { key: Uint8Array; rangeEnd?: Uint8Array } {
  const bytes = Buffer.from(key);
  if (!prefix) {
    if (key === '') throw new UserError('etcd get needs a key; all keys come with --prefix', 2);
    return { key: bytes };
  }
  // The empty prefix means every key; etcd has no empty key, so the range starts at \0.
  return { key: key === '' ? Uint8Array.of(0) : bytes, rangeEnd: prefixEnd(bytes) };
}

const pageSize = 1000;

/** Pairs of a range in pages from one revision, so that a large store never makes a large message. */
async function* pages(kv: RemoteKV, request: EtcdGetRequest, signal?: AbortSignal) {
  const range = rangeOf(request);
  let { key } = range;
  let { revision } = request;
  let left = request.limit || Number.POSITIVE_INFINITY;
  for (;;) {
    const answer = await kv.range(
      { ...range, key, revision, keysOnly: request.keysOnly, limit: Math.min(left, pageSize) },
      { signal },
    );
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

export async function etcdGet(kv: RemoteKV, request: EtcdGetRequest, io: EtcdIo): Promise<void> {
  const { output } = request;
  if (request.countOnly) {
    const { count, header } = await kv.range(
      { ...rangeOf(request), revision: request.revision, countOnly: true },
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
        else if (request.prefix) io.print(`${text(pair.key)}\n${base64(pair.value)}`);
        else io.write?.(pair.value);
      } else if (output !== 'simple') kvs.push(pairData(pair, decode));
      else if (request.keysOnly) io.print(text(pair.key));
      else io.print(`${text(pair.key)}\n${storedText(decodeStored(pair.value, decode))}`);
    }
  }
  if (output !== 'simple') io.print(printData({ revision, count, kvs }, output));
  else if (seen === 0 && !request.prefix) io.say(`there is no key "${request.key}"`);
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Bytes cannot be masked. An object that cannot be read might be a Secret too. */
function refuseSecret(pair: KeyValue, options: DecodeOptions): void {
  if (options.showSecrets) return;
  const value = decodeStored(pair.value, options);
  const kind = value.form === 'object' ? value.object['kind'] : value.form === 'protobuf' ? value.kind : undefined;
  if (kind === 'Secret') throw new UserError(`${text(pair.key)} is a Secret; add --show-secrets to see its bytes`);
}

function pairData(pair: KeyValue, request: DecodeOptions & { readonly keysOnly?: boolean }): object {
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

/** Prints OK, as etcdctl. */
export async function etcdPut(
  kv: RemoteKV,
  request: { readonly key: string; readonly value: string; readonly lease?: string },
  io: EtcdIo,
): Promise<void> {
  const lease = request.lease === undefined ? undefined : parseLease(request.lease);
  await kv.put({ key: Buffer.from(request.key), value: Buffer.from(request.value), lease }, { signal: io.signal });
  io.print('OK');
}

/** Prints how many keys went, as etcdctl. */
export async function etcdDelete(kv: RemoteKV, range: KeyRange, io: EtcdIo): Promise<void> {
  if (!range.prefix && range.key === '') throw new UserError('etcd del needs a key', 2);
  const { deleted } = await kv.deleteRange(rangeOf(range), { signal: io.signal });
  io.print(String(deleted));
}

export interface EtcdWatchRequest extends KeyRange {
  readonly revision?: number;
  readonly previous: boolean;
  readonly output: EtcdOutput;
  readonly showSecrets: boolean;
}

const retryMs = 500;

/** Prints events until interrupted; a lost connection is taken up where it was. */
export async function etcdWatch(kv: RemoteKV, request: EtcdWatchRequest, io: EtcdIo): Promise<void> {
  const range = rangeOf(request);
  let next = request.revision;
  let established = false;
  while (!io.signal?.aborted) {
    const watch = kv.watch({ ...range, startRevision: next, prevKv: request.previous });
    const stop = () => watch.cancel();
    io.signal?.addEventListener('abort', stop, { once: true });
    try {
      for await (const response of watch) {
        established = true;
        if (response.canceled) throw canceled(response);
        const values = response.events.flatMap(({ kv: pair, prevKv }) => [
          pair.value,
          ...(prevKv ? [prevKv.value] : []),
        ]);
        const decode = { ...request, protobuf: await protobufFor(values) };
        for (const event of response.events) io.print(eventText(event, decode));
        next = response.revision + 1;
      }
      if (io.signal?.aborted) return;
    } catch (error) {
      if (io.signal?.aborted) return;
      const lost = (error as { code?: string }).code === 'Unavailable';
      if (!lost || !established) throw error;
      io.say(`connection lost, watching again from revision ${next}`);
      await wallClock.sleep(retryMs, io.signal);
    } finally {
      io.signal?.removeEventListener('abort', stop);
    }
  }
}

function canceled(response: WatchResponse): UserError {
  const compacted = response.compactRevision
    ? `; the oldest revision that can be watched is ${response.compactRevision}`
    : '';
  return new UserError(`watch was canceled (${response.cancelReason || 'by the server'})${compacted}`);
}

function eventText(event: StoreEvent, request: EtcdWatchRequest & DecodeOptions): string {
  const { kv: pair, prevKv } = event;
  if (request.output !== 'simple') {
    const data = {
      type: event.type.toUpperCase(),
      ...pairData(pair, { ...request, keysOnly: event.type === 'delete' }),
      ...(prevKv && { previous: pairData(prevKv, request) }),
    };
    return request.output === 'json' ? JSON.stringify(data) : `---\n${printData(data, 'yaml')}`;
  }
  const what =
    event.type === 'delete' ? '' : `  (${storedSummary(decodeStored(pair.value, request), pair.value.length)})`;
  return `${pair.modRevision}  ${event.type.toUpperCase().padEnd(6)}  ${text(pair.key)}${what}`;
}
