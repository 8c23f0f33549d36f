/** What etcdctl makes of leases and watches on our door: locks, elections, mirrors. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type EtcdDoor, serveEtcd } from '../../src/etcd/index.ts';
import { type TestCluster, testEtcd } from '../helpers/etcd.ts';
import { Etcdctl } from '../helpers/etcdctl.ts';
import { etcdctlInstalled, mustHave } from '../helpers/real-etcd.ts';

describe.skipIf(!mustHave('etcdctl', etcdctlInstalled))('etcdctl on three members', () => {
  let etcd: TestCluster;
  let door: EtcdDoor;
  let etcdctl: Etcdctl;
  beforeAll(async () => {
    etcd = await testEtcd('sqlite', { members: 3 });
    door = await serveEtcd(etcd.cluster.member(1));
    etcdctl = new Etcdctl({ url: door.url });
  });
  afterAll(async () => {
    await door.close();
    await etcd.close();
  });

  const following = (args: readonly string[]) => {
    const process = etcdctl.start(args);
    let seen = '';
    process.stdout!.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    const stop = async () => {
      process.kill('SIGINT');
      await process.catch(() => {});
    };
    return { seen: () => seen, stop };
  };

  test('lock: the second waits until the first lets go', async () => {
    const first = following(['lock', 'mutex']);
    await vi.waitFor(() => expect(first.seen()).toMatch(/^mutex\/[0-9a-f]+\n/), 5000);
    const second = following(['lock', 'mutex']);
    await vi.waitFor(async () => {
      expect((await etcdctl.run(['get', 'mutex/', '--prefix', '--keys-only'])).match(/mutex/g)).toHaveLength(2);
    }, 5000);
    expect(second.seen()).toBe('');
    await first.stop();
    await vi.waitFor(() => expect(second.seen()).toMatch(/^mutex\/[0-9a-f]+\n/), 5000);
    await second.stop();
  });

  test('elect: one leads, is listened to, and the next follows', async () => {
    const one = following(['elect', 'office', 'one']);
    await vi.waitFor(() => expect(one.seen()).toMatch(/^office\/[0-9a-f]+\none\n/), 5000);
    const listener = following(['elect', '--listen', 'office']);
    await vi.waitFor(() => expect(listener.seen()).toContain('one'), 5000);
    const two = following(['elect', 'office', 'two']);
    await one.stop();
    await vi.waitFor(() => expect(two.seen()).toContain('two'), 5000);
    await vi.waitFor(() => expect(listener.seen()).toContain('two'), 5000);
    await two.stop();
    await listener.stop();
  });

  test('make-mirror copies what is there and what comes', async () => {
    const target = await testEtcd('memory');
    const other = await serveEtcd(target.cluster.member());
    try {
      await etcdctl.run(['put', '/m/a', '1']);
      const mirror = following(['make-mirror', '--prefix', '/m/', `${other.host}:${other.port}`]);
      const there = async () => {
        const { kvs } = await target.cluster.member().range({ key: Buffer.of(0), rangeEnd: Buffer.of(0) });
        return kvs.map(({ key, value }) => `${key}=${value}`);
      };
      await vi.waitFor(async () => expect(await there()).toEqual(['/m/a=1']), 5000);
      await etcdctl.run(['put', '/m/b', '2']);
      await etcdctl.run(['del', '/m/a']);
      await vi.waitFor(async () => expect(await there()).toEqual(['/m/b=2']), 5000);
      await mirror.stop();
    } finally {
      await other.close();
      await target.close();
    }
  });
});
