/** Bad input as bare gRPC calls, in every service: code and message are those of a real etcd. */
import { describe, expect, test } from 'vitest';
import { serveEtcd } from '../../src/etcd/index.ts';
import { testEtcd } from '../helpers/etcd.ts';
import { badInput } from '../helpers/etcd-bad-input.ts';
import { transcript } from '../helpers/raw-etcd.ts';
import { etcdInstalled, mustHave, startRealEtcd } from '../helpers/real-etcd.ts';

describe.skipIf(!mustHave('etcd', etcdInstalled))('answers to bare gRPC calls', () => {
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
