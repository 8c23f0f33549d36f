import type { EtcdServerApi, RemoteKV, ResponseHeader } from '../../src/etcd/index.ts';

/**
 * A member's API that is a real etcd behind our client. With our door before it, the whole of door and client stands
 * between two programs that know nothing of klab: whatever differs then is ours.
 */
export async function etcdProxy(remote: RemoteKV): Promise<EtcdServerApi> {
  const status = await remote.status();
  let newest: ResponseHeader = status.header;
  const unsupported = () => {
    throw new Error('a real etcd does not show this');
  };
  const watching =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const result = await call(...args);
      const header = (result as { header?: ResponseHeader }).header ?? (result as unknown as ResponseHeader);
      if (header?.revision > newest.revision) newest = header;
      return result;
    };
  return {
    clusterId: status.header.clusterId,
    memberId: status.header.memberId,
    name: 'real',
    running: true,
    header: () => newest,
    range: watching((...args) => remote.range(...args)),
    put: watching((...args) => remote.put(...args)),
    deleteRange: watching((...args) => remote.deleteRange(...args)),
    txn: watching((...args) => remote.txn(...args)),
    compact: watching((...args) => remote.compact(...args)),
    watch: (request) => remote.watch(request),
    leaseGrant: watching((...args) => remote.leaseGrant(...args)),
    leaseRevoke: watching((...args) => remote.leaseRevoke(...args)),
    leaseKeepAlive: watching((...args) => remote.leaseKeepAlive(...args)),
    leaseTimeToLive: watching((...args) => remote.leaseTimeToLive(...args)),
    leases: (...args) => remote.leases(...args),
    status: watching((...args) => remote.status(...args)),
    memberList: (...args) => remote.memberList(...args),
    memberAdd: (...args) => remote.memberAdd(...args),
    memberRemove: (...args) => remote.memberRemove(...args),
    memberPromote: (...args) => remote.memberPromote(...args),
    memberUpdate: (...args) => remote.memberUpdate(...args),
    isLearner: status.isLearner,
    setClientUrls: () => {},
    alarm: async () => ({ header: newest, alarms: await remote.alarms() }),
    hashKV: watching((...args) => remote.hashKV(...args)),
    hash: unsupported,
    saveSnapshot: unsupported,
    defragment: (...args) => remote.defragment(...args),
    moveLeader: (...args) => remote.moveLeader(...args),
    raftStatus: () => ({ leader: status.leader }) as ReturnType<EtcdServerApi['raftStatus']>,
    raftLog: unsupported,
    history: unsupported,
    changes: unsupported,
  };
}
