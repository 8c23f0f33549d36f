/** Where `klab etcd history`, `diff` and `changes` read the past: klab's own history, or what any etcd still has of it. */
import { rfc3339 } from '../../base/index.ts';
import type { HistoryEntry, RemoteKV } from '../../etcd/index.ts';
import type { Session } from '../session.ts';
import { type DecodeOptions, decodeStored, protobufFor, type StoredValue, storedData } from './value.ts';

/** One item of /klab/v1/etcd/history. */
export interface HistoryItem {
  readonly key: string;
  readonly revision: number;
  readonly version: number;
  readonly createRevision?: number;
  readonly type: 'create' | 'update' | 'delete';
  /** Absent where another wrote it to a real etcd. */
  readonly time?: string;
  readonly actor?: string;
  readonly agent?: string;
  readonly cause?: {
    readonly object?: string;
    readonly revision?: number;
    readonly count?: number;
    readonly timer?: string;
  };
  readonly value?: unknown;
  /** The stored bytes: with `raw`, and of values that are neither objects nor text. */
  readonly base64?: string;
}

export interface ShowValues {
  readonly showSecrets: boolean;
  /** The stored bytes instead of what they mean. Those of Secrets need `showSecrets`. */
  readonly raw: boolean;
}

export interface ChangesRange {
  readonly prefix: string;
  /** First and last revision. */
  readonly from?: number;
  readonly to?: number;
  readonly limit: number;
}

export interface HistorySource {
  /** Newest first. */
  history(key: string, limit: number, show: ShowValues): Promise<readonly HistoryItem[]>;
  /** The key's newest revision up to this one of the store. */
  at(key: string, revision: number, show: ShowValues): Promise<HistoryItem | undefined>;
  /** Oldest first. */
  changes(range: ChangesRange, show: ShowValues): Promise<readonly HistoryItem[]>;
}

/** Of a klab server: beyond compaction, with who and why. */
export function sessionHistory({ client, signal }: Session): HistorySource {
  const ask = async (what: string, show: ShowValues, query: Record<string, string>): Promise<HistoryItem[]> => {
    const shown = { showSecrets: String(show.showSecrets), ...(show.raw && { raw: 'true' }) };
    return (await client.raw(`/klab/v1/etcd/${what}`, { query: { ...query, ...shown }, signal })).items;
  };
  return {
    history: (key, limit, show) => ask('history', show, { key, limit: String(limit) }),
    at: async (key, revision, show) =>
      (await ask('history', show, { key, limit: '1', before: String(revision + 1) }))[0],
    changes: ({ prefix, from, to, limit }, show) =>
      ask('changes', show, {
        prefix,
        limit: String(limit),
        ...(from !== undefined && { from: String(from - 1) }),
        ...(to !== undefined && { to: String(to) }),
      }),
  };
}

/** Changes shown when nobody says from where: as the server has it. */
const newestChanges = 100;

/** Of any etcd, back to its last compaction. Who wrote, and when, etcd does not know. */
export async function remoteHistory(kv: RemoteKV): Promise<HistorySource> {
  const { RemoteHistory } = await import('../../etcd/index.ts');
  const past = new RemoteHistory(kv);
  const shown = async (entries: readonly HistoryEntry[], show: ShowValues): Promise<HistoryItem[]> => {
    const protobuf = await protobufFor(entries.flatMap(({ value }) => (value ? [value] : [])));
    return entries.map((entry) => itemOf(entry, show, { showSecrets: show.showSecrets, protobuf }));
  };
  return {
    history: async (key, limit, show) => shown(await past.history(Buffer.from(key), { limit }), show),
    at: async (key, revision, show) => {
      const { kvs } = await kv.range({ key: Buffer.from(key), revision });
      if (!kvs[0]) return undefined;
      return (await shown([{ ...kvs[0], revision: kvs[0].modRevision, time: 0 }], show))[0];
    },
    changes: async ({ prefix, from, to, limit }, show) => {
      const last = to ?? (await past.revision());
      const after = from === undefined ? Math.max(0, last - newestChanges) : from - 1;
      const prefixed = prefix !== '' && { prefix: Buffer.from(prefix) };
      return shown(await past.changes({ from: after, to: last, limit, ...prefixed }), show);
    },
  };
}

function itemOf(entry: HistoryEntry, show: ShowValues, decode: DecodeOptions): HistoryItem {
  const { key, revision, version, value, time } = entry;
  return {
    key: Buffer.from(key).toString('utf8'),
    revision,
    version,
    type: value === undefined ? 'delete' : version === 1 ? 'create' : 'update',
    ...(time > 0 && { time: rfc3339(time) }),
    ...(value && shownValue(value, show, decode)),
  };
}

const masked = '(masked; add --show-secrets to see it)';

function shownValue(bytes: Uint8Array, show: ShowValues, decode: DecodeOptions): Pick<HistoryItem, 'value' | 'base64'> {
  const stored = decodeStored(bytes, decode);
  if (show.raw) {
    return mayBeSecret(stored) && !show.showSecrets
      ? { value: masked }
      : { base64: Buffer.from(bytes).toString('base64') };
  }
  return stored.form === 'bytes' ? { base64: stored.base64 } : { value: storedData(stored) };
}

/** An object that cannot be read might be a Secret. */
const mayBeSecret = (stored: StoredValue): boolean =>
  (stored.form === 'object' && stored.object['kind'] === 'Secret') || stored.form === 'protobuf';
