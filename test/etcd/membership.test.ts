import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { memoryStorage } from '../../src/etcd/index.ts';
import { openStorage } from '../../src/sqlite/index.ts';
import { b, keys, type Lab, lab, leaderOf, settle, tempDir } from './harness.ts';

const urls = (name: string) => ({ peerUrls: [`inproc://${name}`] });
const names = async ({ cluster }: Lab) => (await cluster.member().memberList()).members.map(({ name }) => name);
const put = (l: Lab, i: number, key: string, value = key) =>
  settle(l.clock, l.cluster.member(i).put({ key: b(key), value: b(value) }));
const idOf = ({ cluster }: Lab, name: string) => cluster.members.find((m) => m.name === name)!.id;

/** Adds a member and waits until it has all that the leader has. */
async function join3(l: Lab, name: string, isLearner = false): Promise<bigint> {
  const { cluster, clock } = l;
  const { member } = await settle(clock, cluster.anyMember().memberAdd({ ...urls(name), isLearner }));
  const all = () => cluster.members.map((m) => m.cursor.index);
  expect(await clock.advanceUntil(() => new Set(all()).size === 1, 20_000)).toBe(true);
  return member.id;
}

describe.each(['shared', 'own'] as const)('members come and go (%s stores)', (stores) => {
  test('one becomes three: the new ones get a snapshot, vote, and the first may crash', async () => {
    const l = await lab({ stores });
    const { cluster, clock } = l;
    for (let i = 0; i < 20; i++) await put(l, 0, `k${i}`);
    await join3(l, 'two');
    await join3(l, 'three');
    expect(await names(l)).toEqual(['m1', 'two', 'three']);
    for (let i = 0; i < 3; i++) expect(await keys(cluster.member(i))).toHaveLength(20);
    cluster.crash(0);
    await leaderOf(l);
    await put(l, 1, 'after');
    expect(await settle(clock, keys(cluster.member(2), false))).toHaveLength(21);
    cluster.restart(0);
    expect(
      await clock.advanceUntil(() => cluster.members[0]!.cursor.index === cluster.members[1]!.cursor.index, 20_000),
    ).toBe(true);
    const hashes = await Promise.all([0, 1, 2].map((i) => cluster.member(i).hashKV(0)));
    expect(new Set(hashes.map(({ hash }) => hash)).size).toBe(1);
  });

  test('a learner does not vote until it is promoted', async () => {
    const l = await lab({ stores });
    const { cluster, clock } = l;
    await put(l, 0, 'a');
    const id = await join3(l, 'learner', true);
    expect((await cluster.member(1).status()).isLearner).toBe(true);
    // Not part of the majority: the one voter writes without it.
    cluster.crash(1);
    await put(l, 0, 'b');
    expect(await keys(cluster.member(0), false)).toEqual(['a=a', 'b=b']);
    cluster.restart(1);
    await clock.advanceUntil(() => cluster.members[1]!.cursor.index === cluster.members[0]!.cursor.index, 20_000);
    await settle(clock, cluster.member().memberPromote(id));
    expect((await cluster.member(0).memberList()).members.map(({ isLearner }) => isLearner)).toEqual([false, false]);
    // Now it is: nothing is written without it.
    cluster.crash(1);
    await expect(put(l, 0, 'c')).rejects.toMatchObject({ code: 'Unavailable' });
  });

  test('the leader is removed, the rest elect another and go on', async () => {
    const l = await lab({ stores, members: 3 });
    const { cluster, clock } = l;
    await put(l, 0, 'a');
    const leader = await leaderOf(l);
    const gone = cluster.member(leader);
    await settle(clock, gone.memberRemove(gone.memberId));
    expect(await clock.advanceUntil(() => cluster.size === 2 && cluster.leaderIndex() !== undefined, 20_000)).toBe(
      true,
    );
    expect(gone.running).toBe(false);
    await expect(gone.put({ key: b('x'), value: b('x') })).rejects.toThrow('etcdserver: server stopped');
    await put(l, 0, 'b');
    await put(l, 1, 'c');
    expect(await keys(cluster.member(0))).toEqual(['a=a', 'b=b', 'c=c']);
  });

  test('two become one again, whichever is removed', async () => {
    for (const which of [0, 1]) {
      const l = await lab({ stores });
      const { cluster, clock } = l;
      await put(l, 0, 'a');
      await join3(l, 'two');
      const { memberId } = cluster.member(which);
      await settle(clock, cluster.anyMember().memberRemove(memberId));
      expect(await clock.advanceUntil(() => cluster.size === 1 && cluster.leaderIndex() === 0, 20_000)).toBe(true);
      await settle(clock, cluster.anyMember().put({ key: b('b'), value: b('b') }));
      expect(await keys(cluster.member())).toEqual(['a=a', 'b=b']);
    }
  });

  test('a watch of the API server’s kind goes on when its member is removed', async () => {
    const l = await lab({ stores });
    const { cluster, clock } = l;
    const watch = cluster.anyMember().watch({ key: b('k') });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { events } of watch) seen.push(...events.map(({ kv }) => String(kv.value)));
    })();
    await put(l, 0, 'k', '1');
    await join3(l, 'two');
    await settle(clock, cluster.anyMember().memberRemove(idOf(l, 'm1')));
    await clock.advanceUntil(() => cluster.size === 1 && cluster.leaderIndex() === 0, 20_000);
    await settle(clock, cluster.anyMember().put({ key: b('k'), value: b('2') }));
    expect(await clock.advanceUntil(() => seen.length === 2, 20_000)).toBe(true);
    watch.cancel();
    await reading;
    expect(seen).toEqual(['1', '2']);
  });
});

describe('etcd’s refusals', () => {
  test('bad, missing and taken peer addresses', async () => {
    const l = await lab();
    const add = (...peerUrls: string[]) => settle(l.clock, l.cluster.member().memberAdd({ peerUrls }));
    const bad = { code: 'InvalidArgument', message: 'etcdserver: given member URLs are invalid' };
    for (const url of ['', 'localhost', 'http://host', 'http://host:1/path', 'ftp://host:1', 'inproc://']) {
      await expect(add(url), url).rejects.toMatchObject(bad);
    }
    await expect(add()).rejects.toMatchObject(bad);
    await expect(add('inproc://m1')).rejects.toMatchObject({
      code: 'FailedPrecondition',
      message: 'etcdserver: Peer URLs already exists',
    });
    expect(l.cluster.size).toBe(1);
  });

  test('a second learner, a voter promoted, a learner that lags', async () => {
    const l = await lab({ members: 3 });
    const { cluster, clock } = l;
    await leaderOf(l);
    const leader = cluster.member(cluster.leaderIndex()!);
    for (let i = 0; i < 30; i++) await settle(clock, leader.put({ key: b('k'), value: b(`${i}`) }));
    await expect(settle(clock, leader.memberPromote(leader.memberId))).rejects.toThrow(
      'etcdserver: can only promote a learner member',
    );
    const { member } = await settle(clock, leader.memberAdd({ ...urls('l1'), isLearner: true }));
    expect(member).toMatchObject({ name: '', isLearner: true, peerUrls: ['inproc://l1'] });
    // Just started, it has nothing yet.
    await expect(settle(clock, leader.memberPromote(member.id))).rejects.toMatchObject({
      code: 'FailedPrecondition',
      message: 'etcdserver: can only promote a learner member which is in sync with leader',
    });
    await expect(settle(clock, leader.memberAdd({ ...urls('l2'), isLearner: true }))).rejects.toMatchObject({
      code: 'FailedPrecondition',
      message: 'etcdserver: too many learner members in cluster',
    });
    await expect(leader.moveLeader(member.id)).rejects.toThrow('etcdserver: bad leader transferee');
    await clock.advance(1000);
    await settle(clock, leader.memberPromote(member.id));
    expect(cluster.size).toBe(4);
  });

  test('members nobody knows, and those removed before', async () => {
    const l = await lab({ members: 3 });
    await leaderOf(l);
    const api = l.cluster.member();
    const unknown = { code: 'NotFound', message: 'etcdserver: member not found' };
    for (const call of [
      () => api.memberRemove(7n),
      () => api.memberPromote(7n),
      () => api.memberUpdate(7n, ['http://a:1']),
    ]) {
      await expect(settle(l.clock, call())).rejects.toMatchObject(unknown);
    }
    const id = l.cluster.member(2).memberId;
    await settle(l.clock, api.memberRemove(id));
    await expect(settle(l.clock, api.memberRemove(id))).rejects.toMatchObject(unknown);
  });

  test('the last member stays; a minority is not made the majority', async () => {
    const one = await lab();
    const only = one.cluster.member();
    await expect(settle(one.clock, only.memberRemove(only.memberId))).rejects.toMatchObject({
      code: 'FailedPrecondition',
      message: 'etcdserver: re-configuration failed due to not enough started members',
    });
    const l = await lab({ members: 3 });
    const leader = await leaderOf(l);
    const down = (leader + 1) % 3;
    l.cluster.crash(down);
    const api = l.cluster.member(leader);
    const unhealthy = { code: 'Unavailable', message: 'etcdserver: unhealthy cluster' };
    await expect(settle(l.clock, api.memberAdd(urls('four')))).rejects.toMatchObject(unhealthy);
    await expect(settle(l.clock, api.memberRemove(l.cluster.member((leader + 2) % 3).memberId))).rejects.toMatchObject(
      unhealthy,
    );
    // The one that is down may go.
    await settle(l.clock, api.memberRemove(l.cluster.member(down).memberId));
    expect(l.cluster.size).toBe(2);
  });

  test('peer addresses change, and are anybody’s once', async () => {
    const l = await lab({ members: 3 });
    await leaderOf(l);
    const api = l.cluster.member();
    const { members } = await settle(l.clock, api.memberUpdate(api.memberId, ['http://10.0.0.1:2380']));
    expect(members[0]!.peerUrls).toEqual(['http://10.0.0.1:2380']);
    await expect(
      settle(l.clock, api.memberUpdate(l.cluster.member(1).memberId, ['http://10.0.0.1:2380'])),
    ).rejects.toThrow('etcdserver: Peer URLs already exists');
  });
});

test('who belongs to the cluster survives a restart, and so does a member that was cut off while it joined', async () => {
  const path = join(tempDir(), 'cluster.db');
  const first = await lab({ storage: openStorage({ path }) });
  await put(first, 0, 'a');
  await join3(first, 'two');
  await join3(first, 'three');
  await settle(first.clock, first.cluster.anyMember().memberRemove(idOf(first, 'two')));
  first.cluster.transport.partition([4]);
  await settle(first.clock, first.cluster.anyMember().memberAdd({ ...urls('four'), isLearner: true }));
  const known = (await first.cluster.member().memberList()).members.map(({ id, peerUrls }) => ({ id, peerUrls }));
  await first.cluster.close();

  const again = await lab({ storage: openStorage({ path }) });
  const { members } = await again.cluster.member().memberList();
  expect(members.map(({ id, peerUrls }) => ({ id, peerUrls }))).toEqual(known);
  expect(members.map(({ name }) => name)).toEqual(['m1', 'three', 'four']);
  await leaderOf(again);
  await put(again, 0, 'b');
  expect(
    await again.clock.advanceUntil(() => new Set(again.cluster.members.map((m) => m.cursor.index)).size === 1, 20_000),
  ).toBe(true);
  expect(await keys(again.cluster.member(2))).toEqual(['a=a', 'b=b']);
  expect(
    again.cluster
      .member(0)
      .raftLog()
      .map(({ summary }) => summary),
  ).toEqual(expect.arrayContaining([expect.stringMatching(/^add member three \([0-9a-f]+\)$/)]));
  // An ID is never given twice.
  await settle(again.clock, again.cluster.anyMember().memberRemove(idOf(again, 'four')));
  const { member } = await settle(again.clock, again.cluster.anyMember().memberAdd({ peerUrls: ['http://h:1'] }));
  expect(again.cluster.members.at(-1)).toMatchObject({ index: 5, id: member.id, name: 'm5' });
});

test('one of two that never heard of the other’s removal leads after a restart', async () => {
  const path = join(tempDir(), 'cluster.db');
  const l = await lab({ storage: openStorage({ path }) });
  await put(l, 0, 'a');
  await join3(l, 'two');
  const leader = l.cluster.leaderIndex()!;
  const [gone, stays] = [l.cluster.members[leader]!, l.cluster.members[1 - leader]!];
  // Its answers arrive, what the leader says next does not.
  l.cluster.transport.setLink(gone.index, stays.index, { delayMs: 50 });
  const removed = settle(l.clock, l.cluster.member(leader).memberRemove(gone.id));
  await l.clock.advanceUntil(() => gone.machine.membership.members.length === 1, 20_000);
  await l.cluster.close();
  await removed.catch(() => {});

  const again = await lab({ storage: openStorage({ path }) });
  expect(again.cluster.size).toBe(1);
  expect(again.cluster.leaderIndex()).toBe(0);
  await put(again, 0, 'b');
  expect(await keys(again.cluster.member())).toEqual(['a=a', 'b=b']);
});

test('a change that lost a race is refused on every member, also after a restart', async () => {
  const path = join(tempDir(), 'cluster.db');
  const l = await lab({ storage: openStorage({ path }), members: 3 });
  await leaderOf(l);
  // Proposed past the checks, as two members of an etcd can: both add a learner.
  const member = (index: number) => ({ index, id: `${index}`, name: `n${index}`, peerUrls: [`http://h:${index}`] });
  const learner = (index: number) => ({ op: 'add' as const, member: { ...member(index), isLearner: true } });
  const at = l.cluster.members[l.cluster.leaderIndex()!]!;
  await settle(l.clock, at.propose({ kind: 'member', change: learner(4) }, undefined));
  await expect(settle(l.clock, at.propose({ kind: 'member', change: learner(5) }, undefined))).rejects.toThrow(
    'etcdserver: too many learner members in cluster',
  );
  await l.clock.advance(2000);
  for (const m of l.cluster.members) {
    expect(m.node!.status().confState).toEqual({ voters: [1, 2, 3], learners: [4] });
  }
  await l.cluster.close();
  const again = await lab({ storage: openStorage({ path }) });
  for (const m of again.cluster.members) {
    expect(m.node!.status().confState).toEqual({ voters: [1, 2, 3], learners: [4] });
  }
});

test('changes asked for all at once, and while a leader is elected, all happen', async () => {
  const l = await lab({ members: 3 });
  const { cluster, clock } = l;
  const leader = await leaderOf(l);
  cluster.crash(leader);
  const rest = [0, 1, 2].filter((i) => i !== leader);
  const removal = cluster.member(rest[0]).memberRemove(cluster.members[leader]!.id);
  const adding = Promise.all(['x', 'y', 'z'].map((name, i) => cluster.member(rest[i % 2]).memberAdd(urls(name))));
  const updating = cluster.member(rest[1]).memberUpdate(cluster.member(rest[1]).memberId, ['http://h:1']);
  await settle(clock, Promise.all([removal, adding, updating]));
  expect((await names(l)).slice(-3)).toEqual(['x', 'y', 'z']);
  expect(cluster.size).toBe(5);
});

test('a commit that fails takes the change of members with it', async () => {
  const storage = memoryStorage();
  const l = await lab({ storage });
  const { commit } = storage;
  storage.commit = () => {
    storage.commit = commit;
    throw Object.assign(new Error('full'), { code: 'NoSpace' });
  };
  storage.rollback = () => {};
  await expect(settle(l.clock, l.cluster.member().memberAdd(urls('two')))).rejects.toThrow(
    'etcdserver: mvcc: database space exceeded',
  );
  expect(l.cluster.size).toBe(1);
  expect((await l.cluster.member().memberList()).members).toHaveLength(1);
});
