/** Users, roles and permissions by Debian's etcdctl: every answer is the one a real etcd gives. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serveEtcd } from '../../src/etcd/index.ts';
import { testEtcd } from '../helpers/etcd.ts';
import { Etcdctl } from '../helpers/etcdctl.ts';
import { etcdctlInstalled, etcdInstalled, mustHave, startRealEtcd } from '../helpers/real-etcd.ts';

const found = mustHave('etcdctl', etcdctlInstalled) && mustHave('etcd', etcdInstalled);

const script: readonly (readonly [args: string, input?: string])[] = [
  ['put /app/a 1'],
  ['put /app/b 2'],
  ['put /other x'],
  ['auth enable'],
  ['user add root:rootpw'],
  ['user add root:again'],
  ['user add alice:alicepw'],
  ['user add bob --no-password'],
  ['user add --interactive=false carol', 'carolpw\n'],
  ['user list'],
  ['role add app'],
  ['role add app'],
  ['role grant-permission app readwrite /app/ --prefix'],
  ['role grant-permission app read /shared'],
  ['role grant-permission nobody read /shared'],
  ['role get app'],
  ['role get nobody'],
  ['role list'],
  ['user grant-role alice app'],
  ['user grant-role alice nobody'],
  ['user grant-role nobody app'],
  ['user get alice'],
  ['user get alice --detail'],
  ['user get nobody'],
  ['user revoke-role carol app'],
  ['--user root:rootpw get /app/a'],
  ['auth enable'],
  ['get /app/a'],
  ['put /app/a 2'],
  ['del /app/a'],
  ['--user root:wrong get /app/a'],
  ['--user nobody:wrong get /app/a'],
  ['--user bob:any get /app/a'],
  ['--user root:rootpw get "" --prefix'],
  ['--user alice:alicepw get /app/a'],
  ['--user alice:alicepw get /app/ --prefix --keys-only'],
  ['--user alice:alicepw get "" --prefix'],
  ['--user alice:alicepw get /app/ --from-key'],
  ['--user alice:alicepw get /shared'],
  ['--user alice:alicepw put /shared 1'],
  ['--user alice:alicepw put /app/c 1 --prev-kv'],
  ['--user alice:alicepw put /other 1'],
  ['--user alice:alicepw del /app/c'],
  ['--user alice:alicepw del /other'],
  ['--user alice:alicepw txn', 'value("/app/a") = "1"\n\nput /app/a 5\n\nget /app/a\n\n'],
  ['--user alice:alicepw txn', 'value("/other") = "x"\n\nput /app/a 5\n\nget /app/a\n\n'],
  ['--user alice:alicepw txn', 'value("/app/a") = "5"\n\nget /app/a\n\nget /other\n\n'],
  ['--user alice:alicepw watch /app/a --rev 2'],
  ['--user alice:alicepw watch /other --rev 2'],
  ['--user alice:alicepw user get alice'],
  ['--user alice:alicepw user get root'],
  ['--user alice:alicepw user list'],
  ['--user alice:alicepw role get app'],
  ['--user alice:alicepw role get root'],
  ['--user alice:alicepw role list'],
  ['--user alice:alicepw role add more'],
  ['--user alice:alicepw user add mallory:pw'],
  ['--user alice:alicepw auth disable'],
  ['--user alice:alicepw member list'],
  ['--user alice:alicepw lease grant 100'],
  ['--user alice:alicepw compaction 2'],
  ['--user root:rootpw user delete root'],
  ['--user root:rootpw user revoke-role root root'],
  ['--user root:rootpw role delete root'],
  ['--user root:rootpw user passwd alice --interactive=false', 'newpw\n'],
  ['--user alice:alicepw get /app/a'],
  ['--user alice:newpw get /app/a'],
  ['--user root:rootpw role revoke-permission app /app/ --prefix'],
  ['--user root:rootpw role revoke-permission app /app/ --prefix'],
  ['--user alice:newpw get /app/a'],
  ['--user root:rootpw role revoke-permission app /shared'],
  ['--user root:rootpw role get app'],
  ['--user root:rootpw user revoke-role alice app'],
  ['--user root:rootpw user get alice'],
  ['--user root:rootpw role delete app'],
  ['--user root:rootpw role delete app'],
  ['--user root:rootpw user delete alice'],
  ['--user root:rootpw user delete alice'],
  ['--user root:rootpw user list'],
  ['--user root:rootpw auth disable'],
  ['get /app/a'],
  ['user delete root'],
];

const mask = (text: string, url: string) =>
  text
    .replaceAll(url, 'URL')
    .replaceAll(url.replace(/^https?:\/\//, ''), 'ADDRESS')
    .replaceAll(/\{"level":"warn".*\}\n?/g, '')
    .replaceAll(/(lease )[0-9a-f]{8,16}/g, '$1LEASE')
    .replaceAll(/^[0-9a-f]{8,16}, started, .*$/gm, 'MEMBER')
    .replaceAll(/(MEMBER\n)+/g, '');

async function play(url: string): Promise<string[]> {
  const etcdctl = new Etcdctl({ url });
  const out: string[] = [];
  for (const [args, input] of script) {
    const words = args.split(' ').map((word) => (word === '""' ? '' : word));
    // A watch that is allowed goes on until it is told not to.
    const watch = words.includes('watch');
    const text = await etcdctl.transcript(
      watch ? [...words, '--command-timeout', '1s'] : words,
      input,
      watch ? 1500 : 0,
    );
    out.push(`$ etcdctl ${args}\n${mask(text, url)}`);
  }
  return out;
}

test.skipIf(!found)(
  'accounts: the same transcript as on a real etcd, on the last of three members',
  async () => {
    const { cluster, close } = await testEtcd('sqlite', { members: 3 });
    const door = await serveEtcd(cluster.member(2));
    const real = await startRealEtcd();
    try {
      const [ours, theirs] = await Promise.all([play(door.url), play(real.url)]);
      expect(ours).toEqual(theirs);
    } finally {
      await real.stop();
      await door.close();
      await close();
    }
  },
  120_000,
);

test.skipIf(!found)(
  'accounts go with a snapshot: who logs in here logs in on the real etcd made of it',
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'klab-real-auth-'));
    const { cluster, close } = await testEtcd('sqlite');
    const door = await serveEtcd(cluster.member());
    try {
      const ours = new Etcdctl({ url: `${door.host}:${door.port}` });
      for (const args of [
        ['put', '/app/a', '1'],
        ['user', 'add', 'root:rootpw'],
        ['user', 'add', 'alice:pässword'],
        ['role', 'add', 'app'],
        ['role', 'grant-permission', 'app', 'read', '/app/', '--prefix'],
        ['user', 'grant-role', 'alice', 'app'],
        ['user', 'grant-role', 'root', 'root'],
        ['auth', 'enable'],
      ]) {
        await ours.run(args);
      }
      // The process itself asks nobody.
      await cluster.member().put({ key: Buffer.from('/other'), value: Buffer.from('x') });
      // Etcd 3.4 answers this in other words than the rest: `auth: permission denied` without a code.
      expect(await ours.transcript(['defrag', '--user', 'alice:pässword'])).toMatch(/permission denied/);
      const path = join(dir, 'db');
      await ours.run(['snapshot', 'save', path, '--user', 'root:rootpw']);
      const data = join(dir, 'data');
      const peer = 'http://localhost:2380';
      const membership = ['--initial-cluster', `real=${peer}`, '--initial-advertise-peer-urls', peer];
      await ours.run(['snapshot', 'restore', path, '--data-dir', data, '--name', 'real', ...membership]);
      const real = await startRealEtcd(undefined, data);
      try {
        const there = new Etcdctl({ url: real.url });
        expect(await there.run(['--user', 'alice:pässword', 'get', '/app/a'])).toBe('/app/a\n1');
        expect(await there.transcript(['--user', 'alice:pässword', 'get', '/other'])).toMatch(/permission denied/);
        expect(await there.transcript(['--user', 'alice:wrong', 'get', '/app/a'])).toMatch(/authentication failed/);
        expect(await there.run(['--user', 'root:rootpw', 'get', '/other', '--print-value-only'])).toBe('x');
      } finally {
        await real.stop();
      }
    } finally {
      await door.close();
      await close();
      rmSync(dir, { recursive: true, force: true });
    }
  },
  60_000,
);
