/** `klab etcd get KEY --rev R` of a revision that etcd has compacted: klab's own history may still have it. */
import { isCompacted, type KeyValue, type RangeResponse } from '../../etcd/index.ts';
import { openSession } from '../session.ts';
import { type EtcdFlags, withEtcd } from './connection.ts';
import { type HistoryItem, type HistorySource, sessionHistory } from './history-source.ts';
import { isOneKey } from './key-range.ts';
import { type EtcdGetRequest, type EtcdIo, etcdGet } from './keys.ts';

/**
 * As etcd answers, and of one key of a klab cluster also what only klab's history has, with a word on stderr. Of another
 * etcd, of ranges, and of what history has let go, etcd's refusal stands. @throws UserError, EtcdError
 */
export async function etcdGetAnyRevision(flags: EtcdFlags, request: EtcdGetRequest, io: EtcdIo): Promise<void> {
  try {
    await withEtcd(flags, io, (kv) => etcdGet(kv, request, io));
  } catch (error) {
    const ownKey = !flags.endpoints?.length && !flags.user && isOneKey(request) && request.revision;
    if (!isCompacted(error) || !ownKey) throw error;
    if (!(await getPast(flags, request, io))) throw error;
  }
}

async function getPast(flags: EtcdFlags, request: EtcdGetRequest, io: EtcdIo): Promise<boolean> {
  const session = await openSession({ name: flags.name, boot: false }, io);
  try {
    const revision = request.revision!;
    const pair = await pairAt(sessionHistory(session), request.key, revision, request.showSecrets);
    if (pair === undefined) return false;
    io.say(`revision ${revision} is compacted in etcd: this is from klab's own history`);
    const kvs = pair === 'deleted' ? [] : [pair];
    const header = { clusterId: 0n, memberId: 0n, raftTerm: 0, revision };
    const answer: RangeResponse = { header, kvs, more: false, count: kvs.length };
    await etcdGet({ range: async () => answer }, request, io);
    return true;
  } finally {
    await session.close();
  }
}

/** Undefined when history has nothing of the key at that revision. */
async function pairAt(
  source: HistorySource,
  key: string,
  revision: number,
  showSecrets: boolean,
): Promise<KeyValue | 'deleted' | undefined> {
  let item = await source.at(key, revision, { showSecrets, raw: true });
  // Bytes of a Secret are not given away: its object is, without the data.
  if (item && item.type !== 'delete' && item.base64 === undefined) {
    item = await source.at(key, revision, { showSecrets, raw: false });
  }
  if (!item) return undefined;
  if (item.type === 'delete') return 'deleted';
  const { createRevision = 0, version } = item;
  return { key: Buffer.from(key), value: bytesOf(item), createRevision, modRevision: item.revision, version, lease: 0 };
}

function bytesOf({ value, base64 }: HistoryItem): Uint8Array {
  if (base64 !== undefined) return Buffer.from(base64, 'base64');
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}
