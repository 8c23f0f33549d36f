/** etcdctl's own load tests against our door: a minute of writes, as fast as `--load s` asks. */
import { expect, test } from 'vitest';
import { serveEtcd } from '../../src/etcd/index.ts';
import { testEtcd } from '../helpers/etcd.ts';
import { Etcdctl } from '../helpers/etcdctl.ts';
import { etcdctlInstalled, mustHave } from '../helpers/real-etcd.ts';

test.skipIf(!mustHave('etcdctl', etcdctlInstalled))(
  'check perf and check datascale come to an end and say what they found',
  async () => {
    const { cluster, close } = await testEtcd('sqlite');
    const door = await serveEtcd(cluster.member());
    // Without TLS etcdctl 3.4 puts a whole URL where only a host may stand, when it defragments.
    const etcdctl = new Etcdctl({ url: `${door.host}:${door.port}` });
    try {
      // It judges the machine too, which others may be using: what counts is that it gets through without an error.
      const perf = await etcdctl.transcript(['check', 'perf', '--load', 's', '--auto-compact', '--auto-defrag']);
      expect(perf).toMatch(/(PASS|FAIL): Throughput/);
      expect(perf).not.toContain('Too many errors');
      const scale = await etcdctl.transcript(['check', 'datascale', '--load', 's', '--auto-compact']);
      expect(scale).toMatch(/(PASS|FAIL|Approximate system memory used)/);
      expect(await etcdctl.run(['put', 'after', '1'])).toBe('OK');
    } finally {
      await door.close();
      await close();
    }
  },
  240_000,
);
