/** `klab etcd lease grant|keep-alive|revoke`: etcdctl's words. Upstream: etcdctl/ctlv3/command/lease_command.go. */
import type { LeaseId, RemoteKV } from '../../etcd/index.ts';
import { UserError } from '../exit-codes.ts';
import type { EtcdIo } from './keys.ts';
import { parseLease } from './lease-id.ts';

/** As Go prints an int64 with %016x. */
const hex = (id: LeaseId) => id.toString(16).padStart(16, '0');

/** `ttl` in seconds of the cluster's clock; `idOnly` prints nothing but the ID, for scripts. */
export async function etcdLeaseGrant(kv: RemoteKV, ttl: string, idOnly: boolean, io: EtcdIo): Promise<void> {
  if (!/^\d+$/.test(ttl)) throw new UserError(`bad TTL (${ttl})`, 2);
  const granted = await kv.leaseGrant({ ttl: Number(ttl) }, { signal: io.signal });
  const id = hex(granted.id);
  io.print(idOnly ? id : `lease ${id} granted with TTL(${granted.ttl}s)`);
}

export async function etcdLeaseKeepAliveOnce(kv: RemoteKV, lease: string, io: EtcdIo): Promise<void> {
  const id = parseLease(lease);
  const { ttl } = await kv.leaseKeepAlive(id, { signal: io.signal });
  if (ttl <= 0) throw new UserError(`lease ${hex(id)} expired or revoked.`);
  io.print(`lease ${hex(id)} keepalived with TTL(${ttl})`);
}

export async function etcdLeaseRevoke(kv: RemoteKV, lease: string, io: EtcdIo): Promise<void> {
  const id = parseLease(lease);
  await kv.leaseRevoke(id, { signal: io.signal });
  io.print(`lease ${hex(id)} revoked`);
}
