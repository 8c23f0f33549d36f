/** `klab etcd … --endpoints --cacert --cert --key`: every verb on Debian's etcd says what it says on klab's own door, or why it cannot. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wallClock } from '../../src/base/index.ts';
import { serveEtcd } from '../../src/etcd/index.ts';
import { type ClusterPki, ensureClusterPki } from '../../src/pki/index.ts';
import { testEtcd } from '../helpers/etcd.ts';
import { bin, run } from '../helpers/lab.ts';
import { clientTls, etcdInstalled, mustHave, startRealEtcd } from '../helpers/real-etcd.ts';

const dir = mkdtempSync(join(tmpdir(), 'klab-etcd-verbs-'));
let pki: ClusterPki;
beforeAll(() => {
  pki = ensureClusterPki(join(dir, 'pki'), { hosts: [], now: wallClock.now() });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function klab(url: string, words: readonly string[], input = '', stopAfterMs?: number): Promise<string> {
  const { cert, key, ca } = clientTls(pki);
  const where = ['--endpoints', url, '--cacert', ca, '--cert', cert, '--key', key];
  const env = { KLAB_HOME: join(dir, 'home'), NO_COLOR: '1', CI: 'false' };
  const ran = await run(process.execPath, [bin, 'etcd', ...words, ...where], { env, input, timeoutMs: stopAfterMs });
  return [ran.stdout, ran.stderr, ran.code === 0 ? '' : `exit ${ran.code}`].filter((part) => part !== '').join('');
}

/** `FILE` is a file of each etcd's own. Revisions are the same on both: the same is done to both. */
const verbs: readonly (readonly [words: string, input?: string])[] = [
  ['put /lab/a one'],
  ['put /lab/a two'],
  ['put /lab/b/c three'],
  ['get /lab/a'],
  ['get /lab/a --rev 2'],
  ['get /lab --prefix --keys-only'],
  ['get /lab --prefix --count-only'],
  ['get /lab --prefix -o json --limit 1'],
  ['get /lab/a --raw'],
  ['get /lab/a --rev 99'],
  ['get /none'],
  ['tree /lab'],
  ['cas /lab/a two three'],
  ['cas /lab/a two four'],
  ['cas --create /lab/new x'],
  ['cas --create /lab/new x'],
  ['cad /lab/new y'],
  ['cad /lab/new x'],
  ['txn', 'value("/lab/a") = "three"\n\nput /lab/a four\n\nget /lab/a\n'],
  ['txn', 'value("/lab/a") = "three"\n\nput /lab/a four\n\nget /lab/a\n'],
  ['history /lab/a'],
  ['history /lab/a -o json'],
  ['diff /lab/a --from 2 --to 3'],
  ['changes --from 2 --to 6'],
  ['changes --prefix /lab/b'],
  ['lease grant nonsense'],
  ['lease revoke 99'],
  ['lease keep-alive 99'],
  ['put /lab/leased x --lease 99'],
  ['del /lab/b --prefix'],
  ['del /lab/none'],
  ['compact 4'],
  ['compact 4'],
  ['get /lab/a --rev 2'],
  ['history /lab/a -o json'],
  ['snapshot save FILE'],
  ['snapshot status FILE -o json'],
  ['member remove 99'],
  ['member promote 99'],
  ['member update 99 --peer-urls http://127.0.0.1:1'],
  ['member add nonsense'],
];

/** What two clusters do not have in common. */
const mask = (text: string, url: string, file: string) =>
  text
    .replaceAll(file, 'FILE')
    .replaceAll(url, 'URL')
    .replaceAll(/\(\d+(\.\d+)? [kMG]?B\)/g, '(SIZE)')
    .replaceAll(
      /"(hash|totalSize|totalKey|cluster_id|member_id|raft_term|memberId|clusterId|raftTerm)": *"?[^",}\n]+"?/g,
      '"$1": …',
    )
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME');

async function transcript(url: string, file: string): Promise<string[]> {
  const out: string[] = [];
  for (const [words, input] of verbs) {
    const args = words.split(' ').map((word) => (word === 'FILE' ? file : word));
    out.push(`$ klab etcd ${words}\n${mask(await klab(url, args, input), url, file)}`);
  }
  return out;
}

describe.skipIf(!mustHave('etcd', etcdInstalled))('klab etcd on any etcd', () => {
  test('says on a real etcd what it says on klab’s door, verb by verb', async () => {
    const { cluster, close } = await testEtcd('sqlite');
    const tls = { cert: pki.etcdServer.cert, key: pki.etcdServer.key, ca: pki.etcdCa.cert };
    const door = await serveEtcd(cluster.member(), { tls });
    const real = await startRealEtcd(pki);
    try {
      const [theirs, ours] = await Promise.all([
        transcript(real.url, join(dir, 'theirs.db')),
        transcript(door.url, join(dir, 'ours.db')),
      ]);
      expect(theirs).toEqual(ours);

      expect(await klab(real.url, ['status'])).toMatch(/^https:\S+ +[0-9a-f]+ +3\.4\.\d+ /m);
      expect(await klab(real.url, ['member', 'list'])).toMatch(/real/);
      // What ends when it is told to.
      const watched = klab(real.url, ['watch', '/lab', '--prefix', '--rev', '5'], '', 5000);
      expect(await watched).toContain('/lab/a');
      const lease = (await klab(real.url, ['lease', 'grant', '60', '--id-only'])).trim();
      expect(lease).toMatch(/^[0-9a-f]+$/);
      await klab(real.url, ['put', '/lab/leased', 'x', '--lease', lease]);
      expect(await klab(real.url, ['lease', 'revoke', lease])).not.toContain('exit');
      expect(await klab(real.url, ['get', '/lab/leased', '--count-only'])).toMatch(/^0$/m);
    } finally {
      await real.stop();
      await door.close();
      await close();
    }
  }, 300_000);

  test('what only klab’s own etcd can do says so', async () => {
    const real = await startRealEtcd(pki);
    try {
      for (const words of ['purge /lab/a', 'raft status', 'raft log', 'raft step', 'raft pause m1', 'check']) {
        const said = await klab(real.url, words.split(' '));
        expect
          .soft(`${words}: ${said}`)
          .toMatch(/(klab's own etcd: another etcd gives|of another etcd, use).*\nexit 2$/s);
      }
    } finally {
      await real.stop();
    }
    const none = await run(process.execPath, [bin, 'etcd', 'check'], { env: { KLAB_HOME: join(dir, 'none') } });
    expect([none.code, none.stderr]).toEqual([
      1,
      expect.stringMatching(/there is no database \S+cluster\.db: cluster "default" has none/),
    ]);
  }, 60_000);
});
