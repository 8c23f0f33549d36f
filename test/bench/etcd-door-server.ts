/** One durable member with its door; prints its URL. Argument: a folder with `pki/`. Ends when standard input ends. */
import { join } from 'node:path';
import { Prng, realClock, wallClock } from '../../src/base/index.ts';
import { EtcdCluster, serveEtcd } from '../../src/etcd/index.ts';
import { ensureClusterPki } from '../../src/pki/index.ts';
import { openStorage } from '../../src/sqlite/index.ts';

const dir = process.argv[2]!;
const { etcdServer, etcdCa } = ensureClusterPki(join(dir, 'pki'), { hosts: [], now: wallClock.now() });
const storage = openStorage({ path: join(dir, 'cluster.db') });
const cluster = await EtcdCluster.open({ storage, clock: realClock, prng: new Prng('bench') });
const tls = { cert: etcdServer.cert, key: etcdServer.key, ca: etcdCa.cert };
const door = await serveEtcd(cluster.member(), { tls });
console.log(door.url);
process.stdin.resume();
process.stdin.once('end', async () => {
  await door.close();
  await cluster.close();
});
