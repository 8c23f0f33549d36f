/** Where `klab etcd` has etcdctl's verbs, it has its words: the same script by both, each on a real etcd of its own. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wallClock } from '../../src/base/index.ts';
import { type ClusterPki, ensureClusterPki } from '../../src/pki/index.ts';
import { Etcdctl } from '../helpers/etcdctl.ts';
import { bin, run } from '../helpers/lab.ts';
import { clientTls, etcdctlInstalled, etcdInstalled, mustHave, startRealEtcd } from '../helpers/real-etcd.ts';

const found = mustHave('etcdctl', etcdctlInstalled) && mustHave('etcd', etcdInstalled);
const dir = mkdtempSync(join(tmpdir(), 'klab-etcd-words-'));
let pki: ClusterPki;
beforeAll(() => {
  pki = ensureClusterPki(join(dir, 'pki'), { hosts: [], now: wallClock.now() });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const root = '--user root:rootpw';

/** `LEASE` is the lease that each made; `ID` the member's. */
const script: readonly (readonly [words: string, input?: string])[] = [
  ['put /lab/a one'],
  ['put /lab/a two --prev-kv'],
  ['put /lab/c three'],
  ['put /lab/b', 'of standard input'],
  ['put /lab/none x --ignore-value'],
  ['put /lab/a --ignore-value'],
  ['put /lab/none --ignore-value'],
  ['get /lab --prefix'],
  ['get /lab --prefix --print-value-only'],
  ['get /lab --prefix --keys-only --order descend'],
  ['get /lab --prefix --sort-by value'],
  ['get /lab --prefix --sort-by MODIFY --order DESCEND --limit 2'],
  ['get /lab --prefix --sort-by create --rev 3'],
  ['get /lab --prefix --sort-by version --order descend'],
  ['get /lab/a /lab/c'],
  ['get /lab/b --from-key'],
  ['get /lab/a --consistency s'],
  ['get /lab --prefix --from-key'],
  ['get /lab /lac --prefix'],
  ['get /lab --prefix --sort-by size'],
  ['get /lab --prefix --order upwards'],
  ['get /lab/a --rev 999'],
  ['del /lab/a /lab/c --prev-kv'],
  ['del /lab/z --from-key'],
  ['del /lab/a /lab/c --prefix'],
  ['lease list'],
  ['lease timetolive 99'],
  ['lease keep-alive --once 99'],
  ['lease timetolive none'],
  ['LEASE'],
  ['put /lab/leased x --lease none'],
  ['put /lab/leased x --lease LEASE'],
  ['put /lab/leased y --ignore-lease'],
  ['lease list'],
  ['lease timetolive LEASE --keys'],
  ['lease keep-alive --once LEASE'],
  ['lease revoke LEASE'],
  ['lease keep-alive LEASE'],
  ['get /lab/leased'],
  ['endpoint health'],
  ['endpoint hashkv --rev 4'],
  ['defrag'],
  ['alarm list'],
  ['alarm disarm'],
  ['move-leader ID'],
  ['move-leader none'],
  ['compact 4'],
  ['auth enable'],
  ['user add root:rootpw'],
  ['user add root:again'],
  ['user add alice --no-password'],
  ['user list'],
  ['role add app'],
  ['role add app'],
  ['role grant-permission app readwrite /app/ --prefix'],
  ['role grant-permission app read /shared'],
  ['role grant-permission app write /from --from-key'],
  ['role grant-permission app read /m /n'],
  ['role grant-permission none read /m'],
  ['role get app'],
  ['role get none'],
  ['role list'],
  ['user grant-role alice app'],
  ['user grant-role alice none'],
  ['user get alice'],
  ['user get alice --detail'],
  ['user get nobody'],
  ['auth enable'],
  ['get /lab/b'],
  [`endpoint health ${root}`],
  [`role revoke-permission app /app/ --prefix ${root}`],
  [`role revoke-permission app /shared ${root}`],
  [`role revoke-permission app /from --from-key ${root}`],
  [`role revoke-permission app /none ${root}`],
  [`role get app ${root}`],
  [`user revoke-role alice app ${root}`],
  [`user revoke-role alice app ${root}`],
  [`user delete alice ${root}`],
  [`role delete app ${root}`],
  [`auth disable ${root}`],
];

/**
 * Both begin an error with the word. etcdctl's client logs besides, its exit codes are its own, and keys without values have
 * empty lines between them; klab tells people on stderr that a key is not there.
 */
function alike(text: string, url: string, lease: string, member: string): string {
  return text
    .replaceAll(url, 'URL')
    .replaceAll(lease, 'LEASE')
    .replaceAll(member, 'ID')
    .replaceAll(/^there is no key .*$/gm, '')
    .replaceAll(/\n{2,}/g, '\n')
    .replaceAll(/^\{"level".*\n?/gm, '')
    .replaceAll(/took = [\d.]+ms/g, 'took')
    .replaceAll(/remaining\(\d+s\)/g, 'remaining')
    .replaceAll(/^error: /gim, 'error: ')
    .replaceAll(/^exit \d+$/gm, 'exit')
    .trim();
}

type Say = (words: readonly string[], input: string | undefined) => Promise<string>;

async function transcript(url: string, member: string, grant: () => Promise<string>, say: Say): Promise<string[]> {
  const out: string[] = [];
  let lease = 'LEASE';
  for (const [words, input] of script) {
    if (words === 'LEASE') {
      lease = await grant();
      continue;
    }
    const given = words.replaceAll('LEASE', lease).replaceAll('ID', member).split(' ');
    out.push(`$ ${words}\n${alike(await say(given, input), url, lease, member)}`);
  }
  return out;
}

describe.skipIf(!found)('klab etcd and etcdctl', () => {
  test('say the same, verb by verb', async () => {
    const [one, other] = await Promise.all([startRealEtcd(pki), startRealEtcd(pki)]);
    const { cert, key, ca } = clientTls(pki);
    const where = (url: string) => ['--endpoints', url, '--cacert', ca, '--cert', cert, '--key', key];
    const env = { KLAB_HOME: join(dir, 'home'), NO_COLOR: '1', CI: 'false' };
    const klab: Say = async (words, input) => {
      const args = [bin, 'etcd', ...words, ...where(other.url)];
      const ran = await run(process.execPath, args, { env, input: input ?? '' });
      const parts = [ran.stdout.trim(), ran.stderr.trim(), ran.code === 0 ? '' : `exit ${ran.code}`];
      return parts.filter((part) => part !== '').join('\n');
    };
    const etcdctl = new Etcdctl({ url: one.url, tls: { cert, key, ca } });
    const member = (text: string) => /[0-9a-f]{8,16}/.exec(text)![0];
    try {
      const [theirs, ours] = await Promise.all([
        transcript(
          one.url,
          member(await etcdctl.run(['member', 'list'])),
          async () => /[0-9a-f]{16}/.exec(await etcdctl.run(['lease', 'grant', '600']))![0],
          (words, input) =>
            etcdctl.transcript(words[0] === 'compact' ? ['compaction', ...words.slice(1)] : words, input),
        ),
        transcript(
          other.url,
          member(await klab(['member', 'list'], undefined)),
          () => klab(['lease', 'grant', '600', '--id-only'], undefined),
          klab,
        ),
      ]);
      expect(ours).toEqual(theirs);
    } finally {
      await Promise.all([one.stop(), other.stop()]);
    }
  }, 300_000);

  test('a lock is one: who waits gets it when the other’s program has ended', async () => {
    const real = await startRealEtcd(pki);
    const { cert, key, ca } = clientTls(pki);
    const where = ['--endpoints', real.url, '--cacert', ca, '--cert', cert, '--key', key];
    const env = { KLAB_HOME: join(dir, 'home'), CI: 'false' };
    const etcdctl = new Etcdctl({ url: real.url, tls: { cert, key, ca } });
    try {
      const holder = etcdctl.start(['lock', 'migration']);
      await new Promise((resolve) => holder.stdout!.once('data', resolve));
      const program = ['sh', '-c', 'echo "I hold $ETCD_LOCK_KEY"; exit 7'];
      const waiting = run(process.execPath, [bin, 'etcd', 'lock', 'migration', ...where, '--', ...program], { env });
      // Both are in the queue before the first one goes.
      await expect
        .poll(() => etcdctl.run(['get', 'migration', '--prefix', '--keys-only']))
        .toMatch(/migration.*\n+migration/);
      holder.kill('SIGINT');
      await holder.catch(() => {});
      const { code, stdout } = await waiting;
      expect([code, stdout]).toEqual([7, expect.stringMatching(/^I hold migration\/[0-9a-f]+\n$/)]);
      expect(await etcdctl.run(['get', 'migration', '--prefix', '--keys-only'])).toBe('');
    } finally {
      await real.stop();
    }
  }, 60_000);

  test('an election has one leader: the next one leads when it resigns, and who listens hears of both', async () => {
    const real = await startRealEtcd(pki);
    const { cert, key, ca } = clientTls(pki);
    const where = ['--endpoints', real.url, '--cacert', ca, '--cert', cert, '--key', key];
    const env = { ...process.env, KLAB_HOME: join(dir, 'home'), CI: 'false' };
    const etcdctl = new Etcdctl({ url: real.url, tls: { cert, key, ca } });
    const start = (...words: string[]) => {
      const child = spawn(process.execPath, [bin, 'etcd', 'elect', 'vote', ...words, ...where], { env });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      const state = { said: '' };
      child.stdout.on('data', (bytes: Buffer) => {
        state.said += bytes;
      });
      return { state, ended, stop: () => child.kill('SIGINT') };
    };
    try {
      const leader = start('first');
      await expect.poll(() => leader.state.said, { timeout: 20_000 }).toMatch(/^vote\/[0-9a-f]+\nfirst\n$/);
      const listener = start('--listen');
      await expect.poll(() => listener.state.said, { timeout: 20_000 }).toBe(leader.state.said);
      const next = start('second');
      const queue = () => etcdctl.run(['get', 'vote', '--prefix', '--print-value-only']);
      await expect.poll(queue, { timeout: 20_000 }).toContain('second');
      leader.stop();
      await leader.ended;
      await expect.poll(() => next.state.said, { timeout: 20_000 }).toMatch(/^vote\/[0-9a-f]+\nsecond\n$/);
      await expect.poll(() => listener.state.said, { timeout: 20_000 }).toBe(leader.state.said + next.state.said);
      next.stop();
      await next.ended;
      expect(await queue()).toBe('');
      listener.stop();
      await listener.ended;
    } finally {
      await real.stop();
    }
  }, 90_000);
});
