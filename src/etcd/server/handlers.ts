/** etcd's unary services and lease keep-alive on one member's API. Upstream: server/etcdserver/api/v3rpc. */
import type { Handlers, ServerCall } from '../../wire/index.ts';
import { EtcdError } from '../kv.ts';
import type { AlarmRequest, AlarmType, EtcdServerApi } from '../server-api.ts';
import { deleteFromWire, putFromWire, rangeFromWire, txnFromWire, txnToWire } from '../v3/convert.ts';
import type { clusterService, kvService, leaseService, maintenanceService, watchService } from '../v3/services.ts';
import { DoorCallOptions } from './caller.ts';
import { serveSnapshot } from './snapshot-stream.ts';
import { serveWatch } from './watch-server.ts';

/** Index = number on the wire. */
const alarmTypes: readonly AlarmType[] = ['none', 'nospace', 'corrupt'];
const alarmActions: readonly AlarmRequest['action'][] = ['get', 'activate', 'deactivate'];

export function kvHandlers(api: EtcdServerApi): Handlers<typeof kvService> {
  const options = (call: ServerCall) => new DoorCallOptions(call, api.auth);
  return {
    range: (request, call) => api.range(rangeFromWire(request), options(call)),
    put: (request, call) => api.put(putFromWire(request), options(call)),
    deleteRange: (request, call) => api.deleteRange(deleteFromWire(request), options(call)),
    txn: async (request, call) => txnToWire(await api.txn(txnFromWire(request), options(call))),
    compact: async ({ revision, physical }, call) => {
      const { provenance, signal, auth } = options(call);
      return { header: await api.compact(revision, { provenance, signal, auth, physical }) };
    },
  };
}

export function watchHandlers(api: EtcdServerApi): Handlers<typeof watchService> {
  return {
    watch: (stream) => {
      requireLeader(api, stream);
      return serveWatch(api, stream);
    },
  };
}

export function leaseHandlers(api: EtcdServerApi): Handlers<typeof leaseService> {
  const options = (call: ServerCall) => new DoorCallOptions(call, api.auth);
  return {
    grant: ({ id, ttl }, call) => api.leaseGrant({ ttl, id: id === 0 ? undefined : id }, options(call)),
    revoke: async ({ id }, call) => ({
      header: await api.leaseRevoke(id, options(call)),
    }),
    keepAlive: async (stream) => {
      requireLeader(api, stream);
      stream.start();
      const call = options(stream);
      for await (const { id } of stream.requests()) {
        const { header, ttl } = await api.leaseKeepAlive(id, call);
        if (!stream.write({ header, id, ttl })) await stream.drained();
      }
    },
    timeToLive: async ({ id, keys }, call) => ({
      ...(await api.leaseTimeToLive(id, keys, options(call))),
      id,
    }),
    leases: async (_request, call) => {
      const ids = await api.leases(options(call));
      return { header: api.header(), leases: ids.map((id) => ({ id })) };
    },
  };
}

export function clusterHandlers(api: EtcdServerApi): Handlers<typeof clusterService> {
  const options = (call: ServerCall) => new DoorCallOptions(call, api.auth);
  const admin = (call: ServerCall) => {
    const { provenance, signal, auth } = options(call);
    api.auth?.checkAdmin(auth);
    return { provenance, signal, auth };
  };
  return {
    memberAdd: ({ peerUrls, isLearner }, call) => api.memberAdd({ peerUrls, isLearner }, admin(call)),
    memberRemove: ({ id }, call) => api.memberRemove(id, admin(call)),
    memberPromote: ({ id }, call) => api.memberPromote(id, admin(call)),
    memberUpdate: ({ id, peerUrls }, call) => api.memberUpdate(id, peerUrls, admin(call)),
    memberList: ({ linearizable }, call) => {
      const { provenance, signal } = options(call);
      return api.memberList({ provenance, signal, linearizable });
    },
  };
}

export function maintenanceHandlers(api: EtcdServerApi): Handlers<typeof maintenanceService> {
  const options = (call: ServerCall) => new DoorCallOptions(call, api.auth);
  const admin = (call: ServerCall) => {
    const own = options(call);
    api.auth?.checkAdmin(own.auth);
    return own;
  };
  return {
    status: (_request, call) => api.status(options(call)),
    alarm: async (request, call) => {
      const action = alarmActions[request.action];
      const alarm = alarmTypes[request.alarm];
      if (!action || !alarm) throw new EtcdError('Unknown', 'etcdserver: unknown alarm request');
      const answer = await api.alarm({ action, alarm, memberId: request.memberId }, options(call));
      const alarms = answer.alarms.map((one) => ({ memberId: one.memberId, alarm: alarmTypes.indexOf(one.alarm) }));
      return { header: answer.header, alarms };
    },
    defragment: async (_request, call) => ({ header: await api.defragment(admin(call)) }),
    hash: (_request, call) => api.hash(admin(call)),
    hashKV: ({ revision }, call) => api.hashKV(revision, admin(call)),
    snapshot: (stream) => {
      admin(stream);
      return serveSnapshot(api, stream);
    },
    moveLeader: async ({ targetId }, call) => ({ header: await api.moveLeader(targetId, options(call)) }),
  };
}

/** Streams of clients that said `hasleader` are refused while there is none (clientv3.WithRequireLeader). */
function requireLeader(api: EtcdServerApi, call: ServerCall): void {
  if (call.metadata['hasleader'] === 'true' && api.raftStatus().leader === 0n) {
    throw new EtcdError('Unavailable', 'etcdserver: no leader');
  }
}
