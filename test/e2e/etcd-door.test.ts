/** The etcd door of a running cluster: accounts that leave the API server alone, and backups while writes go on. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { wallClock } from '../../src/base/index.ts';
import { RemoteKV } from '../../src/etcd/index.ts';
import { CertificateAuthority, type ClusterPki, ensureClusterPki } from '../../src/pki/index.ts';
import { Etcdctl } from '../helpers/etcdctl.ts';
import { Lab } from '../helpers/lab.ts';
import { clientTls, etcdctlInstalled, etcdInstalled, mustHave, startRealEtcd } from '../helpers/real-etcd.ts';

const found = mustHave('etcdctl', etcdctlInstalled) && mustHave('etcd', etcdInstalled);
const lab = new Lab();
let pki: ClusterPki;
let url: string;

const pkiOf = (name: string) =>
  ensureClusterPki(join(lab.home, 'state', name, 'pki'), { hosts: [], now: wallClock.now() });
const doorOf = async (name: string): Promise<string> =>
  JSON.parse(await lab.klab('status', '--name', name, '-o', 'json')).etcd.endpoints[0];

/** etcdctl with a certificate that the CA of the cluster's etcd gave to a name. */
function etcdctlAs(commonName: string): Etcdctl {
  const { cert, key } = new CertificateAuthority(pki.etcdCa).issue({
    subject: { commonName },
    usages: ['clientAuth'],
    now: wallClock.now(),
  });
  const paths = { cert: join(lab.home, `${commonName}.crt`), key: join(lab.home, `${commonName}.key`) };
  writeFileSync(paths.cert, cert);
  writeFileSync(paths.key, key, { mode: 0o600 });
  return new Etcdctl({ url, tls: { ...paths, ca: pki.etcdCa.certPath } });
}

beforeAll(async () => {
  await lab.klab('up', '--nodes', '1');
  pki = pkiOf('default');
  url = await doorOf('default');
}, 60_000);
afterAll(() => lab.dispose(), 60_000);

test.skipIf(!found)(
  'auth enable by etcdctl: common names are users at the door, and klab and kubectl work on',
  async () => {
    const [root, alice, stranger] = ['root', 'alice', 'stranger'].map(etcdctlAs) as [Etcdctl, Etcdctl, Etcdctl];
    for (const args of [
      'put /app/a 1',
      'user add root:rootpw',
      'user grant-role root root',
      'user add alice --no-password',
      'role add app',
      'role grant-permission app readwrite /app/ --prefix',
      'user grant-role alice app',
      'auth enable',
    ]) {
      // The role root is there from the first try to enable on.
      if (args.startsWith('user grant-role root')) await root.transcript(['role', 'add', 'root']);
      await root.run(args.split(' '));
    }
    try {
      expect(await alice.run(['get', '/app/a'])).toBe('/app/a\n1');
      expect(await alice.run(['put', '/app/b', '2'])).toBe('OK');
      for (const args of [
        ['get', '/registry', '--prefix', '--limit', '1'],
        ['put', '/other', 'x'],
        ['user', 'list'],
      ]) {
        expect(await alice.transcript(args)).toContain('etcdserver: permission denied');
        expect(await stranger.transcript(args)).toContain('etcdserver: permission denied');
      }
      expect(await root.run(['get', '/registry/namespaces/default', '--keys-only'])).toContain('/registry/namespaces');

      // Neither the API server nor what works through it is asked.
      const manifest = join(lab.home, 'map.yaml');
      writeFileSync(manifest, 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: guarded}\ndata: {a: b}\n');
      expect(await lab.klab('apply', '-f', manifest)).toContain('configmap/guarded');
      await lab.kubectl('create', 'deployment', 'web', '--image=nginx:1.29');
      await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=40s');
      expect(await lab.kubectl('get', 'configmap', 'guarded', '-o', 'jsonpath={.data.a}')).toBe('b');

      // klab's own verbs come through the door: their certificate's name is nobody's user.
      const refused = await lab.try(['etcd', 'get', '/app/a']);
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('etcdserver: permission denied')]);
      expect(await lab.klab('etcd', 'get', '/app/a', '--user', 'root:rootpw')).toContain('1');

      // Accounts are kept over a restart, and it starts.
      await lab.klab('down');
      await lab.klab('up');
      url = await doorOf('default');
      expect(await etcdctlAs('alice').transcript(['get', '/other'])).toContain('etcdserver: permission denied');
      expect(await lab.kubectl('get', 'deployment', 'web', '-o', 'name')).toBe('deployment.apps/web\n');
    } finally {
      await etcdctlAs('root').transcript(['auth', 'disable']);
    }
    expect(await lab.klab('etcd', 'get', '/app/a')).toContain('1');
  },
  120_000,
);

test.skipIf(!found)(
  'a backup while writes run is whole: klab and a real etcd made of it have the history to its revision',
  async () => {
    const kv = new RemoteKV({ endpoints: [url], tls: clientTls(pki) });
    const ends = new AbortController();
    let written = 0;
    const lane = async (n: number) => {
      for (let i = 0; !ends.signal.aborted; i++) {
        const pair = ['left', 'right'].map((side) => ({
          key: Buffer.from(`/load/${n}/${side}`),
          value: Buffer.from(`${i}`),
        }));
        await kv.txn({ compare: [], success: pair.map((put) => ({ op: 'put', put })), failure: [] });
        written++;
      }
    };
    const load = Promise.all([0, 1, 2, 3].map(lane));
    load.catch(() => {});
    try {
      const root = etcdctlAs('root');
      const saved: { file: string; before: number; after: number }[] = [];
      for (const [by, save] of [
        ['klab', (file: string) => lab.klab('etcd', 'snapshot', 'save', file)],
        ['etcdctl', (file: string) => root.run(['snapshot', 'save', file])],
      ] as const) {
        const file = join(lab.home, `${by}.db`);
        const before = written;
        await save(file);
        saved.push({ file, before, after: written });
      }
      ends.abort();
      await load;
      for (const [i, { file, before, after }] of saved.entries()) {
        expect(after - before, 'writes went on').toBeGreaterThan(0);
        const { revision } = JSON.parse(await root.run(['snapshot', 'status', file, '-w', 'json']));
        expect(JSON.parse(await lab.klab('etcd', 'snapshot', 'status', file, '-o', 'json')).revision).toBe(revision);
        const { hash } = await kv.hashKV(revision);

        const data = join(lab.home, `data-${i}`);
        const peer = 'http://localhost:2380';
        const member = ['--name', 'real', '--initial-cluster', `real=${peer}`, '--initial-advertise-peer-urls', peer];
        await root.run(['snapshot', 'restore', file, '--data-dir', data, ...member]);
        const real = await startRealEtcd(undefined, data);
        const there = new RemoteKV({ endpoints: [real.url] });
        try {
          expect((await there.hashKV(0)).hash).toBe(hash);
          await expectNothingTorn(there, revision);
        } finally {
          there.close();
          await real.stop();
        }

        const name = `restored-${i}`;
        await lab.klab('etcd', 'snapshot', 'restore', file, '--name', name);
        await lab.klab('up', '--name', name, '--nodes', '0', '--no-merge');
        const again = new RemoteKV({ endpoints: [await doorOf(name)], tls: clientTls(pkiOf(name)) });
        try {
          expect((await again.hashKV(revision)).hash).toBe(hash);
          await expectNothingTorn(again, revision);
        } finally {
          again.close();
        }
        await lab.klab('down', '--purge', '--name', name);
      }
    } finally {
      ends.abort();
      await load.catch(() => {});
      kv.close();
    }
  },
  180_000,
);

/** Both keys of every pair were written in one transaction: they say the same. */
async function expectNothingTorn(kv: RemoteKV, revision: number): Promise<void> {
  const { kvs } = await kv.range({ key: Buffer.from('/load/'), rangeEnd: Buffer.from('/load0'), revision });
  const said = new Map(kvs.map(({ key, value }) => [Buffer.from(key).toString(), Buffer.from(value).toString()]));
  expect(said.size).toBe(8);
  for (let n = 0; n < 4; n++) expect(said.get(`/load/${n}/left`)).toBe(said.get(`/load/${n}/right`));
}
