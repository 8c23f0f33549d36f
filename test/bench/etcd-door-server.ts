/**
 * A durable store with a door for each member; prints the URLs, comma-separated. Arguments: a folder with `pki/`, members
 * (default 1). Ends when standard input ends, and then prints the event loop's delay, p99, ms.
 */
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Prng, realClock, wallClock } from '../../src/base/index.ts';
import { EtcdCluster, type EtcdDoor, serveEtcd } from '../../src/etcd/index.ts';
import { ensureClusterPki } from '../../src/pki/index.ts';
import { openStorage } from '../../src/sqlite/index.ts';

const dir = process.argv[2]!;
const members = Number(process.argv[3] ?? 1);
const { etcdServer, etcdCa } = ensureClusterPki(join(dir, 'pki'), { hosts: [], now: wallClock.now() });
const storage = openStorage({ path: join(dir, `cluster-${members}.db`) });
const cluster = await EtcdCluster.open({ storage, clock: realClock, prng: new Prng('bench'), members });
while (cluster.leaderIndex() === undefined) await wallClock.sleep(10);
const tls = { cert: etcdServer.cert, key: etcdServer.key, ca: etcdCa.cert };
const doors: EtcdDoor[] = [];
for (let i = 0; i < members; i++) doors.push(await serveEtcd(cluster.member(i), { tls }));
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
console.log(doors.map(({ url }) => url).join(','));
process.stdin.resume();
process.stdin.once('end', async () => {
  console.log((delay.percentile(99) / 1e6).toFixed(2));
  for (const door of doors) await door.close();
  await cluster.close();
});
