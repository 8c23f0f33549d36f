/** Bad input as bare gRPC calls, in every service: code and message are those of a real etcd. */
import { describe, expect, test } from 'vitest';
import { serveEtcd } from '../../src/etcd/index.ts';
import { testEtcd } from '../helpers/etcd.ts';
import { badInput, fullStore } from '../helpers/etcd-bad-input.ts';
import { transcript } from '../helpers/raw-etcd.ts';
import { etcdInstalled, mustHave, startRealEtcd } from '../helpers/real-etcd.ts';

describe.skipIf(!mustHave('etcd', etcdInstalled))('answers to bare gRPC calls', () => {
  test('a store over its quota: as a real etcd with --quota-backend-bytes, call by call', {
    timeout: 90_000,
  }, async () => {
    const quotaBytes = 4 * 1024 * 1024;
    const { cluster, close } = await testEtcd('sqlite', { quotaBytes });
    const door = await serveEtcd(cluster.member());
    const real = await startRealEtcd(undefined, undefined, ['--quota-backend-bytes', String(quotaBytes)]);
    try {
      const ours = await transcript('klab', door.url, fullStore);
      expect(ours).toEqual(await transcript('etcd', real.url, fullStore));
      expect(ours[0]).toContain('8: etcdserver: mvcc: database space exceeded');
    } finally {
      await real.stop();
      await door.close();
      await close();
    }
  });

  for (const [name, calls] of Object.entries(badInput)) {
    test(`${name}: as a real etcd, call by call`, { timeout: 60_000 }, async () => {
      const { cluster, close } = await testEtcd('memory');
      const door = await serveEtcd(cluster.member());
      const real = await startRealEtcd();
      try {
        const [ours, theirs] = await Promise.all([
          transcript('klab', door.url, calls),
          transcript('etcd', real.url, calls),
        ]);
        expect(ours).toEqual(theirs);
      } finally {
        await real.stop();
        await door.close();
        await close();
      }
    });
  }
});
