/**
 * Locks and elections, as etcd's server offers them: a key under the name for every contender, named after its lease;
 * the oldest holds. Upstream: client/v3/concurrency/{mutex,election}.go.
 */
import { type LeaseId, prefixEnd } from '../../mvcc/index.ts';
import type { Handlers, Infer, ServerCall } from '../../wire/index.ts';
import { type CallOptions, EtcdError, type KeyValue, type RequestOp, type ResponseHeader } from '../kv.ts';
import type { EtcdServerApi } from '../server-api.ts';
import type { electionService, LeaderKey, lockService } from '../v3/concurrency.ts';
import { DoorCallOptions } from './caller.ts';

/** Seconds that a lease lives which the server makes for a caller without one. */
const defaultTtl = 60;

const notLeader = () => new EtcdError('Unknown', 'election: not leader');
const noLeader = () => new EtcdError('Unknown', 'election: no leader');

interface Contender {
  readonly key: Buffer;
  /** Revision at which the key was made: its place in the queue. */
  readonly revision: number;
  readonly lease: LeaseId;
  readonly header: ResponseHeader;
  /** What the key held, when it was there before. */
  readonly before?: KeyValue;
}

const prefixOf = (name: Uint8Array) => Buffer.concat([name, Buffer.from('/')]);

async function enter(
  api: EtcdServerApi,
  name: Uint8Array,
  wanted: LeaseId,
  value: Uint8Array,
  options: CallOptions,
): Promise<Contender> {
  const lease = wanted === 0 ? (await api.leaseGrant({ ttl: defaultTtl }, options)).id : wanted;
  const key = Buffer.concat([prefixOf(name), Buffer.from(lease.toString(16))]);
  const { header, succeeded, responses } = await api.txn(
    {
      compare: [{ key, target: 'create', result: 'equal', createRevision: 0 }],
      success: [{ op: 'put', put: { key, value, lease } }],
      failure: [{ op: 'range', range: { key } }],
    },
    options,
  );
  if (succeeded) return { key, revision: header.revision, lease, header };
  const first = responses[0];
  const before = first?.op === 'range' ? first.range.kvs[0]! : undefined;
  return { key, revision: before!.createRevision, lease, header, before };
}

/** Waits until nobody is before the contender; leaves the queue when the caller does. */
async function waitTurn(api: EtcdServerApi, name: Uint8Array, own: Contender, options: CallOptions): Promise<void> {
  const prefix = prefixOf(name);
  const ahead = { key: prefix, rangeEnd: prefixEnd(prefix), maxCreateRevision: own.revision - 1, limit: 1 } as const;
  try {
    for (;;) {
      const { header, kvs } = await api.range({ ...ahead, sortTarget: 'create', sortOrder: 'descend' }, options);
      const next = kvs[0];
      if (!next) return;
      await deleted(api, next.key, header.revision + 1, options.signal!);
    }
  } catch (error) {
    // The caller's signal has fired or its rights are gone: what it left behind must not block the queue.
    await api.deleteRange({ key: own.key }, { provenance: options.provenance }).catch(() => {});
    throw error;
  }
}

async function deleted(api: EtcdServerApi, key: Uint8Array, startRevision: number, signal: AbortSignal): Promise<void> {
  const watch = api.watch({ key, startRevision, filters: ['noput'] });
  const stop = () => watch.cancel();
  signal.addEventListener('abort', stop);
  try {
    for await (const response of watch) {
      signal.throwIfAborted();
      if (response.events.length > 0) return;
      // Compacted past it: the caller looks again.
      if (response.compactRevision) return;
      if (response.canceled) throw new EtcdError('Unavailable', response.cancelReason || 'the watch was cancelled');
    }
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', stop);
    watch.cancel();
  }
}

export function lockHandlers(api: EtcdServerApi): Handlers<typeof lockService> {
  const optionsOf = (call: ServerCall) => new DoorCallOptions(call, api.auth);
  return {
    lock: uncoded(async ({ name, lease }, call) => {
      const options = optionsOf(call);
      const own = await enter(api, name, lease, new Uint8Array(0), options);
      await waitTurn(api, name, own, options);
      // Its lease may have run out while it waited.
      const { header, kvs } = await api.range({ key: own.key }, options);
      if (kvs.length === 0) throw new EtcdError('Unknown', 'mutex: session is expired');
      return { header, key: own.key };
    }),
    unlock: uncoded(async ({ key }, call) => ({ header: (await api.deleteRange({ key }, optionsOf(call))).header })),
  };
}

type Leadership = Infer<typeof LeaderKey>;

export function electionHandlers(api: EtcdServerApi): Handlers<typeof electionService> {
  const optionsOf = (call: ServerCall) => new DoorCallOptions(call, api.auth);
  const asLeader = (leader: Leadership, op: RequestOp, call: ServerCall) =>
    api.txn(
      {
        compare: [{ key: leader.key, target: 'create', result: 'equal', createRevision: leader.rev }],
        success: [op],
        failure: [],
      },
      optionsOf(call),
    );
  const proclaim = async (leader: Leadership | undefined, value: Uint8Array, call: ServerCall) => {
    if (!leader) throw missingLeader();
    const put = { key: leader.key, value, lease: leader.lease };
    const { header, succeeded } = await asLeader(leader, { op: 'put', put }, call);
    if (!succeeded) throw notLeader();
    return { header };
  };
  return {
    campaign: uncoded(async ({ name, lease, value }, call) => {
      const options = optionsOf(call);
      const own = await enter(api, name, lease, value, options);
      const leader = { name, key: new Uint8Array(own.key), rev: own.revision, lease: own.lease };
      if (own.before && Buffer.compare(own.before.value, value) !== 0) await proclaim(leader, value, call);
      await waitTurn(api, name, own, options);
      // Of the transaction that put it in the queue, as there.
      return { header: own.header, leader };
    }),
    proclaim: uncoded(({ leader, value }, call) => proclaim(leader, value, call)),
    leader: uncoded(async ({ name }, call) => {
      const { header, kvs } = await api.range(oldest(name), optionsOf(call));
      if (!kvs[0]) throw noLeader();
      return { header, kv: kvs[0] };
    }),
    observe: uncoded(async (stream) => {
      stream.start();
      const options = optionsOf(stream);
      const { signal } = options;
      for await (const { name } of stream.requests()) {
        await observe(api, name, options, async (header, kv) => {
          if (!stream.write({ header, kv })) await stream.drained();
        });
        signal.throwIfAborted();
      }
    }),
    resign: uncoded(async ({ leader }, call) => {
      if (!leader) throw missingLeader();
      const op: RequestOp = { op: 'deleteRange', deleteRange: { key: leader.key } };
      // Who does not lead any longer has nothing to resign from.
      return { header: (await asLeader(leader, op, call)).header };
    }),
  };
}

const missingLeader = () => new EtcdError('Unknown', '"leader" field must be provided');

/** These services are clients of the store in etcd: the errors of the other services pass through them without their codes. */
function uncoded<Call extends unknown[], Answer>(
  work: (...call: Call) => Answer | Promise<Answer>,
): (...call: Call) => Promise<Answer> {
  return async (...call) => {
    try {
      return await work(...call);
    } catch (error) {
      if (error instanceof EtcdError) throw new EtcdError('Unknown', error.message);
      throw error;
    }
  };
}

function oldest(name: Uint8Array) {
  const prefix = prefixOf(name);
  return { key: prefix, rangeEnd: prefixEnd(prefix), sortTarget: 'create', sortOrder: 'ascend', limit: 1 } as const;
}

/** Tells who leads, now and whenever that or what it says changes, until the caller leaves. */
async function observe(
  api: EtcdServerApi,
  name: Uint8Array,
  options: CallOptions,
  tell: (header: ResponseHeader, kv: KeyValue) => Promise<void>,
): Promise<void> {
  const prefix = prefixOf(name);
  const { header } = await api.range({ ...oldest(name), keysOnly: true }, options);
  const watch = api.watch({ key: prefix, rangeEnd: prefixEnd(prefix), startRevision: header.revision + 1 });
  const stop = () => watch.cancel();
  options.signal!.addEventListener('abort', stop);
  let told = 0;
  const look = async () => {
    const { header, kvs } = await api.range(oldest(name), options);
    const leader = kvs[0];
    if (!leader || leader.modRevision === told) return;
    told = leader.modRevision;
    await tell(header, leader);
  };
  try {
    await look();
    for await (const { events } of watch) if (events.length > 0) await look();
  } finally {
    options.signal!.removeEventListener('abort', stop);
    watch.cancel();
  }
}
