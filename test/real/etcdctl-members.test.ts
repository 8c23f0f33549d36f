/** etcdctl's members, leadership and checks on our door; and that no subcommand of it goes untried. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type EtcdDoor, serveEtcd } from '../../src/etcd/index.ts';
import { type TestCluster, testEtcd } from '../helpers/etcd.ts';
import { Etcdctl } from '../helpers/etcdctl.ts';
import { etcdctlInstalled, etcdInstalled, mustHave, startRealEtcd } from '../helpers/real-etcd.ts';

const found = mustHave('etcdctl', etcdctlInstalled);
const realFound = mustHave('etcd', etcdInstalled);

describe.skipIf(!found)('etcdctl', () => {
  let etcd: TestCluster;
  const doors: EtcdDoor[] = [];
  let etcdctl: Etcdctl;
  const open = async (i: number) => {
    const door = await serveEtcd(etcd.cluster.member(i));
    doors.push(door);
    return door;
  };
  /** `host:port`: without TLS etcdctl 3.4 puts a whole URL where only a host may stand. */
  const at = (...chosen: readonly EtcdDoor[]) => new Etcdctl({ url: chosen.map((d) => `${d.host}:${d.port}`).join() });
  beforeAll(async () => {
    etcd = await testEtcd('sqlite');
    etcdctl = at(await open(0));
  });
  afterAll(async () => {
    for (const door of doors) await door.close();
    await etcd.close();
  });
  const members = async (): Promise<{ ID: bigint; name: string; isLearner?: boolean; peerURLs: string[] }[]> => {
    const lines = (await etcdctl.run(['member', 'list'])).split('\n').map((line) => line.split(', '));
    return lines.map(([id, , name, peers, , learner]) => ({
      ID: BigInt(`0x${id}`),
      name: name!,
      peerURLs: peers!.split(','),
      isLearner: learner === 'true',
    }));
  };

  test.skipIf(!realFound)('what may not be with members is refused as on a real etcd', async () => {
    const real = await startRealEtcd();
    const fresh = await testEtcd('memory');
    const door = await serveEtcd(fresh.cluster.member());
    try {
      const play = async (url: string) => {
        const ctl = new Etcdctl({ url });
        const self = (await ctl.run(['member', 'list'])).split(',')[0]!;
        const words = [
          'member add x',
          'member add x --peer-urls nowhere',
          'member add x --peer-urls http://h:1/path',
          `member remove ${self}`,
          `member promote ${self}`,
          'member remove ffff',
          'member remove xyz',
          'member promote ffff',
          'member update ffff --peer-urls http://h:1',
          `member update ${self}`,
          'move-leader ffff',
        ];
        const out: string[] = [];
        for (const line of words)
          out.push(`${line}\n${await ctl.transcript(line.split(' '))}`.replaceAll(self, 'SELF'));
        const quiet = (text: string) => text.replaceAll(/\{"level".*\}\n?/g, '');
        return out.map(quiet);
      };
      const host = ({ url }: { url: string }) => url.replace('http://', '');
      expect(await play(host(door))).toEqual(await play(host(real)));
    } finally {
      await door.close();
      await fresh.close();
      await real.stop();
    }
  });

  test('member add as learner, promote, add, update, list', async () => {
    const added = await etcdctl.run(['member', 'add', 'two', '--peer-urls', 'http://127.0.0.1:22380', '--learner']);
    expect(added).toMatch(/^Member +[0-9a-f]+ added to cluster +[0-9a-f]+\n/);
    expect(added).toContain('ETCD_NAME="two"');
    const id = /^Member +([0-9a-f]+)/.exec(added)![1]!;
    // A learner serves what a learner of etcd serves.
    const learner = at(await open(1));
    expect(await learner.transcript(['put', 'a', '1'])).toContain('etcdserver: rpc not supported for learner');
    expect(await learner.transcript(['get', 'a', '--consistency', 's'])).toBe('');
    // It knows that it is one once it has read so in the log.
    await vi.waitFor(async () => {
      const [status] = JSON.parse(await learner.run(['endpoint', 'status', '-w', 'json']));
      expect(status.Status.isLearner).toBe(true);
    }, 10_000);
    await vi.waitFor(async () => {
      expect(await etcdctl.run(['member', 'promote', id])).toMatch(/^Member +[0-9a-f]+ promoted in cluster/);
    }, 10_000);
    await etcdctl.run(['member', 'add', 'three', '--peer-urls', 'http://127.0.0.1:12380']);
    await vi.waitFor(async () => expect((await members()).map(({ name }) => name)).toEqual(['m1', 'm2', 'm3']), 5000);
    const update = ['member', 'update', (await members())[2]!.ID.toString(16), '--peer-urls', 'http://127.0.0.1:1'];
    expect(await etcdctl.run(update)).toMatch(/^Member +[0-9a-f]+ updated in cluster/);
    expect((await members()).map(({ peerURLs }) => peerURLs)).toEqual([
      ['inproc://m1'],
      ['http://127.0.0.1:22380'],
      ['http://127.0.0.1:1'],
    ]);
    expect(await learner.run(['put', 'a', '1'])).toBe('OK');
    await open(2);
  }, 30_000);

  test('move-leader, then endpoint hashkv the same everywhere', async () => {
    const all = at(...doors);
    const target = (await members())[1]!.ID.toString(16);
    expect(await all.run(['move-leader', target])).toMatch(/^Leadership transferred from [0-9a-f]+ to [0-9a-f]+$/);
    expect(etcd.cluster.leaderIndex()).toBe(1);
    await all.run(['put', 'b', '1']);
    await vi.waitFor(async () => {
      const hashes = JSON.parse(await all.run(['endpoint', 'hashkv', '-w', 'json']));
      expect(hashes).toHaveLength(3);
      expect(new Set(hashes.map((h: any) => h.HashKV.hash)).size).toBe(1);
    }, 5000);
  }, 20_000);

  test('member remove, also of the one that leads', async () => {
    const leader = (await members())[1]!.ID.toString(16);
    expect(await etcdctl.run(['member', 'remove', leader])).toMatch(/^Member +[0-9a-f]+ removed from cluster/);
    await vi.waitFor(async () => expect(await etcdctl.run(['put', 'c', '1'])).toBe('OK'), 20_000);
    expect((await members()).map(({ name }) => name)).toEqual(['m1', 'm3']);
    expect(await etcdctl.transcript(['member', 'remove', leader])).toContain('etcdserver: member not found');
  }, 30_000);

  test('version, and completion for the shells', async () => {
    expect(await etcdctl.run(['version'])).toContain('etcdctl version: 3.');
    for (const shell of ['bash', 'zsh']) expect(await etcdctl.run(['completion', shell])).toContain('etcdctl');
  });
});

/** Where each subcommand is tried. `migrate` reads the files of etcd 2; `completion`, `help` and `version` ask no server. */
const tried: Readonly<Record<string, readonly string[]>> = {
  'etcdctl.test.ts': [
    ...['alarm disarm', 'alarm list', 'auth enable', 'compaction', 'defrag', 'del', 'get', 'put', 'txn', 'watch'],
    ...['endpoint health', 'endpoint status', 'endpoint hashkv', 'member list', 'role list', 'user list'],
    ...['lease grant', 'lease keep-alive', 'lease list', 'lease revoke', 'lease timetolive'],
  ],
  'etcdctl-auth.test.ts': [
    ...['auth disable', 'role add', 'role delete', 'role get', 'role grant-permission', 'role revoke-permission'],
    ...['user add', 'user delete', 'user get', 'user grant-role', 'user passwd', 'user revoke-role'],
  ],
  'etcdctl-recipes.test.ts': ['lock', 'elect', 'make-mirror'],
  'etcdctl-members.test.ts': [
    'member add',
    'member promote',
    'member remove',
    'member update',
    'move-leader',
    'version',
  ],
  'etcdctl-check.test.ts': ['check perf', 'check datascale'],
  'snapshot.test.ts': ['snapshot save', 'snapshot status', 'snapshot restore'],
};
const elsewhere = /^(migrate|help|completion .*)$/;

test.skipIf(!found)('every subcommand of etcdctl is tried somewhere', async () => {
  const help = await new Etcdctl({ url: 'http://127.0.0.1:1' }).run(['help']);
  const commands = /COMMANDS:\n([\s\S]*?)\n\n/
    .exec(help)![1]!
    .split('\n')
    .map((line) => line.trim().split(/\t+/)[0]!);
  expect(commands.filter((command) => !elsewhere.test(command)).sort()).toEqual(Object.values(tried).flat().sort());
  for (const [file, list] of Object.entries(tried)) {
    const text = readFileSync(new URL(file, import.meta.url), 'utf8');
    for (const command of list) {
      const words = command.split(' ').join("(?: |', ')");
      expect(text, `${command} in ${file}`).toMatch(new RegExp(`\\b${words}\\b`));
    }
  }
});
