/** `klab etcd endpoint|defrag|alarm|move-leader`. Upstream: etcdctl/ctlv3/command/{ep,defrag,alarm,move_leader}_command.go. */
import { wallClock } from '../../base/index.ts';
import { EtcdError, type RemoteKV } from '../../etcd/index.ts';
import { UserError } from '../exit-codes.ts';
import { printData } from '../output.ts';
import { connectEtcd, type EtcdAddress } from './connection.ts';
import type { EtcdIo, EtcdOutput } from './keys.ts';
import { parseMemberId } from './members.ts';

/** How long a member may take to answer before it is unhealthy. Upstream: etcdctl's command timeout. */
const healthTimeoutMs = 5000;

const hex = (id: bigint): string => id.toString(16);

/** The same on each endpoint, each over a connection of its own. */
export function onEachEndpoint<T>(
  address: EtcdAddress,
  work: (kv: RemoteKV, endpoint: string) => Promise<T>,
): Promise<T[]> {
  return Promise.all(
    address.endpoints.map(async (endpoint) => {
      const kv = await connectEtcd({ ...address, endpoints: [endpoint] });
      try {
        return await work(kv, endpoint);
      } finally {
        kv.close();
      }
    }),
  );
}

/** All members' client URLs instead of those given. */
export async function wholeCluster(address: EtcdAddress, signal?: AbortSignal): Promise<EtcdAddress> {
  const kv = await connectEtcd(address);
  try {
    const { members } = await kv.memberList({ signal });
    return { ...address, endpoints: members.flatMap(({ clientUrls }) => clientUrls) };
  } finally {
    kv.close();
  }
}

const milliseconds = (ms: number): string => `${ms.toFixed(6)}ms`;

/** Can each member read and write? @throws UserError when one cannot, after all have been told of */
export async function etcdHealth(address: EtcdAddress, output: EtcdOutput, io: EtcdIo): Promise<void> {
  const found = await onEachEndpoint(address, async (kv, endpoint) => {
    const begun = wallClock.monotonic();
    const limit = AbortSignal.timeout(healthTimeoutMs);
    const signal = io.signal ? AbortSignal.any([io.signal, limit]) : limit;
    const error = await health(kv, signal).catch((cause: Error) => cause.message);
    io.signal?.throwIfAborted();
    const took = milliseconds(wallClock.monotonic() - begun);
    return { endpoint, health: error === undefined, took, ...(error !== undefined && { error }) };
  });
  if (output === 'simple') {
    for (const { endpoint, health, took, error } of found) {
      io.print(
        health
          ? `${endpoint} is healthy: successfully committed proposal: took = ${took}`
          : `${endpoint} is unhealthy: failed to commit proposal: ${error}`,
      );
    }
  } else io.print(printData(found, output));
  if (found.some(({ health }) => !health)) throw new UserError('unhealthy cluster');
}

/** Why not, if it is not. A linearizable read needs a quorum; an account that may not read has been answered all the same. */
async function health(kv: RemoteKV, signal: AbortSignal): Promise<string | undefined> {
  try {
    await kv.range({ key: Buffer.from('health') }, { signal });
  } catch (error) {
    if (!(error instanceof EtcdError) || error.message !== 'etcdserver: permission denied') throw error;
  }
  const alarms = await kv.alarms({ signal });
  return alarms.length === 0
    ? undefined
    : `Active Alarm(s): ${alarms.map(({ alarm }) => alarm.toUpperCase()).join(', ')}`;
}

export async function etcdHashKV(
  address: EtcdAddress,
  { revision, output }: { readonly revision: number; readonly output: EtcdOutput },
  io: EtcdIo,
): Promise<void> {
  const found = await onEachEndpoint(address, async (kv, endpoint) => {
    const { hash, compactRevision, hashRevision } = await kv.hashKV(revision, { signal: io.signal });
    return { endpoint, hash, compactRevision, hashRevision };
  });
  if (output !== 'simple') io.print(printData(found, output));
  else for (const { endpoint, hash } of found) io.print(`${endpoint}, ${hash}`);
}

/** Gives the space of what is gone back to the file system. @throws UserError when one member could not, after all were asked */
export async function etcdDefragment(address: EtcdAddress, io: EtcdIo): Promise<void> {
  let failed = 0;
  // One after the other: a member may not answer meanwhile.
  for (const endpoint of address.endpoints) {
    const kv = await connectEtcd({ ...address, endpoints: [endpoint] });
    try {
      await kv.defragment({ signal: io.signal });
      io.print(`Finished defragmenting etcd member[${endpoint}]`);
    } catch (error) {
      io.signal?.throwIfAborted();
      failed++;
      io.say(`Failed to defragment etcd member[${endpoint}] (${(error as Error).message})`);
    } finally {
      kv.close();
    }
  }
  if (failed > 0) throw new UserError(`${failed} of ${address.endpoints.length} members were not defragmented`);
}

/** Alarms that are on, or those that it ends. */
export async function etcdAlarms(kv: RemoteKV, verb: 'list' | 'disarm', output: EtcdOutput, io: EtcdIo): Promise<void> {
  const options = { signal: io.signal };
  const alarms = verb === 'list' ? await kv.alarms(options) : await kv.disarmAlarms(options);
  if (output !== 'simple') {
    io.print(
      printData(
        alarms.map(({ memberId, alarm }) => ({ memberId: hex(memberId), alarm })),
        output,
      ),
    );
  } else {
    for (const { memberId, alarm } of alarms) io.print(`memberID:${memberId} alarm:${alarm.toUpperCase()} `);
  }
}

/** `to`: a member's ID, or its name. */
export async function etcdMoveLeader(address: EtcdAddress, to: string, io: EtcdIo): Promise<void> {
  const options = { signal: io.signal };
  const moved = await onEachEndpoint(address, async (kv) => {
    const { header, leader } = await kv.status(options);
    if (header.memberId !== leader) return undefined;
    const { members } = await kv.memberList(options);
    const target = members.find(({ name }) => name !== '' && name === to)?.id ?? parseMemberId(to);
    await kv.moveLeader(target, options);
    return `Leadership transferred from ${hex(leader)} to ${hex(target)}`;
  });
  const done = moved.find((words) => words !== undefined);
  if (done === undefined) throw new UserError(`no leader endpoint given at ${address.endpoints.join(',')}`);
  io.print(done);
}
