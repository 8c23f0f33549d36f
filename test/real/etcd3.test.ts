/** The npm client etcd3: one body on klab's door and on Debian's etcd. */
import { Etcd3, type IOptions, isRecoverableError, Range } from 'etcd3';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { serveEtcd } from '../../src/etcd/index.ts';
import { testEtcd } from '../helpers/etcd.ts';
import { etcdInstalled, mustHave, startRealEtcd } from '../helpers/real-etcd.ts';

interface Subject {
  readonly url: string;
  /** Closes every connection and listens again on the same port. */
  readonly restart?: () => Promise<void>;
  close(): Promise<void>;
}

const ours = (members: number) => async (): Promise<Subject> => {
  const { cluster, close } = await testEtcd('sqlite', { members });
  let door = await serveEtcd(cluster.member());
  const { port, url } = door;
  return {
    url,
    restart: async () => {
      await door.close();
      door = await serveEtcd(cluster.member(), { port });
    },
    close: async () => {
      await door.close();
      await close();
    },
  };
};

const real = async (): Promise<Subject> => {
  const etcd = await startRealEtcd();
  return { url: etcd.url, close: () => etcd.stop() };
};

const subjects: [string, () => Promise<Subject>, boolean][] = [
  ['klab, one member', ours(1), true],
  ['klab, three members', ours(3), true],
  ["Debian's etcd", real, mustHave('etcd', etcdInstalled)],
];

describe.each(subjects.filter(([, , possible]) => possible))('etcd3 on %s', (_name, start) => {
  let subject: Subject;
  let client: Etcd3;
  const connect = (options: Partial<IOptions> = {}) => new Etcd3({ hosts: subject.url, ...options });
  beforeAll(async () => {
    subject = await start();
    client = connect();
  }, 30_000);
  afterAll(async () => {
    client?.close();
    await subject?.close();
  });

  test('put, get in every type, exists, previous, touch, delete', async () => {
    await client.put('a').value('1');
    expect(await client.get('a')).toBe('1');
    expect(await client.get('a').number()).toBe(1);
    expect(await client.get('a').buffer()).toEqual(Buffer.from('1'));
    await client.put('j').value(JSON.stringify({ deep: [1] }));
    expect(await client.get('j').json()).toEqual({ deep: [1] });
    expect([await client.get('a').exists(), await client.get('none').exists()]).toEqual([true, false]);
    expect(await client.get('none')).toBeNull();
    const previous = await client.put('a').value('2').getPrevious();
    expect(previous.value.toString()).toBe('1');
    await client.put('a').touch();
    expect((await client.get('a').exec()).kvs[0]).toMatchObject({ version: '3', value: Buffer.from('2') });
    expect((await client.delete().key('a').getPrevious()).map(({ value }) => value.toString())).toEqual(['2']);
    expect((await client.delete().key('a')).deleted).toBe('0');
    await expect(client.put('none').touch()).rejects.toThrow('etcdserver: key not found');
    await expect(client.put('').value('x')).rejects.toThrow('etcdserver: key is not provided');
  });

  test('getAll: prefixes, ranges, limits, order, counts, revisions', async () => {
    const revision: string[] = [];
    for (const [key, value] of [
      ['r/b', '1'],
      ['r/a', '3'],
      ['r/c', '2'],
    ] as const) {
      revision.push((await client.put(key).value(value)).header.revision);
    }
    const all = () => client.getAll().prefix('r/');
    expect(await all().strings()).toEqual({ 'r/a': '3', 'r/b': '1', 'r/c': '2' });
    expect(await all().numbers()).toEqual({ 'r/a': 3, 'r/b': 1, 'r/c': 2 });
    expect(await all().sort('Value', 'Descend').keys()).toEqual(['r/a', 'r/c', 'r/b']);
    expect(await all().sort('Mod', 'Ascend').limit(2).keys()).toEqual(['r/b', 'r/a']);
    expect(await all().count()).toBe(3);
    expect(await client.getAll().inRange({ start: 'r/a', end: 'r/c' }).keys()).toEqual(['r/a', 'r/b']);
    expect(await all().minModRevision(revision[1]!).keys()).toEqual(['r/a', 'r/c']);
    expect(await all().maxCreateRevision(revision[0]!).keys()).toEqual(['r/b']);
    expect(await all().revision(revision[1]!).serializable(true).keys()).toEqual(['r/a', 'r/b']);
    await expect(all().revision('999999').keys()).rejects.toThrow('required revision is a future revision');
    expect((await client.delete().prefix('r/')).deleted).toBe('3');
  });

  test('transactions: if, then, else, with ranges and deletions in them', async () => {
    await client.put('t').value('1');
    const swap = (from: string, to: string) =>
      client
        .if('t', 'Value', '==', from)
        .and('t', 'Version', '>', 0)
        .then(client.put('t').value(to), client.get('t'))
        .else(client.get('t'))
        .commit();
    const done = await swap('1', '2');
    expect(done.succeeded).toBe(true);
    expect(done.responses[1]!.response_range.kvs[0]!.value.toString()).toBe('2');
    const refused = await swap('1', '3');
    expect(refused.succeeded).toBe(false);
    expect(refused.responses[0]!.response_range.kvs[0]!.value.toString()).toBe('2');
    const gone = await client.if('t', 'Create', '!=', 0).then(client.delete().key('t')).commit();
    expect(gone.responses[0]!.response_delete_range.deleted).toBe('1');
    await expect(
      client.if('x', 'Version', '==', 0).then(client.put('d').value('1'), client.put('d').value('2')).commit(),
    ).rejects.toThrow('etcdserver: duplicate key given in txn request');
  });

  test('software transactions see one state, and try again when it changed', async () => {
    await client.put('stm').value('1');
    let runs = 0;
    await client.stm({ retries: 5 }).transact(async (tx) => {
      const now = Number(await tx.get('stm'));
      if (runs++ === 0) await client.put('stm').value('10');
      await tx.put('stm').value(String(now + 1));
    });
    expect([runs, await client.get('stm').number()]).toEqual([2, 11]);
  });

  test('namespaces keep to themselves', async () => {
    const space = client.namespace('space/');
    await space.put('k').value('inner');
    expect(await client.get('space/k')).toBe('inner');
    expect(await space.getAll().keys()).toEqual(['k']);
    await space.delete().all();
    expect(await client.getAll().prefix('space/').count()).toBe(0);
  });

  test('leases: granted, kept alive, revoked with their keys, and lost when somebody else revokes them', async () => {
    const lease = client.lease(5, { autoKeepAlive: true });
    await lease.put('leased').value('x');
    const id = await lease.grant();
    expect((await client.get('leased').exec()).kvs[0]!.lease).toBe(id);
    expect((await lease.keepaliveOnce()).TTL).toBe('5');
    expect((await client.leaseClient.leaseTimeToLive({ ID: id, keys: true })).keys.map(String)).toEqual(['leased']);
    await lease.revoke();
    expect(await client.get('leased')).toBeNull();
    const other = client.lease(5);
    const lost = new Promise<Error>((resolve) => other.on('lost', resolve));
    const taken = await other.grant();
    await client.leaseClient.leaseRevoke({ ID: taken });
    await expect(other.keepaliveOnce()).rejects.toThrow(/lease/i);
    expect(await lost).toBeInstanceOf(Error);
    await expect(client.put('k').value('v').lease('1234')).rejects.toThrow('etcdserver: requested lease not found');
  });

  test('locks exclude', async () => {
    const lock = client.lock('mutex');
    await lock.acquire();
    await expect(client.lock('mutex').acquire()).rejects.toThrow(/lock/i);
    await lock.release();
    expect(await client.lock('mutex').do(async () => 'mine')).toBe('mine');
  });

  test('elections: one leads, observers hear of the next', async () => {
    const election = client.election('office', 5);
    const one = election.campaign('one');
    await one.wait();
    const observer = await election.observe();
    const seen: (string | undefined)[] = [observer.leader()];
    observer.on('change', (leader) => seen.push(leader));
    await one.proclaim('one again');
    const two = election.campaign('two');
    await one.resign();
    await two.wait();
    expect(await election.leader()).toBe('two');
    await vi.waitFor(() => expect(seen).toEqual(expect.arrayContaining(['one', 'one again', 'two'])), 5000);
    await observer.cancel();
    await two.resign();
  });

  test('watches: keys, prefixes, filters, previous values, the past', async () => {
    const { header } = await client.put('w/a').value('1');
    const heard: string[] = [];
    const watcher = await client.watch().prefix('w/').withPreviousKV().startRevision(header.revision).create();
    watcher.on('put', (kv, before) => heard.push(`${kv.key}=${kv.value}<${before?.value ?? ''}`));
    watcher.on('delete', (kv, before) => heard.push(`${kv.key} gone<${before?.value ?? ''}`));
    const deletions: string[] = [];
    const filtered = await client.watch().prefix('w/').only('delete').create();
    filtered.on('data', ({ events }) => deletions.push(...events.map(({ type, kv }) => `${type} ${kv.key}`)));
    await client.put('w/a').value('2');
    await client.delete().key('w/a');
    await vi.waitFor(() => expect(heard).toEqual(['w/a=1<', 'w/a=2<1', 'w/a gone<2']), 5000);
    await vi.waitFor(() => expect(deletions).toEqual(['Delete w/a']), 5000);
    await watcher.cancel();
    await filtered.cancel();
  });

  test('a watch goes on, without a gap, when its server comes back', async (context) => {
    if (!subject.restart) return context.skip();
    const heard: string[] = [];
    const watcher = await client.watch().key('again').create();
    watcher.on('put', ({ value }) => heard.push(value.toString()));
    await client.put('again').value('before');
    await vi.waitFor(() => expect(heard).toEqual(['before']), 5000);
    await subject.restart();
    const put = (value: string) =>
      vi.waitFor(
        () =>
          client
            .put('again')
            .value(value)
            .catch((error: Error) => {
              expect(isRecoverableError(error)).toBe(true);
              throw error;
            }),
        { timeout: 10_000 },
      );
    await put('after');
    await vi.waitFor(() => expect(heard).toEqual(['before', 'after']), 10_000);
    await watcher.cancel();
  }, 30_000);

  test('cluster and maintenance: members, status, hash, alarms, defragment, snapshot', async () => {
    const { members } = await client.cluster.memberList({ linearizable: true });
    expect(members.length).toBeGreaterThan(0);
    expect(members[0]!.clientURLs.length).toBeGreaterThan(0);
    const status = await client.maintenance.status();
    expect(status.version).toMatch(/^3\.[45]\./);
    expect(members.map(({ ID }) => ID)).toContain(status.leader);
    // hashKV of etcd3 1.1.2 calls a method its own gRPC client does not have.
    expect((await client.maintenance.hash()).hash).toBeGreaterThan(0);
    expect((await client.maintenance.alarm({ action: 'Get' as never })).alarms).toEqual([]);
    await client.maintenance.defragment();
    const stream = await client.maintenance.snapshot();
    let bytes = 0;
    await new Promise<void>((resolve, reject) => {
      stream.on('data', ({ blob }) => {
        bytes += blob.length;
      });
      stream.on('end', resolve);
      stream.on('error', reject);
    });
    // Pages of a bbolt file, and a SHA-256.
    expect(bytes % 512).toBe(32);
    await expect(client.cluster.memberRemove({ ID: '7' })).rejects.toThrow('etcdserver: member not found');
    await expect(client.cluster.memberAdd({ peerURLs: ['nowhere'] })).rejects.toThrow(
      'etcdserver: given member URLs are invalid',
    );
  });

  test('accounts: users, roles, permissions, and what they may do', async () => {
    const root = await client.user('root').create('secret');
    await client.role('root').create();
    await root.addRole('root');
    const role = await client.role('reader').create();
    await role.grant({ permission: 'Read', range: Range.prefix('open/') });
    const user = await client.user('ann').create('pass');
    await user.addRole('reader');
    expect((await user.roles()).map(({ name }) => name)).toEqual(['reader']);
    expect((await client.getUsers()).map(({ name }) => name).sort()).toEqual(['ann', 'root']);
    expect((await client.getRoles()).map(({ name }) => name).sort()).toEqual(['reader', 'root']);
    await client.put('open/x').value('1');
    await client.auth.authEnable();
    const asRoot = connect({ auth: { username: 'root', password: 'secret' } });
    const asAnn = connect({ auth: { username: 'ann', password: 'pass' } });
    try {
      expect(await asAnn.get('open/x')).toBe('1');
      await expect(asAnn.get('closed')).rejects.toThrow('etcdserver: permission denied');
      await expect(asAnn.put('open/x').value('2')).rejects.toThrow('etcdserver: permission denied');
      await expect(asAnn.cluster.memberRemove({ ID: '7' })).rejects.toThrow('etcdserver: permission denied');
      await expect(client.get('open/x')).rejects.toThrow('etcdserver: user name is empty');
      const wrong = connect({ auth: { username: 'ann', password: 'no' } });
      await expect(wrong.get('open/x')).rejects.toThrow('authentication failed, invalid user ID or password');
      wrong.close();
    } finally {
      await asRoot.auth.authDisable();
      asRoot.close();
      asAnn.close();
    }
    await client.user('ann').delete();
    await client.role('reader').delete();
    await expect(client.user('ann').roles()).rejects.toThrow('etcdserver: user name not found');
  });
});
