/** The verbs of `klab etcd` against an etcd behind its door, as against any etcd. */
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeProtobuf } from '../../../src/api/index.ts';
import { connectEtcd, etcdAddress } from '../../../src/cli/etcd/connection.ts';
import { type EtcdGetRequest, etcdCompact, etcdGet } from '../../../src/cli/etcd/keys.ts';
import { etcdTree, renderTree, treeOf } from '../../../src/cli/etcd/tree.ts';
import { etcdTxn, parseTxn } from '../../../src/cli/etcd/txn.ts';
import { type EtcdDoor, type RemoteKV, serveEtcd } from '../../../src/etcd/index.ts';
import { authService } from '../../../src/etcd/v3/services.ts';
import { GrpcChannel } from '../../../src/wire/index.ts';
import { type TestCluster, testEtcd } from '../../helpers/etcd.ts';
import { checkThePast } from './past.ts';

let etcd: TestCluster;
let door: EtcdDoor;
let kv: RemoteKV;
beforeAll(async () => {
  etcd = await testEtcd('memory');
  door = await serveEtcd(etcd.cluster.member());
  kv = await connectEtcd({ endpoints: [door.url] });
});
afterAll(async () => {
  kv.close();
  await door.close();
  await etcd.close();
});

const put = (key: string, value: string | Uint8Array) => kv.put({ key: Buffer.from(key), value: Buffer.from(value) });

function capture() {
  const lines: string[] = [];
  const bytes: Uint8Array[] = [];
  return {
    bytes,
    io: { print: (text: string) => void lines.push(text), say: () => {}, write: (b: Uint8Array) => void bytes.push(b) },
    get text() {
      return stripVTControlCharacters(lines.join('\n'));
    },
  };
}

const get = async (key: string, options: Partial<EtcdGetRequest> = {}) => {
  const out = capture();
  const defaults = { prefix: false, keysOnly: false, countOnly: false, output: 'simple', showSecrets: false } as const;
  await etcdGet(kv, { key, ...defaults, ...options }, out.io);
  return out;
};

const meta = (name: string) => ({ name, namespace: 'default', uid: '', creationTimestamp: null });

test('an object in protobuf reads as YAML, and as bytes on request', async () => {
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: meta('web'), data: { colour: 'green' } };
  const stored = encodeProtobuf(map as never);
  await put('/registry/configmaps/default/web', stored);
  const yaml = (await get('/registry/configmaps/default/web')).text;
  expect(yaml).toContain('kind: ConfigMap');
  expect(yaml).toContain('data:\n  colour: green');
  const raw = await get('/registry/configmaps/default/web', { raw: true });
  expect(Buffer.concat(raw.bytes)).toEqual(Buffer.from(stored));
  expect(raw.text).toBe('');
  const json = JSON.parse((await get('/registry/configmaps', { prefix: true, raw: true, output: 'json' })).text);
  expect(json.kvs[0].value).toBe(Buffer.from(stored).toString('base64'));
});

test.each([
  ['JSON', (object: object) => JSON.stringify(object)],
  ['protobuf', (object: object) => encodeProtobuf(object as never)],
])('a Secret in %s is hidden unless asked for, its bytes too', async (_, encode) => {
  const password = Buffer.from('hunter2').toString('base64');
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: meta('db'), data: { password }, type: 'Opaque' };
  const key = '/registry/secrets/default/db';
  await put(key, encode(secret));
  const hidden = (await get(key)).text;
  expect(hidden).toContain('password: (masked; add --show-secrets to see it)');
  expect(hidden).not.toContain(password);
  expect((await get(key, { showSecrets: true })).text).toContain(`password: ${password}`);
  await expect(get(key, { raw: true })).rejects.toThrow(`${key} is a Secret; add --show-secrets to see its bytes`);
  expect((await get(key, { raw: true, showSecrets: true })).bytes).toHaveLength(1);
});

test('a kind that Kubernetes does not have is said to be what its envelope says', async () => {
  const type = Buffer.from('\n\x07\n\x02v9\x12\x01X\x12\x00', 'latin1');
  await put('/odd', Buffer.concat([Buffer.from('k8s\0'), type]));
  expect((await get('/odd')).text).toBe('/odd\n(X of v9 in protobuf, 15 bytes)');
});

test('keys are a tree; directories with one entry share a line', async () => {
  for (const key of ['/t/pods/default/a', '/t/pods/default/b', '/t/nodes/n1', '/t/one']) await put(key, 'x');
  const tree = (await etcdTree(kv, { prefix: '/t/' })).replaceAll(/\x1b\[\d+m/g, '');
  expect(tree.split('\n')).toEqual([
    '4 keys',
    '└── t/  4 keys',
    '    ├── nodes/n1',
    '    ├── one',
    '    └── pods/default/  2 keys',
    '        ├── a',
    '        └── b',
  ]);
  await expect(etcdTree(kv, { prefix: '/none' })).rejects.toThrow('there are no keys that begin with "/none"');
  const json = JSON.parse(await etcdTree(kv, { prefix: '/t/nodes', output: 'json' }));
  expect(json).toMatchObject({ keys: 1, children: [{ name: 't', keys: 1, children: [{ name: 'nodes' }] }] });
  const flat = stripVTControlCharacters(renderTree(treeOf(['a/b/c', 'a/b', 'a/x/y', 'a/x/z']), 1));
  expect(flat.split('\n')).toEqual(['4 keys', '└── a/  4 keys']);
});

const txn = async (input: string, output: 'simple' | 'json' = 'simple') => {
  const out = capture();
  await etcdTxn(kv, input, { output, showSecrets: false }, out.io);
  return out.text;
};

test("a transaction is told in etcdctl's grammar and answered in its words", async () => {
  expect(await txn('version("x/lock") = "0"\n\nput x/lock "me and you"\nput x/n 1\n\nget x/lock\n')).toBe(
    'SUCCESS\n\nOK\n\nOK',
  );
  expect(await txn('version("x/lock") = "0"\n\nput x/lock other\n\nget x/lock\n')).toBe(
    'FAILURE\n\nx/lock\nme and you',
  );
  expect(await txn('value("x/lock") = "me and you"\nmod("x/n") > "0"\n\ndel --prefix x/\n')).toBe('SUCCESS\n\n2');
  expect(JSON.parse(await txn('\nput "a\\tb" --lease=0 v\nget "a\\tb"\n', 'json'))).toMatchObject({
    succeeded: true,
    responses: [{ put: {} }, { get: { count: 1, kvs: [{ key: 'a\tb', value: 'v' }] } }],
  });
});

test.each([
  ['mod(key) = 1', 'stdin:1: malformed comparison: mod(key) = 1; got to be like mod("key") > "0"'],
  ['size("a") = "1"', 'stdin:1: malformed comparison: size("a") = "1" (unknown target size;'],
  ['mod("a") = "x"', 'stdin:1: malformed comparison: mod("a") = "x"; "x" is no number'],
  ['\nfetch a', 'stdin:2: invalid txn request: fetch a; there are get, put and del'],
  ['\nput a', 'stdin:2: put needs a key and a value'],
  ['\nput a "b', 'stdin:2: a quote is not closed'],
  ['\nget a --sort', 'stdin:2: get has no flag --sort'],
  ['\n\n\nput a b', 'stdin:4: after compares, success and failure requests nothing may follow'],
])('a bad transaction is refused with its line: %j', (input, message) => {
  expect(() => parseTxn(input)).toThrow(message);
});

test('compaction answers as etcdctl does, and past revisions are gone for etcd', async () => {
  const { header } = await put('c', '1');
  await put('c', '2');
  const out = capture();
  await etcdCompact(kv, { revision: header.revision + 1, physical: true }, out.io);
  expect(out.text).toBe(`compacted revision ${header.revision + 1}`);
  await expect(get('c', { revision: header.revision })).rejects.toThrow('required revision has been compacted');
});

test('an account reads with its token, a wrong password is refused, and without accounts everybody may', async () => {
  const user = { name: 'root', password: 'pass' };
  const early = await connectEtcd({ endpoints: [door.url], user });
  await early.put({ key: Buffer.from('k'), value: Buffer.from('v') });
  const channel = new GrpcChannel(door.url, {});
  await channel.unary(authService.userAdd, { name: 'root', password: 'pass' });
  await channel.unary(authService.roleAdd, { name: 'root' });
  await channel.unary(authService.userGrantRole, { user: 'root', role: 'root' });
  await channel.unary(authService.authEnable, {});
  try {
    const known = await connectEtcd({ endpoints: [door.url], user });
    const { kvs } = await known.range({ key: Buffer.from('k') });
    expect(Buffer.from(kvs[0]!.value).toString()).toBe('v');
    known.close();
    await expect(kv.range({ key: Buffer.from('k') })).rejects.toThrow('user name is empty');
    const wrong = await connectEtcd({ endpoints: [door.url], user: { name: 'root', password: 'no' } });
    await expect(wrong.range({ key: Buffer.from('k') })).rejects.toThrow(
      'authentication failed, invalid user ID or password',
    );
    wrong.close();
  } finally {
    const { token } = await channel.unary(authService.authenticate, user);
    await channel.unary(authService.authDisable, {}, { metadata: { token } });
    channel.close();
    early.close();
  }
});

test('history, diff and changes read the past of any etcd: lives, values, Secrets and bounds', () => checkThePast(kv));

test('--user needs a password somewhere, and the first colon parts it from the name', async () => {
  const deps = { say: () => {} };
  const flags = { name: 'x', endpoints: ['127.0.0.1:1'] };
  await expect(etcdAddress({ ...flags, user: 'me' }, deps)).rejects.toThrow('--user needs a password');
  const { address } = await etcdAddress({ ...flags, user: 'me:a:b' }, deps);
  expect(address.user).toEqual({ name: 'me', password: 'a:b' });
});
