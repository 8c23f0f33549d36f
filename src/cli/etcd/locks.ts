/** `klab etcd lock|elect`: etcdctl's words, over etcd's Lock and Election services. Upstream: etcdctl/ctlv3/command/{lock,elect}_command.go. */
import { wallClock } from '../../base/index.ts';
import type { LeaseId, RemoteKV } from '../../etcd/index.ts';
import { UserError } from '../exit-codes.ts';
import { type EtcdIo, text } from './keys.ts';

/** Runs a program with more in its environment; its exit code. */
export type RunProgram = (words: readonly string[], env: Readonly<Record<string, string>>) => Promise<number>;

/**
 * Holds a lock until interrupted, or while a program runs, and gives it back. The lease of `ttl` seconds is kept alive
 * meanwhile; who dies loses the lock when it ends. Returns the program's exit code, else 0.
 */
export async function etcdLock(
  kv: RemoteKV,
  { name, ttl, program }: { readonly name: string; readonly ttl: number; readonly program: readonly string[] },
  run: RunProgram,
  io: EtcdIo,
): Promise<number> {
  return withLease(kv, ttl, io, async (lease, lost, signal) => {
    const { key, revision } = await kv.locks.lock(Buffer.from(name), lease, { signal });
    try {
      if (program.length > 0) return await run(program, { ETCD_LOCK_KEY: text(key), ETCD_LOCK_REV: String(revision) });
      io.print(text(key));
      await held(lost, io.signal);
      return 0;
    } finally {
      await kv.locks.unlock(key).catch(() => {});
    }
  });
}

/** Campaigns with a proposal, leads until interrupted, and resigns. Prints the leader's key and proposal once elected. */
export async function etcdElect(
  kv: RemoteKV,
  { election, proposal, ttl }: { readonly election: string; readonly proposal: string; readonly ttl: number },
  io: EtcdIo,
): Promise<void> {
  await withLease(kv, ttl, io, async (lease, lost, signal) => {
    const leader = await kv.locks.campaign(Buffer.from(election), Buffer.from(proposal), lease, { signal });
    try {
      io.print(`${text(leader.key)}\n${proposal}`);
      await held(lost, io.signal);
    } finally {
      await kv.locks.resign(leader).catch(() => {});
    }
  });
}

/** Key and proposal of whoever leads, until interrupted. */
export async function etcdObserve(kv: RemoteKV, election: string, io: EtcdIo): Promise<void> {
  try {
    for await (const { key, value } of kv.locks.observe(Buffer.from(election), { signal: io.signal })) {
      io.print(`${text(key)}\n${text(value)}`);
    }
  } catch (error) {
    if (!io.signal?.aborted) throw error;
  }
}

/** Until the user interrupts. @throws UserError when the lease is lost first */
async function held(lost: AbortSignal, interrupted: AbortSignal | undefined): Promise<void> {
  const either = interrupted ? AbortSignal.any([lost, interrupted]) : lost;
  if (!either.aborted)
    await new Promise<void>((resolve) => either.addEventListener('abort', () => resolve(), { once: true }));
  if (lost.aborted && !interrupted?.aborted) throw new UserError('session expired');
}

/** A lease that lives as long as the work; `signal` ends what waits for others when the user interrupts. */
async function withLease<T>(
  kv: RemoteKV,
  ttl: number,
  io: EtcdIo,
  work: (lease: LeaseId, lost: AbortSignal, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { id } = await kv.leaseGrant({ ttl }, { signal: io.signal });
  const lost = new AbortController();
  const done = new AbortController();
  const renewing = (async () => {
    try {
      for (;;) {
        await wallClock.sleep((ttl * 1000) / 3, done.signal);
        const { ttl: left } = await kv.leaseKeepAlive(id, { signal: done.signal });
        if (left <= 0) break;
      }
    } catch {
      // The server went, or the work is done.
    }
    lost.abort();
  })();
  try {
    return await work(id, lost.signal, io.signal ? AbortSignal.any([io.signal, lost.signal]) : lost.signal);
  } finally {
    done.abort();
    await renewing;
    await kv.leaseRevoke(id).catch(() => {});
  }
}
