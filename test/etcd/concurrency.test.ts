/** etcd's Lock and Election services through the door. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EtcdDoor, serveEtcd } from '../../src/etcd/index.ts';
import { electionService, lockService } from '../../src/etcd/v3/concurrency.ts';
import { GrpcChannel } from '../../src/wire/index.ts';
import { type TestCluster, testEtcd } from '../helpers/etcd.ts';

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const text = (data: Uint8Array | undefined) => Buffer.from(data ?? []).toString();

let etcd: TestCluster;
let door: EtcdDoor;
let channel: GrpcChannel;
beforeAll(async () => {
  etcd = await testEtcd('memory');
  door = await serveEtcd(etcd.cluster.member());
  channel = new GrpcChannel(door.url);
});
afterAll(async () => {
  channel.close();
  await door.close();
  await etcd.close();
});

const lease = async () => (await etcd.cluster.member().leaseGrant({ ttl: 100 })).id;
const keys = async (prefix: string) => {
  const { kvs } = await etcd.cluster.member().range({ key: bytes(prefix), rangeEnd: bytes(`${prefix}~`) });
  return kvs.map(({ key }) => text(key));
};

test('a lock is held by one; the next gets it when it is unlocked, in the order of asking', async () => {
  const name = bytes('mutex');
  const leases = [await lease(), await lease(), await lease()];
  const first = await channel.unary(lockService.lock, { name, lease: leases[0] });
  expect(text(first.key)).toBe(`mutex/${leases[0]!.toString(16)}`);
  const order: string[] = [];
  const second = channel.unary(lockService.lock, { name, lease: leases[1] }).then(({ key }) => {
    order.push('second');
    return key;
  });
  await expect.poll(() => keys('mutex/')).toHaveLength(2);
  const third = channel.unary(lockService.lock, { name, lease: leases[2] }).then(() => order.push('third'));
  await expect.poll(() => keys('mutex/')).toHaveLength(3);
  expect(order).toEqual([]);
  await channel.unary(lockService.unlock, { key: first.key });
  const held = await second;
  expect(order).toEqual(['second']);
  // A lock is also given up with its lease.
  expect(text(held)).toContain(leases[1]!.toString(16));
  await etcd.cluster.member().leaseRevoke(leases[1]!);
  await third;
  expect(order).toEqual(['second', 'third']);
});

test('asking again with the same lease gives the same lock, asking without one makes a lease', async () => {
  const mine = await lease();
  const name = bytes('again');
  const one = await channel.unary(lockService.lock, { name, lease: mine });
  expect(await channel.unary(lockService.lock, { name, lease: mine })).toMatchObject({ key: one.key });
  const { key } = await channel.unary(lockService.lock, { name: bytes('fresh') });
  const id = Number.parseInt(text(key).split('/')[1]!, 16);
  expect(await etcd.cluster.member().leaseTimeToLive(id)).toMatchObject({ grantedTtl: 60 });
});

test('who stops waiting leaves the queue', async () => {
  const name = bytes('impatient');
  await channel.unary(lockService.lock, { name, lease: await lease() });
  const abort = new AbortController();
  const waiting = channel.unary(lockService.lock, { name, lease: await lease() }, { signal: abort.signal });
  waiting.catch(() => {});
  await expect.poll(() => keys('impatient/')).toHaveLength(2);
  abort.abort();
  await expect(waiting).rejects.toThrow();
  await expect.poll(() => keys('impatient/')).toHaveLength(1);
});

test('an election: the first campaign leads, proclaims, is observed, resigns; then the next leads', async () => {
  const name = bytes('election');
  await expect(channel.unary(electionService.leader, { name })).rejects.toThrow('election: no leader');
  const observer = await channel.open(electionService.observe);
  observer.write({ name });
  const next = async () => text((await observer.next())?.kv?.value);
  const a = (await channel.unary(electionService.campaign, { name, lease: await lease(), value: bytes('a') })).leader!;
  expect(await next()).toBe('a');
  const b = channel.unary(electionService.campaign, { name, lease: await lease(), value: bytes('b') });
  await expect.poll(() => keys('election/')).toHaveLength(2);
  expect(text((await channel.unary(electionService.leader, { name })).kv!.value)).toBe('a');
  await channel.unary(electionService.proclaim, { leader: a, value: bytes('a2') });
  expect(await next()).toBe('a2');
  await channel.unary(electionService.resign, { leader: a });
  expect((await b).leader!.rev).toBeGreaterThan(a.rev);
  expect(await next()).toBe('b');
  await expect(channel.unary(electionService.proclaim, { leader: a, value: bytes('a3') })).rejects.toThrow(
    'election: not leader',
  );
  await expect(channel.unary(electionService.proclaim, {})).rejects.toThrow('"leader" field must be provided');
  observer.cancel();
});
