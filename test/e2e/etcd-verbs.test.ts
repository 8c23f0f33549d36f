/** The verbs of `klab etcd` on a running cluster, as a person types them. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bin, eventually, Lab } from '../helpers/lab.ts';

const lab = new Lab();
const etcd = (...args: string[]) => lab.klab('etcd', ...args);
const revision = async () =>
  JSON.parse(await etcd('get', '/registry', '--prefix', '--count-only', '-o', 'json')).revision;

/** The cluster's etcd as any other is named. */
async function doorFlags(): Promise<string[]> {
  const { endpoints } = JSON.parse(await lab.klab('status', '-o', 'json')).etcd;
  const pki = join(lab.home, 'state', 'default', 'pki', 'etcd');
  const files = ['--cert', join(pki, 'healthcheck-client.crt'), '--key', join(pki, 'healthcheck-client.key')];
  return ['--endpoints', endpoints[0], '--cacert', join(pki, 'ca.crt'), ...files];
}

beforeAll(() => lab.klab('up', '--nodes', '1'), 60_000);
afterAll(() => lab.dispose());

test('tree shows keys as folders, txn swaps what it compares, status names every member', async () => {
  await lab.kubectl('create', 'configmap', 'shown', '--from-literal=a=b');
  const tree = await etcd('tree', '/registry/configmaps');
  expect(tree).toMatch(/├── default\/ {2}\d keys\n(.*\n)*? {4}│ {3}└── shown\n/);
  const swap = 'version("/lock") = "0"\n\nput /lock me\n\nget /lock\n';
  expect((await lab.try(['etcd', 'txn'], { input: swap })).stdout).toBe('SUCCESS\n\nOK\n');
  const second = (await lab.try(['etcd', 'txn'], { input: swap })).stdout;
  expect(second).toMatch(/^FAILURE\n/);
  expect(second).toContain('me');
  expect(await etcd('status')).toMatch(/m1|3\.5\.\d+/);
}, 60_000);

test('compaction ends what etcd promises, not klab’s own history; purge ends that too', async () => {
  await lab.kubectl('create', 'secret', 'generic', 'erased', '--from-literal=a=hunter2');
  const before = await revision();
  await lab.kubectl('delete', 'secret', 'erased');
  await lab.kubectl('create', 'secret', 'generic', 'erased', '--from-literal=a=harmless');
  const key = '/registry/secrets/default/erased';
  expect(await etcd('get', key, '--rev', String(before))).toContain('kind: Secret');
  const now = await revision();
  expect(await etcd('compact', String(now))).toBe(`compacted revision ${now}\n`);
  const compacted = expect.stringContaining('required revision has been compacted');
  const ask = (...more: string[]) => lab.try(['etcd', 'get', key, '--rev', String(before), ...more]);
  // One key is read from klab's own history, secrets masked as ever; a range, and the etcd door, keep etcd's contract.
  expect(await ask()).toMatchObject({ code: 0, stderr: expect.stringContaining("this is from klab's own history") });
  const encoded = (value: string) => Buffer.from(value).toString('base64');
  expect((await ask()).stdout).toContain('kind: Secret');
  expect((await ask()).stdout).not.toContain(encoded('hunter2'));
  expect((await ask('--show-secrets')).stdout).toContain(encoded('hunter2'));
  expect(await ask('--raw')).toMatchObject({ code: 1, stderr: expect.stringContaining('is a Secret') });
  expect((await ask('--raw', '--show-secrets')).stdout).toContain(encoded('hunter2'));
  expect(await ask('--prefix')).toMatchObject({ code: 1, stderr: compacted });
  expect(await ask(...(await doorFlags()))).toMatchObject({ code: 1, stderr: compacted });
  const again = await lab.try(['etcd', 'compact', String(now)]);
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('required revision has been compacted')]);
  const history = async (...more: string[]) =>
    JSON.parse(await etcd('history', key, '-o', 'json', ...more)).items.map(({ type }: { type: string }) => type);
  expect(await history()).toEqual(['create', 'delete', 'create']);
  expect(await etcd('history', key)).not.toContain(Buffer.from('hunter2').toString('base64'));
  expect(await etcd('history', key, '--show-secrets')).toContain(Buffer.from('hunter2').toString('base64'));
  await etcd('purge', key);
  expect(await history()).toEqual(['create']);
  expect(await ask('--show-secrets')).toMatchObject({ code: 1, stderr: compacted });
  expect(await etcd('history', key, '--show-secrets')).not.toContain(Buffer.from('hunter2').toString('base64'));
  expect(await lab.kubectl('get', 'secret', 'erased', '-o', 'jsonpath={.data.a}')).toBe(
    Buffer.from('harmless').toString('base64'),
  );
}, 60_000);

test('history, diff and changes read the same cluster through its etcd door, as they read any etcd', async () => {
  const door = await doorFlags();
  await lab.kubectl('create', 'configmap', 'twice', '--from-literal=a=1');
  const from = await revision();
  await lab.kubectl('patch', 'configmap', 'twice', '-p', '{"data":{"a":"2"}}');
  const key = '/registry/configmaps/default/twice';
  const types = async (...more: string[]) =>
    JSON.parse(await etcd('history', key, '-o', 'json', ...more)).items.map((item: any) => [item.revision, item.type]);
  expect(await types(...door)).toEqual(await types());
  const to = String(await revision());
  expect(await etcd('diff', key, '--from', String(from), '--to', to, ...door)).toMatch(/\n- {2}a: "1"\n\+ {2}a: "2"\n/);
  const changed = await etcd('changes', '--prefix', key, '--from', String(from), '--to', to, ...door);
  expect(changed).toMatch(/update +\/registry\/configmaps\/default\/twice +unknown/);
}, 60_000);

test('the newest change first, a lease kept until it is revoked, a lock for a program', async () => {
  await lab.kubectl('create', 'configmap', 'newest', '--from-literal=a=1');
  const newest = ['--prefix', '--sort-by', 'MODIFY', '--order', 'DESCEND', '--limit', '1', '--keys-only'];
  expect(await etcd('get', '/registry/configmaps', ...newest)).toBe('/registry/configmaps/default/newest\n');

  const lease = (await etcd('lease', 'grant', '600', '--id-only')).trim();
  await etcd('put', '/services/a', 'x', '--lease', lease);
  expect(await etcd('lease', 'list')).toContain(lease);
  expect(await etcd('lease', 'timetolive', lease, '--keys')).toMatch(
    /TTL\(600s\), remaining\(\d+s\), attached keys\(\[\/services\/a\]\)/,
  );
  const short = (await etcd('lease', 'grant', '3', '--id-only')).trim();
  const keeper = spawn(process.execPath, [bin, 'etcd', 'lease', 'keep-alive', short], {
    env: { ...process.env, ...lab.env },
  });
  const ended = new Promise((resolve) => keeper.once('exit', resolve));
  let said = '';
  keeper.stdout.on('data', (bytes: Buffer) => {
    said += bytes;
  });
  await eventually(
    async () => said,
    (lines) => lines === `lease ${short} keepalived with TTL(3)\n`.repeat(4),
  );
  await etcd('lease', 'revoke', short);
  expect(await ended).toBe(0);
  expect(said).toMatch(/\nlease [0-9a-f]+ expired or revoked\.\n$/);

  expect(await etcd('endpoint', 'health')).toMatch(/is healthy: successfully committed proposal/);
  const held = await lab.try(['etcd', 'lock', 'mine', '--', 'sh', '-c', 'exit 7']);
  expect(held.code).toBe(7);
  expect(await etcd('get', 'mine', '--prefix', '--count-only')).toBe('0\n');
}, 60_000);
