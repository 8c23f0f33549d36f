/** `klab etcd history|diff|changes` on an etcd that knows nothing of klab: the same on every one. */
import { stripVTControlCharacters } from 'node:util';
import { expect } from 'vitest';
import { encodeProtobuf } from '../../../src/api/index.ts';
import { etcdChanges, etcdDiff, etcdHistory } from '../../../src/cli/etcd/history.ts';
import { remoteHistory } from '../../../src/cli/etcd/history-source.ts';
import type { RemoteKV } from '../../../src/etcd/index.ts';

const b = (text: string) => Buffer.from(text);
const values = { showSecrets: false, showManagedFields: false, raw: false };

/** On an etcd without accounts whose keys under `/past` nobody else touches. */
export async function checkThePast(kv: RemoteKV): Promise<void> {
  const put = async (key: string, value: string | Uint8Array) =>
    (await kv.put({ key: b(key), value: typeof value === 'string' ? b(value) : value })).header.revision;
  const map = (colour: string) =>
    encodeProtobuf({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'web', namespace: 'default', uid: '', creationTimestamp: null },
      data: { colour },
    } as never);
  const source = await remoteHistory(kv);
  const history = async (key: string, options: object = {}) =>
    stripVTControlCharacters(await etcdHistory(source, { key, limit: 50, ...values, ...options }));
  const story = async (key: string, options: object = {}) =>
    (JSON.parse(await history(key, { output: 'json', ...options })).items as any[]).map(({ revision, type }) => [
      revision,
      type,
    ]);

  // Two lives of a key, and others in between.
  const first = await put('/past/web', map('green'));
  await put('/past/other', 'x');
  const second = await put('/past/web', map('blue'));
  const { header } = await kv.deleteRange({ key: b('/past/web') });
  const gone = header.revision;
  await put('/past/other', 'y');
  const third = await put('/past/web', map('red'));
  const fourth = await put('/past/web', map('black'));
  const all = [
    [first, 'create'],
    [second, 'update'],
    [gone, 'delete'],
    [third, 'create'],
    [fourth, 'update'],
  ];
  expect(await story('/past/web')).toEqual(all);
  expect(await story('/past/web', { limit: 1 })).toEqual([[fourth, 'update']]);
  expect(await story('/past/web', { limit: 3 })).toEqual(all.slice(-3));
  const text = await history('/past/web');
  expect(text).toContain(`revision ${second}  update  time unknown  version 2\n  by unknown`);
  expect(text).toMatch(/-\s+colour: green\n.*\+\s+colour: blue/);
  await expect(history('/past/none')).rejects.toThrow('key "/past/none" has no history');

  const diff = async (from: number, to: number, options: object = {}) =>
    stripVTControlCharacters(await etcdDiff(source, { key: '/past/web', from, to, ...values, ...options }));
  expect(await diff(first, second)).toMatch(
    new RegExp(`^--- /past/web at revision ${first}, time unknown\\n\\+\\+\\+ /past/web at revision ${second}, `),
  );
  expect(await diff(gone, third)).toMatch(/^--- \(not there\)\n/);
  expect(await diff(second, second)).toBe('');
  expect(await diff(first, second, { raw: true })).toMatch(/\n-\(base64\) azhzAA.*\n\+\(base64\) azhzAA/);

  const changes = async (options: object) =>
    etcdChanges(source, { prefix: '/past/', limit: 1000, ...values, ...options });
  const keys = JSON.parse(await changes({ from: second, to: third, output: 'json' })).items;
  expect(keys.map(({ revision, type, key }: any) => [revision, type, key])).toEqual([
    [second, 'update', '/past/web'],
    [gone, 'delete', '/past/web'],
    [gone + 1, 'update', '/past/other'],
    [third, 'create', '/past/web'],
  ]);
  expect(await changes({ from: third, to: fourth, raw: true })).toMatch(/^REVISION .* VALUE *\n.* azhzAA/);
  expect(await changes({ from: fourth + 1 })).toBe('nothing changed there');

  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    data: { a: b('hunter2').toString('base64') },
  };
  const hidden = await put('/past/secret', encodeProtobuf(secret as never));
  for (const raw of [false, true]) {
    const shown = [await history('/past/secret', { raw }), await changes({ from: hidden, raw, output: 'yaml' })];
    for (const one of shown) {
      expect(one).toContain('(masked; add --show-secrets to see it)');
      expect(one).not.toContain(b('hunter2').toString('base64').slice(0, 8));
      expect(one).not.toContain('azhzAA');
    }
  }
  expect(await history('/past/secret', { showSecrets: true })).toContain(secret.data.a);

  // What is compacted nobody can read; the state at the compacted revision is the oldest that is left.
  await kv.compact(third, { physical: true });
  expect(await story('/past/web')).toEqual([
    [third, 'create'],
    [fourth, 'update'],
  ]);
  await kv.compact(fourth, { physical: true });
  expect(await story('/past/web')).toEqual([[fourth, 'update']]);
  await expect(diff(first, fourth)).rejects.toThrow('required revision has been compacted');
  await expect(diff(fourth, fourth + 1000)).rejects.toThrow('required revision is a future revision');
}
