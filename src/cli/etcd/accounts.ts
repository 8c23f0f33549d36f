/** `klab etcd auth|user|role`: etcdctl's words. Upstream: etcdctl/ctlv3/command/{auth,user,role}_command.go. */
import { EtcdError, type PermissionType, type RemoteKV, type RolePermission } from '../../etcd/index.ts';
import { UserError } from '../exit-codes.ts';
import { printData } from '../output.ts';
import { prefixEnd } from './connection.ts';
import { type KeyRange, rangeOf } from './key-range.ts';
import { type EtcdIo, type EtcdOutput, text } from './keys.ts';

const root = 'root';

const said = (error: unknown, message: string): boolean => error instanceof EtcdError && error.message === message;

/** As etcdctl, gives root the role root when it has not got it. */
export async function etcdAuthEnable(kv: RemoteKV, io: EtcdIo): Promise<void> {
  const options = { signal: io.signal };
  try {
    await kv.auth.enable(options);
  } catch (error) {
    if (!said(error, 'etcdserver: root user does not have root role')) throw error;
    await kv.auth.addRole(root, options).catch((cause) => {
      if (!said(cause, 'etcdserver: role name already exists')) throw cause;
    });
    await kv.auth.grantRole(root, root, options);
    await kv.auth.enable(options);
  }
  io.print('Authentication Enabled');
}

export async function etcdAuthDisable(kv: RemoteKV, io: EtcdIo): Promise<void> {
  await kv.auth.disable({ signal: io.signal });
  io.print('Authentication Disabled');
}

export async function etcdAuthStatus(kv: RemoteKV, output: EtcdOutput, io: EtcdIo): Promise<void> {
  const { enabled, revision } = await kv.auth.status({ signal: io.signal });
  if (output !== 'simple') io.print(printData({ enabled, authRevision: revision }, output));
  else io.print(`Authentication Status: ${enabled}\nAuthRevision: ${revision}`);
}

export interface NewUser {
  /** `NAME`, or `NAME:PASSWORD`. */
  readonly name: string;
  readonly password?: string | undefined;
  /** Only for holders of a certificate with its name. */
  readonly noPassword: boolean;
}

/** A password's first line, of standard input. */
export type ReadPassword = (name: string) => Promise<string>;

export async function etcdUserAdd(kv: RemoteKV, user: NewUser, read: ReadPassword, io: EtcdIo): Promise<void> {
  const colon = user.name.indexOf(':');
  const name = colon < 0 ? user.name : user.name.slice(0, colon);
  if (name === '') throw new UserError('empty user name is not allowed', 2);
  const given = user.password ?? (colon < 0 ? undefined : user.name.slice(colon + 1));
  const password = user.noPassword ? undefined : (given ?? (await read(name)));
  await kv.auth.addUser(name, password, { signal: io.signal });
  io.print(`User ${name} created`);
}

export async function etcdUserPassword(kv: RemoteKV, name: string, read: ReadPassword, io: EtcdIo): Promise<void> {
  await kv.auth.changePassword(name, await read(name), { signal: io.signal });
  io.print('Password updated');
}

export async function etcdUserDelete(kv: RemoteKV, name: string, io: EtcdIo): Promise<void> {
  await kv.auth.deleteUser(name, { signal: io.signal });
  io.print(`User ${name} deleted`);
}

export async function etcdUserRole(
  kv: RemoteKV,
  verb: 'grant' | 'revoke',
  { user, role }: { readonly user: string; readonly role: string },
  io: EtcdIo,
): Promise<void> {
  const options = { signal: io.signal };
  if (verb === 'grant') await kv.auth.grantRole(user, role, options);
  else await kv.auth.revokeRole(user, role, options);
  io.print(`Role ${role} is ${verb === 'grant' ? 'granted to' : 'revoked from'} user ${user}`);
}

export async function etcdUserList(kv: RemoteKV, output: EtcdOutput, io: EtcdIo): Promise<void> {
  printNames(await kv.auth.users({ signal: io.signal }), output, io);
}

export async function etcdRoleList(kv: RemoteKV, output: EtcdOutput, io: EtcdIo): Promise<void> {
  printNames(await kv.auth.roles({ signal: io.signal }), output, io);
}

function printNames(names: readonly string[], output: EtcdOutput, io: EtcdIo): void {
  if (output !== 'simple') io.print(printData(names, output));
  else for (const name of names) io.print(name);
}

export async function etcdUserGet(
  kv: RemoteKV,
  { name, detail, output }: { readonly name: string; readonly detail: boolean; readonly output: EtcdOutput },
  io: EtcdIo,
): Promise<void> {
  const options = { signal: io.signal };
  const roles = await kv.auth.rolesOf(name, options);
  const permissions: (readonly [role: string, permissions: readonly RolePermission[]])[] = [];
  if (detail) for (const role of roles) permissions.push([role, await kv.auth.permissionsOf(role, options)]);
  if (output !== 'simple') {
    const known = Object.fromEntries(permissions.map(([role, of]) => [role, of.map(permissionData)]));
    io.print(printData({ name, roles, ...(detail && { permissions: known }) }, output));
    return;
  }
  io.print(`User: ${name}`);
  if (!detail) io.print(['Roles:', ...roles].join(' '));
  for (const [role, of] of permissions) io.print(`\n${roleText(role, of)}`);
}

export async function etcdRoleGet(kv: RemoteKV, role: string, output: EtcdOutput, io: EtcdIo): Promise<void> {
  const permissions = await kv.auth.permissionsOf(role, { signal: io.signal });
  if (output === 'simple') io.print(roleText(role, permissions));
  else io.print(printData({ role, permissions: permissions.map(permissionData) }, output));
}

const permissionData = ({ type, key, rangeEnd }: RolePermission) => ({
  type,
  key: text(key),
  ...(rangeEnd.length > 0 && { rangeEnd: text(rangeEnd) }),
});

/** Upstream: etcdctl's printer_simple.go RoleGet. */
function roleText(role: string, permissions: readonly RolePermission[]): string {
  const all = role === root && permissions.length === 0;
  const ranges = (type: PermissionType) =>
    permissions
      .filter((permission) => permission.type === type || permission.type === 'readwrite')
      .map((permission) => `\t${rangeText(permission)}`);
  const everything = ['\t[, <open ended>'];
  return [
    `Role ${role}`,
    'KV Read:',
    ...(all ? everything : ranges('read')),
    'KV Write:',
    ...(all ? everything : ranges('write')),
  ].join('\n');
}

function rangeText({ key, rangeEnd }: Pick<RolePermission, 'key' | 'rangeEnd'>): string {
  if (rangeEnd.length === 0) return text(key);
  const open = rangeEnd.length === 1 && rangeEnd[0] === 0;
  const prefix = key.length > 0 && Buffer.compare(prefixEnd(key), rangeEnd) === 0;
  return `[${text(key)}, ${open ? '<open ended>' : `${text(rangeEnd)})`}${prefix ? ` (prefix ${text(key)})` : ''}`;
}

export async function etcdRoleAdd(kv: RemoteKV, role: string, io: EtcdIo): Promise<void> {
  await kv.auth.addRole(role, { signal: io.signal });
  io.print(`Role ${role} created`);
}

export async function etcdRoleDelete(kv: RemoteKV, role: string, io: EtcdIo): Promise<void> {
  await kv.auth.deleteRole(role, { signal: io.signal });
  io.print(`Role ${role} deleted`);
}

const permissionTypes: readonly PermissionType[] = ['read', 'write', 'readwrite'];
const none = new Uint8Array();

export async function etcdGrantPermission(
  kv: RemoteKV,
  role: string,
  permission: string,
  range: KeyRange,
  io: EtcdIo,
): Promise<void> {
  const type = permissionTypes.find((known) => known === permission.toLowerCase());
  if (!type) throw new UserError(`invalid permission type: ${permission}`, 2);
  const { key, rangeEnd = none } = rangeOf(range, 'role grant-permission');
  await kv.auth.grantPermission(role, { type, key, rangeEnd }, { signal: io.signal });
  io.print(`Role ${role} updated`);
}

export async function etcdRevokePermission(kv: RemoteKV, role: string, range: KeyRange, io: EtcdIo): Promise<void> {
  const { key, rangeEnd = none } = rangeOf(range, 'role revoke-permission');
  await kv.auth.revokePermission(role, { key, rangeEnd }, { signal: io.signal });
  const open = rangeEnd.length === 1 && rangeEnd[0] === 0;
  const what =
    rangeEnd.length === 0 ? `key ${text(key)}` : `range [${text(key)}, ${open ? '<open ended>' : `${text(rangeEnd)})`}`;
  io.print(`Permission of ${what} is revoked from role ${role}`);
}
