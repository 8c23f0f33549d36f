import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Prng, realClock } from '../../src/base/index.ts';
import { EtcdCluster, type EtcdClusterOptions, memoryStorage } from '../../src/etcd/index.ts';
import { openStorage } from '../../src/sqlite/index.ts';

export interface TestCluster {
  readonly cluster: EtcdCluster;
  close(): Promise<void>;
}

/** The embedded etcd on the real clock, in memory or on SQLite in a temporary folder. */
export async function testEtcd(
  store: 'memory' | 'sqlite',
  options: Partial<EtcdClusterOptions> = {},
): Promise<TestCluster> {
  const dir = store === 'sqlite' ? mkdtempSync(join(tmpdir(), 'klab-etcd-')) : undefined;
  const storage = dir ? openStorage({ path: join(dir, 'cluster.db') }) : memoryStorage();
  const cluster = await EtcdCluster.open({ storage, clock: realClock, prng: new Prng('test'), ...options });
  return {
    cluster,
    close: async () => {
      await cluster.close();
      if (dir) rmSync(dir, { recursive: true, force: true });
    },
  };
}
