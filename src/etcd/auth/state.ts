/** Users, roles and what they may do: plain data, changed by Raft entries. Upstream: server/auth/store.go, range_perm_cache.go. */
import { etcdError } from '../errors.ts';

export interface AuthUser {
  readonly name: string;
  /** bcrypt; empty for users without password. */
  readonly password: string;
  readonly noPassword: boolean;
  /** In order of name. */
  readonly roles: readonly string[];
}

export type PermissionType = 'read' | 'write' | 'readwrite';

/** Keys as latin1 strings, one char a byte. `rangeEnd` empty = the one key, `\0` = every key from `key` on. */
export interface Permission {
  readonly type: PermissionType;
  readonly key: string;
  readonly rangeEnd: string;
}

export interface AuthRole {
  readonly name: string;
  readonly permissions: readonly Permission[];
}

export interface AuthState {
  readonly enabled: boolean;
  /** Counts changes, from 1. */
  readonly revision: number;
  /** Both in order of name. */
  readonly users: readonly AuthUser[];
  readonly roles: readonly AuthRole[];
}

export type AuthChange =
  | { readonly op: 'enable' | 'disable' }
  /** The token's random half; the entry's index is the other. */
  | { readonly op: 'authenticate'; readonly name: string; readonly token: string }
  | { readonly op: 'userAdd'; readonly name: string; readonly password: string; readonly noPassword: boolean }
  | { readonly op: 'userDelete'; readonly name: string }
  | { readonly op: 'userChangePassword'; readonly name: string; readonly password: string }
  | { readonly op: 'userGrantRole' | 'userRevokeRole'; readonly name: string; readonly role: string }
  | { readonly op: 'roleAdd' | 'roleDelete'; readonly name: string }
  | { readonly op: 'roleGrantPermission'; readonly name: string; readonly permission: Permission }
  | { readonly op: 'roleRevokePermission'; readonly name: string; readonly key: string; readonly rangeEnd: string };

/** Who asks, as a door has found out. Absent: the process itself, which nothing is kept from. */
export interface AuthInfo {
  /** Empty: nobody said. */
  readonly user: string;
  /** Of the accounts, when the user was made out. */
  readonly revision: number;
}

/** The name of the user, and of the role, that may do everything. */
export const root = 'root';

export const noAuth: AuthState = { enabled: false, revision: 1, users: [], roles: [] };

type Named = { readonly name: string };

export const findNamed = <T extends Named>(list: readonly T[], name: string): T | undefined =>
  list.find((one) => one.name === name);

/** In the order of bytes, as Go sorts. */
const byName = (a: Named, b: Named) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));

const withNamed = <T extends Named>(list: readonly T[], one: T): T[] =>
  [...list.filter(({ name }) => name !== one.name), one].sort(byName);

const without = <T extends Named>(list: readonly T[], name: string): T[] => list.filter((one) => one.name !== name);

/** The state after a change; the same object when nothing changed. Throws EtcdError. */
export function applyAuthChange(state: AuthState, change: AuthChange): AuthState {
  const after = changed(state, change);
  // Turning it on is no change of the accounts.
  return after === state || change.op === 'enable' ? after : { ...after, revision: state.revision + 1 };
}

function changed(state: AuthState, change: AuthChange): AuthState {
  switch (change.op) {
    case 'enable':
      return enable(state);
    case 'disable':
      return state.enabled ? { ...state, enabled: false } : state;
    case 'authenticate':
      if (!state.enabled) throw etcdError('AuthNotEnabled');
      if (!findNamed(state.users, change.name)) throw etcdError('AuthFailed');
      return state;
    case 'userAdd': {
      const { name, password, noPassword } = change;
      if (name === '') throw etcdError('UserEmpty');
      if (findNamed(state.users, name)) throw etcdError('UserAlreadyExist');
      return { ...state, users: withNamed(state.users, { name, password, noPassword, roles: [] }) };
    }
    case 'userDelete':
      if (state.enabled && change.name === root) throw etcdError('InvalidAuthMgmt');
      user(state, change.name);
      return { ...state, users: without(state.users, change.name) };
    case 'userChangePassword': {
      const before = user(state, change.name);
      return { ...state, users: withNamed(state.users, { ...before, password: change.password }) };
    }
    case 'userGrantRole':
      return grantRole(state, change.name, change.role);
    case 'userRevokeRole':
      return revokeRole(state, change.name, change.role);
    case 'roleAdd':
      if (change.name === '') throw etcdError('RoleEmpty');
      if (findNamed(state.roles, change.name)) throw etcdError('RoleAlreadyExist');
      return { ...state, roles: withNamed(state.roles, { name: change.name, permissions: [] }) };
    case 'roleDelete':
      return deleteRole(state, change.name);
    case 'roleGrantPermission': {
      const { permissions } = role(state, change.name);
      const { key, rangeEnd } = change.permission;
      const rest = permissions.filter((p) => p.key !== key || p.rangeEnd !== rangeEnd);
      const sorted = [...rest, change.permission].sort(
        (a, b) => compare(a.key, b.key) || compare(a.rangeEnd, b.rangeEnd),
      );
      return { ...state, roles: withNamed(state.roles, { name: change.name, permissions: sorted }) };
    }
    case 'roleRevokePermission': {
      const { permissions } = role(state, change.name);
      const rest = permissions.filter((p) => p.key !== change.key || p.rangeEnd !== change.rangeEnd);
      if (rest.length === permissions.length) throw etcdError('PermissionNotGranted');
      return { ...state, roles: withNamed(state.roles, { name: change.name, permissions: rest }) };
    }
  }
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function user(state: AuthState, name: string): AuthUser {
  const found = findNamed(state.users, name);
  if (!found) throw etcdError('UserNotFound');
  return found;
}

function role(state: AuthState, name: string): AuthRole {
  const found = findNamed(state.roles, name);
  if (!found) throw etcdError('RoleNotFound');
  return found;
}

function enable(state: AuthState): AuthState {
  if (state.enabled) return state;
  const found = findNamed(state.users, root);
  if (!found) throw etcdError('RootUserNotExist');
  if (!found.roles.includes(root)) throw etcdError('RootRoleNotExist');
  return { ...state, enabled: true };
}

function grantRole(state: AuthState, name: string, roleName: string): AuthState {
  const before = user(state, name);
  // The root role need not be made.
  if (roleName !== root) role(state, roleName);
  if (before.roles.includes(roleName)) return state;
  const roles = [...before.roles, roleName].sort(compare);
  return { ...state, users: withNamed(state.users, { ...before, roles }) };
}

function revokeRole(state: AuthState, name: string, roleName: string): AuthState {
  if (state.enabled && name === root && roleName === root) throw etcdError('InvalidAuthMgmt');
  const before = user(state, name);
  if (!before.roles.includes(roleName)) throw etcdError('RoleNotGranted');
  const roles = before.roles.filter((one) => one !== roleName);
  return { ...state, users: withNamed(state.users, { ...before, roles }) };
}

function deleteRole(state: AuthState, name: string): AuthState {
  if (state.enabled && name === root) throw etcdError('InvalidAuthMgmt');
  role(state, name);
  const users = state.users.map((one) =>
    one.roles.includes(name) ? { ...one, roles: one.roles.filter((other) => other !== name) } : one,
  );
  return { ...state, users, roles: without(state.roles, name) };
}
