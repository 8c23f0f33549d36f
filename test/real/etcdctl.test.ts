/** Debian's etcdctl 3.4 on our door: every command answers what it answers on Debian's etcd. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ResultPromise } from 'execa';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { wallClock } from '../../src/base/index.ts';
import { RemoteKV, serveEtcd } from '../../src/etcd/index.ts';
import { type ClusterPki, ensureClusterPki } from '../../src/pki/index.ts';
import { testEtcd } from '../helpers/etcd.ts';
import { etcdProxy } from '../helpers/etcd-proxy.ts';
import { Etcdctl, type EtcdctlTarget } from '../helpers/etcdctl.ts';
import { clientTls, etcdctlInstalled, etcdInstalled, mustHave, startRealEtcd } from '../helpers/real-etcd.ts';

const etcdctlFound = mustHave('etcdctl', etcdctlInstalled);
const etcdFound = mustHave('etcd', etcdInstalled);

interface Subject extends EtcdctlTarget {
  close(): Promise<void>;
}

let dir: string;
let pki: ClusterPki;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'klab-etcdctl-'));
  pki = ensureClusterPki(dir, { hosts: [], now: wallClock.now() });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const serverTls = () => ({ cert: pki.etcdServer.cert, key: pki.etcdServer.key, ca: pki.etcdCa.cert });

async function realEtcd(): Promise<Subject> {
  const etcd = await startRealEtcd(pki);
  return { url: etcd.url, tls: clientTls(pki), close: () => etcd.stop() };
}

/** etcdctl → our door → our client → etcd. */
async function doorBeforeRealEtcd(): Promise<Subject> {
  const etcd = await startRealEtcd(pki);
  const remote = new RemoteKV({ endpoints: [etcd.url], tls: clientTls(pki) });
  const door = await serveEtcd(await etcdProxy(remote), { tls: serverTls() });
  return {
    url: door.url,
    tls: clientTls(pki),
    close: async () => {
      await door.close();
      remote.close();
      await etcd.stop();
    },
  };
}

/** [arguments, standard input]; run in this order on an empty store. */
const script: readonly (readonly [args: string, input?: string])[] = [
  ['put foo bar'],
  ['put foo2', 'from stdin'],
  ['put /registry/pods/default/web value'],
  ['get foo'],
  ['get foo -w json'],
  ['get foo -w fields'],
  ['get fo --prefix --keys-only'],
  ['get --from-key g --print-value-only'],
  ['get foo foo3'],
  ['get fo --prefix --limit 1'],
  ['get fo --prefix --count-only -w fields'],
  ['get fo --prefix --order DESCEND --sort-by MODIFY'],
  ['get none'],
  ['put foo second --prev-kv'],
  ['get foo --rev 2'],
  ['get foo --rev 99'],
  ['put foo x --lease 1234'],
  ['put foo --ignore-value'],
  ['put none --ignore-value'],
  ['txn', 'mod("foo") > "0"\n\nput foo third\nget foo\n\nput foo none\n\n'],
  ['txn', 'value("foo") = "no"\nversion("none") = "0"\n\nput a 1\n\nget foo\ndel foo2\n\n'],
  ['txn -w json', 'create("none") = "0"\n\n\n\n'],
  ['txn', '\n\nput twice 1\nput twice 2\n\n\n'],
  ['del foo --prev-kv'],
  ['del foo'],
  ['del /registry --prefix'],
  ['put k v'],
  ['compaction 3'],
  ['compaction 3'],
  ['compaction 99'],
  ['get foo --rev 2'],
  ['watch foo --rev 2'],
  ['lease grant 100'],
  ['lease list'],
  ['lease timetolive 1234'],
  ['lease keep-alive --once 1234'],
  ['lease revoke 1234'],
  ['alarm list'],
  ['alarm disarm'],
  ['defrag'],
  ['role list'],
  ['user list'],
  ['user get root'],
  ['role get root'],
  ['auth enable'],
  ['get "" --prefix --keys-only'],
];

/** What no two clusters have in common. */
const mask = (text: string, url: string) =>
  text
    .replaceAll(url, 'URL')
    .replaceAll(url.replace(/^https?:\/\//, ''), 'ADDRESS')
    .replaceAll(/("cluster_id"|"member_id"|"raft_term"):\d+/g, '$1:N')
    .replaceAll(/("(?:ClusterID|MemberID|RaftTerm)"\s*:\s*)\d+/g, '$1N')
    .replaceAll(/\{"level":.*"msg":"retrying of unary invoker failed".*\}\n?/g, '')
    .replaceAll(/"ts":"[^"]*"/g, '"ts":T')
    .replaceAll(/endpoint:\/\/client-[0-9a-f-]+/g, 'endpoint://client')
    // Lease IDs: hexadecimal, of any length.
    .replaceAll(/(lease |^)[0-9a-f]{8,16}( granted|$)/gm, '$1LEASE$2');

const output = (process: ResultPromise): (() => string) => {
  let seen = '';
  process.stdout!.on('data', (chunk: Buffer) => {
    seen += chunk.toString();
  });
  return () => seen;
};

async function play(subject: Subject): Promise<string[]> {
  const etcdctl = new Etcdctl(subject);
  const out: string[] = [];
  for (const [args, input] of script) {
    const words = args.split(' ').map((word) => (word === '""' ? '' : word));
    out.push(`$ etcdctl ${args}\n${mask(await etcdctl.transcript(words, input), subject.url)}`);
  }
  return out;
}

/** etcdctl → the door of a member of our cluster. */
const ours = (store: 'memory' | 'sqlite', members: number, member: number) => async (): Promise<Subject> => {
  const { cluster, close } = await testEtcd(store, { members });
  const door = await serveEtcd(cluster.member(member), { tls: serverTls() });
  return {
    url: door.url,
    tls: clientTls(pki),
    close: async () => {
      await door.close();
      await close();
    },
  };
};

const subjects: [string, () => Promise<Subject>, boolean][] = [
  ['one member on SQLite', ours('sqlite', 1, 0), true],
  ['one member in memory', ours('memory', 1, 0), true],
  ['the last of three members', ours('sqlite', 3, 2), true],
  ['our door before a real etcd', doorBeforeRealEtcd, etcdFound],
];

describe.skipIf(!etcdctlFound).each(subjects)('etcdctl on %s', (name, start, possible) => {
  describe.skipIf(!possible)('', () => {
    let subject: Subject;
    let etcdctl: Etcdctl;
    beforeAll(async () => {
      subject = await start();
      etcdctl = new Etcdctl(subject);
    }, 30_000);
    afterAll(() => subject?.close());

    test.skipIf(!etcdFound)(
      'the same transcript as on a real etcd',
      async () => {
        const real = await realEtcd();
        try {
          const [ours, theirs] = [await play(subject), await play(real)];
          expect(ours).toEqual(theirs);
        } finally {
          await real.close();
        }
      },
      120_000,
    );

    test('watch: history, present, prefix, previous values, cancellation by Ctrl-C', async () => {
      const { header } = JSON.parse(await etcdctl.run(['put', 'w/a', '1', '-w', 'json']));
      await etcdctl.run(['put', 'w/b', '1']);
      const watcher = etcdctl.start(['watch', 'w/', '--prefix', '--prev-kv', '--rev', String(header.revision)]);
      const seen = output(watcher);
      await vi.waitFor(() => expect(seen()).toBe('PUT\nw/a\n1\nPUT\nw/b\n1\n'));
      await etcdctl.run(['put', 'w/a', '2']);
      await etcdctl.run(['put', 'elsewhere', 'x']);
      await etcdctl.run(['del', 'w/b']);
      const rest = 'PUT\nw/a\n1\nw/a\n2\nDELETE\nw/b\n1\nw/b\n\n';
      await vi.waitFor(() => expect(seen()).toBe(`PUT\nw/a\n1\nPUT\nw/b\n1\n${rest}`));
      watcher.kill('SIGINT');
      await watcher.catch(() => {});
    });

    test('watch -i: several watches and a progress request on one stream', async () => {
      const watcher = etcdctl.start(['watch', '-i'], null);
      const seen = output(watcher);
      watcher.stdin!.write('watch i/a\nwatch i/b\n');
      // Watches begin with "now": put until both have shown something.
      await vi.waitFor(async () => {
        await etcdctl.run(['put', 'i/a', '1']);
        await etcdctl.run(['put', 'i/b', '1']);
        expect(seen()).toContain('PUT\ni/a\n1\n');
        expect(seen()).toContain('PUT\ni/b\n1\n');
      }, 5000);
      const { header } = JSON.parse(await etcdctl.run(['put', 'elsewhere', '1', '-w', 'json']));
      // Before Debian's etcd our client believes no progress beyond the events it has seen: that etcd answers too early.
      const progress = (text: string) =>
        name.startsWith('our door before')
          ? /^progress notify: \d+$/m.test(text)
          : text.includes(`progress notify: ${header.revision}`);
      // etcd answers with what its watches have reached, which may be a moment behind.
      await vi.waitFor(
        () => {
          watcher.stdin!.write('progress\n');
          expect(progress(seen())).toBe(true);
        },
        { timeout: 5000, interval: 200 },
      );
      watcher.kill('SIGINT');
      await watcher.catch(() => {});
    });

    test('leases: grant, put with it, timetolive with keys, keep-alive, list, revoke', async () => {
      const granted = await etcdctl.run(['lease', 'grant', '100']);
      const id = /^lease ([0-9a-f]+) granted with TTL\(100s\)$/.exec(granted)![1]!;
      await etcdctl.run(['put', 'leased', 'x', '--lease', id]);
      expect(await etcdctl.run(['lease', 'timetolive', id, '--keys'])).toMatch(
        new RegExp(
          `^lease ${id} granted with TTL\\(100s\\), remaining\\((100|99|98)s\\), attached keys\\(\\[leased\\]\\)$`,
        ),
      );
      expect(await etcdctl.run(['lease', 'keep-alive', '--once', id])).toBe(`lease ${id} keepalived with TTL(100)`);
      expect(await etcdctl.run(['lease', 'list'])).toContain(id);
      expect(await etcdctl.run(['lease', 'revoke', id])).toBe(`lease ${id} revoked`);
      expect(await etcdctl.run(['get', 'leased'])).toBe('');
    });

    test('endpoint health and status, member list, hashkv', async () => {
      await etcdctl.run(['put', 'health', 'x']);
      expect(await etcdctl.transcript(['endpoint', 'health'])).toMatch(/is healthy: successfully committed proposal/);
      const [status] = JSON.parse(await etcdctl.run(['endpoint', 'status', '-w', 'json']));
      expect(status.Status.version).toMatch(/^3\.[45]\.\d+$/);
      expect(status.Status.dbSize).toBeGreaterThan(0);
      expect(status.Status.raftAppliedIndex).toBeGreaterThan(0);
      const { members } = JSON.parse(await etcdctl.run(['member', 'list', '-w', 'json']));
      const ids = members.map((member: { ID: number }) => member.ID);
      expect(ids).toContain(status.Status.leader);
      const self = members.find((member: { ID: number }) => member.ID === status.Status.header.member_id);
      expect(self.clientURLs).toHaveLength(1);
      const [hash] = JSON.parse(await etcdctl.run(['endpoint', 'hashkv', '-w', 'json']));
      expect(hash.HashKV.hash).toBeGreaterThan(0);
    });

    test('a client without our certificate does not get in', async () => {
      const stranger = new Etcdctl({
        url: subject.url,
        tls: { ...subject.tls!, cert: pki.admin.certPath, key: pki.admin.keyPath },
      });
      expect(await stranger.transcript(['get', 'foo', '--dial-timeout', '1s', '--command-timeout', '1s'])).toMatch(
        /exit 1$/,
      );
    });
  });
});
