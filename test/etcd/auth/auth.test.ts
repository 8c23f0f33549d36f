import { describe, expect, test } from 'vitest';
import { checkPassword, hashPassword } from '../../../src/etcd/auth/bcrypt.ts';
import { checkAccess } from '../../../src/etcd/auth/permissions.ts';
import { type AuthChange, type AuthState, applyAuthChange, noAuth } from '../../../src/etcd/auth/state.ts';
import { Tokens } from '../../../src/etcd/auth/tokens.ts';
import { openStorage } from '../../../src/sqlite/index.ts';
import { b, lab, settle, tempDir } from '../harness.ts';

describe('bcrypt', () => {
  // From crypt_blowfish and jBCrypt.
  test.each([
    ['U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
    ['secret', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.pIKrLVkBX9/OvQMSygY1pWEVn72t6na'],
    ['', '$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.'],
  ])('knows %j', async (password, hash) => {
    expect(await checkPassword(password, hash)).toBe(true);
    expect(await checkPassword(`${password}x`, hash)).toBe(false);
  });

  test('salts: the same password twice is two hashes, and what is no hash matches nothing', async () => {
    const [one, two] = [await hashPassword('x', 4), await hashPassword('x', 4)];
    expect(one).not.toBe(two);
    expect(await checkPassword('x', two)).toBe(true);
    expect(await checkPassword('', '')).toBe(false);
  });
});

const make = (...changes: AuthChange[]): AuthState => changes.reduce(applyAuthChange, noAuth);

describe('permissions', () => {
  const grant = (type: 'read' | 'write' | 'readwrite', key: string, rangeEnd = ''): AuthChange => ({
    op: 'roleGrantPermission',
    name: 'r',
    permission: { type, key, rangeEnd },
  });
  const state = (...grants: AuthChange[]) => ({
    ...make(
      { op: 'userAdd', name: 'u', password: '', noPassword: true },
      { op: 'roleAdd', name: 'r' },
      { op: 'userGrantRole', name: 'u', role: 'r' },
      ...grants,
    ),
    enabled: true,
  });
  const may = (on: AuthState, access: 'read' | 'write', key: string, end?: string) => {
    try {
      checkAccess(on, { user: 'u', revision: on.revision }, access, b(key), end === undefined ? undefined : b(end));
      return true;
    } catch {
      return false;
    }
  };

  test('several ranges together allow one that spans them, a gap between them does not', () => {
    const on = state(grant('read', 'a', 'c'), grant('readwrite', 'c', 'e'), grant('read', 'f', 'h'));
    expect(may(on, 'read', 'a', 'e')).toBe(true);
    expect(may(on, 'read', 'b', 'd')).toBe(true);
    expect(may(on, 'read', 'a', 'g')).toBe(false);
    expect(may(on, 'write', 'a', 'e')).toBe(false);
    expect(may(on, 'write', 'd')).toBe(true);
    expect(may(on, 'write', 'e')).toBe(false);
  });

  test('a key alone allows that key and no range, an open end all that follows', () => {
    const on = state(grant('read', 'k'), grant('write', 'm', '\0'));
    expect(may(on, 'read', 'k')).toBe(true);
    expect(may(on, 'read', 'k', 'l')).toBe(false);
    expect(may(on, 'write', 'z', '\0')).toBe(true);
    expect(may(on, 'write', 'l', '\0')).toBe(false);
  });

  test('granting again replaces', () => {
    const on = state(grant('readwrite', 'k'), grant('read', 'k'));
    expect(may(on, 'write', 'k')).toBe(false);
  });
});

test('a token that nobody uses for five minutes is forgotten, one in use is not', () => {
  const tokens = new Tokens();
  tokens.add('a.1', 'u');
  tokens.add('b.2', 'u');
  expect(tokens.userOf('a.1', 1000)).toBe('u');
  expect(tokens.userOf('a.1', 200_000)).toBe('u');
  expect(tokens.userOf('a.1', 400_000)).toBe('u');
  expect(tokens.userOf('b.2', 400_001)).toBeUndefined();
  tokens.drop('u');
  expect(tokens.userOf('a.1', 400_002)).toBeUndefined();
});

test('accounts survive a restart, and the process itself is never locked out', async () => {
  const path = `${tempDir()}/cluster.db`;
  const first = await lab({ storage: openStorage({ path }) });
  const auth = first.m[0]!.auth!;
  for (const change of [
    { op: 'userAdd', name: 'root', password: 'x', noPassword: false },
    { op: 'userGrantRole', name: 'root', role: 'root' },
    { op: 'enable' },
  ] as const) {
    await settle(first.clock, auth.change(change));
  }
  await settle(first.clock, first.m[0]!.put({ key: b('k'), value: b('v') }));
  const nobody = { auth: auth.identify(undefined, undefined) };
  await expect(settle(first.clock, first.m[0]!.put({ key: b('k'), value: b('v') }, nobody))).rejects.toThrow(
    'etcdserver: user name is empty',
  );
  await expect(settle(first.clock, first.m[0]!.range({ key: b('k') }, nobody))).rejects.toThrow(
    'etcdserver: user name is empty',
  );
  const { revision } = auth;
  await first.cluster.close();
  const again = await lab({ storage: openStorage({ path }) });
  expect(again.m[0]!.auth).toMatchObject({ enabled: true, revision });
  expect((await again.m[0]!.range({ key: b('k') })).count).toBe(1);
});

test('what was proposed before the accounts changed is judged by the accounts that are', async () => {
  const { m, clock } = await lab({ members: 3 });
  const auth = m[0]!.auth!;
  for (const change of [
    { op: 'userAdd', name: 'root', password: 'x', noPassword: false },
    { op: 'userGrantRole', name: 'root', role: 'root' },
    { op: 'userAdd', name: 'u', password: 'x', noPassword: false },
    { op: 'enable' },
  ] as const) {
    await settle(clock, auth.change(change));
  }
  const early = { auth: { user: 'root', revision: auth.revision } };
  await settle(clock, auth.change({ op: 'userDelete', name: 'u' }));
  // Root may still do everything; anybody else is asked to look again.
  const put = m[0]!.put({ key: b('k'), value: b('v') }, { auth: { user: 'u', revision: early.auth.revision } });
  await expect(settle(clock, put)).rejects.toThrow('etcdserver: revision of auth store is old');
});
