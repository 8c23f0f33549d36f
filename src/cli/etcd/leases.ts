/** `klab etcd lease …`: etcdctl's words. Upstream: etcdctl/ctlv3/command/lease_command.go. */
import { wallClock } from '../../base/index.ts';
import type { LeaseId, RemoteKV } from '../../etcd/index.ts';
import { UserError } from '../exit-codes.ts';
import { printData } from '../output.ts';
import { type EtcdIo, type EtcdOutput, text } from './keys.ts';
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

/**
 * Renews a lease, a line each time: once, or three times in its life until it is interrupted or the lease has ended, as
 * etcd's client does.
 */
export async function etcdLeaseKeepAlive(kv: RemoteKV, lease: string, once: boolean, io: EtcdIo): Promise<void> {
  const id = parseLease(lease);
  const { signal } = io;
  while (!signal?.aborted) {
    try {
      const { ttl } = await kv.leaseKeepAlive(id, { signal });
      if (ttl <= 0 && once) throw new UserError('etcdserver: requested lease not found');
      if (ttl <= 0) {
        io.print(`lease ${hex(id)} expired or revoked.`);
        return;
      }
      io.print(`lease ${hex(id)} keepalived with TTL(${ttl})`);
      if (once) return;
      await wallClock.sleep((ttl * 1000) / 3, signal);
    } catch (error) {
      if (!signal?.aborted || once) throw error;
    }
  }
}

export async function etcdLeaseRevoke(kv: RemoteKV, lease: string, io: EtcdIo): Promise<void> {
  const id = parseLease(lease);
  await kv.leaseRevoke(id, { signal: io.signal });
  io.print(`lease ${hex(id)} revoked`);
}

export async function etcdLeaseList(kv: RemoteKV, output: EtcdOutput, io: EtcdIo): Promise<void> {
  const leases = (await kv.leases({ signal: io.signal })).map(hex);
  if (output === 'simple') io.print([`found ${leases.length} leases`, ...leases].join('\n'));
  else io.print(printData(leases, output));
}

export async function etcdLeaseTimeToLive(
  kv: RemoteKV,
  { lease, keys, output }: { readonly lease: string; readonly keys: boolean; readonly output: EtcdOutput },
  io: EtcdIo,
): Promise<void> {
  const id = parseLease(lease);
  const found = await kv.leaseTimeToLive(id, keys, { signal: io.signal });
  const { ttl, grantedTtl } = found;
  const names = found.keys.map(text);
  if (output !== 'simple') {
    io.print(printData({ id: hex(id), ttl, grantedTtl, ...(keys && { keys: names }) }, output));
    return;
  }
  if (grantedTtl === 0 && ttl === -1) io.print(`lease ${hex(id)} already expired`);
  else {
    const attached = keys ? `, attached keys([${names.join(' ')}])` : '';
    io.print(`lease ${hex(id)} granted with TTL(${grantedTtl}s), remaining(${ttl}s)${attached}`);
  }
}
