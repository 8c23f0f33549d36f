import { randomBytes } from 'node:crypto';
import type { LeaseId } from '../../mvcc/index.ts';
import type { Infer, MessageInput, Method } from '../../wire/index.ts';
import {
  type CallOptions,
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  EtcdError,
  type KV,
  type LeaseGrantResponse,
  type LeaseTimeToLiveResponse,
  type PutRequest,
  type PutResponse,
  type RangeRequest,
  type RangeResponse,
  type ResponseHeader,
  type TxnRequest,
  type TxnResponse,
  type WatchRequest,
  type WatchStream,
} from '../kv.ts';
import type {
  AlarmMember,
  AlarmType,
  HashKVResponse,
  MemberAddRequest,
  MemberAddResponse,
  MemberListResponse,
  MemberStatus,
} from '../server-api.ts';
import {
  deleteResponseFromWire,
  headerFromWire,
  putResponseFromWire,
  rangeResponseFromWire,
  rangeToWire,
  txnRequestToWire,
  txnResponseFromWire,
} from '../v3/convert.ts';
import { toEtcdError } from '../v3/errors.ts';
import type * as m from '../v3/messages.ts';
import { clusterService, kvService, leaseService, maintenanceService } from '../v3/services.ts';
import { Endpoints, type EndpointsOptions } from './endpoints.ts';
import { RemoteAuth } from './remote-auth.ts';
import { RemoteLocks } from './remote-locks.ts';
import { RemoteWatch } from './remote-watch.ts';

export type RemoteKVOptions = EndpointsOptions;

const alarmTypes: readonly AlarmType[] = ['none', 'nospace', 'corrupt'];

/**
 * The KV interface on any etcd v3 over gRPC. Reads move to the next endpoint when one is unavailable, writes only when
 * they certainly were not sent; watches end with `Unavailable` and are the caller's to take up again. `provenance` is
 * not sent: a foreign etcd has no place for it. Close it when done.
 */
export class RemoteKV implements KV {
  readonly #endpoints: Endpoints;
  #progressIsReliable: boolean | undefined;
  readonly auth: RemoteAuth;
  readonly locks: RemoteLocks;

  constructor(options: RemoteKVOptions) {
    this.#endpoints = new Endpoints(options);
    this.auth = new RemoteAuth(this.#endpoints);
    this.locks = new RemoteLocks(this.#endpoints);
  }

  async range(request: RangeRequest, options?: CallOptions): Promise<RangeResponse> {
    const response = await this.#read(kvService.range, rangeToWire(request), options);
    return rangeResponseFromWire(response);
  }

  async put(request: PutRequest, options?: CallOptions): Promise<PutResponse> {
    const response = await this.#write(kvService.put, request, options);
    return putResponseFromWire(response);
  }

  async deleteRange(request: DeleteRangeRequest, options?: CallOptions): Promise<DeleteRangeResponse> {
    const response = await this.#write(kvService.deleteRange, request, options);
    return deleteResponseFromWire(response);
  }

  async txn(request: TxnRequest, options?: CallOptions): Promise<TxnResponse> {
    const message = txnRequestToWire(request);
    const readOnly = [...request.success, ...request.failure].every((op) => op.op === 'range');
    const response = await this.#call<m.TxnRequestMessage, m.TxnResponseMessage>(
      kvService.txn,
      message,
      options,
      readOnly,
    );
    return txnResponseFromWire(response);
  }

  async compact(revision: number, options?: CallOptions & { readonly physical?: boolean }): Promise<ResponseHeader> {
    const request = { revision, physical: options?.physical ?? false };
    return headerFromWire((await this.#write(kvService.compact, request, options)).header);
  }

  watch(request: WatchRequest): WatchStream {
    return new RemoteWatch(this.#endpoints, request, () => this.#reliableProgress());
  }

  async leaseGrant(request: { ttl: number; id?: LeaseId }, options?: CallOptions): Promise<LeaseGrantResponse> {
    for (;;) {
      const id = request.id || randomLeaseId();
      try {
        const response = await this.#write(leaseService.grant, { ttl: request.ttl, id }, options);
        return { header: headerFromWire(response.header), id: response.id, ttl: response.ttl };
      } catch (error) {
        const taken = error instanceof EtcdError && error.message === 'etcdserver: lease already exists';
        if (!taken || request.id) throw error;
      }
    }
  }

  async leaseRevoke(id: LeaseId, options?: CallOptions): Promise<ResponseHeader> {
    const response = await this.#write(leaseService.revoke, { id }, options);
    return headerFromWire(response.header);
  }

  async leaseKeepAlive(id: LeaseId, options?: CallOptions): Promise<LeaseGrantResponse> {
    const stream = await this.#endpoints.open(leaseService.keepAlive, { signal: options?.signal });
    stream.end({ id });
    for await (const { header, ttl } of stream) return { header: headerFromWire(header), id, ttl };
    throw new EtcdError('Unavailable', 'the server ended a lease keep-alive without an answer');
  }

  async leaseTimeToLive(id: LeaseId, withKeys = false, options?: CallOptions): Promise<LeaseTimeToLiveResponse> {
    const request = { id, keys: withKeys };
    const { header, ttl, grantedTtl, keys } = await this.#read(leaseService.timeToLive, request, options);
    return { header: headerFromWire(header), id, ttl, grantedTtl, keys };
  }

  async leases(options?: CallOptions): Promise<readonly LeaseId[]> {
    const { leases } = await this.#read(leaseService.leases, {}, options);
    return leases.map(({ id }) => id);
  }

  async status(options?: CallOptions): Promise<MemberStatus> {
    const response = await this.#read(maintenanceService.status, {}, options);
    return { ...response, header: headerFromWire(response.header) };
  }

  // ---- beyond KV: what `klab etcd` asks of any cluster

  async memberList(options?: CallOptions): Promise<MemberListResponse> {
    const response = await this.#read(clusterService.memberList, { linearizable: true }, options);
    return { header: headerFromWire(response.header), members: response.members };
  }

  async memberAdd(
    { peerUrls, isLearner = false }: MemberAddRequest,
    options?: CallOptions,
  ): Promise<MemberAddResponse> {
    const request = { peerUrls: [...peerUrls], isLearner };
    const response = await this.#write(clusterService.memberAdd, request, options);
    if (!response.member) throw new EtcdError('Internal', 'the server added a member and did not say which');
    return { header: headerFromWire(response.header), member: response.member, members: response.members };
  }

  async memberRemove(id: bigint, options?: CallOptions): Promise<MemberListResponse> {
    const { header, members } = await this.#write(clusterService.memberRemove, { id }, options);
    return { header: headerFromWire(header), members };
  }

  async memberPromote(id: bigint, options?: CallOptions): Promise<MemberListResponse> {
    const { header, members } = await this.#write(clusterService.memberPromote, { id }, options);
    return { header: headerFromWire(header), members };
  }

  async memberUpdate(id: bigint, peerUrls: readonly string[], options?: CallOptions): Promise<MemberListResponse> {
    const request = { id, peerUrls: [...peerUrls] };
    const { header, members } = await this.#write(clusterService.memberUpdate, request, options);
    return { header: headerFromWire(header), members };
  }

  async alarms(options?: CallOptions): Promise<readonly AlarmMember[]> {
    return alarmsFromWire(await this.#read(maintenanceService.alarm, {}, options));
  }

  /** Ends all alarms; those that it ended. */
  async disarmAlarms(options?: CallOptions): Promise<readonly AlarmMember[]> {
    return alarmsFromWire(await this.#write(maintenanceService.alarm, { action: 2 }, options));
  }

  async hashKV(revision: number, options?: CallOptions): Promise<HashKVResponse> {
    const response = await this.#read(maintenanceService.hashKV, { revision }, options);
    return { ...response, header: headerFromWire(response.header) };
  }

  async defragment(options?: CallOptions): Promise<ResponseHeader> {
    return headerFromWire((await this.#write(maintenanceService.defragment, {}, options)).header);
  }

  async moveLeader(targetId: bigint, options?: CallOptions): Promise<ResponseHeader> {
    return headerFromWire((await this.#write(maintenanceService.moveLeader, { targetId }, options)).header);
  }

  /** A backup, in parts: a bbolt file and its SHA-256. Upstream: Maintenance.Snapshot. */
  async *snapshot(options?: CallOptions): AsyncGenerator<{ readonly blob: Uint8Array }, void, void> {
    const stream = await this.#endpoints.open(maintenanceService.snapshot, { signal: options?.signal });
    try {
      stream.end({});
      yield* stream;
    } catch (error) {
      throw toEtcdError(error);
    } finally {
      stream.cancel();
    }
  }

  /** The answer is kept: a member that is newer than the one asked does no harm. */
  async #reliableProgress(): Promise<boolean> {
    this.#progressIsReliable ??= progressIsReliable((await this.status()).version);
    return this.#progressIsReliable;
  }

  /** Ends all connections; open watches end with `Unavailable`. */
  close(): void {
    this.#endpoints.close();
  }

  #read<Req, Res>(method: Method<Req, Res>, request: MessageInput<Req>, options?: CallOptions): Promise<Res> {
    return this.#call(method, request, options, true);
  }

  #write<Req, Res>(method: Method<Req, Res>, request: MessageInput<Req>, options?: CallOptions): Promise<Res> {
    return this.#call(method, request, options, false);
  }

  #call<Req, Res>(
    method: Method<Req, Res>,
    request: MessageInput<Req>,
    options: CallOptions | undefined,
    repeatable: boolean,
  ): Promise<Res> {
    return this.#endpoints.call(method, request, { signal: options?.signal, repeatable });
  }
}

function alarmsFromWire({ alarms }: Infer<typeof m.AlarmResponse>): readonly AlarmMember[] {
  return alarms.map(({ memberId, alarm }) => ({ memberId, alarm: alarmTypes[alarm] ?? 'none' }));
}

/** 48 random bits: safe as a number, and no two clients meet. */
const randomLeaseId = (): number => randomBytes(6).readUIntBE(0, 6) + 1;

/** Upstream: apiserver/pkg/storage/feature/feature_support_checker.go. */
export function progressIsReliable(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.+-]/).map(Number);
  if (major !== 3) return major > 3;
  if (minor === 4) return patch >= 31;
  if (minor === 5) return patch >= 13;
  return minor > 5;
}
